"""Echo state networks: the random part, the solved part, free running and memory."""

import re

import numpy as np
import pytest

from rnnlib.data.signals import mackey_glass
from rnnlib.scratch.jacobian import spectral_radius
from rnnlib.scratch.reservoir import Reservoir, memory_capacity

EXACT = 1e-12
SINGLE = 2e-5
B, T, D, N, K = 3, 40, 2, 25, 4
rng = np.random.default_rng(0)
X, Y, STATE = rng.standard_normal((B, T, D)), rng.standard_normal((B, T, K)), rng.standard_normal((B, N))


def make(D=D, N=N, dtype=np.float64, fan_in=6, **kw):
    return Reservoir(D, N, fan_in=fan_in, dtype=dtype, **kw)


# Rung 1: shapes and error text


def test_shapes_and_dtypes():
    for dtype in (np.float32, np.float64):
        net = make(dtype=dtype).fit(X, Y, washout=5)
        assert net.W_xh.shape == (D, N) and net.W_hh.shape == (N, N) and net.b_h.shape == (N,)
        assert net.W_hy.shape == (N, K) and net.b_y.shape == (K,)
        for array, shape in zip([*net.run(X), *net.predict(X)], [(B, T, N), (B, N), (B, T, K), (B, N)], strict=True):
            assert array.shape == shape and array.dtype == dtype
    y, h = make().fit(X[:, :-1], X[:, 1:], washout=5).generate(7, STATE)
    assert y.shape == (B, 7, D) and h.shape == (B, N)
    assert memory_capacity(make(D=1), 9, np.random.default_rng(0), T=300).shape == (9,)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: Reservoir(0, N), ValueError, "D: expected a number >= 1, got 0"),
        (lambda: Reservoir(D, 5), ValueError, "fan_in: expected a number >= 1 and <= 5, got 10"),
        (lambda: make(rho=-1), ValueError, "rho: expected a number >= 0, got -1"),
        (lambda: make(leak=0), ValueError, "leak: expected a number > 0 and <= 1, got 0"),
        (lambda: make().run(X[0]), ValueError, f"x: expected shape (B, T, {D}), got ({T}, {D})"),
        (lambda: make().run(X, STATE[:2]), ValueError, f"state: expected shape ({B}, {N}), got (2, {N})"),
        (lambda: make().run(X * np.nan), ValueError, "x: expected finite numbers"),
        (lambda: make().fit(X, Y[:, 1:]), ValueError, f"y: expected shape ({B}, {T}, K), got ({B}, {T - 1}, {K})"),
        (lambda: make().fit(X, Y, washout=T), ValueError, f"washout: expected a number >= 0 and <= {T - 1}, got {T}"),
        (lambda: make().fit(X, Y, washout=1, ridge=0), ValueError, "ridge: expected a number > 0, got 0"),
        (lambda: make().predict(X), ValueError, "Reservoir: expected a fitted read-out, got none"),
        (lambda: make().fit(X, Y, washout=5).generate(3, STATE), ValueError, f"generate: expected a read-out of size D = {D}, got {K}"),
        (lambda: memory_capacity(make(), 3, rng), ValueError, f"reservoir: expected D = 1, got D = {D}"),
        (lambda: memory_capacity(make(D=1), 3, 0), TypeError, "rng: expected a numpy.random.Generator, got int"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match="^" + re.escape(text)):
        call()


# Rung 2: by hand


def test_two_steps_by_hand():
    net = make(leak=0.3)
    W = net.W_hh.toarray()
    h = STATE
    for t in range(2):
        h = 0.7 * h + 0.3 * np.tanh(X[:, t] @ net.W_xh + h @ W + net.b_h)
    np.testing.assert_allclose(net.run(X[:, :2], STATE)[1], h, atol=EXACT)


def test_the_matrix_is_what_was_asked_for():
    net = make(N=300, rho=0.7, fan_in=11)
    W = net.W_hh.toarray()
    assert ((W != 0).sum(axis=0) == 11).all()  # each unit, a column, listens to 11 different ones
    assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(0.7, rel=1e-8)
    assert spectral_radius(make(rho=0).W_hh) == 0
    assert abs(net.W_xh).max() <= 1 and abs(net.b_h).max() <= 0.2
    assert abs(make(input_scale=0.1).W_xh).max() <= 0.1 and not make(bias_scale=0).b_h.any()


# Rung 3: laws


def test_seeds():
    a, b, c = (make(seed=seed).run(X)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert abs(a - c).max() > 0.1


@pytest.mark.parametrize("leak", [1.0, 0.4])
def test_in_pieces_in_prefixes_and_row_by_row(leak):
    net = make(leak=leak)
    h_seq, h_T = net.run(X, STATE)
    first, middle = net.run(X[:, :15], STATE)
    second, end = net.run(X[:, 15:], middle)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), h_seq, atol=EXACT)
    np.testing.assert_allclose(end, h_T, atol=EXACT)
    np.testing.assert_array_equal(h_seq[:, -1], h_T)
    for b in range(B):
        np.testing.assert_allclose(net.run(X[b : b + 1], STATE[b : b + 1])[0][0], h_seq[b], atol=EXACT)
    np.testing.assert_array_equal(net.run(X)[0], net.run(X, np.zeros((B, N)))[0])


def test_states_are_not_views_of_each_other():
    net, x, state = make(), X.copy(), STATE.copy()
    h_seq, h_T = net.run(x, state)
    h_T[...] = 0
    assert h_seq[:, -1].any()
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(state, STATE)


@pytest.mark.parametrize("rho, forgets", [(0.9, True), (1.5, False)])
def test_the_echo_state_property(rho, forgets):
    net = make(D=1, N=200, rho=rho, input_scale=0.1)
    x = 0.1 * np.random.default_rng(1).standard_normal((1, 600, 1))
    _, a = net.run(x, np.ones((1, 200)))
    _, b = net.run(x, -np.ones((1, 200)))
    distance = np.linalg.norm(a - b)
    assert distance < EXACT if forgets else distance > 1


def test_the_read_out_solves_the_ridge_problem_with_a_free_bias():
    net, washout, ridge = make(), 7, 0.3
    net.fit(X, Y, washout=washout, ridge=ridge)
    H = net.run(X)[0][:, washout:].reshape(-1, N)
    residual = H @ net.W_hy + net.b_y - Y[:, washout:].reshape(-1, K)
    np.testing.assert_allclose(H.T @ residual + ridge * net.W_hy, 0, atol=1e-10)  # gradient by W_hy
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-10)  # gradient by b_y: no penalty


def test_a_constant_in_the_target_goes_into_the_bias_alone():
    a, b = make().fit(X, Y, washout=5, ridge=10.0), make().fit(X, Y + 1000, washout=5, ridge=10.0)
    np.testing.assert_allclose(a.W_hy, b.W_hy, atol=1e-9)
    np.testing.assert_allclose(a.b_y + 1000, b.b_y, atol=1e-9)
    np.testing.assert_allclose(make().fit(X, Y, washout=5, ridge=1e12).predict(X)[0], Y[:, 5:].mean(axis=(0, 1)) + 0 * Y, atol=1e-8)


def test_the_washout_is_not_trained_on():
    spoiled = Y.copy()
    spoiled[:, :9] = 1e6
    a, b = make().fit(X, Y, washout=9), make().fit(X, spoiled, washout=9)
    np.testing.assert_array_equal(a.W_hy, b.W_hy)
    spoiled[:, 9] += 1
    assert abs(make().fit(X, spoiled, washout=9).W_hy - a.W_hy).max() > 1e-3


def test_the_fit_begins_in_the_state_that_it_is_given():
    net, h_seq = make(leak=0.1), make(leak=0.1).run(X, STATE)[0]
    readable = h_seq[:, :, :K]
    assert abs(net.fit(X, readable, washout=0, ridge=1e-12, state=STATE).predict(X, STATE)[0] - readable).max() < 1e-6
    assert abs(net.fit(X, readable, washout=0, ridge=1e-12).predict(X, STATE)[0] - readable).max() > 1e-2


def test_targets_are_those_of_the_same_step():
    """What the reservoir computes itself can be read exactly at its own step, and not one step beside it."""
    net = make()
    readable = net.run(X)[0][:, :, :K]
    error = lambda y: abs(net.fit(X, y, washout=5, ridge=1e-12).predict(X)[0] - y)[:, 5:].max()
    assert error(readable) < 1e-6
    assert error(np.roll(readable, 1, axis=1)) > 1e-2
    assert error(np.roll(readable, -1, axis=1)) > 1e-2


def test_running_freely_is_reading_its_own_answers():
    net = make().fit(X[:, :-1], X[:, 1:], washout=5)
    _, state = net.run(X)
    y, h_T = net.generate(6, state)
    np.testing.assert_allclose(y[:, 0], state @ net.W_hy + net.b_y, atol=EXACT)
    answers, end = net.predict(y[:, :-1], state)
    np.testing.assert_allclose(answers, y[:, 1:], atol=EXACT)
    np.testing.assert_allclose(end, h_T, atol=EXACT)
    assert abs(net.predict(X[:, :5], state)[0] - y[:, 1:]).max() > 1e-2  # the truth leads elsewhere


def test_float32_states_are_close_to_float64():
    single, double = make(dtype=np.float32), make()
    np.testing.assert_allclose(single.run(X)[0], double.run(X)[0], atol=SINGLE)


def test_mackey_glass_84_steps_ahead():
    x = np.tanh(mackey_glass(3500, rng=np.random.default_rng(0)) - 1)[None, :, None]
    net = Reservoir(1, 400, leak=0.7).fit(x[:, :2500], x[:, 1:2501])
    h_seq, _ = net.run(x[:, 2300:])
    starts = np.arange(200, 1100, 20)
    ahead = net.generate(84, h_seq[0, starts])[0][:, -1, 0]
    truth = x[0, 2300 + starts + 84, 0]
    back = lambda v: np.arctanh(np.clip(v, -0.999, 0.999)) + 1
    nrmse = np.sqrt(((back(ahead) - back(truth)) ** 2).mean() / back(x).var())
    assert nrmse < 0.01
    off_by_one = np.sqrt(((back(ahead) - back(x[0, 2301 + starts + 84, 0])) ** 2).mean() / back(x).var())
    assert off_by_one > 0.05


@pytest.mark.parametrize("N", [8, 30])
def test_memory_is_bounded_by_the_number_of_units(N):
    r2 = memory_capacity(make(D=1, N=N, fan_in=4, input_scale=0.1, bias_scale=0), 60, np.random.default_rng(2))
    assert (r2 >= 0).all() and (r2 <= 1 + EXACT).all()
    assert 0.3 * N < r2.sum() <= N
    assert r2[0] > 0.99 and r2[-1] < 0.1  # the last step is there, 60 steps back is gone


def test_units_without_connections_remember_one_step_by_their_leak_alone():
    r2 = memory_capacity(make(D=1, rho=0, leak=1.0), 3, np.random.default_rng(3), T=2000)
    assert (r2 < 0.05).all()  # without connections and leak the state holds the present input and nothing before
