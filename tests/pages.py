"""A lesson or lab as text: its code cells, its prose, and the faults that the house rules name.

Each checker takes text and returns sentences about what is wrong, so that a planted fault can show it at work.
"""

import ast
import re
import sys
from dataclasses import dataclass

import yaml

MAX_CELL_LINES = 15
LIBRARIES = {"numpy", "scipy", "sklearn", "matplotlib", "torch", "IPython", "rnnlib"}
# In this order; a lesson may have more headings between them.
HEADINGS = (
    "The idea",
    "Predict",
    "The equations",
    "By hand",
    "The function",
    "Check it",
    "See it",
    "In PyTorch",
    "What goes wrong",
    "Summary",
    "Exercises",
    "Sources",
)
CARD = ("You need", "You will be able to", "Time, device", "In rnnlib")
_FENCE = re.compile(r"^(`{3,}|:{3,})(.*)$")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|al|vs|cf|Fig|Eq|Dr|Mr|Mrs|St|resp|approx|No|pp|ed|Jr)\.$")


@dataclass
class Cell:
    """A code cell: the line it begins at, its options and its source."""

    line: int
    options: dict
    source: str


def cells(text):
    """The code cells of a Markdown notebook."""
    found = []
    for match in re.finditer(r"^```\{code-cell\}[^\n]*\n(.*?)^```\s*$", text, re.DOTALL | re.MULTILINE):
        body, options = match[1], {}
        if block := re.match(r"---\n(.*?)^---\n", body, re.DOTALL | re.MULTILINE):
            options, body = yaml.safe_load(block[1]) or {}, body[block.end() :]
        else:
            while option := re.match(r":([\w-]+):[ \t]*(.*)\n", body):
                options[option[1]], body = option[2], body[option.end() :]
        found.append(Cell(text.count("\n", 0, match.start()) + 1, options, body.strip("\n")))
    return found


def prose(text):
    """``(number, line)`` for the lines of text: no front matter, code, formulas, tables, headings or directive lines."""
    lines, inside, formula = [], [], False
    start = text.index("\n---\n", 4) + 5 if text.startswith("---\n") else 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        fence = _FENCE.match(stripped)
        if number <= text.count("\n", 0, start):
            continue
        if fence and inside and not fence[2] and len(fence[1]) >= len(inside[-1][0]) and fence[1][0] == inside[-1][0][0]:
            inside.pop()
        elif fence:
            inside.append((fence[1], fence[2]))
        elif any(not re.match(r"\{(?:admonition|exercise|solution|note|tip|warning|important)", kind) for _, kind in inside):
            continue
        elif stripped.startswith("$$"):
            formula = not formula and not (len(stripped) > 2 and stripped.endswith("$$"))
        elif not formula and not re.match(r"(?:[|#%:]|\(.*\)=$|\+\+\+)", stripped):
            lines.append((number, line))
            continue
        lines.append((number, ""))
    return lines


def _plain(line):
    """A line of prose without its code, formulas and roles, and without a list mark or a bold lead-in."""
    line = re.sub(r"\{[\w:]+\}`[^`]*`|`[^`]*`|\$[^$]*\$", "x", line)
    line = re.sub(r"^\s*(?:[-*+]|\d+\.)\s+", "", line)
    return re.sub(r"^\s*\*\*[^*]+\*\*", "", line).strip()


def sentence_faults(text):
    """Lines with more than one sentence, and sentences that go on in the next line."""
    faults, lines = [], prose(text)
    for (number, line), (_, following) in zip(lines, [*lines[1:], (0, "")], strict=True):
        plain = _plain(line)
        for end in re.finditer(r"[.!?][)\"'*_”’]*(?=\s+[A-Z“\"'(*_x])", plain):
            if not _ABBREVIATION.search(plain[: end.start() + 1]) and not re.search(r"\b[A-Z]\.$", plain[: end.start() + 1]):
                faults.append(f"line {number}: more than one sentence: {line.strip()[:80]!r}")
                break
        goes_on = following.strip() and not re.match(r"\s*(?:[-*+]|\d+\.)\s", following)
        if plain and goes_on and not re.search(r"[.!?:;…][)\"'*_”’]*\\?$", plain):
            faults.append(f"line {number}: the sentence goes on in the next line: {line.strip()[-60:]!r}")
    return faults


def long_cell_faults(text):
    """Code cells that a reader cannot take in at a glance."""
    return [
        f"line {cell.line}: the cell has {len(cell.source.splitlines())} lines, at most {MAX_CELL_LINES} are read at a glance"
        for cell in cells(text)
        if len(cell.source.splitlines()) > MAX_CELL_LINES
    ]


def _tree(cell):
    return ast.parse("\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines()))


def import_faults(text, lab=False, also=()):
    """Imports from anywhere but ``rnnlib`` and the scientific libraries; for a lab, of what answers labs.

    Parameters
    ----------
    text : str
    lab : bool
        Whether the text is a lab's, not a lesson's.
    also : tuple of str
        More modules that are allowed.
    """
    faults = []
    for cell in cells(text):
        for node in ast.walk(_tree(cell)):
            if isinstance(node, ast.Import):
                names = [(alias.name, None) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or ".", alias.name) for alias in node.names]
            else:
                continue
            for module, attribute in names:
                if module.split(".")[0] not in LIBRARIES | sys.stdlib_module_names and module not in also:
                    faults.append(f"line {cell.line}: imports {module}; a page imports rnnlib and the scientific libraries only")
                if lab and _answers(module, attribute):
                    faults.append(f"line {cell.line}: imports {module}, which answers the lab")
    return faults


def _answers(module, attribute):
    return re.match(r"rnnlib\.(?:scratch|nn)\b", f"{module}.{attribute}") is not None


def figure_faults(text):
    """Figures without a text for who cannot see them, or without a caption."""
    faults = []
    for cell in cells(text):
        for call in (node for node in ast.walk(_tree(cell)) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name in ("plt.show", "pyplot.show"):
                faults.append(f"line {cell.line}: {name}() has no alt text; use viz.show(figure, alt=...)")
            if name not in ("viz.show", "show"):
                continue
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            alt = words.get("alt", call.args[1] if len(call.args) > 1 else None)
            if alt is None or (isinstance(alt, ast.Constant) and not str(alt.value).strip()):
                faults.append(f"line {cell.line}: a figure without alt text")
            figure = (cell.options.get("mystnb") or {}).get("figure") or {}
            if not (figure.get("caption") and figure.get("name")) and "caption" not in words:
                faults.append(f"line {cell.line}: a figure without a caption and a name (mystnb: figure: in the cell's options)")
    for match in re.finditer(r"^[`:]{3,}\{(?:figure|image)\}[^\n]*\n((?::[^\n]*\n)*)", text, re.MULTILINE):
        if not re.search(r"^:alt:[ \t]*\S", match[1], re.MULTILINE):
            faults.append(f"line {text.count(chr(10), 0, match.start()) + 1}: a picture without alt text")
    faults += [f"a picture without alt text: {match[0]}" for match in re.finditer(r"!\[\s*\]\([^)]*\)", text)]
    return faults


def labels(text):
    """Every label that a page defines: of sections, formulas, figures, exercises and solutions."""
    found = re.findall(r"^\(([\w-]+)\)=", text, re.MULTILINE)
    found += re.findall(r"^\$\$[ \t]*\(([\w-]+)\)", text, re.MULTILINE)
    found += re.findall(r"^:(?:label|name):[ \t]*([\w-]+)", text, re.MULTILINE)
    for cell in cells(text):
        figure = (cell.options.get("mystnb") or {}).get("figure") or {}
        found += [figure["name"]] if "name" in figure else []
    return found


def label_faults(pages):
    """Labels that stand twice in the book. ``pages`` is a dict from name to text."""
    seen, faults = {}, []
    for name, text in pages.items():
        for label in labels(text):
            if label in seen:
                faults.append(f"{name}: the label {label} stands in {seen[label]} too")
            seen[label] = name
    return faults


def template_faults(text):
    """What a lesson lacks of the template."""
    faults = []
    if not re.search(r"^---\n.*?^---\n\s*^\([\w-]+\)=\n# \S", text, re.DOTALL | re.MULTILINE):
        faults.append("it does not begin with front matter, a label and a title")
    if not re.search(r"^\*\*Question\.\*\* \S.*\?$", text, re.MULTILINE):
        faults.append('no line "**Question.** …?" of one sentence')
    card = re.search(r"^(:{3,})\{admonition\} Card\n:class: card\n(.*?)^\1$", text, re.DOTALL | re.MULTILINE)
    faults += [f"the card does not say: {word}" for word in CARD if not card or f"**{word}:**" not in card[2]]
    have = re.findall(r"^## (.+?)\s*$", text, re.MULTILINE)
    place = 0
    for heading in HEADINGS:
        if heading in have[place:]:
            place = have.index(heading, place) + 1
        else:
            faults.append(f'the heading "{heading}" is missing or out of order')
    summary = re.search(r"^## Summary\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)
    if summary and len(re.findall(r"^- ", summary[1], re.MULTILINE)) != 3:
        faults.append("the summary has not three bullets")
    exercises = re.findall(r"^`{3,}\{exercise\}[^\n]*\n:label: ([\w-]+)", text, re.MULTILINE)
    solved = re.findall(r"^`{3,}\{solution(?:-start)?\} ([\w-]+)", text, re.MULTILINE)
    if not 3 <= len(exercises) <= 5:
        faults.append(f"it has {len(exercises)} exercises, not 3 to 5")
    faults += [f"the exercise {label} has no solution" for label in exercises if label not in solved]
    if exercises and "](#open-a-lab)" not in text[text.rindex(f":label: {exercises[-1]}") :]:
        faults.append("the last exercise does not open the lab")
    return faults


def link_faults(text):
    """Links to built pages: they break when a file moves, and Jupyter Book 2 names them otherwise."""
    return [f"a link to a built page: {match[0]}" for match in re.finditer(r"\]\((?!https?:)[^)]*\.html[^)]*\)", text)]
