"""Lines that a person should see, found in the text of a student's cells: no mark depends on them, and no text is run or parsed.

Three kinds: a program would be started (it is not: :mod:`labs.grading.banned.programs`); a function that earns points reaches the cell,
by name, of a line that could hide from :mod:`labs.grading.banned.reached`; a line touches the grader itself. The time grows with the
length of the text, of which at most ``MOST`` characters are read.
"""

import dataclasses
import re

MOST = 400_000  # characters
SHOWN = 5  # lines of a kind
PROGRAM = re.compile(
    r"\bos\.(?:system|popen|exec\w+|spawn\w+|posix_spawnp?)\(|\bsubprocess\.\w+\(|\bget_ipython\(\)\.(?:system|getoutput)\("
)
HIDING = re.compile(
    r"\b(?:getsource\w*|__code__|__file__|__loader__|FunctionType|CodeType|ctypes|cffi|cpp_extension|_thread|multiprocessing"
    r"|ProcessPoolExecutor|joblib|os\.fork|runpy|marshal|__subclasses__|torch\.jit|torch\.compile|socket|urllib|requests)\b"
)
GRADER = re.compile(
    r"\b(?:labs\.grading|banned|__torch_function__|TorchFunctionMode|DisableTorchFunction\w*|_\w*torch_function\w*|_disable_\w+"
    r"|_execution_engine|_ImperativeEngine|get_referrers|get_objects|_getframe|f_globals|f_back|settrace|setprofile|meta_path|linecache)\b"
)
_WORD = re.compile(r"[^\W\d]\w*")
_BOUND = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^([^\W\d]\w*+)[^=\n]*+=(?!=)|\bimport[ \t]+([^\n#]+)|\bas[ \t]+(\w+)", re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class Found:
    """A line of a cell, and the functions that it may concern: those that reach it, or all; none where it would start a program."""

    cell: str
    line: str
    functions: tuple

    def said(self):
        """The line in words, for student and teacher."""
        where = f"cell {self.cell}" if self.cell else "a cell of your own"
        if not self.functions:
            return f"{where}: `{self.line}` was not run, as no program is started while a lab is graded; it costs nothing"
        concerns = ", ".join(self.functions)
        return f"{where}: a person should look at the line `{self.line}` (it concerns {concerns}); the points stay until then"


def look(cells, functions):
    """The lines of a student's code ``cells``, as (name or None, text), that a person should see. ``functions`` are those that earn points.

    Returns
    -------
    list of Found
    """
    left, kept = MOST, []
    for name, text in cells:
        kept.append((name, text[:left]))
        left -= len(kept[-1][1])
    reach = _reach([text for _, text in kept], functions)
    programs, persons = [], []
    for k, (name, text) in enumerate(kept):
        for line in text.split("\n"):
            shown = line.strip()[:120]
            if PROGRAM.search(line) and len(programs) < SHOWN:
                programs.append(Found(name, shown, ()))
            if len(persons) < SHOWN and (GRADER.search(line) or (reach[k] and HIDING.search(line))):
                persons.append(Found(name, shown, tuple(reach[k] or functions)))
    if left <= 0 and sum(len(text) for _, text in cells) > MOST:
        persons.append(Found(None, f"… (more than {MOST} characters of code)", tuple(functions)))
    return programs + persons


def _reach(texts, functions):
    """For each text the functions that reach it: it binds their name, or a name in a text that they reach."""
    words = [set(_WORD.findall(text)) for text in texts]
    homes = {}
    for k, text in enumerate(texts):
        for found in _BOUND.finditer(text):
            for name in _WORD.findall(" ".join(filter(None, found.groups()))):
                homes.setdefault(name, set()).add(k)
    reach = [[] for _ in texts]
    for function in functions:
        todo, seen, asked = [function], set(), set()
        while todo:
            for k in homes.get(todo.pop(), set()) - seen:
                seen.add(k)
                reach[k].append(function)
                todo += words[k] - asked
                asked |= words[k]
    return reach
