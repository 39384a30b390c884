"""Where a data file comes from: your folder, the cache or the network. Where none of them has it, synthetic data take its place.

``RNNLIB_DATA``     a folder that is searched first
``RNNLIB_CACHE``    where downloads are kept (default: the user's cache folder)
``RNNLIB_OFFLINE``  ``1`` never downloads

A file counts only if its SHA-256 is the one in ``manifest.json``, wherever it was found.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

TIME_LIMIT = 10.0  # seconds, for one download as a whole
MEMORY = 900.0  # seconds for which a failed download is not tried again


@cache
def manifest():
    """URL, SHA-256, size, licence and a note for each data file: a dict keyed by file name."""
    return json.loads(Path(__file__).with_name("manifest.json").read_text(encoding="utf-8"))


def find(name, offline=None):
    """The bytes of a data file, looked for in the folder, then in the cache, then at its pinned address.

    A file with another SHA-256, or one that cannot be read, is passed over.

    Parameters
    ----------
    name : str
        A key of ``manifest()``.
    offline : bool, optional
        True skips the download. None asks the environment variable ``RNNLIB_OFFLINE``.

    Returns
    -------
    content : bytes or None
        None if the file is nowhere.
    origin : {"folder", "cache", "download", "missing"}
    reason : str
        Why the file is missing, and which copies were passed over; empty if the first place had it.

    Raises
    ------
    ValueError
        Unknown name, or ``RNNLIB_DATA`` is not a folder.
    """
    if name not in manifest():
        raise ValueError(f"name: expected one of {', '.join(manifest())}, got {name!r}")
    places, passed_over = [("cache", cache_folder())], []
    if folder := os.environ.get("RNNLIB_DATA"):
        if not Path(folder).is_dir():
            raise ValueError(f"RNNLIB_DATA: expected a folder, got {folder!r}")
        places.insert(0, ("folder", Path(folder)))
    for origin, place in places:
        if (place / name).is_file():
            try:
                content = (place / name).read_bytes()
                fault = mismatch(content, name)
            except OSError as error:
                fault = f"cannot be read ({type(error).__name__})"
            if not fault:
                return content, origin, "; ".join(passed_over)
            passed_over.append(f"the one in {'RNNLIB_DATA' if origin == 'folder' else 'the cache'} {fault}")
    content, reason = _download(name, offline)
    return content, "missing" if content is None else "download", "; ".join(filter(None, [*passed_over, reason]))


def mismatch(content, name):
    """What is wrong with ``content`` as the data file ``name``: a text, empty if it has the SHA-256 of the manifest."""
    expected, got = manifest()[name]["sha256"], hashlib.sha256(content).hexdigest()
    return "" if got == expected else f"is not the right file (expected SHA-256 {expected[:12]}…, got {got[:12]}…, {len(content)} bytes)"


def cache_folder():
    """Where downloads are kept: ``RNNLIB_CACHE`` or the user's cache folder."""
    import pooch

    return Path(os.environ.get("RNNLIB_CACHE") or pooch.os_cache("rnnlib"))


def prefetch():
    """Fetch every file of the manifest once and say where each was found: a list of (name, origin, reason)."""
    return [(name, *find(name)[1:]) for name in manifest()]


def _download(name, offline):
    """(content, "") or (None, reason). The network is asked once; a failure is remembered for ``MEMORY`` seconds."""
    if offline or (offline is None and os.environ.get("RNNLIB_OFFLINE", "") not in ("", "0")):
        return None, "downloads are switched off (RNNLIB_OFFLINE)"
    url, folder = manifest()[name]["url"], cache_folder()
    host = urlsplit(url).hostname
    unreachable, refused = folder / f".unreachable-{host}", folder / f".refused-{name}"
    for stamp in (unreachable, refused):
        if stamp.is_file() and time.time() - stamp.stat().st_mtime < MEMORY:
            return None, stamp.read_text(encoding="utf-8")
    try:
        content = _within(TIME_LIMIT, lambda: _receive(url, TIME_LIMIT))
    except OSError as error:
        answer = getattr(error, "response", None)  # of requests, which pooch downloads with
        if answer is not None:  # the server answered: other files may be there
            answer.close()
            return None, _remember(refused, f"{host} answered {answer.status_code}")
        # no connection, no name, too slow
        return None, _remember(unreachable, f"{host} could not be reached ({type(error).__name__})")
    if fault := mismatch(content, name):
        return None, _remember(refused, f"the one that {host} sent {fault}")
    with contextlib.suppress(OSError):  # without a place to write, each lesson downloads for itself
        _write(folder / name, content)
    return content, ""


class _Buffer(io.BytesIO):
    """Takes what is written until a moment of ``time.monotonic()``, then refuses with a ``TimeoutError``."""

    def __init__(self, until):
        super().__init__()
        self._until = until

    def write(self, part):
        if time.monotonic() > self._until:
            raise TimeoutError("the download took too long")
        return super().write(part)


def _receive(url, seconds):
    """What the server sends, in memory: a thread that its caller no longer waits for can write nowhere."""
    import pooch

    buffer = _Buffer(time.monotonic() + seconds)
    pooch.HTTPDownloader(timeout=seconds)(url, buffer, None)
    return buffer.getvalue()


def _write(path, content):
    """Put ``content`` at ``path`` in one step: no other process sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise


def _remember(stamp, reason):
    with contextlib.suppress(OSError):  # a folder that cannot be written fails before any waiting
        _write(stamp, reason.encode())
    return reason


def _within(seconds, job):
    """Run ``job()`` and return its result; a ``TimeoutError`` after ``seconds`` in all (a socket's own limit does not cover DNS)."""
    box = []

    def run():
        try:
            box.append((job(), None))
        except Exception as error:
            box.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not box:
        raise TimeoutError(f"no answer within {seconds:g} s")
    result, error = box[0]
    if error is not None:
        raise error
    return result
