"""Where this checkout lies, and files that are written whole or not at all."""

import errno
import os
import pathlib

LABS = pathlib.Path(__file__).resolve().parent.parent
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # the disk, or one's own part of it, is full


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


def sentence(problem):
    """What to say of an error: of one of the system, the file and a way out."""
    if not isinstance(problem, OSError) or problem.errno is None:
        return str(problem)
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{problem.filename} cannot be written ({problem.strerror}). A folder of your own: --course DIR"
    return f"{problem.filename or 'writing'}: {problem.strerror}"
