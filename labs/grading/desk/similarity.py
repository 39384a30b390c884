"""A page of pairs of submissions that are more similar than the lab explains. It is a reason to look, not proof."""

import pathlib
import tempfile

import jinja2
import nbformat
from markupsafe import Markup

from labs.grading.files import write_whole
from labs.grading.inbox.submission import Unreadable, cells_in, submission

_PAGE = pathlib.Path(__file__).with_name("similarity.html")
MOST = 300  # pairs on the page
NOISE, GUARANTEE = 25, 40  # characters of renamed code: what is shorter is chance, what is as long is always found


def similarity(course, lab, threshold=0.8, to=None):
    """Write a page of the pairs of submissions that share more than ``threshold`` of their code, alike parts side by side.

    Names, comments and white space do not count; what stands in the release is subtracted. The method is winnowing
    (Schleimer, Wilkerson & Aiken 2003), the program copydetect.

    Parameters
    ----------
    course : Course
    lab : str
    threshold : float
        Between 0 and 1.
    to : path, optional
        Default ``reports/LAB-similarity.html`` in the course.

    Returns
    -------
    page : Path
    pairs : list of (float, str, str)
        Share and the two students, the largest first.
    without, unread : list of str
        Students who are not compared, because they have no code of their own or a file that cannot be read.

    Raises
    ------
    ValueError
        Fewer than two submissions have code of their own.
    """
    import matplotlib

    matplotlib.use("Agg")
    from copydetect import CopyDetector

    page = pathlib.Path(to) if to else course.root / "reports" / f"{lab}-similarity.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    released = nbformat.read(course.released(lab), 4)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        ours = {c.source.strip() for c in released.cells}
        codes = {student: _code(course, lab, student, ours) for student in course.students(lab)}
        texts = {student: text for student, text in codes.items() if text}
        if len(texts) < 2:
            raise ValueError(f"{lab}: expected at least two submissions with their own code, got {len(texts)}")
        for part in ("handed_in", "release"):
            (root / part).mkdir()
        for student, text in texts.items():
            (root / "handed_in" / f"{student}.py").write_text(text, encoding="utf-8")
        (root / "release" / "release.py").write_text(
            "\n\n".join(c.source for c in released.cells if c.cell_type == "code"), encoding="utf-8"
        )
        one, other = str(root / "handed_in"), str(root / "release")
        detector = CopyDetector(
            test_dirs=[one], ref_dirs=[one], boilerplate_dirs=[other], extensions=["py"], noise_t=NOISE, guarantee_t=GUARANTEE,
            display_t=threshold, autoopen=False, silent=True,
        )  # fmt: skip
        detector.run()
        rows = []
        for share, _, *files, left, right, _ in detector.get_copied_code_list():  # the code is escaped, its alike parts are marked
            sides = sorted(zip((pathlib.Path(file).stem for file in files), (Markup(left), Markup(right)), strict=True))
            rows.append((float(share), sides[0][0], sides[1][0], sides[0][1], sides[1][1]))
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(_PAGE.read_text(encoding="utf-8"))
    html = template.render(lab=lab, threshold=threshold, compared=len(texts), pairs=rows[:MOST])
    write_whole(page, html.encode())
    without, unread = ([s for s, text in codes.items() if text == nothing] for nothing in ("", None))
    return page, [row[:3] for row in rows], without, unread


def _code(course, lab, student, ours):
    """The code cells that a student wrote: those that do not stand like that in the release. None if the file cannot be read."""
    raw, _ = submission(course, lab, student)
    try:
        cells, _ = cells_in(raw or b"")
    except Unreadable:
        return None
    return "\n\n".join(text for kind, _, text in cells if kind == "code" and text.strip() and text.strip() not in ours)
