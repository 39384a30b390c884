"""From probabilities to a text: greedy, sampled and beam-searched, for any model that predicts one step at a time.

A model is a function ``step(ids, state) -> logits, state``: ``ids`` (N,) int64 are the symbols just written, one a row, ``logits``
(N, V) score what comes next, and ``state`` is whatever the model carries: an array with N rows, a tuple or list of such, or None.
A step must not change the state that it is given: several continuations may start from it. `rnnlib.scratch.language` makes one from the
weights of a recurrent layer.
"""

import numpy as np

from rnnlib.arrays import asarray_like, to_numpy
from rnnlib.checks import check_array, check_ids, check_number


def distribution(logits, temperature=1.0, top_k=None, nucleus=None):
    r"""Probabilities to draw from, sharpened or cut.

    .. math:: p_i \propto \exp(\ell_i / \tau), \qquad \text{zero outside the kept symbols}

    Parameters
    ----------
    logits : array of shape (N, V)
    temperature : float
        τ; below 1 sharpens, above 1 flattens, 0 leaves the likeliest symbol alone.
    top_k : int, optional
        Keep the ``top_k`` likeliest symbols. Of equal ones, the first.
    nucleus : float, optional
        Keep the smallest set of likeliest symbols whose probabilities (after temperature and ``top_k``) add up to at least this.

    Returns
    -------
    probs : float64 ndarray of shape (N, V)
        Rows sum to 1.

    Notes
    -----
    Lesson: :ref:`sampling`. Sources: Ackley, Hinton & Sejnowski (1985) for the temperature, Fan et al. (2018) for top-k,
    Holtzman et al. (2020) for the nucleus.

    Examples
    --------
    >>> distribution(np.log([[0.5, 0.3, 0.2]]), nucleus=0.7)
    array([[0.625, 0.375, 0.   ]])
    """
    logits = to_numpy(logits)
    check_array("logits", logits, "N V")
    _check_cuts(temperature, top_k, nucleus)
    logits = _cut(logits.astype(np.float64), temperature, top_k, nucleus)
    weights = np.exp((logits - logits.max(axis=1, keepdims=True)) / (temperature or 1.0))
    return weights / weights.sum(axis=1, keepdims=True)


def _check_cuts(temperature, top_k, nucleus):
    check_number("temperature", temperature, 0)
    if top_k is not None:
        check_number("top_k", top_k, 1, integer=True)
    if nucleus is not None:
        check_number("nucleus", nucleus, 0, 1, open_low=True)


def _cut(logits, temperature, top_k, nucleus):
    """The logits, ``-inf`` where `distribution` has a zero."""
    if temperature == 0:
        top_k, nucleus = 1, None
    if nucleus is None and (top_k is None or top_k >= logits.shape[1]):
        return logits
    order = np.argsort(-logits, axis=1, kind="stable")
    ranked = np.take_along_axis(logits, order, axis=1)
    if top_k is not None:
        ranked[:, top_k:] = -np.inf
    if nucleus is not None:
        total = np.cumsum(np.exp((ranked - ranked[:, :1]) / temperature), axis=1, dtype=np.float64)
        ranked[:, 1:][total[:, :-1] >= nucleus * total[:, -1:]] = -np.inf  # the likelier ones are enough without this one
    kept = np.empty_like(ranked)
    np.put_along_axis(kept, order, ranked, axis=1)
    return kept


def draw(probs, rng):
    """Draw one symbol with ``rng`` from each row of ``probs`` (N, V), numbers >= 0 that need not sum to 1; returns int64 ids (N,)."""
    running = probs.cumsum(axis=1)
    u = rng.random((len(probs), 1)) * running[:, -1:]
    return (running > u).argmax(axis=1)  # where the running sum passes u


def greedy(step, state, start, T, eos=None):
    """Write the likeliest symbol at every step.

    Parameters
    ----------
    step, state
        A model and its state before ``start``; see the head of this module.
    start : int array of shape (B,)
        Symbol that each row starts from, for instance ``<start>``; not part of what is returned.
    T : int
        Symbols to write.
    eos : int, optional
        Symbol that ends a text: behind it a row holds nothing but ``eos``.

    Returns
    -------
    ids : int64 ndarray of shape (B, T)

    Notes
    -----
    Lesson: :ref:`beam-search`. The best symbol now may lead where only bad ones follow.
    """
    return _write(step, state, _check_start(start, T), T, eos, lambda logits: logits.argmax(axis=1))


def sample(step, state, start, T, rng, *, temperature=1.0, top_k=None, nucleus=None, eos=None):
    r"""Write symbols drawn from the model's distribution, each fed back as the next input.

    .. math:: y_t = \arg\max_i \, (\ell_{t,i} + \tau g_{t,i}), \qquad g = -\ln(-\ln u), \; u \text{ uniform in } (0, 1)

    Adding Gumbel noise to the logits and taking the largest draws from their softmax at temperature τ, and nothing is summed.

    Parameters
    ----------
    step, state, start, T, eos
        As for `greedy`.
    rng : numpy.random.Generator
    temperature, top_k, nucleus
        As for `distribution`.

    Returns
    -------
    ids : int64 ndarray of shape (B, T)

    Notes
    -----
    Lesson: :ref:`sampling`. Sources: Graves (2013); Maddison et al. (2014) for the noise.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    _check_cuts(temperature, top_k, nucleus)
    noise = None

    def choose(logits):
        nonlocal noise
        if noise is None:
            noise = _gumbel(rng, T, logits, temperature)
        return (_cut(logits, temperature, top_k, nucleus) + next(noise)).argmax(axis=1)

    return _write(step, state, _check_start(start, T), T, eos, choose)


def _gumbel(rng, T, like, scale):
    """Gumbel noise for T steps, each of the shape and dtype of ``like``, made in blocks."""
    block = max(1, 2**14 // like.size)
    for t in range(0, T, block):
        yield from (scale * rng.gumbel(size=(min(block, T - t), *like.shape))).astype(like.dtype)


def _write(step, state, start, T, eos, choose):
    """The loop of `greedy` and `sample`: logits, choice, the choice fed back."""
    ids = start
    written = np.empty((len(ids), T), np.int64)
    alive = np.ones(len(ids), bool)
    for t in range(T):
        logits, state = step(ids, state)
        logits = to_numpy(logits)
        if t == 0:
            _check_logits(logits, len(ids), eos)
        ids = choose(logits)
        if eos is not None:
            ids = np.where(alive, ids, eos)
            alive &= ids != eos
            if not alive.any():
                written[:, t:] = eos
                break
        written[:, t] = ids
    return written


def score(step, state, start, ids, eos=None):
    """Read given texts: how probable is each symbol?

    Parameters
    ----------
    step, state, start
        As for `greedy`.
    ids : int array of shape (B, T)
        What to read after ``start``.
    eos : int, optional
        Symbol that ends a text: what follows it costs nothing.

    Returns
    -------
    log_prob : float64 ndarray of shape (B, T)
        Log-probability of each symbol given those before it, in nats.
    state
        After all symbols but the last: ``sample(step, state, ids[:, -1], ...)`` goes on from here.

    Notes
    -----
    Lesson: :ref:`beam-search`.
    """
    ids = to_numpy(ids)
    sizes = check_array("ids", ids, "B T", kind="int")
    now = _check_start(start, sizes["T"])
    check_array("start", now, "B", sizes=sizes, kind="int")
    log_prob = np.empty(ids.shape)
    for t, symbol in enumerate(ids.T.astype(np.int64)):
        logits, state = step(now, state)
        logits = to_numpy(logits)
        if t == 0:
            check_ids("ids", ids, "B T", _check_logits(logits, len(ids), eos))
        log_prob[:, t] = _log_softmax(logits)[np.arange(len(ids)), symbol]
        now = symbol
    if eos is not None:
        ended = np.cumsum(ids == eos, axis=1)
        log_prob[:, 1:][ended[:, :-1] > 0] = 0
    return log_prob, state


def beam(step, state, start, T, width, *, eos=None, length_power=0.0):
    r"""Keep the ``width`` best beginnings at every step, instead of one.

    .. math:: \text{score} = \frac{1}{n^\alpha} \sum_{t=1}^{n} \log p(y_t \mid y_{<t})

    Parameters
    ----------
    step, state, start, T, eos
        As for `greedy`.
    width : int
        Beginnings kept. 1 is `greedy`; V\ :sup:`T` is exhaustive search.
    length_power : float
        α; each hypothesis is divided by its own length n, ``eos`` included. 0 compares plain log-probabilities and so prefers
        short texts, 1 compares means.

    Returns
    -------
    ids : int64 ndarray of shape (B, K, T)
        The K = min(width, number of texts) best texts of each row, the best first, ``eos`` behind the end.
    log_prob : float64 ndarray of shape (B, K)
        In nats, not divided by the length; ``-inf`` where there were fewer texts than ``width``.

    Notes
    -----
    Lesson: :ref:`beam-search`. Sources: Lowerre (1976) for the search, Graves (2012) for neural sequence models; α as in Cho et al.
    (2014). A finished text is frozen: it stays in the beam with its score until better ones push it out. A wider beam is not always better.
    """
    ids = _check_start(start, T)
    check_number("width", width, 1, integer=True)
    check_number("length_power", length_power, 0)
    B, k = len(ids), 1
    texts, log_prob = np.empty((B, 1, 0), np.int64), np.zeros((B, 1))
    alive, length = np.ones((B, 1), bool), np.zeros((B, 1), np.int64)
    for t in range(T):
        logits, state = step(ids, state)
        logits = to_numpy(logits)
        if t == 0:
            _check_logits(logits, B, eos)
        V = logits.shape[1]
        new = np.where(alive[..., None], _log_softmax(logits).reshape(B, k, V), -np.inf)
        if eos is not None:
            new[..., eos] = np.where(alive, new[..., eos], 0.0)  # a finished text has one continuation, and it is free
        total = (log_prob[..., None] + new).reshape(B, k * V)
        n = np.repeat(length + alive, V, axis=1)
        best = np.argsort(-(total / n**length_power), axis=1, kind="stable")[:, :width]
        parent, symbol = np.divmod(best, V)

        log_prob, length = np.take_along_axis(total, best, 1), np.take_along_axis(n, best, 1)
        alive = np.take_along_axis(alive, parent, 1)
        texts = np.concatenate([np.take_along_axis(texts, parent[..., None], 1), symbol[..., None]], axis=2)
        state = pick(state, (parent + k * np.arange(B)[:, None]).reshape(-1))
        ids, k = symbol.reshape(-1), best.shape[1]
        if eos is not None:
            alive = alive & (symbol != eos)
            if not alive.any():
                break
    rest = np.full((B, k, T - texts.shape[2]), 0 if eos is None else eos)
    return np.concatenate([texts, rest], axis=2), log_prob


def pick(state, rows):
    """Rows ``rows`` of ``state``: of an array, or of every array in a tuple or list; None stays None."""
    if state is None:
        return None
    if isinstance(state, (tuple, list)):
        return type(state)(pick(part, rows) for part in state)
    return state[asarray_like(rows, state)]


def viterbi(log_initial, log_P, T):
    r"""The most probable path of a Markov chain, exactly: what a beam search approximates.

    .. math:: \delta_t(j) = \max_i \, \delta_{t-1}(i) + \log P_{ij}

    Parameters
    ----------
    log_initial : ndarray of shape (V,)
        Log-probabilities of the first symbol; ``-inf`` for an impossible one.
    log_P : ndarray of shape (V, V)
        ``log_P[i, j]`` is the log-probability of j after i.
    T : int
        Symbols in the path.

    Returns
    -------
    ids : int64 ndarray of shape (T,)
    log_prob : float
        In nats.

    Notes
    -----
    Lesson: :ref:`beam-search`. Source: Viterbi (1967). It needs a state that is the last symbol and no more: a recurrent network's is
    its whole past, and that is why it is searched with a beam.

    Examples
    --------
    >>> viterbi(np.log([0.6, 0.4]), np.log([[0.5, 0.5], [0.1, 0.9]]), 3)[0]  # greedy would begin with 0
    array([1, 1, 1])
    """
    sizes = check_array("log_initial", log_initial, "V", finite=False)
    check_array("log_P", log_P, "V V", sizes=sizes, finite=False)
    for name, value in (("log_initial", log_initial), ("log_P", log_P)):
        if np.isnan(value).any():
            raise ValueError(f"{name}: expected log-probabilities, got NaN")
    check_number("T", T, 1, integer=True)
    best, back = log_initial, []
    for _ in range(T - 1):
        paths = best[:, None] + log_P  # (V, V): from i to j
        back.append(paths.argmax(axis=0))
        best = paths.max(axis=0)
    ids = [int(best.argmax())]
    for came_from in reversed(back):
        ids.append(int(came_from[ids[-1]]))
    return np.array(ids[::-1]), float(best.max())


def _log_softmax(logits):
    logits = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _check_start(start, T):
    start = to_numpy(start)
    check_array("start", start, "B", kind="int")
    if start.min() < 0:
        raise ValueError(f"start: expected ids of at least 0, got {start.min()}")
    check_number("T", T, 1, integer=True)
    return start.astype(np.int64)


def _check_logits(logits, B, eos):
    """Check what a step returned; gives V."""
    V = check_array("logits", logits, "B V", sizes={"B": B})["V"]
    if eos is not None:
        check_number("eos", eos, 0, V - 1, integer=True)
    return V
