"""The hidden tests of lab 1 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

from fresh_laws import *  # noqa: F403
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)

LAB = "lab01_sequences"
POINTS = dict(tokenise=4.0, pad_batch=6.0, windows=7.0, ngram_prob=8.0, perplexity=7.0, entropy_rate=6.0, temperature_softmax=6.0)

# (part, what the model solution says, what the planted mistake says, words that the message must hold)
WRONG = {
    # 1 · tokens
    "no BOS": ("tokenise", "[BOS, *", "[*", "BOS is missing"),
    "no EOS": ("tokenise", ", EOS]", "]", "EOS is missing"),
    "unknown left out": ("tokenise", "for c in text)", "for c in text if c in ids)", "left out"),
    "unknown is PAD": ("tokenise", "UNK)", "PAD)", "become PAD"),
    "reserved ids used twice": ("tokenise", "i + 4", "i", "used twice"),
    "vocabulary sorted": ("tokenise", "enumerate(vocab)", "enumerate(sorted(vocab))", "vocabulary is sorted"),
    "ids from the text": ("tokenise", "enumerate(vocab)", "enumerate(dict.fromkeys(text))", "counted in the text"),
    "character codes": ("tokenise", "ids.get(c, UNK)", "ord(c)", "character codes"),
    "unknown raises": ("tokenise", "ids.get(c, UNK)", "ids[c]", "raised KeyError"),
    "float ids": ("tokenise", "EOS])", "EOS], float)", "expected integers"),
    # 2 · padding
    "padded on the left": ("pad_batch", "ids[b, : len(row)] = row", "ids[b, lengths.max() - len(row) :] = row", "is on the left"),
    "padded with EOS": ("pad_batch", "PAD)", "EOS)", "padding is EOS"),
    "cut to the shortest": (
        "pad_batch",
        None,
        """
        def pad_batch(rows):
            n = min(map(len, rows))
            return np.array([row[:n] for row in rows]), np.array([len(row) for row in rows])
        """,
        "cut to the shortest",
    ),
    "width of the first row": (
        "pad_batch",
        None,
        """
        def pad_batch(rows):
            T = len(rows[0])
            return np.stack([np.pad(r[:T], (0, T - len(r[:T]))) for r in rows]), np.array([len(r) for r in rows])
        """,
        "that of the first row",
    ),
    "lengths counted after padding": ("pad_batch", "return ids, lengths", "return ids, (ids != PAD).sum(1)", "may hold the id 0"),
    "rows sorted": ("pad_batch", "lengths = np", "rows = sorted(rows, key=len)\n    lengths = np", "sorted"),
    "last index": ("pad_batch", "return ids, lengths", "return ids, lengths - 1", "index of the last token"),
    "time first": ("pad_batch", "return ids, lengths", "return ids.T, lengths", "time comes first"),
    "a mask": ("pad_batch", "return ids, lengths", "return ids, np.arange(ids.shape[1]) < lengths[:, None]", "mask"),
    # 3 · windows
    "windows not streams": (
        "windows",
        "ids[: B * n * T].reshape(B, n, T)",
        "ids[: B * n * T].reshape(n, B, T).swapaxes(0, 1)",
        "in the same window",
    ),
    "batch first": ("windows", "return x.swapaxes(0, 1), y.swapaxes(0, 1)", "return x, y", "have changed places"),
    "target is the input": ("windows", "ids[1 : B * n * T + 1]", "ids[: B * n * T]", "targets are the inputs"),
    "target two ahead": ("windows", "ids[1 : B * n * T + 1]", "ids[2 : B * n * T + 2]", "two steps ahead"),
    "target rolled in the window": ("windows", "y.swapaxes(0, 1)", "np.roll(x.swapaxes(0, 1), -1, -1)", "the window's first symbol"),
    "target rolled in the stream": (
        "windows",
        "y = ids[1 : B * n * T + 1].reshape(B, n, T)",
        "y = np.roll(x.reshape(B, n * T), -1, 1).reshape(B, n, T)",
        "streams are rolled",
    ),
    "one window too many": (
        "windows",
        None,
        """
        def windows(ids, B, T):
            n = len(ids) // (B * T)
            y = np.roll(ids, -1)
            return ids[: B * n * T].reshape(B, n, T).swapaxes(0, 1), y[: B * n * T].reshape(B, n, T).swapaxes(0, 1)
        """,
        "n = (N - 1) // (B * T)",
    ),
    "last window dropped": (
        "windows",
        "return x.swapaxes(0, 1), y.swapaxes(0, 1)",
        "return x.swapaxes(0, 1)[:-1], y.swapaxes(0, 1)[:-1]",
        "last window is missing",
    ),
    "short targets": ("windows", "y.swapaxes(0, 1)", "x.swapaxes(0, 1)[..., 1:]", "target of a window's last step is missing"),
    # 4 · counting
    "k once": ("ngram_prob", "counts.sum() + k * V", "counts.sum() + k", "adds k once"),
    "V for kV": ("ngram_prob", "counts.sum() + k * V", "counts.sum() + V * (k > 0)", "denominator adds V"),
    "no smoothing": ("ngram_prob", "(counts + k) / total", "counts / max(counts.sum(), 1)", "k is ignored"),
    "only seen symbols": (
        "ngram_prob",
        "(counts + k) / total if",
        "np.where(counts > 0, counts + k, 0) / np.where(counts > 0, counts + k, 0).sum() if",
        "only symbols that were seen",
    ),
    "seen kinds for V": ("ngram_prob", "k * V", "k * (counts > 0).sum()", "different symbols that were seen"),
    "zero for unseen": ("ngram_prob", "np.full(V, 1 / V)", "np.zeros(V)", "0 everywhere"),
    "0 / 0": ("ngram_prob", " if total > 0 else np.full(V, 1 / V)", "", "NaN or infinite for a context that was never seen"),
    "context before the last": ("ngram_prob", "ids[t - m : t], context", "ids[t - m - 1 : t - 1], context", "off by one"),
    "what stands before": (
        "ngram_prob",
        "if np.array_equal(ids[t - m : t], context):\n            counts[ids[t]] += 1",
        "if np.array_equal(ids[t - m + 1 : t + 1], context):\n            counts[ids[t - m]] += 1",
        "precedes the context",
    ),
    "context reversed": ("ngram_prob", "ids[t - m : t], context", "ids[t - m : t], context[::-1]", "context is reversed"),
    "last symbol only": ("ngram_prob", "m, counts =", "context = context[-1:]\n    m, counts =", "only the last symbol of the context"),
    "joint probability": ("ngram_prob", "total = counts.sum()", "total = len(ids)", "divided by the length of the text"),
    "the end counted": (
        "ngram_prob",
        "counts.sum() + k * V",
        "sum(np.array_equal(ids[t : t + m], context) for t in range(len(ids) - m + 1)) - (m == 0) + k * V",
        "very end of the text",
    ),
    "a circle": ("ngram_prob", "m, counts =", "ids = np.append(ids, ids[:1])\n    m, counts =", "read as a circle"),
    "overlaps missed": (
        "ngram_prob",
        None,
        """
        def ngram_prob(ids, context, V, k):
            m, counts, t = len(context), np.zeros(V), len(context)
            while t < len(ids):
                hit = np.array_equal(ids[t - m : t], context)
                counts[ids[t]] += hit
                t += m if hit and m else 1
            total = counts.sum() + k * V
            return (counts + k) / total if total > 0 else np.full(V, 1 / V)
        """,
        "overlapping",
    ),
    "best guess": ("ngram_prob", "return (counts + k) / total", "return np.eye(V)[counts.argmax()]", "most likely symbol"),
    # 5 · perplexity
    "padding in the mean": ("perplexity", "probs[true]", "probs", "padding counts too"),
    "divided by B T": ("perplexity", "np.log(probs[true]).mean()", "np.log(probs[true]).sum() / probs.size", "divided by B * T"),
    "mean of rows' perplexities": (
        "perplexity",
        "float(np.exp(-np.log(probs[true]).mean()))",
        "float(np.mean([np.exp(-np.log(p[:n]).mean()) for p, n in zip(probs, lengths)]))",
        "mean of the rows' perplexities",
    ),
    "mean of rows' means": (
        "perplexity",
        "float(np.exp(-np.log(probs[true]).mean()))",
        "float(np.exp(np.mean([-np.log(p[:n]).mean() for p, n in zip(probs, lengths)])))",
        "mean of the rows' means",
    ),
    "exp of bits": ("perplexity", "np.log(", "np.log2(", "exp of bits"),
    "2 to the nats": ("perplexity", "np.exp(", "np.exp2(", "2 to the power of nats"),
    "no exp": ("perplexity", "np.exp(", "(", "exp is missing"),
    "sign": ("perplexity", "np.exp(-", "np.exp(", "sign is wrong"),
    "mean of p": ("perplexity", "np.exp(-np.log(probs[true]).mean())", "1 / probs[true].mean()", "average the logarithms"),
    "product": ("perplexity", "np.exp(-np.log(probs[true]).mean())", "np.prod(probs[true]) ** (-1 / true.sum())", "underflows"),
    "mask after the logarithm": (
        "perplexity",
        "np.log(probs[true]).mean()",
        "(np.log(probs) * true).sum() / true.sum()",
        "before the logarithm",
    ),
    "floor hides zero": ("perplexity", "np.log(probs[true])", "np.log(probs[true] + 1e-12)", "infinite perplexity"),
    "lengths off by one": ("perplexity", "< np.asarray(lengths)", "<= np.asarray(lengths)", "off by one"),
    # 6 · entropy rate
    "right eigenvector": ("entropy_rate", "P.T - np.eye(V)", "P - np.eye(V)", "right eigenvector"),
    "not normalised": (
        "entropy_rate",
        "pi = np.linalg.lstsq(balance, np.append(np.zeros(V), 1.0), rcond=None)[0]",
        "values, vectors = np.linalg.eig(P.T)\n    pi = vectors[:, values.real.argmax()].real",
        "divide by its sum",
    ),
    "complex pi": (
        "entropy_rate",
        "pi = np.linalg.lstsq(balance, np.append(np.zeros(V), 1.0), rcond=None)[0]",
        "values, vectors = np.linalg.eig(P.T.astype(complex))\n    pi = vectors[:, values.real.argmax()]\n    pi = pi / pi.sum()",
        "array of real numbers",
    ),
    "power of P": (
        "entropy_rate",
        "pi = np.linalg.lstsq(balance, np.append(np.zeros(V), 1.0), rcond=None)[0]",
        "pi = np.linalg.matrix_power(P, 999)[0]",
        "no power of P settles",
    ),
    "nats": ("entropy_rate", "np.log2(", "np.log(", "in nats"),
    "equal weights": ("entropy_rate", "float(pi @ (P * surprise).sum(1))", "float((P * surprise).sum(1).mean())", "weighted equally"),
    "entropy of pi": ("entropy_rate", "float(pi @ (P * surprise).sum(1))", "float(-(pi * np.log2(pi)).sum())", "entropy of pi"),
    "0 log 0": ("entropy_rate", "np.log2(np.where(P > 0, P, 1.0))", "np.log2(P)", "0 log 0"),
    "h negative": ("entropy_rate", "-np.log2(", "np.log2(", "sign is wrong"),
    "perplexity for h": ("entropy_rate", "return pi, float(", "return pi, 2 ** float(", "it is the perplexity"),
    "pi alone": ("entropy_rate", "return pi, float(pi @ (P * surprise).sum(1))", "return pi", "expected 2 results"),
    # 7 · temperature
    "times tau": ("temperature_softmax", "logits / tau", "logits * tau", "multiplied by tau"),
    "tau ignored": ("temperature_softmax", "logits / tau", "logits", "tau is ignored"),
    "tau divides probabilities": (
        "temperature_softmax",
        "return e / e.sum(-1, keepdims=True)",
        "e = np.exp(logits - logits.max(-1, keepdims=True))\n    return e / e.sum(-1, keepdims=True) / tau",
        "probabilities are divided by tau",
    ),
    "batch axis": ("temperature_softmax", "-1, keepdims", "0, keepdims", "runs over the batch"),
    "whole array": ("temperature_softmax", "e.sum(-1, keepdims=True)", "e.sum()", "sum over the whole array"),
    "whole array, one largest": (
        "temperature_softmax",
        None,
        "def temperature_softmax(logits, tau):\n    e = np.exp(logits / tau - (logits / tau).max())\n    return e / e.sum()",
        "runs over the whole array",
    ),
    "no shift": ("temperature_softmax", " - z.max(-1, keepdims=True)", "", "subtract each row's largest"),
    "shift by the whole array's largest": (
        "temperature_softmax",
        "z.max(-1, keepdims=True)",
        "z.max()",
        "the whole array's largest, or a mean, will not do",
    ),
    "not divided": ("temperature_softmax", "return e / e.sum(-1, keepdims=True)", "return e", "not divided by their sum"),
    "logarithms": (
        "temperature_softmax",
        "return e / e.sum(-1, keepdims=True)",
        "return np.log(e / e.sum(-1, keepdims=True))",
        "logarithms",
    ),
    "logits changed": ("temperature_softmax", "z = logits / tau", "logits /= tau; z = logits", "in place"),
    # the answer called, not written
    "torch's softmax": (
        "temperature_softmax",
        None,
        "def temperature_softmax(logits, tau):\n    return torch.softmax(torch.as_tensor(logits) / tau, -1).numpy()",
        "softmax",
    ),
    "scipy's softmax": (
        "temperature_softmax",
        None,
        "from scipy.special import softmax as s\ndef temperature_softmax(logits, tau):\n    return s(logits / tau, -1)",
        "softmax",
    ),
    "torch.nn pads": (
        "pad_batch",
        None,
        """
        def pad_batch(rows):
            ids = torch.nn.utils.rnn.pad_sequence([torch.as_tensor(r) for r in rows], batch_first=True)
            return ids.numpy(), np.array([len(r) for r in rows])
        """,
        "torch.nn",
    ),
    "the course's counts": (
        "ngram_prob",
        None,
        """
        def ngram_prob(ids, context, V, k):
            from rnnlib.scratch.ngram import NGram
            return NGram(len(context), V, "add-k", k).fit(ids).prob(context)
        """,
        "rnnlib.scratch",
    ),
    "the course's entropy": (
        "entropy_rate",
        None,
        "def entropy_rate(P):\n    import rnnlib.scratch.ngram as a\n    return a.stationary(P), a.entropy_rate(P)",
        "rnnlib.scratch",
    ),
}

RIGHT = {
    "loops": {
        "tokenise": """
            def tokenise(text, vocab):
                ids = [1]
                for c in text:
                    ids.append(vocab.index(c) + 4 if c in vocab else 3)
                ids.append(2)
                return ids
        """,
        "pad_batch": """
            def pad_batch(rows):
                T = 0
                for row in rows:
                    T = max(T, len(row))
                return [[int(row[t]) if t < len(row) else 0 for t in range(T)] for row in rows], [len(row) for row in rows]
        """,
        "windows": """
            def windows(ids, B, T):
                n = (len(ids) - 1) // (B * T)
                x, y = np.zeros((n, B, T), int), np.zeros((n, B, T), int)
                for k in range(n):
                    for b in range(B):
                        start = b * n * T + k * T
                        x[k, b], y[k, b] = ids[start : start + T], ids[start + 1 : start + T + 1]
                return x, y
        """,
        "perplexity": """
            def perplexity(probs, lengths):
                total, N = 0.0, 0
                for row, n in zip(probs, lengths):
                    for p in row[:n]:
                        total += np.inf if p == 0 else -np.log2(p)
                        N += 1
                return 2 ** (total / N)
        """,
        "temperature_softmax": """
            import math

            def temperature_softmax(logits, tau):
                out = np.zeros(logits.shape)
                for b, row in enumerate(logits.tolist()):
                    top = max(row)
                    e = [math.exp((v - top) / tau) for v in row]
                    out[b] = [v / sum(e) for v in e]
                return out
        """,
    },
    "dictionaries": {
        "tokenise": """
            def tokenise(text, vocab):
                table = dict(zip(vocab, range(4, 4 + len(vocab))))
                return np.array([1] + [table.get(c, 3) for c in text] + [2], dtype=np.int32)
        """,
        "ngram_prob": """
            from collections import Counter

            def ngram_prob(ids, context, V, k):
                m, u = len(context), tuple(int(c) for c in context)
                table = Counter((tuple(int(i) for i in ids[t : t + m]), int(ids[t + m])) for t in range(len(ids) - m))
                c = np.array([table[u, w] for w in range(V)], float)
                if c.sum() + k * V == 0:
                    return np.ones(V) / V
                return (c + k) / (c.sum() + k * V)
        """,
    },
    "no loops": {
        "pad_batch": """
            def pad_batch(rows):
                n = np.array([*map(len, rows)])
                keep = np.arange(n.max()) < n[:, None]
                ids = np.zeros(keep.shape, np.int64)
                ids[keep] = np.concatenate(rows)
                return ids, n
        """,
        "windows": """
            def windows(ids, B, T):
                n = (len(ids) - 1) // (B * T)
                at = np.arange(n)[:, None, None] * T + np.arange(B)[:, None] * (n * T) + np.arange(T)
                return ids[at], ids[at + 1]
        """,
        "ngram_prob": """
            def ngram_prob(ids, context, V, k):
                m = len(context)
                seen = np.ones(len(ids) - m, bool)
                for j in range(m):
                    seen &= ids[j : len(ids) - m + j] == context[j]
                c = np.bincount(ids[m:][seen], minlength=V) + k
                return c / c.sum() if c.sum() else np.full(V, 1 / V)
        """,
        "perplexity": """
            def perplexity(probs, lengths):
                true = np.arange(probs.shape[1])[None] < np.asarray(lengths)[:, None]
                return np.exp(-np.log(np.where(true, probs, 1.0)).sum() / np.sum(lengths))
        """,
    },
    "eigenvectors": {
        "entropy_rate": """
            def entropy_rate(P):
                values, vectors = np.linalg.eig(P.T)
                pi = np.real(vectors[:, np.argmin(np.abs(values - 1))])
                pi = pi / pi.sum()
                h = 0.0
                for i in range(len(P)):
                    for j in range(len(P)):
                        if P[i, j] > 0:
                            h -= pi[i] * P[i, j] * np.log(P[i, j]) / np.log(2)
                return pi, h
        """,
    },
    "powers of a lazy chain": {
        "entropy_rate": """
            def entropy_rate(P):
                pi = np.ones(len(P)) / len(P)
                for _ in range(20000):
                    pi = 0.5 * pi + 0.5 * pi @ P
                with np.errstate(all="ignore"):
                    bits = np.nan_to_num(-P * np.log2(P))
                return pi, (pi[:, None] * bits).sum()
        """,
    },
    "torch inside": {
        "temperature_softmax": """
            def temperature_softmax(logits, tau):
                z = torch.as_tensor(logits) / tau
                z = z - z.max(dim=1, keepdim=True).values
                return torch.exp(z) / torch.exp(z).sum(dim=1, keepdim=True)
        """,
        "pad_batch": """
            def pad_batch(rows):
                n = torch.tensor([len(r) for r in rows])
                ids = torch.zeros(len(rows), int(n.max()), dtype=torch.long)
                for b, r in enumerate(rows):
                    ids[b, : len(r)] = torch.as_tensor(r)
                return ids, n
        """,
        "entropy_rate": """
            def entropy_rate(P):
                V = len(P)
                A = torch.as_tensor(P).T - torch.eye(V, dtype=torch.float64)
                A[0] = 1.0
                b = torch.zeros(V, dtype=torch.float64)
                b[0] = 1.0
                pi = torch.linalg.solve(A, b)
                return pi, (pi[:, None] * torch.special.entr(torch.as_tensor(P))).sum().item() / np.log(2)
        """,
    },
    "own helper called softmax, float32 inside": {
        "temperature_softmax": """
            def softmax(z):
                z = np.asarray(z, np.float64)
                return np.exp(z - np.log(np.exp(z - z.max(1)[:, None]).sum(1))[:, None] - z.max(1)[:, None])

            def temperature_softmax(logits, tau):
                return softmax(logits / tau).astype(np.float32)
        """,
        "perplexity": """
            def perplexity(probs, lengths):
                own = np.concatenate([p[:n] for p, n in zip(probs.astype(np.float32), lengths)])
                return np.exp(np.mean(np.log(1 / own)))
        """,
    },
}
