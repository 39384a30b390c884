"""The PDF is offered where there is a site, and the first page has a place for its link."""

from pathlib import Path

from tools import pdf

ROOT = Path(__file__).resolve().parent.parent


def test_the_first_page_links_the_pdf_once_it_is_made(tmp_path):
    made, html = tmp_path / "rnn-course.pdf", tmp_path / "html"
    made.write_bytes(b"x" * 2_000_000)
    pdf.offer(made, html)  # no site: nothing to do
    (html / "chapters").mkdir(parents=True)
    place = '<span class="rnn-pdf"></span>'
    assert (ROOT / "chapters/index.md").read_text(encoding="utf-8").count(place) == 1
    page = html / "chapters/index.html"
    page.write_text(f"<p>Read it here.{place}</p>", encoding="utf-8")
    for _ in range(2):
        pdf.offer(made, html)
        link = 'Read it here.<span class="rnn-pdf"> The whole book is also <a href="../rnn-course.pdf">one PDF</a> (2 MB).</span>'
        assert page.read_text(encoding="utf-8") == f"<p>{link}</p>"
    assert (html / "rnn-course.pdf").is_file()
