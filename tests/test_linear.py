"""One-hot, embedding and affine: by hand, by their laws, by their gradients and against torch."""

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.arrays import sum_rows
from rnnlib.gradcheck import check_gradients, complex_step
from rnnlib.scratch.linear import affine, affine_backward, embedding, embedding_backward, one_hot

PARITY = 1e-12
EXACT = 1e-14
CENTRAL = 1e-7
B, T, V, E, H = 2, 3, 7, 4, 5


@pytest.fixture
def ids():
    return np.array([[2, 0, 2], [6, 2, 0]])  # 2 stands three times, 0 twice; 1, 3, 4, 5 never


@pytest.fixture
def W_e():
    return np.random.default_rng(1).standard_normal((V, E))


def test_bad_arguments_are_named(ids, W_e):
    x, W, b = np.ones((B, T, H)), np.ones((H, V)), np.ones(V)
    _, tape = embedding(ids, W_e)
    _, affine_tape = affine(x, W, b)
    for call, error, text in [
        (lambda: one_hot(ids, 6), ValueError, r"ids: expected ids between 0 and 5, got values from 0 to 6"),
        (lambda: one_hot(ids - 1, V), ValueError, r"ids: expected ids between 0 and 6, got values from -1 to 5"),
        (lambda: one_hot(ids.astype(float), V), TypeError, r"ids: expected an integer dtype"),
        (lambda: one_hot(ids, 0), ValueError, r"V: expected a number >= 1"),
        (lambda: one_hot([1], V), TypeError, r"ids: expected an array, got list"),
        (lambda: embedding(ids + 1, W_e), ValueError, r"ids: expected ids between 0 and 6"),
        (lambda: embedding(ids, W_e[0]), ValueError, r"W_e: expected shape \(V, E\), got \(4,\)"),
        (lambda: embedding(ids, W_e * np.nan), ValueError, r"W_e: expected finite numbers"),
        (lambda: embedding(torch.tensor(ids), W_e), TypeError, r"ids: expected ndarray, got Tensor"),
        (lambda: embedding(ids[:, :0], W_e), ValueError, r"ids: expected at least one entry"),
        (lambda: embedding_backward(np.ones((B, T + 1, E)), tape), ValueError, r"dx: expected shape \(2, 3, 4\), got \(2, 4, 4\)"),
        (lambda: embedding_backward(np.ones((B, T, E + 1)), tape), ValueError, r"dx: expected shape \(2, 3, 4\), got \(2, 3, 5\)"),
        (lambda: affine(x, W.T, b), ValueError, r"W: expected shape \(5, V\), got \(7, 5\)"),
        (lambda: affine(x, W, b[1:]), ValueError, r"b: expected shape \(7,\), got \(6,\)"),
        (lambda: affine(x, W.astype("f4"), b), TypeError, r"W: expected dtype float64, got float32"),
        (lambda: affine(x * np.inf, W, b), ValueError, r"x: expected finite numbers"),
        (lambda: affine_backward(x, affine_tape), ValueError, r"dy: expected shape \(2, 3, 7\), got \(2, 3, 5\)"),
    ]:
        with pytest.raises(error, match=text):
            call()


@everywhere
def test_one_hot(ids, place):
    x = back(one_hot(put(place, ids), V))
    assert x.shape == (B, T, V) and x.dtype == np.float32
    np.testing.assert_array_equal(x.argmax(-1), ids)
    assert (x.sum(-1) == 1).all() and ((x == 0) | (x == 1)).all()
    assert back(one_hot(put(place, ids), V, dtype=np.float64)).dtype == np.float64


@everywhere
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_embedding_is_the_one_hot_product(ids, W_e, place, kind):
    x, tape = embedding(*put(place, ids.astype(kind), W_e))
    hot = one_hot(ids, V, dtype=np.float64)
    np.testing.assert_allclose(back(x), hot @ W_e, atol=EXACT)
    dx = np.random.default_rng(2).standard_normal((B, T, E))
    dW_e = back(embedding_backward(put(place, dx), tape))["W_e"]
    np.testing.assert_allclose(dW_e, hot.reshape(-1, V).T @ dx.reshape(-1, E), atol=EXACT)


@everywhere
def test_repeated_ids_add_up_and_absent_ones_get_nothing(ids, W_e, place):
    _, tape = embedding(*put(place, ids, W_e))
    dW_e = back(embedding_backward(put(place, np.ones((B, T, E))), tape))["W_e"]
    np.testing.assert_array_equal(dW_e[:, 0], [2, 0, 3, 0, 0, 0, 1])


@everywhere
def test_gradient_of_embedding(ids, W_e, place):
    weight, ids, W_e = put(place, np.random.default_rng(3).standard_normal((B, T, E)), ids, W_e)
    _, tape = embedding(ids, W_e)
    f = lambda W_e: (embedding(ids, W_e)[0] ** 2 * weight).sum()
    grads = embedding_backward(2 * embedding(ids, W_e)[0] * weight, tape)
    complex_step(f, {"W_e": W_e}, grads, tol=EXACT)
    check_gradients(f, {"W_e": W_e}, grads, tol=CENTRAL)


def test_embedding_of_any_rank(W_e):
    for ids in (np.array([3, 3]), np.array([[[1], [2]]])):
        x, tape = embedding(ids, W_e)
        assert x.shape == (*ids.shape, E)
        assert embedding_backward(np.ones_like(x), tape)["W_e"].sum() == x.size


def test_the_embedded_rows_are_the_callers_own(ids, W_e):
    before = W_e.copy()
    x, _ = embedding(ids, W_e)
    x += 1
    np.testing.assert_array_equal(W_e, before)


@everywhere
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_sum_rows_keeps_the_dtype(place, dtype):
    rows = np.arange(8).reshape(4, 2).astype(dtype)
    out = back(sum_rows(*put(place, np.array([1, 1, 0, 1]), rows), 3))
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, [[4, 5], [8, 11], [0, 0]])


@pytest.fixture
def layer():
    rng = np.random.default_rng(4)
    return {"x": rng.standard_normal((B, T, H)), "W": rng.standard_normal((H, V)), "b": rng.standard_normal(V)}


def test_affine_steps_and_rows_are_independent(layer):
    y, _ = affine(**layer)
    for b in range(B):
        for t in range(T):
            np.testing.assert_allclose(y[b, t], layer["x"][b, t] @ layer["W"] + layer["b"], atol=EXACT)
    np.testing.assert_allclose(affine(layer["x"][:, 1], layer["W"], layer["b"])[0], y[:, 1], atol=EXACT)


def test_affine_terms_one_by_one(layer):
    np.testing.assert_array_equal(affine(0 * layer["x"], layer["W"], layer["b"])[0], np.broadcast_to(layer["b"], (B, T, V)))
    np.testing.assert_allclose(affine(layer["x"], layer["W"], 0 * layer["b"])[0], layer["x"] @ layer["W"], atol=EXACT)


@everywhere
@pytest.mark.parametrize("T", [1, 3])
def test_gradients_of_affine(layer, place, T):
    params = {k: put(place, v) for k, v in layer.items()}
    params["x"] = params["x"][:, :T]  # strided for T = 1
    weight = put(place, np.random.default_rng(5).standard_normal((B, T, V)))
    f = lambda x, W, b: (affine(x, W, b)[0] ** 2 * weight).sum()
    y, tape = affine(**params)
    grads = affine_backward(2 * y * weight, tape)
    complex_step(f, params, grads, tol=EXACT)
    check_gradients(f, params, grads, tol=CENTRAL)


def test_affine_equals_torch(layer):
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in layer.items()}
    expected = torch.nn.functional.linear(leaves["x"], leaves["W"].T, leaves["b"])
    dy = np.random.default_rng(6).standard_normal((B, T, V))
    expected.backward(torch.tensor(dy))
    before = {k: v.copy() for k, v in layer.items()}
    y, tape = affine(**layer)
    np.testing.assert_allclose(y, expected.detach(), atol=PARITY)
    for name, grad in affine_backward(dy, tape).items():
        np.testing.assert_allclose(grad, leaves[name].grad, atol=PARITY)
        np.testing.assert_array_equal(layer[name], before[name])


def test_embedding_equals_torch(ids, W_e):
    leaf = torch.tensor(W_e, requires_grad=True)
    expected = torch.nn.functional.embedding(torch.tensor(ids), leaf)
    dx = np.random.default_rng(7).standard_normal((B, T, E))
    expected.backward(torch.tensor(dx))
    x, tape = embedding(ids, W_e)
    np.testing.assert_array_equal(x, expected.detach())
    np.testing.assert_allclose(embedding_backward(dx, tape)["W_e"], leaf.grad, atol=PARITY)
