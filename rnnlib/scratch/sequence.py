"""The door of every cell: batch first outside, time major inside, padding and direction handled once.

Outside, a sequence is ``(B, T, D)``. Inside a cell it is ``(T, B, D)`` and contiguous, so that step ``t`` is one block of
memory and all steps are one matrix of ``T * B`` rows. ``lengths`` and ``reverse`` are dealt with here and nowhere else.
"""

import numpy as np

from rnnlib.arrays import asarray_like, empty, is_tensor, xp_of
from rnnlib.checks import check_array, check_lengths

_CACHE = 65536  # numbers of four bytes that fit into half of a small second-level cache


class Tape:
    """What a forward pass leaves for its backward pass, and the buffers that both write into.

    A forward pass without a tape makes one. Passing that tape to the next forward pass of the same cell reuses its
    buffers (those whose shape, dtype or device changed are made anew), and with that ends its use for the earlier pass.
    Arrays that ``forward`` and ``backward`` return are the caller's own: reusing a tape never changes them. The tape keeps
    a reference to the weights, so they must not change between a forward pass and its backward pass.

    Attributes
    ----------
    cell : str
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    B, T : int
    lengths : ndarray of shape (B,) or None
        Valid steps of each row; None when every row is full.
    reverse : bool
    x, h : array of shape (T, B, D) and (T + 1, B, H)
        Input and states, time major, in the order in which the cell read them; ``h[0]`` is the initial state.
    """

    def buffer(self, name, shape, like):
        """The array ``name`` of ``shape``, uninitialised, reused where the tape already holds one that fits."""
        old = getattr(self, name, None)
        if old is None or tuple(old.shape) != shape or old.dtype != like.dtype or (is_tensor(like) and old.device != like.device):
            old = empty(shape, like)
            setattr(self, name, old)
        return old


def begin(tape, cell, x, lengths, reverse):
    """A tape for one forward pass of ``cell`` over ``x`` (B, T, D), with ``tape.x`` filled, time major and padding zeroed."""
    if tape is None:
        tape = Tape()
    elif not isinstance(tape, Tape) or getattr(tape, "cell", cell) != cell:
        raise TypeError(f"tape: expected a tape of {cell}_forward, got {getattr(tape, 'cell', type(tape).__name__)}")
    tape.cell, tape.reverse = cell, bool(reverse)
    tape.B, tape.T = B, T = tuple(x.shape[:2])
    tape.lengths = check_lengths(lengths, B, T)
    tape.padding = tape.order = tape.last = None
    if tape.lengths is not None and tape.lengths.min() == T:
        tape.lengths = None
    if tape.lengths is not None:
        rows, steps = np.arange(B), np.arange(T)[:, None]
        tape.padding = asarray_like(steps >= tape.lengths, x)  # (T, B)
        tape.last = (asarray_like(tape.lengths - 1, x), asarray_like(rows, x))
        if reverse:  # valid steps change places, padding stays: its own inverse
            order = np.where(steps < tape.lengths, tape.lengths - 1 - steps, steps)
            tape.order = (asarray_like(order, x), asarray_like(rows, x))
    enter(x, tape, "x")
    return tape


def enter(seq, tape, name):
    """Copy ``seq`` (B, T, D) into the tape's buffer ``name`` (T, B, D): time major, in reading order, zeros at padding."""
    inside = tape.buffer(name, (tape.T, tape.B, seq.shape[2]), seq)
    inside[...] = _read(seq.swapaxes(0, 1), tape)
    if tape.padding is not None:
        inside[tape.padding] = 0
    return inside


def leave(inside, tape):
    """A contiguous copy (B, T, D) of ``inside`` (T, B, D): batch first, in the caller's order, zeros at padding."""
    seq = empty((tape.B, tape.T, inside.shape[2]), inside)
    seq[...] = _read(inside, tape).swapaxes(0, 1)
    if tape.padding is not None:
        seq[tape.padding.T] = 0
    return seq


def _read(seq, tape):
    """``seq`` (T, B, D) in reading order: as it is, or with each row's valid steps reversed."""
    if not tape.reverse:
        return seq
    return seq[tape.order] if tape.order is not None else xp_of(seq).flip(seq, (0,))


def final(states, tape):
    """A copy (B, H) of the state at each row's last valid step; ``states`` is (T + 1, B, H) and starts with the initial state."""
    last = states[1:][tape.last] if tape.last is not None else states[-1]
    out = empty(last.shape, last)
    out[...] = last
    return out


def fill(target, value):
    """Copy ``value`` into ``target``, or zeros for None."""
    target[...] = 0 if value is None else value


def flip_valid(x, lengths=None):
    """Reverse each row's valid prefix and leave its padding where it is.

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, ...)
        Of any dtype: features or token ids.
    lengths : ndarray of shape (B,), optional
        Valid steps of each row; all ``T`` when None.

    Returns
    -------
    ndarray or tensor of shape (B, T, ...)
        A new array. Applying the function twice gives ``x`` back.

    Examples
    --------
    >>> flip_valid(np.array([[1., 2., 3., 0.]]), np.array([3]))
    array([[3., 2., 1., 0.]])
    """
    check_array("x", x, kind=None)
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (B, T, ...), got {tuple(x.shape)}")
    lengths = check_lengths(lengths, *x.shape[:2])
    if lengths is None:
        return xp_of(x).flip(x, (1,))
    steps = np.arange(x.shape[1])
    order = np.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return x[asarray_like(np.arange(len(lengths))[:, None], x), asarray_like(order, x)]


def check(name, value, shape, sizes, like=None):
    """`check_array` for the hand-written gradients: a tensor that autograd is following is refused."""
    check_array(name, value, shape, sizes=sizes, like=like)
    if is_tensor(value) and value.requires_grad and xp_of(value).is_grad_enabled():
        raise TypeError(
            f"{name}: expected a tensor that autograd does not follow (use rnnlib.nn, .detach() or torch.no_grad()), got requires_grad=True"
        )


def check_grads(tape, cell, dh_seq, **finals):
    """Check what a backward pass is given: a filled tape and gradients that fit it. None stands for zero."""
    if not isinstance(tape, Tape) or getattr(tape, "cell", None) != cell:
        raise TypeError(f"tape: expected the tape of a {cell}_forward, got {getattr(tape, 'cell', type(tape).__name__)}")
    sizes = {"B": tape.B, "T": tape.T, "H": tape.h.shape[2]}
    if dh_seq is not None:
        check("dh_seq", dh_seq, "B T H", sizes, tape.x)
    for name, value in finals.items():
        if value is not None:
            check(name, value, "B H", sizes, tape.x)


def enter_grads(dh_seq, dh_T, tape):
    """The gradient that reaches each state from outside, (T, B, H) in ``tape.dh``: ``dh_seq``, and ``dh_T`` at the last valid step."""
    if dh_seq is None:
        dh = tape.buffer("dh", tuple(tape.h[1:].shape), tape.h)
        dh[...] = 0
    else:
        dh = enter(dh_seq, tape, "dh")
    if dh_T is not None:
        dh[-1 if tape.last is None else tape.last] += dh_T
    return dh


def backward_blocks(array):
    """Slices that cover the steps of ``array`` (T, ...) from the last to the first, as many at a time as stay in a processor's cache."""
    T, B, width = array.shape
    size = T if is_tensor(array) and array.is_cuda else max(1, _CACHE // (B * width))
    return [slice(max(0, stop - size), stop) for stop in range(T, 0, -size)]


def backward_steps(*sequences):
    """Views of each step of ``sequences``, from the last step to the first."""
    return list(zip(*sequences, strict=True))[::-1]
