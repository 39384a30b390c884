"""Was a lab edited after its release? What students work on is the release; what they are marked by is the lab's source."""

from labs.grading.text import source

STUBS = {"raise NotImplementedError()", "YOUR ANSWER HERE", "# YOUR CODE HERE", ""}


def renamed(released, full):
    """The graded cells that are new or gone since the release, as one clause a cell."""
    old, new = _points(released), _points(full)
    return [f"{name} is {what}" for names, what in ((new.keys() - old, "new"), (old.keys() - new, "gone")) for name in sorted(names)]


def revalued(released, full):
    """The graded cells that are worth something else since the release, as one clause a cell."""
    old, new = _points(released), _points(full)
    return [f"{n} gives {new[n]:g} points ({old[n]:g} in the release)" for n in new if n in old and old[n] != new[n]]


def edited(released, full):
    """The cells whose visible text is not the released one, in order."""
    old = {c.id: c for c in released.cells}
    whole = [c for c in full.cells if c.cell_type == "code" or not source.meta(c).get("solution")]  # an explanation is all solution
    return [c.id for c in whole if c.id not in old or _visible(c) != _visible(old[c.id])]


def _points(nb):
    cells = [source.meta(c) for c in nb.cells if source.meta(c).get("grade") or source.meta(c).get("solution")]
    return {m["grade_id"]: float(m.get("points") or 0.0) for m in cells}


def _visible(cell):
    text = source.without_solution(cell) if "### BEGIN SOLUTION" in cell.source else cell.source
    lines = [line.strip() for line in source.without_hidden(text).split("\n")]
    return [line for line in lines if line not in STUBS and not line.startswith(("### BEGIN", "### END"))]
