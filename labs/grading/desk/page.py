"""What nbconvert makes a feedback page of: nothing active, and no hidden test. ``nbgrader_config.py`` names it."""

from nbconvert.preprocessors import Preprocessor

from labs.grading.inbox import safe
from labs.grading.text import source


class SafePage(Preprocessor):
    """nbconvert preprocessor of the feedback pages."""

    enabled = True

    def preprocess_cell(self, cell, resources, index):
        from nbformat.notebooknode import from_dict

        if cell.cell_type == "markdown":
            # What is locked or ungraded and from the release is ours, but telling it apart is not worth a risk.
            cell.source = safe.markdown(cell.source)
            cell.pop("attachments", None)
        elif cell.cell_type == "code":
            cell.source = source.without_hidden(cell.source)
            cell.outputs = [from_dict(o) for o in safe.outputs(cell.outputs)]
        else:
            cell.source = safe.markdown(cell.source)
        return cell, resources
