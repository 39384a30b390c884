"""Synthetic stand-ins for the real data, each from a source whose entropy or optimum is known exactly."""

import math
import re
from functools import cache
from itertools import zip_longest

import numpy as np

from rnnlib.checks import check_number
from rnnlib.data import lexicon
from rnnlib.data.draws import CONSONANTS, ENDINGS, VOWELS, entropy, letter, pick, zipf

_SLOT = re.compile(r"\{(\w+)\}")


class Grammar:
    r"""A language of independent sentences: choose a template, then fill each slot on its own.

    .. math:: \text{bits per character} = \frac{H(\text{template}) + E[\sum H(\text{slot})]}{E[\text{length}]}

    The formula is exact because a sentence can be read in one way only. No model can do better on a long text.

    Parameters
    ----------
    templates : dict of str to float
        Sentences with slots such as ``{noun}``, and their weights.
    words : dict of str to str, list of str or dict
        What fills each slot: words, most frequent first, where the word of rank r has a weight of 1 / (r + ``flat``), or templates
        with their weights, whose slots are filled in turn. The slot ``nonce`` is filled with a new word of two or three syllables.
    flat : float
        0 gives Zipf's law; more makes rare words less rare.

    Attributes
    ----------
    entropy_bits : float
        Entropy rate in bits per character.
    """

    def __init__(self, templates, words, flat=0.0):
        self._choices = {"": _parts(templates)}  # slot -> (cumulative probabilities, probabilities, list of parts)
        for slot, listed in words.items():
            if not isinstance(listed, dict):
                listed = listed.split() if isinstance(listed, str) else listed
                listed = dict(zip(listed, zipf(len(listed), flat), strict=True))
            self._choices[slot] = _parts(listed)
        self._known = {"nonce": (1 + 2.5 * math.log2(len(CONSONANTS) * len(VOWELS)), 5.0)}  # 2.5 syllables on average
        bits, length = self._bits_and_length("")
        self.entropy_bits = bits / length

    def sample(self, n, rng):
        """A text of ``n`` characters (the last sentence may be cut)."""
        check_number("n", n, 1, integer=True)
        parts, size = [], 0
        while size < n:
            parts.append(self._fill("", rng))
            size += len(parts[-1])
        return "".join(parts)[:n]

    def readings(self, text, at=0, slot=""):
        """(end, log2 of the probability) for each way to read a sentence that begins at ``at``: the formula needs exactly one."""
        if slot == "nonce":
            for syllables in (2, 3):
                word = text[at : at + 2 * syllables]
                if len(word) == 2 * syllables and set(word[::2]) <= set(CONSONANTS) and set(word[1::2]) <= set(VOWELS):
                    yield at + len(word), -1 - syllables * math.log2(len(CONSONANTS) * len(VOWELS))
            return
        _, p, choices = self._choices[slot]
        for probability, parts in zip(p.tolist(), choices, strict=True):
            if text.startswith(parts[0], at):
                for end, bits in self._read(text, at, parts):
                    yield end, bits + math.log2(probability)

    def _read(self, text, at, parts):
        if not text.startswith(parts[0], at):
            return
        at += len(parts[0])
        if len(parts) == 1:
            yield at, 0.0
            return
        for middle, bits in self.readings(text, at, parts[1]):
            for end, more in self._read(text, middle, parts[2:]):
                yield end, bits + more

    def _fill(self, slot, rng):
        if slot == "nonce":
            return "".join(letter(CONSONANTS, rng) + letter(VOWELS, rng) for _ in range(rng.integers(2, 4)))
        edges, _, choices = self._choices[slot]
        parts = choices[pick(edges, rng)]
        return "".join(self._fill(part, rng) if k % 2 else part for k, part in enumerate(parts))

    def _bits_and_length(self, slot):
        """Entropy and expected length of what fills a slot."""
        if slot not in self._known:
            _, p, choices = self._choices[slot]
            inner = [[self._bits_and_length(part) for part in parts[1::2]] for parts in choices]
            bits = entropy(p) + float(p @ [sum(bits for bits, _ in found) for found in inner])
            literal = [sum(map(len, parts[::2])) for parts in choices]
            self._known[slot] = bits, float(p @ [n + sum(size for _, size in found) for n, found in zip(literal, inner, strict=True)])
        return self._known[slot]


def _parts(weights):
    """Of texts with weights: cumulative probabilities, probabilities, and each text as literal, slot, literal, ..., literal."""
    p = np.array(list(weights.values()), float)
    p /= p.sum()
    return np.cumsum(p).tolist(), p, [_SLOT.split(text) for text in weights]


@cache
def _english():
    """Words for the slots of the synthetic texts."""
    nouns, looks, manners = (text.split() for text in (lexicon.NOUNS, lexicon.LOOKS, lexicon.MANNERS))
    go, do = lexicon.INTRANSITIVE.split(), lexicon.TRANSITIVE.split()
    return {
        "noun": nouns,
        "nouns": [lexicon.plural(noun) for noun in nouns],
        "Noun": [noun.capitalize() for noun in nouns],
        "go": go,
        "went": [lexicon.past(verb) for verb in go],
        "going": [lexicon.participle(verb) for verb in go],
        "do": do,
        "did": [lexicon.past(verb) for verb in do],
        "doing": [lexicon.participle(verb) for verb in do],
        "adjective": [word for pair in zip_longest(looks, manners) for word in pair if word],
        "adverb": [lexicon.adverb(adjective) for adjective in manners],
        "Name": lexicon.NAMES,
        "number": "two three four five six seven eight nine ten eleven twelve twenty fifty hundreds",
        "said": "said thought cried replied exclaimed remarked whispered repeated",
        "opinion": "think know suppose hope fear wonder believe",
    }


def _capital(weights):
    return {text[0].upper() + text[1:]: weight for text, weight in weights.items()}


_WHO = {"{Name}": 6, "the {noun}": 6, "the {adjective} {noun}": 4, "{Name}'s {noun}": 1, "no {noun}": 0.5, "some {nouns}": 1, "she": 4}
_WHAT = {
    "the {noun}": 5,
    "the {adjective} {noun}": 5,
    "the {noun} of the {noun}": 2,
    "the {nouns}": 2,
    "some {adjective} {nouns}": 2,
    "her {noun}": 2,
    "his {adjective} {noun}": 1,
    "{Name}'s {noun}": 2,
    "{Name}": 2,
    "every {noun} that {Name} had {did}": 1,
    "it": 1,
}
_WHERE = {
    "{near} the {noun}": 5,
    "{near} the {adjective} {noun}": 3,
    "{near} her {noun}": 1,
    "{near} {Name}'s {noun}": 1,
    "{near} a {noun} full of {nouns}": 1,
    "there": 0.5,
}
_SPEECH = {
    "{Cry}!": 2,
    "I {opinion} it is the {adjective} {noun},": 3,
    "I {opinion} {Name} {did} {what},": 3,
    "I never {did} {what} before,": 2,
    "Why is {what} so {adjective}?": 3,
    "Why did you {go} {where}?": 2,
    "Who {did} {what}?": 2,
    "You must not {do} {what}!": 2,
    "Do {do} {what},": 2,
    "If you {do} {what}, {Name} will {go} {where},": 2,
    "How {adverb} you {go} {where}!": 1,
    "{Cry}, {Name}! {Cry}!": 1,
}


@cache
def wonderland():
    """Stands in for *Alice*: chapters, a story with dialogue, brackets and made-up creatures."""
    phrases = {
        "who": _WHO,
        "Who": _capital(_WHO),
        "what": _WHAT,
        "where": _WHERE,
        "speech": _SPEECH,
        "near": "in near under behind beside above from into towards against before round across with at over",
        "Cry": "Oh Nonsense Silence Curious Stop Nothing Come Off Dear Really Hush Please Never Indeed Quick Yes No Thanks",
        "roman": "I II III IV V VI VII VIII IX X XI XII",
        "end": {". ": 6, ".\n\n": 2, "! ": 1, ", you know. ": 0.5},
        "gap": {" ": 2, "\n\n": 3},
    }
    sentences = {
        "{Who} {did} {what} {where}{end}": 5,
        "{Who} {went} {where}, and {did} {what}{end}": 5,
        "{Who} {went} {adverb} {where}{end}": 4,
        "{Who} was {doing} {what} when {who} {went} {where}{end}": 3,
        "{Who} {did} {what} so {adverb} that {who} {went}{end}": 3,
        "Alice was beginning to {do} {what}, and {did} {what}{end}": 2,
        "'{speech}' {said} {who}.{gap}": 6,
        "'{speech}' {said} {who}, {going} {adverb} {where}.{gap}": 4,
        "'{speech}' {who} {went} {adverb}; '{speech}'{gap}": 3,
        "({Who} {did} {what} {adverb}.){gap}": 2,
        "It was a {nonce}, and {who} {did} {what} [called _{nonce}_]{end}": 1.5,
        "There were {number} {nouns} {where}: {what}, {what} and {what}{end}": 2,
        "\n\nCHAPTER {roman}. The {Noun} and the {Noun}\n\n": 0.25,
        "\n\n*    *    *    *    *    *    *\n\n": 0.25,
    }
    return Grammar(sentences, _english() | phrases, flat=40)


@cache
def stage():
    """Stands in for *Shakespeare*: speeches under the speaker's name."""
    lines = {
        "My {adjective} {relation}, thy {noun} doth {do} my {noun};": 4,
        "Nor {do} thee, nor the {noun} of thy {noun}.": 2,
        "What {adjective} {title} art thou, that dost {do} {person}?": 3,
        "O {person}, {person}! the {noun} is {adjective},": 2,
        "{Call}, {title} {person}, and {do} the {adjective} {nouns}!": 3,
        "I have {did} thy {noun}, and {person} {adverb} {did} me.": 3,
        "The {adjective} {nouns} shall {go} with thy {noun},": 3,
        "Would that thy {noun} were {adjective} as the {noun};": 2,
        "And {adverb} {doing} the {noun}, I {go}:": 2,
        "Thou {going} {noun}, thou {nonce}!": 1,
    }
    phrases = {
        "line": lines,
        "SPEAKER": "GLOUCESTER ROMEO JULIET MENENIUS CORIOLANUS PETRUCHIO NURSE BRUTUS KATHARINA WARWICK LEONTES CLIFFORD HENRY VIOLA DUKE",
        "Call": "Hark Nay Come Hail Peace Alas Fie Away Farewell Kneel Look Mark Good Sweet Yea Zounds",
        "title": "lord prince captain duke king citizen knave earl sir",
        "person": "Tybalt Richard Marcius Edward Hermione Henry Paris Clarence Bianca Angelo Isabel Kate Lucio Warwick Volumnia",
        "relation": "brother mother liege cousin uncle father sister friend husband daughter",
    }
    speeches = {"{SPEAKER}:\n" + "{line}\n" * n + "\n": weight for n, weight in ((1, 3), (2, 3), (3, 2), (5, 1))}
    return Grammar(speeches, _english() | phrases, flat=40)


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
            parts = [letter(consonants, rng) + letter(vowels, rng) for _ in range(syllables)]
            new = "".join(parts) + (letter(consonants, rng) if rng.random() < 0.4 else "")
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


def names(n, rng):
    """``n`` first names: one to three syllables and an ending. Returns (names, bits per character with the end of the name)."""
    p_onset, p_vowel, p_ending = zipf(len(CONSONANTS)), zipf(len(VOWELS)), zipf(len(ENDINGS))
    p_count = np.array([0.2, 0.5, 0.3])
    mean = float(p_count @ [1, 2, 3])
    bits = entropy(p_count) + mean * (entropy(p_onset) + entropy(p_vowel)) + entropy(p_ending)
    length = 2 * mean + float(p_ending @ [len(ending) for ending in ENDINGS]) + 1
    counts = 1 + rng.choice(3, n, p=p_count)
    onsets, vowels = (rng.choice(list(letters), (n, 3), p=p) for letters, p in ((CONSONANTS, p_onset), (VOWELS, p_vowel)))
    syllables, endings = np.char.add(onsets, vowels).tolist(), rng.choice(ENDINGS, n, p=p_ending)
    found = ["".join(row[:count]) + ending for row, count, ending in zip(syllables, counts, endings.tolist(), strict=True)]
    return found, bits / length


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


_GOOD, _BAD, _PLAIN = (text.split() for text in (lexicon.PRAISE, lexicon.BLAME, lexicon.REVIEW))
_TRUE = 0.8  # probability that an opinion word agrees with the label


def opinions(n, rng):
    """Sentences with one to three opinion words, each of which agrees with the label in 8 of 10 cases.

    All other words say nothing: common ones, nouns, and names that are so rare that they can only be learned by heart.

    Returns
    -------
    sentences : list of str
    labels : ndarray of shape (n,)
        First the negative ones, 0, then the positive ones, 1.
    optimum : float
        Accuracy of the majority of opinion words: (.8 + .8 + .896) / 3.
    """
    sentences, labels, nouns = [], np.arange(n) * 2 // n, lexicon.NOUNS.split()  # one half of each
    common, rare = (np.cumsum(zipf(len(words))).tolist() for words in (_PLAIN, nouns))
    liked, syllables = np.cumsum(zipf(len(_GOOD), 20)).tolist(), (CONSONANTS, VOWELS, CONSONANTS, VOWELS)
    for label in labels:
        words = [_PLAIN[pick(common, rng)] for _ in range(rng.integers(6, 15))]
        words += [nouns[pick(rare, rng)] for _ in range(rng.integers(1, 4))]
        words += ["".join(letter(letters, rng) for letters in syllables) for _ in range(rng.integers(2, 6))]
        for _ in range(rng.integers(1, 4)):
            agrees = rng.random() < _TRUE
            words.append((_GOOD if label == agrees else _BAD)[pick(liked, rng)])
        sentences.append(" ".join(words[i] for i in rng.permutation(len(words))))
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


class Swings:
    """Classes of periodic motions: each begins anywhere in its period and goes at one of several speeds; Gaussian noise is added.

    Two recordings of one class seldom agree step by step.

    Parameters
    ----------
    D, n_classes, T : int
    rng : numpy.random.Generator
        Draws the classes.
    speeds : sequence of int
        Periods in T steps.
    phases : int
        Places to begin at.
    noise : float
        Standard deviation of what is added to every value.
    """

    def __init__(self, D, n_classes, T, rng, speeds=(4, 5, 6, 7, 8), phases=50, noise=0.5):
        waves = rng.standard_normal((n_classes, 2, 2, D)) / np.arange(1, 3)[:, None, None]
        turns = np.array([speed * np.arange(T) / T + k / phases for speed in speeds for k in range(phases)])  # (ways, T)
        angles = 2 * np.pi * np.arange(1, 3)[:, None, None] * turns
        self.courses = np.einsum("fwst,kfwd->kstd", np.stack([np.sin(angles), np.cos(angles)], axis=1), waves)  # (n_classes, ways, T, D)
        self.noise = noise

    def sample(self, n, rng):
        """(list of n arrays of shape (T, D), labels of shape (n,)), the classes in turn."""
        labels = np.arange(n) % len(self.courses)
        courses = self.courses[labels, rng.integers(0, self.courses.shape[1], n)]
        return list((courses + self.noise * rng.standard_normal(courses.shape)).astype(np.float32)), labels

    def classify(self, series):
        """The most probable class of each series given the source, summed over its ways to move (Bayes): shape (n,)."""
        scores = [-((self.courses - x) ** 2).sum(axis=(2, 3)) / (2 * self.noise**2) for x in series]
        return np.array([np.logaddexp.reduce(score, axis=1).argmax() for score in scores])


_LAGS = {1: 1.24, 2: -0.53, 9: 0.2}  # near what least squares finds for the square root of the sunspot numbers


def cycles(n, rng):
    """Squares of an autoregression on one, two and nine years before: (values, standard deviation of its innovations)."""
    noise, x = 1.0, np.zeros(n + 200)
    for t in range(max(_LAGS), len(x)):
        x[t] = sum(weight * x[t - lag] for lag, weight in _LAGS.items()) + noise * rng.standard_normal()
    return (8.0 + x[200:]) ** 2, noise
