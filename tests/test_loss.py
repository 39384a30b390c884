"""Cross-entropy, mean squared error and their units: by hand, by their laws, by their gradients and against torch."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.arrays import zeros
from rnnlib.gradcheck import check_gradients, complex_step
from rnnlib.scratch.loss import bits_per_token, mse, perplexity, softmax_cross_entropy

PARITY = 1e-12
EXACT = 1e-14
CENTRAL = 1e-7
B, T, V, D = 2, 3, 5, 4


@pytest.fixture
def case():
    rng = np.random.default_rng(3)
    logits = 3 * rng.standard_normal((B, T, V))
    mask = np.array([[True, False, True], [False, True, True]])
    return logits, rng.integers(0, V, (B, T)), mask


# ---- cross-entropy ----


def test_bad_arguments_are_named(case):
    logits, targets, mask = case
    ce = softmax_cross_entropy
    for args, error, text in [
        ((logits[0, 0], targets), ValueError, r"logits: expected shape \(B, T, V\), got \(5,\)"),
        ((logits.tolist(), targets), TypeError, r"logits: expected an array, got list"),
        ((logits, targets[:, :2]), ValueError, r"targets: expected shape \(2, 3\), got \(2, 2\)"),
        ((logits, targets.astype(float)), TypeError, r"targets: expected an integer dtype, got float64"),
        ((logits, targets + V), ValueError, r"targets: expected ids between 0 and 4"),
        ((logits, targets - V), ValueError, r"targets: expected ids between 0 and 4"),
        ((logits, targets, mask.astype(float)), TypeError, r"mask: expected dtype bool, got float64"),
        ((logits, targets, mask[:1]), ValueError, r"mask: expected shape \(2, 3\), got \(1, 3\)"),
        ((logits, targets, mask & False), ValueError, r"mask: expected at least one True, got none"),
        ((logits * np.nan, targets), ValueError, r"logits: expected finite numbers"),
        ((logits * np.nan, targets, mask), ValueError, r"logits: expected finite numbers"),
        ((logits[:0], targets[:0]), ValueError, r"logits: expected at least one entry"),
        ((logits, torch.tensor(targets)), TypeError, r"targets: expected ndarray, got Tensor"),
    ]:
        with pytest.raises(error, match=text):
            ce(*args)


@everywhere
def test_equal_logits_cost_log_V(place):
    logits, targets = put(place, np.full((B, T, V), 7.0), np.ones((B, T), int))
    loss, dlogits = softmax_cross_entropy(logits, targets)
    assert loss == pytest.approx(math.log(V), abs=EXACT)
    expected = np.full((B, T, V), 1 / V)
    expected[..., 1] -= 1
    np.testing.assert_allclose(back(dlogits), expected / (B * T), atol=EXACT)


def test_by_hand():
    # softmax(log 1, log 3) = (1/4, 3/4)
    loss, dlogits = softmax_cross_entropy(np.log([[1.0, 3.0]]), np.array([0]))
    assert loss == pytest.approx(math.log(4), abs=EXACT)
    np.testing.assert_allclose(dlogits, [[-0.75, 0.75]], atol=EXACT)


def test_mean_over_the_tokens_that_count_not_over_all(case):
    logits, targets, mask = case
    each = [softmax_cross_entropy(logits[b, t][None], targets[b, t][None])[0] for b, t in zip(*np.nonzero(mask), strict=True)]
    loss, dlogits = softmax_cross_entropy(logits, targets, mask)
    assert loss == pytest.approx(np.mean(each), rel=PARITY)
    assert not dlogits[~mask].any() and dlogits[mask].all()


@pytest.mark.parametrize("junk", [1e9, -1e300, np.nan, np.inf])
def test_what_stands_behind_the_mask_changes_nothing(case, junk):
    logits, targets, mask = case
    loss, dlogits = softmax_cross_entropy(logits, targets, mask)
    dirty, wrong = logits.copy(), targets.copy()
    dirty[~mask], wrong[~mask] = junk, -100
    loss_dirty, dlogits_dirty = softmax_cross_entropy(dirty, wrong, mask)
    assert loss_dirty == loss
    np.testing.assert_array_equal(dlogits_dirty, dlogits)


def test_a_fully_masked_row_counts_for_nothing(case):
    logits, targets, _ = case
    mask = np.array([[False] * T, [True] * T])
    assert softmax_cross_entropy(logits, targets, mask)[0] == pytest.approx(softmax_cross_entropy(logits[1:], targets[1:])[0], rel=PARITY)


@everywhere
@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_neither_overflow_nor_lose_the_answer(place, size, dtype):
    logits, targets = put(place, np.array([[size, 0, 0], [0, size, 0]], dtype), np.array([0, 0]))
    loss, dlogits = softmax_cross_entropy(logits, targets)
    expected = 1e4 / 2 if size > 0 else (1e4 + 2 * math.log(2)) / 2
    assert loss == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(back(dlogits)).all() and back(dlogits).dtype == dtype


def test_a_shift_of_the_logits_changes_nothing_and_gradients_sum_to_zero(case):
    logits, targets, mask = case
    loss, dlogits = softmax_cross_entropy(logits, targets, mask)
    shifted, dshifted = softmax_cross_entropy(logits + 1e4 * np.arange(T)[:, None], targets, mask)
    assert shifted == pytest.approx(loss, rel=1e-10)
    np.testing.assert_allclose(dshifted, dlogits, atol=1e-11)
    np.testing.assert_allclose(dlogits.sum(-1), 0, atol=EXACT)


def test_flat_logits_give_the_same(case):
    logits, targets, mask = case
    loss, dlogits = softmax_cross_entropy(logits, targets, mask)
    flat, dflat = softmax_cross_entropy(logits.reshape(-1, V), targets.reshape(-1), mask.reshape(-1))
    assert flat == loss
    np.testing.assert_array_equal(dflat, dlogits.reshape(-1, V))


def test_nothing_is_mutated_and_strides_do_not_matter(case):
    logits, targets, mask = case
    before = [a.copy() for a in case]
    strided = np.asfortranarray(logits)
    assert softmax_cross_entropy(strided, targets.T.copy().T, mask)[0] == softmax_cross_entropy(logits, targets, mask)[0]
    for a, b in zip(case, before, strict=True):
        np.testing.assert_array_equal(a, b)


@everywhere
@pytest.mark.parametrize("masked", [False, True])
def test_gradient_of_cross_entropy(case, place, masked):
    logits, targets, mask = put(place, *case)
    args = (targets, mask) if masked else (targets,)
    f = lambda logits: softmax_cross_entropy(logits, *args)[0]
    grads = {"logits": softmax_cross_entropy(logits, *args)[1]}
    complex_step(f, {"logits": logits}, grads, tol=EXACT)
    check_gradients(f, {"logits": logits}, grads, tol=CENTRAL)


@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_equals_torch(case, masked):
    logits, targets, mask = case
    leaf = torch.tensor(logits, requires_grad=True)
    labels = torch.tensor(np.where(mask, targets, -100) if masked else targets)
    expected = torch.nn.functional.cross_entropy(leaf.reshape(-1, V), labels.reshape(-1), ignore_index=-100)
    expected.backward()
    loss, dlogits = softmax_cross_entropy(logits, targets, mask if masked else None)
    assert loss == pytest.approx(expected.item(), rel=PARITY)
    np.testing.assert_allclose(dlogits, leaf.grad, atol=PARITY)


# ---- mean squared error ----


@pytest.fixture
def pair():
    rng = np.random.default_rng(5)
    return rng.standard_normal((B, T, D)), rng.standard_normal((B, T, D)), np.array([[True, True, False], [False, True, False]])


def test_mse_by_hand_and_bad_arguments(pair):
    pred, target, mask = pair
    assert mse(np.array([3.0, 1.0]), np.array([1.0, 1.0]))[0] == 2.0
    np.testing.assert_array_equal(mse(np.array([3.0, 1.0]), np.array([1.0, 1.0]))[1], [2.0, 0.0])
    for args, error, text in [
        ((pred, target[:, :1]), ValueError, r"target: expected shape \(2, 3, 4\), got \(2, 1, 4\)"),
        ((pred, target.astype("f4")), TypeError, r"target: expected dtype float64, got float32"),
        ((pred, target, mask[..., None]), ValueError, r"mask: expected shape \(2, 3\), got \(2, 3, 1\)"),
        ((pred, target, mask.astype(int)), TypeError, r"mask: expected dtype bool"),
        ((pred, target, mask & False), ValueError, r"mask: expected at least one True, got none"),
        ((pred * np.inf, target), ValueError, r"pred: expected finite numbers"),
        ((pred * np.nan, target, mask), ValueError, r"pred - target: expected finite numbers"),
        ((1.0, target), TypeError, r"pred: expected an array, got float"),
        ((pred, 1.0), TypeError, r"target: expected an array, got float"),
    ]:
        with pytest.raises(error, match=text):
            mse(*args)


@pytest.mark.parametrize("junk", [1e9, np.nan])
def test_mse_behind_the_mask_changes_nothing(pair, junk):
    pred, target, mask = pair
    loss, dpred = mse(pred, target, mask)
    assert loss == pytest.approx(((pred - target)[mask] ** 2).mean(), rel=PARITY)
    dirty = pred.copy()
    dirty[~mask] = junk
    dirty_loss, dirty_dpred = mse(dirty, target, mask)
    assert dirty_loss == loss
    np.testing.assert_array_equal(dirty_dpred, dpred)


@everywhere
@pytest.mark.parametrize("masked", [False, True])
def test_gradient_of_mse(pair, place, masked):
    pred, target, mask = put(place, *pair)
    f = partial(mse, target=target, mask=mask if masked else None)
    grads = {"pred": f(pred)[1]}
    check_gradients(lambda pred: f(pred)[0], {"pred": pred}, grads, tol=CENTRAL)
    complex_step(lambda pred: f(pred, target=target + zeros(target.shape, pred))[0], {"pred": pred}, grads, tol=EXACT)


def test_mse_equals_torch(pair):
    pred, target, _ = pair
    leaf = torch.tensor(pred, requires_grad=True)
    expected = torch.nn.functional.mse_loss(leaf, torch.tensor(target))
    expected.backward()
    loss, dpred = mse(pred, target)
    assert loss == pytest.approx(expected.item(), rel=PARITY)
    np.testing.assert_allclose(dpred, leaf.grad, atol=PARITY)


@everywhere
def test_float32_stays_float32(pair, case, place):
    pred, target, mask = pair
    assert back(mse(*put(place, pred.astype("f4"), target.astype("f4"), mask))[1]).dtype == np.float32
    logits, targets, mask = case
    assert back(softmax_cross_entropy(*put(place, logits.astype("f4"), targets, mask))[1]).dtype == np.float32


# ---- units ----


def test_units():
    assert bits_per_token(math.log(2)) == 1.0
    assert perplexity(0.0) == 1.0
    assert perplexity(math.log(V)) == pytest.approx(V, rel=PARITY)
    assert 2 ** bits_per_token(1.7) == pytest.approx(perplexity(1.7), rel=PARITY)  # log2 goes with 2**, ln with exp
    assert perplexity(1e4) == math.inf
    with pytest.raises(ValueError, match=r"nats: expected a number >= 0, got -1"):
        perplexity(-1)
    with pytest.raises(ValueError, match=r"nats: expected a number >= 0, got nan"):
        bits_per_token(float("nan"))
