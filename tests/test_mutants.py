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
    stored = json.loads(run.RESULT.read_text(encoding="utf-8"))
    if stored["code"] != run.code_hash(run.ROOT):
        pytest.skip(f"code or tests have changed since {stored['date']}: `make mutants` would tell whether all faults are still seen")


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
