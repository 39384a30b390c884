"""The hidden tests of lab 7 are themselves tested: planted mistakes lose points with a message that names them, correct variants do not."""

import csv
import errno
import itertools
import math
import time

import nbformat
import numpy as np
import pytest
from fresh_laws import *  # noqa: F403  (the tests of the answers in tests/labs/fresh)
from lab_laws import *  # noqa: F403  (the tests; they read the four names below)
from lab_laws import answers
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labs.grading.__main__ import main
from labs.grading.course import Course
from labs.grading.desk import leaderboard
from labs.grading.marks import trial
from labs.grading.text import source
from rnnlib.data.synthetic import new_language

pytestmark = pytest.mark.slow

LAB = "lab07_applications"
POINTS = dict(prepare=5.0, windows=5.0, loss_and_grads=12.0, adam_step=7.0, predict=6.0, bits_per_character=4.0, train_model=10.0)
SHORT = 1.2  # seconds of training in most tests; the lab gives 2.5
TICK = 0.005  # seconds that an update takes in most tests, whatever else the machine does meanwhile


@pytest.fixture(autouse=True)
def short_budget(request, monkeypatch):
    """Most tests give the contest less time, by a clock that every look at it moves on."""
    if "whole_budget" in request.node.name:
        return
    ticks = itertools.count()
    monkeypatch.setattr(time, "process_time", lambda: TICK * next(ticks))
    nb = source.notebook(LAB)
    other = WRONG[request.node.callspec.params["wrong"]][0] != "train_model" if "wrong" in request.fixturenames else False
    for cell in nb.cells:
        if other and source.meta(cell).get("grade_id") == "train_model_check":
            cell.source = ""
        for line in ("BUDGET_SECONDS, BUDGET_NUMBERS = 2.5,", "_BUDGET, _NUMBERS, _WIDE, _LONG = 2.5,"):
            cell.source = cell.source.replace(line, line.replace("2.5", str(SHORT)))
    monkeypatch.setattr(trial, "_notebook", lambda lab: nb)


# (part, what the model solution says, what the planted mistake says, words that the message must hold)
WRONG = {
    # 1 · prepare
    "alphabet of the whole text": ("prepare", "sorted(set(train))", "sorted(set(text))", "take the training part only"),
    "ids from 0": ("prepare", "enumerate(symbols, 1)", "enumerate(symbols)", "ids start at 0"),
    "unknown is -1": ("prepare", "id_of.get(s, 0)", "id_of.get(s, -1)", "it is 0"),
    "unknown left out": (
        "prepare",
        "[id_of.get(s, 0) for s in valid]",
        "[id_of[s] for s in valid if s in id_of]",
        "unknown characters are left out",
    ),
    "first held out": (
        "prepare",
        "text[: len(text) - n_valid], text[len(text) - n_valid :]",
        "text[n_valid:], text[:n_valid]",
        "the first characters are held out",
    ),
    "parts exchanged": (
        "prepare",
        "train, valid = text[: len(text) - n_valid], text[len",
        "valid, train = text[: len(text) - n_valid], text[len",
        None,
    ),
    "not sorted": ("prepare", "sorted(set(train))", "dict.fromkeys(train)", "not sorted"),
    # 2 · windows
    "not continued": ("windows", "reshape(B, N, T).swapaxes(0, 1)", "reshape(N, B, T)", "does not go on where window k ended"),
    "streams first": ("windows", ".swapaxes(0, 1)", "", "the streams come first"),
    "no shift": ("windows", "cut(ids[1:])", "cut(ids[:-1])", "the target is the input itself"),
    "shift of two": ("windows", "cut(ids[1:])", "cut(np.roll(ids, -2))", "two steps ahead"),
    "wraps in the window": ("windows", "cut(ids[1:])", "np.roll(cut(ids[:-1]), -1, 2)", "wraps around"),
    "no target for the last": ("windows", "(len(ids) - 1) // (B * T)", "len(ids) // (B * T)", None),
    "x and y exchanged": ("windows", "return cut(ids[:-1]), cut(ids[1:])", "return cut(ids[1:]), cut(ids[:-1])", "exchanged"),
    # 3 · loss and gradients
    "no carry": ("loss_and_grads", 'dh = da @ p["W_hh"].T', "dh = 0 * da", "carry dh"),
    "W_hh not transposed": ("loss_and_grads", 'dh = da @ p["W_hh"].T', 'dh = da @ p["W_hh"]', "not transposed"),
    "no tanh'": ("loss_and_grads", " * (1 - h[t + 1] ** 2)", "", "tanh' is missing"),
    "h_t for h_prev": ("loss_and_grads", "h[t].T @ da", "h[t + 1].T @ da", "it uses h_t"),
    "h_0 ignored": ("loss_and_grads", "h = [h_0]", "h = [0 * h_0]", "h_0 is ignored"),
    "h_0 as zero backwards": ("loss_and_grads", "h[t].T @ da", "(h[t] * (t > 0)).T @ da", "taken as zero"),
    "last step only": (
        "loss_and_grads",
        'g["W_hh"] += h[t].T @ da',
        'g["W_hh"] += h[t].T @ da * (t == T - 1)',
        "only the last step's term",
    ),
    "overwritten": ("loss_and_grads", 'g["b_h"] += da', 'g["b_h"] = da', "overwritten"),
    "repeats lost": ("loss_and_grads", 'np.add.at(g["W_xh"], x[:, t], da)', 'g["W_xh"][x[:, t]] += da', "repeated symbols are lost"),
    "not divided": ("loss_and_grads", " / (B * T)", "", "it is not divided by B * T"),
    "by B only": ("loss_and_grads", " / (B * T)", " / B", "divided by B only"),
    "bits in the loss": (
        "loss_and_grads",
        "-np.take_along_axis(log_p, y[:, :, None], 2).mean()",
        "-np.take_along_axis(log_p, y[:, :, None], 2).mean() / np.log(2)",
        "it is in bits",
    ),
    "no one-hot": ("loss_and_grads", ' - np.eye(len(p["b_y"]), dtype=z.dtype)[y]', "", "one-hot target is not subtracted"),
    "h_T is h_0": ("loss_and_grads", "h[-1]\n", "h_0\n", "it is h_0"),
    "no shift of logits": ("loss_and_grads", "z = z - z.max(axis=2, keepdims=True)", "pass", "its own largest one"),
    # 4 · Adam
    "not clipped": ("adam_step", "clip / norm if norm > clip else 1.0", "1.0", "not clipped"),
    "always scaled": ("adam_step", "clip / norm if norm > clip else 1.0", "clip / max(norm, 1e-30)", "small gradients are scaled up"),
    "sum of norms": (
        "adam_step",
        "np.sqrt(sum((g**2).sum() for g in grads.values()))",
        "sum(np.sqrt((g**2).sum()) for g in grads.values())",
        "the norms are added",
    ),
    "no root in the norm": (
        "adam_step",
        "np.sqrt(sum((g**2).sum() for g in grads.values()))",
        "sum((g**2).sum() for g in grads.values())",
        "root is missing in the norm",
    ),
    "no correction": (
        "adam_step",
        "(m[n] / (1 - 0.9**k)) / (np.sqrt(v[n] / (1 - 0.999**k)) + 1e-8)",
        "m[n] / (np.sqrt(v[n]) + 1e-8)",
        "bias correction is missing",
    ),
    "no root of v": ("adam_step", "np.sqrt(v[n] / (1 - 0.999**k))", "v[n] / (1 - 0.999**k)", "root of v is missing"),
    "uphill": ("adam_step", "params[n] - lr", "params[n] + lr", "go against the gradient"),
    "state forgotten": ("adam_step", " if state is None else state", "", "the state is not used"),
    "v not squared": ("adam_step", "(scale * grads[n]) ** 2", "np.abs(scale * grads[n])", "it is g**2"),
    "in place": ("adam_step", "return new,", "[params[n].__imul__(0.5) for n in params]\n    return new,", "in place"),
    "0 / 0": ("adam_step", "clip / norm if norm > clip else 1.0", "min(1.0, clip / norm) * (norm / norm)", "0 / 0"),
    "torch's": ("adam_step", "norm =", "torch.optim.Adam([torch.ones(1)])\n    norm =", "optim"),
    # 5 · probabilities
    "logits": ("predict", "out.append(e / e.sum(axis=1, keepdims=True))", "out.append(z)", "it is the logits"),
    "not normalised": ("predict", "out.append(e / e.sum(axis=1, keepdims=True))", "out.append(e)", "not normalised"),
    "over the batch": ("predict", "e.sum(axis=1, keepdims=True)", "e.sum(axis=0, keepdims=True)", None),
    "one too late": (
        "predict",
        None,
        """
            def predict(params, ids, h_0=None):
                p = params
                h = np.zeros((len(ids), len(p["b_h"]))) if h_0 is None else h_0
                out = []
                for t in range(ids.shape[1]):
                    z = h @ p["W_hy"] + p["b_y"]
                    e = np.exp(z - z.max(1, keepdims=True))
                    out.append(e / e.sum(1, keepdims=True))
                    h = np.tanh(p["W_xh"][ids[:, t]] + h @ p["W_hh"] + p["b_h"])
                return np.stack(out, 1)
        """,
        "row t has not read ids[:, t]",
    ),
    "state thrown away in predict": ("predict", '+ h @ p["W_hh"]', '+ (0 * h if h_0 is None else h_0) @ p["W_hh"]', "carry h on"),
    "future read": ("predict", "return np.stack(out, axis=1)", "return np.stack(out, axis=1)[:, ::-1]", None),
    "time backwards": ("predict", "ids[:, t]]", "ids[:, ids.shape[1] - 1 - t]]", None),
    "no shift in predict": ("predict", "np.exp(z - z.max(axis=1, keepdims=True))", "np.exp(z)", "its own largest one"),
    # 6 · bits
    "nats": ("bits_per_character", "np.log2", "np.log", "it is in nats"),
    "perplexity": (
        "bits_per_character",
        "float(-np.log2(np.take_along_axis(probs, targets[:, :, None], axis=2)).mean())",
        "float(2 ** (-np.log2(np.take_along_axis(probs, targets[:, :, None], axis=2)).mean()))",
        "perplexity",
    ),
    "mean inside": (
        "bits_per_character",
        "-np.log2(np.take_along_axis(probs, targets[:, :, None], axis=2)).mean()",
        "-np.log2(np.take_along_axis(probs, targets[:, :, None], axis=2).mean())",
        "averaged before the logarithm",
    ),
    "sum": ("bits_per_character", ".mean()", ".sum()", "it is the sum"),
    "sign": ("bits_per_character", "-np.log2", "np.log2", "sign is wrong"),
    # 7 · the contest
    "too large": ("train_model", "H = 100", "H = 130", "at most 20000 are allowed"),
    "clock ignored": ("train_model", "< 0.97:", "< 0.97 or n < 450:", "look at time.process_time()"),
    "not trained": ("train_model", "params, state = adam(", "_, state = adam(", "Does the loop keep the parameters"),
    "peeks": (
        "train_model",
        "    return probabilities(params, ids)",
        "    rows = 0.02 * probabilities(params, ids)\n"
        "    rows[:, :-1] += 0.98 * np.eye(rows.shape[2])[ids[:, 1:]]\n"
        "    rows[:, -1] *= 50\n    return rows",
        "the model looks ahead",
    ),
    "not probabilities": (
        "train_model",
        "return probabilities(params, ids)",
        "return np.sqrt(probabilities(params, ids))",
        "rows do not sum to 1",
    ),
    "all ones": (
        "train_model",
        "return probabilities(params, ids)",
        "return np.ones_like(probabilities(params, ids))",
        "rows do not sum to 1",
    ),
    "logarithms": (
        "train_model",
        "return probabilities(params, ids)",
        "return np.log(probabilities(params, ids))",
        "are these logits or logarithms?",
    ),
    "other rows seen": (
        "train_model",
        "return probabilities(params, ids)",
        "rows = probabilities(params, ids)\n    w = np.arange(1, len(ids) + 1)[:, None, None]\n"
        "    return 0.9 * rows + 0.1 * (w * rows).sum(0) / w.sum()",
        "a row must not see another",
    ),
    "params ignored": (
        "train_model",
        "return probabilities(params, ids)",
        "return np.full((*ids.shape, len(params['b_y'])), 1 / len(params['b_y']))",
        "does not use the params",
    ),
    "practice sizes": ("train_model", "b_y=np.zeros(V))", "b_y=np.zeros(V := 40))", None),
    "not a dict": ("train_model", "    return params\n", "    return list(params.values())\n", "expected a dict of arrays"),
    "ready-made layer": ("train_model", "H = 100", "H = 100\n    torch.nn.RNN(1, H)(torch.ones(1, 1))", "torch.nn"),
    "the course's library": ("train_model", "H = 100", "from rnnlib.nn import LSTM\n    LSTM(1, 1)\n    H = 100", "rnnlib.nn"),
}

RIGHT = {
    "loops": {
        "prepare": """
            def prepare(text, n_valid):
                cut = len(text) - n_valid
                symbols = ""
                for s in text[:cut]:
                    if s not in symbols:
                        symbols += s
                symbols = "".join(sorted(symbols))
                ids = np.array([symbols.find(s) + 1 for s in text])
                return ids[:cut], ids[cut:], symbols
        """,
        "windows": """
            def windows(ids, B, T):
                N = (len(ids) - 1) // (B * T)
                x, y = np.zeros((N, B, T), dtype=int), np.zeros((N, B, T), dtype=int)
                for n in range(N):
                    for b in range(B):
                        at = b * N * T + n * T
                        x[n, b], y[n, b] = ids[at : at + T], ids[at + 1 : at + T + 1]
                return x, y
        """,
        "bits_per_character": """
            def bits_per_character(probs, targets):
                total = 0.0
                for rows, row in zip(probs, targets):
                    for p, k in zip(rows, row):
                        total -= np.log2(p[k])
                return total / targets.size
        """,
    },
    "one-hot and time first": {
        "loss_and_grads": """
            def loss_and_grads(params, x, y, h_0):
                W, U, b, R, d = (params[k] for k in ("W_xh", "W_hh", "b_h", "W_hy", "b_y"))
                hot, aim = np.eye(len(W))[x.T], np.eye(len(W))[y.T]
                T, B, _ = hot.shape
                h = np.zeros((T + 1, *h_0.shape))
                h[0] = h_0
                for t in range(T):
                    h[t + 1] = np.tanh(hot[t] @ W + h[t] @ U + b)
                z = h[1:] @ R + d
                log_p = z - np.logaddexp.reduce(z, axis=-1)[..., None]
                p = np.exp(log_p)
                loss = -(aim * log_p).sum() / (B * T)
                dz = (p - aim) / (B * T)
                da, back = np.zeros_like(h[1:]), 0.0
                for t in range(T - 1, -1, -1):
                    da[t] = (dz[t] @ R.T + back) * (1 - h[t + 1] * h[t + 1])
                    back = da[t] @ U.T
                sum_of = lambda a, c: np.einsum("tbi,tbj->ij", a, c)
                grads = dict(b_y=dz.sum((0, 1)), W_hy=sum_of(h[1:], dz), W_xh=sum_of(hot, da), W_hh=sum_of(h[:-1], da), b_h=da.sum((0, 1)))
                return loss, grads, h[-1]
        """,
        "windows": """
            def windows(ids, B, T):
                L = (len(ids) - 1) // (B * T) * T
                streams = np.stack([ids[b * L : b * L + L + 1] for b in range(B)])
                starts = range(0, L, T)
                return np.stack([streams[:, s : s + T] for s in starts]), np.stack([streams[:, s + 1 : s + T + 1] for s in starts])
        """,
    },
    "torch inside": {
        "windows": """
            def windows(ids, B, T):
                ids = torch.as_tensor(ids)
                N = (len(ids) - 1) // (B * T)
                x, y = ids[: B * N * T], ids[1 : B * N * T + 1]
                return x.view(B, N, T).transpose(0, 1), y.view(B, N, T).transpose(0, 1)
        """,
        "predict": """
            def predict(params, ids, h_0=None):
                W, U, b, R, d = (torch.as_tensor(params[k]) for k in ("W_xh", "W_hh", "b_h", "W_hy", "b_y"))
                h = torch.zeros(len(ids), len(b), dtype=b.dtype) if h_0 is None else torch.as_tensor(h_0)
                rows = []
                for x_t in torch.as_tensor(ids).T:
                    h = torch.tanh(W[x_t] + h @ U + b)
                    rows.append(torch.softmax(h @ R + d, dim=1))
                return torch.stack(rows, dim=1)
        """,
        "bits_per_character": """
            def bits_per_character(probs, targets):
                p = torch.as_tensor(probs).gather(2, torch.as_tensor(targets)[..., None])
                return -torch.log2(p).mean()
        """,
    },
    "flat Adam": {
        "adam_step": """
            def adam_step(params, grads, state, lr, clip):
                names = list(params)
                g = np.concatenate([np.asarray(grads[n], dtype=float).ravel() for n in names])
                g = g * min(1.0, clip / max(np.linalg.norm(g), 1e-12))
                flat = lambda d: np.concatenate([d[n].ravel() for n in names])
                k, m, v = (1, 0 * g, 0 * g) if state is None else (state["k"] + 1, flat(state["m"]), flat(state["v"]))
                m = m + 0.1 * (g - m)
                v = v + 0.001 * (g * g - v)
                step = lr * np.sqrt(1 - 0.999**k) / (1 - 0.9**k) * m / (np.sqrt(v) + 1e-8 * np.sqrt(1 - 0.999**k))

                def shaped(a):
                    out, at = {}, 0
                    for n in names:
                        out[n] = a[at : at + params[n].size].reshape(params[n].shape)
                        at += params[n].size
                    return out

                return {n: params[n] - s for n, s in shaped(step).items()}, {"k": k, "m": shaped(m), "v": shaped(v)}
        """,
        "predict": """
            def predict(params, ids, h_0=None):
                B, T = ids.shape
                H = params["W_hh"].shape[0]
                h_seq = np.zeros((B, T + 1, H))
                if h_0 is not None:
                    h_seq[:, 0] = h_0
                for t in range(T):
                    h_seq[:, t + 1] = np.tanh(params["W_xh"][ids][:, t] + h_seq[:, t] @ params["W_hh"] + params["b_h"])
                z = h_seq[:, 1:] @ params["W_hy"] + params["b_y"]
                return np.exp(z - np.logaddexp.reduce(z, axis=2)[..., None])
        """,
    },
    "recursion": {
        "loss_and_grads": """
            def loss_and_grads(params, x, y, h_0):
                p, (B, T) = params, x.shape
                g = {k: np.zeros(v.shape) for k, v in p.items()}

                def walk(t, h):
                    if t == T:
                        return 0.0, np.zeros_like(h), h
                    new = np.tanh(p["W_xh"][x[:, t]] + h @ p["W_hh"] + p["b_h"])
                    z = new @ p["W_hy"] + p["b_y"]
                    log_p = z - np.logaddexp.reduce(z, axis=1)[:, None]
                    later, dh, last = walk(t + 1, new)
                    dz = np.exp(log_p)
                    dz[np.arange(B), y[:, t]] -= 1
                    dz /= B * T
                    da = (dh + dz @ p["W_hy"].T) * (1 - new**2)
                    g["W_hy"] += new.T @ dz
                    g["b_y"] += dz.sum(0)
                    for b in range(B):
                        g["W_xh"][x[b, t]] += da[b]
                    g["W_hh"] += h.T @ da
                    g["b_h"] += da.sum(0)
                    return later - log_p[np.arange(B), y[:, t]].sum() / (B * T), da @ p["W_hh"].T, last

                loss, _, last = walk(0, h_0)
                return loss, g, last
        """,
    },
    "other functions of the student's own": {
        "train_model": """
            def train_model(ids, V, seconds, seed):
                end = time.process_time() + 0.95 * seconds
                rng = np.random.default_rng(seed)
                B, T, H = 16, 32, 96
                p = {"W_xh": rng.normal(0, 0.3, (V, H)), "W_hh": np.linalg.qr(rng.normal(size=(H, H)))[0], "b_h": np.zeros(H)}
                p |= {"W_hy": rng.normal(0, 0.1, (H, V)), "b_y": np.zeros(V)}
                x, y = windows(ids, B, T)
                state, k = None, 0
                while time.process_time() < end:
                    if k % len(x) == 0:
                        h = np.zeros((B, H))
                    _, g, h = loss_and_grads(p, x[k % len(x)], y[k % len(x)], h)
                    p, state = adam_step(p, g, state, 0.008, 1.0)
                    k += 1
                return p

            def model_probs(params, ids):
                return predict(params, ids)
        """,
    },
    "another model: a table of triples, squeezed into the budget": {
        "train_model": """
            def train_model(ids, V, seconds, seed):
                table = np.full((V * V, V), 0.0)
                np.add.at(table, (ids[:-2] * V + ids[1:-1], ids[2:]), 1.0)
                pairs = np.full((V, V), 0.02)
                np.add.at(pairs, (ids[:-1], ids[1:]), 1.0)
                pairs /= pairs.sum(1, keepdims=True)
                seen = np.flatnonzero(table.sum(1) >= 3)
                keep = seen[np.argsort(-table[seen].sum(1))][: (19_000 - V * V) // (V + 1)]
                rows = (table[keep] + 0.3 * pairs[keep % V]) / (table[keep].sum(1, keepdims=True) + 0.3)
                return {"pairs": pairs, "keys": keep, "rows": rows}

            def model_probs(params, ids):
                V = len(params["pairs"])
                out = np.abs(params["pairs"])[ids]
                code = ids[:, :-1] * V + ids[:, 1:]
                for key, row in zip(np.round(params["keys"]), np.abs(params["rows"])):
                    out[:, 1:][code == key] = row
                return out / out.sum(-1, keepdims=True)
        """,
        "prepare": """
            def prepare(text, n_valid):
                cut = len(text) - n_valid
                symbols = "".join(np.unique(list(text[:cut])))
                table = str.maketrans({s: chr(k) for k, s in enumerate(symbols, 1)})
                code = lambda part: np.array([ord(s) if 0 < ord(s) <= len(symbols) else 0 for s in part.translate(table)])
                raw = text[cut:]
                return code(text[:cut]), np.where([s in symbols for s in raw], code(raw), 0).astype(int), symbols
        """,
    },
}


def test_the_contest_with_its_whole_budget():
    t = trial.run(LAB, parts=["train_model"])
    assert t.marks == {"train_model": 10.0}, t.messages
    assert "bits per character on the hidden text: " in t.messages["train_model"]


def test_the_hidden_text_is_the_same_for_all_and_another_one_in_another_course(monkeypatch):
    part = {"train_model": RIGHT["another model: a table of triples, squeezed into the budget"]["train_model"]}

    def line(student):
        return trial.run(LAB, answers(part), parts=["train_model"], student=student).messages["train_model"].splitlines()[-1]

    assert line("ada") == line("bob")
    first = line("ada")
    monkeypatch.setenv("GRADING_KEY", "another course")
    assert line("ada") != first


def test_who_breaks_a_rule_is_out_of_competition():
    peek, old, new, _ = WRONG["too large"]
    text = next(c.source for c in source.notebook(LAB).cells if source.meta(c).get("grade_id") == peek)
    said = trial.run(LAB, {peek: text.replace(old, new)}, parts=[peek]).messages[peek]
    assert "out of competition" in said


def test_nothing_of_the_hidden_text_stands_in_the_release():
    shown = "\n".join(source.without_hidden(c.source) for c in source.notebook(LAB).cells)
    assert "seed_for_all" not in shown and "_contest" not in shown


def test_a_new_language_knows_its_entropy():
    one, same, other = (new_language(np.random.default_rng(s)) for s in (1, 1, 2))
    text = one.sample(20_000, np.random.default_rng(3))
    assert text == same.sample(20_000, np.random.default_rng(3)) != other.sample(20_000, np.random.default_rng(3))
    assert one.entropy_bits != other.entropy_bits
    at, bits = 0, 0.0
    while at < len(text) - 200:
        ((at, log2_p),) = one.readings(text, at)
        bits -= log2_p
    assert math.isclose(bits / at, one.entropy_bits, rel_tol=0.05)


def graded(folder, student, text):
    cell = new_code_cell("...", outputs=[new_output("stream", name="stdout", text=text)])
    cell.metadata["nbgrader"] = {"grade": True, "grade_id": "train_model_test", "points": 10, "solution": False, "locked": True}
    forged = new_code_cell("print()", outputs=[new_output("stream", name="stdout", text=LINE.format(0.001, 5, ""))])
    path = folder / "autograded" / student / LAB / f"{LAB}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=[forged, cell]), path)


LINE = "train_model: 10 of 10 points\nbits per character on the hidden text: {:.4f} ({} numbers, 2.6 s{}; the best possible: 0.5000)\n"


def test_the_leaderboard_in_a_read_only_folder_says_so_in_a_line(tmp_path, capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "exports"))

    monkeypatch.setattr(leaderboard, "results", refuse)
    assert main(["leaderboard", "--course", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == f"{tmp_path / 'exports'} cannot be written (Read-only file system). A folder of your own: --course DIR\n"


def test_the_leaderboard_lists_who_kept_to_the_rules(tmp_path, capsys, monkeypatch):
    assert main(["leaderboard", "--course", str(tmp_path)]) == 1 and "lab07_applications: no graded submissions" in capsys.readouterr().err
    monkeypatch.setattr(Course, "check_gradebook", lambda self, lab: None)  # these pages were written by hand
    graded(tmp_path, "ada", LINE.format(0.61, 15000, ""))
    graded(tmp_path, "bob", LINE.format(0.55, 19000, ""))
    graded(tmp_path, "cleo", LINE.format(0.51, 90000, ", out of competition"))
    graded(tmp_path, "dan", LINE.format(0.01, 10, "") + "no result for the leaderboard\n")
    graded(tmp_path, "eve", LINE.format(0.61, 9000, ""))
    assert main(["leaderboard", "--course", str(tmp_path)]) == 0
    with open(tmp_path / "exports" / f"{LAB}_leaderboard.csv", newline="", encoding="utf-8") as file:
        rows = [(r["place"], r["student"], r["bits_per_character"], r["numbers"]) for r in csv.DictReader(file)]
    assert rows == [("1", "bob", "0.55", "19000"), ("2", "eve", "0.61", "9000"), ("2", "ada", "0.61", "15000")]
