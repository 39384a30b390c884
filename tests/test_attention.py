"""Attention: by hand, the laws of its masks, all gradients, torch; and planted mistakes that the laws catch."""

import math

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.arrays import is_tensor
from rnnlib.gradcheck import check_gradients, complex_step
from rnnlib.scratch import attention as lib
from rnnlib.scratch.attention import causal_mask, dot_attention, length_mask, masked_softmax

PARITY = 1e-12
EXACT = 1e-13
CENTRAL = 1e-7
B, T, S, H = 2, 3, 4, 5
A, K, N, J, O, E = 6, 7, 8, 9, 10, 11
HEADS = 2

# name -> shapes of the arguments in order; what follows values is a weight
SHAPES = {
    "dot": {"query": (B, T, A), "keys": (B, S, A), "values": (B, S, H)},
    "general": {"query": (B, T, A), "keys": (B, S, K), "values": (B, S, H), "W_a": (A, K)},
    "additive": {"query": (B, T, A), "keys": (B, S, K), "values": (B, S, H), "W_q": (A, N), "W_k": (K, N), "v_a": (N,)},
    "multi_head": {
        "query": (B, T, E),
        "keys": (B, S, K),
        "values": (B, S, J),
        "W_q": (E, A),
        "W_k": (K, A),
        "W_v": (J, 2 * H),
        "W_o": (2 * H, O),
    },
}
kinds = pytest.mark.parametrize("kind", SHAPES)


def arguments(kind, place="numpy", seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: put(place, rng.standard_normal(shape).astype(dtype)) for name, shape in SHAPES[kind].items()}


def attend(kind, args, mask=None):
    extra = {"n_heads": HEADS} if kind == "multi_head" else {}
    return getattr(lib, f"{kind}_attention")(**args, **extra, mask=mask)


def backward(kind, dcontext, tape):
    return getattr(lib, f"{kind}_attention_backward")(dcontext, tape)


def some_mask():
    """Every row with something to see, one with all, one with nothing; key 3 of sample 0 and key 0 of sample 1 seen by nobody."""
    mask = np.array(
        [
            [[True, False, True, False], [True, True, True, False], [False, False, True, False]],
            [[False, True, True, True], [False, False, False, False], [False, False, True, False]],
        ]
    )
    return mask


# ---- by hand ----


@everywhere
def test_dot_by_hand(place):
    query, keys, values = put(place, np.array([[[math.log(3.0)]]]), np.array([[[1.0], [0.0]]]), np.array([[[10.0], [2.0]]]))
    context, attn, _ = dot_attention(query, keys, values)
    np.testing.assert_allclose(back(attn), [[[0.75, 0.25]]], atol=EXACT)
    np.testing.assert_allclose(back(context), [[[8.0]]], atol=EXACT)


def test_dot_scale_is_one_over_root_A_before_the_softmax():
    args = arguments("dot")
    scores = np.einsum("bta,bsa->bts", args["query"], args["keys"])
    for scale, factor in [(None, 1 / math.sqrt(A)), (1.0, 1.0), (0.25, 0.25)]:
        e = np.exp(scores * factor)
        np.testing.assert_allclose(dot_attention(**args, scale=scale)[1], e / e.sum(-1, keepdims=True), atol=EXACT)


def test_general_and_additive_scores_one_pair_at_a_time():
    args = arguments("general")
    scores = np.array(
        [[[q @ args["W_a"] @ k for k in keys] for q in query] for query, keys in zip(args["query"], args["keys"], strict=True)]
    )
    np.testing.assert_allclose(attend("general", args)[1], masked_softmax(scores), atol=EXACT)
    args = arguments("additive")
    score = lambda q, k: args["v_a"] @ np.tanh(q @ args["W_q"] + k @ args["W_k"])
    scores = np.array([[[score(q, k) for k in keys] for q in query] for query, keys in zip(args["query"], args["keys"], strict=True)])
    np.testing.assert_allclose(attend("additive", args)[1], masked_softmax(scores), atol=EXACT)


def test_general_with_an_identity_is_dot_and_one_head_is_dot():
    args = arguments("dot")
    context, _, _ = dot_attention(**args, scale=1.0)
    same = lib.general_attention(**args, W_a=np.eye(A))
    np.testing.assert_allclose(same[0], context, atol=EXACT)
    one = lib.multi_head_attention(**args, W_q=np.eye(A), W_k=np.eye(A), W_v=np.eye(H), W_o=np.eye(H), n_heads=1)
    np.testing.assert_allclose(one[0], dot_attention(**args)[0], atol=EXACT)
    np.testing.assert_allclose(one[1][:, 0], dot_attention(**args)[1], atol=EXACT)


def test_heads_own_column_blocks():
    args = arguments("multi_head")
    _, attn, tape = attend("multi_head", args)
    for j in range(HEADS):
        cols, wide = slice(j * A // HEADS, (j + 1) * A // HEADS), slice(j * H, (j + 1) * H)
        q, k, v = args["query"] @ args["W_q"][:, cols], args["keys"] @ args["W_k"][:, cols], args["values"] @ args["W_v"][:, wide]
        context, own, _ = dot_attention(q, k, v)
        np.testing.assert_allclose(attn[:, j], own, atol=EXACT)
        np.testing.assert_allclose(tape["merged"][..., wide], context, atol=EXACT)


# ---- laws ----


@everywhere
@kinds
@pytest.mark.parametrize("masked", [False, True])
def test_rows_sum_to_one_over_the_keys_and_masked_keys_get_exactly_zero(kind, place, masked):
    raw = some_mask()
    context, attn, _ = attend(kind, arguments(kind, place), put(place, raw) if masked else None)
    attn = back(attn).reshape(B, -1, T, S)
    allowed = np.broadcast_to((raw if masked else np.ones_like(raw))[:, None], attn.shape)
    np.testing.assert_allclose(attn.sum(-1), allowed.any(-1), atol=EXACT)
    assert (attn[~allowed] == 0).all() and (attn[allowed] > 0).all()
    if masked:
        assert not back(context)[1, 1].any()  # nothing to look at: zeros, no NaN


@everywhere
@kinds
@pytest.mark.parametrize("junk", [1e9, -1e9, np.nan, np.inf])
def test_what_nobody_may_look_at_changes_nothing(kind, place, junk):
    mask, dcontext = some_mask(), None
    results = []
    for content in (0.0, junk):
        args = arguments(kind)
        for name in ("keys", "values"):
            args[name][0, 3] = args[name][1, 0] = content
        args = {k: put(place, v) for k, v in args.items()}
        context, attn, tape = attend(kind, args, put(place, mask))
        dcontext = put(place, np.random.default_rng(1).standard_normal(tuple(context.shape)))
        results.append(back({"context": context, "attn": attn} | backward(kind, dcontext, tape)))
    for name, clean in results[0].items():
        np.testing.assert_array_equal(results[1][name], clean, err_msg=name)
    assert not results[0]["keys"][0, 3].any() and not results[0]["values"][1, 0].any()


@everywhere
@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
def test_masked_scores_may_be_anything(place, junk):
    scores, mask = np.array([[1.0, 1.0, junk], [junk, junk, junk]]), np.array([[True, True, False], [False, False, False]])
    np.testing.assert_array_equal(back(masked_softmax(*put(place, scores, mask))), [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])


@kinds
@pytest.mark.parametrize("junk", [1e9, -1e9])
def test_a_key_hidden_from_one_query_only_does_not_reach_it(kind, junk):
    args, dirty = arguments(kind), arguments(kind)
    dirty["keys"][1, 1] = dirty["values"][1, 1] = junk  # seen by query 0 of sample 1 alone
    clean, after = (attend(kind, a, some_mask())[0] for a in (args, dirty))
    np.testing.assert_array_equal(after[1, 1:], clean[1, 1:])
    np.testing.assert_array_equal(after[0], clean[0])
    assert not np.array_equal(after[1, 0], clean[1, 0])


@kinds
def test_longer_padding_changes_nothing(kind):
    args = arguments(kind)
    context, attn, _ = attend(kind, args)
    longer = dict(args)
    for name in ("keys", "values"):
        longer[name] = np.concatenate([args[name], np.full((B, 2, args[name].shape[2]), 1e9)], axis=1)
    padded, wide, _ = attend(kind, longer, length_mask(np.array([S, S]), S + 2))
    np.testing.assert_allclose(padded, context, atol=EXACT)
    np.testing.assert_allclose(wide[..., :S], attn, atol=EXACT)
    assert not wide[..., S:].any()


@kinds
def test_the_order_of_keys_does_not_matter_but_their_pairing_does(kind):
    args, order = arguments(kind), np.array([2, 0, 3, 1])
    context, attn, _ = attend(kind, args)
    moved = args | {"keys": args["keys"][:, order], "values": args["values"][:, order]}
    again, permuted, _ = attend(kind, moved)
    np.testing.assert_allclose(again, context, atol=EXACT)
    np.testing.assert_allclose(permuted, attn[..., order], atol=EXACT)
    assert not np.allclose(attend(kind, args | {"values": args["values"][:, order]})[0], context)


@kinds
def test_samples_and_queries_are_independent(kind):
    args, mask = arguments(kind), some_mask()
    context, _, _ = attend(kind, args, mask)
    for b in range(B):
        for t in range(T):
            alone = args | {
                "query": args["query"][b : b + 1, t : t + 1],
                "keys": args["keys"][b : b + 1],
                "values": args["values"][b : b + 1],
            }
            np.testing.assert_allclose(attend(kind, alone, mask[b : b + 1, t : t + 1])[0][0, 0], context[b, t], atol=EXACT)


@kinds
def test_a_mask_of_all_true_is_no_mask_and_axes_of_one_broadcast(kind):
    args = arguments(kind)
    plain = attend(kind, args)[0]
    for shape in [(B, T, S), (B, 1, S), (1, T, S), (1, 1, 1)]:
        np.testing.assert_allclose(attend(kind, args, np.ones(shape, bool))[0], plain, atol=EXACT)
    lengths = np.array([2, 4])
    full = np.broadcast_to(length_mask(lengths, S), (B, T, S))
    np.testing.assert_array_equal(attend(kind, args, length_mask(lengths, S))[0], attend(kind, args, full)[0])


@everywhere
@kinds
def test_large_scores_do_not_overflow(kind, place):
    for dtype in (np.float32, np.float64):
        args = arguments(kind, dtype=dtype)
        args = {k: put(place, v * 1e4 if k == "query" else v) for k, v in args.items()}
        context, attn, _ = attend(kind, args, put(place, some_mask()))
        assert np.isfinite(back(context)).all() and np.isfinite(back(attn)).all()
        assert back(context).dtype == back(attn).dtype == dtype


@kinds
def test_nothing_is_mutated_and_twice_is_the_same(kind):
    args, mask = arguments(kind), some_mask()
    before, mask_before = {k: v.copy() for k, v in args.items()}, mask.copy()
    context, _, tape = attend(kind, args, mask)
    dcontext = np.ones_like(context)
    first, second = backward(kind, dcontext, tape), backward(kind, dcontext, tape)
    np.testing.assert_array_equal(attend(kind, args, mask)[0], context)
    np.testing.assert_array_equal(mask, mask_before)
    np.testing.assert_array_equal(dcontext, 1)
    for name in args:
        np.testing.assert_array_equal(args[name], before[name])
        np.testing.assert_array_equal(first[name], second[name])


def test_masks():
    np.testing.assert_array_equal(length_mask(np.array([1, 3]), 3)[:, 0], [[True, False, False], [True, True, True]])
    assert is_tensor(length_mask(torch.tensor([1, 3]), 3))
    np.testing.assert_array_equal(causal_mask(3)[0], [[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    args = arguments("dot")
    context = dot_attention(args["query"], args["query"], args["query"], causal_mask(T))[0]
    np.testing.assert_allclose(context[:, 0], args["query"][:, 0], atol=EXACT)


# ---- gradients and torch ----


@everywhere
@kinds
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_gradients_of_every_argument(kind, place, masked, single):
    args = arguments(kind, place, seed=2)
    mask = put(place, some_mask()) if masked else None
    if single:  # one query and one key
        args |= {name: args[name][:, 1:2] for name in ("query", "keys", "values")}
        mask = mask[:, 1:2, 1:2] if masked else None
    context, _, tape = attend(kind, args, mask)
    weight = put(place, np.random.default_rng(3).standard_normal(tuple(context.shape)))
    f = lambda **a: (attend(kind, a, mask)[0] ** 2 * weight).sum()
    grads = backward(kind, 2 * context * weight, tape)
    assert max(complex_step(f, args, grads, tol=EXACT).values()) < EXACT
    if place == "numpy":
        check_gradients(f, args, grads, tol=CENTRAL, samples=12)


def torch_attention(kind, leaves, mask):
    """The same from torch's own parts."""
    q, k, v = leaves["query"], leaves["keys"], leaves["values"]
    if kind == "dot":
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    if kind == "multi_head":
        module = torch.nn.MultiheadAttention(A, HEADS, bias=False, kdim=K, vdim=J, batch_first=True, dtype=torch.float64)
        names = {"q_proj_weight": "W_q", "k_proj_weight": "W_k", "v_proj_weight": "W_v", "out_proj.weight": "W_o"}
        weights = {theirs: leaves[ours].T for theirs, ours in names.items()}
        hidden = None if mask is None else ~mask.repeat_interleave(HEADS, 0)  # torch: True = may not look, one mask a head
        return torch.func.functional_call(module, weights, (q, k, v), {"attn_mask": hidden, "need_weights": False})[0]
    if kind == "general":
        scores = torch.einsum("bta,ak,bsk->bts", q, leaves["W_a"], k)
    else:
        scores = torch.tanh((q @ leaves["W_q"]).unsqueeze(2) + (k @ leaves["W_k"]).unsqueeze(1)) @ leaves["v_a"]
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -torch.inf), -1) @ v


@kinds
@pytest.mark.parametrize("masked", [False, True])
def test_equals_torch(kind, masked, monkeypatch):
    if kind == "multi_head":  # torch wants one width inside and outside: E = A = H
        monkeypatch.setitem(SHAPES, kind, SHAPES[kind] | {"query": (B, T, A), "W_q": (A, A), "W_v": (J, A), "W_o": (A, A)})
    args = arguments(kind, seed=4)
    mask = some_mask() if masked else None
    if masked:
        mask[1, 1] = True  # torch gives NaN for a row with nothing to look at
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in args.items()}
    expected = torch_attention(kind, leaves, None if mask is None else torch.tensor(mask))
    dcontext = np.random.default_rng(5).standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(dcontext))
    context, _, tape = attend(kind, args, mask)
    np.testing.assert_allclose(context, expected.detach(), atol=PARITY)
    for name, grad in backward(kind, dcontext, tape).items():
        np.testing.assert_allclose(grad, leaves[name].grad, atol=PARITY, err_msg=name)


# ---- planted mistakes ----


def broken_laws(dot):
    """The laws that ``dot(query, keys, values, mask) -> context, attn`` breaks, with keys and values of one width."""
    rng = np.random.default_rng(6)
    query, keys, values = (rng.standard_normal(shape) for shape in [(B, T, A), (B, S, A), (B, S, A)])
    mask, broken = some_mask(), set()

    def law(name, holds):
        if not holds:
            broken.add(name)

    before = mask.copy(), keys.copy(), values.copy()
    with np.errstate(all="ignore"):
        context, attn = dot(query, keys, values, mask)
        law("changes none of its arguments", all(np.array_equal(a, b) for a, b in zip((mask, keys, values), before, strict=True)))
        mask, keys, values = before
        law("rows sum to one", np.allclose(attn.sum(-1), mask.any(-1)))
        law("masked keys get exactly zero", not attn[~mask].any())
        law("nothing to look at gives zeros", not context[1, 1].any())
        law("the mean of the values", np.allclose(context, attn @ values))
        dirty = keys.copy()
        dirty[0, 3] = dirty[1, 0] = 1e9
        law("hidden keys do not matter", np.array_equal(dot(query, dirty, values, mask)[0], context))
        ratio = np.log(attn[0, 1, 0] / attn[0, 1, 1])
        law("log ratio is the scaled difference of scores", np.isclose(ratio, query[0, 1] @ (keys[0, 0] - keys[0, 1]) / math.sqrt(A)))
        law("large scores are finite", np.isfinite(dot(1e4 * query, keys, values, mask)[0]).all())
    return broken


def planted(
    fill=-np.inf,
    scale=A**-0.5,
    axis=-1,
    late_mask=False,
    late_scale=False,
    swap=False,
    in_place=False,
    shift=True,
    off=0,
    zeros=True,
):
    def dot(query, keys, values, mask):
        if swap:
            keys, values = values, keys
        mask = np.roll(mask, off, axis=-1)
        scores = query @ keys.swapaxes(1, 2) * (1.0 if late_scale else scale)
        if not late_mask:
            scores = np.where(mask, scores, fill)
        e = np.exp(scores - scores.max(axis, keepdims=True)) if shift else np.exp(scores)
        attn = e / e.sum(axis, keepdims=True)
        if zeros:
            attn = np.where(mask.any(-1, keepdims=True), attn, 0.0)
        if late_mask:
            attn = attn * mask
        if late_scale:
            attn = attn * scale
        if in_place:
            keys[~mask.any(1)] = 0
        return attn @ values, attn

    return dot


FAULTS = {
    "softmax over the queries": planted(axis=1),
    "mask after the softmax": planted(late_mask=True),
    "masked scores become 0": planted(fill=0.0),
    "masked scores become -1": planted(fill=-1.0),
    "NaN where there is nothing to look at": planted(zeros=False),
    "scale by A": planted(scale=1 / A),
    "no scale": planted(scale=1.0),
    "scale after the softmax": planted(late_scale=True),
    "keys and values swapped": planted(swap=True),
    "mask off by one": planted(off=1),
    "keys changed in place": planted(in_place=True),
    "no shift": planted(shift=False),
}


def test_ours_and_a_plant_without_a_fault_break_no_law():
    assert broken_laws(lambda *args: dot_attention(*args)[:2]) == set()
    assert broken_laws(planted()) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_mistake_breaks_a_law(fault):
    assert broken_laws(FAULTS[fault])


# ---- bad arguments ----


def test_bad_arguments_are_named():
    dot, general, additive, heads = (arguments(kind) for kind in SHAPES)
    mask = some_mask()
    _, _, tape = dot_attention(**dot)
    for call, error, text in [
        (lambda: dot_attention(**dot | {"query": dot["query"][0]}), ValueError, r"query: expected shape \(B, T, A\), got \(3, 6\)"),
        (lambda: dot_attention(**dot | {"keys": general["keys"]}), ValueError, r"keys: expected shape \(2, S, 6\), got \(2, 4, 7\)"),
        (
            lambda: dot_attention(**dot | {"values": dot["values"][:, 1:]}),
            ValueError,
            r"values: expected shape \(2, 4, H\), got \(2, 3, 5\)",
        ),
        (lambda: dot_attention(**dot | {"values": dot["values"].astype("f4")}), TypeError, r"values: expected dtype float64, got float32"),
        (lambda: dot_attention(**dot | {"keys": torch.tensor(dot["keys"])}), TypeError, r"keys: expected ndarray, got Tensor"),
        (lambda: dot_attention(**dot | {"keys": dot["keys"] * np.nan}), ValueError, r"keys: expected finite numbers"),
        (lambda: dot_attention(**dot | {"keys": dot["keys"] * np.nan}, mask=mask), ValueError, r"keys: expected finite numbers"),
        (lambda: dot_attention(**dot, mask=mask.astype(float)), TypeError, r"mask: expected dtype bool, got float64"),
        (lambda: dot_attention(**dot, mask=mask[:, 0]), ValueError, r"mask: expected shape \(2, 3, 4\), or 1 along an axis, got \(2, 4\)"),
        (
            lambda: dot_attention(**dot, mask=mask[:, :2]),
            ValueError,
            r"mask: expected shape \(2, 3, 4\), or 1 along an axis, got \(2, 2, 4\)",
        ),
        (lambda: dot_attention(**dot, scale="1"), TypeError, r"scale: expected a number, got str"),
        (
            lambda: lib.dot_attention_backward(np.ones((B, T, H + 1)), tape),
            ValueError,
            r"dcontext: expected shape \(2, 3, 5\), got \(2, 3, 6\)",
        ),
        (lambda: lib.general_attention(**general | {"W_a": general["W_a"].T}), ValueError, r"W_a: expected shape \(6, 7\), got \(7, 6\)"),
        (lambda: lib.additive_attention(**additive | {"W_k": additive["W_q"]}), ValueError, r"W_k: expected shape \(7, 8\), got \(6, 8\)"),
        (lambda: lib.additive_attention(**additive | {"v_a": additive["v_a"][1:]}), ValueError, r"v_a: expected shape \(8,\), got \(7,\)"),
        (lambda: lib.multi_head_attention(**heads, n_heads=4), ValueError, r"n_heads: expected a divisor of A = 6 and H = 10, got 4"),
        (lambda: lib.multi_head_attention(**heads, n_heads=0), ValueError, r"n_heads: expected a number >= 1, got 0"),
        (
            lambda: lib.multi_head_attention(**heads | {"W_o": heads["W_o"].T[1:]}, n_heads=2),
            ValueError,
            r"W_o: expected shape \(10, O\), got",
        ),
        (lambda: masked_softmax(dot["query"], mask), ValueError, r"mask: expected shape \(2, 3, 6\), or 1 along an axis, got \(2, 3, 4\)"),
        (lambda: length_mask(np.array([5]), 4), ValueError, r"lengths: expected values between 1 and S = 4"),
        (lambda: length_mask(np.array([0]), 4), ValueError, r"lengths: expected values between 1 and S = 4"),
        (lambda: causal_mask(0), ValueError, r"T: expected a number >= 1"),
    ]:
        with pytest.raises(error, match=text):
            call()
