"""Character n-grams and the entropy of a Markov chain."""

import re
from collections import Counter

import numpy as np
import pytest

from rnnlib.scratch.ngram import NGram, discounts, entropy_rate, stationary

TOL = 1e-12
V, T, ORDER = 7, 400, 3
SMOOTHINGS = ("witten-bell", "kneser-ney", "add-k", "none")


def chain(rng, V=V, concentration=0.5):
    return rng.dirichlet(np.full(V, concentration), size=V)


def walk(P, T, rng):
    ids = np.zeros(T, np.int64)
    for t in range(1, T):
        ids[t] = rng.choice(len(P), p=P[ids[t - 1]])
    return ids


@pytest.fixture
def ids():
    rng = np.random.default_rng(0)
    return walk(chain(rng), T, rng)


def slow_witten_bell(text, context, V):
    """The recursion as the paper writes it: dictionaries, one symbol at a time."""
    if context is None:
        return [1 / V] * V
    k = len(context)
    after = [text[t + k] for t in range(len(text) - k) if list(text[t : t + k]) == list(context)]
    lower = slow_witten_bell(text, context[1:] if k else None, V)
    if not after:
        return lower
    kinds = len(set(after))
    return [(after.count(w) + kinds * lower[w]) / (len(after) + kinds) for w in range(V)]


def slow_kneser_ney(text, context, V, longest=True):
    """Modified Kneser–Ney as Chen and Goodman write it: dictionaries, one context at a time; None comes before the text."""
    if context is None:
        return [1 / V] * V
    k = len(context)
    grams = [tuple(text[t : t + k + 1]) for t in range(len(text) - k)]
    before = {([None, *text][t], gram) for t, gram in enumerate(grams)}  # each different symbol before each n-gram
    c = Counter(grams) if longest else Counter(gram for _, gram in before)
    n = [sum(count == j for count in c.values()) for j in range(5)]
    D = [0.0, 0.5, 1.0, 1.5]
    if all(n[1:]):
        Y = n[1] / (n[1] + 2 * n[2])
        exact = [0.0, 1 - 2 * Y * n[2] / n[1], 2 - 3 * Y * n[3] / n[2], 3 - 4 * Y * n[4] / n[3]]
        D = exact if min(exact[1:]) > 0 else D
    after = {w: c[(*context, w)] for w in range(V) if (*context, w) in c}
    lower = slow_kneser_ney(text, context[1:] if k else None, V, longest=False)
    if not after:
        return lower
    spare = sum(D[min(count, 3)] for count in after.values())
    kept = {w: count - D[min(count, 3)] for w, count in after.items()}
    return [(kept.get(w, 0) + spare * lower[w]) / sum(after.values()) for w in range(V)]


# Rung 1: shapes and error text


def test_shapes_and_dtypes(ids):
    model = NGram(ORDER, V).fit(ids)
    assert model.prob([1, 2]).shape == (V,)
    assert model.probs(ids[:11]).shape == (11,)
    drawn = model.sample(13, np.random.default_rng(1))
    assert drawn.shape == (13,) and drawn.dtype == np.int64 and drawn.min() >= 0 and drawn.max() < V
    assert isinstance(model.bits(ids), float) and isinstance(entropy_rate(np.eye(1)), float)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda i: NGram(-1, V), ValueError, "order: expected a number >= 0, got -1"),
        (lambda i: NGram(1.5, V), TypeError, "order: expected an integer, got float"),
        (lambda i: NGram(2, V, "kneser"), ValueError, "smoothing: expected one of 'witten-bell', 'kneser-ney', 'add-k', 'none', got"),
        (lambda i: discounts(i * 1.0), TypeError, "counts: expected an integer dtype, got float64"),
        (lambda i: discounts(np.array([1, 0])), ValueError, "counts: expected every count to be at least 1, got 0"),
        (lambda i: NGram(2, V, "add-k", 0), ValueError, "k: expected a number > 0, got 0"),
        (lambda i: NGram(9, 1000), ValueError, "order: expected V**(order + 1) below 2**63"),
        (lambda i: NGram(2, V).fit(i * 1.0), TypeError, "ids: expected an integer dtype, got float64"),
        (lambda i: NGram(2, V).fit(i[None]), ValueError, "ids: expected shape (T,), got (1, 400)"),
        (lambda i: NGram(2, V).fit(i + 1), ValueError, "ids: expected ids between 0 and 6"),
        (lambda i: NGram(2, V).fit(i[:2]), ValueError, "ids: expected more than order = 2 symbols, got 2"),
        (lambda i: NGram(2, V).prob([0]), ValueError, "NGram: expected a fitted model"),
        (lambda i: NGram(2, V).fit(i).prob([V]), ValueError, "context: expected ids between 0 and 6"),
        (lambda i: NGram(2, V).fit(i).sample(-1, None), ValueError, "n: expected a number >= 0, got -1"),
        (lambda i: entropy_rate(np.ones((2, 3))), ValueError, "P: expected shape (V, V), got (2, 3)"),
        (lambda i: entropy_rate(np.ones((2, 2))), ValueError, "P: expected rows of probabilities that sum to 1"),
        (lambda i: stationary(np.eye(3)), ValueError, "P: expected a chain with one stationary distribution"),
        (lambda i: stationary(np.full((2, 2), np.nan)), ValueError, "P: expected finite numbers"),
    ],
)
def test_errors_name_the_argument(ids, call, error, text):
    with pytest.raises(error, match="^" + re.escape(text)):
        call(ids)


# Rung 2: by hand


def test_by_hand():
    text = np.array([0, 1, 0, 2, 0, 1])  # after 0: 1, 2, 1; single symbols 3, 2, 1
    unigram = (np.array([3, 2, 1]) + 3 / 3) / (6 + 3)
    np.testing.assert_allclose(NGram(0, 3).fit(text).prob(), unigram, atol=TOL)
    np.testing.assert_allclose(NGram(1, 3).fit(text).prob([0]), (np.array([0, 2, 1]) + 2 * unigram) / 5, atol=TOL)
    np.testing.assert_allclose(NGram(1, 3, "add-k", 0.5).fit(text).prob([0]), np.array([0.5, 2.5, 1.5]) / 4.5, atol=TOL)
    np.testing.assert_allclose(NGram(1, 3, "none").fit(text).prob([0]), np.array([0, 2, 1]) / 3, atol=TOL)
    assert NGram(1, 3, "none").fit(text).bits(np.array([0, 0])) == np.inf


def test_kneser_ney_by_hand():
    text = np.array([0, 1, 0, 2, 0, 1])  # pairs: 01 twice, 10, 02 and 20 once; too few for the formula, so D = 1/2, 1, 3/2
    # Before 0 came the start, 1 and 2; before 1 only 0; before 2 only 0: continuation counts 3, 1, 1.
    unigram = (np.array([3 - 1.5, 1 - 0.5, 1 - 0.5]) + 2.5 / 3) / 5
    p = NGram(1, 3, "kneser-ney").fit(text).prob([0])
    np.testing.assert_allclose(p, (np.array([0, 2 - 1, 1 - 0.5]) + 1.5 * unigram) / 3, atol=TOL)
    np.testing.assert_allclose(NGram(1, 3, "kneser-ney").fit(text).prob(), unigram, atol=TOL)


def test_discounts_by_hand():
    few = np.repeat([1, 2, 3, 4, 9], [8, 4, 2, 2, 1])  # n_1..n_4 = 8, 4, 2, 2, so Y = 1/2
    np.testing.assert_allclose(discounts(few), [0, 1 - 0.5, 2 - 0.75, 3 - 2], atol=TOL)
    np.testing.assert_allclose(discounts(few[few != 3]), [0, 0.5, 1, 1.5], atol=TOL)  # no count of three
    np.testing.assert_allclose(discounts(np.repeat([1, 2, 3, 4], [8, 1, 9, 9])), [0, 0.5, 1, 1.5], atol=TOL)  # D[2] would be negative


def test_kneser_ney_knows_a_symbol_that_follows_one_window_only():
    # "1" is frequent but only ever after 0; "2" is rarer but comes after everything: a new window should expect 2.
    text = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 2, 3, 2, 4, 2, 5, 2, 0, 1])
    p = NGram(1, 7, "kneser-ney").fit(text).prob([6])
    q = NGram(1, 7).fit(text).prob([6])
    assert p[2] > p[1] and q[2] < q[1]


def test_entropy_rate_by_hand():
    assert entropy_rate(np.full((8, 8), 1 / 8)) == pytest.approx(3, abs=TOL)
    assert entropy_rate(np.array([[0.0, 1.0], [1.0, 0.0]])) == pytest.approx(0, abs=TOL)
    # Left and right eigenvectors differ here: the second state is left half the time and so visited half as often.
    P = np.array([[0.5, 0.5], [1.0, 0.0]])
    np.testing.assert_allclose(stationary(P), [2 / 3, 1 / 3], atol=TOL)
    assert entropy_rate(P) == pytest.approx(2 / 3, abs=TOL)  # one bit in the first state, none in the second


# Rung 3: laws


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_probabilities_sum_to_one_in_every_context(ids, smoothing):
    model = NGram(ORDER, V, smoothing, 0.3).fit(ids)
    rng = np.random.default_rng(2)
    for context in [(), *rng.integers(0, V, (60, ORDER)), *rng.integers(0, V, (20, 1)), *rng.integers(0, V, (20, 9))]:
        p = model.prob(context)
        assert (p >= 0).all() and abs(p.sum() - 1) < TOL


def test_matches_the_recursion_of_the_paper(ids):
    text, rng = [int(i) for i in ids[:60]], np.random.default_rng(3)
    model = NGram(ORDER, V).fit(ids[:60])
    for context in rng.integers(0, V, (40, ORDER)):
        np.testing.assert_allclose(model.prob(context), slow_witten_bell(text, list(context), V), atol=TOL)


@pytest.mark.parametrize("T", [60, 400])  # with 60 symbols the discounts fall back, with 400 they are computed
def test_kneser_ney_matches_the_recursion_of_the_paper(ids, T):
    text, rng = [int(i) for i in ids[:T]], np.random.default_rng(3)
    model = NGram(ORDER, V, "kneser-ney").fit(ids[:T])
    for context in [*rng.integers(0, V, (30, ORDER)), ids[:ORDER], ids[50 : 50 + ORDER]]:
        expected = slow_kneser_ney(text, [int(i) for i in context], V)
        np.testing.assert_allclose(model.prob(context), expected, atol=TOL)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_whole_text_equals_symbol_by_symbol(ids, smoothing):
    model = NGram(ORDER, V, smoothing, 0.3).fit(ids[:200])
    text = ids[200:240]
    for before in ((), ids[199:200], ids[150:200]):
        one_by_one = [model.prob([*before, *text[:t]])[text[t]] for t in range(len(text))]
        np.testing.assert_allclose(model.probs(text, before), one_by_one, atol=TOL)


def test_a_text_shorter_than_the_order(ids):
    model = NGram(ORDER, V).fit(ids)
    np.testing.assert_allclose(model.probs(ids[:2]), NGram(1, V).fit(ids).probs(ids[:2]), atol=TOL)


def test_only_the_last_symbols_of_the_context_count(ids):
    model = NGram(2, V).fit(ids)
    np.testing.assert_array_equal(model.prob([5, 6, 1, 2]), model.prob([1, 2]))
    assert not np.allclose(model.prob([1, 2]), model.prob([2, 1]))


def test_unseen_symbol_is_possible_only_with_smoothing():
    text = np.array([0, 1] * 20)
    for smoothing, possible in (("witten-bell", True), ("kneser-ney", True), ("add-k", True), ("none", False)):
        model = NGram(1, 3, smoothing).fit(text)
        assert (model.prob([0])[2] > 0) == possible
        np.testing.assert_allclose(model.prob([2]).sum(), 1, atol=TOL)


def test_uniform_text_costs_log2_v():
    text = np.random.default_rng(4).integers(0, 8, 30000)
    for smoothing in SMOOTHINGS:
        assert NGram(0, 8, smoothing).fit(text[:20000]).bits(text[20000:]) == pytest.approx(3, abs=0.01)


def test_bits_of_the_true_order_reach_the_entropy_rate():
    rng = np.random.default_rng(5)
    P = chain(rng)
    ids = NGram(1, V, "none").fit(walk(P, 20000, rng)).sample(4000, rng)
    ids = np.concatenate([walk(P, 20000, rng), ids])
    h = entropy_rate(P)
    for smoothing in ("witten-bell", "kneser-ney"):
        assert NGram(1, V, smoothing).fit(ids[:20000]).bits(ids[20000:]) == pytest.approx(h, rel=0.04)
    assert NGram(0, V).fit(ids[:20000]).bits(ids[20000:]) > 1.1 * h


def test_samples_follow_the_model():
    rng = np.random.default_rng(6)
    P = chain(rng, 4, 2.0)
    model = NGram(1, 4).fit(walk(P, 3000, rng))
    drawn = model.sample(12000, rng)
    for i in range(4):
        after = drawn[1:][drawn[:-1] == i]
        expected = model.prob([i]) * len(after)
        chi2 = ((np.bincount(after, minlength=4) - expected) ** 2 / expected).sum()
        assert chi2 < 21.1  # 3 degrees of freedom, one in 10,000


def test_same_generator_same_sample_and_nothing_is_changed(ids):
    before = ids.copy()
    model = NGram(ORDER, V).fit(ids)
    first = model.sample(50, np.random.default_rng(7), ids[:3])
    p = model.prob([3, 3, 3])
    model.prob([0, 1, 6])
    np.testing.assert_array_equal(first, model.sample(50, np.random.default_rng(7), ids[:3]))
    np.testing.assert_array_equal(p, model.prob([3, 3, 3]))
    np.testing.assert_array_equal(ids, before)


def test_stationary_is_where_the_chain_settles():
    P = chain(np.random.default_rng(8))
    np.testing.assert_allclose(stationary(P), np.linalg.matrix_power(P, 4000)[0], atol=1e-9)


def test_periodic_and_transient_chains():
    ring = np.roll(np.eye(5), 1, axis=1)
    np.testing.assert_allclose(stationary(ring), np.full(5, 0.2), atol=TOL)
    absorbing = np.array([[0.5, 0.5, 0], [0, 0, 1], [0, 1, 0.0]])
    np.testing.assert_allclose(stationary(absorbing), [0, 0.5, 0.5], atol=TOL)


# Rungs 5 and 6: tensors are read like arrays


def test_ids_may_be_a_tensor(ids):
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(NGram(2, V).fit(torch.from_numpy(ids)).prob([1, 2]), NGram(2, V).fit(ids).prob([1, 2]))
