"""The list of planted faults fits the code, and the stored run of `make mutants` left none alive."""

import ast
import json

import pytest
from mutants import run

FAULTS = run.read_faults()


def test_every_fault_fits_the_code_as_it_is():
    """Where you have changed a line that a fault replaces, change the fault in tests/mutants/faults.toml as well."""
    for fault in FAULTS:
        text = run.planted(fault, run.ROOT)  # raises where it does not fit
        sound = (run.ROOT / "rnnlib" / fault["file"]).read_text(encoding="utf-8")
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(sound)), f"{fault['name']}: changes nothing"


def test_the_stored_run_saw_every_fault():
    stored = json.loads(run.RESULT.read_text(encoding="utf-8"))
    assert [row["name"] for row in stored["faults"]] == [fault["name"] for fault in FAULTS], "the list has changed: run `make mutants`"
    assert [row["name"] for row in stored["faults"] if row["killed_by"] is None] == [], "these faults survived"


def test_the_stored_run_is_of_this_code():
    if stale := {fault["name"] for fault in FAULTS} - set(run.fresh_rows(FAULTS)):
        # Planting them anew takes longer than the suite; the stored run itself is held to "all seen" by the test above.
        pytest.skip(f"code or tests of {len(stale)} faults have changed: `make mutants` would tell whether they are still seen")


def test_the_key_of_a_fault_follows_its_tests_and_what_they_reach(tmp_path):
    for folder in ("rnnlib", "tests"):
        (tmp_path / folder).mkdir()
    for name, text in {"__init__": "", "a": "def f():\n    return 1\n", "b": "def g():\n    return 1\n"}.items():
        (tmp_path / "rnnlib" / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "tests/test_a.py").write_text("from rnnlib.a import f\n\ndef test_f():\n    assert f() == 1\n", encoding="utf-8")

    def key(**edit):
        run._code.cache_clear(), run._reached.cache_clear()
        return run.key({"name": "x", "file": "a.py", "old": "1", "new": "2", "tests": ["test_a.py"]} | edit, tmp_path)

    before = key()
    (tmp_path / "rnnlib/b.py").write_text("def g():\n    return 2\n", encoding="utf-8")
    (tmp_path / "rnnlib/a.py").write_text("def f():\n    return 1  # one\n", encoding="utf-8")
    assert key() == before
    assert key(new="3") != before
    (tmp_path / "rnnlib/a.py").write_text("def f():\n    return 1.0\n", encoding="utf-8")
    assert key() != before
    (tmp_path / "rnnlib/a.py").write_text("def f():\n    return 1\n", encoding="utf-8")
    (tmp_path / "tests/test_a.py").write_text("from rnnlib.a import f\n\ndef test_f():\n    assert f() == 1.0\n", encoding="utf-8")
    assert key() != before


@pytest.mark.parametrize(
    "new, red",
    [("return a - b", ["tests/test_sum.py::test_two_and_three"]), ("return b + a", [])],
    ids=["seen", "survives"],
)
def test_the_runner_tells_the_seen_from_the_survivors(tmp_path, new, red):
    for folder in ("rnnlib", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    (tmp_path / "rnnlib" / "__init__.py").write_text("def total(a, b):\n    return a + b\n", encoding="utf-8")
    (tmp_path / "tests" / "test_sum.py").write_text(
        "import rnnlib\n\ndef test_nothing():\n    assert rnnlib.total(0, 0) == 0\n\n"
        "def test_two_and_three():\n    assert rnnlib.total(2, 3) == 5\n\ndef test_again():\n    assert rnnlib.total(1, 1) == 2\n",
        encoding="utf-8",
    )
    fault = {"name": "minus", "file": "__init__.py", "old": "return a + b", "new": new, "tests": ["test_sum.py"]}
    text = run.planted(fault, tmp_path)
    (tmp_path / "rnnlib" / "__init__.py").write_text(text, encoding="utf-8")
    assert run.red_tests(tmp_path, ["tests/test_sum.py"]) == red
    with pytest.raises(ValueError, match=r"^minus: expected its old text once in rnnlib/__init__.py, found 0 times"):
        run.planted(fault | {"old": "return a * b"}, tmp_path)
    with pytest.raises(ValueError, match=r"^minus: there is no tests/test_missing.py"):
        run.planted(fault | {"tests": ["test_missing.py"]}, tmp_path)
    with pytest.raises(RuntimeError, match="expected tests that pass or fail, got a crash"):
        run.red_tests(tmp_path, ["tests/test_missing.py"])
