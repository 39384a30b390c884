"""The contest of the penalty: each way tries its step sizes, keeps what is best on validation sequences, and is scored on others."""


def best(T, grid, **options):
    tried = []
    for settings in grid:
        model = train(T, **settings, **options)
        tried.append((score(*model, T, draw=200), score(*model, T), settings["lr"]))
    _, accuracy, lr = max(tried, key=lambda entry: entry[0])
    return accuracy, lr


bare_grid = [{"lr": lr, "clip": None} for lr in (0.01, 0.03, 0.1)]
grid = [{"lr": lr} for lr in (0.03, 0.1, 0.3)]
both = [{"lr": lr, "clip": clip} for lr in (0.03, 0.1, 0.3) for clip in (0.1, 1.0)]
contest = {
    ("none", 20): best(20, bare_grid),
    ("clip", 20): best(20, grid),
    ("none", 50): best(50, bare_grid),
    ("clip", 50): best(50, both),
    ("omega", 50): best(50, grid, alpha=2.0),
    ("orthogonal", 50): best(50, grid, orthogonal=True),
    ("all", 50): best(50, grid, alpha=2.0, orthogonal=True),
    ("longer", 50): best(50, grid, updates=6000),
}
for (way, T), (accuracy, lr) in contest.items():
    glue(f"penalty-{way}-{T}", accuracy)
    glue(f"penalty-{way}-{T}-lr", lr)
