"""RWKV against its sums, written out."""

import numpy as np
import pytest
import torch

from rnnlib.nn import RWKV

B, T, D, H = 3, 6, 4, 5
TOL = 1e-12  # float64, absolute


def make():
    torch.manual_seed(1)
    model = RWKV(D, H).double()
    model.u.data.normal_()
    return model


def inputs(scale=1.0):
    return scale * torch.from_numpy(np.random.default_rng(0).standard_normal((B, T, D)))


def test_the_recurrence_is_the_sum_over_the_past():
    model, x = make(), inputs(3.0)
    r, k, v, w = x @ model.W_r, x @ model.W_k, x @ model.W_v, torch.exp(model.omega)
    for t in range(T):
        weights = [torch.exp(-(t - 1 - s) * w + k[:, s]) for s in range(t)] + [torch.exp(model.u + k[:, t])]
        mean = sum(a * v[:, s] for s, a in enumerate(weights)) / sum(weights)
        torch.testing.assert_close(model(x)[0][:, t], torch.sigmoid(r[:, t]) * mean, rtol=0, atol=TOL)


def test_two_windows_with_the_state_between_are_the_whole():
    model, x = make(), inputs()
    whole, end = model(x)
    first, state = model(x[:, :2])
    second, final = model(x[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=TOL)
    for a, b in zip(final, end, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=TOL)


def test_keys_that_would_overflow_stay_finite_and_gradients_reach_all():
    model = make().float()
    x = inputs(1e3).float().requires_grad_()
    h_seq, state = model(x)
    h_seq.sum().backward()
    assert all(torch.isfinite(v).all() for v in (h_seq, *state, x.grad))
    model = make()
    model(inputs())[0].square().sum().backward()
    assert all(p.grad.any() for p in model.parameters())


def test_gradients():
    model = make()
    _, state = model(inputs()[:2, :3])
    names = [name for name, _ in model.named_parameters()]

    def f(x, *rest):
        h_seq, final = torch.func.functional_call(model, dict(zip(names, rest[3:], strict=True)), (x, rest[:3]))
        return h_seq, *final

    values = [inputs()[:2, 3:], *state, *model.parameters()]
    assert torch.autograd.gradcheck(f, tuple(v.detach().requires_grad_() for v in values), fast_mode=True)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: RWKV(0, H), ValueError, "D: expected a number >= 1"),
        (lambda: RWKV(D, 0), ValueError, "H: expected a number >= 1"),
        (lambda: make()(inputs()[0]), ValueError, r"x: expected shape \(B, T, 4\)"),
        (lambda: make()(inputs(), torch.zeros(B, H)), TypeError, r"state: expected a tuple \(num, den, m\)"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
