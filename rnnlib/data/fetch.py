"""Where a data file comes from: your folder, the cache, the network, or nowhere (then a generator stands in).

``RNNLIB_DATA``     a folder that is looked into first
``RNNLIB_CACHE``    where downloads are kept (default: the user's cache folder)
``RNNLIB_OFFLINE``  ``1`` never downloads

A file counts only if its SHA-256 is the one in ``manifest.json``, whichever road it came by.
"""

import contextlib
import hashlib
import json
import os
import threading
import time
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

TIME_LIMIT = 10.0  # seconds, for one download as a whole
MEMORY = 900.0  # seconds for which a failed download is not tried again


class ChecksumError(ValueError):
    """A data file is not the file that the course was written with."""


@cache
def manifest():
    """URL, SHA-256, size, licence and a note for each data file: a dict keyed by file name."""
    return json.loads(Path(__file__).with_name("manifest.json").read_text(encoding="utf-8"))


def find(name, offline=None):
    """The bytes of a data file, looked for in the folder, then in the cache, then at its pinned address.

    Parameters
    ----------
    name : str
        A key of ``manifest()``.
    offline : bool, optional
        True skips the download. None asks the environment variable ``RNNLIB_OFFLINE``.

    Returns
    -------
    content : bytes or None
        None if no road led to the file.
    origin : {"folder", "cache", "download", "embedded"}
    reason : str
        Why there is no file; empty if there is one.

    Raises
    ------
    ChecksumError
        A file was found, but it is not the right one. It is not used.
    ValueError
        Unknown name, or ``RNNLIB_DATA`` is not a folder.
    """
    if name not in manifest():
        raise ValueError(f"name: expected one of {', '.join(manifest())}, got {name!r}")
    folder = os.environ.get("RNNLIB_DATA")
    if folder:
        path = Path(folder)
        if not path.is_dir():
            raise ValueError(f"RNNLIB_DATA: expected a folder, got {folder!r}")
        if (path / name).is_file():
            return verified((path / name).read_bytes(), name, path / name), "folder", ""
    damaged = None
    path = cache_folder() / name
    if path.is_file():
        try:
            return verified(path.read_bytes(), name, path), "cache", ""
        except ChecksumError as error:  # a fresh copy may be had; if not, the reader must hear of it
            damaged = error
    content, reason = _download(name, offline)
    if content is None and damaged:
        raise ChecksumError(f"{damaged} No fresh copy could be had: {reason}.")
    return content, "embedded" if content is None else "download", reason


def verified(content, name, where):
    """``content`` itself if its SHA-256 is the one in the manifest, else a ``ChecksumError``."""
    expected = manifest()[name]["sha256"]
    got = hashlib.sha256(content).hexdigest()
    if got != expected:
        advice = "Delete that file and run again."
        if str(where).startswith("http"):
            advice = "Something on the way answered for the server: try another network, or RNNLIB_OFFLINE=1 for invented data."
        raise ChecksumError(
            f"{name}: expected SHA-256 {expected}, got {got} ({len(content)} bytes, from {where}). The file is not used. {advice}"
        )
    return content


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
    import pooch
    import requests

    url, folder = manifest()[name]["url"], cache_folder()
    host = urlsplit(url).hostname
    unreachable, refused = folder / f".unreachable-{host}", folder / f".refused-{name}"
    for stamp in (unreachable, refused):
        if stamp.is_file() and time.time() - stamp.stat().st_mtime < MEMORY:
            return None, stamp.read_text(encoding="utf-8")

    def receive(url, output_file, keeper):
        pooch.HTTPDownloader(timeout=TIME_LIMIT)(url, output_file, keeper)
        verified(Path(output_file).read_bytes(), name, url)  # before pooch moves it into the cache

    pooch.get_logger().setLevel("WARNING")  # its "Downloading ..." goes to stderr, which a lesson treats as a failure
    keeper = pooch.create(path=folder, base_url="", registry={name: manifest()[name]["sha256"]}, urls={name: url})
    try:
        path = _within(TIME_LIMIT, lambda: keeper.fetch(name, downloader=receive))
    except requests.HTTPError as error:  # the server answered: other files may be there
        error.response.close()
        return None, _remember(refused, f"{host} answered {error.response.status_code}")
    except OSError as error:  # no connection, no name, too slow, or no place to write
        return None, _remember(unreachable, f"{host} could not be reached ({type(error).__name__})")
    return verified(Path(path).read_bytes(), name, path), ""


def _remember(stamp, reason):
    with contextlib.suppress(OSError):  # a folder that cannot be written fails before any waiting
        stamp.write_text(reason, encoding="utf-8")
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
