"""Hostile submissions against the locked process: none earns more than its honest code, sees a hidden test or stops the run."""

# ruff: noqa: E501  an attack reads best on one line

import gc
import json
import os
import platform
import signal
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from labs.grading.files import LABS
from labs.grading.inbox.rebuild import rebuild
from labs.grading.locked import clock, sandbox
from labs.grading.locked.sandbox import Unsafe
from labs.grading.locked.session import Gone, Late, Session
from labs.grading.locked.warm import Door, Zygote
from labs.grading.marks import marker
from labs.grading.marks.attempt import Attempt
from labs.grading.text import source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")
ORACLE = "ORACLE-31415"  # stands in the hidden tests only
HANGS = 300.0  # seconds: far less than an attack sleeps, far more than a busy machine needs
PATIENT = {"seconds": HANGS, "total": 2 * HANGS}  # where it is not the clock that stops a process
HIDDEN = f'''
from labs.grading import check as _c
import numpy as np
_part = _c.Part("double", 4)

@_part.case(2, "random numbers")
def _case(rng):
    "{ORACLE}"
    x = rng.normal(size=5)
    _c.expect("y", _part.call(double, x), 2 * x, {{"it is not doubled": x}})

@_part.case(2, "arguments unchanged")
def _case(rng):
    x = rng.normal(size=3)
    _c.expect("y", _part.call(double, x), 2 * x)
_part.mark()
'''


def meta(grade_id, **more):
    return {
        "nbgrader": {"grade_id": grade_id, "grade": False, "solution": False, "locked": True, "schema_version": 3, "task": False, **more}
    }


def lab(hidden):
    test = f"# hidden tests run here\n### BEGIN HIDDEN TESTS{HIDDEN}### END HIDDEN TESTS\n" if hidden else "# hidden tests run here\n"
    return new_notebook(
        cells=[
            new_code_cell("import numpy as np", metadata=meta("setup")),
            new_code_cell(
                "def double(x):\n    return x + x" if hidden else "def double(x): ...", metadata=meta("double", solution=True, locked=False)
            ),
            new_code_cell("assert double(1) == 2", metadata=meta("double_check", grade=True, points=0)),
            new_code_cell(test, metadata=meta("double_test", grade=True, points=4)),
            new_markdown_cell("text", metadata=meta("explain", grade=True, solution=True, locked=False, points=2)),
        ]
    )


FULL, RELEASED = lab(True), lab(False)


def grade(zygote, answer, extra=(), explain="mine", **options):
    cells = [(c.cell_type, source.meta(c)["grade_id"], c.source) for c in RELEASED.cells]
    cells[1] = ("code", "double", answer)
    cells[4] = ("markdown", "explain", explain)
    cells[2:2] = [("code", None, text) for text in extra]
    options = {"seconds": 10.0, "total": 30.0, "limits": {"AS": 4 << 30, "CPU": 20}, **options}
    return marker.mark_submission(FULL, RELEASED, cells, [], zygote.door, key="k", student="mallory", **options)


def shown(result):
    """Everything that came out of a submission: outputs and what the student wrote, not the tests themselves."""
    cells = json.loads(result["notebook"])["cells"]
    return json.dumps([c.get("outputs") for c in cells]) + json.dumps(result["notes"])


def test_honest_code_gets_its_points(zygote):
    result = grade(zygote, "def double(x):\n    return 2 * x", **PATIENT)
    assert result["marks"] == {"double_check": 0.0, "double_test": 4.0} and result["notes"] == []
    assert set(result["layers"].values()) == {"on"} and set(result["layers"]) == set(sandbox.LAYERS)
    result = grade(zygote, "def double(x):\n    x *= 2\n    return x")
    assert result["marks"]["double_test"] == 0.0 and "in place" in shown(result)
    result = grade(zygote, "def double(x):\n    return x")
    assert result["marks"]["double_test"] == 0.0 and "it is not doubled" in shown(result)
    result = grade(zygote, "print('nothing')")
    assert result["marks"]["double_test"] == 0.0 and "double is not defined" in shown(result)


CLONE, SEMGET, VMSPLICE = (56, 64, 278) if platform.machine() == "x86_64" else (220, 190, 75)
WRONG = "def double(x):\n    return x\n"
FORGED = {
    "comparison replaced": "np.testing.assert_allclose = np.allclose = lambda *a, **k: True\n" + WRONG,
    "isfinite replaced": "np.isfinite = np.abs = lambda a: np.zeros_like(a)\n" + WRONG,
    "always equal array": (
        "class A(np.ndarray):\n    def __array_ufunc__(self, *a, **k): return np.zeros(5)\n    __eq__ = lambda s, o: True\n"
        "def double(x): return x.view(A)"
    ),
    "always equal object": "class A:\n    __eq__ = lambda s, o: True\n    __array__ = lambda s, *a, **k: np.zeros(5)\ndef double(x): return A()",
    "frames searched": (
        "import sys\ndef double(x):\n    f = sys._getframe()\n    while f:\n        for v in list(f.f_locals.values()):\n"
        "            if isinstance(v, np.ndarray) and v.shape == x.shape and np.allclose(v, 2 * x): return v\n        f = f.f_back\n    return x"
    ),
    "memory searched": (
        "import gc\ndef double(x):\n    return next((o for o in gc.get_objects() if isinstance(o, np.ndarray) and o.shape == x.shape and o is not x), x)"
    ),
    "the grader's module changed": "from labs.grading import check\ncheck.close = lambda *a: True\ncheck.Part.mark = lambda s: 4.0\n"
    + WRONG,
    "call_here replaced": "from labs.grading.locked import child\nchild.call_here = lambda f, a, k: (a[0], [])\n" + WRONG,
    "a mark printed": WRONG + "print('4.0')\nfrom IPython.display import display\ndisplay(4.0)\n4.0",
    "a hook that prints a mark": WRONG + "get_ipython().events.register('post_run_cell', lambda r=None: print(4.0))",
    "an input transformer": WRONG + "get_ipython().input_transformers_post.append(lambda lines: ['4.0\\n'])",
    "the shell's run_cell replaced": WRONG + "type(get_ipython()).run_cell = lambda *a, **k: 4.0",
    "infinity": "def double(x):\n    return x * np.inf",
    "not a number": "def double(x):\n    return x * np.nan",
    "a huge array": "def double(x):\n    return np.zeros((10**9,), np.int8)",
    "a million nested lists": "def double(x):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a",
    "an object array": "def double(x):\n    return np.array([object()] * 5)",
    "a structured array": "def double(x):\n    return np.zeros(5, dtype=[('a', 'f8')])",
    "a generator": "def double(x):\n    yield from 2 * x",
    "itself": "def double(x):\n    return double",
    "a lazy proxy": "class P:\n    def __getattr__(s, n): return P()\n    def __call__(s, *a): return P()\ndef double(x): return P()",
    "a class of its own that pickles": "class E:\n    def __reduce__(s): return (print, ('pwned',))\ndef double(x): return E()",
    "an exception with a mark": "def double(x):\n    raise ValueError('[ ok ] double: 4 of 4 points')",
    "an exception that cannot be printed": "class E(Exception):\n    __str__ = lambda s: 1 / 0\ndef double(x): raise E()",
    "SystemExit": "def double(x):\n    raise SystemExit(0)",
    "KeyboardInterrupt": "def double(x):\n    raise KeyboardInterrupt",
    "a reply of its own": (
        "import os, json\ndef double(x):\n    for fd in range(3, 64):\n        try: os.write(fd, (json.dumps({'value': None, 'changed': []}) + chr(10)).encode())\n"
        "        except OSError: pass\n    return x"
    ),
    "a reply that is not JSON": "import os\ndef double(x):\n    for fd in range(3, 64):\n        try: os.write(fd, b'garbage' + bytes([10]))\n        except OSError: pass\n    return x",
    "an array that overrides NumPy's functions": (
        "class A(np.ndarray):\n    def __array_function__(self, *a, **k): return np.zeros(5)\n    tobytes = lambda s, *a: bytes(40)\ndef double(x): return x.view(A)"
    ),
    "a float that is any number": "class F(float):\n    __eq__ = lambda s, o: True\n    __sub__ = __rsub__ = lambda s, o: 0.0\ndef double(x): return F(1)",
    "a list that is any length": "class L(list):\n    __len__ = lambda s: 5\n    __iter__ = lambda s: iter([0.0] * 5)\ndef double(x): return L()",
    "a dictionary that has every key": "class D(dict):\n    __missing__ = lambda s, k: 0.0\ndef double(x): return D()",
    "modules replaced": "import sys, types\nfor n in list(sys.modules):\n    if n.startswith('labs') or n == 'json': sys.modules[n] = types.ModuleType(n)\n" + WRONG,
    "the encoder replaced": "from labs.grading.locked import wire, child\nwire.encode = child.encode = lambda v: {'a': ['<f8', [5], 'A' * 56]}\n" + WRONG,
    "equality of arrays replaced": "import builtins\nbuiltins.abs = builtins.max = lambda *a, **k: 0\nnp.abs = np.isclose = lambda *a, **k: 0\n" + WRONG,
    "a thread that changes the argument later": (
        "import threading, time\ndef double(x):\n    def later():\n        time.sleep(0.05); x[:] = 0\n    threading.Thread(target=later, daemon=True).start()\n    return x"
    ),
    "a file that was written in a cell": "open('sitecustomize.py', 'w').write('print(4.0)')\nimport sys; sys.path.insert(0, '.')\n" + WRONG,
    "an overflow in half precision": "def double(x): return np.full_like(x, 65504, dtype='f2') * 2",
    "an empty array of a huge shape": "def double(x): return np.zeros((0, 2**40))",
    "integers of four hundred digits": "def double(x): return [10**400] * len(x)",
    "complex numbers": "def double(x): return 1j * x",
    "an infinite position of a changed argument": "from labs.grading.locked import child\nchild.call_here = lambda f, a, k: (a[0] * 1, [float('inf')])\n" + WRONG,
    "the watch on arguments switched off": "from labs.grading.locked import child\nchild.call_here = lambda f, a, k: (f(*a, **k), [])\ndef double(x):\n    x *= 2\n    return x",
    "millions of changed arguments": "from labs.grading.locked import child\nchild.call_here = lambda f, a, k: (2 * a[0], list(range(1, 10**6)))\n" + WRONG,
    "a case forged in an error's text": "def double(x): raise ValueError('x' + chr(10) + '  [ ok ] y: 4 of 4')",
    "another program in its place": "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo 4.0 >&3; echo 4.0 >&4; sleep 100'])",
    "a reply that is too deep": "import os\ndef double(x):\n    for fd in range(3, 64):\n        try: os.write(fd, b'[' * 100000 + bytes([10]))\n        except OSError: pass\n    return x",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_mark_cannot_be_forged(zygote, name):
    result = grade(zygote, FORGED[name])
    assert result["marks"]["double_test"] == 0.0 and result["marks"]["double_check"] == 0.0
    assert ORACLE not in shown(result)
    graded = [c for c in json.loads(result["notebook"])["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "double_test"]
    assert [o["data"]["text/plain"] for o in graded[0]["outputs"] if o["output_type"] == "execute_result"] == ["0.0"]


def reads(path):
    return f"try: print(open({path!r}, errors='replace').read())\nexcept OSError as e: print('refused', type(e).__name__)\n"


ROOT = str(LABS.parent)
LEAKS = {
    "the text source": reads(f"{ROOT}/labs/lab02_rnn.md"),
    "this test": reads(__file__),
    "the grader": reads(marker.__file__),
    "its own notebook": "import glob\nprint(glob.glob('/**/*.ipynb', recursive=False), glob.glob('*'))",
    "history": "print(In, Out, list(get_ipython().history_manager.input_hist_raw))",
    "a pre_run_cell hook": "get_ipython().events.register('pre_run_cell', lambda info: print(info.raw_cell))",
    "linecache": "import linecache\nprint({k: ''.join(v[2]) for k, v in linecache.cache.items() if len(v) > 2})",
    "all objects": f"import gc\nprint([o for o in gc.get_objects() if isinstance(o, str) and o.startswith({ORACLE[:6]!r})])",
    "the environment": "import os\nprint(dict(os.environ))\n" + reads("/proc/self/environ") + reads("/proc/1/environ"),
    "other processes": "import os\nprint([p for p in os.listdir('/proc') if p.isdigit()])",
    "the parent's memory": reads("/proc/1/mem") + reads("/proc/2/cmdline"),
    "the password file's shadow": reads("/etc/shadow"),
    "the home folder": "import os\nprint(os.path.expanduser('~'), os.listdir('/root') if os.path.isdir('/root') else '')",
    "a network": "import socket\ntry: socket.create_connection(('127.0.0.1', 22), 1); print('CONNECTED')\nexcept OSError as e: print('refused')",
    "a name server": "import socket\ntry: print('RESOLVED', socket.gethostbyname('example.org'))\nexcept OSError as e: print('refused')",
    "an abstract UNIX socket": "import socket\ntry: s = socket.socket(socket.AF_UNIX); s.connect(b'\\0/tmp/x'); print('CONNECTED')\nexcept OSError: print('refused')",
    "ptrace": "import ctypes\nprint('TRACED' if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0 else 'refused')",
    "a new namespace": "import ctypes\nprint('UNSHARED' if ctypes.CDLL(None).unshare(0x10000000) == 0 else 'refused')",
    "a mount": "import ctypes\nprint('MOUNTED' if ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 else 'refused')",
    "the library's own answer": reads(f"{ROOT}/rnnlib/scratch/rnn.py") + "import inspect, rnnlib.scratch.rnn as a\ntry: print('CONNECTED', inspect.getsource(a))\nexcept OSError: print('refused')",
    "open descriptors": "import os\nfor fd in range(3, 64):\n    try: print(os.read(fd, 10**6)) if os.fstat(fd).st_mode & 0o170000 == 0o100000 else None\n    except OSError: pass",
    "a link to another's work": "import os\ntry: os.symlink('/etc/shadow', 'me'); print(open('me').read())\nexcept OSError: print('refused')",
    "a server of its own": "import socket\ns = socket.socket(socket.AF_INET) if False else None\ntry: socket.socket(socket.AF_INET).listen(); print('CONNECTED')\nexcept OSError: print('refused')",
    "the kernel's keys": "import ctypes\nprint('TRACED' if ctypes.CDLL(None).syscall(250, 0, -3, 1) > 0 else 'refused')",
    "a datagram to a socket of the host": "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\ntry: a.sendto(b'x', 'x'); print('CONNECTED')\nexcept PermissionError: print('refused')\nexcept OSError as e: print('CONNECTED', e)",
    "a pair of sockets that connects": "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\ntry: a.connect('x'); print('CONNECTED')\nexcept PermissionError: print('refused')\nexcept OSError as e: print('CONNECTED', e)",
    "a namespace by clone": f"import ctypes, os\nr = ctypes.CDLL(None).syscall({CLONE}, 0x10000000 | 17, 0, 0, 0, 0)\nprint('UNSHARED' if r >= 0 else 'refused')",
    "a life after ours": "import ctypes\nprint('TRACED' if ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0 else 'refused')",
    "a process that nobody may look at": "import ctypes\nprint('TRACED' if ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0 else 'refused')",
    "a watch on files": "import ctypes\nprint('TRACED' if ctypes.CDLL(None).inotify_init1(0) >= 0 else 'refused')",
    "memory that no limit counts": "import os\ntry: os.memfd_create('x'); print('MOUNTED')\nexcept OSError: print('refused')",
    "shared memory without a file": "import mmap\ntry: mmap.mmap(-1, 4096); print('MOUNTED')\nexcept OSError: print('refused')",
    "shared memory by a device": "import mmap\ntry: mmap.mmap(open('/dev/zero', 'r+b', 0).fileno(), 4096); print('MOUNTED')\nexcept OSError: print('refused')",
    "locks without end": "import fcntl, struct\nfor op in (6, 7, 37, 38):\n    try: fcntl.fcntl(open('f', 'w'), op, struct.pack('hhqqi', 1, 0, 0, 1, 0)); print('MOUNTED')\n    except PermissionError: print('refused')",
    "larger buffers of sockets": "import socket\ntry: socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20); print('MOUNTED')\nexcept OSError: print('refused')",
    "semaphores": f"import ctypes\nprint('MOUNTED' if ctypes.CDLL(None).syscall({SEMGET}, 0, 32000, 0o1600) >= 0 else 'refused')",
    "rules of its own": "import ctypes, struct\nprint('MOUNTED' if ctypes.CDLL(None).syscall(444, struct.pack('Q', 1), 8, 0) >= 0 else 'refused')",
    "pages kept in a pipe": f"import ctypes, os, struct\nb = ctypes.create_string_buffer(9)\nprint('MOUNTED' if ctypes.CDLL(None).syscall({VMSPLICE}, os.pipe()[1], struct.pack('QQ', ctypes.addressof(b), 8), 1, 0) > 0 else 'refused')",
    "a change of mode, owner or time": "import os\nfor f in ('/', '/tmp', '/usr', '/dev/shm'): print('refused' if os.statvfs(f).f_flag & os.ST_RDONLY else 'MOUNTED')",
    "the kernel's log": "import ctypes\nb = ctypes.create_string_buffer(2000)\nprint('TRACED' if ctypes.CDLL(None).klogctl(3, b, 2000) > 0 else 'refused')",
    "setuid": "import os\ntry: os.setuid(0); print('BECAME ROOT')\nexcept OSError: print('refused')",
}


DONE = "CONNECTED", "RESOLVED", "TRACED", "UNSHARED", "MOUNTED", "BECAME ROOT"  # what an attack prints that got through


@pytest.mark.parametrize("name", LEAKS)
def test_nothing_of_the_grader_is_seen(zygote, name):
    attack = LEAKS[name]
    for word in DONE:
        attack = attack.replace(word, f"{word[0]}' '{word[1:]}")  # a note may quote the line, and the line is not its output
    os.environ["GRADING_SECRET_IN_THE_PARENT"] = "ENVIRONMENT-2718"
    try:
        result = grade(zygote, attack + "\n" + WRONG)
    finally:
        del os.environ["GRADING_SECRET_IN_THE_PARENT"]
    said = shown(result)
    for word in (ORACLE, "BEGIN HIDDEN", "ENVIRONMENT-2718", "GRADING_KEY", *DONE, "root:"):
        assert word not in said
    assert "def _mark" not in said and "Two nets" not in said
    assert result["marks"]["double_test"] == 0.0


def test_nothing_is_written_outside(zygote, tmp_path):
    tmp_path.chmod(0o777)
    for folder in (str(tmp_path), ROOT, f"{ROOT}/labs", f"{ROOT}/rnnlib", "/tmp", "/dev/shm", sys.prefix):
        before = set(os.listdir(folder))
        attempt = "import os, pathlib\nfor f in (lambda p: open(p, 'w').write('x'), os.mkdir, lambda p: os.symlink('/', p), lambda p: os.mkfifo(p)):\n"
        attempt += f"    try: f({folder + '/planted'!r}); print('WROTE')\n    except OSError: pass\n"
        result = grade(zygote, attempt + WRONG)
        assert "WROTE" not in shown(result) and "planted" not in set(os.listdir(folder)) - before
    result = grade(zygote, "open('mine.txt', 'w').write('x'); print(open('mine.txt').read() + 'KEPT')\n" + WRONG)
    assert "xKEPT" in shown(result), "its own folder is writable"
    assert "mine.txt" not in shown(grade(zygote, "import os\nprint(os.listdir('.'))\n" + WRONG)), "and nobody finds it there"


STOPPERS = {
    "os._exit in a cell": "import os\nos._exit(0)",
    "os._exit in a call": "import os\ndef double(x): os._exit(0)",
    "abort": "import os\nos.abort()",
    "a crash": "import ctypes\nctypes.string_at(0)",
    "stopped for ever": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "a loop that catches everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "a loop in a call": "def double(x):\n    while True: pass",
    "sleep": "import time\ntime.sleep(1000)",
    "memory": "a = []\nwhile True: a.append(bytearray(10**8))",
    "one large array": "a = np.ones(10**10)",
    "processes": "import os\nfor _ in range(10**4):\n    try:\n        if os.fork() == 0:\n            while True: pass\n    except OSError: break",
    "a child that stays": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)",
    "memory of many processes": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        a = bytearray(200 << 20)\n        a[::4096] = b'x' * len(a[::4096])\n        time.sleep(1000)\ntime.sleep(1000)"
    ),
    "a signal handler": "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, lambda *a: None)\n    except (OSError, ValueError): pass\nwhile True: pass",
    "a fork that forks": "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n    except OSError: pass",
    "a name that lies about its size": "class A:\n    __repr__ = lambda s: 'x' * 10**9\nA()",
    "threads": "import threading, time\ntry:\n    for _ in range(10**4): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\nexcept RuntimeError: pass",
    "a full disk": "with open('big', 'wb') as f:\n    while True: f.write(bytes(10**7))",
    "many files": "for i in range(10**6): open(str(i), 'w').close()",
    "output without end": "while True: print('x' * 10**6)",
    "a gigabyte of output": "print('x' * 10**9)",
    "ten thousand figures": "from IPython.display import display\nfor _ in range(10**4): display('x' * 1000)",
    "a traceback without end": "def f(): f()\nimport sys\nsys.setrecursionlimit(10**6)\nf()",
    "standard output closed": "import os, sys\nos.close(1); os.close(2); sys.stdout.close()",
    "every descriptor closed": "import os\nos.closerange(0, 256)",
    "a pipe that nobody writes": "import os\nos.mkfifo('f'); open('f')",
    "a wish to live on": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "magics without end": "import os\nos._exit(0)\n" + "x=%who\n" * 60 + "a=1\n" * 4000,
    "outputs by the back door": "from labs.grading.locked import child\nchild.OUT.found = [{'output_type': 'display_data', 'data': {'image/png': 'A' * 1200000}}] * 45",
    "a count that is a text": "from labs.grading.locked import child\nchild.OUT.found = [{'output_type': 'execute_result', 'data': {'text/plain': 'x'}, 'execution_count': 'A' * 5000000}]",
    "half a character": "print(chr(0xd800))",
    "a killed session": "import os, signal\nos.kill(-1, signal.SIGKILL); os.kill(1, signal.SIGKILL)",
    "a broken shell": "get_ipython().run_cell = None\ndel get_ipython().user_ns['np']",
    "text that does not parse": "def double(x:\n",
    "a null byte": "x = 1\0",
}


@pytest.mark.parametrize("name", STOPPERS)
def test_nothing_stops_the_run(zygote, name):
    result = grade(zygote, STOPPERS[name], seconds=1.5, total=5.0)
    assert result["marks"]["double_test"] == 0.0 and result["seconds"] < HANGS
    assert len(result["notebook"]) < 5_000_000
    result["notebook"].encode()
    nbformat.validate(nbformat.from_dict(json.loads(result["notebook"])))
    assert grade(zygote, "def double(x):\n    return 2 * x", **PATIENT)["marks"]["double_test"] == 4.0, "the next student is graded as ever"


BETWEEN_PROCESSES = """
import os, time
held = bytearray(100 << 20)
for _ in range(3):
    if os.fork() == 0: break
more = bytearray(200 << 20)
time.sleep(1000)
"""
SOCKETS = """
import os, socket, time
read, write = os.pipe()
while True:
    try: child = os.fork()
    except OSError: break
    if child == 0:
        kept, held = [], 0
        while True:
            try: kept += socket.socketpair()
            except OSError: break
            for one in kept[-2:]:
                one.setblocking(False)
                try:
                    while True: held += one.send(bytes(1 << 16))
                except OSError: pass
        os.write(write, b'%d\\n' % held)
        os.close(write)
        time.sleep(1000)
os.close(write)
said = b''
while data := os.read(read, 1 << 16): said += data
print(sum(map(int, said.split())))
"""
FORGED_REPLY = r"""
import os, stat, time
fd = next(f for f in range(3, 64) if os.path.exists(f'/proc/self/fd/{f}') and stat.S_ISSOCK(os.fstat(f).st_mode))
os.write(fd, b'{"ok": true, "count": 1, "outputs": []}\n')
while True: time.sleep(1)
"""


LARGE = """from labs.grading.locked import child
child.OUT.found = [{'output_type': 'display_data', 'data': {'image/png': 'A' * 1_900_000}}] * 2"""
PIECES = """import os, stat
fd = next(f for f in range(3, 64) if os.path.exists(f'/proc/self/fd/{f}') and stat.S_ISSOCK(os.fstat(f).st_mode))
data = b'{"ok": [' + b'[],' * 2_000_000 + b'0]}' + bytes([10])
while data: data = data[os.write(fd, data):]"""


def test_all_outputs_of_a_submission_have_one_budget(zygote):
    result = grade(zygote, "def double(x):\n    return 2 * x", [f"{LARGE}\n# {i}" for i in range(10)], **PATIENT)
    assert 4_000_000 < len(result["notebook"]) < 12_000_000 and result["marks"]["double_test"] == 4.0
    session = Session(zygote.door, **PATIENT)
    with pytest.raises(Gone, match="too much data"):
        session.cell(PIECES)


BUSY = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        while True: pass\n"
BURNS = "import time\nend = time.process_time() + 1.2\nwhile time.process_time() < end: pass"


def test_busy_neighbours_cost_an_honest_student_nothing(zygote):
    neighbours = [Session(zygote.door, **PATIENT) for _ in range(4)]
    for neighbour in neighbours:
        neighbour.cell(BUSY)
    try:
        result = grade(zygote, "def double(x):\n    return 2 * x", [BURNS], seconds=2.0)
    finally:
        for neighbour in neighbours:
            neighbour.close()
    assert result["marks"]["double_test"] == 4.0 and result["notes"] == [] and not result["late"]


def test_processor_time_counts_with_that_of_all_children(zygote):
    session = Session(zygote.door, seconds=2.0, total=600.0)
    with pytest.raises(Gone, match="2 s of processor time") as stopped:
        session.cell(BUSY + "time.sleep(1000)")
    assert not isinstance(stopped.value, Late) and session.clock.used < 20.0
    session = Session(zygote.door, seconds=600.0, total=1.0)
    session.cell(BURNS.replace("1.2", "0.7"))
    with pytest.raises(Gone, match="processor time"):
        session.cell(BURNS.replace("1.2", "0.7"))


def test_time_asleep_and_time_on_the_wall_take_no_points_unseen(zygote, monkeypatch):
    session = Session(zygote.door, seconds=1.0, total=600.0)
    with pytest.raises(Late, match="slept"):
        session.cell("import time\ntime.sleep(1000)")
    hangs = "import time\ndef double(x):\n    time.sleep(1000)"
    result = grade(zygote, hangs, seconds=1.0)
    assert result["late"] and result["marks"]["double_test"] == 0.0
    assert result["waiting"] == ["double_test"] and "a person will look" in result["notes"][-1]
    result = grade(zygote, "def double(x):\n    while True: pass", seconds=1.0)
    assert not result["late"] and result["waiting"] == [], "what a loop costs needs no second look"
    monkeypatch.setattr(clock, "PATIENCE", 0.5)
    monkeypatch.setattr(clock, "look", lambda pid: (0.0, False))  # it would run, but the machine has no time for it
    session = Session(zygote.door, seconds=2.0, total=600.0)
    with pytest.raises(Late, match="1 s on the clock"):
        session.cell("while True: pass")


def test_a_clock_that_is_put_back_stops_nobody(zygote, monkeypatch):
    hours = iter(range(10**6, 0, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    result = grade(zygote, "def double(x):\n    return 2 * x", **PATIENT)
    assert result["marks"]["double_test"] == 4.0 and result["notes"] == [] and 0 <= result["seconds"] < HANGS


def test_who_does_not_listen_is_not_waited_for(zygote):
    result = grade(zygote, FORGED_REPLY, ["x = '" + "é" * 190_000 + "'"], seconds=1.5, total=5.0)
    assert result["marks"]["double_test"] == 0.0 and result["seconds"] < HANGS


def test_all_processes_of_a_submission_together_may_hold_so_much_memory_and_no_more():
    greedy = STOPPERS["memory of many processes"].replace("range(8)", "range(4)")
    zygote = Zygote(memory=400 << 20).wait()
    try:
        session = Session(zygote.door, **PATIENT)
        with pytest.raises(Gone, match="the process ended"):  # by the memory: the clock has other words
            session.cell(greedy)
        ended(zygote, children(zygote.process.pid))
        session = Session(zygote.door, **PATIENT)
        with pytest.raises(Gone, match="the process ended"):
            session.cell(BETWEEN_PROCESSES)
        modest = Session(zygote.door, **PATIENT)
        assert modest.cell("a = bytearray(100 << 20)")["ok"] is True
        modest.close()
    finally:
        zygote.close()


def test_what_the_kernel_holds_for_a_submission_is_bounded(zygote):
    """Sockets full of data are no process's memory: all that one submission can have of them stay below 0.5 GB."""
    session = Session(zygote.door, **PATIENT)
    reply = session.cell(SOCKETS)
    session.close()
    held = int(reply["outputs"][0]["text"])
    with open("/proc/sys/net/core/wmem_default", encoding="ascii") as file:
        each = int(file.read())
    assert 0 < held < sandbox.LIMITS["NPROC"] * sandbox.LIMITS["NOFILE"] * each and (each > 212_992 or held < 500_000_000)


def test_nobody_waits_for_the_watch_on_memory(zygote):
    """It looks at many pages of many processes, for long; meanwhile others get their process at once."""
    session = Session(zygote.door, **PATIENT)
    session.cell("import os, time\na = bytearray(400 << 20)\nfor _ in range(20):\n    if os.fork() == 0: time.sleep(1000)\ntime.sleep(2)")
    with open(f"/proc/{zygote.process.pid}/task/{zygote.process.pid}/children", encoding="ascii") as file:
        watch = int(file.read().split()[0])
    os.kill(watch, signal.SIGSTOP)  # the longest look that there is
    try:
        assert grade(zygote, "def double(x):\n    return 2 * x", **PATIENT)["marks"]["double_test"] == 4.0
    finally:
        os.kill(watch, signal.SIGCONT)
    assert session.cell("print(len(a))")["ok"], "what its processes share counts once"
    session.close()


def test_a_warm_process_without_its_watch_on_memory_ends():
    zygote = Zygote().wait()
    with open(f"/proc/{zygote.process.pid}/task/{zygote.process.pid}/children", encoding="ascii") as file:
        os.kill(int(file.read()), signal.SIGKILL)
    assert zygote.process.wait(HANGS) == 0
    zygote.close()


def test_the_folder_of_a_grader_that_was_killed_is_swept(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone, ours = tmp_path / "zygote-999999999-abc", tmp_path / f"zygote-{os.getpid()}-abc"
    for folder in (gone, ours, tmp_path / "zygote-notes"):
        folder.mkdir()
    Zygote().close()
    assert not gone.exists() and ours.exists() and (tmp_path / "zygote-notes").exists()


def test_pages_that_staff_open_are_inert(zygote):
    active = "<script>alert(1)</script><img src=x onerror=alert(1)>[a](javascript:alert(1))"
    text = f"from IPython.display import HTML, Javascript, SVG, Markdown, display\ndisplay(HTML({active!r}), Javascript('alert(1)'), Markdown({active!r}))\n"
    text += "get_ipython().display_pub.publish({'image/png': '\"><script>alert(1)</script>', 'text/html': '<b>'})\n"
    result = grade(zygote, text + WRONG, explain=active)
    for cell in json.loads(result["notebook"])["cells"]:
        for out in cell.get("outputs", []):
            assert set(out.get("data", {})) <= {"text/plain", "image/png"} and "<script>" not in out.get("data", {}).get("image/png", "")
        if cell["cell_type"] == "markdown":
            assert "<script" not in cell["source"] and "<img" not in cell["source"] and "javascript:" not in cell["source"]


def test_structure_and_points_come_from_the_release(zygote):
    cells = [(c.cell_type, source.meta(c)["grade_id"], c.source) for c in RELEASED.cells]
    hostile = [*cells[:3], ("code", "double_test", "4.0"), ("code", "new_test", "4.0"), ("raw", "explain", "x")]
    nb, _ = rebuild(RELEASED, hostile)
    assert [source.meta(c).get("grade_id") for c in nb.cells if source.meta(c)] == [source.meta(c)["grade_id"] for c in RELEASED.cells]
    assert not any("tags" in c.metadata for c in nb.cells)
    result = marker.mark_submission(FULL, RELEASED, hostile, [], zygote.door, key="k", student="m")
    assert result["marks"] == {"double_check": 0.0, "double_test": 0.0}


def test_a_fault_of_our_own_goes_to_a_person_and_points_need_hidden_tests(zygote):
    broken = nbformat.from_dict(json.loads(json.dumps(FULL)))
    broken.cells[3].source = broken.cells[3].source.replace("_part.mark()", "undefined_name\n")
    cells = [(c.cell_type, source.meta(c)["grade_id"], c.source) for c in RELEASED.cells]
    result = marker.mark_submission(broken, RELEASED, cells, [], zygote.door, key="k", student="m")
    assert result["marks"]["double_test"] is None and "your teacher will mark it" in result["notes"][0]
    source.check_lab(FULL)
    with pytest.raises(ValueError, match="double_test: expected a hidden test for its 4 points"):
        source.check_lab(RELEASED)


def test_a_missing_layer_refuses_unless_told(monkeypatch):
    def unavailable():
        raise OSError(38, "not on this kernel")

    monkeypatch.setattr(sandbox, "_unprivileged", unavailable)
    with pytest.raises(Unsafe, match=r"ids: .*not on this kernel"):
        sandbox.enter()


def test_the_numbers_are_the_students_own_and_the_same_again(zygote):
    text = "seen = []\ndef double(x):\n    print(x); seen.append(x.tolist()); return x * float('nan') if len(seen) > 5 else seen"
    cells = [(c.cell_type, source.meta(c)["grade_id"], c.source) for c in RELEASED.cells]
    cells[1] = ("code", "double", text)
    said = [
        marker.mark_submission(FULL, RELEASED, cells, [], zygote.door, key=k, student=s)["notebook"]
        for k, s in (("k", "a"), ("k", "a"), ("k", "b"), ("l", "a"))
    ]
    outputs = [json.dumps([c.get("outputs") for c in json.loads(t)["cells"]]) for t in said]
    assert outputs[0] == outputs[1]


def test_a_student_process_ends_with_its_session(zygote):
    session = Session(zygote.door, **PATIENT)
    session.cell("import os, time\nif os.fork() == 0: time.sleep(1000)")
    running = children(zygote.process.pid)
    assert running
    session.close()
    ended(zygote, running)


def test_a_session_without_a_warm_process_leaves_no_socket_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        Session(Door(str(tmp_path / "socket"), str(tmp_path)))
    gc.collect()  # a socket left open is a warning here, and a warning is an error


def ended(zygote, running):
    """Wait until these children of a warm process are gone."""
    end = time.monotonic() + HANGS
    while set(children(zygote.process.pid)) & set(running):
        assert time.monotonic() < end, f"still there: {running}"
        time.sleep(0.05)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()[1:]  # the first one is the watch on memory


def test_what_stops_the_process_costs_its_own_part_only(zygote, monkeypatch):
    """Two functions: the one hangs, the other is right, and needs what an earlier cell made. A loop is stopped by processor time."""
    patience = {**PATIENT, "limits": {"CPU": 2}}
    full, released = nbformat.from_dict(json.loads(json.dumps(FULL))), nbformat.from_dict(json.loads(json.dumps(RELEASED)))
    for nb in (full, released):
        more = [nbformat.from_dict(json.loads(json.dumps(cell))) for cell in nb.cells[1:4]]
        for cell in more:
            cell.source = cell.source.replace("double", "triple").replace("2 * x", "3 * x").replace("== 2", "== 3")
            cell.metadata.nbgrader.grade_id = cell.metadata.nbgrader.grade_id.replace("double", "triple")
        nb.cells[4:4] = more
    cells = [(c.cell_type, source.meta(c)["grade_id"], c.source) for c in released.cells]
    for hang in ("while True: pass", "import os; os._exit(1)", "import os; os.abort()"):
        cells[1] = ("code", "double", f"three = 3\ndef double(x):\n    {hang}")
        cells[4] = ("code", "triple", "def triple(x):\n    return three * x")
        result = marker.mark_submission(full, released, cells, [], zygote.door, key="k", student="m", **patience)
        assert (result["marks"]["double_test"], result["marks"]["triple_test"]) == (0.0, 4.0), shown(result)
        assert [note.split(":")[0] for note in result["notes"]] == ["cell double_check", "double"] and result["stopped"]
    cells[1] = ("code", "double", "while True: pass")
    result = marker.mark_submission(full, released, cells, [], zygote.door, key="k", student="m", **patience)
    assert result["marks"]["triple_test"] == 0.0 and "three" in shown(result), "what the stopped cell defined is missing"
    cells[1] = ("code", "double", "three = 3\ndef double(x):\n    while True: pass")
    attempt = Attempt._try

    def the_last(self, ask, what):
        try:
            return attempt(self, ask, what)
        except Gone:
            self.total = 0.0  # all the time there was
            raise

    monkeypatch.setattr(Attempt, "_try", the_last)
    result = marker.mark_submission(full, released, cells, [], zygote.door, key="k", student="m", **patience)
    assert result["marks"]["triple_test"] == 0.0 and "the rest was not run" in shown(result)
