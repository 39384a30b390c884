"""Late penalties: a share of the points for each day started after the due date, less grace. ``nbgrader_config.py`` sets all three."""

import math
import pathlib
import types

from nbgrader.api import SubmittedAssignment
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Int

from labs.grading.inbox.roster import roster


class PerDay(LateSubmissionPlugin):
    """``percent_per_day`` of the score for each day started, after ``grace_minutes`` and what is left of ``grace_days``."""

    percent_per_day = Float(0.0, min=0.0, max=100.0, help="percent of the score to deduct for each day started").tag(config=True)
    grace_minutes = Float(0.0, min=0.0, help="minutes after the due date without a penalty").tag(config=True)
    grace_days = Int(0, min=0, help="days each student may be late over all labs together without a penalty").tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """Points to take off ``score``, never more than it; None for none."""
        left = max(0, self.grace_days - self._used(student_id)) if self.grace_days else 0
        days = max(0, self._days(total_seconds_late) - left)
        return min(score, score * days * self.percent_per_day / 100.0) or None

    def _days(self, seconds):
        late = seconds - 60.0 * self.grace_minutes
        return math.ceil(late / 86400.0) if late > 0 else 0

    def _used(self, student):
        """Days by which the student was late with the labs that were due before this one."""
        book, lab = self.parent.gradebook, self.parent.assignment_id
        this = book.find_assignment(lab)
        coursedir = getattr(self.parent.parent, "coursedir", None)
        people = roster(types.SimpleNamespace(root=pathlib.Path(coursedir.root))) if coursedir else None
        ids = people.ids(student) if people else [student]  # Moodle gives a student another number in each lab
        rows = [row for row in book.db.query(SubmittedAssignment).filter(SubmittedAssignment.student_id.in_(ids)) if row.assignment.duedate]
        earlier = [row for row in rows if (row.assignment.duedate, row.assignment.name) < (this.duedate, this.name)]
        return sum(self._days(row.total_seconds_late) for row in earlier)
