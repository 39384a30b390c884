"""The contest of clipping: each side tries its settings on the validation tenth, and is scored on the last one."""

SGD, Adam = torch.optim.SGD, torch.optim.Adam


def best(settings, optimizer):
    tried = []
    for lr, max_norm in settings:
        try:
            tried.append(read(lr, max_norm, optimizer=optimizer)[:2])
        except FloatingPointError:  # ruined to the last digit
            continue
    return min(tried)[1]


glue("cliff-best-free", best([(lr, None) for lr in (0.25, 0.35, 0.5, 0.7, 1.0)], SGD))
glue("cliff-best-clipped", best([(lr, max_norm) for lr in (2.0, 4.0, 8.0) for max_norm in (0.1, 0.25)], SGD))
glue("cliff-adam-free", best([(lr, None) for lr in (3e-3, 1e-2, 3e-2)], Adam))
glue("cliff-adam-clipped", best([(lr, 1.0) for lr in (3e-3, 1e-2, 3e-2)], Adam))
