"""Gated recurrent unit: one step, a whole sequence, and its gradient through time, with the reset after or before the product."""

from rnnlib.arrays import xp_of, zeros
from rnnlib.checks import check_choice
from rnnlib.scratch.sequence import backward_blocks, backward_steps, begin, check, check_grads, enter_grads, fill, final, leave


def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
    r"""Advance a GRU cell by one time step.

    .. math::

       r_t, z_t = \sigma(\cdot) \quad\text{of the blocks of}\quad x_t W_x + b_x + h_{t-1} W_h + b_h

       n_t = \tanh\bigl(x_t W_{xn} + b_{xn} + r_t \odot (h_{t-1} W_{hn} + b_{hn})\bigr) \quad\text{(reset after)}

       n_t = \tanh\bigl(x_t W_{xn} + b_{xn} + (r_t \odot h_{t-1}) W_{hn} + b_{hn}\bigr) \quad\text{(reset before)}

       h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Parameters
    ----------
    x_t : ndarray or tensor of shape (B, D)
        Input at step ``t``.
    h_prev : ndarray or tensor of shape (B, H)
        State after step ``t - 1``. Zeros at the first step.
    W_x, W_h : ndarray or tensor of shape (D, 3H), (H, 3H)
        Input and recurrent weights, column blocks in the order ``r, z, n``; ``z`` keeps the old state.
    b_x, b_h : ndarray or tensor of shape (3H,)
        Biases of the input and of the recurrent side, in the same order.
    reset : {"after", "before"}
        Where ``r`` acts: after the recurrent product (torch, cuDNN) or on the state before it.

    Returns
    -------
    h_t : ndarray or tensor of shape (B, H)

    Notes
    -----
    Lesson: :ref:`gru-cell`. Source: Cho et al. (2014); in the paper's equation ``z`` keeps the old state, as here.
    The sigmoid is computed as ``(1 + tanh(a / 2)) / 2``, which never overflows.

    Examples
    --------
    With all weights zero both gates are one half and ``n`` is zero: half of the state is kept.

    >>> o = np.zeros
    >>> gru_step(o((1, 1)), np.full((1, 1), 4.), o((1, 3)), o((1, 3)), o(3), o(3))
    array([[2.]])
    """
    sizes = {}
    check("x_t", x_t, "B D", sizes)
    _check_weights(W_x, W_h, b_x, b_h, sizes, x_t)
    check("h_prev", h_prev, "B H", sizes, x_t)
    check_choice("reset", reset, ("after", "before"))
    return _step(x_t @ W_x + b_x, h_prev, W_h, b_h, reset)


def _step(a_t, h_prev, W_h, b_h, reset="after"):
    """One step from its input projection ``a_t = x_t @ W_x + b_x`` (B, 3H), unchecked: what a sampling loop calls."""
    tanh, H = xp_of(h_prev).tanh, h_prev.shape[-1]
    recurrent = h_prev @ W_h + b_h if reset == "after" else h_prev @ W_h[:, : 2 * H] + b_h[: 2 * H]
    gates = 0.5 + 0.5 * tanh(0.5 * (a_t[:, : 2 * H] + recurrent[:, : 2 * H]))
    r, z = gates[:, :H], gates[:, H:]
    if reset == "after":
        n = tanh(a_t[:, 2 * H :] + r * recurrent[:, 2 * H :])
    else:
        n = tanh(a_t[:, 2 * H :] + (r * h_prev) @ W_h[:, 2 * H :] + b_h[2 * H :])
    return n + z * (h_prev - n)


def gru_forward(x, W_x, W_h, b_x, b_h, h_0=None, *, reset="after", lengths=None, reverse=False, tape=None):
    r"""Run a GRU over a batch of sequences.

    .. math:: h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}, \qquad t = 1, \dots, T

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
        Input sequences, padded to ``T`` steps.
    W_x, W_h : ndarray or tensor of shape (D, 3H), (H, 3H)
        Input and recurrent weights, column blocks in the order ``r, z, n``.
    b_x, b_h : ndarray or tensor of shape (3H,)
        Biases of the input and of the recurrent side.
    h_0 : ndarray or tensor of shape (B, H), optional
        Initial state, zeros when None.
    reset : {"after", "before"}
        Where ``r`` acts: after the recurrent product (torch, cuDNN) or on the state before it.
    lengths : int array of shape (B,), optional
        Valid steps of each row, 1 to ``T``. The values in the padding have no effect.
    reverse : bool
        Read each row's valid steps from the last to the first; ``h_seq`` stays in the order of ``x``.
    tape : Tape, optional
        Tape of an earlier pass whose buffers are reused (see `rnnlib.scratch.sequence.Tape`).

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, H)
        State after each step, zero past a row's length.
    h_T : ndarray or tensor of shape (B, H)
        State after the last valid step that was read.
    tape : Tape
        For `gru_backward`.

    Notes
    -----
    Lesson: :ref:`gru-forward`. Source: Cho et al. (2014). Changed for speed: the input projections of all steps are one matrix
    product, and the half of ``sigmoid(a) = (1 + tanh(a / 2)) / 2`` is folded into a copy of the weights.
    """
    sizes = {}
    check("x", x, "B T D", sizes)
    _check_weights(W_x, W_h, b_x, b_h, sizes, x)
    if h_0 is not None:
        check("h_0", h_0, "B H", sizes, x)
    check_choice("reset", reset, ("after", "before"))
    B, T, D, H = (sizes[s] for s in "BTDH")
    xp = xp_of(x)
    tape = begin(tape, "gru", x, lengths, reverse)
    tape.W_x, tape.W_h, tape.reset = W_x, W_h, reset

    gates = tape.buffer("gates", (T, B, 3 * H), x)
    h, kept = tape.buffer("h", (T + 1, B, H), x), tape.buffer("kept", (T, B, H), x)
    recurrent, product = tape.buffer("recurrent", (B, 3 * H), x), tape.buffer("product", (B, H), x)
    fill(h[0], h_0)
    half = xp.ones_like(b_x)
    half[: 2 * H] = 0.5
    after, b_n = reset == "after", b_h[2 * H :] + zeros((B, H), x)
    b = (b_x + b_h) * half
    if after:
        b[2 * H :] = b_x[2 * H :]  # r acts on the other bias of n
    W_h = W_h * half
    W_rz, W_n = (W_h[:, : 2 * H], W_h[:, 2 * H :])
    xp.matmul(tape.x.reshape(T * B, D), W_x * half, out=gates.reshape(T * B, 3 * H))  # the input projections of all steps
    gates += b

    rec_rz, rec_n, h_prev = recurrent[:, : 2 * H], recurrent[:, 2 * H :], h[0]
    for rz, (r, z, n), kept_t, h_t in zip(gates[..., : 2 * H], zip(*_blocks(gates), strict=True), kept, h[1:], strict=True):
        if after:
            xp.matmul(h_prev, W_h, out=recurrent)
        else:
            xp.matmul(h_prev, W_rz, out=rec_rz)
        rz += rec_rz
        xp.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if after:
            xp.add(rec_n, b_n, out=kept_t)
            n += xp.multiply(r, kept_t, out=product)
        else:
            xp.multiply(r, h_prev, out=kept_t)
            n += xp.matmul(kept_t, W_n, out=product)
        xp.tanh(n, out=n)
        xp.subtract(h_prev, n, out=h_t)
        h_t *= z
        h_t += n
        h_prev = h_t
    return leave(h[1:], tape), final(h, tape), tape


def gru_backward(dh_seq, tape, dh_T=None):
    r"""Gradients of a GRU by backpropagation through time.

    .. math::

       da^n_t = dh_t (1 - z_t)(1 - n_t^2), \quad da^z_t = dh_t (h_{t-1} - n_t) z_t (1 - z_t), \quad
       da^r_t = da^n_t (h_{t-1} W_{hn} + b_{hn})\, r_t (1 - r_t) \quad\text{(reset after)}

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H), or None
        Gradient of the loss with respect to ``h_seq``; None for zeros. Padding is not looked at.
    tape : Tape
        From `gru_forward`. It may be used again for another ``dh_seq``.
    dh_T : ndarray or tensor of shape (B, H), optional
        Gradient with respect to ``h_T``, zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``W_x``, ``W_h``, ``b_x``, ``b_h``, ``h_0`` (B, H): gradients under the names of the forward pass.

    Notes
    -----
    Lesson: :ref:`gru-backward`. Source: Cho et al. (2014). Changed for speed: with the reset after the product every local
    Jacobian multiplies ``dh_t`` alone, so all are computed for all steps at once.
    """
    check_grads(tape, "gru", dh_seq, dh_T=dh_T)
    x, h, after = tape.x, tape.h, tape.reset == "after"
    xp = xp_of(x)
    (T, B, D), H = x.shape, h.shape[2]
    dh = enter_grads(dh_seq, dh_T, tape)
    dh_prev, product, d_kept = zeros((B, H), x), tape.buffer("product", (B, H), x), tape.buffer("d_kept", (B, H), x)

    da = tape.buffer("da", (T, B, 3 * H), x)  # first the local Jacobians, after the loop the gradient
    dn = tape.buffer("dn", (T, B, H), x)
    W_hT, W_rzT, W_nT = tape.W_h.T, tape.W_h[:, : 2 * H].T, tape.W_h[:, 2 * H :].T
    da_3 = da.reshape(T, B, 3, H)
    for s in backward_blocks(da):
        keep, r = _local_jacobians(tape, s), _blocks(tape.gates[s])[0]
        for dh_t, da_t, da_3_t, keep_t, r_t in backward_steps(dh[s], da[s], da_3[s], keep, r):
            dh_t += dh_prev  # zero at padding, and so is all that follows from it
            if after:
                da_3_t *= dh_t[:, None]
                xp.matmul(da_t, W_hT, out=dh_prev)
            else:
                da_3_t[:, 1:] *= dh_t[:, None]
                xp.matmul(da_3_t[:, 2], W_nT, out=d_kept)
                da_3_t[:, 0] *= d_kept
                xp.matmul(da_t[:, : 2 * H], W_rzT, out=dh_prev)
                d_kept *= r_t
                dh_prev += d_kept
            dh_prev += xp.multiply(dh_t, keep_t, out=product)

    x_2, h_2, kept_2, da_2 = x.reshape(T * B, D), h[:-1].reshape(T * B, H), tape.kept.reshape(T * B, H), da.reshape(T * B, 3 * H)
    if after:
        dW_h, db_h = h_2.T @ da_2, da_2.sum(0)
        xp.multiply(dn, dh, out=da[..., 2 * H :])  # from the recurrent side of n to its input side
    else:
        dW_h, db_h = xp.concatenate([h_2.T @ da_2[:, : 2 * H], kept_2.T @ da_2[:, 2 * H :]], 1), da_2.sum(0)
    dx = xp.matmul(da_2, tape.W_x.T, out=tape.buffer("dx", (T * B, D), x)).reshape(T, B, D)
    return {"x": leave(dx, tape), "W_x": x_2.T @ da_2, "W_h": dW_h, "b_x": da_2.sum(0), "b_h": db_h, "h_0": dh_prev}


def _local_jacobians(tape, s):
    """What the steps ``s`` need from the forward pass: the factors of ``da_t`` in ``tape.da``; returns dh_t/dh_{t-1} past the gates.

    With the reset after the product, block n of ``tape.da`` is that of the recurrent side, and ``tape.dn`` that of the input side.
    """
    r, z, n = _blocks(tape.gates[s])
    da_r, da_z, da_n = _blocks(tape.da[s])
    h_prev, kept, dn = tape.h[s], tape.kept[s], tape.dn[s]
    dn[...] = (1 - z) * (1 - n * n)
    da_z[...] = (h_prev - n) * z * (1 - z)
    if tape.reset == "after":
        da_r[...] = dn * kept * r * (1 - r)
        da_n[...] = dn * r
    else:
        da_r[...] = h_prev * r * (1 - r)
        da_n[...] = dn
    return z


def _blocks(stacked):
    """The blocks r, z, n of the last axis, as views."""
    H = stacked.shape[-1] // 3
    return [stacked[..., k * H : (k + 1) * H] for k in range(3)]


def _check_weights(W_x, W_h, b_x, b_h, sizes, like):
    check("W_x", W_x, "D 3H", sizes, like)
    check("W_h", W_h, "H 3H", sizes, like)
    check("b_x", b_x, "3H", sizes, like)
    check("b_h", b_h, "3H", sizes, like)
