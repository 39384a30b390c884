"""A notebook file without its outputs, read piece by piece: nothing uses them, and they may be far larger than all the rest."""

import re

PIECE, MAX_STEPS, AHEAD = 1 << 20, 2_000_000, 256
_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_NAMES = rb'(?:outputs|attachments|widgets|application/vnd\.jupyter\.widget-state\+json)"'
_KEPT = re.compile(rb'(?:[^"]++|"(?!' + _NAMES + rb")" + _STRING + rb'")*+', re.DOTALL)
_KEY = re.compile(rb'"' + _NAMES + rb"[ \t\r\n]*+:")
_REST = re.compile(_STRING, re.DOTALL)
_INSIDE = rb'[^"\[\]{}]++|"' + _STRING + rb'"'
for _ in range(3):  # brackets within brackets, as many as tables of numbers have
    _INSIDE += rb"|[\[{](?:" + _INSIDE + rb")*+[\]}]"
_DEEP = re.compile(rb"(?:" + _INSIDE + rb")*+", re.DOTALL)
_FLAT = re.compile(rb'(?:[^",\[\]{}]++|"' + _STRING + rb'")*+', re.DOTALL)


class TooLarge(Exception):
    """More is left than was allowed, or it is nested without end."""


def without_outputs(file, most):
    """The bytes of a JSON file with ``null`` in place of the outputs and attachments of its cells.

    Raises
    ------
    TooLarge
        More than ``most`` bytes are left.
    """
    kept, size = [], 0
    data, at, ended = b"", 0, False
    depth, in_string = None, False  # depth: in the value that is left out
    for _ in range(MAX_STEPS):
        if len(data) - at < AHEAD and not ended:
            piece = file.read(PIECE)
            data, at, ended = data[at:] + piece, 0, not piece
            continue
        if at == len(data):
            return b"".join(kept)
        begin, copies = at, depth is None
        pattern = _REST if in_string else _KEPT if copies else _DEEP if depth else _FLAT
        at = pattern.match(data, at).end()
        now = data[at : at + 1]
        if in_string:
            in_string = now != b'"'
            at = at if in_string and not ended else at + len(now)  # else a backslash whose letter is in the next piece
        elif now == b'"':
            if len(data) - at < AHEAD and not ended:
                pass  # it may go on in the next piece
            elif copies and (key := _KEY.match(data, at)):
                at, depth = key.end(), 0
            else:
                at, in_string = at + 1, True
        elif now and now in b"[{":
            at, depth = at + 1, depth + 1
        elif now and (now == b"," or depth <= 1):  # the value has ended
            at, depth = at + depth, None
        elif now:
            at, depth = at + 1, depth - 1
        if copies:
            kept += [data[begin:at]] if depth is None else [data[begin:at], b"null"]
            size += at - begin
            if size > most:
                raise TooLarge
    raise TooLarge
