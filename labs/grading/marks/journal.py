"""What has been graded, on disk: one file a submission, written whole or not at all, so that a run that is killed loses nothing.

A result counts for the submission, the lab and the engine that it was made from: their hash is its name.
"""

import hashlib
import json
import pathlib

from labs.grading.files import write_whole


class Journal:
    """The results of one lab in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def _path(self, student):
        return self.folder / f"{hashlib.sha256(student.encode()).hexdigest()[:16]}.json"

    def get(self, student, version):
        """The result of ``student`` for this ``version`` (see :func:`version_of`), or None."""
        try:
            entry = json.loads(self._path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return entry if entry.get("version") == version and entry.get("result", {}).get("student") == student else None

    def put(self, student, version, result, merged=False):
        """Keep a result; ``merged`` says that it stands in the gradebook."""
        write_whole(self._path(student), json.dumps({"version": version, "merged": merged, "result": result}).encode())

    def forget(self, student):
        """Grade this student again at the next run."""
        self._path(student).unlink(missing_ok=True)


def version_of(*parts):
    """The hash of what a result depends on."""
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        h.update(len(data).to_bytes(8, "big") + data)
    return h.hexdigest()
