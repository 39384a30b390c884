"""Where a result is wrong and what the wrong places have in common, in one sentence: every statement is checked against the numbers.

Places are counted from 0, as Python counts them. Nothing here knows an answer or a likely mistake: see :func:`labs.grading.check.expect`.
"""

import itertools

import numpy as np

AXES = {1: ("entry",), 2: ("row", "column"), 3: ("row", "step", "column")}
LITTLE = 5e-3  # of the largest entry: rounding, a small term too much


def locate(got, want, tol, axes=(), about=None):
    """How ``got`` differs from ``want``, without the words "got" and "expected" for whole arrays.

    Parameters
    ----------
    got, want : ndarray
        They differ by more than ``tol`` times the largest entry of ``want``.
    axes : tuple of str
        What an index of each axis is, such as ``("row", "step", "unit")``.
    about : dict of str to ndarray, optional
        What is known of the places: a property and its value for each index of the first axis, or of the first few, such as
        ``{"length": lengths, "padding": ~valid}``. A boolean one is a name for the places where it is true.
    """
    if got.shape != want.shape:
        return _shapes(got, want, axes)
    got = got.astype(float) if got.dtype.kind in "bui" else got
    axes = tuple(axes) or AXES.get(want.ndim, tuple(f"index of axis {i}" for i in range(want.ndim)))
    fits = np.isfinite(got) == np.isfinite(want)
    finite = np.isfinite(got) & np.isfinite(want)
    off = np.where(finite, np.abs(np.where(finite, got, 0) - np.where(finite, want, 0)), 0)
    top = max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0))
    wrong = (off > tol * top) | ~fits | (~finite & fits & (got != want))
    if want.ndim == 0:
        return _number(float(got), float(want))
    return _where(wrong, axes, about or {}, _kind(got, want, wrong, off, top, axes))


def _number(got, want):
    if np.isnan(got):
        return f"it is NaN, expected {want:.4g}"
    if not np.isfinite(got) or not np.isfinite(want):
        return f"got {got:.4g}, expected {want:.4g}"
    text = f"got {got:.6g}, expected {want:.6g}"
    if want and np.isclose(got, -want, rtol=1e-6, atol=0):
        return f"{text}: the sign is wrong"
    if want and abs(got - want) <= LITTLE * abs(want):
        return f"{text}: nearly right, off by {abs(got / want - 1):.1g} of it; look for rounding, or for a small number that was added"
    return text


def _shapes(got, want, axes):
    text = f"expected shape {want.shape}, got {got.shape}"
    axes = tuple(axes) or AXES.get(want.ndim, ())
    if got.ndim == want.ndim and sorted(got.shape) == sorted(want.shape) and got.ndim <= 4:
        for order in itertools.permutations(range(got.ndim)):
            if _near(got.transpose(order), want):
                return f"{text}: the numbers are right, the axes are in another order"
    if got.size == want.size:
        return f"{text}: the numbers are right, only the shape is not" if _near(got.reshape(want.shape), want) else text
    if got.ndim == want.ndim - 1 and axes:
        for axis in range(want.ndim):
            if got.shape == want.shape[:axis] + want.shape[axis + 1 :]:
                return f"{text}: the axis of the {_plural(axes[axis])} is missing"
    if got.ndim == want.ndim:
        differ = [a for a in range(got.ndim) if got.shape[a] != want.shape[a]]
        shared = tuple(slice(0, min(g, w)) for g, w in zip(got.shape, want.shape, strict=True))
        if len(differ) == 1 and axes:
            a = differ[0]
            few = got.shape[a] < want.shape[a]
            text += f": {_several(abs(want.shape[a] - got.shape[a]), axes[a])} {'missing' if few else 'too many'}"
        if min(got.shape, default=0) and _near(got[shared], want[shared]):
            text += "; what is there is right" if "missing" in text else "; the others are right"
    return text


def _near(a, b):
    return a.shape == b.shape and bool(np.isfinite(a).all()) and np.allclose(a, b, rtol=1e-5, atol=1e-6)


def _kind(got, want, wrong, off, top, axes):
    """What the wrong entries are, if one statement holds for all of them."""
    g, w = got[wrong], want[wrong]
    if np.isnan(g).all():
        return "NaN"
    if not np.isfinite(g).any():
        return "NaN or infinite"
    if not np.isfinite(g).all():
        return f"{int((~np.isfinite(g)).sum())} of them are NaN or infinite"
    if not np.isfinite(w).all():
        return "finite numbers where an infinite one was expected"
    if not g.any():
        return "0"
    if off.max() <= LITTLE * top:
        share = f"{off.max() / top:.1g} of the largest entry"
        return f"nearly right, off by at most {share}: look for rounding, too few digits, or a small number that was added"
    if g.size > 2 and np.allclose(g, -w, rtol=1e-5, atol=1e-9):
        return "the sign is wrong"
    if g.size > 2 and np.abs(w).min() > 0 and np.ptp(g / w) <= 1e-5 * abs((g / w).flat[0]):
        return f"each is {(g / w).flat[0]:.4g} times what it should be"
    if g.size > 2 and np.ptp(g - w) <= 1e-6 * top:
        return f"each is {(g - w).flat[0]:+.4g} off"
    if g.size > 2 and np.ptp(g) == 0:
        return f"all of them are {g.flat[0]:.4g}"
    return (_moved(got, want, axes) if wrong.sum() * 2 > wrong.size else "") or f"off by up to {off.max():.3g}"


def _moved(got, want, axes):
    """The right numbers in other places."""
    for axis, name in enumerate(axes):
        if want.shape[axis] > 2:
            if _near(np.flip(got, axis), want):
                return f"the numbers are right, but the {_plural(name)} are in reverse order"
            for by in (1, -1):
                inner = [slice(None)] * want.ndim
                other = list(inner)
                inner[axis], other[axis] = (slice(1, None), slice(None, -1)) if by == 1 else (slice(None, -1), slice(1, None))
                if _near(got[tuple(inner)], want[tuple(other)]):
                    return f"each {name} has the numbers of the {name} {'before' if by == 1 else 'after'} it"
    if want.ndim > 1 and want.size > 3 and _near(np.sort(got, None), np.sort(want, None)):
        return "the numbers are right, but in other places"
    return ""


def _where(wrong, axes, about, kind):
    """Which indices are wrong, and by which property the wrong ones differ from the right ones."""
    shared = _property(wrong, about)
    shared = f", {shared}" if shared else ""
    if wrong.all() and wrong.size > 1:
        return f"every entry is wrong{shared}: {kind}"
    parts = []
    for axis, name in enumerate(axes):
        hit = wrong.any(tuple(a for a in range(wrong.ndim) if a != axis))
        if not hit.all():
            parts.append(f"{_plural(name) if hit.sum() > 1 else name} {_list(np.flatnonzero(hit), len(hit))}")
    if parts:
        return f"wrong only in {', '.join(parts)} (counted from 0){shared}; the rest is right. There: {kind}"
    return f"{int(wrong.sum())} of {wrong.size} entries differ, some in every {' and every '.join(axes)}{shared}: {kind}"


def _several(n, name):
    return f"{n} {name if n == 1 else _plural(name)}"


def _plural(name):
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeo" else f"{name}s"


def _list(places, size):
    """Indices in words: 3; 2, 5; 4 to 7; 16 and later."""
    if len(places) > 1 and (np.diff(places) == 1).all():
        return f"{places[0]} and later" if size and places[-1] == size - 1 and len(places) > 2 else f"{places[0]} to {places[-1]}"
    if len(places) > 2 and np.ptp(np.diff(places)) == 0:
        text = f"{places[0]}, {places[1]}, {places[2]}"
        return text if len(places) == 3 else f"{text}, … (one in {places[1] - places[0]})"
    return ", ".join(map(str, places[:6])) + (" …" if len(places) > 6 else "")


def _property(wrong, about):
    """The properties that part the wrong places from the right ones; the exact one alone where there is one."""
    found = []
    for name, values in about.items():
        values = np.asarray(values)
        hit = wrong.any(tuple(range(values.ndim, wrong.ndim))) if values.ndim < wrong.ndim else wrong
        if hit.shape != values.shape or not hit.any():
            continue
        bad, good = values[hit], values[~hit]
        if values.dtype == bool:
            if (hit == values).all() and good.size:
                return f"just where there is {name}"
            if bad.all() and not good.all():
                found.append(f"only where there is {name}")
            elif not bad.any() and good.any():
                found.append(f"only where there is no {name.removeprefix('a ').removeprefix('an ')}")
        elif not good.size:
            if np.ptp(values) == 0:
                found.append(f"where each {name} is {values.flat[0]:g}")
        elif np.unique(bad).size == 1 and not np.isin(bad, good).any():
            found.append(f"where the {name} is {bad.flat[0]:g}, not where it is {_list(np.unique(good), None)}")
        elif bad.max() < good.min():
            found.append(f"where the {name} is at most {bad.max():g}, not where it is {good.min():g} or more")
        elif bad.min() > good.max():
            found.append(f"where the {name} is at least {bad.min():g}, not where it is {good.max():g} or less")
    return ", ".join(found)
