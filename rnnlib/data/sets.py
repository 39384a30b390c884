"""Names, sentence pairs, opinions, measured series: real where the files can be found, synthetic otherwise."""

from dataclasses import dataclass

import numpy as np

from rnnlib.checks import check_choice, check_rng
from rnnlib.data import synthetic
from rnnlib.data.corpora import Source, load
from rnnlib.data.languages import languages


@dataclass(frozen=True, kw_only=True, repr=False)
class Collection(Source):
    """Texts, pairs of texts, or labelled texts.

    Attributes
    ----------
    items : list
    labels : ndarray of shape (N,) or None
        int64, an index into ``classes``.
    classes : tuple of str
    entropy_bits, optimum : float or None
        Of synthetic data: bits per character, and the accuracy that no model can exceed.
    """

    items: list
    labels: np.ndarray | None = None
    classes: tuple = ()
    entropy_bits: float | None = None
    optimum: float | None = None

    def __len__(self):
        return len(self.items)

    def __repr__(self):
        return f"{self.name} ({self.origin}): {len(self.items):,} items" + (f", {len(self.classes)} classes" if self.classes else "")


@dataclass(frozen=True, kw_only=True, repr=False)
class Archive(Source):
    """A classification data set with its own training and test part.

    Attributes
    ----------
    x_train, x_test : list of ndarray of shape (T_i, D), float32
        ``pad_batch`` stacks them. Pictures are one array of shape (N, 8, 8).
    y_train, y_test : ndarray of shape (N,), int64
    classes : tuple of str
    optimum : float or None
        Of synthetic data: the accuracy on the test part of a classifier that knows the source.
    """

    x_train: list
    y_train: np.ndarray
    x_test: list
    y_test: np.ndarray
    classes: tuple
    optimum: float | None = None

    def __repr__(self):
        return f"{self.name} ({self.origin}): {len(self.x_train)} to train, {len(self.x_test)} to test, {len(self.classes)} classes"


@dataclass(frozen=True, kw_only=True, repr=False)
class Series(Source):
    """One number a year.

    Attributes
    ----------
    years : ndarray of shape (N,), int64
    values : ndarray of shape (N,), float64
    optimum : float or None
        Of synthetic data: standard deviation of what cannot be foreseen one year ahead, in units of the square root.
    """

    years: np.ndarray
    values: np.ndarray
    optimum: float | None = None

    def __len__(self):
        return len(self.values)

    def __repr__(self):
        return f"{self.name} ({self.origin}): {self.years[0]} to {self.years[-1]}"


def names(offline=None):
    """32,033 first names in lower case.

    Parameters
    ----------
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    names : Collection
        Synthetic names have ``entropy_bits`` per character, the end of a name counted as one.
    """

    def generate():
        items, bits = synthetic.names(32_033, np.random.default_rng(0))
        fact = f"The entropy of the synthetic names is {bits:.3f} bits per character: no model can do better."
        return {"items": items, "entropy_bits": bits}, fact

    parse = lambda content: {"items": content.decode("ascii").split("\n")}
    return Collection(name="names", **load(["names.txt"], parse, generate, offline))


def names18():
    """Names of 18 synthetic languages, one far more frequent than the others, without duplicates.

    No pinned public file of real ones is known to this course, so they are always synthetic: each language has its own
    letters, and ``optimum`` is the accuracy of a classifier that knows all 18 sources.

    Returns
    -------
    names : Collection
        ``items``, ``labels``, ``classes``, ``optimum``.
    """
    items, labels, classes, optimum = languages(18, 8_000, np.random.default_rng(0))
    fact = f"A classifier that knows the languages gets {optimum:.3f} of them right: no model can do better."
    note = f"The names come from 18 synthetic languages. {fact}"
    return Collection(items=items, labels=labels, classes=classes, optimum=optimum, name="names18", origin="synthetic", note=note)


def french(offline=None):
    """English sentences with French translations: ``items`` is a list of (English, French), short sentences first.

    The file's last line is cut and left out; the unusual spaces of French typography become plain ones. An English sentence may
    have several translations: split with ``split_pairs``, or the test sentences have been seen.

    Parameters
    ----------
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    pairs : Collection
        Of synthetic pairs every English sentence has all its translations in the list.
    """

    def parse(content):
        lines = content.decode("utf-8").replace("\u202f", " ").replace("\u2009", " ").rstrip("\n").split("\n")[:-1]
        return {"items": [tuple(line.split("\t")) for line in lines]}

    def generate():
        fact = "Each English sentence has all its translations in the list: an exact translation is always possible."
        return {"items": synthetic.french()}, fact

    return Collection(name="french", **load(["fra.txt"], parse, generate, offline))


def split_pairs(pairs, fractions=(0.8, 0.1, 0.1), rng=None):
    """Split sentence pairs by their source side, so that no source sentence is in two parts.

    Parameters
    ----------
    pairs : list of (source, target)
    fractions : tuple of float
        Of the different source sentences.
    rng : numpy.random.Generator, optional
        Shuffles the source sentences; without it they keep their order.

    Returns
    -------
    parts : tuple of dict of str to list of str
        Source to all its targets.
    """
    from rnnlib.data.text import split

    targets = {}
    for source, target in pairs:
        targets.setdefault(source, []).append(target)
    sources = list(targets)
    if rng is not None:
        check_rng(rng)
        rng.shuffle(sources)
    return tuple({source: targets[source] for source in part} for part in split(sources, fractions))


def polarity(offline=None):
    """Sentences from movie reviews, 5,331 negative (label 0) and 5,331 positive (label 1).

    Parameters
    ----------
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    reviews : Collection
        Of synthetic sentences ``optimum`` is the best possible accuracy; the order of their words does not matter.

    Notes
    -----
    Source: Pang & Lee (2005).
    """

    def parse(*contents):
        parts = [[line.strip() for line in content.decode("utf-8").strip("\n").split("\n")] for content in contents]
        return {"items": parts[0] + parts[1], "labels": np.repeat([0, 1], [len(part) for part in parts])}

    def generate():
        items, labels, optimum = synthetic.opinions(10_662, np.random.default_rng(0))
        fact = f"The best possible accuracy on the synthetic sentences is {optimum:.3f}, and the order of their words does not matter."
        return {"items": items, "labels": labels, "optimum": optimum}, fact

    files = ["rt-polarity.neg", "rt-polarity.pos"]
    return Collection(name="polarity", classes=("negative", "positive"), **load(files, parse, generate, offline))


# name -> channels, classes, training and test size, shortest and longest series
_ARCHIVES = {
    "JapaneseVowels": (12, 9, 270, 370, 7, 29),
    "BasicMotions": (6, 4, 40, 40, 100, 100),
    "PickupGestureWiimoteZ": (1, 10, 50, 50, 29, 361),
}


def archive(name, offline=None):
    """A data set of the UEA archive of multivariate series, or of the UCR archive of univariate ones (the gestures).

    Parameters
    ----------
    name : {"JapaneseVowels", "BasicMotions", "PickupGestureWiimoteZ"}
        Nine speakers by 12 cepstra of two vowels; four motions by 6 channels of a watch; ten gestures by one channel of a game controller.
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    archive : Archive
    """
    check_choice("name", name, tuple(_ARCHIVES))

    def parse(train, test):
        x_train, y_train, classes = parse_ts(train)
        x_test, y_test, _ = parse_ts(test)
        return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "classes": classes}

    def generate():
        D, n_classes, n_train, n_test, shortest, longest = _ARCHIVES[name]
        rng = np.random.default_rng(0)
        periodic = shortest == longest  # the four activities
        source = synthetic.Swings(D, n_classes, longest, rng) if periodic else synthetic.Curves(D, n_classes, shortest, longest, rng)
        x_train, y_train = source.sample(n_train, np.random.default_rng(1))
        x_test, y_test = source.sample(n_test, np.random.default_rng(2))
        optimum = float((source.classify(x_test) == y_test).mean())
        classes = tuple(str(k + 1) for k in range(n_classes))
        parts = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "classes": classes, "optimum": optimum}
        return parts, f"A classifier that knows the source of the synthetic {name} gets {optimum:.3f} of the test set right."

    return Archive(name=name, **load([f"{name}_TRAIN.ts", f"{name}_TEST.ts"], parse, generate, offline))


def parse_ts(content):
    """Read a ``.ts`` file of the UEA and UCR archives.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    series : list of ndarray of shape (T_i, D), float32
    labels : ndarray of shape (N,), int64
    classes : tuple of str

    Raises
    ------
    ValueError
        A line whose label is not in the header, or whose channels differ in length.
    """
    classes, series, labels = (), [], []
    for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
        if line.lower().startswith("@classlabel"):
            classes = tuple(line.split()[2:])
        if not line.strip() or line[0] in "#@":
            continue
        *channels, label = line.strip().split(":")
        channels = [channel.split(",") for channel in channels]
        if label not in classes:
            raise ValueError(f"content: expected one of the classes {', '.join(classes)} in line {number}, got {label!r}")
        if len({len(channel) for channel in channels}) != 1:
            raise ValueError(f"content: expected channels of one length in line {number}, got {[len(channel) for channel in channels]}")
        series.append(np.ascontiguousarray(np.array(channels, np.float32).T))
        labels.append(classes.index(label))
    return series, np.array(labels, np.int64), classes


def sunspots(offline=None):
    """Yearly sunspot numbers, 1700 to 2008.

    Parameters
    ----------
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    series : Series
        Of a synthetic one ``optimum`` is the error of the best forecast one year ahead, in units of the square root.
    """

    def parse(content):
        rows = [line.split(",") for line in content.decode("ascii").strip().splitlines()[1:]]
        years, values = (np.array(column) for column in zip(*rows, strict=True))
        return {"years": years.astype(np.int64), "values": values.astype(np.float64)}

    def generate():
        values, noise = synthetic.cycles(309, np.random.default_rng(340))  # a draw that rises in its last part, as sunspots do
        fact = f"One year ahead, no forecast of the square root of the synthetic counts has an error below {noise:.3f}."
        return {"years": np.arange(1700, 2009), "values": values, "optimum": noise}, fact

    return Series(name="sunspots", **load(["sunspots.csv"], parse, generate, offline))
