"""The book as one PDF: ``python -m tools.pdf``, after the lessons have run. It needs xelatex and latexmk."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.website import JUPYTER_BOOK

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"xelatex": "texlive-xetex texlive-latex-extra texlive-fonts-recommended fonts-freefont-otf", "latexmk": "latexmk"}


def offer(pdf, html):
    """Put the PDF beside the pages of a built site, and a link to it on the first one, where ``index.md`` keeps a place.

    Parameters
    ----------
    pdf : Path
    html : Path
        The folder of the built site; nothing happens if there is none.
    """
    page = html / "chapters" / "index.html"
    if page.is_file():
        shutil.copy(pdf, html)
        link = (
            f'<span class="rnn-pdf"> The whole book is also <a href="../{pdf.name}">one PDF</a> ({pdf.stat().st_size / 1e6:.0f} MB).</span>'
        )
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r'<span class="rnn-pdf">.*?</span>', link, text), encoding="utf-8")


def main():
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = " ".join(PROGRAMS[name] for name in missing)
        print(f"The PDF needs {' and '.join(missing)}. On Debian or Ubuntu: sudo apt install {packages}", file=sys.stderr)
        return 1
    command = [*JUPYTER_BOOK, "build", ROOT, "--builder", "pdflatex", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    pdf = ROOT / "_build" / "latex" / "rnn-course.pdf"
    if done.returncode or not pdf.is_file():
        print("\n".join((done.stdout + done.stderr).splitlines()[-40:]), file=sys.stderr)
        return 1
    offer(pdf, ROOT / "_build" / "html")
    print(f"The book is in {pdf.relative_to(ROOT)} ({pdf.stat().st_size / 1e6:.1f} MB).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
