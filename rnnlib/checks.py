"""Clear errors for bad input: each names the argument, what was expected and what was given."""

import cmath
import re
from functools import lru_cache

import numpy as np

from rnnlib.arrays import is_tensor, to_numpy, xp_of

_FLOATS = ("float32", "float64", "complex64", "complex128", "float16", "bfloat16")
_INTS = ("int64", "int32", "int16", "int8", "uint8")


@lru_cache
def _dtype_name(dtype):
    return str(dtype).removeprefix("torch.")


def _is_finite(array):
    # One pass that allocates nothing; a sum may overflow where every entry is finite, so a bad sum is looked at again.
    if is_tensor(array):
        total = array.detach().sum()
    else:
        flat = array.ravel("K")
        total = np.vdot(flat, flat)  # three times as fast as sum, and silent about overflow
    return cmath.isfinite(total) or bool(xp_of(array).isfinite(array).all())


def check_array(name, value, shape=None, *, sizes=None, like=None, kind="float", finite=True, empty=False):
    """Check one array and return the sizes that its shape binds.

    Parameters
    ----------
    name : str
        Name of the argument, as the caller wrote it.
    value : ndarray or tensor
    shape : str or None
        Axis sizes separated by spaces: a letter (``"B T D"``) is bound at its first use and compared afterwards,
        ``"4H"`` is four times the bound ``H``, a number is itself. ``None`` accepts any shape.
    sizes : dict, optional
        Letters bound so far; new ones are added to it.
    like : array, optional
        ``value`` must come from the same library, device and dtype.
    kind : {"float", "int", "bool"}
        Which dtypes are allowed. Complex counts as float (complex-step gradient checks need it).
    finite : bool
        Refuse NaN and infinity. Not looked at on a GPU, where looking would wait for the device.
    empty : bool
        Allow an axis of size 0.

    Returns
    -------
    sizes : dict of str to int

    Raises
    ------
    TypeError
        Not an array, wrong library or wrong dtype.
    ValueError
        Wrong rank or size, empty, or not finite.
    """
    sizes = {} if sizes is None else sizes
    tensor = is_tensor(value)
    if not tensor and not isinstance(value, np.ndarray):
        raise TypeError(f"{name}: expected an array, got {type(value).__name__}")
    dtype = _dtype_name(value.dtype)
    if kind == "float" and dtype not in _FLOATS:
        raise TypeError(f"{name}: expected a floating-point dtype, got {dtype}")
    if kind == "int" and dtype not in _INTS:
        raise TypeError(f"{name}: expected an integer dtype, got {dtype}")
    if kind == "bool" and dtype != "bool":
        raise TypeError(f"{name}: expected dtype bool, got {dtype}")
    if like is not None:
        if tensor != is_tensor(like):
            raise TypeError(f"{name}: expected {type(like).__name__}, got {type(value).__name__}")
        if kind == "float" and value.dtype != like.dtype:
            raise TypeError(f"{name}: expected dtype {_dtype_name(like.dtype)}, got {dtype}")
        if tensor and value.device != like.device:
            raise ValueError(f"{name}: expected device {like.device}, got {value.device}")
    got = tuple(value.shape)
    if shape is not None:
        before = dict(sizes)
        if not _bind(shape, got, sizes):
            raise ValueError(f"{name}: {_misfit(shape, got, before)}")
    if not empty and 0 in got:
        raise ValueError(f"{name}: expected at least one entry along every axis, got shape {got}")
    if finite and kind == "float" and not (tensor and value.is_cuda) and not _is_finite(value):
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return sizes


@lru_cache
def _axes(shape):
    """``"B 4H 3"`` as pairs of factor and letter: ``(1, "B"), (4, "H"), (3, None)``."""
    pairs = [re.fullmatch(r"(\d*)(\D\w*)?", word).groups() for word in shape.split()]
    return [(int(factor or 1), letter) for factor, letter in pairs]


def _bind(shape, got, sizes):
    """True if ``got`` fits ``shape``; letters seen for the first time are added to ``sizes``."""
    axes = _axes(shape)
    if len(axes) != len(got):
        return False
    for (factor, letter), g in zip(axes, got, strict=True):
        if letter is not None and letter not in sizes and g % factor == 0:
            sizes[letter] = g // factor
        if g != factor * (1 if letter is None else sizes.get(letter, -1)):
            return False
    return True


def _misfit(shape, got, sizes):
    """What was expected, with the sizes known so far, and what was given."""
    axes = _axes(shape)
    expected = [str(f * sizes[a]) if a in sizes else word for word, (f, a) in zip(shape.split(), axes, strict=True)]
    text = f"expected shape ({', '.join(expected)}{',' if len(axes) == 1 else ''}), got {got}"
    if len(got) == len(axes) and all(g == f * sizes.get(a, 1) for g, (f, a) in zip(got, axes, strict=True) if a is None or a in sizes):
        text += "".join(f": {g} is not a multiple of {f}" for g, (f, a) in zip(got, axes, strict=True) if a and a not in sizes and g % f)
    return text


def check_lengths(lengths, B, T, name="lengths"):
    """``lengths`` as an int64 NumPy array of shape (B,), each between 1 and T; None stays None."""
    if lengths is None:
        return None
    lengths = to_numpy(lengths)
    check_array(name, lengths, "B", sizes={"B": B}, kind="int")
    if lengths.min() < 1 or lengths.max() > T:
        raise ValueError(f"{name}: expected values between 1 and T = {T}, got values from {lengths.min()} to {lengths.max()}")
    return lengths.astype(np.int64)


def check_ids(name, ids, shape, V, *, sizes=None):
    """Integer array of ``shape`` with every entry in 0..V-1."""
    sizes = check_array(name, ids, shape, sizes=sizes, kind="int")
    if int(ids.min()) < 0 or int(ids.max()) >= V:
        raise ValueError(f"{name}: expected ids between 0 and {V - 1}, got values from {int(ids.min())} to {int(ids.max())}")
    return sizes


def check_choice(name, value, choices):
    """``value`` must be one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")


def check_number(name, value, low=None, high=None, *, integer=False, open_low=False):
    """A plain number within ``low`` and ``high`` (``low`` itself excluded when ``open_low``)."""
    kinds = (int, np.integer) if integer else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name}: expected {'an integer' if integer else 'a number'}, got {type(value).__name__}")
    too_low = low is not None and (value <= low if open_low else value < low)
    if value != value or too_low or (high is not None and value > high):
        limits = []
        if low is not None:
            limits.append(f"{'>' if open_low else '>='} {low}")
        if high is not None:
            limits.append(f"<= {high}")
        raise ValueError(f"{name}: expected a number {' and '.join(limits)}, got {value}")


def check_rng(rng, name="rng"):
    """``rng`` must be a NumPy generator: a seed would give the same numbers at every call, global state is nobody's."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name}: expected a numpy.random.Generator, got {type(rng).__name__}")
