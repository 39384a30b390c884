"""What a bare ``nbgrader autograde`` and Formgrader's buttons do in a course folder: they name our command, before anything is written."""

from nbconvert.exporters import NotebookExporter
from nbgrader.converters.base import NbGraderException
from traitlets import Bool

from labs.grading.files import LABS

OURS = {"Autograde": "grade", "GenerateAssignment": "release"}


class Locked(NotebookExporter):
    """nbgrader makes its exporter first of all; this one refuses to be made unless ``unlocked``."""

    unlocked = Bool(False, help="let nbgrader do this step itself, without any sandbox").tag(config=True)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.unlocked:
            said = refusal(self.parent)
            self.log.error(said)
            raise NbGraderException(said)


def refusal(converter):
    """What to say instead of running nbgrader's ``converter``."""
    step, course = type(converter).__name__, converter.coursedir
    lab = course.assignment_id if course.assignment_id not in ("", "*") else "LAB"
    student = f" --student {course.student_id}" if step == "Autograde" and course.student_id not in ("", "*", ".") else ""
    why = "run students' code without a sandbox, as you" if step == "Autograde" else "not check that no hidden test is left in it"
    return (
        f"nbgrader would {why}. In {LABS.parent}, run: "
        f"python -m labs.grading {OURS[step]} --lab {lab}{student} --course {course.root} "
        f"(or tell nbgrader to do it all the same: --Locked.unlocked=True)"
    )
