"""What an answer may not use, in both directions: honest lines cost nothing, a ready-made answer earns nothing, whatever it is called by.

Each case is graded twice: by the locked grader, and as plain nbgrader does it, with the hidden tests in the student's own process.
"""

import dataclasses
import functools
import inspect
import json
import subprocess
import sys
import textwrap
import time
import warnings

import nbformat
import pytest
import torch
from hand_ins import solved

from labs.grading.banned.lines import look
from labs.grading.banned.reached import Forbidden, Rules, gates, watched
from labs.grading.course import Course
from labs.grading.files import LABS
from labs.grading.locked.session import Session
from labs.grading.marks import trial
from labs.grading.marks.marker import mark_submission
from labs.grading.text import source
from labs.grading.text.release import release

SAID = "this part asks you to write that yourself"
PARTS = {  # of each lab the parts that are tried here, each with another one that must not lose a point by it
    "lab02_rnn": ("rnn_step", "embedding_backward", "masked_cross_entropy"),
    "lab03_bptt": ("step_backward", "rnn_backward"),
    "lab05_lstm": ("lstm_step", "lstm_forward", "gru_step"),
    "lab06_attention": ("masked_softmax", "dot_attention", "softmax_backward"),
}


@dataclasses.dataclass
class Case:
    """``answer`` in the place of a part's answer (None: the model's) and ``before``, a cell of the student's before it."""

    part: str
    answer: str | None = None
    before: str = ""
    wait: bool = False  # a person should look at it
    note: bool = False  # a line was not run

    @property
    def lab(self):
        return next(lab for lab, parts in PARTS.items() if self.part in parts)


@functools.cache
def model(part):
    """The model's answer."""
    cells = source.notebook(Case(part).lab).cells
    return next(c.source for c in cells if source.meta(c).get("grade_id") == part)


# --- honest lines: each at the top of an answer cell, or in a cell before it, or inside the answer


def on_top(part, text, **how):
    return Case(part, f"{text}\n{model(part)}", **how)


def inside(part, text, **how):
    """A line at the start of the function's body."""
    head, _, body = model(part).partition("### BEGIN SOLUTION\n")
    return Case(part, head.rstrip(" ") + text + "\n" + body, **how)


def helper(part, name, text="def {name}({args}):\n{body}"):
    """The answer moved unchanged into a helper with another name."""
    body = model(part)
    function = body.partition("def ")[2].partition("(")[0]
    args = body.partition("(")[2].partition("):")[0]
    names = ", ".join(a.partition("=")[0].strip() for a in args.split(","))
    moved = body.replace(f"def {function}(", f"def {name}(", 1)
    return Case(part, f"{moved}\n\n\ndef {function}({args}):\n    return {name}({names})")


HONEST = {
    "pip in a first cell": Case("rnn_step", before="!pip install -q tqdm", note=True),
    "pip on top of an answer": on_top("rnn_step", "!pip install tqdm", note=True),
    "ls": on_top("rnn_step", "!ls", note=True),
    "the output of ls": on_top("rnn_step", "files = !ls\nprint(len(files))", note=True),
    "two exclamation marks": on_top("lstm_step", "!!date", note=True),
    "nvidia-smi": Case("lstm_step", before="!nvidia-smi", note=True),
    "validate, as the lab asks": Case("rnn_step", before="!nbgrader validate lab02_rnn.ipynb", note=True),
    "percent pip": on_top("masked_softmax", "%pip install einops", note=True),
    "percent conda": on_top("masked_softmax", "%conda install -y numpy", note=True),
    "a cell of bash": Case("step_backward", before="%%bash\npip list | head -3", note=True),
    "a cell of sh": Case("step_backward", before="%%sh\nls -la", note=True),
    "os.system": on_top("rnn_step", "import os\nos.system('clear')", note=True),
    "os.popen": on_top("rnn_step", "import os\nprint(os.popen('whoami').read())", note=True),
    "subprocess.run": on_top("gru_step", "import subprocess\nsubprocess.run(['pip', 'install', 'tqdm'], check=True)", note=True),
    "subprocess.check_output": on_top("gru_step", "import subprocess\nsubprocess.check_output('ls', shell=True).decode()", note=True),
    "a program inside the answer": inside("rnn_step", "    import os; os.system('echo step')", note=True),
    "a shell line inside the answer": inside("rnn_step", "    !echo step", note=True),
    "a magic that times": Case("rnn_step", "%%time\n" + model("rnn_step")),
    "a magic that is not there": on_top("rnn_step", "%tensorboard --logdir runs\n%matplotlib widget", note=True),
    "autoreload": on_top("masked_softmax", "%load_ext autoreload\n%autoreload 2\n%matplotlib inline"),
    "getattr with a name": on_top("rnn_step", "for name in ('tanh', 'exp'):\n    print(getattr(np, name)(0.0))"),
    "globals": on_top("rnn_step", "if 'x0' in globals():\n    del x0"),
    "eval": on_top("rnn_step", "assert eval('1+1') == 2"),
    "exec": on_top("rnn_step", "exec('two = 2')"),
    "eval of a table": on_top(
        "rnn_step", "class Table:\n    def eval(self, text):\n        return text\n\n\ndf = Table()\ndf.eval('b = a + 1')"
    ),
    "a list called modules": on_top("rnn_step", "modules = ['W_xh', 'W_hh']\nprint(modules)"),
    "importlib": on_top("rnn_step", "import importlib\nimportlib.reload(np.random)"),
    "getattr inside the answer": Case("rnn_step", model("rnn_step").replace("np.tanh", "getattr(np, 'tan' + 'h')")),
    "eval inside the answer": Case("rnn_step", model("rnn_step").replace("np.tanh", "eval('np.tanh')")),
    "globals inside the answer": Case("rnn_step", model("rnn_step").replace("np.tanh", "globals()['np'].tanh")),
    "a helper called backward": helper("rnn_step", "backward"),
    "a helper called lstm_cell": helper("lstm_step", "lstm_cell"),
    "a helper called gru_cell": helper("gru_step", "gru_cell"),
    "a helper called rnn_tanh_cell": helper("rnn_step", "rnn_tanh_cell"),
    "a helper called softmax": helper("masked_softmax", "softmax"),
    "a helper called cross_entropy": helper("masked_cross_entropy", "cross_entropy"),
    "a helper called grad": helper("step_backward", "grad"),
    "a helper called scaled_dot_product_attention": helper("dot_attention", "scaled_dot_product_attention"),
    "a helper called step, as the lab's own": helper("rnn_step", "step"),
    "a keyword called backward": Case(
        "step_backward",
        "def both(dh_t, x_t, h_prev, h_t, W_xh, W_hh, backward=False):\n    assert backward\n    da = dh_t * (1 - h_t**2)\n"
        "    return da @ W_xh.T, da @ W_hh.T, x_t.T @ da, h_prev.T @ da, da.sum(0)\n\n\n"
        "def step_backward(*args):\n    return both(*args, backward=True)",
    ),
    "a method called backward": Case(
        "softmax_backward",
        "class Softmax:\n    def __init__(self, attn):\n        self.attn = attn\n\n    def backward(self, d):\n"
        "        return self.attn * (d - (self.attn * d).sum(-1, keepdims=True))\n\n\n"
        "def softmax_backward(dattn, attn):\n    return Softmax(attn).backward(dattn)",
    ),
    "a static method called softmax": Case(
        "masked_softmax",
        "class Ops:\n    @staticmethod\n"
        + textwrap.indent(model("masked_softmax").replace("def masked_softmax", "def softmax"), "    ")
        + "\n\n\ndef masked_softmax(scores, mask=None):\n    return Ops.softmax(scores, mask)",
    ),
    "a class called nn with a method Linear": Case(
        "rnn_step",
        "class nn:\n    @staticmethod\n    def Linear(x, W):\n        return x @ W\n\n\n"
        "def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):\n    return np.tanh(nn.Linear(x_t, W_xh) + nn.Linear(h_prev, W_hh) + b_h)",
    ),
    "a module of torch that computes by itself": Case(
        "rnn_step",
        "class Cell(torch.nn.Module):\n    def forward(self, a):\n        return torch.tanh(a)\n\n\n"
        "def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):\n"
        "    return Cell()(torch.as_tensor(x_t @ W_xh + h_prev @ W_hh + b_h)).numpy()",
    ),
    "arithmetic of torch": Case(
        "rnn_step",
        "def rnn_step(*args):\n    x_t, h_prev, W_xh, W_hh, b_h = map(torch.as_tensor, args)\n"
        "    with torch.no_grad():\n        return torch.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)",
    ),
    "torch.vmap of one row": Case(
        "rnn_step",
        "def rnn_step(*args):\n    x_t, h_prev, W_xh, W_hh, b_h = map(torch.as_tensor, args)\n"
        "    return torch.vmap(lambda x, h: torch.tanh(x @ W_xh + h @ W_hh + b_h))(x_t, h_prev).numpy()",
    ),
    "a comparison with torch in a cell": Case(
        "lstm_step", before="reference = torch.nn.LSTM(3, 4)\nout, _ = reference(torch.zeros(5, 2, 3))\nout.sum().backward()"
    ),
    "a comparison with the library in a cell": Case(
        "rnn_step", before="from rnnlib.scratch.rnn import rnn_step as theirs\nprint(theirs(*[np.ones((2, 2))] * 4, np.ones(2)))"
    ),
    "a thread": on_top("rnn_step", "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()"),
    "a function of SciPy": on_top("lstm_step", "from scipy.special import expit\nassert expit(0.0) == 0.5"),
    "SciPy inside the answer": Case(
        "lstm_step",
        model("lstm_step")
        .replace("    a_i,", "    from scipy.special import expit\n    a_i,", 1)
        .replace("1 / (1 + np.exp(-a_i))", "expit(a_i)"),
    ),
    "words in a comment": inside("rnn_step", "    # torch.rnn_tanh_cell, torch.autograd.grad and exec would do this for us"),
}


# --- detours: what each of them calls is the ready-made answer

CELL = """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h{default}):
    t = lambda a: torch.as_tensor(np.array(a), dtype=torch.float64)
    run = {cell}
    return run(t(x_t), t(h_prev), t(W_xh).T.contiguous(), t(W_hh).T.contiguous(), t(b_h), 0 * t(b_h)).numpy()
"""
LSTM = """
def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
    args = [torch.as_tensor(np.array(a), dtype=torch.float64) for a in (x_t, h_prev, c_prev, W_x.T, W_h.T, b)]
    x_t, h_prev, c_prev, W_x, W_h, b = args
    h, c = {cell}(x_t, (h_prev, c_prev), W_x, W_h, b, 0 * b)
    gates = (x_t @ W_x.T + h_prev @ W_h.T + b).numpy()
    s, H = 1 / (1 + np.exp(-gates)), gates.shape[1] // 4
    s[:, 2 * H : 3 * H] = np.tanh(gates[:, 2 * H : 3 * H])
    return h.numpy(), c.numpy(), s
"""
GRADIENT = """
def step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    t = lambda a: torch.tensor(np.array(a, float))
    with np.errstate(all="ignore"):
        b = t(np.arctanh(h_t) - x_t @ W_xh - h_prev @ W_hh)
    f = lambda x, h, W, U, b: torch.tanh(x @ W + h @ U + b)
    at, d = [t(x_t), t(h_prev), t(W_xh), t(W_hh), b], t(dh_t)
{how}
    return [np.asarray(a.detach()) if k < 4 else np.asarray(a.detach()).sum(0) for k, a in enumerate(g)]
"""
LEAVES = "    [a.requires_grad_() for a in at]\n"
SOFTMAX = """
def masked_softmax(scores, mask=None):
    if mask is not None:
        mask = np.array(mask)
        scores = np.where(mask, scores, -1e300)
        return np.where(mask, np.asarray({cell}), 0.0)
    return np.asarray({cell})
"""
ATTENTION = """
def dot_attention(query, keys, values, mask=None, scale=None):
    t = lambda a: torch.as_tensor(np.array(a), dtype=torch.float64)
    unit = torch.eye(keys.shape[1], dtype=torch.float64).expand(len(keys), -1, -1)
    mask = None if mask is None else torch.as_tensor(np.array(mask))
    return tuple({cell}(t(query), t(keys), v, attn_mask=mask, scale=scale).numpy() for v in (t(values), unit))
"""


def cell(text, before="", default="", **how):
    return Case("rnn_step", CELL.format(cell=text, default=default), before, **how)


def gradient(how, before="", **more):
    return Case("step_backward", GRADIENT.format(how=textwrap.indent(textwrap.dedent(how), "    ")), before, **more)


def softmax(text, before="", **how):
    return Case("masked_softmax", SOFTMAX.format(cell=text), before, **how)


DETOURS = {
    "the kernel": cell("torch.rnn_tanh_cell"),
    "a computed name": cell("getattr(torch, 'rnn_' + 'tanh_cell')"),
    "a default argument": cell("_run", default=", _run=torch.rnn_tanh_cell"),
    "captured in a cell before": cell("helpers[0]", "helpers = [torch.rnn_tanh_cell]"),
    "renamed by an import": cell("tanh", "from torch import rnn_tanh_cell as tanh"),
    "a closure": cell("inner()", "def outer(f):\n    return lambda: f\n\n\ninner = outer(torch.rnn_tanh_cell)"),
    "an attribute of a class": cell("Own.run", "class Own:\n    run = torch.rnn_tanh_cell"),
    "a partial": cell("part", "import functools\npart = functools.partial(torch.rnn_tanh_cell)"),
    "vars": cell("vars(torch)['rnn_tanh_cell']"),
    "the dict": cell("torch.__dict__['rnn_tanh_cell']"),
    "a search": cell("next(v for k, v in vars(torch).items() if k.startswith('rnn_t') and k.endswith('cell'))"),
    "attrgetter": cell("__import__('operator').attrgetter('rnn_tanh_cell')(torch)"),
    "pkgutil": cell("__import__('pkgutil').resolve_name('torch:rnn_tanh_cell')"),
    "inspect": cell("__import__('inspect').getattr_static(torch, 'rnn_tanh_cell')"),
    "pickle": cell("saved", "import pickle\nsaved = pickle.loads(pickle.dumps(torch.rnn_tanh_cell))"),
    "importlib": cell("__import__('importlib').import_module('torch').rnn_tanh_cell"),
    "sys.modules": cell("__import__('sys').modules['torch'].rnn_tanh_cell"),
    "eval": cell("eval('torch.rnn_' + 'tanh_cell')"),
    "exec": cell("saved", "exec('saved = torch.rnn_tanh_' + 'cell')"),
    "_VF": cell("torch._VF.rnn_tanh_cell"),
    "the C functions": cell("torch._C._VariableFunctions.rnn_tanh_cell"),
    "torch.ops": cell("torch.ops.aten.rnn_tanh_cell"),
    "torch.ops, one overload": cell("torch.ops.aten.rnn_tanh_cell.default"),
    "globals of a provided function": Case(
        "dot_attention", ATTENTION.format(cell="softmax_of.__globals__['torch'].nn.functional.scaled_dot_product_attention")
    ),
    "dispatch turned off": cell(
        "off", "def off(*a):\n    with torch._C.DisableTorchFunction():\n        return torch.rnn_tanh_cell(*a)", wait=True
    ),
    "a thread": cell(
        "in_thread",
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\npool.submit(int).result()\n"
        "in_thread = lambda *a: pool.submit(torch.rnn_tanh_cell, *a).result()",
    ),
    "a script": cell(
        "scripted",
        "from torch import Tensor\n\n\n@torch.jit.script\ndef scripted(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor):\n"
        "    return torch.rnn_tanh_cell(a, b, c, d, e, f)",
        wait=True,
    ),
    "a function that calls back": cell(
        "mapped",
        "def mapped(*a):\n    out = []\n    torch.zeros(1).apply_(lambda v: out.append(torch.rnn_tanh_cell(*a)) or v)\n    return out[0]",
    ),
    "a result that computes itself later": Case(
        "rnn_step",
        "class Late:\n    __module__ = 'torch'\n\n    def __init__(self, *a):\n"
        "        self.a = [torch.as_tensor(np.array(v), dtype=torch.float64) for v in a]\n\n"
        "    def detach(self):\n        x, h, W, U, b = self.a\n"
        "        return torch.rnn_tanh_cell(x, h, W.T, U.T, b, 0 * b)\n\n\nrnn_step = Late",
    ),
    "a function that pretends to be the lab's": cell(
        "pretend", "# provided: a finished step\ndef step(*a):\n    return torch.rnn_tanh_cell(*a)\n\n\npretend = step"
    ),
    "a layer": Case(
        "rnn_step",
        "def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):\n    t = lambda a: torch.as_tensor(np.array(a), dtype=torch.float64)\n"
        "    cell = torch.nn.RNNCell(*W_xh.shape, dtype=torch.float64)\n    with torch.no_grad():\n"
        "        for p, v in zip(cell.parameters(), (t(W_xh).T, t(W_hh).T, t(b_h), 0 * t(b_h))):\n            p.copy_(v)\n"
        "        return cell(t(x_t), t(h_prev)).numpy()",
    ),
    "the library": Case("rnn_step", "from rnnlib.scratch.rnn import rnn_step"),
    "the library, captured": Case(
        "rnn_step", "rnn_step = lambda *a: known['rnn_step'](*a)", "import rnnlib.scratch.rnn\nknown = vars(rnnlib.scratch.rnn)"
    ),
    "the library, loaded in the call": Case(
        "rnn_step", "def rnn_step(*a):\n    import importlib\n    return importlib.import_module('rnnlib.scratch.rnn').rnn_step(*a)"
    ),
    "a layer for a part of it": Case(
        "rnn_step",
        "from torch.nn.functional import linear\n\n\ndef rnn_step(*a):\n    x, h, W, U, b = map(torch.as_tensor, a)\n"
        "    return torch.tanh(linear(x, W.T) + linear(h, U.T, b)).numpy()",
    ),
    "only now and then": Case(
        "rnn_step",
        CELL.format(cell="torch.rnn_tanh_cell", default="").replace(
            "    run =", "    if len(x_t) == 1: return np.tanh(x_t @ W_xh + h_prev @ W_hh + b_h)\n    run ="
        ),
    ),
    "the gradient of an embedding": Case(
        "embedding_backward",
        "def embedding_backward(dx, ids, V):\n    t = torch.as_tensor\n"
        "    return torch.ops.aten.embedding_dense_backward(t(np.array(dx)).contiguous(), t(np.array(ids)), V, -1, False).numpy()",
    ),
    "a loss": Case(
        "masked_cross_entropy",
        "def masked_cross_entropy(logits, targets, mask):\n    z = torch.tensor(np.array(logits, float), requires_grad=True)\n"
        "    n = max(int(np.sum(mask)), 1)\n"
        "    each = torch.nn.functional.cross_entropy(z.flatten(0, 1), torch.as_tensor(np.array(targets)).flatten(), reduction='none')\n"
        "    loss = (each * torch.as_tensor(np.array(mask)).flatten()).sum() / n\n"
        "    loss.backward()\n    return loss.item(), z.grad.numpy()",
    ),
    "an LSTM cell": Case("lstm_step", LSTM.format(cell="torch.lstm_cell")),
    "an LSTM cell of torch.ops": Case("lstm_step", LSTM.format(cell="torch.ops.aten.lstm_cell.default")),
    "a GRU cell": Case(
        "gru_step",
        "def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h, reset='after'):\n"
        "    x, h, W, U, b, d = (torch.as_tensor(np.array(a), dtype=torch.float64) for a in (x_t, h_prev, W_x, W_h, b_x, b_h))\n"
        "    return getattr(torch, 'gru_cell')(x, h, W.T, U.T, b, d).numpy()",
    ),
    "a decomposition of torch": Case(
        "lstm_forward",
        "from torch._decomp.decompositions import lstm_impl as loop\n\n\n"
        "def lstm_forward(x, W_x, W_h, b, h_0=None, c_0=None, lengths=None):\n"
        "    x, W, U, b = (torch.as_tensor(np.array(a), dtype=torch.float64) for a in (x, W_x, W_h, b))\n"
        "    none = np.zeros((len(x), len(U)))\n"
        "    start = [torch.as_tensor(np.array(none if s is None else s))[None] for s in (h_0, c_0)]\n"
        "    out, h, c = loop(x, start, [W.T, U.T, b, 0 * b], True, 1, 0.0, False, False, True)\n"
        "    return out.numpy(), h[0].numpy(), c[0].numpy()",
    ),
    "autograd": gradient(LEAVES + "    g = torch.autograd.grad(f(*at), at, d)\n    g = [*g[:4], g[4]]"),
    "the method backward": gradient(LEAVES + "    f(*at).backward(d)\n    g = [a.grad for a in at]"),
    "backward by another name": gradient(LEAVES + "    getattr(torch.Tensor, 'back' + 'ward')(f(*at), d)\n    g = [a.grad for a in at]"),
    "the engine itself": gradient(
        LEAVES + "    torch.autograd.Variable._execution_engine.run_backward(\n"
        "    (f(*at),), (d,), False, False, (), allow_unreachable=True, accumulate_grad=True)\n"
        "    g = [a.grad for a in at]",
        wait=True,
    ),
    "torch.func": gradient("    g = torch.func.vjp(f, *at)[1](d)"),
    "torch._functorch": gradient("    g = torch._functorch.eager_transforms.vjp(f, *at)[1](d)"),
    "functorch.jacfwd": gradient(
        "    import functorch\n    g = [torch.einsum('bh,bh...->...', d, functorch.jacfwd(f, k)(*at)) for k in range(5)]"
    ),
    "functorch.jacrev": gradient(
        "    import functorch\n    g = [torch.einsum('bh,bh...->...', d, functorch.jacrev(f, k)(*at)) for k in range(5)]"
    ),
    "autograd.functional": gradient("    g = torch.autograd.functional.vjp(f, tuple(at), d)[1]"),
    "the gradient of a kernel": Case(
        "softmax_backward",
        "def softmax_backward(dattn, attn):\n    t = torch.as_tensor\n"
        "    return torch._softmax_backward_data(t(np.array(dattn)), t(np.array(attn)), -1, torch.float64).numpy()",
    ),
    "softmax": softmax("torch.softmax(torch.as_tensor(scores), -1)"),
    "the method softmax": softmax("torch.as_tensor(scores).softmax(-1)"),
    "softmax of torch.nn": softmax("torch.nn.Softmax(-1)(torch.as_tensor(scores))"),
    "softmax of torch.special": softmax("torch.special.softmax(torch.as_tensor(scores), -1)"),
    "softmax of torch._refs": softmax("torch._refs.softmax(torch.as_tensor(scores), -1)"),
    "softmax of torch.masked": softmax("torch.masked.softmax(torch.as_tensor(scores), -1)"),
    "softmax of SciPy": softmax("s(scores, axis=-1)", "from scipy.special import softmax as s"),
    "softmax of SciPy, loaded in the call": softmax("__import__('scipy.special').special.softmax(scores, axis=-1)"),
    "attention": Case("dot_attention", ATTENTION.format(cell="torch.nn.functional.scaled_dot_product_attention")),
}


# --- both graders


@pytest.fixture(scope="module")
def door(zygote):
    return zygote.door


@functools.cache
def notebooks(lab):
    """The full lab and its release, with the parts that are tried here and what the lab provides."""
    kept = [f"{part}{end}" for part in PARTS[lab] for end in ("", "_test")]
    nb = source.notebook(lab)
    nb.cells = [
        c for c in nb.cells if (name := source.meta(c).get("grade_id", "")) in kept or name == "setup" or name.startswith("provided")
    ]
    released = nbformat.from_dict(json.loads(json.dumps(nb)))
    for c in released.cells:
        c.source = trial.stub(source.without_hidden(c.source))
    return nb, released


def cells(case):
    """What the student hands in, as (type, name, text)."""
    full, _ = notebooks(case.lab)
    for c in full.cells:
        name = source.meta(c)["grade_id"]
        if name == case.part and case.before:
            yield "code", None, case.before
        yield "code", name, case.answer if name == case.part and case.answer else source.without_hidden(c.source)


def locked(case, door):
    """The marks by part, and the whole result."""
    full, released = notebooks(case.lab)
    result = mark_submission(full, released, list(cells(case)), [], door, key="k", student="ada", allow_missing=("all",))
    return {name.removesuffix("_test"): mark for name, mark in result["marks"].items()}, result


def plain(result, door):
    """The marks by part where the hidden tests of the same notebook run in the student's process."""
    session, marks = Session(door, allow_missing=("all",)), {}
    try:
        for c in nbformat.reads(result["notebook"], 4).cells:
            outputs = session.cell(c.source)["outputs"] if c.cell_type == "code" else []
            if source.hidden(c):
                last = [o["data"]["text/plain"] for o in outputs if o["output_type"] == "execute_result"]
                marks[source.meta(c)["grade_id"].removesuffix("_test")] = float(last[-1]) if last else outputs
    finally:
        session.close()
    return marks


def points(lab):
    full, _ = notebooks(lab)
    return {m["grade_id"].removesuffix("_test"): float(m["points"]) for c in full.cells if (m := source.meta(c)).get("grade")}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_line_costs_nothing_and_nobody_is_accused(door, name):
    case = HONEST[name]
    marks, result = locked(case, door)
    assert marks == plain(result, door) == points(case.lab), result["notebook"]
    assert result["waiting"] == [] and SAID not in result["notebook"]
    assert any("not run" in note for note in result["notes"]) == case.note, result["notes"]
    assert len(result["notes"]) == case.note


@pytest.mark.parametrize("name", DETOURS)
def test_a_ready_made_answer_earns_nothing_in_its_part_and_only_there(door, name):
    case = DETOURS[name]
    marks, result = locked(case, door)
    assert marks == plain(result, door) == {**points(case.lab), case.part: 0.0}, result["notebook"]
    assert SAID in result["notebook"], "the message says what was reached"
    assert bool(result["waiting"]) == case.wait, result["notes"]


def test_a_note_that_comes_twice_is_given_once(door):
    full, released = notebooks("lab02_rnn")
    entries = list(cells(HONEST["os.system"]))
    result = mark_submission(full, released, entries, ["cut", "cut"], door, key="k", student="ada", allow_missing=("all",))
    assert result["notes"].count("cut") == 1


def test_there_are_enough_of_both():
    assert len(HONEST) >= 40 and len(DETOURS) >= 40
    assert {c.lab for c in HONEST.values()} == {c.lab for c in DETOURS.values()} == set(PARTS)


@pytest.mark.slow
def test_a_kernel_of_nbgrader_sees_the_same(tmp_path):
    """Plain nbgrader, whole: one student with honest lines and helpers, one with a detour in each part that is tried here."""
    parts = PARTS["lab02_rnn"]
    honest = {"rnn_step": HONEST["os.system"], "masked_cross_entropy": HONEST["a helper called cross_entropy"]}
    detours = {"rnn_step": DETOURS["captured in a cell before"], "embedding_backward": DETOURS["the gradient of an embedding"]}
    detours["masked_cross_entropy"] = DETOURS["a loss"]
    course = Course(tmp_path)
    released = json.loads(release(course, "lab02_rnn").read_text(encoding="utf-8"))
    for student, cases in {"honest": honest, "detours": detours}.items():
        nb = solved(released, json.loads(nbformat.writes(source.notebook("lab02_rnn"))))
        before = [nbformat.v4.new_code_cell(case.before) for case in cases.values() if case.before]
        for c in nb["cells"]:
            case = cases.get(c["metadata"].get("nbgrader", {}).get("grade_id"))
            c["source"] = case.answer if case else c["source"]
        nb["cells"][2:2] = json.loads(json.dumps(before))
        folder = course.folder("submitted", "lab02_rnn", student)
        folder.mkdir(parents=True)
        (folder / "lab02_rnn.ipynb").write_text(json.dumps(nb), encoding="utf-8")
    command = [sys.executable, "-m", "labs.grading", "grade", "--lab", "2", "--course", str(tmp_path), "--engine", "nbgrader", "--quiet"]
    said = subprocess.run(command, cwd=LABS.parent, capture_output=True, text=True, encoding="utf-8", timeout=600).stdout
    lost = sum(points("lab02_rnn")[part] for part in parts)
    assert "honest: 44 of 50 points" in said and f"detours: {44 - lost:g} of 50 points" in said, said
    assert said.count("was not run") == 1 and "os.system" in said, said


def test_gates_are_gone_when_they_are_closed():
    import rnnlib.scratch.rnn as library

    code, engine = library.rnn_step.__code__, torch.autograd.variable.Variable._execution_engine
    with gates():
        assert library.rnn_step.__code__ is not code
        assert library.rnn_step(*[torch.ones(1, 1)] * 4, torch.ones(1)).shape == (1, 1), "outside of a call everything passes"
        with watched(Rules()), pytest.raises(Forbidden, match=r"rnnlib\.scratch\.rnn\.rnn_step"):
            library.rnn_step()
    assert library.rnn_step.__code__ is code and torch.autograd.variable.Variable._execution_engine is engine


def test_a_gated_generator_stays_one():
    from rnnlib.scratch.bptt import truncated_windows

    code = truncated_windows.__code__
    with warnings.catch_warnings(action="error"), gates():  # Python 3.13 warns where code of another kind is put in
        assert truncated_windows.__code__ is not code and inspect.isgeneratorfunction(truncated_windows)
        with watched(Rules()), pytest.raises(Forbidden, match="truncated_windows"):
            next(truncated_windows())
    assert truncated_windows.__code__ is code


LONG = {
    "a chain of names": "\n".join(f"a{i + 1} = a{i}" for i in range(26_000)),
    "form feeds": "\x0c" * 400_000,
    "underscores": "_" * 400_000,
    "spaces": " " * 400_000,
    "imports": "import " * 60_000,
    "words": " ".join(f"w{i}" for i in range(60_000)),
    "equal signs": "= !" * 100_000,
}


@pytest.mark.parametrize("name", LONG)
def test_lines_for_a_person_are_found_in_a_second_whatever_the_text(name):
    began = time.process_time()
    look([("f", LONG[name]), ("g", "def f(x): return a26000")], ["f"])
    assert time.process_time() - began < 1.0  # measured: 0.02 to 0.2 s


def test_a_person_is_asked_only_where_a_function_that_earns_points_reaches_the_line():
    hides = "import inspect\ntext = inspect.getsource(print)"
    for cells, functions in (
        ([("f", "def f(x): return help_(x)"), (None, f"{hides}\ndef help_(x): return x")], ["f"]),
        ([("f", "def f(x): return x"), (None, f"{hides}\ndef help_(x): return x")], []),
        ([("f", f"{hides}\ndef f(x): return x"), ("g", "def g(x): return x")], ["f"]),
        ([("f", "def f(x): return x"), (None, "import labs.grading.check")], ["f", "g"]),
        ([("f", "def f(x): return getattr(x, name), eval('1'), exec('2'), globals()"), (None, "lstm_cell = backward = modules = 1")], []),
    ):
        assert [list(found.functions) for found in look(cells, ["f", "g"])] == [functions] * bool(functions)
    found = look([(None, "os.system('ls')\n" * 50), ("f", f"def f(x):\n    {hides * 20}\n" * 20)], ["f"])
    assert len(found) == 10 and all(len(f.line) <= 120 for f in found), "a few lines are shown, not all"
