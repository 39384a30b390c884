"""A recurrent language model as a function that writes: one symbol in, the scores of the next one out."""

from rnnlib.arrays import asarray_like, copy, is_tensor, xp_of, zeros
from rnnlib.checks import check_array, check_choice
from rnnlib.scratch import lstm, rnn

WEIGHTS = {"rnn": ("W_xh", "W_hh", "b_h"), "lstm": ("W_x", "W_h", "b"), "gru": ("W_x", "W_h", "b_x", "b_h")}
BLOCKS = {"rnn": "H", "lstm": "4H", "gru": "3H"}


def language_step(cell, params, W_hy, b_y, W_e=None, **options):
    r"""Make the step of a language model of one recurrent layer, for `rnnlib.scratch.decode`.

    .. math:: h_t = \mathrm{cell}(\text{row } \mathrm{id}_t \text{ of } W_e,\; h_{t-1}), \qquad \mathrm{logits}_t = h_t W_{hy} + b_y

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru"}
    params : dict of arrays
        Weights of the cell under the names of its forward pass without an LSTM's peepholes.
    W_hy, b_y : array of shape (H, V), (V,)
        Read-out.
    W_e : array of shape (V, E), optional
        Embedding. None: one-hot input, so that the rows of the input weights, (V, ...), are the embedding.
    **options
        ``activation`` of the RNN, ``peepholes`` of the LSTM, ``reset`` of the GRU, as in their forward pass.

    Returns
    -------
    step : callable
        ``step(ids, state) -> logits, state``; None as state stands for zeros. Make a new one when the weights have changed.

    Notes
    -----
    Lesson: :ref:`sampling`. Made for speed at batch 1: no input is multiplied, ``W_e W_x + b`` is a table with one row a symbol, and
    nothing is checked twice.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> step = language_step("rnn", {"W_xh": 2 * one, "W_hh": one, "b_h": one[0]}, 10 * one, one[0], activation="relu")
    >>> step(np.array([0]), 4 * one)  # h = 2 + 4 + 1, logit = 10 h + 1
    (array([[71.]]), array([[7.]]))
    """
    check_choice("cell", cell, tuple(WEIGHTS))
    names = WEIGHTS[cell]
    if not isinstance(params, dict) or set(params) != set(names):
        got = ", ".join(params) if isinstance(params, dict) else type(params).__name__
        raise ValueError(f"params: expected a dict of {', '.join(names)}, got {got}")
    sizes, G, D = {}, BLOCKS[cell], "V" if W_e is None else "E"
    W_x, W_h, b, *b_h = (params[name] for name in names)
    check_array(names[1], W_h, f"H {G}", sizes=sizes)
    check_array("W_hy", W_hy, "H V", sizes=sizes, like=W_h)
    check_array("b_y", b_y, "V", sizes=sizes, like=W_h)
    if W_e is not None:
        check_array("W_e", W_e, "V E", sizes=sizes, like=W_h)
    for name, value, shape in zip(names, (W_x, W_h, b, *b_h), (f"{D} {G}", f"H {G}", G, G), strict=False):
        check_array(name, value, shape, sizes=sizes, like=W_h)
    table = (W_x if W_e is None else W_e @ W_x) + b  # (V, G)
    advance = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}[cell](W_h, *b_h, table, **options)

    tensor = is_tensor(table)

    def step(ids, state=None):
        a_t = table[asarray_like(ids, table) if tensor else ids]  # (N, G)
        h, state = advance(a_t, state)
        logits = h @ W_hy
        logits += b_y
        return logits, state

    return step


def _zeros(a_t, W_h):
    return zeros((a_t.shape[0], W_h.shape[0]), a_t)


def _rnn(W_hh, table, activation="tanh"):
    check_choice("activation", activation, ("tanh", "relu"))

    def advance(a_t, h):
        if h is not None:
            a_t += h @ W_hh
        h = rnn._activate(a_t, activation)
        return h, h

    return advance


def _lstm(W_h, table, peepholes=None):
    if peepholes is not None:

        def advance(a_t, state):
            state = lstm._step(a_t, *(state or (_zeros(a_t, W_h), _zeros(a_t, W_h))), W_h, peepholes)
            return state[0], state

        return advance

    # sigmoid(a) = (1 + tanh(a / 2)) / 2, the inner half folded into copies of the weights: all gates are one tanh
    xp, H = xp_of(table), W_h.shape[0]
    half, shift = xp.full_like(table[0], 0.5), xp.full_like(table[0], 0.5)
    half[2 * H : 3 * H], shift[2 * H : 3 * H] = 1.0, 0.0  # g is a plain tanh
    table *= half
    W_h = W_h * half

    def advance(a_t, state):
        h, c = state or (_zeros(a_t, W_h), _zeros(a_t, W_h))
        a_t += h @ W_h
        xp.tanh(a_t, out=a_t)
        a_t *= half
        a_t += shift
        i, f, g, o = a_t[:, :H], a_t[:, H : 2 * H], a_t[:, 2 * H : 3 * H], a_t[:, 3 * H :]
        c = f * c
        i *= g
        c += i
        h = xp.tanh(c)
        h *= o
        return h, (h, c)

    return advance


def _gru(W_h, b_h, table, reset="after"):
    check_choice("reset", reset, ("after", "before"))
    xp, H = xp_of(table), W_h.shape[0]
    half = xp.full_like(table[0], 0.5)
    half[2 * H :] = 1.0  # n is a plain tanh
    table *= half
    W_h, b_h = W_h * half, b_h * half
    table[:, : 2 * H] += b_h[: 2 * H]
    W_rz, W_n, b_n = copy(W_h[:, : 2 * H]), copy(W_h[:, 2 * H :]), b_h[2 * H :]

    def advance(a_t, h):
        h = _zeros(a_t, W_h) if h is None else h
        rz, n = a_t[:, : 2 * H], a_t[:, 2 * H :]
        if reset == "after":
            recurrent = h @ W_h
            rz += recurrent[:, : 2 * H]
            kept = recurrent[:, 2 * H :]
            kept += b_n
        else:
            rz += h @ W_rz
        xp.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        r, z = rz[:, :H], rz[:, H:]
        if reset == "after":
            kept *= r
        else:
            kept = (r * h) @ W_n
            kept += b_n
        n += kept
        xp.tanh(n, out=n)
        h = h - n
        h *= z
        h += n
        return h, h

    return advance
