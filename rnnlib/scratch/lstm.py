"""Long short-term memory: one step, a whole sequence, and its gradient through time, with or without peepholes."""

from rnnlib.arrays import xp_of, zeros
from rnnlib.scratch.sequence import backward_blocks, backward_steps, begin, check, check_grads, enter_grads, fill, final, leave


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
    tanh = xp_of(h_prev).tanh
    a_t = a_t + h_prev @ W_h
    a_i, a_f, a_g, a_o = _blocks(a_t)
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
        Valid steps of each row, 1 to ``T``. The values in the padding have no effect.
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
    half = xp.ones_like(gates[0])  # as wide as a step: a row that is repeated costs twice as much
    half[:, : 2 * H] = half[:, 3 * H :] = 0.5
    shift = 1 - half
    W_h = W_h * half[0]
    xp.matmul(tape.x.reshape(T * B, D), W_x * half[0], out=gates.reshape(T * B, 4 * H))  # the input projections of all steps
    gates += b * half[0]
    if peepholes is not None:
        p_i, p_f, p_o = (0.5 * p + zeros((B, H), x) for p in peepholes)

    h_prev, c_prev = h[0], c[0]
    for a_t, (i, f, g, o), h_t, c_t, tanh_c_t in zip(gates, zip(*_blocks(gates), strict=True), h[1:], c[1:], tanh_c, strict=True):
        xp.matmul(h_prev, W_h, out=recurrent)
        a_t += recurrent
        if peepholes is None:
            xp.tanh(a_t, out=a_t)
            a_t *= half
            a_t += shift
        else:
            i += xp.multiply(p_i, c_prev, out=product)
            f += xp.multiply(p_f, c_prev, out=product)
            xp.tanh(a_t[:, : 3 * H], out=a_t[:, : 3 * H])
            a_t[:, : 2 * H] *= 0.5
            a_t[:, : 2 * H] += 0.5
        xp.multiply(f, c_prev, out=c_t)
        c_t += xp.multiply(i, g, out=product)
        if peepholes is not None:
            o += xp.multiply(p_o, c_t, out=product)
            xp.tanh(o, out=o)
            o *= 0.5
            o += 0.5
        xp.tanh(c_t, out=tanh_c_t)
        xp.multiply(o, tanh_c_t, out=h_t)
        h_prev, c_prev = h_t, c_t
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

    Notes
    -----
    Lesson: :ref:`lstm-backward`. Source: Gers et al. (2002), Greff et al. (2017). Changed for speed: every factor that does not
    depend on ``dh`` or ``dc`` is computed for all steps at once; peepholes only change two of these factors, not the loop.
    """
    dh_T, dc_T = _unpack("dstate", dstate, ("dh_T", "dc_T"))
    check_grads(tape, "lstm", dh_seq, dh_T=dh_T, dc_T=dc_T)
    x, h, c = tape.x, tape.h, tape.c
    xp = xp_of(x)
    (T, B, D), H = x.shape, h.shape[2]
    dh = enter_grads(dh_seq, dh_T, tape)
    dh_prev, dc, product = zeros((B, H), x), zeros((B, H), x), tape.buffer("product", (B, H), x)
    if dc_T is not None:
        dc += dc_T

    da = tape.buffer("da", (T, B, 4 * H), x)  # first the local Jacobians, after the loop the gradient
    da_ifg, da_o, dc_3 = da.reshape(T, B, 4, H)[:, :, :3], da[..., 3 * H :], dc[:, None]
    W_hT = tape.W_h.T
    for s in backward_blocks(da):
        dc_dh, dc_dc = _local_jacobians(tape, s)
        for dh_t, dc_dh_t, dc_dc_t, da_t, da_ifg_t, da_o_t in backward_steps(dh[s], dc_dh, dc_dc, da[s], da_ifg[s], da_o[s]):
            dh_t += dh_prev
            dc += xp.multiply(dh_t, dc_dh_t, out=product)
            da_ifg_t *= dc_3
            da_o_t *= dh_t
            dc *= dc_dc_t
            xp.matmul(da_t, W_hT, out=dh_prev)

    x_2, h_2, da_2 = x.reshape(T * B, D), h[:-1].reshape(T * B, H), da.reshape(T * B, 4 * H)
    dx = xp.matmul(da_2, tape.W_x.T, out=tape.buffer("dx", (T * B, D), x)).reshape(T, B, D)
    grads = {"x": leave(dx, tape), "W_x": x_2.T @ da_2, "W_h": h_2.T @ da_2, "b": da_2.sum(0), "h_0": dh_prev, "c_0": dc}
    if tape.peepholes is not None:
        da_i, da_f, _, da_o = _blocks(da)
        grads |= {"p_i": (da_i * c[:-1]).sum((0, 1)), "p_f": (da_f * c[:-1]).sum((0, 1)), "p_o": (da_o * c[1:]).sum((0, 1))}
    return grads


def _local_jacobians(tape, s):
    """What the steps ``s`` need from the forward pass: the factors of ``da_t`` in ``tape.da``; returns dc_t/dh_t and dc_t/dc_{t-1}."""
    i, f, g, o = _blocks(tape.gates[s])
    da_i, da_f, da_g, da_o = _blocks(tape.da[s])
    tanh_c = tape.tanh_c[s]
    da_i[...] = g * i * (1 - i)
    da_f[...] = tape.c[s] * f * (1 - f)
    da_g[...] = i * (1 - g * g)
    da_o[...] = tanh_c * o * (1 - o)
    dc_dh, dc_dc = o * (1 - tanh_c * tanh_c), f
    if tape.peepholes is not None:  # they change two factors, and not the loop
        p_i, p_f, p_o = tape.peepholes
        dc_dh, dc_dc = dc_dh + da_o * p_o, f + da_i * p_i + da_f * p_f
    if tape.padding is not None:  # a padded step takes nothing and hands dc on as it is
        padding, dc_dc = tape.padding[s], dc_dc * 1
        tape.da[s][padding], dc_dh[padding], dc_dc[padding] = 0, 0, 1
    return dc_dh, dc_dc


def _blocks(stacked):
    """The blocks i, f, g, o of the last axis, as views."""
    H = stacked.shape[-1] // 4
    return [stacked[..., k * H : (k + 1) * H] for k in range(4)]


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
