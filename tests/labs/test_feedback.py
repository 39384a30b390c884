"""Feedback pages: parts by name, a language, alt texts of figures, and comments that are written once and used again."""

import base64
import re

import nbformat
import pytest
from classes import graded

from labs.grading.__main__ import main
from labs.grading.course import RoadError
from labs.grading.desk import apart, comments, fresh, parts
from labs.grading.text import source

LAB = "lab02_rnn"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = tmp_path_factory.mktemp("feedback")
    course = graded(root, {"ada": (), "ben": {"rnn_step_test"}})
    path = course.folder("autograded", LAB, "ada") / f"{LAB}.ipynb"
    nb = nbformat.read(path, 4)
    picture = nbformat.v4.new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"})
    next(c for c in nb.cells if source.meta(c).get("grade_id") == "figure").outputs = [picture]
    nb.cells.append(nbformat.v4.new_code_cell("# a figure of <b>mine</b>", outputs=[picture]))
    nbformat.write(nb, path)
    (root / "comments.csv").write_text(
        'key;comment\nwhy;"Say **why**, not only what.\n\nSee the lesson."\n#short;Too short.\n', encoding="utf-8"
    )
    with course.book() as book:
        book.find_comment("explain", LAB, LAB, "ada").manual_comment = "Good. #why #shrot"
        book.find_comment("explain", LAB, LAB, "ben").manual_comment = "#short(er), C#why, a#short, #1 and &#why;"
        book.db.commit()
    course.folder("submitted", LAB, "zoë").mkdir(parents=True)
    return course


@pytest.fixture(scope="module")
def pages(course):
    status = main(["feedback", "2", "--course", str(course.root)])
    return status, {s: (course.folder("feedback", LAB, s) / f"{LAB}.html").read_text(encoding="utf-8") for s in ("ada", "ben")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of nbconvert's own libraries
def test_a_page_names_its_parts_its_language_and_its_figures(pages):
    status, html = pages[0], pages[1]["ben"]
    assert status == 1, "somebody who handed in has no page"
    toc = re.search(r'id="toc">(.*?)</ul>', html, re.DOTALL)[1]
    listed = re.findall(r'<a href="#(\w[\w-]*)">(.*?)</a>(.*?)</li>', toc)
    assert listed[0] == ("rnn_step_test", "1 · One step (rnn_step)", ": 0 of 5 points")
    assert listed[-2] == ("explain", "8 · Explain", ": not read yet, counts 0 of 6 points until then")
    assert listed[-1][1] == "Comment on 8 · Explain"
    assert len(listed) == 9, "checks without points are not listed"
    assert "Test cell" not in html and '<html lang="en">' in html and "<h1" in html and html.count("<main") == html.count("<body") == 1
    alts = re.findall(r'<img[^>]* alt="([^"]*)"', pages[1]["ada"])
    assert alts[0] == "a figure of your states (lines) beside the reference (dots)" and "has no description" in alts[1] and len(alts) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_key_in_a_comment_becomes_its_text(pages):
    ada, ben = pages[1]["ada"], pages[1]["ben"]
    assert "Good. Say <strong>why</strong>, not only what." in ada and "See the lesson. #shrot" in ada
    assert "Too short.(er), C#why, a#short, #1 and" in ben, "what only looks like a key stays"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_page_knows_the_marks_that_it_shows(course, pages):
    found, old = fresh.pages(course, LAB)
    assert sorted(found) == ["ada", "ben"] and old == []


def test_how_often_a_key_was_used_and_which_is_none(course):
    assert comments.used(course, LAB) == ({"why": 1, "short": 1}, {"shrot": ["ada"]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("key,text\n", "expected the columns key, comment; got key, text"),
        ("key,comment\ntwo words,x\n", "line 2: expected a key that begins with a letter"),
        ("key,comment\n1,x\n", "line 2: expected a key"),
        ("key,comment\nwhy,\n", "line 2: expected a key that begins with a letter and has no spaces, and a comment; got 'why', ''"),
        ('key,comment\nwhy,"a\nb"\n#why,c\n', "line 4: why is there twice"),
    ],
)
def test_a_line_of_the_comments_that_cannot_be_read_is_named(tmp_path, text, words):
    (tmp_path / "comments.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RoadError, match=r"comments\.csv") as caught:
        comments.texts(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("lab", source.names())
def test_every_lab_says_what_its_figures_show(lab):
    full = source.notebook(lab)
    parts.describe(full, full)
    drawing = [c for c in full.cells if c.cell_type == "code" and "plt.show()" in c.source]
    assert drawing and all(not c.metadata.alt.startswith("A figure that cell") and len(c.metadata.alt) > 20 for c in drawing)
    graded = [c for c in full.cells if source.meta(c).get("points")]
    assert all(re.match(r"\d+ · ", c.metadata.part) for c in graded), [c.metadata.part for c in graded]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_page_that_is_slow_to_draw_costs_its_own_student_only(tmp_path, monkeypatch):
    course = graded(tmp_path, {"ada": (), "ben": (), "cyd": ()})

    def written(student, cells):
        path = course.folder("autograded", LAB, student) / f"{LAB}.ipynb"
        nb = nbformat.read(path, 4)
        next(c for c in nb.cells if source.meta(c).get("grade_id") == "explain").source = "$a < b$\n" + "\\[" * 49_000
        nb.cells += [nbformat.v4.new_markdown_cell("\\[" * 3900) for _ in range(cells)]
        nbformat.write(nb, path)

    written("ada", 0)  # a minute and more, if it were Markdown
    written("ben", 200)
    monkeypatch.setattr(apart, "SECONDS", 20)
    main(["feedback", "2", "--course", str(course.root)])
    html = {s: (course.folder("feedback", LAB, s) / f"{LAB}.html").read_text(encoding="utf-8") for s in ("ada", "ben", "cyd")}
    assert apart.SLOW not in html["ada"] and "$a &lt; b$" in html["ada"].replace("&#36;", "$") and html["ada"].count("\\[") > 40_000
    assert apart.SLOW in html["ben"] and "\\[\\[" not in html["ben"]
    assert apart.SLOW not in html["cyd"] and not apart._room
