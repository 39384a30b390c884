"""How close are translations to what people wrote?"""

import math
from collections import Counter

from rnnlib.checks import check_number


def bleu(texts, references, order=4):
    r"""BLEU of a whole corpus: the share of word runs that occur in a reference, and a penalty for being short.

    .. math::

       \text{BLEU} = \min\bigl(1, e^{1 - r/c}\bigr) \Bigl(\prod_{n=1}^{N} p_n\Bigr)^{1/N}, \qquad
       p_n = \frac{\sum \text{runs of } n \text{ words that stand in a reference}}{\sum \text{runs of } n \text{ words}}

    Each run counts at most as often as in the reference that has it most often; c is the number of words written, r that of the
    references closest in length (the shorter of two equally close).

    Parameters
    ----------
    texts : list of list of str
        What was written, in words.
    references : list of list of list of str
        For each text one or more accepted ones.
    order : int
        N; longest run that counts.

    Returns
    -------
    bleu : float
        Between 0 and 1; 0 when no run of some length occurs in a reference.

    Notes
    -----
    Lesson: :ref:`translation`. Source: Papineni et al. (2002), without smoothing: a score of a corpus, not of one sentence.

    Examples
    --------
    >>> bleu([["the", "the", "cat"]], [[["the", "cat"]]], order=1)  # "the" counts once
    0.6666666666666666
    """
    check_number("order", order, 1, integer=True)
    if len(texts) != len(references) or not len(texts):
        raise ValueError(f"references: expected as many as texts and at least one, got {len(references)} for {len(texts)} texts")
    for name, listed in (("texts", texts), *(("references", accepted) for accepted in references)):
        if isinstance(listed, str) or not listed or any(isinstance(words, str) for words in listed):
            raise TypeError(f"{name}: expected lists of words, got {listed!r}")
    found, written = [0] * order, [0] * order
    length = closest = 0
    for words, accepted in zip(texts, references, strict=True):
        length += len(words)
        closest += min((abs(len(reference) - len(words)), len(reference)) for reference in accepted)[1]
        for n in range(1, order + 1):
            runs = Counter(_runs(words, n))
            allowed = Counter()
            for reference in accepted:
                allowed |= Counter(_runs(reference, n))
            found[n - 1] += sum((runs & allowed).values())
            written[n - 1] += sum(runs.values())
    if min(found) == 0:
        return 0.0
    precision = math.exp(sum(math.log(f / w) for f, w in zip(found, written, strict=True)) / order)
    return min(1.0, math.exp(1 - closest / length)) * precision


def _runs(words, n):
    return zip(*(words[k:] for k in range(n)), strict=False)
