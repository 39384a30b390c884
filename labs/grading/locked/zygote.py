"""A warm process that forks one child a submission, so that nobody waits for numpy, torch and matplotlib to load.

A client connects to its UNIX socket and talks to the child on that connection; hanging up kills the child and all that it started.
So does holding more memory than a submission may (:mod:`labs.grading.locked.watch`).
The server must have one thread: it imports libraries and runs nothing of a student's. It holds no secret: its environment is empty, and
nbgrader, the gradebook and the hidden tests are never loaded here.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import sys

from labs.grading.locked import sight, watch

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
MODULES = (
    "IPython.core.interactiveshell",
    "IPython.core.completer",
    "numpy",
    "numpy.random",
    "torch",
    "matplotlib.pyplot",
    "matplotlib_inline.config",
    "matplotlib_inline.backend_inline",
    "matplotlib.backends.backend_agg",
    "PIL.PngImagePlugin",
    "labs.grading.locked.child",
)
COURSE = ("rnnlib.scratch", "rnnlib.nn")  # with all their modules: a cell may compare with them, and a child cannot read their files

COLLECT = (50_000, 20, 100)  # garbage collections of a short life: Python's own, far smaller numbers cost a tenth of the time


def warm(modules=MODULES):
    """Import what students use, and what imports itself at first use.

    Raises
    ------
    RuntimeError
        A library started a thread: forking would not be safe.
    """
    os.environ.update(ONE_THREAD, MPLBACKEND="module://matplotlib_inline.backend_inline")
    for name in modules:
        importlib.import_module(name)
    for name in COURSE:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
        a = torch.ones(2, requires_grad=True)
        torch.tanh(a).sum().backward()  # the first backward loads hundreds of modules
    child = sys.modules.get("labs.grading.locked.child")
    if child is not None:
        child.make_shell()
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"the warm process has {threads} threads, expected 1; forking it would not be safe")
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def serve(path, memory, hidden=(), modules=MODULES):
    """Warm up, listen at ``path``, and fork a child for each connection, until the process that started us is gone.

    Parameters
    ----------
    path : str
        Where the socket is made.
    memory : int
        Bytes that all processes of one submission may hold together.
    hidden : sequence of str
        Files and folders that nobody here may read, and this checkout.
    modules : sequence of str
        What to import.
    """
    warm(modules)
    hidden = sight.secrets(hidden)
    sees = {"may_read": sight.readable(hidden), "may_list": [sight.LIBRARY]}
    sight.cover(hidden, os.getcwd())
    watched = watch.start(memory)
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{path}.new")
    os.chmod(f"{path}.new", 0o600)
    server.listen(64)
    os.rename(f"{path}.new", path)  # it is seen only once it listens
    poll = select.poll()
    poll.register(server, select.POLLIN)
    poll.register(0, select.POLLHUP)  # our standard input is a pipe from the grader: it closes when the grader is gone
    poll.register(watched, select.POLLIN)
    connections, children = {}, {}  # connection fd -> (socket, pid); pidfd -> connection fd
    while True:
        ready = poll.poll()
        greedy = set(map(int, os.read(watched, 1 << 16).split())) if watched in dict(ready) else None
        for _, pid in connections.values() if greedy else ():
            if pid in greedy:
                _kill(pid)
        for fd, _ in ready:
            if fd == 0 or greedy == set():  # the grader is gone, or the watch
                for _, pid in connections.values():
                    _kill(pid)
                return
            if fd == server.fileno():
                connection, _ = server.accept()
                pid = os.fork()
                if pid == 0:
                    server.close()
                    os.close(watched)
                    for other, _ in connections.values():
                        other.close()
                    for pidfd in children:
                        os.close(pidfd)
                    _child(connection, sees)
                pidfd = os.pidfd_open(pid)
                connections[connection.fileno()] = connection, pid
                children[pidfd] = connection.fileno()
                poll.register(pidfd, select.POLLIN)
                poll.register(connection.fileno(), select.POLLRDHUP)
            elif fd in children:  # a child is dead
                connection, pid = connections.pop(children.pop(fd))
                poll.unregister(fd)
                with contextlib.suppress(KeyError):  # hung up before: no longer registered
                    poll.unregister(connection.fileno())
                os.close(fd)
                _kill(pid)  # what it left in its group
                os.waitpid(pid, 0)
                connection.close()
            elif fd in connections:  # the client hung up
                _kill(connections[fd][1])
                poll.unregister(fd)  # with no event asked for it would still report the hang-up, again and again


def _kill(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        for child in file.read().split():  # the first process of the namespace: with it all others end, whatever they did
            os.kill(int(child), signal.SIGKILL)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


def _child(connection, sees):
    """The forked child: never returns."""
    status = 1
    try:
        os.setsid()
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")  # where the machine's memory runs out, this process goes first
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        random.seed()
        sys.modules["numpy"].random.seed()
        sys.modules["torch"].seed()
        sys.modules["labs.grading.locked.child"].serve(connection, sees)
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    serve(settings["socket"], settings["memory"], settings["hidden"])
