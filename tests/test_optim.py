"""Optimisers: the first step by hand, their laws, and torch's path over many steps."""

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.scratch.optim import SGD, Adagrad, Adam, RMSProp

PARITY = 1e-12
SHAPES = {"W_x": (3, 8), "b": (8,), "s": ()}
EVERY = {
    "sgd": (lambda p: SGD(p, 0.1), lambda q: torch.optim.SGD(q, 0.1)),
    "momentum": (lambda p: SGD(p, 0.1, momentum=0.9), lambda q: torch.optim.SGD(q, 0.1, momentum=0.9)),
    "adagrad": (lambda p: Adagrad(p), lambda q: torch.optim.Adagrad(q)),
    "adagrad with its own numbers": (lambda p: Adagrad(p, 0.3, eps=0.1), lambda q: torch.optim.Adagrad(q, 0.3, eps=0.1)),
    "rmsprop": (lambda p: RMSProp(p), lambda q: torch.optim.RMSprop(q)),
    "rmsprop with its own numbers": (
        lambda p: RMSProp(p, 0.05, alpha=0.8, eps=0.1),
        lambda q: torch.optim.RMSprop(q, 0.05, alpha=0.8, eps=0.1),
    ),
    "adam": (lambda p: Adam(p), lambda q: torch.optim.Adam(q)),
    "adam with its own numbers": (
        lambda p: Adam(p, 0.05, betas=(0.5, 0.8), eps=0.1),
        lambda q: torch.optim.Adam(q, 0.05, betas=(0.5, 0.8), eps=0.1),
    ),
}
each = pytest.mark.parametrize("name", EVERY)


def parameters(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: np.array(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


@everywhere
@each
def test_follows_torch(name, place):
    ours, theirs = EVERY[name]
    start = parameters()
    params = {k: put(place, v.copy()) for k, v in start.items()}
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
    optimiser, oracle = ours(params), theirs(list(leaves.values()))
    for k in range(20):
        grads = parameters(seed=1 + k)
        if k % 5 == 0:
            grads["b"][:4] = 0  # entries without a gradient, the very first step included
        if k == 10:  # a schedule changes the step size on the way
            optimiser.lr *= 0.3
            oracle.param_groups[0]["lr"] *= 0.3
        optimiser.step({n: put(place, g) for n, g in grads.items()})
        for n, leaf in leaves.items():
            leaf.grad = torch.tensor(grads[n])
        oracle.step()
    for n, leaf in leaves.items():
        np.testing.assert_allclose(back(params[n]), leaf.detach(), rtol=PARITY, atol=PARITY)


@everywhere
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each
def test_in_place_gradients_untouched_dtype_kept(name, place, dtype):
    params = {k: put(place, v) for k, v in parameters(dtype=dtype).items()}
    before = {k: back(v).copy() for k, v in params.items()}
    arrays = dict(params)
    raw = parameters(seed=9, dtype=dtype)
    grads = {k: put(place, v.copy()) for k, v in raw.items()}
    optimiser = EVERY[name][0](params)
    optimiser.step(grads)
    optimiser.step(grads)
    for k in params:
        assert params[k] is arrays[k] and back(params[k]).dtype == dtype
        assert (back(params[k]) != before[k]).all()
        np.testing.assert_array_equal(back(grads[k]), raw[k])


def test_first_steps_by_hand():
    grad = {"w": np.array([4.0])}
    for make, expected in [
        (lambda p: SGD(p, 0.5), [-1.0, -3.0]),
        (lambda p: SGD(p, 0.5, momentum=0.5), [-1.0, -4.0]),  # 0.5 * 4 = 2, then 0.5 * (2 + 4) = 3
        (lambda p: Adagrad(p, 0.5, eps=0.0), [0.5, 0.5 - 0.5 / 2**0.5]),
        (lambda p: RMSProp(p, 0.5, alpha=0.75, eps=0.0), [0.0, -0.5 / (7 / 16) ** 0.5]),  # s = 4, then 3 + 4 = 7
        (lambda p: Adam(p, 0.5, eps=0.0), [0.5, 0.0]),
    ]:
        params = {"w": np.array([1.0])}
        optimiser = make(params)
        for value in expected:
            optimiser.step(grad)
            assert params["w"][0] == pytest.approx(value, abs=PARITY)


@each
def test_a_step_size_of_zero_changes_nothing(name):
    params, before = parameters(), parameters()
    optimiser = EVERY[name][0](params)
    optimiser.lr = 0.0
    optimiser.step(parameters(seed=3))
    for k in params:
        np.testing.assert_array_equal(params[k], before[k])


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam"])
def test_the_adaptive_ones_do_not_see_the_scale_of_the_gradient(name):
    ends = []
    for scale in (1.0, 1e4):
        params = parameters()
        optimiser = EVERY[name][0](params)
        for k in range(5):
            optimiser.step({n: np.array(scale * g) for n, g in parameters(seed=k).items()})
        ends.append(params)
    for n in SHAPES:
        np.testing.assert_allclose(ends[0][n], ends[1][n], atol=1e-5)


@each
def test_goes_downhill(name):
    params = {"w": np.array([1.0, -2.0])}
    optimiser = EVERY[name][0](params)
    for _ in range(50):
        optimiser.step({"w": params["w"].copy()})
    assert np.linalg.norm(params["w"]) < np.linalg.norm([1.0, -2.0])


def test_views_are_parameters_too():
    whole = np.ones((2, 6))
    SGD({"f": whole[:, 2:4]}, 0.5).step({"f": np.ones((2, 2))})
    np.testing.assert_array_equal(whole[0], [1, 1, 0.5, 0.5, 1, 1])


@each
def test_bad_gradients_are_named_and_change_nothing(name):
    params, before, good = parameters(), parameters(), parameters(seed=1)
    optimiser = EVERY[name][0](params)
    for grads, error, text in [
        ([1.0], TypeError, r"grads: expected a dict of arrays, got list"),
        ({"W_x": good["W_x"], "s": good["s"]}, ValueError, r"grads: expected the names .*missing \['b'\], unknown \[\]"),
        (good | {"W_hh": good["b"]}, ValueError, r"grads: expected the names .*missing \[\], unknown \['W_hh'\]"),
        (good | {"W_x": good["W_x"].T}, ValueError, r"grads\['W_x'\]: expected shape \(3, 8\), got \(8, 3\)"),
        (good | {"b": good["b"][:1]}, ValueError, r"grads\['b'\]: expected shape \(8,\), got \(1,\)"),
        (good | {"b": good["b"].astype("f4")}, TypeError, r"grads\['b'\]: expected dtype float64, got float32"),
        (good | {"b": good["b"] * np.nan}, ValueError, r"grads\['b'\]: expected finite numbers"),
        (good | {"b": torch.tensor(good["b"])}, TypeError, r"grads\['b'\]: expected ndarray, got Tensor"),
        (good | {"b": 1.0}, TypeError, r"grads\['b'\]: expected an array, got float"),
    ]:
        with pytest.raises(error, match=text):
            optimiser.step(grads)
        for k in params:
            np.testing.assert_array_equal(params[k], before[k])


def test_bad_settings_are_named():
    p = parameters()
    for call, error, text in [
        (lambda: SGD(list(p.values()), 0.1), TypeError, r"params: expected a dict of arrays, got list"),
        (lambda: SGD({"b": np.ones(2, int)}, 0.1), TypeError, r"params\['b'\]: expected a floating-point dtype"),
        (lambda: SGD(p, -0.1), ValueError, r"lr: expected a number >= 0, got -0.1"),
        (lambda: SGD(p, 0.1, momentum=1.5), ValueError, r"momentum: expected a number >= 0 and <= 1, got 1.5"),
        (lambda: SGD(p, 0.1, momentum="0"), TypeError, r"momentum: expected a number, got str"),
        (lambda: Adagrad(p, eps=-1), ValueError, r"eps: expected a number >= 0, got -1"),
        (lambda: RMSProp(p, alpha=2), ValueError, r"alpha: expected a number >= 0 and <= 1, got 2"),
        (lambda: Adam(p, betas=(0.9, 1.0)), ValueError, r"betas\[1\]: expected a number below 1, got 1.0"),
        (lambda: Adam(p, betas=(-0.9, 0.9)), ValueError, r"betas\[0\]: expected a number >= 0"),
    ]:
        with pytest.raises(error, match=text):
            call()
