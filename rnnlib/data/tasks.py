"""Small tasks with a known optimum, each made to show one thing. All take a ``numpy.random.Generator``."""

import numpy as np

from rnnlib.checks import check_choice, check_number, check_rng


def _check_sizes(rng, **sizes):
    """A generator, and sizes that are integers of at least 1 (or, given as (value, low), of at least low)."""
    check_rng(rng)
    for name, size in sizes.items():
        value, low = size if isinstance(size, tuple) else (size, 1)
        check_number(name, value, low, integer=True)


def adding(B, T, rng):
    r"""Add the two numbers that are marked.

    .. math:: y = \sum_{t} x_{t,0}\, x_{t,1}

    The numbers are uniform on [0, 1]; one mark is in the first half, one in the second. Always answering 1 has a mean
    squared error of 1/6; the optimum is 0.

    Parameters
    ----------
    B, T : int
        Sequences and their length, T >= 2.
    rng : numpy.random.Generator

    Returns
    -------
    x : ndarray of shape (B, T, 2), float32
        Number and mark.
    y : ndarray of shape (B, 1), float32

    Raises
    ------
    ValueError
        A size that is too small.

    Notes
    -----
    Lesson: :ref:`adding-problem`. Source: Hochreiter & Schmidhuber (1997), numbers in [0, 1] and a fixed length.
    """
    _check_sizes(rng, B=B, T=(T, 2))
    x = np.zeros((B, T, 2), np.float32)
    x[:, :, 0] = rng.random((B, T), np.float32)
    rows = np.arange(B)
    x[rows, rng.integers(0, T // 2, B), 1] = 1
    x[rows, rng.integers(T // 2, T, B), 1] = 1
    return x, (x[:, :, 0] * x[:, :, 1]).sum(axis=1, keepdims=True)


def latch(B, T, rng, noise=0.2):
    """Remember the sign of the first input through noise until the end.

    The optimum is an accuracy of 1 (for T >= 2 the noise never touches the first step), guessing gives 1/2.

    Parameters
    ----------
    B, T : int
    rng : numpy.random.Generator
    noise : float
        Standard deviation of the inputs after the first.

    Returns
    -------
    x : ndarray of shape (B, T, 1), float32
        +1 or -1, then noise.
    y : ndarray of shape (B,), int64
        1 if the first input was +1, else 0.

    Notes
    -----
    Lesson: :ref:`initialisation`. Source: Bengio, Simard & Frasconi (1994), the sign given in one step instead of several.
    """
    _check_sizes(rng, B=B, T=T)
    check_number("noise", noise, 0)
    y = rng.integers(0, 2, B)
    x = (noise * rng.standard_normal((B, T, 1))).astype(np.float32)
    x[:, 0, 0] = 2 * y - 1
    return x, y


def echo(B, T, lag, rng):
    r"""Say each random bit again after ``lag`` steps.

    .. math:: y_t = x_{t - \text{lag}}

    The optimum is an accuracy of 1. Cut into windows of K > lag steps without carrying the state, the first ``lag`` answers of
    each window must be guessed: 1 - lag / (2K).

    Parameters
    ----------
    B, T, lag : int
        Streams, their length, and the delay (0 <= lag < T).
    rng : numpy.random.Generator

    Returns
    -------
    x : ndarray of shape (B, T, 1), float32
        Bits, 0 or 1.
    y : ndarray of shape (B, T), int64
    mask : ndarray of shape (B, T), bool
        False for the first ``lag`` steps, where there is nothing to say yet.

    Notes
    -----
    Lesson: :ref:`truncated-bptt`.
    """
    _check_sizes(rng, B=B, T=T)
    check_number("lag", lag, 0, T - 1, integer=True)
    bits = rng.integers(0, 2, (B, T))
    y = np.zeros((B, T), np.int64)
    y[:, lag:] = bits[:, : T - lag]
    mask = np.zeros((B, T), bool)
    mask[:, lag:] = True
    return bits[:, :, None].astype(np.float32), y, mask


def parity(B, T, rng, modulus=2):
    r"""Count the ones so far, modulo 2 (or another number).

    .. math:: y_t = \Big(\sum_{s \le t} x_s\Big) \bmod m

    The optimum is an accuracy of 1 with m states of memory; guessing gives 1/m, at every length.

    Parameters
    ----------
    B, T, modulus : int
    rng : numpy.random.Generator

    Returns
    -------
    x : ndarray of shape (B, T, 1), float32
        Bits, 0 or 1.
    y : ndarray of shape (B, T), int64

    Notes
    -----
    Lesson: :ref:`rnn-cell`; for linear recurrences see :ref:`linear-recurrences`. Sources: Sarrof et al. (2024), Grazzi et al. (2025).
    """
    _check_sizes(rng, B=B, T=T, modulus=(modulus, 2))
    bits = rng.integers(0, 2, (B, T))
    return bits[:, :, None].astype(np.float32), bits.cumsum(axis=1) % modulus


def temporal_order(B, T, rng):
    """Tell in which order two marked symbols came.

    Symbols 0 (A) and 1 (B) stand at one place in the first and one place in the second half (steps T/10 to 2T/10 and 5T/10 to
    6T/10); elsewhere stand distractors 2..5. The optimum is an accuracy of 1, guessing gives 1/4.

    Parameters
    ----------
    B, T : int
        T >= 10.
    rng : numpy.random.Generator

    Returns
    -------
    ids : ndarray of shape (B, T), int64
        Six symbols.
    y : ndarray of shape (B,), int64
        0 AA, 1 AB, 2 BA, 3 BB.

    Notes
    -----
    Lesson: :ref:`penalty`. Source: Hochreiter & Schmidhuber (1997); positions as in Pascanu, Mikolov & Bengio (2013).
    """
    _check_sizes(rng, B=B, T=(T, 10))
    ids = rng.integers(2, 6, (B, T))
    first, second = rng.integers(0, 2, (2, B))
    rows = np.arange(B)
    ids[rows, rng.integers(T // 10, 2 * T // 10, B)] = first
    ids[rows, rng.integers(5 * T // 10, 6 * T // 10, B)] = second
    return ids, 2 * first + second


def copy_memory(B, delay, rng, n=10, V=8):
    r"""Read n symbols, wait, then say them again.

    The input holds n symbols 0..V-1, ``delay - 1`` blanks (V), a go signal (V + 1) and n blanks; the target is blank until the
    last n steps. The optimum is a loss of 0; without memory the best is :math:`n \ln V / (\text{delay} + 2n)` nats a step.

    Parameters
    ----------
    B, delay, n, V : int
    rng : numpy.random.Generator

    Returns
    -------
    ids, targets : ndarray of shape (B, delay + 2n), int64
        V + 2 and V + 1 symbols.

    Notes
    -----
    Lesson: :ref:`vanishing`. Source: Hochreiter & Schmidhuber (1997); this form from Arjovsky, Shah & Bengio (2016).
    """
    _check_sizes(rng, B=B, delay=delay, n=n, V=(V, 2))
    symbols = rng.integers(0, V, (B, n))
    ids = np.full((B, delay + 2 * n), V, np.int64)
    targets = ids.copy()
    ids[:, :n] = symbols
    ids[:, n + delay - 1] = V + 1
    targets[:, -n:] = symbols
    return ids, targets


def copying(B, T, rng, V=10):
    """Sources of random digits and the same digits as targets. The optimum is exact: 1.

    Parameters
    ----------
    B, T, V : int
        Sequences, their length, and the number of different digits.
    rng : numpy.random.Generator

    Returns
    -------
    source, target : ndarray of shape (B, T), int64
    """
    _check_sizes(rng, B=B, T=T, V=(V, 2))
    source = rng.integers(0, V, (B, T))
    return source, source.copy()


def reversal(B, T, rng, V=10):
    """Sources of random digits and their reversal as targets. The optimum is exact: 1.

    The target needs first what the source gives last, and a fixed vector must hold all T digits.

    Parameters
    ----------
    B, T, V : int
        Sequences, their length, and the number of different digits.
    rng : numpy.random.Generator

    Returns
    -------
    source, target : ndarray of shape (B, T), int64

    Notes
    -----
    Lesson: :ref:`encoder-decoder`. Source: Sutskever, Vinyals & Le (2014) reverse the source, here it is the task.
    """
    source, _ = copying(B, T, rng, V)
    return source, source[:, ::-1].copy()


def four_shapes(shape, B, T, rng, V=5):
    """One toy for each shape of task. Each can be solved exactly: the optimum is 1.

    =================  ========================  ===========================================
    shape              input                     target
    =================  ========================  ===========================================
    ``"one-to-one"``   one symbol                the next symbol, cyclically
    ``"one-to-many"``  one symbol                counting up from it, T steps, cyclically
    ``"many-to-one"``  T symbols                 their sum modulo V
    ``"many-to-many"`` T symbols                 at each step the sum so far modulo V
    =================  ========================  ===========================================

    Parameters
    ----------
    shape : str
    B, T, V : int
    rng : numpy.random.Generator

    Returns
    -------
    ids, targets : ndarray of shape (B, 1) or (B, T), int64

    Notes
    -----
    Lesson: :ref:`four-shapes`.
    """
    check_choice("shape", shape, ("one-to-one", "one-to-many", "many-to-one", "many-to-many"))
    _check_sizes(rng, B=B, T=T, V=(V, 2))
    ids = rng.integers(0, V, (B, 1 if shape.startswith("one") else T))
    if shape.startswith("one"):
        steps = np.arange(1, (T if shape.endswith("many") else 1) + 1)
        return ids, (ids + steps) % V
    sums = ids.cumsum(axis=1) % V
    return ids, sums if shape.endswith("many") else sums[:, -1:]
