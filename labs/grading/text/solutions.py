"""The solutions edition of a lab: one HTML page with the model answers, run, and the hidden tests. For teachers only."""

import pathlib

from labs.grading.course import RoadError
from labs.grading.files import LABS, write_whole
from labs.grading.text import source

SECONDS = 300  # for a cell, and for the kernel to start on a busy machine


def solutions(course, lab, to=None):
    """Run the full notebook of ``lab`` and write it as a page; returns the page.

    Parameters
    ----------
    course : Course
    lab : str
    to : path, optional
        Default ``work/solutions/LAB.html`` in the course, a folder that is never released.

    Raises
    ------
    RoadError
        A cell of the model answer failed.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbconvert import HTMLExporter

    page = pathlib.Path(to) if to else course.work / "solutions" / f"{lab}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    notebook = source.notebook(lab)
    code = f"import sys; sys.path.insert(0, {str(LABS.parent)!r})"  # hidden tests import labs.grading
    patience = {"timeout": SECONDS, "startup_timeout": SECONDS}
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(page.parent)}}, **patience)
    try:
        with client.setup_kernel():
            client.kc.execute(code, reply=True, timeout=SECONDS)
            for k, cell in enumerate(notebook.cells):
                client.execute_cell(cell, k)
    except CellExecutionError as error:
        raise RoadError(f"{lab}: a cell of the model answer failed:\n{error}") from None
    html, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    write_whole(page, html.encode())
    return page
