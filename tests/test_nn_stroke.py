"""Pen movements: a density that integrates to one, nothing seen too early, and samples from what was learnt."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Categorical, MixtureSameFamily, MultivariateNormal

from rnnlib.data import STROKE_FLOOR, stroke_nats, strokes
from rnnlib.nn import StrokeRNN
from rnnlib.train import fit

B, T, H, M = 3, 7, 6, 4
TOL = 1e-10  # float64, absolute


def make(M=M, **options):
    torch.manual_seed(0)
    return StrokeRNN(H, M, **options).double()


def some_strokes():
    return torch.from_numpy(strokes(B, T, np.random.default_rng(0))[0]).double()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_nats_are_those_of_torch_distributions(cell):
    model, x = make(cell=cell), some_strokes()
    log_pi, mu, log_sigma, rho, lift = model.parts(model(x))
    s = torch.exp(log_sigma)
    cross = rho * s[..., 0] * s[..., 1]
    covariance = torch.stack([torch.stack([s[..., 0] ** 2, cross], -1), torch.stack([cross, s[..., 1] ** 2], -1)], -2)
    density = MixtureSameFamily(Categorical(logits=log_pi), MultivariateNormal(mu, covariance))
    expected = -density.log_prob(x[..., :2]) - Bernoulli(logits=lift).log_prob(x[..., 2])
    torch.testing.assert_close(model.nats(x), expected, rtol=0, atol=TOL)
    assert model.loss(x).item() == pytest.approx(expected.mean().item(), abs=TOL)


def test_the_density_integrates_to_one():
    model = make()
    grid = torch.linspace(-12, 12, 241).double()
    places = torch.cartesian_prod(grid, grid)
    total = 0.0
    for lift in (0.0, 1.0):
        x = torch.cat([places, torch.full((len(places), 1), lift).double()], 1)[:, None]
        total += torch.exp(-model.nats(x)).sum().item() * 0.1**2
    assert total == pytest.approx(1.0, abs=1e-6)


def test_a_step_sees_what_lies_before_it_and_nothing_else():
    model, x = make(), some_strokes()
    other = x.clone()
    other[:, 3] += 1
    a, b = model(x), model(other)
    torch.testing.assert_close(a[:, :4], b[:, :4], rtol=0, atol=TOL)
    assert not torch.allclose(a[:, 4], b[:, 4])


def test_a_model_that_knows_nothing():
    model = make()
    for p in model.parameters():
        p.data.zero_()
    x = some_strokes()
    expected = 0.5 * (x[..., :2] ** 2).sum(-1) + math.log(2 * math.pi) + math.log(2)
    torch.testing.assert_close(model.nats(x), expected, rtol=0, atol=TOL)


def test_gradients_reach_all_parameters():
    model = make()
    model.loss(some_strokes()).backward()
    assert all(p.grad.any() for p in model.parameters())


def test_sampling_is_the_models_own_distribution():
    model = make()
    model.train()
    x = model.sample(4000, 1, rng=np.random.default_rng(0))[:, 0].astype(float)
    assert x.shape == (4000, 3) and model.training
    log_pi, mu, log_sigma, rho, lift = (part[0, 0].detach() for part in model.parts(model(torch.zeros(1, 1, 3).double())))
    pi, s = log_pi.exp(), log_sigma.exp()
    mean = (pi[:, None] * mu).sum(0)
    second = (pi[:, None] * (s**2 + mu**2)).sum(0)
    product = (pi * (rho * s[:, 0] * s[:, 1] + mu[:, 0] * mu[:, 1])).sum()
    for got, wanted in zip(x[:, :2].mean(0), mean, strict=True):
        assert got == pytest.approx(wanted.item(), abs=5 * 1.5 / math.sqrt(4000))
    for got, wanted in zip((x[:, :2] ** 2).mean(0), second, strict=True):
        assert got == pytest.approx(wanted.item(), abs=0.25)
    assert (x[:, 0] * x[:, 1]).mean() == pytest.approx(product.item(), abs=0.2)
    assert x[:, 2].mean() == pytest.approx(torch.sigmoid(lift).item(), abs=5 * 0.5 / math.sqrt(4000))
    neat = model.sample(4000, 1, rng=np.random.default_rng(0), bias=500.0)[:, 0]
    m = int(pi.argmax())
    np.testing.assert_allclose(neat[:, :2].mean(0), mu[m], atol=1e-6)


def test_the_exact_source_bounds_every_model():
    x, _ = strokes(50, 60, np.random.default_rng(3))
    nats = stroke_nats(x)
    assert STROKE_FLOOR < nats.mean() < STROKE_FLOOR + math.log(6) / 5
    moved = x.copy()
    moved[:, :, 2] = 1  # no letter lifts the pen after its first step
    assert np.isinf(stroke_nats(moved)).any()
    one = np.array([[[0.0, 0.0, 0.0]]])  # of the six letters l, o, v, n, t, i each starts elsewhere
    starts = np.array([(0.0, 0.0), (0.6, 0.9), (0.0, 1.0), (0.0, 0.0), (0.3, 1.5), (0.2, 1.0)])
    density = np.exp(-(starts**2).sum(1) / 2 / 0.08**2) / (2 * math.pi * 0.08**2)
    assert stroke_nats(one)[0, 0] == pytest.approx(-math.log(density.mean()))


def test_it_learns():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = StrokeRNN(24, 6)
    batches = [(strokes(16, 30, rng)[0],) for _ in range(60)]
    history = fit(model, lambda epoch: batches, StrokeRNN.loss, lr=0.02, max_norm=1.0, progress=False)
    assert history.loss[0] > 1.5 and history.loss[-1] < 0.5


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: make(0), ValueError, "M: expected a number >= 1, got 0"),
        (lambda: make(bidirectional=True), ValueError, "bidirectional: expected False"),
        (lambda: make()(some_strokes()[..., :2]), ValueError, r"x: expected shape \(B, T, 3\), got \(3, 7, 2\)"),
        (lambda: make().sample(0, 1, rng=np.random.default_rng(0)), ValueError, "n: expected a number >= 1"),
        (lambda: make().sample(1, 1, rng=0), TypeError, r"rng: expected a numpy\.random\.Generator"),
        (lambda: make().sample(1, 1, rng=np.random.default_rng(0), bias=-1), ValueError, "bias: expected a number >= 0"),
        (lambda: stroke_nats(np.zeros((2, 3))), ValueError, r"x: expected shape \(B, T, 3\)"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
