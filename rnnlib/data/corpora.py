"""The corpora of the course: real files where a road leads to them, invented ones of the same shape otherwise."""

import html
from dataclasses import dataclass

import numpy as np

from rnnlib.checks import check_choice
from rnnlib.data import invented
from rnnlib.data.fetch import find, manifest


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of where data came from.

    Attributes
    ----------
    name : str
    origin : {"folder", "cache", "download", "embedded", "package"}
    note : str
        A sentence for the page if the data are invented; empty if they are real.
    licence, url : str
        Of the real file.
    """

    name: str
    origin: str
    note: str = ""
    licence: str = ""
    url: str = ""

    def show_note(self):
        """Display the note as an admonition; nothing if the data are real."""
        if self.note:
            from IPython.display import display

            display(_admonition(self.note), raw=True)


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
        ``corpus.text``; where no road leads to the file, a text from an invented source with ``corpus.entropy_bits``
        known and a note for the page.

    Raises
    ------
    ChecksumError
        A file was found but is not the right one.
    ValueError
        Unknown name.
    """
    check_choice("name", name, tuple(_TEXTS))
    file, size, clean, grammar = _TEXTS[name]
    content, known = locate(file, offline)
    if content is not None:
        return Corpus(text=clean(content), name=name, **known)
    source = grammar()
    known["note"] += f" Its entropy is {source.entropy_bits:.3f} bits per character: no model can do better."
    text = source.sample(size, np.random.default_rng(0))
    return Corpus(text=text, name=name, entropy_bits=source.entropy_bits, **known)


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


def locate(file, offline=None):
    """(content or None, keywords for a ``Source``) of a data file."""
    content, origin, reason = find(file, offline)
    entry = manifest()[file]
    note = "" if content is not None else f"This page ran on invented data in place of {file}: {reason}."
    return content, {"origin": origin, "note": note, "licence": entry["licence"], "url": entry["url"]}


def _clean_alice(content):
    text = content.decode("utf-8-sig").replace("\r\n", "\n")
    return text[text.index("CHAPTER I. Down") : text.rindex("THE END")]


def _clean_shakespeare(content):
    return content.decode("ascii")


_TEXTS = {
    "alice": ("alice.txt", 144_334, _clean_alice, invented.wonderland),
    "shakespeare": ("tinyshakespeare.txt", 400_000, _clean_shakespeare, invented.stage),
}


def _admonition(text):
    """One display in the forms of a site, a notebook and a PDF."""
    safe = html.escape(text)
    return {
        "text/html": f'<div class="admonition warning" role="note"><p class="admonition-title">Invented data</p><p>{safe}</p></div>',
        "text/markdown": f"> **Invented data.** {text}",
        "text/plain": f"Invented data. {text}",
    }
