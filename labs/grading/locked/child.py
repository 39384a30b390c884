"""The student's process: a fork of the warm one that locks itself in, runs the notebook's cells and answers calls of its functions.

It receives cells without their hidden tests, and the arguments of each call; it sends outputs and results as plain data.
One JSON object a line, each way: ``{"op": "cell", "text"}`` → ``{"ok", "count", "outputs"}``;
``{"op": "open", "paths"}`` → ``{"opened"}``, those of them that can be read;
``{"op": "read", "released", "cells", "careful"}`` → ``{"entries", "notes"}`` of :func:`labs.grading.reading.arrange.arrange`;
``{"op": "call", "name", "args", "kwargs"}`` → ``{"value", "changed"}`` or ``{"error"}``.
"""

import base64
import io
import json
import os
import sys

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from labs.grading.banned.guard import load_ipython_extension as guard
from labs.grading.banned.reached import Rules
from labs.grading.check import Reached, Wrong, call_here
from labs.grading.locked import sandbox
from labs.grading.locked.wire import Refused, decode, encode
from labs.grading.reading.arrange import arrange

MAX_OUTPUT = 1_000_000  # characters a cell
WARM_UP = (
    "1 / 0",
    """import matplotlib.pyplot as plt
figure, ax = plt.subplots(layout="constrained")
ax.plot([0, 1], [0, 1], label="$h_t$")
figure.colorbar(ax.imshow([[0.0, 1.0], [1.0, 0.0]], aspect="auto"))
ax.set(xlabel="step $t$", ylabel="$W_{hh}$", title="state")
ax.legend()
plt.show()""",
)


class Outputs:
    """What the current cell has put out, up to a limit."""

    def __init__(self):
        self.clear()

    def clear(self):
        """Start a new cell."""
        self.found, self.left = [], MAX_OUTPUT

    def stream(self, name, text):
        """Text of a stream; it is cut where the limit is reached."""
        if self.left <= 0:
            return
        text = text[: self.left] + ("\n[output shortened]\n" if len(text) > self.left else "")
        self.left -= len(text)
        if self.found and self.found[-1]["output_type"] == "stream" and self.found[-1]["name"] == name:
            self.found[-1]["text"] += text
        else:
            self.found.append({"output_type": "stream", "name": name, "text": text})

    def add(self, output):
        """Any other output; it is left out where the limit is reached."""
        size = len(json.dumps(output))
        if size <= self.left:
            self.left -= size
            self.found.append(output)


OUT = Outputs()


class Stream(io.TextIOBase):
    """Standard output and error of the student's code."""

    encoding = "utf-8"

    def __init__(self, name):
        self.name = name

    def writable(self):
        """Always."""
        return True

    def write(self, text):
        """Append to the cell's outputs."""
        OUT.stream(self.name, str(text))
        return len(text)


def _plain(data):
    return {
        k: base64.b64encode(v).decode() if isinstance(v, bytes) else str(v) for k, v in data.items() if k in ("text/plain", "image/png")
    }


class Publisher(DisplayPublisher):
    """Figures and displayed objects."""

    def publish(self, data, metadata=None, *, transient=None, update=False, **kwargs):
        """Keep text and PNG."""
        OUT.add({"output_type": "display_data", "data": _plain(data), "metadata": {}})

    def clear_output(self, wait=False):
        """As in a notebook."""
        OUT.clear()


class Hook(DisplayHook):
    """The value of a cell's last line."""

    def write_output_prompt(self):
        """A notebook has none here."""

    def write_format_data(self, format_dict, md_dict=None):
        """Keep text and PNG."""
        OUT.add(
            {"output_type": "execute_result", "data": _plain(format_dict), "metadata": {}, "execution_count": self.shell.execution_count}
        )

    def finish_displayhook(self):
        """Nothing is buffered."""


class Shell(InteractiveShell):
    """IPython without a terminal, history, ports or threads."""

    display_pub_class = Publisher
    displayhook_class = Hook

    def init_history(self):
        """No file, no thread."""
        self.history_manager = HistoryManager(shell=self, parent=self, enabled=False)

    def enable_gui(self, gui=None):
        """There is none."""

    def _showtraceback(self, etype, evalue, stb):
        lines = [str(line) for line in stb] if isinstance(stb, list) else [str(stb)]
        OUT.add({"output_type": "error", "ename": str(etype.__name__), "evalue": str(evalue)[:2000], "traceback": lines[:100]})


def make_shell():
    """IPython's shell, made once in the warm process: every child inherits it, with fonts found and all imported that a first figure and
    a first error need."""
    import matplotlib.pyplot as plt
    import matplotlib_inline.backend_inline as inline
    from matplotlib_inline.config import InlineBackend

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config)
    InlineBackend.instance(parent=shell).shell = shell
    InlineBackend.instance().print_figure_kwargs = {"bbox_inches": "tight", "pil_kwargs": {"compress_level": 1}}
    inline.configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
    for text in WARM_UP:
        shell.run_cell(text, silent=True)
    plt.close("all")
    shell.reset(new_session=True)
    sys.last_type = sys.last_value = sys.last_traceback = None
    OUT.clear()
    guard(shell)
    return shell


def serve(connection, sees):
    """Lock in, then answer until the grader hangs up. ``sees``: ``may_read`` and ``may_list`` of the sandbox."""
    lines = connection.makefile("rb")

    def send(message):
        connection.sendall(json.dumps(message).encode() + b"\n")

    pid = os.getpid()  # before the lock gives us another name
    settings = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(settings["env"])
    try:
        report = sandbox.enter(settings["box"], **sees, limits=settings["limits"], allow_missing=settings["allow_missing"])
    except sandbox.Unsafe as problem:
        send({"unsafe": str(problem)})
        return
    shell = Shell.instance()
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")
    send({"layers": report, "pid": pid})
    while line := lines.readline():
        request = json.loads(line)
        OUT.clear()
        if request["op"] == "cell":
            done = shell.run_cell(request["text"], store_history=True)
            send({"ok": bool(done.success), "count": shell.execution_count - 1, "outputs": OUT.found})
        elif request["op"] == "open":
            send({"opened": [path for path in request["paths"] if _opens(path)]})
        elif request["op"] == "read":  # before the first cell: nothing of the student's has run in this process
            entries, notes = arrange(request["released"], request["cells"], request["careful"])
            send({"entries": entries, "notes": notes})
        else:
            try:
                send(_call(shell.user_ns, request))
            except BaseException as error:
                send({"error": f"your code raised {type(error).__name__}"})


def _opens(path):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _call(space, request):
    name = request["name"]
    if not callable(space.get(name)):
        return {"missing": True}
    try:
        args, kwargs = decode(request["args"]), decode(request["kwargs"])
        rules = Rules(*map(frozenset, request["rules"]))
        value, changed = call_here(space[name], args, kwargs, rules, encode)
        return {"value": value, "changed": changed}
    except Wrong as problem:
        return {"error": str(problem), "reached": isinstance(problem, Reached)}
    except Refused as problem:
        return {"error": f"your function returned {problem}: it cannot be compared"}
