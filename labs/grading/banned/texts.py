"""What :mod:`labs.grading.banned.objects` looks for, read from the text of a student's cells, where the function is out of sight."""

import ast
import dataclasses
import functools
import re

from labs.grading.banned.words import DETOURS, DIFFERENTIATION, module_of, word_of

MAX_MAGICS = 200_000  # magics times characters of a cell: IPython reads the whole cell again for each of them
_MAGIC = re.compile(r"(?m)^\s*[%!?,;/]|=\s*[%!]|\?\s*$")
MAGICS = ("run", "load", "py", "python", "system", "sx", "script", "bash", "sh")


@dataclasses.dataclass(frozen=True)
class Statement:
    """What one top-level statement of a cell says: names that it binds, names that it mentions, names that it takes from a library, the
    first forbidden thing in it, and the first way round this reading."""

    bound: frozenset
    mentioned: frozenset
    taken: tuple
    forbidden: str | None
    detour: str | None


def in_texts(texts, name, banned=()):
    """The first forbidden thing that the function ``name`` is made of, or None.

    ``banned``: see :func:`labs.grading.banned.objects.in_function`.

    Read are the statements that bind the name, those that bind a name which they mention, and so on: a student may compare with a
    ready-made layer in a cell of their own. Ways round this reading (``exec``, ``importlib``, …) are found wherever they stand.
    """
    statements = [s for text in texts for s in _statements(text)]
    todo, seen = [name], set()
    while todo:
        wanted = todo.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        for statement in statements:
            if wanted in statement.bound or "*" in statement.bound:
                found = statement.forbidden or next((n for n in statement.taken if n in banned), None)
                if found:
                    return found
                todo += statement.mentioned - seen
    return next((s.detour for s in statements if s.detour), None)


@functools.lru_cache(maxsize=512)  # a cell is read for each part of a lab, and most of its cells are the same in a whole class
def _statements(text):
    """The top-level statements of a cell; a cell that does not parse holds nothing that could run."""
    from IPython.core.inputtransformer2 import TransformerManager

    if len(_MAGIC.findall(text)) * len(text) > MAX_MAGICS:
        return (Statement(frozenset("*"), frozenset(), (), None, "the magics of IPython, so many that they are not read"),)
    while text.lstrip().startswith("%%"):  # what a cell magic such as %%time wraps is code
        text = text.lstrip().partition("\n")[2]
    try:
        return tuple(_statement(list(ast.walk(s))) for s in ast.parse(TransformerManager().transform_cell(text)).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _statement(nodes):
    """A statement, given all the nodes of its tree."""
    own = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    forbidden = [word for node in nodes for word in _found(node, own) if word]
    return Statement(
        bound=frozenset(_bound(nodes)),
        mentioned=frozenset(n.id for n in nodes if isinstance(n, ast.Name)),
        taken=tuple(name for node in nodes for name in _taken(node)),
        forbidden=next(iter(forbidden), None),
        detour=next((word for word in forbidden if word in DETOURS or word.startswith("the ")), None),
    )


def _bound(nodes):
    """The names that a statement binds or changes."""
    names, imported = set(), set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {a.asname or a.name for a in node.names}
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            names.add(_root(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names.add(_root(node.func))  # helpers.append(…) changes helpers
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
            names.add(_root(node.args[0]))
    names |= {name.split(".")[0] for name in imported}
    return names - {None, "torch", "np", "plt", "numpy"} | ({"torch", "np"} & imported)


def _root(node):
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _taken(node):
    """The names that a node takes from a library: imported, or as an attribute."""
    if isinstance(node, ast.Attribute):
        return [node.attr]
    return [a.name for a in node.names] if isinstance(node, ast.ImportFrom) else []


def _found(node, own):
    if isinstance(node, ast.Import):
        for a in node.names:
            yield _grader(a.name) or module_of(a.name) or word_of(a.name.split(".")[0])
    elif isinstance(node, ast.ImportFrom):
        home = node.module or ""
        for a in node.names:
            yield _grader(home) or module_of(home) or module_of(f"{home}.{a.name}") or word_of(a.name) or word_of(home)
    elif isinstance(node, ast.Attribute):
        yield module_of(_dotted(node)) or word_of(node.attr)
    elif isinstance(node, ast.Name) and node.id not in own:
        yield word_of(node.id)
    elif isinstance(node, ast.keyword):
        yield node.arg if node.arg in DIFFERENTIATION else None
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run_line_magic":
        name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else "of a computed name"
        yield f"the magic {name}" if name in MAGICS or " " in str(name) else None
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("system", "getoutput"):
        yield "the shell"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        yield None if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else "the function getattr with a computed name"


def _grader(module):
    return "the grader's own modules" if module.split(".")[0] == "labs" else None


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
