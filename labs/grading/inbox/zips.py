"""What collecting a folder and unpacking a platform's zip have in common."""

import lzma
import re
import struct
import zipfile
import zlib

MAX_FILE = 256_000_000  # bytes of one notebook, with its outputs
# What zipfile raises on what is no zip, torn, encrypted (RuntimeError) or packed by a method that it does not know (NotImplementedError).
BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, RuntimeError, NotImplementedError, ValueError, OverflowError, EOFError, MemoryError),
)


def copy_up_to(most, file, target):
    """Write what ``file`` gives to the path ``target``, piece by piece, whatever size it claims; whether it was at most ``most`` bytes."""
    size = 0
    with open(target, "wb") as out:
        while size <= most and (piece := file.read(1 << 20)):
            out.write(piece)
            size += len(piece)
    return size <= most


def shown(name):
    """A name that somebody chose, as it may be shown: letters, digits, spaces, dots, dashes and slashes."""
    return re.sub(r"[^\w. /-]", "?", name)[:80]
