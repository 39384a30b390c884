"""Tasks and corpora. Real files are fetched once and checked; where no road leads to them an invented source stands in."""

from rnnlib.data.corpora import Corpus, alice, load_text, shakespeare
from rnnlib.data.fetch import ChecksumError, prefetch
from rnnlib.data.text import Vocabulary, char_batches, pad_batch, split

__all__ = [
    "ChecksumError",
    "Corpus",
    "Vocabulary",
    "alice",
    "char_batches",
    "load_text",
    "pad_batch",
    "prefetch",
    "shakespeare",
    "split",
]
