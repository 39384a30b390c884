"""The hidden tests of lab 5 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

from fresh_laws import *  # noqa: F403  (the tests of the answers in tests/labs/fresh)
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)

LAB = "lab05_lstm"
POINTS = dict(lstm_step=6.0, lstm_forward=8.0, lstm_step_backward=8.0, lstm_backward=10.0, forget_bias=6.0, gru_step=6.0)

# (part, what the model solution says, what the planted mistake says, words that the message must hold)
ONE_SEQUENCE = "(torch.ones(1, 1, 1), [torch.ones(1, 1, 1)] * 2, [torch.ones(4, 1)] * 2, False, 1, 0.0, False, False, False)"
ONE_CELL = "(torch.ones(1, 1), [torch.ones(1, 1)] * 2, torch.ones(4, 1), torch.ones(4, 1))"

WRONG = {
    # 1 · step
    "blocks i f o g": ("lstm_step", "a_i, a_f, a_g, a_o =", "a_i, a_f, a_o, a_g =", "read in the order i, f, o, g"),
    "blocks f i g o": ("lstm_step", "a_i, a_f, a_g, a_o =", "a_f, a_i, a_g, a_o =", "read in the order f, i, g, o"),
    "blocks o f g i": ("lstm_step", "a_i, a_f, a_g, a_o =", "a_o, a_f, a_g, a_i =", "read in the order o, f, g, i"),
    "sigmoid candidate": ("lstm_step", "np.tanh(a_g)", "1 / (1 + np.exp(-a_g))", "candidate g is a sigmoid"),
    "no tanh on c": ("lstm_step", "o * np.tanh(c_t)", "o * c_t", "the tanh on c_t is missing"),
    "no input gate": ("lstm_step", "+ i * g", "+ g", "input gate i is missing"),
    "no forget gate": ("lstm_step", "f * c_prev", "c_prev", "forget gate f is missing"),
    "no output gate": ("lstm_step", "o * np.tanh(c_t)", "np.tanh(c_t)", "output gate o is missing"),
    "coupled": ("lstm_step", "+ i * g", "+ (1 - f) * g", "coupled"),
    "h from c_prev": ("lstm_step", "np.tanh(c_t)", "np.tanh(c_prev)", "made from c_prev"),
    "f on h_prev": ("lstm_step", "f * c_prev", "f * h_prev", "f multiplies h_prev"),
    "gates see c_prev": ("lstm_step", "h_prev @ W_h", "c_prev @ W_h", "gates see c_prev"),
    "bias missing": ("lstm_step", " + b, 4", ", 4", "bias b is missing"),
    "bias twice": ("lstm_step", " + b, 4", " + 2 * b, 4", "added twice"),
    "h and c exchanged": ("lstm_step", "return h_t, c_t,", "return c_t, h_t,", "exchanged: return h_t first"),
    "gates not activated": (
        "lstm_step",
        "np.concatenate([i, f, g, o], axis=1)",
        "np.concatenate([a_i, a_f, a_g, a_o], axis=1)",
        "before sigmoid",
    ),
    "sigmoid's sign": ("lstm_step", "np.exp(-a_", "np.exp(a_", "wrong sign"),
    "c_prev changed": ("lstm_step", "c_t = f * c_prev", "c_prev *= f\n    c_t = c_prev", "in place"),
    "two results": ("lstm_step", "return h_t, c_t, np.concatenate([i, f, g, o], axis=1)", "return h_t, c_t", "expected 3 results"),
    # 2 · forward
    "c not carried": (
        "lstm_forward",
        "c = np.where(valid, h_new, h), np.where(valid, c_new, c)",
        "_ = np.where(valid, h_new, h), c_new",
        "c_0",
    ),
    "h not carried": ("lstm_forward", "step(x[:, t], h, c,", "step(x[:, t], 0 * h if h_0 is None else h_0, c,", "h is not carried on"),
    "c_0 ignored": ("lstm_forward", "np.zeros((B, H)) if c_0 is None else np.array(c_0)", "np.zeros((B, H))", "c_0 is ignored"),
    "h_0 ignored": ("lstm_forward", "np.zeros((B, H)) if h_0 is None else np.array(h_0)", "np.zeros((B, H))", "h_0 is ignored"),
    "c starts at h_0": ("lstm_forward", "if c_0 is None else np.array(c_0)", "if h_0 is None else np.array(h_0)", "c starts at c_0"),
    "state swapped": ("lstm_forward", "h_new, c_new = step", "c_new, h_new = step", "taken in the wrong order"),
    "state swapped between steps": (
        "lstm_forward",
        "h_seq[:, t] = np.where(valid, h, 0.0)",
        "h_seq[:, t] = np.where(valid, h, 0.0)\n        h, c = (c, h) if t < T - 1 else (h, c)",
        "h and c change places",
    ),
    "lengths ignored": ("lstm_forward", "np.full(B, T) if lengths is None else lengths", "np.full(B, T)", "lengths are ignored"),
    "lengths ignored for c": ("lstm_forward", "np.where(valid, c_new, c)", "c_new", "must leave its c as it was too"),
    "lengths off by one": ("lstm_forward", "t < lengths", "t <= lengths", "off by one"),
    "last column": ("lstm_forward", "return h_seq, h, c", "return h_seq, h_seq[:, -1], c", "taken at the last step, which is padding"),
    "padding not zero": ("lstm_forward", "np.where(valid, h, 0.0)", "h", "repeats its last state"),
    "time backwards": ("lstm_forward", "for t in range(T):", "for t in reversed(range(T)):", "time runs backwards"),
    "one buffer": ("lstm_forward", "return h_seq,", "h_seq[:] = h[:, None]; return h_seq,", "all steps hold the last state"),
    "h_T and c_T exchanged": ("lstm_forward", "return h_seq, h, c", "return h_seq, c, h", "h_T and c_T are exchanged"),
    # 3 · backward of a step
    "no path through h": ("lstm_step_backward", "dc = dc_t + dh_t * o * (1 - tanh_c**2)", "dc = dc_t", "path through h_t is missing"),
    "dc_t ignored": ("lstm_step_backward", "dc = dc_t + dh_t", "dc = dh_t", "dc_t is ignored"),
    "no o": ("lstm_step_backward", "dh_t * o * (1 - tanh_c**2)", "dh_t * (1 - tanh_c**2)", "gate o is missing in dc"),
    "no tanh'": ("lstm_step_backward", " * (1 - tanh_c**2)", "", "tanh' is missing"),
    "tanh' of c": ("lstm_step_backward", "(1 - tanh_c**2)", '(1 - tape["c_t"]**2)', "1 - tanh(c_t)**2"),
    "dc_prev without f": ("lstm_step_backward", "dc * f, tape", "dc, tape", "without f"),
    "dc_prev from dc_t": ("lstm_step_backward", "dc * f, tape", "dc_t * f, tape", "path through h_t is missing"),
    "df with c_t": ("lstm_step_backward", 'dc * tape["c_prev"]', 'dc * tape["c_t"]', "df uses c_t"),
    "di and dg exchanged": ("lstm_step_backward", "= dc * g, dc * tape", "= dc * i, dc * tape", "di uses i"),
    "do with c_t": ("lstm_step_backward", "dh_t * tanh_c\n", 'dh_t * tape["c_t"]\n', "do uses c_t"),
    "do from dc": ("lstm_step_backward", "dh_t * tanh_c\n", "dc * tanh_c\n", "do comes from dc"),
    "no sigmoid'": ("lstm_step_backward", " * i * (1 - i)", "", "derivative of i's sigmoid"),
    "no g'": ("lstm_step_backward", " * (1 - g**2)", "", "derivative of g's tanh"),
    "g' of a sigmoid": ("lstm_step_backward", "dg * (1 - g**2)", "dg * g * (1 - g)", "g has the derivative of a sigmoid"),
    "1 - g": ("lstm_step_backward", "1 - g**2", "1 - g", "it is 1 - g**2"),
    "dW_h with h_t": ("lstm_step_backward", 'tape["h_prev"].T', "(o * tanh_c).T", "dW_h uses h_t"),
    "da i f o g": ("lstm_step_backward", "dg * (1 - g**2), do * o * (1 - o)]", "do * o * (1 - o), dg * (1 - g**2)]", "i, f, o, g"),
    "db not summed": ("lstm_step_backward", "da.sum(0)", "da", "not summed over the batch"),
    "db mean": ("lstm_step_backward", "da.sum(0)", "da.mean(0)", "mean over the batch"),
    # 4 · backward of a sequence
    "dc not carried": ("lstm_backward", "dx[:, t], dh, dc, dW", "dx[:, t], dh, _, dW", "dc stays dc_T"),
    "no dc_prev": ("lstm_backward", "+ dh_seq[:, t], dc, now", "+ dh_seq[:, t], dc * (t == dh_seq.shape[1] - 1), now", "dc is not carried"),
    "dh not carried": (
        "lstm_backward",
        "(dh + dh_seq[:, t], dc",
        "(dh * (t == dh_seq.shape[1] - 1) + dh_seq[:, t], dc",
        "dh is not carried",
    ),
    "neither carried": (
        "lstm_backward",
        "(dh + dh_seq[:, t], dc, now)",
        "(dh * (t == dh_seq.shape[1] - 1) + dh_seq[:, t], dc * (t == dh_seq.shape[1] - 1), now)",
        "neither dh nor dc is carried",
    ),
    "dh_seq ignored": ("lstm_backward", "(dh + dh_seq[:, t], dc", "(dh, dc", "dh_seq is ignored"),
    "dh_T ignored": ("lstm_backward", "dh, dc = dh_T, dc_T", "dh, dc = 0 * dh_T, dc_T", "dh_T is ignored"),
    "dc_T ignored": ("lstm_backward", "dh, dc = dh_T, dc_T", "dh, dc = dh_T, 0 * dc_T", "dc_T is ignored"),
    "dh_T every step": (
        "lstm_backward",
        "(dh + dh_seq[:, t], dc",
        "(dh + dh_seq[:, t] + dh_T * (t < dh_seq.shape[1] - 1), dc",
        "dh_T enters every step",
    ),
    "forward order": ("lstm_backward", "reversed(range(dh_seq.shape[1]))", "range(dh_seq.shape[1])", "from the first step to the last"),
    "h_t for h_prev": ("lstm_backward", 'tape["h_seq"][:, t - 1] if', 'tape["h_seq"][:, t] if', None),
    "states after the step": (
        "lstm_backward",
        "dx[:, t], dh",
        'now["h_prev"], now["c_prev"] = tape["h_seq"][:, t], tape["c_seq"][:, t]\n        dx[:, t], dh',
        "taken after the step",
    ),
    "wrap-around": (
        "lstm_backward",
        'tape["h_seq"][:, t - 1] if t > 0 else tape["h_0"]',
        'tape["h_seq"][:, t - 1]',
        "wraps around, use h_0",
    ),
    "c_0 as zero": ("lstm_backward", 'else tape["c_0"]', 'else 0 * tape["c_0"]', "c_0 is taken as zero"),
    "overwritten": (
        "lstm_backward",
        "dW_x, dW_h, db = dW_x + dW_x_t, dW_h + dW_h_t, db + db_t",
        "dW_x, dW_h, db = dW_x_t, dW_h_t, db_t",
        "overwritten",
    ),
    "last step only": (
        "lstm_backward",
        "dW_x, dW_h, db = dW_x + dW_x_t, dW_h + dW_h_t, db + db_t",
        "dW_x, dW_h, db = (dW_x_t, dW_h_t, db_t) if t == dh_seq.shape[1] - 1 else (dW_x, dW_h, db)",
        "only the last step's term: sum over time",
    ),
    "mean over time": (
        "lstm_backward",
        "return dx, dh, dc, dW_x, dW_h, db",
        "return dx, dh, dc, *(g / dh_seq.shape[1] for g in (dW_x, dW_h, db))",
        "mean over time",
    ),
    "dh_0 zero": ("lstm_backward", "return dx, dh, dc,", "return dx, 0 * dh, 0 * dc,", "return what is carried out of the first step"),
    "tape changed": ("lstm_backward", "return dx,", 'tape["x"] *= 2; return dx,', "in place"),
    # 5 · biases
    "value in i": ("forget_bias", "b[H : 2 * H] = value", "b[:H] = value", "in the block of i"),
    "value everywhere": ("forget_bias", "b[H : 2 * H] = value", "b[:] = value", "every block holds the value"),
    "one number": ("forget_bias", "b[H : 2 * H] = value", "b[H] = value", "only one number is set"),
    "b_i zero": ("forget_bias", "[-b_f, b_f,", "[0 * b_f, b_f,", "b_i is zero"),
    "no minus 1": ("forget_bias", "np.asarray(lifetimes) - 1.0", "np.asarray(lifetimes)", "the 1 is missing"),
    "base 2": ("forget_bias", "np.log(np", "np.log2(np", "base 2"),
    "bias in both": ("forget_bias", "b, np.zeros_like(b)", "b, b", "b is in both biases"),
    "not transposed": ("forget_bias", "W_x.T, W_h.T", "W_x, W_h", "it is not transposed"),
    # 6 · GRU
    "z flipped": ("gru_step", "(1 - z) * n + z * h_prev", "z * n + (1 - z) * h_prev", "z is flipped"),
    "reset where it was": ("gru_step", 'if reset == "after":', "if True:", "acts after the product"),
    "reset the other way": ("gru_step", 'reset == "after":', 'reset == "before":', "the reset gate acts"),
    "reset missing": ("gru_step", "r * (h_prev @ W_hn + b_hn)", "(h_prev @ W_hn + b_hn)", "reset gate is missing"),
    "r and z exchanged": ("gru_step", "x_r, x_z, x_n =", "x_z, x_r, x_n =", None),
    "blocks z r n": (
        "gru_step",
        "    r = 1 / (1",
        "    x_r, x_z, W_hr, W_hz, b_hr, b_hz = x_z, x_r, W_hz, W_hr, b_hz, b_hr\n    r = 1 / (1",
        "read in the order z, r, n",
    ),
    "bias outside r": ("gru_step", "r * (h_prev @ W_hn + b_hn)", "r * (h_prev @ W_hn) + b_hn", "b_hn is outside r"),
    "r on the input": (
        "gru_step",
        "x_n + r * (h_prev @ W_hn + b_hn)",
        "r * (x_n + h_prev @ W_hn + b_hn)",
        "r multiplies the input's term too",
    ),
    "1 - z missing": ("gru_step", "(1 - z) * n", "n", "1 - z is missing"),
    # the answer called, not written
    "ready-made cell": ("lstm_step", "c_t = f", f"torch.lstm_cell{ONE_CELL}\n    c_t = f", "torch.lstm_cell"),
    "a cell of torch.ops": ("lstm_step", "c_t = f", f"torch.ops.aten.lstm_cell{ONE_CELL}\n    c_t = f", "torch.ops.aten.lstm_cell"),
    "ready-made layer": ("lstm_forward", "B, T, _ = x.shape", "torch.nn.LSTM(1, 1)(torch.ones(1, 1))\n    B, T, _ = x.shape", "torch.nn"),
    "fused kernel": (
        "lstm_forward",
        "B, T, _ = x.shape",
        f"getattr(torch, 'ls' + 'tm'){ONE_SEQUENCE}\n    B, T, _ = x.shape",
        "your function called torch.lstm",
    ),
    "the course's library": (
        "lstm_backward",
        "dh, dc =",
        "from rnnlib.scratch import lstm_backward as a\n    a()\n    dh, dc =",
        "rnnlib.scratch",
    ),
    "autograd": ("lstm_step_backward", "tanh_c =", "torch.tensor(1.0, requires_grad=True).backward()\n    tanh_c =", "backward"),
    "differentiation forwards": (
        "lstm_step_backward",
        "tanh_c =",
        "torch.func.jvp(torch.tanh, (torch.ones(1),), (torch.ones(1),))\n    tanh_c =",
        "make_dual",
    ),
    "ready-made GRU": (
        "gru_step",
        "x_r, x_z",
        "torch.gru_cell(torch.ones(1, 1), torch.ones(1, 1), torch.ones(3, 1), torch.ones(3, 1))\n    x_r, x_z",
        "gru_cell",
    ),
}

RIGHT = {
    "loops over units": {
        "lstm_step": """
            def sigmoid(a):
                return 1 / (1 + np.exp(-a))

            def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
                B, H = h_prev.shape
                h_t, c_t, gates = np.zeros((B, H)), np.zeros((B, H)), np.zeros((B, 4 * H))
                for r in range(B):
                    for j in range(H):
                        a = [sum(x_t[r] * W_x[:, k * H + j]) + sum(h_prev[r] * W_h[:, k * H + j]) + b[k * H + j] for k in range(4)]
                        i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
                        c_t[r, j] = f * c_prev[r, j] + i * g
                        h_t[r, j] = o * np.tanh(c_t[r, j])
                        gates[r, j::H] = i, f, g, o
                return h_t, c_t, gates
        """,
        "gru_step": """
            def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
                B, H = h_prev.shape
                s = lambda a: 0.5 * (1 + np.tanh(a / 2))
                out = np.zeros((B, H))
                for q in range(B):
                    u, v = x_t[q] @ W_x + b_x, h_prev[q] @ W_h + b_h
                    r, z = s(u[:H] + v[:H]), s(u[H : 2 * H] + v[H : 2 * H])
                    if reset == "before":
                        n = np.tanh(u[2 * H :] + (r * h_prev[q]) @ W_h[:, 2 * H :] + b_h[2 * H :])
                    else:
                        n = np.tanh(u[2 * H :] + r * v[2 * H :])
                    out[q] = n + z * (h_prev[q] - n)
                return out
        """,
    },
    "one tanh for all gates": {
        "lstm_step": """
            def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
                H = W_h.shape[0]
                half = np.repeat([0.5, 0.5, 1.0, 0.5], H)
                a = np.tanh((np.concatenate([x_t, h_prev], 1) @ np.concatenate([W_x, W_h], 0) + b) * half)
                gates = a * half + (1 - half)
                c_t = gates[:, H : 2 * H] * c_prev + gates[:, :H] * gates[:, 2 * H : 3 * H]
                return [gates[:, 3 * H :] * np.tanh(c_t), c_t, gates]
        """,
    },
    "float32 inside": {
        "lstm_step": """
            def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
                x_t, h_prev, c_prev, W_x, W_h, b = (np.asarray(a, dtype=np.float32) for a in (x_t, h_prev, c_prev, W_x, W_h, b))
                a = np.einsum("bd,dk->bk", x_t, W_x) + np.einsum("bh,hk->bk", h_prev, W_h) + b
                gates = 1 / (1 + np.exp(-a))
                H = h_prev.shape[1]
                gates[:, 2 * H : 3 * H] = np.tanh(a[:, 2 * H : 3 * H])
                i, f, g, o = (gates[:, k * H : (k + 1) * H] for k in range(4))
                c_t = f * c_prev + i * g
                return o * np.tanh(c_t), c_t, gates
        """,
    },
    "torch inside": {
        "lstm_step": """
            def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
                x_t, h_prev, c_prev, W_x, W_h, b = map(torch.as_tensor, (x_t, h_prev, c_prev, W_x, W_h, b))
                i, f, g, o = (x_t @ W_x + h_prev @ W_h + b).chunk(4, dim=1)
                i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
                c_t = f * c_prev + i * g
                return o * torch.tanh(c_t), c_t, torch.cat([i, f, g, o], dim=1)
        """,
        "lstm_step_backward": """
            def lstm_step_backward(dh_t, dc_t, tape):
                p = {k: torch.as_tensor(v) for k, v in tape.items()}
                i, f, g, o = p["gates"].chunk(4, 1)
                s = torch.tanh(p["c_t"])
                dc = torch.as_tensor(dc_t) + torch.as_tensor(dh_t) * o * (1 - s * s)
                do = torch.as_tensor(dh_t) * s
                da = torch.cat([dc * g * i * (1 - i), dc * p["c_prev"] * f * (1 - f), dc * i * (1 - g * g), do * o * (1 - o)], 1)
                return da @ p["W_x"].T, da @ p["W_h"].T, dc * f, p["x_t"].T @ da, p["h_prev"].T @ da, da.sum(0)
        """,
        "forget_bias": """
            def open_forget_gate(H, value=1.0):
                return torch.cat([torch.zeros(H), torch.full((H,), value), torch.zeros(2 * H)])

            def chrono_bias(lifetimes):
                b = torch.zeros(4, len(lifetimes), dtype=torch.float64)
                b[1] = torch.log(torch.as_tensor(lifetimes) - 1)
                b[0] -= b[1]
                return b.reshape(-1)

            def to_torch(W_x, W_h, b):
                return torch.as_tensor(W_x).T, torch.as_tensor(W_h).T, torch.as_tensor(b) / 2, torch.as_tensor(b) / 2
        """,
    },
    "own step, rows one by one": {
        "lstm_forward": """
            def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
                B, T, D = x.shape
                H = len(W_h)
                h_seq, h_T, c_T = np.zeros((B, T, H)), np.zeros((B, H)), np.zeros((B, H))
                for r in range(B):
                    h = np.zeros((1, H)) if h_0 is None else h_0[r : r + 1]
                    c = np.zeros((1, H)) if c_0 is None else c_0[r : r + 1]
                    for t in range(T if lengths is None else int(lengths[r])):
                        h, c, _ = lstm_step(x[r : r + 1, t], h, c, W_x, W_h, b)
                        h_seq[r, t] = h[0]
                    h_T[r], c_T[r] = h[0], c[0]
                return h_seq, h_T, c_T
        """,
        "lstm_backward": """
            def lstm_backward(dh_seq, dh_T, dc_T, tape):
                B, T, H = dh_seq.shape
                h_before = np.concatenate([tape["h_0"][:, None], tape["h_seq"]], 1)
                c_before = np.concatenate([tape["c_0"][:, None], tape["c_seq"]], 1)
                dh, dc, grads = dh_T, dc_T, []
                for t in range(T - 1, -1, -1):
                    now = {k: tape[k] for k in ("W_x", "W_h", "b")}
                    now.update(x_t=tape["x"][:, t], gates=tape["gates"][:, t], c_t=c_before[:, t + 1])
                    now.update(h_prev=h_before[:, t], c_prev=c_before[:, t])
                    dx_t, dh, dc, *rest = lstm_step_backward(dh + dh_seq[:, t], dc, now)
                    grads.append((dx_t, *rest))
                dx = np.stack([g[0] for g in grads[::-1]], axis=1)
                return dx, dh, dc, sum(g[1] for g in grads), sum(g[2] for g in grads), sum(g[3] for g in grads)
        """,
    },
    "no provided step, all weights at the end": {
        "lstm_forward": """
            def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):
                B, T, D = x.shape
                H = W_h.shape[0]
                h = np.zeros((B, H)) if h_0 is None else h_0.copy()
                c = np.zeros((B, H)) if c_0 is None else c_0.copy()
                lengths = np.array([T] * B if lengths is None else lengths)
                u = x @ W_x + b
                out = []
                for t in range(T):
                    rows = np.flatnonzero(lengths > t)
                    a = u[rows, t] + h[rows] @ W_h
                    s = 1 / (1 + np.exp(-a))
                    c[rows] = s[:, H : 2 * H] * c[rows] + s[:, :H] * np.tanh(a[:, 2 * H : 3 * H])
                    h[rows] = s[:, 3 * H :] * np.tanh(c[rows])
                    out.append(h * (lengths > t)[:, None])
                return np.stack(out, 1), h, c
        """,
        "lstm_backward": """
            def lstm_backward(dh_seq, dh_T, dc_T, tape):
                B, T, H = dh_seq.shape
                i, f, g, o = (tape["gates"][..., k * H : (k + 1) * H] for k in range(4))
                tanh_c = np.tanh(tape["c_seq"])
                h_prev = np.concatenate([tape["h_0"][:, None], tape["h_seq"][:, :-1]], 1)
                c_prev = np.concatenate([tape["c_0"][:, None], tape["c_seq"][:, :-1]], 1)
                da = np.zeros((B, T, 4 * H))

                def walk(t, dh, dc):
                    if t < 0:
                        return dh, dc
                    dh = dh + dh_seq[:, t]
                    dc = dc + dh * o[:, t] * (1 - tanh_c[:, t] ** 2)
                    da[:, t, :H] = dc * g[:, t] * i[:, t] * (1 - i[:, t])
                    da[:, t, H : 2 * H] = dc * c_prev[:, t] * f[:, t] * (1 - f[:, t])
                    da[:, t, 2 * H : 3 * H] = dc * i[:, t] * (1 - g[:, t] ** 2)
                    da[:, t, 3 * H :] = dh * tanh_c[:, t] * o[:, t] * (1 - o[:, t])
                    return walk(t - 1, da[:, t] @ tape["W_h"].T, dc * f[:, t])

                dh, dc = walk(T - 1, dh_T, dc_T)
                dW_x, dW_h = np.einsum("btd,btk->dk", tape["x"], da), np.einsum("bth,btk->hk", h_prev, da)
                return da @ tape["W_x"].T, dh, dc, dW_x, dW_h, da.sum((0, 1))
        """,
    },
    "another order of the work": {
        "lstm_step_backward": """
            def lstm_step_backward(dh_t, dc_t, tape):
                H = dh_t.shape[1]
                act = tape["gates"]
                i, f, g, o = act[:, :H], act[:, H : 2 * H], act[:, 2 * H : 3 * H], act[:, 3 * H :]
                slope = act * (1 - act)
                slope[:, 2 * H : 3 * H] = 1 - g * g
                dc = dc_t + dh_t * o / np.cosh(tape["c_t"]) ** 2
                da = np.hstack([dc, dc, dc, dh_t]) * np.hstack([g, tape["c_prev"], i, np.tanh(tape["c_t"])]) * slope
                both = da @ np.vstack([tape["W_x"], tape["W_h"]]).T
                D = tape["x_t"].shape[1]
                dW = np.einsum("bd,bk->dk", np.hstack([tape["x_t"], tape["h_prev"]]), da)
                return both[:, :D], both[:, D:], f * dc, dW[:D], dW[D:], np.ones(len(da)) @ da
        """,
        "forget_bias": """
            def open_forget_gate(H, value=1.0):
                return np.array([0.0] * H + [value] * H + [0.0] * 2 * H)

            def chrono_bias(lifetimes):
                H = len(lifetimes)
                b = open_forget_gate(H, 0.0)
                for j, T in enumerate(lifetimes):
                    f = 1 - 1 / T
                    b[H + j] = np.log(f / (1 - f))
                    b[j] = -b[H + j]
                return b

            def to_torch(W_x, W_h, b):
                return np.ascontiguousarray(W_x.T), np.swapaxes(W_h, 0, 1), 0 * b, b.copy()
        """,
        "gru_step": """
            def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset="after"):
                t = torch.as_tensor
                H = h_prev.shape[1]
                a = t(x_t) @ t(W_x) + t(b_x)
                s = t(h_prev) @ t(W_h) + t(b_h)
                gates = torch.sigmoid(a[:, : 2 * H] + s[:, : 2 * H])
                r, z = gates[:, :H], gates[:, H:]
                inner = r * s[:, 2 * H :] if reset == "after" else (r * t(h_prev)) @ t(W_h)[:, 2 * H :] + t(b_h)[2 * H :]
                return torch.lerp(torch.tanh(a[:, 2 * H :] + inner), t(h_prev), z)
        """,
    },
}
