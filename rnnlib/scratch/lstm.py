"""Long short-term memory: one step, a whole sequence, and its gradient through time, with or without peepholes."""

import numpy as np

from rnnlib.arrays import asarray_like, empty, xp_of
from rnnlib.scratch.sequence import begin, check, check_grads, enter_grads, fill, final, leave


def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b, peepholes=None):
    r"""Advance an LSTM cell by one time step.

    .. math::

       i_t, f_t, o_t = \sigma(\cdot), \quad g_t = \tanh(\cdot) \quad\text{of the blocks of}\quad x_t W_x + h_{t-1} W_h + b

       c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t)

    Parameters
    ----------
    x_t : ndarray or tensor of shape (B, D)
        Input at step ``t``.
    h_prev, c_prev : ndarray or tensor of shape (B, H)
        State after step ``t - 1``. Zeros at the first step.
    W_x, W_h, b : ndarray or tensor of shape (D, 4H), (H, 4H), (4H,)
        Input weights, recurrent weights, bias; column blocks in the order ``i, f, g, o``.
    peepholes : tuple of three ndarrays or tensors of shape (H,), optional
        ``(p_i, p_f, p_o)``: ``p_i`` and ``p_f`` let their gates see ``c_prev``, ``p_o`` lets its gate see ``c_t``.

    Returns
    -------
    h_t, c_t : ndarray or tensor of shape (B, H)

    Raises
    ------
    TypeError, ValueError
        Names the argument, what was expected and what came.

    Notes
    -----
    Lesson: :ref:`lstm-cell`. Source: Hochreiter and Schmidhuber (1997), forget gate of Gers et al. (2000), peepholes of
    Gers et al. (2002). The sigmoid is computed as ``(1 + tanh(a / 2)) / 2``, which never overflows.

    Examples
    --------
    With all weights zero every gate is one half and ``g`` is zero: half of the memory is kept.

    >>> o = np.zeros
    >>> lstm_step(o((1, 1)), o((1, 1)), np.full((1, 1), 4.), o((1, 4)), o((1, 4)), o(4))[1]
    array([[2.]])
    """
    sizes = {}
    check("x_t", x_t, "B D", sizes)
    _check_weights(W_x, W_h, b, peepholes, sizes, x_t)
    check("h_prev", h_prev, "B H", sizes, x_t)
    check("c_prev", c_prev, "B H", sizes, x_t)
    return _step(x_t @ W_x + b, h_prev, c_prev, W_h, peepholes)


def _step(a_t, h_prev, c_prev, W_h, peepholes=None):
    """One step from its input projection ``a_t = x_t @ W_x + b`` (B, 4H), unchecked: what a sampling loop calls."""
    tanh, H = xp_of(h_prev).tanh, h_prev.shape[-1]
    a_t = a_t + h_prev @ W_h
    a_i, a_f, a_g, a_o = a_t[:, :H], a_t[:, H : 2 * H], a_t[:, 2 * H : 3 * H], a_t[:, 3 * H :]
    if peepholes is not None:
        a_i, a_f = a_i + peepholes[0] * c_prev, a_f + peepholes[1] * c_prev
    i, f, g = 0.5 + 0.5 * tanh(0.5 * a_i), 0.5 + 0.5 * tanh(0.5 * a_f), tanh(a_g)
    c_t = f * c_prev + i * g
    if peepholes is not None:
        a_o = a_o + peepholes[2] * c_t
    o = 0.5 + 0.5 * tanh(0.5 * a_o)
    return o * tanh(c_t), c_t


def lstm_forward(x, W_x, W_h, b, state=None, *, peepholes=None, lengths=None, reverse=False, tape=None):
    r"""Run an LSTM over a batch of sequences.

    .. math:: c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t), \qquad t = 1, \dots, T

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
        Input sequences, padded to ``T`` steps.
    W_x, W_h, b : ndarray or tensor of shape (D, 4H), (H, 4H), (4H,)
        Input weights, recurrent weights, bias; column blocks in the order ``i, f, g, o``.
    state : tuple of two ndarrays or tensors of shape (B, H), optional
        Initial state ``(h_0, c_0)``, zeros when None.
    peepholes : tuple of three ndarrays or tensors of shape (H,), optional
        ``(p_i, p_f, p_o)``: ``p_i`` and ``p_f`` look at ``c_{t-1}``, ``p_o`` at ``c_t``.
    lengths : int array of shape (B,), optional
        Valid steps of each row, 1 to ``T``. What stands in the padding changes nothing.
    reverse : bool
        Read each row's valid steps from the last to the first; ``h_seq`` stays in the order of ``x``.
    tape : Tape, optional
        Tape of an earlier pass whose buffers are reused (see `rnnlib.scratch.sequence.Tape`).

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, H)
        Output after each step, zero past a row's length.
    (h_T, c_T) : tuple of ndarrays or tensors of shape (B, H)
        State after the last valid step that was read.
    tape : Tape
        For `lstm_backward`.

    Raises
    ------
    TypeError, ValueError
        Names the argument, what was expected and what came.

    Notes
    -----
    Lesson: :ref:`lstm-forward`. Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000, 2002). Changed for speed: the
    input projections of all steps are one matrix product, and with the half of ``sigmoid(a) = (1 + tanh(a / 2)) / 2`` folded
    into a copy of the weights all four gates are one ``tanh``.
    """
    sizes = {}
    check("x", x, "B T D", sizes)
    _check_weights(W_x, W_h, b, peepholes, sizes, x)
    h_0, c_0 = _unpack("state", state, ("h_0", "c_0"))
    for name, value in (("h_0", h_0), ("c_0", c_0)):
        if value is not None:
            check(name, value, "B H", sizes, x)
    B, T, D, H = (sizes[s] for s in "BTDH")
    xp = xp_of(x)
    tape = begin(tape, "lstm", x, lengths, reverse)
    tape.W_x, tape.W_h, tape.peepholes = W_x, W_h, peepholes

    gates = tape.buffer("gates", (T, B, 4 * H), x)
    h, c = tape.buffer("h", (T + 1, B, H), x), tape.buffer("c", (T + 1, B, H), x)
    tanh_c = tape.buffer("tanh_c", (T, B, H), x)
    recurrent, product = tape.buffer("recurrent", (B, 4 * H), x), tape.buffer("product", (B, H), x)
    fill(h[0], h_0)
    fill(c[0], c_0)
    half, shift = asarray_like(np.repeat([[0.5, 0.5, 1.0, 0.5], [0.5, 0.5, 0.0, 0.5]], H, axis=1), x)
    half, shift = _cast(half, x), _cast(shift, x)
    W_h = W_h * half
    xp.matmul(tape.x.reshape(T * B, D), W_x * half, out=gates.reshape(T * B, 4 * H))
    gates += b * half
    if peepholes is not None:
        p_i, p_f, p_o = (0.5 * p for p in peepholes)

    blocks = [gates[..., k * H : (k + 1) * H] for k in range(4)]
    for a_t, i, f, g, o, h_prev, h_t, c_prev, c_t, tanh_c_t in zip(gates, *blocks, h[:-1], h[1:], c[:-1], c[1:], tanh_c, strict=True):
        xp.matmul(h_prev, W_h, out=recurrent)
        a_t += recurrent
        if peepholes is not None:
            i += p_i * c_prev
            f += p_f * c_prev
            a_t = a_t[:, : 3 * H]
        xp.tanh(a_t, out=a_t)
        a_t *= half[: a_t.shape[1]]
        a_t += shift[: a_t.shape[1]]
        xp.multiply(f, c_prev, out=c_t)
        xp.multiply(i, g, out=product)
        c_t += product
        if peepholes is not None:
            o += p_o * c_t
            xp.tanh(o, out=o)
            o *= 0.5
            o += 0.5
        xp.tanh(c_t, out=tanh_c_t)
        xp.multiply(o, tanh_c_t, out=h_t)
    return leave(h[1:], tape), (final(h, tape), final(c, tape)), tape


def lstm_backward(dh_seq, tape, dstate=None):
    r"""Gradients of an LSTM by backpropagation through time.

    .. math::

       dc_t = dc_{t+1} f_{t+1} + dh_t\, o_t (1 - \tanh^2 c_t), \qquad dh_t = \partial L/\partial h_t + da_{t+1} W_h^\top

       da_t = \bigl[dc_t g_t i_t (1 - i_t),\; dc_t\, c_{t-1} f_t (1 - f_t),\; dc_t\, i_t (1 - g_t^2),\; dh_t \tanh(c_t) o_t (1 - o_t)\bigr]

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H), or None
        Gradient of the loss with respect to ``h_seq``; None for zeros. Padding is not looked at.
    tape : Tape
        From `lstm_forward`. It may be used again for another ``dh_seq``.
    dstate : tuple of two ndarrays or tensors of shape (B, H), optional
        Gradient ``(dh_T, dc_T)`` with respect to the final state, zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``W_x``, ``W_h``, ``b``, ``h_0``, ``c_0`` (B, H) and, with peepholes, ``p_i``, ``p_f``, ``p_o``.

    Raises
    ------
    TypeError, ValueError
        Names the argument, what was expected and what came.

    Notes
    -----
    Lesson: :ref:`lstm-backward`. Source: Gers et al. (2002), Greff et al. (2017). Changed for speed: every factor that does not
    depend on ``dh`` or ``dc`` is computed for all steps at once; peepholes only change two of these factors, not the loop.
    """
    dh_T, dc_T = _unpack("dstate", dstate, ("dh_T", "dc_T"))
    check_grads(tape, "lstm", dh_seq, dh_T=dh_T, dc_T=dc_T)
    x, h, c, tanh_c, gates = tape.x, tape.h, tape.c, tape.tanh_c, tape.gates
    xp = xp_of(x)
    (T, B, D), H = x.shape, h.shape[2]
    i, f, g, o = (gates[..., k * H : (k + 1) * H] for k in range(4))
    dh = enter_grads(dh_seq, dh_T, tape)

    da = tape.buffer("da", (T, B, 4 * H), x)  # the local Jacobians first, the gradient after the loop
    da_i, da_f, da_g, da_o = (da[..., k * H : (k + 1) * H] for k in range(4))
    da_i[...] = g * i * (1 - i)
    da_f[...] = c[:-1] * f * (1 - f)
    da_g[...] = i * (1 - g * g)
    da_o[...] = tanh_c * o * (1 - o)
    dc_dh = o * (1 - tanh_c * tanh_c)  # through h_t
    dc_dc = f  # from c_t to c_{t-1}
    if tape.peepholes is not None:
        p_i, p_f, p_o = tape.peepholes
        dc_dh = dc_dh + da_o * p_o
        dc_dc = f + da_i * p_i + da_f * p_f
    if tape.padding is not None:  # a padded step hands dc on as it is
        dc_dc = dc_dc * 1
        da[tape.padding], dc_dh[tape.padding], dc_dc[tape.padding] = 0, 0, 1

    dh_prev, dc, product = empty((B, H), x), empty((B, H), x), tape.buffer("product", (B, H), x)
    dh_prev[...] = 0
    fill(dc, dc_T)
    W_hT = tape.W_h.T
    da_ifg = da.reshape(T, B, 4, H)[:, :, :3]
    for t in range(T - 1, -1, -1):
        dh_t, da_t = dh[t], da_ifg[t]
        dh_t += dh_prev
        xp.multiply(dh_t, dc_dh[t], out=product)
        dc += product
        da_t *= dc[:, None]
        da_o[t] *= dh_t
        dc *= dc_dc[t]
        xp.matmul(da[t], W_hT, out=dh_prev)

    x2, h2, da2 = x.reshape(T * B, D), h[:-1].reshape(T * B, H), da.reshape(T * B, 4 * H)
    dx = (da2 @ tape.W_x.T).reshape(T, B, D)
    grads = {"x": leave(dx, tape), "W_x": x2.T @ da2, "W_h": h2.T @ da2, "b": da2.sum(0), "h_0": dh_prev, "c_0": dc}
    if tape.peepholes is not None:
        grads |= {"p_i": (da_i * c[:-1]).sum((0, 1)), "p_f": (da_f * c[:-1]).sum((0, 1)), "p_o": (da_o * c[1:]).sum((0, 1))}
    return grads


def _cast(row, like):
    return row.to(like.dtype) if hasattr(row, "to") else row.astype(like.dtype)


def _check_weights(W_x, W_h, b, peepholes, sizes, like):
    check("W_x", W_x, "D 4H", sizes, like)
    check("W_h", W_h, "H 4H", sizes, like)
    check("b", b, "4H", sizes, like)
    if peepholes is not None:
        for name, value in zip(("p_i", "p_f", "p_o"), _unpack("peepholes", peepholes, ("p_i", "p_f", "p_o")), strict=True):
            check(name, value, "H", sizes, like)


def _unpack(name, value, parts):
    """The entries of a tuple with one entry for each of ``parts``; None stands for no entry at all."""
    if value is None:
        return [None] * len(parts)
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}: expected a tuple ({', '.join(parts)}), got {type(value).__name__}")
    if len(value) != len(parts):
        raise ValueError(f"{name}: expected a tuple ({', '.join(parts)}), got {len(value)} entries")
    return value
