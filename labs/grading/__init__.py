"""The road of a lab: text source, release, submissions, marks, feedback. See ``python -m labs.grading --help``."""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema would compile a grammar for a format that no notebook has: a second a process
