"""Late penalties: a share of the points for each day started after the due date. ``nbgrader_config.py`` sets the share."""

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float


class PerDay(LateSubmissionPlugin):
    """``percent_per_day`` of the score for each day started, after ``grace_minutes``; never more than the score."""

    percent_per_day = Float(0.0, min=0.0, max=100.0, help="percent of the score to deduct for each day started").tag(config=True)
    grace_minutes = Float(0.0, min=0.0, help="minutes after the due date without a penalty").tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """Points to take off ``score``, or None for none."""
        late = total_seconds_late - 60.0 * self.grace_minutes
        days = math.ceil(late / 86400.0) if late > 0 else 0
        return min(score, score * days * self.percent_per_day / 100.0) or None
