"""An echo state network that learns Mackey–Glass: ours with a fixed fan-in, a dense recurrent matrix, and reservoirpy.

reservoirpy is no requirement of the course; where it is not installed (``pip install reservoirpy``), the table says so.
"""

import importlib.util
from functools import partial

import numpy as np
from paired import compare, machine, table

from rnnlib.data.signals import mackey_glass
from rnnlib.scratch.reservoir import Reservoir

T, TEST, AHEAD, WASHOUT, RIDGE = 2000, 1000, 84, 100, 1e-8
RHO, LEAK, FAN_IN, SCALE, BIAS = 0.9, 0.7, 10, 1.0, 0.2
INSTALLED = importlib.util.find_spec("reservoirpy") is not None


def series():
    """Inputs and next values, each (T + TEST, 1)."""
    x = np.tanh(mackey_glass(T + TEST + AHEAD + 1, rng=np.random.default_rng(0)) - 1)[:, None]
    return x[: T + TEST], x[1 : T + TEST + 1], x


def build(name, N):
    """A network as two functions on arrays (T, 1): run(x) gives the states, fit(x, y) a function that predicts."""
    if name.startswith("reservoirpy"):
        from reservoirpy.nodes import Reservoir as Theirs
        from reservoirpy.nodes import Ridge

        density = FAN_IN / N if "fan-in" in name else 0.1  # its default
        net = Theirs(N, sr=RHO, lr=LEAK, rc_connectivity=density, input_scaling=SCALE, input_connectivity=1.0, seed=0)

        def fit(x, y):
            model = net >> Ridge(ridge=RIDGE)
            model.fit(x, y, warmup=WASHOUT)
            return model.run

        return net.run, fit

    net = Reservoir(1, N, RHO, LEAK, FAN_IN, 0, input_scale=SCALE, bias_scale=BIAS, dtype=np.float64 if "float64" in name else np.float32)
    if name == "dense":
        net._into = net._into.toarray()

    def fit(x, y):
        net.fit(x[None], y[None], washout=WASHOUT, ridge=RIDGE)
        return lambda x: net.predict(x[None])[0][0]

    return lambda x: net.run(x[None])[0][0], fit


def states(name, N):
    run, _ = build(name, N)
    x, _, _ = series()
    return lambda: run(x[:T])


def training(name, N):
    _, fit = build(name, N)
    x, y, _ = series()
    return lambda: fit(x[:T], y[:T])


def error(name, N):
    """NRMSE of the next value on the test part."""
    _, fit = build(name, N)
    x, y, whole = series()
    predict = fit(x[:T], y[:T])
    difference = predict(x)[T:] - y[T:]
    return float(np.sqrt((difference**2).mean() / whole.var()))


def main():
    print(machine("numpy", "scipy", *(["reservoirpy"] * INSTALLED)))
    if not INSTALLED:
        print("reservoirpy is not installed: its rows are left out")
    for N in (400, 1000):
        names = ["rnnlib.scratch", "ours, float64", "dense"] + ["reservoirpy", "reservoirpy, fan-in"] * INSTALLED
        print(f"\nN = {N}, fan-in {FAN_IN}, {T} steps, batch 1, one thread")
        print("states alone")
        table(compare({name: partial(states, name, N) for name in names}, rounds=7), "rnnlib.scratch", T, "step")
        print("states and read-out")
        table(compare({name: partial(training, name, N) for name in names}, rounds=5), "rnnlib.scratch", T, "step")
        for name in names:
            if name != "dense":
                print(f"{name:20}  NRMSE of the next value {error(name, N):.2e}")


if __name__ == "__main__":
    main()
