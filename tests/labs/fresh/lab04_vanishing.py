"""Answers to lab 4 that were written from the students' notebook alone, before its hidden tests were read.

``WRONG`` maps a name to a part, None and the whole answer; ``RIGHT`` maps a name to answers by part.
"""

from fresh.text import but as _but

RADIUS = """
def spectral_radius(W):
    values = np.linalg.eigvals(W)
    return np.abs(values).max()
"""

NORMS = """
def gradient_norms(dh_T, h_seq, W_hh):
    B, T, H = h_seq.shape
    norms = np.zeros((B, T))
    delta = dh_T
    for t in reversed(range(T)):
        norms[:, t] = np.sqrt((delta ** 2).sum(axis=1))
        delta = (delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T
    return norms
"""

CLIP = """
def clip_by_global_norm(grads, max_norm):
    total = np.sqrt(sum(np.sum(g ** 2) for g in grads.values()))
    if not np.isfinite(total):
        return {k: g.copy() for k, g in grads.items()}, total
    scale = max_norm / total if total > max_norm else 1.0
    return {k: g * scale for k, g in grads.items()}, total
"""

ORTHOGONAL = """
def orthogonal(A, gain):
    n, m = A.shape
    if n < m:
        Q, R = np.linalg.qr(A.T)
        return gain * (Q * np.sign(np.diag(R))).T
    Q, R = np.linalg.qr(A)
    return gain * Q * np.sign(np.diag(R))
"""

GRAM = """
def orthogonal(A, gain):
    wide = A.shape[0] < A.shape[1]
    V = A.T.copy() if wide else A.copy()
    Q = np.zeros(V.shape)
    for j in range(V.shape[1]):
        v = V[:, j] - Q[:, :j] @ (Q[:, :j].T @ V[:, j])
        Q[:, j] = v / np.linalg.norm(v)
    return gain * (Q.T if wide else Q)
"""

OMEGA = """
def omega_penalty(delta, h_seq, W_hh):
    B, T, H = delta.shape
    omega = 0.0
    dW_hh = np.zeros(W_hh.shape)
    for b in range(B):
        for t in range(T):
            d = np.linalg.norm(delta[b, t])
            if d == 0:
                continue
            u = delta[b, t] * (1 - h_seq[b, t] ** 2)
            v = u @ W_hh.T
            n = np.linalg.norm(v)
            omega += (n / d - 1) ** 2
            if n > 0:
                dW_hh += 2 / (n * d) * (n / d - 1) * np.outer(v, u)
    return omega / B, dW_hh / B
"""

OMEGA_ARRAYS = """
def omega_penalty(delta, h_seq, W_hh):
    B = len(delta)
    u = delta * (1 - h_seq ** 2)
    v = u @ W_hh.T
    d, n = np.linalg.norm(delta, axis=2), np.linalg.norm(v, axis=2)
    some = d > 0
    ratio = np.divide(n, d, out=np.ones_like(n), where=some)
    slope = np.divide(2 * (ratio - 1), n * d, out=np.zeros_like(n), where=(n * d) > 0)
    return ((ratio - 1) ** 2).sum() / B, np.einsum("bt,bti,btj->ij", slope, v, u) / B
"""

ESN = """
def esn_fit(h_seq, y, washout, ridge):
    h, y = h_seq[washout:], y[washout:]
    h_mean, y_mean = h.mean(axis=0), y.mean(axis=0)
    h, y = h - h_mean, y - y_mean
    W_hy = np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y)
    return W_hy, y_mean - h_mean @ W_hy
"""

WRONG = {
    # spectral_radius
    "radius: power iteration from the vector of ones": (
        "spectral_radius",
        None,
        """
        def spectral_radius(W):
            v = np.ones(len(W)) / np.sqrt(len(W))
            for _ in range(200):
                w = W @ v
                size = np.linalg.norm(w)
                if size == 0:
                    return 0.0
                v = w / size
            return size
        """,
    ),
    "radius: power iteration from a random vector": (
        "spectral_radius",
        None,
        """
        def spectral_radius(W):
            v = np.random.default_rng(0).normal(size=len(W))
            for _ in range(1000):
                w = W @ v
                if not np.any(w):
                    return 0.0
                v = w / np.linalg.norm(w)
            return np.linalg.norm(W @ v)
        """,
    ),
    "radius: eigvalsh, for symmetric matrices": ("spectral_radius", None, _but(RADIUS, "eigvals(W)", "eigvalsh(W)")),
    "radius: the symmetric half": ("spectral_radius", None, _but(RADIUS, "eigvals(W)", "eigvals((W + W.T) / 2)")),
    "radius: eigenvalues of W W'": (
        "spectral_radius",
        None,
        _but(RADIUS, "eigvals(W)", "eigvals(W @ W.T)", "np.abs(values).max()", "np.sqrt(np.abs(values).max())"),
    ),
    "radius: the first eigenvalue that numpy lists": ("spectral_radius", None, _but(RADIUS, ".max()", "[0]")),
    "radius: absolute value of the maximum": ("spectral_radius", None, _but(RADIUS, "np.abs(values).max()", "np.abs(values.max())")),
    "radius: |real| + |imaginary|": (
        "spectral_radius",
        None,
        _but(RADIUS, "np.abs(values)", "(np.abs(values.real) + np.abs(values.imag))"),
    ),
    "radius: the larger of |real| and |imaginary|": (
        "spectral_radius",
        None,
        _but(RADIUS, "np.abs(values)", "np.maximum(np.abs(values.real), np.abs(values.imag))"),
    ),
    "radius: Gelfand's formula, stopped at the 20th power": (
        "spectral_radius",
        None,
        """
        def spectral_radius(W):
            return np.linalg.norm(np.linalg.matrix_power(W, 20), 2) ** (1 / 20)
        """,
    ),
    "radius: rounded to three digits": (
        "spectral_radius",
        None,
        _but(RADIUS, "np.abs(values).max()", "round(float(np.abs(values).max()), 3)"),
    ),
    "radius: remembered by shape": (
        "spectral_radius",
        None,
        """
        seen = {}
        def spectral_radius(W):
            key = W.shape
            if key not in seen:
                seen[key] = np.abs(np.linalg.eigvals(W)).max()
            return seen[key]
        """,
    ),
    "radius: the modulus without its root": (
        "spectral_radius",
        None,
        _but(RADIUS, "np.abs(values).max()", "(values.real ** 2 + values.imag ** 2).max()"),
    ),
    # gradient_norms
    "norms: W_hh not transposed": ("gradient_norms", None, _but(NORMS, "W_hh.T", "W_hh")),
    "norms: the slope of the step before": ("gradient_norms", None, _but(NORMS, "h_seq[:, t] ** 2", "h_seq[:, t - 1] ** 2")),
    "norms: the slope after the product": (
        "gradient_norms",
        None,
        _but(NORMS, "(delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T", "(delta @ W_hh.T) * (1 - h_seq[:, t] ** 2)"),
    ),
    "norms: 1 - h": ("gradient_norms", None, _but(NORMS, "h_seq[:, t] ** 2", "h_seq[:, t]")),
    "norms: one norm for the whole batch": (
        "gradient_norms",
        None,
        _but(NORMS, "np.sqrt((delta ** 2).sum(axis=1))", "np.linalg.norm(delta)"),
    ),
    "norms: dtype of the states": ("gradient_norms", None, _but(NORMS, "np.zeros((B, T))", "np.zeros((B, T), dtype=h_seq.dtype)")),
    "norms: sum of absolute values": (
        "gradient_norms",
        None,
        _but(NORMS, "np.sqrt((delta ** 2).sum(axis=1))", "np.abs(delta).sum(axis=1)"),
    ),
    "norms: root mean square": ("gradient_norms", None, _but(NORMS, ".sum(axis=1)", ".mean(axis=1)")),
    "norms: eps under the root": ("gradient_norms", None, _but(NORMS, "(delta ** 2).sum(axis=1)", "(delta ** 2).sum(axis=1) + 1e-8")),
    "norms: starts anew every ten steps": (
        "gradient_norms",
        None,
        _but(NORMS, "    return norms", "        if t % 10 == 0:\n            delta = dh_T\n    return norms"),
    ),
    "norms: only the last ten steps": ("gradient_norms", None, _but(NORMS, "reversed(range(T))", "range(T - 1, max(T - 11, -1), -1)")),
    "norms: delta cut at 10": ("gradient_norms", None, _but(NORMS, "@ W_hh.T", "@ W_hh.T\n        delta = np.clip(delta, -10, 10)")),
    "norms: the states of row 0 for all": ("gradient_norms", None, _but(NORMS, "h_seq[:, t] ** 2", "h_seq[0, t] ** 2")),
    "norms: time runs forwards": ("gradient_norms", None, _but(NORMS, "reversed(range(T))", "range(T)")),
    "norms: after the step, not before": (
        "gradient_norms",
        None,
        _but(
            NORMS,
            "        norms[:, t] = np.sqrt((delta ** 2).sum(axis=1))\n",
            "",
            "@ W_hh.T\n",
            "@ W_hh.T\n        norms[:, t] = np.sqrt((delta ** 2).sum(axis=1))\n",
        ),
    ),
    "norms: delta changed in place": (
        "gradient_norms",
        None,
        _but(NORMS, "delta = (delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T", "delta[:] = (delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T"),
    ),
    # clip_by_global_norm
    "clip: the spectral norm of each array": ("clip_by_global_norm", None, _but(CLIP, "np.sum(g ** 2)", "np.linalg.norm(g, 2) ** 2")),
    "clip: scale by the minimum, infinite too": (
        "clip_by_global_norm",
        None,
        """
        def clip_by_global_norm(grads, max_norm):
            total = np.sqrt(sum((g ** 2).sum() for g in grads.values()))
            scale = min(1.0, max_norm / total)
            return {k: scale * g for k, g in grads.items()}, total
        """,
    ),
    "clip: a Python division by zero": (
        "clip_by_global_norm",
        None,
        _but(
            CLIP,
            "total = np.sqrt(sum(np.sum(g ** 2) for g in grads.values()))",
            "total = float(np.sqrt(sum(np.sum(g ** 2) for g in grads.values())))",
            "max_norm / total if total > max_norm else 1.0",
            "min(max_norm / total, 1.0)",
        ),
    ),
    "clip: only where twice too long": ("clip_by_global_norm", None, _but(CLIP, "total > max_norm", "total > 2 * max_norm")),
    "clip: compares with the squared bound": ("clip_by_global_norm", None, _but(CLIP, "total > max_norm", "total > max_norm ** 2")),
    "clip: whole multiples of the bound": (
        "clip_by_global_norm",
        None,
        _but(CLIP, "max_norm / total if total > max_norm else 1.0", "1 / max(1, total // max_norm)"),
    ),
    "clip: eps in the denominator": ("clip_by_global_norm", None, _but(CLIP, "max_norm / total", "max_norm / (total + 1e-3)")),
    "clip: the norm after clipping": (
        "clip_by_global_norm",
        None,
        _but(CLIP, "scale for k, g in grads.items()}, total", "scale for k, g in grads.items()}, min(total, max_norm)"),
    ),
    "clip: each array by itself": (
        "clip_by_global_norm",
        None,
        """
        def clip_by_global_norm(grads, max_norm):
            total = np.sqrt(sum(np.sum(g ** 2) for g in grads.values()))
            out = {}
            for k, g in grads.items():
                n = np.linalg.norm(g)
                out[k] = g * max_norm / n if n > max_norm else g.copy()
            return out, total
        """,
    ),
    "clip: entries cut at the bound": ("clip_by_global_norm", None, _but(CLIP, "g * scale", "np.clip(g, -max_norm, max_norm)")),
    "clip: always to the bound": ("clip_by_global_norm", None, _but(CLIP, " if total > max_norm else 1.0", "")),
    "clip: infinite entries not looked for": ("clip_by_global_norm", None, _but(CLIP, "not np.isfinite(total)", "np.isnan(total)")),
    "clip: NaN made to zero": ("clip_by_global_norm", None, _but(CLIP, "g.copy()", "np.nan_to_num(g)")),
    "clip: names W and b only": (
        "clip_by_global_norm",
        None,
        _but(CLIP, "for g in grads.values()", "for k, g in grads.items() if k in ('W', 'b')"),
    ),
    "clip: in place": (
        "clip_by_global_norm",
        None,
        """
        def clip_by_global_norm(grads, max_norm):
            total = np.sqrt(sum((g ** 2).sum() for g in grads.values()))
            if np.isfinite(total) and total > max_norm:
                for g in grads.values():
                    g *= max_norm / total
            return dict(grads), total
        """,
    ),
    "clip: whole numbers stay whole": (
        "clip_by_global_norm",
        None,
        """
        def clip_by_global_norm(grads, max_norm):
            total = np.sqrt(sum((g ** 2).sum() for g in grads.values()))
            clipped = {}
            for name, g in grads.items():
                clipped[name] = np.zeros_like(g)
                clipped[name][...] = g * (max_norm / total) if np.isfinite(total) and total > max_norm else g
            return clipped, total
        """,
    ),
    "clip: a default dict that keeps its names": (
        "clip_by_global_norm",
        None,
        """
        def clip_by_global_norm(grads, max_norm, out={}):
            total = np.sqrt(sum((g ** 2).sum() for g in grads.values()))
            scale = max_norm / total if np.isfinite(total) and total > max_norm else 1.0
            for k, g in grads.items():
                out[k] = g * scale
            return dict(out), total
        """,
    ),
    "clip: the largest norm so far": (
        "clip_by_global_norm",
        None,
        """
        largest = [0.0]
        def clip_by_global_norm(grads, max_norm):
            total = np.sqrt(sum((g ** 2).sum() for g in grads.values()))
            if not np.isfinite(total):
                return {k: g.copy() for k, g in grads.items()}, total
            largest[0] = max(largest[0], total)
            scale = min(1.0, max_norm / max(largest[0], 1e-300)) if total > max_norm else 1.0
            return {k: g * scale for k, g in grads.items()}, total
        """,
    ),
    "clip: very large is taken for infinite": ("clip_by_global_norm", None, _but(CLIP, "not np.isfinite(total)", "not total < 1e4")),
    "clip: gradients that are not finite are left out": ("clip_by_global_norm", None, _but(CLIP, "g.copy() for", "g * 0 for")),
    # orthogonal
    "orthogonal: no signs": ("orthogonal", None, _but(ORTHOGONAL, " * np.sign(np.diag(R))", "", "(Q)", "Q")),
    "orthogonal: signs of rows": ("orthogonal", None, _but(ORTHOGONAL, "Q * np.sign(np.diag(R))\n", "np.sign(np.diag(R))[:, None] * Q\n")),
    "orthogonal: no signs for a wide matrix": ("orthogonal", None, _but(ORTHOGONAL, "(Q * np.sign(np.diag(R))).T", "Q.T")),
    "orthogonal: reshape in place of the transpose": (
        "orthogonal",
        None,
        _but(ORTHOGONAL, "(Q * np.sign(np.diag(R))).T", "(Q * np.sign(np.diag(R))).reshape(n, m)"),
    ),
    "orthogonal: gain twice for a wide matrix": (
        "orthogonal",
        None,
        """
        def orthogonal(A, gain):
            if A.shape[0] < A.shape[1]:
                return gain * orthogonal(A.T, gain).T
            Q, R = np.linalg.qr(A)
            return gain * Q * np.sign(np.diag(R))
        """,
    ),
    "orthogonal: no gain for a wide matrix": ("orthogonal", None, _but(ORTHOGONAL, "gain * (Q", "(Q")),
    "orthogonal: the complete Q of a tall matrix": (
        "orthogonal",
        None,
        _but(
            ORTHOGONAL,
            "qr(A)\n    return gain * Q * np.sign(np.diag(R))",
            "qr(A, mode='complete')\n    Q[:, :m] *= np.sign(np.diag(R))\n    return gain * Q",
        ),
    ),
    "orthogonal: only the column before is taken off": (
        "orthogonal",
        None,
        _but(GRAM, "Q[:, :j] @ (Q[:, :j].T @ V[:, j])", "(Q[:, j - 1] * (Q[:, j - 1] @ V[:, j]) if j else 0)"),
    ),
    "orthogonal: dtype of A": ("orthogonal", None, _but(GRAM, "np.zeros(V.shape)", "np.zeros_like(V)")),
    "orthogonal: eps beside the norm": ("orthogonal", None, _but(GRAM, "np.linalg.norm(v)", "(np.linalg.norm(v) + 1e-6)")),
    "orthogonal: the nearest orthogonal matrix": (
        "orthogonal",
        None,
        """
        def orthogonal(A, gain):
            U, _, Vt = np.linalg.svd(A, full_matrices=False)
            return gain * U @ Vt
        """,
    ),
    "orthogonal: A is used up": (
        "orthogonal",
        None,
        _but(
            GRAM,
            "A.T.copy() if wide else A.copy()",
            "A.T if wide else A",
            "V[:, j] - Q[:, :j]",
            "V[:, j] = V[:, j] - Q[:, :j]",
            "v = V[:, j] = ",
            "V[:, j] = ",
            "        Q[:, j] = v / np.linalg.norm(v)",
            "        v = V[:, j]\n        Q[:, j] = v / np.linalg.norm(v)",
        ),
    ),
    "orthogonal: columns of length 1 only": ("orthogonal", None, _but(GRAM, "V[:, j] - Q[:, :j] @ (Q[:, :j].T @ V[:, j])", "V[:, j]")),
    # omega_penalty
    "omega: dW_hh transposed": ("omega_penalty", None, _but(OMEGA, "np.outer(v, u)", "np.outer(u, v)")),
    "omega: W_hh not transposed": ("omega_penalty", None, _but(OMEGA, "W_hh.T", "W_hh")),
    "omega: no slope": ("omega_penalty", None, _but(OMEGA, " * (1 - h_seq[b, t] ** 2)", "")),
    "omega: dW_hh not divided by B": ("omega_penalty", None, _but(OMEGA, "dW_hh / B", "dW_hh")),
    "omega: mean over steps as well": ("omega_penalty", None, _but(OMEGA, "omega / B, dW_hh / B", "omega / (B * T), dW_hh / (B * T)")),
    "omega: v = 0 costs nothing": (
        "omega_penalty",
        None,
        _but(
            OMEGA,
            "            omega += (n / d - 1) ** 2\n            if n > 0:\n",
            "            if n > 0:\n                omega += (n / d - 1) ** 2\n",
        ),
    ),
    "omega: v = 0 gives NaN": ("omega_penalty", None, _but(OMEGA, "if n > 0:", "if True:")),
    "omega: delta = 0 gives NaN in dW_hh": (
        "omega_penalty",
        None,
        """
        def omega_penalty(delta, h_seq, W_hh):
            B = len(delta)
            u = delta * (1 - h_seq ** 2)
            v = u @ W_hh.T
            d, n = np.linalg.norm(delta, axis=2), np.linalg.norm(v, axis=2)
            ratio = n / d
            omega = np.nansum((ratio - 1) ** 2) / B
            scale = 2 / (n * d) * (ratio - 1)
            return omega, np.einsum("bt,bti,btj->ij", scale, v, u) / B
        """,
    ),
    "omega: small errors count as zero": ("omega_penalty", None, _but(OMEGA, "if d == 0", "if d < 1e-6")),
    "omega: eps beside the norm": (
        "omega_penalty",
        None,
        _but(
            OMEGA,
            "d = np.linalg.norm(delta[b, t])\n            if d == 0:\n                continue",
            "d = np.linalg.norm(delta[b, t]) + 1e-8",
        ),
    ),
    "omega: a step is left out where one row has no error": (
        "omega_penalty",
        None,
        """
        def omega_penalty(delta, h_seq, W_hh):
            B, T, H = delta.shape
            omega, dW = 0.0, np.zeros((H, H))
            for t in range(T):
                d = np.linalg.norm(delta[:, t], axis=1)
                if (d == 0).any():
                    continue
                u = delta[:, t] * (1 - h_seq[:, t] ** 2)
                v = u @ W_hh.T
                n = np.linalg.norm(v, axis=1)
                omega += ((n / d - 1) ** 2).sum()
                dW += (np.where(n > 0, 2 / (n * d) * (n / d - 1), 0)[:, None] * v).T @ u
            return omega / B, dW / B
        """,
    ),
    "omega: dtype of W_hh": (
        "omega_penalty",
        None,
        _but(OMEGA, "np.zeros(W_hh.shape)", "np.zeros_like(W_hh)", "dW_hh += ", "dW_hh[:] = dW_hh + "),
    ),
    "omega: the last ten steps": ("omega_penalty", None, _but(OMEGA, "in range(T):", "in range(max(0, T - 10), T):")),
    "omega: the slope of the step before": ("omega_penalty", None, _but(OMEGA, "h_seq[b, t] ** 2", "h_seq[b, t - 1] ** 2")),
    "omega: one ratio for each row": (
        "omega_penalty",
        None,
        """
        def omega_penalty(delta, h_seq, W_hh):
            B, T, H = delta.shape
            omega, dW = 0.0, np.zeros((H, H))
            for b in range(B):
                u = delta[b] * (1 - h_seq[b] ** 2)
                v = u @ W_hh.T
                d, n = np.linalg.norm(delta[b]), np.linalg.norm(v)
                if d == 0 or n == 0:
                    continue
                omega += T * (n / d - 1) ** 2
                dW += T * 2 / (n * d) * (n / d - 1) * v.T @ u
            return omega / B, dW / B
        """,
    ),
    "omega: the gradient of the distance, not of its square": (
        "omega_penalty",
        None,
        _but(OMEGA, "2 / (n * d) * (n / d - 1) * np.outer", "np.sign(n / d - 1) / (n * d) * np.outer"),
    ),
    "omega: a default matrix that adds up": (
        "omega_penalty",
        None,
        _but(
            OMEGA,
            "def omega_penalty(delta, h_seq, W_hh):",
            "sums = {}\ndef omega_penalty(delta, h_seq, W_hh):",
            "dW_hh = np.zeros(W_hh.shape)",
            "dW_hh = sums.setdefault(W_hh.shape, np.zeros(W_hh.shape))",
        ),
    ),
    # esn_fit
    "esn: weights of data that are not centred": (
        "esn_fit",
        None,
        _but(ESN, "    h, y = h - h_mean, y - y_mean\n", ""),
    ),
    "esn: the bias is the mean of y": ("esn_fit", None, _but(ESN, "y_mean - h_mean @ W_hy", "y_mean")),
    "esn: the ridge on every entry": ("esn_fit", None, _but(ESN, "ridge * np.eye(h.shape[1])", "ridge")),
    "esn: one mean of y for all outputs": ("esn_fit", None, _but(ESN, "y.mean(axis=0)", "y.mean()")),
    "esn: one mean of h for all units": ("esn_fit", None, _but(ESN, "h.mean(axis=0)", "h.mean() * np.ones(h.shape[1])")),
    "esn: states divided by their deviation": (
        "esn_fit",
        None,
        _but(ESN, "h - h_mean, y - y_mean", "(h - h_mean) / h.std(axis=0), y - y_mean"),
    ),
    "esn: the ridge times the number of rows": ("esn_fit", None, _but(ESN, "ridge * np.eye", "len(h) * ridge * np.eye")),
    "esn: the ridge on the bias too": (
        "esn_fit",
        None,
        """
        def esn_fit(h_seq, y, washout, ridge):
            h = np.hstack([h_seq[washout:], np.ones((len(h_seq) - washout, 1))])
            W = np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y[washout:])
            return W[:-1], W[-1]
        """,
    ),
    "esn: a little ridge always": ("esn_fit", None, _but(ESN, "ridge * np.eye", "(ridge + 1e-6) * np.eye")),
    "esn: washout off by one": ("esn_fit", None, _but(ESN, "h_seq[washout:], y[washout:]", "h_seq[washout + 1:], y[washout + 1:]")),
    "esn: means of all rows": ("esn_fit", None, _but(ESN, "h.mean(axis=0), y.mean(axis=0)", "h_seq.mean(axis=0), y.mean(axis=0)")),
    "esn: y is one step late": ("esn_fit", None, _but(ESN, "h_seq[washout:], y[washout:]", "h_seq[washout:-1], y[washout + 1:]")),
    "esn: the last rows are left out": (
        "esn_fit",
        None,
        _but(ESN, "h_seq[washout:], y[washout:]", "h_seq[:len(h_seq) - washout], y[:len(y) - washout]"),
    ),
    "esn: centred in place": ("esn_fit", None, _but(ESN, "    h, y = h - h_mean, y - y_mean\n", "    h -= h_mean\n    y -= y_mean\n")),
    "esn: adds up over calls": (
        "esn_fit",
        None,
        """
        gram = {}
        def esn_fit(h_seq, y, washout, ridge):
            h, y = h_seq[washout:], y[washout:]
            h_mean, y_mean = h.mean(axis=0), y.mean(axis=0)
            h, y = h - h_mean, y - y_mean
            A, b = gram.get(h.shape[1], (0, 0))
            gram[h.shape[1]] = A, b = A + h.T @ h, b + h.T @ y
            W_hy = np.linalg.solve(A + ridge * np.eye(h.shape[1]), b)
            return W_hy, y_mean - h_mean @ W_hy
        """,
    ),
}

RIGHT = {
    "nested lists and plain loops": {
        "gradient_norms": """
        import math
        def gradient_norms(dh_T, h_seq, W_hh):
            dh_T, h_seq, W_hh = dh_T.tolist(), h_seq.tolist(), W_hh.tolist()
            result = []
            for delta, states in zip(dh_T, h_seq):
                norms = []
                for h in states[::-1]:
                    norms.append(math.sqrt(sum(d * d for d in delta)))
                    u = [d * (1 - a * a) for d, a in zip(delta, h)]
                    delta = [sum(W_hh[i][j] * u[j] for j in range(len(u))) for i in range(len(u))]
                result.append(norms[::-1])
            return result
        """,
        "orthogonal": """
        def orthogonal(A, gain):
            rows = A.tolist()
            n, m = len(rows), len(rows[0])
            columns = rows if n < m else [[rows[i][j] for i in range(n)] for j in range(m)]
            found = []
            for v in columns:
                for _ in range(2):
                    for q in found:
                        dot = sum(a * b for a, b in zip(q, v))
                        v = [b - dot * a for a, b in zip(q, v)]
                size = sum(a * a for a in v) ** 0.5
                found.append([a / size for a in v])
            out = found if n < m else [[q[i] for q in found] for i in range(n)]
            return [[gain * a for a in row] for row in out]
        """,
    },
    "float32 inside and out": {
        "spectral_radius": """
        def spectral_radius(W):
            return np.abs(np.linalg.eigvals(W.astype(np.float32))).max()
        """,
        "gradient_norms": _but(
            NORMS,
            "delta = dh_T",
            "delta, h_seq, W_hh = (a.astype(np.float32) for a in (dh_T, h_seq, W_hh))",
            "np.zeros((B, T))",
            "np.zeros((B, T), np.float32)",
        ),
        "omega_penalty": _but(
            OMEGA,
            "    omega = 0.0\n",
            "    omega = np.float32(0)\n    delta, h_seq, W_hh = (a.astype(np.float32) for a in (delta, h_seq, W_hh))\n",
        ),
    },
    "named results": {
        "clip_by_global_norm": """
        from collections import OrderedDict, namedtuple
        Clipped = namedtuple("Clipped", "grads norm")
        def clip_by_global_norm(grads, max_norm):
            flat = np.concatenate([np.ravel(g) for g in grads.values()])
            norm = np.linalg.norm(flat)
            factor = max_norm / norm if np.isfinite(norm) and norm > max_norm else 1
            return Clipped(OrderedDict((k, np.array(g) * factor) for k, g in grads.items()), norm)
        """,
        "omega_penalty": _but(
            OMEGA_ARRAYS,
            "def omega",
            "from typing import NamedTuple\nclass Penalty(NamedTuple):\n    omega: float\n    dW_hh: np.ndarray\n\ndef omega",
            "return ((ratio - 1) ** 2).sum() / B,",
            "return Penalty(((ratio - 1) ** 2).sum() / B,",
            "v, u) / B",
            "v, u) / B)",
        ),
        "esn_fit": _but(
            ESN,
            "def esn_fit",
            "from collections import namedtuple\nReadout = namedtuple('Readout', ['W_hy', 'b_y'])\ndef esn_fit",
            "return W_hy, y_mean - h_mean @ W_hy",
            "return Readout(W_hy, y_mean - h_mean @ W_hy)",
        ),
    },
    "a defaultdict, and the norm by hypot": {
        "clip_by_global_norm": """
        import math
        from collections import defaultdict
        def clip_by_global_norm(grads, max_norm):
            norm = math.hypot(*(float(v) for g in grads.values() for v in np.asarray(g).flat))
            out = defaultdict(list)
            for k in grads:
                out[k] = np.array(grads[k], copy=True)
                if math.isfinite(norm) and norm > max_norm:
                    out[k] = out[k] / norm * max_norm
            return out, norm
        """,
    },
    "torch inside, tensors out": {
        "spectral_radius": """
        def spectral_radius(W):
            return torch.linalg.eigvals(torch.tensor(W, dtype=torch.float64)).abs().max()
        """,
        "gradient_norms": """
        def gradient_norms(dh_T, h_seq, W_hh):
            delta, h, W = (torch.tensor(a, dtype=torch.float64) for a in (dh_T, h_seq, W_hh))
            norms = []
            for t in range(h.shape[1] - 1, -1, -1):
                norms.insert(0, delta.norm(dim=1))
                delta = (delta * (1 - h[:, t] ** 2)) @ W.T
            return torch.stack(norms, dim=1)
        """,
        "orthogonal": """
        def orthogonal(A, gain):
            A = torch.as_tensor(np.array(A), dtype=torch.float64)
            flip = A.shape[0] < A.shape[1]
            Q, R = torch.linalg.qr(A.T if flip else A)
            Q = Q * torch.sign(torch.diagonal(R))
            return gain * (Q.T if flip else Q)
        """,
        "esn_fit": """
        def esn_fit(h_seq, y, washout, ridge):
            h, t = torch.tensor(h_seq[washout:], dtype=torch.float64), torch.tensor(y[washout:], dtype=torch.float64)
            hc, tc = h - h.mean(0), t - t.mean(0)
            W = torch.linalg.solve(hc.T @ hc + ridge * torch.eye(h.shape[1], dtype=torch.float64), hc.T @ tc)
            return [W, t.mean(0) - h.mean(0) @ W]
        """,
    },
    "einsum and whole arrays": {
        "omega_penalty": OMEGA_ARRAYS,
        "gradient_norms": """
        def gradient_norms(dh_T, h_seq, W_hh):
            chain = [np.asarray(dh_T, float)]
            for h in np.moveaxis(np.asarray(h_seq, float), 1, 0)[:0:-1]:
                chain.append(np.einsum("bj,bj,ij->bi", chain[-1], 1 - h * h, W_hh))
            return np.linalg.norm(np.stack(chain[::-1], axis=1), axis=-1)
        """,
        "clip_by_global_norm": """
        def clip_by_global_norm(grads, max_norm):
            norm = sum(np.vdot(g, g) for g in grads.values()) ** 0.5
            if norm > max_norm and norm != np.inf:
                return {k: np.multiply(g, max_norm / norm) for k, g in grads.items()}, norm
            return {**grads}, norm
        """,
    },
    "recursion": {
        "gradient_norms": """
        def gradient_norms(dh_T, h_seq, W_hh):
            last = np.linalg.norm(dh_T, axis=1, keepdims=True)
            if h_seq.shape[1] == 1:
                return last
            before = (dh_T * (1 - h_seq[:, -1] ** 2)) @ W_hh.T
            return np.hstack([gradient_norms(before, h_seq[:, :-1], W_hh), last])
        """,
        "orthogonal": """
        def orthogonal(A, gain):
            n, m = A.shape
            if n < m:
                return orthogonal(A.T, gain).T
            first = A[:, :1] / np.linalg.norm(A[:, :1])
            if m == 1:
                return gain * first
            rest = A[:, 1:] - first @ (first.T @ A[:, 1:])
            rest = rest - first @ (first.T @ rest)
            return np.concatenate([gain * first, orthogonal(rest, gain)], axis=1)
        """,
    },
    "in place, on copies": {
        "gradient_norms": """
        def gradient_norms(dh_T, h_seq, W_hh):
            delta = np.array(dh_T, dtype=float)
            out = np.empty(h_seq.shape[:2])
            for t in range(h_seq.shape[1])[::-1]:
                np.sqrt(np.einsum("bj,bj->b", delta, delta), out=out[:, t])
                delta *= 1 - np.square(h_seq[:, t])
                delta[:] = delta @ W_hh.T
            return out
        """,
        "clip_by_global_norm": """
        from copy import deepcopy
        def clip_by_global_norm(grads, max_norm):
            out, squares = deepcopy(grads), 0.0
            for g in out.values():
                squares += float(np.square(g, dtype=float).sum())
            norm = squares ** 0.5
            if max_norm < norm < float("inf"):
                for k in out:
                    out[k] = out[k].astype(float)
                    out[k] *= max_norm
                    out[k] /= norm
            return out, norm
        """,
    },
    "other mathematics": {
        "spectral_radius": """
        import scipy.linalg
        def spectral_radius(W):
            T, _ = scipy.linalg.schur(W, output="complex")
            return float(max(abs(T.diagonal())))
        """,
        "orthogonal": """
        import scipy.linalg
        def orthogonal(A, gain):
            if A.shape[0] < A.shape[1]:
                L = np.linalg.cholesky(A @ A.T)
                return gain * scipy.linalg.solve_triangular(L, A, lower=True)
            Q, R = scipy.linalg.qr(A, mode="economic")
            for j in range(R.shape[0]):
                if R[j, j] < 0:
                    Q[:, j] = -Q[:, j]
            return gain * Q
        """,
        "omega_penalty": """
        def omega_penalty(delta, h_seq, W_hh):
            keep = np.linalg.norm(delta, axis=-1) > 0
            d, u = delta[keep], (delta * (1 - h_seq ** 2))[keep]
            size = np.linalg.norm(d, axis=-1, keepdims=True)
            e, u = d / size, u / size
            v = u @ W_hh.T
            n = np.linalg.norm(v, axis=-1, keepdims=True)
            unit = v / np.where(n == 0, 1, n)
            return np.sum((n - 1) ** 2) / len(delta), (2 * (n - 1) * unit).T @ u / len(delta)
        """,
        "esn_fit": """
        def esn_fit(h_seq, y, washout, ridge):
            h, t = h_seq[washout:], y[washout:]
            H = h.shape[1]
            top = np.column_stack([h, np.ones(len(h))])
            bottom = np.column_stack([np.sqrt(ridge) * np.eye(H), np.zeros(H)])
            W = np.linalg.lstsq(np.vstack([top, bottom]), np.vstack([t, np.zeros((H, t.shape[1]))]), rcond=None)[0]
            return W[:H], W[H]
        """,
    },
    "the ridge by an augmented system": {
        "esn_fit": """
        def esn_fit(h_seq, y, washout, ridge):
            h = np.insert(np.asarray(h_seq, dtype=float)[washout:], 0, 1.0, axis=1)
            penalty = np.diag([0.0] + [ridge] * (h.shape[1] - 1))
            solution = np.linalg.inv(h.T @ h + penalty) @ h.T @ y[washout:]
            return solution[1:], solution[0]
        """,
        "spectral_radius": """
        def spectral_radius(W):
            largest = 0
            for value in np.linalg.eig(W)[0]:
                largest = max(largest, (value * np.conj(value)).real)
            return np.sqrt(largest)
        """,
    },
}

WRONG |= {
    "radius: the last one in numpy's order of complex numbers": ("spectral_radius", None, _but(RADIUS, "np.abs(values).max()", "abs(np.sort(values)[-1])")),
    "radius: the root of the determinant": ("spectral_radius", None, _but(RADIUS, "np.abs(values).max()", "abs(np.linalg.det(W)) ** (1 / len(W))")),
    "radius: the largest sum of a row": ("spectral_radius", None, _but(RADIUS, "np.abs(values).max()", "np.abs(W).sum(1).max()")),
    "radius: eigenvalues of the absolute entries": ("spectral_radius", None, _but(RADIUS, "eigvals(W)", "eigvals(np.abs(W))")),
    "radius: the power 256, Frobenius": ("spectral_radius", None, _but(RADIUS, "np.abs(values).max()", "np.linalg.norm(np.linalg.matrix_power(W, 256)) ** (1 / 256)")),
    "radius: complex ones left out": ("spectral_radius", None, _but(RADIUS, "np.abs(values).max()", "max([abs(v) for v in values if abs(v.imag) < 1e-12], default=0.0)")),
    "radius: mean of the moduli": ("spectral_radius", None, _but(RADIUS, ".max()", ".mean()")),
    "norms: tanh once more": ("gradient_norms", None, _but(NORMS, "h_seq[:, t] ** 2", "np.tanh(h_seq[:, t]) ** 2")),
    "norms: every step from dh_T": ("gradient_norms", None, _but(NORMS, "delta = (delta *", "delta = (dh_T *")),
    "norms: no slope at the last step": ("gradient_norms", None, _but(NORMS, "delta = (delta * (1 - h_seq[:, t] ** 2))", "delta = (delta * (1 - h_seq[:, t] ** 2) if t < T - 1 else delta)")),
    "norms: the first column is never reached": ("gradient_norms", None, _but(NORMS, "reversed(range(T))", "range(T - 1, 0, -1)")),
    "norms: steps first": ("gradient_norms", None, _but(NORMS, "return norms", "return norms.T")),
    "norms: delta is made a unit vector": ("gradient_norms", None, _but(NORMS, "        delta = (delta", "        delta = delta / np.linalg.norm(delta, axis=1, keepdims=True)\n        delta = (delta")),
    "norms: mean slope of the batch": ("gradient_norms", None, _but(NORMS, "(1 - h_seq[:, t] ** 2)", "(1 - h_seq[:, t] ** 2).mean(0)")),
    "norms: slope squared": ("gradient_norms", None, _but(NORMS, "(1 - h_seq[:, t] ** 2)", "(1 - h_seq[:, t] ** 2) ** 2")),
    "norms: root of the slope": ("gradient_norms", None, _but(NORMS, "(1 - h_seq[:, t] ** 2)", "np.sqrt(1 - h_seq[:, t] ** 2)")),
    "norms: inverse of W_hh": ("gradient_norms", None, _but(NORMS, "@ W_hh.T", "@ np.linalg.pinv(W_hh)")),
    "norms: rolled by one": ("gradient_norms", None, _but(NORMS, "norms[:, t] =", "norms[:, t - 1] =")),
    "norms: divided by the last": ("gradient_norms", None, _but(NORMS, "return norms", "return norms / norms[:, -1:]")),
    "norms: delta at least 1e-6": ("gradient_norms", None, _but(NORMS, "return norms", "return np.maximum(norms, 1e-6)")),
    "clip: matrices only in the norm": ("clip_by_global_norm", None, _but(CLIP, "for g in grads.values()))", "for g in grads.values() if g.ndim > 1))")),
    "clip: the norm of an average array": ("clip_by_global_norm", None, _but(CLIP, "grads.values()))", "grads.values()) / len(grads))")),
    "clip: the smaller of norm and bound": ("clip_by_global_norm", None, _but(CLIP, "{k: g * scale for k, g in grads.items()}, total", "{k: g * scale for k, g in grads.items()}, min(total, max_norm)")),
    "clip: a list, not a dict": ("clip_by_global_norm", None, _but(CLIP, "return {k: g * scale for k, g in grads.items()}, total", "return [g * scale for g in grads.values()], total")),
    "clip: not finite raises": ("clip_by_global_norm", None, _but(CLIP, "        return {k: g.copy() for k, g in grads.items()}, total", "        raise ValueError('not finite')")),
    "clip: times max_norm": ("clip_by_global_norm", None, _but(CLIP, "max_norm / total if", "max_norm if")),
    "clip: root of the factor": ("clip_by_global_norm", None, _but(CLIP, "max_norm / total if", "np.sqrt(max_norm / total) if")),
    "clip: into the caller's dict": ("clip_by_global_norm", None, _but(CLIP, "    return {k: g * scale for k, g in grads.items()}, total", "    for k in grads:\n        grads[k] = grads[k] * scale\n    return grads, total")),
    "clip: the last array under every name": ("clip_by_global_norm", None, _but(CLIP, "return {k: g * scale for k, g in grads.items()}, total", "for k, g in grads.items():\n        g = g * scale\n    return {k: g for k in grads}, total")),
    "clip: norm rounded": ("clip_by_global_norm", None, _but(CLIP, "total = np.sqrt(sum(np.sum(g ** 2) for g in grads.values()))", "total = np.round(np.sqrt(sum(np.sum(g ** 2) for g in grads.values())), 3)")),
    "clip: the first array stays": ("clip_by_global_norm", None, _but(CLIP, "{k: g * scale for k, g in grads.items()}", "{k: g * scale if i else g for i, (k, g) in enumerate(grads.items())}")),
    "clip: the factor is cut at 1 from below": ("clip_by_global_norm", None, _but(CLIP, "scale = max_norm / total if total > max_norm else 1.0", "scale = max(1.0, max_norm / total)")),
    "clip: sum not of squares": ("clip_by_global_norm", None, _but(CLIP, "np.sum(g ** 2)", "np.sum(g) ** 2")),
    "orthogonal: U of the singular values": ("orthogonal", None, "def orthogonal(A, gain):\n    return gain * np.linalg.svd(A, full_matrices=False)[0 if len(A) >= A.shape[1] else 2]\n"),
    "orthogonal: rows of length 1 in a tall matrix": ("orthogonal", None, "def orthogonal(A, gain):\n    return gain * A / np.linalg.norm(A, axis=1, keepdims=True)\n"),
    "orthogonal: signs of Q's diagonal": ("orthogonal", None, _but(ORTHOGONAL, "return gain * Q * np.sign(np.diag(R))", "return gain * Q * np.sign(np.diag(Q))")),
    "orthogonal: absolute values": ("orthogonal", None, _but(ORTHOGONAL, "return gain * Q * np.sign(np.diag(R))", "return gain * np.abs(Q)")),
    "orthogonal: not of length 1": ("orthogonal", None, _but(GRAM, "v / np.linalg.norm(v)", "v")),
    "orthogonal: from the last column": ("orthogonal", None, _but(ORTHOGONAL, "Q, R = np.linalg.qr(A)\n    return gain * Q * np.sign(np.diag(R))", "Q, R = np.linalg.qr(A[:, ::-1])\n    return gain * (Q * np.sign(np.diag(R)))[:, ::-1]")),
    "orthogonal: Q of a wide matrix": ("orthogonal", None, "def orthogonal(A, gain):\n    Q, R = np.linalg.qr(A)\n    return gain * Q * np.sign(np.diag(R))\n"),
    "orthogonal: root of the gain": ("orthogonal", None, _but(ORTHOGONAL, "return gain * Q", "return np.sqrt(gain) * Q")),
    "orthogonal: R comes out": ("orthogonal", None, _but(ORTHOGONAL, "return gain * Q * np.sign(np.diag(R))", "return gain * R")),
    "orthogonal: signs of the first row of R": ("orthogonal", None, _but(ORTHOGONAL, "return gain * Q * np.sign(np.diag(R))", "return gain * Q * np.sign(R[0])")),
    "orthogonal: gain for the spectral norm of A": ("orthogonal", None, "def orthogonal(A, gain):\n    return gain * A / np.linalg.norm(A, 2)\n"),
    "omega: no square": ("omega_penalty", None, _but(OMEGA, "omega += (n / d - 1) ** 2", "omega += abs(n / d - 1)")),
    "omega: sum over the rows": ("omega_penalty", None, _but(OMEGA, "omega / B, dW_hh / B", "omega, dW_hh")),
    "omega: ratio upside down": ("omega_penalty", None, _but(OMEGA, "omega += (n / d - 1) ** 2", "omega += (d / n - 1) ** 2 if n else 1.0")),
    "omega: no 2": ("omega_penalty", None, _but(OMEGA, "2 / (n * d)", "1 / (n * d)")),
    "omega: squared norms": ("omega_penalty", None, _but(OMEGA, "omega += (n / d - 1) ** 2", "omega += (n ** 2 / d ** 2 - 1) ** 2")),
    "omega: beside the norm of u": ("omega_penalty", None, _but(OMEGA, "omega += (n / d - 1) ** 2", "omega += (n / (np.linalg.norm(u) or 1) - 1) ** 2")),
    "omega: not divided by the norm of delta": ("omega_penalty", None, _but(OMEGA, "2 / (n * d)", "2 / n")),
    "omega: first step left out": ("omega_penalty", None, _but(OMEGA, "range(T)", "range(1, T)")),
    "omega: last step left out": ("omega_penalty", None, _but(OMEGA, "range(T)", "range(T - 1)")),
    "omega: gradient first": ("omega_penalty", None, _but(OMEGA, "omega / B, dW_hh / B", "dW_hh / B, omega / B")),
    "omega: over the steps that have an error": ("omega_penalty", None, _but(OMEGA, "omega / B, dW_hh / B", "omega / max(1, np.any(delta, axis=(1, 2)).sum()), dW_hh / max(1, np.any(delta, axis=(1, 2)).sum())")),
    "omega: delta for u in the gradient": ("omega_penalty", None, _but(OMEGA, "np.outer(v, u)", "np.outer(v, delta[b, t])")),
    "omega: only where it grows": ("omega_penalty", None, _but(OMEGA, "            u =", "            if np.linalg.norm((delta[b, t] * (1 - h_seq[b, t] ** 2)) @ W_hh.T) < d:\n                continue\n            u =")),
    "omega: gradient of the ratio alone": ("omega_penalty", None, _but(OMEGA, "2 / (n * d) * (n / d - 1)", "1 / (n * d)")),
    "esn: W_hy the other way round": ("esn_fit", None, _but(ESN, "return W_hy,", "return W_hy.T,")),
    "esn: the ridge without a root": ("esn_fit", None, _but(ESN, "np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y)", "np.linalg.lstsq(np.vstack([h, ridge * np.eye(h.shape[1])]), np.vstack([y, np.zeros((h.shape[1], y.shape[1]))]), rcond=None)[0]")),
    "esn: a bias with an axis too many": ("esn_fit", None, _but(ESN, "return W_hy, y_mean - h_mean @ W_hy", "return W_hy, (y_mean - h_mean @ W_hy)[None]")),
    "esn: pseudo-inverse without a ridge": ("esn_fit", None, _but(ESN, "np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y)", "np.linalg.pinv(h) @ y")),
    "esn: washout rows set to zero": ("esn_fit", None, _but(ESN, "h, y = h_seq[washout:], y[washout:]\n", "h, y = np.array(h_seq, float), np.array(y, float)\n    h[:washout], y[:washout] = 0, 0\n")),
    "esn: covariance beside the ridge": ("esn_fit", None, _but(ESN, "h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y", "h.T @ h / (len(h) - 1) + ridge * np.eye(h.shape[1]), h.T @ y / (len(h) - 1)")),
    "esn: washout of the states only": ("esn_fit", None, _but(ESN, "h_seq[washout:], y[washout:]", "h_seq[washout:], y[:len(y) - washout]")),
    "esn: one output for all": ("esn_fit", None, _but(ESN, "h.T @ y)", "h.T @ y[:, :1] * np.ones(y.shape[1]))")),
    "esn: the ridge over the mean square": ("esn_fit", None, _but(ESN, "ridge * np.eye", "ridge * np.trace(h.T @ h) / h.shape[1] * np.eye")),
    "esn: bias from the first row": ("esn_fit", None, _but(ESN, "return W_hy, y_mean - h_mean @ W_hy", "return W_hy, (y + y_mean)[0] - (h + h_mean)[0] @ W_hy")),
    "esn: a bias of 1 in the states": ("esn_fit", None, _but(ESN, "    W_hy = np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y)\n    return W_hy, y_mean - h_mean @ W_hy", "    h, y = np.column_stack([h + h_mean, np.ones(len(h))]), y + y_mean\n    W = np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y)\n    return W[:-1], W[-1]")),
}

RIGHT |= {
    "scipy": {
        "spectral_radius": """
        import scipy.linalg
        def spectral_radius(W) -> float:
            T, _ = scipy.linalg.schur(W, output="complex")
            return float(max(abs(T.diagonal())))
        """,
        "orthogonal": """
        from scipy import linalg
        def orthogonal(A, gain):
            if A.shape[0] < A.shape[1]:
                return orthogonal(A.T, gain).T
            Q, R = linalg.qr(A, mode="economic")
            return gain * Q @ np.diag(np.sign(np.diag(R)))
        """,
        "esn_fit": """
        import scipy.linalg as sla
        def esn_fit(h_seq, y, washout, ridge):
            H = np.c_[h_seq, np.ones(len(h_seq))][washout:].astype(float)
            penalty = np.diag([np.sqrt(ridge)] * h_seq.shape[1] + [0.0])
            W = sla.lstsq(np.r_[H, penalty], np.r_[y[washout:], np.zeros((H.shape[1], y.shape[1]))])[0]
            return W[:-1], W[-1]
        """,
    },
    "accumulate and reduce": {
        "gradient_norms": """
        from itertools import accumulate
        def gradient_norms(dh_T, h_seq, W_hh):
            back = lambda delta, h: np.einsum("bj,ij->bi", delta - delta * h * h, W_hh)
            chain = accumulate(np.swapaxes(h_seq, 0, 1)[:0:-1], back, initial=dh_T)
            return np.array([np.sqrt(np.einsum("bi,bi->b", d * 1.0, d)) for d in chain]).T[:, ::-1]
        """,
        "clip_by_global_norm": """
        from functools import reduce
        def clip_by_global_norm(grads: dict, max_norm: float) -> tuple:
            norm = reduce(np.hypot, (np.linalg.norm(np.asarray(g, float).ravel()) for g in grads.values()), 0.0)
            if np.isfinite(norm) and (factor := max_norm / max(norm, max_norm)) < 1:
                return dict(zip(grads, (factor * np.asarray(g) for g in grads.values()))), norm
            return {k: +g for k, g in grads.items()}, norm
        """,
    },
    "a class of its own": {
        "omega_penalty": """
        class Step:
            def __init__(self, delta, h, W_hh):
                self.d = np.sqrt(delta @ delta)
                self.u = delta * (1 - h * h)
                self.v = W_hh @ self.u
                self.n = np.sqrt(self.v @ self.v)

            def cost(self):
                return (self.n / self.d - 1) ** 2 if self.d else 0.0

            def slope(self):
                if self.d == 0 or self.n == 0:
                    return np.zeros((len(self.u), len(self.u)))
                return 2 * (1 / self.d - 1 / self.n) / self.d * self.v[:, None] * self.u

        def omega_penalty(delta, h_seq, W_hh):
            steps = [Step(d, h, W_hh) for ds, hs in zip(delta, h_seq) for d, h in zip(ds, hs)]
            return sum(s.cost() for s in steps) / len(delta), sum(s.slope() for s in steps) / len(delta)
        """,
        "spectral_radius": """
        def spectral_radius(W):
            return np.sqrt(max((z * z.conjugate()).real for z in np.linalg.eig(W)[0]))
        """,
    },
    "singular values and reflections": {
        "esn_fit": """
        def esn_fit(h_seq, y, washout, ridge):
            h, t = np.split(h_seq, [washout])[1], np.split(y, [washout])[1]
            U, s, Vt = np.linalg.svd(h - h.mean(axis=0), full_matrices=False)
            W_hy = Vt.T @ ((s / (s * s + ridge))[:, None] * (U.T @ (t - t.mean(axis=0))))
            return W_hy, (t - h @ W_hy).mean(axis=0)
        """,
        "orthogonal": """
        def orthogonal(A, gain):
            n, m = A.shape
            if n < m:
                return np.transpose(orthogonal(np.transpose(A), gain))
            R, Q = np.array(A, dtype=float), np.identity(n)
            for j in range(m):
                v = R[j:, j].copy()
                v[0] += np.copysign(np.linalg.norm(v), v[0])
                if (vv := v @ v) > 0:
                    R[j:] -= 2 / vv * np.outer(v, v @ R[j:])
                    Q[:, j:] -= 2 / vv * np.outer(Q[:, j:] @ v, v)
            return gain * np.where(np.diag(R) < 0, -1, 1) * Q[:, :m]
        """,
    },
}
