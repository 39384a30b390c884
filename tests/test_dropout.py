"""Dropout in its four forms: what is dropped, how often, that the mean stays, and what flows back."""

import math

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.gradcheck import check_gradients, complex_step
from rnnlib.scratch.dropout import (
    dropout,
    dropout_backward,
    dropout_mask,
    recurrent_dropout,
    recurrent_dropout_backward,
    variational_dropout,
    zoneout,
    zoneout_backward,
)

EXACT = 1e-14
CENTRAL = 1e-7
PARITY = 1e-12
SIGMAS = 5  # a right draw fails one time in 1.7 million
B, T, D, H, P = 2, 3, 4, 5, 0.3


def rng(seed=0):
    return np.random.default_rng(seed)


def is_rate(values, p):
    """Whether the mean of 0/1 ``values`` is ``p`` up to chance."""
    return abs(values.mean() - p) < SIGMAS * math.sqrt(p * (1 - p) / values.size)


@pytest.fixture
def x():
    return rng(1).uniform(1, 2, (B, T, D))


@pytest.fixture
def cell():
    r = rng(2)
    return {"c_prev": r.standard_normal((B, H)), "i_t": r.random((B, H)), "f_t": r.random((B, H)), "g_t": r.uniform(-1, 1, (B, H))}


# ---- what is dropped, and how often ----


@everywhere
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mask_holds_zero_or_one_over_one_minus_p(place, dtype):
    mask = back(dropout_mask((100, 200), P, rng(), put(place, np.ones(1, dtype))))
    assert mask.dtype == dtype
    np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - P)], rtol=1e-6)
    assert is_rate(mask == 0, P)
    assert not is_rate(mask == 0, 1 - P)


@everywhere
def test_the_mean_over_draws_is_the_input(place):
    x = put(place, np.full((50, 30, 20), 3.0))
    for layer, n in ((dropout, 50 * 30 * 20), (variational_dropout, 50 * 20)):
        y = back(layer(x, P, rng())[0])
        assert abs(y.mean() - 3) < SIGMAS * 3 * math.sqrt(P / (1 - P) / n)


def test_every_step_its_own_mask_or_one_mask_a_sequence():
    x = np.ones((20, 30, 10))
    steps = (dropout(x, P, rng())[0] == 0).reshape(20, 30, 10)
    assert not (steps == steps[:, :1]).all() and is_rate(steps, P)
    one = variational_dropout(x, P, rng())[0] == 0
    assert (one == one[:, :1]).all() and is_rate(one[:, 0], P)
    assert not (one == one[:1]).all()  # rows have masks of their own
    assert not (one == one[..., :1]).all()  # and so have units


@everywhere
@pytest.mark.parametrize("layer", [dropout, variational_dropout])
def test_off_in_evaluation_and_at_p_0(x, place, layer):
    x = put(place, x)
    y, tape = layer(x, P, None, training=False)
    assert y is x and tape["mask"] is None
    dy = put(place, rng(3).standard_normal((B, T, D)))
    np.testing.assert_array_equal(back(dropout_backward(dy, tape)["x"]), back(dy))
    np.testing.assert_array_equal(back(layer(x, 0.0, rng())[0]), back(x))


@pytest.mark.parametrize("layer", [dropout, variational_dropout])
def test_seed_decides_input_untouched_and_the_mask_can_be_used_again(x, layer):
    before = x.copy()
    y, tape = layer(x, P, rng(4))
    np.testing.assert_array_equal(layer(x, P, rng(4))[0], y)
    assert not np.array_equal(layer(x, 0.5, rng(5))[0], y)
    np.testing.assert_array_equal(layer(x, P, None, mask=tape["mask"])[0], y)
    np.testing.assert_array_equal(x, before)


def test_the_same_draws_in_both_libraries(x):
    for layer in (dropout, variational_dropout):
        np.testing.assert_array_equal(back(layer(torch.tensor(x), P, rng(6))[0]), layer(x, P, rng(6))[0])


# ---- recurrent dropout: by hand and by its law ----


@everywhere
def test_recurrent_dropout_by_hand(cell, place):
    c_prev, i_t, f_t, g_t = (put(place, v) for v in cell.values())
    mask = put(place, np.tile([0.0, 2.0, 0.0, 2.0, 2.0], (B, 1)))
    c_t = back(recurrent_dropout(c_prev, i_t, f_t, g_t, 0.5, None, mask=mask)[0])
    kept, written = cell["f_t"] * cell["c_prev"], cell["i_t"] * cell["g_t"]
    np.testing.assert_allclose(c_t[:, [0, 2]], kept[:, [0, 2]], atol=EXACT)
    np.testing.assert_allclose(c_t[:, [1, 3, 4]], (kept + 2 * written)[:, [1, 3, 4]], atol=EXACT)
    off = recurrent_dropout(c_prev, i_t, f_t, g_t, 0.5, None, training=False)[0]
    np.testing.assert_allclose(back(off), kept + written, atol=EXACT)


def test_recurrent_dropout_never_drops_a_memory(cell):
    one, zero = np.ones((B, H)), np.zeros((B, H))
    c, r = cell["c_prev"], rng(7)
    for _ in range(50):
        c = recurrent_dropout(c, zero, one, cell["g_t"], 0.9, r)[0]
    np.testing.assert_array_equal(c, cell["c_prev"])


def test_recurrent_dropout_keeps_the_mean():
    one = np.ones((300, 100))
    c_t = recurrent_dropout(one, one, one, one, P, rng(8))[0]
    assert abs(c_t.mean() - 2) < SIGMAS * math.sqrt(P / (1 - P) / one.size)


# ---- zoneout: by hand and by its law ----


@everywhere
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zoneout_takes_old_or_new_and_nothing_else(place, dtype):
    old, new = put(place, np.full((300, 100), 2, dtype), np.full((300, 100), 5, dtype))
    y = back(zoneout(old, new, P, rng())[0])
    assert y.dtype == dtype
    np.testing.assert_array_equal(np.unique(y), [2, 5])
    assert is_rate(y == 2, P)
    expected = back(zoneout(old, new, P, None, training=False)[0])
    np.testing.assert_allclose(expected, P * 2 + (1 - P) * 5, rtol=1e-6)
    np.testing.assert_array_equal(back(zoneout(old, new, 0.0, rng())[0]), 5)


# ---- gradients ----


@everywhere
@pytest.mark.parametrize("layer", [dropout, variational_dropout])
def test_gradient_of_dropout(x, place, layer):
    x = put(place, x)
    y, tape = layer(x, P, rng(9))
    weight = put(place, rng(10).standard_normal((B, T, D)))
    f = lambda x: (layer(x, P, rng(9))[0] ** 2 * weight).sum()
    grads = dropout_backward(2 * y * weight, tape)
    complex_step(f, {"x": x}, grads, tol=EXACT)
    check_gradients(f, {"x": x}, grads, tol=CENTRAL)
    np.testing.assert_array_equal(back(grads["x"]) == 0, back(y) == 0)


@everywhere
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_recurrent_dropout(cell, place, training):
    args = {k: put(place, v) for k, v in cell.items()}
    weight = put(place, rng(11).standard_normal((B, H)))
    f = lambda **a: (recurrent_dropout(**a, p=P, rng=rng(12), training=training)[0] ** 2 * weight).sum()
    c_t, tape = recurrent_dropout(**args, p=P, rng=rng(12), training=training)
    grads = recurrent_dropout_backward(2 * c_t * weight, tape)
    complex_step(f, args, grads, tol=EXACT)
    check_gradients(f, args, grads, tol=CENTRAL)


@everywhere
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_zoneout(place, training):
    args = {"h_prev": put(place, rng(13).standard_normal((B, H))), "h_t": put(place, rng(14).standard_normal((B, H)))}
    weight = put(place, rng(15).standard_normal((B, H)))
    f = lambda **a: (zoneout(**a, p=P, rng=rng(16), training=training)[0] ** 2 * weight).sum()
    y, tape = zoneout(**args, p=P, rng=rng(16), training=training)
    grads = zoneout_backward(2 * y * weight, tape)
    complex_step(f, args, grads, tol=EXACT)
    check_gradients(f, args, grads, tol=CENTRAL)


def test_gradients_equal_autograd(x, cell):
    leaf = torch.tensor(x, requires_grad=True)
    _, tape = dropout(x, P, rng(17))
    dy = rng(18).standard_normal((B, T, D))
    (leaf * torch.tensor(tape["mask"])).backward(torch.tensor(dy))
    np.testing.assert_allclose(dropout_backward(dy, tape)["x"], leaf.grad, atol=PARITY)
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in cell.items()}
    _, tape = recurrent_dropout(**cell, p=P, rng=rng(19))
    dc_t = rng(20).standard_normal((B, H))
    expected = leaves["f_t"] * leaves["c_prev"] + leaves["i_t"] * (torch.tensor(tape["mask"]) * leaves["g_t"])
    expected.backward(torch.tensor(dc_t))
    for name, grad in recurrent_dropout_backward(dc_t, tape).items():
        np.testing.assert_allclose(grad, leaves[name].grad, atol=PARITY)


# ---- planted mistakes ----


def broken_laws(layer):
    """The laws of variational dropout that ``layer(x, p, rng, training)`` breaks."""
    x, broken = np.ones((200, 6, 50)), set()
    y = layer(x.copy(), P, rng(21), True)
    if abs(y.mean() - 1) > SIGMAS * math.sqrt(P / (1 - P) / 10_000):
        broken.add("the mean is the input")
    if not (y == y[:, :1]).all():
        broken.add("one mask a sequence")
    if (y == y[:1]).all():
        broken.add("rows have masks of their own")
    if not is_rate(y[:, 0] == 0, P):
        broken.add("p is the rate of dropping")
    if not np.array_equal(layer(x.copy(), P, rng(21), False), x):
        broken.add("off in evaluation")
    return broken


def planted(shape=(200, 1, 50), scale=1 / (1 - P), always=False, flip=False, factor=1.0):
    def layer(x, p, r, training):
        if not training and not always:
            return x * factor
        drop = r.random(shape) < p
        return x * (drop if flip else ~drop) * scale

    return layer


def test_ours_and_a_plant_without_a_fault_break_no_law():
    assert broken_laws(planted()) == set()
    assert broken_laws(lambda x, p, r, training: variational_dropout(x, p, r, training=training)[0]) == set()


FAULTS = {
    "a new mask at every step": planted(shape=(200, 6, 50)),
    "one mask for the whole batch": planted(shape=(1, 1, 50)),
    "no 1/(1-p)": planted(scale=1.0, factor=1 - P),
    "divided by p": planted(scale=1 / P),
    "drops in evaluation": planted(always=True),
    "p keeps instead of drops": planted(flip=True, scale=1 / P),
    "scaled again in evaluation": planted(factor=1 - P),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_mistake_breaks_a_law(fault):
    assert broken_laws(FAULTS[fault])


# ---- bad arguments ----


def test_bad_arguments_are_named(x, cell):
    h = cell["c_prev"]
    _, tape = dropout(x, P, rng())
    for call, error, text in [
        (lambda: dropout(x, 1.0, rng()), ValueError, r"p: expected a probability below 1, got 1.0"),
        (lambda: dropout(x, -0.1, rng()), ValueError, r"p: expected a number >= 0, got -0.1"),
        (lambda: dropout(x, "0", rng()), TypeError, r"p: expected a number, got str"),
        (lambda: dropout(x, 1.0, None, training=False), ValueError, r"p: expected a probability below 1"),
        (lambda: dropout(x, P, None), TypeError, r"rng: expected a numpy.random.Generator, got NoneType"),
        (lambda: dropout(x, P, 0), TypeError, r"rng: expected a numpy.random.Generator, got int"),
        (lambda: dropout(x, P, rng(), training=1), TypeError, r"training: expected True or False, got int"),
        (lambda: dropout(x.tolist(), P, rng()), TypeError, r"x: expected an array, got list"),
        (lambda: dropout(x.astype(int), P, rng()), TypeError, r"x: expected a floating-point dtype"),
        (lambda: dropout(x * np.nan, P, rng()), ValueError, r"x: expected finite numbers"),
        (lambda: dropout(x, P, None, mask=x[:, :1]), ValueError, r"mask: expected shape \(2, 3, 4\), got \(2, 1, 4\)"),
        (lambda: dropout_backward(x[0], tape), ValueError, r"dy: expected shape \(2, 3, 4\), got \(3, 4\)"),
        (lambda: variational_dropout(x[0], P, rng()), ValueError, r"x: expected shape \(B, T, D\), got \(3, 4\)"),
        (lambda: variational_dropout(x, P, None, mask=x), ValueError, r"mask: expected shape \(2, 1, 4\), got \(2, 3, 4\)"),
        (lambda: recurrent_dropout(**cell | {"g_t": h[:, 1:]}, p=P, rng=rng()), ValueError, r"g_t: expected shape \(2, 5\), got \(2, 4\)"),
        (lambda: recurrent_dropout(**cell | {"i_t": h.astype("f4")}, p=P, rng=rng()), TypeError, r"i_t: expected dtype float64"),
        (lambda: zoneout(h, h[:1], P, rng()), ValueError, r"h_t: expected shape \(2, 5\), got \(1, 5\)"),
        (lambda: zoneout(h, h, P, None), TypeError, r"rng: expected a numpy.random.Generator"),
        (lambda: zoneout(h, h, P, None, mask=h), TypeError, r"mask: expected dtype bool, got float64"),
        (lambda: zoneout_backward(h[:1], zoneout(h, h, P, rng())[1]), ValueError, r"dy: expected shape \(2, 5\), got \(1, 5\)"),
    ]:
        with pytest.raises(error, match=text):
            call()
