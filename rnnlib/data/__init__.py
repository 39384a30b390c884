"""Tasks and corpora. Real files are fetched once and checked; where they cannot be found, synthetic data stand in for them."""

from rnnlib.data.corpora import Corpus, alice, load_text, shakespeare
from rnnlib.data.date_formats import dates
from rnnlib.data.fetch import prefetch
from rnnlib.data.grammars import (
    EMBEDDED_REBER_BITS,
    REBER_BITS,
    REBER_SYMBOLS,
    embedded_reber,
    legal_next,
    markov_chain,
    negation,
    reber,
    sample_chain,
)
from rnnlib.data.pictures import ANSWERS, captions, digits, moving_shapes, questions
from rnnlib.data.sets import Archive, Collection, Series, archive, french, names, names18, parse_ts, polarity, split_pairs, sunspots
from rnnlib.data.signals import STROKE_FLOOR, mackey_glass, stroke_nats, strokes
from rnnlib.data.tasks import adding, copy_memory, copying, echo, four_shapes, latch, parity, reversal, temporal_order
from rnnlib.data.text import Vocabulary, char_batches, pad_batch, split

__all__ = [
    "ANSWERS",
    "EMBEDDED_REBER_BITS",
    "REBER_BITS",
    "REBER_SYMBOLS",
    "STROKE_FLOOR",
    "Archive",
    "Collection",
    "Corpus",
    "Series",
    "Vocabulary",
    "adding",
    "alice",
    "archive",
    "captions",
    "char_batches",
    "copy_memory",
    "copying",
    "dates",
    "digits",
    "echo",
    "embedded_reber",
    "four_shapes",
    "french",
    "latch",
    "legal_next",
    "load_text",
    "mackey_glass",
    "markov_chain",
    "moving_shapes",
    "names",
    "names18",
    "negation",
    "pad_batch",
    "parity",
    "parse_ts",
    "polarity",
    "prefetch",
    "questions",
    "reber",
    "reversal",
    "sample_chain",
    "shakespeare",
    "split",
    "split_pairs",
    "stroke_nats",
    "strokes",
    "sunspots",
    "temporal_order",
]
