"""The one training loop, and the two lines that come before it (`pick_device`, `seed_all`)."""

import atexit
import math
import os
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from tqdm import tqdm

from rnnlib.checks import check_choice, check_number

__all__ = ["History", "fit", "pick_device", "seed_all"]


def pick_device(prefer=None):
    """Choose where to compute: cuda, else mps, else cpu.

    Parameters
    ----------
    prefer : str or torch.device, optional
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``. ``None`` takes the first of cuda, mps, cpu that this machine has.

    Returns
    -------
    device : torch.device

    Raises
    ------
    ValueError
        Unknown kind of device.
    RuntimeError
        A device was asked for that this machine does not have. Nothing falls back silently.

    Notes
    -----
    Lesson: :ref:`speed`.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    has_mps = torch.backends.mps.is_available()
    if prefer is None:
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    kind = prefer.type if isinstance(prefer, torch.device) else str(prefer).split(":")[0]
    check_choice("prefer", kind, ("cuda", "mps", "cpu"))
    device = torch.device(prefer)
    have = {"cpu": 1, "mps": int(has_mps), "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0}[kind]
    if (device.index or 0) >= have:
        raise RuntimeError(f"prefer: expected a device that this machine has, got {str(device)!r} (it has {have} of kind {kind!r})")
    return device


def seed_all(seed):
    """Seed the global generators of Python, NumPy and torch, which draw a module's first weights and its dropout masks.

    Parameters
    ----------
    seed : int
    """
    check_number("seed", seed, 0, 2**32 - 1, integer=True)
    random.seed(int(seed))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))


@dataclass
class History:
    """What `fit` saw.

    Attributes
    ----------
    loss : list of float
        Training loss at each update, in the unit of ``loss_fn``.
    grad_norm : list of float
        Norm of the whole gradient at each update, before clipping.
    epoch_loss : list of float
        Mean of ``loss`` over each epoch.
    valid : list of float
        What ``valid(model)`` returned after each epoch; empty without ``valid``.
    seconds : list of float
        Wall seconds since the start, at the end of each epoch. A resumed run goes on counting.
    best_epoch : int or None
        Epoch (from 0) with the smallest ``valid``.
    stopped_early : bool
    """

    loss: list = field(default_factory=list)
    grad_norm: list = field(default_factory=list)
    epoch_loss: list = field(default_factory=list)
    valid: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False


def fit(
    model,
    batches,
    loss_fn,
    *,
    epochs=1,
    lr=1e-3,
    optimizer=None,
    max_norm=None,
    valid=None,
    patience=None,
    device=None,
    checkpoint=None,
    checkpoint_every=None,
    rng=None,
    progress=True,
    carry_state=False,
    dtype=None,
):
    r"""Train a model: one update per batch.

    .. math:: g = \nabla_\theta L(\theta; \text{batch}), \qquad
              \theta \leftarrow \mathrm{optimizer}\bigl(\theta,\; g \cdot \min(1, \mathrm{max\_norm} / \lVert g \rVert)\bigr)

    Parameters
    ----------
    model : torch.nn.Module
        Trained in place; in ``eval`` mode when `fit` returns.
    batches : callable
        ``batches(epoch)`` gives an iterable of tuples of arrays or tensors whose first axis is the batch.
        Floating arrays take the dtype of the model's parameters.
    loss_fn : callable
        ``loss_fn(model, *batch)`` gives a scalar tensor. With ``carry_state``: ``loss_fn(model, *batch, state=state)`` gives
        ``(loss, state)``.
    epochs : int
    lr : float
        Step size of the optimiser that `fit` makes.
    optimizer : torch.optim.Optimizer, or callable, optional
        A ready optimiser, or one to make as ``optimizer(parameters, lr=lr)`` (a class such as ``torch.optim.SGD``). ``None``: Adam.
    max_norm : float, optional
        Clip the norm of the whole gradient to this.
    valid : callable, optional
        ``valid(model)`` gives a number, smaller is better; called after each epoch, in ``eval`` mode and without gradients.
    patience : int, optional
        Stop after this many epochs without a new best ``valid``. With ``patience`` the best weights are put back at the end.
    device : str or torch.device, optional
        Where to train (see `pick_device`). ``None``: where the model is.
    checkpoint : str or path, optional
        File to resume from if it exists and to save to after each epoch. It is replaced in one step, so a killed process
        leaves the old file or the new one, and the resumed run equals the uninterrupted one bit for bit.
    checkpoint_every : int, optional
        Save after every so many updates as well.
    rng : np.random.Generator or torch.Generator, or a list of them, optional
        The generators that ``batches`` draws from. Their states are kept in the checkpoint, as the global ones always are.
    progress : bool
        A progress bar in a terminal or notebook, one closing line elsewhere; always on stdout.
    carry_state : bool
        Truncated BPTT: hand the state at the end of a batch, detached, to the next one. Each epoch starts with ``None``.
    dtype : torch.bfloat16, optional
        Compute under autocast; parameters and optimiser stay as they are.

    Returns
    -------
    history : History

    Raises
    ------
    FloatingPointError
        The loss, its gradient or ``valid`` is NaN or infinite. The model still has the weights from before that update.

    Notes
    -----
    Under ``torchrun --nproc-per-node=N`` every process must produce the same batches. Each takes its N-th of the rows and the
    gradients are averaged (gloo on the CPU, nccl on GPUs), so the loss curve is that of one process. Rank 0 prints and saves.

    Lesson: :ref:`tbptt`. Source: Pascanu et al. (2013) for the clipping.
    """
    _check_arguments(model, batches, loss_fn, epochs, lr, max_norm, valid, patience, checkpoint_every, dtype)
    params = [p for p in model.parameters() if p.requires_grad]
    device = params[0].device if device is None else pick_device(device)
    rank, world, device = _join_processes(device)
    model.to(device)
    _same_weights_everywhere(model, world)
    if optimizer is None:
        optimizer = torch.optim.Adam
    if not isinstance(optimizer, torch.optim.Optimizer):
        optimizer = optimizer(params, lr=lr)

    generators = [] if rng is None else list(rng) if isinstance(rng, (list, tuple)) else [rng]
    run = {"epoch": 0, "batch": 0, "state": None, "best": None, "seconds": 0.0, "epoch_rng": None, "rng": None}
    history = History()
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        history = _load(path, run, model, optimizer, device)
        _set_rng_state(run["rng"], generators, device)
    start = time.perf_counter() - run["seconds"]

    def save():
        if path is not None and rank == 0:
            run.update(rng=_rng_state(generators, device), seconds=time.perf_counter() - start)
            _save(path, run, model, optimizer, history)

    bar = _Progress(progress and rank == 0, epochs, done=len(history.loss))
    while run["epoch"] < epochs and not history.stopped_early:
        epoch = run["epoch"]
        model.train()
        for batch in _stream(batches, run, generators, device):
            if not isinstance(batch, (tuple, list)):
                raise TypeError(f"batches: expected tuples of arrays, got {type(batch).__name__}")
            batch = [_rows(item, rank, world, device, params[0].dtype) for item in batch]
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
                loss, run["state"] = _call(loss_fn, model, batch, run["state"], carry_state)
            loss.backward()
            loss = _average_over_processes(params, loss.detach(), world)
            norm = torch.nn.utils.clip_grad_norm_(params, math.inf if max_norm is None else max_norm)
            loss, norm = float(loss), float(norm)
            _check_finite(loss, norm, epoch, len(history.loss), max_norm)
            optimizer.step()

            run["batch"] += 1
            history.loss.append(loss)
            history.grad_norm.append(norm)
            bar.step(epoch, loss)
            if checkpoint_every and len(history.loss) % checkpoint_every == 0:
                save()

        if run["batch"] == 0:
            raise ValueError(f"batches: expected at least one batch, got none in epoch {epoch}")
        history.epoch_loss.append(float(np.mean(history.loss[-run["batch"] :])))
        history.seconds.append(time.perf_counter() - start)
        if valid is not None:
            _validate(model, valid, patience, history, run, world, device)
        bar.end_epoch(run["batch"], history)
        run.update(epoch=epoch + 1, batch=0, state=None)
        save()

    if patience is not None and run["best"] is not None:
        model.load_state_dict(run["best"])
    model.eval()
    bar.close(history)
    return history


# ---- the steps of the loop ----------------------------------------------------------------------------------------------


def _check_arguments(model, batches, loss_fn, epochs, lr, max_norm, valid, patience, checkpoint_every, dtype):
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("model: expected at least one parameter to train, got none")
    for name, value in (("batches", batches), ("loss_fn", loss_fn)) + ((("valid", valid),) if valid is not None else ()):
        if not callable(value):
            raise TypeError(f"{name}: expected a callable, got {type(value).__name__}")
    check_number("epochs", epochs, 1, integer=True)
    check_number("lr", lr, 0)
    if max_norm is not None:
        check_number("max_norm", max_norm, 0, open_low=True)
    if patience is not None:
        check_number("patience", patience, 1, integer=True)
        if valid is None:
            raise ValueError("patience: expected the argument valid as well, got None")
    if checkpoint_every is not None:
        check_number("checkpoint_every", checkpoint_every, 1, integer=True)
    if dtype not in (None, torch.bfloat16):
        raise ValueError(f"dtype: expected None or torch.bfloat16, got {dtype} (float16 would need loss scaling)")


def _stream(batches, run, generators, device):
    """The batches of the epoch that are still to come."""
    if run["batch"] == 0:
        run["epoch_rng"] = _rng_state(generators, device)
        return iter(batches(run["epoch"]))
    # Resumed inside an epoch: draw its batches once more from the generators as they were at its start, then go on from where they were.
    _set_rng_state(run["epoch_rng"], generators, device)
    stream = iter(batches(run["epoch"]))
    for _ in range(run["batch"]):
        next(stream)
    _set_rng_state(run["rng"], generators, device)
    return stream


def _call(loss_fn, model, batch, state, carry_state):
    """``loss_fn`` called one way or the other, its answer checked: loss, detached state."""
    out = loss_fn(model, *batch, state=state) if carry_state else loss_fn(model, *batch)
    if carry_state:
        if not (isinstance(out, tuple) and len(out) == 2):
            raise TypeError(f"loss_fn: expected (loss, state) with carry_state=True, got {type(out).__name__}")
        out, state = out
    if not isinstance(out, torch.Tensor) or out.numel() != 1:
        got = f"a tensor of shape {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
        raise TypeError(f"loss_fn: expected a scalar tensor{'' if carry_state else ' (carry_state=True allows (loss, state))'}, got {got}")
    return out.reshape(()), _detach(state)


def _detach(state):
    if isinstance(state, torch.Tensor):
        return state.detach()
    if isinstance(state, (tuple, list)):
        return type(state)(_detach(s) for s in state)
    return state


def _check_finite(loss, norm, epoch, update, max_norm):
    for what, value in (("loss", loss), ("gradient norm", norm)):
        if not math.isfinite(value):
            hint = "a smaller lr, or max_norm=1.0" if max_norm is None else "a smaller lr or max_norm"
            raise FloatingPointError(
                f"{what}: expected a finite number, got {value} at epoch {epoch}, update {update}. Try {hint}, or look for NaN in the batch"
            )


def _validate(model, valid, patience, history, run, world, device):
    model.eval()
    with torch.no_grad():
        value = torch.tensor(float(valid(model)), dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
    if world > 1:  # one answer for all, so that all stop together
        dist.broadcast(value, 0)
    history.valid.append(float(value))
    if not math.isfinite(history.valid[-1]):
        raise FloatingPointError(f"valid: expected a finite number, got {history.valid[-1]} after epoch {run['epoch']}")
    if history.best_epoch is None or history.valid[-1] < history.valid[history.best_epoch]:
        history.best_epoch = len(history.valid) - 1
        if patience is not None:
            run["best"] = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    history.stopped_early = patience is not None and len(history.valid) - 1 - history.best_epoch >= patience


# ---- several processes --------------------------------------------------------------------------------------------------


def _join_processes(device):
    """This process's rank, the number of processes, and its own device. Alone: 0, 1, device."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if not dist.is_available() or (world == 1 and not dist.is_initialized()):
        return 0, 1, device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(lambda: dist.is_initialized() and dist.destroy_process_group())
    return dist.get_rank(), dist.get_world_size(), device


def _same_weights_everywhere(model, world):
    if world > 1:
        for tensor in list(model.parameters()) + list(model.buffers()):
            dist.broadcast(tensor.detach(), 0)


def _rows(item, rank, world, device, dtype):
    """One item of a batch as a tensor on the device: this process's rows of it. What is not an array passes as it is."""
    if isinstance(item, np.ndarray):
        item = torch.from_numpy(np.ascontiguousarray(item))
    if not isinstance(item, torch.Tensor):
        return item
    if world > 1:
        if item.shape[0] % world:
            raise ValueError(f"batches: expected a batch size divisible by the {world} processes, got {item.shape[0]}")
        item = item.chunk(world)[rank]
    return item.to(device, dtype if item.is_floating_point() else None, non_blocking=True)


def _average_over_processes(params, loss, world):
    """Average gradients (in place) and loss: one message."""
    if world == 1:
        return loss
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
    flat = torch.cat([g.reshape(-1) for g in grads] + [loss.reshape(1).to(grads[0].dtype)])
    dist.all_reduce(flat)
    flat /= world
    for p, g in zip(params, flat[:-1].split([p.numel() for p in params]), strict=True):
        p.grad = g.view_as(p)
    return flat[-1]


# ---- checkpoint ---------------------------------------------------------------------------------------------------------


def _rng_state(generators, device):
    """States of the global generators and of the caller's, in types that load without running code."""
    kind, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "own": [g.get_state() if isinstance(g, torch.Generator) else _plain(g.bit_generator.state) for g in generators],
    }


def _set_rng_state(state, generators, device):
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
    if len(state["own"]) != len(generators):
        raise ValueError(f"rng: expected {len(state['own'])} generators as in the checkpoint, got {len(generators)}")
    for g, own in zip(generators, state["own"], strict=True):
        if isinstance(g, torch.Generator):
            g.set_state(own)
        else:
            g.bit_generator.state = own


def _plain(value):
    """A bit generator's state with arrays as lists."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _save(path, run, model, optimizer, history):
    """Write beside the file, flush to the disk, then replace: a process killed at any time leaves a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with open(draft, "wb") as file:
        torch.save({"run": run, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": asdict(history)}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _load(path, run, model, optimizer, device):
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    except Exception as error:
        raise ValueError(f"checkpoint: {path} does not belong to this model and optimizer, or is damaged: {error}") from error
    run.update(saved["run"], state=_to(saved["run"]["state"], device), best=_to(saved["run"]["best"], device))
    return History(**saved["history"])


def _to(value, device):
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {k: _to(v, device) for k, v in value.items()}
    return type(value)(_to(v, device) for v in value) if isinstance(value, (tuple, list)) else value


# ---- progress -----------------------------------------------------------------------------------------------------------


class _CellOutput:
    """A file that shows the last line written to it in a notebook cell (stdout there keeps every line of a moving bar)."""

    encoding = "utf-8"

    def __init__(self):
        from IPython.display import display

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        text = text.strip("\r\n")
        if text.strip():
            self.handle.update({"text/plain": text}, raw=True)

    def flush(self):
        pass


def _in_notebook():
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


class _Progress:
    def __init__(self, show, epochs, done):
        self.show, self.epochs = show, epochs
        self.file = _CellOutput() if show and _in_notebook() else sys.stdout
        moving = show and (isinstance(self.file, _CellOutput) or self.file.isatty())
        self.bar = tqdm(file=self.file, disable=not moving, leave=False, initial=done, mininterval=0.5, unit="update")

    def step(self, epoch, loss):
        self.bar.update()
        self.bar.set_postfix_str(f"epoch {epoch + 1}/{self.epochs}, loss {loss:.4g}", refresh=False)

    def end_epoch(self, updates, history):
        if not self.bar.disable:
            self.bar.total = len(history.loss) + (self.epochs - len(history.epoch_loss)) * updates

    def close(self, history):
        self.bar.close()
        if not self.show:
            return
        words = [f"{len(history.epoch_loss)} of {self.epochs} epochs", f"{len(history.loss)} updates"]
        words += [f"loss {history.epoch_loss[-1]:.4g}"] if history.epoch_loss else []
        words += [f"valid {history.valid[-1]:.4g} (best {history.valid[history.best_epoch]:.4g})"] if history.valid else []
        words += [f"{history.seconds[-1]:.1f} s"] if history.seconds else []
        print(", ".join(words), file=self.file)
