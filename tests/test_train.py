"""The training loop: what it logs, when it stops, and that a killed run resumes bit for bit."""

import os
import random
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from rnnlib.train import History, fit, pick_device, seed_all

CURVE_TOL = 1e-5  # relative, float32, sums taken in another order


def line(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(3, 1)


def squared(model, x, y):
    return ((model(x) - y) ** 2).mean()


def points(n=4, B=6):
    def batches(epoch):
        rng = np.random.default_rng([7, epoch])
        for _ in range(n):
            x = rng.standard_normal((B, 3))
            yield x, x @ np.array([[1.0], [-2.0], [0.5]])

    return batches


# ---- devices and seeds


def test_pick_device_takes_what_the_machine_has():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device().type == expected
    assert pick_device("cpu") == torch.device("cpu") == pick_device(torch.device("cpu"))


def test_pick_device_refuses_the_impossible():
    with pytest.raises(ValueError, match="prefer: expected one of 'cuda', 'mps', 'cpu', got 'tpu'"):
        pick_device("tpu")
    with pytest.raises(RuntimeError, match="prefer: expected a device that this machine has, got 'cuda:99'"):
        pick_device("cuda:99")


def test_seed_all_seeds_three_generators():
    def draw():
        return random.random(), np.random.rand(), torch.rand(()).item()

    seed_all(5)
    first = draw()
    seed_all(5)
    assert draw() == first
    with pytest.raises(TypeError, match="seed: expected an integer"):
        seed_all(1.5)


# ---- the loop


def test_one_update_by_hand():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(2.0)
    history = fit(
        model, lambda epoch: [(np.array([[3.0]]), np.array([[0.0]]))], squared, optimizer=torch.optim.SGD, lr=0.01, progress=False
    )
    assert history.loss == [36.0]  # (3·2)²
    assert history.grad_norm == [36.0]  # 2·6·3
    assert model.weight.item() == pytest.approx(2.0 - 0.36)


def test_clipping_limits_the_step_and_logs_the_norm_before_it():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(2.0)
    batch = [(np.array([[3.0]]), np.array([[0.0]]))]
    history = fit(model, lambda epoch: batch, squared, optimizer=torch.optim.SGD, lr=0.1, max_norm=1.0, progress=False)
    assert history.grad_norm == [36.0]
    assert model.weight.item() == pytest.approx(1.9, abs=1e-5)


def test_history_has_one_entry_an_update_and_an_epoch():
    model = line()
    history = fit(model, points(4), squared, epochs=3, lr=0.1, valid=lambda m: 1.0, progress=False)
    assert isinstance(history, History)
    assert [len(v) for v in (history.loss, history.grad_norm, history.epoch_loss, history.valid, history.seconds)] == [12, 12, 3, 3, 3]
    assert history.epoch_loss[1] == pytest.approx(np.mean(history.loss[4:8]))
    assert history.loss[-1] < history.loss[0] and history.seconds == sorted(history.seconds)
    assert not model.training


def test_early_stop_puts_the_best_weights_back():
    seen = []

    def valid(model):
        assert not model.training and not torch.is_grad_enabled()
        seen.append(model.weight.detach().clone())
        return [3.0, 1.0, 2.0, 2.0, 0.0][len(seen) - 1]

    model = line()
    history = fit(model, points(), squared, epochs=5, valid=valid, patience=2, progress=False)
    assert history.stopped_early and history.best_epoch == 1 and history.valid == [3.0, 1.0, 2.0, 2.0]
    assert torch.equal(model.weight, seen[1]) and not torch.equal(seen[1], seen[3])


class Sum(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(()))

    def loss(self, x, state=None):
        total = (0.0 if state is None else state[0]) + self.w * x.sum()
        return total**2, (total, "word")


def test_carried_state_is_detached_and_starts_anew_each_epoch():
    states = []

    def loss_fn(model, x, state=None):
        states.append(state)
        return model.loss(x, state)

    windows = [(np.ones((1, 2)),), (np.ones((1, 3)),)]
    model = Sum()
    history = fit(model, lambda epoch: windows, loss_fn, epochs=2, lr=0.0, carry_state=True, progress=False)
    assert history.loss == [4.0, 25.0, 4.0, 25.0]
    assert states[0] is None and states[2] is None and states[1][0].item() == 2.0 and not states[1][0].requires_grad
    assert history.grad_norm == [8.0, 30.0, 8.0, 30.0]  # 2·(2 + 3w)·3: nothing flows into the first window


def test_bfloat16_computes_low_and_keeps_parameters_high():
    seen = []

    def loss_fn(model, x, y):
        out = model(x)
        seen.append(out.dtype)
        return ((out.float() - y) ** 2).mean()

    model = line()
    fit(model, points(), loss_fn, dtype=torch.bfloat16, progress=False)
    assert set(seen) == {torch.bfloat16} and model.weight.dtype == torch.float32
    with pytest.raises(ValueError, match=r"dtype: expected None or torch\.bfloat16, got torch\.float16"):
        fit(model, points(), squared, dtype=torch.float16)


# ---- errors


def nan_at(update):
    calls = []

    def loss_fn(model, x, y):
        calls.append(0)
        return squared(model, x, y) * (float("nan") if len(calls) > update else 1.0)

    return loss_fn


def test_nan_stops_before_it_reaches_the_weights():
    model = line()
    with pytest.raises(FloatingPointError, match=r"loss: expected a finite number, got nan at epoch 1, update 5.*max_norm=1\.0"):
        fit(model, points(4), nan_at(5), epochs=2, progress=False)
    assert torch.isfinite(model.weight).all()


@pytest.mark.parametrize(
    "change, error, text",
    [
        (dict(model="m"), TypeError, "model: expected a torch.nn.Module, got str"),
        (dict(model=torch.nn.ReLU()), ValueError, "model: expected at least one parameter"),
        (dict(batches=[1]), TypeError, "batches: expected a callable, got list"),
        (dict(batches=lambda e: []), ValueError, "batches: expected at least one batch, got none in epoch 0"),
        (dict(batches=lambda e: [np.ones(3)]), TypeError, "batches: expected tuples of arrays, got ndarray"),
        (dict(loss_fn=None), TypeError, "loss_fn: expected a callable"),
        (dict(loss_fn=lambda m, x, y: m(x)), TypeError, r"loss_fn: expected a scalar tensor.*shape \(6, 1\)"),
        (dict(loss_fn=lambda m, x, y: (m(x).sum(), 0)), TypeError, "carry_state=True allows"),
        (dict(loss_fn=lambda m, x, y, state: m(x).sum(), carry_state=True), TypeError, r"loss_fn: expected \(loss, state\)"),
        (dict(epochs=0), ValueError, "epochs: expected a number >= 1, got 0"),
        (dict(max_norm=0), ValueError, "max_norm: expected a number > 0"),
        (dict(patience=2), ValueError, "patience: expected the argument valid as well"),
        (dict(valid=lambda m: float("nan")), FloatingPointError, "valid: expected a finite number, got nan after epoch 0"),
    ],
)
def test_errors_name_the_argument(change, error, text):
    arguments = dict(model=line(), batches=points(), loss_fn=squared, progress=False) | change
    with pytest.raises(error, match=text):
        fit(arguments.pop("model"), arguments.pop("batches"), arguments.pop("loss_fn"), **arguments)


# ---- progress


def test_outside_a_terminal_one_line_on_stdout_and_nothing_on_stderr(capsys):
    fit(line(), points(), squared, epochs=2, valid=lambda m: 0.5)
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    assert out.startswith("2 of 2 epochs, 8 updates, loss ") and "valid 0.5 (best 0.5)" in out
    fit(line(), points(), squared, progress=False)
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_a_bar_on_stdout(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    fit(line(), points(), squared, epochs=2)
    out, err = capsys.readouterr()
    assert err == "" and "update" in out and "\r" in out and out.endswith("s\n")


def test_in_a_notebook_one_cell_line_that_changes(capsys, monkeypatch):
    IPython = pytest.importorskip("IPython")

    lines = []

    class Handle:
        def update(self, data, raw):
            lines.append(data["text/plain"])

    monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": None})())
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: Handle())
    fit(line(), points(), squared, epochs=2)
    assert capsys.readouterr() == ("", "")
    assert lines[-1].startswith("2 of 2 epochs, 8 updates") and not any("\r" in text for text in lines)


# ---- checkpoint

# A fresh process imports torch once and forks one child for each run, so that runs can be killed for real and still start quickly.
DRIVER = """
import os, sys, traceback, torch
torch.optim.Adam([torch.zeros(1)])

def start(path, **env):
    child = os.fork()
    if child == 0:
        os.environ.update(env)
        status = 1
        try:
            run(path)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return child

def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def drive(code, *argv):
    env = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", DRIVER + textwrap.dedent(code), *map(str, argv)]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


KILLED = """
    import signal
    import numpy as np
    from rnnlib.train import fit, seed_all

    def run(path):
        kill_at = int(os.environ.get("KILL_AT", 0))
        seed_all(3)
        model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        rng, calls = np.random.default_rng(4), []

        def batches(epoch):                       # three sources of chance: own generator, NumPy's, torch's
            for k in torch.randperm(6):
                yield rng.standard_normal((5, 3)) + np.random.rand(), torch.full((5, 1), float(k))

        def loss_fn(model, x, y, state=None):     # and dropout, and a carried state
            calls.append(0)
            if len(calls) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            state = model(x).mean() + (0 if state is None else 0.5 * state)
            return ((model(x) - y) ** 2).mean() + 0.01 * state**2, state

        history = fit(model, batches, loss_fn, epochs=4, lr=0.02, max_norm=1.0, carry_state=True, checkpoint=path + ".pt",
                      checkpoint_every=4, rng=rng, valid=lambda m: float(m[0].weight.sum() ** 2), patience=9, progress=False)
        torch.save([model.state_dict(), history.loss, history.grad_norm, history.epoch_loss, history.valid], path)

    whole, cut = sys.argv[1:]
    assert wait(start(whole)) == 0
    for kill_at in "11", "8":   # inside the second epoch (saved at update 8), then inside the third (saved at update 12)
        assert wait(start(cut, KILL_AT=kill_at)) == -signal.SIGKILL
        assert os.path.exists(cut + ".pt") and not os.path.exists(cut)
    assert wait(start(cut)) == 0
"""


def test_killed_twice_it_ends_as_if_never_killed(tmp_path):
    drive(KILLED, tmp_path / "whole", tmp_path / "cut")
    expected, got = torch.load(tmp_path / "whole"), torch.load(tmp_path / "cut")
    assert len(got[1]) == 24 and got[1:] == expected[1:]  # losses, norms, epoch means, valid: bit for bit
    assert all(torch.equal(got[0][name], expected[0][name]) for name in expected[0])


def test_a_finished_run_is_not_trained_again_and_a_longer_one_goes_on(tmp_path):
    path = tmp_path / "run.pt"
    once = fit(line(), points(), squared, epochs=2, checkpoint=path, progress=False)
    model = line(seed=1)
    again = fit(model, points(), squared, epochs=2, checkpoint=path, progress=False)
    assert again.loss == once.loss
    longer = fit(model, points(), squared, epochs=3, checkpoint=path, progress=False)
    assert longer.loss[:8] == once.loss and len(longer.loss) == 12


def test_a_save_cut_short_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    fit(line(), points(), squared, epochs=1, checkpoint=path, progress=False)
    before = path.read_bytes()

    def dies(value, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        fit(line(), points(), squared, epochs=2, checkpoint=path, progress=False)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_model_or_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    fit(line(), points(), squared, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match=r"checkpoint: .*run\.pt does not belong to this model"):
        fit(torch.nn.Linear(3, 2), points(), squared, checkpoint=path, progress=False)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"checkpoint: .* or is damaged"):
        fit(line(), points(), squared, checkpoint=path, progress=False)


# ---- several processes

PARALLEL = """
    import numpy as np
    from rnnlib.train import fit

    def run(path):
        torch.manual_seed(int(os.environ.get("RANK", 0)))   # other weights on each rank: fit makes them the same
        model = torch.nn.Sequential(torch.nn.Linear(3, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))

        def batches(epoch):
            rng = np.random.default_rng([7, epoch])
            for _ in range(5):
                x = rng.standard_normal((6, 3))
                yield x, (x**2).sum(1, keepdims=True)

        history = fit(model, batches, lambda m, x, y: ((m(x) - y) ** 2).mean(), epochs=3, lr=0.02, max_norm=1.0,
                      valid=lambda m: float(m[0].weight.sum() ** 2), checkpoint=path + ".of" + os.environ.get("WORLD_SIZE", "1"))
        torch.save([history.loss, history.grad_norm, history.valid], path + "." + os.environ.get("RANK", "alone"))

    group = dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2], WORLD_SIZE="2")
    children = [start(sys.argv[1])] + [start(sys.argv[1], RANK=r, LOCAL_RANK=r, **group) for r in "01"]
    assert [wait(child) for child in children] == [0, 0, 0]
"""


def test_two_gloo_processes_give_the_curve_of_one(tmp_path):
    if not torch.distributed.is_available():
        pytest.skip("this torch is built without torch.distributed")  # some builds leave it out: no processes to join
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    lines = drive(PARALLEL, tmp_path / "run", port).splitlines()
    assert len(lines) == 2  # the one alone and rank 0; rank 1 is silent
    alone, rank_0, rank_1 = (torch.load(tmp_path / f"run.{name}") for name in ("alone", 0, 1))
    assert rank_0 == rank_1
    for a, b in zip(alone, rank_0, strict=True):
        np.testing.assert_allclose(a, b, rtol=CURVE_TOL)


def test_a_batch_that_cannot_be_shared_is_refused():
    from rnnlib.train import _rows

    assert _rows(torch.arange(6), 1, 2, torch.device("cpu"), None).tolist() == [3, 4, 5]
    with pytest.raises(ValueError, match="batches: expected a batch size divisible by the 2 processes, got 5"):
        _rows(torch.arange(5), 1, 2, torch.device("cpu"), None)


# ---- a GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_on_cuda_as_on_the_cpu():
    curves = [fit(line(), points(), squared, epochs=2, device=device, progress=False).loss for device in ("cpu", "cuda")]
    np.testing.assert_allclose(*curves, rtol=1e-4)
