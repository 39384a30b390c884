"""Answers to lab 3 as students write them, collected before its hidden tests were read: wrong ones by name, and right ones in other styles.

``BASE`` holds a plain right answer for each part; a wrong one is ``(part, what BASE says, what the student says)``, or ``(part, None, the whole answer)``.
"""

BASE = {
    "step_backward": """
def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t ** 2)
    dx_t = da @ W_xh.T
    dh_prev = da @ W_hh.T
    dW_xh = x_t.T @ da
    dW_hh = h_prev.T @ da
    db_h = da.sum(axis=0)
    return dx_t, dh_prev, dW_xh, dW_hh, db_h
""",
    "rnn_backward": """
def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
    B, T, D = x.shape
    H = W_hh.shape[0]
    dx = np.zeros((B, T, D))
    dW_xh, dW_hh, db_h = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    carry = np.zeros((B, H))
    for t in reversed(range(T)):
        h_prev = h_seq[:, t - 1] if t > 0 else h_0
        dh = dh_seq[:, t] + carry
        dx[:, t], carry, a, b, c = step_back(dh, x[:, t], h_prev, h_seq[:, t], W_xh, W_hh)
        dW_xh += a
        dW_hh += b
        db_h += c
    return dx, carry, dW_xh, dW_hh, db_h
""",
    "truncated_bptt": """
def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
    T = x.shape[1]
    dW_xh, dW_hh, db_h = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    for a in range(0, T, k1):
        e = min(a + k1, T)
        s = max(0, a + k1 - k2)
        before = h_0 if s == 0 else h_seq[:, s - 1]
        dh = np.array(dh_seq[:, s:e])
        dh[:, :a - s] = 0
        grads = rnn_back(dh, x[:, s:e], before, h_seq[:, s:e], W_xh, W_hh)
        dW_xh += grads[2]
        dW_hh += grads[3]
        db_h += grads[4]
    return dW_xh, dW_hh, db_h
""",
    "grad_check": """
def numeric_gradient(params, problem, eps):
    grads = {}
    for name in params:
        p = params[name]
        g = np.zeros(p.shape)
        for i in np.ndindex(p.shape):
            up = {k: v.copy() for k, v in params.items()}
            down = {k: v.copy() for k, v in params.items()}
            up[name][i] += eps
            down[name][i] -= eps
            g[i] = (loss(up, problem) - loss(down, problem)) / (2 * eps)
        grads[name] = g
    return grads


def relative_error(g, n):
    below = np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)
    return np.max(np.abs(g - n) / below)
""",
    "jacobian_product": """
def jacobian_product(h_seq, W_hh, s, t):
    B, T, H = h_seq.shape
    out = np.tile(np.eye(H), (B, 1, 1))
    for r in range(s + 1, t + 1):
        slope = 1 - h_seq[:, r - 1] ** 2
        J = slope[:, :, None] * W_hh.T[None]
        out = J @ out
    return out
""",
}

_NUMERIC = "        for i in np.ndindex(p.shape):\n            up = {k: v.copy() for k, v in params.items()}\n            down = {k: v.copy() for k, v in params.items()}\n            up[name][i] += eps\n            down[name][i] -= eps\n            g[i] = (loss(up, problem) - loss(down, problem)) / (2 * eps)"

WRONG = {
    # 1 · one step
    "W_hh not turned": ("step_backward", "da @ W_hh.T", "da @ W_hh"),
    "W_xh reshaped": ("step_backward", "da @ W_xh.T", "da @ W_xh.reshape(W_xh.shape[::-1])"),
    "dW_hh the other way round": ("step_backward", "h_prev.T @ da", "da.T @ h_prev"),
    "dW_xh the other way round": ("step_backward", "x_t.T @ da", "da.T @ x_t"),
    "weights' gradients are means": ("step_backward", "    db_h = da.sum(axis=0)", "    dW_xh, dW_hh = dW_xh / len(x_t), dW_hh / len(x_t)\n    db_h = da.sum(axis=0)"),
    "bias gradient is a mean": ("step_backward", "da.sum(axis=0)", "da.mean(axis=0)"),
    "slope in place": ("step_backward", "    da = dh_t * (1 - h_t ** 2)", "    dh_t *= 1 - h_t ** 2\n    da = dh_t"),
    "gradient clipped to 5": ("step_backward", "    da = dh_t * (1 - h_t ** 2)", "    da = np.clip(dh_t, -5, 5) * (1 - h_t ** 2)"),
    "slope at least 1e-3": ("step_backward", "(1 - h_t ** 2)", "np.maximum(1 - h_t ** 2, 1e-3)"),
    "dx in the input's dtype": ("step_backward", "dx_t = da @ W_xh.T", "dx_t = (da @ W_xh.T).astype(x_t.dtype)"),
    "slope of the first row": ("step_backward", "(1 - h_t ** 2)", "(1 - h_t[:1] ** 2)"),
    "elementwise for dW_hh": ("step_backward", "h_prev.T @ da", "h_prev[0][:, None] * da.sum(0)"),
    "state before for the slope": ("step_backward", "(1 - h_t ** 2)", "(1 - h_prev ** 2)"),
    "tanh once more": ("step_backward", "(1 - h_t ** 2)", "(1 - np.tanh(h_t) ** 2)"),
    "no slope for the bias": ("step_backward", "da.sum(axis=0)", "dh_t.sum(axis=0)"),
    "new state for dW_hh": ("step_backward", "h_prev.T @ da", "h_t.T @ da"),
    "slope 1 - |h|": ("step_backward", "(1 - h_t ** 2)", "(1 - np.abs(h_t))"),
    "slope a little off": ("step_backward", "(1 - h_t ** 2)", "(1.001 - h_t ** 2)"),
    # 2 · the sequence
    "carry cut every ten steps": ("rnn_backward", "        dh = dh_seq[:, t] + carry", "        if t % 10 == 9:\n            carry = np.zeros((B, H))\n        dh = dh_seq[:, t] + carry"),
    "carry clipped to 10": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] + np.clip(carry, -10, 10)"),
    "weights' gradients over B": ("rnn_backward", "return dx, carry, dW_xh, dW_hh, db_h", "return dx, carry, dW_xh / B, dW_hh / B, db_h / B"),
    "dh_seq added to in place": ("rnn_backward", "        dh = dh_seq[:, t] + carry", "        dh_seq[:, t] += carry\n        dh = dh_seq[:, t]"),
    "gradients kept between calls": ("rnn_backward", None, """
total = {}
def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
    B, T, D = x.shape
    H = len(W_hh)
    g = total.setdefault((D, H), [np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)])
    dx, carry = np.zeros((B, T, D)), np.zeros((B, H))
    for t in range(T - 1, -1, -1):
        h_prev = h_0 if t == 0 else h_seq[:, t - 1]
        dx[:, t], carry, *now = step_back(dh_seq[:, t] + carry, x[:, t], h_prev, h_seq[:, t], W_xh, W_hh)
        for i in range(3):
            g[i] += now[i]
    return dx, carry, g[0].copy(), g[1].copy(), g[2].copy()
"""),
    "dx in x's dtype": ("rnn_backward", "dx = np.zeros((B, T, D))", "dx = np.zeros_like(x)"),
    "h_0 of the first row for all": ("rnn_backward", "else h_0", "else np.repeat(h_0[:1], B, axis=0)"),
    "dh_0 added up over the rows": ("rnn_backward", "return dx, carry,", "return dx, carry.sum(axis=0, keepdims=True),"),
    "small carries dropped": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] + np.where(np.abs(carry) < 1e-3, 0, carry)"),
    "steps without a loss left out": ("rnn_backward", "        dh = dh_seq[:, t] + carry", "        if not dh_seq[:, t].any():\n            continue\n        dh = dh_seq[:, t] + carry"),
    "last state before the first": ("rnn_backward", "h_seq[:, t - 1] if t > 0 else h_0", "h_seq[:, t - 1]"),
    "zeros before the first": ("rnn_backward", "else h_0", "else 0 * h_0"),
    "dh_0 is the gradient of h_1": ("rnn_backward", "return dx, carry,", "return dx, dh,"),
    "dh_0 forgotten": ("rnn_backward", "return dx, carry,", "return dx, np.zeros((B, H)),"),
    "weights' gradients over T": ("rnn_backward", "return dx, carry, dW_xh, dW_hh, db_h", "return dx, carry, dW_xh / T, dW_hh / T, db_h / T"),
    "dW_hh of the first step only": ("rnn_backward", "dW_hh += b", "dW_hh = b"),
    "dW_hh without the first step": ("rnn_backward", "        dW_hh += b", "        if t > 0:\n            dW_hh += b"),
    "no carry": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t]"),
    "carry is the mean of both": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] + 0.999 * carry"),
    "carry mixed over the rows": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] + carry.mean(axis=0)"),
    "dx in the order of the loop": ("rnn_backward", "    return dx,", "    dx = dx[:, ::-1]\n    return dx,"),
    "dh_0 clipped": ("rnn_backward", "return dx, carry,", "return dx, np.clip(carry, -50, 50),"),
    # 3 · windows
    "short window at the end dropped": ("truncated_bptt", "range(0, T, k1)", "range(0, T - k1 + 1, k1)"),
    "windows counted from the end": ("truncated_bptt", "    for a in range(0, T, k1):\n        e = min(a + k1, T)\n        s = max(0, a + k1 - k2)", "    for e in range(T, 0, -k1):\n        a = max(0, e - k1)\n        s = max(0, e - k2)"),
    "k2 counted from the window's end": ("truncated_bptt", "s = max(0, a + k1 - k2)", "s = max(0, e - k2)"),
    "k2 at most T": ("truncated_bptt", "    T = x.shape[1]", "    T = x.shape[1]\n    k2 = min(k2, T)"),
    "k2 in whole windows": ("truncated_bptt", "    T = x.shape[1]", "    T = x.shape[1]\n    k2 = k2 // k1 * k1"),
    "losses zeroed in the caller's array": ("truncated_bptt", "np.array(dh_seq[:, s:e])", "dh_seq[:, s:e]"),
    "first k1 losses of the slice zeroed": ("truncated_bptt", "dh[:, :a - s] = 0", "dh[:, :k1 if a > 0 and s < a else 0] = 0"),
    "only k1 is used": ("truncated_bptt", "    T = x.shape[1]", "    T = x.shape[1]\n    k2 = k1"),
    "losses of the overlap twice": ("truncated_bptt", "        dh[:, :a - s] = 0\n", ""),
    "every window from h_0": ("truncated_bptt", "h_0 if s == 0 else h_seq[:, s - 1]", "h_0"),
    "every window from zero": ("truncated_bptt", "h_0 if s == 0 else h_seq[:, s - 1]", "h_0 if s == 0 else 0 * h_0"),
    "window's first state before it": ("truncated_bptt", "else h_seq[:, s - 1]", "else h_seq[:, s]"),
    "before the first window the last state": ("truncated_bptt", "h_0 if s == 0 else h_seq[:, s - 1]", "h_seq[:, s - 1]"),
    "mean over the windows": ("truncated_bptt", "    return dW_xh, dW_hh, db_h", "    n = -(-T // k1)\n    return dW_xh / n, dW_hh / n, db_h / n"),
    "mean over the rows": ("truncated_bptt", "    return dW_xh, dW_hh, db_h", "    return dW_xh / len(x), dW_hh / len(x), db_h / len(x)"),
    "last window only": ("truncated_bptt", "dW_hh += grads[3]", "dW_hh = grads[3]"),
    "one step further back": ("truncated_bptt", "s = max(0, a + k1 - k2)", "s = max(0, a + k1 - k2 - 1)"),
    "k2 before the window": ("truncated_bptt", "s = max(0, a + k1 - k2)", "s = max(0, a - k2)"),
    "loss at the window's end only": ("truncated_bptt", "dh[:, :a - s] = 0", "dh[:, :e - s - 1] = 0"),
    "sum of the last row only": ("truncated_bptt", "rnn_back(dh, x[:, s:e], before, h_seq[:, s:e], W_xh, W_hh)", "rnn_back(dh[-1:], x[-1:, s:e], before[-1:], h_seq[-1:, s:e], W_xh, W_hh)"),
    # 4 · is a gradient right?
    "rows of a matrix moved together": ("grad_check", "for i in np.ndindex(p.shape)", "for i in range(len(p))"),
    "all entries moved together": ("grad_check", _NUMERIC, "        up, down = dict(params), dict(params)\n        up[name] = p + eps\n        down[name] = p - eps\n        g[...] = (loss(up, problem) - loss(down, problem)) / (2 * eps)"),
    "moved and left there": ("grad_check", None, """
def numeric_gradient(params, problem, eps):
    params = {k: v.copy() for k, v in params.items()}
    grads = {}
    for name, p in params.items():
        grads[name] = np.zeros(p.shape)
        for i in np.ndindex(p.shape):
            p[i] += eps
            up = loss(params, problem)
            p[i] -= 2 * eps
            grads[name][i] = (up - loss(params, problem)) / (2 * eps)
    return grads


def relative_error(g, n):
    return np.max(np.abs(g - n) / np.maximum(1e-8, np.maximum(np.abs(g), np.abs(n))))
"""),
    "params left moved": ("grad_check", None, """
def numeric_gradient(params, problem, eps):
    grads = {}
    for name, p in params.items():
        grads[name] = np.zeros(p.shape)
        for i in np.ndindex(p.shape):
            p[i] += eps
            up = loss(params, problem)
            p[i] -= 2 * eps
            grads[name][i] = (up - loss(params, problem)) / (2 * eps)
    return grads


def relative_error(g, n):
    return np.max(np.abs(g - n) / np.maximum(1e-8, np.maximum(np.abs(g), np.abs(n))))
"""),
    "vectors and matrices only": ("grad_check", "for i in np.ndindex(p.shape)", "for i in (range(len(p)) if p.ndim == 1 else [(j, k) for j in range(p.shape[0]) for k in range(p.shape[1])])"),
    "square matrices only": ("grad_check", "for i in np.ndindex(p.shape)", "for i in (range(len(p)) if p.ndim == 1 else [(j, k) for j in range(p.shape[0]) for k in range(p.shape[0])])"),
    "eps grows with the entry": ("grad_check", "            up = {k", "            eps = eps * max(1, abs(p[i]))\n            up = {k"),
    "params in single precision": ("grad_check", "v.copy() for", "v.astype(np.float32) for"),
    "forward difference": ("grad_check", "(loss(up, problem) - loss(down, problem)) / (2 * eps)", "(loss(up, problem) - loss(params, problem)) / eps"),
    "divided by eps": ("grad_check", "/ (2 * eps)", "/ eps"),
    "one list for all": ("grad_check", "    return grads", "    return list(grads.values())"),
    "flat gradients": ("grad_check", "grads[name] = g", "grads[name] = g.ravel()"),
    "relative to g only": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.abs(g), 1e-8)"),
    "relative to n only": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.abs(n), 1e-8)"),
    "signed error": ("grad_check", "np.abs(g - n) / below", "(g - n) / below"),
    "sizes compared": ("grad_check", "np.abs(g - n)", "np.abs(np.abs(g) - np.abs(n))"),
    "1e-8 added": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.abs(g), np.abs(n)) + 1e-8"),
    "1e-5 below": ("grad_check", "1e-8", "1e-5"),
    "NaN left out": ("grad_check", "np.max(np.abs(g - n) / below)", "np.nanmax(np.abs(g - n) / np.maximum(np.abs(g), np.abs(n)))"),
    "first entry": ("grad_check", "np.max(np.abs(g - n) / below)", "(np.abs(g - n) / below).flat[0]"),
    "largest difference over largest entry": ("grad_check", "np.max(np.abs(g - n) / below)", "np.abs(g - n).max() / below.max()"),
    "python's max": ("grad_check", "np.max(np.abs(g - n) / below)", "max(np.abs(g - n) / below)"),
    "where the difference is largest": ("grad_check", "np.max(np.abs(g - n) / below)", "(np.abs(g - n) / below).flat[np.abs(g - n).argmax()]"),
    "sum of both below": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.abs(g) + np.abs(n), 1e-8)"),
    "mean error": ("grad_check", "np.max(np.abs(g - n) / below)", "np.mean(np.abs(g - n) / below)"),
    "g changed in place": ("grad_check", "    return np.max(np.abs(g - n) / below)", "    g -= n\n    return np.max(np.abs(g) / below)"),
    "norms": ("grad_check", "np.max(np.abs(g - n) / below)", "np.linalg.norm(g - n) / max(np.linalg.norm(g), np.linalg.norm(n), 1e-8)"),
    # 5 · Jacobians
    "from the other side": ("jacobian_product", "out = J @ out", "out = out @ J"),
    "slope on the columns": ("jacobian_product", "slope[:, :, None]", "slope[:, None, :]"),
    "states one step early": ("jacobian_product", "h_seq[:, r - 1]", "h_seq[:, r - 2]"),
    "row 0 for all": ("jacobian_product", "h_seq[:, r - 1]", "h_seq[:1, r - 1]"),
    "one identity for the batch": ("jacobian_product", "np.tile(np.eye(H), (B, 1, 1))", "np.eye(H)[None]"),
    "a power of the last Jacobian": ("jacobian_product", None, """
def jacobian_product(h_seq, W_hh, s, t):
    J = (1 - h_seq[:, t - 1] ** 2)[:, :, None] * W_hh.T
    return np.linalg.matrix_power(J, t - s)
"""),
    "W_hh as it is": ("jacobian_product", "W_hh.T[None]", "W_hh[None]"),
    "both turned": ("jacobian_product", "    return out", "    return out.swapaxes(1, 2)"),
    "step s counts too": ("jacobian_product", "range(s + 1, t + 1)", "range(s, t + 1)"),
    "last step left out": ("jacobian_product", "range(s + 1, t + 1)", "range(s + 1, t)"),
    "at most ten steps": ("jacobian_product", "range(s + 1, t + 1)", "range(max(s + 1, t - 9), t + 1)"),
    "slope 1 - h": ("jacobian_product", "1 - h_seq[:, r - 1] ** 2", "1 - h_seq[:, r - 1]"),
    "no slope": ("jacobian_product", "1 - h_seq[:, r - 1] ** 2", "np.ones((B, H))"),
    "mean over the batch": ("jacobian_product", "    return out", "    return np.tile(out.mean(axis=0), (B, 1, 1))"),
    "divided by its norm": ("jacobian_product", "        out = J @ out", "        out = J @ out\n        out = out / np.maximum(1, np.abs(out).max())"),
    "slope a thousandth too large": ("jacobian_product", "1 - h_seq[:, r - 1] ** 2", "1.001 - h_seq[:, r - 1] ** 2"),
}
WRONG["multiplied entry by entry"] = (
    "jacobian_product",
    None,
    BASE["jacobian_product"].replace("    out = np.tile(np.eye(H), (B, 1, 1))\n", "    if s == t:\n        return np.tile(np.eye(H), (B, 1, 1))\n    out = 1\n").replace("J @ out", "J * out"),
)

RIGHT = {
    "einsum and lists": {
        "step_backward": """
def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = np.einsum("bh,bh->bh", dh_t, (1 - h_t) * (1 + h_t))
    return [np.einsum("bh,dh->bd", da, W_xh), np.einsum("bj,ij->bi", da, W_hh), np.einsum("bd,bh->dh", x_t, da), np.einsum("bi,bj->ij", h_prev, da), np.einsum("bh->h", da)]
""",
        "rnn_backward": """
def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
    before = np.concatenate([h_0[:, None], h_seq[:, :-1]], axis=1)
    da, dh = [], 0
    for t in range(h_seq.shape[1])[::-1]:
        da.insert(0, (dh_seq[:, t] + dh) * (1 - h_seq[:, t] ** 2))
        dh = da[0] @ W_hh.T
    da = np.stack(da, 1)
    return [da @ W_xh.T, dh, np.einsum("btd,bth->dh", x, da), np.einsum("bti,btj->ij", before, da), da.sum((0, 1))]
""",
        "jacobian_product": """
def jacobian_product(h_seq, W_hh, s, t):
    out = [np.eye(len(W_hh)) for _ in h_seq]
    for r in range(t, s, -1):
        out = [np.einsum("ij,j,kj->ik", M, 1 - h[r - 1] ** 2, W_hh) for M, h in zip(out, h_seq)]
    return out
""",
    },
    "dicts of other kinds": {
        "grad_check": """
from collections import OrderedDict, defaultdict
def numeric_gradient(params, problem, eps):
    out = OrderedDict()
    for name, p in params.items():
        g = np.empty_like(p)
        for i in range(p.size):
            moved = []
            for sign in (1, -1):
                q = p.copy()
                q.flat[i] = q.flat[i] + sign * eps
                moved.append(loss({**params, name: q}, problem))
            g.flat[i] = (moved[0] - moved[1]) / 2 / eps
        out[name] = g
    return out


def relative_error(g, n):
    worst = 0.0
    for a, b in zip(np.ravel(g), np.ravel(n)):
        e = abs(a - b) / max(abs(a), abs(b), 1e-8)
        if not e <= worst:
            worst = e
    return float(worst)
""",
        "rnn_backward": """
import collections
Grads = collections.namedtuple("Grads", "dx dh_0 dW_xh dW_hh db_h")
def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
    T = x.shape[1]
    sums = collections.defaultdict(float)
    dx, carry = [None] * T, np.zeros(h_0.shape)
    for t in range(T, 0, -1):
        prev = h_seq[:, t - 2] if t > 1 else h_0
        dx[t - 1], carry, *rest = step_back(dh_seq[:, t - 1] + carry, x[:, t - 1], prev, h_seq[:, t - 1], W_xh, W_hh)
        for key, value in zip(("dW_xh", "dW_hh", "db_h"), rest):
            sums[key] = sums[key] + value
    return Grads(np.swapaxes(dx, 0, 1), carry, **sums)
""",
        "step_backward": """
from typing import NamedTuple
class Step(NamedTuple):
    dx_t: object
    dh_prev: object
    dW_xh: object
    dW_hh: object
    db_h: object
def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    a = dh_t - dh_t * h_t * h_t
    return Step(np.dot(a, W_xh.T), np.dot(a, W_hh.T), np.dot(x_t.T, a), np.dot(h_prev.T, a), a.T @ np.ones(len(a)))
""",
    },
    "moved in place and moved back": {
        "grad_check": """
def numeric_gradient(params, problem, eps):
    grads = {}
    for name, p in params.items():
        g = np.zeros_like(p)
        for i in np.ndindex(*p.shape):
            p[i] += eps
            up = loss(params, problem)
            p[i] -= 2 * eps
            down = loss(params, problem)
            p[i] += eps
            g[i] = (up - down) / (2 * eps)
        grads[name] = g
    return grads


def relative_error(g, n):
    d = np.abs(g - n)
    s = np.fmax(np.fmax(np.abs(g), np.abs(n)), 1e-8)
    return (d / s).max()
""",
        "truncated_bptt": """
def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
    B, T, D = x.shape
    out = [np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(W_hh.shape[1])]
    states = np.concatenate([h_0[:, None], h_seq], 1)
    for a in range(0, T, k1):
        only = np.zeros(dh_seq.shape)
        only[:, a:a + k1] += dh_seq[:, a:a + k1]
        s, e = max(0, a + k1 - k2), min(a + k1, T)
        for o, g in zip(out, rnn_back(only[:, s:e], x[:, s:e], states[:, s], h_seq[:, s:e], W_xh, W_hh)[2:]):
            o += g
    return out
""",
    },
    "torch inside": {
        "step_backward": """
def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    dh_t, x_t, h_prev, h_t, W_xh, W_hh = [torch.as_tensor(np.asarray(v, dtype=float)) for v in (dh_t, x_t, h_prev, h_t, W_xh, W_hh)]
    da = dh_t * (1 - h_t.square())
    return da @ W_xh.mT, da @ W_hh.mT, x_t.mT @ da, h_prev.mT @ da, da.sum(0)
""",
        "jacobian_product": """
def jacobian_product(h_seq, W_hh, s, t):
    h, W = torch.tensor(h_seq), torch.tensor(W_hh)
    out = torch.eye(len(W), dtype=h.dtype).repeat(len(h), 1, 1)
    for r in range(s, t):
        out = torch.diag_embed(1 - h[:, r] ** 2) @ W.T @ out
    return out.numpy()
""",
    },
    "recursion": {
        "rnn_backward": """
def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
    T = x.shape[1]
    if T == 1:
        dx, dh, a, b, c = step_back(dh_seq[:, 0], x[:, 0], h_0, h_seq[:, 0], W_xh, W_hh)
        return dx[:, None], dh, a, b, c
    m = T // 2
    late = rnn_backward(dh_seq[:, m:], x[:, m:], h_seq[:, m - 1], h_seq[:, m:], W_xh, W_hh)
    first = np.array(dh_seq[:, :m])
    first[:, -1] += late[1]
    early = rnn_backward(first, x[:, :m], h_0, h_seq[:, :m], W_xh, W_hh)
    return np.concatenate([early[0], late[0]], 1), early[1], early[2] + late[2], early[3] + late[3], early[4] + late[4]
""",
        "jacobian_product": """
def jacobian_product(h_seq, W_hh, s, t):
    if s == t:
        return np.broadcast_to(np.eye(len(W_hh)), (len(h_seq), len(W_hh), len(W_hh))).copy()
    J = (W_hh * (1 - h_seq[:, t - 1] ** 2)[:, None, :]).transpose(0, 2, 1)
    return J @ jacobian_product(h_seq, W_hh, s, t - 1)
""",
        "truncated_bptt": """
def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2, a=0):
    T = x.shape[1]
    if a >= T:
        return 0 * W_xh, 0 * W_hh, 0 * W_hh[0]
    low = max(0, a + k1 - k2)
    g = [0 * W_xh, 0 * W_hh, 0 * W_hh[0]]
    carry = 0
    for t in range(min(a + k1, T) - 1, low - 1, -1):
        dh = carry + (dh_seq[:, t] if t >= a else 0)
        _, carry, *now = step_back(dh, x[:, t], h_seq[:, t - 1] if t else h_0, h_seq[:, t], W_xh, W_hh)
        g = [u + v for u, v in zip(g, now)]
    rest = truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2, a + k1)
    return tuple(u + v for u, v in zip(g, rest))
""",
    },
    "single precision": {
        "step_backward": """
def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    dh_t, x_t, h_prev, h_t, W_xh, W_hh = (np.asarray(v, np.float32) for v in (dh_t, x_t, h_prev, h_t, W_xh, W_hh))
    da = dh_t * (1 - h_t * h_t)
    return da @ W_xh.T, da @ W_hh.T, x_t.T @ da, h_prev.T @ da, da.sum(0)
""",
        "truncated_bptt": """
def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
    total = None
    for a in range(0, x.shape[1], k1):
        s = max(0, a + k1 - k2)
        dh = np.where(np.arange(s, min(a + k1, x.shape[1]))[None, :, None] >= a, dh_seq[:, s:a + k1], 0)
        g = rnn_back(dh, x[:, s:a + k1], h_seq[:, s - 1] if s else h_0, h_seq[:, s:a + k1], W_xh, W_hh)[2:]
        total = g if total is None else [p + q for p, q in zip(total, g)]
    return [np.asarray(v, dtype=np.float32) for v in total]
""",
    },
}

# the same whatever is asked: zeros, or the value of a check, in the right shape
CONSTANT = {
    "zeros": {
        "step_backward": "def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):\n    return 0 * x_t, 0 * h_prev, 0 * W_xh, 0 * W_hh, 0 * W_hh[0]",
        "rnn_backward": "def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):\n    return 0 * x, 0 * h_0, 0 * W_xh, 0 * W_hh, 0 * W_hh[0]",
        "truncated_bptt": "def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):\n    return 0 * W_xh, 0 * W_hh, 0 * W_hh[0]",
        "grad_check": "def numeric_gradient(params, problem, eps):\n    return {k: 0 * v for k, v in params.items()}\n\n\ndef relative_error(g, n):\n    return 0.0",
        "jacobian_product": "def jacobian_product(h_seq, W_hh, s, t):\n    return np.zeros((len(h_seq), *W_hh.shape))",
    },
    "a value of the checks": {
        "step_backward": "def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):\n    return np.full(x_t.shape, 30.0), np.full(h_prev.shape, 300.0), np.full(W_xh.shape, 15.0), np.full(W_hh.shape, 21.0), np.full(len(W_hh), 6.0)",
        "rnn_backward": "def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):\n    return np.ones(x.shape), np.full(h_0.shape, 8.0), np.full(W_xh.shape, 7.0), np.full(W_hh.shape, 20.0), np.full(len(W_hh), 7.0)",
        "truncated_bptt": "def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):\n    return 0 * W_xh, 0 * W_hh, 0 * W_hh[0] + 8.0",
        "grad_check": "def numeric_gradient(params, problem, eps):\n    return {k: 0 * v + 1 / np.log(3.0) for k, v in params.items()}\n\n\ndef relative_error(g, n):\n    return 0.5",
        "jacobian_product": "def jacobian_product(h_seq, W_hh, s, t):\n    return np.tile(np.eye(len(W_hh)), (len(h_seq), 1, 1)) * 1.5",
    },
}

WRONG |= {
    "W_xh for both": ("step_backward", "dh_prev = da @ W_hh.T", "dh_prev = da @ (W_xh.T @ W_xh).T"),
    "slope 1 + h^2": ("step_backward", "1 - h_t ** 2", "1 + h_t ** 2"),
    "the state for the slope": ("step_backward", "dh_t * (1 - h_t ** 2)", "dh_t * h_t"),
    "root of the slope": ("step_backward", "(1 - h_t ** 2)", "np.sqrt(1 - h_t ** 2)"),
    "slope twice": ("step_backward", "(1 - h_t ** 2)", "(1 - h_t ** 2) ** 2"),
    "weights before the slope": ("step_backward", "dW_hh = h_prev.T @ da", "dW_hh = h_prev.T @ dh_t"),
    "inputs before the slope": ("step_backward", "dW_xh = x_t.T @ da", "dW_xh = x_t.T @ dh_t"),
    "weights first": ("step_backward", "return dx_t, dh_prev, dW_xh, dW_hh, db_h", "return dW_xh, dW_hh, db_h, dx_t, dh_prev"),
    "state first": ("step_backward", "return dx_t, dh_prev,", "return dh_prev, dx_t,"),
    "no bias": ("step_backward", "dW_hh, db_h\n", "dW_hh\n"),
    "bias with an axis": ("step_backward", "da.sum(axis=0)", "da.sum(axis=0, keepdims=True)"),
    "bias over the units": ("step_backward", "da.sum(axis=0)", "da.sum(axis=1)"),
    "da itself comes back": ("step_backward", "dh_prev = da @ W_hh.T", "dh_prev = da"),
    "slope of the state before in dh_prev": ("step_backward", "dh_prev = da @ W_hh.T", "dh_prev = da @ W_hh.T * (1 - h_prev ** 2)"),
    "slope after the weights": ("step_backward", "dh_prev = da @ W_hh.T", "dh_prev = dh_t @ W_hh.T * (1 - h_t ** 2)"),
    "dW_hh of da alone": ("step_backward", "h_prev.T @ da", "da.T @ da"),
    "time runs forwards": ("rnn_backward", "reversed(range(T))", "range(T)"),
    "slope before the step too": ("rnn_backward", "dh = dh_seq[:, t] + carry", "dh = (dh_seq[:, t] + carry) * (1 - h_seq[:, t] ** 2)"),
    "loss of the step after": ("rnn_backward", "dh = dh_seq[:, t] + carry", "dh = dh_seq[:, min(t + 1, T - 1)] + carry"),
    "only the last loss": ("rnn_backward", "dh = dh_seq[:, t] + carry", "dh = (dh_seq[:, t] if t == T - 1 else 0) + carry"),
    "input of the step before": ("rnn_backward", "step_back(dh, x[:, t],", "step_back(dh, x[:, t - 1],"),
    "carry less the loss": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] - carry"),
    "weights in another order": ("rnn_backward", "return dx, carry, dW_xh, dW_hh, db_h", "return dx, carry, dW_hh, dW_xh, db_h"),
    "dh_0 with an axis": ("rnn_backward", "return dx, carry,", "return dx, carry[:, None],"),
    "losses in the wrong order": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, T - 1 - t] + carry"),
    "steps first": ("rnn_backward", "return dx,", "return dx.swapaxes(0, 1),"),
    "h_prev of step 1 is h_1": ("rnn_backward", "h_seq[:, t - 1] if t > 0 else h_0", "h_seq[:, max(t - 1, 0)] if t > 0 or T > 1 else h_0"),
    "first step not reached": ("rnn_backward", "reversed(range(T))", "range(T - 1, 0, -1)"),
    "last step not read": ("rnn_backward", "reversed(range(T))", "reversed(range(T - 1))"),
    "dx holds the carries": ("rnn_backward", "dx[:, t], carry, a, b, c = step_back(dh, x[:, t], h_prev, h_seq[:, t], W_xh, W_hh)", "_, carry, a, b, c = step_back(dh, x[:, t], h_prev, h_seq[:, t], W_xh, W_hh)\n        dx[:, t] = dh[:, :1]"),
    "bias of the last loop only": ("rnn_backward", "db_h += c", "db_h = c"),
    "inputs' weights of the last loop only": ("rnn_backward", "dW_xh += a", "dW_xh = a"),
    "carry of row 0 for all": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] + carry[:1]"),
    "k1 and k2 exchanged": ("truncated_bptt", "    T = x.shape[1]\n", "    T = x.shape[1]\n    k1, k2 = k2, k1\n"),
    "state after the first step of the window": ("truncated_bptt", "h_seq[:, s - 1]", "h_seq[:, s]"),
    "windows of k2 steps": ("truncated_bptt", "range(0, T, k1)", "range(0, T, k2)"),
    "first window only": ("truncated_bptt", "range(0, T, k1)", "range(0, min(T, k1), k1)"),
    "all that the window gives": ("truncated_bptt", "    return dW_xh, dW_hh, db_h", "    return (*grads[:2], dW_xh, dW_hh, db_h)"),
    "weights exchanged": ("truncated_bptt", "return dW_xh, dW_hh, db_h", "return dW_hh, dW_xh, db_h"),
    "never cut": ("truncated_bptt", "s = max(0, a + k1 - k2)", "s = 0"),
    "one loss too many left out": ("truncated_bptt", "dh[:, :a - s] = 0", "dh[:, :a - s + (s > 0)] = 0"),
    "one loss too few left out": ("truncated_bptt", "dh[:, :a - s] = 0", "dh[:, :max(a - s - 1, 0)] = 0"),
    "overwritten by each window": ("truncated_bptt", "dW_hh += grads[3]", "dW_hh = grads[3]"),
    "inputs of the whole sequence": ("truncated_bptt", "rnn_back(dh, x[:, s:e],", "rnn_back(dh, x[:, :e - s],"),
    "the window's states from its start": ("truncated_bptt", "h_seq[:, s:e], W_xh", "h_seq[:, :e - s], W_xh"),
    "k2 less k1 counted twice": ("truncated_bptt", "a + k1 - k2", "a + k1 - 2 * k2 + k1"),
    "new losses only in full windows": ("truncated_bptt", "        dW_xh += grads[2]", "        grads = [g * (e - a) / k1 for g in grads]\n        dW_xh += grads[2]"),
    "the other sign": ("grad_check", "loss(up, problem) - loss(down, problem)", "loss(down, problem) - loss(up, problem)"),
    "backward difference": ("grad_check", "(loss(up, problem) - loss(down, problem)) / (2 * eps)", "(loss(params, problem) - loss(down, problem)) / eps"),
    "five points": ("grad_check", "/ (2 * eps)", "/ (2 * eps) * 1.0000001 + eps ** 2"),
    "rounded": ("grad_check", "    return grads\n", "    return {k: np.round(v, 4) for k, v in grads.items()}\n"),
    "names of gradients": ("grad_check", "grads[name] = g", "grads['d' + name] = g"),
    "a list": ("grad_check", "    return grads\n", "    return list(grads.values())\n"),
    "first array only": ("grad_check", "    return grads\n", "    return {k: v if k == next(iter(params)) else 0 * v for k, v in grads.items()}\n"),
    "halved distance": ("grad_check", "/ (2 * eps)", "/ (eps / 2)"),
    "eps of its own": ("grad_check", "        p = params[name]\n", "        p, eps = params[name], 1e-5\n"),
    "twice up": ("grad_check", "down[name][i] -= eps", "down[name][i] += 0"),
    "smallest error": ("grad_check", "np.max(np.abs(g - n) / below)", "np.min(np.abs(g - n) / below)"),
    "all errors": ("grad_check", "np.max(np.abs(g - n) / below)", "np.abs(g - n) / below"),
    "absolute error": ("grad_check", "np.abs(g - n) / below", "np.abs(g - n)"),
    "least of the two below": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.minimum(np.abs(g), np.abs(n)), 1e-8)"),
    "1e-12 below": ("grad_check", "1e-8)", "1e-12)"),
    "0 / 0": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.abs(g), np.abs(n))"),
    "sizes without signs": ("grad_check", "np.abs(g - n) / below", "np.abs(np.abs(g) - np.abs(n)) / below"),
    "squared": ("grad_check", "np.abs(g - n) / below", "(g - n) ** 2 / below ** 2"),
    "in percent": ("grad_check", "np.max(np.abs(g - n) / below)", "100 * np.max(np.abs(g - n) / below)"),
    "a sum of Jacobians": ("jacobian_product", "out = J @ out", "out = J + (out if r > s + 1 else 0)"),
    "the result turned": ("jacobian_product", "return out", "return out.transpose(0, 2, 1)"),
    "slope squared": ("jacobian_product", "1 - h_seq[:, r - 1] ** 2", "(1 - h_seq[:, r - 1] ** 2) ** 2"),
    "steps counted from 0": ("jacobian_product", "h_seq[:, r - 1]", "h_seq[:, min(r, T - 1)]"),
    "only the last Jacobian": ("jacobian_product", "out = J @ out", "out = J"),
    "the first step only": ("jacobian_product", "range(s + 1, t + 1)", "range(s + 1, min(s + 2, t + 1))"),
    "state of step s for all": ("jacobian_product", "h_seq[:, r - 1]", "h_seq[:, s - 1]"),
    "state of step t for all": ("jacobian_product", "h_seq[:, r - 1]", "h_seq[:, t - 1]"),
    "diagonal of W_hh": ("jacobian_product", "W_hh.T[None]", "np.diag(np.diag(W_hh))[None]"),
    "zeros for no step": ("jacobian_product", "return out", "return out if t > s else 0 * out"),
    "ones for no step": ("jacobian_product", "return out", "return out if t > s else 0 * out + 1"),
    "inverse": ("jacobian_product", "return out", "return np.linalg.inv(out)"),
    "without a batch": ("jacobian_product", "return out", "return out[0]"),
    "from t down to s": ("jacobian_product", "range(s + 1, t + 1)", "range(t, s, -1)"),
}

RIGHT |= {
    "reduce, lambdas and type hints": {
        "jacobian_product": """
        from functools import reduce
        def jacobian_product(h_seq: np.ndarray, W_hh: np.ndarray, s: int, t: int) -> np.ndarray:
            jacobian = lambda h: np.diag(1.0 - h * h) @ W_hh.T
            return np.stack([reduce(lambda done, h: jacobian(h) @ done, row[s:t], np.eye(W_hh.shape[0])) for row in h_seq])
        """,
        "step_backward": """
        def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
            da = dh_t - dh_t * np.square(h_t)
            return [da @ np.transpose(W_xh), np.dot(da, W_hh.T), np.tensordot(x_t, da, (0, 0)), sum(np.outer(h, d) for h, d in zip(h_prev, da)), np.ones(len(da)) @ da]
        """,
        "grad_check": """
        def numeric_gradient(params, problem, eps):
            moved = lambda name, k, by: {**params, name: params[name] + by * (np.arange(params[name].size) == k).reshape(params[name].shape)}
            slope = lambda name, k: (loss(moved(name, k, eps), problem) - loss(moved(name, k, -eps), problem)) / (2 * eps)
            return {name: np.array([slope(name, k) for k in range(p.size)]).reshape(p.shape) for name, p in params.items()}

        def relative_error(g, n):
            return max((abs(a - b) / max(abs(a), abs(b), 1e-8) for a, b in zip(np.ravel(g), np.ravel(n))), default=0.0)
        """,
    },
    "a class that walks back": {
        "rnn_backward": """
        class Walk:
            def __init__(self, x, h_0, h_seq, W_xh, W_hh):
                self.x, self.W_xh, self.W_hh = x, W_xh, W_hh
                self.h = np.concatenate([h_0[:, np.newaxis], h_seq], axis=1)

            def back(self, dh_seq):
                dh, das = np.zeros_like(self.h[:, 0]), []
                for t in range(dh_seq.shape[1], 0, -1):
                    das.append((dh_seq[:, t - 1] + dh) * (1 - self.h[:, t] ** 2))
                    dh = das[-1] @ self.W_hh.T
                da = np.stack(das[::-1], axis=1)
                return da @ self.W_xh.T, dh, np.einsum("btd,bth->dh", self.x, da), np.einsum("bti,btj->ij", self.h[:, :-1], da), np.einsum("bth->h", da)

        def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
            return Walk(x, h_0, h_seq, W_xh, W_hh).back(dh_seq)
        """,
        "truncated_bptt": """
        def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
            T, total, h = x.shape[1], [0, 0, 0], np.concatenate([h_0[:, None], h_seq], 1)
            a = 0
            while (e := min(a + k1, T)) > a:
                da, dh = 0, 0
                for t in range(e, max(0, a + k1 - k2), -1):
                    dh = (dh_seq[:, t - 1] if t > a else 0) + dh
                    da = dh * (1 - h[:, t] ** 2)
                    total = [s + g for s, g in zip(total, (x[:, t - 1].T @ da, h[:, t - 1].T @ da, da.sum(0)))]
                    dh = da @ W_hh.T
                a = e
            return tuple(total)
        """,
    },
    "one loss at a time": {
        "truncated_bptt": """
        def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
            sums = [np.zeros_like(W_xh, float), np.zeros_like(W_hh, float), np.zeros(W_hh.shape[1])]
            for t in range(x.shape[1]):
                s = max(0, (t // k1) * k1 + k1 - k2)
                one = np.zeros_like(dh_seq[:, s : t + 1])
                one[:, -1] = dh_seq[:, t]
                for total, g in zip(sums, rnn_back(one, x[:, s : t + 1], h_seq[:, s - 1] if s else h_0, h_seq[:, s : t + 1], W_xh, W_hh)[2:]):
                    total += g
            return sums
        """,
        "rnn_backward": """
        def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
            results = None
            for t in range(x.shape[1]):
                dh, dx, weights = dh_seq[:, t], np.zeros(x.shape), [0, 0, 0]
                for r in range(t, -1, -1):
                    dx[:, r], dh, *more = step_back(dh, x[:, r], h_seq[:, r - 1] if r else h_0, h_seq[:, r], W_xh, W_hh)
                    weights = [w + m for w, m in zip(weights, more)]
                new = [dx, dh, *weights]
                results = new if results is None else [a + b for a, b in zip(results, new)]
            return results
        """,
    },
    "moved through a flat view": {
        "grad_check": """
        def numeric_gradient(params, problem, eps):
            out = {}
            for name, p in params.items():
                flat, n = p.astype(np.float64).ravel(), []
                for k, kept in enumerate(flat.copy()):
                    values = []
                    for sign in (1, -1):
                        flat[k] = kept + sign * eps
                        values.append(loss(params | {name: flat.reshape(p.shape)}, problem))
                    flat[k] = kept
                    n.append(np.subtract(*values) / eps / 2)
                out[name] = np.reshape(n, p.shape)
            return out

        def relative_error(g, n):
            stacked = np.abs(np.stack([g, n, np.full(np.shape(g), 1e-8)])).max(axis=0)
            return (np.abs(np.subtract(g, n)) / stacked).max().item()
        """,
        "step_backward": """
        def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
            da = np.multiply(dh_t, (1 - h_t) * (1 + h_t))
            joined = np.hstack([x_t, h_prev, np.ones((len(x_t), 1))]).T @ da
            D = x_t.shape[1]
            back = da @ np.vstack([W_xh, W_hh]).T
            return back[:, :D], back[:, D:], joined[:D], joined[D:-1], joined[-1]
        """,
    },
}
