"""Peak memory and time of full, truncated and checkpointed BPTT through an LSTM."""

import tracemalloc
from functools import partial

import numpy as np
from paired import compare, machine, table

from rnnlib.scratch import bptt

B, T, D, H = 32, 2000, 8, 128
MIB = 2.0**20
WAYS = {"full": bptt.full, "truncated-50": partial(bptt.truncated, k1=50), "checkpointed": bptt.checkpointed}


def gradient(way):
    """A function that computes, in float32, the gradient of the sum of squares of all states; ``way`` is a key of WAYS."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
    x, params = draw(B, T, D), {"W_x": 0.1 * draw(D, 4 * H), "W_h": 0.1 * draw(H, 4 * H), "b": draw(4 * H)}

    def loss_fn(h_seq, start):
        return 0.5 * float((h_seq * h_seq).sum()), h_seq

    return lambda: WAYS[way]("lstm", params, x, loss_fn)


def peak(way):
    """Bytes allocated at the highest point of one gradient, beyond the input and the weights."""
    run = gradient(way)
    tracemalloc.start()
    run()
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest


def main():
    print(machine("numpy"))
    print(f"LSTM, float32, B = {B}, T = {T}, D = {D}, H = {H}; peak memory beyond the input and the weights; one thread")
    peaks = {way: peak(way) for way in WAYS}
    for way, highest in peaks.items():
        print(f"{way:20}  {highest / MIB:12.1f} MiB         {100 * highest / peaks['full']:8.1f} % of full")
    table(compare({way: partial(gradient, way) for way in WAYS}, rounds=5), "full", T, "step")


if __name__ == "__main__":
    main()
