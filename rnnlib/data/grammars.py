"""Languages with a known entropy, and a language where order is everything."""

import numpy as np

from rnnlib.checks import check_array, check_number, check_rng

# State -> its arrows, each taken with the same probability: (symbol, next state). State 6 is the end.
_REBER = (
    (("B", 1),),
    (("T", 2), ("P", 3)),
    (("S", 2), ("X", 4)),
    (("T", 3), ("V", 5)),
    (("X", 3), ("S", 6)),
    (("P", 4), ("V", 6)),
    (("E", 7),),
)
REBER_SYMBOLS = "BTPSXVE"
# 6 binary choices and 8 symbols a word on average; around it one more choice and 4 more symbols; the first B is given.
REBER_BITS = 6 / 7
EMBEDDED_REBER_BITS = 7 / 11


def reber(n, rng):
    """Words of Reber's grammar over the symbols ``BTPSXVE``.

    After the first B a word costs 6/7 = 0.857 bits per symbol (6 binary choices, 7 symbols, both on average): the optimum.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    words : list of str

    Notes
    -----
    Lesson: :ref:`known-entropy`. Source: Reber (1967).
    """
    check_number("n", n, 1, integer=True)
    check_rng(rng)
    return [_reber_word(rng) for _ in range(n)]


def embedded_reber(n, rng):
    """Words of the embedded Reber grammar: ``B``, T or P, a Reber word, **the same** T or P, ``E``.

    After the first B a word costs 7/11 = 0.636 bits per symbol: the optimum. Only a memory that reaches across the inner word
    knows the symbol before the last.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    words : list of str

    Notes
    -----
    Lesson: :ref:`known-entropy`. Source: Smith & Zipser (1989), Cleeremans et al. (1989); as used by Hochreiter & Schmidhuber (1997).
    """
    check_number("n", n, 1, integer=True)
    check_rng(rng)
    words = []
    for _ in range(n):
        frame = "TP"[rng.integers(2)]
        words.append("B" + frame + _reber_word(rng) + frame + "E")
    return words


def legal_next(prefix):
    """The symbols that may follow the beginning of an embedded Reber word; none after its end.

    Parameters
    ----------
    prefix : str

    Returns
    -------
    symbols : str

    Raises
    ------
    ValueError
        No embedded Reber word begins like this.

    Examples
    --------
    >>> legal_next("BT"), legal_next("BTBTS"), legal_next("BTBTXSE")
    ('B', 'SX', 'T')
    """
    if _follow(prefix) is None:
        raise ValueError(f"prefix: expected the beginning of an embedded Reber word, got {prefix!r}")
    return "".join(symbol for symbol in REBER_SYMBOLS if _follow(prefix + symbol) is not None)


def _follow(word):
    """Where a word has led (any value but None), or None if no embedded Reber word begins like this."""
    place = "before"
    for symbol in word:
        if place == "before":
            place = "frame" if symbol == "B" else None
        elif place == "frame":
            place, frame = (0, symbol) if symbol in "TP" else (None, "")
        elif isinstance(place, int):
            place = dict(_REBER[place]).get(symbol)
            place = "after" if place == 7 else place
        elif place == "after":
            place = "end" if symbol == frame else None
        elif place == "end":
            place = "done" if symbol == "E" else None
        else:
            place = None
        if place is None:
            return None
    return place


def _reber_word(rng):
    state, word = 0, ""
    while state != 7:
        arrows = _REBER[state]
        symbol, state = arrows[rng.integers(len(arrows))] if len(arrows) > 1 else arrows[0]
        word += symbol
    return word


_SUBJECTS = ("the film", "the plot", "the music", "the ending", "the cast", "the humour")
_ADVERBS = ("really", "truly", "very", "terribly", "particularly", "altogether")
_ADJECTIVES = (("bad", "dull", "poor", "weak"), ("good", "clever", "rich", "strong"))
_TAILS = ("to me", "in my view", "this time", "as a whole")


def negation(n, rng):
    """Sentences of two clauses whose last clause decides, where ``not`` turns a clause round.

    *the plot was not truly very clever to me but the cast was really strong this time* is positive. The optimum is an accuracy of 1.
    Whoever sees only which words occur cannot know which clause ``not`` belongs to, nor which clause was last: at best
    5/8 = 0.625 with the kinds of words counted.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    sentences : list of str
        Words separated by spaces.
    labels : ndarray of shape (n,), int64
        1 positive, 0 negative.

    Notes
    -----
    Lesson: :ref:`order-and-length`.
    """
    check_number("n", n, 1, integer=True)
    check_rng(rng)
    sentences, labels = [], np.empty(n, np.int64)
    for i in range(n):
        clauses = []
        for _ in range(2):
            good, turned = rng.integers(0, 2, 2)
            adverbs = [_ADVERBS[k] for k in rng.integers(len(_ADVERBS), size=rng.integers(1, 4))]
            words = [
                _pick(_SUBJECTS, rng),
                "was",
                *(["not"] if turned else []),
                *adverbs,
                _pick(_ADJECTIVES[good], rng),
                _pick(_TAILS, rng),
            ]
            clauses.append(" ".join(words))
            labels[i] = good ^ turned
        sentences.append(" but ".join(clauses))
    return sentences, labels


def _pick(items, rng):
    return items[rng.integers(len(items))]


def markov_chain(V, rng, concentration=0.5):
    """A random Markov chain over V symbols: small enough to know everything about it.

    Parameters
    ----------
    V : int
    rng : numpy.random.Generator
    concentration : float
        Of the Dirichlet rows; small is predictable.

    Returns
    -------
    start : ndarray of shape (V,)
        Probabilities of the first symbol.
    steps : ndarray of shape (V, V)
        Row i: probabilities of what follows symbol i.

    Notes
    -----
    Lesson: :ref:`beam-search`; `rnnlib.scratch.decode.viterbi` finds the best path, which a search should find.
    Its entropy rate is `rnnlib.scratch.ngram.entropy_rate` of ``steps``.
    """
    check_number("V", V, 2, integer=True)
    check_rng(rng)
    check_number("concentration", concentration, 0, open_low=True)
    rows = rng.dirichlet(np.full(V, float(concentration)), V + 1)
    return rows[0], rows[1:]


def sample_chain(start, steps, B, T, rng):
    """Draw sequences from a Markov chain.

    Parameters
    ----------
    start : ndarray of shape (V,)
    steps : ndarray of shape (V, V)
    B, T : int
    rng : numpy.random.Generator

    Returns
    -------
    ids : ndarray of shape (B, T), int64
    """
    check_rng(rng)
    V = _check_chain(start, steps)
    check_number("B", B, 1, integer=True)
    check_number("T", T, 1, integer=True)
    ids = np.empty((B, T), np.int64)
    edges = np.cumsum(steps, axis=1)
    ids[:, 0] = np.minimum(np.searchsorted(np.cumsum(start), rng.random(B), side="right"), V - 1)
    for t in range(1, T):
        ids[:, t] = np.minimum((rng.random((B, 1)) >= edges[ids[:, t - 1]]).sum(axis=1), V - 1)
    return ids


def _check_chain(start, steps):
    sizes = check_array("start", start, "V")
    check_array("steps", steps, "V V", sizes=sizes)
    for name, rows in (("start", start), ("steps", steps)):
        if rows.min() < 0 or abs(rows.sum(axis=-1) - 1).max() > 1e-6:
            raise ValueError(f"{name}: expected probabilities that sum to 1, got sums of {rows.sum(axis=-1)}")
    return sizes["V"]
