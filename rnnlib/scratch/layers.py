"""Layers of cells: two directions side by side, and any number of layers on top of each other.

The parameters of one direction of one layer are a dict under the names of the cell's forward pass, for instance
``{"W_x": …, "W_h": …, "b": …}`` for an LSTM (with ``p_i, p_f, p_o`` for peepholes).
"""

from rnnlib.arrays import empty
from rnnlib.checks import check_array, check_choice
from rnnlib.scratch.gru import gru_backward, gru_forward
from rnnlib.scratch.lstm import lstm_backward, lstm_forward
from rnnlib.scratch.rnn import rnn_backward, rnn_forward

_CELLS = {  # forward, backward, parameters in the forward's order, initial states
    "rnn": (rnn_forward, rnn_backward, ("W_xh", "W_hh", "b_h"), ("h_0",)),
    "lstm": (lstm_forward, lstm_backward, ("W_x", "W_h", "b"), ("h_0", "c_0")),
    "gru": (gru_forward, gru_backward, ("W_x", "W_h", "b_x", "b_h"), ("h_0",)),
}
_PEEPHOLES = ("p_i", "p_f", "p_o")


class LayersTape:
    """Tapes of the parts, in the order in which they ran, and the cell they belong to; reused like a `Tape`."""

    def __init__(self, kind, cell, count):
        self.kind, self.cell, self.tapes = kind, cell, [None] * count


def bidirectional_forward(x, forward_params, reverse_params, states=None, *, cell="lstm", lengths=None, tape=None, **options):
    r"""Read a batch of sequences in both directions.

    .. math:: h_t = [\overrightarrow{h}_t,\; \overleftarrow{h}_t]

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
        Input sequences, padded to ``T`` steps.
    forward_params, reverse_params : dict
        Parameters of the cell that reads from left to right, and of the one that reads from right to left.
    states : tuple of two states, optional
        Initial state of each direction: ``h_0`` of shape (B, H), or ``(h_0, c_0)`` for an LSTM. Zeros when None.
    cell : {"rnn", "lstm", "gru"}
    lengths : int array of shape (B,), optional
        Valid steps of each row; the second direction starts at a row's last valid step.
    tape : LayersTape, optional
        Tape of an earlier pass whose buffers are reused.
    **options
        ``activation`` of an RNN, ``reset`` of a GRU.

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, 2H)
        Both directions side by side, zero past a row's length.
    states : tuple of two states
        Final state of each direction.
    tape : LayersTape
        For `bidirectional_backward`.

    Notes
    -----
    Lesson: :ref:`bidirectional`. Source: Schuster and Paliwal (1997).
    """
    check_choice("cell", cell, tuple(_CELLS))
    tape = _begin(tape, "bidirectional", cell, 2)
    states = _entries("states", states, 2, "direction")
    out = []
    for k, (name, params) in enumerate((("forward_params", forward_params), ("reverse_params", reverse_params))):
        h, state, tape.tapes[k] = _run(cell, name, x, params, states[k], lengths, k == 1, tape.tapes[k], options)
        out.append((h, state))
    (h_forward, state_forward), (h_reverse, state_reverse) = out
    H = h_forward.shape[2]
    h_seq = empty((*h_forward.shape[:2], H + h_reverse.shape[2]), h_forward)
    h_seq[..., :H], h_seq[..., H:] = h_forward, h_reverse
    return h_seq, (state_forward, state_reverse), tape


def bidirectional_backward(dh_seq, tape, dstates=None):
    """Gradients of `bidirectional_forward`.

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, 2H)
        Gradient of the loss with respect to ``h_seq``.
    tape : LayersTape
        From `bidirectional_forward`.
    dstates : tuple of two states, optional
        Gradient with respect to the final state of each direction, zeros when None.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``forward_params`` and ``reverse_params`` (dicts as given), ``states`` (initial states).
    """
    _check_tape(tape, "bidirectional")
    dstates = _entries("dstates", dstates, 2, "direction")
    H, H_reverse = (part.h.shape[2] for part in tape.tapes)
    check_array("dh_seq", dh_seq, f"{tape.tapes[0].B} {tape.tapes[0].T} {H + H_reverse}")
    dx, forward, state_forward = _run_back(tape.cell, dh_seq[..., :H], tape.tapes[0], dstates[0])
    dx_reverse, reverse, state_reverse = _run_back(tape.cell, dh_seq[..., H:], tape.tapes[1], dstates[1])
    dx += dx_reverse
    return {"x": dx, "forward_params": forward, "reverse_params": reverse, "states": (state_forward, state_reverse)}


def stack_forward(x, layers, states=None, *, cell="lstm", lengths=None, tape=None, **options):
    r"""Run layers of one kind of cell on top of each other, each reading the outputs of the one below.

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
        Input sequences, padded to ``T`` steps.
    layers : list of dicts, or of pairs of dicts
        Parameters of each layer from the input upwards; a pair ``(forward_params, reverse_params)`` makes a layer bidirectional.
    states : list of states, optional
        Initial state of each layer (a pair of states for a bidirectional one); None entries are zeros.
    cell : {"rnn", "lstm", "gru"}
    lengths : int array of shape (B,), optional
        Valid steps of each row.
    tape : LayersTape, optional
        Tape of an earlier pass whose buffers are reused.
    **options
        ``activation`` of an RNN, ``reset`` of a GRU.

    Returns
    -------
    h_seq : ndarray or tensor of shape (B, T, H), or (B, T, 2H) when the top layer is bidirectional
        Outputs of the top layer, zero past a row's length.
    states : list of states
        Final state of each layer.
    tape : LayersTape
        For `stack_backward`.

    Notes
    -----
    Lesson: :ref:`stacked`. Source: El Hihi & Bengio (1995), Graves et al. (2013).
    """
    check_choice("cell", cell, tuple(_CELLS))
    if not isinstance(layers, (list, tuple)):
        raise TypeError(f"layers: expected a list of dicts, got {type(layers).__name__}")
    if not layers:
        raise ValueError("layers: expected at least one, got none")
    tape = _begin(tape, "stack", cell, len(layers))
    states = _entries("states", states, len(layers), "layer")
    finals, h_seq = [], x
    for k, (params, state) in enumerate(zip(layers, states, strict=True)):
        if isinstance(params, dict):
            h_seq, state, tape.tapes[k] = _run(cell, f"layers[{k}]", h_seq, params, state, lengths, False, tape.tapes[k], options)
        else:
            forward_params, reverse_params = _entries(f"layers[{k}]", params, 2, "direction")
            h_seq, state, tape.tapes[k] = bidirectional_forward(
                h_seq, forward_params, reverse_params, state, cell=cell, lengths=lengths, tape=tape.tapes[k], **options
            )
        finals.append(state)
    return h_seq, finals, tape


def stack_backward(dh_seq, tape, dstates=None):
    """Gradients of `stack_forward`.

    Parameters
    ----------
    dh_seq : ndarray or tensor of the shape of ``h_seq``
        Gradient of the loss with respect to ``h_seq``.
    tape : LayersTape
        From `stack_forward`.
    dstates : list of states, optional
        Gradient with respect to the final state of each layer; None entries are zeros.

    Returns
    -------
    dict
        ``x`` (B, T, D), ``layers`` (list of dicts or pairs of dicts as given), ``states`` (initial states of each layer).
    """
    _check_tape(tape, "stack")
    dstates = _entries("dstates", dstates, len(tape.tapes), "layer")
    layers, states = [], []
    for part, dstate in zip(reversed(tape.tapes), reversed(dstates), strict=True):
        if isinstance(part, LayersTape):
            grads = bidirectional_backward(dh_seq, part, dstate)
            dh_seq, params, state = grads["x"], (grads["forward_params"], grads["reverse_params"]), grads["states"]
        else:
            dh_seq, params, state = _run_back(tape.cell, dh_seq, part, dstate)
        layers.insert(0, params)
        states.insert(0, state)
    return {"x": dh_seq, "layers": layers, "states": states}


def _run(cell, name, x, params, state, lengths, reverse, tape, options):
    """One direction of one layer: its forward pass called with the parameters of a dict."""
    forward, _, names, _ = _CELLS[cell]
    if not isinstance(params, dict):
        raise TypeError(f"{name}: expected a dict, got {type(params).__name__}")
    if set(params) != set(names) and (cell != "lstm" or set(params) != {*names, *_PEEPHOLES}):
        text = ", ".join(names) + (" (with peepholes also p_i, p_f, p_o)" if cell == "lstm" else "")
        raise ValueError(f"{name}: expected {text}, got {', '.join(params)}")
    if "p_i" in params:
        options = options | {"peepholes": tuple(params[p] for p in _PEEPHOLES)}
    return forward(x, *(params[n] for n in names), state, lengths=lengths, reverse=reverse, tape=tape, **options)


def _run_back(cell, dh_seq, tape, dstate):
    """Backward pass of one direction: the gradients of its input, of its parameters and of its initial state."""
    grads = _CELLS[cell][1](dh_seq, tape, dstate)
    state = tuple(grads.pop(n) for n in _CELLS[cell][3])
    return grads.pop("x"), grads, state if len(state) > 1 else state[0]


def _begin(tape, kind, cell, count):
    if tape is None:
        return LayersTape(kind, cell, count)
    _check_tape(tape, kind)
    if tape.cell != cell or len(tape.tapes) != count:
        raise ValueError(f"tape: expected a tape of {count} {cell} parts, got {len(tape.tapes)} {tape.cell} parts")
    return tape


def _check_tape(tape, kind):
    if not isinstance(tape, LayersTape) or tape.kind != kind:
        raise TypeError(f"tape: expected the tape of {kind}_forward, got {getattr(tape, 'kind', type(tape).__name__)}")


def _entries(name, value, count, what):
    """``value`` as a list of ``count`` entries, one a layer or direction; None stands for no entry at all."""
    if value is None:
        return [None] * count
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}: expected a list, got {type(value).__name__}")
    if len(value) != count:
        raise ValueError(f"{name}: expected {count} entries, one per {what}, got {len(value)}")
    return value
