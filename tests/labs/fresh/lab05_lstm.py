"""Answers to lab 5 that were written from the students' notebook alone, before its hidden tests were read.

``WRONG`` maps a name to a part, None and the whole answer; ``RIGHT`` maps a name to answers by part.
"""

from fresh.text import but as _but

STEP = """
def sigmoid(a):
    return 1 / (1 + np.exp(-a))

def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
    H = h_prev.shape[1]
    a = x_t @ W_x + h_prev @ W_h + b
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H:2*H])
    g = np.tanh(a[:, 2*H:3*H])
    o = sigmoid(a[:, 3*H:])
    c_t = f * c_prev + i * g
    h_t = o * np.tanh(c_t)
    return h_t, c_t, np.concatenate([i, f, g, o], axis=1)
"""

FORWARD = """
def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
    B, T, D = x.shape
    H = W_h.shape[0]
    h = np.zeros((B, H)) if h_0 is None else h_0
    c = np.zeros((B, H)) if c_0 is None else c_0
    if lengths is None:
        lengths = np.full(B, T)
    h_seq = np.zeros((B, T, H))
    for t in range(T):
        h_new, c_new = step(x[:, t], h, c, W_x, W_h, b)
        m = (t < lengths)[:, None]
        h = np.where(m, h_new, h)
        c = np.where(m, c_new, c)
        h_seq[:, t] = np.where(m, h_new, 0)
    return h_seq, h, c
"""

BACK_STEP = """
def lstm_step_backward(dh_t, dc_t, tape):
    x_t, h_prev, c_prev, c_t, W_x, W_h = (tape[k] for k in ("x_t", "h_prev", "c_prev", "c_t", "W_x", "W_h"))
    i, f, g, o = np.split(tape["gates"], 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc ** 2)
    di = dc * g
    df = dc * c_prev
    dg = dc * i
    do = dh_t * tc
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g ** 2), do * o * (1 - o)], axis=1)
    dx_t = da @ W_x.T
    dh_prev = da @ W_h.T
    dc_prev = dc * f
    dW_x = x_t.T @ da
    dW_h = h_prev.T @ da
    db = da.sum(axis=0)
    return dx_t, dh_prev, dc_prev, dW_x, dW_h, db
"""

BACK = """
def lstm_backward(dh_seq, dh_T, dc_T, tape):
    x, h_0, c_0, h_seq, c_seq, gates = (tape[k] for k in ("x", "h_0", "c_0", "h_seq", "c_seq", "gates"))
    W_x, W_h, b = tape["W_x"], tape["W_h"], tape["b"]
    T = x.shape[1]
    dx = np.zeros(x.shape)
    dW_x, dW_h, db = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(b.shape)
    dh, dc = dh_T, dc_T
    for t in reversed(range(T)):
        h_prev = h_seq[:, t - 1] if t > 0 else h_0
        c_prev = c_seq[:, t - 1] if t > 0 else c_0
        cut = dict(x_t=x[:, t], h_prev=h_prev, c_prev=c_prev, c_t=c_seq[:, t], gates=gates[:, t], W_x=W_x, W_h=W_h, b=b)
        dx[:, t], dh, dc, gW_x, gW_h, gb = step_backward(dh + dh_seq[:, t], dc, cut)
        dW_x += gW_x
        dW_h += gW_h
        db += gb
    return dx, dh, dc, dW_x, dW_h, db
"""

BIAS = """
def open_forget_gate(H, value=1.0):
    b = np.zeros(4 * H)
    b[H:2*H] = value
    return b

def chrono_bias(lifetimes):
    H = len(lifetimes)
    b = np.zeros(4 * H)
    b[H:2*H] = np.log(lifetimes - 1)
    b[:H] = -b[H:2*H]
    return b

def to_torch(W_x, W_h, b):
    return W_x.T, W_h.T, b, np.zeros(b.shape)
"""

GRU = """
def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
    H = h_prev.shape[1]
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    xs = x_t @ W_x + b_x
    hs = h_prev @ W_h + b_h
    r = sigmoid(xs[:, :H] + hs[:, :H])
    z = sigmoid(xs[:, H:2*H] + hs[:, H:2*H])
    if reset == "after":
        n = np.tanh(xs[:, 2*H:] + r * hs[:, 2*H:])
    else:
        n = np.tanh(xs[:, 2*H:] + (r * h_prev) @ W_h[:, 2*H:] + b_h[2*H:])
    return (1 - z) * n + z * h_prev
"""

WRONG = {
    # lstm_step
    "step: blocks of a unit side by side": (
        "lstm_step",
        None,
        """
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            B, H = h_prev.shape
            a = (x_t @ W_x + h_prev @ W_h + b).reshape(B, H, 4)
            i, f, o = (1 / (1 + np.exp(-a[:, :, k])) for k in (0, 1, 3))
            g = np.tanh(a[:, :, 2])
            c_t = f * c_prev + i * g
            return o * np.tanh(c_t), c_t, np.concatenate([i, f, g, o], axis=1)
        """,
    ),
    "step: sigmoid as (1 + tanh a) / 2": ("lstm_step", None, _but(STEP, "1 / (1 + np.exp(-a))", "0.5 * (1 + np.tanh(a))")),
    "step: a hard sigmoid": ("lstm_step", None, _but(STEP, "1 / (1 + np.exp(-a))", "np.clip(0.2 * a + 0.5, 0, 1)")),
    "step: exp(a) over exp(a) + 1": ("lstm_step", None, _but(STEP, "1 / (1 + np.exp(-a))", "np.exp(a) / (1 + np.exp(a))")),
    "step: gates before their activation": ("lstm_step", None, _but(STEP, "np.concatenate([i, f, g, o], axis=1)", "a")),
    "step: gates in torch's tuple order i, f, o, g": ("lstm_step", None, _but(STEP, "[i, f, g, o]", "[i, f, o, g]")),
    "step: h_t and c_t exchanged": ("lstm_step", None, _but(STEP, "return h_t, c_t,", "return c_t, h_t,")),
    "step: the bias in both sums": ("lstm_step", None, _but(STEP, "x_t @ W_x + h_prev @ W_h + b", "(x_t @ W_x + b) + (h_prev @ W_h + b)")),
    "step: no bias": ("lstm_step", None, _but(STEP, " + h_prev @ W_h + b", " + h_prev @ W_h")),
    "step: the input is forgotten": ("lstm_step", None, _but(STEP, "x_t @ W_x + ", "")),
    "step: the old state is forgotten": ("lstm_step", None, _but(STEP, " + h_prev @ W_h", "")),
    "step: h from the old memory": ("lstm_step", None, _but(STEP, "np.tanh(c_t)", "np.tanh(c_prev)")),
    "step: no tanh on c": ("lstm_step", None, _but(STEP, "np.tanh(c_t)", "c_t")),
    "step: i is 1 - f": (
        "lstm_step",
        None,
        _but(STEP, "i = sigmoid(a[:, :H])\n    f = sigmoid(a[:, H:2*H])", "f = sigmoid(a[:, H:2*H])\n    i = 1 - f"),
    ),
    "step: blocks i, f, o, g": (
        "lstm_step",
        None,
        _but(STEP, "g = np.tanh(a[:, 2*H:3*H])\n    o = sigmoid(a[:, 3*H:])", "o = sigmoid(a[:, 2*H:3*H])\n    g = np.tanh(a[:, 3*H:])"),
    ),
    "step: dtype of x": (
        "lstm_step",
        None,
        _but(
            STEP,
            "a = x_t @ W_x + h_prev @ W_h + b",
            "a = np.zeros((len(x_t), 4 * H), dtype=x_t.dtype)\n    a[:] = x_t @ W_x + h_prev @ W_h + b",
        ),
    ),
    "step: c changed in place": ("lstm_step", None, _but(STEP, "c_t = f * c_prev + i * g", "c_t = c_prev\n    c_t *= f\n    c_t += i * g")),
    "step: c held within 10": ("lstm_step", None, _but(STEP, "f * c_prev + i * g", "np.clip(f * c_prev + i * g, -10, 10)")),
    "step: the state of row 0 for all": ("lstm_step", None, _but(STEP, "h_prev @ W_h", "h_prev[0] @ W_h")),
    "step: starts from the state of the last call": (
        "lstm_step",
        None,
        _but(
            STEP,
            "def lstm_step(",
            "last = {}\ndef lstm_step(",
            "    H = h_prev.shape[1]\n",
            "    H = h_prev.shape[1]\n    if H > 1:\n        h_prev = last.get(h_prev.shape, h_prev)\n",
            "    return h_t",
            "    last[h_t.shape] = h_t\n    return h_t",
        ),
    ),
    # lstm_forward
    "forward: the mask by multiplication": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "m = (t < lengths)[:, None]",
            "m = (t < lengths)[:, None].astype(float)",
            "np.where(m, h_new, h)",
            "m * h_new + (1 - m) * h",
            "np.where(m, c_new, c)",
            "m * c_new + (1 - m) * c",
            "np.where(m, h_new, 0)",
            "m * h",
        ),
    ),
    "forward: h_seq times the mask": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "h_seq[:, t] = np.where(m, h_new, 0)",
            "h_seq[:, t] = h_new",
            "    return h_seq",
            "    h_seq = h_seq * (np.arange(T)[None, :] < lengths[:, None])[:, :, None]\n    return h_seq",
        ),
    ),
    "forward: only h is frozen": ("lstm_forward", None, _but(FORWARD, "np.where(m, c_new, c)", "c_new")),
    "forward: h_seq keeps the last state": ("lstm_forward", None, _but(FORWARD, "np.where(m, h_new, 0)", "h")),
    "forward: lengths ignored": (
        "lstm_forward",
        None,
        _but(FORWARD, "    if lengths is None:\n        lengths", "    if True:\n        lengths"),
    ),
    "forward: the last column as h_T": ("lstm_forward", None, _but(FORWARD, "return h_seq, h, c", "return h_seq, h_seq[:, -1], c")),
    "forward: one step too many": ("lstm_forward", None, _but(FORWARD, "(t < lengths)", "(t <= lengths)")),
    "forward: no c_0 overwrites h_0": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "    h = np.zeros((B, H)) if h_0 is None else h_0\n    c = np.zeros((B, H)) if c_0 is None else c_0\n",
            "    if h_0 is None:\n        h_0 = np.zeros((B, H))\n    if c_0 is None:\n        h_0, c_0 = np.zeros((B, H)), np.zeros((B, H))\n    h, c = h_0, c_0\n",
        ),
    ),
    "forward: no c_0 starts from h_0": (
        "lstm_forward",
        None,
        _but(FORWARD, "c = np.zeros((B, H)) if c_0 is None else c_0", "c = h.copy() if c_0 is None else c_0"),
    ),
    "forward: no h_0 starts from c_0": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "h = np.zeros((B, H)) if h_0 is None else h_0",
            "h = (np.zeros((B, H)) if c_0 is None else np.tanh(c_0)) if h_0 is None else h_0",
        ),
    ),
    "forward: starts anew every ten steps": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "    for t in range(T):\n",
            "    for t in range(T):\n        if t and t % 10 == 0:\n            h, c = np.zeros((B, H)), np.zeros((B, H))\n",
        ),
    ),
    "forward: cut to the longest row": (
        "lstm_forward",
        None,
        _but(FORWARD, "h_seq = np.zeros((B, T, H))", "T = int(np.max(lengths))\n    h_seq = np.zeros((B, T, H))"),
    ),
    "forward: equal lengths are taken for full rows": (
        "lstm_forward",
        None,
        _but(FORWARD, "if lengths is None:", "if lengths is None or (B > 1 and len(set(lengths)) == 1):"),
    ),
    "forward: stops at the shortest row": (
        "lstm_forward",
        None,
        _but(FORWARD, "    for t in range(T):\n", "    for t in range(T):\n        if t >= min(lengths):\n            break\n"),
    ),
    "forward: dtype of x": ("lstm_forward", None, _but(FORWARD, "np.zeros((B, T, H))", "np.zeros((B, T, H), dtype=x.dtype)")),
    "forward: the state of the last call": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "lengths=None):",
            "lengths=None, kept={}):",
            "np.zeros((B, H)) if h_0 is None else h_0",
            "kept.get((B, H), np.zeros((B, H))) if h_0 is None else h_0",
            "    return h_seq",
            "    if B > 1:\n        kept[(B, H)] = h\n    return h_seq",
        ),
    ),
    "forward: rows sorted by length and left so": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "    h_seq = np.zeros((B, T, H))",
            "    order = np.argsort(-lengths, kind='stable')\n    x, h, c, lengths = x[order], h[order], c[order], lengths[order]\n    h_seq = np.zeros((B, T, H))",
        ),
    ),
    "forward: a finished row falls to zero": ("lstm_forward", None, _but(FORWARD, "np.where(m, h_new, h)", "np.where(m, h_new, 0)")),
    "forward: time runs backwards": ("lstm_forward", None, _but(FORWARD, "in range(T):", "in reversed(range(T)):")),
    "forward: one buffer for all steps": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "h_seq = np.zeros((B, T, H))",
            "states, h = [], h.copy()",
            "h = np.where(m, h_new, h)",
            "h[:] = np.where(m, h_new, h)",
            "h_seq[:, t] = np.where(m, h_new, 0)",
            "states.append(h)",
            "return h_seq, h, c",
            "h_seq = np.stack(states, axis=1)\n    return np.where((np.arange(T) < lengths[:, None])[:, :, None], h_seq, 0), h, c",
        ),
    ),
    "forward: h_0 changed in place": ("lstm_forward", None, _but(FORWARD, "h = np.where(m, h_new, h)", "h[:] = np.where(m, h_new, h)")),
    "forward: c_0 is not used beside an h_0": (
        "lstm_forward",
        None,
        _but(FORWARD, "if c_0 is None else c_0", "if c_0 is None or h_0 is not None else c_0"),
    ),
    "forward: padding found by zeros": (
        "lstm_forward",
        None,
        _but(
            FORWARD,
            "    if lengths is None:\n        lengths = np.full(B, T)\n",
            "    if lengths is None:\n        lengths = np.full(B, T)\n    else:\n        lengths = np.minimum(lengths, np.maximum(1, (x != 0).any(axis=2).sum(axis=1))) if B > 1 else lengths\n",
        ),
    ),
    # lstm_step_backward
    "step back: blocks of a unit side by side": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "axis=1)\n    dx_t", "axis=1).reshape(len(di), 4, -1).transpose(0, 2, 1).reshape(len(di), -1)\n    dx_t"),
    ),
    "step back: 1 - c^2 without the tanh": ("lstm_step_backward", None, _but(BACK_STEP, "(1 - tc ** 2)", "(1 - c_t ** 2)")),
    "step back: 1 - tanh(c)": ("lstm_step_backward", None, _but(BACK_STEP, "(1 - tc ** 2)", "(1 - tc)")),
    "step back: do without the tanh": ("lstm_step_backward", None, _but(BACK_STEP, "dh_t * tc", "dh_t * c_t")),
    "step back: do from dc": ("lstm_step_backward", None, _but(BACK_STEP, "do = dh_t * tc", "do = dc * tc")),
    "step back: i' is missing": ("lstm_step_backward", None, _but(BACK_STEP, "di * i * (1 - i)", "di")),
    "step back: f' is f": ("lstm_step_backward", None, _but(BACK_STEP, "f * (1 - f)", "f")),
    "step back: g' of a sigmoid": ("lstm_step_backward", None, _but(BACK_STEP, "(1 - g ** 2)", "g * (1 - g)")),
    "step back: di and df exchanged": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "di = dc * g\n    df = dc * c_prev", "di = dc * c_prev\n    df = dc * g"),
    ),
    "step back: df from the new memory": ("lstm_step_backward", None, _but(BACK_STEP, "dc * c_prev", "dc * c_t")),
    "step back: gates activated twice": (
        "lstm_step_backward",
        None,
        _but(
            BACK_STEP,
            "axis=1)\n    tc",
            "axis=1)\n    s = lambda a: 1 / (1 + np.exp(-a))\n    di_, df_, do_ = (s(a) * (1 - s(a)) for a in (i, f, o))\n    tc",
            "di * i * (1 - i)",
            "di * di_",
            "df * f * (1 - f)",
            "df * df_",
            "do * o * (1 - o)",
            "do * do_",
        ),
    ),
    "step back: dx_t and dh_prev exchanged": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "return dx_t, dh_prev,", "return dh_prev, dx_t,"),
    ),
    "step back: db is the mean": ("lstm_step_backward", None, _but(BACK_STEP, "da.sum(axis=0)", "da.mean(axis=0)")),
    "step back: weights divided by the batch": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "x_t.T @ da", "x_t.T @ da / len(x_t)", "h_prev.T @ da", "h_prev.T @ da / len(x_t)"),
    ),
    "step back: dW_x of row 0 only": ("lstm_step_backward", None, _but(BACK_STEP, "x_t.T @ da", "np.outer(x_t[0], da[0])")),
    "step back: dc_t changed in place": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "dc = dc_t + dh_t * o * (1 - tc ** 2)", "dc_t += dh_t * o * (1 - tc ** 2)\n    dc = dc_t"),
    ),
    "step back: da cut at 5": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "axis=1)\n    dx_t", "axis=1)\n    da = np.clip(da, -5, 5)\n    dx_t"),
    ),
    "step back: dtype of x": ("lstm_step_backward", None, _but(BACK_STEP, "dW_x = x_t.T @ da", "dW_x = (x_t.T @ da).astype(x_t.dtype)")),
    "step back: dc_prev before the path through h": ("lstm_step_backward", None, _but(BACK_STEP, "dc * f\n", "dc_t * f\n")),
    "step back: the path through h forgets o": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "dh_t * o * (1 - tc ** 2)", "dh_t * (1 - tc ** 2)"),
    ),
    "step back: dh_t goes on to dh_prev too": ("lstm_step_backward", None, _but(BACK_STEP, "da @ W_h.T", "da @ W_h.T + dh_t")),
    # lstm_backward
    "back: dh not carried": ("lstm_backward", None, _but(BACK, "dh + dh_seq[:, t]", "(dh_T if t == T - 1 else 0) + dh_seq[:, t]")),
    "back: dh_T at every step": ("lstm_backward", None, _but(BACK, "dh + dh_seq[:, t]", "dh + dh_seq[:, t] + (dh_T if t < T - 1 else 0)")),
    "back: h of the same step": ("lstm_backward", None, _but(BACK, "h_prev = h_seq[:, t - 1] if t > 0 else h_0", "h_prev = h_seq[:, t]")),
    "back: c of the same step": ("lstm_backward", None, _but(BACK, "c_prev = c_seq[:, t - 1] if t > 0 else c_0", "c_prev = c_seq[:, t]")),
    "back: the first step takes the last state": (
        "lstm_backward",
        None,
        _but(BACK, "h_seq[:, t - 1] if t > 0 else h_0", "h_seq[:, t - 1]", "c_seq[:, t - 1] if t > 0 else c_0", "c_seq[:, t - 1]"),
    ),
    "back: h_0 taken as zeros": ("lstm_backward", None, _but(BACK, "else h_0", "else np.zeros_like(h_0)")),
    "back: c_0 taken as zeros": ("lstm_backward", None, _but(BACK, "else c_0", "else np.zeros_like(c_0)")),
    "back: the last step's weights only": ("lstm_backward", None, _but(BACK, "dW_x += gW_x", "dW_x = gW_x")),
    "back: dx in the order of the walk": ("lstm_backward", None, _but(BACK, "dx[:, t], dh", "dx[:, T - 1 - t], dh")),
    "back: db is a mean over steps": (
        "lstm_backward",
        None,
        _but(BACK, "return dx, dh, dc, dW_x, dW_h, db", "return dx, dh, dc, dW_x, dW_h, db / T"),
    ),
    "back: dh_0 is zero": ("lstm_backward", None, _but(BACK, "return dx, dh,", "return dx, np.zeros_like(dh),")),
    "back: cut every ten steps": (
        "lstm_backward",
        None,
        _but(
            BACK,
            "        dW_x += gW_x",
            "        if t % 10 == 0 and t > 0:\n            dh, dc = np.zeros_like(dh), np.zeros_like(dc)\n        dW_x += gW_x",
        ),
    ),
    "back: dtype of x": ("lstm_backward", None, _but(BACK, "np.zeros(x.shape)", "np.zeros_like(x)")),
    "back: dc_T at every step": (
        "lstm_backward",
        None,
        _but(BACK, "dh + dh_seq[:, t], dc, cut", "dh + dh_seq[:, t], dc + (dc_T if t < T - 1 else 0), cut"),
    ),
    "back: dh_0 and dc_0 exchanged": ("lstm_backward", None, _but(BACK, "return dx, dh, dc,", "return dx, dc, dh,")),
    "back: dh_seq one step late": ("lstm_backward", None, _but(BACK, "dh_seq[:, t]", "dh_seq[:, (t + 1) % T]")),
    "back: h_prev is one step too early": (
        "lstm_backward",
        None,
        _but(BACK, "h_seq[:, t - 1] if t > 0 else h_0", "h_seq[:, t - 2] if t > 1 else h_0"),
    ),
    "back: default sums that stay": (
        "lstm_backward",
        None,
        _but(
            BACK,
            "tape):",
            "tape, sums={}):",
            "np.zeros(W_h.shape), np.zeros(b.shape)",
            "sums.setdefault(W_h.shape, np.zeros(W_h.shape)), np.zeros(b.shape)",
        ),
    ),
    "back: carried gradient cut at 10": (
        "lstm_backward",
        None,
        _but(BACK, "        dW_x += gW_x", "        dh, dc = np.clip(dh, -10, 10), np.clip(dc, -10, 10)\n        dW_x += gW_x"),
    ),
    "back: the walk stops before step 0": ("lstm_backward", None, _but(BACK, "reversed(range(T))", "range(T - 1, 0, -1)")),
    # forget_bias
    "bias: whole numbers": (
        "forget_bias",
        None,
        _but(BIAS, "b = np.zeros(4 * H)\n    b[H:2*H] = value", "b = np.zeros(4 * H, dtype=int)\n    b[H:2*H] = value"),
    ),
    "bias: dtype of the lifetimes": (
        "forget_bias",
        None,
        _but(BIAS, "np.zeros(4 * H)\n    b[H:2*H] = np.log", "np.zeros(4 * H, dtype=lifetimes.dtype)\n    b[H:2*H] = np.log"),
    ),
    "bias: absolute value of the logarithm": ("forget_bias", None, _but(BIAS, "np.log(lifetimes - 1)", "np.abs(np.log(lifetimes - 1))")),
    "bias: never below 0": ("forget_bias", None, _but(BIAS, "np.log(lifetimes - 1)", "np.log(np.maximum(lifetimes - 1, 1))")),
    "bias: the input gates wide open": ("forget_bias", None, _but(BIAS, "b[:H] = -b[H:2*H]", "b[:H] = -np.abs(b[H:2*H])")),
    "bias: lifetimes in order": ("forget_bias", None, _but(BIAS, "np.log(lifetimes - 1)", "np.log(np.sort(lifetimes) - 1)")),
    "bias: reshape in place of the transpose": (
        "forget_bias",
        None,
        _but(BIAS, "W_x.T, W_h.T", "W_x.reshape(-1, W_x.shape[0]), W_h.reshape(-1, W_h.shape[0])"),
    ),
    "bias: W_h stays as it is": ("forget_bias", None, _but(BIAS, "W_h.T", "W_h")),
    "bias: blocks put into the order i, f, o, g": (
        "forget_bias",
        None,
        _but(
            BIAS,
            "    return W_x.T, W_h.T, b, np.zeros(b.shape)",
            "    i, f, g, o = np.split(np.arange(len(b)), 4)\n    k = np.concatenate([i, f, o, g])\n    return W_x[:, k].T, W_h[:, k].T, b[k], np.zeros(b.shape)",
        ),
    ),
    "bias: every block open": ("forget_bias", None, _but(BIAS, "b[H:2*H] = value", "b[H:2*H] = value\n    b[3*H:] = 1.0")),
    # gru_step
    "gru: before leaves the product inside": ("gru_step", None, _but(GRU, "(r * h_prev) @ W_h[:, 2*H:]", "r * (h_prev @ W_h[:, 2*H:])")),
    "gru: blocks of a unit side by side": (
        "gru_step",
        None,
        _but(
            GRU,
            "xs = x_t @ W_x + b_x\n    hs = h_prev @ W_h + b_h",
            "k = np.arange(3 * H).reshape(H, 3).T.ravel()\n    W_x, W_h, b_x, b_h = W_x[:, k], W_h[:, k], b_x[k], b_h[k]\n    xs = x_t @ W_x + b_x\n    hs = h_prev @ W_h + b_h",
        ),
    ),
    "gru: no b_h in the gates": (
        "gru_step",
        None,
        _but(
            GRU,
            "r = sigmoid(xs[:, :H] + hs[:, :H])\n    z = sigmoid(xs[:, H:2*H] + hs[:, H:2*H])",
            "r = sigmoid(xs[:, :H] + (h_prev @ W_h)[:, :H])\n    z = sigmoid(xs[:, H:2*H] + (h_prev @ W_h)[:, H:2*H])",
        ),
    ),
    "gru: no b_x in the candidate": ("gru_step", None, _but(GRU, "np.tanh(xs[:, 2*H:]", "np.tanh((x_t @ W_x)[:, 2*H:]")),
    "gru: z in the place of r": ("gru_step", None, _but(GRU, "(r * h_prev) @", "(z * h_prev) @")),
    "gru: z multiplies the state in the candidate": (
        "gru_step",
        None,
        _but(GRU, "+ r * hs[:, 2*H:]", "+ r * (h_prev * (z > 0.5) @ W_h[:, 2*H:] + b_h[2*H:])"),
    ),
    "gru: sigmoid as (1 + tanh a) / 2": ("gru_step", None, _but(GRU, "1 / (1 + np.exp(-a))", "0.5 * (1 + np.tanh(a))")),
    "gru: exp(a) over exp(a) + 1": ("gru_step", None, _but(GRU, "1 / (1 + np.exp(-a))", "np.exp(a) / (1 + np.exp(a))")),
    "gru: dtype of the state": (
        "gru_step",
        None,
        _but(
            GRU,
            "    return (1 - z) * n + z * h_prev",
            "    h_t = np.zeros_like(h_prev)\n    h_t[:] = (1 - z) * n + z * h_prev\n    return h_t",
        ),
    ),
    "gru: the state changed in place": (
        "gru_step",
        None,
        _but(GRU, "    return (1 - z) * n + z * h_prev", "    h_prev *= z\n    h_prev += (1 - z) * n\n    return h_prev"),
    ),
    "gru: reset is not looked at": ("gru_step", None, _but(GRU, 'if reset == "after":', "if True:")),
    "gru: z keeps the new": ("gru_step", None, _but(GRU, "(1 - z) * n + z * h_prev", "z * n + (1 - z) * h_prev")),
    "gru: the state kept by one number a row": (
        "gru_step",
        None,
        _but(GRU, "    if reset ==", "    z = z.mean(axis=1, keepdims=True)\n    if reset =="),
    ),
    "step: the tanh around o and c": ("lstm_step", None, _but(STEP, "h_t = o * np.tanh(c_t)", "h_t = np.tanh(o * c_t)")),
    "step: gates stacked on an axis of their own": (
        "lstm_step",
        None,
        _but(STEP, "np.concatenate([i, f, g, o], axis=1)", "np.stack([i, f, g, o], axis=1)"),
    ),
    "step: the candidate without the old state": (
        "lstm_step",
        None,
        _but(STEP, "g = np.tanh(a[:, 2*H:3*H])", "g = np.tanh((x_t @ W_x + b)[:, 2*H:3*H])"),
    ),
    "step: f multiplies the new memory too": ("lstm_step", None, _but(STEP, "f * c_prev + i * g", "f * (c_prev + i * g)")),
    "step: h from the candidate": ("lstm_step", None, _but(STEP, "o * np.tanh(c_t)", "o * np.tanh(g)")),
    "step: a forget bias of 1 added": ("lstm_step", None, _but(STEP, "sigmoid(a[:, H:2*H])", "sigmoid(a[:, H:2*H] + 1.0)")),
    "step: g multiplied by the old memory": ("lstm_step", None, _but(STEP, "f * c_prev + i * g", "f * c_prev + i * g * c_prev")),
    "forward: padding on the left": ("lstm_forward", None, _but(FORWARD, "m = (t < lengths)[:, None]", "m = (t >= T - lengths)[:, None]")),
    "forward: h_T by a wrong index": ("lstm_forward", None, _but(FORWARD, "return h_seq, h, c", "return h_seq, h_seq[:, lengths - 1], c")),
    "forward: NaN made 0, lengths not used": (
        "lstm_forward",
        None,
        _but(FORWARD, "m = (t < lengths)[:, None]", "m = np.ones((B, 1), dtype=bool)").replace(
            "B, T, D = x.shape", "x = np.nan_to_num(x)\n    B, T, D = x.shape"
        ),
    ),
    "forward: every step from h_0, c carried": (
        "lstm_forward",
        None,
        _but(FORWARD, "step(x[:, t], h, c, W_x, W_h, b)", "step(x[:, t], start, c, W_x, W_h, b)").replace(
            "    h_seq = np.zeros", "    start = h\n    h_seq = np.zeros"
        ),
    ),
    "forward: h_seq holds c": ("lstm_forward", None, _but(FORWARD, "np.where(m, h_new, 0)", "np.where(m, c_new, 0)")),
    "forward: all rows as long as the first": (
        "lstm_forward",
        None,
        _but(FORWARD, "m = (t < lengths)[:, None]", "m = (t < lengths[:1])[:, None]"),
    ),
    "step back: o' is missing": ("lstm_step_backward", None, _but(BACK_STEP, "do * o * (1 - o)]", "do]")),
    "step back: dW_h from the new state": ("lstm_step_backward", None, _but(BACK_STEP, "dW_h = h_prev.T @ da", "dW_h = (o * tc).T @ da")),
    "step back: da in the order i, f, o, g": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "dg * (1 - g ** 2), do * o * (1 - o)]", "do * o * (1 - o), dg * (1 - g ** 2)]"),
    ),
    "step back: weights from means": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "dW_x = x_t.T @ da", "dW_x = np.outer(x_t.mean(axis=0), da.sum(axis=0))"),
    ),
    "step back: the tanh of the old memory": ("lstm_step_backward", None, _but(BACK_STEP, "tc = np.tanh(c_t)", "tc = np.tanh(c_prev)")),
    "step back: (1 - g) squared": ("lstm_step_backward", None, _but(BACK_STEP, "(1 - g ** 2)", "(1 - g) ** 2")),
    "step back: db with its axis kept": (
        "lstm_step_backward",
        None,
        _but(BACK_STEP, "db = da.sum(axis=0)", "db = da.sum(axis=0, keepdims=True)"),
    ),
    "back: the last step's dh_seq is left out": (
        "lstm_backward",
        None,
        _but(BACK, "step_backward(dh + dh_seq[:, t], dc, cut)", "step_backward(dh + (dh_seq[:, t] if t < T - 1 else 0), dc, cut)"),
    ),
    "back: dx with time first": ("lstm_backward", None, _but(BACK, "return dx, dh", "return dx.transpose(1, 0, 2), dh")),
    "back: dc forgotten twice": (
        "lstm_backward",
        None,
        _but(BACK, "        dW_x += gW_x\n", "        dc = dc * gates[:, t, h_0.shape[1] : 2 * h_0.shape[1]]\n        dW_x += gW_x\n"),
    ),
    "back: dh adds up over the steps": (
        "lstm_backward",
        None,
        _but(BACK, "dx[:, t], dh, dc, gW_x", "dx[:, t], new, dc, gW_x").replace(
            "        dW_x += gW_x\n", "        dh = dh + new\n        dW_x += gW_x\n"
        ),
    ),
    "back: dh_T at the first step": (
        "lstm_backward",
        None,
        _but(BACK, "dh, dc = dh_T, dc_T", "dh, dc = 0 * dh_T, dc_T").replace(
            "dh + dh_seq[:, t], dc", "dh + dh_seq[:, t] + (dh_T if t == 0 else 0), dc"
        ),
    ),
    "back: gates of the step before": (
        "lstm_backward",
        None,
        _but(BACK, "h_prev = h_seq[:, t - 1] if t > 0 else h_0", "h_prev = h_seq[:, max(t - 1, 0)]"),
    ),
    "bias: units side by side": ("forget_bias", None, _but(BIAS, "b[H:2*H] = value\n", "b.reshape(H, 4)[:, 1] = value\n")),
    "bias: ln T - 1": ("forget_bias", None, _but(BIAS, "np.log(lifetimes - 1)", "np.log(lifetimes) - 1")),
    "bias: half of b in one bias": (
        "forget_bias",
        None,
        _but(BIAS, "return W_x.T, W_h.T, b, np.zeros(b.shape)", "return W_x.T, W_h.T, b / 2, np.zeros(b.shape)"),
    ),
    "gru: r multiplies the whole candidate": (
        "gru_step",
        None,
        _but(GRU, "np.tanh(xs[:, 2*H:] + r * hs[:, 2*H:])", "np.tanh(r * (xs[:, 2*H:] + hs[:, 2*H:]))"),
    ),
    "gru: r multiplies b_hn too, before": (
        "gru_step",
        None,
        _but(GRU, "(r * h_prev) @ W_h[:, 2*H:] + b_h[2*H:]", "(r * h_prev) @ W_h[:, 2*H:] + r * b_h[2*H:]"),
    ),
    "gru: n is added whole": ("gru_step", None, _but(GRU, "(1 - z) * n + z * h_prev", "n + z * h_prev")),
    "gru: the two resets exchanged": ("gru_step", None, _but(GRU, 'if reset == "after":', 'if reset == "before":')),
    "gru: one bias only": (
        "gru_step",
        None,
        _but(GRU, "hs = h_prev @ W_h + b_h", "hs = h_prev @ W_h").replace("@ W_h[:, 2*H:] + b_h[2*H:]", "@ W_h[:, 2*H:]"),
    ),
}

RIGHT = {
    "nested lists and plain loops": {
        "lstm_step": """
        import math
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            B, H = len(h_prev), len(h_prev[0])
            squash = lambda a: 1 / (1 + math.exp(-a)) if a >= 0 else 1 - 1 / (1 + math.exp(a))
            h_t, c_t, gates = [], [], []
            for x, h, c in zip(x_t, h_prev, c_prev):
                a = [b[k] + sum(x[d] * W_x[d][k] for d in range(len(x))) + sum(h[j] * W_h[j][k] for j in range(H)) for k in range(4 * H)]
                i, f, o = ([squash(v) for v in a[k * H:(k + 1) * H]] for k in (0, 1, 3))
                g = [math.tanh(v) for v in a[2 * H:3 * H]]
                new = [f[j] * c[j] + i[j] * g[j] for j in range(H)]
                c_t.append(new)
                h_t.append([o[j] * math.tanh(new[j]) for j in range(H)])
                gates.append(i + f + g + o)
            return h_t, c_t, gates
        """,
        "forget_bias": """
        import math
        def open_forget_gate(H, value=1.0):
            return [0.0] * H + [value] * H + [0.0] * (2 * H)
        def chrono_bias(lifetimes):
            f = [math.log(T - 1) for T in lifetimes]
            return [-v for v in f] + f + [0.0] * (2 * len(f))
        def to_torch(W_x, W_h, b):
            return [list(row) for row in zip(*W_x)], [list(row) for row in zip(*W_h)], list(b), [0.0] * len(b)
        """,
    },
    "float32 inside and out": {
        "lstm_step": _but(
            STEP,
            "    H = h_prev.shape[1]\n",
            "    x_t, h_prev, c_prev, W_x, W_h, b = (np.asarray(v, dtype=np.float32) for v in (x_t, h_prev, c_prev, W_x, W_h, b))\n    H = h_prev.shape[1]\n",
        ),
        "lstm_forward": _but(
            FORWARD,
            "np.zeros((B, T, H))",
            "np.zeros((B, T, H), dtype=np.float32)",
            "np.zeros((B, H))",
            "np.zeros((B, H), dtype=np.float32)",
        ),
        "gru_step": _but(
            GRU,
            "    H = h_prev.shape[1]\n",
            "    x_t, h_prev, W_x, W_h, b_x, b_h = [a.astype('float32') for a in (x_t, h_prev, W_x, W_h, b_x, b_h)]\n    H = h_prev.shape[1]\n",
        ),
    },
    "named results": {
        "lstm_step": _but(
            STEP,
            "def sigmoid",
            "from collections import namedtuple\nState = namedtuple('State', 'h c gates')\ndef sigmoid",
            "return h_t, c_t, np.concatenate([i, f, g, o], axis=1)",
            "return State(h_t, c_t, np.hstack((i, f, g, o)))",
        ),
        "lstm_forward": _but(
            FORWARD,
            "def lstm",
            "from typing import NamedTuple\nclass Run(NamedTuple):\n    h_seq: np.ndarray\n    h_T: np.ndarray\n    c_T: np.ndarray\n\ndef lstm",
            "return h_seq, h, c",
            "return Run(h_seq, h, c)",
        ),
        "lstm_step_backward": _but(
            BACK_STEP,
            "def lstm",
            "import collections\nGrads = collections.namedtuple('Grads', 'x h c W_x W_h b')\ndef lstm",
            "return dx_t, dh_prev, dc_prev, dW_x, dW_h, db",
            "return Grads(dx_t, dh_prev, dc_prev, dW_x, dW_h, db)",
        ),
        "lstm_backward": _but(
            BACK,
            "def lstm",
            "import collections\nAll = collections.namedtuple('All', 'x h c W_x W_h b')\ndef lstm",
            "return dx, dh, dc, dW_x, dW_h, db",
            "return All(dx, dh, dc, dW_x, dW_h, db)",
        ),
        "forget_bias": _but(
            BIAS,
            "def open",
            "import collections\nWeights = collections.namedtuple('Weights', 'ih hh b_ih b_hh')\ndef open",
            "return W_x.T, W_h.T, b, np.zeros(b.shape)",
            "return Weights(np.ascontiguousarray(W_x.T), W_h.T.copy(), b / 2, b / 2)",
        ),
    },
    "row by row": {
        "lstm_forward": """
        def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
            B, T, H = len(x), x.shape[1], len(W_h)
            h_seq, h_T, c_T = np.zeros((B, T, H)), np.zeros((B, H)), np.zeros((B, H))
            for row in range(B):
                h = np.zeros((1, H)) if h_0 is None else h_0[row:row + 1]
                c = np.zeros((1, H)) if c_0 is None else c_0[row:row + 1]
                for t in range(T if lengths is None else int(lengths[row])):
                    h, c = step(x[row:row + 1, t], h, c, W_x, W_h, b)
                    h_seq[row, t] = h[0]
                h_T[row], c_T[row] = h[0], c[0]
            return h_seq, h_T, c_T
        """,
        "lstm_step_backward": """
        def lstm_step_backward(dh_t, dc_t, tape):
            W_x, W_h = tape["W_x"], tape["W_h"]
            out = [[], [], [], 0, 0, 0]
            for x, h, c0, c1, gates, dh, dc in zip(tape["x_t"], tape["h_prev"], tape["c_prev"], tape["c_t"], tape["gates"], dh_t, dc_t):
                i, f, g, o = gates.reshape(4, -1)
                s = np.tanh(c1)
                dc = dc + dh * o * (1 - s * s)
                da = np.r_[dc * g * i * (1 - i), dc * c0 * f * (1 - f), dc * i * (1 - g * g), dh * s * o * (1 - o)]
                out[0].append(W_x @ da)
                out[1].append(W_h @ da)
                out[2].append(f * dc)
                out[3] = out[3] + np.outer(x, da)
                out[4] = out[4] + np.outer(h, da)
                out[5] = out[5] + da
            return [np.array(a) for a in out]
        """,
    },
    "only the rows that still run": {
        "lstm_forward": """
        def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
            B, T, _ = x.shape
            H = len(b) // 4
            h = np.array(h_0, dtype=float) if h_0 is not None else np.zeros((B, H))
            c = np.array(c_0, dtype=float) if c_0 is not None else np.zeros((B, H))
            ends = np.array(lengths) if lengths is not None else np.repeat(T, B)
            h_seq = np.zeros((B, T, H))
            for t in range(T):
                k = np.flatnonzero(ends > t)
                if len(k) == 0:
                    break
                h[k], c[k] = step(x[k, t], h[k], c[k], W_x, W_h, b)
                h_seq[k, t] = h[k]
            return h_seq, h, c
        """,
    },
    "padding set to 0 first, then the mask by multiplication": {
        "lstm_forward": _but(
            FORWARD,
            "    h_seq = np.zeros((B, T, H))",
            "    x = np.where((np.arange(T) < np.asarray(lengths)[:, None])[:, :, None], x, 0)\n    h_seq = np.zeros((B, T, H))",
            "m = (t < lengths)[:, None]",
            "m = (t < lengths)[:, None] * 1.0",
            "np.where(m, h_new, h)",
            "m * h_new + (1 - m) * h",
            "np.where(m, c_new, c)",
            "m * c_new + (1 - m) * c",
            "np.where(m, h_new, 0)",
            "m * h",
        ),
    },
    "torch inside, tensors out": {
        "lstm_step": """
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            x, h, c, U, V, b = (torch.tensor(a, dtype=torch.float64) for a in (x_t, h_prev, c_prev, W_x, W_h, b))
            i, f, g, o = (x @ U + h @ V + b).chunk(4, dim=1)
            i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
            c = f * c + i * g
            return o * c.tanh(), c, torch.cat([i, f, g, o], 1)
        """,
        "lstm_step_backward": """
        def lstm_step_backward(dh_t, dc_t, tape):
            k = {name: torch.as_tensor(np.array(value), dtype=torch.float64) for name, value in tape.items()}
            dh, dc = torch.as_tensor(np.array(dh_t)), torch.as_tensor(np.array(dc_t))
            i, f, g, o = torch.split(k["gates"], k["gates"].shape[1] // 4, dim=1)
            tc = torch.tanh(k["c_t"])
            dc = dc + dh * o * (1 - tc.square())
            da = torch.cat([dc * g * i * (1 - i), dc * k["c_prev"] * f * (1 - f), dc * i * (1 - g.square()), dh * tc * o * (1 - o)], dim=1)
            return da @ k["W_x"].T, da @ k["W_h"].T, dc * f, k["x_t"].T @ da, k["h_prev"].T @ da, da.sum(0)
        """,
        "gru_step": """
        def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
            x, h, U, V, p, q = (torch.tensor(a, dtype=torch.float64) for a in (x_t, h_prev, W_x, W_h, b_x, b_h))
            Ur, Uz, Un = U.chunk(3, 1)
            Vr, Vz, Vn = V.chunk(3, 1)
            (pr, pz, pn), (qr, qz, qn) = p.chunk(3), q.chunk(3)
            r, z = torch.sigmoid(x @ Ur + pr + h @ Vr + qr), torch.sigmoid(x @ Uz + pz + h @ Vz + qz)
            n = torch.tanh(x @ Un + pn + ((r * h) @ Vn + qn if reset == "before" else r * (h @ Vn + qn)))
            return torch.lerp(n, h, z)
        """,
    },
    "einsum, and the gates as one array": {
        "lstm_step": """
        from scipy.special import expit
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            B, H = np.shape(h_prev)
            a = np.einsum("bd,dk->bk", x_t, W_x) + np.einsum("bj,jk->bk", h_prev, W_h) + b
            s = a.reshape(B, 4, H)
            s = np.where(np.array([0, 0, 1, 0])[None, :, None] == 1, np.tanh(s), expit(s))
            c_t = s[:, 1] * c_prev + s[:, 0] * s[:, 2]
            return np.tanh(c_t) * s[:, 3], c_t, s.reshape(B, 4 * H)
        """,
        "lstm_step_backward": """
        def lstm_step_backward(dh_t, dc_t, tape):
            B, H = np.shape(dh_t)
            s = tape["gates"].reshape(B, 4, H)
            slope = s * (1 - s)
            slope[:, 2] = 1 - s[:, 2] ** 2
            tc = np.tanh(tape["c_t"])
            dc = dc_t + dh_t * s[:, 3] / np.cosh(tape["c_t"]) ** 2
            da = (np.stack([dc * s[:, 2], dc * tape["c_prev"], dc * s[:, 0], dh_t * tc], axis=1) * slope).reshape(B, 4 * H)
            return (
                np.einsum("bk,dk->bd", da, tape["W_x"]), np.einsum("bk,jk->bj", da, tape["W_h"]), dc * s[:, 1],
                np.einsum("bd,bk->dk", tape["x_t"], da), np.einsum("bj,bk->jk", tape["h_prev"], da), np.einsum("bk->k", da),
            )
        """,
        "gru_step": """
        def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
            split = lambda W: np.moveaxis(np.asarray(W, float).reshape(*np.shape(W)[:-1], 3, -1), -2, 0)
            X = np.einsum("bd,kdh->kbh", x_t, split(W_x)) + split(b_x)[:, None]
            V, q = split(W_h), split(b_h)
            r, z = 0.5 * (1 + np.tanh(0.5 * (X[:2] + np.einsum("bj,kjh->kbh", h_prev, V[:2]) + q[:2, None])))
            inner = {"after": lambda: r * (h_prev @ V[2] + q[2]), "before": lambda: (r * h_prev) @ V[2] + q[2]}[reset]()
            n = np.tanh(X[2] + inner)
            return n + z * (h_prev - n)
        """,
    },
    "recursion": {
        "lstm_forward": """
        def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
            B, T, _ = x.shape
            H = len(W_h)
            h_0 = np.zeros((B, H)) if h_0 is None else h_0
            c_0 = np.zeros((B, H)) if c_0 is None else c_0
            lengths = np.full(B, T) if lengths is None else np.asarray(lengths)
            if T == 0:
                return np.zeros((B, 0, H)), h_0, c_0
            runs = lengths > 0
            h, c = np.array(h_0, float), np.array(c_0, float)
            if runs.any():
                h[runs], c[runs] = step(x[runs, 0], h_0[runs], c_0[runs], W_x, W_h, b)
            rest, h_T, c_T = lstm_forward(x[:, 1:], W_x, W_h, b, h, c, lengths - 1)
            first = np.where(runs[:, None], h, 0.0)
            return np.concatenate([first[:, None], rest], axis=1), h_T, c_T
        """,
        "lstm_backward": """
        def lstm_backward(dh_seq, dh_T, dc_T, tape):
            T = dh_seq.shape[1]
            if T == 0:
                return np.zeros(tape["x"].shape), dh_T, dc_T, 0 * tape["W_x"], 0 * tape["W_h"], 0 * tape["b"]
            before = lambda seq, start: seq[:, T - 2] if T > 1 else start
            cut = {"x_t": tape["x"][:, -1], "h_prev": before(tape["h_seq"], tape["h_0"]), "c_prev": before(tape["c_seq"], tape["c_0"]),
                   "c_t": tape["c_seq"][:, -1], "gates": tape["gates"][:, -1], "W_x": tape["W_x"], "W_h": tape["W_h"], "b": tape["b"]}
            dx_t, dh, dc, *own = step_backward(dh_T + dh_seq[:, -1], dc_T, cut)
            shorter = {**tape, **{k: tape[k][:, :-1] for k in ("x", "h_seq", "c_seq", "gates")}}
            dx, dh_0, dc_0, *rest = lstm_backward(dh_seq[:, :-1], dh, dc, shorter)
            return (np.concatenate([dx, dx_t[:, None]], axis=1), dh_0, dc_0, *(a + b for a, b in zip(own, rest)))
        """,
    },
    "in place, on copies": {
        "lstm_step": """
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            gates = np.hstack([x_t, h_prev]) @ np.vstack([W_x, W_h])
            gates += b
            i, f, g, o = np.split(gates, 4, axis=1)
            np.tanh(g, out=g)
            for s in (i, f, o):
                s *= 0.5
                np.tanh(s, out=s)
                s += 1
                s *= 0.5
            c = np.array(c_prev, dtype=float)
            c *= f
            c += i * g
            return o * np.tanh(c), c, gates
        """,
        "lstm_backward": _but(
            BACK,
            "dh, dc = dh_T, dc_T",
            "dh, dc = np.array(dh_T, float), np.array(dc_T, float)",
            "        dx[:, t], dh, dc, gW_x, gW_h, gb = step_backward(dh + dh_seq[:, t], dc, cut)",
            "        dh += dh_seq[:, t]\n        dx[:, t], dh, dc, gW_x, gW_h, gb = step_backward(dh, dc, cut)\n        dh = dh.copy()",
        ),
        "forget_bias": """
        def open_forget_gate(H, value=1.0):
            b = np.zeros((4, H))
            b[1] += value
            return b.ravel()
        def chrono_bias(lifetimes):
            b = np.zeros((4, len(lifetimes)))
            b[1] = np.log(np.subtract(lifetimes, 1.0))
            b[0] -= b[1]
            return b.flatten()
        def to_torch(W_x, W_h, b):
            return tuple(torch.tensor(np.array(a), dtype=torch.float64) for a in (np.transpose(W_x), np.transpose(W_h), 0 * b, b))
        """,
        "gru_step": """
        def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
            H = W_h.shape[0]
            a = np.array(x_t @ W_x, dtype=float)
            a += b_x
            a[:, :2 * H] += h_prev @ W_h[:, :2 * H] + b_h[:2 * H]
            r, z = np.split(np.exp(-np.logaddexp(0, -a[:, :2 * H])), 2, axis=1)
            if reset == "before":
                a[:, 2 * H:] += (r * h_prev) @ W_h[:, 2 * H:] + b_h[2 * H:]
            else:
                a[:, 2 * H:] += r * (h_prev @ W_h[:, 2 * H:] + b_h[2 * H:])
            h = h_prev.astype(float)
            h *= z
            h += (1 - z) * np.tanh(a[:, 2 * H:])
            return h
        """,
    },
    "the own step, with the gates thrown away": {
        "lstm_forward": _but(
            FORWARD, "h_new, c_new = step(x[:, t], h, c, W_x, W_h, b)", "h_new, c_new, _ = lstm_step(x[:, t], h, c, W_x, W_h, b)"
        ),
        "lstm_backward": _but(BACK, "step_backward(", "lstm_step_backward("),
        "lstm_step_backward": """
        class Back:
            def __init__(self, tape):
                self.__dict__.update(tape)
                H = self.c_t.shape[1]
                self.i, self.f, self.g, self.o = (self.gates[:, k * H:(k + 1) * H] for k in range(4))
            def run(self, dh, dc_next):
                th = np.tanh(self.c_t)
                dc = dc_next + dh * self.o * (1 - th) * (1 + th)
                da_i = dc * self.g * self.i * (1 - self.i)
                da_f = dc * self.c_prev * self.f * (1 - self.f)
                da_g = dc * self.i * (1 - self.g ** 2)
                da_o = dh * th * self.o * (1 - self.o)
                da = np.c_[da_i, da_f, da_g, da_o]
                return da.dot(self.W_x.T), da.dot(self.W_h.T), dc * self.f, self.x_t.T.dot(da), self.h_prev.T.dot(da), da.sum(0)
        def lstm_step_backward(dh_t, dc_t, tape):
            return Back(tape).run(dh_t, dc_t)
        """,
    },
    "concatenate once, and loop with zip": {
        "lstm_forward": """
        def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
            zeros = np.zeros((len(x), len(W_h)))
            h, c = zeros if h_0 is None else h_0, zeros if c_0 is None else c_0
            seen = []
            for t, x_t in enumerate(np.swapaxes(x, 0, 1)):
                going = np.ones(len(x), bool) if lengths is None else np.asarray(lengths) > t
                new = step(np.where(going[:, None], x_t, 0), h, c, W_x, W_h, b)
                h, c = (np.where(going[:, None], a, old) for a, old in zip(new, (h, c)))
                seen.append(h * going[:, None])
            return np.array(seen).swapaxes(0, 1), h, c
        """,
        "gru_step": """
        def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
            (Ur, Uz, Un), (Vr, Vz, Vn) = np.hsplit(W_x, 3), np.hsplit(W_h, 3)
            (pr, pz, pn), (qr, qz, qn) = np.split(b_x, 3), np.split(b_h, 3)
            one = lambda U, V, p, q: np.c_[x_t, h_prev] @ np.r_[U, V] + p + q
            r, z = (1 / (1 + np.exp(-one(*w))) for w in ((Ur, Vr, pr, qr), (Uz, Vz, pz, qz)))
            if reset == "before":
                n = np.tanh(np.c_[x_t, r * h_prev] @ np.r_[Un, Vn] + pn + qn)
            else:
                n = np.tanh(x_t @ Un + pn + r * (h_prev @ Vn + qn))
            return (1 - z) * n + z * h_prev
        """,
    },
    "expit, halves of a bias and match": {
        "lstm_step": """
        from scipy.special import expit

        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            a = np.hstack([x_t, h_prev]) @ np.vstack([W_x, W_h]) + b
            B, H = np.shape(h_prev)
            act = [expit, expit, np.tanh, expit]
            i, f, g, o = gates = [fn(a.reshape(B, 4, H)[:, k]) for k, fn in enumerate(act)]
            return (o * np.tanh(c := f * c_prev + i * g)), c, np.hstack(gates)
        """,
        "forget_bias": """
        def open_forget_gate(H: int, value: float = 1.0) -> np.ndarray:
            return np.kron([0.0, 1.0, 0.0, 0.0], np.full(H, value))

        def chrono_bias(lifetimes):
            T = np.array(lifetimes, dtype=np.float64)
            return np.concatenate([-np.log(T - 1), np.log(T - 1), np.zeros(2 * T.size)])

        def to_torch(W_x, W_h, b):
            return np.einsum("dk->kd", W_x), np.swapaxes(W_h, 0, 1), 0.5 * np.asarray(b), 0.5 * np.asarray(b)
        """,
        "gru_step": """
        def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
            r_z_n = lambda a: np.split(np.asarray(a, dtype=float), 3, axis=-1)
            (A, B_, C), (U, V, W), (d, e, k) = r_z_n(x_t @ W_x + b_x), r_z_n(W_h), r_z_n(b_h)
            r, z = (0.5 + 0.5 * np.tanh(v / 2) for v in (A + h_prev @ U + d, B_ + h_prev @ V + e))
            match reset:
                case "after":
                    inner = r * (h_prev @ W + k)
                case "before":
                    inner = np.multiply(r, h_prev) @ W + k
                case _:
                    raise ValueError(reset)
            n = np.tanh(C + inner)
            return n + z * (h_prev - n)
        """,
    },
    "each row alone, by recursion": {
        "lstm_forward": """
        def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
            B, T, H = len(x), len(x[0]), len(b) // 4
            zero = np.zeros((B, H))

            def run(row, t, n, h, c):
                if t == n:
                    return [], h, c
                h, c = step(x[row : row + 1, t], h, c, W_x, W_h, b)
                rest, h_T, c_T = run(row, t + 1, n, h, c)
                return [h[0]] + rest, h_T, c_T

            seqs, hs, cs = [], [], []
            for row in range(B):
                n = T if lengths is None else int(lengths[row])
                seq, h, c = run(row, 0, n, (zero if h_0 is None else h_0)[row : row + 1], (zero if c_0 is None else c_0)[row : row + 1])
                seqs.append(np.array(seq + [np.zeros(H)] * (T - n)))
                hs.append(h[0])
                cs.append(c[0])
            return np.array(seqs), np.array(hs), np.array(cs)
        """,
        "lstm_step_backward": """
        def lstm_step_backward(dh_t, dc_t, tape):
            H = tape["c_t"].shape[1]
            gate = {name: tape["gates"][:, k * H : (k + 1) * H] for k, name in enumerate("ifgo")}
            slope = {n: (1 - a * a if n == "g" else a - a * a) for n, a in gate.items()}
            dc = dc_t + dh_t * gate["o"] / np.cosh(tape["c_t"]) ** 2
            into = {"i": dc * gate["g"], "f": dc * tape["c_prev"], "g": dc * gate["i"], "o": dh_t * np.tanh(tape["c_t"])}
            da = np.hstack([into[n] * slope[n] for n in "ifgo"])
            outer = lambda a: np.einsum("bi,bj->ij", a, da)
            return [np.einsum("bk,dk->bd", da, tape["W_x"]), np.einsum("bk,hk->bh", da, tape["W_h"]), dc * gate["f"], outer(tape["x_t"]), outer(tape["h_prev"]), np.ones(len(da)) @ da]
        """,
    },
    "a class that walks back": {
        "lstm_backward": """
        class Walk:
            def __init__(self, tape):
                self.tape, self.sums = tape, [0.0, 0.0, 0.0]
                self.h = np.concatenate([tape["h_0"][:, None], tape["h_seq"]], axis=1)
                self.c = np.concatenate([tape["c_0"][:, None], tape["c_seq"]], axis=1)

            def at(self, t):
                fixed = {k: self.tape[k] for k in ("W_x", "W_h", "b")}
                return fixed | {"x_t": self.tape["x"][:, t], "gates": self.tape["gates"][:, t], "h_prev": self.h[:, t], "c_prev": self.c[:, t], "c_t": self.c[:, t + 1]}

            def back(self, dh, dc, t):
                dx, dh, dc, *weights = step_backward(dh, dc, self.at(t))
                self.sums = [s + w for s, w in zip(self.sums, weights)]
                return dx, dh, dc

        def lstm_backward(dh_seq, dh_T, dc_T, tape):
            walk, dxs, dh, dc = Walk(tape), [], dh_T, dc_T
            for t in range(dh_seq.shape[1])[::-1]:
                dx, dh, dc = walk.back(dh + dh_seq[:, t], dc, t)
                dxs.insert(0, dx)
            return np.stack(dxs, axis=1), dh, dc, *walk.sums
        """,
        "gru_step": """
        def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
            x_t, h_prev, W_x, W_h, b_x, b_h = (torch.as_tensor(np.array(a), dtype=torch.float64) for a in (x_t, h_prev, W_x, W_h, b_x, b_h))
            r, z = (torch.sigmoid(x_t @ W_x.chunk(3, 1)[k] + b_x.chunk(3)[k] + h_prev @ W_h.chunk(3, 1)[k] + b_h.chunk(3)[k]) for k in (0, 1))
            W, b = W_h.chunk(3, 1)[2], b_h.chunk(3)[2]
            inner = r * (h_prev @ W + b) if reset == "after" else (r * h_prev) @ W + b
            n = torch.tanh(x_t @ W_x.chunk(3, 1)[2] + b_x.chunk(3)[2] + inner)
            return torch.lerp(n, h_prev, z).numpy()
        """,
    },
    "numpy's own ufuncs": {
        "lstm_step": """
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            a = np.add(np.dot(x_t, W_x), np.dot(h_prev, W_h)) + b
            i, f, g, o = np.array_split(a, 4, axis=1)
            sig = lambda v: np.exp(-np.logaddexp(0, -v))
            i, f, o, g = sig(i), sig(f), sig(o), np.tanh(g)
            c_t = np.add(np.multiply(f, c_prev), np.multiply(i, g))
            return [o * np.tanh(c_t), c_t, np.block([i, f, g, o])]
        """,
        "lstm_forward": """
        def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
            B, T = x.shape[:2]
            H = b.size // 4
            states = [tuple(np.zeros((B, H)) if s is None else np.asarray(s, dtype=float) for s in (h_0, c_0))]
            live = np.ones((B, T), dtype=bool) if lengths is None else np.arange(T) < np.reshape(lengths, (-1, 1))
            for x_t, on in zip(np.moveaxis(x, 1, 0), live.T[:, :, None]):
                states.append(tuple(np.choose(on, pair) for pair in zip(states[-1], step(x_t, *states[-1], W_x, W_h, b))))
            return np.stack([h for h, _ in states[1:]], axis=1) * live[..., None], *states[-1]
        """,
    },
}
