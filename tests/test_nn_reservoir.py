"""The reservoir as a module against the one by hand."""

import numpy as np
import pytest
import torch

from rnnlib.nn import Reservoir
from rnnlib.scratch.reservoir import Reservoir as ByHand
from rnnlib.train import fit

B, T, D, N, K = 3, 40, 2, 30, 4
STATE_TOL, FIT_TOL = 1e-12, 1e-6  # absolute; the second after solving an ill-conditioned system
OPTIONS = dict(rho=0.8, leak=0.6, fan_in=5, seed=3)


def make(K=K, dtype=torch.float64):
    return Reservoir(D, N, K, **OPTIONS, dtype=dtype)


def inputs(K=K, T=T):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((B, T, D))
    return torch.from_numpy(x), torch.from_numpy(np.stack([np.roll(x[:, :, 0], k, 1) for k in range(K)], 2))


def test_states_read_out_and_free_run_are_those_by_hand():
    module, by_hand = make(D), ByHand(D, N, **OPTIONS, dtype=np.float64)
    x, y = inputs(D, 400)
    state = torch.from_numpy(np.random.default_rng(1).standard_normal((B, N)))
    for got, expected in zip(module.run(x, state), by_hand.run(x.numpy(), state.numpy()), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=STATE_TOL)
    module.fit(x, y, washout=20, ridge=1e-4)
    by_hand.fit(x.numpy(), y.numpy(), washout=20, ridge=1e-4)
    np.testing.assert_allclose(module.W_hy.detach(), by_hand.W_hy, rtol=0, atol=FIT_TOL)
    np.testing.assert_allclose(module(x)[0].detach(), by_hand.predict(x.numpy())[0], rtol=0, atol=FIT_TOL)
    for got, expected in zip(module.generate(5, state), by_hand.generate(5, state.numpy()), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=FIT_TOL)


def test_two_windows_with_the_state_between_are_the_whole():
    module, (x, _) = make(), inputs()
    whole, end = module.run(x)
    first, state = module.run(x[:, :9])
    second, final = module.run(x[:, 9:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=STATE_TOL)
    torch.testing.assert_close(final, end, rtol=0, atol=STATE_TOL)


def test_only_the_read_out_learns_and_a_gradient_finds_what_is_solved_for():
    module, (x, y) = make(), inputs()
    before = module.weights.clone()
    assert {name for name, _ in module.named_parameters()} == {"W_hy", "b_y"}
    h_seq, _ = module.run(x)
    loss = lambda m, h, y: ((h @ m.W_hy + m.b_y - y) ** 2)[:, 10:].mean()
    fit(module, lambda epoch: [(h_seq, y)] * 300, loss, lr=0.03, progress=False)
    trained = ((module(x)[0] - y) ** 2)[:, 10:].mean().item()
    module.fit(x, y, washout=10)
    solved = ((module(x)[0] - y) ** 2)[:, 10:].mean().item()
    assert solved < trained < 0.5 * (y**2)[:, 10:].mean().item() and torch.equal(module.weights, before)


def test_float32_and_the_state_dict():
    module = make(dtype=torch.float32)
    x, y = (v.float() for v in inputs())
    module.fit(x, y, washout=10, ridge=1e-3)
    other = Reservoir(D, N, K, seed=9, fan_in=5, leak=0.6, dtype=torch.float32)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x)[0], module(x)[0]) and module(x)[0].dtype == torch.float32


def test_on_every_device(device):
    module, (x, y) = make(), inputs()
    expected = module.fit(x, y, washout=10, ridge=1e-4)(x)[0].detach()
    module = module.to(device).fit(x.to(device), y.to(device), washout=10, ridge=1e-4)
    torch.testing.assert_close(module(x.to(device))[0].detach().cpu(), expected, rtol=0, atol=FIT_TOL)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda m, x, y: Reservoir(D, N, 0), ValueError, "K: expected a number >= 1, got 0"),
        (lambda m, x, y: Reservoir(D, N, K, fan_in=N + 1), ValueError, "fan_in: expected a number >= 1 and <= 30"),
        (lambda m, x, y: m(x[:, :, :1]), ValueError, r"x: expected shape \(B, T, 2\), got \(3, 40, 1\)"),
        (lambda m, x, y: m(x.float()), TypeError, "x: expected dtype float64, got float32"),
        (lambda m, x, y: m.run(x, y[:, 0]), ValueError, r"state: expected shape \(3, 30\), got \(3, 4\)"),
        (lambda m, x, y: m.fit(x, y[:, 1:]), ValueError, r"y: expected shape \(3, 40, 4\), got \(3, 39, 4\)"),
        (lambda m, x, y: m.fit(x, y, washout=T), ValueError, "washout: expected a number >= 0 and <= 39, got 40"),
        (lambda m, x, y: m.fit(x, y, washout=3, ridge=0), ValueError, "ridge: expected a number > 0"),
        (lambda m, x, y: m.generate(3, x), ValueError, "generate: expected a read-out of size D = 2, got K = 4"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call(make(), *inputs())
