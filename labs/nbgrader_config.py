"""nbgrader's settings for this course. ``nbgrader`` reads this file when it runs in this folder; other course folders load it."""

import os
import pathlib
import sys
import sysconfig

c = get_config()  # noqa: F821  given by nbgrader

LABS = pathlib.Path(__file__).resolve().parent
COURSE = pathlib.Path.cwd()

# Hidden tests import labs.grading.check, in this process and in the kernels that it starts.
sys.path.insert(0, str(LABS.parent))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(LABS.parent), os.environ.get("PYTHONPATH")]))
# nbgrader makes its database with the program alembic, which lies beside this Python even where that is not on the PATH.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
# The key that every student's numbers are drawn from: the same at a re-grade.
key = COURSE / "work" / "grading.key"
if key.exists():
    os.environ["GRADING_KEY"] = key.read_text(encoding="ascii").strip()

c.CourseDirectory.course_id = "rnn"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc*", "__pycache__", ".pytest_cache", "*.original"]

# Grading: a cell may take a minute, a kernel is not waited for, a deleted test cell comes back.
c.Execute.timeout = 60
c.Execute.interrupt_on_timeout = True
c.Execute.shutdown_kernel = "immediate"
c.Execute.store_widget_state = False
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR", "--ext=labs.grading.banned.guard"]
c.OverwriteCells.add_missing_cells = True
c.LimitOutput.max_lines = 500

# Collecting: STUDENT.zip or STUDENT_labNN_topic.zip, with the notebook anywhere inside.
c.FileNameCollectorPlugin.named_regexp = r".*/extracted/(?P<student_id>[^/]+?)(?:[_-]lab\d\d\w*)?/(?:.*/)?(?P<file_id>[^/]+)$"
c.ZipCollectApp.strict = True

# A bare `nbgrader autograde` or `generate_assignment`, and Formgrader's buttons for them, name our command instead.
# To have nbgrader run students' code as you, without any sandbox: nbgrader autograde LAB --Locked.unlocked=True
c.Autograde.exporter_class = "labs.grading.desk.buttons.Locked"
c.GenerateAssignment.exporter_class = "labs.grading.desk.buttons.Locked"

# Feedback: no hidden test's source, nothing active in a page that somebody opens.
c.GenerateFeedback.exporter_class = "labs.grading.desk.page.Page"
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "labs.grading.desk.fresh.Stamped",
    "labs.grading.desk.page.SafePage",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# The time zone of dates that name none: c.Exchange.timezone = "Europe/Berlin"

# Late: a share of the score for each day begun, after some minutes of grace and days that each student has for all labs together.
# The due date is set by `release --due` or in Formgrader; extensions.csv gives single students more time.
c.AssignLatePenalties.plugin_class = "labs.grading.desk.late.PerDay"
c.PerDay.percent_per_day = 0.0
c.PerDay.grace_minutes = 10.0
c.PerDay.grace_days = 0

# A gradebook on PostgreSQL instead of the file gradebook.db:
# c.CourseDirectory.db_url = "postgresql+psycopg://user:password@host/rnn"
