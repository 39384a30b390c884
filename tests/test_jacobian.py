"""Jacobians of one step, their products, and the spectral radius."""

import re

import numpy as np
import pytest
import scipy.sparse
from places import back, everywhere, put

from rnnlib.scratch import bptt
from rnnlib.scratch.jacobian import jacobians, product_norms, spectral_radius, step_jacobian

EXACT = 1e-12
STEP = 1e-20  # of the complex step
B, T, D, H = 3, 6, 4, 5
rng = np.random.default_rng(0)
WEIGHTS = {
    "rnn": {"W_xh": (D, H), "W_hh": (H, H), "b_h": (H,)},
    "lstm": {"W_x": (D, 4 * H), "W_h": (H, 4 * H), "b": (4 * H,), "p_i": (H,), "p_f": (H,), "p_o": (H,)},
    "gru": {"W_x": (D, 3 * H), "W_h": (H, 3 * H), "b_x": (3 * H,), "b_h": (3 * H,)},
}
PARAMS = {cell: {name: rng.standard_normal(shape) for name, shape in shapes.items()} for cell, shapes in WEIGHTS.items()}
X, STATE = rng.standard_normal((B, T, D)), rng.standard_normal((B, 2 * H))
cells = pytest.mark.parametrize("cell", WEIGHTS)


def state_of(cell, place="numpy"):
    h, c = put(place, STATE[:, :H].copy(), STATE[:, H:].copy())
    return (h, c) if cell == "lstm" else h


def numeric_jacobian(cell, x, state):
    """Derivative of the state after ``x`` by the state before, by complex step; (B, S, S)."""
    parts = state if cell == "lstm" else (state,)
    complex_params = {name: W + 0j for name, W in PARAMS[cell].items()}
    columns = []
    for k in range(len(parts)):
        for j in range(H):
            moved = [part + 0j for part in parts]
            moved[k][:, j] += 1j * STEP
            _, end, _ = bptt.run(cell, complex_params, x + 0j, tuple(moved) if cell == "lstm" else moved[0])
            columns.append(np.concatenate(end if cell == "lstm" else [end], axis=1).imag / STEP)
    return np.stack(columns, axis=2)


# Rung 1: shapes and error text


@cells
def test_shapes(cell):
    S = 2 * H if cell == "lstm" else H
    assert step_jacobian(cell, PARAMS[cell], X[:, 0], state_of(cell)).shape == (B, S, S)
    J = jacobians(cell, PARAMS[cell], X)
    assert J.shape == (B, T, S, S)
    assert product_norms(J).shape == (B, T)
    assert product_norms(J[0]).shape == (T,)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: step_jacobian("rnn", PARAMS["rnn"], X, state_of("rnn")), ValueError, "x_t: expected shape (B, D), got (3, 6, 4)"),
        (lambda: jacobians("rnn", PARAMS["rnn"], X[0]), ValueError, "x: expected shape (B, T, D), got (6, 4)"),
        (lambda: product_norms(np.ones((4, 2, 3))), ValueError, "J: expected shape (..., T, S, S), got (4, 2, 3)"),
        (lambda: product_norms(np.ones((2, 2))), ValueError, "J: expected shape (..., T, S, S), got (2, 2)"),
        (lambda: spectral_radius(np.ones((2, 3))), ValueError, "W: expected shape (H, H), got (2, 3)"),
        (lambda: spectral_radius(scipy.sparse.csr_array((2, 3))), ValueError, "W: expected shape (H, H), got (2, 3)"),
        (lambda: spectral_radius(np.full((2, 2), np.inf)), ValueError, "W: expected finite numbers"),
        (lambda: spectral_radius(np.eye(2, dtype=int)), TypeError, "W: expected a floating-point dtype, got int64"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match="^" + re.escape(text)):
        call()


# Rung 2: by hand


def test_the_jacobian_of_a_vanilla_cell_is_its_formula():
    p, h_prev = PARAMS["rnn"], state_of("rnn")
    h_t = np.tanh(X[:, 0] @ p["W_xh"] + h_prev @ p["W_hh"] + p["b_h"])
    expected = (1 - h_t**2)[:, :, None] * p["W_hh"].T
    np.testing.assert_allclose(step_jacobian("rnn", p, X[:, 0], h_prev), expected, atol=EXACT)


@pytest.mark.parametrize(
    "W, rho",
    [
        ([[0.0, -2.0], [2.0, 0.0]], 2),  # eigenvalues ±2i: the largest real part is 0
        ([[1.0, 1.0], [-1.0, 1.0]], 2**0.5),  # 1 ± i
        ([[0.5, 100.0], [0.0, -0.7]], 0.7),  # largest entry and singular value 100, largest eigenvalue negative
    ],
)
def test_spectral_radius_by_hand(W, rho):
    assert spectral_radius(np.array(W)) == pytest.approx(rho, abs=EXACT)


# Rung 3: laws


@cells
def test_jacobian_against_the_complex_step(cell):
    state = state_of(cell)
    expected = numeric_jacobian(cell, X[:, :1], state)
    np.testing.assert_allclose(step_jacobian(cell, PARAMS[cell], X[:, 0], state), expected, rtol=EXACT, atol=EXACT)


@cells
def test_product_of_the_jacobians_is_the_jacobian_of_the_sequence(cell):
    state = state_of(cell)
    product = np.eye(STATE.shape[1] if cell == "lstm" else H)
    J = jacobians(cell, PARAMS[cell], X, state)
    for t in range(T):
        product = J[:, t] @ product
    np.testing.assert_allclose(product, numeric_jacobian(cell, X, state), rtol=EXACT, atol=EXACT)
    norm = np.log10(np.linalg.norm(product, ord=2, axis=(1, 2)))
    np.testing.assert_allclose(product_norms(J)[:, -1], norm, rtol=EXACT)


def test_without_a_state_means_zeros():
    zero = np.zeros((B, H))
    np.testing.assert_array_equal(jacobians("lstm", PARAMS["lstm"], X), jacobians("lstm", PARAMS["lstm"], X, (zero, zero)))


def test_long_products_neither_underflow_nor_overflow():
    for factor in (0.1, 10.0):
        norms = product_norms(np.broadcast_to(factor * np.eye(3), (1000, 3, 3)))
        np.testing.assert_allclose(norms, np.log10(factor) * np.arange(1, 1001), rtol=EXACT)
    assert product_norms(np.zeros((4, 2, 2))).tolist() == [-np.inf] * 4


def test_order_of_the_product():
    """J_2 J_1, not J_1 J_2: one of the two is zero."""
    first, second = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    assert product_norms(np.stack([first, second]))[-1] == 0
    assert product_norms(np.stack([second, first]))[-1] == -np.inf


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.1, 1.5])
def test_the_slope_is_the_logarithm_of_the_spectral_radius(rho):
    W = np.random.default_rng(1).standard_normal((30, 30))
    W *= rho / spectral_radius(W)
    norms = product_norms(np.broadcast_to(W.T, (200, 30, 30)))
    assert norms[-1] - norms[99] == pytest.approx(100 * np.log10(rho), rel=0.1)


def test_spectral_radius_of_a_sparse_matrix():
    generator = np.random.default_rng(2)
    for n in (60, 300):
        W = scipy.sparse.csr_array(generator.standard_normal((n, n)) * (generator.random((n, n)) < 10 / n))
        assert spectral_radius(W) == pytest.approx(spectral_radius(W.toarray()), rel=1e-9)


def test_spectral_radius_scales_and_is_blind_to_a_change_of_basis():
    W, Q = rng.standard_normal((7, 7)), np.linalg.qr(rng.standard_normal((7, 7)))[0]
    assert spectral_radius(-3 * W) == pytest.approx(3 * spectral_radius(W), rel=EXACT)
    assert spectral_radius(Q @ W @ Q.T) == pytest.approx(spectral_radius(W), rel=1e-10)
    assert spectral_radius(W.T) == pytest.approx(spectral_radius(W), rel=1e-10)


# Rung 5 and 6


@everywhere
@cells
def test_arrays_and_tensors_give_the_same(cell, place):
    params = {name: put(place, W) for name, W in PARAMS[cell].items()}
    J = jacobians(cell, params, put(place, X), state_of(cell, place))
    np.testing.assert_allclose(back(J), jacobians(cell, PARAMS[cell], X, state_of(cell)), rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(product_norms(J), product_norms(back(J)), rtol=EXACT)
