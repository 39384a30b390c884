"""The check that students see. A lab imports it; `source.notebook` puts this file's functions there, because students have no checkout."""

import numpy as np


def check(name, compute, want=None, hint="", shape=None):
    """Compare a result with a value that can be worked out on paper, or with its shape, and say in one sentence what is wrong.

    Several results: a dict of their names and values (or shapes), in their order; the shape of a dict is ``dict``.
    """
    given = [(what, value, before) for what, value in _given(compute).items() if (before := _numbers(value))]
    try:
        got = compute()
    except NotImplementedError:  # the line that stands where your answer will be
        raise AssertionError(f"{name}: this function is not written yet") from None
    for what, value, before in given:
        now = _numbers(value)
        same = [a.shape == b.shape and np.allclose(a, b, 1e-12, 1e-12, True) for a, b in zip(before, now, strict=False)]
        assert all(same) and len(before) == len(now), f"{name}: your function changed {what}, which it was given. Work on a copy."
    wanted = shape if want is None else want
    several = isinstance(wanted, dict)
    results, wanted = (got, wanted) if several else ((got,), {"": wanted})
    many = f"{name}: expected {len(wanted)} results, in this order: {', '.join(wanted)}"
    kind = "None. Is the return missing?" if got is None else f"one {type(got).__name__}"
    assert isinstance(results, tuple | list), f"{many}; got {kind}"
    assert len(results) == len(wanted), f"{many}; got {len(results)}"
    for part, one in zip(wanted, results, strict=True):
        assert wanted[part] is not dict or isinstance(one, dict), f"{name}, {part}: expected a dict, got a {type(one).__name__}"
    results = [one if wanted[p] is dict else _array(f"{name}, {p}" if p else name, one) for p, one in zip(wanted, results, strict=True)]
    shapes = [np.shape(a) for a in results]
    right = [() if w is dict else tuple(w) if want is None else np.shape(w) for w in wanted.values()]
    assert shapes == right or sorted(shapes) != sorted(right), f"{many}; got them in another order"
    for part, a, s in zip(wanted, results, right, strict=True):
        about = f"{name}, {part}" if part else name
        tuples = f", from {len(got)} results" if isinstance(got, tuple) and not several else ""
        assert np.shape(a) == s, f"{about}: expected shape {s}, got {np.shape(a)}{tuples}." + (f"\n{hint}" if want is None else "")
        if want is not None:
            _compare(about, a, np.asarray(wanted[part]), hint)
    print(f"{name}: as expected")


def _compare(name, got, want, hint):
    assert got.dtype.kind in "biufc" or want.dtype.kind not in "biufc", f"{name}: expected numbers, got {got.dtype}"
    wrong = got != want if want.dtype.kind == "U" else ~np.isclose(got, want, atol=1e-6)
    if got.size <= 24:
        want, got = ((a if a.dtype.kind in "bU" else a.round(4)).tolist() for a in (want, got))
        assert not wrong.any(), f"{name}: expected {want},\ngot {got}.\n{hint}"
    elif wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        first = f"the first at {list(at)}: expected {want[at]:.6g}, got {got[at]:.6g}"
        raise AssertionError(f"{name}: {wrong.sum()} of {wrong.size} entries are wrong; {first}.\n{hint}")


def _array(name, got):
    assert got is not None, f"{name}: got None. Is the return missing?"
    try:
        return np.asarray(got.detach() if hasattr(got, "detach") else got)
    except ValueError:
        raise AssertionError(f"{name}: expected an array, got a {type(got).__name__} with rows of different lengths") from None


def _given(compute):
    """The notebook's arrays, lists and dicts that a check names, also in the lambdas that it calls."""
    found, codes, seen = {}, [compute.__code__], set()
    while codes:
        code = codes.pop()
        codes += [c for c in code.co_consts if hasattr(c, "co_names")]  # a lambda or comprehension inside
        for name in set(code.co_names) - seen:
            seen.add(name)
            value = compute.__globals__.get(name)
            if isinstance(value, np.ndarray | list | dict):
                found[name] = value
            elif getattr(value, "__name__", "") == "<lambda>":
                codes.append(value.__code__)
    return found


def _numbers(value):
    """Copies of the arrays in a value, and its numbers as arrays."""
    value = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, list | tuple):
        return [a for one in value for a in _numbers(one)]
    return [np.array(value)] if isinstance(value, np.ndarray | np.generic | int | float) and np.asarray(value).dtype.kind in "biufc" else []
