"""What every module here shares: its parameters cross to `rnnlib.scratch` and back as arrays, its hand-written pair is one node."""

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from rnnlib.arrays import to_numpy
from rnnlib.checks import check_array, check_ids


class Module(torch.nn.Module):
    """A ``torch.nn.Module`` whose parameters cross to NumPy and back under their own names."""

    def to_arrays(self):
        """Copies of the parameters as NumPy arrays.

        Returns
        -------
        arrays : dict of str to ndarray
            In the order and under the names of ``named_parameters()``, for example ``"cells.0.W_x"`` of shape (D, 4H).
        """
        return {name: to_numpy(p).copy() for name, p in self.named_parameters()}

    def load_arrays(self, arrays):
        """Take over parameters, in place.

        Parameters
        ----------
        arrays : dict of str to ndarray or tensor
            Exactly the names that `to_arrays` gives, each of the parameter's shape. dtype and device stay the module's.

        Returns
        -------
        self : Module

        Raises
        ------
        ValueError
            A name is missing or unknown, or a shape differs.
        """
        params = dict(self.named_parameters())
        if set(arrays) != set(params):
            missing, unknown = sorted(set(params) - set(arrays)), sorted(set(arrays) - set(params))
            raise ValueError(f"arrays: expected the names {', '.join(params)}; missing {missing}, unknown {unknown}")
        values = {name: torch.as_tensor(value) for name, value in arrays.items()}
        for name, value in values.items():
            check_array(name, value, " ".join(map(str, params[name].shape)))
        with torch.no_grad():
            for name, value in values.items():
                params[name].copy_(value)
        return self


class _Node(torch.autograd.Function):
    @staticmethod
    def forward(ctx, forward, backward, names, *tensors):
        ctx.save_for_backward(*tensors)  # autograd then notices a weight changed in place before backward
        ctx.set_materialize_grads(False)
        ctx.enter, ctx.leave = _doors(tensors[0])
        outputs, ctx.tape = forward(**dict(zip(names, map(ctx.enter, tensors), strict=True)))
        ctx.backward_pass, ctx.names = backward, names
        return tuple(map(ctx.leave, outputs))

    @staticmethod
    @once_differentiable
    def backward(ctx, *douts):
        _ = ctx.saved_tensors
        grads = ctx.backward_pass(tuple(map(ctx.enter, douts)), ctx.tape)
        needs = ctx.needs_input_grad[3:]
        return None, None, None, *(ctx.leave(grads[name]) if need else None for name, need in zip(ctx.names, needs, strict=True))


def _doors(like):
    """How tensors enter a pair and leave it. On the CPU it runs on their memory as NumPy arrays, whose calls cost half as much."""
    if like.device.type == "cpu" and like.dtype in (torch.float32, torch.float64):
        return lambda t: None if t is None else t.detach().numpy(), lambda a: None if a is None else torch.from_numpy(a)
    return lambda t: t, lambda t: t


def pair(forward, backward, **tensors):
    """Run a hand-written pair as one node of autograd's graph.

    Parameters
    ----------
    forward : callable
        ``forward(**arrays)`` gives ``(outputs, tape)``, ``outputs`` a tuple of arrays. The arrays are the tensors themselves, or on the
        CPU NumPy views of them.
    backward : callable
        ``backward(douts, tape)`` gives a dict of gradients under the names of ``tensors``; an entry of ``douts`` may be None.
    **tensors : tensor or None

    Returns
    -------
    outputs : tuple of tensors
        Differentiable once.
    """
    return _Node.apply(forward, backward, tuple(tensors), *tensors.values())


def uniform_(weight, fan_in):
    """Fill with uniform values in ±1/√fan_in, as ``torch.nn.Linear`` does."""
    return torch.nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5)


def check_token_ids(name, ids, shape, V):
    """`check_ids` for tensors; the values are looked at on the CPU only, where looking does not wait for a device."""
    if not isinstance(ids, torch.Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(ids).__name__}")
    return check_ids(name, ids, shape, V) if ids.device.type == "cpu" else check_array(name, ids, shape, kind="int")


def token_loss(logits, targets, mask=None):
    """Mean cross-entropy of logits (B, T, V) against ids (B, T), in nats per token; ``mask`` True = this target counts."""
    B, T, V = logits.shape
    check_token_ids("targets", targets, f"{B} {T}", V)
    losses = F.cross_entropy(logits.reshape(B * T, V), targets.reshape(B * T).long(), reduction="none")
    if mask is None:
        return losses.mean()
    check_array("mask", mask, f"{B} {T}", kind="bool")
    mask = mask.reshape(B * T)
    return losses.masked_fill(~mask, 0).sum() / mask.sum().clamp(min=1)
