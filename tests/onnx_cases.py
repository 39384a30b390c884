"""Make `onnx_cases.json`: what onnxruntime answers to small random cells, frozen so that the tests need neither it nor the network.

Run by hand, in an environment with onnx and onnxruntime:  python tests/onnx_cases.py
Weights, states, peepholes and lengths are random and mixed: constant weights are blind to the order of the gates.
"""

import json
from pathlib import Path

import numpy as np

B, T, D, H = 3, 5, 2, 4
FILE = Path(__file__).with_suffix(".json")
ORDER = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}  # our blocks in the order of ONNX: LSTM i o f c, GRU z r h
CASES = [  # cell, direction, options
    ("rnn", "forward", {"activation": "tanh"}),
    ("rnn", "reverse", {"activation": "relu"}),
    ("lstm", "forward", {}),
    ("lstm", "forward", {"peepholes": True}),
    ("lstm", "reverse", {"peepholes": True}),
    ("lstm", "bidirectional", {"peepholes": True}),
    ("gru", "forward", {"reset": "after"}),
    ("gru", "forward", {"reset": "before"}),
    ("gru", "reverse", {"reset": "before"}),
    ("gru", "bidirectional", {"reset": "after"}),
]


def direction_arrays(rng, cell, options):
    """Weights and initial states of one direction, in our layout."""
    G = len(ORDER[cell])
    shapes = {"W_x": (D, G * H), "W_h": (H, G * H), "b_x": (G * H,), "b_h": (G * H,), "h_0": (B, H)}
    if cell == "lstm":
        shapes["c_0"] = (B, H)
        if options.get("peepholes"):
            shapes |= dict.fromkeys(("p_i", "p_f", "p_o"), (H,))
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def ask(cell, direction, options, x, lengths, parts):
    """Outputs of onnxruntime: h_seq (B, T, H or 2H) and the final states of each direction."""
    import onnxruntime
    from onnx import TensorProto, helper

    def gates(W):
        """The last axis cut into gates, in the order of ONNX, and moved to the front."""
        return np.concatenate([np.split(W, len(ORDER[cell]), axis=-1)[k] for k in ORDER[cell]], axis=-1).T

    stack = lambda f: np.stack([f(p) for p in parts])
    feed = {
        "X": x.swapaxes(0, 1),
        "W": stack(lambda p: gates(p["W_x"])),
        "R": stack(lambda p: gates(p["W_h"])),
        "B": stack(lambda p: np.concatenate([gates(p["b_x"]), gates(p["b_h"])])),
        "sequence_lens": lengths.astype(np.int32),
        "initial_h": stack(lambda p: p["h_0"]),
    }
    attributes = {"direction": direction, "hidden_size": H}
    if cell == "lstm":
        feed["initial_c"] = stack(lambda p: p["c_0"])
        if options.get("peepholes"):
            feed["P"] = stack(lambda p: np.concatenate([p["p_i"], p["p_o"], p["p_f"]]))
    elif cell == "gru":
        attributes["linear_before_reset"] = int(options["reset"] == "after")
    else:
        attributes["activations"] = [options["activation"].capitalize()] * len(parts)

    names = ["Y", "Y_h"] + ["Y_c"] * (cell == "lstm")
    node = helper.make_node(cell.upper(), list(feed), names, **attributes)
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.INT32 if n == "sequence_lens" else TensorProto.FLOAT, v.shape) for n, v in feed.items()
    ]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names]
    model = helper.make_model(helper.make_graph([node], cell, inputs, outputs), opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    Y, *finals = session.run(names, {n: np.ascontiguousarray(v) for n, v in feed.items()})  # Y is (T, directions, B, H)
    return np.concatenate(list(Y.swapaxes(0, 1)), axis=-1).swapaxes(0, 1), [[f[k] for f in finals] for k in range(len(parts))]


def main():
    import onnx
    import onnxruntime

    rng, cases = np.random.default_rng(20260), []
    for cell, direction, options in CASES:
        parts = [direction_arrays(rng, cell, options) for _ in range(1 + (direction == "bidirectional"))]
        x, lengths = rng.normal(size=(B, T, D)).astype(np.float32), np.array([4, 5, 2])
        h_seq, finals = ask(cell, direction, options, x, lengths, parts)
        case = {"cell": cell, "direction": direction, "options": options, "lengths": lengths, "x": x, "parts": parts}
        cases.append(case | {"h_seq": h_seq, "finals": finals})
    source = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, opset 14, CPU, float32; written by {Path(__file__).name}"
    write = lambda value: json.dumps(value, default=lambda a: np.asarray(a).tolist())
    lines = ",\n".join(write(tidy(case)) for case in cases)
    FILE.write_text(f'{{"source": {json.dumps(source)},\n"cases": [\n{lines}\n]}}\n')


def tidy(value):
    """Arrays as lists of the shortest decimals that give the same float32."""
    if isinstance(value, dict):
        return {k: tidy(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(v) for v in value]
    if isinstance(value, np.ndarray):
        return [tidy(v) for v in value]
    return float(str(value)) if isinstance(value, np.float32) else int(value) if isinstance(value, np.integer) else value


if __name__ == "__main__":
    main()
