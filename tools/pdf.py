"""The book as one PDF: ``python -m tools.pdf``, after the lessons have run. It needs xelatex and latexmk."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.website import JUPYTER_BOOK

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"xelatex": "texlive-xetex texlive-latex-extra texlive-fonts-recommended fonts-freefont-otf", "latexmk": "latexmk"}


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
    print(f"The book is in {pdf.relative_to(ROOT)} ({pdf.stat().st_size / 1e6:.1f} MB).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
