"""Initialisers: the laws that each promises, over many draws where a law is about chance."""

import math

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.scratch.init import forget_bias, glorot, identity, orthogonal, uniform

EXACT = 1e-13
FLOAT32 = 1e-6
D, H, G = 3, 5, 4
SIGMAS = 5  # a right draw fails one time in 1.7 million


def rng(seed=0):
    return np.random.default_rng(seed)


DRAWS = {
    "uniform": lambda r, **k: uniform((D, G * H), r, 0.1, **k),
    "glorot": lambda r, **k: glorot((D, G * H), r, blocks=G, **k),
    "orthogonal": lambda r, **k: orthogonal((H, G * H), r, blocks=G, **k),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_dtype_seed_and_no_global_state(draw):
    state = np.random.get_state()[1].copy()
    a, b, c = draw(rng(1)), draw(rng(1)), draw(rng(2))
    assert a.dtype == np.float32 and draw(rng(1), dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    r = rng(1)
    assert not np.array_equal(draw(r), draw(r))
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def moments(values, bound):
    """Mean and mean square of ``values`` are those of U(-bound, bound), and no entry is outside."""
    n = values.size
    assert np.abs(values).max() <= bound and np.abs(values).max() > 0.99 * bound
    assert abs(values.mean()) < SIGMAS * bound / math.sqrt(3 * n)
    assert abs((values**2).mean() - bound**2 / 3) < SIGMAS * bound**2 * math.sqrt(4 / 45 / n)


def test_uniform_and_glorot_have_the_moments_that_they_promise():
    moments(uniform((100, 200), rng(), 0.3, np.float64), 0.3)
    moments(glorot((60, 90), rng(), dtype=np.float64), math.sqrt(6 / 150))
    moments(glorot((60, 360), rng(), blocks=4, dtype=np.float64), math.sqrt(6 / 150))  # fan out is one gate, not four


def test_glorot_equals_torch_in_its_bound():
    theirs = torch.nn.init.xavier_uniform_(torch.empty(90, 60), generator=torch.Generator().manual_seed(0)).numpy()
    ours = glorot((60, 90), rng())
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)


@pytest.mark.parametrize("shape", [(H, H), (D, H), (H, D), (1, H), (1, 1)])
def test_orthogonal_rows_or_columns(shape):
    W = orthogonal(shape, rng(), gain=2.0, dtype=np.float64)
    assert W.shape == shape
    small = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(small, 4 * np.eye(min(shape)), atol=EXACT)


def test_every_gate_is_orthogonal_by_itself():
    W = orthogonal((H, G * H), rng(), blocks=G, dtype=np.float64)
    blocks = np.split(W, G, axis=1)
    for Q in blocks:
        np.testing.assert_allclose(Q.T @ Q, np.eye(H), atol=EXACT)
    assert not np.allclose(blocks[0], blocks[1])
    np.testing.assert_allclose(orthogonal((H, G * H), rng(), blocks=G), W, atol=FLOAT32)


def is_even(draw, n=4000):
    """Whether ``draw(rng)`` (3, 3) looks evenly drawn from the orthogonal group: means that the signs would shift are zero."""
    r = rng(7)
    Q = np.stack([draw(r) for _ in range(n)])
    limit = SIGMAS / math.sqrt(n)
    trace, det = np.trace(Q, axis1=1, axis2=2), np.linalg.det(Q)
    # Over the orthogonal group: E Q_ij = 0, E trace = 0, E trace^2 = 1, E det = 0.
    return (
        np.abs(Q.mean(0)).max() < limit
        and abs(trace.mean()) < limit
        and abs((trace**2).mean() - 1) < SIGMAS * (trace**2).std() / math.sqrt(n)
        and abs(det.mean()) < limit
    )


def test_orthogonal_is_drawn_evenly_and_a_plain_qr_is_not():
    assert is_even(lambda r: orthogonal((3, 3), r, dtype=np.float64))
    assert not is_even(lambda r: np.linalg.qr(r.standard_normal((3, 3)))[0])


def test_identity():
    np.testing.assert_array_equal(identity(3), np.eye(3, dtype=np.float32))
    assert identity(3).dtype == np.float32 and identity(3, dtype=np.float64).dtype == np.float64
    h = rng().standard_normal((2, 4))
    np.testing.assert_array_equal(h @ identity(4, 0.5, np.float64), h / 2)


@everywhere
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forget_bias_opens_the_second_block_only(place, dtype):
    raw = np.arange(4 * H).astype(dtype)
    b = put(place, raw.copy())
    out = forget_bias(b, 2.0)
    np.testing.assert_array_equal(back(b), raw)
    difference = back(out) - raw
    np.testing.assert_array_equal(difference.reshape(4, H), np.outer([0, 1, 0, 0], np.full(H, 2)))
    assert back(out).dtype == dtype
    np.testing.assert_array_equal(back(forget_bias(b)) - raw, difference / 2)


def test_bad_arguments_are_named():
    r = rng()
    for call, error, text in [
        (lambda: uniform([D, H], r, 1.0), TypeError, r"shape: expected a tuple of integers, got \[3, 5\]"),
        (lambda: uniform((D, 1.5), r, 1.0), TypeError, r"shape: expected a tuple of integers, got \(3, 1.5\)"),
        (lambda: uniform((D, 0), r, 1.0), ValueError, r"shape: expected sizes of at least 1, got \(3, 0\)"),
        (lambda: uniform((D, H), 0, 1.0), TypeError, r"rng: expected a numpy.random.Generator, got int"),
        (lambda: uniform((D, H), r, -1.0), ValueError, r"bound: expected a number >= 0, got -1.0"),
        (lambda: glorot((D,), r), ValueError, r"shape: expected two sizes, got \(3,\)"),
        (lambda: glorot((D, H), r, blocks=4), ValueError, r"shape: expected a number of columns divisible by blocks = 4, got \(3, 5\)"),
        (lambda: glorot((D, H), np.random), TypeError, r"rng: expected a numpy.random.Generator, got module"),
        (lambda: orthogonal((D, H), None), TypeError, r"rng: expected a numpy.random.Generator, got NoneType"),
        (lambda: orthogonal((D, H), r, gain="1"), TypeError, r"gain: expected a number, got str"),
        (lambda: orthogonal((D, H), r, blocks=0), ValueError, r"blocks: expected a number >= 1, got 0"),
        (lambda: identity(0), ValueError, r"H: expected a number >= 1, got 0"),
        (lambda: identity(2.0), TypeError, r"H: expected an integer, got float"),
        (lambda: forget_bias(np.zeros(7)), ValueError, r"b: expected shape \(4H,\), got \(7,\): 7 is not a multiple of 4"),
        (lambda: forget_bias(np.zeros((1, 8))), ValueError, r"b: expected shape"),
        (lambda: forget_bias([0.0] * 8), TypeError, r"b: expected an array, got list"),
    ]:
        with pytest.raises(error, match=text):
            call()
