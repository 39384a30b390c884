"""Attention modules against the attention by hand."""

import numpy as np
import pytest
import torch

from rnnlib.nn import AdditiveAttention, DotAttention, GeneralAttention, MultiHeadAttention
from rnnlib.scratch import attention as scratch

B, T, S, A, K, H, N = 3, 4, 5, 6, 7, 8, 9
OUT_TOL, GRAD_TOL = 1e-12, 1e-10  # float64, absolute
KINDS = {
    "dot": (lambda: DotAttention(), (A, A, H), scratch.dot_attention, scratch.dot_attention_backward, {}),
    "luong": (lambda: DotAttention(scale=1.0), (A, A, H), scratch.dot_attention, scratch.dot_attention_backward, {"scale": 1.0}),
    "general": (lambda: GeneralAttention(A, K), (A, K, H), scratch.general_attention, scratch.general_attention_backward, {}),
    "additive": (lambda: AdditiveAttention(A, K, N), (A, K, H), scratch.additive_attention, scratch.additive_attention_backward, {}),
    "heads": (
        lambda: MultiHeadAttention(A, 2, K=K, J=H, O=N),
        (A, K, H),
        scratch.multi_head_attention,
        scratch.multi_head_attention_backward,
        {"n_heads": 2},
    ),
}


def make(kind):
    torch.manual_seed(1)
    return KINDS[kind][0]().double()


def inputs(kind):
    rng = np.random.default_rng(5)
    sizes = KINDS[kind][1]
    return [torch.tensor(rng.standard_normal((B, n, d)), requires_grad=True) for n, d in zip((T, S, S), sizes, strict=True)]


def some_mask():
    mask = np.random.default_rng(2).random((B, T, S)) < 0.6
    mask[0, 1] = False  # a query that may look at nothing
    mask[2, :, 4] = False  # a key that nobody may look at
    return torch.from_numpy(mask)


@pytest.mark.parametrize("mask", [None, "lengths", "some"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_numbers_by_hand(kind, mask):
    module, (_, _, forward, backward, options) = make(kind), KINDS[kind]
    mask = {None: None, "lengths": torch.from_numpy(scratch.length_mask(np.array([5, 1, 3]), S)), "some": some_mask()}[mask]
    tensors = inputs(kind)
    context, attn = module(*tensors, mask)
    arrays, weights = [t.detach().numpy() for t in tensors], module.to_arrays()
    expected, expected_attn, tape = forward(*arrays, **weights, **options, mask=None if mask is None else mask.numpy())
    np.testing.assert_allclose(context.detach(), expected, rtol=0, atol=OUT_TOL)
    np.testing.assert_allclose(attn.detach(), expected_attn, rtol=0, atol=OUT_TOL)
    dcontext = np.random.default_rng(6).standard_normal(expected.shape)
    grads = backward(dcontext, tape)
    got = torch.autograd.grad((context * torch.from_numpy(dcontext)).sum(), [*tensors, *module.parameters()])
    for name, g in zip(("query", "keys", "values", *weights), got, strict=True):
        np.testing.assert_allclose(g, grads[name], rtol=0, atol=GRAD_TOL, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_not_be_seen_may_be_anything_and_gets_no_gradient(kind):
    module, mask = make(kind), some_mask()
    query, keys, values = inputs(kind)
    context, attn = module(query, keys, values, mask)
    for garbage in (1e30, float("nan")):
        bad_keys, bad_values = keys.detach().clone(), values.detach().clone()
        bad_keys[2, 4] = bad_values[2, 4] = garbage
        bad_keys.requires_grad_(), bad_values.requires_grad_()
        again, _ = module(query, bad_keys, bad_values, mask)
        torch.testing.assert_close(again, context, rtol=0, atol=0)
        dkeys, *dweights = torch.autograd.grad(again.sum(), [bad_keys, *module.parameters()], allow_unused=True)
        assert not dkeys[2, 4].any() and all(torch.isfinite(g).all() for g in dweights)
    sums = attn.sum(-1)
    assert torch.allclose(sums[0, ..., 1], torch.zeros_like(sums[0, ..., 1]))
    assert torch.allclose(sums[1], torch.ones_like(sums[1]))
    assert not context[0, 1].any()


def test_keys_projected_once_give_the_same_scores():
    module = make("additive")
    query, keys, _ = inputs("additive")
    torch.testing.assert_close(module.scores_of(query, keys @ module.W_k), module.scores(query, keys))


def test_a_loss_on_the_attention_itself_flows():
    module = make("additive")
    _, attn = module(*inputs("additive"))
    (attn**2).sum().backward()
    assert module.v_a.grad.any()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda q, k, v: DotAttention()(q, v, v), ValueError, r"keys: expected shape \(3, S, 6\), got \(3, 5, 8\)"),
        (lambda q, k, v: GeneralAttention(A, K)(q, q, v), ValueError, r"keys: expected shape \(3, S, 7\), got \(3, 4, 6\)"),
        (lambda q, k, v: AdditiveAttention(A, K, N)(k, k, v), ValueError, r"query: expected shape \(B, T, 6\), got \(3, 5, 7\)"),
        (lambda q, k, v: AdditiveAttention(A, K, N)(q.double(), k, v), TypeError, "query: expected dtype float32, got float64"),
        (lambda q, k, v: MultiHeadAttention(A, 2, K=K, J=H)(q, k, v[:, 1:]), ValueError, r"values: expected shape \(3, 5, 8\)"),
        (lambda q, k, v: MultiHeadAttention(A, 4), ValueError, "n_heads: expected a divisor of E = 6, got 4"),
        (lambda q, k, v: AdditiveAttention(A, K, 0), ValueError, "N: expected a number >= 1, got 0"),
        (lambda q, k, v: GeneralAttention(A, K)(q, k, v, torch.ones(B, T)), TypeError, "mask: expected dtype bool, got float32"),
        (lambda q, k, v: GeneralAttention(A, K)(q, k, v, torch.ones(B, S, T) > 0), ValueError, r"mask: expected shape \(3, 4, 5\), or 1"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call(torch.zeros(B, T, A), torch.zeros(B, S, K), torch.zeros(B, S, H))
