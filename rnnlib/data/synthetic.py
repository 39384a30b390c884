"""Synthetic stand-ins for the real data, each from a source whose entropy or optimum is known exactly."""

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
    """Stands in for *Alice*: a story with dialogue, brackets and made-up creatures."""
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


def new_language(rng):
    """A language that nobody has seen: its words, its letters and how common they are all come from ``rng``.

    Its sentences have an order of parts of speech, names recur, and speech is in quotation marks, so a network that remembers gains
    much over counts of short contexts. What is drawn twice from the same generator state is the same language.

    Returns
    -------
    Grammar
    """
    letters = rng.permutation(list("abcdefghijklmnopqrstuvwxyz"))
    vowels, consonants, used = letters[:5], letters[5:17], set()

    def word(syllables):
        while True:
            parts = [_letter(consonants, rng) + _letter(vowels, rng) for _ in range(syllables)]
            new = "".join(parts) + (_letter(consonants, rng) if rng.random() < 0.4 else "")
            if new not in used:
                used.add(new)
                return new

    the, a, on, no, says = (word(1) for _ in range(5))
    sizes = {"noun": 30, "verb": 20, "adjective": 12, "name": 8}
    words = {slot: " ".join(word(2 if slot == "name" else int(rng.integers(1, 4))) for _ in range(n)) for slot, n in sizes.items()}
    templates = {
        f"{the} {{adjective}} {{noun}} {{verb}} {{name}}. ": 6,
        f"{{name}} {{verb}} {a} {{noun}} {on} {the} {{noun}}. ": 5,
        f'{{name}} {says}: "{no}, {{name}} {{verb}}!" ': 3,
        f"{no} {{noun}} {{verb}} {the} {{adjective}} {{noun}}. ": 3,
    }
    return Grammar(templates, words)


_ENDINGS = ("", "n", "r", "s", "l", "m", "th", "x")


def names(n, rng):
    """``n`` first names: one to three syllables and an ending. Returns (names, bits per character with the end of the name)."""
    p_onset, p_vowel, p_ending = _zipf(len(_CONSONANTS)), _zipf(len(_VOWELS)), _zipf(len(_ENDINGS))
    p_count = np.array([0.2, 0.5, 0.3])
    mean = float(p_count @ [1, 2, 3])
    bits = _entropy(p_count) + mean * (_entropy(p_onset) + _entropy(p_vowel)) + _entropy(p_ending)
    length = 2 * mean + float(p_ending @ [len(ending) for ending in _ENDINGS]) + 1
    counts = 1 + rng.choice(3, n, p=p_count)
    onsets, vowels = (rng.choice(list(letters), (n, 3), p=p) for letters, p in ((_CONSONANTS, p_onset), (_VOWELS, p_vowel)))
    syllables, endings = np.char.add(onsets, vowels).tolist(), rng.choice(_ENDINGS, n, p=p_ending)
    found = ["".join(row[:count]) + ending for row, count, ending in zip(syllables, counts, endings.tolist(), strict=True)]
    return found, bits / length


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
    p_onset = rng.dirichlet(np.full(len(_CONSONANTS), 0.25), n_languages)
    p_vowel = rng.dirichlet(np.full(len(_VOWELS), 0.7), n_languages)
    p_ending = rng.dirichlet(np.full(len(_ENDINGS), 0.3), n_languages)
    found = {}
    for _ in range(n):
        k = _draw(p_language, rng)
        syllables = [(_draw(p_onset[k], rng), _draw(p_vowel[k], rng)) for _ in range(rng.integers(2, 5))]
        ending = _draw(p_ending[k], rng)
        name = "".join(_CONSONANTS[a] + _VOWELS[b] for a, b in syllables) + _ENDINGS[ending]
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


# English subject, the French ones that translate it, and the ending of the verb in each
_SUBJECTS = (
    ("I", (("je", 0),)),
    ("You", (("tu", 1), ("vous", 4))),
    ("He", (("il", 2),)),
    ("She", (("elle", 2),)),
    ("We", (("nous", 3), ("on", 2))),
    ("They", (("ils", 5), ("elles", 5))),
)
_VERBS = (
    ("find", "trouv"),
    ("look at", "regard"),
    ("draw", "dessin"),
    ("show", "montr"),
    ("close", "ferm"),
    ("wash", "lav"),
    ("carry", "port"),
    ("paint", "pein"),
)
_ER = ("e", "es", "e", "ons", "ez", "ent")
_PAINT = ("peins", "peins", "peint", "peignons", "peignez", "peignent")
# English, French, feminine; adjectives: English, masculine, feminine, before the noun
_NOUNS = (
    ("house", "maison", True),
    ("table", "table", True),
    ("flower", "fleur", True),
    ("door", "porte", True),
    ("car", "voiture", True),
    ("boat", "bateau", False),
    ("hat", "chapeau", False),
    ("dog", "chien", False),
    ("garden", "jardin", False),
    ("coat", "manteau", False),
)
_ADJECTIVES = (
    ("", "", "", True),
    ("red", "rouge", "rouge", False),
    ("green", "vert", "verte", False),
    ("black", "noir", "noire", False),
    ("small", "petit", "petite", True),
    ("pretty", "joli", "jolie", True),
)


def french():
    """All sentences of a small grammar with their French translations: gender, persons and word order to learn, no elision."""
    pairs = []
    for subject, translations in _SUBJECTS:
        for verb, stem in _VERBS:
            for noun, nom, feminine in _NOUNS:
                for adjective, masculine, feminine_form, before in _ADJECTIVES:
                    for article, un, une in (("a", "un", "une"), ("the", "le", "la")):
                        conjugated = verb if subject not in ("He", "She") else _third_person(verb)
                        english = " ".join(filter(None, [subject, conjugated, article, adjective, noun])) + "."
                        adjectif = feminine_form if feminine else masculine
                        group = [adjectif, nom] if before else [nom, adjectif]
                        for who, person in translations:
                            verbe = _PAINT[person] if stem == "pein" else stem + _ER[person]
                            words = [who.capitalize(), verbe, une if feminine else un, *group]
                            pairs.append((english, " ".join(filter(None, words)) + "."))
    return sorted(pairs, key=lambda pair: (len(pair[0]), pair))


def _third_person(verb):
    first, *rest = verb.split()
    return " ".join([{"carry": "carries", "wash": "washes"}.get(first, first + "s"), *rest])


_GOOD = ("good", "clever", "moving", "fresh", "charming", "brilliant", "funny", "warm")
_BAD = ("bad", "dull", "flat", "stale", "clumsy", "hollow", "boring", "cold")
_PLAIN = "the a film story plot cast music with of and some that scene its camera director two hours ending in".split()  # noqa: SIM905
_TRUE = 0.8  # probability that an opinion word agrees with the label


def opinions(n, rng):
    """Sentences of plain words with one to three opinion words, each of which agrees with the label in 8 of 10 cases.

    Returns
    -------
    sentences : list of str
    labels : ndarray of shape (n,)
    optimum : float
        Accuracy of the majority of opinion words: (.8 + .8 + .896) / 3.
    """
    sentences, labels = [], rng.integers(0, 2, n)
    for label in labels:
        words = [_PLAIN[k] for k in rng.integers(len(_PLAIN), size=rng.integers(5, 15))]
        for _ in range(rng.integers(1, 4)):
            agrees = rng.random() < _TRUE
            words.insert(rng.integers(len(words) + 1), (_GOOD if label == agrees else _BAD)[rng.integers(8)])
        sentences.append(" ".join(words))
    # two words decide only if they agree: .64 right, .32 undecided
    optimum = (_TRUE + (_TRUE**2 + _TRUE * (1 - _TRUE)) + (_TRUE**3 + 3 * _TRUE**2 * (1 - _TRUE))) / 3
    return sentences, labels, optimum


class Curves:
    """Classes of curves: a smooth course for each class and channel, played at a random speed, with Gaussian noise.

    Parameters
    ----------
    D, n_classes, shortest, longest : int
    rng : numpy.random.Generator
        Draws the classes.
    noise : float
        Standard deviation of what is added to every value.
    """

    def __init__(self, D, n_classes, shortest, longest, rng, noise=1.5):
        self.waves = rng.standard_normal((n_classes, 3, 2, D)) / np.arange(1, 4)[:, None, None]
        self.shortest, self.longest, self.noise = shortest, longest, noise

    def course(self, T):
        """What the classes are without noise: an array of shape (n_classes, T, D)."""
        phase = np.pi * np.arange(1, 4)[:, None] * np.arange(T) / max(T - 1, 1)
        waves = np.stack([np.sin(phase), np.cos(phase)], axis=1)  # (3, 2, T)
        return np.einsum("fwt,kfwd->ktd", waves, self.waves)

    def sample(self, n, rng):
        """(list of n arrays of shape (T_i, D), labels of shape (n,)), the classes in turn."""
        labels = np.arange(n) % len(self.waves)
        lengths = rng.integers(self.shortest, self.longest + 1, n)
        series = [
            self.course(T)[k] + self.noise * rng.standard_normal((T, self.waves.shape[-1])) for k, T in zip(labels, lengths, strict=True)
        ]
        return [x.astype(np.float32) for x in series], labels

    def classify(self, series):
        """The most probable class of each series given the source (Bayes): shape (n,)."""
        return np.array([((self.course(len(x)) - x) ** 2).sum(axis=(1, 2)).argmin() for x in series])


def cycles(n, rng):
    """Squares of a series of order two with a period of eleven years: (values, standard deviation of its innovations)."""
    radius, period, noise = 0.93, 11.0, 0.5
    a, b = 2 * radius * math.cos(2 * math.pi / period), -(radius**2)
    x = np.zeros(n + 200)
    for t in range(2, len(x)):
        x[t] = a * x[t - 1] + b * x[t - 2] + noise * rng.standard_normal()
    return (7.0 + x[200:]) ** 2, noise
