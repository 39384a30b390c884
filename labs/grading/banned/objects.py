"""A lab is not passed by calling its answer: ready-made recurrent layers, the course's library, automatic differentiation.

Two nets. *Before* a call, what the function is made of is read: its own code and that of every helper it reaches, or the text of the
student's cells where the code itself is out of sight (:mod:`labs.grading.banned.texts`). *During* a call the entry points are
switched off, which also catches what was reached by a detour. Honest limit: whoever hides a saved reference to a built-in behind
computed names gets past both, with more work than writing the function.
"""

import contextlib
import sys
import types

from labs.grading.banned.words import ATTRIBUTES, BUILTIN_DETOURS, CALLS, DETOURS, DIFFERENTIATION, module_of, word_of


def in_function(fn, provided=(), banned=()):
    """The first forbidden thing that ``fn`` is made of or reaches, or None.

    ``provided`` names the lab's own helpers, ``banned`` library functions that are the answer of one part.
    """
    todo, seen = [fn], set()
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        found = _of_object(thing)
        if not found and getattr(thing, "__name__", None) in banned and getattr(thing, "__module__", None) != fn.__module__:
            found = thing.__name__  # of a library: a helper of the student's own lives where their function lives
        if found:
            return found
        if not isinstance(thing, types.FunctionType) or (thing.__module__ or "").split(".")[0] in ("numpy", "scipy"):
            continue  # what NumPy is made of is not the student's doing
        cells = [c.cell_contents for c in thing.__closure__ or () if _filled(c)]
        todo += [*cells, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
        for code in _codes(thing.__code__):
            keywords = [w for const in code.co_consts if isinstance(const, tuple) for w in const if isinstance(w, str)]
            found = next((w for w in keywords if w in DIFFERENTIATION), None)
            if found:
                return found
            for word in code.co_names:
                if word in provided:
                    continue
                if word in thing.__globals__:
                    value = thing.__globals__[word]
                    found = _of_object(value)
                    todo.append(value)
                else:
                    found = word_of(word) or ATTRIBUTES.get(word) or (word if word in banned else None)
                if found:
                    return found
    return None


def _of_object(value):
    """Why an object that a student's function holds is not allowed, or None."""
    if isinstance(value, types.ModuleType):
        return module_of(value.__name__) or (value.__name__ if value.__name__ in DETOURS else None)
    home = getattr(value, "__module__", None) or ""
    if isinstance(value, types.FunctionType | type) and module_of(home):
        return f"{module_of(home)} ({value.__name__})"
    if isinstance(value, types.BuiltinFunctionType) and value.__name__ in CALLS + BUILTIN_DETOURS:
        return value.__name__
    kind = type(value).__module__
    return f"{module_of(kind)} ({type(value).__name__})" if module_of(kind) and not kind.startswith("torch._C") else None


def _codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


def _filled(cell):
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


class Forbidden(Exception):
    """A student's function called what the lab asks them to write."""


def _refuse(name):
    def refused(*args, **kwargs):
        raise Forbidden(name)

    return refused


@contextlib.contextmanager
def switched_off():
    """While this is open, recurrent layers, torch's losses, automatic differentiation and the course's answers refuse to run."""
    saved = []
    torch = sys.modules.get("torch")
    if torch is not None:
        places = [(torch, n) for n in (*CALLS, "lstm", "gru")] + [(torch._VF, n) for n in (*CALLS, "lstm", "gru")]
        places += [(torch.nn.functional, n) for n in ("cross_entropy", "nll_loss", "embedding")]
        places += [(torch.Tensor, "backward"), (torch.autograd, "grad"), (torch.autograd, "backward")]
        for owner, name in places:
            saved.append((owner, name, owner.__dict__.get(name)))
            setattr(owner, name, _refuse(name))
    loaded = list(sys.modules) if "rnnlib" in sys.modules else ()  # where nobody uses the library nothing has to be looked through
    hidden = {m: sys.modules[m] for m in loaded if m.startswith(("rnnlib.scratch", "rnnlib.nn"))}
    answers = {"rnnlib.scratch", "rnnlib.nn", *hidden}
    for name in answers:
        sys.modules[name] = None
    try:
        yield
    finally:
        for owner, name, value in saved:
            if value is None:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        for name in answers:
            del sys.modules[name]
        sys.modules.update(hidden)
