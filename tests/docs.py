"""What the library says about itself: which functions are its surface, and what their docstrings must name."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap

import rnnlib

# Whole modules that lessons call into; of the others what the package exports.
OPEN = ("rnnlib.scratch", "rnnlib.gradcheck", "rnnlib.train", "rnnlib.book")
EXPORTING = ("rnnlib.nn", "rnnlib.data", "rnnlib.viz")
PLUMBING = ("rnnlib.scratch.sequence",)
SECTIONS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Notes", "Examples")


def modules():
    """Names of all modules of the library."""
    return sorted(module.name for module in pkgutil.walk_packages(rnnlib.__path__, "rnnlib."))


def public(module):
    """``(name, object)`` for the public functions and classes that a module defines."""
    return [
        (name, value)
        for name, value in vars(module).items()
        if not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module.__name__
    ]


def methods(cls):
    """``(name, function)`` for the public methods that a class itself defines."""
    return [(name, value) for name, value in vars(cls).items() if not name.startswith("_") and inspect.isfunction(value)]


def surface():
    """``(name, object)`` for everything that a lesson or a lab may call: a dict keyed by full name."""
    found = {}
    for name in modules():
        if name.startswith(OPEN) and name not in PLUMBING:
            found |= {f"{name}.{short}": value for short, value in public(importlib.import_module(name)) if "Tape" not in short}
    for name in EXPORTING:
        package = importlib.import_module(name)
        found |= {f"{name}.{short}": getattr(package, short) for short in package.__all__ if callable(getattr(package, short))}
    return found


def _returns_something(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    outer = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    inner = [node for node in ast.walk(outer) if isinstance(node, (ast.FunctionDef, ast.Lambda)) and node is not outer]
    hidden = {sub for node in inner for sub in ast.walk(node)}
    given = [node for node in ast.walk(outer) if isinstance(node, (ast.Return, ast.Yield)) and node not in hidden]
    return any(node.value is not None for node in given)


def docstring_faults(name, function):
    """What the docstring of a function or class does not say.

    It names every argument, in a Parameters section or in double backticks, says what comes back, and has each section once, in
    numpydoc's order.
    """
    # A record may leave the fields that it has from its parent to the parent's docstring.
    parents = [cls for cls in inspect.getmro(function)[1:] if cls.__module__.startswith("rnnlib")] if inspect.isclass(function) else []
    text = "\n".join(filter(None, map(inspect.getdoc, [function, *parents])))
    if not text:
        return [f"{name} has no docstring"]
    try:
        arguments = [argument for argument in inspect.signature(function).parameters if argument not in ("self", "cls")]
    except ValueError:  # an exception class: its signature is Python's own
        return []
    faults = []
    for argument in arguments:
        named = rf"^[\w*, ]*\b{argument}\b[\w*, ]*(?: :|$)|``[^`]*\b{argument}\b[^`]*``"
        if not re.search(named, text, re.MULTILINE):
            faults.append(f"{name}: its docstring does not name {argument}")
    sections = re.findall(r"^(\w+)\n-+$", text, re.MULTILINE)
    silent = "Parameters" in sections and not {"Returns", "Yields"} & {*sections}
    if silent and inspect.isfunction(function) and _returns_something(function):
        faults.append(f"{name}: its docstring does not say what it returns")
    for _, method in [(name, function), *(methods(function) if inspect.isclass(function) else [])]:
        sections = re.findall(r"^(\w+)\n-+$", inspect.getdoc(method) or "", re.MULTILINE)
        if sections != [section for section in SECTIONS if section in sections]:
            faults.append(f"{name}: expected the sections {', '.join(SECTIONS)}, each once and in this order, got {', '.join(sections)}")
    return faults
