"""What a hidden test is written with: cases with points, comparisons that name the likely mistake, a mark that is one plain float.

A hidden test calls a student's function with :meth:`Part.call` and compares what comes back with :func:`expect`. It never looks at anything
else, so the same lines run in the student's kernel (a bare ``nbgrader autograde``) and in a process that holds only a
proxy of the function. Nothing in this module knows an answer.
"""

import collections
import contextlib
import contextvars
import copy
import functools
import hashlib
import hmac
import io
import os
import pathlib
import re
import time
import traceback
import warnings

import numpy as np

from labs.grading.banned.reached import RULES, Forbidden, Rules, watched
from labs.grading.locate import locate

MAX_WHY = 2000  # characters
TRIALS = 2  # how often a failed case runs again before a mistake is named
PRACTICE = "practice"  # the key and the student where nobody is graded
_NUMBERS = contextvars.ContextVar("numbers", default=None)  # (key, student) of the submission that is marked
_KEPT = "kept between calls, in a global or in a default argument?"
_SHAPES = contextvars.ContextVar("shapes", default=None)  # what draws the sizes of the case that runs
TOL = 1e-5  # relative to the largest expected entry: float32 inside is fine, every planted mistake is far outside


class Wrong(Exception):
    """The student's result is not what was asked for; the text is shown to the student."""


class Differs(Wrong):
    """A result is not the right one; ``likely`` are the mistakes that would give just this result."""

    def __init__(self, name, where, likely, want):
        super().__init__(f"{name}: {where}")
        self.name, self.likely, self.want = name, likely, want


class StudentError(Wrong):
    """The student's function raised."""


class Reached(Wrong):
    """The student's function called a ready-made answer."""


_OURS = set()  # the marks of the cells that define provided functions


def ours(*marks):
    """Say which cells are the lab's own; `build` writes this line into hidden tests."""
    _OURS.update(marks)


def sizes(rng, n, low=2, high=9):
    """``n`` sizes, all different: a swapped axis never fits by accident. A case has the same for every student."""
    return [int(s) for s in (_SHAPES.get() or rng).choice(np.arange(low, high), size=n, replace=False)]


def call_here(fn, args, kwargs, rules=RULES, settle=None):
    """Call in this process. Returns the result and the positions (from 1) of arguments that the call changed.

    ``settle`` makes plain data of the result while the call is still watched: what computes itself only when it is looked at is seen too.
    """
    sent = copy.deepcopy(args)
    said = io.StringIO()
    try:
        with watched(rules), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with np.errstate(all="ignore"):
                result = _called(fn, sent, copy.deepcopy(kwargs))
                result = (settle or _settled)(result)
    except Forbidden as error:
        raise Reached(f"your function called {error} when it ran; this part asks you to write that yourself") from None
    return result, [i for i, (a, b) in enumerate(zip(args, sent, strict=True), 1) if not _same(a, b)]


def _called(fn, args, kwargs):
    try:
        return fn(*args, **kwargs)
    except Forbidden:
        raise
    except NotImplementedError:  # what nbgrader's release puts in place of an answer: the student has not begun this part
        raise StudentError("not written yet") from None
    except Exception as error:
        raise StudentError(_where(error)) from None


def _settled(value):
    """``value`` with arrays in place of objects that give one when they are asked."""
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(_settled, value))
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items()}
    if hasattr(value, "detach"):
        return value.detach()
    return np.asarray(value) if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic) else value


def _where(error):
    """What a student's function raised and on which of its lines, and nothing of ours."""
    text = f"your code raised {type(error).__name__}: {str(error)[:300]}"
    lines = [f.line for f in traceback.extract_tb(error.__traceback__) if "ipy" in f.filename or "lab-cell" in f.filename]
    return f"{text} (in the line: {lines[-1][:120]})" if lines and lines[-1] else text


def _same(a, b):
    if hasattr(a, "detach") and hasattr(b, "detach"):  # tensors that a student keeps in a state
        a, b = np.asarray(a.detach()), np.asarray(b.detach())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False  # moved up and down again, an entry may come back with another last bit
        return a.tobytes() == b.tobytes() or (a.dtype.kind == "f" and np.allclose(a, b, rtol=1e-14, atol=1e-14, equal_nan=True))
    return a == b or a != a


def parts_of(result, *names):
    """``result`` as a tuple of ``len(names)`` results, or a sentence that says what was promised."""
    if not isinstance(result, tuple | list) or len(result) != len(names):
        got = f"{len(result)} results" if isinstance(result, tuple | list) else _kind(result)
        raise Wrong(f"expected {len(names)} results, in this order: {', '.join(names)}; got {got}")
    return tuple(result)


def _kind(value):
    return "nothing (is the return missing?)" if value is None else f"one {type(value).__name__}"


def array(name, got):
    """``got`` as a NumPy array of numbers, or a sentence that says what it is."""
    if got is None:
        raise Wrong(f"{name}: got None (is the return missing?)")
    if hasattr(got, "detach"):
        got = got.detach().cpu().numpy()
    try:
        a = np.asarray(got)
    except ValueError:
        raise Wrong(f"{name}: expected an array, got a {type(got).__name__} with rows of different lengths") from None
    if a.dtype.kind not in "biuf":
        raise Wrong(f"{name}: expected an array of real numbers, got {type(got).__name__} of {a.dtype}")
    return a


def array_of(got):
    """``got`` as a NumPy array of numbers (see :func:`array`)."""
    return array("the result", got)


def _flat(result):
    """The arrays of a result, also of a tuple or a dict of them, one after the other."""
    if isinstance(result, dict):
        result = [result[name] for name in sorted(result)]
    return [a for part in result for a in _flat(part)] if isinstance(result, tuple | list) else [array_of(result)]


def _agree(a, b):
    pairs = zip(a, b, strict=False)
    return len(a) == len(b) and all(x.shape == y.shape and np.allclose(x, y, rtol=1e-9, atol=0, equal_nan=True) for x, y in pairs)


def _has_whole(value):
    if isinstance(value, dict | tuple | list):
        return any(map(_has_whole, value.values() if isinstance(value, dict) else value))
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu"


def close(a, b, tol=TOL):
    """Equal shapes, infinite where ``b`` is, and equal to ``tol`` of the largest finite entry of ``b``; NaN is close to nothing."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or np.isnan(a).any() or np.isnan(b).any():
        return False
    finite = np.isfinite(b)
    if (a[~finite] != b[~finite]).any() or not np.isfinite(a[finite]).all():
        return False
    a, b = a[finite], b[finite]
    return bool(np.abs(a - b).max(initial=0) <= tol * max(1.0, np.abs(b).max(initial=0)))


def expect(name, got, want, mistakes=None, tol=TOL, axes=(), about=None, law=None):
    """Compare; on a difference raise :class:`Differs`, which says where the result is wrong.

    ``mistakes`` maps a sentence to the value (or a function that computes it) that this mistake gives; it may be a function that
    returns such a dict, which is called only if there is a difference. :class:`Part` tells the student of a mistake only if it
    explains every result of two draws and no other one does. ``axes`` and ``about`` are those of :func:`labs.grading.locate.locate`.
    ``law(got, want)`` gives the law that a finite result of the right shape breaks, in one sentence, or nothing; it takes the place of a
    location where wrong entries are everywhere.
    """
    a, want = array(name, got), np.asarray(want)
    right, trial = close(a, want, tol), _trial.get()
    if trial is not None and mistakes:
        trial.judge(a, want, mistakes, tol, right)
    if right or (trial is not None and mistakes):  # a trial looks at every result of the case
        return
    likely = {sentence for sentence, value in _values(mistakes) if (np.isfinite(value).any() or not value.size) and close(a, value, tol)}
    where = locate(a, want, tol, axes, about)
    if law and a.shape == want.shape and np.isfinite(a).all() and not re.match("wrong only in|.*nearly right", where):
        try:
            where = law(a, want) or where
        except Exception:  # it looks at other results too, which may be anything: the location says enough
            if os.environ.get("GRADING_DEBUG"):
                raise
    raise Differs(name, where, likely, want.tobytes())


def _values(mistakes, only=None):
    """The sentences and their values, computed here; one that cannot be computed explains nothing."""
    table = (mistakes() if callable(mistakes) else mistakes) or {}
    for sentence, value in table.items():
        if only is None or sentence in only:
            yield sentence, np.asarray(value() if callable(value) else value, float)


class _Trial:
    """The mistakes that may be told, while a case runs once more with other numbers: each must explain every result that it speaks of."""

    def __init__(self, likely, shown):
        self.likely, self.shown = set(likely), shown

    def judge(self, got, want, mistakes, tol, right):
        for sentence, value in _values(mistakes, self.likely):
            if not close(got, value, tol):
                self.likely.discard(sentence)
            elif not right:
                self.shown[sentence].add(want.tobytes())


_trial = contextvars.ContextVar("trial", default=None)


def seed_of(*words):
    """A seed from the course's key, the student and ``words``: other numbers for every student, the same at a re-grade."""
    return seed_for_all(student(), *words)


def seed_for_all(*words):
    """A seed from the course's key and ``words``, the same for every student: where results are compared with each other."""
    key = (_NUMBERS.get() or (os.environ.get("GRADING_KEY", PRACTICE),))[0].encode()
    return int.from_bytes(hmac.new(key, "/".join(words).encode(), hashlib.sha256).digest()[:8], "big")


@contextlib.contextmanager
def numbers_of(key, student):
    """While this is open, tests draw the numbers of this ``student`` in the course with this ``key``."""
    token = _NUMBERS.set((key, student))
    try:
        yield
    finally:
        _NUMBERS.reset(token)


def student():
    """Who is graded: said by the engine, or by the folder ``autograded/STUDENT/LAB`` that nbgrader runs in."""
    if _NUMBERS.get():
        return _NUMBERS.get()[1]
    return pathlib.Path.cwd().parent.name if os.environ.get("NBGRADER_EXECUTION") == "autograde" else PRACTICE


class Part:
    """The cases of one part of a lab.

    Parameters
    ----------
    name : str
        The part, as the student knows it.
    points : float
        What the part is worth; the points of its cases must add up to it.
    provided : tuple of str
        Names of the lab's own helpers that the student's code may call.
    banned : tuple of str
        Names of library functions that are the answer of this part, such as ``"softmax"``. A helper of the student's own may have
        such a name.
    """

    def __init__(self, name, points, provided=(), banned=()):
        self.name, self.points, self.provided, self.banned, self.cases = name, points, provided, banned, []
        self._shown = collections.defaultdict(set)  # a mistake -> the right values of the results that it explained
        rules = map(frozenset, (banned, provided, _OURS))
        self._rules, self._reached, self._called = Rules(*rules), {}, set()  # function -> what it reached; functions of this case

    def case(self, points, title):
        """Register ``function(rng)`` as a case worth ``points``."""

        def register(function):
            self.cases.append((points, title, function))
            return function

        return register

    def call(self, fn, *args, **kwargs):
        """What the student's function returns for copies of ``args``.

        Raises
        ------
        Wrong
            The function reaches what the lab asks to write, raises, or changes its arguments.

        Notes
        -----
        Afterwards ``processor_seconds`` is the processor time that the call took.
        """
        self._called.add(id(fn))
        run, began = fn.remote_call if hasattr(fn, "remote_call") else functools.partial(call_here, fn), time.process_time()
        try:
            result, changed = run(args, kwargs, self._rules)
        except Reached as why:
            self._reached[id(fn)] = str(why)
            raise
        self.processor_seconds = getattr(fn, "processor_seconds", time.process_time() - began)
        if changed:
            raise Wrong(f"your function changes argument {', '.join(map(str, changed))} in place; work on a copy")
        return result

    def attempt(self, fn, *args, **kwargs):
        """What :meth:`call` returns, or None if it raises: input that a lab does not promise may be refused, but not misread."""
        try:
            return self.call(fn, *args, **kwargs)
        except StudentError:
            return None

    def taken(self, fn, *args, **kwargs):
        """What :meth:`call` returns; arrays of whole numbers may be refused, as in :meth:`attempt`."""
        return (self.attempt if _has_whole(args) else self.call)(fn, *args, **kwargs)

    def forgets(self, fn, one, other):
        """Call with the arguments ``one``, ``other`` and ``one`` again; raise Wrong if a call knows of the calls before it."""
        first, between, again = (_flat(self.call(fn, *args)) for args in (one, other, one))
        if not _agree(first, again):
            raise Wrong(f"two calls with the same arguments give different results: is something {_KEPT}")
        if _agree(first, between):
            raise Wrong(f"a call with other arguments gives the result of the call before: is it {_KEPT}")

    def mark(self):
        """Run the cases, print one line a case, and return the points reached as one plain float."""
        if abs(sum(p for p, _, _ in self.cases) - self.points) > 1e-9:
            raise ValueError(f"{self.name}: expected cases worth {self.points} points in all, got {sum(p for p, _, _ in self.cases)}")
        got, lines, ran = 0.0, [], []
        for points, title, function in self.cases:
            self._called = set()
            ran.append((points, title, self._run(title, function), self._called))
        for points, title, why, called in ran:
            why = why or next((self._reached[fn] for fn in called if fn in self._reached), None)  # nothing for a function that reaches it
            got += 0.0 if why else points
            lines.append(f"  [{'lost' if why else ' ok '}] {title}: {0 if why else points:g} of {points:g}")
            if why:
                why = " ".join(why.split())[:MAX_WHY]  # one line: a second one could pass for ours
                lines.append(f"         {why}")
        got = float(round(min(got, self.points), 6))
        print("\n".join([f"{self.name}: {got:g} of {self.points:g} points", *lines]))
        return got

    def _run(self, title, function):
        """Why the case is lost, or None."""
        try:
            self._draw(function, title)
        except Differs as error:
            named = self._named(error, title, function) if error.likely else None
            return f"{error.name}: {named}" if named else str(error)
        except Wrong as error:
            return str(error)
        except NameError as error:
            return f"{error.name or 'a function of this part'} is not defined (was its cell deleted, or did it stop with an error?)"
        except Exception as error:  # a result that no comparison foresaw costs this case, never the cell
            if os.environ.get("GRADING_DEBUG"):  # for a lab's author: the test itself may be wrong
                raise
            return f"the value that your function returned cannot be compared ({type(error).__name__})"
        return None

    def _draw(self, function, *words):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shapes = _SHAPES.set(np.random.default_rng(seed_for_all(self.name, *words)))
            try:
                function(np.random.default_rng(seed_of(self.name, *words)))
            finally:
                _SHAPES.reset(shapes)

    def _named(self, error, title, function):
        """The one mistake that explains this case, also with other numbers; None if there is no such mistake, or more than one."""
        likely = error.likely
        for sentence in likely:
            self._shown[sentence].add(error.want)
        for again in range(TRIALS):
            trial = _Trial(likely, self._shown)
            token = _trial.set(trial)
            try:
                self._draw(function, title, f"once more {again}")
            except Exception as stopped:  # what was compared until then counts
                if os.environ.get("GRADING_DEBUG") and not isinstance(stopped, Wrong):
                    raise
            finally:
                _trial.reset(token)
            likely = {sentence for sentence in trial.likely if len(self._shown[sentence]) > 1}
            if len(likely) < 2:
                break
        return likely.pop() if len(likely) == 1 else None
