"""The gradient through time by four roads: full, truncated, checkpointed, forward mode."""

import re
import tracemalloc

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.gradcheck import check_gradients
from rnnlib.scratch import bptt
from rnnlib.scratch.linear import affine, affine_backward
from rnnlib.scratch.loss import softmax_cross_entropy

EXACT = 1e-12
CENTRAL = 1e-7
B, T, D, H = 3, 11, 4, 5
SHAPES = {
    "rnn": {"W_xh": (D, H), "W_hh": (H, H), "b_h": (H,)},
    "lstm": {"W_x": (D, 4 * H), "W_h": (H, 4 * H), "b": (4 * H,)},
    "peephole": {"W_x": (D, 4 * H), "W_h": (H, 4 * H), "b": (4 * H,), "p_i": (H,), "p_f": (H,), "p_o": (H,)},
    "gru": {"W_x": (D, 3 * H), "W_h": (H, 3 * H), "b_x": (3 * H,), "b_h": (3 * H,)},
}
CASES = {
    "rnn-tanh": ("rnn", {}),
    "rnn-relu": ("rnn", {"activation": "relu"}),
    "lstm": ("lstm", {}),
    "peephole": ("peephole", {}),
    "gru-after": ("gru", {}),
    "gru-before": ("gru", {"reset": "before"}),
}
cases = pytest.mark.parametrize("case", CASES)


class Problem:
    """Weights, input, initial state and a loss with a weight for every step and unit; `ask(way)` is the gradient by that way."""

    def __init__(self, case, place="numpy", B=B, T=T, dtype=np.float64):
        name, self.options = CASES[case]
        self.cell = "lstm" if name == "peephole" else name
        rng = np.random.default_rng(0)
        draw = lambda *shape: put(place, rng.standard_normal(shape).astype(dtype))
        self.params = {w: 0.6 * draw(*shape) for w, shape in SHAPES[name].items()}
        self.x, self.weight = draw(B, T, D), draw(B, T, H)
        self.state = (draw(B, H), draw(B, H)) if self.cell == "lstm" else draw(B, H)

    def loss_fn(self, h_seq, start):
        weight = self.weight[:, start : start + h_seq.shape[1]]
        return 0.5 * (weight * h_seq * h_seq).sum(), weight * h_seq

    def ask(self, way, **kw):
        return way(self.cell, self.params, self.x, self.loss_fn, self.state, **kw, **self.options)


def assert_same(got, expected, tol=EXACT):
    """Loss, gradients and final state of two ways."""
    np.testing.assert_allclose(float(got[0]), float(expected[0]), rtol=tol, atol=tol)
    assert got[1].keys() == expected[1].keys()
    for name in expected[1]:
        np.testing.assert_allclose(back(got[1][name]), back(expected[1][name]), rtol=tol, atol=tol, err_msg=name)
    pairs = zip(got[2], expected[2], strict=True) if isinstance(expected[2], tuple) else [(got[2], expected[2])]
    for a, b in pairs:
        np.testing.assert_allclose(back(a), back(b), rtol=tol, atol=tol)


def autograd(problem, ends_and_starts):
    """Oracle: torch follows a loop of one-step forward passes written out here; each window detaches the state it starts from."""
    p = {k: torch.tensor(v, requires_grad=True) for k, v in problem.params.items()}
    x, weight = torch.tensor(problem.x), torch.tensor(problem.weight)
    total = 0.0
    for done, start, end in ends_and_starts:
        h, c = (torch.tensor(s) for s in problem.state) if problem.cell == "lstm" else (torch.tensor(problem.state), None)
        for t in range(end):
            if t == start:
                h, c = h.detach(), c if c is None else c.detach()
            h, c = torch_step(problem, p, x[:, t], h, c)
            if t >= done:
                total = total + 0.5 * (weight[:, t] * h * h).sum()
    total.backward()
    return total.item(), {k: v.grad.numpy() for k, v in p.items()}


def torch_step(problem, p, x_t, h, c):
    if problem.cell == "rnn":
        a = x_t @ p["W_xh"] + h @ p["W_hh"] + p["b_h"]
        return (torch.relu(a) if problem.options else torch.tanh(a)), None
    if problem.cell == "lstm":
        i, f, g, o = (x_t @ p["W_x"] + h @ p["W_h"] + p["b"]).chunk(4, dim=1)
        if "p_i" in p:
            i, f = i + p["p_i"] * c, f + p["p_f"] * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        if "p_i" in p:
            o = o + p["p_o"] * c
        return torch.sigmoid(o) * torch.tanh(c), c
    a_x = x_t @ p["W_x"] + p["b_x"]
    W_h, b_h = p["W_h"], p["b_h"]
    gates = torch.sigmoid(a_x[:, : 2 * H] + h @ W_h[:, : 2 * H] + b_h[: 2 * H])
    r, z = gates.chunk(2, dim=1)
    if problem.options:
        n = torch.tanh(a_x[:, 2 * H :] + (r * h) @ W_h[:, 2 * H :] + b_h[2 * H :])
    else:
        n = torch.tanh(a_x[:, 2 * H :] + r * (h @ W_h[:, 2 * H :] + b_h[2 * H :]))
    return (1 - z) * n + z * h, None


# Rung 1: shapes and error text


@cases
def test_gradients_have_the_shapes_of_what_they_belong_to(case):
    problem = Problem(case)
    for way, kw in ((bptt.full, {}), (bptt.checkpointed, {}), (bptt.truncated, {"k1": 3}), (bptt.rtrl, {})):
        loss, grads, _ = problem.ask(way, **kw)
        assert np.ndim(loss) == 0
        shapes = {k: v.shape for k, v in problem.params.items()} | dict.fromkeys(("h_0", "c_0")[: 1 + (problem.cell == "lstm")], (B, H))
        assert {k: v.shape for k, v in grads.items()} == shapes


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({"cell": "elman"}, ValueError, "cell: expected one of 'rnn', 'lstm', 'gru', got 'elman'"),
        ({"params": []}, TypeError, "params: expected a dict of weights, got list"),
        ({"x": np.ones((2, 3))}, ValueError, "x: expected shape (B, T, D), got (2, 3)"),
        ({"x": np.ones((B, T, D + 1))}, ValueError, f"W_xh: expected shape ({D + 1}, H), got ({D}, {H})"),
        ({"k1": 0}, ValueError, "k1: expected a number >= 1, got 0"),
        ({"k1": 2.0}, TypeError, "k1: expected an integer, got float"),
        ({"k1": 4, "k2": 3}, ValueError, "k2: expected at least k1 = 4 (else some losses reach no weight), got 3"),
        ({"state": np.ones((B, H + 1))}, ValueError, f"h_0: expected shape ({B}, {H}), got ({B}, {H + 1})"),
    ],
)
def test_errors_name_the_argument(change, error, text):
    problem = Problem("rnn-tanh")
    kw = {"cell": "rnn", "params": problem.params, "x": problem.x, "loss_fn": problem.loss_fn, "k1": 2} | change
    with pytest.raises(error, match="^" + re.escape(text)):
        bptt.truncated(**kw)


def test_every_must_be_a_count():
    for way in (bptt.full, bptt.checkpointed):
        with pytest.raises(ValueError, match=r"^every: expected a number >= 1, got 0"):
            Problem("gru-after").ask(way, every=0)


# Rung 2: by hand


def test_by_hand():
    # h_t = 1 + w h_{t-1} with w = 1/2: 1, 3/2, 7/4, 15/8. The loss is h_4: its derivative by w is h_3 + w (h_2 + w h_1) = 11/4.
    params = {"W_xh": np.array([[1.0]]), "W_hh": np.array([[0.5]]), "b_h": np.zeros(1)}
    x = np.ones((1, 4, 1))

    def last(h_seq, start):
        if start + h_seq.shape[1] < 4:
            return 0.0, None
        dh_seq = np.zeros_like(h_seq)
        dh_seq[:, -1] = 1
        return h_seq[0, -1, 0], dh_seq

    for way, kw, expected in (
        (bptt.full, {}, 11 / 4),
        (bptt.checkpointed, {"every": 3}, 11 / 4),
        (bptt.rtrl, {}, 11 / 4),
        (bptt.truncated, {"k1": 2}, 7 / 4 + 3 / 4),  # steps 3 and 4 alone
        (bptt.truncated, {"k1": 1}, 7 / 4),  # step 4 alone
        (bptt.truncated, {"k1": 1, "k2": 3}, 11 / 4),  # steps 2 to 4; step 1 adds h_0 = 0
    ):
        loss, grads, state = way("rnn", params, x, last, activation="relu", **kw)
        assert loss == 15 / 8 and state[0, 0] == 15 / 8
        assert grads["W_hh"][0, 0] == pytest.approx(expected, abs=EXACT), way.__name__
    assert bptt.full("rnn", params, x, last, activation="relu")[1]["h_0"][0, 0] == 1 / 16


# Rung 3: laws


@cases
@pytest.mark.parametrize("every", [1, 3, T, T + 5])
def test_checkpointed_is_full_bit_for_bit(case, every):
    problem = Problem(case, dtype=np.float32)
    (loss, grads, _), (loss_f, grads_f, _) = problem.ask(bptt.checkpointed, every=every), problem.ask(bptt.full, every=every)
    assert loss == loss_f
    for name in grads_f:
        np.testing.assert_array_equal(grads[name], grads_f[name])


@cases
def test_windows_change_nothing_but_rounding(case):
    problem = Problem(case)
    expected = problem.ask(bptt.full)
    for every in (1, 4, None):
        assert_same(problem.ask(bptt.checkpointed, every=every), expected)


@cases
def test_forward_mode_gives_the_same_gradient(case):
    problem = Problem(case)
    assert_same(problem.ask(bptt.rtrl), problem.ask(bptt.full))


@cases
@pytest.mark.parametrize("k1, k2", [(T, None), (T + 3, None), (1, T), (2, T + 1)])
def test_a_window_as_long_as_the_past_is_full(case, k1, k2):
    problem = Problem(case)
    assert_same(problem.ask(bptt.truncated, k1=k1, k2=k2), problem.ask(bptt.full))


def test_truncation_cuts_the_gradient_and_not_the_loss():
    problem = Problem("rnn-tanh")
    full = problem.ask(bptt.full)
    for k1 in (1, 2, 4):
        loss, grads, state = problem.ask(bptt.truncated, k1=k1)
        assert float(loss) == pytest.approx(float(full[0]), abs=EXACT)
        np.testing.assert_allclose(state, full[2], atol=EXACT)
        assert abs(grads["W_hh"] - full[1]["W_hh"]).max() > 1e-3


def test_the_initial_state_gets_the_gradient_of_the_first_windows_only():
    problem = Problem("lstm")
    T1 = Problem("lstm")
    T1.x = T1.x[:, :4]
    truncated, first = problem.ask(bptt.truncated, k1=4)[1], T1.ask(bptt.full)[1]
    for name in ("h_0", "c_0"):
        np.testing.assert_allclose(truncated[name], first[name], atol=EXACT)


def test_windows_see_weights_that_are_updated_between_them():
    problem = Problem("gru-after")
    by_hand = {k: v.copy() for k, v in problem.params.items()}
    state, losses = problem.state, []
    for start in range(0, T, 3):
        loss_fn = lambda h_seq, _, start=start: problem.loss_fn(h_seq, start)
        loss, grads, state = bptt.full("gru", by_hand, problem.x[:, start : start + 3], loss_fn, state)
        losses.append(loss)
        for name, W in by_hand.items():
            W -= 0.01 * grads[name]
    for window, loss in zip(problem.ask(bptt.truncated_windows, k1=3), losses, strict=True):
        assert window[0] == loss
        for name, W in problem.params.items():
            W -= 0.01 * window[1][name]


@pytest.mark.parametrize("way, kw", [(bptt.full, {}), (bptt.checkpointed, {}), (bptt.truncated, {"k1": 4}), (bptt.rtrl, {})])
def test_a_read_out_brings_its_own_gradients(way, kw):
    rng, V = np.random.default_rng(1), 7
    problem, W_hy, b_y = Problem("lstm"), rng.standard_normal((H, V)), rng.standard_normal(V)
    targets = rng.integers(0, V, (B, T))

    def loss_fn(h_seq, start):
        K = h_seq.shape[1]
        logits, tape = affine(h_seq, W_hy, b_y)
        loss, dlogits = softmax_cross_entropy(logits, targets[:, start : start + K])
        read_out = affine_backward(dlogits, tape)  # a mean over the window's steps: weighed by K / T the means add up
        return loss * K / T, read_out["x"] * K / T, {"W_hy": read_out["W"] * K / T, "b_y": read_out["b"] * K / T}

    _, h_seq = problem.ask(bptt.full)[0], bptt.run("lstm", problem.params, problem.x)[0]
    logits, tape = affine(h_seq, W_hy, b_y)
    loss, dlogits = softmax_cross_entropy(logits, targets)
    expected = affine_backward(dlogits, tape)
    got = way("lstm", problem.params, problem.x, loss_fn, **kw)
    assert got[0] == pytest.approx(loss, abs=EXACT)
    np.testing.assert_allclose(got[1]["W_hy"], expected["W"], atol=EXACT)
    np.testing.assert_allclose(got[1]["b_y"], expected["b"], atol=EXACT)


@cases
def test_the_gradient_adds_up_over_the_batch(case):
    problem = Problem(case)
    whole, parts = problem.ask(bptt.full)[1], []
    for b in range(B):
        row = Problem(case)
        row.x, row.weight = problem.x[b : b + 1], problem.weight[b : b + 1]
        row.state = tuple(s[b : b + 1] for s in row.state) if row.cell == "lstm" else row.state[b : b + 1]
        parts.append(row.ask(bptt.rtrl)[1])
    for name in problem.params:
        np.testing.assert_allclose(sum(part[name] for part in parts), whole[name], atol=EXACT)


@cases
def test_nothing_is_changed_and_twice_is_the_same(case):
    problem, before = Problem(case), Problem(case)
    for way, kw in ((bptt.full, {}), (bptt.checkpointed, {}), (bptt.truncated, {"k1": 2, "k2": 3}), (bptt.rtrl, {})):
        first = problem.ask(way, **kw)
        assert_same(problem.ask(way, **kw), first, tol=0)
    np.testing.assert_array_equal(problem.x, before.x)
    np.testing.assert_array_equal(np.array(problem.state), np.array(before.state))
    for name in problem.params:
        np.testing.assert_array_equal(problem.params[name], before.params[name])


def test_without_a_state_means_zeros():
    problem = Problem("lstm")
    problem.state = None
    without = {way: problem.ask(way) for way in (bptt.full, bptt.checkpointed, bptt.rtrl)}
    problem.state = (np.zeros((B, H)), np.zeros((B, H)))
    for way, got in without.items():
        assert_same(got, problem.ask(way))


def test_a_window_without_a_loss_still_carries_the_gradient():
    problem = Problem("gru-after")
    problem.weight[:, :7] = 0
    quiet = lambda h_seq, start: problem.loss_fn(h_seq, start) if start + h_seq.shape[1] > 7 else (0.0, None)
    for way, kw in ((bptt.full, {"every": 2}), (bptt.checkpointed, {}), (bptt.rtrl, {}), (bptt.truncated, {"k1": 3, "k2": T + 2})):
        got = way("gru", problem.params, problem.x, quiet, problem.state, **kw)
        assert_same(got, problem.ask(bptt.full))


def test_checkpointed_needs_a_twentieth_of_the_memory():
    def peak(way):
        tracemalloc.start()
        problem.ask(way)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    problem = Problem("lstm", B=16, T=1600, dtype=np.float32)
    assert peak(bptt.checkpointed) <= 0.05 * peak(bptt.full)


# Rung 4: gradients


@cases
def test_full_against_central_differences(case):
    problem = Problem(case)
    states = dict(zip(("h_0", "c_0"), problem.state, strict=True)) if problem.cell == "lstm" else {"h_0": problem.state}
    everything = problem.params | states

    def loss(**arrays):
        problem.state = (arrays["h_0"], arrays["c_0"]) if problem.cell == "lstm" else arrays["h_0"]
        problem.params = {name: arrays[name] for name in problem.params}
        return problem.ask(bptt.full)[0]

    check_gradients(loss, everything, problem.ask(bptt.full)[1], tol=CENTRAL)


# Rung 5 and 6: parity with torch, and the same on other devices


@cases
@pytest.mark.parametrize("k1, k2", [(3, 3), (1, 1), (4, 6)])
def test_truncated_is_autograd_with_detach(case, k1, k2):
    problem = Problem(case)
    windows = [(done, max(0, done + k1 - k2), min(done + k1, T)) for done in range(0, T, k1)]
    loss, grads = autograd(problem, windows)
    got = problem.ask(bptt.truncated, k1=k1, k2=k2)
    assert float(got[0]) == pytest.approx(loss, abs=EXACT)
    for name in grads:
        np.testing.assert_allclose(got[1][name], grads[name], rtol=EXACT, atol=EXACT, err_msg=name)


@everywhere
@cases
def test_arrays_and_tensors_give_the_same(case, place):
    expected, there = Problem(case, T=6), Problem(case, place, T=6)
    for way, kw in ((bptt.full, {}), (bptt.checkpointed, {}), (bptt.truncated, {"k1": 4, "k2": 6}), (bptt.rtrl, {})):
        assert_same(there.ask(way, **kw), expected.ask(way, **kw))
