"""The contest of lengths: each way of drawing them with the best of three step sizes, and six digits alone with three times the updates."""

new = four_shapes("many-to-one", 1000, T, np.random.default_rng(seed + 5))


def best(updates, mixed):
    """Accuracy on new examples, of the step size that is best on the examples of the curves."""
    tried = []
    for lr in (3e-3, 1e-2, 3e-2):
        draw = np.random.default_rng(seed + 4)
        length = (lambda epoch, draw=draw: int(draw.integers(1, T + 1))) if mixed else (lambda epoch: T)
        network, curve = train("many-to-one", length=length, updates=updates, lr=lr)
        tried.append((curve[-1], float(accuracy(network, *new))))
    return max(tried)[1]


glue("shapes-best-mixed", best(400, mixed=True))
glue("shapes-best-six", best(1200, mixed=False))
