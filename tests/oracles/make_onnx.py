"""Make ``onnx.json``: what onnxruntime answers to random RNN, LSTM and GRU operators of the ONNX standard.

::

    pip install onnx onnxruntime
    python tests/oracles/make_onnx.py            # write the file anew
    python tests/oracles/make_onnx.py --check    # run onnxruntime again and compare with the file

Every array is kept as ONNX has it: time major, one leading axis for directions, gate rows in ONNX's order, input and recurrent biases
side by side. Weights and inputs are random numbers of two decimals, so that their text is short and exact.
"""

import datetime
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

FILE = Path(__file__).with_name("onnx.json")
SEED, OPSET = 20, 17
TOLERANCE = 1e-6  # between two versions of onnxruntime
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
INPUTS = {
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
}
OUTPUTS = {"RNN": ("Y", "Y_h"), "LSTM": ("Y", "Y_h", "Y_c"), "GRU": ("Y", "Y_h")}
VARIANTS = {  # name: operator, attributes, with peepholes
    "rnn-tanh": ("RNN", {"activations": ["Tanh"]}, False),
    "rnn-relu": ("RNN", {"activations": ["Relu"]}, False),
    "lstm": ("LSTM", {}, False),
    "lstm-peepholes": ("LSTM", {}, True),
    "gru-after": ("GRU", {"linear_before_reset": 1}, False),
    "gru-before": ("GRU", {"linear_before_reset": 0}, False),
}
SIZES = {"mixed": (4, 6, 3, 5), "one row": (1, 5, 2, 3), "one step": (3, 1, 2, 4), "one unit": (2, 4, 3, 1)}  # B, T, D, H
LENGTHS = [3, 6, 1, 5]  # of the four rows of "mixed"
DIRECTIONS = ("forward", "reverse", "bidirectional")


def plans():
    """Name, variant, direction, sizes, lengths and whether there is an initial state, for every case."""
    for variant in VARIANTS:
        for direction in DIRECTIONS:
            yield f"{variant}, {direction}", variant, direction, SIZES["mixed"], LENGTHS, True
        yield f"{variant}, no lengths, no state", variant, "reverse", SIZES["mixed"], None, False
        for words in ("one row", "one step", "one unit"):
            B, T, _, _ = SIZES[words]
            lengths = [1 + (T - 1) * (b + 1) // (B + 1) for b in range(B)]
            yield f"{variant}, {words}", variant, "bidirectional", SIZES[words], lengths, True


def draw(variant, direction, sizes, lengths, has_state, rng):
    """Random inputs of one operator, a dict under ONNX's names."""
    op, _, peepholes = VARIANTS[variant]
    (B, T, D, H), G, K = sizes, GATES[op], 2 if direction == "bidirectional" else 1
    shapes = {"X": (T, B, D), "W": (K, G * H, D), "R": (K, G * H, H), "B": (K, 2 * G * H)}
    if has_state:
        shapes["initial_h"] = (K, B, H)
        if op == "LSTM":
            shapes["initial_c"] = (K, B, H)
    if peepholes:
        shapes["P"] = (K, 3 * H)
    arrays = {name: rng.normal(0, 0.8, shape).round(2).astype(np.float32) + np.float32(0) for name, shape in shapes.items()}
    if lengths is not None:
        arrays["sequence_lens"] = np.array(lengths, np.int32)
    return arrays


def answer(op, attributes, direction, H, arrays):
    """The outputs of onnxruntime for one operator, a dict under ONNX's names."""
    used = [name if name in arrays else "" for name in INPUTS[op]]
    if direction == "bidirectional" and "activations" in attributes:
        attributes = attributes | {"activations": attributes["activations"] * 2}
    node = helper.make_node(op, used, OUTPUTS[op], direction=direction, hidden_size=H, **attributes)
    kinds = {name: TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT for name in arrays}
    inputs = [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in arrays.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * (4 if name == "Y" else 3)) for name in OUTPUTS[op]]
    graph = helper.make_graph([node], "operator", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS[op], session.run(None, arrays), strict=True))


def cases():
    for k, (name, variant, direction, sizes, lengths, has_state) in enumerate(plans()):
        op, attributes, _ = VARIANTS[variant]
        arrays = draw(variant, direction, sizes, lengths, has_state, np.random.default_rng([SEED, k]))
        outputs = answer(op, attributes, direction, sizes[3], arrays)
        yield {"name": name, "op": op, "variant": variant, "direction": direction, "inputs": arrays, "outputs": outputs}


def numbers(array):
    """An array as nested lists, each float32 with as few digits as tell it apart."""
    if array.ndim:
        return [numbers(row) for row in array]
    return int(array) if array.dtype.kind == "i" else float(str(array))


def text(entry):
    """One case as JSON, one array a line."""
    lines = [f'"{key}": {json.dumps(value)}' for key, value in entry.items() if isinstance(value, str)]
    for group in ("inputs", "outputs"):
        arrays = [f'"{name}": {json.dumps(numbers(value), separators=(",", ":"))}' for name, value in entry[group].items()]
        lines.append(f'"{group}": {{\n' + ",\n".join(arrays) + "}")
    return "{" + ",\n".join(lines) + "}"


def write():
    provenance = {
        "made by": "tests/oracles/make_onnx.py",
        "onnxruntime": onnxruntime.__version__,
        "onnx": onnx.__version__,
        "opset": OPSET,
        "seed": SEED,
        "date": datetime.date.today().isoformat(),
    }
    entries = ",\n\n".join(text(entry) for entry in cases())
    FILE.write_text('{"provenance": ' + json.dumps(provenance) + ',\n\n"cases": [\n\n' + entries + "\n\n]}\n", encoding="utf-8")
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


def check():
    frozen = json.loads(FILE.read_text(encoding="utf-8"))
    worst, now = 0.0, list(cases())
    if [entry["name"] for entry in now] != [entry["name"] for entry in frozen["cases"]]:
        raise SystemExit("the cases of the file are not those of this script: write it anew")
    for old, new in zip(frozen["cases"], now, strict=True):
        for group in ("inputs", "outputs"):
            for name, value in new[group].items():
                error = np.abs(np.array(old[group][name], np.float32) - value).max()
                worst = max(worst, float(error))
                if not error <= TOLERANCE:
                    raise SystemExit(f"{new['name']}: {name} differs by {error:.2g}")
    print(f"{len(now)} cases, onnxruntime {onnxruntime.__version__}: largest difference {worst:.2g}")


if __name__ == "__main__":
    check() if "--check" in sys.argv[1:] else write()
