"""The grader's end of a student's process: send a cell, call a function, and believe nothing but plain data."""

import contextlib
import json
import os
import select
import socket

from labs.grading.banned.reached import RULES
from labs.grading.check import Reached, StudentError, Wrong
from labs.grading.locked.clock import LOOK_EVERY, Clock
from labs.grading.locked.sandbox import Unsafe
from labs.grading.locked.wire import Refused, decode, encode

MAX_REPLY, MAX_READING, MAX_CHANGED = 8_000_000, 20_000_000, 20
MAX_PIECES = 600_000  # of a reply: eight million signs could be millions of empty lists, which take far more memory than text


class Gone(Wrong):
    """The student's process has stopped; the text says why."""


class Late(Gone):
    """It was stopped because it slept or did not get to run, not by its processor time: that alone should cost nobody a point."""


class Session:
    """One student's process.

    Parameters
    ----------
    door : Door
        Of a warm process.
    seconds, total : float
        Processor time that a cell or a call may take, and all of them together (see :mod:`labs.grading.locked.clock`).
    limits, allow_missing
        As in :func:`labs.grading.locked.sandbox.enter`.

    Raises
    ------
    Unsafe
        A layer of the sandbox is missing here.
    OSError
        The warm process is not there.
    """

    def __init__(self, door, *, seconds=20.0, total=120.0, limits=None, allow_missing=()):
        self.clock, self.buffer, self.dead = Clock(seconds, total), b"", None
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(door.path)
        except OSError:
            self.socket.close()
            raise
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL")}
        env |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "OMP_NUM_THREADS": "1"}
        hello = self._ask({"env": env, "box": door.box, "limits": limits or {}, "allow_missing": list(allow_missing)})
        if "unsafe" in hello:
            self.close()
            raise Unsafe(str(hello["unsafe"])[:500])
        self.layers, self.clock.pid = hello.get("layers"), hello.get("pid")  # said before it ran any code of the student's

    def opens(self, paths):
        """Which of these files and folders the process can open. To be asked before the first cell runs."""
        return [str(path) for path in self._ask({"op": "open", "paths": paths})["opened"]]

    def cell(self, text):
        """Run a cell; the reply's ``outputs`` are still the student's word (see :mod:`labs.grading.inbox.safe`)."""
        return self._ask({"op": "cell", "text": text})

    def read(self, released, cells, careful):
        """Entries and notes of :func:`labs.grading.reading.arrange.arrange`. To be asked before the first cell runs.

        Raises
        ------
        Gone
        """
        reply = self._ask({"op": "read", "released": released, "cells": cells, "careful": careful}, MAX_READING)
        entries, notes = reply.get("entries"), reply.get("notes")
        try:
            entries = [(k if k is None else int(k), str(kind), str(text)) for k, kind, text in entries]
            return entries, [str(note) for note in notes]
        except (TypeError, ValueError):
            raise Gone(self._stop("its cells could not be read")) from None

    def call(self, name, args, kwargs, rules=RULES):
        """Call a function by name; returns its result and the positions of arguments that it changed.

        Raises
        ------
        NameError, StudentError, Reached, Gone
        """
        rules = [sorted(names) for names in (rules.banned, rules.provided, rules.ours)]
        reply = self._ask({"op": "call", "name": name, "args": encode(tuple(args)), "kwargs": encode(dict(kwargs)), "rules": rules})
        if reply.get("missing") is True:
            raise NameError(f"{name} is not there", name=name)
        if "value" not in reply:
            kind = Reached if reply.get("reached") is True else StudentError
            raise kind(str(reply.get("error", "your code returned no answer"))[:1000])
        changed = reply.get("changed")
        self.processor_seconds = self.clock.count()[0] - self.clock.before
        try:
            changed = changed[:MAX_CHANGED] if isinstance(changed, list) else []
            return decode(reply["value"]), [i for i in changed if type(i) is int and 0 < i <= MAX_CHANGED]
        except (Refused, TypeError, ValueError):
            raise StudentError("your function returned something that cannot be read") from None

    def _ask(self, message, most=MAX_REPLY):
        if self.dead:
            raise Gone(self.dead)
        self.clock.begin()
        try:
            self._send(memoryview(json.dumps(message).encode() + b"\n"))
            return self._reply(most)
        except OSError:
            raise Gone(self._stop("the process no longer answers")) from None

    def _wait(self, what):
        """Return when the socket can be read or written; it may not listen, nor answer."""
        ready = False
        while not ready:
            ready = any(select.select([self.socket] * (what == "read"), [self.socket] * (what == "write"), [], LOOK_EVERY))
            if (not ready or self.clock.is_due()) and (stop := self.clock.stops()):
                raise (Late if stop[0] else Gone)(self._stop(stop[1]))

    def _send(self, data):
        while data:
            self._wait("write")
            with contextlib.suppress(BlockingIOError):
                data = data[self.socket.send(data, socket.MSG_DONTWAIT) :]

    def _reply(self, most):
        chunks, got = [self.buffer], 0
        while b"\n" not in chunks[-1]:
            self._wait("read")
            data = self.socket.recv(1 << 20)
            if not data:
                raise Gone(self._stop("the process ended: it quit, or used too much memory or time"))
            got += len(data)
            if got > most:
                raise Gone(self._stop("it returned too much data"))
            chunks.append(data)
        line, _, self.buffer = b"".join(chunks).partition(b"\n")
        if sum(map(line.count, (b"[", b"{", b","))) > MAX_PIECES:
            raise Gone(self._stop("it returned too much data"))
        try:
            reply = json.loads(line)
            if isinstance(reply, dict):
                return reply
        except (ValueError, RecursionError):
            pass
        raise Gone(self._stop("it returned data that cannot be read"))

    def _stop(self, why):
        self.dead = self.dead or f"your code was stopped: {why}"
        self.close()
        return self.dead

    def close(self):
        """Hang up: the zygote kills the process and everything that it started."""
        self.clock.count()
        self.clock.pid = None  # the number may be another one's soon
        self.socket.close()
