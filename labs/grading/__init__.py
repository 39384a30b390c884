"""From a lab's source to its grades: release, submissions, marks, feedback. See ``python -m labs.grading --help``."""

import sys

# jsonschema, which nbformat loads, compiles a grammar for a format that no notebook has: more than a second in every process.
sys.modules.setdefault("rfc3987_syntax", None)
