"""Answers to lab 6 that were written from the students' notebook alone, before its hidden tests were read.

``WRONG`` maps a name to a part, None and the whole answer; ``RIGHT`` maps a name to answers by part.
"""


def _but(text, *pairs):
    """``text`` with each old piece replaced by a new one."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


SOFTMAX = """
def masked_softmax(scores, mask=None):
    if mask is None:
        mask = np.ones(scores.shape, dtype=bool)
    e = np.where(mask, scores, -np.inf)
    top = e.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    w = np.where(mask, np.exp(e - top), 0.0)
    total = w.sum(axis=-1, keepdims=True)
    return w / np.where(total > 0, total, 1.0)
"""

DOT = """
def dot_attention(query, keys, values, mask=None, scale=None):
    A = query.shape[-1]
    if scale is None:
        scale = 1 / np.sqrt(A)
    if mask is not None:
        seen = mask.any(axis=1)
        keys = np.where(seen[..., None], keys, 0.0)
        values = np.where(seen[..., None], values, 0.0)
    scores = scale * (query @ keys.transpose(0, 2, 1))
    attn = softmax_of(scores, mask)
    context = attn @ values
    return context, attn
"""

ADDITIVE = """
def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
    q = (query @ W_q)[:, :, None, :]
    k = (keys @ W_k)[:, None, :, :]
    scores = np.tanh(q + k) @ v_a
    attn = softmax_of(scores, mask)
    if mask is not None:
        values = np.where(mask.any(axis=1)[..., None], values, 0.0)
    context = attn @ values
    return context, attn
"""

SOFTMAX_BACK = """
def softmax_backward(dattn, attn):
    mean = (attn * dattn).sum(axis=-1, keepdims=True)
    return attn * (dattn - mean)
"""

BACK = """
def attention_backward(dcontext, tape):
    query, keys, values, attn, scale = (tape[n] for n in ("query", "keys", "values", "attn", "scale"))
    da = dcontext @ values.transpose(0, 2, 1)
    de = softmax_back(da, attn)
    dquery = scale * (de @ keys)
    dkeys = scale * (de.transpose(0, 2, 1) @ query)
    dvalues = attn.transpose(0, 2, 1) @ dcontext
    return dquery, dkeys, dvalues
"""

DECODE = """
def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
    B = len(h_0)
    y, h = np.full(B, bos), h_0
    ids = np.full((B, max_len), eos)
    lengths = np.full(B, max_len)
    done = np.zeros(B, dtype=bool)
    for t in range(max_len):
        logits, h = decode_step(y, h, keys, values, mask, params)
        y = logits.argmax(axis=1)
        y[done] = eos
        ids[:, t] = y
        ended = (y == eos) & ~done
        lengths[ended] = t
        done = done | ended
    return ids, lengths
"""

S, D, A, SB, AB, G = "masked_softmax", "dot_attention", "additive_attention", "softmax_backward", "attention_backward", "greedy_decode"

WRONG = {
    "softmax: the largest of all scores, masked ones too": (S, _but(SOFTMAX, ("top = e.max(", "top = scores.max("))),
    "softmax: one shift for the whole array": (S, _but(SOFTMAX, ("e.max(axis=-1, keepdims=True)", "e.max()"))),
    "softmax: one shift for each row of the batch": (S, _but(SOFTMAX, ("e.max(axis=-1,", "e.max(axis=(1, 2),"))),
    "softmax: shifted by the mean": (
        S,
        _but(SOFTMAX, ("e.max(axis=-1, keepdims=True)", "np.where(mask, scores, 0.0).mean(axis=-1, keepdims=True)")),
    ),
    "softmax: a thousandth in the sum": (S, _but(SOFTMAX, ("np.where(total > 0, total, 1.0)", "(total + 1e-3)"))),
    "softmax: minus a billion for what is masked": (
        S,
        """
        def masked_softmax(scores, mask=None):
            if mask is not None:
                scores = np.where(mask, scores, -1e9)
            w = np.exp(scores - scores.max(axis=-1, keepdims=True))
            return w / w.sum(axis=-1, keepdims=True)
        """,
    ),
    "softmax: minus ten thousand for what is masked": (
        S,
        _but(
            SOFTMAX,
            ("e = np.where(mask, scores, -np.inf)", "e = np.where(mask, scores, -1e4)"),
            ("np.where(mask, np.exp(e - top), 0.0)", "np.exp(e - top) * mask.any(-1, keepdims=True)"),
        ),
    ),
    "softmax: a penalty added": (
        S,
        """
        def masked_softmax(scores, mask=None):
            if mask is None:
                mask = np.ones_like(scores, dtype=bool)
            scores = scores + (1.0 - mask) * -1e9
            w = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask
            total = w.sum(axis=-1, keepdims=True)
            return np.divide(w, total, out=np.zeros_like(w), where=total > 0)
        """,
    ),
    "softmax: masked scores are zero": (
        S,
        _but(SOFTMAX, ("-np.inf)", "0.0)"), ("np.where(mask, np.exp(e - top), 0.0)", "np.exp(e - top)")),
    ),
    "softmax: masked afterwards": (
        S,
        """
        def masked_softmax(scores, mask=None):
            w = np.exp(scores - scores.max(axis=-1, keepdims=True))
            w = w / w.sum(axis=-1, keepdims=True)
            return w if mask is None else w * mask
        """,
    ),
    "softmax: masked afterwards and normalised again": (
        S,
        """
        def masked_softmax(scores, mask=None):
            w = np.exp(scores - scores.max(axis=-1, keepdims=True))
            if mask is not None:
                w = np.where(mask, w, 0.0)
            return w / np.maximum(w.sum(axis=-1, keepdims=True), 1e-300)
        """,
    ),
    "softmax: writes into the scores": (
        S,
        """
        def masked_softmax(scores, mask=None):
            if mask is None:
                mask = np.ones(scores.shape, dtype=bool)
            scores[~mask] = -np.inf
            top = np.maximum(scores.max(axis=-1, keepdims=True), -1e300)
            w = np.exp(scores - top)
            return w / np.maximum(w.sum(axis=-1, keepdims=True), 1e-300)
        """,
    ),
    "softmax: exponents cut at 500": (
        S,
        """
        def masked_softmax(scores, mask=None):
            w = np.exp(np.clip(scores, -500, 500))
            if mask is not None:
                w = np.where(mask, w, 0.0)
            total = w.sum(axis=-1, keepdims=True)
            return w / np.where(total == 0, 1.0, total)
        """,
    ),
    "softmax: over the queries": (S, _but(SOFTMAX, ("axis=-1", "axis=1"))),
    "softmax: uniform where nothing may be seen": (
        S,
        SOFTMAX.replace(
            "    return w / np.where(total > 0, total, 1.0)", "    return np.where(total > 0, w / total, 1.0 / scores.shape[-1])"
        ),
    ),
    "softmax: the mask of the first query for all": (
        S,
        _but(SOFTMAX, ("    e = np", "    mask = np.broadcast_to(mask[:, :1], scores.shape)\n    e = np")),
    ),
    "softmax: whole numbers stay whole": (
        S,
        """
        def masked_softmax(scores, mask=None):
            out = np.zeros_like(scores)
            for b in range(scores.shape[0]):
                for t in range(scores.shape[1]):
                    see = np.arange(scores.shape[2]) if mask is None else np.flatnonzero(mask[b, t])
                    if len(see):
                        w = np.exp(scores[b, t, see] - scores[b, t, see].max())
                        out[b, t, see] = w / w.sum()
            return out
        """,
    ),
    "softmax: a row whose first key is hidden is empty": (
        S,
        _but(SOFTMAX, ("    return w /", "    w = w * mask[..., :1]\n    return w /")),
    ),
    "softmax: remembers the first mask": (
        S,
        _but(
            SOFTMAX, ("mask=None):", "mask=None, known={}):"), ("    e = np", "    mask = known.setdefault(scores.shape, mask)\n    e = np")
        ),
    ),
    "dot: scaled by the width of the values": (D, _but(DOT, ("A = query.shape[-1]", "A = values.shape[-1]"))),
    "dot: scaled by A": (D, _but(DOT, ("1 / np.sqrt(A)", "1 / A"))),
    "dot: the scale that is given is ignored": (D, _but(DOT, ("    if scale is None:\n        scale", "    scale"))),
    "dot: a scale of 0 counts as none": (D, _but(DOT, ("if scale is None:", "if not scale:"))),
    "dot: multiplied by the root": (D, _but(DOT, ("1 / np.sqrt(A)", "np.sqrt(A)"))),
    "dot: the scale is rounded": (D, _but(DOT, ("1 / np.sqrt(A)", "round(1 / np.sqrt(A), 2)"))),
    "dot: padded values are multiplied by 0": (D, _but(DOT, ("        values = np.where(seen[..., None], values, 0.0)\n", ""))),
    "dot: values hidden from one query are gone for all": (D, _but(DOT, ("mask.any(axis=1)", "mask.all(axis=1)"))),
    "dot: transposes only if the shapes do not fit": (
        D,
        _but(DOT, ("query @ keys.transpose(0, 2, 1)", "query @ (keys if keys.shape[1] == A else keys.transpose(0, 2, 1))")),
    ),
    "dot: weights transposed if T equals S": (
        D,
        _but(DOT, ("attn @ values", "(attn.transpose(0, 2, 1) if attn.shape[1] == attn.shape[2] else attn) @ values")),
    ),
    "dot: weights and context in the other order": (D, _but(DOT, ("return context, attn", "return attn, context"))),
    "dot: drops axes of length 1": (D, _but(DOT, ("return context, attn", "return context.squeeze(), attn.squeeze()"))),
    "dot: the mask is ignored": (D, _but(DOT, ("softmax_of(scores, mask)", "softmax_of(scores)"))),
    "dot: the keys of the first row for all": (D, _but(DOT, ("keys.transpose(0, 2, 1)", "keys[0].T"))),
    "dot: hidden scores are 0 after scaling": (
        D,
        _but(DOT, ("softmax_of(scores, mask)", "softmax_of(scores if mask is None else scores * mask)")),
    ),
    "dot: the first scale is kept": (
        D,
        _but(
            DOT,
            ("scale=None):", "scale=None, kept=[]):"),
            ("    if mask is not", "    kept.append(scale)\n    scale = kept[0]\n    if mask is not"),
        ),
    ),
    "dot: scaled after the softmax": (
        D,
        _but(DOT, ("scale * (query", "(query"), ("softmax_of(scores, mask)", "scale * softmax_of(scores, mask)")),
    ),
    "additive: tanh of each alone": (A, _but(ADDITIVE, ("np.tanh(q + k)", "(np.tanh(q) + np.tanh(k))"))),
    "additive: no tanh": (A, _but(ADDITIVE, ("np.tanh(q + k)", "(q + k)"))),
    "additive: sigmoid": (A, _but(ADDITIVE, ("np.tanh(q + k)", "1 / (1 + np.exp(-(q + k)))"))),
    "additive: mean over N": (A, _but(ADDITIVE, ("np.tanh(q + k) @ v_a", "(np.tanh(q + k) * v_a).mean(-1)"))),
    "additive: the query is left out": (A, _but(ADDITIVE, ("np.tanh(q + k)", "np.tanh(0 * q + k)"))),
    "additive: scaled by the root of N": (A, _but(ADDITIVE, ("@ v_a", "@ v_a / np.sqrt(len(v_a))"))),
    "additive: query and key multiplied": (A, _but(ADDITIVE, ("q + k", "q * k"))),
    "additive: the first query for all": (A, _but(ADDITIVE, ("(query @ W_q)", "((query[:, :1] + 0 * query) @ W_q)"))),
    "additive: padded values are multiplied by 0": (
        A,
        _but(ADDITIVE, ("    if mask is not None:\n        values = np.where(mask.any(axis=1)[..., None], values, 0.0)\n", "")),
    ),
    "additive: clears the values in place": (
        A,
        _but(ADDITIVE, ("values = np.where(mask.any(axis=1)[..., None], values, 0.0)", "values[~mask.any(axis=1)] = 0.0")),
    ),
    "additive: the mask of the first row for all": (
        A,
        _but(ADDITIVE, ("softmax_of(scores, mask)", "softmax_of(scores, mask if mask is None else mask[:1] & np.ones_like(mask))")),
    ),
    "additive: query i meets key i only, T equal to S": (
        A,
        _but(
            ADDITIVE, ("    attn =", "    if scores.shape[1] == scores.shape[2]:\n        scores = scores.transpose(0, 2, 1)\n    attn =")
        ),
    ),
    "softmax_backward: nothing subtracted": (SB, _but(SOFTMAX_BACK, ("(dattn - mean)", "dattn"))),
    "softmax_backward: the plain mean": (SB, _but(SOFTMAX_BACK, ("(attn * dattn).sum(", "dattn.mean("))),
    "softmax_backward: the diagonal only": (SB, _but(SOFTMAX_BACK, ("(dattn - mean)", "(1 - attn) * dattn"))),
    "softmax_backward: the unweighted sum": (SB, _but(SOFTMAX_BACK, ("(attn * dattn).sum(", "dattn.sum("))),
    "softmax_backward: summed over the queries": (SB, _but(SOFTMAX_BACK, ("axis=-1", "axis=1"))),
    "softmax_backward: the sum stands along the keys": (
        SB,
        _but(
            SOFTMAX_BACK,
            ("sum(axis=-1, keepdims=True)", "sum(axis=-1)"),
            ("dattn - mean", "dattn - (mean[:, None, :] if mean.shape[1] == attn.shape[2] else mean[..., None])"),
        ),
    ),
    "softmax_backward: no outer weight": (SB, _but(SOFTMAX_BACK, ("attn * (dattn - mean)", "dattn - mean"))),
    "softmax_backward: the other sign": (SB, _but(SOFTMAX_BACK, ("dattn - mean", "mean - dattn"))),
    "softmax_backward: in place": (
        SB,
        _but(SOFTMAX_BACK, ("    return attn * (dattn - mean)", "    dattn -= mean\n    return attn * dattn")),
    ),
    "softmax_backward: weights at least a thousandth": (
        SB,
        _but(SOFTMAX_BACK, ("    mean", "    attn = np.maximum(attn, 1e-3)\n    mean")),
    ),
    "softmax_backward: divided by B": (SB, _but(SOFTMAX_BACK, ("(dattn - mean)", "(dattn - mean) / len(attn)"))),
    "softmax_backward: one mean for the batch": (SB, _but(SOFTMAX_BACK, ("axis=-1", "axis=(0, 2)"))),
    "attention_backward: dquery without the scale": (AB, _but(BACK, ("scale * (de @ keys)", "de @ keys"))),
    "attention_backward: dkeys without the scale": (
        AB,
        _but(BACK, ("scale * (de.transpose(0, 2, 1) @ query)", "de.transpose(0, 2, 1) @ query")),
    ),
    "attention_backward: the scale is 1 / sqrt(A)": (AB, _but(BACK, ("    da =", "    scale = 1 / np.sqrt(query.shape[-1])\n    da ="))),
    "attention_backward: dvalues scaled too": (AB, _but(BACK, ("dvalues = attn", "dvalues = scale * attn"))),
    "attention_backward: scaled twice": (AB, _but(BACK, ("softmax_back(da, attn)", "scale * softmax_back(da, attn)"))),
    "attention_backward: dkeys a mean over the queries": (AB, _but(BACK, ("@ query)", "@ query) / query.shape[1]"))),
    "attention_backward: no softmax": (AB, _but(BACK, ("softmax_back(da, attn)", "da"))),
    "attention_backward: dvalues from the scores' gradient": (
        AB,
        _but(BACK, ("attn.transpose(0, 2, 1) @ dcontext", "de.transpose(0, 2, 1) @ dcontext")),
    ),
    "attention_backward: only the last query": (
        AB,
        _but(BACK, ("scale * (de.transpose(0, 2, 1) @ query)", "scale * de[:, -1][..., None] * query[:, -1][:, None]")),
    ),
    "attention_backward: keys and queries in the other order": (
        AB,
        _but(BACK, ("return dquery, dkeys, dvalues", "return dkeys, dquery, dvalues")),
    ),
    "attention_backward: not transposed where T equals S": (
        AB,
        _but(
            BACK, ("attn.transpose(0, 2, 1) @ dcontext", "(attn if attn.shape[1] == attn.shape[2] else attn.transpose(0, 2, 1)) @ dcontext")
        ),
    ),
    "attention_backward: writes into the tape": (AB, _but(BACK, ("    return", '    tape["de"] = de\n    return'))),
    "attention_backward: sums over calls": (
        AB,
        _but(
            BACK,
            ("tape):", "tape, total={}):"),
            (
                "    return",
                "    dkeys = total['dkeys'] = dkeys + (total['dkeys'] if np.shape(total.get('dkeys', 0)) == dkeys.shape else 0)\n    return",
            ),
        ),
    ),
    "attention_backward: divided by B": (
        AB,
        _but(BACK, ("    return", "    dquery, dkeys, dvalues = (a / len(query) for a in (dquery, dkeys, dvalues))\n    return")),
    ),
    "decode: bos is returned": (
        G,
        _but(DECODE, ("    return ids", "    ids = np.concatenate([np.full((B, 1), bos), ids], axis=1)[:, :max_len]\n    return ids")),
    ),
    "decode: the end sign counts": (G, _but(DECODE, ("lengths[ended] = t", "lengths[ended] = t + 1"))),
    "decode: stops when the first row ends": (
        G,
        _but(DECODE, ("        done = done | ended\n", "        done = done | ended\n        if done.any():\n            break\n")),
    ),
    "decode: a finished row writes on": (G, _but(DECODE, ("        y[done] = eos\n", ""))),
    "decode: length 0 where no end sign comes": (
        G,
        _but(DECODE, ("    return ids", "    lengths = (ids == eos).argmax(axis=1)\n    return ids")),
    ),
    "decode: an empty answer has length max_len": (
        G,
        _but(DECODE, ("    return ids", "    lengths = (ids == eos).argmax(axis=1)\n    lengths[lengths == 0] = max_len\n    return ids")),
    ),
    "decode: one less where no end sign comes": (G, _but(DECODE, ("lengths = np.full(B, max_len)", "lengths = np.full(B, max_len - 1)"))),
    "decode: always feeds bos": (G, _but(DECODE, ("decode_step(y,", "decode_step(np.full(B, bos),"))),
    "decode: the state is not carried": (G, _but(DECODE, ("decode_step(y, h,", "decode_step(y, h_0,"))),
    "decode: zeros after the end sign": (
        G,
        _but(DECODE, ("np.full((B, max_len), eos)", "np.zeros((B, max_len), dtype=int)"), ("ids[:, t] = y", "ids[~done, t] = y[~done]")),
    ),
    "decode: done from the start if bos is eos": (G, _but(DECODE, ("done = np.zeros(B, dtype=bool)", "done = y == eos"))),
    "decode: looks at the padding": (G, _but(DECODE, ("values, mask, params)", "values, np.ones_like(mask), params)"))),
    "decode: ids are floats": (G, _but(DECODE, ("np.full((B, max_len), eos)", "np.full((B, max_len), float(eos))"))),
    "decode: the source of the first row for all": (
        G,
        _but(DECODE, ("keys, values, mask, params)", "keys[:1] + 0 * keys, values[:1] + 0 * values, mask, params)")),
    ),
    "decode: symbols joined as digits": (
        G,
        _but(
            DECODE,
            (
                "    return ids",
                "    words = [''.join(map(str, row)) for row in ids]\n    lengths = np.array([w.find(str(eos)) if str(eos) in w else max_len for w in words])\n    return ids",
            ),
        ),
    ),
    "decode: bytes for symbols": (G, _but(DECODE, ("np.full((B, max_len), eos)", "np.full((B, max_len), eos, dtype=np.int8)"))),
    "decode: the second most likely": (G, _but(DECODE, ("logits.argmax(axis=1)", "np.argsort(logits, axis=1)[:, -2]"))),
    "decode: shorter when all rows end": (G, _but(DECODE, ("    return ids", "    ids = ids[:, : lengths.max() + 1]\n    return ids"))),
    "decode: the state starts at zero": (G, _but(DECODE, ("np.full(B, bos), h_0", "np.full(B, bos), np.zeros_like(h_0)"))),
    "decode: the end sign cannot come first": (
        G,
        _but(DECODE, ("        y = logits", "        if t == 0:\n            logits[:, eos] = -np.inf\n        y = logits")),
    ),
    "softmax: empty only where the whole mask is": (
        S,
        """
        def masked_softmax(scores, mask=None):
            mask = np.ones(scores.shape, dtype=bool) if mask is None else mask
            if not mask.any():
                return np.zeros(scores.shape)
            e = np.where(mask, scores, -np.inf)
            w = np.exp(e - e.max(axis=-1, keepdims=True))
            return w / w.sum(axis=-1, keepdims=True)
        """,
    ),
    "softmax: shifted by the largest size": (
        S,
        _but(SOFTMAX, ("top = e.max(axis=-1, keepdims=True)", "top = np.abs(np.where(mask, scores, 0.0)).max(axis=-1, keepdims=True)")),
    ),
    "softmax: queries and keys of a row are one axis": (
        S,
        """
        def masked_softmax(scores, mask=None):
            B = len(scores)
            flat = scores.reshape(B, -1)
            if mask is not None:
                flat = np.where(mask.reshape(B, -1), flat, -np.inf)
            w = np.exp(flat - flat.max(axis=1, keepdims=True))
            return (w / w.sum(axis=1, keepdims=True)).reshape(scores.shape)
        """,
    ),
    "softmax: the mask of the last query of each row": (
        S,
        _but(SOFTMAX, ("e = np.where(mask, scores", "mask = np.broadcast_to(mask[:, -1:], scores.shape)\n    e = np.where(mask, scores")),
    ),
    "softmax: hidden scores become NaN and are skipped in the sum only": (
        S,
        """
        def masked_softmax(scores, mask=None):
            if mask is not None:
                scores = np.where(mask, scores, np.nan)
            w = np.exp(scores - np.nanmax(scores, axis=-1, keepdims=True))
            return w / np.nansum(w, axis=-1, keepdims=True)
        """,
    ),
    "dot: keys reshaped in place of transposed": (D, _but(DOT, ("keys.transpose(0, 2, 1)", "keys.reshape(len(keys), A, -1)"))),
    "dot: scales the query in place": (
        D,
        _but(DOT, ("scores = scale * (query @ keys.transpose(0, 2, 1))", "query *= scale\n    scores = query @ keys.transpose(0, 2, 1)")),
    ),
    "dot: clears what no row may look at": (D, _but(DOT, ("mask.any(axis=1)", "np.broadcast_to(mask.any(axis=(0, 1)), keys.shape[:2])"))),
    "dot: clears what the first query may not look at": (D, _but(DOT, ("mask.any(axis=1)", "mask[:, 0]"))),
    "dot: returns the weights without the mask": (D, _but(DOT, ("return context, attn", "return context, softmax_of(scores)"))),
    "dot: the query's norm is taken out": (
        D,
        _but(DOT, ("scores = scale *", "query = query / np.linalg.norm(query, axis=-1, keepdims=True)\n    scores = scale *")),
    ),
    "additive: softmax over the queries, turned at the end": (
        A,
        """
        def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
            scores = np.tanh((keys @ W_k)[:, :, None] + (query @ W_q)[:, None]) @ v_a
            turned = None if mask is None else mask.transpose(0, 2, 1)
            attn = softmax_of(scores, turned).transpose(0, 2, 1)
            if mask is not None:
                values = np.where(mask.any(axis=1)[..., None], values, 0.0)
            return attn @ values, attn
        """,
    ),
    "additive: the largest in place of the sum over N": (
        A,
        _but(ADDITIVE, ("np.tanh(q + k) @ v_a", "(np.tanh(q + k) * v_a).max(axis=-1)")),
    ),
    "additive: the scores are rounded": (A, _but(ADDITIVE, ("np.tanh(q + k) @ v_a", "np.round(np.tanh(q + k) @ v_a, 3)"))),
    "additive: queries are averaged first": (
        A,
        _but(
            ADDITIVE,
            (
                "q = (query @ W_q)[:, :, None, :]",
                "q = np.repeat((query @ W_q).mean(axis=1, keepdims=True), query.shape[1], axis=1)[:, :, None, :]",
            ),
        ),
    ),
    "softmax_backward: that of the log-softmax": (
        SB,
        "def softmax_backward(dattn, attn):\n    return dattn - attn * dattn.sum(axis=-1, keepdims=True)\n",
    ),
    "softmax_backward: that of softmax and cross-entropy": (SB, "def softmax_backward(dattn, attn):\n    return attn - dattn\n"),
    "softmax_backward: the Jacobian of the first query for all": (
        SB,
        """
        def softmax_backward(dattn, attn):
            out = np.zeros(dattn.shape)
            for b in range(len(attn)):
                J = np.diag(attn[b, 0]) - np.outer(attn[b, 0], attn[b, 0])
                out[b] = dattn[b] @ J
            return out
        """,
    ),
    "attention_backward: dkeys from the weights": (
        AB,
        _but(BACK, ("scale * (de.transpose(0, 2, 1) @ query)", "attn.transpose(0, 2, 1) @ query")),
    ),
    "attention_backward: cut at 1": (AB, _but(BACK, ("de = softmax_back(da, attn)", "de = np.clip(softmax_back(da, attn), -1, 1)"))),
    "attention_backward: dvalues the same for all rows": (
        AB,
        _but(
            BACK,
            (
                "dvalues = attn.transpose(0, 2, 1) @ dcontext",
                "dvalues = np.broadcast_to((attn.transpose(0, 2, 1) @ dcontext).sum(axis=0), values.shape)",
            ),
        ),
    ),
    "attention_backward: softmax_back gets its arguments the other way round": (
        AB,
        _but(BACK, ("softmax_back(da, attn)", "softmax_back(attn, da)")),
    ),
    "decode: draws from the probabilities": (
        G,
        _but(
            DECODE,
            (
                "y = logits.argmax(axis=1)",
                "p = softmax_of(logits[:, None])[:, 0]\n        y = np.array([np.random.default_rng(t).choice(len(r), p=r / r.sum()) for r in p])",
            ),
        ),
    ),
    "decode: the first row's symbol for all rows": (G, _but(DECODE, ("y = logits.argmax(axis=1)", "y = np.full(B, logits[0].argmax())"))),
    "decode: feeds the symbol of two steps ago": (
        G,
        _but(
            DECODE,
            (
                "    for t in range(max_len):\n        logits, h = decode_step(y, h,",
                "    fed = y\n    for t in range(max_len):\n        logits, h = decode_step(fed, h,",
            ),
            ("        y = logits.argmax(axis=1)\n", "        fed = y\n        y = logits.argmax(axis=1)\n"),
        ),
    ),
    "decode: ragged lists": (G, _but(DECODE, ("return ids, lengths", "return [list(row[:n]) for row, n in zip(ids, lengths)], lengths"))),
    "decode: the end sign ends a row one step late": (
        G,
        _but(DECODE, ("        y[done] = eos\n        ids[:, t] = y\n", "        ids[:, t] = y\n        y[done] = eos\n")),
    ),
    "decode: the mask is not handed on": (
        G,
        _but(DECODE, ("values, mask, params)\n        y", "values, np.ones_like(mask), params)\n        y")),
    ),
}

WRONG = {name: (part, None, answer) for name, (part, answer) in WRONG.items()}

RIGHT = {
    "loops and lists": {
        S: """
        def masked_softmax(scores, mask=None):
            scores = np.asarray(scores, dtype=float)
            rows = []
            for b in range(scores.shape[0]):
                rows.append([])
                for t in range(scores.shape[1]):
                    see = [s for s in range(scores.shape[2]) if mask is None or mask[b][t][s]]
                    top = max((scores[b, t, s] for s in see), default=0.0)
                    w = [float(np.exp(scores[b, t, s] - top)) if s in see else 0.0 for s in range(scores.shape[2])]
                    rows[-1].append([v / sum(w) if see else 0.0 for v in w])
            return rows
        """,
        D: """
        def dot_attention(query, keys, values, mask=None, scale=None):
            B, T, S = len(query), len(query[0]), len(keys[0])
            scale = len(query[0][0]) ** -0.5 if scale is None else scale
            scores = [[[scale * sum(q * k for q, k in zip(query[b][t], keys[b][s])) for s in range(S)] for t in range(T)] for b in range(B)]
            attn = softmax_of(scores, mask).tolist()
            context = [[[sum(w * v for w, v in zip(attn[b][t], values[b][:, j]) if w > 0) for j in range(values.shape[2])] for t in range(T)] for b in range(B)]
            return [context, attn]
        """,
        G: """
        def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
            answers = []
            for b in range(len(h_0)):
                h, y, said = h_0[b : b + 1], bos, []
                while len(said) < max_len:
                    logits, h = decode_step([y], h, keys[b : b + 1], values[b : b + 1], mask[b : b + 1], params)
                    y = int(np.argmax(logits[0]))
                    if y == eos:
                        break
                    said.append(y)
                answers.append(said)
            return [a + [eos] * (max_len - len(a)) for a in answers], [len(a) for a in answers]
        """,
    },
    "nan_to_num": {
        S: """
        def masked_softmax(scores, mask=None):
            e = scores if mask is None else np.where(mask, scores, -np.inf)
            w = np.exp(e - np.max(e, axis=2)[:, :, np.newaxis])
            return np.nan_to_num(w / np.sum(w, axis=2)[:, :, np.newaxis])
        """,
        SB: """
        def softmax_backward(dattn, attn):
            return np.nan_to_num(attn * dattn - attn * np.sum(attn * dattn, axis=2)[:, :, np.newaxis])
        """,
    },
    "einsum": {
        D: """
        def dot_attention(query, keys, values, mask=None, scale=None):
            scale = 1 / query.shape[2] ** 0.5 if scale is None else scale
            attn = softmax_of(np.einsum("bta,bsa->bts", query, keys) * scale, mask)
            visible = np.ones(keys.shape[:2], dtype=bool) if mask is None else mask.max(axis=1)
            return np.einsum("bts,bsh->bth", attn, np.where(visible[:, :, None], values, 0)), attn
        """,
        A: """
        def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
            hidden = np.tanh(np.einsum("bta,an->btn", query, W_q)[:, :, None] + np.einsum("bsk,kn->bsn", keys, W_k)[:, None])
            attn = softmax_of(np.einsum("btsn,n->bts", hidden, v_a), mask)
            visible = np.ones(keys.shape[:2], dtype=bool) if mask is None else mask.max(axis=1)
            return np.einsum("bts,bsh->bth", attn, np.where(visible[:, :, None], values, 0)), attn
        """,
        SB: """
        def softmax_backward(dattn, attn):
            jacobian = np.einsum("bts,sr->btsr", attn, np.eye(attn.shape[2])) - np.einsum("bts,btr->btsr", attn, attn)
            return np.einsum("btr,btsr->bts", dattn, jacobian)
        """,
        AB: """
        def attention_backward(dcontext, tape):
            de = softmax_back(np.einsum("bth,bsh->bts", dcontext, tape["values"]), tape["attn"]) * tape["scale"]
            return np.einsum("bts,bsa->bta", de, tape["keys"]), np.einsum("bts,bta->bsa", de, tape["query"]), np.einsum("bts,bth->bsh", tape["attn"], dcontext)
        """,
    },
    "tensors inside": {
        S: """
        def masked_softmax(scores, mask=None):
            e = torch.as_tensor(np.array(scores, dtype=float))
            if mask is not None:
                e = e.masked_fill(~torch.as_tensor(np.array(mask)), -torch.inf)
            w = (e - e.amax(-1, keepdim=True).clamp(min=-1e300)).exp()
            total = w.sum(-1, keepdim=True)
            return torch.where(total > 0, w / total, torch.zeros_like(w)).numpy()
        """,
        AB: """
        def attention_backward(dcontext, tape):
            g, q, k, v, a = (torch.as_tensor(np.array(z)) for z in (dcontext, tape["query"], tape["keys"], tape["values"], tape["attn"]))
            da = torch.bmm(g, v.mT)
            de = tape["scale"] * a * (da - (a * da).sum(-1, keepdim=True))
            return torch.bmm(de, k), torch.bmm(de.mT, q), torch.bmm(a.mT, g)
        """,
    },
    "single precision and a named tuple": {
        A: """
        from collections import namedtuple

        Looked = namedtuple("Looked", "context attn")


        def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
            query, keys, values, W_q, W_k, v_a = (np.asarray(a, dtype=np.float32) for a in (query, keys, values, W_q, W_k, v_a))
            scores = np.zeros((query.shape[0], query.shape[1], keys.shape[1]), dtype=np.float32)
            for s in range(keys.shape[1]):
                scores[:, :, s] = (np.tanh(query @ W_q + (keys[:, s] @ W_k)[:, None]) * v_a).sum(-1)
            attn = softmax_of(scores, mask).astype(np.float32)
            if mask is not None:
                values = np.where(np.any(mask, axis=1)[:, :, None], values, np.float32(0))
            return Looked(attn @ values, attn)
        """,
        AB: """
        from collections import namedtuple

        Gradients = namedtuple("Gradients", ["dquery", "dkeys", "dvalues"])


        def attention_backward(dcontext, tape):
            dquery, dkeys, dvalues = np.zeros(tape["query"].shape), np.zeros(tape["keys"].shape), np.zeros(tape["values"].shape)
            for t in range(dcontext.shape[1]):
                a = tape["attn"][:, t]
                da = (tape["values"] * dcontext[:, t, None]).sum(-1)
                de = a * (da - (a * da).sum(-1, keepdims=True))
                dquery[:, t] = tape["scale"] * (de[..., None] * tape["keys"]).sum(1)
                dkeys += tape["scale"] * de[..., None] * tape["query"][:, t, None]
                dvalues += a[..., None] * dcontext[:, t, None]
            return Gradients(dquery, dkeys, dvalues)
        """,
    },
    "recursion, and lengths counted at the end": {
        G: """
        def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
            def write(y, h, n):
                if n == 0:
                    return []
                logits, h = decode_step(y, h, keys, values, mask, params)
                best = np.argmax(logits, axis=-1)
                return [best] + write(best, h, n - 1)

            ids = np.array(write(np.array([bos] * len(h_0)), h_0, max_len)).T.astype(np.int64)
            after = np.cumsum(ids == eos, axis=1) > 0
            ids[after] = eos
            return ids, (~after).sum(axis=1)
        """,
        SB: """
        def softmax_backward(dattn, attn):
            def one(d, a):
                return [one(x, y) for x, y in zip(d, a)] if np.ndim(a) > 1 else (a * (d - np.dot(a, d))).tolist()

            return one(dattn, attn)
        """,
    },
    "an own class": {
        D: """
        class Look:
            def __init__(self, mask):
                self.mask = mask

            def clean(self, a):
                return a if self.mask is None else np.where(self.mask.any(1)[:, :, None], a, 0.0)

            def __call__(self, query, keys, values, scale):
                scores = np.matmul(query * scale, np.swapaxes(self.clean(keys), 1, 2))
                weights = masked(scores, self.mask)
                return weights @ self.clean(values), weights


        def masked(scores, mask):
            mask = np.full(scores.shape, True) if mask is None else mask
            big = np.max(scores, axis=-1, keepdims=True, where=mask, initial=-np.inf)
            w = np.exp(scores - np.maximum(big, -1e308), where=mask, out=np.zeros(scores.shape))
            return w / np.maximum(w.sum(-1, keepdims=True), 1e-300)


        def dot_attention(query, keys, values, mask=None, scale=None):
            return Look(mask)(query, keys, values, np.shape(query)[-1] ** -0.5 if scale is None else scale)
        """,
        G: """
        class Writer:
            def __init__(self, rows, eos, max_len):
                self.eos, self.ids, self.lengths = eos, np.full((rows, max_len), eos, dtype=np.int32), np.full(rows, max_len, dtype=np.int32)

            def write(self, t, y):
                live = self.lengths > t
                self.ids[live, t] = y[live]
                self.lengths[live & (y == self.eos)] = t
                return np.where(self.lengths > t, y, self.eos)


        def greedy_decode(h_0, keys, values, mask, params, bos, eos, max_len):
            writer, y, h = Writer(len(h_0), eos, max_len), np.array([bos] * len(h_0)), np.array(h_0)
            for t in range(max_len):
                if (writer.lengths <= t).all():
                    break
                logits, h = decode_step(y, h, keys, values, mask, params)
                y = writer.write(t, np.argmax(logits, axis=1))
            return writer.ids, writer.lengths
        """,
    },
    "masked arrays, and NaN made numbers": {
        S: """
        def masked_softmax(scores, mask=None):
            hidden = np.ma.nomask if mask is None else ~np.asarray(mask)
            e = np.ma.masked_array(np.asarray(scores, dtype=float), hidden)
            w = np.ma.exp(e - e.max(axis=-1, keepdims=True))
            return (w / w.sum(axis=-1, keepdims=True)).filled(0.0)
        """,
        D: """
        def dot_attention(query, keys, values, mask=None, scale=None):
            if scale is None:
                scale = query.shape[-1] ** -0.5
            keys, values = (np.nan_to_num(np.asarray(a, dtype=float), posinf=0.0, neginf=0.0) for a in (keys, values))
            attn = softmax_of(np.stack([scale * q @ k.T for q, k in zip(query, keys)]), mask)
            return np.stack([a @ v for a, v in zip(attn, values)]), attn
        """,
    },
    "query and key side by side": {
        A: """
        def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
            B, T, S = len(query), query.shape[1], keys.shape[1]
            pairs = np.concatenate([np.repeat(query[:, :, None], S, axis=2), np.repeat(keys[:, None], T, axis=1)], axis=-1)
            attn = softmax_of(np.tanh(pairs @ np.concatenate([W_q, W_k])).dot(v_a), mask)
            clean = values if mask is None else np.where(np.logical_or.reduce(mask, axis=1)[..., None], values, 0)
            return np.array([[sum(attn[b, t, s] * clean[b, s] for s in range(S)) for t in range(T)] for b in range(B)]), attn
        """,
        SB: """
        def softmax_backward(dattn: np.ndarray, attn: np.ndarray) -> np.ndarray:
            mean = np.vectorize(np.dot, signature="(s),(s)->()")(attn, dattn)
            return attn * dattn - attn * mean[..., np.newaxis]
        """,
        AB: """
        def attention_backward(dcontext, tape):
            q, k, v, a, s = tape["query"], tape["keys"], tape["values"], tape["attn"], tape["scale"]
            rows = []
            for g, q_b, k_b, v_b, a_b in zip(dcontext, q, k, v, a):
                de = softmax_backward(g @ v_b.T, a_b)
                rows.append((s * de @ k_b, s * de.T @ q_b, a_b.T @ g))
            return [np.stack(r) for r in zip(*rows)]
        """,
    },
    "scipy and single steps": {
        S: """
        from scipy.special import logsumexp


        def masked_softmax(scores, mask=None):
            mask = np.ones(np.shape(scores), dtype=bool) if mask is None else np.asarray(mask)
            e = np.where(mask, scores, -np.inf)
            with np.errstate(all="ignore"):
                return np.where(mask, np.exp(e - logsumexp(e, axis=-1, keepdims=True)), 0.0)
        """,
        G: """
        def greedy_decode(h_0, keys, values, mask, params, bos: int, eos: int, max_len: int) -> tuple[list, list]:
            state, fed, written = h_0, [bos] * len(h_0), [[] for _ in h_0]
            while (t := len(written[0])) < max_len:
                logits, state = decode_step(np.array(fed), state, keys, values, mask, params)
                fed = [eos if eos in row else int(max(range(len(z)), key=z.__getitem__)) for row, z in zip(written, logits.tolist())]
                for row, y in zip(written, fed):
                    row += [y]
            return written, [row.index(eos) if eos in row else max_len for row in written]
        """,
    },
    "dictionaries of rows": {
        AB: """
        def attention_backward(dcontext, tape):
            d = {n: np.zeros_like(tape[n], dtype=float) for n in ("query", "keys", "values")}
            for b, t in np.ndindex(dcontext.shape[:2]):
                a, g = tape["attn"][b, t], dcontext[b, t]
                da = tape["values"][b] @ g
                de = tape["scale"] * a * (da - a @ da)
                d["values"][b] += np.outer(a, g)
                d["keys"][b] += np.outer(de, tape["query"][b, t])
                d["query"][b, t] = de @ tape["keys"][b]
            return tuple(d.values())
        """,
        D: """
        def dot_attention(query, keys, values, mask=None, scale=None):
            f = 1 / np.sqrt(np.shape(query)[2]) if scale is None else scale
            B, T, S = len(query), len(query[0]), len(keys[0])
            scores = np.zeros((B, T, S))
            for b, t, s in np.ndindex(B, T, S):
                if mask is None or mask[b, t, s]:
                    scores[b, t, s] = f * np.dot(query[b, t], keys[b, s])
            attn = masked_softmax(scores, mask)
            context = np.zeros((B, T, np.shape(values)[2]))
            for b, t, s in np.ndindex(B, T, S):
                if attn[b, t, s] > 0:
                    context[b, t] += attn[b, t, s] * values[b, s]
            return context, attn
        """,
    },
}
