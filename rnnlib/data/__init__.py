"""Tasks and corpora. Real files are fetched once and checked; where no road leads to them an invented source stands in."""

from rnnlib.data.corpora import Corpus, alice, load_text, shakespeare
from rnnlib.data.date_formats import dates
from rnnlib.data.fetch import ChecksumError, prefetch
from rnnlib.data.grammars import (
    EMBEDDED_REBER_BITS,
    REBER_BITS,
    REBER_SYMBOLS,
    best_path,
    chain_entropy,
    embedded_reber,
    legal_next,
    markov_chain,
    negation,
    reber,
    sample_chain,
)
from rnnlib.data.tasks import adding, copy_memory, copying, echo, four_shapes, latch, parity, reversal, temporal_order
from rnnlib.data.text import Vocabulary, char_batches, pad_batch, split

__all__ = [
    "EMBEDDED_REBER_BITS",
    "REBER_BITS",
    "REBER_SYMBOLS",
    "ChecksumError",
    "Corpus",
    "Vocabulary",
    "adding",
    "alice",
    "best_path",
    "chain_entropy",
    "char_batches",
    "copy_memory",
    "copying",
    "dates",
    "echo",
    "embedded_reber",
    "four_shapes",
    "latch",
    "legal_next",
    "load_text",
    "markov_chain",
    "negation",
    "pad_batch",
    "parity",
    "prefetch",
    "reber",
    "reversal",
    "sample_chain",
    "shakespeare",
    "split",
    "temporal_order",
]
