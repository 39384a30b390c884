"""Noise that regularises: dropout on values, on whole sequences, on the update of a cell, and zoneout on the state.

All draw from the generator that they are given. A mask that must stay the same over many calls, one for every step of a
sequence, is drawn once with `dropout_mask` and passed on.
"""

import numpy as np

from rnnlib.arrays import asarray_like, zeros
from rnnlib.checks import check_array, check_number, check_rng


def dropout_mask(shape, p, rng, like):
    r"""Draw what dropout multiplies by.

    .. math:: m = \frac{1}{1 - p} \text{ with probability } 1 - p, \qquad m = 0 \text{ otherwise}, \qquad \mathbb{E}[m] = 1

    Parameters
    ----------
    shape : tuple of int
    p : float
        Probability of dropping an entry, from 0 to below 1.
    rng : numpy.random.Generator
    like : ndarray or tensor
        The mask has its library, dtype and device.

    Returns
    -------
    mask : ndarray or tensor of shape ``shape``

    Notes
    -----
    Lesson: :ref:`dropout`. Source: Srivastava et al. (2014), scaled while training ("inverted"), so that nothing is scaled later.
    """
    check_array("like", like, finite=False)
    mask = zeros(shape, like) + ~_bernoulli(shape, p, rng, like)
    mask *= 1 / (1 - p)
    return mask


def _bernoulli(shape, p, rng, like):
    """True with probability ``p``."""
    _check_p(p)
    check_rng(rng)
    return asarray_like(rng.random(shape) < p, like)


def _check_p(p):
    check_number("p", p, 0)
    if p >= 1:
        raise ValueError(f"p: expected a probability below 1, got {p}")


def _check_training(training):
    if not isinstance(training, (bool, np.bool_)):
        raise TypeError(f"training: expected True or False, got {type(training).__name__}")


def _mask(shape, p, rng, training, mask, like):
    """The mask to use: None outside training, the given one, or a fresh one."""
    _check_p(p)
    _check_training(training)
    if not training:
        return None
    if mask is None:
        return dropout_mask(shape, p, rng, like)
    check_array("mask", mask, " ".join(map(str, shape)), like=like)
    return mask


def dropout(x, p, rng, *, training=True, mask=None):
    r"""Drop every entry by itself.

    .. math:: y = m \odot x \text{ in training}, \qquad y = x \text{ otherwise}

    Parameters
    ----------
    x : ndarray or tensor of any shape
    p : float
        Probability of dropping an entry, from 0 to below 1.
    rng : numpy.random.Generator
        Not used when ``mask`` is given or outside training; may be None then.
    training : bool
        False in evaluation.
    mask : ndarray or tensor of the shape of ``x``, optional
        From `dropout_mask`, to use again. One mask on the state ``h_{t-1}`` at every step of a sequence is the recurrent
        half of Gal & Ghahramani's variational dropout.

    Returns
    -------
    y : ndarray or tensor of the shape of ``x``
        ``x`` itself outside training.
    tape : dict
        For `dropout_backward`; ``tape["mask"]`` is the mask, None outside training.

    Notes
    -----
    Lesson: :ref:`dropout`. Source: Srivastava et al. (2014); in a recurrent network between layers only: Zaremba et al. (2014).
    """
    check_array("x", x)
    mask = _mask(tuple(x.shape), p, rng, training, mask, x)
    return (x if mask is None else x * mask), {"mask": mask, "shape": tuple(x.shape)}


def variational_dropout(x, p, rng, *, training=True, mask=None):
    r"""Drop the same units at every step of a sequence.

    .. math:: y_t = m \odot x_t \text{ in training, one } m \text{ for all } t, \qquad y_t = x_t \text{ otherwise}

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, D)
    p : float
        Probability of dropping a unit, from 0 to below 1.
    rng : numpy.random.Generator
        Not used when ``mask`` is given or outside training; may be None then.
    training : bool
        False in evaluation.
    mask : ndarray or tensor of shape (B, 1, D), optional
        From an earlier call's ``tape["mask"]``, to go on with the same units when a sequence is cut in windows.

    Returns
    -------
    y : ndarray or tensor of shape (B, T, D)
        ``x`` itself outside training.
    tape : dict
        For `dropout_backward`; ``tape["mask"]`` (B, 1, D) is the mask, None outside training.

    Notes
    -----
    Lesson: :ref:`dropout`. Source: Gal & Ghahramani (2016). They also drop the state with one mask a sequence: `dropout`
    with ``mask=`` at every step.
    """
    B, _, D = check_array("x", x, "B T D").values()
    mask = _mask((B, 1, D), p, rng, training, mask, x)
    return (x if mask is None else x * mask), {"mask": mask, "shape": tuple(x.shape)}


def dropout_backward(dy, tape):
    r"""Gradient of `dropout` and of `variational_dropout`.

    .. math:: dx = m \odot dy

    Parameters
    ----------
    dy : ndarray or tensor of the shape of ``x``
    tape : dict
        From the forward pass.

    Returns
    -------
    dict
        ``x``, of the shape of ``x``.

    Notes
    -----
    Lesson: :ref:`dropout`.
    """
    check_array("dy", dy, " ".join(map(str, tape["shape"])), like=tape["mask"])
    return {"x": dy if tape["mask"] is None else dy * tape["mask"]}


def recurrent_dropout(c_prev, i_t, f_t, g_t, p, rng, *, training=True, mask=None):
    r"""Drop what an LSTM is about to write, never what it remembers.

    .. math:: c_t = f_t \odot c_{t-1} + i_t \odot (m \odot g_t)

    Dropping ``c_t`` itself would erase a memory with probability :math:`1 - (1 - p)^T` within ``T`` steps.

    Parameters
    ----------
    c_prev : ndarray or tensor of shape (B, H)
        Cell state after step ``t - 1``.
    i_t, f_t, g_t : ndarray or tensor of shape (B, H)
        Input gate, forget gate and candidate of step ``t``, after their activations.
    p : float
        Probability of dropping a unit's candidate, from 0 to below 1.
    rng : numpy.random.Generator
        Not used when ``mask`` is given or outside training; may be None then.
    training : bool
        False in evaluation: ``m = 1``.
    mask : ndarray or tensor of shape (B, H), optional
        From `dropout_mask`, to use again. None draws a new one at every step; the source tried both.

    Returns
    -------
    c_t : ndarray or tensor of shape (B, H)
    tape : dict
        For `recurrent_dropout_backward`.

    Notes
    -----
    Lesson: :ref:`dropout`. Source: Semeniuta, Severyn & Barth (2016).
    """
    sizes = check_array("c_prev", c_prev, "B H")
    for name, value in (("i_t", i_t), ("f_t", f_t), ("g_t", g_t)):
        check_array(name, value, "B H", sizes=sizes, like=c_prev)
    mask = _mask((sizes["B"], sizes["H"]), p, rng, training, mask, c_prev)
    written = g_t if mask is None else g_t * mask
    tape = {"c_prev": c_prev, "i_t": i_t, "f_t": f_t, "written": written, "mask": mask}
    return f_t * c_prev + i_t * written, tape


def recurrent_dropout_backward(dc_t, tape):
    r"""Gradients of `recurrent_dropout`.

    .. math::

       dc_{t-1} = f_t \odot dc_t, \qquad df_t = c_{t-1} \odot dc_t, \qquad
       di_t = m \odot g_t \odot dc_t, \qquad dg_t = m \odot i_t \odot dc_t

    Parameters
    ----------
    dc_t : ndarray or tensor of shape (B, H)
    tape : dict
        From `recurrent_dropout`.

    Returns
    -------
    dict
        ``c_prev``, ``i_t``, ``f_t``, ``g_t``, each (B, H).

    Notes
    -----
    Lesson: :ref:`dropout`.
    """
    check_array("dc_t", dc_t, " ".join(map(str, tape["c_prev"].shape)), like=tape["c_prev"])
    dwritten = dc_t * tape["i_t"]
    return {
        "c_prev": dc_t * tape["f_t"],
        "i_t": dc_t * tape["written"],
        "f_t": dc_t * tape["c_prev"],
        "g_t": dwritten if tape["mask"] is None else dwritten * tape["mask"],
    }


def zoneout(h_prev, h_t, p, rng, *, training=True, mask=None):
    r"""Keep the old value of some units, as if the step had not happened for them.

    .. math::

       y = z \odot h_{t-1} + (1 - z) \odot h_t, \quad z \sim \text{Bernoulli}(p) \text{ in training}, \qquad z = p \text{ otherwise}

    Parameters
    ----------
    h_prev, h_t : ndarray or tensor of shape (B, H)
        State before and after the step; for an LSTM, call it once for ``h`` and once for ``c``.
    p : float
        Probability of keeping the old value, from 0 to below 1.
    rng : numpy.random.Generator
        Not used when ``mask`` is given or outside training; may be None then.
    training : bool
        False in evaluation: the expectation is taken in the place of a draw.
    mask : bool array of shape (B, H), optional
        The ``z`` to use, True = keep the old value. None draws a new one.

    Returns
    -------
    y : ndarray or tensor of shape (B, H)
    tape : dict
        For `zoneout_backward`.

    Notes
    -----
    Lesson: :ref:`dropout`. Source: Krueger et al. (2017). Nothing is divided by ``1 - p``: a kept unit is not missing.
    """
    sizes = check_array("h_prev", h_prev, "B H")
    check_array("h_t", h_t, "B H", sizes=sizes, like=h_prev)
    _check_p(p)
    _check_training(training)
    if not training:
        return p * h_prev + (1 - p) * h_t, {"keep": p, "like": h_prev}
    if mask is None:
        mask = _bernoulli(tuple(h_prev.shape), p, rng, h_prev)
    else:
        check_array("mask", mask, "B H", sizes=sizes, like=h_prev, kind="bool")
    keep = zeros(tuple(h_prev.shape), h_prev) + mask
    return keep * h_prev + (1 - keep) * h_t, {"keep": keep, "like": h_prev}


def zoneout_backward(dy, tape):
    r"""Gradients of `zoneout`.

    .. math:: dh_{t-1} = z \odot dy, \qquad dh_t = (1 - z) \odot dy

    Parameters
    ----------
    dy : ndarray or tensor of shape (B, H)
    tape : dict
        From `zoneout`.

    Returns
    -------
    dict
        ``h_prev`` and ``h_t``, each (B, H): the first is the direct path only, not what flows through ``h_t``.

    Notes
    -----
    Lesson: :ref:`dropout`.
    """
    check_array("dy", dy, " ".join(map(str, tape["like"].shape)), like=tape["like"])
    keep = tape["keep"]
    return {"h_prev": keep * dy, "h_t": (1 - keep) * dy}
