"""What `make kills`, `make binder` and the benchmark of grading found, and whether the code is still the one that they found it with."""

import pytest
from proofs import LAB, ROOT, binder_hash, code_hash, stored

from tools import lessons


def fresh(name, how):
    found = stored(name)
    if found["code"] != code_hash(ROOT):
        # The proof takes up to an hour on a quiet machine, so it is not part of the suite, and an edit of the engine must not wait for it.
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


def test_every_lesson_opened_on_binder_and_some_ran_to_the_end():
    found = stored("binder")
    if found["code"] != binder_hash(ROOT):
        # It makes an environment and opens 38 lessons in a browser, twice: a quarter of an hour that an edit must not wait for.
        pytest.skip(f"Binder's files, a lesson or the library has changed since {found['date']}: `make binder` would tell")
    pages = lessons.lessons(ROOT)
    seen = found["notebooks"]
    assert seen.keys() == {page.stem for page in pages} | {LAB} and found["planted cell that raises"] == "seen"
    ran = {name for name, worlds in seen.items() if all("ran all" in worlds.get(world, {}) for world in ("offline", "with data"))}
    assert LAB in ran and len(ran) > 10
    assert {page.parent for page in pages} == {page.parent for page in pages if page.stem in ran}, "a lesson of each chapter"
    assert all(each.get("MiB", 0) < 1024 for worlds in seen.values() for each in worlds.values()), "Binder gives 1 to 2 GiB"


def test_the_hash_of_binder_sees_a_change_of_code_and_not_of_a_comment(tmp_path):
    for name, text in {
        "_toc.yml": "format: jb-book\nroot: chapters/index\n",
        "chapters/index.md": "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n# One\n\n```{code-cell} python\nx = 1\n```\n",
        "rnnlib/a.py": "x = 1\n",
        "tools/notebooks.py": "x = 1\n",
        "binder/start": "one\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    before = binder_hash(tmp_path)
    (tmp_path / "rnnlib/a.py").write_text("x = 1  # one\n", encoding="utf-8")
    assert binder_hash(tmp_path) == before
    for name in ("chapters/index.md", "rnnlib/a.py", "binder/start"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("x = 1", "x = 2").replace("one", "two"), encoding="utf-8")
        assert binder_hash(tmp_path) != before
        (tmp_path / name).write_text(text, encoding="utf-8")


def test_the_hash_sees_a_change_of_the_engine_and_not_of_a_comment(tmp_path):
    for name in ("__init__", "marks/__init__", "marks/engine", "locked/__init__", "locked/zygote", "locked/child", "desk/report"):
        path = tmp_path / "labs/grading" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def grade_class():\n    return 1\n", encoding="utf-8")
    (tmp_path / "labs/lab02_rnn.md").write_text("---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n# Lab\n", encoding="utf-8")
    before = code_hash(tmp_path)
    (tmp_path / "labs/grading/desk/report.py").write_text("def grade_class():\n    return 2\n", encoding="utf-8")
    (tmp_path / "labs/grading/marks/engine.py").write_text("def grade_class():\n    return 1  # one\n", encoding="utf-8")
    assert code_hash(tmp_path) == before
    (tmp_path / "labs/grading/locked/zygote.py").write_text("def grade_class():\n    return 2\n", encoding="utf-8")
    assert code_hash(tmp_path) != before
