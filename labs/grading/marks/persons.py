"""What a person should see of a submission: the lines that :mod:`labs.grading.banned.lines` finds, and the parts that wait for it."""

from labs.grading.banned.lines import look
from labs.grading.inbox import safe
from labs.grading.text import source


def persons(released, nb):
    """Notes on lines of a rebuilt notebook, and the names of the test cells whose points wait for a person."""
    parts = {}  # function -> the test cell that marks it
    for cell in released.cells:
        if cell.cell_type == "code" and source.meta(cell).get("solution"):
            parts |= dict.fromkeys(source.defined(cell.source), f"{source.meta(cell)['grade_id']}_test")
    texts = []
    for cell in nb.cells:
        meta = source.meta(cell)
        if cell.cell_type == "code" and (not meta or meta.get("solution")):
            texts.append((meta.get("grade_id"), cell.source))
    ours = {line.strip()[:100] for cell in released.cells for line in cell.source.splitlines()}  # no student's, in a copied cell too
    found = [f for f in look(texts, list(parts)) if f.line.strip()[:100] not in ours]
    return [safe.markdown(f.said()) for f in found], sorted({parts[name] for f in found for name in f.functions})
