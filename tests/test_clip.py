"""The laws of clipping, and that none of the usual mistakes passes them."""

import math

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.scratch.clip import clip_by_norm, clip_by_value, global_norm

EXACT = 1e-14
TORCH = 1e-6  # torch divides by norm + 1e-6
SHAPES = {"W_x": (3, 8), "W_h": (2, 8), "b": (8,)}


def gradients(scale=1.0, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.standard_normal(shape)).astype(dtype) for name, shape in SHAPES.items()}


def flat(grads):
    return np.concatenate([back(g).reshape(-1) for g in grads.values()])


def at(place, grads):
    return {name: put(place, g.copy()) for name, g in grads.items()}


def fails(clip):
    """The laws of `clip_by_norm` that the function ``clip`` breaks."""
    broken = set()

    def law(name, holds):
        if not holds:
            broken.add(name)

    big, small, bound = gradients(10.0), gradients(0.01), 1.5
    norm = float(np.linalg.norm(flat(big)))
    after = {k: g.copy() for k, g in big.items()}
    arrays = dict(after)
    returned = clip(after, bound)
    law("returns the norm before", isinstance(returned, float) and math.isclose(returned, norm, rel_tol=1e-12))
    law("in place", all(after[k] is arrays[k] for k in arrays) and not np.array_equal(flat(after), flat(big)))
    law("norm is the bound", math.isclose(np.linalg.norm(flat(after)), bound, rel_tol=1e-12))
    law("direction kept", np.allclose(flat(after) / np.linalg.norm(flat(after)), flat(big) / norm, rtol=1e-12))
    again = {k: g.copy() for k, g in after.items()}
    clip(again, bound * (1 + 1e-12))
    law("twice is once", np.array_equal(flat(again), flat(after)))
    untouched = {k: g.copy() for k, g in small.items()}
    clip(untouched, bound)
    law("below the bound untouched", np.array_equal(flat(untouched), flat(small)))
    halves = {k: g.copy() for k, g in big.items()}
    clip(halves, norm / 2)
    law("half the norm halves every entry", np.allclose(flat(halves), flat(big) / 2, rtol=1e-12))
    zero = {k: 0 * g for k, g in big.items()}
    with np.errstate(all="ignore"):
        law("zero stays zero", clip(zero, bound) == 0 and not flat(zero).any())
    bad = {k: g.copy() for k, g in big.items()}
    bad["b"][0] = np.nan
    try:
        with np.errstate(all="ignore"):
            clip(bad, bound)
        law("NaN is an error", False)
    except ValueError:
        pass
    return broken


def test_all_laws_hold():
    assert fails(clip_by_norm) == set()


def planted(
    norm_of=lambda g: float(np.linalg.norm(flat(g))),
    *,
    always=False,
    per_tensor=False,
    returned="before",
    scale=1.0,
    copy=False,
    nan_to=None,
):
    """A `clip_by_norm` with one fault."""

    def clip(grads, max_norm):
        if nan_to is not None:
            for g in grads.values():
                np.nan_to_num(g, copy=False, nan=nan_to)
        total = norm_of(grads)
        if math.isnan(total):
            raise ValueError
        out = {k: g.copy() for k, g in grads.items()} if copy else grads
        for g in out.values():
            size = float(np.linalg.norm(g)) if per_tensor else total
            if always or size > max_norm:
                g *= scale * max_norm / max(size, 1e-300)
        return total if returned == "before" else min(total, max_norm)

    return clip


def by_value(grads, max_norm):
    total = float(np.linalg.norm(flat(grads)))
    if math.isnan(total):
        raise ValueError
    for g in grads.values():
        np.clip(g, -max_norm, max_norm, out=g)
    return total


FAULTS = {
    "by value": by_value,
    "per tensor": planted(per_tensor=True),
    "always rescales": planted(always=True),
    "sum of norms": planted(lambda g: float(sum(np.linalg.norm(v) for v in g.values()))),
    "no square root": planted(lambda g: float((flat(g) ** 2).sum())),
    "largest entry": planted(lambda g: float(np.abs(flat(g)).max())),
    "1-norm": planted(lambda g: float(np.abs(flat(g)).sum())),
    "returns the clipped norm": planted(returned="after"),
    "a copy is clipped": planted(copy=True),
    "NaN becomes 0": planted(nan_to=0.0),
    "scaled by 0.99": planted(scale=0.99),
}


def test_a_planted_clip_without_a_fault_passes():
    assert fails(planted()) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_breaks_a_law(fault):
    assert fails(FAULTS[fault])


@everywhere
def test_by_hand(place):
    grads = at(place, {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])})
    assert global_norm(grads) == pytest.approx(5.0, rel=EXACT)
    assert clip_by_norm(grads, 1.0) == pytest.approx(5.0, rel=EXACT)
    np.testing.assert_allclose(flat(grads), [0.6, 0.0, 0.8], rtol=EXACT)
    assert global_norm({}) == 0.0


@everywhere
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_norm_whose_squares_overflow_or_vanish_is_still_right(place, dtype):
    for size in (1e30, 1e-30) if dtype == np.float32 else (1e200, 1e-200):
        grads = at(place, {"a": np.full(3, size, dtype), "b": np.full((1, 6), -size, dtype)})
        assert global_norm(grads) == pytest.approx(3 * size, rel=1e-6)
        assert clip_by_norm(grads, size / 2) == pytest.approx(3 * size, rel=1e-6)
        np.testing.assert_allclose(np.abs(flat(grads)), size / 6, rtol=1e-6)
        assert flat(grads).dtype == dtype


@everywhere
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_named_or_left(place, value):
    raw = gradients()
    raw["W_h"][1, 2] = value
    grads = at(place, raw)
    assert not math.isfinite(global_norm(grads))
    with pytest.raises(ValueError, match=r"grads\['W_h'\]: expected finite numbers, got NaN or infinity"):
        clip_by_norm(grads, 1.0)
    assert not math.isfinite(clip_by_norm(grads, 1.0, error_if_nonfinite=False))
    np.testing.assert_array_equal(flat(grads), flat(raw))


@everywhere
@pytest.mark.parametrize("scale", [10.0, 0.01])
def test_equals_torch_up_to_its_epsilon(place, scale):
    raw = gradients(scale)
    leaves = [torch.zeros(g.shape, dtype=torch.float64) for g in raw.values()]
    for leaf, g in zip(leaves, raw.values(), strict=True):
        leaf.grad = torch.tensor(g)
    expected = torch.nn.utils.clip_grad_norm_(leaves, 1.5).item()
    grads = at(place, raw)
    assert clip_by_norm(grads, 1.5) == pytest.approx(expected, rel=1e-12)
    for g, leaf in zip(grads.values(), leaves, strict=True):
        np.testing.assert_allclose(back(g), leaf.grad, rtol=TORCH)


@everywhere
def test_clip_by_value(place):
    raw = gradients(2.0)
    grads = at(place, raw)
    arrays = dict(grads)
    clip_by_value(grads, 0.7)
    assert all(grads[k] is arrays[k] for k in arrays)
    np.testing.assert_array_equal(flat(grads), np.clip(flat(raw), -0.7, 0.7))
    tight = at(place, raw)
    clip_by_value(tight, 100.0)
    np.testing.assert_array_equal(flat(tight), flat(raw))


def test_strided_gradients_are_clipped_where_they_lie():
    base = np.ones((4, 6))
    clip_by_norm({"g": base[::2, ::3]}, 1.0)
    assert base.sum() == pytest.approx(24 - 4 + 4 * 0.5)


def test_bad_arguments_are_named():
    grads = gradients()
    for call, error, text in [
        (lambda: clip_by_norm(list(grads.values()), 1.0), TypeError, r"grads: expected a dict of arrays, got list"),
        (lambda: clip_by_norm({"b": [1.0]}, 1.0), TypeError, r"grads\['b'\]: expected an array, got list"),
        (lambda: clip_by_norm({"b": np.ones(2, int)}, 1.0), TypeError, r"grads\['b'\]: expected a floating-point dtype, got int64"),
        (lambda: clip_by_norm(grads, 0), ValueError, r"max_norm: expected a number > 0, got 0"),
        (lambda: clip_by_norm(grads, -1.0), ValueError, r"max_norm: expected a number > 0, got -1.0"),
        (lambda: clip_by_norm(grads, math.nan), ValueError, r"max_norm: expected a number > 0, got nan"),
        (lambda: clip_by_norm(grads, "1"), TypeError, r"max_norm: expected a number, got str"),
        (lambda: clip_by_value(grads, 0.0), ValueError, r"bound: expected a number > 0, got 0.0"),
        (lambda: clip_by_value({"b": np.array([np.nan])}, 1.0), ValueError, r"grads\['b'\]: expected numbers, got NaN"),
        (lambda: global_norm(grads["b"]), TypeError, r"grads: expected a dict of arrays, got ndarray"),
    ]:
        with pytest.raises(error, match=text):
            call()
