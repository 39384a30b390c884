"""The hidden tests of lab 2 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

from fresh_laws import *  # noqa: F403  (the tests of the answers in tests/labs/fresh)
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)

from labs.grading.marks import trial
from labs.grading.text import source

LAB = "lab02_rnn"
POINTS = dict(
    rnn_step=5.0, rnn_forward=8.0, temporal_affine=7.0, masked_cross_entropy=8.0, embedding_backward=5.0, sample=6.0, bidirectional=5.0
)

# (part, what the model solution says, what the planted mistake says, words that the message must hold)
WRONG = {
    # 1 · step
    "bias missing": ("rnn_step", " + b_h", "", "bias b_h is missing"),
    "bias twice": ("rnn_step", "+ b_h", "+ 2 * b_h", "twice"),
    "tanh before bias": ("rnn_step", " + b_h)", ") + b_h", "after the tanh"),
    "no recurrence": ("rnn_step", " + h_prev @ W_hh", "", "recurrent term h_prev @ W_hh is missing"),
    "no input": ("rnn_step", "x_t @ W_xh + ", "", "input term x_t @ W_xh is missing"),
    "no tanh": ("rnn_step", "np.tanh", "", "the tanh is missing"),
    "W_hh transposed": ("rnn_step", "h_prev @ W_hh", "h_prev @ W_hh.T", "W_hh is transposed"),
    "sigmoid": ("rnn_step", "np.tanh", "(lambda a: 1 / (1 + np.exp(-a)))", "sigmoid"),
    "h_prev changed": ("rnn_step", "return np.tanh(", "h_prev *= 1.5; return np.tanh(h_prev * 0 + ", "in place"),
    "transposed result": ("rnn_step", " + b_h)", " + b_h).T", "one row a sample"),
    "no return": ("rnn_step", "return ", "", "return missing"),
    # 2 · forward
    "h_0 ignored": ("rnn_forward", "if h_0 is None else np.array(h_0)", "", "h_0 is ignored"),
    "every step from h_0": (
        "rnn_forward",
        "step(x[:, t], h,",
        "step(x[:, t], 0 * h if h_0 is None else h_0,",
        "every step starts from h_0",
    ),
    "views of one buffer": ("rnn_forward", "return h_seq, h", "h_seq[:] = h[:, None]; return h_seq, h", "all steps hold the last state"),
    "shifted by one": (
        "rnn_forward",
        "return h_seq, h",
        "h_seq[:, 1:] = h_seq[:, :-1].copy(); h_seq[:, 0] = 0 if h_0 is None else h_0; return h_seq, h",
        "shifted by one",
    ),
    "time backwards": ("rnn_forward", "for t in range(T):", "for t in reversed(range(T)):", "time runs backwards"),
    "lengths ignored": (
        "rnn_forward",
        "lengths = np.full(B, T) if lengths is None else lengths",
        "lengths = np.full(B, T)",
        "lengths are ignored",
    ),
    "last column": ("rnn_forward", "return h_seq, h", "return h_seq, h_seq[:, -1]", "at the last step, which is padding"),
    "padding not zero": ("rnn_forward", "np.where(valid, h, 0.0)", "h", "repeats its last state"),
    "lengths off by one": ("rnn_forward", "t < lengths", "t <= lengths", "off by one"),
    "finished rows cleared": ("rnn_forward", "W_hh, b_h), h)", "W_hh, b_h), 0 * h)", "it was cleared"),
    "h_0 changed": ("rnn_forward", "return h_seq, h", "h_0 is None or h_0.__imul__(0); return h_seq, h", "in place"),
    "one result": ("rnn_forward", "return h_seq, h", "return h_seq", "expected 2 results"),
    # 3 · output layer
    "output bias missing": ("temporal_affine", " + b_y", "", "bias b_y is missing"),
    "mean over time": (
        "temporal_affine",
        'np.einsum("bth,btv->hv", h_seq, dlogits)',
        'np.einsum("bth,btv->hv", h_seq, dlogits) / h_seq.shape[1]',
        "mean over time",
    ),
    "mean over all": ("temporal_affine", "dlogits.sum((0, 1))", "dlogits.mean((0, 1))", "mean over batch and time"),
    "last step only": (
        "temporal_affine",
        '"bth,btv->hv", h_seq, dlogits',
        '"bh,bv->hv", h_seq[:, -1], dlogits[:, -1]',
        "only the last step's term: sum over time",
    ),
    "dW transposed": ("temporal_affine", "bth,btv->hv", "bth,btv->vh", "transposed"),
    "W not transposed": ("temporal_affine", "dlogits @ W_hy.T", "dlogits @ W_hy", "raised ValueError"),
    "db over batch only": ("temporal_affine", "dlogits.sum((0, 1))", "dlogits.sum(0)", "summed over the batch only"),
    # 4 · loss
    "mask ignored in the loss": ("masked_cross_entropy", "picked[mask].sum()) / N", "picked.mean())", "mask is ignored"),
    "divided by B T": ("masked_cross_entropy", "picked[mask].sum()) / N", "picked[mask].sum()) / mask.size", "divided by B * T"),
    "sum, not mean": ("masked_cross_entropy", "picked[mask].sum()) / N", "picked[mask].sum())", "not divided"),
    "bits": ("masked_cross_entropy", "picked[mask].sum()) / N", "picked[mask].sum()) / N / np.log(2)", "bits"),
    "no shift": ("masked_cross_entropy", "logits - logits.max(-1, keepdims=True)", "logits", "subtract each token's largest logit"),
    "gradient not divided": ("masked_cross_entropy", "dlogits * mask[..., None] / N", "dlogits * mask[..., None]", "not divided by N"),
    "gradient by B T": (
        "masked_cross_entropy",
        "dlogits * mask[..., None] / N",
        "dlogits * mask[..., None] / mask.size",
        "divided by B * T",
    ),
    "gradient unmasked": ("masked_cross_entropy", "dlogits * mask[..., None] / N", "dlogits / N", "masked tokens have a gradient"),
    "no one-hot": (
        "masked_cross_entropy",
        "np.exp(picked)[..., None] - 1",
        "np.exp(picked)[..., None]",
        "one-hot target is not subtracted",
    ),
    "gradient sign": ("masked_cross_entropy", "dlogits * mask[..., None] / N", "-dlogits * mask[..., None] / N", "sign is wrong"),
    "0 / 0": ("masked_cross_entropy", "max(int(mask.sum()), 1)", "mask.sum()", "no token counts"),
    # 5 · embedding
    "repeated ids lost": ("embedding_backward", "np.add.at(dW_e, ids, dx)", "dW_e[ids] += dx", "repeated ids are lost"),
    "averaged": (
        "embedding_backward",
        "return dW_e",
        "return dW_e / np.maximum(np.bincount(ids.ravel(), minlength=V), 1)[:, None]",
        "averaged",
    ),
    "last step's ids": (
        "embedding_backward",
        "np.add.at(dW_e, ids, dx)",
        "np.add.at(dW_e, ids[:, -1], dx[:, -1])",
        "only the last step's term",
    ),
    "too few rows": ("embedding_backward", "return dW_e", "return dW_e[: ids.max() + 1]", "one row for each symbol that occurs"),
    # 6 · sampling
    "argmax": ("sample", "ids.append(current)", "current = int(np.argmax(prob)); ids.append(current)", "always takes the most likely"),
    "not cumulative": ("sample", 'np.searchsorted(np.cumsum(prob), u_t, side="right")', "np.argmax(prob > u_t)", "cumulative"),
    "state thrown away": ("sample", "[None], h,", "[None], 0 * h,", "carry h on"),
    "first fed for ever": ("sample", 'p["W_e"][current]', 'p["W_e"][first]', "fed at every step"),
    "probabilities fed back": (
        "sample",
        'h = step(p["W_e"][current][None],',
        'x = (np.eye(len(p["W_e"]))[first] if not ids else prob) @ p["W_e"]\n        h = step(x[None],',
        "probabilities are fed back",
    ),
    "first returned": ("sample", "return np.array(ids)", "return np.array([first, *ids])", "first symbol is part of the result"),
    "temperature times": ("sample", "/ temperature", "* temperature", "multiplied by the temperature"),
    "temperature after": (
        "sample",
        "prob /= prob.sum()",
        'prob /= prob.sum(); prob = np.exp((h @ p["W_hy"] + p["b_y"])[0]); prob /= prob.sum(); prob /= temperature',
        "before the softmax",
    ),
    "temperature ignored": ("sample", " / temperature", "", "temperature is ignored"),
    "returns fractions": ("sample", "return np.array(ids)", "return np.array(ids) + 0.5", "ids"),
    # 7 · both directions
    "pads flipped": ("bidirectional", "out[b, :n] = a[b, :n][::-1]", "out[b] = a[b][::-1]", "padding first"),
    "not put back": ("bidirectional", "flip(back)", "back", "not put back"),
    "not flipped": ("bidirectional", "forward(flip(x)", "forward(x", "not flipped"),
    "same weights": ("bidirectional", "*backward_params", "*forward_params", "use the forward weights"),
    "halves swapped": ("bidirectional", "[ahead, flip(back)]", "[flip(back), ahead]", "swapped"),
    "states added": ("bidirectional", "np.concatenate([ahead, flip(back)], -1)", "ahead + flip(back)", "added"),
    # the answer called, not written
    "ready-made cell": (
        "rnn_step",
        "return ",
        "return torch.rnn_tanh_cell(*map(torch.as_tensor, (x_t, h_prev, W_xh.T, W_hh.T, b_h, 0 * b_h))).numpy()\n    ",
        "rnn_tanh_cell",
    ),
    "torch.nn": ("rnn_step", "return ", "torch.nn.RNN(2, 3)(torch.zeros(1, 1, 2)); return ", "torch.nn"),
    "the course's library": (
        "rnn_forward",
        "B, T, _ =",
        "from rnnlib.scratch.rnn import rnn_forward as answer\n    answer(x, W_xh, W_hh, b_h)\n    B, T, _ =",
        "rnnlib.scratch",
    ),
    "autograd": ("masked_cross_entropy", "N = max", "torch.tensor(1.0, requires_grad=True).backward(); N = max", "backward"),
    "a detour": (
        "rnn_step",
        "return ",
        "exec('torch.rnn_tanh_' + 'cell(*[torch.ones(1, 1)] * 4)'); return ",
        "rnn_tanh_cell",
    ),
}

RIGHT = {
    "loops": {
        "rnn_step": """
            def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
                B, H = h_prev.shape
                out = np.zeros((B, H))
                for b in range(B):
                    for j in range(H):
                        a = float(b_h[j])
                        for d in range(x_t.shape[1]):
                            a += x_t[b, d] * W_xh[d, j]
                        for k in range(H):
                            a += h_prev[b, k] * W_hh[k, j]
                        out[b, j] = np.tanh(a)
                return out
        """,
        "embedding_backward": """
            def embedding_backward(dx, ids, V):
                out = np.zeros((V, dx.shape[2]))
                for row_dx, row_ids in zip(dx, ids):
                    for d, i in zip(row_dx, row_ids):
                        out[i] += d
                return out
        """,
    },
    "einsum and one-hot": {
        "rnn_step": """
            def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
                return np.tanh(np.einsum("bd,dh->bh", x_t, W_xh) + np.einsum("bk,kh->bh", h_prev, W_hh) + b_h[None])
        """,
        "embedding_backward": """
            def embedding_backward(dx, ids, V):
                return np.einsum("btv,bte->ve", np.eye(V)[ids], dx)
        """,
        "temporal_affine": """
            def temporal_affine(h_seq, W_hy, b_y):
                B, T, H = h_seq.shape
                return (h_seq.reshape(B * T, H) @ W_hy + b_y).reshape(B, T, -1)

            def temporal_affine_backward(dlogits, h_seq, W_hy):
                B, T, V = dlogits.shape
                flat = dlogits.reshape(B * T, V)
                return (flat @ W_hy.T).reshape(h_seq.shape), h_seq.reshape(B * T, -1).T @ flat, np.ones(B * T) @ flat
        """,
    },
    "float32 inside": {
        "rnn_step": """
            def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
                f = lambda a: np.asarray(a, dtype=np.float32)
                return np.tanh(f(x_t) @ f(W_xh) + f(h_prev) @ f(W_hh) + f(b_h))
        """,
    },
    "torch inside": {
        "rnn_step": """
            def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
                t = torch.as_tensor
                return torch.tanh(t(x_t) @ t(W_xh) + t(h_prev) @ t(W_hh) + t(b_h)).numpy()
        """,
        "masked_cross_entropy": """
            def masked_cross_entropy(logits, targets, mask):
                z, y, m = torch.as_tensor(logits), torch.as_tensor(targets), torch.as_tensor(mask)
                count = max(int(m.sum()), 1)
                log_p = torch.log_softmax(z, -1)
                one_hot = torch.zeros_like(z).scatter_(-1, y[..., None], 1.0)
                loss = -(log_p * one_hot).sum(-1)[m].sum() / count
                return loss.item(), ((torch.exp(log_p) - one_hot) * m[..., None] / count).numpy()
        """,
    },
    "own helpers, no provided ones": {
        "rnn_forward": """
            def after(h, x_t, W_xh, W_hh, b_h, alive):
                new = np.tanh(np.concatenate([x_t, h], 1) @ np.concatenate([W_xh, W_hh], 0) + b_h)
                return np.where(alive > 0, new, h)

            def rnn_forward(x, W_xh, W_hh, b_h, h_0=None, lengths=None):
                B, T, D = x.shape
                if h_0 is None:
                    h_0 = np.zeros((B, len(b_h)))
                if lengths is None:
                    lengths = [T] * B
                alive = np.array([[float(t < n) for t in range(T)] for n in lengths])[:, :, None]
                states = [h_0]
                for t in range(T):
                    states.append(after(states[-1], x[:, t], W_xh, W_hh, b_h, alive[:, t]))
                return np.where(alive > 0, np.stack(states[1:], axis=1), 0), states[-1]
        """,
        "bidirectional": """
            def bidirectional(x, forward_params, backward_params, lengths):
                B, T, D = x.shape
                H = len(forward_params[2])
                result = np.zeros((B, T, 2 * H))
                for b in range(B):
                    n = int(lengths[b])
                    result[b, :n, :H] = rnn_forward(x[b : b + 1, :n], *forward_params)[0][0]
                    result[b, :n, H:] = rnn_forward(x[b : b + 1, :n][:, ::-1], *backward_params)[0][0, ::-1]
                return result
        """,
    },
    "recursion, in place on own copies": {
        "rnn_forward": """
            def rnn_forward(x, W_xh, W_hh, b_h, h_0=None, lengths=None):
                B, T, D = x.shape
                h = np.zeros((B, W_hh.shape[1])) if h_0 is None else h_0.copy()
                lengths = np.array([T] * B if lengths is None else lengths)
                out = np.zeros((B, T, W_hh.shape[1]))

                def walk(t):
                    if t == T:
                        return
                    rows = np.flatnonzero(lengths > t)
                    h[rows] = rnn_step(x[rows, t], h[rows], W_xh, W_hh, b_h)
                    out[rows, t] = h[rows]
                    walk(t + 1)

                walk(0)
                return out, h
        """,
        "masked_cross_entropy": """
            def masked_cross_entropy(logits, targets, mask):
                z = np.array(logits, dtype=float)
                z -= z.max(axis=2)[:, :, None]
                nats = np.log(np.exp(z).sum(axis=2)) - np.take_along_axis(z, targets[:, :, None], 2)[:, :, 0]
                np.exp(z, out=z)
                z /= z.sum(axis=2)[:, :, None]
                N = mask.sum()
                if N == 0:
                    return 0.0, np.zeros_like(logits)
                loss = 0.0
                for b, t in zip(*np.nonzero(mask)):
                    loss += nats[b, t]
                    z[b, t, targets[b, t]] -= 1
                z[~mask] = 0
                return loss / N, z / N
        """,
    },
    "lists and tensors come back": {
        "rnn_step": """
            def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
                return np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h).tolist()
        """,
        "temporal_affine": """
            def temporal_affine(h_seq, W_hy, b_y):
                return torch.as_tensor(h_seq @ W_hy + b_y)

            def temporal_affine_backward(dlogits, h_seq, W_hy):
                return [dlogits @ W_hy.T, sum(h.T @ d for h, d in zip(h_seq, dlogits)), dlogits.sum(1).sum(0)]
        """,
    },
    "sampling by a loop": {
        "sample": """
            def sample(first, u, params, temperature=1.0):
                h = np.zeros((1, len(params["b_h"])))
                out, feed = np.empty(len(u), dtype=np.int32), first
                for n in range(len(u)):
                    h = rnn_step(params["W_e"][[feed]], h, params["W_xh"], params["W_hh"], params["b_h"])
                    z = (h[0] @ params["W_hy"] + params["b_y"]) / temperature
                    p = np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))
                    feed, total = 0, p[0]
                    while total <= u[n] and feed < len(p) - 1:
                        feed += 1
                        total += p[feed]
                    out[n] = feed
                return out
        """,
    },
}


def test_every_student_meets_other_numbers_and_a_regrade_the_same(monkeypatch):
    text = next(c.source for c in source.notebook(LAB).cells if source.meta(c).get("grade_id") == "rnn_step")
    planted = {"rnn_step": text.replace("np.tanh", "np.sin")}

    def said(student):
        return trial.run(LAB, planted, parts=["rnn_step"], student=student).messages["rnn_step"]

    assert said("ada") == said("ada") != said("bob")
    first = said("ada")
    monkeypatch.setenv("GRADING_KEY", "another course")
    assert said("ada") != first


def test_a_mistake_in_the_last_state_of_short_rows_costs_their_cases_only():
    text = next(c.source for c in source.notebook(LAB).cells if source.meta(c).get("grade_id") == "rnn_forward")
    t = trial.run(LAB, {"rnn_forward": text.replace("return h_seq, h", "return h_seq, h_seq[:, -1]")}, parts=["rnn_forward"])
    assert t.marks == {"rnn_forward": 5.0} and "at the last step, which is padding" in t.messages["rnn_forward"]
