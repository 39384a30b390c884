"""The contest of the forecast: the leak is searched too, and the network may have 400 or 1000 units."""

wide = {"rho": (0.7, 0.9, 1.1), "leak": (0.4, 0.7, 1.0), "ridge": (1e-12, 1e-10, 1e-8)}
for N in (400, 1000):
    settings = choose(echo_runs, **wide, N=(N,))
    miss = error(echo_runs(2500, starts, **settings), starts)
    glue(f"reservoir-{N}", miss)
    glue(f"reservoir-{N}-log", np.log10(miss))
