"""The only file that knows there are two array libraries.

``rnnlib.scratch`` is written in the subset that NumPy arrays and torch tensors share: in-place operators on views,
``xp.matmul(a, b, out=)``, ``xp.tanh(a, out=)``, ``reshape``, ``sum(axis=, keepdims=)``, ``xp.einsum``.
torch is never imported here: a tensor can only come from a caller who has it, so it is looked up in ``sys.modules``.
"""

import sys

import numpy as np


def is_tensor(value):
    """True if ``value`` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def xp_of(array):
    """The library (``numpy`` or ``torch``) that ``array`` belongs to."""
    return sys.modules["torch"] if is_tensor(array) else np


def empty(shape, like):
    """An uninitialised array of ``shape`` with the library, dtype and device of ``like``."""
    return like.new_empty(shape) if is_tensor(like) else np.empty(shape, like.dtype)


def zeros(shape, like):
    """An array of zeros of ``shape`` with the library, dtype and device of ``like``."""
    return like.new_zeros(shape) if is_tensor(like) else np.zeros(shape, like.dtype)


def asarray_like(value, like):
    """``value`` (a NumPy array, list or tensor) in the library and on the device of ``like``; its own dtype is kept."""
    if not is_tensor(like):
        return to_numpy(value)
    torch = sys.modules["torch"]
    return torch.as_tensor(value if is_tensor(value) else np.asarray(value), device=like.device)


def copy(array):
    """A contiguous copy that shares no memory with ``array``."""
    return array.detach().clone(memory_format=sys.modules["torch"].contiguous_format) if is_tensor(array) else np.array(array, order="C")


def to_numpy(value):
    """``value`` as a NumPy array (a tensor is detached and brought to the CPU)."""
    return value.detach().cpu().numpy() if is_tensor(value) else np.asarray(value)


def as_index(ids):
    """Integer ids as int64, which both libraries index with (torch reads uint8 as a mask)."""
    return ids.long() if is_tensor(ids) else ids.astype(np.int64, copy=False)


def sum_rows(ids, rows, V):
    """Add ``rows`` (N, E) into ``V`` rows: row ``ids[n]`` of the result (V, E) receives ``rows[n]``; repeated ids add up."""
    if is_tensor(rows):
        return rows.new_zeros((V, rows.shape[1])).index_add_(0, ids, rows)
    # A sparse product: at N=4096, V=1000, E=128 measured 21 times faster than np.add.at and 140 times than a dense one-hot product.
    from scipy.sparse import csc_array  # imported late: it costs more than all of rnnlib.scratch

    N = len(ids)
    return csc_array((np.ones(N, rows.dtype), ids, np.arange(N + 1)), shape=(V, N)) @ rows
