"""The cells against onnxruntime, an implementation that shares no line with ours or with torch; its answers are frozen."""

import json

import numpy as np
import pytest
from cell_laws import close
from onnx_cases import FILE
from places import everywhere, put

from rnnlib.scratch.gru import gru_forward
from rnnlib.scratch.layers import bidirectional_forward
from rnnlib.scratch.lstm import lstm_forward
from rnnlib.scratch.rnn import rnn_forward

TOLERANCE = 1e-6  # float32 there
FROZEN = json.loads(FILE.read_text())
PEEPHOLES = ("p_i", "p_f", "p_o")


def name(case):
    return "-".join([case["cell"], case["direction"], *map(str, case["options"].values())])


def params(cell, part):
    """The weights of one direction under the names of the cell's forward pass."""
    p = {k: v for k, v in part.items() if k not in ("h_0", "c_0")}
    if cell == "rnn":
        return {"W_xh": p["W_x"], "W_hh": p["W_h"], "b_h": p["b_x"] + p["b_h"]}
    if cell == "lstm":
        p["b"] = p.pop("b_x") + p.pop("b_h")
    return p


@everywhere
@pytest.mark.parametrize("case", FROZEN["cases"], ids=name)
def test_onnxruntime_gives_the_same(case, place):
    cell, options, lengths = case["cell"], dict(case["options"]), np.array(case["lengths"])
    peepholes = options.pop("peepholes", False)
    parts = [{k: put(place, np.array(v)) for k, v in part.items()} for part in case["parts"]]
    x = put(place, np.array(case["x"]))
    states = [(p["h_0"], p["c_0"]) if cell == "lstm" else p["h_0"] for p in parts]
    weights = [params(cell, p) for p in parts]
    if len(parts) == 2:
        h_seq, finals, _ = bidirectional_forward(x, *weights, tuple(states), cell=cell, lengths=lengths, **options)
    else:
        if peepholes:
            options["peepholes"] = tuple(weights[0].pop(p) for p in PEEPHOLES)
        forward = {"rnn": rnn_forward, "lstm": lstm_forward, "gru": gru_forward}[cell]
        names = {"lstm": ("W_x", "W_h", "b"), "gru": ("W_x", "W_h", "b_x", "b_h"), "rnn": ("W_xh", "W_hh", "b_h")}[cell]
        reverse = case["direction"] == "reverse"
        h_seq, final, _ = forward(x, *(weights[0][n] for n in names), states[0], lengths=lengths, reverse=reverse, **options)
        finals = [final]
    close(h_seq, np.array(case["h_seq"]), TOLERANCE)
    for ours, theirs in zip(finals, case["finals"], strict=True):
        for value, expected in zip(ours if cell == "lstm" else (ours,), theirs, strict=True):
            close(value, np.array(expected), TOLERANCE)


def test_the_cases_are_not_blind():
    """Other gate orders, other lengths and no peepholes must miss the frozen numbers by far."""
    case = next(c for c in FROZEN["cases"] if c["options"].get("peepholes") and c["direction"] == "forward")
    part = {k: np.array(v) for k, v in case["parts"][0].items()}
    p = params("lstm", part)
    state, x, lengths = (part["h_0"], part["c_0"]), np.array(case["x"]), np.array(case["lengths"])
    peepholes = tuple(part[n] for n in PEEPHOLES)

    def miss(*weights, peepholes=peepholes, lengths=lengths):
        return np.abs(lstm_forward(x, *weights, state, peepholes=peepholes, lengths=lengths)[0] - case["h_seq"]).max()

    right = p["W_x"], p["W_h"], p["b"]
    assert miss(*right) < TOLERANCE
    for order in ([1, 0, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2]):
        assert miss(*(np.concatenate([np.split(W, 4, -1)[k] for k in order], -1) for W in right)) > 0.1
    assert miss(*right, peepholes=None) > 0.1
    assert miss(*right, peepholes=(peepholes[1], peepholes[0], peepholes[2])) > 0.1
    assert miss(*right, lengths=None) > 0.1
