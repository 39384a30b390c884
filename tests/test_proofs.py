"""What `make kills` and the benchmark of grading found, and whether the code is still the one that they found it with."""

import pytest
from proofs import ROOT, code_hash, stored


def fresh(name, how):
    found = stored(name)
    if found["code"] != code_hash(ROOT):
        pytest.skip(f"the engine or its lab has changed since {found['date']}: {how} would tell")
    return found


def test_fifty_kills_left_every_submission_graded_once():
    found = fresh("kills", "`make kills`")
    assert len(found["kills"]) == 50 and found["runs_that_ended"] > 0
    assert any(0 < k["in_journal"] < found["submissions"] for k in found["kills"]), "some while submissions were graded"
    assert any(k["in_journal"] > k["in_gradebook"] for k in found["kills"]), "some before the gradebook had all of it"


def test_the_speed_of_grading_was_measured_on_a_class():
    found = fresh("speed", "`python benchmarks/grading.py --submissions 200 --store`")
    plain, settings, locked = found["a_minute"].values()
    assert found["submissions"] == 200 and locked > settings and locked > plain


def test_the_hash_sees_a_change_of_the_engine_and_not_of_a_comment(tmp_path):
    for name in ("__init__", "engine", "zygote", "child", "desk"):
        path = tmp_path / "labs/grading" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def grade():\n    return 1\n")
    (tmp_path / "labs/lab02_rnn.md").write_text("---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n# Lab\n")
    before = code_hash(tmp_path)
    (tmp_path / "labs/grading/desk.py").write_text("def grade():\n    return 2\n")
    (tmp_path / "labs/grading/engine.py").write_text("def grade():\n    return 1  # one\n")
    assert code_hash(tmp_path) == before
    (tmp_path / "labs/grading/zygote.py").write_text("def grade():\n    return 2\n")
    assert code_hash(tmp_path) != before
