"""Wherever the checkout, a course or the exchange lies, a locked process cannot read it, by two layers that each do it alone."""

import os
import subprocess
import sys

import pytest

from labs.grading.files import LABS
from labs.grading.locked import sandbox, sight
from labs.grading.locked.proof import prove

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")
READS = """
import os, sys
from labs.grading.locked import sandbox, sight

system, without = sys.argv[1], sys.argv[2].split(",")
def missing(*args):
    raise OSError(38, "not here")
for name in ("landlock", "namespaces"):
    if name in without:
        setattr(sandbox, f"_{name}", missing)
sight.SYSTEM += (system,)
hidden = sight.secrets([f"{system}/src/course", f"{system}/book.db"])
sees = sight.readable(hidden)
if "namespaces" not in without:
    sight.cover(hidden, os.getcwd())
sandbox.enter(sys.argv[3], may_read=sees, allow_missing=sandbox.LAYERS)
for where, _, names in os.walk(system):
    pass  # it may list, or not
for path in sys.argv[4:]:
    try:
        open(path).close()
        print(path)
    except OSError:
        pass
"""


@pytest.fixture
def system(tmp_path):
    """A folder of the system with a course in it; Python's packages lie in the course."""
    for path in ("lib/ours.so", "src/other/file", "src/course/work/grading.key", "src/course/submitted/ada/lab.ipynb", "book.db"):
        (tmp_path / "system" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "system" / path).write_text("x", encoding="utf-8")
    (tmp_path / "system/link").symlink_to(LABS / "lab02_rnn.md")
    (tmp_path / "box").mkdir(mode=0o777)
    for path in (tmp_path, tmp_path / "box", *(p for p in tmp_path.parents if p.name.startswith(("pytest-", "popen-")))):
        path.chmod(0o777)
    return tmp_path / "system"


@pytest.mark.parametrize("without", ["", "landlock", "namespaces", "landlock,namespaces"])
def test_a_course_below_a_folder_of_the_system_stays_closed(lockable, system, without):
    secret = [f"{system}/{name}" for name in ("src/course/work/grading.key", "src/course/submitted/ada/lab.ipynb")]
    secret += [f"{LABS}/lab02_rnn.md", f"{LABS}/grading/marks/marker.py", f"{LABS.parent}/rnnlib/scratch/rnn.py"]
    book, link = f"{system}/book.db", f"{system}/link"
    free = [f"{system}/lib/ours.so", f"{system}/src/other/file", f"{LABS.parent}/rnnlib/viz/__init__.py"]
    command = [sys.executable, "-c", READS, str(system), without, str(system.parent / "box"), *secret, book, link, *free]
    done = subprocess.run(command, cwd=LABS.parent, capture_output=True, encoding="utf-8", check=True)
    seen = done.stdout.split()
    assert set(free) <= set(seen), done.stderr
    if without != "landlock,namespaces":
        assert not {*secret, link} & set(seen) and (book in seen) == (without == "landlock")  # an empty folder lies over folders only
    elif os.getuid() != 0:
        assert {*secret, book, link} <= set(seen), "nothing is closed by chance"


def test_what_lies_beside_a_secret_is_found(tmp_path):
    for path in ("a/b/secret/x", "a/b/c/y", "a/d/z"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "a/b/way").symlink_to(tmp_path / "a/b/secret")
    root, secret = os.path.realpath(tmp_path / "a"), os.path.realpath(tmp_path / "a/b/secret")
    assert sorted(sight._without(root, [secret])) == [f"{root}/b/c", f"{root}/d"]
    assert sight._without(root, ["/elsewhere", f"{root}x"]) == [root] and sight._without(secret, [secret]) == []
    assert sight._without(f"{secret}/x", [secret]) == [f"{secret}/x"], "Python may lie in a checkout, and is named"


def test_a_locked_process_proves_that_nothing_is_in_sight(zygote, tmp_path, monkeypatch, capsys):
    prove(zygote.door, sight.secrets())
    (tmp_path / "key").write_text("x", encoding="utf-8")
    prove(zygote.door, sight.secrets([tmp_path]))
    with pytest.raises(sandbox.Exposed, match="could read /etc/passwd"):
        prove(zygote.door, ["/etc/passwd"])

    from labs.grading import __main__

    def exposed(course, o):
        raise sandbox.Exposed("a student's process could read /usr/src/app/labs/lab02_rnn.md")

    monkeypatch.setattr(__main__, "_in_course", lambda o: exposed(None, o))
    assert __main__.main(["grade", "--lab", "2", "--course", str(tmp_path / "course")]) == 1
    assert capsys.readouterr().err == "Nothing was graded: a student's process could read /usr/src/app/labs/lab02_rnn.md\n"


def test_a_course_names_what_nobody_may_read(tmp_path):
    from labs.grading.course import Course

    course = Course(tmp_path / "course")
    book = tmp_path / "elsewhere/marks.db"
    with open(course.root / "nbgrader_config.py", "a", encoding="utf-8") as file:
        file.write(f'c.Exchange.root = "{tmp_path}/exchange"\nc.CourseDirectory.db_url = "sqlite:///{book}"\n')
        file.write(f'c.CourseDirectory.submitted_directory = "{tmp_path}/handed-in"\n')
    assert course.secrets() == [str(course.root), f"{tmp_path}/exchange", f"{tmp_path}/handed-in", str(book)]
