"""Answers to lab 7 that were written from the students' notebook alone, before its hidden tests were read.

``WRONG`` maps a name to a part, None and the whole answer; ``RIGHT`` maps a name to answers by part; ``PLAIN`` maps a name to an ordinary model
for the contest and the fewest points that it may get.
"""


def _but(text, *pairs):
    """``text`` with each old piece replaced by a new one."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


PREPARE = """
def prepare(text, n_valid):
    cut = len(text) - n_valid
    train, valid = text[:cut], text[cut:]
    symbols = "".join(sorted(set(train)))
    number = {c: k + 1 for k, c in enumerate(symbols)}
    train_ids = np.array([number[c] for c in train], dtype=np.int64)
    valid_ids = np.array([number.get(c, 0) for c in valid], dtype=np.int64)
    return train_ids, valid_ids, symbols
"""

WINDOWS = """
def windows(ids, B, T):
    N = (len(ids) - 1) // (B * T)
    x = ids[: B * N * T].reshape(B, N, T)
    y = ids[1 : B * N * T + 1].reshape(B, N, T)
    return x.transpose(1, 0, 2), y.transpose(1, 0, 2)
"""

LOSS = """
def loss_and_grads(params, x, y, h_0):
    W_xh, W_hh, b_h, W_hy, b_y = (params[k] for k in ("W_xh", "W_hh", "b_h", "W_hy", "b_y"))
    B, T = x.shape
    h, hs = h_0, [h_0]
    for t in range(T):
        h = np.tanh(W_xh[x[:, t]] + h @ W_hh + b_h)
        hs.append(h)
    h_seq = np.stack(hs[1:], axis=1)
    z = h_seq @ W_hy + b_y
    z = z - z.max(axis=-1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    rows, cols = np.arange(B)[:, None], np.arange(T)[None]
    loss = -logp[rows, cols, y].mean()
    dz = np.exp(logp)
    dz[rows, cols, y] -= 1
    dz = dz / (B * T)
    grads = {k: np.zeros_like(params[k]) for k in params}
    grads["W_hy"] = np.einsum("bth,btv->hv", h_seq, dz)
    grads["b_y"] = dz.sum(axis=(0, 1))
    dh_seq = dz @ W_hy.T
    dh = np.zeros_like(h_0)
    for t in reversed(range(T)):
        da = (dh_seq[:, t] + dh) * (1 - hs[t + 1] ** 2)
        np.add.at(grads["W_xh"], x[:, t], da)
        grads["W_hh"] += hs[t].T @ da
        grads["b_h"] += da.sum(axis=0)
        dh = da @ W_hh.T
    return loss, grads, h
"""

ADAM = """
def adam_step(params, grads, state, lr, clip):
    if state is None:
        state = {"k": 0, "m": {n: np.zeros_like(a) for n, a in params.items()}, "v": {n: np.zeros_like(a) for n, a in params.items()}}
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    factor = clip / norm if norm > clip else 1.0
    k = state["k"] + 1
    new, m, v = {}, {}, {}
    for n in params:
        g = factor * grads[n]
        m[n] = 0.9 * state["m"][n] + 0.1 * g
        v[n] = 0.999 * state["v"][n] + 0.001 * g**2
        m_hat = m[n] / (1 - 0.9**k)
        v_hat = v[n] / (1 - 0.999**k)
        new[n] = params[n] - lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return new, {"k": k, "m": m, "v": v}
"""

PREDICT = """
def predict(params, ids, h_0=None):
    B, T = ids.shape
    h = np.zeros((B, len(params["b_h"]))) if h_0 is None else h_0
    probs = []
    for t in range(T):
        h = np.tanh(params["W_xh"][ids[:, t]] + h @ params["W_hh"] + params["b_h"])
        z = h @ params["W_hy"] + params["b_y"]
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        probs.append(e / e.sum(axis=-1, keepdims=True))
    return np.stack(probs, axis=1)
"""

BITS = """
def bits_per_character(probs, targets):
    B, T, V = probs.shape
    p = probs[np.arange(B)[:, None], np.arange(T), targets]
    return -np.log2(p).mean()
"""

TRAIN = """
def train_model(ids, V, seconds, seed):
    began = time.process_time()
    rng = np.random.default_rng(seed)
    H, B, T = 48, 32, 16
    draw = lambda *shape: (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)
    params = dict(W_xh=draw(V, H), W_hh=draw(H, H), b_h=np.zeros(H, dtype=np.float32), W_hy=draw(H, V), b_y=np.zeros(V, dtype=np.float32))
    x, y = make_windows(ids, B, T)
    state, h, k = None, np.zeros((B, H), dtype=np.float32), 0
    while time.process_time() - began < 0.9 * seconds:
        _, grads, h = loss_grads(params, x[k], y[k], h)
        params, state = adam(params, grads, state, 0.01, 1.0)
        k = (k + 1) % len(x)
    return params


def model_probs(params, ids):
    return probabilities(params, ids)
"""

TABLE = """
def train_model(ids, V, seconds, seed):
    counts = np.full((V, V), 0.1)
    for a, b in zip(ids[:-1], ids[1:]):
        counts[a, b] += 1
    return {"table": counts / counts.sum(axis=1, keepdims=True)}


def model_probs(params, ids):
    return params["table"][ids]
"""

P, W, L, A, R, B, M = "prepare", "windows", "loss_and_grads", "adam_step", "predict", "bits_per_character", "train_model"

WRONG = {
    "prepare: the slice [:-n]": (P, _but(PREPARE, ("text[:cut], text[cut:]", "text[:-n_valid], text[-n_valid:]"))),
    "prepare: symbols of the whole text": (P, _but(PREPARE, ("set(train)", "set(text)"))),
    "prepare: ids from 0": (P, _but(PREPARE, ("k + 1 for", "k for"), ("get(c, 0)", "get(c, len(symbols))"))),
    "prepare: unknown is the last id": (P, _but(PREPARE, ("get(c, 0)", "get(c, len(symbols) + 1)"))),
    "prepare: unknown is -1": (P, _but(PREPARE, ("get(c, 0)", "get(c, -1)"))),
    "prepare: unknown characters are dropped": (
        P,
        _but(PREPARE, ("[number.get(c, 0) for c in valid]", "[number[c] for c in valid if c in number]")),
    ),
    "prepare: in the order of the text": (P, _but(PREPARE, ("sorted(set(train))", "dict.fromkeys(train)"))),
    "prepare: the most frequent first": (
        P,
        _but(PREPARE, ("sorted(set(train))", "sorted(set(train), key=lambda c: (-train.count(c), c))")),
    ),
    "prepare: lower case": (P, _but(PREPARE, ("    cut", "    text = text.lower()\n    cut"))),
    "prepare: sorted without regard to case": (
        P,
        _but(PREPARE, ("sorted(set(train))", "sorted(set(train), key=lambda c: (c.lower(), c))")),
    ),
    "prepare: white space at the ends is stripped": (P, _but(PREPARE, ("    cut", "    text = text.strip()\n    cut"))),
    "prepare: the first part is held out": (
        P,
        _but(PREPARE, ("train, valid = text[:cut], text[cut:]", "valid, train = text[:n_valid], text[n_valid:]")),
    ),
    "prepare: bytes for ids": (P, _but(PREPARE, ("np.int64", "np.uint8"))),
    "prepare: letters only": (
        P,
        _but(PREPARE, ("set(train)", "filter(str.isalpha, set(train))"), ("number[c] for", "number.get(c, 0) for")),
    ),
    "prepare: keeps its table between calls": (
        P,
        _but(
            PREPARE,
            ("n_valid):", "n_valid, number={}):"),
            (
                "    number = {c: k + 1 for k, c in enumerate(symbols)}\n",
                "    for k, c in enumerate(symbols):\n        number[c] = k + 1\n",
            ),
        ),
    ),
    "prepare: the nearest symbol for unknown ones": (
        P,
        _but(PREPARE, ("number.get(c, 0) for c in valid", "np.searchsorted(list(symbols), c) + 1 for c in valid")),
    ),
    "prepare: ids are floats": (P, _but(PREPARE, ("np.int64", "float"))),
    "windows: the last input has no target": (
        W,
        _but(
            WINDOWS,
            ("(len(ids) - 1) // (B * T)", "len(ids) // (B * T)"),
            ("y = ids[1 : B * N * T + 1]", "y = np.roll(ids, -1)[: B * N * T]"),
        ),
    ),
    "windows: one after the other": (W, _but(WINDOWS, (".reshape(B, N, T)", ".reshape(N, B, T)"), (".transpose(1, 0, 2)", ""))),
    "windows: streams first": (W, _but(WINDOWS, (".transpose(1, 0, 2)", ""))),
    "windows: streams begin at len // B": (
        W,
        """
        def windows(ids, B, T):
            L = (len(ids) - 1) // B
            N = L // T
            x = np.stack([ids[b * L : b * L + N * T] for b in range(B)]).reshape(B, N, T)
            y = np.stack([ids[b * L + 1 : b * L + N * T + 1] for b in range(B)]).reshape(B, N, T)
            return x.transpose(1, 0, 2), y.transpose(1, 0, 2)
        """,
    ),
    "windows: the target is the id plus one": (W, _but(WINDOWS, ("ids[1 : B * N * T + 1].reshape(B, N, T)", "x + 1"))),
    "windows: targets shifted inside the window": (W, _but(WINDOWS, ("ids[1 : B * N * T + 1].reshape(B, N, T)", "np.roll(x, -1, axis=2)"))),
    "windows: the last window is dropped": (
        W,
        _but(
            WINDOWS,
            (
                "return x.transpose(1, 0, 2), y.transpose(1, 0, 2)",
                "return x.transpose(1, 0, 2)[: max(N - 1, 1)], y.transpose(1, 0, 2)[: max(N - 1, 1)]",
            ),
        ),
    ),
    "windows: floats": (W, _but(WINDOWS, ("    N =", "    ids = ids.astype(float)\n    N ="))),
    "windows: bytes": (W, _but(WINDOWS, ("    N =", "    ids = ids.astype(np.uint8)\n    N ="))),
    "windows: every stream loses an id": (W, _but(WINDOWS, ("(len(ids) - 1) // (B * T)", "(len(ids) - B) // (B * T)"))),
    "windows: every second id": (W, _but(WINDOWS, ("y.transpose(1, 0, 2)", "x.transpose(1, 0, 2)"))),
    "loss: divided by T only": (L, _but(LOSS, ("].mean()", "].sum() / T"), ("dz / (B * T)", "dz / T"))),
    "loss: a sum": (L, _but(LOSS, ("].mean()", "].sum()"), ("dz = dz / (B * T)", "dz = dz"))),
    "loss: gradients not divided": (L, _but(LOSS, ("dz = dz / (B * T)", "dz = dz"))),
    "loss: in bits": (L, _but(LOSS, ("].mean()", "].mean() / np.log(2)"))),
    "loss: the state starts at zero": (L, _but(LOSS, ("h, hs = h_0, [h_0]", "h, hs = 0 * h_0, [0 * h_0]"))),
    "loss: no slope of tanh": (L, _but(LOSS, (" * (1 - hs[t + 1] ** 2)", ""))),
    "loss: 1 - h": (L, _but(LOSS, ("hs[t + 1] ** 2", "hs[t + 1]"))),
    "loss: nothing is carried back": (L, _but(LOSS, ("        dh = da @ W_hh.T\n", ""))),
    "loss: W_hh not transposed": (L, _but(LOSS, ("da @ W_hh.T", "da @ W_hh"))),
    "loss: a repeated symbol counts once": (L, _but(LOSS, ('np.add.at(grads["W_xh"], x[:, t], da)', 'grads["W_xh"][x[:, t]] += da'))),
    "loss: W_hh with the state after the step": (L, _but(LOSS, ("hs[t].T @ da", "hs[t + 1].T @ da"))),
    "loss: W_hh without the first step": (L, _but(LOSS, ('grads["W_hh"] += hs[t].T @ da', 'grads["W_hh"] += hs[t].T @ da if t else 0'))),
    "loss: b_h of one step": (L, _but(LOSS, ('grads["b_h"] += da', 'grads["b_h"] = da'))),
    "loss: b_h a mean over the batch": (L, _but(LOSS, ("da.sum(axis=0)", "da.mean(axis=0)"))),
    "loss: softmax without a shift": (L, _but(LOSS, ("    z = z - z.max(axis=-1, keepdims=True)\n", ""))),
    "loss: one shift for all": (L, _but(LOSS, ("z.max(axis=-1, keepdims=True)", "z.max()"))),
    "loss: log(p + 1e-12)": (
        L,
        _but(LOSS, ("loss = -logp[rows, cols, y].mean()", "loss = -np.log(np.exp(logp[rows, cols, y]) + 1e-12).mean()")),
    ),
    "loss: the state before the last step": (L, _but(LOSS, ("return loss, grads, h", "return loss, grads, hs[-2]"))),
    "loss: the carry is cut every ten steps": (
        L,
        _but(LOSS, ("        dh = da @ W_hh.T", "        dh = da @ W_hh.T if t % 10 else np.zeros_like(da)")),
    ),
    "loss: only eight steps back": (L, _but(LOSS, ("for t in reversed(range(T)):", "for t in reversed(range(max(0, T - 8), T)):"))),
    "loss: weight decay": (L, _but(LOSS, ("    return loss", '    grads["W_hh"] += 1e-3 * W_hh\n    return loss'))),
    "loss: gradients clipped": (
        L,
        _but(LOSS, ("    return loss", "    grads = {k: np.clip(g, -0.1, 0.1) for k, g in grads.items()}\n    return loss")),
    ),
    "loss: the other sign": (L, _but(LOSS, ("dz = dz / (B * T)", "dz = -dz / (B * T)"))),
    "loss: gradients add up over calls": (
        L,
        _but(
            LOSS,
            ("h_0):", "h_0, total={}):"),
            (
                "    return loss",
                "    for k in grads:\n        old = total.get(k)\n        total[k] = grads[k] + (old if np.shape(old) == grads[k].shape else 0)\n    return loss, dict(total), h\n    return loss",
            ),
        ),
    ),
    "loss: the target is the input": (L, _but(LOSS, ("cols, y]", "cols, x]"))),
    "loss: the last step only": (L, _but(LOSS, ("loss = -logp[rows, cols, y].mean()", "loss = -logp[rows, cols, y][:, -1].mean()"))),
    "adam: every gradient by its own norm": (
        A,
        _but(ADAM, ("g = factor * grads[n]", "g = grads[n] * min(1.0, clip / np.sqrt((grads[n] ** 2).sum()))")),
    ),
    "adam: clipped by value": (A, _but(ADAM, ("g = factor * grads[n]", "g = np.clip(grads[n], -clip, clip)"))),
    "adam: always rescaled": (A, _but(ADAM, ("clip / norm if norm > clip else 1.0", "clip / norm"))),
    "adam: the squared norm": (
        A,
        _but(ADAM, ("np.sqrt(sum((g**2).sum() for g in grads.values()))", "sum((g**2).sum() for g in grads.values())")),
    ),
    "adam: compares the squared norm": (A, _but(ADAM, ("if norm > clip", "if norm**2 > clip"))),
    "adam: never clipped": (A, _but(ADAM, ("clip / norm if norm > clip else 1.0", "1.0"))),
    "adam: norms added": (
        A,
        _but(ADAM, ("np.sqrt(sum((g**2).sum() for g in grads.values()))", "sum(np.sqrt((g**2).sum()) for g in grads.values())")),
    ),
    "adam: the largest entry for the norm": (
        A,
        _but(ADAM, ("np.sqrt(sum((g**2).sum() for g in grads.values()))", "max(np.abs(g).max() for g in grads.values())")),
    ),
    "adam: no correction of m": (A, _but(ADAM, ("m[n] / (1 - 0.9**k)", "m[n]"))),
    "adam: no correction of v": (A, _but(ADAM, ("v[n] / (1 - 0.999**k)", "v[n]"))),
    "adam: corrected as at step one": (A, _but(ADAM, ("0.9**k", "0.9"), ("0.999**k", "0.999"))),
    "adam: k counts parameters": (
        A,
        _but(
            ADAM,
            ("    k = state", "    kk = state"),
            ("        g =", "        kk = kk + 1\n        g ="),
            ("+ 1\n    new", "\n    new"),
            ("**k)", "**kk)"),
            ('"k": k', '"k": kk'),
        ),
    ),
    "adam: epsilon under the root": (A, _but(ADAM, ("(np.sqrt(v_hat) + 1e-8)", "np.sqrt(v_hat + 1e-8)"))),
    "adam: 0.99 for v": (A, _but(ADAM, ("0.999 * state", "0.99 * state"), ("0.001 * g", "0.01 * g"), ("0.999**k", "0.99**k"))),
    "adam: a step uphill": (A, _but(ADAM, ("params[n] - lr", "params[n] + lr"))),
    "adam: parameters in place": (A, _but(ADAM, ("        new[n] = params[n] - lr", "        new[n] = params[n]\n        new[n] -= lr"))),
    "adam: state in place": (
        A,
        _but(ADAM, ('m[n] = 0.9 * state["m"][n] + 0.1 * g', 'm[n] = state["m"][n]\n        m[n] *= 0.9\n        m[n] += 0.1 * g')),
    ),
    "adam: v of gradients before clipping": (A, _but(ADAM, ("0.001 * g**2", "0.001 * grads[n] ** 2"))),
    "adam: the root of v is forgotten": (A, _but(ADAM, ("np.sqrt(v_hat)", "v_hat"))),
    "adam: weight decay": (A, _but(ADAM, ("new[n] = params[n] -", "new[n] = (1 - 1e-3 * lr) * params[n] -"))),
    "adam: the state is thrown away": (A, _but(ADAM, ("    if state is None:", "    if True:"))),
    "predict: h_0 is ignored": (R, _but(PREDICT, (" if h_0 is None else h_0", ""))),
    "predict: softmax over the batch": (R, _but(PREDICT, ("axis=-1", "axis=0"))),
    "predict: no shift": (R, _but(PREDICT, (" - z.max(axis=-1, keepdims=True)", ""))),
    "predict: one shift for the batch": (R, _but(PREDICT, ("z.max(axis=-1, keepdims=True)", "z.max()"))),
    "predict: logits": (R, _but(PREDICT, ("probs.append(e / e.sum(axis=-1, keepdims=True))", "probs.append(z)"))),
    "predict: logarithms": (
        R,
        _but(PREDICT, ("probs.append(e / e.sum(axis=-1, keepdims=True))", "probs.append(np.log(e / e.sum(axis=-1, keepdims=True)))")),
    ),
    "predict: before it has read": (
        R,
        _but(PREDICT, ("    for t in range(T):\n", "    for t in range(T):\n        h_old = h\n"), ("z = h @", "z = h_old @")),
    ),
    "predict: reads one ahead": (R, _but(PREDICT, ("ids[:, t]]", "ids[:, min(t + 1, T - 1)]]"))),
    "predict: from the right": (R, _but(PREDICT, ("range(T)", "reversed(range(T))"), ("np.stack(probs,", "np.stack(probs[::-1],"))),
    "predict: the state is not carried": (R, _but(PREDICT, ("        h = np.tanh(", "        h_t = np.tanh("), ("z = h @", "z = h_t @"))),
    "predict: no b_h": (R, _but(PREDICT, (' + params["b_h"]', ""))),
    "predict: W_hh transposed": (R, _but(PREDICT, ('params["W_hh"]', 'params["W_hh"].T'))),
    "predict: goes on from the last call": (
        R,
        _but(
            PREDICT,
            ("h_0=None):", "h_0=None, last={}):"),
            (" if h_0 is None else h_0", " if h_0 is None else h_0\n    h = last.get(h.shape, h) if h_0 is None else h"),
            ("    return", "    last[h.shape] = h\n    return"),
        ),
    ),
    "predict: a thousandth for every symbol": (
        R,
        _but(
            PREDICT,
            ("    return np.stack(probs, axis=1)", "    p = np.stack(probs, axis=1) + 1e-3\n    return p / p.sum(axis=-1, keepdims=True)"),
        ),
    ),
    "predict: forgets every ten steps": (
        R,
        _but(
            PREDICT,
            ("    for t in range(T):\n", "    for t in range(T):\n        if t and t % 10 == 0:\n            h = np.zeros_like(h)\n"),
        ),
    ),
    "predict: time first": (R, _but(PREDICT, ("axis=1)", "axis=0)"))),
    "bits: natural logarithm": (B, _but(BITS, ("log2", "log"))),
    "bits: decimal logarithm": (B, _but(BITS, ("log2", "log10"))),
    "bits: a sum": (B, _but(BITS, (".mean()", ".sum()"))),
    "bits: divided by T": (B, _but(BITS, (".mean()", ".sum() / T"))),
    "bits: 1e-12 added": (B, _but(BITS, ("log2(p)", "log2(p + 1e-12)"))),
    "bits: at least 1e-10": (B, _but(BITS, ("log2(p)", "log2(np.maximum(p, 1e-10))"))),
    "bits: perplexity": (B, _but(BITS, ("-np.log2(p).mean()", "2 ** -np.log2(p).mean()"))),
    "bits: the logarithm of the mean": (B, _but(BITS, ("np.log2(p).mean()", "np.log2(p.mean())"))),
    "bits: the entropy of the model": (B, _but(BITS, ("-np.log2(p).mean()", "-(probs * np.log2(probs)).sum(-1).mean()"))),
    "bits: the likeliest symbol": (B, _but(BITS, ("targets]", "probs.argmax(-1)]"))),
    "bits: the other sign": (B, _but(BITS, ("-np.log2", "np.log2"))),
    "bits: the first row only": (B, _but(BITS, ("np.log2(p).mean()", "np.log2(p[0]).mean()"))),
    "bits: probabilities normalised over time": (
        B,
        _but(BITS, ("    p =", "    probs = probs / probs.sum(axis=1, keepdims=True)\n    p =")),
    ),
    "train: uphill": (
        M,
        _but(TRAIN, ("params, state = adam(params, grads,", "params, state = adam(params, {n: -g for n, g in grads.items()},")),
    ),
    "train: never trained": (M, _but(TRAIN, ("0.9 * seconds:", "0.0:"))),
    "train: equal probabilities": (M, _but(TABLE, ("    for a, b in zip(ids[:-1], ids[1:]):\n        counts[a, b] += 1\n", ""))),
    "train: too many numbers": (M, _but(TRAIN, ("H, B, T = 48", "H, B, T = 150"))),
    "train: rows do not sum to 1": (M, _but(TRAIN, ("return probabilities(params, ids)", "return 0.98 * probabilities(params, ids)"))),
    "train: logits": (M, _but(TRAIN, ("return probabilities(params, ids)", "return np.log(probabilities(params, ids))"))),
    "train: reads the next symbol": (
        M,
        _but(
            TRAIN,
            (
                "return probabilities(params, ids)",
                "return 0.05 * probabilities(params, ids) + 0.95 * np.eye(len(params['b_y']))[np.roll(ids, -1, axis=1)]",
            ),
        ),
    ),
    "train: reads from the right": (
        M,
        _but(TRAIN, ("return probabilities(params, ids)", "return probabilities(params, ids[:, ::-1])[:, ::-1]")),
    ),
    "train: no clock": (M, _but(TRAIN, ("0.9 * seconds:", "4 * seconds:"))),
    "train: the table in a global": (
        M,
        _but(
            TABLE,
            (
                'return {"table": counts / counts.sum(axis=1, keepdims=True)}',
                'kept["table"] = counts / counts.sum(axis=1, keepdims=True)\n    return {"two": np.zeros(2)}',
            ),
            ('params["table"][ids]', 'kept["table"][ids]'),
            ("def train_model", "kept = {}\n\n\ndef train_model"),
        ),
    ),
    "train: the table on the function": (
        M,
        _but(
            TABLE,
            (
                'return {"table": counts / counts.sum(axis=1, keepdims=True)}',
                'train_model.table = counts / counts.sum(axis=1, keepdims=True)\n    return {"two": np.zeros(2)}',
            ),
            ('params["table"][ids]', "train_model.table[ids]"),
        ),
    ),
    "train: probabilities of what was read": (
        M,
        _but(TABLE, ('return params["table"][ids]', "return 0.9 * np.eye(len(params['table']))[ids] + 0.1 / len(params['table'])")),
    ),
    "train: the pair the wrong way round": (M, _but(TABLE, ("counts[a, b] += 1", "counts[b, a] += 1"))),
    "train: time first": (M, _but(TRAIN, ("return probabilities(params, ids)", "return probabilities(params, ids).transpose(1, 0, 2)"))),
    "train: a mean over the batch": (
        M,
        _but(
            TRAIN,
            (
                "return probabilities(params, ids)",
                "p = probabilities(params, ids)\n    return 0.5 * p + 0.5 * p.mean(axis=0, keepdims=True)",
            ),
        ),
    ),
    "train: goes on from the last call": (
        M,
        _but(
            TRAIN,
            (
                "return probabilities(params, ids)",
                "h = memory.get('h')\n    p = probabilities(params, ids, h if h is not None and len(h) == len(ids) else None)\n    memory['h'] = np.full((len(ids), 48), 0.9, dtype=np.float32)\n    return p",
            ),
            ("def train_model", "memory = {}\n\n\ndef train_model"),
        ),
    ),
    "train: the steps explode": (M, _but(TRAIN, ("state, 0.01, 1.0)", "state, 100.0, 1e9)"))),
    "train: certain of one symbol": (
        M,
        _but(TABLE, ('params["table"][ids]', "np.eye(len(params['table']))[params['table'][ids].argmax(-1)]")),
    ),
    "prepare: sorted by the whole text, unknown dropped from the string": (
        P,
        _but(PREPARE, ('"".join(sorted(set(train)))', '"".join(c for c in sorted(set(text)) if c in train or c in valid[:1])')),
    ),
    "prepare: no id for the last symbol": (
        P,
        _but(PREPARE, ("enumerate(symbols)}", "enumerate(symbols[:-1])}"), ("number[c] for c in train", "number.get(c, 0) for c in train")),
    ),
    "prepare: rare characters are unknown": (
        P,
        _but(
            PREPARE,
            ("set(train)", "c for c in set(train) if train.count(c) > 1"),
            ("number[c] for c in train", "number.get(c, 0) for c in train"),
        ),
    ),
    "prepare: the two parts overlap by one": (P, _but(PREPARE, ("text[cut:]", "text[max(cut - 1, 0):]"))),
    "prepare: symbols begin with an unknown sign": (
        P,
        _but(PREPARE, ("return train_ids, valid_ids, symbols", 'return train_ids, valid_ids, "?" + symbols')),
    ),
    "windows: overlapping by one id": (
        W,
        "def windows(ids, B, T):\n    N = (len(ids) - 1) // (B * T)\n    cut = [ids[k * (T - 1) : k * (T - 1) + T + 1] for k in range(B * N)]\n    a = np.array(cut).reshape(B, N, T + 1).transpose(1, 0, 2)\n    return a[..., :-1], a[..., 1:]\n",
    ),
    "windows: time before rows": (
        W,
        _but(WINDOWS, ("return x.transpose(1, 0, 2), y.transpose(1, 0, 2)", "return x.transpose(1, 2, 0), y.transpose(1, 2, 0)")),
    ),
    "windows: the end of the text in place of its beginning": (
        W,
        _but(WINDOWS, ("ids[: B * N * T]", "ids[-B * N * T - 1 : -1]"), ("ids[1 : B * N * T + 1]", "ids[-B * N * T :]")),
    ),
    "windows: targets roll over": (W, _but(WINDOWS, ("y = ids[1 : B * N * T + 1].reshape(B, N, T)", "y = np.roll(x, -1, axis=2)"))),
    "loss: mean over time, sum over the batch, gradients too": (
        L,
        _but(LOSS, (".mean()", ".mean(axis=1).sum()"), ("dz / (B * T)", "dz / T")),
    ),
    "loss: the softmax of the wrong axis": (
        L,
        _but(
            LOSS,
            ("z = z - z.max(axis=-1, keepdims=True)", "z = z - z.max(axis=1, keepdims=True)"),
            ("np.exp(z).sum(axis=-1, keepdims=True)", "np.exp(z).sum(axis=1, keepdims=True)"),
        ),
    ),
    "loss: p minus 1 everywhere": (L, _but(LOSS, ("dz[rows, cols, y] -= 1", "dz -= 1 / dz.shape[-1]"))),
    "loss: b_y a mean over time": (L, _but(LOSS, ("dz.sum(axis=(0, 1))", "dz.mean(axis=1).sum(axis=0)"))),
    "loss: W_xh by the target": (L, _but(LOSS, ('np.add.at(grads["W_xh"], x[:, t], da)', 'np.add.at(grads["W_xh"], y[:, t], da)'))),
    "loss: the gradient of the last step is carried past tanh": (L, _but(LOSS, ("dh = da @ W_hh.T", "dh = (dh_seq[:, t] + dh) @ W_hh.T"))),
    "loss: returns all states": (L, _but(LOSS, ("return loss, grads, h", "return loss, grads, h_seq"))),
    "loss: results in another order": (L, _but(LOSS, ("return loss, grads, h", "return loss, h, grads"))),
    "adam: beta and 1 - beta exchanged": (A, _but(ADAM, ('0.9 * state["m"][n] + 0.1 * g', '0.1 * state["m"][n] + 0.9 * g'))),
    "adam: lr corrected by k twice": (A, _but(ADAM, ("- lr * m_hat", "- lr / k * m_hat"))),
    "adam: v without the square": (A, _but(ADAM, ("0.001 * g**2", "0.001 * np.abs(g)"))),
    "adam: clips the step, not the gradient": (
        A,
        _but(ADAM, ("g = factor * grads[n]", "g = grads[n]"), ("lr * m_hat", "lr * factor * m_hat")),
    ),
    "adam: results in another order": (A, _but(ADAM, ('return new, {"k": k, "m": m, "v": v}', 'return {"k": k, "m": m, "v": v}, new'))),
    "adam: the moments start at the gradient": (
        A,
        _but(ADAM, ('np.zeros_like(a) for n, a in params.items()}, "v"', 'grads[n] for n, a in params.items()}, "v"')),
    ),
    "predict: the state of the first row for all": (R, _but(PREDICT, ('h @ params["W_hh"]', 'h[:1] @ params["W_hh"]'))),
    "predict: the last step for all steps": (
        R,
        _but(PREDICT, ("return np.stack(probs, axis=1)", "return np.repeat(probs[-1][:, None], T, axis=1)")),
    ),
    "predict: softmax without the denominator's own row": (R, _but(PREDICT, ("e / e.sum(axis=-1, keepdims=True)", "e / e.sum()"))),
    "predict: temperature of two": (
        R,
        _but(PREDICT, ("e = np.exp(z - z.max(axis=-1, keepdims=True))", "e = np.exp((z - z.max(axis=-1, keepdims=True)) / 2)")),
    ),
    "predict: relu": (R, _but(PREDICT, ("np.tanh(", "np.maximum(0, "))),
    "bits: one minus the probability": (B, _but(BITS, ("-np.log2(p)", "-np.log2(1 - p + 1e-300)"))),
    "bits: the targets of the next row": (B, _but(BITS, ("np.arange(T), targets]", "np.arange(T), np.roll(targets, 1, axis=0)]"))),
    "bits: divided by V": (B, _but(BITS, (".mean()", ".sum() / (B * T * V)"))),
}

WRONG = {name: (part, None, answer) for name, (part, answer) in WRONG.items()}

RIGHT = {
    "lists": {
        P: """
        def prepare(text, n_valid):
            train = list(text)[: len(text) - n_valid]
            symbols = ""
            for c in sorted(train):
                if c not in symbols:
                    symbols += c
            return [symbols.find(c) + 1 for c in train], [symbols.find(c) + 1 for c in text[len(train) :]], symbols
        """,
        W: """
        def windows(ids, B, T):
            N = 0
            while B * (N + 1) * T + 1 <= len(ids):
                N += 1
            place = lambda k, b, t: b * N * T + k * T + t
            x = [[[int(ids[place(k, b, t)]) for t in range(T)] for b in range(B)] for k in range(N)]
            y = [[[int(ids[place(k, b, t) + 1]) for t in range(T)] for b in range(B)] for k in range(N)]
            return [x, y]
        """,
        B: """
        import math

        def bits_per_character(probs, targets):
            costs = [-math.log2(probs[b][t][targets[b][t]]) for b in range(len(targets)) for t in range(len(targets[b]))]
            return sum(costs) / len(costs)
        """,
        R: """
        def predict(params, ids, h_0=None):
            rows = []
            for b, row in enumerate(ids):
                h = [0.0] * len(params["b_h"]) if h_0 is None else h_0[b]
                rows.append([])
                for i in row:
                    h = np.tanh(params["W_xh"][i] + np.dot(h, params["W_hh"]) + params["b_h"])
                    z = np.dot(h, params["W_hy"]) + params["b_y"]
                    e = np.exp(z - max(z))
                    rows[-1].append((e / sum(e)).tolist())
            return rows
        """,
    },
    "dictionaries with an order, and a named tuple": {
        L: """
        from collections import OrderedDict, namedtuple

        Result = namedtuple("Result", "loss grads h_T")


        def loss_and_grads(params, x, y, h_0):
            B, T = x.shape
            V = len(params["b_y"])
            states = [h_0]
            for t in range(T):
                states.append(np.tanh(params["W_xh"][x[:, t]] + states[-1] @ params["W_hh"] + params["b_h"]))
            grads = OrderedDict((name, np.zeros(np.shape(params[name]))) for name in ("b_y", "W_hy", "b_h", "W_hh", "W_xh"))
            loss, carry = 0.0, 0.0
            for t in range(T - 1, -1, -1):
                z = states[t + 1] @ params["W_hy"] + params["b_y"]
                z -= z.max(1)[:, None]
                p = np.exp(z) / np.exp(z).sum(1)[:, None]
                hot = np.eye(V)[y[:, t]]
                loss += (np.log(np.exp(z).sum(1)) - (z * hot).sum(1)).sum() / (B * T)
                delta = (p - hot) / (B * T)
                grads["b_y"] += delta.sum(0)
                grads["W_hy"] += states[t + 1].T @ delta
                pre = (delta @ params["W_hy"].T + carry) * (1 - states[t + 1] * states[t + 1])
                grads["b_h"] += pre.sum(0)
                grads["W_hh"] += states[t].T @ pre
                grads["W_xh"] += np.eye(V)[x[:, t]].T @ pre
                carry = pre @ params["W_hh"].T
            return Result(loss, grads, states[-1])
        """,
        A: """
        from collections import OrderedDict, defaultdict


        def adam_step(params, grads, state, lr, clip):
            old = state or {"k": 0, "m": defaultdict(float), "v": defaultdict(float)}
            size = np.linalg.norm(np.concatenate([np.ravel(g) for g in grads.values()]))
            shrink = min(1.0, clip / size) if size > 0 else 1.0
            k = int(old["k"]) + 1
            m = OrderedDict((n, 0.9 * old["m"][n] + 0.1 * shrink * g) for n, g in grads.items())
            v = OrderedDict((n, 0.999 * old["v"][n] + 0.001 * (shrink * g) ** 2) for n, g in grads.items())
            rate = lambda n: (m[n] / (1 - 0.9**k)) / (np.sqrt(v[n] / (1 - 0.999**k)) + 1e-8)
            return OrderedDict((n, params[n] - lr * rate(n)) for n in params), OrderedDict(k=k, m=m, v=v)
        """,
    },
    "tensors inside": {
        L: """
        def loss_and_grads(params, x, y, h_0):
            p = {k: torch.tensor(np.array(v)) for k, v in params.items()}
            x, y, h = torch.tensor(np.array(x)), torch.tensor(np.array(y)), torch.tensor(np.array(h_0))
            hs = [h]
            for t in range(x.shape[1]):
                hs.append(torch.tanh(p["W_xh"][x[:, t]] + hs[-1] @ p["W_hh"] + p["b_h"]))
            after = torch.stack(hs[1:], 1)
            z = after @ p["W_hy"] + p["b_y"]
            logp = z - torch.logsumexp(z, -1, keepdim=True)
            loss = -logp.gather(-1, y[..., None]).mean()
            dz = logp.exp()
            dz.scatter_add_(-1, y[..., None], -torch.ones(*y.shape, 1, dtype=dz.dtype))
            dz /= y.numel()
            g = {k: torch.zeros_like(v) for k, v in p.items()}
            g["W_hy"] = after.flatten(0, 1).T @ dz.flatten(0, 1)
            g["b_y"] = dz.sum((0, 1))
            back = torch.zeros_like(h)
            for t in range(x.shape[1] - 1, -1, -1):
                da = (dz[:, t] @ p["W_hy"].T + back) * (1 - hs[t + 1] ** 2)
                g["W_xh"].index_add_(0, x[:, t], da)
                g["W_hh"] += hs[t].T @ da
                g["b_h"] += da.sum(0)
                back = da @ p["W_hh"].T
            return loss, g, hs[-1]
        """,
        A: """
        def adam_step(params, grads, state, lr, clip):
            g = {n: torch.tensor(np.array(a)) for n, a in grads.items()}
            total = torch.sqrt(sum((a * a).sum() for a in g.values()))
            if total > clip:
                g = {n: a * (clip / total) for n, a in g.items()}
            k = 1 if state is None else state["k"] + 1
            m = {n: 0.1 * a + (0 if state is None else 0.9 * torch.as_tensor(np.array(state["m"][n]))) for n, a in g.items()}
            v = {n: 0.001 * a * a + (0 if state is None else 0.999 * torch.as_tensor(np.array(state["v"][n]))) for n, a in g.items()}
            new = {n: torch.tensor(np.array(params[n])) - lr * m[n] / (1 - 0.9**k) / ((v[n] / (1 - 0.999**k)).sqrt() + 1e-8) for n in g}
            return new, {"k": k, "m": m, "v": v}
        """,
        B: """
        def bits_per_character(probs, targets):
            p = torch.tensor(np.array(probs)).gather(-1, torch.tensor(np.array(targets))[..., None])
            return -(p.log() / np.log(2)).mean()
        """,
    },
    "strides and one-hot products": {
        W: """
        def windows(ids, B, T):
            ids = np.array(ids)
            n = (ids.size - 1) // (B * T) * T
            streams = np.lib.stride_tricks.sliding_window_view(ids[: B * n + 1], n + 1)[::n][:B]
            cut = lambda a: np.stack(np.split(a, n // T, axis=1)) if n else np.zeros((0, B, T), dtype=ids.dtype)
            return cut(streams[:, :-1]), cut(streams[:, 1:])
        """,
        R: """
        def predict(params, ids, h_0=None):
            x = np.eye(len(params["W_xh"]))[ids] @ params["W_xh"]
            h = np.zeros_like(x[:, 0]) if h_0 is None else np.array(h_0, dtype=float)
            h_seq = np.empty_like(x)
            for t in range(x.shape[1]):
                h_seq[:, t] = h = np.tanh(x[:, t] + h @ params["W_hh"] + params["b_h"])
            z = h_seq @ params["W_hy"] + params["b_y"]
            return np.exp(z - np.logaddexp.reduce(z, axis=2)[:, :, None])
        """,
        B: """
        def bits_per_character(probs, targets):
            return np.float64(-np.einsum("btv,btv->", np.eye(probs.shape[2])[targets], np.where(np.eye(probs.shape[2])[targets] > 0, np.log2(probs), 0)) / targets.size)
        """,
    },
    "recursion and single precision": {
        R: """
        def predict(params, ids, h_0=None):
            p = {k: np.asarray(v, dtype=np.float32) for k, v in params.items()}

            def read(h, t):
                if t == ids.shape[1]:
                    return []
                h = np.tanh(p["W_xh"][ids[:, t]] + h @ p["W_hh"] + p["b_h"])
                z = h @ p["W_hy"] + p["b_y"]
                e = np.exp(z - z.max(1, keepdims=True))
                return [e / e.sum(1, keepdims=True)] + read(h, t + 1)

            start = np.zeros((ids.shape[0], p["b_h"].size), dtype=np.float32) if h_0 is None else np.asarray(h_0, dtype=np.float32)
            return np.moveaxis(np.array(read(start, 0)), 0, 1)
        """,
        P: """
        def prepare(text, n_valid):
            from collections import defaultdict

            last = len(text) - n_valid
            number = defaultdict(int)
            for k, c in enumerate(sorted(set(text[:last])), start=1):
                number[c] = k
            ids = np.fromiter((number[c] if c in number else 0 for c in text), dtype=np.int32, count=len(text))
            return ids[:last], ids[last:], "".join(sorted(number))
        """,
    },
    "an own class": {
        L: """
        class Network:
            def __init__(self, params):
                self.__dict__.update(params)
                self.grads = {k: np.zeros(np.shape(v)) for k, v in params.items()}

            def step(self, ids, h):
                return np.tanh(self.W_xh[ids] + h @ self.W_hh + self.b_h)

            def cost(self, h, target):
                z = h @ self.W_hy + self.b_y
                p = np.exp(z - z.max(-1, keepdims=True))
                p /= p.sum(-1, keepdims=True)
                logs = z[np.arange(len(z)), target] - np.logaddexp.reduce(z, axis=-1)
                p[np.arange(len(z)), target] -= 1
                return -logs.sum(), p

            def walk_back(self, x, y, states, dh, t, n):
                if t < 0:
                    return 0.0
                loss, dz = self.cost(states[t + 1], y[:, t])
                dz = dz / n
                self.grads["W_hy"] += states[t + 1].T @ dz
                self.grads["b_y"] += dz.sum(0)
                da = (dh + dz @ self.W_hy.T) * (1 - states[t + 1] ** 2)
                for row, i in zip(da, x[:, t]):
                    self.grads["W_xh"][i] += row
                self.grads["W_hh"] += states[t].T @ da
                self.grads["b_h"] += da.sum(0)
                return loss / n + self.walk_back(x, y, states, da @ self.W_hh.T, t - 1, n)


        def loss_and_grads(params, x, y, h_0):
            net, states = Network(params), [h_0]
            for t in range(x.shape[1]):
                states.append(net.step(x[:, t], states[-1]))
            loss = net.walk_back(x, y, states, np.zeros(h_0.shape), x.shape[1] - 1, x.size)
            return loss, net.grads, states[-1]
        """,
    },
    "an RNN with the provided functions": {M: TRAIN},
    "rows one by one, dictionaries and generators": {
        P: """
        def prepare(text: str, n_valid: int):
            head, tail = (text[:-n_valid], text[-n_valid:]) if n_valid else (text, "")
            alphabet = sorted(dict.fromkeys(head))
            look = {c: i for i, c in enumerate(["", *alphabet]) if c}
            to_ids = lambda part: np.fromiter((look.get(c, 0) for c in part), dtype=np.int32, count=len(part))
            return to_ids(head), to_ids(tail), "".join(alphabet)
        """,
        W: """
        def windows(ids, B, T):
            n = (len(ids) - 1) // (B * T)
            at = np.arange(T) + T * np.arange(n)[:, None, None] + n * T * np.arange(B)[:, None]
            ids = np.asarray(ids)
            return ids[at], ids[at + 1]
        """,
        B: """
        import math


        def bits_per_character(probs, targets):
            cost = [-math.log2(probs[b, t, targets[b, t]]) for b in range(len(targets)) for t in range(len(targets[b]))]
            return math.fsum(cost) / len(cost)
        """,
    },
    "scipy, one-hot and einsum": {
        L: """
        from scipy.special import logsumexp


        def loss_and_grads(params, x, y, h_0):
            p, B, T, V = params, *x.shape, len(params["b_y"])
            one = np.eye(V)
            h = [np.asarray(h_0, dtype=float)]
            for t in range(T):
                h += [np.tanh(one[x[:, t]] @ p["W_xh"] + h[-1] @ p["W_hh"] + p["b_h"])]
            before, after = np.stack(h[:-1], 1), np.stack(h[1:], 1)
            z = np.einsum("bth,hv->btv", after, p["W_hy"]) + p["b_y"]
            logp = z - logsumexp(z, axis=2, keepdims=True)
            loss = -np.einsum("btv,btv->", one[y], logp) / (B * T)
            dz = (np.exp(logp) - one[y]) / (B * T)
            da, dh = np.zeros_like(after), 0.0
            for t in range(T - 1, -1, -1):
                da[:, t] = (dz[:, t] @ p["W_hy"].T + dh) * (1 - after[:, t] ** 2)
                dh = da[:, t] @ p["W_hh"].T
            e = lambda a, b: np.einsum("bti,btj->ij", a, b)
            return loss, dict(b_y=dz.sum((0, 1)), W_hy=e(after, dz), W_hh=e(before, da), b_h=da.sum((0, 1)), W_xh=e(one[x], da)), after[:, -1]
        """,
        R: """
        def predict(params, ids, h_0=None):
            p, rows = params, []
            for b, row in enumerate(ids):
                h, seen = (np.zeros(p["b_h"].size) if h_0 is None else h_0[b]), []
                for i in row:
                    z = (h := np.tanh(p["W_xh"][i] + h @ p["W_hh"] + p["b_h"])) @ p["W_hy"] + p["b_y"]
                    seen.append([1 / np.exp(np.minimum(z - v, 700)).sum() for v in z])
                rows.append(seen)
            return np.array(rows)
        """,
    },
    "a class for Adam": {
        A: """
        class Moments:
            def __init__(self, k, m, v):
                self.k, self.m, self.v = k, m, v

            def step(self, theta, g, lr, name):
                self.m[name] = np.multiply(0.9, self.m.get(name, 0.0)) + 0.1 * g
                self.v[name] = np.multiply(0.999, self.v.get(name, 0.0)) + 0.001 * np.square(g)
                return theta - lr * self.m[name] / (1 - 0.9**self.k) / (np.sqrt(self.v[name] / (1 - 0.999**self.k)) + 1e-8)


        def adam_step(params, grads, state, lr, clip):
            old = state or {"k": 0, "m": {}, "v": {}}
            moments = Moments(old["k"] + 1, dict(old["m"]), dict(old["v"]))
            norm = np.linalg.norm(np.concatenate([np.ravel(g) for g in grads.values()]))
            shrink = min(1.0, clip / norm) if norm else 1.0
            new = {n: moments.step(params[n], shrink * grads[n], lr, n) for n in params}
            return new, {"k": moments.k, "m": moments.m, "v": moments.v}
        """,
        W: """
        def windows(ids, B, T):
            each = (len(ids) - 1) // (B * T) * T
            streams = [ids[b * each : (b + 1) * each + 1] for b in range(B)]
            xs = [[list(s[k : k + T]) for s in streams] for k in range(0, each, T)]
            ys = [[list(s[k + 1 : k + T + 1]) for s in streams] for k in range(0, each, T)]
            return np.array(xs, dtype=int).reshape(-1, B, T), np.array(ys, dtype=int).reshape(-1, B, T)
        """,
    },
    "tensors": {
        B: """
        def bits_per_character(probs, targets):
            p = torch.as_tensor(np.array(probs, dtype=float)).gather(2, torch.as_tensor(np.array(targets, dtype=np.int64))[..., None])
            return -torch.log2(p).mean().item()
        """,
        R: """
        def predict(params, ids, h_0=None):
            W_xh, W_hh, b_h, W_hy, b_y = (torch.as_tensor(np.array(params[k]), dtype=torch.float64) for k in ("W_xh", "W_hh", "b_h", "W_hy", "b_y"))
            h = torch.zeros(len(ids), len(b_h), dtype=torch.float64) if h_0 is None else torch.as_tensor(np.array(h_0), dtype=torch.float64)
            out = []
            for i in torch.as_tensor(np.array(ids, dtype=np.int64)).T:
                h = torch.tanh(W_xh[i] + h @ W_hh + b_h)
                z = h @ W_hy + b_y
                e = torch.exp(z - z.amax(1, keepdim=True))
                out.append(e / e.sum(1, keepdim=True))
            return torch.stack(out, 1)
        """,
    },
}

PLAIN = {
    "a table of pairs": (TABLE, 6),
    "an RNN in double precision": (_but(TRAIN, (".astype(np.float32)", ""), (", dtype=np.float32", "")), 10),
}
