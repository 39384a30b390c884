"""The penalty of Pascanu, Mikolov & Bengio: by hand, by explicit Jacobians, by its laws, its gradient, and torch."""

import math

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.gradcheck import check_gradients, complex_step
from rnnlib.scratch.init import orthogonal
from rnnlib.scratch.penalty import omega_penalty, state_gradients
from rnnlib.scratch.rnn import rnn_backward, rnn_forward

PARITY = 1e-12
EXACT = 1e-14
CENTRAL = 1e-7
B, T, D, H = 2, 4, 3, 5
both = pytest.mark.parametrize("activation", ["tanh", "relu"])


def network(seed=0, activation="tanh"):
    """States and their total gradients of a network whose loss stands at steps 2 and 4."""
    rng = np.random.default_rng(seed)
    params = {"W_xh": rng.standard_normal((D, H)), "W_hh": 0.7 * rng.standard_normal((H, H)), "b_h": rng.standard_normal(H)}
    x = rng.standard_normal((B, T, D))
    h_seq, _, tape = rnn_forward(x, **params, activation=activation)
    dh_seq = np.zeros((B, T, H))
    dh_seq[:, [1, 3]] = rng.standard_normal((B, 2, H))
    return h_seq, dh_seq, params["W_hh"], tape


def case(activation="tanh", seed=0):
    h_seq, dh_seq, W_hh, _ = network(seed, activation)
    return state_gradients(dh_seq, h_seq, W_hh, activation), h_seq, W_hh


def slope(h, activation="tanh"):
    return 1 - h * h if activation == "tanh" else (h > 0).astype(float)


# ---- the gradient of every state ----


@everywhere
@both
def test_state_gradients_give_the_weight_gradients_of_backpropagation(place, activation):
    h_seq, dh_seq, W_hh, tape = network(1, activation)
    delta = back(state_gradients(*put(place, dh_seq, h_seq, W_hh), activation))
    h_prev = np.concatenate([np.zeros((B, 1, H)), h_seq[:, :-1]], axis=1)
    dW_hh = np.einsum("bth,btk->hk", h_prev, delta * slope(h_seq, activation))
    np.testing.assert_allclose(dW_hh, rnn_backward(dh_seq, tape)["W_hh"], atol=PARITY)


def test_state_gradients_are_causal_and_leave_their_input_alone():
    h_seq, dh_seq, W_hh, _ = network(2)
    dh_seq[:, 2:] = 0
    before = dh_seq.copy()
    delta = state_gradients(dh_seq, h_seq, W_hh)
    assert not delta[:, 2:].any() and delta[:, :2].all()
    np.testing.assert_array_equal(dh_seq, before)


def test_state_gradients_equal_torch():
    h_seq, dh_seq, W_hh, tape = network(3)
    W, drive = torch.tensor(W_hh), torch.tensor(tape.x.swapaxes(0, 1) @ tape.W_xh)
    bias = torch.tensor(np.arctanh(h_seq[:, :1]) - drive.numpy()[:, :1])
    states, h = [], torch.zeros(B, H, dtype=torch.float64)
    for t in range(T):
        h = torch.tanh(drive[:, t] + h @ W + bias[:, 0]).requires_grad_()
        h.retain_grad()
        states.append(h)
    torch.stack(states, 1).backward(torch.tensor(dh_seq))
    delta = state_gradients(dh_seq, h_seq, W_hh)
    np.testing.assert_allclose(delta, torch.stack([s.grad for s in states], 1), atol=PARITY)


# ---- the penalty by hand and by its definition ----


@everywhere
def test_by_hand(place):
    # h = 1/2: slope 3/4; w = 4: the error grows by 3 a step, so (3 - 1)^2 = 4, and its derivative is 2 * 2 * 3/4 = 3.
    omega, dW = omega_penalty(*put(place, np.full((1, 1, 1), -7.0), np.full((1, 1, 1), 0.5), np.full((1, 1), 4.0)))
    assert omega == pytest.approx(4.0, abs=EXACT)
    np.testing.assert_allclose(back(dW), [[3.0]], atol=EXACT)


def by_definition(delta, h_seq, W_hh, activation="tanh"):
    """Row by row and step by step, with explicit Jacobians dh_t / dh_{t-1}, [i, k] = dh_t[k] / dh_{t-1}[i]."""
    total = 0.0
    for b in range(len(delta)):
        for t in range(delta.shape[1]):
            jacobian = W_hh @ np.diag(slope(h_seq[b, t], activation))
            if delta[b, t].any():
                total += (np.linalg.norm(jacobian @ delta[b, t]) / np.linalg.norm(delta[b, t]) - 1) ** 2
    return total / len(delta)


@everywhere
@both
def test_equals_its_definition(place, activation):
    delta, h_seq, W_hh = case(activation)
    omega, dW_hh = omega_penalty(*put(place, delta, h_seq, W_hh), activation)
    assert omega == pytest.approx(by_definition(delta, h_seq, W_hh, activation), rel=PARITY)
    assert tuple(dW_hh.shape) == (H, H)


def planted(delta, h_seq, W_hh, *, transposed=False, no_slope=False, step=0, total=False, squared=False, direct=None):
    d = delta if direct is None else direct
    u = d if no_slope else d * slope(np.roll(h_seq, step, axis=1))
    v = u @ (W_hh if transposed else W_hh.T)
    with np.errstate(all="ignore"):
        ratio = np.linalg.norm(v, axis=-1) / np.linalg.norm(d, axis=-1)
    off = np.nan_to_num(ratio**2 if squared else ratio, nan=1.0) - 1
    return (off**2).sum() / (1 if total else len(delta))


def test_planted_mistakes_miss_the_definition():
    h_seq, dh_seq, W_hh, _ = network()
    delta, right = state_gradients(dh_seq, h_seq, W_hh), by_definition(*case())
    assert planted(delta, h_seq, W_hh) == pytest.approx(right, rel=PARITY)
    for fault in [
        {"transposed": True},
        {"no_slope": True},
        {"step": 1},
        {"total": True},
        {"squared": True},
        {"direct": dh_seq},
    ]:
        assert planted(delta, h_seq, W_hh, **fault) != pytest.approx(right, rel=1e-3), fault


# ---- laws ----


@everywhere
def test_an_orthogonal_matrix_with_slope_one_costs_nothing(place):
    delta, _, _ = case()
    Q = orthogonal((H, H), np.random.default_rng(4), dtype=np.float64)
    for scale in (1.0, 0.5):
        omega, dW = omega_penalty(*put(place, delta, np.zeros((B, T, H)), scale * Q))
        assert omega == pytest.approx(T * (scale - 1) ** 2, abs=EXACT)
        if scale == 1.0:
            np.testing.assert_allclose(back(dW), 0, atol=EXACT)


@everywhere
@pytest.mark.parametrize("dtype, size, tolerance", [(np.float64, 1e-200, PARITY), (np.float64, 1e200, PARITY), (np.float32, 1e-30, 1e-4)])
def test_only_the_direction_of_the_error_matters(place, dtype, size, tolerance):
    delta, h_seq, W_hh = case()
    omega, dW = omega_penalty(delta, h_seq, W_hh)
    tiny, dtiny = omega_penalty(*put(place, (size * delta).astype(dtype), h_seq.astype(dtype), W_hh.astype(dtype)))
    assert tiny == pytest.approx(omega, rel=tolerance)
    np.testing.assert_allclose(back(dtiny), dW, rtol=tolerance, atol=tolerance)
    assert back(dtiny).dtype == dtype


@both
def test_mean_over_rows_sum_over_steps(activation):
    delta, h_seq, W_hh = case(activation)
    omega, dW = omega_penalty(delta, h_seq, W_hh, activation)
    rows = [omega_penalty(delta[b : b + 1], h_seq[b : b + 1], W_hh, activation) for b in range(B)]
    assert omega == pytest.approx(np.mean([r[0] for r in rows]), rel=PARITY)
    np.testing.assert_allclose(dW, np.mean([r[1] for r in rows], axis=0), atol=PARITY)
    steps = [omega_penalty(delta[:, t : t + 1], h_seq[:, t : t + 1], W_hh, activation) for t in range(T)]
    assert omega == pytest.approx(np.sum([s[0] for s in steps]), rel=PARITY)
    np.testing.assert_allclose(dW, np.sum([s[1] for s in steps], axis=0), atol=PARITY)


@everywhere
def test_steps_without_an_error_add_nothing(place):
    delta, h_seq, W_hh = case()
    delta[0, 2:] = 0
    omega, dW = omega_penalty(*put(place, delta, h_seq, W_hh))
    assert omega == pytest.approx(by_definition(delta, h_seq, W_hh), rel=PARITY)
    assert np.isfinite(back(dW)).all()
    omega, dW = omega_penalty(*put(place, 0 * delta, h_seq, W_hh))
    assert omega == 0 and not back(dW).any()


@everywhere
def test_a_step_that_lets_nothing_through_costs_one_and_has_no_gradient(place):
    delta, _, W_hh = case()
    omega, dW = omega_penalty(*put(place, delta, np.ones((B, T, H)), W_hh))  # every unit saturated
    assert omega == pytest.approx(T, abs=EXACT) and not back(dW).any()


@both
def test_following_the_gradient_lowers_the_penalty_and_nothing_is_mutated(activation):
    delta, h_seq, W_hh = case(activation)
    before = [a.copy() for a in (delta, h_seq, W_hh)]
    omega, dW = omega_penalty(delta, h_seq, W_hh, activation)
    assert omega_penalty(delta, h_seq, W_hh - 1e-3 * dW, activation)[0] < omega
    for a, b in zip((delta, h_seq, W_hh), before, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- gradient ----


@everywhere
@both
def test_gradient_with_errors_and_states_held_constant(place, activation):
    delta, h_seq, W_hh = case(activation)
    delta[0, 3] = 0
    delta, h_seq, W_hh = put(place, delta, h_seq, W_hh)
    grads = {"W_hh": omega_penalty(delta, h_seq, W_hh, activation)[1]}
    check_gradients(lambda W_hh: omega_penalty(delta, h_seq, W_hh, activation)[0], {"W_hh": W_hh}, grads, tol=CENTRAL)
    f = lambda W_hh: omega_penalty(delta + 0 * W_hh.sum(), h_seq + 0 * W_hh.sum(), W_hh, activation)[0]
    complex_step(f, {"W_hh": W_hh}, grads, tol=EXACT)


def test_the_stopped_gradient_is_not_the_whole_one():
    h_seq, dh_seq, W_hh, tape = network()
    drive = tape.x.swapaxes(0, 1) @ tape.W_xh

    def whole(W_hh):
        h_seq, h = np.empty((B, T, H), W_hh.dtype), 0
        for t in range(T):
            h = np.tanh(drive[:, t] + h @ W_hh if t else drive[:, t])
            h_seq[:, t] = h
        return omega_penalty(state_gradients(dh_seq + 0 * W_hh.sum(), h_seq, W_hh), h_seq, W_hh)[0]

    with pytest.raises(AssertionError, match="gradient of W_hh is wrong"):
        complex_step(whole, {"W_hh": W_hh}, {"W_hh": omega_penalty(state_gradients(dh_seq, h_seq, W_hh), h_seq, W_hh)[1]})


@both
def test_equals_torch(activation):
    delta, h_seq, W_hh = case(activation)
    leaf = torch.tensor(W_hh, requires_grad=True)
    d, u = torch.tensor(delta), torch.tensor(delta * slope(h_seq, activation))
    expected = (((u @ leaf.T).norm(dim=-1) / d.norm(dim=-1) - 1) ** 2).sum() / B
    expected.backward()
    omega, dW = omega_penalty(delta, h_seq, W_hh, activation)
    assert omega == pytest.approx(expected.item(), rel=PARITY)
    np.testing.assert_allclose(dW, leaf.grad, atol=PARITY)


@pytest.mark.parametrize("function", [state_gradients, omega_penalty])
def test_bad_arguments_are_named(function):
    delta, h_seq, W_hh = case()
    first = "delta" if function is omega_penalty else "dh_seq"
    for args, error, text in [
        ((delta[0], h_seq, W_hh), ValueError, rf"{first}: expected shape \(2, 4, 5\), got \(4, 5\)"),
        ((delta, h_seq[0], W_hh), ValueError, r"h_seq: expected shape \(B, T, H\), got \(4, 5\)"),
        ((delta[:, 1:], h_seq, W_hh), ValueError, rf"{first}: expected shape \(2, 4, 5\), got \(2, 3, 5\)"),
        ((delta, h_seq, W_hh[1:]), ValueError, r"W_hh: expected shape \(5, 5\), got \(4, 5\)"),
        ((delta, h_seq, W_hh.astype("f4")), TypeError, r"W_hh: expected dtype float64, got float32"),
        ((delta * math.nan, h_seq, W_hh), ValueError, rf"{first}: expected finite numbers"),
        ((delta.tolist(), h_seq, W_hh), TypeError, rf"{first}: expected an array, got list"),
        ((delta, h_seq, W_hh, "sigmoid"), ValueError, r"activation: expected one of 'tanh', 'relu', got 'sigmoid'"),
    ]:
        with pytest.raises(error, match=text):
            function(*args)
