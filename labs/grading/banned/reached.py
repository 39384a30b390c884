"""A lab is not passed by calling its answer: what a student's function reaches is seen while it is called, whatever it is called by.

Torch's own dispatch tells every function of torch that runs (:class:`torch.overrides.TorchFunctionMode`): a captured, renamed or computed
reference arrives as the same function. Functions that are plain Python (the course's library, SciPy, torch's decompositions) get a gate:
their code is replaced in place, so that every reference to them, taken before or after, meets it. A few ways round the dispatch get a gate
too: the engine of automatic differentiation, compiled scripts, switches that turn the dispatch off, new threads.

A function that the lab provides may use what it likes: what counts is whose code makes the call.
Honest limit: the student's code runs in this process and can attack the gates; :mod:`labs.grading.banned.lines` finds lines that look so.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.machinery
import inspect
import linecache
import os
import re
import sys
import threading
import types

from labs.grading.banned.words import ANSWERS, KERNELS, LIBRARIES, ready_made, within

WHOLE = (*ANSWERS, "torch.nn.utils.clip_grad")  # modules whose functions all get a gate
DECOMPOSED = ("torch._decomp", "torch._refs", "torch._prims", "torch._functorch", "torch.autograd")  # those that are named as a kernel


class Forbidden(Exception):
    """A student's function reached a ready-made answer; the text names it."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """What one part allows. ``banned`` are names of library functions or modules that answer this part, ``provided`` names of the lab's own
    functions that it may call, ``ours`` the marks (see :func:`mark_of`) of the cells that define those."""

    banned: frozenset = frozenset()
    provided: frozenset = frozenset()
    ours: frozenset = frozenset()


RULES = Rules()  # where nothing is said

_now = None  # the rules of the call that is going on


def mark_of(text):
    """A short name for the text of a cell."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


@contextlib.contextmanager
def watched(rules):
    """While this is open, reaching what ``rules`` do not allow raises :class:`Forbidden`."""
    global _now
    with gates(rules.banned), _mode()():
        before, _now = _now, rules
        try:
            yield
        finally:
            _now = before


def _refuse(name, home):
    """Raise if a ready-made answer was called, other than by a function that the lab provides."""
    said = _now and ready_made(name, home, _now.banned)
    if said and not _provided(sys._getframe(1)):
        raise Forbidden(said)


def _provided(frame):
    """Whether a function that the lab provides makes the call, or a library while it is loaded."""
    code = caller(frame)
    if code is None or code.co_qualname.partition(".")[0] not in _now.provided:
        return code is None
    return mark_of("".join(linecache.getlines(code.co_filename))) in _now.ours


def caller(frame):
    """The code that makes a call, seen from a ``frame`` inside of libraries; None where a library is being loaded."""
    while frame.f_code.co_filename.startswith(_library()):
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return None
        if frame.f_back is None:  # the bottom of a thread
            break
        frame = frame.f_back
    return frame.f_code


@functools.cache
def _library():
    """Where the files of libraries and of this package lie."""
    import numpy
    import torch

    places = {os.path.dirname(os.path.dirname(m.__file__)) for m in (numpy, torch)}
    places |= {os.path.dirname(os.__file__), os.path.dirname(__file__)}
    return (*(place + os.sep for place in places), "<frozen")


@functools.cache
def _mode():
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        """Sees every function of torch that is called from Python."""

        def __torch_function__(self, func, types, args=(), kwargs=None):
            if _now is not None:
                _refuse(getattr(func, "__name__", ""), getattr(func, "__module__", None))
                if any(map(callable, args)):  # Tensor.map_ and the like call it with the dispatch off
                    args = [self._again(a) if isinstance(a, types_of_code) else a for a in args]
            return func(*args, **(kwargs or {}))

        def _again(self, fn):
            def inner(*args, **kwargs):
                with self:
                    return fn(*args, **kwargs)

            return functools.update_wrapper(inner, fn)

    types_of_code = types.FunctionType | types.MethodType | types.BuiltinFunctionType | functools.partial
    return Watch


# --- gates


_open = None  # an ExitStack while gates are open
_seen = set()  # (number of modules, names) that have been looked through, and (module, its spec, its size, names)
_gated = set()  # functions, by id


@contextlib.contextmanager
def gates(banned=frozenset()):
    """Put a gate before every ready-made answer that is plain Python, and before what turns torch's dispatch off.

    Outside of a watched call a gate lets everything pass. Opened inside of another one, it adds gates for ``banned``.
    """
    global _open
    if _open is not None:
        _add(banned)
        yield
        return
    with contextlib.ExitStack() as stack:
        _open = stack
        try:
            _ways_round(stack)
            _add(banned)
            yield
        finally:
            _open = None
            _seen.clear()
            _gated.clear()


_kept = contextlib.ExitStack()


def stay():
    """Open the gates for as long as this process lives."""
    if _open is None:
        _kept.enter_context(gates())


def _add(banned):
    key = len(sys.modules), banned
    if key not in _seen:
        _seen.add(key)
        for home, module in list(sys.modules.items()):
            if isinstance(module, types.ModuleType) and home.partition(".")[0] in LIBRARIES:
                key = home, id(module.__spec__), len(vars(module)), banned  # loaded again, it has another spec
                if key not in _seen:
                    _seen.add(key)
                    _look(home, module, banned)


def _look(home, module, banned):
    """Gate the functions of one module."""
    inside = vars(module)
    if within(home, WHOLE) or not banned.isdisjoint(home.split(".")):
        found = {n: v for n, v in inside.items() if getattr(v, "__module__", None) == home}
    else:
        found = {name: inside[name] for name in banned if name in inside}
        if within(home, DECOMPOSED):
            found |= {n: v for n, v in inside.items() if n.strip("_") in banned or KERNELS.search(n) or n in ("grad", "make_dual")}
    for name, thing in found.items():
        _gate_all(thing, name)


def _gate_all(thing, name):
    """Gate a function, what it wraps, or the methods of a class (of the class of an object that can be called)."""
    if (getattr(thing, "__module__", None) or "").partition(".")[0] not in LIBRARIES:
        return
    if isinstance(thing, types.FunctionType):
        while isinstance(thing, types.FunctionType):
            _gate(thing, thing.__name__, thing.__module__)
            thing = getattr(thing, "__wrapped__", None)
    elif isinstance(thing, type) or (callable(thing) and type(thing).__module__.partition(".")[0] in LIBRARIES):
        for part in list(vars(thing if isinstance(thing, type) else type(thing)).values()):
            part = part.fget if isinstance(part, property) else getattr(part, "__func__", part)
            if isinstance(part, types.FunctionType):
                _gate(part, name, thing.__module__)


def _template(*args, **kwargs):
    gate = "gate"
    return gate(args, kwargs)


def _generator(*args, **kwargs):
    gate = "gate"
    return (yield from gate(args, kwargs))


def _gate(fn, name, home):
    if id(fn) in _gated or fn.__code__.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return
    template = (_generator if inspect.isgeneratorfunction(fn) else _template).__code__  # Python wants code of the same kind
    code, within_gate = fn.__code__, types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    within_gate.__kwdefaults__ = fn.__kwdefaults__

    def gate(args, kwargs):
        if _now is not None:
            _refuse(name, home)
        return within_gate(*args, **kwargs)

    consts = tuple(gate if c == "gate" else c for c in template.co_consts)
    fn.__code__ = template.replace(
        co_consts=consts,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_freevars=code.co_freevars,
    )
    _gated.add(id(fn))
    _open.callback(setattr, fn, "__code__", code)


def _put(stack, owner, name, value):
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _ways_round(stack):
    """Gates before what runs functions of torch without its dispatch."""
    import torch

    engine = torch.autograd.variable.Variable._execution_engine
    _put(stack, torch.autograd.variable.Variable, "_execution_engine", _Engine(engine))
    _put(stack, torch._C, "DisableTorchFunction", _off(torch._C.DisableTorchFunction))
    for kind in (torch._C.ScriptFunction, torch._C.ScriptMethod):
        _put(stack, kind, "__call__", _script(kind.__call__))
    start = threading.Thread._bootstrap_inner

    def bootstrap(self):
        with _mode()():  # the dispatch is seen thread by thread
            start(self)

    _put(stack, threading.Thread, "_bootstrap_inner", bootstrap)
    sys.meta_path.insert(0, _Late)
    stack.callback(sys.meta_path.remove, _Late)


class _Engine:
    """The engine of automatic differentiation behind a gate."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def run_backward(self, *args, **kwargs):
        """Refused in a watched call."""
        _refuse("backward", "torch.autograd")
        return self._engine.run_backward(*args, **kwargs)


def _off(switch):
    return lambda: contextlib.nullcontext() if _now is not None else switch()


def _script(call):
    def scripted(self, *args, **kwargs):
        for kind in set(re.findall(r"aten::(\w+)", str(self.inlined_graph))) if _now is not None else ():
            _refuse(kind, "torch")
        return call(self, *args, **kwargs)

    return scripted


class _Late:
    """A module that is loaded in the middle of a watched call gets its gates before anybody uses it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The module's own place, with our step after its loading."""
        if _now is None or name.partition(".")[0] not in LIBRARIES:
            return None
        spec, banned = importlib.machinery.PathFinder.find_spec(name, path, target), _now.banned
        if spec is not None and hasattr(spec.loader, "exec_module"):
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                _look(name, module, banned)

            spec.loader.exec_module = exec_module
        return spec
