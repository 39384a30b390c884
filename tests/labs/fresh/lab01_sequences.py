"""Answers to lab 1 as students write them, collected before its hidden tests were read: wrong ones by name, right ones in other styles.

``BASE`` holds a plain right answer for each part. A wrong one is ``(part, what BASE says, what the student says)``, or ``(part, None, the whole answer)``.
"""

BASE = {
    "tokenise": """
def tokenise(text, vocab):
    ids = [BOS]
    for c in text:
        ids.append(vocab.index(c) + 4 if c in vocab else UNK)
    ids.append(EOS)
    return np.array(ids)
""",
    "pad_batch": """
def pad_batch(rows):
    lengths = np.array([len(row) for row in rows])
    T = max(len(row) for row in rows)
    ids = np.full((len(rows), T), PAD)
    for b, row in enumerate(rows):
        ids[b, :len(row)] = row
    return ids, lengths
""",
    "windows": """
def windows(ids, B, T):
    n = (len(ids) - 1) // (B * T)
    x = np.zeros((n, B, T), dtype=int)
    y = np.zeros((n, B, T), dtype=int)
    for k in range(n):
        for b in range(B):
            start = b * n * T + k * T
            x[k, b] = ids[start:start + T]
            y[k, b] = ids[start + 1:start + T + 1]
    return x, y
""",
    "ngram_prob": """
def ngram_prob(ids, context, V, k):
    m = len(context)
    counts = np.zeros(V)
    for t in range(len(ids) - m):
        if list(ids[t:t + m]) == list(context):
            counts[ids[t + m]] += 1
    total = counts.sum()
    if total + k * V == 0:
        return np.full(V, 1 / V)
    return (counts + k) / (total + k * V)
""",
    "perplexity": """
def perplexity(probs, lengths):
    B, T = probs.shape
    mask = np.arange(T)[None, :] < lengths[:, None]
    p = probs[mask]
    N = lengths.sum()
    return np.exp(-np.log(p).sum() / N)
""",
    "entropy_rate": """
def entropy_rate(P):
    V = len(P)
    vals, vecs = np.linalg.eig(P.T)
    i = np.argmin(np.abs(vals - 1))
    pi = vecs[:, i].real
    pi = pi / pi.sum()
    logs = np.zeros((V, V))
    logs[P > 0] = np.log2(P[P > 0])
    h = -(pi[:, None] * P * logs).sum()
    return pi, h
""",
    "temperature_softmax": """
def temperature_softmax(logits, tau):
    z = logits / tau
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)
""",
}

WRONG = {
    # 1 · tokens
    "text in lower case": ("tokenise", "in text:", "in text.lower():"),
    "blanks stripped": ("tokenise", "in text:", "in text.strip():"),
    "words, not characters": ("tokenise", "in text:", "in text.split():"),
    "kept in 8 bits": ("tokenise", "np.array(ids)", "np.array(ids).astype(np.int8)"),
    "kept in 8 bits without sign": ("tokenise", "np.array(ids)", "np.array(ids).astype(np.uint8)"),
    "the list of the call before": ("tokenise", "vocab):\n    ids = [BOS]", "vocab, ids=[BOS]):"),
    "the vocabulary of the call before": (
        "tokenise",
        None,
        """
table = {}
def tokenise(text, vocab):
    if not table:
        for i, c in enumerate(vocab):
            table[c] = i + 4
    return np.array([BOS] + [table.get(c, UNK) for c in text] + [EOS])
""",
    ),
    "the vocabulary grows": (
        "tokenise",
        None,
        """
def tokenise(text, vocab):
    table = {c: i + 4 for i, c in enumerate(vocab)}
    return np.array([BOS] + [table.setdefault(c, len(table) + 4) for c in text] + [EOS])
""",
    ),
    "unknown ones in a row become one": ("tokenise", "    ids.append(EOS)", "    ids = [v for i, v in enumerate(ids) if not (v == UNK == ids[i - 1])]\n    ids.append(EOS)"),
    "ids joined as digits": ("tokenise", "np.array(ids)", "np.array([int(d) for d in ''.join(map(str, ids))])"),
    "an empty text becomes floats": (
        "tokenise",
        None,
        """
def tokenise(text, vocab):
    return np.concatenate([[BOS], [vocab.index(c) + 4 if c in vocab else UNK for c in text], [EOS]])
""",
    ),
    "an empty text is nothing": ("tokenise", "    ids = [BOS]", "    if text == '':\n        return np.array([], dtype=int)\n    ids = [BOS]"),
    "only letters": ("tokenise", "if c in vocab", "if c in vocab and c.isalpha()"),
    "a vocabulary without repeats in alphabetical order": ("tokenise", "    ids = [BOS]", "    vocab = sorted(set(vocab))\n    ids = [BOS]"),
    # 2 · padding
    "float ids": ("pad_batch", "np.full((len(rows), T), PAD)", "np.zeros((len(rows), T))"),
    "float lengths": ("pad_batch", "lengths = np.array([len(row) for row in rows])", "lengths = np.zeros(len(rows))\n    for b in range(len(rows)):\n        lengths[b] = len(rows[b])"),
    "ids in 8 bits": ("pad_batch", "return ids,", "return ids.astype(np.uint8),"),
    "at least one column": ("pad_batch", "T = max(len(row) for row in rows)", "T = max(1, max(len(row) for row in rows))"),
    "empty rows left out": ("pad_batch", "    lengths", "    rows = [row for row in rows if len(row)]\n    lengths"),
    "length up to the first 0": ("pad_batch", "return ids, lengths", "return ids, np.array([list(row).index(0) if 0 in row else len(row) for row in rows])"),
    "zeros at the end trimmed": ("pad_batch", "    lengths", "    rows = [np.trim_zeros(row, 'b') for row in rows]\n    lengths"),
    "the caller's list is filled up": (
        "pad_batch",
        None,
        """
def pad_batch(rows):
    lengths = np.array([len(row) for row in rows])
    T = max(lengths)
    for b in range(len(rows)):
        rows[b] = np.concatenate([rows[b], np.zeros(T - len(rows[b]), dtype=int)])
    return np.array(rows), lengths
""",
    ),
    "one column too many": ("pad_batch", "T = max(len(row) for row in rows)", "T = max(len(row) for row in rows) + 1"),
    "padded with the last token": ("pad_batch", "        ids[b, :len(row)] = row", "        ids[b, :len(row)] = row\n        ids[b, len(row):] = row[-1] if len(row) else PAD"),
    "lengths sorted, rows not": ("pad_batch", "return ids, lengths", "return ids, np.sort(lengths)[::-1]"),
    "lengths are all T": ("pad_batch", "return ids, lengths", "return ids, np.full(len(rows), T)"),
    "at most 32 tokens": ("pad_batch", "    lengths", "    rows = [row[:32] for row in rows]\n    lengths"),
    # 3 · windows
    "y is x + 1": ("windows", "ids[start + 1:start + T + 1]", "x[k, b] + 1"),
    "positions, not ids": ("windows", None, """
def windows(ids, B, T):
    n = (len(ids) - 1) // (B * T)
    k, b, t = np.meshgrid(np.arange(n), np.arange(B), np.arange(T), indexing="ij")
    where = b * n * T + k * T + t
    return where, where + 1
"""),
    "streams of N // B": ("windows", "start = b * n * T + k * T", "start = b * (len(ids) // B) + k * T"),
    "streams of (N - 1) // B": ("windows", "start = b * n * T + k * T", "start = b * ((len(ids) - 1) // B) + k * T"),
    "windows dealt out to the rows": ("windows", "start = b * n * T + k * T", "start = (k * B + b) * T"),
    "windows of the streams, then the rows": ("windows", "n = (len(ids) - 1) // (B * T)", "n = (len(ids) // T - 1) // B"),
    "no token left for the target": ("windows", "(len(ids) - 1) // (B * T)", "len(ids) // (B * T)"),
    "T + 1 a window": ("windows", "(len(ids) - 1) // (B * T)", "len(ids) // (B * (T + 1))"),
    "each row keeps a target of its own": ("windows", "(len(ids) - 1) // (B * T)", "(len(ids) // B - 1) // T"),
    "last target from its own window": ("windows", "    return x, y", "    y[:, :, -1] = x[:, :, 0]\n    return x, y"),
    "windows overlap by one": ("windows", "b * n * T + k * T", "b * n * T + k * (T - 1)"),
    "float windows": ("windows", "dtype=int", "dtype=float"),
    "ids of windows in 8 bits": ("windows", "dtype=int", "dtype=np.int8"),
    "y two steps ahead": ("windows", "ids[start + 1:start + T + 1]", "ids[start + 2:start + T + 2]"),
    # 4 · counting
    "context read backwards": ("ngram_prob", "== list(context)", "== list(context)[::-1]"),
    "last symbol of the context only": ("ngram_prob", "    m = len(context)", "    context = context[-1:]\n    m = len(context)"),
    "first and last of the context": ("ngram_prob", "if list(ids[t:t + m]) == list(context):", "if m == 0 or ids[t] == context[0] and ids[t + m - 1] == context[-1]:"),
    "any symbol of the context fits": ("ngram_prob", "if list(ids[t:t + m]) == list(context):", "if m == 0 or np.any(ids[t:t + m] == context):"),
    "the symbols of the context in any order": ("ngram_prob", "if list(ids[t:t + m]) == list(context):", "if sorted(ids[t:t + m]) == sorted(context):"),
    "the last place is not read": ("ngram_prob", "range(len(ids) - m)", "range(len(ids) - m - (m > 0))"),
    "occurrences may not overlap": ("ngram_prob", None, """
def ngram_prob(ids, context, V, k):
    m, t = len(context), 0
    counts = np.zeros(V)
    while t < len(ids) - m:
        if list(ids[t:t + m]) == list(context):
            counts[ids[t + m]] += 1
            t += max(m, 1)
        else:
            t += 1
    if counts.sum() + k * V == 0:
        return np.full(V, 1 / V)
    return (counts + k) / (counts.sum() + k * V)
"""),
    "V counted in the text": ("ngram_prob", "total + k * V)", "total + k * len(set(ids.tolist())))"),
    "at least 1 below": ("ngram_prob", "return (counts + k) / (total + k * V)", "return (counts + k) / (max(total, 1) + k * V)"),
    "whole k only": ("ngram_prob", "    m = len", "    k = int(k)\n    m = len"),
    "matched as text": ("ngram_prob", None, """
def ngram_prob(ids, context, V, k):
    text, u = "".join(map(str, ids)), "".join(map(str, context))
    counts = np.array([sum(text.startswith(u + str(w), i) for i in range(len(text))) for w in range(V)], dtype=float)
    if counts.sum() + k * V == 0:
        return np.full(V, 1 / V)
    return (counts + k) / (counts.sum() + k * V)
"""),
    "as many as the largest id": ("ngram_prob", "np.zeros(V)", "np.zeros(ids.max() + 1)"),
    "remembers contexts, not texts": ("ngram_prob", None, """
seen = {}
def ngram_prob(ids, context, V, k):
    m = len(context)
    u = tuple(context)
    if u not in seen:
        seen[u] = np.zeros(V)
        for t in range(len(ids) - m):
            if tuple(ids[t:t + m]) == u:
                seen[u][ids[t + m]] += 1
    counts = seen[u]
    if counts.sum() + k * V == 0:
        return np.full(V, 1 / V)
    return (counts + k) / (counts.sum() + k * V)
"""),
    "counts kept as integers with k": ("ngram_prob", None, """
def ngram_prob(ids, context, V, k):
    m = len(context)
    counts = np.full(V, k, dtype=int)
    for t in range(len(ids) - m):
        if np.array_equal(ids[t:t + m], context):
            counts[ids[t + m]] += 1
    return counts / counts.sum() if counts.sum() else np.full(V, 1 / V)
"""),
    "a shorter context where nothing followed": ("ngram_prob", "        return np.full(V, 1 / V)", "        return ngram_prob(ids, context[1:], V, k) if m > 1 else np.full(V, 1 / V)"),
    "the end counts as seen": ("ngram_prob", "total = counts.sum()", "total = sum(list(ids[t:t + m]) == list(context) for t in range(len(ids) - m + (m > 0)))"),
    # 5 · perplexity
    "mean of the rows' means": ("perplexity", None, """
def perplexity(probs, lengths):
    rows = [-np.log(p[:n]).mean() for p, n in zip(probs, lengths) if n > 0]
    return np.exp(np.mean(rows))
"""),
    "mean of the rows' perplexities": ("perplexity", None, """
def perplexity(probs, lengths):
    return np.mean([np.exp(-np.log(p[:n]).mean()) for p, n in zip(probs, lengths) if n > 0])
"""),
    "log of p + 1e-12": ("perplexity", "np.log(p)", "np.log(p + 1e-12)"),
    "log of p, at least 1e-10": ("perplexity", "np.log(p)", "np.log(np.clip(p, 1e-10, 1))"),
    "zeros left out": ("perplexity", "p = probs[mask]", "p = probs[mask]\n    p = p[p > 0]"),
    "product of probabilities": ("perplexity", "np.exp(-np.log(p).sum() / N)", "np.prod(p) ** (-1 / N)"),
    "padding times 0": ("perplexity", None, """
def perplexity(probs, lengths):
    mask = np.arange(probs.shape[1])[None, :] < lengths[:, None]
    return np.exp(-(np.log(probs) * mask).sum() / mask.sum())
"""),
    "equal lengths are full": ("perplexity", "    p = probs[mask]", "    if (lengths == lengths[0]).all():\n        mask = np.ones_like(mask)\n    p = probs[mask]"),
    "mean over B times T": ("perplexity", "N = lengths.sum()", "N = B * T"),
    "half precision": ("perplexity", "p = probs[mask]", "p = probs[mask].astype(np.float16)"),
    "padding overwritten in place": ("perplexity", None, """
def perplexity(probs, lengths):
    for b, n in enumerate(lengths):
        probs[b, n:] = 1.0
    return np.exp(-np.log(probs).sum() / lengths.sum())
"""),
    "the longest row for all": ("perplexity", "< lengths[:, None]", "< lengths.max() + 0 * lengths[:, None]"),
    "one over the mean probability": ("perplexity", "np.exp(-np.log(p).sum() / N)", "1 / p.mean()"),
    "NaN counts as nothing": ("perplexity", None, """
def perplexity(probs, lengths):
    logs = np.log(probs)
    logs[np.isinf(logs)] = np.nan
    mask = np.arange(probs.shape[1])[None, :] < lengths[:, None]
    return np.exp(-np.nansum(np.where(mask, logs, np.nan)) / lengths.sum())
"""),
    "bits into exp": ("perplexity", "np.log(p)", "np.log2(p)"),
    # 6 · entropy rate
    "power iteration from equal shares": ("entropy_rate", None, """
def entropy_rate(P):
    pi = np.full(len(P), 1 / len(P))
    for _ in range(5000):
        pi = pi @ P
    h = -sum(pi[i] * P[i, j] * np.log2(P[i, j]) for i in range(len(P)) for j in range(len(P)) if P[i, j] > 0)
    return pi, h
"""),
    "power iteration, thirty steps": ("entropy_rate", None, """
def entropy_rate(P):
    pi = np.ones(len(P)) / len(P)
    for _ in range(30):
        pi = (pi @ P + pi) / 2
    return pi, -np.nansum(pi[:, None] * P * np.log2(P))
"""),
    "largest modulus": ("entropy_rate", "np.argmin(np.abs(vals - 1))", "np.argmax(np.abs(vals))"),
    "first eigenvector": ("entropy_rate", "np.argmin(np.abs(vals - 1))", "0"),
    "row of the eigenvectors": ("entropy_rate", "vecs[:, i]", "vecs[i]"),
    "eigenvalue exactly 1": ("entropy_rate", "np.argmin(np.abs(vals - 1))", "np.where(vals == 1)[0][0]"),
    "complex shares": ("entropy_rate", "vecs[:, i].real", "vecs[:, i]"),
    "shares of equal size": ("entropy_rate", "    pi = pi / pi.sum()", "    pi = np.full(V, 1 / V)"),
    "mean of the columns": ("entropy_rate", "    pi = pi / pi.sum()", "    pi = P.mean(axis=0)"),
    "eigenvector of P": ("entropy_rate", "np.linalg.eig(P.T)", "np.linalg.eig(P)"),
    "zeros of P overwritten": ("entropy_rate", "    V = len(P)", "    V = len(P)\n    P[P == 0] = 1e-12"),
    "log of P + 1e-3": ("entropy_rate", "logs[P > 0] = np.log2(P[P > 0])", "logs = np.log2(P + 1e-3)"),
    "rare steps left out": ("entropy_rate", "logs[P > 0] = np.log2(P[P > 0])", "logs[P > 0.01] = np.log2(P[P > 0.01])"),
    "mean entropy of the rows": ("entropy_rate", "pi[:, None] * P * logs).sum()", "P * logs).sum() / V"),
    "entropy of the shares": ("entropy_rate", "h = -(pi[:, None] * P * logs).sum()", "h = -(pi * np.log2(pi)).sum()"),
    "nats": ("entropy_rate", "np.log2", "np.log"),
    "NaN at 0 log 0": ("entropy_rate", "logs[P > 0] = np.log2(P[P > 0])", "logs = np.log2(P)"),
    # 7 · temperature
    "largest of the whole batch": ("temperature_softmax", "z.max(axis=1, keepdims=True)", "z.max()"),
    "mean subtracted": ("temperature_softmax", "z.max(axis=1, keepdims=True)", "z.mean(axis=1, keepdims=True)"),
    "logits clipped": ("temperature_softmax", "z = logits / tau", "z = np.clip(logits / tau, -500, 500)"),
    "small tau is argmax": ("temperature_softmax", "    z = logits / tau", "    if tau < 0.01:\n        return np.eye(logits.shape[1])[logits.argmax(axis=1)]\n    z = logits / tau"),
    "tau at least a tenth": ("temperature_softmax", "    z = logits / tau", "    z = logits / max(tau, 0.1)"),
    "tau at most ten": ("temperature_softmax", "    z = logits / tau", "    z = logits / min(tau, 10)"),
    "a little below": ("temperature_softmax", "e.sum(axis=1, keepdims=True)", "(e.sum(axis=1, keepdims=True) + 1e-3)"),
    "changed in place": ("temperature_softmax", "    z = logits / tau\n    z = z - z.max(axis=1, keepdims=True)", "    logits -= logits.max(axis=1, keepdims=True)\n    z = logits / tau"),
    "kept in the logits' dtype": ("temperature_softmax", None, """
def temperature_softmax(logits, tau):
    out = np.zeros_like(logits)
    for b in range(len(logits)):
        e = np.exp((logits[b] - logits[b].max()) / tau)
        out[b] = e / e.sum()
    return out
"""),
    "axes not kept": ("temperature_softmax", "e / e.sum(axis=1, keepdims=True)", "e / e.sum(axis=1)"),
    "sum of the whole batch": ("temperature_softmax", "e.sum(axis=1, keepdims=True)", "e.sum()"),
    "in half precision": ("temperature_softmax", "e = np.exp(z)", "e = np.exp(z.astype(np.float16)).astype(float)"),
    "rounded": ("temperature_softmax", "return e / e.sum(axis=1, keepdims=True)", "return np.round(e / e.sum(axis=1, keepdims=True), 3)"),
    "largest in absolute value": ("temperature_softmax", "z.max(axis=1, keepdims=True)", "np.abs(z).max(axis=1, keepdims=True)"),
}

RIGHT = {
    "as lists": {
        "tokenise": "def tokenise(text, vocab):\n    return [BOS, *(vocab.find(c) + 4 for c in text), EOS]",
        "pad_batch": "def pad_batch(rows):\n    T = max(map(len, rows))\n    return [[int(v) for v in r] + [PAD] * (T - len(r)) for r in rows], [len(r) for r in rows]",
        "windows": """
def windows(ids, B, T):
    ids = ids.tolist()
    n = (len(ids) - 1) // (B * T)
    at = lambda k, b, t: b * n * T + k * T + t
    x = [[[ids[at(k, b, t)] for t in range(T)] for b in range(B)] for k in range(n)]
    y = [[[ids[at(k, b, t) + 1] for t in range(T)] for b in range(B)] for k in range(n)]
    return [x, y]
""",
        "ngram_prob": """
def ngram_prob(ids, context, V, k):
    ids, u = ids.tolist(), context.tolist()
    m = len(u)
    after = [ids[t + m] for t in range(len(ids) - m) if ids[t:t + m] == u]
    below = len(after) + k * V
    return [(after.count(w) + k) / below if below else 1 / V for w in range(V)]
""",
        "temperature_softmax": """
def temperature_softmax(logits, tau):
    import math
    out = []
    for row in logits.tolist():
        e = [math.exp((z - max(row)) / tau) for z in row]
        out.append([v / sum(e) for v in e])
    return out
""",
    },
    "named tuples": {
        "pad_batch": """
from collections import namedtuple
Batch = namedtuple("Batch", "ids lengths")
def pad_batch(rows):
    lengths = np.array([r.size for r in rows], dtype=np.int32)
    ids = np.full((len(rows), lengths.max()), PAD, dtype=np.int64)
    ids[np.arange(lengths.max()) < lengths[:, None]] = np.concatenate(rows)
    return Batch(ids, lengths)
""",
        "windows": """
import collections
Windows = collections.namedtuple("Windows", ["x", "y"])
def windows(ids, B, T):
    n = (ids.size - 1) // (B * T)
    cut = lambda a: a[: n * B * T].reshape(B, n, T).swapaxes(0, 1)
    return Windows(cut(ids), cut(np.roll(ids, -1)))
""",
        "entropy_rate": """
from typing import NamedTuple
class Rate(NamedTuple):
    pi: np.ndarray
    h: float
def entropy_rate(P):
    V = len(P)
    A = np.vstack([P.T - np.eye(V), np.ones(V)])
    pi = np.linalg.lstsq(A, np.append(np.zeros(V), 1.0), rcond=None)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return Rate(pi, float(-np.nansum(pi[:, None] * P * np.log2(P))))
""",
    },
    "torch inside": {
        "tokenise": "def tokenise(text, vocab):\n    table = dict(zip(vocab, range(4, 4 + len(vocab))))\n    return torch.tensor([BOS] + [table.get(c, UNK) for c in text] + [EOS])",
        "windows": """
def windows(ids, B, T):
    ids = torch.as_tensor(ids)
    n = (len(ids) - 1) // (B * T)
    x = ids[:n * B * T].view(B, n, T).transpose(0, 1)
    y = ids[1:n * B * T + 1].view(B, n, T).transpose(0, 1)
    return x, y
""",
        "perplexity": """
def perplexity(probs, lengths):
    p, n = torch.as_tensor(probs), torch.as_tensor(lengths)
    logs = torch.where(torch.arange(p.shape[1]) < n[:, None], p, torch.ones(())).log()
    return torch.exp(-logs.sum() / n.sum())
""",
        "temperature_softmax": """
def temperature_softmax(logits, tau):
    z = torch.as_tensor(np.asarray(logits, dtype=float)) / tau
    e = torch.exp(z - z.amax(1, keepdim=True))
    return (e / e.sum(1, keepdim=True)).numpy()
""",
    },
    "single precision": {
        "ngram_prob": """
def ngram_prob(ids, context, V, k):
    m = len(context)
    hits = np.ones(len(ids) - m, dtype=bool) if len(ids) > m else np.zeros(0, dtype=bool)
    for j in range(m):
        hits &= ids[j:j + len(hits)] == context[j]
    c = np.bincount(ids[m:][hits], minlength=V).astype(np.float32)
    return (c + np.float32(k)) / (c.sum() + np.float32(k * V)) if c.sum() + k else np.full(V, 1 / V, dtype=np.float32)
""",
        "temperature_softmax": """
def temperature_softmax(logits, tau):
    z = ((logits - np.max(logits, axis=-1, keepdims=True)) / tau).astype(np.float32)
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)
""",
    },
    "recursion": {
        "tokenise": """
def tokenise(text, vocab, first=True):
    if first:
        return np.array([BOS] + tokenise(text, vocab, False) + [EOS])
    if len(text) < 2:
        return [vocab.index(c) + 4 if c in vocab else UNK for c in text]
    half = len(text) // 2
    return tokenise(text[:half], vocab, False) + tokenise(text[half:], vocab, False)
""",
        "perplexity": """
def nats(row):
    if len(row) <= 8:
        return sum(-np.log(p) for p in row)
    return nats(row[:len(row) // 2]) + nats(row[len(row) // 2:])
def perplexity(probs, lengths):
    return np.exp(sum(nats(row[:n]) for row, n in zip(probs, lengths)) / sum(lengths))
""",
        "entropy_rate": """
def entropy_rate(P):
    def censored(Q):
        if len(Q) == 1:
            return np.ones(1)
        smaller = Q[:-1, :-1] + np.outer(Q[:-1, -1], Q[-1, :-1]) / Q[-1, :-1].sum()
        pi = censored(smaller)
        pi = np.append(pi, pi @ Q[:-1, -1] / Q[-1, :-1].sum())
        return pi / pi.sum()
    pi = censored(np.array(P))
    return pi, -sum(pi[i] * p * np.log2(p) for i in range(len(P)) for p in P[i] if p > 0)
""",
    },
    "in place on copies": {
        "pad_batch": """
def pad_batch(rows):
    rows = [list(r) for r in rows]
    lengths = [len(r) for r in rows]
    for r in rows:
        r += [PAD] * (max(lengths) - len(r))
    return np.array(rows, dtype=int), np.array(lengths)
""",
        "perplexity": """
def perplexity(probs, lengths):
    p = probs.copy()
    for b, n in enumerate(lengths):
        p[b, n:] = 1
    np.log(p, out=p)
    return float(np.exp(-p.sum() / np.sum(lengths)))
""",
        "entropy_rate": """
def entropy_rate(P):
    V = P.shape[0]
    A = P.T - np.eye(V)
    A[-1] = 1
    pi = np.linalg.solve(A, np.eye(V)[-1])
    bits = P * np.log2(np.where(P > 0, P, 1))
    return np.squeeze(pi), np.squeeze(-pi @ bits.sum(1))
""",
        "temperature_softmax": """
def temperature_softmax(logits, tau):
    z = np.array(logits, dtype=np.float64)
    z -= z.max(1)[:, None]
    z /= tau
    np.exp(z, out=z)
    z /= z.sum(1)[:, None]
    return z
""",
    },
    "by the definition": {
        "tokenise": "def tokenise(text, vocab):\n    chars = ['', '', '', ''] + list(vocab)\n    out = np.full(len(text) + 2, UNK)\n    out[0], out[-1] = BOS, EOS\n    for i, c in enumerate(text, 1):\n        for v in range(4, len(chars)):\n            if chars[v] == c:\n                out[i] = v\n    return out",
        "ngram_prob": """
def ngram_prob(ids, context, V, k):
    table = {}
    m = len(context)
    for t in range(m, len(ids)):
        u = tuple(int(v) for v in ids[t - m:t])
        table.setdefault(u, [0] * V)[int(ids[t])] += 1
    c = np.array(table.get(tuple(int(v) for v in context), [0] * V))
    if c.sum() == 0:
        return np.ones(V) / V
    return (c + k) / (c + k).sum()
""",
        "perplexity": "def perplexity(probs, lengths):\n    total = n = 0\n    for b in range(len(probs)):\n        for t in range(lengths[b]):\n            total += np.log2(probs[b, t])\n            n += 1\n    return 2 ** (-total / n)",
    },
}

# the same whatever is asked: zeros, or the value of a check, in the right shape
CONSTANT = {
    "zeros": {
        "tokenise": "def tokenise(text, vocab):\n    return np.zeros(len(text) + 2, int)",
        "pad_batch": "def pad_batch(rows):\n    return np.zeros((len(rows), max(map(len, rows))), int), np.zeros(len(rows), int)",
        "windows": "def windows(ids, B, T):\n    return np.zeros(((len(ids) - 1) // (B * T), B, T), int), np.zeros(((len(ids) - 1) // (B * T), B, T), int)",
        "ngram_prob": "def ngram_prob(ids, context, V, k):\n    return np.full(V, 1 / V)",
        "perplexity": "def perplexity(probs, lengths):\n    return 1.0",
        "entropy_rate": "def entropy_rate(P):\n    return np.full(len(P), 1 / len(P)), 0.0",
        "temperature_softmax": "def temperature_softmax(logits, tau):\n    return np.full(np.shape(logits), 1 / np.shape(logits)[1])",
    },
    "a value of the checks": {
        "tokenise": "def tokenise(text, vocab):\n    return np.array([1, 6, 4, 5, 2])",
        "pad_batch": "def pad_batch(rows):\n    return np.array([[0, 5, 0, 0], [0, 0, 0, 0], [7, 8, 9, 0]]), np.array([2, 0, 4])",
        "windows": "def windows(ids, B, T):\n    return np.arange(12).reshape(2, 2, 3).swapaxes(0, 1), np.arange(1, 13).reshape(2, 2, 3).swapaxes(0, 1)",
        "ngram_prob": "def ngram_prob(ids, context, V, k):\n    return np.array([0.25, 0.75])",
        "perplexity": "def perplexity(probs, lengths):\n    return 8.0",
        "entropy_rate": "def entropy_rate(P):\n    return np.array([2 / 3, 1 / 3]), 2 / 3",
        "temperature_softmax": "def temperature_softmax(logits, tau):\n    return np.array([[0.1, 0.9]])",
    },
}

WRONG |= {
    "three reserved ids": ("tokenise", "+ 4", "+ 3"),
    "no end": ("tokenise", "    ids.append(EOS)\n", ""),
    "no beginning": ("tokenise", "ids = [BOS]", "ids = []"),
    "beginning and end exchanged": ("tokenise", "return np.array(ids)", "return np.array([EOS] + ids[1:-1] + [BOS])"),
    "unknown ones left out": ("tokenise", "        ids.append(vocab.index(c) + 4 if c in vocab else UNK)\n", "        if c in vocab:\n            ids.append(vocab.index(c) + 4)\n"),
    "unknown ones are nothing": ("tokenise", "else UNK", "else PAD"),
    "written backwards": ("tokenise", "for c in text:", "for c in text[::-1]:"),
    "code points": ("tokenise", "vocab.index(c) + 4", "ord(c) - 93"),
    "characters counted from the end": ("tokenise", "vocab.index(c)", "len(vocab) - 1 - vocab.index(c)"),
    "numbered by the text": ("tokenise", "vocab.index(c)", "''.join(dict.fromkeys(text)).index(c)"),
    "first unknown ends it": ("tokenise", "    for c in text:\n", "    for c in text:\n        if c not in vocab:\n            ids.append(UNK)\n            break\n"),
    "line ends dropped": ("tokenise", "for c in text:", "for c in text.replace('\\n', ''):"),
    "filled up in front": ("pad_batch", "ids[b, :len(row)] = row", "ids[b, T - len(row):] = row"),
    "filled up with -1": ("pad_batch", "T), PAD)", "T), -1)"),
    "filled up with the end": ("pad_batch", "T), PAD)", "T), EOS)"),
    "cut to the shortest": ("pad_batch", "    return ids, lengths", "    return ids[:, :lengths.min()], lengths"),
    "lengths first": ("pad_batch", "return ids, lengths", "return lengths, ids"),
    "lengths as a column": ("pad_batch", "return ids, lengths", "return ids, lengths[:, None]"),
    "longest first": ("pad_batch", "    lengths = np", "    rows = sorted(rows, key=len, reverse=True)\n    lengths = np"),
    "how many are not 0": ("pad_batch", "return ids, lengths", "return ids, (ids != PAD).sum(1)"),
    "the last token's place": ("pad_batch", "return ids, lengths", "return ids, lengths - 1"),
    "last row forgotten": ("pad_batch", "for b, row in enumerate(rows):", "for b, row in enumerate(rows[:-1]):"),
    "a row goes on with the next": ("pad_batch", "    for b, row in enumerate(rows):\n        ids[b, :len(row)] = row\n", "    flat = np.concatenate(rows)\n    ids.flat[:len(flat)] = flat\n"),
    "no padding, a list": ("pad_batch", "return ids, lengths", "return [list(r) for r in rows], lengths"),
    "inputs and targets exchanged": ("windows", "return x, y", "return y, x"),
    "rows before windows": ("windows", "return x, y", "return x.swapaxes(0, 1), y.swapaxes(0, 1)"),
    "steps before rows": ("windows", "return x, y", "return x.swapaxes(1, 2), y.swapaxes(1, 2)"),
    "targets are the inputs": ("windows", "ids[start + 1:start + T + 1]", "ids[start:start + T]"),
    "targets of the step before": ("windows", "y[k, b] = ids[start + 1:start + T + 1]", "y[k, b] = ids[np.arange(start - 1, start + T - 1)]"),
    "every B-th token": ("windows", "start = b * n * T + k * T", "start = (k * B + b) * T"),
    "tokens dealt out": ("windows", "x[k, b] = ids[start:start + T]", "x[k, b] = ids[(k * T + np.arange(T)) * B + b]"),
    "from the text's end": ("windows", "start = b * n * T + k * T", "start = len(ids) - 1 - B * n * T + b * n * T + k * T"),
    "one window less": ("windows", "n = (len(ids) - 1) // (B * T)", "n = max((len(ids) - 1) // (B * T) - 1, 0)"),
    "rounded up": ("windows", "n = (len(ids) - 1) // (B * T)", "n = -(-(len(ids) - 1) // (B * T))\n    ids = np.pad(ids, (0, B * T))"),
    "windows in reverse": ("windows", "return x, y", "return x[::-1], y[::-1]"),
    "only the next one": ("windows", "return x, y", "return x, y[:, :, -1]"),
    "one k only": ("ngram_prob", "(total + k * V)", "(total + k)"),
    "over the whole text": ("ngram_prob", "(counts + k) / (total + k * V)", "(counts + k) / (len(ids) + k * V)"),
    "always one more": ("ngram_prob", "(counts + k) / (total + k * V)", "(counts + 1) / (total + V)"),
    "no smoothing above": ("ngram_prob", "(counts + k) /", "counts /"),
    "what came before": ("ngram_prob", "    for t in range(len(ids) - m):\n", "    for t in range(1, len(ids) - m + 1):\n        if list(ids[t:t + m]) == list(context):\n            counts[ids[t - 1]] += 1\n    for t in range(0):\n"),
    "once each": ("ngram_prob", "counts[ids[t + m]] += 1", "counts[ids[t + m]] = 1"),
    "first time only": ("ngram_prob", "counts[ids[t + m]] += 1", "counts[ids[t + m]] += counts.sum() == 0"),
    "zeros where nothing is known": ("ngram_prob", "return np.full(V, 1 / V)", "return np.zeros(V)"),
    "logarithms": ("ngram_prob", "    return (counts + k) / (total + k * V)", "    return np.log((counts + k) / (total + k * V))"),
    "the likeliest": ("ngram_prob", "    return (counts + k) / (total + k * V)", "    return (np.arange(V) == counts.argmax()).astype(float)"),
    "one place too early": ("ngram_prob", "counts[ids[t + m]]", "counts[ids[t + max(m - 1, 0)]]"),
    "k shared by all": ("ngram_prob", "(counts + k) / (total + k * V)", "(counts + k / V) / (total + k)"),
    "unseen symbols only": ("ngram_prob", "(counts + k)", "np.where(counts == 0, k, counts)"),
    "divided by its own sum, k twice": ("ngram_prob", "(counts + k) / (total + k * V)", "(counts + 2 * k) / (total + 2 * k * V)"),
    "nats, not a perplexity": ("perplexity", "np.exp(-np.log(p).sum() / N)", "-np.log(p).sum() / N"),
    "nats into a power of 2": ("perplexity", "np.exp(-np", "np.exp2(-np"),
    "mean of 1 / p": ("perplexity", "np.exp(-np.log(p).sum() / N)", "np.mean(1 / p)"),
    "not divided by N": ("perplexity", ".sum() / N", ".sum()"),
    "over the rows": ("perplexity", ".sum() / N", ".sum() / B"),
    "sign": ("perplexity", "np.exp(-np", "np.exp(np"),
    "mean of the logarithms' medians": ("perplexity", "np.log(p).sum() / N", "np.median(np.log(p))"),
    "one token more": ("perplexity", "< lengths[:, None]", "<= lengths[:, None]"),
    "one token less": ("perplexity", "< lengths[:, None]", "< lengths[:, None] - 1"),
    "first token left out": ("perplexity", "p = probs[mask]", "mask[:, 0] = False\n    p = probs[mask]"),
    "with the width of the batch": ("perplexity", "N = lengths.sum()", "N = B * lengths.max()"),
    "huge is the largest number": ("perplexity", "return np.exp(-np.log(p).sum() / N)", "return np.nan_to_num(np.exp(-np.log(p).sum() / N))"),
    "rate first": ("entropy_rate", "return pi, h", "return h, pi"),
    "h for each state": ("entropy_rate", "h = -(pi[:, None] * P * logs).sum()", "h = -(pi[:, None] * P * logs).sum(1)"),
    "perplexity of the chain": ("entropy_rate", "return pi, h", "return pi, 2 ** h"),
    "length 1, not sum 1": ("entropy_rate", "pi = pi / pi.sum()", "pi = np.abs(pi) / np.linalg.norm(pi)"),
    "sign of h": ("entropy_rate", "h = -(pi", "h = (pi"),
    "shares from where it came": ("entropy_rate", "pi[:, None] * P * logs", "pi[None, :] * P * logs"),
    "row 0 of a high power": ("entropy_rate", "pi = pi / pi.sum()", "pi = np.linalg.matrix_power(P, 1000)[0]"),
    "in units of log V": ("entropy_rate", "return pi, h", "return pi, h / np.log2(V)"),
    "an upper bound": ("entropy_rate", "return pi, h", "return pi, -(pi[pi > 0] * np.log2(pi[pi > 0])).sum()"),
    "without the shares": ("entropy_rate", "(pi[:, None] * P * logs)", "(P * logs)"),
    "shares as a row": ("entropy_rate", "return pi, h", "return pi[None], h"),
    "smallest eigenvalue": ("entropy_rate", "np.argmin(np.abs(vals - 1))", "np.argmin(np.abs(vals))"),
    "0 log 0 is small": ("entropy_rate", "logs[P > 0] = np.log2(P[P > 0])", "logs = np.log2(P + 1e-6)"),
    "times tau": ("temperature_softmax", "logits / tau", "logits * tau"),
    "tau forgotten": ("temperature_softmax", "logits / tau", "logits * 1.0"),
    "sum of each column": ("temperature_softmax", "e.sum(axis=1, keepdims=True)", "e.sum(axis=0, keepdims=True)"),
    "largest of each column": ("temperature_softmax", "z.max(axis=1, keepdims=True)", "z.max(axis=0, keepdims=True)"),
    "powers of 2": ("temperature_softmax", "np.exp(z)", "np.exp2(z)"),
    "logarithms of p": ("temperature_softmax", "return e / e.sum(axis=1, keepdims=True)", "return z - np.log(e.sum(axis=1, keepdims=True))"),
    "not normalised": ("temperature_softmax", "return e / e.sum(axis=1, keepdims=True)", "return e"),
    "root of tau": ("temperature_softmax", "logits / tau", "logits / np.sqrt(tau)"),
    "no shift": ("temperature_softmax", "    z = z - z.max(axis=1, keepdims=True)\n", ""),
    "largest first, then tau": ("temperature_softmax", "    z = logits / tau\n    z = z - z.max(axis=1, keepdims=True)\n", "    z = logits - logits.max(axis=1, keepdims=True) / tau\n"),
    "a chance for each at least": ("temperature_softmax", "return e / e.sum(axis=1, keepdims=True)", "return np.maximum(e / e.sum(axis=1, keepdims=True), 1e-4)"),
    "logistic function": ("temperature_softmax", "return e / e.sum(axis=1, keepdims=True)", "return 1 / (1 + np.exp(-logits / tau))"),
    "tau below 1 only": ("temperature_softmax", "logits / tau", "logits / min(tau, 1.0)"),
}

RIGHT |= {
    "find, zip and strides": {
        "tokenise": """
        def tokenise(text: str, vocab: str):
            return np.fromiter([BOS, *(vocab.find(c) + 4 for c in text), EOS], dtype=np.int64)  # find gives -1 for an unknown one: UNK
        """,
        "pad_batch": """
        from itertools import zip_longest
        def pad_batch(rows):
            columns = list(zip_longest(*(np.asarray(r).tolist() for r in rows), fillvalue=PAD))
            return np.array(columns, dtype=int).reshape(-1, len(rows)).T, np.fromiter(map(len, rows), int)
        """,
        "windows": """
        from numpy.lib.stride_tricks import sliding_window_view
        def windows(ids, B, T):
            n = (len(ids) - 1) // (B * T)
            pairs = sliding_window_view(ids, T + 1)[: B * n * T : T].reshape(B, n, T + 1).swapaxes(0, 1)
            return pairs[..., :-1], pairs[..., 1:]
        """,
        "ngram_prob": """
        from collections import Counter
        def ngram_prob(ids, context, V, k):
            m, ids = len(context), [int(i) for i in ids]
            followed = Counter(last for *u, last in zip(*(ids[j:] for j in range(m + 1))) if u == [int(i) for i in context])
            below = sum(followed.values()) + k * V
            return np.array([(followed[w] + k) / below if below else 1 / V for w in range(V)])
        """,
    },
    "scipy": {
        "entropy_rate": """
        from scipy.linalg import null_space
        from scipy.special import xlogy
        def entropy_rate(P):
            pi = null_space(np.eye(len(P)) - P.T, rcond=1e-10)[:, 0]
            pi /= pi.sum()
            return pi, float(-pi @ xlogy(P, P).sum(axis=1) / np.log(2))
        """,
        "perplexity": """
        from scipy import stats
        def perplexity(probs, lengths):
            return 1 / stats.gmean(np.concatenate([p[:n] for p, n in zip(probs, lengths)]))
        """,
    },
    "by equations": {
        "entropy_rate": """
        def entropy_rate(P):
            V = len(P)
            A = np.vstack([P.T - np.eye(V), np.ones((1, V))])
            pi, *_ = np.linalg.lstsq(A, np.append(np.zeros(V), 1.0), rcond=None)
            return pi, sum(pi[i] * sum(-p * np.log2(p) for p in P[i] if p > 0) for i in range(V))
        """,
        "temperature_softmax": """
        def temperature_softmax(logits, tau):
            z = np.asarray(logits, dtype=np.float64) / tau
            return np.exp(z - np.logaddexp.reduce(z, axis=1)[:, np.newaxis])
        """,
        "perplexity": """
        import math
        def perplexity(probs, lengths):
            true = [float(p) for row, n in zip(probs, lengths) for p in row[: int(n)]]
            return math.inf if 0.0 in true else math.exp(-math.fsum(map(math.log, true)) / len(true))
        """,
    },
    "classes and walrus": {
        "tokenise": """
        class Vocabulary(dict):
            def __init__(self, characters):
                super().__init__((c, i) for i, c in enumerate(characters, start=4))

            def __missing__(self, c):
                return UNK

        def tokenise(text, vocab):
            known = Vocabulary(vocab)
            return np.array([BOS] + [known[c] for c in text] + [EOS])
        """,
        "windows": """
        def windows(ids, B, T):
            if (n := (len(ids) - 1) // (B * T)) == 0:
                return np.zeros((0, B, T), int), np.zeros((0, B, T), int)
            cut = lambda start: np.transpose(np.reshape(ids[start : start + B * n * T], (B, n, T)), (1, 0, 2))
            return cut(0), cut(1)
        """,
        "ngram_prob": """
        def ngram_prob(ids, context, V, k):
            m = len(context)
            fits = np.ones(len(ids) - m, bool) if len(ids) > m else np.zeros(0, bool)
            for j, u in enumerate(context):
                fits &= ids[j : j + len(fits)] == u
            c = np.bincount(ids[m:][fits], minlength=V).astype(float) + k
            return c / total if (total := c.sum()) else np.full(V, 1.0 / V)
        """,
    },
}
