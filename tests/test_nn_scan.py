"""minGRU, minLSTM and LRU as modules against their equations under autograd."""

import math

import numpy as np
import pytest
import torch

from rnnlib.nn import LRU, MinGRU, MinLSTM

B, T, D, H = 3, 18, 4, 5
OUT_TOL, GRAD_TOL = 1e-12, 1e-10  # float64, absolute
LENGTHS = np.array([18, 2, 7])
CLASSES = [MinGRU, MinLSTM, LRU]


def make(cls, **options):
    torch.manual_seed(1)
    return cls(D, H, **options).double()


def inputs():
    return torch.from_numpy(np.random.default_rng(0).standard_normal((B, T, D))).requires_grad_()


def start(cls):
    rng = np.random.default_rng(1)
    h = rng.standard_normal((B, H))
    return torch.from_numpy(h + 1j * rng.standard_normal((B, H)) if cls is LRU else h).requires_grad_()


def by_equations(p, x, h, lengths=LENGTHS):
    outputs = []
    for t, x_t in enumerate(x.unbind(1)):
        y = None
        if isinstance(p, MinGRU):
            z, n = (x_t @ p.W_x + p.b).chunk(2, 1)
            new = torch.sigmoid(z) * h + (1 - torch.sigmoid(z)) * n
        elif isinstance(p, MinLSTM):
            i, f, g = (x_t @ p.W_x + p.b).chunk(3, 1)
            i, f = torch.sigmoid(i), torch.sigmoid(f)
            new = (f * h + i * g) / (f + i)
        else:
            factor = torch.exp(torch.complex(-torch.exp(p.nu), torch.exp(p.theta)))
            new = factor * h + torch.exp(p.gamma) * torch.complex(x_t @ p.B_re, x_t @ p.B_im)
            y = (new @ torch.complex(p.C_re, p.C_im)).real + p.D * x_t
        valid = torch.from_numpy(t < lengths)[:, None]
        h = torch.where(valid, new, h)
        outputs.append(torch.where(valid, new if y is None else y, 0.0))
    return torch.stack(outputs, 1), h


@pytest.mark.parametrize("method", ["loop", "chunked", "auto"])
@pytest.mark.parametrize("cls", CLASSES)
def test_the_pair_is_the_equations_gradients_included(cls, method):
    layer, x, state = make(cls, method=method), inputs(), start(cls)
    answers = []
    for h_seq, final in (layer(x, state, LENGTHS), by_equations(layer, x, state)):
        loss = (h_seq * torch.linspace(0.5, 1.5, h_seq.numel()).view_as(h_seq)).sum() + (final.abs() ** 2).sum()
        answers.append([h_seq, final, *torch.autograd.grad(loss, [x, state, *layer.parameters()])])
    for k, (got, expected) in enumerate(zip(*answers, strict=True)):
        torch.testing.assert_close(got, expected, rtol=0, atol=OUT_TOL if k < 2 else GRAD_TOL)


@pytest.mark.parametrize("cls", CLASSES)
def test_two_windows_with_the_state_between_are_the_whole(cls):
    layer, x = make(cls), inputs()
    whole, end = layer(x)
    first, state = layer(x[:, :7])
    second, final = layer(x[:, 7:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=OUT_TOL)
    torch.testing.assert_close(final, end, rtol=0, atol=OUT_TOL)


@pytest.mark.parametrize("cls", CLASSES)
def test_float32_and_arrays_both_ways(cls):
    layer = make(cls).float()
    y_seq, state = layer(inputs().float())
    assert y_seq.dtype == torch.float32 and state.dtype == (torch.complex64 if cls is LRU else torch.float32)
    other = cls(D, H).load_arrays(layer.to_arrays())
    assert torch.equal(other(inputs().float())[0], y_seq)
    y_seq.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


def test_an_lru_starts_in_its_ring_and_keeps_the_size_of_its_state():
    torch.manual_seed(0)
    layer = LRU(D, 200, r_min=0.8, r_max=0.95, max_phase=0.3)
    radius, angle = torch.exp(-torch.exp(layer.nu)), torch.exp(layer.theta)
    assert 0.8 <= radius.min() < 0.82 and 0.93 < radius.max() <= 0.95 and angle.max() <= 0.3
    torch.testing.assert_close(torch.exp(layer.gamma) ** 2, 1 - radius**2)
    _, state = layer(torch.randn(50, 200, D))
    assert (state.abs() ** 2).mean().item() == pytest.approx(1.0, rel=0.1)  # variance of B's rows is 1/E, real and imaginary together
    assert torch.isfinite(LRU(D, 50)(torch.randn(2, 500, D))[0]).all()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: MinGRU(0, H), ValueError, "D: expected a number >= 1"),
        (lambda: MinLSTM(D, H, method="tree"), ValueError, "method: expected one of 'auto', 'loop', 'chunked', got 'tree'"),
        (lambda: LRU(D, H, r_min=0.9, r_max=0.5), ValueError, "r_max: expected a number > 0.9"),
        (lambda: LRU(D, H, max_phase=0), ValueError, "max_phase: expected a number > 0"),
        (lambda: make(MinGRU)(inputs()[0]), ValueError, r"x: expected shape \(B, T, 4\)"),
        (lambda: make(MinGRU)(inputs(), torch.zeros(B, D).double()), ValueError, r"state: expected shape \(3, 5\), got \(3, 4\)"),
        (lambda: make(LRU)(inputs(), torch.zeros(B, H).double()), TypeError, "state: expected dtype complex128, got float64"),
        (lambda: make(MinLSTM)(inputs(), None, LENGTHS + 1), ValueError, "lengths: expected values between 1 and T = 18"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_an_angle_of_pi_is_an_eigenvalue_of_minus_one():
    layer = LRU(1, 1, method="loop").double()
    values = dict(nu=-40.0, theta=math.log(math.pi), gamma=0.0, B_re=0.0, B_im=0.0, C_re=1.0, C_im=0.0, D=0.0)
    layer.load_arrays({name: np.full(p.shape, values[name]) for name, p in layer.named_parameters()})
    y_seq, _ = layer(torch.zeros(1, 6, 1).double(), torch.ones(1, 1, dtype=torch.complex128))
    np.testing.assert_allclose(y_seq[0, :, 0].detach(), [-1, 1, -1, 1, -1, 1], atol=1e-10)
