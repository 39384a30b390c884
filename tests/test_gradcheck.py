"""The gradient checkers pass right gradients, catch planted wrong ones, and say what is wrong."""

import numpy as np
import pytest
from places import everywhere, put

from rnnlib.arrays import xp_of
from rnnlib.gradcheck import check_gradients, complex_step

EXACT = 1e-14  # complex step
CENTRAL = 1e-8  # central differences
CHECKERS = pytest.mark.parametrize("check", [check_gradients, complex_step])
T, D, H = 4, 3, 5


def setup(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in [("x", (T, D)), ("W", (D, H)), ("U", (H, H)), ("b", (H,))]}


def loss(x, W, U, b):
    h = xp_of(x).tanh(x @ W + b)
    return (h * (h @ U)).sum()


def gradients(x, W, U, b):
    h = np.tanh(x @ W + b)
    da = (h @ U + h @ U.T) * (1 - h * h)
    return {"x": da @ W.T, "W": x.T @ da, "U": h.T @ h, "b": da.sum(0)}


@everywhere
@CHECKERS
def test_a_right_gradient_passes(check, place):
    params = setup()
    grads = gradients(**params)
    errors = check(loss, {k: put(place, v) for k, v in params.items()}, {k: put(place, v) for k, v in grads.items()})
    assert set(errors) == set(params)
    assert max(errors.values()) < (EXACT if check is complex_step else CENTRAL)


def only_last_step(g):
    g["x"][:-1] = 0


def one_block(g):
    g["W"][:, 2:4] *= 1.5


def scattered(g):
    g["W"][0, 1] += 1
    g["W"][2, 1] += 1
    g["W"][1, 3] += 1
    g["W"][0, 0] += 1


PLANTED = {
    "halved": (lambda g: g["W"].__imul__(0.5), "W", "Every entry is 0.5 times what it should be"),
    "divided by T": (lambda g: g["b"].__itruediv__(T), "b", "Every entry is 0.25 times .*: look for a missing or extra factor, or a mean"),
    "sign": (lambda g: g["x"].__imul__(-1), "x", "Every entry has the wrong sign"),
    "never accumulated": (lambda g: g["b"].__imul__(0), "b", "Every entry is 0: is this gradient never accumulated?"),
    "last step only": (only_last_step, "x", r"9 of 12 entries are wrong, all of them at indices 0 to 2 of axis 0; the others are right"),
    "one gate": (one_block, "W", r"6 of 15 entries are wrong, all of them at indices 2 to 3 of axis 1"),
    "scattered": (scattered, "W", r"4 of 15 entries are wrong\."),
    "NaN": (lambda g: g["b"].__setitem__(2, np.nan), "b", r"\[2\].*It holds NaN or infinity"),
    "one entry": (lambda g: g["W"].__setitem__((1, 4), g["W"][1, 4] + 1e-3), "W", r"\[1, 4\].*1 of 15 entries"),
    "a column": (lambda g: g["W"].__setitem__((slice(None), 3), 9.0), "W", r"3 of 15 entries are wrong, all of them at index 3 of axis 1"),
}


@CHECKERS
@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught_and_named(fault, check):
    params = setup()
    grads = gradients(**params)
    plant, name, text = PLANTED[fault]
    plant(grads)
    with pytest.raises(AssertionError, match=f"^gradient of {name} is wrong at .*{text}"):
        check(loss, params, grads)


@CHECKERS
def test_a_transposed_square_gradient_is_named(check):
    U, v = np.arange(9.0).reshape(3, 3), np.array([1.0, 2.0, 4.0])
    right = np.outer(v, v * v)
    assert max(check(lambda U: v @ U @ (v * v), {"U": U}, {"U": right}).values()) < CENTRAL
    with pytest.raises(AssertionError, match="It is the transpose of what it should be"):
        check(lambda U: v @ U @ (v * v), {"U": U}, {"U": right.T})


@CHECKERS
def test_a_loss_that_ignores_its_argument_is_named(check):
    outside = np.ones(3)
    with pytest.raises(AssertionError, match="does f use the array that it is given"):
        check(lambda w: (outside**2).sum() + 0 * w.sum(), {"w": np.ones(3)}, {"w": 2 * outside})


@CHECKERS
def test_the_message_holds_index_and_both_values(check):
    with pytest.raises(AssertionError, match=r"^gradient of w is wrong at \[1\]: expected 4, got 5 \(relative error 0\.2\)\. 1 of 2"):
        check(lambda w: (w**2).sum(), {"w": np.array([1.0, 2.0])}, {"w": np.array([2.0, 5.0])})


@CHECKERS
def test_small_entries_are_not_excused(check):
    w = np.array([1.0, 1e-4])
    check(lambda w: (w**2).sum(), {"w": w}, {"w": 2 * w})
    with pytest.raises(AssertionError, match=r"wrong at \[1\]"):
        check(lambda w: (w**2).sum(), {"w": w}, {"w": np.array([2.0, 2.1e-4])})


def test_zero_gradients_agree():
    assert check_gradients(lambda w: 0 * w.sum(), {"w": np.ones(2)}, {"w": np.zeros(2)}) == {"w": 0.0}
    assert complex_step(lambda w: 0 * w.sum(), {"w": np.ones(2)}, {"w": np.zeros(2)}) == {"w": 0.0}


def test_the_difference_is_central():
    # L = w^3 at 1: central is off by eps^2 = 1e-4 / 3 relative, one-sided would be off by eps = 1e-2.
    error = check_gradients(lambda w: (w**3).sum(), {"w": np.ones(1)}, {"w": np.full(1, 3.0)}, eps=1e-2, tol=1e-3)["w"]
    assert error == pytest.approx(1e-4 / 3, rel=1e-2)


def test_the_complex_step_is_exact_where_differences_are_not():
    w = np.array([0.3])
    right = {"w": np.cos(50 * w) * 50}
    assert complex_step(lambda w: np.sin(50 * w).sum(), {"w": w}, right)["w"] < EXACT
    with pytest.raises(AssertionError):
        check_gradients(lambda w: np.sin(50 * w).sum(), {"w": w}, right, tol=1e-12)


def test_samples_bounds_the_number_of_losses():
    calls = []

    def f(w):
        calls.append(1)
        return (w * w).sum()

    w = np.arange(40.0).reshape(5, 8)
    check_gradients(f, {"w": w}, {"w": 2 * w}, samples=3, rng=np.random.default_rng(1), tol=1e-6)
    assert len(calls) == 2 + 2 * 3
    with pytest.raises(AssertionError, match=r"Every entry is 2 times"):
        check_gradients(f, {"w": w}, {"w": 4 * w}, samples=3)


@CHECKERS
def test_nothing_is_left_behind_even_after_an_exception(check):
    params = setup()
    before = {k: v.copy() for k, v in params.items()}
    grads = gradients(**params)
    check(loss, params, grads)
    calls = []

    def breaks(**arrays):
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("in the middle")
        return loss(**arrays)

    with pytest.raises(RuntimeError, match="in the middle"):
        check(breaks, params, grads)
    for name in params:
        np.testing.assert_array_equal(params[name], before[name])


@CHECKERS
def test_scalars_and_strided_parameters(check):
    base = np.arange(12.0).reshape(3, 4)
    params = {"s": np.array(3.0), "w": base.T[::2]}
    grads = {"s": 2 * params["s"] * params["w"].sum(), "w": np.full((2, 3), 9.0)}
    check(lambda s, w: s * s * w.sum(), params, grads, tol=1e-6)
    with pytest.raises(AssertionError, match=r"gradient of s is wrong at \[\]"):
        check(lambda s, w: s * s * w.sum(), params, grads | {"s": np.array(1.0)})


@CHECKERS
def test_bad_arguments(check):
    w = np.ones((2, 3))
    f = lambda w: (w * w).sum()
    for params, grads, error, text in [
        (w, {"w": w}, TypeError, r"params: expected a dict of arrays, got ndarray"),
        ({"w": w}, {}, ValueError, r"grads: expected the names \['w'\], got \[\]"),
        ({"w": w}, {"w": w, "c": w}, ValueError, r"grads: expected the names \['w'\], got \['c', 'w'\]"),
        ({"w": w}, {"w": w.T}, ValueError, r"grads\['w'\]: expected shape \(2, 3\), got \(3, 2\): it looks transposed"),
        ({"w": w}, {"w": w[0]}, ValueError, r"grads\['w'\]: expected shape \(2, 3\), got \(3,\)$"),
        ({"w": w.astype(np.float32)}, {"w": w}, TypeError, r"params\['w'\]: expected dtype float64"),
        ({"w": w * np.nan}, {"w": w}, ValueError, r"params\['w'\]: expected finite numbers"),
        ({"w": [1.0]}, {"w": w}, TypeError, r"params\['w'\]: expected an array, got list"),
    ]:
        with pytest.raises(error, match=text):
            check(f, params, grads)
    with pytest.raises(TypeError, match=r"f: expected one number, got ndarray of shape \(3,\)"):
        check(lambda w: w.sum(0), {"w": w}, {"w": w})
    with pytest.raises(ValueError, match=r"f: expected a finite loss, got"):
        check(lambda w: w.sum() * np.inf if check is check_gradients else complex(np.inf), {"w": w}, {"w": w})


def test_a_loss_that_draws_or_mutates_is_refused():
    rng = np.random.default_rng(0)
    w = np.ones(3)
    with pytest.raises(ValueError, match="the same loss for the same arrays"):
        check_gradients(lambda w: (w * rng.random(3)).sum(), {"w": w}, {"w": w})
    with pytest.raises(ValueError, match="does it draw random numbers or change its arguments"):
        check_gradients(lambda w: w.__imul__(2).sum(), {"w": w}, {"w": w})
    with pytest.raises(ValueError, match=r"eps: expected a number > 0, got 0"):
        check_gradients(lambda w: w.sum(), {"w": w}, {"w": w}, eps=0)
    with pytest.raises(ValueError, match=r"samples: expected a number >= 1, got 0"):
        check_gradients(lambda w: w.sum(), {"w": w}, {"w": w}, samples=0)


def test_a_complex_loss_cut_to_float_is_refused():
    with pytest.raises(TypeError, match="expected a complex loss for complex arrays, got float"):
        complex_step(lambda w: float(w.real.sum()), {"w": np.ones(2)}, {"w": np.ones(2)})
