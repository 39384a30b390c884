"""A recurrence that is linear in its state, step by step or many steps at a time."""

from rnnlib.arrays import empty, is_tensor, xp_of
from rnnlib.checks import check_choice
from rnnlib.scratch.sequence import begin, check, check_grads, enter_grads, fill, leave

METHODS = ("auto", "loop", "chunked")
_NARROW = 256  # numbers a step; wider steps are worth a loop of their own (benchmarks/scan.py)


def scan(a, b, h_0=None, method="auto"):
    r"""Run the linear recurrence of all units side by side.

    .. math:: h_t = a_t \odot h_{t-1} + b_t, \qquad t = 1, \dots, T

    Parameters
    ----------
    a, b : ndarray or tensor of shape (B, T, H)
        Factor and summand of each step, real or complex.
    h_0 : ndarray or tensor of shape (B, H), optional
        Initial state, zeros when None.
    method : {"auto", "loop", "chunked"}
        ``"loop"`` takes one step after the other. ``"chunked"`` runs all pieces of about :math:`\sqrt T` steps at once and then
        joins them: about :math:`2\sqrt T` operations in a row in the place of T, for three times the arithmetic. ``"auto"`` takes
        the chunks where a step is narrow (B·H ≤ 256) and on a GPU, and the loop elsewhere.

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, H)
    tape : Tape
        For `scan_backward`.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Blelloch (1990), prefix sums; two levels where that paper has a tree.

    Examples
    --------
    >>> half, one = np.full((1, 3, 1), 0.5), np.ones((1, 3, 1))
    >>> scan(half, one)[0][0, :, 0]
    array([1.  , 1.5 , 1.75])
    """
    sizes = {}
    check("a", a, "B T H", sizes)
    check("b", b, "B T H", sizes, a)
    if h_0 is not None:
        check("h_0", h_0, "B H", sizes, a)
    check_choice("method", method, METHODS)
    tape = begin(None, "scan", a, None, False)
    tape.method, tape.a = method, tape.x
    tape.h = empty((tape.T + 1, tape.B, sizes["H"]), a)
    fill(tape.h[0], h_0)
    tape.h[1:] = b.swapaxes(0, 1)
    run(tape.a, tape.h, method)
    return leave(tape.h[1:], tape), tape


def scan_backward(dh_seq, tape):
    r"""Gradients of `scan`: the same recurrence, run from the end.

    .. math::

       g_t = dh_t + \bar a_{t+1} \odot g_{t+1}, \qquad
       da_t = g_t \odot \bar h_{t-1}, \quad db_t = g_t, \quad dh_0 = \bar a_1 \odot g_1

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H)
    tape : Tape
        From `scan`.

    Returns
    -------
    dict
        ``a``, ``b`` (B, T, H) and ``h_0`` (B, H). For complex numbers the gradient is that by the real part plus i times that by the
        imaginary part, as in torch.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Martin and Cundy (2018).
    """
    check_grads(tape, "scan", dh_seq)
    da, g, dh_0 = run_backward(enter_grads(dh_seq, None, tape), tape)
    return {"a": leave(da, tape), "b": leave(g, tape), "h_0": dh_0}


def run(a, h, method):
    """Fill ``h[1:]`` (T, B, H), which holds the summands, with the states that follow ``h[0]``.

    Factors ``a`` (T, B, H), time major; ``method`` as in `scan`.
    """
    if method == "auto":
        narrow = a.shape[1] * a.shape[2] <= _NARROW and a.shape[0] >= 16
        method = "chunked" if narrow or (is_tensor(a) and a.is_cuda) else "loop"
    if method == "chunked":
        return _run_chunked(a, h)
    xp, product = xp_of(a), empty(h[0].shape, h)
    for a_t, h_prev, h_t in zip(a, h[:-1], h[1:], strict=True):
        xp.multiply(a_t, h_prev, out=product)
        h_t += product


def _run_chunked(a, h):
    T = a.shape[0]
    L = max(1, round(T**0.5))  # steps of a piece
    C = -(-T // L)  # pieces, the last one filled up
    factor, state = _pieces(a, C, L, 1), _pieces(h[1:], C, L, 0)  # (C, L, B, H)
    for s in range(1, L):  # each piece from a zero state, and the product of its factors so far
        state[:, s] += factor[:, s] * state[:, s - 1]
        factor[:, s] *= factor[:, s - 1]
    start = h[0]
    for piece_factor, piece_state in zip(factor, state, strict=True):  # join: what came in, times the factors it went through
        piece_state += piece_factor * start
        start = piece_state[-1]
    h[1:] = state.reshape(C * L, *h.shape[1:])[:T]


def _pieces(steps, C, L, value):
    """A copy (C, L, B, H) of ``steps`` (T, B, H), filled up with ``value``."""
    pieces = empty((C * L, *steps.shape[1:]), steps)
    pieces[: steps.shape[0]] = steps
    pieces[steps.shape[0] :] = value
    return pieces.reshape(C, L, *steps.shape[1:])


def run_backward(dh, tape):
    """Gradients by factors and summands (T, B, H) and by the initial state (B, H), given ``dh`` by the states and the ``tape``."""
    xp, T = xp_of(dh), dh.shape[0]
    g, factor = empty((T + 1, *dh.shape[1:]), tape.h), empty(tape.a.shape, tape.a)
    g[0] = 0
    g[1:] = xp.flip(dh, (0,))
    factor[0] = 0  # nothing comes from beyond the end
    factor[1:] = conj(xp.flip(tape.a[1:], (0,)))
    run(factor, g, tape.method)
    g = xp.flip(g[1:], (0,))
    return g * conj(tape.h[:-1]), g, conj(tape.a[0]) * g[0]


def conj(array):
    """The complex conjugate of ``array``; a real one is returned as it is."""
    if not (array.is_complex() if is_tensor(array) else array.dtype.kind == "c"):
        return array
    return array.conj().resolve_conj() if is_tensor(array) else array.conj()
