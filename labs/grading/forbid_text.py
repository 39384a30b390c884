"""What :mod:`labs.grading.forbid` looks for, read from the text of a student's cells: for a grader that does not hold the function."""

import ast

from labs.grading.forbid import DETOURS, DIFFERENTIATION, module_of, word_of

MAGICS = ("run", "load", "py", "python", "system", "sx", "script", "bash", "sh")


def in_texts(texts, name, banned=()):
    """The first forbidden thing that the function ``name`` is made of, or None. ``banned``: see :func:`labs.grading.forbid.in_function`.

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
            bound = _bound(statement)
            if wanted in bound or "*" in bound:
                found = _in(statement) or _of_library(statement, banned)
                if found:
                    return found
                todo += {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    return next(filter(None, (_in(s, only=DETOURS) for s in statements)), None)


def _statements(text):
    """The top-level statements of a cell; a cell that does not parse holds nothing that could run."""
    from IPython.core.inputtransformer2 import TransformerManager

    while text.lstrip().startswith("%%"):  # what a cell magic such as %%time wraps is code
        text = text.lstrip().partition("\n")[2]
    try:
        return ast.parse(TransformerManager().transform_cell(text)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _bound(statement):
    """The names that a statement binds or changes."""
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            names.add(_root(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names.add(_root(node.func))  # helpers.append(…) changes helpers
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
            names.add(_root(node.args[0]))
    return names - {None, "torch", "np", "plt", "numpy"} | ({"torch", "np"} & _imported(statement))


def _imported(statement):
    return {(a.asname or a.name) for n in ast.walk(statement) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}


def _root(node):
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _in(statement, only=None):
    """The first forbidden thing in a statement (``only`` of these words), or None."""
    own = {n.name for n in ast.walk(statement) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    own |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in ast.walk(statement) if isinstance(n, ast.arg)}
    for node in ast.walk(statement):
        for found in _found(node, own):
            if found and (only is None or found in only or found.startswith("the ")):
                return found
    return None


def _of_library(statement, banned):
    """The first of the ``banned`` names that a statement takes from a library: imported, or as an attribute."""
    for node in ast.walk(statement):
        names = [node.attr] if isinstance(node, ast.Attribute) else [a.name for a in node.names] if isinstance(node, ast.ImportFrom) else []
        found = next((n for n in names if n in banned), None)
        if found:
            return found
    return None


def _found(node, own):
    if isinstance(node, ast.Import):
        for a in node.names:
            yield module_of(a.name) or word_of(a.name.split(".")[0])
    elif isinstance(node, ast.ImportFrom):
        for a in node.names:
            yield module_of(node.module or "") or module_of(f"{node.module}.{a.name}") or word_of(a.name) or word_of(node.module or "")
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


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
