"""The build of the book: what is run again and why, what is measured, what stops it. (The built site: test_site.py.)"""

import importlib
import shutil
import time
from pathlib import Path

import nbformat
import pytest

import tools
from rnnlib.data.fetch import prefetch
from tools import build, execute, lessons, website

ROOT = Path(__file__).resolve().parent.parent
FRONT = "---\nfile_format: mystnb\nkernelspec: {display_name: Python 3, name: python3}\n---\n\n"


def cell(source):
    return f"```{{code-cell}} python\n{source}\n```\n"


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def book(tmp_path):
    """A book of two lessons with a library of its own: the first imports a, which imports b; the second imports c."""
    write(tmp_path, "rnnlib/__init__.py", "")
    write(tmp_path, "rnnlib/a.py", "from rnnlib.b import value\n")
    write(tmp_path, "rnnlib/b.py", "value = 1\n")
    write(tmp_path, "rnnlib/c.py", "value = 2\n")
    write(tmp_path, "requirements.txt", "")
    write(tmp_path, "_toc.yml", "format: jb-book\nroot: chapters/index\nchapters:\n- file: chapters/one\n- file: chapters/two\n")
    write(tmp_path, "chapters/index.md", "# Book\n\nSee [](#lesson-one).\n")
    write(tmp_path, "chapters/one.md", FRONT + "(lesson-one)=\n# One\n\n" + cell("from rnnlib.a import value\nvalue + 100"))
    write(tmp_path, "chapters/two.md", FRONT + "# Two\n\n" + cell("import rnnlib.c\nrnnlib.c.value + 200"))
    return tmp_path


@pytest.fixture
def run(book, monkeypatch):
    """Run the book's lessons without Sphinx; returns (exit status, what was said, whether the site would have been built)."""
    monkeypatch.setattr(build, "corpora", lambda say: [])

    def go(**options):
        said, sites = [], []
        monkeypatch.setattr(website, "build", lambda root, target, outputs: sites.append(target) or True)
        status = build.build(book, say=said.append, **options)
        return status, "\n".join(said), sites[0] if sites else None

    return go


@pytest.fixture
def quick(monkeypatch):
    """Lessons that are not run: each gives one output, its own source."""

    def run_lessons(jobs, root, workers):
        for page, notebook in jobs:
            notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=notebook.cells[-1].source)]
            yield {"page": page, "seconds": 1.0, "cpu_seconds": 1.0, "mib": 100.0, "error": "", "notebook": notebook}

    monkeypatch.setattr(execute, "run_lessons", run_lessons)


# --- what a lesson depends on -------------------------------------------------------------------------------------------------


def test_digest_changes_with_what_a_lesson_reaches_and_with_nothing_else(book):
    page = book / "chapters/one.md"
    before = lessons.digest(page, book)
    write(book, "rnnlib/c.py", "value = 3\n")
    write(book, "rnnlib/b.py", "# a comment\nvalue = 1\nother = 2\n")
    assert lessons.digest(page, book) == before
    write(book, "rnnlib/b.py", "value = 3\n")
    assert lessons.digest(page, book) != before


def test_a_comment_counts_where_the_page_shows_it(book):
    write(book, "rnnlib/book.py", "def source_of(f):\n    pass\n")
    write(book, "rnnlib/b.py", 'def value():\n    """Say one."""\n    return 1  # one\n')
    code = "from rnnlib.book import source_of\nfrom rnnlib.a import value\nsource_of(value)"
    page = write(book, "chapters/one.md", FRONT + "# One\n\n" + cell(code))
    before = lessons.digest(page, book)
    write(book, "rnnlib/b.py", 'def value():\n    """Say 1."""\n    return 1  # one\n')
    assert lessons.digest(page, book) == before, "a docstring is not shown"
    write(book, "rnnlib/b.py", 'def value():\n    """Say 1."""\n    return 1  # 1\n')
    assert lessons.digest(page, book) != before


def test_every_lesson_of_this_book_depends_on_the_library():
    for page in lessons.lessons(ROOT):
        assert lessons.reach(page, ROOT).reached, page


def test_a_lesson_that_loads_a_corpus_uses_data_files_and_one_on_a_toy_task_does_not():
    assert lessons.uses_data_files(ROOT / "chapters/01_sequences/ngrams.md", ROOT)
    assert not lessons.uses_data_files(ROOT / "chapters/05_lstm/adding.md", ROOT)


# --- running ------------------------------------------------------------------------------------------------------------------


def test_only_what_changed_runs_again(book, run):
    status, said, site = run()
    assert (status, site) == (0, book)
    assert "2 lessons, 2 to run" in said and said.count("  run") == 2
    status, said, _ = run()
    assert status == 0 and "2 lessons, 0 to run" in said and said.count("cached") == 2

    write(book, "rnnlib/b.py", "value = 5\n")
    status, said, _ = run()
    assert status == 0 and "1 to run" in said and "ran one" in said and "ran two" not in said
    with build.opened(book) as cache:
        notebook = cache.get_cache_bundle(build.cached(cache, book / "chapters/one.md").pk).nb
    assert notebook.cells[0].outputs[0]["data"]["text/plain"] == "105", "the page would show old numbers"

    write(book, "rnnlib/b.py", "value = 1 / 0\n")
    status, said, site = run()
    assert (status, site) == (1, None)
    assert "one failed (chapters/one.md)" in said and said.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "two" in said, "the lessons that ran through are still in the table"

    status, said, site = run(only=["chapters/nowhere.md"])
    assert status == 2 and "nowhere.md" in said
    status, said, site = run(only=[book / "chapters/two.md"])
    assert (status, site) == (0, None) and "1 lessons, 0 to run" in said


def test_a_page_with_synthetic_data_runs_again_once_the_real_data_are_there(book, run, quick, monkeypatch):
    write(book, "chapters/two.md", FRONT + "# Two\n\n" + cell("'<div class=\"admonition warning synthetic-data\">'"))
    monkeypatch.setattr(build, "corpora", lambda say: ["alice.txt"])
    assert "2 to run" in run()[1]
    assert "0 to run" in run()[1], "nothing new is there"
    monkeypatch.setattr(build, "corpora", lambda say: [])
    _, said, _ = run()
    assert "1 to run" in said and "ran two" in said


def test_the_offline_book_runs_only_lessons_that_use_data_files(book, run, quick, monkeypatch):
    assert "2 to run" in run()[1]
    monkeypatch.setattr(lessons, "uses_data_files", lambda page, root: page.stem == "two")
    status, said, target = run(offline=True)
    assert (status, target) == (0, book / "_build/offline") and "2 lessons, 1 to run" in said and "ran two" in said
    assert "0 to run" in run(offline=True)[1] and "0 to run" in run()[1], "each book keeps its own outputs"


def test_the_offline_book_sees_no_data_file(monkeypatch):
    for name in ("RNNLIB_DATA", "RNNLIB_OFFLINE", "RNNLIB_CACHE"):
        monkeypatch.setenv(name, str(ROOT))
    build.without_data_files()
    assert {origin for _, origin, _ in prefetch()} == {"missing"}


def test_a_page_that_is_edited_while_it_runs_does_not_reach_the_site(book, run, quick, monkeypatch):
    run_lessons = execute.run_lessons

    def edited_meanwhile(*arguments):
        yield from run_lessons(*arguments)
        write(book, "chapters/two.md", FRONT + "# Two\n\n" + cell("'other'"))

    monkeypatch.setattr(execute, "run_lessons", edited_meanwhile)
    status, said, site = run()
    assert (status, site) == (1, None) and "Changed while the lessons ran: two" in said


def test_a_page_that_toc_lists_must_exist(book, run):
    (book / "chapters/two.md").unlink()
    status, said, _ = run()
    assert status == 2 and "chapters/two.md" in said


def test_a_lesson_is_measured_and_bounded(book, monkeypatch):
    monkeypatch.setattr(build, "CUDA_MIB", 0.0)
    (page,) = [book / "chapters/two.md"]
    write(book, "chapters/two.md", FRONT + "# Two\n\n" + cell("import os\nheld = bytearray(400 << 20)\nos.environ['OMP_NUM_THREADS']"))
    notebook = lessons.reader()(str(page))
    done = execute.run_apart(page, notebook, book)
    assert done["error"] == ""
    assert 400 < done["mib"] < 700
    assert done["cpu_seconds"] > 0
    assert done["notebook"].cells[-1].outputs[0]["data"]["text/plain"] == "'1'"
    assert build.over_bounds("two", {"cpu_seconds": 61.0, "mib": 1500.0}) == [
        "two: 61 s of processor time, expected at most 60 s",
        "two: 1500 MiB, expected at most 1024 MiB",
    ]
    assert build.over_bounds("two", {"cpu_seconds": 59.0, "mib": 1000.0}) == []


def test_a_lesson_meets_no_personal_settings_and_a_relative_data_folder_from_here(book, monkeypatch):
    for name in execute.PERSONAL:
        monkeypatch.setenv(name, "error")
    monkeypatch.setenv("RNNLIB_DATA", "chapters")
    code = "import os\nos.environ['RNNLIB_DATA'], {k for k in os.environ if os.environ[k] == 'error'}"
    page = write(book, "chapters/two.md", FRONT + "# Two\n\n" + cell(code))
    importlib.reload(tools)
    done = execute.run_apart(page, lessons.reader()(str(page)), book)
    assert done["error"] == ""
    assert done["notebook"].cells[-1].outputs[0]["data"]["text/plain"] == repr((str(ROOT / "chapters"), set()))


def test_a_lesson_meets_no_settings_of_the_home_folder(book, monkeypatch, tmp_path):
    write(tmp_path, ".config/matplotlib/matplotlibrc", "axes.facecolor: black\n")
    write(tmp_path, ".ipython/profile_default/startup/mine.py", "theirs = 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    code = "import matplotlib\nmatplotlib.rcParams['axes.facecolor'], 'theirs' in globals()"
    page = write(book, "chapters/two.md", FRONT + "# Two\n\n" + cell(code))
    done = execute.run_apart(page, lessons.reader()(str(page)), book)
    assert done["error"] == ""
    assert done["notebook"].cells[-1].outputs[0]["data"]["text/plain"] == repr(("white", False))


def test_a_costly_lesson_fails_the_build(book, run, quick, monkeypatch):
    monkeypatch.setattr(build, "MAX_MIB", 1.0)
    monkeypatch.setattr(build, "CUDA_MIB", 0.0)
    status, said, site = run()
    assert (status, site) == (1, book)
    assert "Too costly: one" in said


def test_a_kernel_that_dies_is_named(book):
    page = write(book, "chapters/two.md", FRONT + "# Two\n\n" + cell("import os\nprint('last words', flush=True)\nos._exit(3)"))
    done = execute.run_apart(page, lessons.reader()(str(page)), book)
    assert "The kernel died" in done["error"]


def test_a_wrong_data_file_is_named_before_lessons_run_without_it(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path))
    monkeypatch.setenv("RNNLIB_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("RNNLIB_OFFLINE", "1")
    write(tmp_path, "alice.txt", "not Alice")
    said = []
    assert "alice.txt" in build.corpora(said.append)
    assert "the one in RNNLIB_DATA is not the right file (expected SHA-256" in "\n".join(said)


def test_what_a_full_disk_left_is_made_anew(book, run, quick):
    cache = book / "_build/.jupyter_cache"
    cache.mkdir(parents=True)
    (cache / "global.db").write_bytes(b"")  # made, and then there was no room for its tables
    assert "2 lessons, 2 to run" in run()[1]
    half = sorted(cache.glob("executed/*/base.ipynb"))[0]
    half.write_bytes(half.read_bytes()[:100])
    assert "2 lessons, 1 to run" in run()[1]
    assert "2 lessons, 0 to run" in run()[1]


def test_a_full_disk_under_a_lesson_or_the_site_ends_in_one_line_that_names_the_place(book, run, quick, monkeypatch):
    def no_room(root, target, outputs):
        raise RuntimeError("OSError: [Errno 28] No space left on device")

    run()
    monkeypatch.setattr(website, "build", no_room)
    said = []
    assert build.build(book, say=said.append) == 1
    assert said[-1] == f"\nCannot write the site in {book / '_build'}: the disk is full. {tools.AGAIN}"

    failed = {"page": book / "chapters/one.md", "seconds": 1.0, "error": "OSError: [Errno 28] No space left on device"}
    monkeypatch.setattr(execute, "run_lessons", lambda jobs, root, workers: [failed])
    write(book, "rnnlib/b.py", "value = 2\n")
    assert build.build(book, say=said.append) == 1
    assert said[-1] == f"\nCannot write in {book}, or in the folder for temporary files: the disk is full. {tools.AGAIN}"


def test_no_lesson_begins_after_the_build_has_stopped(monkeypatch):
    begun = []
    monkeypatch.setattr(execute, "run_apart", lambda page, notebook, root: begun.append(page) or time.sleep(0.02) or {"page": page})
    runs = execute.run_lessons([(k, None) for k in range(1000)], ROOT, 1)
    next(runs)
    runs.close()
    assert len(begun) < 1000


# --- the site -----------------------------------------------------------------------------------------------------------------


def test_site_is_strict_each_time_and_left_alone_when_nothing_changed(book):
    for name in ("_config.yml", "tools", "_static", "_latex"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, book / name)
    write(book, "chapters/references.bib", "")
    for name in ("one", "two"):  # what Sphinx says is asked here, not what a kernel answers
        write(book, f"chapters/{name}.md", f"(lesson-{name})=\n# {name}\n\n$x^2$ [](#nowhere)\n")
    for _ in range(2):  # a second build must not take the warnings of the first for settled
        with pytest.raises(RuntimeError, match="nowhere"):
            website.build(book, book, [])
    for name in ("one", "two"):
        write(book, f"chapters/{name}.md", f"(lesson-{name})=\n# {name}\n\n$x^2$\n")
    assert website.build(book, book, []) is True
    assert website.build(book, book, []) is False
    assert "<mjx-container" in (book / "_build/html/chapters/one.html").read_text(encoding="utf-8")

    before = website.fingerprint(book, [])
    assert website.fingerprint(book, ["an output changed"]) != before
    write(book, "_static/rnn.css", "")
    assert website.fingerprint(book, []) != before
