"""Values between the grader and a student's process: plain data as JSON, never pickle. Both sides refuse what they do not know.

Numbers keep every bit (floats as hexadecimal text, arrays as dtype, shape and bytes); ``None``, booleans, text, lists, tuples and
dicts travel as they are; a torch tensor arrives as an array.
"""

import base64
import math

import numpy as np

MAX_ENTRIES, MAX_DEPTH, MAX_ITEMS, MAX_TEXT = 20_000_000, 8, 100_000, 1_000_000


class Refused(ValueError):
    """A value that does not travel; the text says which."""


def encode(value, depth=0):
    """``value`` as what :mod:`json` can write.

    Raises
    ------
    Refused
    """
    if depth > MAX_DEPTH:
        raise Refused(f"nested more than {MAX_DEPTH} deep")
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        return {"i": hex(value)}
    if type(value) is float:
        return {"f": value.hex()}
    if isinstance(value, list | tuple):  # a named tuple arrives as a tuple
        if len(value) > MAX_ITEMS:
            raise Refused(f"a {type(value).__name__} of {len(value)} items")
        return {"l" if isinstance(value, list) else "t": [encode(v, depth + 1) for v in value]}
    if isinstance(value, dict):  # an ordered one too
        return {"d": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]}
    if hasattr(value, "detach") and (type(value).__module__ or "").startswith("torch"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        a = np.asarray(value)
        if a.dtype.kind not in "biufc" or a.size > MAX_ENTRIES:
            raise Refused(f"an array of {a.dtype} with {a.size} entries")
        a = np.array(a, subok=False, order="C")  # an array class of the student's own becomes an ordinary one
        return {"a": [a.dtype.str, list(a.shape), base64.b64encode(a.tobytes()).decode()]}
    raise Refused(f"a {type(value).__name__[:80]}")


def decode(data, depth=0):
    """The value that :func:`encode` wrote.

    Raises
    ------
    Refused
        Not what :func:`encode` writes; nothing of it is used.
    """
    try:
        return _decode(data, depth)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"not a message of ours ({type(error).__name__})") from None


def _decode(data, depth):
    if depth > MAX_DEPTH + 1:
        raise Refused("nested too deep")
    if data is None or type(data) is bool:
        return data
    if type(data) is str:
        return data[:MAX_TEXT]
    ((kind, body),) = data.items()
    if kind == "i":
        return int(body[:400], 16)
    if kind == "f":
        return float.fromhex(body)
    if kind in ("l", "t"):
        items = [_decode(v, depth + 1) for v in body[:MAX_ITEMS]]
        return items if kind == "l" else tuple(items)
    if kind == "d":
        return {_decode(k, depth + 1): _decode(v, depth + 1) for k, v in body[:MAX_ITEMS]}
    if kind == "a":
        name, shape, raw = body
        dtype, size = np.dtype(name), math.prod(shape)
        if dtype.kind not in "biufc" or len(shape) > 16 or min(shape, default=0) < 0 or max((size, *shape)) > MAX_ENTRIES:
            raise Refused("an array that is not allowed")
        return np.frombuffer(base64.b64decode(raw), dtype, size).reshape(shape).copy()
    raise Refused("an unknown kind of value")
