"""Exploding gradients: the norm of all gradients together, and two ways to bound them."""

import math

import numpy as np

from rnnlib.arrays import xp_of
from rnnlib.checks import check_array, check_number


def global_norm(grads):
    r"""Euclidean norm of all gradients, laid end to end as one vector.

    .. math:: \|g\| = \sqrt{\sum_k \sum_i g_{k,i}^2}

    Parameters
    ----------
    grads : dict of str to ndarray or tensor

    Returns
    -------
    float
        NaN or infinity if an entry is; a finite gradient has a finite norm, even where its squares overflow.

    Raises
    ------
    TypeError, ValueError
        A gradient is not an array. The message names it.

    Notes
    -----
    Lesson: :ref:`gradient-clipping`. Source: Pascanu, Mikolov & Bengio (2013). Not the sum of the norms, and not the largest.

    Examples
    --------
    >>> global_norm({"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])})
    5.0
    """
    _check(grads)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = math.sqrt(sum(_square(g) for g in grads.values())) if grads else 0.0
    if 1e-15 < total < math.inf:
        return total
    # The squares overflowed or vanished, or an entry is not finite: divide by the largest entry first.
    largest = [float(abs(g).max()) for g in grads.values()]
    top = math.nan if any(map(math.isnan, largest)) else max(largest, default=0.0)
    if top == 0 or not math.isfinite(top):
        return top
    return top * math.sqrt(sum(_square(g / top) for g in grads.values()))


def _square(g):
    flat = g.reshape(-1)
    return float(flat @ flat)


def _check(grads):
    if not isinstance(grads, dict):
        raise TypeError(f"grads: expected a dict of arrays, got {type(grads).__name__}")
    for name, g in grads.items():
        check_array(f"grads[{name!r}]", g, finite=False)


def clip_by_norm(grads, max_norm, *, error_if_nonfinite=True):
    r"""Shrink all gradients together, in place, so that their common norm is at most ``max_norm``.

    .. math:: g \leftarrow \frac{\text{max\_norm}}{\|g\|} \, g \quad \text{where } \|g\| > \text{max\_norm}

    The direction of the step stays as it was. Gradients within the bound are not touched at all.

    Parameters
    ----------
    grads : dict of str to ndarray or tensor
        Changed in place.
    max_norm : float
        Bound, above 0.
    error_if_nonfinite : bool
        Raise if the norm is NaN or infinite. When False, such gradients are left as they are: compare the returned norm
        and leave out the step.

    Returns
    -------
    total_norm : float
        Norm *before* clipping, worth a log.

    Raises
    ------
    ValueError
        Names the first gradient that holds NaN or infinity.
    TypeError
        ``grads`` is not a dict of arrays.

    Notes
    -----
    Lesson: :ref:`gradient-clipping`. Source: Pascanu, Mikolov & Bengio (2013), Algorithm 1. ``torch.nn.utils.clip_grad_norm_``
    divides by ``norm + 1e-6``, which leaves the norm a little under the bound; we divide by the norm.

    Examples
    --------
    >>> g = {"w": np.array([3.0, 4.0])}
    >>> clip_by_norm(g, 1.0), g["w"]
    (5.0, array([0.6, 0.8]))
    """
    check_number("max_norm", max_norm, 0, open_low=True)
    total = global_norm(grads)
    if not math.isfinite(total):
        if error_if_nonfinite:
            name = next((k for k, g in grads.items() if not bool(xp_of(g).isfinite(g).all())), None)
            raise ValueError(f"grads[{name!r}]: expected finite numbers, got NaN or infinity")
    elif total > max_norm:
        for g in grads.values():
            g *= max_norm / total
    return total


def clip_by_value(grads, bound):
    r"""Cut every entry of every gradient, in place, to at most ``bound`` in size.

    .. math:: g_i \leftarrow \min(\max(g_i, -\text{bound}), \text{bound})

    Parameters
    ----------
    grads : dict of str to ndarray or tensor
        Changed in place.
    bound : float
        Largest size of an entry, above 0.

    Raises
    ------
    ValueError
        A gradient holds NaN, which cannot be clipped. The message names it.

    Notes
    -----
    Lesson: :ref:`gradient-clipping`. Source: Mikolov (2012). It changes the direction of the step; `clip_by_norm` does not.

    Examples
    --------
    >>> g = {"w": np.array([3.0, -0.5])}
    >>> clip_by_value(g, 1.0); g["w"]
    array([ 1. , -0.5])
    """
    check_number("bound", bound, 0, open_low=True)
    _check(grads)
    for name, g in grads.items():
        if bool(xp_of(g).isnan(g).any()):
            raise ValueError(f"grads[{name!r}]: expected numbers, got NaN")
    for g in grads.values():
        xp_of(g).clip(g, -bound, bound, out=g)
