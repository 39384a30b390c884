"""The vanilla recurrent network of Elman (1990): one step, a whole sequence, and its gradient through time."""

from itertools import pairwise

from rnnlib.arrays import xp_of, zeros
from rnnlib.checks import check_choice
from rnnlib.scratch.sequence import backward_steps, begin, check, check_grads, enter_grads, fill, final, leave


def rnn_step(x_t, h_prev, W_xh, W_hh, b_h, activation="tanh"):
    r"""Advance a vanilla RNN by one time step.

    .. math:: h_t = \phi(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad \phi \in \{\tanh, \mathrm{relu}\}

    Parameters
    ----------
    x_t : ndarray or tensor of shape (B, D)
        Input at step ``t``.
    h_prev : ndarray or tensor of shape (B, H)
        State after step ``t - 1``. Zeros at the first step.
    W_xh, W_hh, b_h : ndarray or tensor of shape (D, H), (H, H), (H,)
        Input weights, recurrent weights, bias.
    activation : {"tanh", "relu"}

    Returns
    -------
    h_t : ndarray or tensor of shape (B, H)

    Notes
    -----
    Lesson: :ref:`rnn-cell`. Source: Elman (1990), with tanh or relu in the place of the logistic function.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> rnn_step(one, 2 * one, one, one, -np.ones(1), "relu")
    array([[2.]])
    """
    sizes = {}
    check("x_t", x_t, "B D", sizes)
    check("W_xh", W_xh, "D H", sizes, x_t)
    check("W_hh", W_hh, "H H", sizes, x_t)
    check("b_h", b_h, "H", sizes, x_t)
    check("h_prev", h_prev, "B H", sizes, x_t)
    check_choice("activation", activation, ("tanh", "relu"))
    return _activate(x_t @ W_xh + h_prev @ W_hh + b_h, activation)


def _activate(a, activation):
    """Replace the pre-activations ``a`` by the activations, in place."""
    if activation == "tanh":
        xp_of(a).tanh(a, out=a)
    else:
        a[a.real <= 0] = 0  # the real part: a complex-step gradient check is complex
    return a


def rnn_forward(x, W_xh, W_hh, b_h, h_0=None, *, activation="tanh", lengths=None, reverse=False, tape=None):
    r"""Run a vanilla RNN over a batch of sequences.

    .. math:: h_t = \phi(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad t = 1, \dots, T

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
        Input sequences, padded to ``T`` steps.
    W_xh, W_hh, b_h : ndarray or tensor of shape (D, H), (H, H), (H,)
        Input weights, recurrent weights, bias.
    h_0 : ndarray or tensor of shape (B, H), optional
        Initial state, zeros when None.
    activation : {"tanh", "relu"}
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
        For `rnn_backward`.

    Notes
    -----
    Lesson: :ref:`rnn-unrolled`. Source: Elman (1990). The input projections of all steps are one matrix product.
    """
    sizes = {}
    check("x", x, "B T D", sizes)
    check("W_xh", W_xh, "D H", sizes, x)
    check("W_hh", W_hh, "H H", sizes, x)
    check("b_h", b_h, "H", sizes, x)
    if h_0 is not None:
        check("h_0", h_0, "B H", sizes, x)
    check_choice("activation", activation, ("tanh", "relu"))
    B, T, D, H = (sizes[s] for s in "BTDH")
    xp = xp_of(x)
    tape = begin(tape, "rnn", x, lengths, reverse)
    tape.W_xh, tape.W_hh, tape.activation = W_xh, W_hh, activation

    h = tape.buffer("h", (T + 1, B, H), x)
    recurrent = tape.buffer("recurrent", (B, H), x)
    fill(h[0], h_0)
    xp.matmul(tape.x.reshape(T * B, D), W_xh, out=h[1:].reshape(T * B, H))  # the input projections of all steps
    h[1:] += b_h
    for t, (h_prev, h_t) in enumerate(pairwise(h)):
        h_t += xp.matmul(h_prev, W_hh, out=recurrent)
        _activate(h_t, activation)
        if tape.padding is not None and activation == "relu":
            h_t[tape.padding[t]] = 0  # it might explode where nobody looks
    return leave(h[1:], tape), final(h, tape), tape


def rnn_backward(dh_seq, tape, dh_T=None):
    r"""Gradients of a vanilla RNN by backpropagation through time.

    .. math::

       da_t = \phi'(a_t) \odot (dh_t + da_{t+1} W_{hh}^\top), \qquad
       dW_{xh} = \sum_t x_t^\top da_t, \quad dW_{hh} = \sum_t h_{t-1}^\top da_t

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H), or None
        Gradient of the loss with respect to ``h_seq``; None for zeros. Padding is not looked at.
    tape : Tape
        From `rnn_forward`. It may be used again for another ``dh_seq``.
    dh_T : ndarray or tensor of shape (B, H), optional
        Gradient with respect to ``h_T``, zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``W_xh``, ``W_hh``, ``b_h``, ``h_0`` (B, H): gradients under the names of the forward pass.

    Notes
    -----
    Lesson: :ref:`bptt`. Source: Werbos (1990). The local Jacobian of all steps is one operation; the loop only carries ``dh``.
    """
    check_grads(tape, "rnn", dh_seq, dh_T=dh_T)
    x, h, W_xh, W_hh = tape.x, tape.h, tape.W_xh, tape.W_hh
    xp = xp_of(x)
    (T, B, D), H = x.shape, h.shape[2]
    dh = enter_grads(dh_seq, dh_T, tape)

    dh_prev, W_hhT = zeros((B, H), x), W_hh.T

    da = tape.buffer("da", (T, B, H), x)  # first the local Jacobians dh_t/da_t, after the loop the gradient
    if tape.activation == "tanh":
        xp.multiply(h[1:], h[1:], out=da)
        da *= -1
        da += 1
    else:
        da[...] = h[1:] > 0
    for dh_t, da_t in backward_steps(dh, da):  # dh is zero at padding, and so is all that follows from it
        dh_t += dh_prev
        da_t *= dh_t
        xp.matmul(da_t, W_hhT, out=dh_prev)

    x_2, h_2, da_2 = x.reshape(T * B, D), h[:-1].reshape(T * B, H), da.reshape(T * B, H)
    dx = xp.matmul(da_2, W_xh.T, out=tape.buffer("dx", (T * B, D), x)).reshape(T, B, D)
    return {"x": leave(dx, tape), "W_xh": x_2.T @ da_2, "W_hh": h_2.T @ da_2, "b_h": da_2.sum(0), "h_0": dh_prev}
