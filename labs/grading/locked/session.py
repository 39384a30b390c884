"""The grader's end of a student's process: send a cell, call a function, and believe nothing but plain data."""

import contextlib
import json
import os
import select
import socket
import time

import psutil

from labs.grading.banned.reached import RULES
from labs.grading.check import Reached, StudentError, Wrong
from labs.grading.locked.sandbox import Unsafe
from labs.grading.locked.wire import Refused, decode, encode

MAX_REPLY, MAX_READING, MAX_CHANGED = 8_000_000, 20_000_000, 20


class Gone(Wrong):
    """The student's process has stopped; the text says why."""


class Session:
    """One student's process.

    Parameters
    ----------
    door : Door
        Of a warm process.
    seconds : float
        How long a cell or a call may take.
    total : float
        How long all of them together may take.
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
        self.seconds, self.end, self.buffer, self.dead = seconds, time.monotonic() + total, b"", None
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
        self.layers, self.pid = hello.get("layers"), hello.get("pid")  # said before it ran any code of the student's

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
        rules, before = [sorted(names) for names in (rules.banned, rules.provided, rules.ours)], self._used()
        reply = self._ask({"op": "call", "name": name, "args": encode(tuple(args)), "kwargs": encode(dict(kwargs)), "rules": rules})
        if reply.get("missing") is True:
            raise NameError(f"{name} is not there", name=name)
        if "value" not in reply:
            kind = Reached if reply.get("reached") is True else StudentError
            raise kind(str(reply.get("error", "your code returned no answer"))[:1000])
        changed = reply.get("changed")
        self.processor_seconds = self._used() - before
        try:
            changed = changed[:MAX_CHANGED] if isinstance(changed, list) else []
            return decode(reply["value"]), [i for i in changed if type(i) is int and 0 < i <= MAX_CHANGED]
        except (Refused, TypeError, ValueError):
            raise StudentError("your function returned something that cannot be read") from None

    def _used(self):
        """Processor seconds of the process and of all that it started, as the kernel counts them; infinite once it has ended."""
        try:
            first = psutil.Process(self.pid)
            used = sum(first.cpu_times()[:4])  # user, system, and both of what ended
            for process in first.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    used += sum(process.cpu_times()[:4])
        except psutil.Error:
            return float("inf")
        return used

    def _ask(self, message, most=MAX_REPLY):
        if self.dead:
            raise Gone(self.dead)
        try:
            self.socket.settimeout(max(0.01, min(self.seconds, self.end - time.monotonic())))  # it may not read what we say
            self.socket.sendall(json.dumps(message).encode() + b"\n")
            return self._reply(most)
        except OSError:
            raise Gone(self._stop("the process no longer answers")) from None

    def _reply(self, most):
        wait = min(self.seconds, self.end - time.monotonic())
        end, chunks, got = time.monotonic() + wait, [self.buffer], 0
        while b"\n" not in chunks[-1]:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise Gone(self._stop(f"no answer within {max(wait, 0):.0f} s (an endless loop?)"))
            data = self.socket.recv(1 << 20)
            if not data:
                raise Gone(self._stop("the process ended: it quit, or used too much memory or time"))
            got += len(data)
            if got > most:
                raise Gone(self._stop("it returned too much data"))
            chunks.append(data)
        line, _, self.buffer = b"".join(chunks).partition(b"\n")
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
        self.socket.close()
