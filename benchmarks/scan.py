"""A linear recurrence in one loop, in pieces of about sqrt(T) steps, and inside the cells that it serves, against an LSTM."""

import argparse
from functools import partial

import numpy as np
from paired import compare, machine, ratios

from rnnlib.scratch.lstm import lstm_backward, lstm_forward
from rnnlib.scratch.min_rnn import min_gru_backward, min_gru_forward
from rnnlib.scratch.scan import scan, scan_backward

SHAPES = [(1024, 1, 16), (1024, 1, 64), (1024, 1, 128), (1024, 8, 32), (1024, 32, 64), (4096, 1, 64)]  # T B H
CELLS = [(100, 1, 64, 128), (100, 32, 64, 128)]  # T B D H


def recurrence(method, T, B, H):
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 1, (B, T, H)).astype(np.float32) for _ in range(2))

    def call():
        h_seq, tape = scan(a, b, method=method)
        return scan_backward(h_seq, tape)

    return call


def cell(kind, T, B, D, H):
    rng, blocks = np.random.default_rng(0), 2 if kind == "minGRU" else 4
    x, dh = rng.normal(size=(B, T, D)).astype(np.float32), np.ones((B, T, H), np.float32)
    W_x, W_h = (0.1 * rng.normal(size=(n, blocks * H)).astype(np.float32) for n in (D, H))
    b = np.zeros(blocks * H, np.float32)
    if kind == "minGRU":
        return lambda: min_gru_backward(dh, min_gru_forward(x, W_x, b)[2])
    return lambda: lstm_backward(dh, lstm_forward(x, W_x, W_h, b)[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and short bursts")
    rounds, burst = (5, 0.05) if parser.parse_args().quick else (15, 0.2)
    print(__doc__)
    print(f"{machine('numpy')}; one thread; {rounds} rounds; forward and backward, float32.\n")
    print("T x B x H          loop / chunked")
    for T, B, H in SHAPES:
        times = compare({name: partial(recurrence, name, T, B, H) for name in ("loop", "chunked")}, rounds, burst)
        print(f"{T}x{B}x{H}".ljust(18), f"{ratios(times, 'chunked')['loop']:.2f}")
    print("\nT x B x D x H      LSTM / minGRU")
    for shape in CELLS:
        times = compare({name: partial(cell, name, *shape) for name in ("LSTM", "minGRU")}, rounds, burst)
        print("x".join(map(str, shape)).ljust(18), f"{ratios(times, 'minGRU')['LSTM']:.2f}")


if __name__ == "__main__":
    main()
