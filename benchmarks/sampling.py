"""Writing one character after the other at batch 1: our step and loop against torch modules called once a character."""

from functools import partial

import numpy as np
import torch
from paired import compare, machine, table

from rnnlib.scratch.decode import sample
from rnnlib.scratch.language import language_step

V, T = 65, 400
BLOCKS = {"lstm": 4, "gru": 3, "rnn": 1}
NAMES = {"lstm": ("W_x", "W_h", "b"), "gru": ("W_x", "W_h", "b_x", "b_h"), "rnn": ("W_xh", "W_hh", "b_h")}


def ours(cell, H):
    """T characters by `sample`, float32, one-hot input."""
    rng, G = np.random.default_rng(0), BLOCKS[cell] * H
    draw = lambda *shape: rng.uniform(-(H**-0.5), H**-0.5, shape).astype(np.float32)
    params = {name: draw(*shape) for name, shape in zip(NAMES[cell], ((V, G), (H, G), (G,), (G,)), strict=False)}
    step = language_step(cell, params, draw(H, V), draw(V))
    return lambda: sample(step, None, np.zeros(1, np.int64), T, rng)


def modules(cell, H):
    """T characters by torch.nn.LSTM (or GRU, RNN), Linear, softmax and multinomial."""
    torch.manual_seed(0)
    layer, read_out, rows = getattr(torch.nn, cell.upper())(V, H, batch_first=True), torch.nn.Linear(H, V), torch.eye(V)

    @torch.inference_mode()
    def call():
        ids, state, written = torch.zeros(1, dtype=torch.long), None, []
        for _ in range(T):
            h_seq, state = layer(rows[ids][:, None], state)
            ids = torch.multinomial(torch.softmax(read_out(h_seq[:, -1]), dim=1), 1)[:, 0]
            written.append(ids.item())
        return written

    return call


def main():
    print(machine("numpy", "torch"))
    for cell, H in (("lstm", 100), ("lstm", 256), ("gru", 100), ("rnn", 100)):
        print(f"\n{cell}, H = {H}, V = {V}, float32, batch 1, one thread")
        makers = {"torch modules": partial(modules, cell, H), "rnnlib.scratch": partial(ours, cell, H)}
        table(compare(makers, rounds=9), "rnnlib.scratch", T, "character")


if __name__ == "__main__":
    main()
