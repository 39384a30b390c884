"""sLSTM and mLSTM against their equations without a stabiliser, step by step."""

import math

import numpy as np
import pytest
import torch

from rnnlib.nn import MLSTM, SLSTM

B, T, D, H = 3, 6, 4, 5
TOL = 1e-12  # float64, absolute


def make(cls):
    torch.manual_seed(1)
    return cls(D, H).double()


def inputs(scale=1.0):
    return scale * torch.from_numpy(np.random.default_rng(0).standard_normal((B, T, D)))


def plain_slstm(p, x):
    h = c = n = torch.zeros(B, H).double()
    for x_t in x.unbind(1):
        a_i, a_f, a_g, a_o = (x_t @ p.W_x + h @ p.W_h + p.b).chunk(4, 1)
        i, f = torch.exp(a_i), torch.sigmoid(a_f)
        c, n = f * c + i * torch.tanh(a_g), f * n + i
        h = torch.sigmoid(a_o) * c / n
        yield h


def plain_mlstm(p, x):
    C, n = torch.zeros(B, H, H).double(), torch.zeros(B, H).double()
    for x_t in x.unbind(1):
        q, k, v = x_t @ p.W_q, x_t @ p.W_k / math.sqrt(H), x_t @ p.W_v
        a_i, a_f = (x_t @ p.W_if + p.b_if).unbind(1)
        i, f = torch.exp(a_i), torch.sigmoid(a_f)
        C, n = f[:, None, None] * C + i[:, None, None] * k[:, :, None] * v[:, None], f[:, None] * n + i[:, None] * k
        norm = (q * n).sum(1).abs().clamp(min=1)
        yield torch.sigmoid(x_t @ p.W_o + p.b_o) * torch.einsum("bi,bij->bj", q, C) / norm[:, None]


@pytest.mark.parametrize("cls, plain", [(SLSTM, plain_slstm), (MLSTM, plain_mlstm)])
def test_the_stabiliser_changes_nothing(cls, plain):
    model = make(cls)
    for scale in (1.0, 5.0):
        expected = torch.stack(list(plain(model, inputs(scale))), 1)
        torch.testing.assert_close(model(inputs(scale))[0], expected, rtol=0, atol=TOL)


@pytest.mark.parametrize("cls", [SLSTM, MLSTM])
def test_two_windows_with_the_state_between_are_the_whole(cls):
    model, x = make(cls), inputs(2.0)
    whole, end = model(x)
    first, state = model(x[:, :2])
    second, final = model(x[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=TOL)
    for a, b in zip(final, end, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=TOL)


@pytest.mark.parametrize("cls", [SLSTM, MLSTM])
def test_gates_that_would_overflow_stay_finite(cls):
    model = make(cls).float()
    for scale in (1e3, -1e3):
        x = inputs(scale).float().requires_grad_()
        h_seq, state = model(x)
        h_seq.sum().backward()
        assert all(torch.isfinite(v).all() for v in (h_seq, *state, x.grad))


@pytest.mark.parametrize("cls", [SLSTM, MLSTM])
def test_gradients(cls):
    model = make(cls)
    names = [name for name, _ in model.named_parameters()]
    _, state = model(inputs()[:2, :3])

    def f(x, *rest):
        weights = dict(zip(names, rest[len(state) :], strict=True))
        h_seq, final = torch.func.functional_call(model, weights, (x, rest[: len(state)]))
        return h_seq, *final

    values = [inputs()[:2, 3:], *state, *model.parameters()]
    assert torch.autograd.gradcheck(f, tuple(v.detach().requires_grad_() for v in values), fast_mode=True)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: SLSTM(0, H), ValueError, "D: expected a number >= 1"),
        (lambda: MLSTM(D, 0), ValueError, "H: expected a number >= 1"),
        (lambda: make(SLSTM)(inputs()[0]), ValueError, r"x: expected shape \(B, T, 4\)"),
        (lambda: make(MLSTM)(inputs().float()), TypeError, "x: expected dtype float64, got float32"),
        (lambda: make(SLSTM)(inputs(), torch.zeros(B, H)), TypeError, r"state: expected a tuple \(h, c, n, m\)"),
        (lambda: make(MLSTM)(inputs(), (1, 2)), TypeError, r"state: expected a tuple \(C, n, m\), got tuple"),
        (
            lambda: make(MLSTM)(inputs(), (torch.zeros(B, H, H).double(), torch.zeros(B).double(), torch.zeros(B).double())),
            ValueError,
            r"state, n: expected shape \(3, 5\), got \(3,\)",
        ),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
