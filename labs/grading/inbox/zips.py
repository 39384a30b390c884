"""Zips that somebody else made: read in bounded pieces, and names that are shown but never used as paths."""

import contextlib
import io
import lzma
import struct
import unicodedata
import zipfile
import zlib

MAX_FILE = 256_000_000  # bytes of one notebook, with its outputs
MAX_ENTRY = 512  # bytes of an entry in the list of a zip, on average
PIECE = 1 << 20
# What zipfile raises on what is no zip, torn, encrypted (RuntimeError) or packed by a method that it does not know (NotImplementedError).
BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, RuntimeError, NotImplementedError, ValueError, OverflowError, EOFError, MemoryError),
)
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # a kilobyte of bzip2 or LZMA may need gigabytes
_UTF_8 = 0x800  # the flag of a name in UTF-8
_SHOWN = set(" _./-'’,@+()")


class TooMany(ValueError):
    """A zip lists more files than expected."""


class _Listed(io.FileIO):
    """A file that gives at most ``most`` bytes at once: zipfile reads the whole list of a zip in one piece, before it counts."""

    def __init__(self, path, most):
        super().__init__(path)
        self.most = most

    def read(self, size=-1):
        if size > self.most:
            raise TooMany("the list of the zip is too long")
        return super().read(size)


class Zip(zipfile.ZipFile):
    """A zip of at most ``most`` files.

    Raises
    ------
    TooMany
        It lists more; a list that is too long is not read.
    BAD_ZIP
        It cannot be read.
    """

    file = None

    def __init__(self, path, most):
        self.file = _Listed(path, max(most * MAX_ENTRY, PIECE))
        try:
            super().__init__(self.file)
            if len(self.infolist()) > most:
                raise TooMany(f"{len(self.infolist())} files")
        except BaseException:
            self.file.close()
            raise

    def close(self):
        super().close()
        if self.file:
            self.file.close()


def copy_member(archive, member, target, most):
    """Write a member's content to the path ``target``; whether it was at most ``most`` bytes.

    Raises
    ------
    BAD_ZIP
        It cannot be read.
    """
    if member.compress_type not in _METHODS:
        name = zipfile.compressor_names.get(member.compress_type, "an unknown method")
        raise NotImplementedError(f"compressed with {name}, expected deflate")
    with archive.open(member) as file:
        return copy_up_to(most, file, target)


def name_of(member):
    """The name of a member, normalised: macOS and others write UTF-8 without saying so, Windows writes backslashes."""
    name = member.filename
    if not member.flag_bits & _UTF_8:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def copy_up_to(most, file, target):
    """Write what ``file`` gives to the path ``target``, piece by piece, whatever size it claims; whether it was at most ``most`` bytes."""
    size = 0
    with open(target, "wb") as out:
        while size <= most and (piece := file.read(PIECE)):
            out.write(piece)
            size += len(piece)
    return size <= most


def hidden(name):
    """Whether a path is one of those that systems leave behind: ``.DS_Store``, ``._ada.ipynb``, ``__MACOSX/``."""
    return any(part == "__MACOSX" or (part.startswith(".") and not part.startswith("..")) for part in name.split("/"))


def shown(name):
    """A name that somebody chose, as it may be shown: letters, digits and a few signs."""
    name = unicodedata.normalize("NFC", name)[:80]
    return "".join(c if c in _SHOWN or unicodedata.category(c)[0] in "LMN" else "?" for c in name)
