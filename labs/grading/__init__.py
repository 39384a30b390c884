"""The road of a lab: text source, release, submissions, marks, feedback. See ``python -m labs.grading --help``."""
