"""Continuous signals: a chaotic series and pen strokes."""

import math

import numpy as np

from rnnlib.checks import check_array, check_number, check_rng


def mackey_glass(n, tau=17.0, rng=None, step=0.1):
    r"""A chaotic series, one value a unit of time.

    .. math:: \dot x(t) = \frac{0.2\, x(t - \tau)}{1 + x(t - \tau)^{10}} - 0.1\, x(t)

    It is deterministic, so the optimum is an error of 0; but two nearly equal histories part, about e-fold in 190 units (measured) at
    :math:`\tau = 17`, so every error of a forecast grows with its distance.

    Parameters
    ----------
    n : int
    tau : float
        Delay; a multiple of ``step``.
    rng : numpy.random.Generator, optional
        Draws the history before the start; without it the history is 1.2.
    step : float
        Of the integration (Runge–Kutta of order four).

    Returns
    -------
    x : ndarray of shape (n,), float64
        After 1000 units that are thrown away.

    Notes
    -----
    Lesson: :ref:`echo-state-networks`. Source: Mackey & Glass (1977), parameters as in Jaeger (2001).
    """
    check_number("n", n, 1, integer=True)
    check_number("tau", tau, 0, open_low=True)
    check_number("step", step, 0, 1, open_low=True)
    delay, stride = round(tau / step), round(1 / step)
    if abs(delay * step - tau) > 1e-9 or abs(stride * step - 1) > 1e-9:
        raise ValueError(f"step: expected a step that divides 1 and tau = {tau:g}, got {step:g}")
    x = [1.2] * (delay + 1)
    if rng is not None:
        check_rng(rng)
        x = (1.2 + 0.1 * rng.uniform(-1, 1, delay + 1)).tolist()
    for k in range((n + 1000) * stride):
        before, after = x[k], x[k + 1]  # tau ago, at the two ends of the step
        drive = [0.2 * past / (1 + past**10) for past in (before, (before + after) / 2, after)]
        now = x[-1]
        k1 = drive[0] - 0.1 * now
        k2 = drive[1] - 0.1 * (now + step / 2 * k1)
        k3 = drive[1] - 0.1 * (now + step / 2 * k2)
        k4 = drive[2] - 0.1 * (now + step * k3)
        x.append(now + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[delay + 1 + 1000 * stride :: stride][:n])


# Letters as pen paths: points in letter heights; None lifts the pen.
_PATHS = {
    "l": [(0, 0), (0.3, 0.6), (0.5, 1.2), (0.3, 1.6), (0.1, 1.2), (0.2, 0.5), (0.6, 0)],
    "o": [(0.6, 0.9), (0.2, 0.8), (0, 0.4), (0.3, 0), (0.7, 0.2), (0.8, 0.6), (0.6, 0.9)],
    "v": [(0, 1), (0.2, 0.5), (0.4, 0), (0.6, 0.5), (0.8, 1)],
    "n": [(0, 0), (0, 0.5), (0, 1), (0.3, 0.9), (0.6, 1), (0.7, 0.5), (0.7, 0)],
    "t": [(0.3, 1.5), (0.3, 1), (0.3, 0.4), (0.5, 0), None, (0, 1), (0.35, 1), (0.7, 1)],
    "i": [(0.2, 1), (0.2, 0.5), (0.3, 0), None, (0.2, 1.4), (0.25, 1.45)],
}
STROKE_NOISE = 0.08
# Differential entropy of the noise on one offset (dx, dy): no model's density can be higher on average.
STROKE_FLOOR = math.log(2 * math.pi * math.e * STROKE_NOISE**2)


def strokes(n, T, rng):
    r"""Handwriting as pen movements: random letters, with Gaussian noise on every offset.

    The negative log density of the offsets is at least that of the noise,
    :math:`\ln(2\pi e\,\sigma^2) = -2.21` nats a step (``STROKE_FLOOR``, :math:`\sigma = 0.08`), plus at most ln 6 nats a letter
    for the choice of the next of six letters.

    Parameters
    ----------
    n, T : int
        Lines and steps.
    rng : numpy.random.Generator

    Returns
    -------
    x : ndarray of shape (n, T, 3), float32
        dx, dy in letter heights, and 1 if the pen is lifted after this step.
    texts : list of str
        The letters, the last one perhaps cut.

    Notes
    -----
    Lesson: :ref:`handwriting`. Source: the data format of Graves (2013); the letters are ours.
    """
    check_number("n", n, 1, integer=True)
    check_number("T", T, 1, integer=True)
    check_rng(rng)
    x = np.empty((n, T, 3), np.float32)
    texts, letters = [], list(_PATHS)
    for row in x:
        steps, text = [], ""
        while len(steps) < T:
            letter = letters[rng.integers(len(letters))]
            text += letter
            steps += _movements(letter)
        row[:] = steps[:T]
        texts.append(text)
    x[:, :, :2] += STROKE_NOISE * rng.standard_normal((n, T, 2)).astype(np.float32)
    return x, texts


def stroke_nats(x):
    r"""Negative log density of each step under the source of `strokes` itself: on average no model does better.

    Hidden are only the letter and the step in it; the sum over both is done exactly, step by step.

    .. math::

       p(x_t \mid x_{<t}) = \sum_s q_t(s)\, \mathcal N(\Delta_t \mid \mu_s, \sigma^2)\, [l_t = l_s], \qquad
       q_{t+1}(s') \propto \sum_s P(s' \mid s)\, q_t(s)\, p(x_t \mid s)

    Parameters
    ----------
    x : ndarray of shape (B, T, 3)
        From `strokes`.

    Returns
    -------
    nats : ndarray of shape (B, T), float64
        Infinite where the source cannot have made the step.

    Notes
    -----
    Lesson: :ref:`handwriting`. The forward algorithm of hidden Markov models.
    """
    check_array("x", x, "B T 3")
    letters = [_movements(letter) for letter in _PATHS]
    moves = np.array([step for letter in letters for step in letter])  # (S, 3)
    ends = np.cumsum([len(letter) for letter in letters])
    first = np.zeros(len(moves))
    first[[0, *ends[:-1]]] = 1 / len(letters)
    P = np.eye(len(moves), k=1)
    P[ends - 1] = first
    q, nats = np.tile(first, (len(x), 1)), np.empty(x.shape[:2])  # (B, S), what is expected before the step
    for t, x_t in enumerate(x.swapaxes(0, 1).astype(np.float64)):
        square = ((x_t[:, None, :2] - moves[:, :2]) ** 2).sum(2) / STROKE_NOISE**2
        log_p = np.where(x_t[:, None, 2] == moves[:, 2], -square / 2 - math.log(2 * math.pi * STROKE_NOISE**2), -np.inf)
        with np.errstate(divide="ignore"):
            log_q = np.log(q) + log_p
        total = np.logaddexp.reduce(log_q, axis=1)
        nats[:, t] = -total
        q = np.exp(log_q - np.where(np.isfinite(total), total, 0)[:, None]) @ P
    return nats


def _movements(letter):
    """(dx, dy, lift) from the pen's place before the letter to the start of the next, 1.2 to the right of this one's."""
    steps, pen = [], (0.0, 0.0)
    for point in [*_PATHS[letter], None, (1.2, 0.0)]:
        if point is None:
            steps[-1][2] = 1.0
        else:
            steps.append([point[0] - pen[0], point[1] - pen[1], 0.0])
            pen = point
    # The pen is up on its way to the next letter and comes down there.
    return steps
