"""The corpora of the course: the real files where they can be found, synthetic stand-ins with the same format otherwise."""

import html
from dataclasses import dataclass

import numpy as np

from rnnlib.checks import check_choice
from rnnlib.data import synthetic
from rnnlib.data.fetch import find, manifest
from rnnlib.display import display

STAND_IN = "synthetic-data"  # the class of a note on data that stand in for real ones: the build and the book look for it


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of where data came from.

    Attributes
    ----------
    name : str
    origin : {"folder", "cache", "download", "package", "synthetic"}
    missing : tuple of str
        The files that the data stand in for because they could not be found; empty if the data are what they should be.
    note : str
        A sentence for the page if the data are synthetic; empty if they are real.
    licence, url : str
        Of the real file.
    """

    name: str
    origin: str
    missing: tuple = ()
    note: str = ""
    licence: str = ""
    url: str = ""

    @property
    def synthetic(self):
        """Whether the data were generated: of such data a lesson asserts only what was built into them."""
        return self.origin == "synthetic"

    def show_note(self):
        """Display the note as an admonition; nothing if the data are real."""
        if self.note:
            display(_admonition(self.note, STAND_IN if self.missing else ""))


@dataclass(frozen=True, kw_only=True, repr=False)
class Corpus(Source):
    """A text.

    Attributes
    ----------
    text : str
    entropy_bits : float or None
        Bits per character of the source, if it is known: the optimum of any model.
    """

    text: str
    entropy_bits: float | None = None

    def __len__(self):
        return len(self.text)

    def __repr__(self):
        return f"{self.name} ({self.origin}): {len(self.text):,} characters, {len(set(self.text))} symbols"


def load_text(name, offline=None):
    """A text corpus by name.

    Parameters
    ----------
    name : {"alice", "shakespeare"}
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    corpus : Corpus
        ``corpus.text``; where the file cannot be found, a synthetic text with ``corpus.entropy_bits`` known and a note for the page.

    Raises
    ------
    ValueError
        Unknown name.
    """
    check_choice("name", name, tuple(_TEXTS))
    file, size, clean, grammar = _TEXTS[name]

    def write():
        source = grammar()
        fact = f"The entropy of the synthetic text is {source.entropy_bits:.3f} bits per character: no model can do better."
        return {"text": source.sample(size, np.random.default_rng(0)), "entropy_bits": source.entropy_bits}, fact

    return Corpus(name=name, **load([file], lambda content: {"text": clean(content)}, write, offline))


def alice(offline=None):
    """*Alice's Adventures in Wonderland* without the licence header: 144,334 ASCII characters, 69 symbols.

    Parameters
    ----------
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    corpus : Corpus
        As from ``load_text``.
    """
    return load_text("alice", offline)


def shakespeare(offline=None):
    """1,115,394 characters of Shakespeare's plays, 65 symbols.

    Parameters
    ----------
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.

    Returns
    -------
    corpus : Corpus
        As from ``load_text``.
    """
    return load_text("shakespeare", offline)


def load(files, parse, generate, offline=None):
    """The keywords of a ``Source`` and of what it holds, from ``files`` or, where one of them cannot be found, from a generator.

    Parameters
    ----------
    files : list of str
        Keys of the manifest.
    parse : callable
        Takes the bytes of each file and returns a dict of keywords.
    generate : callable
        Takes nothing; returns the same keywords for synthetic data, and a sentence for the note: what is known of them.
    offline : bool, optional
        True skips the download; None asks ``RNNLIB_OFFLINE``.
    """
    found = [find(file, offline) for file in files]
    known = {key: manifest()[files[0]][key] for key in ("licence", "url")}
    missing = {file: reason for file, (content, _, reason) in zip(files, found, strict=True) if content is None}
    if not missing:
        return known | {"origin": found[0][1]} | parse(*(content for content, *_ in found))
    keywords, fact = generate()
    is_or_are, reasons = "is" if len(missing) == 1 else "are", "; ".join(dict.fromkeys(missing.values()))
    note = (
        f"This page ran on synthetic data, because {' and '.join(missing)} {is_or_are} missing: {reasons}. "
        f"What this page says about the real data need not hold for the synthetic data. {fact}"
    )
    return known | {"origin": "synthetic", "missing": tuple(missing), "note": note} | keywords


def _clean_alice(content):
    text = content.decode("utf-8-sig").replace("\r\n", "\n")
    return text[text.index("CHAPTER I. Down") : text.rindex("THE END")]


def _clean_shakespeare(content):
    return content.decode("ascii")


_TEXTS = {
    "alice": ("alice.txt", 144_334, _clean_alice, synthetic.wonderland),
    "shakespeare": ("tinyshakespeare.txt", 1_115_394, _clean_shakespeare, synthetic.stage),
}


def _admonition(text, look=""):
    """One display in the forms of a site, a notebook and a PDF."""
    safe, classes = html.escape(text), " ".join(filter(None, ["admonition", "warning", look]))
    return {
        "text/html": f'<div class="{classes}" role="note"><p class="admonition-title">Synthetic data</p><p>{safe}</p></div>',
        "text/markdown": f"> **Synthetic data.** {text}",
        "text/plain": f"Synthetic data. {text}",
    }
