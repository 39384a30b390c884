"""A code for places, added to vectors that attention would otherwise read in any order."""

import numpy as np

from rnnlib.checks import check_number


def sinusoids(T, E):
    r"""Waves of many lengths: each place gets its own vector, and a shift in time is a rotation of it.

    .. math:: p_{t,2i} = \sin(t \, \omega_i), \qquad p_{t,2i+1} = \cos(t \, \omega_i), \qquad \omega_i = 10000^{-2i/E}

    Parameters
    ----------
    T : int
        Places 0 to ``T - 1``.
    E : int
        Size of a code; even.

    Returns
    -------
    codes : ndarray of shape (T, E), float32

    Notes
    -----
    Lesson: :ref:`self-attention`. Source: Vaswani et al. (2017), section 3.5.

    Examples
    --------
    >>> sinusoids(2, 4)[0]
    array([0., 1., 0., 1.], dtype=float32)
    """
    check_number("T", T, 1, integer=True)
    check_number("E", E, 2, integer=True)
    if E % 2:
        raise ValueError(f"E: expected an even number, got {E}")
    angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(0, E, 2) / E)  # (T, E / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(T, E).astype(np.float32)
