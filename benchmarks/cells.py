"""Forward and backward of each cell, NumPy float32, against per-step code, torch and the matrix products alone."""

import argparse
import json
import statistics
from functools import partial
from pathlib import Path

import numpy as np
from paired import compare, machine, ratios

from rnnlib.scratch.gru import gru_backward, gru_forward
from rnnlib.scratch.lstm import lstm_backward, lstm_forward
from rnnlib.scratch.rnn import rnn_backward, rnn_forward

SIZES = [(25, 1, 65, 100), (50, 8, 16, 32), (50, 32, 128, 128), (35, 20, 200, 200), (64, 32, 64, 256), (100, 64, 256, 256)]  # T B D H
CELLS = ("lstm", "peephole", "gru", "rnn")
BLOCKS = {"lstm": 4, "peephole": 4, "gru": 3, "rnn": 1}


def setup(cell, T, B, D, H, dtype=np.float32):
    """x (B, T, D), dh_seq (B, T, H) and the weights."""
    rng, G = np.random.default_rng(0), BLOCKS[cell]
    shapes = {"x": (B, T, D), "dh_seq": (B, T, H), "W_x": (D, G * H), "W_h": (H, G * H), "b": (G * H,), "b_h": (G * H,), "p": (3, H)}
    a = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    for name in ("W_x", "W_h", "b", "b_h", "p"):
        a[name] *= H**-0.5
    return a


def ours(cell, T, B, D, H):
    a = setup(cell, T, B, D, H)
    tape = None

    def call():
        nonlocal tape
        if cell == "rnn":
            _, _, tape = rnn_forward(a["x"], a["W_x"], a["W_h"], a["b"], tape=tape)
            return rnn_backward(a["dh_seq"], tape)
        if cell == "gru":
            _, _, tape = gru_forward(a["x"], a["W_x"], a["W_h"], a["b"], a["b_h"], tape=tape)
            return gru_backward(a["dh_seq"], tape)
        _, _, tape = lstm_forward(a["x"], a["W_x"], a["W_h"], a["b"], peepholes=tuple(a["p"]) if cell == "peephole" else None, tape=tape)
        return lstm_backward(a["dh_seq"], tape)

    return call


def products(cell, T, B, D, H):
    """The floor: the matrix products of both passes and nothing else."""
    a = setup(cell, T, B, D, H)
    W_x, W_h, G = a["W_x"], a["W_h"], BLOCKS[cell]
    x, h, da = np.ones((T * B, D), "f"), np.ones((T, B, H), "f"), np.ones((T, B, G * H), "f")
    dx, dW_x, dW_h, da_2d = np.empty_like(x), np.empty_like(W_x), np.empty_like(W_h), da.reshape(T * B, G * H)
    step, dh = np.empty((B, G * H), "f"), np.empty((B, H), "f")

    def call():
        np.matmul(x, W_x, out=da_2d)
        for h_t in h:
            np.matmul(h_t, W_h, out=step)
        for da_t in da:
            np.matmul(da_t, W_h.T, out=dh)
        np.matmul(x.T, da_2d, out=dW_x)
        np.matmul(h.reshape(T * B, H).T, da_2d, out=dW_h)
        np.matmul(da_2d, W_x.T, out=dx)

    return call


def torch_nn(cell, T, B, D, H):
    """`torch.nn` with autograd: oneDNN for the LSTM, per-step kernels in C++ for the GRU and the RNN; there is no peephole."""
    import torch  # here: the processes of the others never load it

    torch.set_num_threads(1)
    a = setup(cell, T, B, D, H)
    module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](D, H, batch_first=True)
    x, dh_seq = torch.tensor(a["x"], requires_grad=True), torch.tensor(a["dh_seq"])

    def call():
        module.zero_grad()
        x.grad = None
        module(x)[0].backward(dh_seq)

    return call


def torch_loop(cell, T, B, D, H):
    """What a new cell costs in torch: a loop over the steps in Python under autograd, `unbind` once."""
    import torch  # here: the processes of the others never load it

    torch.set_num_threads(1)
    a = {k: torch.tensor(v, requires_grad=k != "dh_seq") for k, v in setup(cell, T, B, D, H).items()}
    p_i, p_f, p_o = a["p"] if cell == "peephole" else (0, 0, 0)

    def call():
        for v in a.values():
            v.grad = None
        h, c, out = torch.zeros(B, H), torch.zeros(B, H), []
        for a_t in (a["x"] @ a["W_x"] + a["b"]).unbind(1):
            if cell == "rnn":
                h = torch.tanh(a_t + h @ a["W_h"])
            elif cell == "gru":
                (x_r, x_z, x_n), (h_r, h_z, h_n) = a_t.chunk(3, 1), (h @ a["W_h"] + a["b_h"]).chunk(3, 1)
                z, n = torch.sigmoid(x_z + h_z), torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
                h = n + z * (h - n)
            else:
                i, f, g, o = (a_t + h @ a["W_h"]).chunk(4, 1)
                if cell == "peephole":
                    i, f = i + p_i * c, f + p_f * c
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o + p_o * c if cell == "peephole" else o) * torch.tanh(c)
            out.append(h)
        torch.stack(out, 1).backward(a["dh_seq"])

    return call


def sigmoid(a):
    """The stable sigmoid of much course code: exp never sees a positive number."""
    out, up = np.empty_like(a), a >= 0
    out[up] = 1 / (1 + np.exp(-a[up]))
    e = np.exp(a[~up])
    out[~up] = e / (1 + e)
    return out


def short_sigmoid(a):
    """The short one: faster, and it warns of overflow below -88 in float32."""
    return 1 / (1 + np.exp(-a))


def per_step_lstm(x, dh_seq, W_x, W_h, b, H, sigmoid):
    B, T, _ = x.shape
    h, c, tape = np.zeros((B, H), x.dtype), np.zeros((B, H), x.dtype), []
    for t in range(T):
        a = x[:, t] @ W_x + h @ W_h + b
        i, f, g, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), np.tanh(a[:, 2 * H : 3 * H]), sigmoid(a[:, 3 * H :])
        h_prev, c_prev = h, c
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        tape.append((h_prev, c_prev, i, f, g, o, c))
    dx, dW_x, dW_h, db = np.zeros_like(x), np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b)
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(T)):
        h_prev, c_prev, i, f, g, o, c = tape[t]
        dh = dh + dh_seq[:, t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh * np.tanh(c) * o * (1 - o)])
        dx[:, t] = da @ W_x.T
        dW_x += x[:, t].T @ da
        dW_h += h_prev.T @ da
        db += da.sum(0)
        dh, dc = da @ W_h.T, dc * f


def per_step_gru(x, dh_seq, W_x, W_h, b_x, b_h, H, sigmoid):
    B, T, _ = x.shape
    h, tape = np.zeros((B, H), x.dtype), []
    for t in range(T):
        a, u = x[:, t] @ W_x + b_x, h @ W_h + b_h
        r, z = sigmoid(a[:, :H] + u[:, :H]), sigmoid(a[:, H : 2 * H] + u[:, H : 2 * H])
        n = np.tanh(a[:, 2 * H :] + r * u[:, 2 * H :])
        tape.append((h, r, z, n, u[:, 2 * H :]))
        h = (1 - z) * n + z * h
    dx, dW_x, dW_h, db_x, db_h = np.zeros_like(x), np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b_x), np.zeros_like(b_h)
    dh = np.zeros_like(h)
    for t in reversed(range(T)):
        h_prev, r, z, n, u_n = tape[t]
        dh = dh + dh_seq[:, t]
        da_n, da_z = dh * (1 - z) * (1 - n**2), dh * (h_prev - n) * z * (1 - z)
        da_r = da_n * u_n * r * (1 - r)
        da, du = np.hstack([da_r, da_z, da_n]), np.hstack([da_r, da_z, da_n * r])
        dx[:, t] = da @ W_x.T
        dW_x += x[:, t].T @ da
        dW_h += h_prev.T @ du
        db_x += da.sum(0)
        db_h += du.sum(0)
        dh = dh * z + du @ W_h.T


def per_step_rnn(x, dh_seq, W_x, W_h, b, H):
    B, T, _ = x.shape
    h, tape = np.zeros((B, H), x.dtype), []
    for t in range(T):
        tape.append(h)
        h = np.tanh(x[:, t] @ W_x + h @ W_h + b)
    tape.append(h)
    dx, dW_x, dW_h, db, dh = np.zeros_like(x), np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b), np.zeros_like(h)
    for t in reversed(range(T)):
        da = (dh + dh_seq[:, t]) * (1 - tape[t + 1] ** 2)
        dx[:, t] = da @ W_x.T
        dW_x += x[:, t].T @ da
        dW_h += tape[t].T @ da
        db += da.sum(0)
        dh = da @ W_h.T


def per_step(dtype, sigmoid, cell, T, B, D, H):
    """Course code: the equations step by step, a list as the tape, every gradient summed up in the loop."""
    a = setup(cell, T, B, D, H, dtype)
    first = a["x"], a["dh_seq"], a["W_x"], a["W_h"], a["b"]
    if cell == "gru":
        return lambda: per_step_gru(*first, a["b_h"], H, sigmoid)
    return {"lstm": lambda: per_step_lstm(*first, H, sigmoid), "rnn": lambda: per_step_rnn(*first, H)}[cell]


CONTENDERS = {
    "ours": ours,
    "products": products,
    "torch.nn": torch_nn,
    "torch loop": torch_loop,
    "course f8": partial(per_step, np.float64, sigmoid),
    "course f4": partial(per_step, np.float32, sigmoid),
    "short f4": partial(per_step, np.float32, short_sigmoid),
}
MISSING = {("peephole", name) for name in ("torch.nn", "course f8", "course f4", "short f4")} | {("rnn", "short f4")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and short bursts: seconds, not minutes")
    parser.add_argument("--only", default="", help="run the cases whose names contain this text, as gru or 64x256")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="comma-separated, ours among them")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    args = parser.parse_args()
    rounds, burst = (5, 0.02) if args.quick else (15, 0.1)
    names = args.contenders.split(",")

    print(__doc__)
    print(f"{machine('numpy', 'torch')}; one thread; {rounds} rounds. Times divided by ours: higher is slower.\n")
    print(f"{'T x B x D x H':<24}{'ours, ms':>12}" + "".join(f"{name:>13}" for name in names if name != "ours"), flush=True)
    rows = {}
    for cell in CELLS:
        for sizes in SIZES:
            case = f"{cell} {'x'.join(map(str, sizes))}"
            if args.only not in case:
                continue
            makers = {name: partial(CONTENDERS[name], cell, *sizes) for name in names if (cell, name) not in MISSING}
            seconds = compare(makers, rounds, burst)
            rows[case] = {"ms": 1e3 * statistics.median(seconds["ours"]), "ratios": ratios(seconds, "ours")}
            cells = (f"{rows[case]['ratios'][name]:13.2f}" if name in makers else f"{'—':>13}" for name in names if name != "ours")
            print(f"{case:<24}{rows[case]['ms']:12.3f}" + "".join(cells), flush=True)
    if args.json:
        args.json.write_text(
            json.dumps({"doc": __doc__, "machine": machine("numpy", "torch"), "rounds": rounds, "rows": rows}, indent=1), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
