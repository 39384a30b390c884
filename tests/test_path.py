"""The path through the chapters: their lessons' own times."""

from pathlib import Path

import pytest

from tools.rnnbook import path

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(("minutes", "said"), [(10, "½ h"), (60, "1 h"), (190, "3 h"), (200, "3½ h")])
def test_hours_are_rounded_to_a_half(minutes, said):
    assert path.hours(minutes) == said


def test_a_chapter_takes_as_long_as_its_lessons(tmp_path):
    card = ":::{admonition} Card\n- **Time, device:** 40 minutes; a CPU.\n:::\n"
    files = {
        "index.md": "# Book\n",
        "01_a/index.md": "# A\n",
        "01_a/x.md": f"# X\n{card}",
        "01_a/y.md": f"# Y\n{card}",
        "02_b/index.md": "# B\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    listed = "".join(f"- file: {name}\n" for name in files if name != "index.md")
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: index\nchapters:\n{listed}", encoding="utf-8")
    assert path.stations(tmp_path) == [(tmp_path / "01_a/index.md", "A", 2, 80), (tmp_path / "02_b/index.md", "B", 0, 0)]


def test_every_lesson_of_the_book_is_on_the_path():
    found = path.stations(ROOT)
    assert len(found) == 8 and all(count >= 2 and minutes >= 30 * count for *_, count, minutes in found)
    assert sum(count for *_, count, _ in found) == len(path.lessons.lessons(ROOT))
