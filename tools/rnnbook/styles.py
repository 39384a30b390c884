"""The theme's style sheets without the rules that no page of the book can meet: a third of what a first visit loads is left.

The sheets hold a whole toolkit, its grid, its 2000 icons and its forms. A rule goes if it asks for a class, an id or an element
that occurs in no page and no script. A name that a script puts together from parts is kept by its beginning.
"""

import re
from pathlib import Path

# Sheets of the theme and its extensions; ours are small and stay as they are written.
SHEETS = ("styles/pydata-sphinx-theme.css", "sphinx-design.min.css", "mystnb.*.css", "styles/sphinx-book-theme.css")
PUT_TOGETHER = ("bs-", "tooltip", "popover", "offcanvas", "modal", "collaps", "show", "fade", "dropdown")
_PIECE = re.compile(r"/\*.*?\*/|(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<mark>[{}])", re.DOTALL)
_NAME = re.compile(r"[.#]((?:[\w-]|\\.)+)")
_OPTIONAL = re.compile(r"\[[^\]]*\]|:(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)")


def blocks(css):
    """``(head, body)`` of each block at the outer level of a sheet, in order; a statement such as ``@import`` has the body None."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    begin, opened, depth = 0, 0, 0
    for piece in _PIECE.finditer(css):
        if piece["mark"] == "{":
            if depth == 0:
                *statements, head = css[begin : piece.start()].split(";")
                yield from ((statement.strip(), None) for statement in statements if statement.strip())
                opened = piece.end()
            depth += 1
        elif piece["mark"] == "}":
            depth -= 1
            if depth == 0:
                yield head.strip(), css[opened : piece.start()]
                begin = piece.end()
    yield from ((statement.strip(), None) for statement in css[begin:].split(";") if statement.strip())


def selectors(head):
    """The parts of ``a, b:is(c, d)`` between the commas that are not in brackets."""
    return [part.strip() for part in re.split(r",(?![^(]*\)|[^\[]*\])", head)]


def met(selector, names):
    """Whether an element of a page may match: every class and id that the selector asks for is among ``names``."""
    asked = (name.replace("\\", "") for name in _NAME.findall(_OPTIONAL.sub("", selector)))
    return all(name in names or name.startswith(PUT_TOGETHER) for name in asked)


def slim(css, names):
    """A style sheet without the rules that no page can meet.

    Parameters
    ----------
    css : str
    names : set of str
        Every word of the pages and scripts: classes and ids are among them.
    """
    kept = []
    for head, body in blocks(css):
        if body is None:
            kept.append(f"{head};")
        elif re.match(r"@(?:media|supports|layer|container)\b", head):
            if inner := slim(body, names):
                kept.append(f"{head}{{{inner}}}")
        elif head.startswith("@"):
            kept.append(f"{head}{{{body.strip()}}}")
        elif left := [selector for selector in selectors(head) if met(selector, names)]:
            kept.append(f"{','.join(left)}{{{body.strip()}}}")
    return "".join(kept)


def slim_sheets(outdir):
    """Write the theme's sheets anew, for the pages that were built."""
    out = Path(outdir)
    texts = (path.read_text(encoding="utf-8") for kind in ("html", "js") for path in out.rglob(f"*.{kind}"))
    names = {name for text in texts for name in re.findall(r"[\w-]+", text)}
    for pattern in SHEETS:
        for path in (out / "_static").glob(pattern):
            path.write_text(slim(path.read_text(encoding="utf-8"), names), encoding="utf-8")
