"""The hidden tests of lab 4 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

from fresh_laws import *  # noqa: F403  (the tests of the answers in tests/labs/fresh)
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)

LAB = "lab04_vanishing"
POINTS = dict(spectral_radius=5.0, gradient_norms=8.0, clip_by_global_norm=10.0, orthogonal=7.0, omega_penalty=8.0, esn_fit=6.0)

NORM = "np.sqrt(sum((g.astype(float) ** 2).sum() for g in grads.values()))"
SCALE = "max_norm / norm if np.isfinite(norm) and norm > max_norm else 1.0"
RETURN = "return {name: g * scale for name, g in grads.items()}, norm"

# (part, what the model solution says, what the planted mistake says, words that the message must hold)
WRONG = {
    # 1 · spectral radius
    "largest entry": ("spectral_radius", "np.abs(np.linalg.eigvals(W)).max()", "np.abs(W).max()", "largest entry"),
    "largest singular value": ("spectral_radius", "np.abs(np.linalg.eigvals(W)).max()", "np.linalg.norm(W, 2)", "largest singular value"),
    "real part": ("spectral_radius", "np.abs(np.linalg.eigvals(W)).max()", "np.linalg.eigvals(W).real.max()", "largest real part"),
    "absolute real part": ("spectral_radius", "np.linalg.eigvals(W)", "np.linalg.eigvals(W).real", "largest |real part|"),
    "symmetric routine": ("spectral_radius", "eigvals(", "eigvalsh(", "eigvalsh"),
    "Frobenius": ("spectral_radius", "np.abs(np.linalg.eigvals(W)).max()", "np.linalg.norm(W)", "Frobenius"),
    "smallest": ("spectral_radius", ".max()", ".min()", "smallest one"),
    "squared": ("spectral_radius", "np.linalg.eigvals(W)", "np.linalg.eigvals(W @ W)", "squared"),
    "first eigenvalue": ("spectral_radius", ".max()", "[-1]", "absolute value of the last eigenvalue"),
    "all eigenvalues": ("spectral_radius", "float(np.abs(np.linalg.eigvals(W)).max())", "np.abs(np.linalg.eigvals(W))", "all eigenvalues"),
    "complex result": (
        "spectral_radius",
        "float(np.abs(np.linalg.eigvals(W)).max())",
        "max(np.linalg.eigvals(W).astype(complex), key=abs)",
        "array of real numbers",
    ),
    # 2 · norms
    "reverse order": ("gradient_norms", "return norms", "return norms[:, ::-1]", "reverse order"),
    "W_hh not transposed": ("gradient_norms", "W_hh.T", "W_hh", "W_hh is not transposed"),
    "no slopes": ("gradient_norms", "delta * (1 - h_seq[:, t] ** 2)", "delta", "slopes of the tanh are missing"),
    "1 - h": ("gradient_norms", "h_seq[:, t] ** 2", "h_seq[:, t]", "the slope is 1 - h_t"),
    "slope of the state before": ("gradient_norms", "h_seq[:, t] ** 2", "h_seq[:, t - 1] ** 2", "that of h_{t-1}"),
    "slope after W_hh": (
        "gradient_norms",
        "(delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T",
        "(delta @ W_hh.T) * (1 - h_seq[:, t] ** 2)",
        "multiplies after W_hh",
    ),
    "norms squared": ("gradient_norms", "return norms", "return norms**2", "squared: take the root"),
    "1-norm": ("gradient_norms", "np.linalg.norm(delta, axis=1)", "np.abs(delta).sum(1)", "sum of the absolute values"),
    "max norm": ("gradient_norms", "np.linalg.norm(delta, axis=1)", "np.abs(delta).max(1)", "largest entry"),
    "whole batch": ("gradient_norms", "np.linalg.norm(delta, axis=1)", "np.linalg.norm(delta)", "norm of the whole batch"),
    "root mean square": ("gradient_norms", "return norms", "return norms / np.sqrt(len(W_hh))", "root of the mean square"),
    "averaged over the batch": ("gradient_norms", "return norms", "return norms.mean(0)", "averaged over the batch"),
    "shifted by one": (
        "gradient_norms",
        "norms[:, t] = np.linalg.norm(delta, axis=1)\n        delta = (delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T",
        "delta = (delta * (1 - h_seq[:, t] ** 2)) @ W_hh.T\n        norms[:, t] = np.linalg.norm(delta, axis=1)",
        "shifted by one",
    ),
    "norms of a_t": (
        "gradient_norms",
        "np.linalg.norm(delta, axis=1)",
        "np.linalg.norm(delta * (1 - h_seq[:, t] ** 2), axis=1)",
        "before the slope",
    ),
    "dh_T changed": (
        "gradient_norms",
        "norms, delta = np.zeros((B, T)), dh_T",
        "norms, delta = np.zeros((B, T)), dh_T\n    dh_T *= 2",
        "in place",
    ),
    # 3 · clipping
    "by value": (
        "clip_by_global_norm",
        RETURN,
        "return {k: np.clip(g, -max_norm, max_norm) for k, g in grads.items()}, norm",
        "each entry is cut",
    ),
    "per tensor": (
        "clip_by_global_norm",
        RETURN,
        "return {k: g * min(1.0, max_norm / max(np.linalg.norm(g), 1e-12)) for k, g in grads.items()}, norm",
        "clipped by its own norm",
    ),
    "always rescaled": ("clip_by_global_norm", " and norm > max_norm", " and norm > 0", "scaled up to max_norm"),
    "sum of norms": ("clip_by_global_norm", NORM, "sum(np.linalg.norm(g) for g in grads.values())", "norms of the arrays are added up"),
    "no root": ("clip_by_global_norm", NORM, "sum((g ** 2).sum() for g in grads.values())", "root is missing"),
    "largest norm": ("clip_by_global_norm", NORM, "max(np.linalg.norm(g) for g in grads.values())", "largest of the arrays' norms"),
    "largest entry of all": ("clip_by_global_norm", NORM, "max(np.abs(g).max() for g in grads.values())", "largest entry"),
    "mean square": (
        "clip_by_global_norm",
        NORM,
        "np.sqrt(np.concatenate([(g**2).ravel() for g in grads.values()]).mean())",
        "root of the mean square",
    ),
    "norm after clipping": ("clip_by_global_norm", RETURN, RETURN.replace(", norm", ", norm * scale"), "after clipping"),
    "the factor returned": ("clip_by_global_norm", RETURN, RETURN.replace(", norm", ", scale"), "it is the factor"),
    "factor upside down": ("clip_by_global_norm", "max_norm / norm if", "norm / max_norm if", "upside down"),
    "to norm 1": ("clip_by_global_norm", "max_norm / norm if", "1 / norm if", "scaled to norm 1, not"),
    "not clipped": ("clip_by_global_norm", "name: g * scale", "name: g", "they are not clipped"),
    "in place": ("clip_by_global_norm", RETURN, "for g in grads.values():\n        g *= scale\n    return grads, norm", "in place"),
    "NaN becomes 0": (
        "clip_by_global_norm",
        RETURN,
        "return {k: g * scale if np.isfinite(norm) else np.zeros_like(g) for k, g in grads.items()}, norm",
        "became 0",
    ),
    "infinity scaled": ("clip_by_global_norm", "np.isfinite(norm) and norm > max_norm", "norm > max_norm", "the direction is lost"),
    "finite norm": ("clip_by_global_norm", RETURN, RETURN.replace(", norm", ", np.nan_to_num(norm)"), "leave the step out"),
    "0 / 0": (
        "clip_by_global_norm",
        SCALE,
        "min(1.0, max_norm / np.float64(norm)) if norm else np.float64(norm) / norm if 0 else np.nan",
        "0 / 0",
    ),
    "only the dict": ("clip_by_global_norm", ", norm\n", "\n", "expected 2 results"),
    "norm first": ("clip_by_global_norm", RETURN, "return norm, {name: g * scale for name, g in grads.items()}", "the dict comes first"),
    # 4 · orthogonal
    "no signs": ("orthogonal", "Q = Q * np.sign(np.diag(R))", "pass", "signs of R's diagonal are not put right"),
    "signs on rows": ("orthogonal", "Q * np.sign(np.diag(R))", "Q * np.sign(np.diag(R))[:, None]", "multiply the rows"),
    "signs turned": ("orthogonal", "Q * np.sign", "-Q * np.sign", "turned round"),
    "R's diagonal": ("orthogonal", "np.sign(np.diag(R))", "np.diag(R)", "R's diagonal itself"),
    "no gain": ("orthogonal", "gain * (Q", "(Q", "gain is missing"),
    "gain twice": ("orthogonal", "gain * (Q", "gain**2 * (Q", "gain enters twice"),
    "columns of length 1": (
        "orthogonal",
        None,
        "def orthogonal(A, gain):\n    return gain * A / np.linalg.norm(A, axis=0)",
        "not orthogonal",
    ),
    "polar": (
        "orthogonal",
        None,
        "def orthogonal(A, gain):\n    U, _, V = np.linalg.svd(A, full_matrices=False)\n    return gain * U @ V",
        "nearest orthogonal matrix",
    ),
    "scaled by sigma": (
        "orthogonal",
        None,
        "def orthogonal(A, gain):\n    return gain * A / np.linalg.norm(A, 2)",
        "largest singular value",
    ),
    "R returned": ("orthogonal", "Q = Q * np.sign(np.diag(R))", "Q = R", "it is R"),
    "wide not transposed back": ("orthogonal", "(Q if n >= m else Q.T)", "Q", "transpose the result"),
    "wide decomposed as it is": (
        "orthogonal",
        None,
        "def orthogonal(A, gain):\n    Q, R = np.linalg.qr(A)\n    return gain * Q * np.sign(np.diag(R))",
        "transpose",
    ),
    "square transposed": ("orthogonal", "np.linalg.qr(A if n >= m else A.T)", "np.linalg.qr(A if n > m else A.T)", "A's transpose"),
    # 5 · penalty
    "summed over the batch": ("omega_penalty", "(off**2).sum() / B", "(off**2).sum()", "summed over the batch"),
    "mean over steps": ("omega_penalty", "(off**2).sum() / B", "(off**2).mean()", "mean over rows and steps"),
    "1 not subtracted": ("omega_penalty", "np.where(alive, n_delta, 1.0) - 1", "np.where(alive, n_delta, 1.0)", "1 is not subtracted"),
    "square missing": ("omega_penalty", "(off**2).sum()", "off.sum()", "square is missing"),
    "ratio of squares": (
        "omega_penalty",
        "n_v / np.where(alive, n_delta, 1.0) - 1",
        "(n_v / np.where(alive, n_delta, 1.0)) ** 2 - 1",
        "norms are squared",
    ),
    "penalty without slope": ("omega_penalty", "delta * (1 - h_seq**2)", "delta", "slope 1 - h_t ** 2 is missing"),
    "penalty, W_hh not transposed": ("omega_penalty", "u @ W_hh.T", "u @ W_hh", "W_hh is not transposed"),
    "|u| for |delta|": ("omega_penalty", "np.linalg.norm(delta, axis=-1), np", "np.linalg.norm(u, axis=-1), np", "|u| is used instead"),
    "gradient transposed": ("omega_penalty", '"bt,bti,btj->ij", weight, v, u', '"bt,bti,btj->ji", weight, v, u', "transposed"),
    "gradient without 2": ("omega_penalty", "2 * off", "off", "the 2 is missing"),
    "gradient without |v|": ("omega_penalty", "n_v * n_delta, 1.0)", "n_delta, 1.0)", "|v| is missing"),
    "gradient without |delta|": ("omega_penalty", "n_v * n_delta, 1.0)", "n_v, 1.0)", "|delta| is missing"),
    "gradient not averaged": ("omega_penalty", ", 0.0) / B", ", 0.0)", "summed over the batch"),
    "delta for u": ("omega_penalty", "weight, v, u)", "weight, v, delta)", "delta is used instead of u"),
    "penalty 0 / 0": ("omega_penalty", "np.where(alive, n_v / np.where(alive, n_delta, 1.0) - 1, 0.0)", "n_v / n_delta - 1", "0 / 0"),
    "silent steps cost 1": (
        "omega_penalty",
        "np.where(alive, n_v / np.where(alive, n_delta, 1.0) - 1, 0.0)",
        "n_v / np.where(alive, n_delta, 1.0) - 1",
        "costs 1",
    ),
    "gradient of a norm of 0": ("omega_penalty", "flows = n_delta > 0, n_v > 0", "flows = n_delta > 0, n_v >= 0", "take 0"),
    # 6 · read-out
    "washout trained on": ("esn_fit", "h, y = h_seq[washout:], y[washout:]", "h = h_seq", "washout is trained on"),
    "washout off by one": ("esn_fit", "h_seq[washout:], y[washout:]", "h_seq[washout + 1 :], y[washout + 1 :]", "one row too long"),
    "last rows left out": ("esn_fit", "h_seq[washout:], y[washout:]", "h_seq[:-washout or None], y[:-washout or None]", "not the first"),
    "bias regularised": (
        "esn_fit",
        None,
        """
        def esn_fit(h_seq, y, washout, ridge):
            h = np.hstack([h_seq, np.ones((len(h_seq), 1))])[washout:]
            W = np.linalg.solve(h.T @ h + ridge * np.eye(h.shape[1]), h.T @ y[washout:])
            return W[:-1], W[-1]
        """,
        "bias is regularised",
    ),
    "no bias": ("esn_fit", "h, y = h - h_mean, y - y_mean", "h_mean, y_mean = 0 * h_mean, 0 * y_mean", "there is no bias"),
    "ridge ignored": ("esn_fit", "+ ridge * np.eye(h.shape[1])", "", "ridge is ignored"),
    "ridge times N": ("esn_fit", "+ ridge *", "+ len(h) * ridge *", "multiplied by the number of rows"),
    "ridge squared": ("esn_fit", "+ ridge *", "+ ridge**2 *", "ridge is squared"),
    "target ahead": ("esn_fit", "h_seq[washout:], y[washout:]", "h_seq[washout:-1], y[washout + 1 :]", "one step ahead"),
    "bias is y's mean": ("esn_fit", "y_mean - h_mean @ W_hy", "y_mean", "bias is the mean of y"),
    "bias sign": ("esn_fit", "y_mean - h_mean @ W_hy", "h_mean @ W_hy - y_mean", "sign of the bias"),
    "means of all rows": ("esn_fit", "h.mean(0), y.mean(0)", "h_seq.mean(0), y.mean(0)", "the mean of h runs over all rows"),
    "one array": ("esn_fit", "return W_hy, y_mean - h_mean @ W_hy", "return W_hy", "expected 2 results"),
    # the answer called, not written
    "torch's clipping": (
        "clip_by_global_norm",
        "norm = float",
        "torch.nn.utils.clip_grad_norm_([torch.zeros(2)], 1.0)\n    norm = float",
        "torch.nn",
    ),
    "torch's orthogonal": ("orthogonal", "n, m =", "torch.nn.init.orthogonal_(torch.zeros(2, 2))\n    n, m =", "torch.nn"),
    "scipy's polar": ("orthogonal", "n, m =", "from scipy.linalg import polar\n    polar(np.eye(2))\n    n, m =", "polar"),
    "a ready-made ridge": (
        "esn_fit",
        None,
        """
        def esn_fit(h_seq, y, washout, ridge):
            from sklearn.linear_model import Ridge
            m = Ridge(alpha=ridge).fit(h_seq[washout:], y[washout:])
            return m.coef_.T, m.intercept_
        """,
        "Ridge",
    ),
    "the course's radius": (
        "spectral_radius",
        "return float",
        "from rnnlib.scratch.jacobian import spectral_radius as answer\n    answer()\n    return float",
        "rnnlib.scratch",
    ),
    "the course's penalty": (
        "omega_penalty",
        "B = len(delta)",
        "import rnnlib.scratch.penalty as p\n    return p.omega_penalty(delta, h_seq, W_hh)\n    B = len(delta)",
        "rnnlib.scratch",
    ),
    "autograd": ("omega_penalty", "B = len(delta)", "torch.tensor(1.0, requires_grad=True).backward()\n    B = len(delta)", "backward"),
}

RIGHT = {
    "loops": {
        "gradient_norms": """
            def gradient_norms(dh_T, h_seq, W_hh):
                B, T, H = h_seq.shape
                norms = [[0.0] * T for _ in range(B)]
                for b in range(B):
                    d = [float(v) for v in dh_T[b]]
                    for t in range(T - 1, -1, -1):
                        norms[b][t] = sum(v * v for v in d) ** 0.5
                        u = [d[j] * (1 - float(h_seq[b, t, j]) ** 2) for j in range(H)]
                        d = [sum(u[j] * float(W_hh[k, j]) for j in range(H)) for k in range(H)]
                return norms
        """,
        "clip_by_global_norm": """
            def clip_by_global_norm(grads, max_norm):
                total = 0.0
                for g in grads.values():
                    for v in g.ravel():
                        total += float(v) ** 2
                norm = total**0.5
                out = {}
                for name in grads:
                    out[name] = grads[name].copy()
                    if max_norm < norm < np.inf:
                        out[name] /= norm / max_norm
                return out, norm
        """,
        "orthogonal": """
            def orthogonal(A, gain):
                if A.shape[0] < A.shape[1]:
                    return orthogonal(A.T, gain).T
                columns = []
                for a in A.T.astype(float):
                    for _ in range(2):
                        for q in columns:
                            a = a - (a @ q) * q
                    columns.append(a / np.sqrt(a @ a))
                return gain * np.array(columns).T
        """,
        "omega_penalty": """
            def omega_penalty(delta, h_seq, W_hh):
                B, T, H = delta.shape
                omega, dW = 0.0, np.zeros((H, H))
                for b in range(B):
                    for t in range(T):
                        d = delta[b, t]
                        if not d.any():
                            continue
                        u = d * (1 - h_seq[b, t] ** 2)
                        v = W_hh @ u
                        ratio = np.sqrt(v @ v) / np.sqrt(d @ d)
                        omega += (ratio - 1) ** 2 / B
                        if v.any():
                            dW += 2 * (ratio - 1) / (np.sqrt(v @ v) * np.sqrt(d @ d) * B) * np.outer(v, u)
                return omega, dW
        """,
    },
    "augmented least squares": {
        "esn_fit": """
            def esn_fit(h_seq, y, washout, ridge):
                h = np.hstack([h_seq, np.ones((len(h_seq), 1))])[washout:]
                penalty = ridge * np.eye(h.shape[1])
                penalty[-1, -1] = 0.0
                W = np.linalg.lstsq(h.T @ h + penalty, h.T @ y[washout:], rcond=None)[0]
                return W[:-1], W[-1]
        """,
    },
    "a large gradient descent": {
        "esn_fit": """
            def esn_fit(h_seq, y, washout, ridge):
                h, y = h_seq[washout:] - h_seq[washout:].mean(0), np.array(y[washout:])
                values, vectors = np.linalg.eigh(h.T @ h)
                W = vectors @ ((vectors.T @ (h.T @ (y - y.mean(0)))) / (values + ridge)[:, None])
                return [W, (y - h_seq[washout:] @ W).mean(axis=0)]
        """,
    },
    "torch inside": {
        "spectral_radius": """
            def spectral_radius(W):
                return torch.linalg.eigvals(torch.as_tensor(W)).abs().max()
        """,
        "gradient_norms": """
            def gradient_norms(dh_T, h_seq, W_hh):
                d, h, W = (torch.as_tensor(a) for a in (dh_T, h_seq, W_hh))
                out = [d]
                for t in range(h.shape[1] - 1, 0, -1):
                    out.insert(0, torch.einsum("bj,bj,kj->bk", out[0], 1 - h[:, t] ** 2, W))
                return torch.linalg.vector_norm(torch.stack(out, 1), dim=2)
        """,
        "clip_by_global_norm": """
            def clip_by_global_norm(grads, max_norm):
                flat = torch.cat([torch.as_tensor(g).reshape(-1) for g in grads.values()])
                norm = torch.sqrt((flat * flat).sum()).item()
                if not np.isfinite(norm) or norm <= max_norm:
                    return dict(grads), norm
                return {k: torch.as_tensor(g) * (max_norm / norm) for k, g in grads.items()}, norm
        """,
        "orthogonal": """
            def orthogonal(A, gain):
                wide = A.shape[0] < A.shape[1]
                Q, R = torch.linalg.qr(torch.as_tensor(A.T.copy() if wide else A))
                Q = Q @ torch.diag(torch.where(torch.diagonal(R) < 0, -1.0, 1.0).to(Q.dtype))
                return gain * (Q.T if wide else Q)
        """,
    },
    "powers": {
        "spectral_radius": """
            def spectral_radius(W):
                if not np.linalg.matrix_power(W, len(W)).any():
                    return 0.0
                M, log, n = np.array(W), 0.0, 1
                for _ in range(30):
                    size = np.abs(M).max()
                    M, log, n = (M / size) @ (M / size), 2 * (log + np.log(size)), 2 * n
                return np.exp((log + np.log(np.abs(M).max())) / n)
        """,
    },
    "Cholesky": {
        "orthogonal": """
            def orthogonal(A, gain):
                if A.shape[0] < A.shape[1]:
                    return np.transpose(orthogonal(np.transpose(A), gain))
                A = A.astype(np.float64)
                for _ in range(3):
                    A = A @ np.linalg.inv(np.linalg.cholesky(A.T @ A)).T
                return gain * A
        """,
    },
    "flat and masked": {
        "omega_penalty": """
            def omega_penalty(delta, h_seq, W_hh):
                some = np.any(delta != 0, axis=2)
                d, s = delta[some], 1 - h_seq[some] ** 2
                d = d / np.linalg.norm(d, axis=1, keepdims=True)
                u = d * s
                v = u @ W_hh.T
                n = np.sqrt((v**2).sum(1))
                pull = np.divide(2 * (n - 1), n, out=np.zeros_like(n), where=n > 0)
                return ((n - 1) ** 2).sum() / len(delta), (v * pull[:, None]).T @ u / len(delta)
        """,
        "clip_by_global_norm": """
            def clip_by_global_norm(grads, max_norm):
                norm = np.linalg.norm(np.concatenate([np.ravel(g) for g in grads.values()]))
                if np.isfinite(norm):
                    return {k: np.asarray(g) / max(1.0, norm / max_norm) for k, g in grads.items()}, norm
                return {k: g.copy() for k, g in grads.items()}, norm
        """,
    },
    "float32 inside": {
        "gradient_norms": """
            def gradient_norms(dh_T, h_seq, W_hh):
                f = lambda a: np.asarray(a, dtype=np.float32)
                d, columns = f(dh_T), []
                for h in f(h_seq).swapaxes(0, 1)[::-1]:
                    columns.append(np.sqrt((d * d).sum(1)))
                    d = (d * (1 + h) * (1 - h)) @ f(W_hh).T
                return np.stack(columns[::-1], axis=1)
        """,
    },
}
