"""Gated recurrent unit: one step, a whole sequence, and its gradient through time, with the reset after or before the product."""

from rnnlib.arrays import empty, xp_of
from rnnlib.checks import check_choice
from rnnlib.scratch.sequence import begin, check, check_grads, enter_grads, fill, final, leave


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

    Raises
    ------
    TypeError, ValueError
        Names the argument, what was expected and what came.

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
        Valid steps of each row, 1 to ``T``. What stands in the padding changes nothing.
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

    Raises
    ------
    TypeError, ValueError
        Names the argument, what was expected and what came.

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
    fill(h[0], h_0)
    half = xp.ones_like(b_x)
    half[: 2 * H] = 0.5
    W_h, b_h = W_h * half, b_h * half
    xp.matmul(tape.x.reshape(T * B, D), W_x * half, out=gates.reshape(T * B, 3 * H))
    gates += b_x * half
    recurrent, product = tape.buffer("recurrent", (B, 3 * H), x), tape.buffer("product", (B, H), x)
    W_rz, W_n = W_h[:, : 2 * H] * 1, W_h[:, 2 * H :] * 1

    for t in range(T):
        h_prev, h_t = h[t], h[t + 1]
        rz, r, z, n = gates[t, :, : 2 * H], gates[t, :, :H], gates[t, :, H : 2 * H], gates[t, :, 2 * H :]
        if reset == "after":
            xp.matmul(h_prev, W_h, out=recurrent)
            recurrent += b_h
            rz += recurrent[:, : 2 * H]
        else:
            rz += h_prev @ W_rz + b_h[: 2 * H]
        xp.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if reset == "after":
            kept[t] = recurrent[:, 2 * H :]  # h_{t-1} W_hn + b_hn
            xp.multiply(r, kept[t], out=product)
            n += product
        else:
            xp.multiply(r, h_prev, out=kept[t])  # r_t * h_{t-1}
            n += kept[t] @ W_n + b_h[2 * H :]
        xp.tanh(n, out=n)
        xp.subtract(h_prev, n, out=h_t)
        h_t *= z
        h_t += n
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

    Raises
    ------
    TypeError, ValueError
        Names the argument, what was expected and what came.

    Notes
    -----
    Lesson: :ref:`gru-backward`. Source: Cho et al. (2014). Changed for speed: with the reset after the product every local
    Jacobian multiplies ``dh_t`` alone, so all are computed for all steps at once.
    """
    check_grads(tape, "gru", dh_seq, dh_T=dh_T)
    x, h, gates, kept, W_h = tape.x, tape.h, tape.gates, tape.kept, tape.W_h
    xp = xp_of(x)
    (T, B, D), H = x.shape, h.shape[2]
    r, z, n = (gates[..., k * H : (k + 1) * H] for k in range(3))
    dh = enter_grads(dh_seq, dh_T, tape)

    da = tape.buffer("da", (T, B, 3 * H), x)  # of x_t W_x: the local Jacobians first, the gradient after the loop
    da_r, da_z, da_n = (da[..., k * H : (k + 1) * H] for k in range(3))
    da_n[...] = (1 - z) * (1 - n * n)
    da_z[...] = (h[:-1] - n) * z * (1 - z)
    da_r[...] = (da_n * kept if tape.reset == "after" else h[:-1]) * r * (1 - r)
    keep = z * 1
    if tape.padding is not None:
        da[tape.padding], keep[tape.padding] = 0, 1
    dh_prev, product = empty((B, H), x), tape.buffer("product", (B, H), x)
    dh_prev[...] = 0
    if tape.reset == "after":
        db = tape.buffer("db", (T, B, 3 * H), x)  # of h_{t-1} W_h: its n block carries the factor r
        db[...] = da
        db[..., 2 * H :] *= r
    W_hT, W_rzT, W_nT = W_h.T, W_h[:, : 2 * H].T, W_h[:, 2 * H :].T
    for t in range(T - 1, -1, -1):
        dh_t = dh[t]
        dh_t += dh_prev
        if tape.reset == "after":
            db_t = db[t].reshape(B, 3, H)
            db_t *= dh_t[:, None]
            xp.matmul(db[t], W_hT, out=dh_prev)
        else:
            da_n[t] *= dh_t
            da_z[t] *= dh_t
            d_kept = da_n[t] @ W_nT
            da_r[t] *= d_kept
            xp.matmul(da[t, :, : 2 * H], W_rzT, out=dh_prev)
            d_kept *= r[t]
            dh_prev += d_kept
        xp.multiply(dh_t, keep[t], out=product)
        dh_prev += product
    if tape.reset == "after":
        da.reshape(T, B, 3, H)[...] *= dh[:, :, None]

    x2, h2, da2 = x.reshape(T * B, D), h[:-1].reshape(T * B, H), da.reshape(T * B, 3 * H)
    dx = (da2 @ tape.W_x.T).reshape(T, B, D)
    if tape.reset == "after":
        db2 = db.reshape(T * B, 3 * H)
        dW_h, db_h = h2.T @ db2, db2.sum(0)
    else:
        dW_h, db_h = empty((H, 3 * H), x), da2.sum(0)
        dW_h[:, : 2 * H] = h2.T @ da2[:, : 2 * H]
        dW_h[:, 2 * H :] = kept.reshape(T * B, H).T @ da2[:, 2 * H :]
    return {"x": leave(dx, tape), "W_x": x2.T @ da2, "W_h": dW_h, "b_x": da2.sum(0), "b_h": db_h, "h_0": dh_prev}


def _check_weights(W_x, W_h, b_x, b_h, sizes, like):
    check("W_x", W_x, "D 3H", sizes, like)
    check("W_h", W_h, "H 3H", sizes, like)
    check("b_x", b_x, "3H", sizes, like)
    check("b_h", b_h, "3H", sizes, like)
