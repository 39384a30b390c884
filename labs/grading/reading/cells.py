"""A cell's text as IPython reads it: what of it is Python, which names that defines, which lines only IPython or a shell understands.

Reading a stranger's text can take long or much memory: it belongs into a process that may be stopped.
"""

import ast
import dataclasses
import re
import warnings

from IPython.core import inputtransformer2 as ipython

MAX_MAGICS = 400_000  # lines of magics times characters of a cell: IPython reads the whole cell again for each of them
NOT_PYTHON = (  # cell magics whose cell is no Python that runs in this notebook
    *("bash", "sh", "script", "cmd", "system", "sx", "!", "perl", "ruby", "python", "python2", "python3", "pypy", "R", "sql", "cython"),
    *("html", "HTML", "svg", "SVG", "latex", "markdown", "javascript", "js", "writefile", "file"),
)
# Leaving these out changes no result.
NO_RESULT = ("matplotlib", "time", "timeit", "config", "load_ext", "reload_ext", "autoreload", "capture", "prun")
_MAGIC = re.compile(r"(?m)^\s*[%!?,;/]|=\s*[%!]|\?\s*$")
_DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a cell says.

    ``text`` is its text with the lines commented out that are no Python, ``skipped`` lists those whose absence may change a result,
    ``python`` tells whether the text is Python, ``bound`` holds the names that it binds, ``unwritten`` its functions without a body as
    ``(name, first line, last line)``.
    """

    text: str
    python: bool = False
    skipped: tuple = ()
    bound: frozenset = frozenset()
    unwritten: tuple = ()


def read(text, given=()):
    """The reading of a code cell's text. ``given`` holds the ``ast.dump`` of functions as they were released: they count as unwritten."""
    tree = _tree(text)
    if tree is not None:
        return _reading(text, tree, given)
    skipped, lead, rest = [], "", text
    while rest.lstrip().startswith("%%"):  # what a cell magic such as %%time wraps is code, or a text of another language
        line, _, rest = rest.lstrip().partition("\n")
        name = (line[2:].split() or [""])[0]
        skipped += [] if name in NO_RESULT else [line]
        if name in NOT_PYTHON:
            return Reading(commented(text), True, tuple(skipped))
        lead += f"# {line}\n"
    text = lead + rest if lead else text
    if len(_MAGIC.findall(text)) * len(text) > MAX_MAGICS:
        return Reading(text, skipped=tuple(skipped))
    manager = ipython.TransformerManager()
    manager.line_transforms = []
    manager.token_transformers = [type("Skip", (kind,), {"said": skipped}) for kind in (_Command, _Help, _Magic, _Shell)]
    try:
        clean = manager.transform_cell(text).removesuffix("\n")
    except (SyntaxError, ValueError, RuntimeError, RecursionError, MemoryError):
        return Reading(text, skipped=tuple(skipped))
    tree = _tree(clean)
    if tree is None:
        return Reading(clean if skipped else text, skipped=tuple(skipped))
    return dataclasses.replace(_reading(clean, tree, given), skipped=tuple(skipped))


def dumps(text):
    """The functions of a text, each as its name and ``ast.dump``."""
    tree = _tree(text)
    return {node.name: ast.dump(node) for node in (tree.body if tree else ()) if isinstance(node, _DEFINED)}


def alike(text, other):
    """Whether two texts are the same Python, but for spaces and comments."""
    trees = _tree(text), _tree(other)
    return None not in trees and ast.dump(trees[0]) == ast.dump(trees[1])


def commented(text, lines=None):
    """A text with all of its lines, or those of some numbers (from 1), as comments."""
    return "\n".join(f"# {line}" if lines is None or n in lines else line for n, line in enumerate(text.split("\n"), 1))


def _tree(text):
    """The tree of a text that Python can run, or None."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(text, "<cell>", "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
            compile(tree, "<cell>", "exec", flags, dont_inherit=True)  # a return outside of a function is found only here
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    return tree


def _reading(text, tree, given):
    unwritten = tuple(
        (node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and (_is_empty(node.body) or ast.dump(node) in given)
    )
    empty = {name for name, _, _ in unwritten}
    bound = {name for node in tree.body for name in _bound(node)}
    return Reading(text, True, (), frozenset(bound - empty | _again(tree, empty, unwritten)), unwritten)


def _again(tree, empty, unwritten):
    """Names of unwritten functions that the text also binds with something else."""
    stubs = {(name, last) for name, _, last in unwritten}
    others = [node for node in tree.body if (getattr(node, "name", None), node.end_lineno) not in stubs]
    return {name for node in others for name in _bound(node) if name in empty}


def _is_empty(body):
    """Nothing but a docstring, ``pass`` or ``...``; or no result before ``raise NotImplementedError()``."""
    if all(isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body):
        return True
    for node in body:
        if isinstance(node, ast.Raise):
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id == "NotImplementedError":
                return True
        if any(isinstance(part, ast.Return | ast.Yield | ast.YieldFrom) for part in ast.walk(node)):
            return False
    return False


def _bound(node):
    """The names that a top-level statement binds in the notebook."""
    todo, names = [node], []
    while todo:
        node = todo.pop()
        if isinstance(node, _DEFINED):
            names.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names += [(a.asname or a.name).split(".")[0] for a in node.names]
        elif isinstance(node, ast.Name):
            names += [node.id] if isinstance(node.ctx, ast.Store) else []
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            todo += ast.iter_child_nodes(node)
    return names


# What IPython finds, it turns into calls of itself; these leave the line in the text, as a comment.


def _instead(self, lines, end, statement, kept):
    first = lines[self.start_line]
    more = lines[self.start_line + 1 : end + 1]
    if kept:
        self.said.append(" ".join([first.strip(), *(line.strip() for line in more)]))
    instead = f"{first[: self.start_col]}{statement}  # {first.strip()}\n"
    return [*lines[: self.start_line], instead, *(f"# {line}" for line in more), *lines[end + 1 :]]


class _Command(ipython.EscapedCommand):
    """``!ls``, ``%magic``, ``?name`` as statements; what ``%time`` measures is code."""

    def transform(self, lines):
        end = ipython.find_end_of_continued_line(lines, self.start_line)
        text = lines[self.start_line][self.start_col :].strip()
        name, _, code = text.lstrip("%").strip().partition(" ")
        timed = text.startswith("%") and name == "time" and end == self.start_line and code.strip()
        quiet = text.startswith("?") or (text.startswith("%") and name in NO_RESULT)
        return _instead(self, lines, end, code.strip() if timed else "pass", not quiet)


class _Help(ipython.HelpEnd):
    """``name?`` as a statement."""

    def transform(self, lines):
        return _instead(self, lines, self.q_line, "pass", False)


class _Magic(ipython.MagicAssign):
    """``x = %magic``."""

    def transform(self, lines):
        end = ipython.find_end_of_continued_line(lines, self.start_line)
        name, _, code = lines[self.start_line][self.start_col + 1 :].strip().partition(" ")
        timed = name == "time" and end == self.start_line and code.strip()
        return _instead(self, lines, end, code.strip() if timed else "None", not timed)


class _Shell(ipython.SystemAssign):
    """``x = !ls``."""

    def transform(self, lines):
        return _instead(self, lines, ipython.find_end_of_continued_line(lines, self.start_line), "[]", True)
