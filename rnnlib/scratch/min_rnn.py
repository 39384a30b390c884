"""Minimal GRU and LSTM: gates see the input only, so the state enters linearly and the steps can be scanned."""

from rnnlib.arrays import empty, xp_of
from rnnlib.checks import check_choice
from rnnlib.scratch.scan import METHODS, run, run_backward
from rnnlib.scratch.sequence import begin, check, check_grads, enter_grads, fill, final, leave


def min_gru_forward(x, W_x, b, h_0=None, *, lengths=None, reverse=False, method="auto"):
    r"""Run a minimal GRU: gate and candidate see the input only, so the state enters linearly.

    .. math:: z_t = \sigma(x_t W_{xz} + b_z), \quad n_t = x_t W_{xn} + b_n, \qquad h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
    W_x, b : ndarray or tensor of shape (D, 2H), (2H,)
        Input weights and bias, column blocks in the order ``z, n``; ``z`` keeps the old state.
    h_0 : ndarray or tensor of shape (B, H), optional
        Initial state, zeros when None.
    lengths : int array of shape (B,), optional
        Valid steps of each row, 1 to ``T``. The values in the padding have no effect.
    reverse : bool
        Read each row's valid steps from the last to the first.
    method : {"auto", "loop", "chunked"}
        See `scan`.

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, H)
        Zero past a row's length.
    h_T : ndarray or tensor of shape (B, H)
    tape : Tape
        For `min_gru_backward`.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Feng et al. (2024), minGRU without the logarithmic form; there ``z`` weighs the new state.
    """
    tape, (z, n) = _project("min_gru", 2, x, W_x, b, h_0, lengths, reverse, method)
    z = _sigmoid(z)
    return _finish(z, (1 - z) * n, (z, n), h_0, tape)


def min_gru_backward(dh_seq, tape, dh_T=None):
    """Gradients of `min_gru_forward`.

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H), or None
        None for zeros.
    tape : Tape
        From `min_gru_forward`.
    dh_T : ndarray or tensor of shape (B, H), optional
        Gradient with respect to ``h_T``, zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``W_x`` (D, 2H), ``b`` (2H,), ``h_0`` (B, H).

    Notes
    -----
    Lesson: :ref:`linear-recurrences`.
    """
    check_grads(tape, "min_gru", dh_seq, dh_T=dh_T)
    dfactor, g, dh_0 = run_backward(enter_grads(dh_seq, dh_T, tape), tape)
    z, n = tape.gates
    return _leave_grads([(dfactor - g * n) * z * (1 - z), g * (1 - z)], dh_0, tape)


def min_lstm_forward(x, W_x, b, h_0=None, *, lengths=None, reverse=False, method="auto"):
    r"""Run a minimal LSTM: gates see the input only and share out between old and new.

    .. math::

       i_t, f_t = \sigma(\cdot), \quad g_t = x_t W_{xg} + b_g, \qquad
       h_t = \frac{f_t}{f_t + i_t} \odot h_{t-1} + \frac{i_t}{f_t + i_t} \odot g_t

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
    W_x, b : ndarray or tensor of shape (D, 3H), (3H,)
        Input weights and bias, column blocks in the order ``i, f, g``.
    h_0, lengths, reverse, method
        As in `min_gru_forward`.

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, H)
    h_T : ndarray or tensor of shape (B, H)
    tape : Tape
        For `min_lstm_backward`.

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Feng et al. (2024), minLSTM with length-independent scaling, without the logarithmic form.
    """
    tape, (i, f, g) = _project("min_lstm", 3, x, W_x, b, h_0, lengths, reverse, method)
    i, f = _sigmoid(i), _sigmoid(f)
    share = i / (f + i)  # of the new; the old has 1 - share
    return _finish(1 - share, share * g, (i, f, g), h_0, tape)


def min_lstm_backward(dh_seq, tape, dh_T=None):
    """Gradients of `min_lstm_forward`.

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H), or None
        None for zeros.
    tape : Tape
        From `min_lstm_forward`.
    dh_T : ndarray or tensor of shape (B, H), optional
        Gradient with respect to ``h_T``, zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``W_x`` (D, 3H), ``b`` (3H,), ``h_0`` (B, H).

    Notes
    -----
    Lesson: :ref:`linear-recurrences`.
    """
    check_grads(tape, "min_lstm", dh_seq, dh_T=dh_T)
    dfactor, g, dh_0 = run_backward(enter_grads(dh_seq, dh_T, tape), tape)
    i, f, n = tape.gates
    share = i / (f + i)
    dshare = (g * n - dfactor) * share * (1 - share)
    return _leave_grads([dshare * (1 - i), -dshare * (1 - f), g * share], dh_0, tape)


def _project(cell, blocks, x, W_x, b, h_0, lengths, reverse, method):
    """Check the arguments; the tape and the ``blocks`` pre-activations (T, B, H) of all steps, from one matrix product."""
    sizes = {}
    check("x", x, "B T D", sizes)
    check("W_x", W_x, f"D {blocks}H", sizes, x)
    check("b", b, f"{blocks}H", sizes, x)
    if h_0 is not None:
        check("h_0", h_0, "B H", sizes, x)
    check_choice("method", method, METHODS)
    T, B, H = (sizes[s] for s in "TBH")
    tape = begin(None, cell, x, lengths, reverse)
    tape.method, tape.W_x = method, W_x
    a = (tape.x.reshape(T * B, -1) @ W_x + b).reshape(T, B, blocks, H)
    return tape, [a[:, :, k] for k in range(blocks)]


def _sigmoid(a):
    return 0.5 + 0.5 * xp_of(a).tanh(0.5 * a)


def _finish(factor, summand, gates, h_0, tape):
    """Run the recurrence and leave."""
    tape.a, tape.gates = factor, gates
    tape.h = empty((tape.T + 1, *factor.shape[1:]), factor)
    fill(tape.h[0], h_0)
    tape.h[1:] = summand
    if tape.padding is not None:  # a step of padding keeps the state
        tape.a[tape.padding] = 1
        tape.h[1:][tape.padding] = 0
    run(tape.a, tape.h, tape.method)
    return leave(tape.h[1:], tape), final(tape.h, tape), tape


def _leave_grads(dblocks, dh_0, tape):
    """Gradients of input, weights and bias from those of the pre-activations, a list of (T, B, H)."""
    xp, (T, B, D) = xp_of(tape.x), tape.x.shape
    da = xp.stack(dblocks, 2)  # (T, B, blocks, H)
    if tape.padding is not None:
        da[tape.padding] = 0
    rows = da.reshape(T * B, -1)
    dx = (rows @ tape.W_x.T).reshape(T, B, D)
    return {"x": leave(dx, tape), "W_x": tape.x.reshape(T * B, D).T @ rows, "b": rows.sum(0), "h_0": dh_0}
