"""Strangers' notebooks are read as IPython reads them, without their outputs, and within limits."""

import io
import json
import random
import sys
import tracemalloc

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labs.grading.inbox import rebuild as inbox
from labs.grading.inbox import strip
from labs.grading.inbox.submission import Unreadable, cells_in, read_file
from labs.grading.reading.arrange import arrange, released_cells
from labs.grading.reading.cells import MAX_MAGICS, read

DROPPED = ("outputs", "attachments", "widgets", "application/vnd.jupyter.widget-state+json")


@pytest.mark.parametrize(
    ("text", "python", "skipped"),
    [
        ("x = 1", "x = 1", ()),
        ("!pip install -q tqdm\nx = 1", "pass  # !pip install -q tqdm\nx = 1", ("!pip install -q tqdm",)),
        ("if x:\n    !a \\\n  b\n    %cd c", "if x:\n    pass  # !a \\\n#   b\n    pass  # %cd c", ("!a \\ b", "%cd c")),
        ("files = !ls\ny = %pwd", "files = []  # files = !ls\ny = None  # y = %pwd", ("y = %pwd", "files = !ls")),
        ("%time x = f(2)\ny = %time f(3)", "x = f(2)  # %time x = f(2)\ny = f(3)  # y = %time f(3)", ()),
        ("%matplotlib inline\n?x\nnp.tanh??\nx = 1", "pass  # %matplotlib inline\npass  # ?x\npass  # np.tanh??\nx = 1", ()),
        ("\n%%time\nx = 1", "# %%time\nx = 1", ()),
        ("%%capture out\n%%time\n!ls\nx = 1", "# %%capture out\n# %%time\npass  # !ls\nx = 1", ("!ls",)),
        ("%%bash\nls", "# %%bash\n# ls", ("%%bash",)),
        ("%%writefile a.py\nx = (", "# %%writefile a.py\n# x = (", ("%%writefile a.py",)),
        (">>> def f(x):\n...     return x", "def f(x):\n    return x", ()),
        ("    x = 1\n    y = 2", "x = 1\ny = 2", ()),
        ("t = '''\n!ls\n%x\n'''", "t = '''\n!ls\n%x\n'''", ()),
        ("await f()\n!ls", "await f()\npass  # !ls", ("!ls",)),
    ],
)
def test_what_only_ipython_knows_becomes_a_comment(text, python, skipped):
    said = read(text)
    assert (said.text, said.python) == (python, True) and sorted(said.skipped) == sorted(skipped)
    compile(said.text, "cell", "exec", 0x2000)  # top-level await is allowed


def test_names_that_a_cell_binds_and_functions_that_are_not_written():
    stub = 'def f(x):\n    """Twice."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
    said = read(f"import a.b as c, d.e\n{stub}\nfor i in y:\n    k = [z for z in i]\ndef g(q): return q\nh = lambda w: w")
    assert said.bound == {"c", "d", "i", "k", "g", "h"} and said.unwritten == (("f", 2, 5),)
    assert read(f"{stub}\ndef f(x): return 2 * x").bound == {"f"}
    assert read("def f(x): ...").bound == read("def f(x): pass").bound == set()
    for broken in ("def f(:", "return 1", "x = (", "x = 1\n  y = 2", "\0"):
        assert not read(broken).python


def test_a_cell_of_magics_without_end_is_not_read():
    many = "%x\n" * int(1 + (MAX_MAGICS / 3) ** 0.5)
    assert not read(f"{many}x = (").python and read(f"{many}x = (").text == f"{many}x = ("


# --- outputs


def without(value):
    if isinstance(value, dict):
        return {k: None if k in DROPPED else without(v) for k, v in value.items()}
    return [without(v) for v in value] if isinstance(value, list) else value


def test_outputs_are_left_out_wherever_a_file_is_cut_into_pieces(monkeypatch):
    rng = random.Random(0)
    leaves = (1, -2.5e3, None, True, "", *DROPPED, '"outputs": [', 'a\\"b\\\\', "\\", "é\n\t", "x" * 400, "}{][,:")
    keys = (*DROPPED, "a", "outputs ", "b\\", 'c"', "source")

    def value(depth=0):
        kind = 0.0 if depth > 5 else rng.random()
        if kind < 0.4:
            return rng.choice(leaves)
        size = range(rng.randrange(5))
        return [value(depth + 1) for _ in size] if kind < 0.7 else {rng.choice(keys): value(depth + 1) for _ in size}

    for _ in range(300):
        monkeypatch.setattr(strip, "PIECE", rng.choice([1, 7, 64, 300, 1 << 20]))
        made = [value(), value(), value()]
        text = json.dumps(made, indent=rng.choice([None, 1]), ensure_ascii=rng.random() < 0.5).encode()
        assert json.loads(strip.without_outputs(io.BytesIO(text), 1 << 30)) == without(made)
    for torn in (b"", b'"', b'{"a', b'{"outputs"', b'{"outputs":', b'{"outputs": "\\', b'"\\', b"[[[", b"]]]", b'{"outputs": ]', b"\xff\0"):
        strip.without_outputs(io.BytesIO(torn), 100)


class Endless(io.RawIOBase):
    """A file of fifty million bytes that are nowhere."""

    def __init__(self, head, middle, tail):
        self.parts = iter([head, *[middle] * (50_000_000 // len(middle)), tail])

    def read(self, size=-1):
        return next(self.parts, b"")


@pytest.mark.parametrize(
    "line", ["iVBORw0KGgoAAAANSUhEUgAA", "epoch 1 loss 0.25\\n", '","<td id=\\"x\\">0.1</td>\\n', '"],[[0.123456, 0.2], [1, 2, 3]],["']
)
def test_fifty_megabytes_of_outputs_need_no_memory(line):
    head, tail = b'{"cells": [{"cell_type": "code", "source": "x = 1", "outputs": [["', b'"]]}]}'
    file = Endless(head, line.encode() * (1_000_000 // len(line)), tail)
    tracemalloc.start()
    kept = strip.without_outputs(file, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert json.loads(kept)["cells"] == [{"cell_type": "code", "source": "x = 1", "outputs": None}]
    assert peak < 10_000_000


def test_what_is_nested_without_end_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(strip, "MAX_STEPS", 20_000)
    (tmp_path / "x.ipynb").write_bytes(b'{"cells": [], "outputs": ' + b"[" * 100_000)
    with pytest.raises(Unreadable, match="too large"):
        read_file(tmp_path / "x.ipynb")
    for name, coding in (("a", "utf-16"), ("b", "utf-8-sig")):
        (tmp_path / name).write_text('{"cells": [{"cell_type": "code", "source": "x = \'é\'"}]}', encoding=coding)
        assert cells_in(read_file(tmp_path / name)) == ([("code", None, "x = 'é'")], [])
    for torn in (b"\xff\xfe\x00", b"\xff\xfe{\0\x00\xd8\0\0"):
        (tmp_path / "torn").write_bytes(torn)
        with pytest.raises(Unreadable, match="not valid JSON"):
            read_file(tmp_path / "torn")


# --- limits


def lab():
    meta = {"grade": False, "solution": False, "locked": True, "schema_version": 3, "task": False}
    stub = "def double(x):\n    raise NotImplementedError()"
    return new_notebook(
        cells=[
            new_code_cell(stub, metadata={"nbgrader": {**meta, "grade_id": "double", "solution": True, "locked": False}}),
            new_code_cell("# tests", metadata={"nbgrader": {**meta, "grade_id": "double_test", "grade": True, "points": 1}}),
        ]
    )


DEEP = "double " + "-" * 190_000 + "1"  # takes the compiler seconds


def test_a_text_that_takes_too_long_to_read_costs_only_what_it_says(monkeypatch):
    cells = [("code", "double", "def double(x):\n    return 2 * x"), *[("markdown", None, DEEP)] * 10]
    released = released_cells(lab())
    entries, notes = inbox.arrange_apart(released, cells[:2])
    assert (entries, notes) == tuple(json.loads(json.dumps(arrange(released, cells[:2]))))
    monkeypatch.setattr(inbox, "APART", 0.01)
    with pytest.raises(Unreadable, match="within the limits of time and memory"):
        inbox.arrange_apart(released, cells)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")
def test_the_locked_process_reads_under_a_clock(zygote):
    from labs.grading.locked.session import Session
    from labs.grading.marks.attempt import Attempt
    from labs.grading.reading.arrange import UNREAD

    attempt = Attempt(lambda left: Session(zygote.door, seconds=2.0, total=left), 600.0)
    cells = [("code", "double", "x = 1"), *[("code", None, f"{DEEP}{i}") for i in range(10)]]
    entries, _ = attempt.read(released_cells(lab()), cells)
    assert attempt.stops == [UNREAD] and entries[0] == (0, "code", "x = 1") and len(entries) == 12
    attempt.close()


def test_a_notebook_is_made_only_of_what_the_release_has():
    nb = lab()
    for entries in ([], [(0, "code", "x")], [(1, "code", "x"), (0, "code", "x")], [(0, "code", ""), (0, "code", ""), (1, "code", "")]):
        with pytest.raises(ValueError, match="each cell of the release once"):
            inbox.assemble(nb, entries)
    made = inbox.assemble(nb, [(None, "markdown", "mine"), (0, "code", "x"), (None, "code", "y"), (1, "code", "forged")])
    assert [c.source for c in made.cells] == ["mine", "x", "y", "# tests"] and len({c.id for c in made.cells}) == 4
    nbformat.validate(made)
