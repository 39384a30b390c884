"""What collecting a folder and unpacking a platform's zip have in common."""

import lzma
import re
import struct
import zipfile
import zlib

MAX_FILE = 20_000_000
# What zipfile raises on what is no zip, torn, encrypted (RuntimeError) or packed by a method that it does not know (NotImplementedError).
BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, RuntimeError, NotImplementedError, ValueError, OverflowError, EOFError, MemoryError),
)


def shown(name):
    """A name that somebody chose, as it may be shown: letters, digits, spaces, dots, dashes and slashes."""
    return re.sub(r"[^\w. /-]", "?", name)[:80]
