"""How weights start: uniform, Glorot, orthogonal, identity, and the bias of a forget gate."""

import math

import numpy as np

from rnnlib.arrays import copy
from rnnlib.checks import check_array, check_number, check_rng


def uniform(shape, rng, bound, dtype=np.float32):
    r"""Independent uniform entries.

    .. math:: W_{ij} \sim U(-\text{bound}, \text{bound})

    Parameters
    ----------
    shape : tuple of int
    rng : numpy.random.Generator
    bound : float
        Largest size of an entry, 0 or more. ``1 / sqrt(H)`` is what ``torch.nn.RNN``, ``LSTM`` and ``GRU`` use for all weights.
    dtype : NumPy dtype

    Returns
    -------
    ndarray of shape ``shape``

    Notes
    -----
    Lesson: :ref:`initialisation`.
    """
    _check_shape(shape)
    check_rng(rng)
    check_number("bound", bound, 0)
    return rng.uniform(-bound, bound, shape).astype(dtype)


def glorot(shape, rng, blocks=1, dtype=np.float32):
    r"""Uniform entries that keep the size of a signal, forwards and backwards, through one layer.

    .. math:: W_{ij} \sim U(-a, a), \qquad a = \sqrt{\frac{6}{\text{fan in} + \text{fan out}}}

    Parameters
    ----------
    shape : (int, int)
        (D, G·H): fan in, and fan out times ``blocks``.
    rng : numpy.random.Generator
    blocks : int
        Number ``G`` of gates side by side in the columns; each is drawn as a layer of its own: 4 for an LSTM,
        3 for a GRU.
    dtype : NumPy dtype

    Returns
    -------
    ndarray of shape (D, G·H)

    Notes
    -----
    Lesson: :ref:`initialisation`. Source: Glorot & Bengio (2010), eq. 16.
    """
    D, H = _check_blocks(shape, blocks)
    return uniform(shape, rng, math.sqrt(6 / (D + H)), dtype)


def orthogonal(shape, rng, gain=1.0, blocks=1, dtype=np.float32):
    r"""A random matrix that turns vectors without changing their length, drawn evenly from all such matrices.

    .. math:: A = QR, \quad A_{ij} \sim N(0, 1), \qquad W = \text{gain} \cdot Q \, \operatorname{diag}(\operatorname{sign} R_{jj})

    Without the signs, ``Q`` depends on the habits of the QR routine and is not evenly drawn.

    Parameters
    ----------
    shape : (int, int)
        (D, G·H). A block that is not square has orthonormal rows or columns, whichever are fewer.
    rng : numpy.random.Generator
    gain : float
        Length of an image divided by that of the vector.
    blocks : int
        Number ``G`` of gates side by side in the columns; each block (D, H) is orthogonal by itself: 4 for an
        LSTM, 3 for a GRU.
    dtype : NumPy dtype

    Returns
    -------
    ndarray of shape (D, G·H)

    Notes
    -----
    Lesson: :ref:`initialisation`. Source: Saxe, McClelland & Ganguli (2014); the signs after Mezzadri (2007).

    Examples
    --------
    >>> W = orthogonal((3, 3), np.random.default_rng(0), dtype=np.float64)
    >>> np.allclose(W.T @ W, np.eye(3))
    True
    """
    D, H = _check_blocks(shape, blocks)
    check_rng(rng)
    check_number("gain", gain)
    return np.hstack([gain * _haar(D, H, rng) for _ in range(blocks)]).astype(dtype)


def _haar(rows, columns, rng):
    """An evenly drawn matrix with orthonormal columns, or rows where it is wide."""
    Q, R = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    Q = Q * np.where(np.diag(R) < 0, -1.0, 1.0)
    return Q if rows >= columns else Q.T


def identity(H, scale=1.0, dtype=np.float32):
    r"""Start a recurrent matrix as a scaled identity: a state that stays as it was until it is told otherwise.

    .. math:: W_{hh} = \text{scale} \cdot I

    Parameters
    ----------
    H : int
    scale : float
        1 for the IRNN; below 1 for a state that fades.
    dtype : NumPy dtype

    Returns
    -------
    ndarray of shape (H, H)

    Notes
    -----
    Lesson: :ref:`initialisation`. Source: Le, Jaitly & Hinton (2015), for relu networks with zero biases.

    Examples
    --------
    >>> identity(2, 0.5)
    array([[0.5, 0. ],
           [0. , 0.5]], dtype=float32)
    """
    check_number("H", H, 1, integer=True)
    check_number("scale", scale)
    return (scale * np.eye(H)).astype(dtype)


def forget_bias(b, value=1.0):
    r"""Add ``value`` to the forget block of an LSTM's bias, so that the cell starts by remembering.

    .. math:: b_f \leftarrow b_f + \text{value}

    Parameters
    ----------
    b : ndarray or tensor of shape (4H,)
        Bias, blocks in the order ``i, f, g, o``. Left untouched.
    value : float
        1 opens the gate to :math:`\sigma(1) \approx 0.73` where the rest of its input is zero.

    Returns
    -------
    ndarray or tensor of shape (4H,)
        A new array.

    Notes
    -----
    Lesson: :ref:`initialisation`. Source: Gers, Schmidhuber & Cummins (2000); Jozefowicz, Zaremba & Sutskever (2015); a value of
    ln T after Tallec & Ollivier (2018). torch keeps two biases for one: the value belongs on one of them.

    Examples
    --------
    >>> forget_bias(np.zeros(8))
    array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    H = check_array("b", b, "4H")["H"]
    check_number("value", value)
    b = copy(b)
    b[H : 2 * H] += value
    return b


def _check_shape(shape):
    if not isinstance(shape, tuple) or not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in shape):
        raise TypeError(f"shape: expected a tuple of integers, got {shape!r}")
    if any(n < 1 for n in shape):
        raise ValueError(f"shape: expected sizes of at least 1, got {shape}")


def _check_blocks(shape, blocks):
    """Rows and columns of one block."""
    _check_shape(shape)
    check_number("blocks", blocks, 1, integer=True)
    if len(shape) != 2:
        raise ValueError(f"shape: expected two sizes, got {shape}")
    if shape[1] % blocks:
        raise ValueError(f"shape: expected a number of columns divisible by blocks = {blocks}, got {shape}")
    return shape[0], shape[1] // blocks
