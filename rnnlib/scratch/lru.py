"""The linear recurrent unit: a rotation and a decay for each complex unit, read out linearly."""

from rnnlib.arrays import empty, xp_of
from rnnlib.checks import check_choice
from rnnlib.scratch.scan import METHODS, conj, run, run_backward
from rnnlib.scratch.sequence import begin, check, check_grads, enter, fill, final, leave


def lru_forward(x, nu, theta, gamma, B_re, B_im, C_re, C_im, D, h_0=None, *, lengths=None, reverse=False, method="auto"):
    r"""Run a linear recurrent unit: a rotation and a decay for each complex unit, read out linearly.

    .. math::

       \lambda = \exp(-e^{\nu} + i e^{\theta}), \qquad h_t = \lambda \odot h_{t-1} + e^{\gamma} \odot x_t B, \qquad
       y_t = \mathrm{Re}(h_t C) + D \odot x_t

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, E)
    nu, theta, gamma : ndarray or tensor of shape (N,)
        Logarithms of decay, angle and input scale; the decay is always below 1. :math:`\gamma = \tfrac12 \ln(1 - |\lambda|^2)` keeps
        the state's size.
    B_re, B_im : ndarray or tensor of shape (E, N)
    C_re, C_im : ndarray or tensor of shape (N, E)
    D : ndarray or tensor of shape (E,)
    h_0 : complex ndarray or tensor of shape (B, N), optional
        Initial state, zeros when None.
    lengths, reverse, method
        As in `min_gru_forward`.

    Returns
    -------
    y_seq : ndarray or tensor of shape (B, T, E)
        Zero past a row's length.
    h_T : complex ndarray or tensor of shape (B, N)
    tape : Tape
        For `lru_backward`.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Orvieto et al. (2023), eqs. 3 to 7, without the layer around it.
    """
    sizes = {}
    check("x", x, "B T E", sizes)
    check("nu", nu, "N", sizes, x)
    for name, value, shape in (("theta", theta, "N"), ("gamma", gamma, "N"), ("B_re", B_re, "E N"), ("B_im", B_im, "E N")):
        check(name, value, shape, sizes, x)
    for name, value, shape in (("C_re", C_re, "N E"), ("C_im", C_im, "N E"), ("D", D, "E")):
        check(name, value, shape, sizes, x)
    check_choice("method", method, METHODS)
    xp = xp_of(x)
    tape = begin(None, "lru", x, lengths, reverse)
    tape.method, tape.D, tape.gamma_exp = method, D, xp.exp(gamma)
    tape.decay, tape.angle = xp.exp(nu), xp.exp(theta)
    tape.W_in, tape.W_out = B_re + 1j * B_im, C_re + 1j * C_im
    tape.factor = xp.exp(-tape.decay + 1j * tape.angle)  # (N,)
    shape = tape.T, tape.B, sizes["N"]
    tape.a, tape.h = empty(shape, tape.W_in), empty((tape.T + 1, *shape[1:]), tape.W_in)
    tape.a[...] = tape.factor
    if h_0 is not None:
        check("h_0", h_0, "B N", {"B": tape.B, "N": sizes["N"]}, tape.h)
    fill(tape.h[0], h_0)
    tape.projected = _rows(tape.x) @ B_re + 1j * (_rows(tape.x) @ B_im)  # (T B, N)
    tape.h[1:] = (tape.projected * tape.gamma_exp).reshape(shape)
    if tape.padding is not None:  # a step of padding keeps the state
        tape.a[tape.padding] = 1
        tape.h[1:][tape.padding] = 0
    run(tape.a, tape.h, method)
    h = _rows(tape.h[1:])
    y = h.real @ C_re - h.imag @ C_im + _rows(tape.x) * D
    return leave(y.reshape(tape.x.shape), tape), final(tape.h, tape), tape


def lru_backward(dy_seq, tape, dh_T=None):
    r"""Gradients of `lru_forward`.

    .. math::

       \frac{\partial \lambda}{\partial \nu} = -e^{\nu} \lambda, \qquad
       \frac{\partial \lambda}{\partial \theta} = i e^{\theta} \lambda

    Parameters
    ----------
    dy_seq : ndarray or tensor of shape (B, T, E), or None
        None for zeros.
    tape : Tape
        From `lru_forward`.
    dh_T : complex ndarray or tensor of shape (B, N), optional
        Gradient with respect to ``h_T``, by the real part plus i times by the imaginary part; zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, E), ``nu``, ``theta``, ``gamma`` (N,), ``B_re``, ``B_im`` (E, N), ``C_re``, ``C_im`` (N, E), ``D`` (E,) and the
        complex ``h_0`` (B, N).

    Notes
    -----
    Lesson: :ref:`linear-recurrences`.
    """
    check_grads(tape, "lru", None, dh_T=None)
    sizes = {"B": tape.B, "T": tape.T, "E": tape.x.shape[2], "N": tape.h.shape[2]}
    dh = empty(tape.h[1:].shape, tape.h)
    dh[...] = 0
    dy = None
    if dy_seq is not None:
        check("dy_seq", dy_seq, "B T E", sizes, tape.x)
        dy = _rows(enter(dy_seq, tape, "dy"))  # (T B, E)
        dh[...] = (dy @ tape.W_out.real.T - 1j * (dy @ tape.W_out.imag.T)).reshape(dh.shape)
    if dh_T is not None:
        check("dh_T", dh_T, "B N", sizes, tape.h)
        dh[-1 if tape.last is None else tape.last] += dh_T
    da, g, dh_0 = run_backward(dh, tape)
    if tape.padding is not None:
        da[tape.padding], g[tape.padding] = 0, 0
    h, x, g = _rows(tape.h[1:]), _rows(tape.x), _rows(g)
    dfactor = conj(tape.factor) * _rows(da).sum(0)  # of ln(lambda)
    dprojected = g * tape.gamma_exp
    dx = dprojected.real @ tape.W_in.real.T + dprojected.imag @ tape.W_in.imag.T
    grads = {
        "nu": -tape.decay * dfactor.real,
        "theta": tape.angle * dfactor.imag,
        "gamma": (conj(g) * tape.projected).real.sum(0) * tape.gamma_exp,
        "B_re": x.T @ dprojected.real,
        "B_im": x.T @ dprojected.imag,
    }
    if dy is None:
        dy = 0 * x
    dx = dx + dy * tape.D
    grads |= {"C_re": h.real.T @ dy, "C_im": -h.imag.T @ dy, "D": (x * dy).sum(0), "h_0": dh_0}
    return {"x": leave(dx.reshape(tape.x.shape), tape)} | grads


def _rows(steps):
    """(T, B, N) as one matrix of T·B rows."""
    return steps.reshape(-1, steps.shape[-1])
