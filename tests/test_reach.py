"""What a lesson can reach in the library, and which edits count. (tools/reach.py, tools/bare.py)"""

import ast
from pathlib import Path

import pytest

from tools.bare import bare, joined, without_docstrings
from tools.reach import Reach, imported

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def package(tmp_path):
    """A function that writes a module of a package ``rnnlib`` and returns its root."""

    def write(**modules):
        for name, text in {"__init__": "", **modules}.items():
            path = tmp_path.joinpath("rnnlib", *name.split("__in__")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text, encoding="utf-8")
            path.parent.joinpath("__init__.py").touch()
        return tmp_path

    return write


def names(source, root):
    """``module.name`` of all that ``source`` reaches."""
    reach = Reach(source, root)
    found = set()
    for module, k in reach.reached:
        node = reach.module(module).statements[k]
        targets = getattr(node, "targets", [node])
        found |= {f"{module.removeprefix('rnnlib.')}.{getattr(t, 'name', getattr(t, 'id', ast.unparse(node)))}" for t in targets}
    return found


# --- bare: what an edit changes -----------------------------------------------------------------------------------------------

FUNCTION = '''
def f(x, y=1):
    """Say é."""
    # a reason
    assert x > 0, "é"  # a check
    if x == 1:
        raise ValueError(
            f"x: expected more than one, got {x}"
        )
    note = f"é {x}"
    return "#é" + x  # (B, T)
'''


@pytest.mark.parametrize(
    "edit",
    [
        ('"""Say é."""', '"""Say\n    more é."""'),
        ("    # a reason\n", ""),
        ("# (B, T)", "# (B, H)"),
        ("(x, y=1)", "(x: int, y: float | None = 1) -> dict[str, int]"),
        ("(x, y=1)", "(x: 'é', y: 'é'=1)->int"),
    ],
    ids=["docstring", "comment", "shape", "annotations", "annotations as text"],
)
def test_an_edit_that_computes_the_same_leaves_the_text(edit):
    assert joined(bare(FUNCTION.replace(*edit))) == joined(bare(FUNCTION))


@pytest.mark.parametrize("edit", [('"#é"', '"#e"'), ("y=1", "y=2"), ("x > 0", "x > 1"), ("more than", "at least"), ("é {x}", "e {x}")])
def test_an_edit_that_computes_something_else_changes_the_text(edit):
    assert joined(bare(FUNCTION.replace(*edit))) != joined(bare(FUNCTION))


@pytest.mark.parametrize("edit", [("x > 0", "x > 1"), ("more than", "at least"), ("é {x}", "e {x}")])
def test_checks_can_be_left_out(edit):
    assert joined(bare(FUNCTION.replace(*edit), keep_checks=False)) == joined(bare(FUNCTION, keep_checks=False))
    assert joined(bare(FUNCTION.replace("ValueError", "TypeError"), keep_checks=False)) != joined(bare(FUNCTION, keep_checks=False))


def test_a_shown_function_keeps_its_comments():
    assert joined(without_docstrings(FUNCTION)) == joined(line for line in FUNCTION.splitlines() if "Say" not in line)


def test_lines_keep_their_numbers():
    assert len(bare(FUNCTION)) == len(FUNCTION.splitlines())


def test_all_of_our_code_can_be_cut():
    for file in (ROOT / "rnnlib").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        assert len(joined(bare(source, keep_checks=False))) < len(source)


# --- reach --------------------------------------------------------------------------------------------------------------------

A = "from rnnlib.b import two\n\ndef one():\n    return two() + _SMALL\n\ndef other():\n    return 1\n\n_SMALL = 1\n"
B = "import numpy as np\n\ndef two():\n    return np.ones(2)\n\ndef three():\n    return 3\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from rnnlib.a import one\none()", {"a.one", "a._SMALL", "b.two"}),
        ("from rnnlib.a import one", set()),
        ("from rnnlib import a\na.other()", {"a.other"}),
        ("import rnnlib.a\nrnnlib.a.other()", {"a.other"}),
        ("import rnnlib.a as m\nf = m.one", {"a.one", "a._SMALL", "b.two"}),
        ("def g():\n    from rnnlib.b import three as t\n    return t", {"b.three"}),
        ("from rnnlib import b\ngetattr(b, 'three')", {"b.two", "b.three"}),
        ("from rnnlib.b import *\nthree()", {"b.two", "b.three"}),
        ("from rnnlib import b\nb.__dict__", {"b.two", "b.three"}),
        ("import numpy", set()),
    ],
)
def test_code_reaches_what_it_names_and_no_more(package, source, expected):
    assert names(source, package(a=A, b=B)) == expected


def test_an_annotation_reaches_nothing(package):
    root = package(a="from rnnlib.b import two, three\n\ndef one(x: two, y: int = three) -> two:\n    pass\n", b=B)
    assert names("from rnnlib.a import one\none()", root) == {"a.one", "b.three"}


def test_a_class_is_reached_whole_and_with_its_bases(package):
    root = package(
        a="from rnnlib.b import Base, part\n\nclass C(Base):\n    def run(self):\n        return part()\n",
        b="class Base:\n    pass\n\ndef part():\n    pass\n",
    )
    assert names("from rnnlib.a import C\nC()", root) == {"a.C", "b.Base", "b.part"}


def test_a_statement_that_does_something_counts_wherever_its_module_is_loaded(package):
    root = package(a="from rnnlib.b import TABLE\n\ndef f():\n    pass\n\nTABLE['f'] = f\n", b="TABLE = {}\n\ndef g():\n    return TABLE\n")
    assert names("import rnnlib.a", root) == {"a.TABLE['f'] = f", "a.f", "b.TABLE"}
    root = package(a="import atexit\n\n@atexit.register\ndef f():\n    pass\n\nif True:\n    x = 1\n")
    assert names("import rnnlib.a", root) == {"a.f", "a.if True:\n    x = 1"}


def test_a_name_that_a_package_passes_on_leads_to_its_home(package):
    root = package(
        a=A, b=B, sub__in____init__="from rnnlib.sub.show import show\n", sub__in__show="def show():\n    pass\n\ndef hide():\n    pass\n"
    )
    assert names("from rnnlib import sub\nsub.show()", root) == {"sub.show.show"}
    assert names("from rnnlib.sub.show import hide\nhide()", root) == {"sub.show.hide"}


MAYBE = "try:\n    from rnnlib.b import two as f\nexcept ImportError:\n    f = 1\n\ndef g():\n    f\n"


@pytest.mark.parametrize(
    ("init", "source", "expected"),
    [
        ("from rnnlib.b import two\n", "from rnnlib import sub\ngetattr(sub, 'two')()", {"b.two"}),
        ("from rnnlib.b import *\n", "from rnnlib import sub\nsub.three()", {"b.three"}),
        (MAYBE, "from rnnlib.sub import g\ng()", {"b.two"}),
    ],
    ids=["a package used as a value", "a star", "an import that may fail"],
)
def test_what_a_module_only_passes_on_is_reached(package, init, source, expected):
    assert expected <= names(source, package(b=B, sub__in____init__=init))


def test_the_texts_hold_foreign_names_and_change_with_them(package):
    before = dict.fromkeys(Reach("from rnnlib.b import two\ntwo()", package(b=B)).texts())
    assert ("rnnlib.b", "np = numpy:") in before
    assert dict.fromkeys(Reach("from rnnlib.b import two\ntwo()", package(b=B.replace("numpy", "torch"))).texts()) != before


def test_a_file_beside_a_package_counts_where_a_reached_statement_names_it(package):
    root = package(a="def f():\n    return open('table.json')\n\ndef g():\n    pass\n")
    (root / "rnnlib/table.json").touch()
    assert Reach("from rnnlib.a import f\nf()", root).files() == [root / "rnnlib/table.json"]
    assert Reach("from rnnlib.a import g\ng()", root).files() == []


def test_a_relative_import_is_followed():
    (node,) = ast.parse("from ..arrays import empty as e").body
    assert list(imported(node, "rnnlib.scratch")) == [("e", "rnnlib.arrays:empty")]


def test_what_cannot_be_shown_is_named(package):
    with pytest.raises(ValueError, match=r"source_of\(a\.nothing\)"):
        list(Reach("from rnnlib import a\nsource_of(a.nothing)", package(a=A)).shown())
    assert list(Reach("from rnnlib import a\nsource_of(a.other)", package(a=A)).shown()) == ["def other():\n    return 1"]
    assert list(Reach("def mine():\n    pass\nsource_of(mine)", package(a=A)).shown()) == []


def test_an_edit_of_this_library_reaches_the_right_lessons():
    from tools import lessons

    reaches = {page.stem: lessons.reach(page, ROOT) for page in lessons.lessons(ROOT)}

    def users(module, name):
        return {lesson for lesson, reach in reaches.items() if reach.names(module, name)}

    assert users("rnnlib.data.tasks", "echo") == {"truncated"}
    assert users("rnnlib.data.sets", "sunspots") == {"forecasting"}
    assert users("rnnlib.scratch.rnn", "rnn_step") == {"characters"}
