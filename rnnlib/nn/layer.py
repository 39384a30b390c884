"""What RNN, LSTM and GRU share: layers, directions, lengths, states, and the choice of the code that runs them."""

import warnings
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlib.checks import check_array, check_choice, check_lengths, check_number
from rnnlib.nn.module import Module
from rnnlib.scratch.sequence import flip_valid

IMPLS = ("auto", "source", "torch", "loop")
RESERVED = ("graph", "triton")


def which(layer, x, lengths=None):
    """Say which code runs ``layer`` on ``x``, and why.

    Parameters
    ----------
    layer : RNN, LSTM or GRU
    x : tensor of shape (B, T, D)
    lengths : int array of shape (B,), optional

    Returns
    -------
    answer : str
        The name of the implementation, a colon and the reason.

    Examples
    --------
    >>> from rnnlib.nn import LSTM
    >>> which(LSTM(3, 5, peephole=True), torch.zeros(2, 4, 3))
    'source: torch has no kernel for peepholes'
    """
    if not isinstance(layer, Recurrent):
        raise TypeError(f"layer: expected an RNN, LSTM or GRU of rnnlib.nn, got {type(layer).__name__}")
    like = next(layer.parameters()).detach()
    check_lengths(lengths, *(check_array("x", x, f"B T {layer.D}", like=like)[s] for s in "BT"))
    return ": ".join(layer.choose(x, lengths))


def check_impl(impl, missing):
    """Check ``impl``; ``missing`` maps an implementation to the reason why this layer has none."""
    if impl in RESERVED:
        raise ValueError(f"impl: expected one of {', '.join(map(repr, IMPLS))}, got {impl!r}, which is reserved for a later release")
    check_choice("impl", impl, IMPLS)
    if impl in missing:
        left = [name for name in IMPLS if name not in missing]
        raise ValueError(f"impl: expected one of {', '.join(map(repr, left))}, got {impl!r}: {missing[impl]}")


def probability(name, p):
    """``p`` as a float, from 0 to below 1."""
    check_number(name, p, 0)
    if p >= 1:
        raise ValueError(f"{name}: expected a probability below 1, got {p}")
    return float(p)


def only_loop(**variants):
    """What `check_impl` calls missing when a variant is asked for that only the step loop has."""
    names = [name for name, value in variants.items() if value]
    reason = f"only the step loop under autograd has {' and '.join(names)}"
    return dict.fromkeys(("source", "torch"), reason) if names else {}


class Cell(Module):
    """One direction of one layer: its parameters, one step of it, and the ways to run it over a sequence.

    A subclass gives ``parts`` (names of its state), ``project(x)`` (all that does not depend on the state), ``advance(a_t, state,
    h_mask)`` (one step from there) and, where there is a hand-written pair, ``source``.
    """

    parts = ("h",)

    def __init__(self, D, H, variational_dropout=0.0, recurrent_dropout=0.0, zoneout=0.0):
        super().__init__()
        check_number("D", D, 1, integer=True)
        check_number("H", H, 1, integer=True)
        self.D, self.H = int(D), int(H)
        self.variational_dropout = probability("variational_dropout", variational_dropout)
        self.recurrent_dropout = probability("recurrent_dropout", recurrent_dropout)
        self.zoneout = probability("zoneout", zoneout)

    def reset_parameters(self):
        """Uniform in ±1/√H, as torch.nn does; gains one."""
        for name, p in self.named_parameters():
            torch.nn.init.ones_(p) if name.startswith("gain") else torch.nn.init.uniform_(p, -(self.H**-0.5), self.H**-0.5)

    def forward(self, x_t, state=None):
        """One step under autograd.

        Parameters
        ----------
        x_t : tensor of shape (B, D)
        state : tensor of shape (B, H), or for an LSTM a pair ``(h, c)`` of them, optional
            Zeros when None.

        Returns
        -------
        state : as given
        """
        weight = next(self.parameters()).detach()
        check_array("x_t", x_t, f"B {self.D}", like=weight)
        state = as_parts(state, self.parts, x_t.shape[0], self.H, weight)
        x_mask, h_mask = self.masks(x_t)
        state = self.advance(self.project(x_t if x_mask is None else x_t * x_mask), state, h_mask)
        return state if len(state) > 1 else state[0]

    def masks(self, x_t):
        """Variational dropout: one mask (B, D) on the input and one (B, H) on the state, the same at every step; None outside training."""
        p = self.variational_dropout
        if not self.training or p == 0:
            return None, None
        return F.dropout(torch.ones_like(x_t), p), F.dropout(x_t.new_ones(x_t.shape[0], self.H), p)

    def candidate(self, g_t):
        """Recurrent dropout: a step may fail to write a unit, and never erases it."""
        return F.dropout(g_t, self.recurrent_dropout, self.training)

    def loop(self, x, state, lengths, reverse):
        """One step after the other under autograd: every variant, no hand-written gradient."""
        T = x.shape[1]
        if lengths is not None:
            valid = step_mask(lengths, T, x.device)
            x = x.masked_fill(~valid[..., None], 0)
        if reverse:
            x = flip_valid(x, lengths)
        x_mask, h_mask = self.masks(x[:, 0])
        x, outputs = x if x_mask is None else x * x_mask[:, None], []
        for t, a_t in enumerate(self.project(x).unbind(1)):  # indexing here would be quadratic in T
            new = self.advance(a_t, state, h_mask)
            state = new if lengths is None else tuple(torch.where(valid[:, t, None], n, s) for n, s in zip(new, state, strict=True))
            outputs.append(state[0])
        h_seq = torch.stack(outputs, 1)
        if lengths is not None:
            h_seq = h_seq.masked_fill(~valid[..., None], 0)
        return flip_valid(h_seq, lengths) if reverse else h_seq, state

    def zone(self, new, old):
        """Zoneout: each unit keeps its old value with probability p; its expectation outside training."""
        if self.zoneout == 0:
            return new
        if not self.training:
            return tuple(n + self.zoneout * (o - n) for n, o in zip(new, old, strict=True))
        return tuple(torch.where(torch.rand_like(n) < self.zoneout, o, n) for n, o in zip(new, old, strict=True))


class Recurrent(Module):
    """Layers of one kind of `Cell`, each reading the outputs of the one below, in one direction or both."""

    def __init__(self, D, H, *, num_layers, bidirectional, dropout, impl, make_cell, missing):
        super().__init__()
        check_number("num_layers", num_layers, 1, integer=True)
        probability("dropout", dropout)
        if dropout and num_layers == 1:
            raise ValueError(f"dropout: expected 0 with one layer, got {dropout}. It acts between layers: use num_layers > 1")
        check_impl(impl, missing)
        self.missing = missing
        self.num_layers, self.bidirectional, self.dropout, self.impl = int(num_layers), bool(bidirectional), float(dropout), impl
        self.directions = 2 if bidirectional else 1
        sizes = [D] + [H * self.directions] * (self.num_layers - 1)
        self.cells = torch.nn.ModuleList(make_cell(size, H) for size in sizes)
        self.reverse_cells = torch.nn.ModuleList(make_cell(size, H) for size in sizes if bidirectional)
        self.D, self.H, self.parts = self.cells[0].D, self.cells[0].H, self.cells[0].parts

    def extra_repr(self):
        words = [f"D={self.D}, H={self.H}", f"impl={self.impl!r}"] + [f"dropout={self.dropout}"] * (self.dropout > 0)
        return ", ".join(words)

    def reset_parameters(self):
        """Draw all parameters anew."""
        for cell in [*self.cells, *self.reverse_cells]:
            cell.reset_parameters()

    def choose(self, x, lengths):
        """The implementation that will run, and why."""
        check_impl(self.impl, self.missing)  # it may have been assigned since
        if self.impl != "auto":
            return self.impl, "asked for by name"
        if "source" in self.missing:
            return "loop", self.missing["source"]
        if "torch" in self.missing:
            return "source", self.missing["torch"]
        if x.device.type != "cpu":
            return "torch", "one fused kernel for all steps"
        if not torch.is_grad_enabled():
            return "torch", "without gradients torch's kernels keep nothing for a backward pass"
        return self.choose_on_cpu(x, lengths)

    def forward(self, x, state=None, lengths=None):
        """Run the layers over a batch of sequences.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
            Padded to ``T`` steps.
        state : tensor of shape (B, H), or for an LSTM a pair ``(h, c)`` of them, optional
            State before the first step, zeros when None. With several layers or directions each tensor has the shape
            (num_layers · directions, B, H): layer by layer, in a layer forward before reverse.
        lengths : int array or tensor of shape (B,), optional
            Valid steps of each row, from 1 to T. The values in the padding have no effect.

        Returns
        -------
        h_seq : tensor of shape (B, T, H), or (B, T, 2H) with two directions
            Outputs of the top layer, zero past a row's length.
        state : as given
            After each row's last valid step (a reverse cell's: its first).
        """
        weight = next(self.parameters()).detach()
        if isinstance(x, torch.Tensor) and torch.is_autocast_enabled(x.device.type):  # what another layer computed in low precision
            x, state = to_dtype(x, weight.dtype), to_dtype(state, weight.dtype)
        B, T = (check_array("x", x, f"B T {self.D}", like=weight)[s] for s in "BT")
        lengths = check_lengths(lengths, B, T)
        if lengths is not None and lengths.min() == T:
            lengths = None
        count = self.num_layers * self.directions
        states = as_parts(state, self.parts, B, self.H, weight, count)
        impl, _ = self.choose(x, lengths)
        # Under autocast cuDNN computes in low precision; all else keeps the precision of the parameters.
        with nullcontext() if impl == "torch" and x.device.type == "cuda" else torch.autocast(x.device.type, enabled=False):
            h_seq, states = self.run_torch(x, states, lengths) if impl == "torch" else self.run_cells(x, states, lengths, impl)
        if count == 1:
            states = tuple(s[0] for s in states)
        return h_seq, states if len(self.parts) > 1 else states[0]

    def run_cells(self, h_seq, states, lengths, impl):
        """Layer by layer, direction by direction: ``states`` in and out are tuples of (layers · directions, B, H)."""
        finals = []
        for k in range(self.num_layers):
            if k and self.dropout:
                h_seq = F.dropout(h_seq, self.dropout, self.training)
            outputs = []
            for reverse in range(self.directions):
                cell = (self.reverse_cells if reverse else self.cells)[k]
                state = tuple(s[k * self.directions + reverse] for s in states)
                out, final = getattr(cell, impl)(h_seq, state, lengths, bool(reverse))
                outputs.append(out)
                finals.append(final)
            h_seq = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2)
        return h_seq, tuple(torch.stack(s) for s in zip(*finals, strict=True))

    def run_torch(self, x, states, lengths):
        """All layers in one call of torch's own kernels (oneDNN or the step loop of ATen on the CPU, cuDNN on a GPU)."""
        cells = [c for pair in zip(self.cells, self.reverse_cells, strict=True) for c in pair] if self.bidirectional else self.cells
        weights = [w for cell in cells for w in cell.torch_weights()]
        call = getattr(torch._VF, self.cells[0].kernel())
        options = (True, self.num_layers, self.dropout, self.training, self.bidirectional)  # True: with biases
        with warnings.catch_warnings():
            # Ours are transposed views, compacted at every call: a copy of the weights, small beside T products with them.
            warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk of memory")
            if lengths is None:
                h_seq, *states = call(x, states if len(states) > 1 else states[0], weights, *options, True)  # True: batch first
                return h_seq, tuple(states)
            packed = pack_padded_sequence(x, torch.from_numpy(lengths), batch_first=True, enforce_sorted=False)
            states = tuple(s[:, packed.sorted_indices] for s in states)
            data, *states = call(packed.data, packed.batch_sizes, states if len(states) > 1 else states[0], weights, *options)
        h_seq, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True, total_length=x.shape[1])
        return h_seq, tuple(s[:, packed.unsorted_indices] for s in states)

    # ---- torch.nn's state_dict

    def load_torch_state_dict(self, state_dict):
        """Take over the weights of a ``torch.nn.RNN``, ``LSTM`` or ``GRU`` of the same sizes, in place.

        Parameters
        ----------
        state_dict : dict of str to tensor
            Names like ``weight_ih_l0`` and ``bias_hh_l1_reverse``; without biases they become zero.

        Returns
        -------
        self : Recurrent

        Raises
        ------
        ValueError
            A name is missing or unknown, a shape differs, or this layer has parameters that torch's has not.
        """
        self._check_torch_twin("load_torch_state_dict")
        left = dict(state_dict)
        has_bias = any(name.startswith("bias") for name in left)
        for suffix, cell in self._suffixes():
            G = cell.W_hidden.shape[1]
            shapes = {"weight_ih": (G, cell.D), "weight_hh": (G, self.H)} | ({"bias_ih": (G,), "bias_hh": (G,)} if has_bias else {})
            values = []
            for kind, shape in shapes.items():
                name = kind + suffix
                if name not in left:
                    raise ValueError(f"state_dict: expected an entry {name!r}, got only {', '.join(state_dict)}")
                value = left.pop(name)
                check_array(name, value, " ".join(map(str, shape)))
                values.append(value)
            if not has_bias:
                values += [values[0].new_zeros(G)] * 2
            cell.take_torch(*values)
        if left:
            raise ValueError(f"state_dict: expected only the names of {self.num_layers} layers, got {', '.join(left)} as well")
        return self

    def to_torch_state_dict(self):
        """The weights under the names and in the layout of ``torch.nn``; what torch keeps as two biases and we as one: the second is 0.

        Returns
        -------
        state_dict : dict of str to tensor
            For ``load_state_dict`` of a ``torch.nn`` layer of the same sizes. Copies.
        """
        self._check_torch_twin("to_torch_state_dict")
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return {
            kind + suffix: value.detach().clone(memory_format=torch.contiguous_format)
            for suffix, cell in self._suffixes()
            for kind, value in zip(kinds, cell.torch_weights(), strict=True)
        }

    def _check_torch_twin(self, name):
        if "torch" in self.missing:
            raise ValueError(f"{name}: expected a layer that torch.nn has as well; {self.missing['torch']}")

    def _suffixes(self):
        for k, cell in enumerate(self.cells):
            yield f"_l{k}", cell
            if self.bidirectional:
                yield f"_l{k}_reverse", self.reverse_cells[k]


def to_dtype(value, dtype):
    """``value`` (a tensor, or a tuple of them) in ``dtype`` where it is floating point."""
    if isinstance(value, (tuple, list)):
        return tuple(to_dtype(v, dtype) for v in value)
    return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def step_mask(lengths, T, device):
    """Bool tensor (B, T), True at the valid steps."""
    return torch.arange(T, device=device) < torch.as_tensor(lengths, device=device)[:, None]


def as_parts(state, parts, B, H, like, count=None):
    """``state`` as a tuple of tensors, checked; ``count`` None: each (B, H), 1: each (1, B, H), more: already (count, B, H)."""
    if state is None:
        return tuple(like.new_zeros((B, H) if count is None else (count, B, H)) for _ in parts)
    if len(parts) == 1:
        state = (state,)
    elif not isinstance(state, (tuple, list)) or len(state) != len(parts):
        raise TypeError(f"state: expected a tuple ({', '.join(parts)}), got {type(state).__name__}")
    for name, value in zip(parts, state, strict=True):
        name = "state" if len(parts) == 1 else f"state, {name}"
        check_array(
            name, value, f"{B} {H}" if count in (None, 1) else f"{count} {B} {H}", like=like if value is not None else None, finite=False
        )
    return tuple(s[None] for s in state) if count == 1 else tuple(state)
