"""Invented stand-ins for the real corpora, each from a source whose entropy or optimum is known exactly."""

import math
import re
from functools import cache

import numpy as np

from rnnlib.checks import check_number

_SLOT = re.compile(r"\{(\w+)\}")
_CONSONANTS, _VOWELS = "bdfghjklmnprstvwz", "aeiou"


class Grammar:
    r"""A language of independent sentences: choose a template, then fill each slot on its own.

    .. math:: \text{bits per character} = \frac{H(\text{template}) + E[\sum H(\text{slot})]}{E[\text{length}]}

    The formula is exact because a sentence can be read in one way only. No model can do better on a long text.

    Parameters
    ----------
    templates : dict of str to float
        Sentences with slots such as ``{noun}``, and their weights.
    words : dict of str to str
        For each slot its words, most frequent first; the word of rank r has a weight of 1 / r. The slot ``nonce`` is
        filled with a new word of two or three syllables.

    Attributes
    ----------
    entropy_bits : float
        Entropy rate in bits per character.
    """

    def __init__(self, templates, words):
        self.templates = list(templates)
        weights = np.array(list(templates.values()), float)
        self._p = weights / weights.sum()
        self._words = {slot: listed.split() for slot, listed in words.items()}
        self._p_word = {slot: _zipf(len(listed)) for slot, listed in self._words.items()}
        bits, length = _entropy(self._p), 0.0
        for template, p in zip(self.templates, self._p, strict=True):
            bits += p * sum(self._slot_bits(slot) for slot in _SLOT.findall(template))
            length += p * (len(_SLOT.sub("", template)) + sum(self._slot_length(slot) for slot in _SLOT.findall(template)))
        self.entropy_bits = bits / length

    def sample(self, n, rng):
        """A text of ``n`` characters (the last sentence may be cut)."""
        check_number("n", n, 1, integer=True)
        parts, size = [], 0
        while size < n:
            template = self.templates[_draw(self._p, rng)]
            parts.append(_SLOT.sub(lambda match: self._fill(match[1], rng), template))
            size += len(parts[-1])
        return "".join(parts)[:n]

    def pattern(self, template):
        """A regular expression that matches the sentences of one template, with a group for each slot."""
        parts = _SLOT.split(template)  # literal, slot, literal, slot, ..., literal
        nonce = f"((?:[{_CONSONANTS}][{_VOWELS}]){{2,3}})"
        for i in range(0, len(parts), 2):
            parts[i] = re.escape(parts[i])
        for i in range(1, len(parts), 2):
            parts[i] = nonce if parts[i] == "nonce" else f"({'|'.join(self._words[parts[i]])})"
        return re.compile("".join(parts))

    def log2_probability(self, i, sentence):
        """log2 of the probability of a sentence of template number ``i``."""
        template = self.templates[i]
        total = math.log2(self._p[i])
        for slot, word in zip(_SLOT.findall(template), self.pattern(template).fullmatch(sentence).groups(), strict=True):
            if slot == "nonce":
                total -= 1 + len(word) // 2 * math.log2(len(_CONSONANTS) * len(_VOWELS))
            else:
                total += math.log2(self._p_word[slot][self._words[slot].index(word)])
        return total

    def _fill(self, slot, rng):
        if slot == "nonce":
            return "".join(_letter(_CONSONANTS, rng) + _letter(_VOWELS, rng) for _ in range(rng.integers(2, 4)))
        return self._words[slot][_draw(self._p_word[slot], rng)]

    def _slot_bits(self, slot):
        if slot == "nonce":  # one bit for the number of syllables, 2.5 syllables on average
            return 1 + 2.5 * math.log2(len(_CONSONANTS) * len(_VOWELS))
        return _entropy(self._p_word[slot])

    def _slot_length(self, slot):
        if slot == "nonce":
            return 5.0
        return float(self._p_word[slot] @ [len(word) for word in self._words[slot]])


def _draw(p, rng):
    """An index with probability ``p`` (``rng.choice(p=)`` checks its input at every call and is slow)."""
    return min(int(np.searchsorted(np.cumsum(p), rng.random(), side="right")), len(p) - 1)


def _letter(letters, rng):
    return letters[rng.integers(len(letters))]


def _zipf(n):
    weights = 1.0 / np.arange(1, n + 1)
    return weights / weights.sum()


def _entropy(p):
    return float(-(p * np.log2(p)).sum())


@cache
def wonderland():
    """Stands in for *Alice*: a story with dialogue, brackets and invented creatures."""
    return Grammar(
        {
            "The {adjective} {noun} {verb} the {noun}.\n": 5,
            "{name} {verb} the {noun} and {verb} the {adjective} {noun}.\n": 5,
            '"{cry}!" said the {noun} {adverb}.\n': 4,
            '"I {opinion} the {noun} is {adjective}," said {name}.\n': 4,
            "({name} {verb} the {nonce} {adverb}.)\n": 3,
            '"Why is a {nonce} so {adjective}?" {name} asked the {noun}.\n': 3,
            "It was a {nonce}, and it had a {adjective} {noun} [called {nonce}].\n": 2,
            "\n": 1,
        },
        {
            "noun": "rabbit queen cat king turtle mouse hatter door key garden table duchess caterpillar gryphon bottle cake "
            "teacup dormouse mushroom house pigeon footman lobster baby cook hedgehog flamingo puppy lizard fan glove soldier "
            "tree watch pool shore window chimney shelf cupboard",
            "adjective": "little large curious white mad small golden sleepy quiet sad angry strange old young poor dry wet "
            "long short sharp grave proud nervous timid hoarse silent melancholy splendid",
            "verb": "saw found followed heard liked asked watched missed caught lost opened remembered answered kept left "
            "noticed painted shook turned frightened",
            "adverb": "loudly softly again suddenly gravely quickly slowly angrily eagerly sadly politely crossly timidly",
            "cry": "Oh Nonsense Silence Curious Stop Nothing Come Off Dear Really Hush",
            "opinion": "think know suppose hope fear wonder believe",
            "name": "Alice Dinah Bill Ada Mabel Pat William Edith",
        },
    )


@cache
def stage():
    """Stands in for *Shakespeare*: speeches under the speaker's name."""
    return Grammar(
        {
            "{SPEAKER}:\n{Call}, {title} {person}, {wish}!\n\n": 4,
            "{SPEAKER}:\nMy {quality} {relation}, thy {organ} doth {deed} my {organ};\nNor {deed} thee.\n\n": 4,
            "{SPEAKER}:\nWhat {ill} {title} art thou, that dost {deed} {person}?\n\n": 3,
            "{SPEAKER}:\nO {nonce}, {nonce}! {wish}, {relation}.\n\n": 2,
        },
        {
            "SPEAKER": "GLOUCESTER ROMEO JULIET MENENIUS CORIOLANUS PETRUCHIO NURSE BRUTUS KATHARINA WARWICK LEONTES CLIFFORD",
            "Call": "Hark Nay Come Hail Peace Alas Fie Away Farewell",
            "title": "lord prince captain duke king citizen knave earl sir",
            "person": "Tybalt Richard Marcius Edward Hermione Henry Paris Clarence Bianca Angelo",
            "wish": "speak begone forbear repent awake forgive attend revenge",
            "quality": "gentle noble gracious sweet good royal fair dear worthy valiant",
            "relation": "brother mother liege cousin uncle father sister friend husband daughter",
            "organ": "heart tongue sword soul blood eye hand breath honour face",
            "deed": "wound love move betray honour mock serve obey pity slay comfort",
            "ill": "wretched foul false traitorous bloody shameful cruel heavy",
        },
    )
