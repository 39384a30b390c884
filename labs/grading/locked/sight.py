"""What a student's process may see of this machine's files: the system, Python and its packages, rnnlib without the answers.

Never a checkout, a course folder or an exchange, wherever they lie: Landlock is told of what lies beside them, and an empty folder that
holds only what may be read lies over each. :mod:`labs.grading.locked.proof` tries it.
"""

import contextlib
import os
import stat
import sys
import sysconfig

from labs.grading.files import LABS
from labs.grading.locked import sandbox

SYSTEM = "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/passwd", "/etc/nsswitch.conf"
LIBRARY, ANSWERS = str(LABS.parent / "rnnlib"), ("scratch", "nn")


def secrets(more=()):
    """This checkout, ``more`` paths, and the answers where rnnlib is installed as well."""
    installed = [f"{sysconfig.get_path(where)}/rnnlib/{name}" for where in ("purelib", "platlib") for name in ANSWERS]
    return tuple(sorted({os.path.realpath(path) for path in (LABS.parent, *more, *installed) if os.path.exists(path)}))


def readable(hidden):
    """The files and folders that may be read. None holds a path of ``hidden``; Python may lie in one."""
    paths = [*SYSTEM, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    paths += [os.path.join(sys.base_prefix, "lib"), *(os.path.join(sys.prefix, name) for name in ("bin", "lib", "share"))]
    if os.path.isdir(LIBRARY):
        paths += [os.path.join(LIBRARY, name) for name in os.listdir(LIBRARY) if name not in ANSWERS]
    return [part for path in dict.fromkeys(paths) for part in _without(path, hidden)]


def _without(path, hidden):
    real = os.path.realpath(path)
    inside = [p for p in hidden if holds(real, p)]
    if not inside:
        return [path]
    if real in inside or not os.path.isdir(real):
        return []
    # A link is left out: what it leads to counts where it lies.
    return [part for entry in os.scandir(real) if not entry.is_symlink() for part in _without(entry.path, inside)]


def holds(folder, path):
    """``path`` is the folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def cover(hidden, kept):
    """Lay an empty folder over each of ``hidden``, for this process and those that it forks; what may be read, and ``kept``, stays in it.

    For root also over folders of its own that bar an unprivileged child the way, such as that of a Python below ``/root``. Where the
    system does not let us, every locked process says so, as its missing layer.
    """
    seen = [path for path in (*readable(hidden), kept) if os.path.exists(path)]
    seen = sorted({*seen, *map(os.path.realpath, seen)})  # as it is called, and where it lies
    folders = {path for path in hidden if os.path.isdir(path)}
    if os.getuid() == 0:
        folders.update(filter(None, map(_closed, seen)))
    folders = [f for f in sorted(folders) if not any(f != other and holds(other, f) for other in folders)]
    with contextlib.suppress(OSError):
        sandbox.leave_the_mounts(sandbox.MOUNT | (sandbox.USER if os.getuid() else 0))
        with contextlib.ExitStack() as stack:
            held = [(folder, [(path, _held(path, stack)) for path in seen if holds(folder, path)]) for folder in folders]
            for folder, paths in held:
                _cover(folder, paths)


def _held(path, stack):
    fd = os.open(path, os.O_PATH)
    stack.callback(os.close, fd)
    return fd


def _closed(path):
    """The first folder on the way to ``path`` that others may not enter, or None."""
    steps = path.split("/")
    parents = ("/".join(steps[:i]) for i in range(2, len(steps)))
    return next((os.path.realpath(p) for p in parents if os.path.isdir(p) and not os.stat(p).st_mode & 1), None)


def _cover(folder, paths):
    mount = sandbox.libc.mount
    sandbox.checked(mount(b"tmpfs", folder.encode(), b"tmpfs", 2 | 4, b"size=1m,mode=755"), f"cover {folder}")
    try:
        for path, fd in paths:
            if not os.path.exists(path):  # else it lies in a folder that is bound already
                is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
                os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
                if not is_folder:
                    open(path, "wb").close()
                with_its_own_mounts = 0x1000 | 0x4000
                sandbox.checked(mount(f"/proc/self/fd/{fd}".encode(), path.encode(), None, with_its_own_mounts, None), f"bind {path}")
    except OSError:
        sandbox.libc.umount2(folder.encode(), 2)  # better in sight than half there
        raise
