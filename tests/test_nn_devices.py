"""Every module of `rnnlib.nn` on every device gives the CPU's loss and gradients, and trains under bfloat16 where there is a GPU."""

import copy

import numpy as np
import pytest
import torch

from rnnlib import nn
from rnnlib.train import fit

B, T, D, H, V = 4, 5, 3, 6, 7
TOL = 1e-3  # relative: cuDNN multiplies in TF32 unless it is told not to


def some(*shape, low=None):
    rng = np.random.default_rng(len(shape))
    return rng.standard_normal(shape).astype(np.float32) if low is None else rng.integers(low, V, shape)


def squared(model, *batch):
    out = model(*batch)
    return (out[0] ** 2).mean()


def language(model, *batch):
    return model.loss(*batch)[0]


def own(model, *batch):
    return model.loss(*batch)


x, lengths, target = some(B, T, D), np.array([5, 1, 3, 4]), np.concatenate([some(B, T - 1, low=3), np.full((B, 1), 2)], 1)
CASES = {
    **{
        f"{cls.__name__} {impl}": (lambda c=cls, i=impl: c(D, H, impl=i), (x,), squared)
        for cls in (nn.RNN, nn.LSTM, nn.GRU)
        for impl in ("source", "torch", "auto")
    },
    "two layers, two directions": (lambda: nn.LSTM(D, H, num_layers=2, bidirectional=True), (x, None, lengths), squared),
    "layer norm": (lambda: nn.GRU(D, H, layer_norm=True), (x, None, lengths), squared),
    "peephole": (lambda: nn.LSTM(D, H, peephole=True), (x, None, lengths), squared),
    "CharLM": (lambda: nn.CharLM(V, H, num_layers=2, E=D), (some(B, T, low=0), some(B, T, low=0)), language),
    "WindowLM": (lambda: nn.WindowLM(V, 2, D, H), (some(B, T, low=0), some(B, T, low=0)), language),
    "TransformerLM": (lambda: nn.TransformerLM(V, 2 * H, 2, 2, T), (some(B, T, low=0), some(B, T, low=0)), language),
    "SequenceClassifier": (lambda: nn.SequenceClassifier(D, H, 2, bidirectional=True), (x, np.array([0, 1, 1, 0]), lengths), own),
    **{
        f"Seq2Seq {a}": (lambda a=a: nn.Seq2Seq(V, V, D, H, attention=a), (some(B, T, low=3), target), own)
        for a in (None, "additive", "dot", "general")
    },
    "Captioner": (lambda: nn.Captioner(V, D, H, 8), (some(B, 8, 2, 3), target), own),
    "StrokeRNN": (lambda: nn.StrokeRNN(H, 4), (some(B, T, 3),), own),
    "PixelRNN": (lambda: nn.PixelRNN(3, 4, H, n_classes=2), (some(B, 3, 4, low=5) - 5, np.array([0, 1, 1, 0])), own),
    "MultiHeadAttention": (lambda: nn.MultiHeadAttention(H, 2), (some(B, 2, H), some(B, T, H), some(B, T, H)), squared),
    "MinGRU": (lambda: nn.MinGRU(D, H), (x, None, lengths), squared),
    "MinLSTM": (lambda: nn.MinLSTM(D, H), (x,), squared),
    "LRU": (lambda: nn.LRU(D, H), (x, None, lengths), squared),
    "RWKV": (lambda: nn.RWKV(D, H), (x,), squared),
    "SLSTM": (lambda: nn.SLSTM(D, H), (x,), squared),
    "MLSTM": (lambda: nn.MLSTM(D, H), (x,), squared),
}


def run(model, batch, loss_fn, device):
    tensors = [torch.from_numpy(v).to(device) if isinstance(v, np.ndarray) else v for v in batch]
    loss = loss_fn(model.to(device), *tensors)
    loss.backward()
    return [loss.detach().cpu(), *(p.grad.cpu() for p in model.parameters())]


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradients_do_not_depend_on_the_device(name, device):
    make, batch, loss_fn = CASES[name]
    torch.manual_seed(0)
    model = make()
    expected = run(copy.deepcopy(model), batch, loss_fn, "cpu")
    for got, value in zip(run(model, batch, loss_fn, device), expected, strict=True):
        torch.testing.assert_close(got, value, rtol=TOL, atol=TOL)


@pytest.mark.parametrize("name", CASES)
def test_bfloat16_trains(name, device):
    make, batch, loss_fn = CASES[name]
    torch.manual_seed(0)
    model = make()
    history = fit(model, lambda epoch: [batch] * 3, loss_fn, lr=0.01, device=device, dtype=torch.bfloat16, progress=False)
    assert history.loss[-1] < history.loss[0]
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in model.parameters())
