"""From text to batches: vocabulary, contiguous streams, padding, splits."""

from itertools import pairwise

import numpy as np

from rnnlib.checks import check_array, check_number


class Vocabulary:
    """The symbols of a text, and the way from symbols to ids and back.

    Parameters
    ----------
    source : str or iterable of str
        A text (symbols are its characters) or tokens (symbols are words).
    specials : tuple of str
        Symbols that get the first ids, for instance ``("<pad>", "<start>", "<end>")``. ``decode`` leaves them out.
    unknown : str, optional
        The special that stands for symbols never seen. Without it an unseen symbol is an error.

    Attributes
    ----------
    symbols : list of str
        Specials, then the other symbols in sorted order.
    V : int
        Number of symbols.

    Notes
    -----
    Lesson: :ref:`char-rnn`.

    Examples
    --------
    >>> vocabulary = Vocabulary("banana")
    >>> vocabulary.symbols, vocabulary.encode("nab").tolist()
    (['a', 'b', 'n'], [2, 0, 1])
    """

    def __init__(self, source, specials=(), unknown=None):
        found = sorted(set(source) - set(specials))
        self.symbols = [*specials, *found]
        if not found or not all(isinstance(symbol, str) for symbol in self.symbols):
            raise ValueError("source: expected a text or tokens (str), with at least one symbol")
        if unknown is not None and unknown not in specials:
            raise ValueError(f"unknown: expected one of the specials {specials}, got {unknown!r}")
        self.V = len(self.symbols)
        self.specials, self.unknown = tuple(specials), unknown
        self._joint = "" if isinstance(source, str) else " "
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}

    def __len__(self):
        return self.V

    def __contains__(self, symbol):
        return symbol in self._ids

    def __repr__(self):
        return f"Vocabulary of {self.V} symbols"

    def id(self, symbol):
        """The id of one ``symbol``."""
        if symbol in self._ids:
            return self._ids[symbol]
        if self.unknown is not None:
            return self._ids[self.unknown]
        raise ValueError(f"text: expected only the {self.V} symbols of this vocabulary, got {symbol!r}")

    def encode(self, text):
        """The ids of ``text`` (or of a list of tokens): an int64 array of shape (N,)."""
        return np.fromiter((self.id(symbol) for symbol in text), np.int64, len(text))

    def decode(self, ids):
        """The text behind ``ids`` of shape (N,); specials are left out."""
        ids = np.asarray(ids)
        check_array("ids", ids, "N", kind="int" if ids.size else "float", empty=True)
        if ids.size and (ids.min() < 0 or ids.max() >= self.V):
            raise ValueError(f"ids: expected ids between 0 and {self.V - 1}, got values from {ids.min()} to {ids.max()}")
        first = len(self.specials)
        return self._joint.join(self.symbols[i] for i in ids.tolist() if i >= first)


def char_batches(ids, B, T):
    """Cut one long text into B streams and walk along them in windows of T.

    Row b of a batch goes on exactly where row b of the batch before ended, so the state may be carried over: that is
    truncated BPTT. What does not fill a window at the end is left out.

    Parameters
    ----------
    ids : ndarray of shape (N,)
    B, T : int
        Streams side by side, steps a window.

    Yields
    ------
    inputs, targets : ndarray of shape (B, T)
        ``targets`` is ``inputs`` one step later.

    Raises
    ------
    ValueError
        Fewer than ``B * T + 1`` ids.

    Notes
    -----
    Lesson: :ref:`char-rnn`.

    Examples
    --------
    >>> next(char_batches(np.arange(13), 2, 3))[1].tolist()
    [[1, 2, 3], [7, 8, 9]]
    """
    N = check_array("ids", ids, "N", kind="int")["N"]
    check_number("B", B, 1, integer=True)
    check_number("T", T, 1, integer=True)
    if N < B * T + 1:
        raise ValueError(f"ids: expected at least B * T + 1 = {B * T + 1} ids, got {N}")
    return _windows(ids, B, T, (N - 1) // B)


def _windows(ids, B, T, length):
    inputs = ids[: B * length].reshape(B, length)
    targets = ids[1 : B * length + 1].reshape(B, length)
    for start in range(0, length - T + 1, T):
        yield inputs[:, start : start + T], targets[:, start : start + T]


def pad_batch(sequences, value=0):
    """Stack sequences of different lengths into one array.

    Parameters
    ----------
    sequences : list of ndarray of shape (T_i,) or (T_i, D)
    value : number
        Value that fills the padding. It must have no effect: that tests the code that reads it.

    Returns
    -------
    batch : ndarray of shape (B, T) or (B, T, D)
        T is the longest length.
    lengths : ndarray of shape (B,)

    Examples
    --------
    >>> batch, lengths = pad_batch([np.array([5, 6, 7]), np.array([8])])
    >>> batch.tolist(), lengths.tolist()
    ([[5, 6, 7], [8, 0, 0]], [3, 1])
    """
    sequences = [np.asarray(sequence) for sequence in sequences]
    if not sequences:
        raise ValueError("sequences: expected at least one sequence, got none")
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    for i, sequence in enumerate(sequences):
        if sequence.ndim == 0 or not len(sequence) or sequence.shape[1:] != sequences[0].shape[1:]:
            raise ValueError(f"sequences: expected at least one step of shape {sequences[0].shape[1:]}, got {sequence.shape} at {i}")
        if sequence.dtype != sequences[0].dtype:
            raise TypeError(f"sequences: expected dtype {sequences[0].dtype} as in the first, got {sequence.dtype} at {i}")
    if not isinstance(value, (int, float, np.number)):
        raise TypeError(f"value: expected a number, got {type(value).__name__}")
    batch = np.full((len(sequences), lengths.max(), *sequences[0].shape[1:]), value, sequences[0].dtype)
    for row, sequence in zip(batch, sequences, strict=True):
        row[: len(sequence)] = sequence
    return batch, lengths


def split(data, fractions=(0.8, 0.1, 0.1)):
    """Cut data into contiguous parts, in order: no window of one part looks into another.

    Parameters
    ----------
    data : str, list or ndarray
    fractions : tuple of float
        They sum to 1. The last part takes what rounding leaves.

    Returns
    -------
    parts : tuple
        As many parts as fractions, of the type of ``data``.

    Examples
    --------
    >>> split("abcdefghij", (0.8, 0.2))
    ('abcdefgh', 'ij')
    """
    if abs(sum(fractions) - 1) > 1e-9 or min(fractions) <= 0:
        raise ValueError(f"fractions: expected positive numbers that sum to 1, got {fractions}")
    edges = [0, *(round(len(data) * float(edge)) for edge in np.cumsum(fractions)[:-1]), len(data)]
    if any(a == b for a, b in pairwise(edges)):
        raise ValueError(f"data: expected enough items for fractions {fractions}, got {len(data)}")
    return tuple(data[a:b] for a, b in pairwise(edges))
