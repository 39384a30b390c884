"""Bidirectional and stacked layers of every cell: laws, gradients, torch."""

import numpy as np
import pytest
import torch
from cell_laws import LENGTHS, STEP, B, D, H, T, all_close, close
from places import everywhere, put

from rnnlib.arrays import copy
from rnnlib.gradcheck import complex_step
from rnnlib.scratch.gru import gru_forward
from rnnlib.scratch.layers import bidirectional_backward, bidirectional_forward, stack_backward, stack_forward
from rnnlib.scratch.lstm import lstm_forward
from rnnlib.scratch.rnn import rnn_forward
from rnnlib.scratch.sequence import flip_valid

SHAPES = {
    "rnn": {"W_xh": (D, H), "W_hh": (H, H), "b_h": (H,)},
    "lstm": {"W_x": (D, 4 * H), "W_h": (H, 4 * H), "b": (4 * H,)},
    "gru": {"W_x": (D, 3 * H), "W_h": (H, 3 * H), "b_x": (3 * H,), "b_h": (3 * H,)},
}
FORWARD = {"rnn": rnn_forward, "lstm": lstm_forward, "gru": gru_forward}
cells = pytest.mark.parametrize("cell", SHAPES)
padded = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])


def params(cell, rng, inputs=D):
    """Random parameters of one direction of one layer that reads ``inputs`` features."""
    return {k: 0.5 * rng.standard_normal((inputs, *s[1:]) if k.startswith("W_x") else s) for k, s in SHAPES[cell].items()}


def state(cell, rng, n=B):
    pair = rng.standard_normal((n, H)), rng.standard_normal((n, H))
    return pair if cell == "lstm" else pair[0]


def tree(function, value):
    """``function`` of every array in nested dicts, lists and tuples."""
    if isinstance(value, dict):
        return {k: tree(function, v) for k, v in value.items()}
    return type(value)(tree(function, v) for v in value) if isinstance(value, (list, tuple)) else function(value)


def leaves(value, path=""):
    """The arrays of nested dicts, lists and tuples under the names of their paths."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else None
    return {path: value} if items is None else {k: v for key, part in items for k, v in leaves(part, f"{path}_{key}").items()}


def model(cell, rng):
    """x, layers (one direction, two directions, one direction), initial states, and gradients of everything that comes out."""
    layers = [params(cell, rng), (params(cell, rng, H), params(cell, rng, H)), params(cell, rng, 2 * H)]
    x, dh_seq = rng.standard_normal((B, T, D)), rng.standard_normal((B, T, H))
    states, dstates = ([state(cell, rng), (state(cell, rng), state(cell, rng)), state(cell, rng)] for _ in range(2))
    return {"x": x, "layers": layers, "states": states}, dh_seq, dstates


@everywhere
@cells
@padded
def test_two_directions_are_two_cells(cell, lengths, place):
    rng = np.random.default_rng(0)
    x, right, left = tree(lambda a: put(place, a), (rng.standard_normal((B, T, D)), params(cell, rng), params(cell, rng)))
    h_seq, (state_right, state_left), _ = bidirectional_forward(x, right, left, cell=cell, lengths=lengths)
    h_right, final_right, _ = FORWARD[cell](x, **right, lengths=lengths)
    h_left, final_left, _ = FORWARD[cell](flip_valid(x, lengths), **left, lengths=lengths)
    close(h_seq[..., :H], h_right, tol=0)
    close(h_seq[..., H:], flip_valid(h_left, lengths), tol=0)
    all_close(leaves(state_right), leaves(final_right), tol=0)
    all_close(leaves(state_left), leaves(final_left), tol=0)


@cells
@padded
def test_gradients_by_complex_step(cell, lengths):
    given, dh_seq, dstates = model(cell, np.random.default_rng(0))
    _, _, tape = stack_forward(given["x"], given["layers"], given["states"], cell=cell, lengths=lengths)
    grads = stack_backward(dh_seq, tape, dstates)

    def loss(**named):
        it = iter(named.values())
        filled = tree(lambda _: next(it), given)
        h_seq, states, _ = stack_forward(filled["x"], filled["layers"], filled["states"], cell=cell, lengths=lengths)
        pairs = zip(leaves(states).values(), leaves(dstates).values(), strict=True)
        return (h_seq * dh_seq).sum() + sum((value * d).sum() for value, d in pairs)

    errors = complex_step(loss, leaves(given), leaves(grads), tol=10 * STEP)  # three layers deep
    assert len(errors) == len(leaves(given))


@cells
@padded
def test_torch_gives_the_same(cell, lengths):
    rng = np.random.default_rng(0)
    module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](D, H, 2, batch_first=True, bidirectional=True).double()

    def ours(suffix, grad=False):
        W_x, W_h, b_x, b_h = ((p.grad if grad else p.data).numpy() for n, p in module.named_parameters() if n.endswith(suffix))
        values = (W_x.T, W_h.T, b_x, b_h) if cell == "gru" else (W_x.T, W_h.T, b_x if grad else b_x + b_h)
        return dict(zip(SHAPES[cell], values, strict=True))

    x, dh_seq = rng.standard_normal((B, T, D)), rng.standard_normal((B, T, 2 * H))
    layers = [(ours("l0"), ours("l0_reverse")), (ours("l1"), ours("l1_reverse"))]
    h_seq, states, tape = stack_forward(x, layers, cell=cell, lengths=lengths)
    grads = stack_backward(dh_seq, tape)

    inside = torch.tensor(x, requires_grad=True)
    rnn_utils = torch.nn.utils.rnn
    packed = torch.tensor(np.full(B, T) if lengths is None else lengths)
    theirs, final = module(rnn_utils.pack_padded_sequence(inside, packed, batch_first=True, enforce_sorted=False))
    theirs = rnn_utils.pad_packed_sequence(theirs, batch_first=True)[0]
    (theirs * torch.tensor(dh_seq)).sum().backward()
    close(h_seq, theirs)
    final = torch.stack(final) if cell == "lstm" else final[None]  # (parts of the state, layers * directions, B, H)
    for k, value in enumerate(leaves(states).values()):
        parts = len(final)
        close(value, final[k % parts, k // parts])
    close(grads["x"], inside.grad)
    for k in range(2):
        all_close(grads["layers"][k][0], ours(f"l{k}", grad=True))
        all_close(grads["layers"][k][1], ours(f"l{k}_reverse", grad=True))


@everywhere
@cells
def test_padding_changes_nothing(cell, place):
    given, dh_seq, dstates = tree(lambda a: put(place, a), model(cell, np.random.default_rng(0)))

    def run(x, dh_seq):
        h_seq, states, tape = stack_forward(x, given["layers"], given["states"], cell=cell, lengths=LENGTHS)
        return leaves([h_seq, states, stack_backward(dh_seq, tape, dstates)])

    clean = run(given["x"], dh_seq)
    padding = put(place, np.arange(T) >= LENGTHS[:, None])
    x, dh_seq = copy(given["x"]), copy(dh_seq)
    x[padding], dh_seq[padding] = 1e6, -1e6
    all_close(run(x, dh_seq), clean, tol=0)


@everywhere
@cells
def test_a_tape_used_again_changes_nothing_returned_before(cell, place):
    given, dh_seq, dstates = tree(lambda a: put(place, a), model(cell, np.random.default_rng(0)))
    h_seq, states, tape = stack_forward(given["x"], given["layers"], given["states"], cell=cell)
    grads = stack_backward(dh_seq, tape, dstates)
    kept = tree(copy, [h_seq, states, grads])
    again, _, same = stack_forward(2 * given["x"], given["layers"], cell=cell, lengths=LENGTHS, tape=tape)
    assert same is tape
    close(again, stack_forward(2 * given["x"], given["layers"], cell=cell, lengths=LENGTHS)[0], tol=0)
    stack_backward(dh_seq, tape)
    all_close(leaves([h_seq, states, grads]), leaves(kept), tol=0)


def test_one_layer_is_the_cell_and_options_reach_it():
    rng = np.random.default_rng(0)
    x, p = rng.standard_normal((B, T, D)), params("rnn", rng)
    close(stack_forward(x, [p], cell="rnn", activation="relu")[0], rnn_forward(x, **p, activation="relu")[0], tol=0)
    x, p = rng.standard_normal((B, T, D)), params("gru", rng)
    close(stack_forward(x, [p], cell="gru", reset="before")[0], gru_forward(x, **p, reset="before")[0], tol=0)
    p, peepholes = params("lstm", rng), {n: rng.standard_normal(H) for n in ("p_i", "p_f", "p_o")}
    h_seq, _, tape = stack_forward(x, [p | peepholes])
    close(h_seq, lstm_forward(x, **p, peepholes=tuple(peepholes.values()))[0], tol=0)
    assert set(stack_backward(h_seq, tape)["layers"][0]) == set(p | peepholes)


def test_flip_valid_undoes_itself():
    x = np.random.default_rng(0).standard_normal((B, T, D))
    for lengths in (None, LENGTHS):
        close(flip_valid(flip_valid(x, lengths), lengths), x, tol=0)
    flipped = flip_valid(np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), np.array([3, 1]))
    assert flipped.tolist() == [[3, 2, 1, 4], [5, 6, 7, 8]]


def test_bad_arguments_are_named():
    given, dh_seq, _ = model("gru", np.random.default_rng(0))
    x, layers, _ = given.values()
    _, _, tape = stack_forward(x, layers, cell="gru")
    one_way = [layers[0], layers[1][:1]]
    for error, text, call in [
        (ValueError, "cell: expected one of 'rnn', 'lstm', 'gru', got 'elman'", lambda: stack_forward(x, layers, cell="elman")),
        (ValueError, "layers: expected at least one", lambda: stack_forward(x, [], cell="gru")),
        (TypeError, "layers: expected a list of dicts, got dict", lambda: stack_forward(x, layers[0], cell="gru")),
        (ValueError, r"layers\[1\]: expected 2 entries, one per direction, got 1", lambda: stack_forward(x, one_way, cell="gru")),
        (ValueError, r"layers\[0\]: expected W_x, W_h, b .* got W_x, W_h, b_x, b_h", lambda: stack_forward(x, layers)),
        (ValueError, "states: expected 3 entries, one per layer, got 1", lambda: stack_forward(x, layers, [None], cell="gru")),
        (TypeError, "states: expected a list, got ndarray", lambda: stack_forward(x, layers, x, cell="gru")),
        (ValueError, r"W_x: expected shape \(5, 3H\), got \(10, 15\)", lambda: stack_forward(x, [layers[0], layers[2]], cell="gru")),
        (ValueError, "tape: expected a tape of 3 lstm", lambda: stack_forward(x, layers, tape=tape)),
        (TypeError, "tape: expected the tape of bidirectional_forward", lambda: bidirectional_backward(dh_seq, tape)),
        (TypeError, "tape: expected the tape of stack_forward", lambda: stack_backward(dh_seq, None)),
        (ValueError, "dstates: expected 3 entries, one per layer, got 2", lambda: stack_backward(dh_seq, tape, [None, None])),
        (ValueError, r"dh_seq: expected shape \(4, 6, 5\), got \(4, 6, 4\)", lambda: stack_backward(dh_seq[..., 1:], tape)),
        (TypeError, "forward_params: expected a dict, got list", lambda: bidirectional_forward(x, [1], layers[0], cell="gru")),
        (ValueError, r"x: expected shape \(B, T, ...\), got \(6,\)", lambda: flip_valid(x[0, :, 0])),
        (ValueError, "lengths: expected values between 1 and T = 6", lambda: flip_valid(x, LENGTHS + 1)),
        (TypeError, "unexpected keyword argument 'rest'", lambda: bidirectional_forward(x, layers[0], layers[0], cell="gru", rest="after")),
    ]:
        with pytest.raises(error, match=text):
            call()
    two = bidirectional_forward(x, layers[0], layers[0], cell="gru")[2]
    with pytest.raises(ValueError, match=r"dh_seq: expected shape \(4, 6, 10\), got \(4, 6, 5\)"):
        bidirectional_backward(dh_seq, two)
