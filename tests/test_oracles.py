"""What onnxruntime answers to random operators, replayed; the frozen cases are made by tests/oracles/make_onnx.py."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlib import nn
from rnnlib.scratch.gru import gru_forward
from rnnlib.scratch.layers import bidirectional_forward
from rnnlib.scratch.lstm import lstm_forward, lstm_step
from rnnlib.scratch.rnn import rnn_forward

TOLERANCE = 1e-6  # float32 on both sides, relative to the largest entry
FROZEN = json.loads(Path(__file__).with_name("oracles").joinpath("onnx.json").read_text(encoding="utf-8"))
CASES = FROZEN["cases"]
TO_ONNX = {"RNN": [0], "LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2]}  # ONNX's gates are i o f c and z r h; ours, as torch's, i f g o and r z n
FORWARD = {"RNN": rnn_forward, "LSTM": lstm_forward, "GRU": gru_forward}
OPTIONS = {"rnn-relu": {"activation": "relu"}, "gru-before": {"reset": "before"}}


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def block(rows, op):
    """Rows (G·H, N) in ONNX's order of gates as our columns (N, G·H)."""
    gates = rows.reshape(len(TO_ONNX[op]), -1, *rows.shape[1:])
    return np.concatenate(gates[np.argsort(TO_ONNX[op])]).T


def calls(case, dtype=np.float32):
    """The arguments of our forward pass, one dict a direction, and what it should answer: h_seq (B, T, K·H), finals (K, B, H)."""
    op = case["op"]
    given = {name: np.array(value, np.float32).astype(dtype) for name, value in case["inputs"].items() if name != "sequence_lens"}
    lengths = case["inputs"].get("sequence_lens")
    out = []
    for k in range(len(given["W"])):
        W_x, W_h = block(given["W"][k], op), block(given["R"][k], op)
        b_x, b_h = (block(part, op) for part in np.split(given["B"][k], 2))
        call = {"x": given["X"].swapaxes(0, 1), "lengths": lengths and np.array(lengths), **OPTIONS.get(case["variant"], {})}
        call["reverse"] = k == 1 or case["direction"] == "reverse"
        h_0 = given["initial_h"][k] if "initial_h" in given else None
        if op == "RNN":
            call |= {"W_xh": W_x, "W_hh": W_h, "b_h": b_x + b_h, "h_0": h_0}
        elif op == "GRU":
            call |= {"W_x": W_x, "W_h": W_h, "b_x": b_x, "b_h": b_h, "h_0": h_0}
        else:
            call |= {"W_x": W_x, "W_h": W_h, "b": b_x + b_h, "state": None if h_0 is None else (h_0, given["initial_c"][k])}
            if "P" in given:
                p_i, p_o, p_f = np.split(given["P"][k], 3)
                call["peepholes"] = (p_i, p_f, p_o)
        out.append(call)
    expected = {name: np.array(value) for name, value in case["outputs"].items()}
    T, K, B, H = expected["Y"].shape
    return out, [expected.pop("Y").transpose(2, 0, 1, 3).reshape(B, T, K * H), *expected.values()]


def replay(case, forward=None, dtype=np.float32):
    """Our answer, each direction by itself, beside onnxruntime's."""
    given, expected = calls(case, dtype)
    outputs, finals = [], []
    for call in given:
        h_seq, state, _ = (forward or FORWARD[case["op"]])(**call)
        outputs.append(h_seq)
        finals.append(state if isinstance(state, tuple) else (state,))
    return [np.concatenate(outputs, axis=2), *map(np.stack, zip(*finals, strict=True))], expected


def distance(got, expected):
    """Largest difference, relative to the largest entry of each array."""
    assert [g.shape for g in map(np.asarray, got)] == [e.shape for e in expected]
    return max(float(np.abs(np.asarray(g) - e).max() / max(1, np.abs(e).max())) for g, e in zip(got, expected, strict=True))


def test_the_cases_say_where_they_come_from():
    assert {"onnxruntime", "onnx", "opset", "seed", "date", "made by"} <= set(FROZEN["provenance"])
    assert {case["direction"] for case in CASES} == {"forward", "reverse", "bidirectional"}
    mixed = [case for case in CASES if len(set(case["inputs"].get("sequence_lens", ()))) > 1]
    assert {case["variant"] for case in mixed} == {case["variant"] for case in CASES}
    assert not {"onnx", "onnxruntime"} & set(sys.modules)


@named(CASES)
def test_scratch_answers_as_onnxruntime(case):
    assert distance(*replay(case)) <= TOLERANCE
    assert distance(*replay(case, dtype=np.float64)) <= TOLERANCE


@named([case for case in CASES if case["direction"] == "bidirectional"])
def test_scratch_in_both_directions_at_once_answers_as_onnxruntime(case):
    given, expected = calls(case)
    state = "state" if case["op"] == "LSTM" else "h_0"
    options = {name: given[0].pop(name) for name in ("x", "lengths", *OPTIONS.get(case["variant"], {}))}
    params = [{name: value for name, value in call.items() if name.startswith(("W", "b"))} for call in given]
    for call, weights in zip(given, params, strict=True):
        weights.update(zip(("p_i", "p_f", "p_o"), call.get("peepholes", ()), strict=False))
    states = tuple(call[state] for call in given)
    h_seq, finals, _ = bidirectional_forward(options.pop("x"), *params, states, cell=case["op"].lower(), **options)
    finals = [np.stack(parts) for parts in zip(*finals, strict=True)] if case["op"] == "LSTM" else [np.stack(finals)]
    assert distance([h_seq, *finals], expected) <= TOLERANCE


@pytest.mark.parametrize("impl", ["source", "torch", "loop"])
@named([case for case in CASES if case["direction"] != "reverse"])
def test_nn_answers_as_onnxruntime(case, impl):
    kernels = case["variant"] not in ("lstm-peepholes", "gru-before")
    given, expected = calls(case)
    D, H, op = given[0]["x"].shape[2], expected[1].shape[2], case["op"]
    options = {name: given[0][name] for name in ("activation", "reset") if name in given[0]}
    if "peepholes" in given[0]:
        options["peephole"] = True
    two = len(given) == 2
    if impl == "torch" and not kernels:
        with pytest.raises(ValueError, match="impl: expected one of"):
            getattr(nn, op)(D, H, bidirectional=two, impl=impl, **options)
        return
    layer = getattr(nn, op)(D, H, bidirectional=two, impl=impl, **options)
    arrays = {}
    for prefix, call in zip(("cells.0.", "reverse_cells.0."), given, strict=False):
        weights = {name: value for name, value in call.items() if name.startswith(("W", "b"))}
        weights |= dict(zip(("p_i", "p_f", "p_o"), call.get("peepholes", ()), strict=False))
        arrays |= {prefix + name: np.ascontiguousarray(value) for name, value in weights.items()}
    layer.load_arrays(arrays)
    states = [call.get("state", call.get("h_0")) for call in given]
    state = None
    if states[0] is not None:
        parts = zip(*states, strict=True) if op == "LSTM" else [states]
        parts = [torch.from_numpy(np.stack(part) if two else part[0]) for part in parts]
        state = tuple(parts) if op == "LSTM" else parts[0]
    lengths = given[0]["lengths"]
    h_seq, finals = layer(torch.from_numpy(np.ascontiguousarray(given[0]["x"])), state, lengths)
    finals = finals if op == "LSTM" else (finals,)
    got = [h_seq, *(final if two else final[None] for final in finals)]
    assert distance([value.detach().numpy() for value in got], expected) <= TOLERANCE


# ---- the cases are not blind: each fault is seen ----


def blocks(value, order):
    """The gate blocks of a call's stacked arrays in another order."""
    G = len(order)
    return np.concatenate([np.split(value, G, axis=-1)[k] for k in order], axis=-1)


def change(**changes):
    """A forward pass that is called with other arguments: ``name=function of the call``; left alone where the call has None."""

    def fault(forward):
        def wrong(**call):
            return forward(**call | {name: f(call) for name, f in changes.items() if call.get(name) is not None})

        return wrong

    return fault


def reorder(order, *names):
    return change(**{name: lambda call, name=name: blocks(call[name], order) for name in names})


def by_steps(alter):
    """An LSTM row by row and step by step; ``alter(call, h, c)`` gives the bias and the peepholes of a step, or changes its outcome."""

    def fault(forward):
        def wrong(x, W_x, W_h, b, state, lengths, reverse, peepholes=None):
            (B, T, _), H = x.shape, len(W_h)
            h_seq, final = np.zeros((B, T, H), x.dtype), np.zeros((2, B, H), x.dtype)
            for row in range(B):
                h, c = (np.zeros((1, H), x.dtype) if state is None else part[row : row + 1] for part in state or (0, 0))
                steps = range(T if lengths is None else lengths[row])
                for step in reversed(steps) if reverse else steps:
                    bias, seen, outcome = alter(b, peepholes, h[0], c[0])
                    h, c = outcome(*lstm_step(x[row : row + 1, step], h, c, W_x, W_h, bias, seen))
                    h_seq[row, step] = h
                final[:, row] = h[0], c[0]
            return h_seq, tuple(final), None

        return wrong

    return fault


def into(block, bias, value):
    """A bias with ``value`` (H,) added to one of its four blocks."""
    parts = np.split(bias, 4)
    parts[block] = parts[block] + value
    return np.concatenate(parts)


def right(*hc):
    return hc


def p_o_sees_the_memory_before(b, peepholes, h, c):
    p_i, p_f, p_o = peepholes
    return into(3, b, p_o * c), (p_i, p_f, 0 * p_o), right


def p_f_sees_the_output(b, peepholes, h, c):
    p_i, p_f, p_o = peepholes
    return into(1, b, p_f * h), (p_i, 0 * p_f, p_o), right


def no_tanh(b, peepholes, h, c):
    return b, peepholes, lambda h, c: (h / np.tanh(c) * c, c)


def padding_read_backwards(forward):
    """``reverse`` flips the whole row, padding and all."""

    def wrong(**call):
        if not call["reverse"] or call["lengths"] is None:
            return forward(**call)
        h_seq, state, tape = forward(**call | {"x": call["x"][:, ::-1], "reverse": False})
        return h_seq[:, ::-1], state, tape

    return wrong


def from_the_run_without_lengths(which):
    """The outputs (0) or the final state (1) of a run that ignores lengths, the other one right."""

    def fault(forward):
        def wrong(**call):
            answer, careless = list(forward(**call)), forward(**call | {"lengths": None})
            answer[which] = careless[which]
            return answer

        return wrong

    return fault


def z_negated(name):
    def negated(call):
        r, z, n = np.split(call[name], 3, axis=-1)
        return np.concatenate([r, -z, n], axis=-1)

    return negated


LSTMS, GRUS, RNNS = ("lstm", "lstm-peepholes"), ("gru-after", "gru-before"), ("rnn-tanh", "rnn-relu")
ALL = LSTMS + GRUS + RNNS
FAULTS = {  # what is wrong: the variants that must see it, and the fault
    "gates i and f change places": (LSTMS, reorder([1, 0, 2, 3], "W_x", "W_h", "b")),
    "gates g and o change places": (LSTMS, reorder([0, 1, 3, 2], "W_x", "W_h", "b")),
    "gates in ONNX's order": (LSTMS, reorder([0, 3, 1, 2], "W_x", "W_h", "b")),
    "gates f and o change places in W_h alone": (LSTMS, reorder([0, 3, 2, 1], "W_h")),
    "gates i and o change places in b alone": (LSTMS, reorder([3, 1, 2, 0], "b")),
    "h_0 and c_0 change places": (LSTMS, change(state=lambda call: call["state"][::-1])),
    "c_0 forgotten": (LSTMS, change(state=lambda call: (call["state"][0], 0 * call["state"][1]))),
    "peepholes forgotten": (("lstm-peepholes",), change(peepholes=lambda call: None)),
    "peepholes p_i and p_f change places": (("lstm-peepholes",), change(peepholes=lambda call: [call["peepholes"][k] for k in (1, 0, 2)])),
    "peepholes in ONNX's order": (("lstm-peepholes",), change(peepholes=lambda call: [call["peepholes"][k] for k in (0, 2, 1)])),
    "p_o looks at the memory before": (("lstm-peepholes",), by_steps(p_o_sees_the_memory_before)),
    "p_f looks at the output, not the memory": (("lstm-peepholes",), by_steps(p_f_sees_the_output)),
    "no tanh of the memory": (LSTMS, by_steps(no_tanh)),
    "gates r and z change places": (GRUS, reorder([1, 0, 2], "W_x", "W_h", "b_x", "b_h")),
    "z keeps the new": (GRUS, change(**{name: z_negated(name) for name in ("W_x", "W_h", "b_x", "b_h")})),
    "reset after the product, not before": (("gru-before",), change(reset=lambda call: "after")),
    "reset before the product, not after": (("gru-after",), lambda forward: lambda **call: forward(**call, reset="before")),
    "both biases outside the reset": (
        ("gru-after",),
        change(b_x=lambda call: call["b_x"] + call["b_h"], b_h=lambda call: 0 * call["b_h"]),
    ),
    "recurrent bias forgotten": (GRUS, change(b_h=lambda call: 0 * call["b_h"])),
    "tanh in the place of relu": (("rnn-relu",), change(activation=lambda call: "tanh")),
    "bias counted twice": (RNNS, change(b_h=lambda call: 2 * call["b_h"])),
    "recurrent matrix transposed": (RNNS, change(W_hh=lambda call: call["W_hh"].T)),
    "h_0 forgotten": (GRUS + RNNS, change(h_0=lambda call: None)),
    "lengths ignored": (ALL, change(lengths=lambda call: None)),
    "lengths one step short": (ALL, change(lengths=lambda call: np.maximum(call["lengths"] - 1, 1))),
    "lengths in the order of another row": (ALL, change(lengths=lambda call: call["lengths"][::-1])),
    "outputs go on in the padding": (ALL, from_the_run_without_lengths(0)),
    "final state taken behind the padding": (ALL, from_the_run_without_lengths(1)),
    "direction ignored": (ALL, change(reverse=lambda call: False)),
    "padding read backwards": (ALL, padding_read_backwards),
    "time and batch mixed up": (ALL, change(x=lambda call: np.ascontiguousarray(call["x"].swapaxes(0, 1)).reshape(call["x"].shape))),
}
SEEN = 1e-3  # a fault is no matter of rounding


@pytest.mark.parametrize("name", FAULTS)
def test_every_planted_fault_is_seen(name):
    variants, fault = FAULTS[name]
    for variant in variants:
        cases = [case for case in CASES if case["variant"] == variant]
        seen = [case["name"] for case in cases if distance(*replay(case, fault(FORWARD[case["op"]]))) > SEEN]
        assert seen, f"{variant}: no case sees that {name}"
        if "lengths" in name or "padding" in name:  # only what has padding can tell
            assert all("sequence_lens" in case["inputs"] for case in cases if case["name"] in seen)


def test_a_fault_that_is_none_is_not_seen():
    for case in CASES:
        faults = [change(x=lambda call: call["x"].copy())]
        if case["op"] == "LSTM":
            faults.append(by_steps(lambda b, peepholes, h, c: (b, peepholes, right)))
        for fault in faults:
            assert distance(*replay(case, fault(FORWARD[case["op"]]))) <= TOLERANCE
