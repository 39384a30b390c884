"""Names of languages that do not exist: the data of `rnnlib.data.names18`."""

import numpy as np

from rnnlib.data.draws import CONSONANTS, ENDINGS, VOWELS, draw


def languages(n_languages, n, rng):
    """Different names of several languages, each with its own liking for letters and endings.

    Returns
    -------
    names : list of str
    labels : ndarray of shape (N,)
    classes : tuple of str
    optimum : float
        Accuracy on these names of a classifier that knows every language and its frequency (Bayes).
    """
    p_language = 0.85 ** np.arange(n_languages)
    p_language[0] *= 6
    p_language /= p_language.sum()
    p_onset = rng.dirichlet(np.full(len(CONSONANTS), 0.25), n_languages)
    p_vowel = rng.dirichlet(np.full(len(VOWELS), 0.7), n_languages)
    p_ending = rng.dirichlet(np.full(len(ENDINGS), 0.3), n_languages)
    found = {}
    for _ in range(n):
        k = draw(p_language, rng)
        syllables = [(draw(p_onset[k], rng), draw(p_vowel[k], rng)) for _ in range(rng.integers(2, 5))]
        ending = draw(p_ending[k], rng)
        name = "".join(CONSONANTS[a] + VOWELS[b] for a, b in syllables) + ENDINGS[ending]
        found.setdefault(name, (k, syllables, ending))
    floor = 1e-300  # log of a probability that is zero
    right = 0
    for k, syllables, ending in found.values():
        score = np.log(p_language) + np.log(p_ending[:, ending] + floor)
        for a, b in syllables:
            score = score + np.log(p_onset[:, a] + floor) + np.log(p_vowel[:, b] + floor)
        right += int(score.argmax() == k)
    labels = np.array([k for k, _, _ in found.values()], np.int64)
    return list(found), labels, tuple(f"language {k + 1}" for k in range(n_languages)), right / len(found)
