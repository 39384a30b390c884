"""The hidden tests of lab 6 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

from fresh_laws import *  # noqa: F403  (the tests of the answers in tests/labs/fresh)
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)

LAB = "lab06_attention"
POINTS = dict(
    masked_softmax=7.0, dot_attention=6.0, additive_attention=7.0, softmax_backward=5.0, attention_backward=10.0, greedy_decode=9.0
)

# (part, what the model solution says, what the planted mistake says, words that the message must hold)
WRONG = {
    # 1 · masked softmax
    "over the queries": ("masked_softmax", "e.sum(axis=-1", "e.sum(axis=1", None),
    "over the queries altogether": ("masked_softmax", "axis=-1", "axis=1", "runs over the queries"),
    "over the batch": ("masked_softmax", "axis=-1", "axis=0", "runs over the batch"),
    "mask ignored": ("masked_softmax", "np.where(mask, scores, -np.inf)", "scores", "the mask is ignored"),
    "mask inverted": ("masked_softmax", "np.where(mask, scores, -np.inf)", "np.where(mask, -np.inf, scores)", "inverted"),
    "mask after": (
        "masked_softmax",
        None,
        """
            def masked_softmax(scores, mask=None):
                e = np.exp(scores - scores.max(-1, keepdims=True))
                return e / e.sum(-1, keepdims=True) * (1.0 if mask is None else mask)
        """,
        "the mask comes after the softmax",
    ),
    "mask with 0": ("masked_softmax", "np.where(mask, scores, -np.inf)", "np.where(mask, scores, 0.0)", "exp(0) is 1"),
    "mask with -1": ("masked_softmax", "np.where(mask, scores, -np.inf)", "np.where(mask, scores, -1.0)", "exp(-1)"),
    "mask added": ("masked_softmax", "np.where(mask, scores, -np.inf)", "scores + mask", "only 1 more"),
    "not low enough": ("masked_softmax", "-np.inf)", "-1e3)", "not low enough"),
    "nothing to see is 0 / 0": ("masked_softmax", "np.where(total > 0, total, 1.0)", "total", "0 / 0"),
    "nothing to see is uniform": ("masked_softmax", "-np.inf)", "-1e30)", "looks at all keys alike"),
    "no shift": ("masked_softmax", "seen - np.where(np.isfinite(top), top, 0.0)", "seen", "the largest one that it may see"),
    "shift over masked keys": ("masked_softmax", "top = seen.max", "top = scores.max", "over those that may be seen"),
    "NaN kept": (
        "masked_softmax",
        "np.where(mask, scores, -np.inf)",
        "scores + np.where(mask, 0.0, -1e20)",
        "multiplying or adding keeps NaN",
    ),
    "not normalised": ("masked_softmax", "e / np.where(total > 0, total, 1.0)", "e", "not normalised"),
    "scores changed": ("masked_softmax", "seen = np.where", "scores -= 1\n    seen = np.where", "in place"),
    "ready-made softmax": ("masked_softmax", "seen =", "torch.softmax(torch.ones(1), 0)\n    seen =", "softmax"),
    "ready-made masked softmax": ("masked_softmax", "seen =", "torch.masked.softmax(torch.ones(1), 0)\n    seen =", "masked"),
    # 2 · dot-product attention
    "no scale": ("dot_attention", "scale = 1 / np.sqrt(query.shape[-1]) if scale is None else scale", "scale = 1.0", "not scaled"),
    "scale by A": ("dot_attention", "np.sqrt(query.shape[-1])", "query.shape[-1]", "divided by A"),
    "times sqrt A": ("dot_attention", "1 / np.sqrt(", "np.sqrt(", "multiplied by sqrt(A)"),
    "scale from the keys' number": ("dot_attention", "query.shape[-1]", "keys.shape[1]", "1 / sqrt(S)"),
    "scale from the values": ("dot_attention", "query.shape[-1]", "values.shape[-1]", "1 / sqrt(H)"),
    "scale ignored": ("dot_attention", " if scale is None else scale", "", "scale is ignored"),
    "divided by scale": ("dot_attention", "softmax_of(scale * query", "softmax_of(query / scale", None),
    "scale after": (
        "dot_attention",
        "softmax_of(scale * query @ np.swapaxes(keys, 1, 2), mask)",
        "scale * softmax_of(query @ np.swapaxes(keys, 1, 2), mask)",
        "the scale comes after the softmax",
    ),
    "no mask": ("dot_attention", "np.swapaxes(keys, 1, 2), mask)", "np.swapaxes(keys, 1, 2))", "the mask is ignored"),
    "mask upside down": (
        "dot_attention",
        "np.swapaxes(keys, 1, 2), mask)",
        "np.swapaxes(keys, 1, 2), None if mask is None else ~mask)",
        "inverted",
    ),
    "mean of the keys": ("dot_attention", "attn @ values", "attn @ keys", "the keys are averaged"),
    "results exchanged": ("dot_attention", "return attn @ values, attn", "return attn, attn @ values", "context comes first"),
    "NaN in the padding": ("dot_attention", "np.where(seen, values, 0.0)", "values", "0 * NaN is NaN"),
    "no softmax": ("dot_attention", "attn = softmax_of(", "attn = (lambda e, m: e * (1 if m is None else m))(", "softmax is missing"),
    "ready-made attention": (
        "dot_attention",
        "scale = 1",
        "torch._scaled_dot_product_attention_math(*[torch.ones(1, 1, 1, 1)] * 3)\n    scale = 1",
        "_scaled_dot_product_attention_math",
    ),
    "torch.nn.functional": ("dot_attention", "scale = 1", "torch.nn.functional.softmax(torch.ones(1), 0)\n    scale = 1", "torch.nn"),
    # 3 · additive attention
    "no tanh": ("additive_attention", "np.tanh", "", "the tanh is missing"),
    "tanh of each": (
        "additive_attention",
        "np.tanh((query @ W_q)[:, :, None] + (",
        "(np.tanh(query @ W_q)[:, :, None] + np.tanh(",
        "each term alone",
    ),
    "tanh outside": ("additive_attention", "u = np.tanh(", "u = (", None),
    "tanh of the score": (
        "additive_attention",
        "u = np.tanh((query @ W_q)[:, :, None] + (keys @ W_k)[:, None])\n    attn = softmax_of(u @ v_a",
        "u = (query @ W_q)[:, :, None] + (keys @ W_k)[:, None]\n    attn = softmax_of(np.tanh(u @ v_a)",
        "it belongs inside",
    ),
    "no v_a": ("additive_attention", "u @ v_a", "u.sum(-1)", "v_a is missing"),
    "product": ("additive_attention", "[:, :, None] + (", "[:, :, None] * (", "query and key are multiplied"),
    "scaled": ("additive_attention", "u @ v_a", "u @ v_a / np.sqrt(len(v_a))", "additive attention has no scale"),
    "sigmoid": ("additive_attention", "np.tanh((query", "(lambda z: 1 / (1 + np.exp(-z)))((query", "sigmoid"),
    "query missing": ("additive_attention", "np.tanh((query @ W_q)", "np.tanh((0 * query @ W_q)", "it is missing, or the tanh"),
    "additive, no mask": ("additive_attention", "u @ v_a, mask)", "u @ v_a)", "the mask is ignored"),
    "additive, mask after": (
        "additive_attention",
        "softmax_of(u @ v_a, mask)",
        "softmax_of(u @ v_a) * (1 if mask is None else mask)",
        "the mask comes after the softmax",
    ),
    "additive, exchanged": ("additive_attention", "return attn @ values, attn", "return attn, attn @ values", "context comes first"),
    # 4 · back through the softmax
    "diagonal only": (
        "softmax_backward",
        "(dattn - (attn * dattn).sum(axis=-1, keepdims=True))",
        "dattn",
        "sum over the other keys is missing",
    ),
    "as a sigmoid": (
        "softmax_backward",
        "(dattn - (attn * dattn).sum(axis=-1, keepdims=True))",
        "(1 - attn) * dattn",
        "derivative of a sigmoid",
    ),
    "sum without weights": ("softmax_backward", "(attn * dattn).sum", "dattn.sum", "without the weights"),
    "sum over queries": ("softmax_backward", "axis=-1", "axis=1", "the sum runs over the queries"),
    "mean": ("softmax_backward", "(attn * dattn).sum", "(attn * dattn).mean", "the mean of a * da"),
    "no factor": ("softmax_backward", "attn * (dattn", "1 * (dattn", "factor a in front"),
    "added": ("softmax_backward", "dattn - (", "dattn + (", "the sum is added"),
    # 5 · back through the attention
    "no scale back": ("attention_backward", 'tape["scale"] * softmax_back', "softmax_back", "scale is missing"),
    "scale twice": ("attention_backward", 'tape["scale"] *', 'tape["scale"] ** 2 *', "applied twice"),
    "no way through the softmax": ("attention_backward", "softmax_back(dattn, attn)", "dattn", "way back through the softmax is missing"),
    "half a softmax": ("attention_backward", "softmax_back(dattn, attn)", "(attn * dattn)", "sum over the other keys is missing"),
    "arguments exchanged": ("attention_backward", "softmax_back(dattn, attn)", "softmax_back(attn, dattn)", "arguments exchanged"),
    "last query only": (
        "attention_backward",
        "np.swapaxes(attn, 1, 2) @ dcontext",
        "np.swapaxes(attn[:, -1:], 1, 2) @ dcontext[:, -1:]",
        "only the last query's term",
    ),
    "mean over queries": (
        "attention_backward",
        'np.swapaxes(dscores, 1, 2) @ tape["query"]',
        'np.swapaxes(dscores, 1, 2) @ tape["query"] / dscores.shape[1]',
        "mean over the queries",
    ),
    "dvalues from dscores": (
        "attention_backward",
        "np.swapaxes(attn, 1, 2) @ dcontext",
        "np.swapaxes(dscores, 1, 2) @ dcontext",
        "made from the gradient of the scores",
    ),
    "dvalues scaled": ("attention_backward", "np.swapaxes(attn, 1, 2)", 'tape["scale"] * np.swapaxes(attn, 1, 2)', "values are not scaled"),
    "dq and dk exchanged": (
        "attention_backward",
        'dscores @ tape["keys"], np.swapaxes(dscores, 1, 2) @ tape["query"]',
        'np.swapaxes(dscores, 1, 2) @ tape["query"], dscores @ tape["keys"]',
        "the order of the results is dquery, dkeys, dvalues",
    ),
    "not transposed": ("attention_backward", "np.swapaxes(attn, 1, 2) @ dcontext", "attn @ dcontext", "raised ValueError"),
    "sign": ("attention_backward", 'tape["scale"] *', '-tape["scale"] *', "sign is wrong"),
    "autograd": ("attention_backward", "attn = tape", "torch.tensor(1.0, requires_grad=True).backward()\n    attn = tape", "backward"),
    "the course's library": (
        "attention_backward",
        "attn = tape",
        "from rnnlib.scratch import attention as a\n    a.dot_attention()\n    attn = tape",
        "rnnlib.scratch",
    ),
    # 6 · greedy decoding
    "not frozen": ("greedy_decode", "np.where(done, eos, logits.argmax(axis=1))", "logits.argmax(axis=1)", "goes on writing"),
    "state thrown away": ("greedy_decode", "logits, h = decode_step(y, h,", "logits, _ = decode_step(y, h,", "carry h on"),
    "bos for ever": ("greedy_decode", "decode_step(y, h,", "decode_step(np.full(B, bos), h,", "bos is fed at every step"),
    "argmin": ("greedy_decode", "argmax", "argmin", "least likely"),
    "argmax over the batch": ("greedy_decode", "logits.argmax(axis=1)", "logits.argmax(axis=0)", "raised ValueError"),
    "mask of ones": ("greedy_decode", "values, mask, params)", "values, mask | True, params)", "the mask is ignored"),
    "all stop": ("greedy_decode", "done = done | (y == eos)", "done = done | (y == eos).any()", "all rows stop"),
    "eos first": ("greedy_decode", "np.full(B, bos)", "np.full(B, eos)", "eos is fed first"),
    "bos returned": ("greedy_decode", "ids[:, t] = y\n", "ids[:, t] = bos if t == 0 else before\n        before = y\n", None),
    "bos in front": (
        "greedy_decode",
        "return ids,",
        "ids = np.concatenate([np.full((B, 1), bos), ids[:, :-1]], 1)\n    return ids,",
        "bos is part of the result",
    ),
    "eos counted": ("greedy_decode", "== 0).sum(axis=1)", "== 0).sum(axis=1) + 1", "the end sign is counted"),
    "all lengths": ("greedy_decode", "(np.cumsum(ids == eos, axis=1) == 0).sum(axis=1)", "np.full(B, max_len)", "max_len in every row"),
    "filled with 0": ("greedy_decode", "ids[:, t] = y", "ids[:, t] = np.where(done, 0, y)", "fill them with eos"),
    "time first": ("greedy_decode", "return ids,", "return ids.T,", "time has become the first axis"),
    "fractions": ("greedy_decode", "return ids,", "return ids + 0.5,", "expected integers"),
}

RIGHT = {
    "loops": {
        "masked_softmax": """
            def masked_softmax(scores, mask=None):
                out = np.zeros(scores.shape)
                for place in np.ndindex(scores.shape[:-1]):
                    see = np.arange(scores.shape[-1]) if mask is None else np.flatnonzero(mask[place])
                    if len(see):
                        e = np.exp(scores[place][see] - max(scores[place][see]))
                        out[place][see] = e / sum(e)
                return out
        """,
        "dot_attention": """
            def dot_attention(query, keys, values, mask=None, scale=None):
                (B, T, A), (_, S, H) = query.shape, values.shape
                scale = A**-0.5 if scale is None else scale
                context, attn = np.zeros((B, T, H)), np.zeros((B, T, S))
                for b in range(B):
                    for t in range(T):
                        see = [s for s in range(S) if mask is None or mask[b, t, s]]
                        e = np.array([scale * query[b, t] @ keys[b, s] for s in see])
                        e = np.exp(e - e.max())
                        attn[b, t, see] = e / e.sum()
                        context[b, t] = sum(attn[b, t, s] * values[b, s] for s in see)
                return context, attn
        """,
        "additive_attention": """
            def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
                B, T, S = len(query), query.shape[1], keys.shape[1]
                scores = np.zeros((B, T, S))
                for t in range(T):
                    for s in range(S):
                        scores[:, t, s] = np.tanh(query[:, t] @ W_q + keys[:, s] @ W_k) @ v_a
                attn = masked_softmax(scores, mask)
                if mask is not None:
                    values = np.where(mask.any(1)[:, :, None], values, 0)
                return np.einsum("bts,bsh->bth", attn, values), attn
        """,
        "softmax_backward": """
            def softmax_backward(dattn, attn):
                out = np.zeros(attn.shape)
                for b, t in np.ndindex(attn.shape[:2]):
                    a = attn[b, t]
                    out[b, t] = (np.diag(a) - np.outer(a, a)) @ dattn[b, t]
                return out
        """,
        "attention_backward": """
            def attention_backward(dcontext, tape):
                q, k, v, a, scale = (tape[n] for n in ("query", "keys", "values", "attn", "scale"))
                dq, dk, dv = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
                for b in range(len(q)):
                    for t in range(q.shape[1]):
                        da = v[b] @ dcontext[b, t]
                        de = scale * a[b, t] * (da - a[b, t] @ da)
                        dq[b, t] = de @ k[b]
                        dk[b] += np.outer(de, q[b, t])
                        dv[b] += np.outer(a[b, t], dcontext[b, t])
                return dq, dk, dv
        """,
        "greedy_decode": """
            def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
                rows, lengths = [], []
                for b in range(len(h_0)):
                    one, h, written = slice(b, b + 1), h_0[b : b + 1], []
                    while len(written) < max_len:
                        last = written[-1] if written else bos
                        logits, h = decode_step([last], h, keys[one], values[one], mask[one], params)
                        written.append(int(np.argmax(logits[0])))
                        if written[-1] == eos:
                            break
                    lengths.append(len(written) - (written[-1] == eos))
                    rows.append(written + [eos] * (max_len - len(written)))
                return rows, lengths
        """,
    },
    "einsum": {
        "dot_attention": """
            def dot_attention(query, keys, values, mask=None, scale=None):
                if mask is not None:
                    never = ~mask.any(1)
                    keys, values = keys.copy(), values.copy()
                    keys[never] = 0
                    values[never] = 0
                scores = np.einsum("bta,bsa->bts", query, keys)
                attn = masked_softmax(scores * scale if scale is not None else scores / np.sqrt(query.shape[2]), mask)
                return np.einsum("bts,bsh->bth", attn, values), attn
        """,
        "attention_backward": """
            def attention_backward(dcontext, tape):
                q, k, v, a, scale = (tape[n] for n in ("query", "keys", "values", "attn", "scale"))
                de = softmax_backward(np.einsum("bth,bsh->bts", dcontext, v), a)
                dquery = np.einsum("bts,bsa->bta", de, k) * scale
                return dquery, np.einsum("bts,bta->bsa", de, q) * scale, np.einsum("bts,bth->bsh", a, dcontext)
        """,
        "softmax_backward": """
            def softmax_backward(dattn, attn):
                return attn * dattn - attn * np.einsum("bts,bts->bt", attn, dattn)[..., None]
        """,
    },
    "torch inside": {
        "masked_softmax": """
            def masked_softmax(scores, mask=None):
                e = torch.as_tensor(np.array(scores))
                seen = torch.ones_like(e, dtype=torch.bool) if mask is None else torch.as_tensor(mask)
                e = e.masked_fill(~seen, float("-inf"))
                e = torch.exp(e - e.max(-1, keepdim=True).values.nan_to_num(neginf=0.0)) * seen
                return e / e.sum(-1, keepdim=True).clamp(min=1e-300 if e.dtype == torch.float64 else 1e-30)
        """,
        "additive_attention": """
            def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
                q, k, v, W_q, W_k, v_a = map(torch.as_tensor, (query, keys, values, W_q, W_k, v_a))
                if mask is not None:
                    v = torch.where(torch.as_tensor(mask).any(1).unsqueeze(2), v, torch.zeros_like(v))
                u = torch.tanh((q @ W_q).unsqueeze(2) + (k @ W_k).unsqueeze(1))
                attn = torch.as_tensor(softmax_of((u * v_a).sum(-1).numpy(), mask), dtype=v.dtype)
                return torch.bmm(attn, v), attn
        """,
        "attention_backward": """
            def attention_backward(dcontext, tape):
                q, k, v, a = (torch.as_tensor(tape[n]) for n in ("query", "keys", "values", "attn"))
                d = torch.as_tensor(dcontext)
                da = d @ v.mT
                de = a * (da - (a * da).sum(-1, keepdim=True)) * tape["scale"]
                return de @ k, de.mT @ q, a.mT @ d
        """,
    },
    "float32 inside": {
        "masked_softmax": """
            def masked_softmax(scores, mask=None):
                e = scores.astype(np.float64)
                if mask is None:
                    mask = np.full(e.shape, True)
                e[~mask] = -np.inf
                top = np.max(e, axis=2, keepdims=True)
                e -= np.maximum(top, -1e300)
                e = np.exp(e.astype(np.float32))
                return np.divide(e, e.sum(2, keepdims=True), out=np.zeros_like(e), where=mask)
        """,
        "softmax_backward": """
            def softmax_backward(dattn, attn):
                d, a = dattn.astype(np.float32), attn.astype(np.float32)
                return a * (d - np.sum(a * d, axis=2)[:, :, None])
        """,
    },
    "one row of the batch at a time": {
        "additive_attention": """
            def score(q, K, W_q, W_k, v_a):
                return np.tanh(q @ W_q + K @ W_k) @ v_a

            def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
                e = np.array([[score(q, K, W_q, W_k, v_a) for q in Q] for Q, K in zip(query, keys)])
                attn = softmax_of(e, mask)
                seen = np.ones(values.shape[:2], bool) if mask is None else mask.any(1)
                return [a[:, s] @ v[s] for a, v, s in zip(attn, values, seen)], attn.tolist()
        """,
        "greedy_decode": """
            def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
                B = h_0.shape[0]
                ids, lengths = np.full((B, max_len), eos, dtype=np.int32), np.full(B, max_len, dtype=np.int16)
                alive, h, y = np.arange(B), h_0, np.full(B, bos)
                for t in range(max_len):
                    logits, h = decode_step(y, h, keys[alive], values[alive], mask[alive], params)
                    y = np.argmax(logits, 1)
                    ids[alive, t] = y
                    lengths[alive[y == eos]] = t
                    go = y != eos
                    alive, h, y = alive[go], h[go], y[go]
                    if len(alive) == 0:
                        break
                return ids, lengths
        """,
    },
    "recursion": {
        "greedy_decode": """
            def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
                def write(y, h, done, left):
                    if left == 0:
                        return []
                    logits, h = decode_step(y, h, keys, values, mask, params)
                    y = np.where(done, eos, np.argmax(torch.as_tensor(logits).softmax(1).numpy(), axis=1))
                    return [y, *write(y, h, done | (y == eos), left - 1)]

                ids = np.array(write(np.full(len(h_0), bos), h_0, np.zeros(len(h_0), bool), max_len)).T
                return ids, np.array([next((t for t, i in enumerate(row) if i == eos), max_len) for row in ids])
        """,
    },
    "the scale in the query": {
        "dot_attention": """
            def dot_attention(query, keys, values, mask=None, scale=None):
                q = query * (query.shape[2] ** -0.5 if scale is None else scale)
                clean = (lambda a: a) if mask is None else (lambda a: np.where(mask.any(1)[..., None], a, 0))
                attn = softmax_of(q @ clean(keys).transpose(0, 2, 1), mask)
                return torch.as_tensor(attn @ clean(values)), torch.as_tensor(attn)
        """,
    },
}
