"""What `make` calls: the book's build and its server. Nothing here is for a reader to import."""

import errno
import functools
import os
import sys

# Where it is installed, jsonschema imports rfc3987_syntax to check web addresses, and that builds a grammar for three seconds
# at each start. Our notebooks have no address to check; without the module jsonschema leaves that one check out.
sys.modules.setdefault("rfc3987_syntax", None)

# A relative folder is meant from here; lessons run in other folders.
for name in ("RNNLIB_DATA", "RNNLIB_CACHE"):
    if os.environ.get(name):
        os.environ[name] = os.path.abspath(os.path.expanduser(os.environ[name]))


def refused_in_a_line(main):
    """``main``, which says in one line when the system refuses to write: a read-only folder, a full disk."""

    @functools.wraps(main)
    def run(*arguments):
        try:
            return main(*arguments)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
                raise
            print(f"Cannot write {error.filename or 'to the disk'}: {error.strerror}.", file=sys.stderr)
            return 1

    return run
