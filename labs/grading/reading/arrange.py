"""Where each text of a student's belongs in the released notebook. Nothing that they wrote is left out.

An answer is found by the name of its cell, then by the functions that it defines. What stands in no cell of the release keeps its place
among the cells that do. Works on plain data, because it reads strangers' text in a process that may be stopped (see
:mod:`labs.grading.reading.cells`).
"""

import dataclasses
import re

from labs.grading.reading import cells as reading

MOST_JOINED, SHOWN = 6, 60
_CODE = re.compile(r"(def|class|import|from|for|while|if|return|print|@|%|!)\b|.*(?<![=!<>])=(?!=)|.*\w\(")
REMARK = 12  # words of a comment that may be an explanation
UNREAD = "reading the cells took too long: answers were found by the names of their cells only"


@dataclasses.dataclass(eq=False)
class Own:
    """A text of the student's: where it was written, and what it says. ``home`` is the released cell whose name it has, ``after`` the
    last released cell before it, ``before`` the released cell that it is a changed version of."""

    kind: str
    text: str
    home: int | None = None
    after: int = -1
    before: int | None = None
    said: reading.Reading | None = None
    in_text: reading.Reading | None = None  # what it says if its text is code
    next_to: bool = False  # it follows directly on the text before it
    used: bool = False


def released_cells(nb):
    """What :func:`arrange` must know of the released notebook, as plain data."""
    known = []
    for cell in nb.cells:
        meta = cell.metadata.get("nbgrader", {})
        what = {"name": meta.get("grade_id"), "solution": bool(meta.get("solution")), "points": meta.get("points") or 0}
        known.append({"kind": cell.cell_type, "text": cell.source, **what})
    return known


def arrange(released, cells, careful=True):
    """The released cells in their order, with the student's texts in them and between them.

    Parameters
    ----------
    released : list of dict
        See :func:`released_cells`.
    cells : list of (kind, name or None, text)
        What was handed in.
    careful : bool
        Read what the cells say; else only their names count.

    Returns
    -------
    entries : list of (int or None, str, str)
        Place in ``released`` (None: a cell that was added), kind, text.
    notes : list of str
        What had to be put right.
    """
    return _Arrangement(released, cells, careful).run()


class _Arrangement:
    def __init__(self, released, cells, careful):
        self.released, self.careful, self.notes, self.out = released, careful, [], []
        self.names = {cell["name"]: k for k, cell in enumerate(released) if cell["name"]}
        self.at = {}  # text of a released cell -> its place
        for k, cell in reversed(list(enumerate(released))):
            self.at[_plain(cell["text"])] = k
        stubs = [reading.dumps(cell["text"]) if cell["solution"] and cell["kind"] == "code" else {} for cell in released]
        self.functions = [frozenset(found) for found in stubs]
        self.stub = {text for found in stubs for text in found.values()}
        self.all = frozenset().union(*self.functions)
        self.written = set()  # functions that the cells so far define
        self.found = set()  # places of released cells that the student's notebook holds
        self.own = self._own(cells)

    # --- what is the student's

    def _own(self, cells):
        own, last, follows = [], -1, False
        for kind, name, text in cells:
            if not text.strip():
                continue
            k = self.names.get(name)
            if k is None and _plain(text) in self.at:
                last, follows = self.at[_plain(text)], False
                self.found.add(last)
                continue
            if k is not None:
                self.found.add(k)
                if self._unchanged(k, kind, text):
                    last, follows = k, False
                    continue
            if k is not None and any(o.home == k and o.text == text for o in own):
                continue  # a copy
            mine = Own("code" if kind == "code" else "markdown", text, after=last, next_to=follows)
            if k is not None and self.released[k]["solution"]:
                mine.home = mine.after = last = k
            elif k is not None:
                mine.before = mine.after = last = k
            elif kind != "code":
                mine.after, mine.text = self._beyond(last, text)
                last = mine.after
            own.append(mine)
            follows = True
        return self._joined(own)

    def _unchanged(self, k, kind, text):
        ours = self.released[k]
        if _plain(text) == _plain(ours["text"]):
            return True
        return self.careful and not ours["solution"] and kind == ours["kind"] == "code" and reading.alike(text, ours["text"])

    def _beyond(self, last, text):
        """What a student wrote below a text of the release, in its cell; and the place of that."""
        for k, ours in enumerate(self.released):
            if ours["kind"] == "markdown" and not ours["name"] and text.strip().startswith(ours["text"].strip()):
                self.found.add(k)
                return k, text.strip().removeprefix(ours["text"].strip()).strip("\n")
        return last, text

    def _joined(self, own):
        """Cells that are Python only together were one cell before somebody split it."""
        for mine in own:
            mine.said = self._read(mine)
        kept = []
        while own:
            first, count = own[0], 1
            while self.careful and count < min(MOST_JOINED, len(own)) and self._may_follow(own[count], own[count - 1], first):
                count += 1
            whole, n = next(((w, n) for n in range(count, 1, -1) if (w := self._whole(own[:n]))), (first, 1))
            kept.append(whole)
            own = own[n:]
        for k, cell in enumerate(self.released):  # parts of a split cell with another cell between them
            parts = [o for o in kept if o.home == k and o.kind == cell["kind"] == "code"]
            if self.careful and len(parts) > 1 and any(not o.said.python or _indented(o) for o in parts) and (whole := self._whole(parts)):
                kept = [whole if o is parts[0] else o for o in kept if o not in parts[1:]]
        return kept

    def _whole(self, parts):
        """The cell that these were, if they are Python together."""
        text = "\n".join(o.text for o in parts)
        said = reading.read(text, self.stub)
        if said.python:
            self.notes.append(f"cells that are code only together were joined: {_quoted(parts[0].text.lstrip())}")
            return dataclasses.replace(parts[0], text=text, said=said)
        return None

    @staticmethod
    def _may_follow(part, before, first):
        """Whether a cell may be the rest of the one before."""
        if not (part.kind == before.kind == "code" and part.next_to and part.before is None and part.home in (None, first.home)):
            return False
        if not part.said.python or not before.said.python:
            return True
        return part.home is not None and _indented(part) and before.text.rstrip().split("\n")[-1][:1] in (" ", "\t")

    def _read(self, mine):
        if not self.careful:
            return reading.Reading(mine.text)
        if mine.kind == "code":
            said = reading.read(mine.text, self.stub)
            if said.python:
                return said
            text = mine.text  # a text of the release that was merged with an answer is no Python
            for ours in self.released:
                if ours["kind"] == "markdown" and not ours["name"] and ours["text"].strip() in text:
                    text = text.replace(ours["text"].strip(), reading.commented(ours["text"].strip()))
            again = reading.read(text, self.stub) if text != mine.text else said
            return again if again.python else said
        text = re.sub(r"\A\s*```\w*\n(.*?)\n?```\s*\Z", r"\1", mine.text, flags=re.DOTALL)
        of_code = mine.home is not None and self.released[mine.home]["kind"] == "code"
        if not of_code and not any(name in text for name in self.all):
            return reading.Reading(mine.text)
        said = reading.read(text, self.stub)
        if said.python and of_code:
            self._run_as_code(mine, said)
        elif said.python and said.bound & self.all:  # code if the function is written nowhere else
            mine.in_text = said
            return reading.Reading(mine.text)
        return said

    def _run_as_code(self, mine, said):
        """A cell of code that became one of text."""
        mine.kind, mine.text, mine.said = "code", said.text, said
        what = _list(said.bound & self.all) or self.released[mine.home]["name"]
        self.notes.append(f"the answer to {what} was in a cell of text: it is run as code")

    # --- where it goes

    def run(self):
        """Entries and notes."""
        self.prose = {k: [] for k, cell in enumerate(self.released) if cell["solution"] and cell["kind"] != "code"}
        for mine in self.own:
            code = mine.kind == "code"
            if mine.home in self.prose and not (code and mine.said.bound & self.all):
                self.prose[mine.home].append(mine)
                mine.used = True
            elif mine.home is not None and code == (mine.home in self.prose):  # code under a question in words, words in a part's cell
                mine.home = None
        for k in self.prose:
            self._explanation(k)
        self._say_what_changed()
        self._emit_up_to(-1)
        for k, cell in enumerate(self.released):
            self._emit_all([o for o in self.own if o.before == k])
            if not cell["solution"]:
                self.out.append((k, cell["kind"], cell["text"]))
            elif cell["kind"] == "code":
                self._answer(k)
            else:
                self.out.append((k, cell["kind"], "\n\n".join(map(_as_text, self.prose[k])) or cell["text"]))
            self._emit_up_to(k)
        self._say_what_is_missing()
        return self.out, list(dict.fromkeys(self.notes))

    def _explanation(self, k):
        """Texts for a question in words: under its name, else next to it, else wherever they stand."""
        free = [o for o in self.own if not o.used and o.before is None and not o.in_text and _is_prose(o)]
        near = [o for o in free if o.after == k or (not self.prose[k] and o.after == k - 1)]
        for mine in near:
            mine.used = True
        was_there = bool(self.prose[k])
        self.prose[k] += near
        if was_there or near:
            return
        words = [o for o in free if len(o.text.split()) > 4]
        if not words and self.careful:
            words = [Own("code", block) for o in self.own if o.kind == "code" for block in _remarks(o.text)]
        if words and len(self.prose) == 1:
            self.prose[k] = words
            self.notes.append(f"the cell {self.released[k]['name']} is empty: your text from other cells was copied into it")

    def _answer(self, k):
        """A solution cell: what bears its name, and the functions that are found elsewhere."""
        mine = self._named(k)
        here = {f for o in mine if o.said.python for f in o.said.bound}
        need = {f: o for f in sorted(self.functions[k] - self.written - here) if (o := self._defines(f, k))}
        last = max(need.values(), key=self.own.index, default=None)
        if last is not None:  # what it may need was written before it
            self._emit_all(o for o in self.own[: self.own.index(last)] if o.home is None)
        slot = mine[0] if mine else last
        if slot is None or slot.used:
            text = self.released[k]["text"]
            self.out.append((k, "code", self._without_stubs(text, reading.read(text))))
        else:
            self._emit(slot, k)
        for other in [*mine, *need.values()]:
            if other.home in (None, k):
                self._emit_all([other])
            elif other is not slot:  # in the cell of another part: that one has it too
                self._emit(dataclasses.replace(other), None)

    def _named(self, k):
        return [o for o in self.own if o.home == k and not o.used and o.kind == "code"]

    def _defines(self, name, k):
        """The last text, before the part's test if there is one, that defines a function of the solution cell ``k``."""
        end = next((i for i, cell in enumerate(self.released) if i > k and cell["points"] and not cell["solution"]), len(self.released))
        found = [o for o in self.own if not o.used and o.kind == "code" and o.said.python and name in o.said.bound]
        if not found:
            found = [o for o in self.own if not o.used and o.in_text and name in o.in_text.bound][-1:]
            for mine in found:
                self._run_as_code(mine, mine.in_text)
        nameless = [o for o in found if o.home is None]
        in_time = [o for o in nameless if o.after < end or o.before == end]
        return (in_time or nameless or found or [None])[-1]

    def _emit_up_to(self, k):
        """What the student wrote after the released cell ``k``, but for an answer that fits the next cell, and what follows that."""
        nxt = self.functions[k + 1] if k + 1 < len(self.released) and not self._named(k + 1) else frozenset()
        for mine in self.own:
            if not mine.used and mine.after <= k and mine.home is None:
                said = mine.in_text or mine.said
                if mine.after == k and said.python and said.bound & nxt - self.written:
                    return
                self._emit(mine, None)

    def _emit_all(self, own):
        for mine in list(own):
            if not mine.used:
                self._emit(mine, None)

    def _emit(self, mine, k):
        mine.used = True
        text = mine.text
        if mine.kind == "code":
            text = self._without_stubs(mine.said.text, mine.said)
            ours = self.released[mine.before]["text"] if mine.before is not None else None
            if ours is not None and not (mine.said.python and mine.said.bound - reading.read(ours).bound):
                text = reading.commented(text)
            elif mine.said.python:
                self.written |= mine.said.bound
        if k is not None or not any(text == other for _, _, other in self.out):  # else it is a copy
            self.out.append((k, mine.kind, text))

    def _without_stubs(self, text, said):
        """A part that is not written yet must not undo one that is."""
        lines = {n for name, first, last in said.unwritten if name in self.written for n in range(first, last + 1)}
        return reading.commented(text, lines) if lines else text

    # --- what is said of it

    def _say_what_changed(self):
        named = [o.home for o in self.own if o.home is not None]
        for k in dict.fromkeys(named):
            if named.count(k) > 1:
                name = self.released[k]["name"]
                what = "" if k in self.prose else ", and the last version of a function counts"
                self.notes.append(f"cell {name} occurs more than once: all of it is kept{what}")
        for mine in self.own:
            if mine.before is not None:
                name = self.released[mine.before]["name"]
                self.notes.append(f"cell {name} was changed: the original is used, and your version is shown above it")
        skipped = list(dict.fromkeys(line for o in self.own if o.kind == "code" for line in o.said.skipped))
        if skipped:
            more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
            self.notes.append(f"lines for IPython or a shell are not run in grading: {', '.join(map(_quoted, skipped[:3]))}{more}")

    def _say_what_is_missing(self):
        here = {k for k in self.found if self.released[k]["name"]}
        lost = [c["name"] for k, c in enumerate(self.released) if c["solution"] and k not in here and not self._has(k)]
        by_name = [c["name"] for k, c in enumerate(self.released) if k not in here and self.functions[k] & self.written]
        if not self.found and not by_name:
            self.notes.insert(0, "this notebook contains none of the lab's cells, so nothing could be graded")
        elif by_name and not any(o.home is not None for o in self.own):
            self.notes.insert(0, "the notebook's cell names were missing, so answers were matched by the functions they define")
        elif by_name:
            self.notes.append(f"found by the functions they define, not in the cell of that name: {', '.join(by_name)}")
        if lost:
            self.notes.append("missing answers: " + ", ".join(lost))

    def _has(self, k):
        return bool(self.functions[k] & self.written or self.prose.get(k))


def _plain(text):
    """A text without what editors change."""
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _indented(mine):
    return mine.text.lstrip("\n")[:1] in (" ", "\t")


def _is_prose(mine):
    """A cell of text, a cell of comments, or sentences in a cell of code."""
    if mine.kind != "code":
        return True
    lines = [line.strip() for line in mine.text.strip().split("\n") if line.strip()]
    if all(line.startswith("#") for line in lines):
        return True
    return not mine.said.python and len(mine.text.split()) > 4 and not any(_CODE.match(line) for line in lines)


def _remarks(text):
    """Comments of a text, from its margin, that are sentences and not code."""
    found = [block.rstrip() for block in re.findall(r"(?m)(?:^#.*\n?)+", text)]
    lines = [[line.lstrip("# ") for line in block.split("\n")] for block in found]
    return [block for block, said in zip(found, lines, strict=True) if sum(len(s.split()) for s in said if not _CODE.match(s)) > REMARK]


def _as_text(mine):
    """A text as Markdown; a comment is no heading."""
    return re.sub(r"(?m)^(\s*)#", r"\1\\#", mine.text) if mine.kind == "code" else mine.text


def _list(names):
    return ", ".join(sorted(names))


def _quoted(line):
    line = "".join(c if c.isprintable() else "?" for c in " ".join(line.split()))
    return f"`{line[:SHOWN]}`"
