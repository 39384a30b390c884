"""How a recurrent cell passes a small change of its state on: Jacobians of one step, their products, the spectral radius."""

import numpy as np

from rnnlib.arrays import empty, is_tensor, to_numpy, zeros
from rnnlib.checks import check_array
from rnnlib.scratch.bptt import backward, run


def step_jacobian(cell, params, x_t, state, **options):
    r"""Jacobian of one step of a cell, for each row of a batch.

    .. math:: J_t = \frac{\partial s_t}{\partial s_{t-1}}, \qquad \text{vanilla RNN: } J_t = \mathrm{diag}(\phi'(a_t))\, W_{hh}^\top

    Parameters
    ----------
    cell, params, **options
        As in `rnnlib.scratch.bptt`.
    x_t : ndarray or tensor of shape (B, D)
    state : ndarray or tensor of shape (B, H), or the pair ``(h, c)`` of an LSTM
        State before the step.

    Returns
    -------
    J : ndarray or tensor of shape (B, S, S)
        ``J[b, i, j]`` is the derivative of new state unit i by old state unit j; S = H, for an LSTM S = 2H with h before c.

    Notes
    -----
    Lesson: :ref:`jacobian-products`. Source: Hochreiter (1991); Bengio et al. (1994). Each row of J is one backward pass;
    all go in one batch.

    Examples
    --------
    >>> params = {"W_xh": np.ones((1, 2)), "W_hh": np.array([[0.0, 3.0], [4.0, 0.0]]), "b_h": np.zeros(2)}
    >>> step_jacobian("rnn", params, np.ones((1, 1)), np.zeros((1, 2)), activation="relu")[0]
    array([[0., 4.],
           [3., 0.]])
    """
    sizes, parts = check_array("x_t", x_t, "B D"), state if isinstance(state, tuple) else (state,)
    for part in parts:
        check_array("state", part, "B H", sizes=sizes, like=x_t)
    B, H = sizes["B"], sizes["H"]
    S = H * len(parts)
    rows = [b for b in range(B) for _ in range(S)]  # every row S times, once for each unit of its new state
    one_hot = zeros((B * S, S), x_t)
    one_hot[range(B * S), list(range(S)) * B] = 1
    repeated, dparts = [part[rows] for part in parts], [one_hot[:, k * H : (k + 1) * H] for k in range(len(parts))]
    tuples = isinstance(state, tuple)
    *_, tape = run(cell, params, x_t[rows][:, None], tuple(repeated) if tuples else repeated[0], **options)
    grads = backward(cell, None, tape, tuple(dparts) if tuples else dparts[0])
    J = empty((B * S, S), x_t)
    for k, name in enumerate(("h_0", "c_0")[: len(parts)]):
        J[:, k * H : (k + 1) * H] = grads[name]
    return J.reshape(B, S, S)


def jacobians(cell, params, x, state=None, **options):
    """Jacobians of every step of a sequence, along the states that the cell passes through.

    Parameters
    ----------
    cell, params, **options
        As in `rnnlib.scratch.bptt`.
    x : ndarray or tensor of shape (B, T, D)
    state : initial state, optional
        Zeros when None.

    Returns
    -------
    J : ndarray or tensor of shape (B, T, S, S)
        See `step_jacobian`.

    Notes
    -----
    Lesson: :ref:`jacobian-products`.
    """
    B, T = (check_array("x", x, "B T D")[s] for s in "BT")
    J = None
    for t in range(T):
        x_t = x[:, t : t + 1]
        if state is None:
            _, end, _ = run(cell, params, x_t, **options)
            state = tuple(part * 0 for part in end) if isinstance(end, tuple) else end * 0
        J_t = step_jacobian(cell, params, x_t[:, 0], state, **options)
        if J is None:
            J = empty((B, T, *J_t.shape[1:]), x)
        J[:, t] = J_t
        _, state, _ = run(cell, params, x_t, state, **options)
    return J


def product_norms(J):
    r"""Size of the products of Jacobians, the factor by which a gradient has grown or shrunk after 1, 2, … steps.

    .. math:: \log_{10} \lVert J_t J_{t-1} \cdots J_1 \rVert_2, \qquad t = 1, \dots, T

    Parameters
    ----------
    J : array of shape (..., T, S, S)
        Jacobians in the order of time. For a linear network repeat one: ``np.broadcast_to(W_hh.T, (T, H, H))``.

    Returns
    -------
    norms : ndarray of shape (..., T)
        Base-10 logarithms of the largest singular value, ``-inf`` for a product that is zero. The product is rescaled at every step, so it
        neither underflows nor overflows however long it is.

    Notes
    -----
    Lesson: :ref:`jacobian-products`. Source: Hochreiter (1991); Pascanu et al. (2013). Its slope tends to the base-10 logarithm of the
    spectral radius for a linear network (Gelfand's formula), and to the largest Lyapunov exponent for any.

    Examples
    --------
    >>> float(product_norms(np.broadcast_to(0.1 * np.eye(3), (400, 3, 3)))[-1])
    -400.0
    """
    J = to_numpy(J)
    check_array("J", J)
    if J.ndim < 3 or J.shape[-1] != J.shape[-2]:
        raise ValueError(f"J: expected shape (..., T, S, S), got {J.shape}")
    product, log = np.eye(J.shape[-1]), np.zeros(J.shape[:-3])
    norms = np.empty(J.shape[:-2])
    for t in range(J.shape[-3]):
        product = J[..., t, :, :] @ product
        size = np.linalg.norm(product, ord=2, axis=(-2, -1))
        with np.errstate(divide="ignore"):
            log = log + np.log10(size)
        norms[..., t] = log
        product = product / np.where(size > 0, size, 1.0)[..., None, None]
    return norms


def spectral_radius(W):
    r"""Largest absolute value of an eigenvalue, complex ones included.

    .. math:: \rho(W) = \max_k |\lambda_k(W)|

    Parameters
    ----------
    W : ndarray, tensor or scipy sparse array of shape (H, H)

    Returns
    -------
    rho : float
        Not the largest entry, not the largest singular value, not the largest real part.

    Notes
    -----
    Lesson: :ref:`jacobian-products`. A sparse matrix of 100 rows or more is never made dense: ARPACK finds its few largest eigenvalues.

    Examples
    --------
    >>> round(spectral_radius(np.array([[0.0, -2.0], [2.0, 0.0]])), 6)  # a quarter turn, doubled: eigenvalues 2i and -2i
    2.0
    """
    if isinstance(W, np.ndarray) or is_tensor(W) or not hasattr(W, "toarray"):
        W = to_numpy(W)
        check_array("W", W, "H H")
        return float(np.abs(np.linalg.eigvals(W)).max())
    from scipy.sparse.linalg import eigs  # a learner without a sparse matrix does not wait for scipy

    if W.shape[0] != W.shape[1]:
        raise ValueError(f"W: expected shape (H, H), got {W.shape}")
    if W.shape[0] < 100:
        return spectral_radius(W.toarray())
    # Several at once: the largest ones of a random matrix lie close together on a circle, in complex pairs.
    start = np.random.default_rng(0).standard_normal(W.shape[0])
    return float(np.abs(eigs(W, k=6, ncv=40, v0=start, return_eigenvectors=False)).max())
