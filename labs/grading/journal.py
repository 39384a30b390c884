"""What has been graded, on disk: one file a submission, written whole or not at all, so that a run that is killed loses nothing.

A result counts for the submission, the lab and the engine that it was made from: their hash is its name.
"""

import errno
import hashlib
import json
import os
import pathlib

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # the disk, or one's own part of it, is full


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


def write_whole(path, data, mode=0o666, replace=True):
    """Write a file so that a reader, even after a kill or on a full disk, finds the old content or the new one, never a part.

    With ``replace=False`` a file that is there stays as it is, and of two processes at once the first wins.
    """
    path = pathlib.Path(path)
    if path.exists() and not path.is_file():  # a terminal, a pipe
        path.write_bytes(data)
        return
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(half, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(half, path)
        else:
            _put(half, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write does not say where
        raise
    finally:
        half.unlink(missing_ok=True)


def _put(half, path):
    try:
        os.link(half, path)
    except OSError:  # it is there, or this file system has no links
        if not path.exists():
            os.replace(half, path)


def version_of(*parts):
    """The hash of what a result depends on."""
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        h.update(len(data).to_bytes(8, "big") + data)
    return h.hexdigest()
