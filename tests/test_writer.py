"""The network that writes in a page says what it read. (In a browser: tests/test_site.py.)"""

import pytest

from rnnlib.data.corpora import STAND_IN
from tools.rnnbook import writer

LESSON = '<p class="{note}">About the data.</p><script type="application/json" class="rnn-weights" data-name="toy">{{"a": 1}}</script>'
FRONT = '<rnn-writer name="toy" prompt="A">\n<p>instead</p></rnn-writer><rnn-writer name="other" prompt="B"></rnn-writer>'


@pytest.mark.parametrize(("note", "times"), [(STAND_IN, 1), ("", 0)], ids=["synthetic", "real"])
def test_below_the_figure_it_says_that_the_text_was_synthetic(tmp_path, note, times):
    (tmp_path / "lesson.html").write_text(LESSON.format(note=note), encoding="utf-8")
    (tmp_path / "front.html").write_text(FRONT, encoding="utf-8")
    writer.publish(tmp_path)
    writer.publish(tmp_path)  # a build in which neither page was rendered
    front = (tmp_path / "front.html").read_text(encoding="utf-8")
    assert front.count(writer.SYNTHETIC) == times
    assert front.replace(writer.SYNTHETIC, "") == FRONT and front.endswith('prompt="B"></rnn-writer>'), "below its own figure only"
    assert "rnn-weights" not in (tmp_path / "lesson.html").read_text(encoding="utf-8")
    script = (tmp_path / "_static/rnn-writer/toy.js").read_text(encoding="utf-8")
    assert script == times * f"// {STAND_IN}\n" + '(globalThis.rnnWeights ??= {})["toy"] = {"a":1};\n'
