"""What `make` calls: the book's build and its server. Nothing here is for a reader to import."""

import errno
import functools
import os
import sys
from pathlib import Path

# Where it is installed, jsonschema imports rfc3987_syntax to check web addresses, and that builds a grammar for three seconds
# at each start. Our notebooks have no address to check; without the module jsonschema leaves that one check out.
sys.modules.setdefault("rfc3987_syntax", None)

# A relative folder is meant from here; lessons run in other folders.
for name in ("RNNLIB_DATA", "RNNLIB_CACHE"):
    if os.environ.get(name):
        os.environ[name] = os.path.abspath(os.path.expanduser(os.environ[name]))


ROOT = Path(__file__).resolve().parent.parent
FULL = ("No space left on device", "Disk quota exceeded", "disk is full")  # as the system and SQLite say it
READ_ONLY = ("Read-only file system", "readonly database")
AGAIN = "Make room, then run the same command again."


def is_full(text):
    """Whether the text of an error, or of a program's log, says that a disk is full."""
    return any(words in text for words in FULL)


def refusal(error):
    """What to say, in a line, of an error behind which the system refused to write; an empty text for any other."""
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Cannot write {error.filename or ROOT}: {error.strerror}."
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"Cannot write {error.filename or ROOT}: {error.strerror}. {AGAIN}"
        if not isinstance(error, OSError) and is_full(str(error)):
            return f"Cannot write in {ROOT}: the disk is full. {AGAIN}"
        if not isinstance(error, OSError) and any(words in str(error) for words in READ_ONLY):
            return f"Cannot write in {ROOT}: it is read-only."
        error = error.__cause__ or error.__context__
    return ""


def refused_in_a_line(main):
    """``main``, which says in one line when the system refuses to write: a read-only folder, a full disk."""

    @functools.wraps(main)
    def run(*arguments):
        try:
            return main(*arguments)
        except Exception as error:
            if not (said := refusal(error)):
                raise
            print(said, file=sys.stderr)
            return 1

    return run


def write_whole(path, text):
    """Write a text file so that a reader, even after a kill or on a full disk, finds the old text or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write does not say where
        raise
    finally:
        draft.unlink(missing_ok=True)
