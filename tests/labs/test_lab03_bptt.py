"""The hidden tests of lab 3 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

from fresh_laws import *  # noqa: F403  (the tests of the answers in tests/labs/fresh)
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)

LAB = "lab03_bptt"
POINTS = dict(step_backward=9.0, rnn_backward=12.0, truncated_bptt=9.0, grad_check=8.0, jacobian_product=6.0)

# (part, what the model solution says, what the planted mistake says, words that the message must hold)
WRONG = {
    # 1 · one step
    "no slope": ("step_backward", "dh_t * (1 - h_t**2)", "dh_t", "is missing"),
    "1 - h": ("step_backward", "h_t**2", "h_t", "the slope is 1 - h_t"),
    "sigmoid's slope": ("step_backward", "(1 - h_t**2)", "h_t * (1 - h_t)", "that of a sigmoid"),
    "slope at h_prev": ("step_backward", "h_t**2", "h_prev**2", "taken at h_prev"),
    "tanh twice": ("step_backward", "h_t**2", "np.tanh(h_t)**2", "tanh is taken once more"),
    "slope's sign": ("step_backward", "1 - h_t**2", "h_t**2 - 1", "the sign is wrong"),
    "slope after the weights": ("step_backward", "da @ W_hh.T", "(dh_t @ W_hh.T) * (1 - h_t**2)", "multiply dh_t by it first"),
    "W_hh not transposed": ("step_backward", "da @ W_hh.T", "da @ W_hh", "W_hh is not transposed"),
    "W_xh not transposed": ("step_backward", "da @ W_xh.T", "da @ W_xh", "raised ValueError"),
    "dW_hh from h_t": ("step_backward", "h_prev.T @ da", "h_t.T @ da", "it uses h_t"),
    "dW_hh transposed": ("step_backward", "h_prev.T @ da", "da.T @ h_prev", "it is transposed"),
    "dW_xh transposed": ("step_backward", "x_t.T @ da", "da.T @ x_t", "it is transposed"),
    "mean over the batch": ("step_backward", "x_t.T @ da", "x_t.T @ da / len(da)", "mean over the batch"),
    "db mean": ("step_backward", "da.sum(0)", "da.mean(0)", "mean over the batch"),
    "db not summed": ("step_backward", "da.sum(0)", "da", "batch is not summed"),
    "dh passed on": ("step_backward", "da @ W_hh.T", "dh_t", "passed on unchanged"),
    "dh_t changed": ("step_backward", "da = dh_t * (1 - h_t**2)", "dh_t *= 1 - h_t**2; da = dh_t", "in place"),
    "order of results": ("step_backward", "da @ W_xh.T, da @ W_hh.T,", "da @ W_hh.T, da @ W_xh.T,", "dx_t: "),
    "four results": ("step_backward", ", da.sum(0)", "", "expected 5 results"),
    # 2 · the sequence
    "no carry": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t]", "nothing is carried"),
    "double carry": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] + 2 * carry", "counted twice"),
    "time forwards": ("rnn_backward", "reversed(range(T))", "range(T)", "time runs forwards"),
    "last loss only": ("rnn_backward", "dh_seq[:, t] + carry", "dh_seq[:, t] * (t == T - 1) + carry", "only the last step's loss"),
    "h_t for h_{t-1}": ("rnn_backward", "h_seq[:, t - 1] if t > 0 else h_0", "h_seq[:, t]", "h_t is used instead of h_{t-1}"),
    "the index wraps": ("rnn_backward", "h_seq[:, t - 1] if t > 0 else h_0", "h_seq[:, t - 1]", "wraps around"),
    "h_0 ignored": ("rnn_backward", "else h_0", "else 0 * h_0", "h_0 is taken as zero"),
    "overwritten": ("rnn_backward", "dW_hh + dU,", "dU,", "overwrites the one before"),
    "dW_xh overwritten": ("rnn_backward", "dW_xh + dW,", "dW,", "overwrites the one before"),
    "last step's term": ("rnn_backward", "dW_hh + dU,", "dW_hh + dU * (t == T - 1),", "only the last step's term: sum over time"),
    "db mean over time": ("rnn_backward", "dW_hh, db_h\n", "dW_hh, db_h / T\n", "mean over time"),
    "divided by T": ("rnn_backward", "return dx, carry, dW_xh, dW_hh,", "return dx, carry, dW_xh, dW_hh / T,", "mean over time"),
    "divided by B": ("rnn_backward", "return dx, carry, dW_xh, dW_hh,", "return dx, carry, dW_xh, dW_hh / len(x),", "mean over the batch"),
    "dh_0 zero": ("rnn_backward", "return dx, carry", "return dx, 0 * h_0", "belongs to h_0"),
    "dh_0 is dh_1": ("rnn_backward", "return dx, carry", "return dx, dh_t", "gradient of h_1"),
    "dx of one step": ("rnn_backward", "return dx,", "return dx[:, 0],", "one step's gradient"),
    "dx of the last step only": (
        "rnn_backward",
        "return dx,",
        "return dx * (np.arange(T) == T - 1)[:, None],",
        "only the last step's gradient",
    ),
    "slope missing, by hand": (
        "rnn_backward",
        "dx[:, t], carry, dW, dU, db = step_back(dh_t, x[:, t], h_prev, h_seq[:, t], W_xh, W_hh)",
        "da = dh_t\n        dx[:, t], carry, dW, dU, db = da @ W_xh.T, da @ W_hh.T, x[:, t].T @ da, h_prev.T @ da, da.sum(0)",
        "slope of the tanh is missing",
    ),
    "W_hh straight, by hand": (
        "rnn_backward",
        "dx[:, t], carry, dW, dU, db = step_back(dh_t, x[:, t], h_prev, h_seq[:, t], W_xh, W_hh)",
        "da = dh_t * (1 - h_seq[:, t] ** 2)\n"
        "        dx[:, t], carry, dW, dU, db = da @ W_xh.T, da @ W_hh, x[:, t].T @ da, h_prev.T @ da, da.sum(0)",
        "W_hh is not transposed on the way back",
    ),
    "dh_seq changed": ("rnn_backward", "dh_t = dh_seq[:, t] + carry", "dh_seq[:, t] += carry; dh_t = dh_seq[:, t]", "in place"),
    # 3 · truncated
    "starts from zeros": ("truncated_bptt", "h_seq[:, s - 1] if s > 0 else h_0", "0 * h_0", "every window starts from zeros"),
    "starts from h_0": ("truncated_bptt", "h_seq[:, s - 1] if s > 0 else h_0", "h_0", "every window starts from h_0"),
    "truncated index wraps": ("truncated_bptt", "h_seq[:, s - 1] if s > 0 else h_0", "h_seq[:, s - 1]", "wraps around"),
    "starts from its first state": ("truncated_bptt", "h_seq[:, s - 1]", "h_seq[:, s]", "own first state"),
    "nothing cut": ("truncated_bptt", "max(0, a + k1 - k2)", "0", "nothing is cut"),
    "k2 ignored": ("truncated_bptt", "max(0, a + k1 - k2)", "a", "k2 is ignored"),
    "losses twice": ("truncated_bptt", "losses[:, : a - s] = 0.0", "pass", "counted twice"),
    "one step too far": ("truncated_bptt", "max(0, a + k1 - k2)", "max(0, a + k1 - k2 - 1)", "one step too far"),
    "short window lost": ("truncated_bptt", "range(0, T, k1)", "range(0, T - k1 + 1, k1)", "shorter window is left out"),
    "last window only": ("truncated_bptt", "[old + new for old, new in zip(total, grads)]", "grads", "only the last window's"),
    "windows averaged": ("truncated_bptt", "return tuple(total)", "return tuple(g / -(-T // k1) for g in total)", "averaged"),
    "last loss of each window": ("truncated_bptt", "losses[:, : a - s] = 0.0", "losses[:, :-1] = 0.0", "only the last step of each window"),
    "cut at every step": (
        "truncated_bptt",
        "T = x.shape[1]",
        "k1 = k2 = 1\n    T = x.shape[1]",
        "cut at every step",
    ),
    "dh_seq cleared": ("truncated_bptt", "np.array(dh_seq[:, s:e])", "dh_seq[:, s:e]", "in place"),
    # 4 · numeric check
    "one-sided": (
        "grad_check",
        "(loss({**params, name: up}, problem) - loss({**params, name: down}, problem)) / (2 * eps)",
        "(loss({**params, name: up}, problem) - loss(params, problem)) / eps",
        "one-sided, L(theta + eps) - L(theta)",
    ),
    "divided by eps": ("grad_check", "(2 * eps)", "eps", "divided by eps"),
    "not divided": ("grad_check", " / (2 * eps)", "", "not divided by 2 eps"),
    "below minus above": ("grad_check", "(2 * eps)", "(-2 * eps)", "the sign is wrong"),
    "not put back, in a loop": (
        "grad_check",
        None,
        """
        def numeric_gradient(params, problem, eps):
            params = {k: v.copy() for k, v in params.items()}
            grads = {k: np.zeros(v.shape) for k, v in params.items()}
            for k, v in params.items():
                for i in np.ndindex(v.shape):
                    v[i] += eps
                    above = loss(params, problem)
                    v[i] -= 2 * eps
                    grads[k][i] = (above - loss(params, problem)) / (2 * eps)
            return grads


        def relative_error(g, n):
            return float((np.abs(g - n) / np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)).max())
        """,
        "not put back",
    ),
    "params changed": ("grad_check", "up, down = np.array(value, float)", "up, down = value", "in place"),
    "all at once": (
        "grad_check",
        "up[i] += eps\n            down[i] -= eps",
        "up += eps\n            down -= eps",
        "all entries are moved at once",
    ),
    "one array": ("grad_check", "return grads", "return grads[name]", "expected a dict"),
    "absolute error": ("grad_check", " / np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "", "absolute error"),
    "no floor": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "np.maximum(np.abs(g), np.abs(n))", "NaN where both"),
    "divided by |n|": ("grad_check", "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)", "(np.abs(n) + 1e-12)", "divided by |n| only"),
    "divided by the sum": (
        "grad_check",
        "np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)",
        "(np.abs(g) + np.abs(n) + 1e-12)",
        "divided by |g| + |n|",
    ),
    "mean error": ("grad_check", "1e-8)).max()", "1e-8)).mean()", "mean error"),
    "error of norms": (
        "grad_check",
        "float((np.abs(g - n) / np.maximum(np.maximum(np.abs(g), np.abs(n)), 1e-8)).max())",
        "float(np.linalg.norm(g - n) / max(np.linalg.norm(g), np.linalg.norm(n), 1e-8))",
        "error of the norms",
    ),
    # 5 · Jacobians
    "Jacobian transposed": ("jacobian_product", "return product", "return product.swapaxes(1, 2)", "it is transposed"),
    "Jacobian of W_hh": ("jacobian_product", "W_hh.T", "W_hh", "W_hh is not transposed"),
    "order reversed": ("jacobian_product", "J @ product", "product @ J", "order of the product is reversed"),
    "slope before": ("jacobian_product", "h_seq[:, r - 1, :, None]", "h_seq[:, r - 2, :, None]", "slope is taken at h_{r-1}"),
    "no slopes": ("jacobian_product", "(1 - h_seq[:, r - 1, :, None] ** 2)", "np.ones((B, H, 1))", "slopes of the tanh are missing"),
    "slope on columns": ("jacobian_product", "h_seq[:, r - 1, :, None]", "h_seq[:, r - 1, None, :]", "slope multiplies the columns"),
    "a step too many": ("jacobian_product", "range(s + 1,", "range(s,", "one step too many"),
    "a step too few": ("jacobian_product", "t + 1)", "t)", "J_t is missing"),
    "entries multiplied": (
        "jacobian_product",
        "product = J @ product",
        "product = J * product if r > s + 1 else J",
        "entries are multiplied",
    ),
    "steps added": ("jacobian_product", "product = J @ product", "product = J + product if r > s + 1 else J", "steps are added"),
    "last step only": ("jacobian_product", "product = J @ product", "product = J", "last step's Jacobian only"),
    # the answer called, not written
    "autograd": (
        "step_backward",
        None,
        """
        def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
            leaves = [torch.tensor(a, requires_grad=True) for a in (x_t, h_prev, W_xh, W_hh)]
            torch.tanh(leaves[0] @ leaves[2] + leaves[1] @ leaves[3]).backward(torch.tensor(dh_t))
            return *(a.grad.numpy() for a in leaves), dh_t.sum(0)
        """,
        "your function called torch.Tensor.backward",
    ),
    "the provided step": ("step_backward", "da = dh_t", "return step_back(dh_t, x_t, h_prev, h_t, W_xh, W_hh)\n    da = dh_t", "NameError"),
    "the course's library": (
        "rnn_backward",
        "T = x.shape[1]",
        "from rnnlib.scratch.rnn import rnn_backward as answer\n    answer()\n    T = x.shape[1]",
        "rnnlib.scratch",
    ),
    "torch.func": ("jacobian_product", "B, _, H =", "torch.func.jacrev(torch.tanh)(torch.ones(2))\n    B, _, H =", "torch.autograd"),
    "forward mode": ("jacobian_product", "B, _, H =", "torch.func.jacfwd(torch.tanh)(torch.ones(2))\n    B, _, H =", "make_dual"),
    "scipy's differences": (
        "grad_check",
        "grads = {}",
        "from scipy.optimize._numdiff import approx_derivative\n    approx_derivative(np.sin, 1.0)\n    grads = {}",
        "approx_derivative",
    ),
    "aten's slope": (
        "step_backward",
        "dh_t * (1 - h_t**2)",
        "torch.ops.aten.tanh_backward(torch.tensor(dh_t), torch.tensor(h_t)).numpy()",
        "torch.ops",
    ),
}

RIGHT = {
    "einsum": {
        "step_backward": """
            def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
                da = np.einsum("bh,bh->bh", dh_t, 1 - np.square(h_t))
                e = np.einsum
                dW = e("bd,bh->dh", x_t, da), e("bk,bh->kh", h_prev, da), e("bh->h", da)
                return e("bh,dh->bd", da, W_xh), e("bh,kh->bk", da, W_hh), *dW
        """,
        "rnn_backward": """
            def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
                before = np.concatenate([h_0[:, None], h_seq[:, :-1]], 1)
                da = np.zeros(h_seq.shape)
                delta = np.zeros(h_0.shape)
                for t in range(x.shape[1] - 1, -1, -1):
                    da[:, t] = (dh_seq[:, t] + delta) * (1 - h_seq[:, t]) * (1 + h_seq[:, t])
                    delta = da[:, t] @ W_hh.T
                dW = np.einsum("btd,bth->dh", x, da), np.einsum("btk,bth->kh", before, da), da.sum(axis=(0, 1))
                return np.einsum("bth,dh->btd", da, W_xh), delta, *dW
        """,
        "jacobian_product": """
            def jacobian_product(h_seq, W_hh, s, t):
                out = np.broadcast_to(np.eye(len(W_hh)), (len(h_seq), *W_hh.shape)).copy()
                for r in range(s, t):
                    out = np.einsum("bi,ji,bjk->bik", 1 - h_seq[:, r] ** 2, W_hh, out)
                return out
        """,
    },
    "loops": {
        "step_backward": """
            def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
                dx, dh = np.zeros(x_t.shape), np.zeros(h_prev.shape)
                dW, dU, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(W_hh.shape[1])
                for b in range(len(x_t)):
                    for j in range(W_hh.shape[1]):
                        a = dh_t[b, j] * (1 - h_t[b, j] * h_t[b, j])
                        db[j] += a
                        for d in range(x_t.shape[1]):
                            dx[b, d] += a * W_xh[d, j]
                            dW[d, j] += a * x_t[b, d]
                        for k in range(W_hh.shape[0]):
                            dh[b, k] += a * W_hh[k, j]
                            dU[k, j] += a * h_prev[b, k]
                return dx, dh, dW, dU, db
        """,
        "jacobian_product": """
            def jacobian_product(h_seq, W_hh, s, t):
                result = []
                for row in h_seq:
                    J = np.eye(len(W_hh))
                    for r in range(t, s, -1):
                        J = J @ (np.diag(1 - row[r - 1] ** 2) @ W_hh.T)
                    result.append(J.tolist())
                return result
        """,
        "grad_check": """
            def numeric_gradient(params, problem, eps):
                work = {name: value.copy() for name, value in params.items()}
                out = {}
                for name in reversed(list(work)):
                    flat = work[name].reshape(-1)
                    rows = []
                    for i in range(flat.size):
                        keep = flat[i]
                        values = []
                        for sign in (1, -1):
                            flat[i] = keep + sign * eps
                            values.append(loss(work, problem))
                        flat[i] = keep
                        rows.append((values[0] - values[1]) / eps / 2)
                    out[name] = np.array(rows).reshape(work[name].shape)
                return out

            def relative_error(g, n):
                worst = 0.0
                for a, b in zip(g.ravel(), n.ravel()):
                    worst = max(worst, abs(a - b) / max(abs(a), abs(b), 1e-8))
                return worst
        """,
    },
    "recursion": {
        "rnn_backward": """
            def rnn_backward(dh_seq, x, h_0, h_seq, W_xh, W_hh):
                if x.shape[1] == 1:
                    dx, dh, *rest = step_backward(dh_seq[:, 0], x[:, 0], h_0, h_seq[:, 0], W_xh, W_hh)
                    return dx[:, None], dh, *rest
                later = rnn_backward(dh_seq[:, 1:], x[:, 1:], h_seq[:, 0], h_seq[:, 1:], W_xh, W_hh)
                first = step_backward(dh_seq[:, 0] + later[1], x[:, 0], h_0, h_seq[:, 0], W_xh, W_hh)
                dx = np.concatenate([first[0][:, None], later[0]], 1)
                return dx, first[1], *(a + b for a, b in zip(first[2:], later[2:]))
        """,
        "jacobian_product": """
            def jacobian_product(h_seq, W_hh, s, t):
                if s == t:
                    return np.stack([np.eye(len(W_hh))] * len(h_seq))
                return (1 - h_seq[:, t - 1] ** 2)[:, :, None] * (W_hh.T @ jacobian_product(h_seq, W_hh, s, t - 1))
        """,
    },
    "torch inside": {
        "step_backward": """
            def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
                t = torch.as_tensor
                da = t(dh_t) * (1 - t(h_t) ** 2)
                return [da @ t(W_xh).T, da @ t(W_hh).T, t(x_t).T @ da, t(h_prev).T @ da, da.sum(0)]
        """,
        "grad_check": """
            def numeric_gradient(params, problem, eps):
                grads = {}
                for name, value in params.items():
                    grad = torch.zeros(value.shape, dtype=torch.float64)
                    for i in np.ndindex(*value.shape):
                        step = np.zeros(value.shape)
                        step[i] = eps
                        above, below = loss(params | {name: value + step}, problem), loss(params | {name: value - step}, problem)
                        grad[i] = (above - below) / (eps + eps)
                    grads[name] = grad
                return grads

            def relative_error(g, n):
                g, n = torch.as_tensor(g), torch.as_tensor(n)
                return ((g - n).abs() / torch.maximum(g.abs(), n.abs()).clamp(min=1e-8)).max()
        """,
    },
    "every window step by step": {
        "truncated_bptt": """
            def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
                T = x.shape[1]
                before = np.concatenate([h_0[:, None], h_seq[:, :-1]], 1)
                dW, dU, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
                done = 0
                while done < T:
                    delta = np.zeros_like(h_0)
                    for t in range(min(done + k1, T) - 1, max(0, done + k1 - k2) - 1, -1):
                        if t >= done:
                            delta = delta + dh_seq[:, t]
                        _, delta, a, b, c = step_back(delta, x[:, t], before[:, t], h_seq[:, t], W_xh, W_hh)
                        dW, dU, db = dW + a, dU + b, db + c
                    done += k1
                return dW, dU, db
        """,
    },
    "every loss by itself": {
        "truncated_bptt": """
            def truncated_bptt(dh_seq, x, h_0, h_seq, W_xh, W_hh, k1, k2):
                sums = [0.0, 0.0, 0.0]
                for t in range(x.shape[1]):
                    window = t // k1 * k1
                    s = max(0, window + k1 - k2)
                    d = np.zeros((len(x), t + 1 - s, len(W_hh)))
                    d[:, -1] = dh_seq[:, t]
                    g = rnn_backward(d, x[:, s : t + 1], h_0 if s == 0 else h_seq[:, s - 1], h_seq[:, s : t + 1], W_xh, W_hh)
                    sums = [a + b for a, b in zip(sums, g[2:])]
                return sums
        """,
    },
    "float32 inside": {
        "step_backward": """
            def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
                f = lambda a: np.asarray(a, np.float32)
                da = f(dh_t) * (1 - f(h_t) * f(h_t))
                return da @ f(W_xh).T, da @ f(W_hh).T, f(x_t).T @ da, f(h_prev).T @ da, da.sum(axis=0)
        """,
    },
}
