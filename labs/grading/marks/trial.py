"""Grade answers in this process, without a kernel or a sandbox: to try hidden tests on code of our own, never on a student's."""

import ast
import contextlib
import dataclasses
import functools
import io
import linecache
import os
import sys
import types

from labs.grading import check
from labs.grading.banned.programs import skipped
from labs.grading.banned.reached import gates
from labs.grading.course import environment
from labs.grading.locked import wire
from labs.grading.text import source
from labs.grading.text.hidden import run_hidden
from labs.grading.text.source import functions

QUIET = ("figure", "gradient_table")


@dataclasses.dataclass
class Trial:
    """What came of one notebook: by part its mark and message, by cell the error that a student sees (no entry: none)."""

    marks: dict = dataclasses.field(default_factory=dict)
    messages: dict = dataclasses.field(default_factory=dict)
    errors: dict = dataclasses.field(default_factory=dict)


class Remote:
    """A student's function as the real grader meets it: called with arguments and results that travel."""

    def __init__(self, name, space):
        self.name, self.space = name, space

    def remote_call(self, args, kwargs, rules):
        if self.name not in self.space:
            raise NameError(name=self.name)
        value, changed = check.call_here(self.space[self.name], *map(_travel, (args, kwargs)), rules, wire.encode)
        return wire.decode(value), changed


def _travel(value):
    return wire.decode(wire.encode(value))


@functools.cache
def _notebook(lab):
    return source.notebook(lab)


def run(lab, answers=None, *, untouched=False, parts=None, student="trial", remote=False):
    """Run a lab with some answers replaced.

    Parameters
    ----------
    lab : str
    answers : dict of str to str, optional
        Text of solution cells by grade_id; the others hold the model solution.
    untouched : bool
        Take nbgrader's stub (see :func:`stub`) for every answer that is not given.
    parts : collection of str, optional
        Run the hidden tests of these parts only; cells that belong to no part and draw or print are left out then.
    student : str
        Whose numbers the tests draw.
    remote : bool
        Let the hidden tests see the functions as the locked grader does (see :class:`Remote`), not in their own process.

    Returns
    -------
    Trial
    """
    notebook, module, trial = _notebook(lab), types.ModuleType("lab"), Trial()
    space = {n: Remote(n, module.__dict__) for n in functions(notebook)} if remote else module.__dict__
    numbers = check.numbers_of(os.environ.get("GRADING_KEY", check.PRACTICE), student)
    with gates(), skipped(), numbers, environment(MPLBACKEND="agg"):
        for cell in notebook.cells:
            name, text = source.meta(cell).get("grade_id"), cell.source
            if cell.cell_type != "code" or (parts and name in QUIET):
                continue
            if source.meta(cell).get("solution"):
                text = (answers or {}).get(name, stub(text) if untouched else text)
            error = execute(name, source.without_hidden(text), module.__dict__)
            if error is not None:
                trial.errors[name] = f"{type(error).__name__}: {error}"
            if source.hidden(cell) and parts and name.removesuffix("_test") not in parts:
                _define(source.hidden(cell), space)  # later parts share its oracles
            elif source.hidden(cell):
                part = name.removesuffix("_test")
                trial.marks[part], trial.messages[part] = run_hidden(source.hidden(cell), space)
    if "matplotlib.pyplot" in sys.modules:  # what a lab drew is not kept for the next one
        sys.modules["matplotlib.pyplot"].close("all")
    return trial


def _define(text, namespace):
    """Run hidden tests without their last line, the mark."""
    exec(_definitions(text), namespace)


@functools.cache
def _definitions(text):
    return compile(ast.Module(ast.parse(text).body[:-1], []), "<hidden tests>", "exec")


@functools.lru_cache(maxsize=256)
def _compiled(text, filename):
    return compile(text, filename, "exec")


def stub(text):
    """A solution cell as nbgrader releases it: where the answer was, one line raises, which tells an unwritten part from a wrong one."""
    lines, inside = [], False
    for line in text.split("\n"):
        if "### BEGIN SOLUTION" in line:
            inside = True
            lines.append(line[: len(line) - len(line.lstrip())] + "raise NotImplementedError()")
        if not inside:
            lines.append(line)
        inside = inside and "### END SOLUTION" not in line
    return "\n".join(lines)


def execute(name, text, namespace):
    """Run one cell and return the error that it raises, if any; what it prints is for the student only."""
    filename = f"<lab-cell {name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(_compiled(text, filename), namespace)
        except Exception as error:
            return error
    return None
