r"""Four ways to the gradient through time: full, truncated and checkpointed backpropagation, and real-time recurrent learning.

All four take the same arguments and run any cell of `rnnlib.scratch`:

- ``cell`` is ``"rnn"``, ``"lstm"`` or ``"gru"``, ``params`` the dict of its weights under the names of its forward pass
  (an LSTM's may hold the peepholes ``p_i p_f p_o``), ``options`` what else the forward pass takes, as ``activation="relu"``;
- ``loss_fn(h_seq, start)`` gets the states (B, K, H) of the steps ``start`` to ``start + K - 1`` and returns the loss of these
  steps and its gradient ``dh_seq``, or ``None`` where they have no loss. Losses of windows add up: give sums, not means, over
  the steps. A third value, a dict of gradients of the loss's own weights (a read-out), is added up under its own names;
- the answer is ``loss, grads, state``: the total loss, the gradients of the weights and of the initial state (``h_0``, for the
  LSTM also ``c_0``), and the state after the last step.

Rows of different lengths: pad at the end and give the padding no loss.
"""

from math import isqrt

from rnnlib.arrays import copy, xp_of, zeros
from rnnlib.checks import check_array, check_choice, check_number
from rnnlib.scratch.gru import gru_backward, gru_forward
from rnnlib.scratch.lstm import lstm_backward, lstm_forward
from rnnlib.scratch.rnn import rnn_backward, rnn_forward

CELLS = {"rnn": (rnn_forward, rnn_backward), "lstm": (lstm_forward, lstm_backward), "gru": (gru_forward, gru_backward)}
PEEPHOLES = ("p_i", "p_f", "p_o")


def run(cell, params, x, state=None, tape=None, **options):
    """Run ``cell`` with ``params`` and ``options`` over ``x`` (B, T, D) from ``state``; returns ``h_seq, state, tape``."""
    check_choice("cell", cell, tuple(CELLS))
    weights = {name: W for name, W in params.items() if name not in PEEPHOLES}
    if cell == "lstm" and PEEPHOLES[0] in params:
        options["peepholes"] = tuple(params[name] for name in PEEPHOLES)
    options["state" if cell == "lstm" else "h_0"] = state
    return CELLS[cell][0](x, **weights, tape=tape, **options)


def backward(cell, dh_seq, tape, dstate=None):
    """The backward pass of ``cell`` from ``dh_seq, tape, dstate``: gradients of weights and initial state, that of ``x`` left out."""
    check_choice("cell", cell, tuple(CELLS))
    grads = CELLS[cell][1](dh_seq, tape, dstate)
    del grads["x"]
    return grads


def state_grads(cell, grads):
    """The gradient of the initial state among the ``grads`` of ``cell``, in the form of a state."""
    return (grads["h_0"], grads["c_0"]) if cell == "lstm" else grads["h_0"]


def full(cell, params, x, loss_fn, state=None, *, every=None, **options):
    r"""Backpropagation through time over the whole sequence, every step kept in memory.

    .. math:: \frac{\partial L}{\partial \theta} = \sum_{t=1}^{T} \sum_{s=1}^{t}
        \frac{\partial L_t}{\partial h_t} \frac{\partial h_t}{\partial h_s} \frac{\partial^+ h_s}{\partial \theta}

    Parameters
    ----------
    cell, params, x, loss_fn, state, **options
        See the head of this module; ``x`` is of shape (B, T, D).
    every : int, optional
        Work in windows of this many steps (the gradient still flows through all of them): what `checkpointed` does, tapes kept.

    Returns
    -------
    loss : float
    grads : dict of arrays
    state : array of shape (B, H), or the pair ``(h, c)`` of an LSTM

    Notes
    -----
    Lesson: :ref:`bptt`. Source: Werbos (1990).

    Examples
    --------
    >>> params = {"W_xh": np.array([[1.0]]), "W_hh": np.array([[0.5]]), "b_h": np.zeros(1)}
    >>> last = lambda h_seq, start: (h_seq[0, -1, 0], np.array([[[0.0], [0.0], [1.0]]]))  # the loss is h_3
    >>> loss, grads, h_3 = full("rnn", params, np.ones((1, 3, 1)), last, activation="relu")  # h = 1, 1.5, 1.75
    >>> float(loss), grads["W_hh"]  # h_2 + W_hh h_1
    (1.75, array([[2.]]))
    """
    T = _check(cell, params, x)
    every = T if every is None else every
    check_number("every", every, 1, integer=True)
    return _in_windows(cell, params, x, loss_fn, state, every, True, options)


def checkpointed(cell, params, x, loss_fn, state=None, *, every=None, **options):
    r"""The gradient of `full` in the memory of about :math:`2\sqrt T` steps: states at checkpoints are kept, the rest is computed twice.

    Parameters
    ----------
    cell, params, x, loss_fn, state, **options
        See the head of this module; ``x`` is of shape (B, T, D).
    every : int, optional
        Steps between two checkpoints; the square root of T when None.

    Returns
    -------
    loss, grads, state
        Bit for bit those of ``full(..., every=every)``: the same operations in the same order.

    Notes
    -----
    Lesson: :ref:`bptt-memory`. Source: Griewank (1992); Chen et al. (2016) for :math:`\sqrt T`; Gruslys et al. (2016) for recurrent
    networks.
    """
    T = _check(cell, params, x)
    every = max(1, isqrt(T)) if every is None else every
    check_number("every", every, 1, integer=True)
    return _in_windows(cell, params, x, loss_fn, state, every, False, options)


def _in_windows(cell, params, x, loss_fn, state, every, keep, options):
    """Forward over all windows, then back over them: with every tape kept, or with one tape and each window run again."""
    starts = range(0, x.shape[1], every)
    states, runs, tape = [], [], None
    for start in starts:
        states.append(state)
        h_seq, state, tape = run(cell, params, x[:, start : start + every], state, None if keep else tape, **options)
        runs.append((h_seq, tape) if keep else None)
    runs[-1] = (h_seq, tape)  # the last window's tape is still there in both cases

    loss, grads, dstate, end = 0.0, {}, None, state
    for start, state in zip(reversed(starts), reversed(states), strict=True):  # the last window first
        if runs[-1] is None:
            h_seq, _, tape = run(cell, params, x[:, start : start + every], state, tape, **options)
        else:
            h_seq, tape = runs[-1]
        runs.pop()
        loss_w, dh_seq = _loss(loss_fn, h_seq, start, grads)
        grads_w = backward(cell, dh_seq, tape, dstate)
        dstate = state_grads(cell, grads_w)
        loss = loss + loss_w
        _add(grads, {name: g for name, g in grads_w.items() if name in params})
    return loss, grads | _named(cell, dstate), end


def truncated_windows(cell, params, x, loss_fn, state=None, *, k1, k2=None, **options):
    """Truncated BPTT window by window, so that the weights can be updated (in place) after each.

    Parameters
    ----------
    cell, params, x, loss_fn, state, **options
        See the head of this module; ``x`` is of shape (B, T, D).
    k1 : int
        New steps in a window: there is a gradient every ``k1`` steps, and each step's loss is counted once.
    k2 : int, optional
        Length of a window, at least ``k1``: its first ``k2 - k1`` steps are run again, so that the gradient flows further back. ``k1``
        when None. The last window may be shorter.

    Yields
    ------
    loss, grads, state
        Of one window: the loss of its ``k1`` new steps, its gradients, the state after it. The state that a window starts from
        is a constant; its gradient is zero unless it is the initial state of the sequence.

    Notes
    -----
    Lesson: :ref:`truncated-bptt`. Source: Williams & Peng (1990), BPTT(h; h') with h = k2 and h' = k1. With ``k2 > k1`` the overlap is
    run again with the weights as they are now.
    """
    T = _check(cell, params, x)
    k2 = k1 if k2 is None else k2
    check_number("k1", k1, 1, integer=True)
    check_number("k2", k2, 1, integer=True)
    if k2 < k1:
        raise ValueError(f"k2: expected at least k1 = {k1} (else some losses reach no weight), got {k2}")
    first, tape, done, end_state = 0, None, 0, state
    while done < T:
        end = min(done + k1, T)
        start = max(0, done + k1 - k2)
        if start == done:
            state = end_state
        elif start > first:  # the window before began at `first`: walk to where this one begins
            _, state, tape = run(cell, params, x[:, first:start], state, tape, **options)
        h_seq, end_state, tape = run(cell, params, x[:, start:end], state, tape, **options)
        grads = {}
        loss, dh_new = _loss(loss_fn, h_seq[:, done - start :], done, grads)
        dh_seq = dh_new
        if dh_new is not None and done > start:
            dh_seq = zeros(tuple(h_seq.shape), h_seq)
            dh_seq[:, done - start :] = dh_new
        grads_w = backward(cell, dh_seq, tape)
        if start > 0:
            for name in grads_w.keys() - params.keys():
                grads_w[name][...] = 0
        _add(grads, grads_w)
        yield loss, grads, end_state
        first, done = start, end


def truncated(cell, params, x, loss_fn, state=None, *, k1, k2=None, **options):
    """Truncated BPTT: the gradients of `truncated_windows` added up, the weights left as they are.

    Parameters
    ----------
    cell, params, x, loss_fn, state, k1, k2, **options
        See `truncated_windows`.

    Returns
    -------
    loss, grads, state
        The loss is that of `full`: only the gradient is cut. With ``k1 = T`` the gradient is that of `full` too.

    Notes
    -----
    Lesson: :ref:`truncated-bptt`. Source: Williams & Peng (1990).
    """
    loss, grads = 0.0, {}
    for window in truncated_windows(cell, params, x, loss_fn, state, k1=k1, k2=k2, **options):
        loss = loss + window[0]
        _add(grads, window[1])
    return loss, grads, window[2]


def rtrl(cell, params, x, loss_fn, state=None, **options):
    r"""Real-time recurrent learning: the same gradient carried forward, known after every step, no past kept.

    .. math:: P_t = \frac{\partial s_t}{\partial s_{t-1}} P_{t-1} + \frac{\partial^+ s_t}{\partial \theta}, \qquad
        \frac{\partial L}{\partial \theta} = \sum_t \frac{\partial L_t}{\partial h_t} P_t

    s_t is the whole state (h_t, for an LSTM with c_t below it) and P_t of shape (B, S, number of weights + S) its sensitivity to
    every weight and to the initial state. Memory does not grow with T, but a step costs O(H⁴): for small networks only.

    Parameters
    ----------
    cell, params, x, loss_fn, state, **options
        See the head of this module; ``x`` is of shape (B, T, D). ``loss_fn`` is called once a step.

    Returns
    -------
    loss, grads, state
        Those of `full`.

    Notes
    -----
    Lesson: :ref:`rtrl`. Source: Williams & Zipser (1989). The Jacobians of one step are taken row by row from the cell's own
    backward pass over that one step.
    """
    T, B = _check(cell, params, x), x.shape[0]
    for part in () if state is None else state if isinstance(state, tuple) else (state,):
        check_array("state", part, f"{B} H", like=x)
    rows = [_row(state, b) for b in range(B)]
    loss, grads, P = 0.0, {}, None
    for t in range(T):
        steps = [run(cell, params, x[b : b + 1, t : t + 1], rows[b], **options) for b in range(B)]
        h_t, rows = _join([step[0] for step in steps]), [step[1] for step in steps]
        jacobians = _join([_step_jacobian(cell, params, tape, row)[None] for (_, row, tape) in steps])  # (B, S, weights + S)
        S = jacobians.shape[1]
        if P is None:
            P, gradient = zeros(tuple(jacobians.shape), x), zeros((B, jacobians.shape[2]), x)
            P[:, range(S), range(-S, 0)] = 1  # the initial state depends on itself alone
        P = jacobians[:, :, -S:] @ P
        P[:, :, :-S] += jacobians[:, :, :-S]
        loss_t, dh_t = _loss(loss_fn, h_t, t, grads)
        loss = loss + loss_t
        if dh_t is not None:
            gradient += (dh_t @ P[:, : dh_t.shape[2]])[:, 0]  # (B, weights + S)
    total, at = gradient.sum(0), 0
    for name, W in params.items():
        size = W.reshape(-1).shape[0]
        grads[name] = total[at : at + size].reshape(W.shape)
        at += size
    dstate = _unpack(cell, gradient[:, at:])
    end = tuple(_join(list(part)) for part in zip(*rows, strict=True)) if cell == "lstm" else _join(rows)
    return loss, grads | _named(cell, dstate), end


def _step_jacobian(cell, params, tape, state):
    """Derivative of the state (1, S) after a tape's one step by every weight and by the state before, (S, weights + S)."""
    one_hot = _pack(state) * 0
    jacobian = []
    for j in range(one_hot.shape[1]):
        one_hot[0, j] = 1
        grads = backward(cell, None, tape, _unpack(cell, one_hot))
        one_hot[0, j] = 0
        weights = [grads[name].reshape(1, -1) for name in params]
        jacobian.append(_join([*weights, _pack(state_grads(cell, grads))], 1))
    return _join(jacobian)


def _check(cell, params, x):
    """Check what only this module can see; the cells check the rest. Returns T."""
    check_choice("cell", cell, tuple(CELLS))
    check_array("x", x, "B T D")
    if not isinstance(params, dict) or not params:
        raise TypeError(f"params: expected a dict of weights, got {type(params).__name__}")
    return x.shape[1]


def _loss(loss_fn, h_seq, start, grads):
    """Call ``loss_fn``; the gradients of a read-out are added to ``grads``."""
    loss, dh_seq, *readout = loss_fn(h_seq, start)
    if readout:
        _add(grads, readout[0])
    return loss, dh_seq


def _add(total, grads):
    """Add the arrays of ``grads`` to those of the same name in ``total``, in place."""
    for name, g in grads.items():
        if name in total:
            total[name] += g
        else:
            total[name] = copy(g)


def _named(cell, dstate):
    return {"h_0": dstate[0], "c_0": dstate[1]} if cell == "lstm" else {"h_0": dstate}


def _row(state, b):
    """Row ``b`` of a state, as a batch of one."""
    if state is None:
        return None
    return tuple(part[b : b + 1] for part in state) if isinstance(state, tuple) else state[b : b + 1]


def _pack(state):
    """A state as one array (B, S): h, or h and c side by side."""
    return _join(list(state), 1) if isinstance(state, tuple) else copy(state)


def _unpack(cell, packed):
    H = packed.shape[1] // 2
    return (packed[:, :H], packed[:, H:]) if cell == "lstm" else packed


def _join(arrays, axis=0):
    return xp_of(arrays[0]).concatenate(arrays, axis)
