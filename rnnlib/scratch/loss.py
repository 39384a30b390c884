"""Losses and their gradients: cross-entropy of a softmax, mean squared error, and the units of a language model."""

import math

import numpy as np

from rnnlib.arrays import as_index, asarray_like, xp_of
from rnnlib.checks import check_array, check_ids, check_number


def softmax_cross_entropy(logits, targets, mask=None):
    r"""Mean negative log-likelihood of the targets under a softmax, and its gradient.

    .. math::

       L = -\frac{1}{N} \sum_{b,t} m_{bt} \log p_{bt, y_{bt}}, \qquad
       p = \operatorname{softmax}(\text{logits}), \qquad
       \frac{\partial L}{\partial \text{logits}} = \frac{m}{N} \, (p - \text{one-hot}(y)), \qquad N = \sum_{b,t} m_{bt}

    Parameters
    ----------
    logits : ndarray or tensor of shape (B, T, V) or (N, V)
    targets : int array of shape (B, T) or (N,)
        Ids between 0 and ``V - 1``.
    mask : bool array of the shape of ``targets``, optional
        True where the token counts. Where it is False, logits and targets may hold anything.

    Returns
    -------
    loss : float
        Nats per token that counts.
    dlogits : ndarray or tensor of the shape of ``logits``
        Gradient of ``loss``: already divided by ``N``, zero where the mask is False.

    Raises
    ------
    ValueError
        The mask has no True: a mean over no tokens has no value.

    Notes
    -----
    Lesson: :ref:`language-model`. Source: Bridle (1990); the largest logit is subtracted first, so that no size of logits overflows.

    Examples
    --------
    >>> loss, dlogits = softmax_cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> round(loss, 4), dlogits                                             # log 4 nats: four equally likely tokens
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """
    sizes = {}
    rank = getattr(logits, "ndim", 3)
    check_array("logits", logits, "N V" if rank == 2 else "B T V", sizes=sizes, finite=mask is None)
    xp, V = xp_of(logits), sizes["V"]
    lead = "N" if rank == 2 else "B T"
    check_array("targets", targets, lead, sizes=sizes, like=logits, kind="int")
    z, ids = logits.reshape(-1, V), as_index(targets).reshape(-1)
    counts = None
    if mask is not None:
        check_array("mask", mask, lead, sizes=sizes, like=logits, kind="bool")
        counts = mask.reshape(-1)
        z, ids = xp.where(counts[:, None], z, 0.0), xp.where(counts, ids, 0)
        check_array("logits", z)
    N = len(ids) if counts is None else int(counts.sum())
    if N == 0:
        raise ValueError("mask: expected at least one True, got none")
    check_ids("targets", ids, "N", V)

    z = z - xp.amax(z.real, 1, keepdims=True)
    p = xp.exp(z)
    total = p.sum(1, keepdims=True)
    p /= total
    here = asarray_like(np.arange(len(ids)), ids), ids
    log_p = z[here] - xp.log(total[:, 0])
    p[here] -= 1
    if counts is not None:
        log_p *= counts
        p *= counts[:, None]
    p /= N
    return (-log_p.sum() / N).item(), p.reshape(logits.shape)


def mse(pred, target, mask=None):
    r"""Mean squared error, and its gradient.

    .. math:: L = \frac{1}{N} \sum m \, (\hat y - y)^2, \qquad \frac{\partial L}{\partial \hat y} = \frac{2 m}{N} \, (\hat y - y)

    Parameters
    ----------
    pred, target : ndarray or tensor of shape (B, T, D), or any other
        Prediction and truth, of one shape.
    mask : bool array of shape (B, T), optional
        True where a step counts: its shape is that of ``pred`` without the last axis. Where it is False, ``pred`` and
        ``target`` may hold anything.

    Returns
    -------
    loss : float
        Mean over the ``N`` entries that count (steps times ``D``), in squared units of the target.
    dpred : ndarray or tensor of the shape of ``pred``
        Gradient of ``loss``, zero where the mask is False.

    Notes
    -----
    Lesson: :ref:`tasks`. As in ``torch.nn.MSELoss``, the mean is over entries, without a factor one half.

    Examples
    --------
    >>> mse(np.array([[1.0, 5.0]]), np.array([[0.0, 2.0]]))                 # (1 + 9) / 2
    (5.0, array([[1., 3.]]))
    """
    check_array("pred", pred, finite=mask is None)
    _same_shape("target", target, tuple(pred.shape))
    check_array("target", target, like=pred, finite=mask is None)
    d = pred - target
    N = math.prod(d.shape)
    if mask is not None:
        _same_shape("mask", mask, tuple(pred.shape[:-1]))
        check_array("mask", mask, like=pred, kind="bool")
        N = int(mask.sum()) * d.shape[-1]
        if N == 0:
            raise ValueError("mask: expected at least one True, got none")
        d = xp_of(d).where(mask[..., None], d, 0.0)
        check_array("pred - target", d)
    return ((d * d).sum() / N).item(), d * (2 / N)


def _same_shape(name, value, expected):
    got = tuple(getattr(value, "shape", expected))
    if got != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {got}")


def bits_per_token(nats):
    r"""A loss in nats per token as bits per token.

    .. math:: \text{bits} = \text{nats} / \ln 2

    Parameters
    ----------
    nats : float
        Cross-entropy in nats per token.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        Not a number, or negative.

    Notes
    -----
    Lesson: :ref:`perplexity`. Source: Shannon (1948).

    Examples
    --------
    >>> bits_per_token(math.log(8))
    3.0
    """
    check_number("nats", nats, 0)
    return nats / math.log(2)


def perplexity(nats):
    r"""A loss in nats per token as perplexity: the number of equally likely tokens that would be as hard to guess.

    .. math:: \text{ppl} = e^{\text{nats}}

    Parameters
    ----------
    nats : float
        Cross-entropy in nats per token, averaged over tokens *before* this call: the mean of perplexities is not a perplexity.

    Returns
    -------
    float
        Infinity where ``e ** nats`` is too large for a float (above 709 nats).

    Raises
    ------
    TypeError, ValueError
        Not a number, or negative.

    Notes
    -----
    Lesson: :ref:`perplexity`. Source: Jelinek et al. (1977).

    Examples
    --------
    >>> round(perplexity(math.log(65)), 9)                                  # 65 equally likely characters
    65.0
    """
    check_number("nats", nats, 0)
    return math.exp(nats) if nats < 709 else math.inf
