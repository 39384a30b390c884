"""Is a gradient right? Central differences and the complex step, with errors that say what is wrong."""

import numpy as np

from rnnlib.arrays import asarray_like, copy, to_numpy
from rnnlib.checks import check_array, check_number, check_rng

FLOOR = 1e-3  # below this size an entry is compared absolutely: its difference quotient is mostly rounding noise
STEP = 1e-30  # of the complex step; nothing is subtracted, so it may be as small as we like


def check_gradients(f, params, grads, *, eps=1e-5, tol=1e-7, rng=None, samples=None):
    r"""Compare gradients with central differences of the loss.

    .. math:: \frac{\partial L}{\partial \theta_i} \approx \frac{L(\theta_i + \epsilon) - L(\theta_i - \epsilon)}{2 \epsilon}

    The error of an entry is :math:`|a - n| / \max(|a|, |n|, m)` for the given value ``a`` and the numeric value ``n``. The
    floor ``m`` is ``1e-3`` times the larger of 1 and the loss: smaller entries are compared absolutely.

    Parameters
    ----------
    f : callable
        ``f(**params)`` returns the loss, one number. It must use the arrays that it is given, not the ones outside.
    params : dict of str to ndarray or tensor
        Point at which to check, float64. Left untouched: ``f`` gets copies.
    grads : dict of str to ndarray or tensor
        The gradients to check, one for every name in ``params``.
    eps : float
        Half the distance of the two points. The error of the method is smallest near ``1e-5`` in float64.
    tol : float
        Largest relative error that passes.
    rng : numpy.random.Generator, optional
        Chooses the entries when ``samples`` is given.
    samples : int, optional
        Number of entries to check in each parameter. All of them when None.

    Returns
    -------
    dict of str to float
        The largest relative error of each parameter.

    Raises
    ------
    AssertionError
        Names the parameter, the worst entry, both values and, where it can be told, the likely mistake.
    TypeError, ValueError
        Bad arguments, or a loss that is not one repeatable finite number.

    Notes
    -----
    Lesson: :ref:`gradient-check`. Source: the relative error follows Stanford's CS231n; the floor is ours.

    Examples
    --------
    >>> w = np.ones(2)
    >>> check_gradients(lambda w: (w * w).sum(), {"w": w}, {"w": -2 * w})
    Traceback (most recent call last):
    AssertionError: gradient of w is wrong at [0]: expected 2, got -2 (relative error 2). Every entry has the wrong sign.
    """
    check_number("eps", eps, 0, open_low=True)
    check_number("tol", tol, 0)
    _check_dicts(params, grads)
    if samples is not None:
        check_number("samples", samples, 1, integer=True)
    rng = np.random.default_rng(0) if rng is None else rng
    check_rng(rng)
    points = {name: copy(value) for name, value in params.items()}
    loss = _loss(f, points)
    if _loss(f, points) != loss:
        text = "got two different ones: does it draw random numbers or change its arguments?"
        raise ValueError(f"f: expected the same loss for the same arrays, {text}")
    floor = FLOOR * max(1.0, abs(loss))

    errors = {}
    for name, point in points.items():
        given = to_numpy(grads[name]).reshape(-1)
        index = np.arange(given.size)
        if samples is not None and samples < given.size:
            index = rng.choice(given.size, samples, replace=False)
            index = np.union1d(index, np.flatnonzero(~np.isfinite(given)))  # a NaN anywhere is never a matter of luck
        entries = point.reshape(-1)  # a view: copies are contiguous
        numeric = np.empty(len(index))
        for j, i in enumerate(index):
            before = float(entries[i])
            entries[i] = before + eps
            above = _loss(f, points)
            entries[i] = before - eps
            below = _loss(f, points)
            entries[i] = before
            numeric[j] = (above - below) / (2 * eps)
        errors[name] = _compare(name, given, numeric, index, tuple(point.shape), floor, tol)
    return errors


def complex_step(f, params, grads, *, tol=1e-13, rng=None):
    r"""Compare gradients with the complex step: exact to rounding, at the cost of one complex forward pass a parameter.

    .. math:: \langle \nabla L, v \rangle = \operatorname{Im} L(\theta + i \epsilon v) / \epsilon, \qquad \epsilon = 10^{-30}

    for one random direction ``v`` a parameter. When a direction disagrees, every entry is looked at, so that the error can
    name the worst one.

    Parameters
    ----------
    f : callable
        ``f(**params)`` returns the loss, and for complex arrays the complex loss: no ``abs``, no comparison of complex numbers
        (compare ``.real``), no conversion to float on the way.
    params : dict of str to ndarray or tensor
        Point at which to check, float64. Left untouched.
    grads : dict of str to ndarray or tensor
        The gradients to check, one for every name in ``params``.
    tol : float
        Largest error that passes, relative to :math:`\sum_i |a_i v_i|`.
    rng : numpy.random.Generator, optional
        Draws the directions.

    Returns
    -------
    dict of str to float
        The relative error of each parameter.

    Raises
    ------
    AssertionError
        Names the parameter, the worst entry, both values and, where it can be told, the likely mistake.
    TypeError, ValueError
        Bad arguments, or a loss that loses its imaginary part.

    Notes
    -----
    Lesson: :ref:`gradient-check`. Source: Squire & Trapp (1998), along a random direction.
    """
    check_number("tol", tol, 0)
    _check_dicts(params, grads)
    rng = np.random.default_rng(0) if rng is None else rng
    check_rng(rng)
    points = {name: copy(copy(value) + 0j) for name, value in params.items()}

    def slope(entries, i, v):
        """Derivative of the loss when ``entries[i]`` moves along ``v``."""
        before = copy(entries[i])
        entries[i] = before + STEP * 1j * v
        loss = _loss(f, points, complex)
        entries[i] = before
        return loss.imag / STEP

    errors = {}
    for name, point in points.items():
        given = to_numpy(grads[name]).reshape(-1)
        entries = point.reshape(-1)
        direction = rng.standard_normal(given.size)
        numeric = slope(entries, slice(None), asarray_like(direction, point))
        scale = float(np.abs(given * direction).sum())
        errors[name] = abs(float(given @ direction) - numeric) / max(scale, abs(numeric), 1e-300)
        if not errors[name] <= tol:
            index = np.arange(given.size)
            one_by_one = np.array([slope(entries, slice(i, i + 1), 1.0) for i in index])
            _compare(name, given, one_by_one, index, tuple(point.shape), 1e-3 * float(np.abs(one_by_one).max()), tol)
            got = float(given @ direction)
            raise AssertionError(f"gradient of {name} is wrong along a random direction: expected {numeric:.6g}, got {got:.6g}")
    return errors


def _check_dicts(params, grads):
    for label, value in (("params", params), ("grads", grads)):
        if not isinstance(value, dict):
            raise TypeError(f"{label}: expected a dict of arrays, got {type(value).__name__}")
    missing, unknown = [n for n in params if n not in grads], [n for n in grads if n not in params]
    if missing or unknown:
        raise ValueError(f"grads: expected the names {sorted(params)}, got {sorted(grads)}")
    for name, value in params.items():
        label = f"params[{name!r}]"
        check_array(label, value)
        if not str(value.dtype).endswith("float64"):
            raise TypeError(f"{label}: expected dtype float64 (float32 differences are mostly rounding noise), got {value.dtype}")
        expected, got = tuple(value.shape), tuple(np.shape(grads[name]))
        if got != expected:
            hint = ": it looks transposed" if got == expected[::-1] else ""
            raise ValueError(f"grads[{name!r}]: expected shape {expected}, got {got}{hint}")


def _loss(f, points, kind=float):
    """``f`` at ``points`` as one Python number."""
    value = f(**points)
    array = to_numpy(value)
    if array.size != 1:
        raise TypeError(f"f: expected one number, got {type(value).__name__} of shape {array.shape}")
    value = array.reshape(()).item()
    if kind is complex and not isinstance(value, complex):
        text = "a conversion to float drops the derivative"
        raise TypeError(f"f: expected a complex loss for complex arrays, got {type(value).__name__}: {text}")
    if not np.isfinite(value):
        raise ValueError(f"f: expected a finite loss, got {value}")
    return value if kind is complex else float(value)


def _compare(name, given, numeric, index, shape, floor, tol):
    """The largest relative error, or an AssertionError about it. ``numeric`` holds the entries ``index`` of the flattened parameter."""
    chosen = given[index]
    size = np.maximum(np.maximum(np.abs(chosen), np.abs(numeric)), max(floor, 1e-300))
    error = np.abs(chosen - numeric) / size
    error[~np.isfinite(error)] = np.inf
    worst = int(np.argmax(error))
    if error[worst] <= tol:
        return float(error[worst])
    where = [int(i) for i in np.unravel_index(index[worst], shape)]
    raise AssertionError(
        f"gradient of {name} is wrong at {where}: expected {numeric[worst]:.6g}, got {chosen[worst]:.6g} "
        f"(relative error {error[worst]:.2g}). {_diagnose(chosen, numeric, error > tol, index, shape, floor)}"
    )


def _diagnose(given, numeric, wrong, index, shape, floor):
    """One sentence about the likely mistake, or about where the wrong entries are."""

    def close(a, b):
        return np.allclose(a, b, rtol=1e-4, atol=1e-4 * floor)

    if not np.isfinite(given).all():
        return "It holds NaN or infinity: look for a division by zero or an overflow."
    if not numeric.any():
        return "The loss does not change with it at all: does f use the array that it is given?"
    if not given.any():
        return "Every entry is 0: is this gradient never accumulated?"
    ratio = float(given @ numeric) / float(numeric @ numeric)
    if len(given) > 1 and close(given, ratio * numeric):
        if abs(ratio + 1) < 1e-4:
            return "Every entry has the wrong sign."
        return f"Every entry is {ratio:.4g} times what it should be: look for a missing or extra factor, or a mean in the place of a sum."
    complete = len(index) == int(np.prod(shape))
    if complete and len(shape) == 2 and shape[0] == shape[1] and close(given.reshape(shape).T, numeric.reshape(shape)):
        return "It is the transpose of what it should be."
    text = f"{int(wrong.sum())} of {len(wrong)} entries are wrong"
    if wrong.all():
        return text + "."
    places = np.array(np.unravel_index(index[wrong], shape)), np.array(np.unravel_index(index[~wrong], shape))
    for axis in reversed(range(len(shape))):
        bad, good = (np.unique(p[axis]) for p in places)
        if not np.intersect1d(bad, good).size:
            return f"{text}, all of them at {_span(bad)} of axis {axis}; the others are right."
    return text + "."


def _span(indices):
    """``index 4``, ``indices 4 to 7``, ``indices 0, 2, 5``."""
    first, last = int(indices[0]), int(indices[-1])
    if first == last:
        return f"index {first}"
    if len(indices) == last - first + 1:
        return f"indices {first} to {last}"
    return "indices " + ", ".join(str(int(i)) for i in indices)
