"""Greedy, sampled and beam-searched texts, against exhaustive search and Viterbi."""

import itertools
import re

import numpy as np
import pytest
from places import everywhere, put
from scipy.special import chdtri

from rnnlib.arrays import to_numpy
from rnnlib.scratch.decode import beam, distribution, draw, greedy, pick, sample, score, viterbi

EXACT = 1e-12
B, T, V, EOS = 3, 5, 4, 2
CHI2 = 0.0001  # a fair sampler fails one test in 10,000


def chain(seed=0, V=V, scale=2.0):
    """A model whose state is nothing: the next symbol depends on the last one."""
    table = scale * np.random.default_rng(seed).standard_normal((V, V))
    return lambda ids, state: (table[ids], state), table


def counter(seed=0, V=V, B=B, scale=2.0):
    """A model that remembers: its state counts the symbols written so far, from another start for each row; (step, state)."""
    table = scale * np.random.default_rng(seed).standard_normal((97, V))

    def step(ids, state):
        count, (nothing, ones) = state
        return table[(count + ids) % 97], (count * 3 + ids + 1, [nothing, ones])

    return step, (np.arange(B) * 7, [None, np.ones(B)])


def everything(step, state, start, T, V, eos):
    """All texts with their log-probabilities, by walking the whole tree; of one row. An ended text stands once."""
    texts = {}
    for text in itertools.product(range(V), repeat=T):
        if eos is not None and eos in text:
            end = text.index(eos) + 1
            text = text[:end] + (eos,) * (T - end)
        if text not in texts:
            texts[text] = score(step, pick(state, [0]), start, np.array([text]), eos)[0].sum()
    return texts


def length_of(text, eos):
    return list(text).index(eos) + 1 if eos in text else len(text)


# Rung 1: shapes and error text


def test_shapes():
    step, state = counter()
    start = np.zeros(B, np.int64)
    assert greedy(step, state, start, T).shape == (B, T)
    assert sample(step, state, start, T, np.random.default_rng(0)).shape == (B, T)
    ids, log_prob = beam(step, state, start, T, 7)
    assert ids.shape == (B, 7, T) and log_prob.shape == (B, 7) and ids.dtype == np.int64
    assert beam(step, state, start, 2, 99)[0].shape == (B, V**2, 2)
    assert score(step, state, start, ids[:, 0])[0].shape == (B, T)


STEP = chain()[0]
ONE = np.zeros(1, np.int64)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: greedy(STEP, None, np.zeros(1), T), TypeError, "start: expected an integer dtype, got float64"),
        (lambda: greedy(STEP, None, ONE[None], T), ValueError, "start: expected shape (B,), got (1, 1)"),
        (lambda: greedy(STEP, None, ONE, 0), ValueError, "T: expected a number >= 1, got 0"),
        (lambda: greedy(STEP, None, ONE, T, V), ValueError, "eos: expected a number >= 0 and <= 3, got 4"),
        (lambda: greedy(lambda i, s: (np.ones(4), s), None, ONE, T), ValueError, "logits: expected shape (1, V), got (4,)"),
        (lambda: sample(STEP, None, ONE, T, 0), TypeError, "rng: expected a numpy.random.Generator, got int"),
        (lambda: sample(STEP, None, ONE, T, np.random.default_rng(), temperature=-1), ValueError, "temperature: expected a number >= 0"),
        (lambda: distribution(np.ones((1, 3)), top_k=0), ValueError, "top_k: expected a number >= 1, got 0"),
        (lambda: distribution(np.ones((1, 3)), nucleus=0), ValueError, "nucleus: expected a number > 0 and <= 1, got 0"),
        (lambda: distribution(np.ones(3)), ValueError, "logits: expected shape (N, V), got (3,)"),
        (lambda: distribution(np.array([[1.0, np.nan]])), ValueError, "logits: expected finite numbers"),
        (lambda: beam(STEP, None, ONE, T, 0), ValueError, "width: expected a number >= 1, got 0"),
        (lambda: beam(STEP, None, ONE, T, 2, length_power=-1), ValueError, "length_power: expected a number >= 0, got -1"),
        (lambda: score(STEP, None, ONE, np.full((1, 2), V)), ValueError, "ids: expected ids between 0 and 3"),
        (lambda: score(STEP, None, ONE, np.zeros((2, 3), int)), ValueError, "start: expected shape (2,), got (1,)"),
        (lambda: viterbi(np.zeros(3), np.zeros((3, 2)), T), ValueError, "log_P: expected shape (3, 3), got (3, 2)"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match="^" + re.escape(text)):
        call()


# Rung 2: by hand


def test_distribution_by_hand():
    logits = np.log([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    np.testing.assert_allclose(distribution(logits), [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]], atol=EXACT)
    np.testing.assert_allclose(distribution(logits, 0.5), [[25 / 38, 9 / 38, 4 / 38], [1 / 66, 64 / 66, 1 / 66]], atol=EXACT)
    np.testing.assert_allclose(distribution(logits, top_k=2), [[0.625, 0.375, 0], [1 / 9, 8 / 9, 0]], atol=EXACT)
    np.testing.assert_allclose(distribution(logits, nucleus=0.6), [[0.625, 0.375, 0], [0, 1, 0]], atol=EXACT)
    np.testing.assert_allclose(distribution(logits, nucleus=0.5 - 1e-9), [[1, 0, 0], [0, 1, 0]], atol=EXACT)
    np.testing.assert_allclose(distribution(logits, 0), [[1, 0, 0], [0, 1, 0]], atol=EXACT)


def test_greedy_falls_into_a_trap_that_a_beam_sees():
    # From 0: symbol 1 (.6) leads where all is uniform (1/4), symbol 3 (.4) where 0 is certain.
    table = np.log(np.array([[1e-9, 0.6, 1e-9, 0.4], [0.25] * 4, [0.25] * 4, [1, 1e-9, 1e-9, 1e-9]]))
    step = lambda ids, state: (table[ids], state)
    assert greedy(step, None, ONE, 2).tolist() == [[1, 0]]
    ids, log_prob = beam(step, None, ONE, 2, 2)
    assert ids[0].tolist() == [[3, 0], [1, 0]]
    np.testing.assert_allclose(np.exp(log_prob[0]), [0.4, 0.15], atol=1e-7)


def test_length_power_by_hand():
    # "end now" costs log 2; three more symbols cost log(2) + 2 log(1/.9) + log 1: longer, less probable, better on average.
    table = np.log(np.array([[1e-9, 0.5, 0.5], [1e-9, 0.9, 0.1], [1, 1e-9, 1e-9]]))
    step = lambda ids, state: (table[ids], state)
    short, long = [2, 2, 2], [1, 1, 1]
    assert beam(step, None, ONE, 3, 9, eos=2)[0][0, 0].tolist() == short
    ids, log_prob = beam(step, None, ONE, 3, 9, eos=2, length_power=1.0)
    assert ids[0, 0].tolist() == long
    assert log_prob[0, 0] == pytest.approx(np.log(0.5 * 0.9 * 0.9), abs=1e-7)  # not divided


# Rung 3: laws


def test_cuts_keep_the_likeliest_and_their_proportions():
    logits = np.random.default_rng(1).standard_normal((9, 13))
    whole = distribution(logits)
    for cut in (dict(top_k=4), dict(nucleus=0.7), dict(top_k=6, nucleus=0.8)):
        probs = distribution(logits, **cut)
        np.testing.assert_allclose(probs.sum(axis=1), 1, atol=EXACT)
        for p, q in zip(probs, whole, strict=True):
            assert q[p > 0].min() >= q[p == 0].max()
            np.testing.assert_allclose(p[p > 0] / q[p > 0], (p[p > 0] / q[p > 0])[0], rtol=EXACT)
    assert ((distribution(logits, top_k=4) > 0).sum(axis=1) == 4).all()
    kept = np.where(distribution(logits, nucleus=0.7) > 0, whole, 0)
    assert (kept.sum(axis=1) >= 0.7).all()
    smallest = np.where(kept > 0, kept, np.inf).min(axis=1)
    assert (kept.sum(axis=1) - smallest < 0.7).all()  # without its last symbol it would be too small


def test_of_equal_symbols_top_k_keeps_the_first():
    assert (distribution(np.zeros((1, 5)), top_k=3) > 0).tolist() == [[True, True, True, False, False]]
    assert (distribution(np.zeros((1, 5)), nucleus=0.5) > 0).tolist() == [[True, True, True, False, False]]


def test_distribution_shift_and_limits():
    logits = np.random.default_rng(2).standard_normal((3, 6))
    for shift in (1e4, -1e4):
        np.testing.assert_allclose(distribution(logits + shift, 0.7), distribution(logits, 0.7), atol=1e-9)
    np.testing.assert_allclose(distribution(logits, 1e9), 1 / 6, atol=1e-8)
    np.testing.assert_allclose(distribution(logits, 1e-3), distribution(logits, 0), atol=1e-8)
    np.testing.assert_allclose(distribution(logits, top_k=6, nucleus=1.0), distribution(logits), atol=EXACT)
    np.testing.assert_allclose(distribution(1e4 * logits), distribution(logits, 0), atol=EXACT)


def test_draws_follow_the_probabilities():
    p, N = np.array([0.1, 0.0, 0.45, 0.05, 0.4, 0.0]), 40000
    counts = np.bincount(draw(np.tile(p, (N, 1)), np.random.default_rng(3)), minlength=6)
    assert counts[1] == counts[5] == 0
    seen = p > 0
    assert (((counts - N * p)[seen] ** 2) / (N * p)[seen]).sum() < chdtri(seen.sum() - 1, CHI2)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.6}, {"top_k": 2}, {"nucleus": 0.8}])
def test_samples_follow_the_distribution_and_are_fed_back(options):
    step, table = chain(4, scale=1.0)
    ids = sample(step, None, np.zeros(4000, np.int64), 6, np.random.default_rng(4), **options)
    for i in range(V):
        after = ids[:, 1:][ids[:, :-1] == i]
        expected = distribution(table[i : i + 1], **options)[0] * len(after)
        counts = np.bincount(after, minlength=V)
        seen = expected > 0
        assert counts[~seen].sum() == 0
        assert ((counts - expected)[seen] ** 2 / expected[seen]).sum() < chdtri(max(1, seen.sum() - 1), CHI2)


def test_every_step_of_one_long_text_is_drawn_anew():
    step, table = chain(4, scale=1.0)
    ids = sample(step, None, ONE, 6000, np.random.default_rng(5))[0]
    for i in range(V):
        after = ids[1:][ids[:-1] == i]
        expected = distribution(table[i : i + 1])[0] * len(after)
        assert ((np.bincount(after, minlength=V) - expected) ** 2 / expected).sum() < chdtri(V - 1, CHI2)


def test_temperature_zero_is_greedy():
    step, state = counter(5)
    start = np.array([1, 0, 3])
    np.testing.assert_array_equal(sample(step, state, start, T, np.random.default_rng(0), temperature=0), greedy(step, state, start, T))
    np.testing.assert_array_equal(sample(step, state, start, T, np.random.default_rng(0), top_k=1), greedy(step, state, start, T))


def test_the_same_generator_writes_the_same():
    step, state = counter(6)
    a, b, c = (sample(step, state, np.zeros(B, int), 40, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@pytest.mark.parametrize("seed", range(6))
def test_beam_1_is_greedy(seed):
    step, state = counter(seed)
    start = np.array([2, 0, 1])
    for eos in (None, EOS):
        ids, log_prob = beam(step, state, start, T, 1, eos=eos)
        written = greedy(step, state, start, T, eos)
        np.testing.assert_array_equal(ids[:, 0], written)
        np.testing.assert_allclose(log_prob[:, 0], score(step, state, start, written, eos)[0].sum(axis=1), atol=EXACT)


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("eos", [None, EOS])
@pytest.mark.parametrize("seed", range(3))
def test_the_widest_beam_is_exhaustive(seed, eos, length_power):
    T = 4
    step, state = counter(seed)
    start = np.array([1, 3, 0])
    ids, log_prob = beam(step, state, start, T, V**T, eos=eos, length_power=length_power)
    for b in range(B):
        texts = everything(step, pick(state, [b]), start[b : b + 1], T, V, eos)
        ranked = sorted(texts, key=lambda text: -texts[text] / length_of(text, eos) ** length_power)
        found = {tuple(text): p for text, p in zip(ids[b].tolist(), log_prob[b], strict=True) if p > -np.inf}
        assert found.keys() == texts.keys()
        np.testing.assert_allclose([found[text] for text in texts], list(texts.values()), atol=EXACT)
        assert tuple(ids[b, 0]) == ranked[0]
        if eos is None:
            assert np.exp(log_prob[b]).sum() == pytest.approx(1, abs=EXACT)


def test_a_wider_beam_reaches_the_exact_path_of_a_chain():
    step, table = chain(7, V=6, scale=1.5)
    log_P = np.log(distribution(table))
    path, log_prob = viterbi(log_P[0], log_P, 8)
    assert score(step, None, ONE, path[None])[0].sum() == pytest.approx(log_prob, abs=EXACT)
    found = [beam(step, None, ONE, 8, width)[1][0, 0] for width in (1, 2, 4, 6**3)]
    assert max(found) <= log_prob + EXACT
    assert found[-1] == pytest.approx(log_prob, abs=EXACT)


def test_viterbi_is_the_best_of_all_paths():
    log_P = np.log(np.random.default_rng(8).dirichlet(np.ones(3), size=3))
    log_initial = np.log([0.2, 0.5, 0.3])
    cost = lambda path: log_initial[path[0]] + sum(log_P[i, j] for i, j in itertools.pairwise(path))
    best = max(itertools.product(range(3), repeat=6), key=cost)
    ids, log_prob = viterbi(log_initial, log_P, 6)
    assert tuple(ids) == best and log_prob == pytest.approx(cost(best), abs=EXACT)
    with np.errstate(divide="ignore"):
        ring = np.log(np.roll(np.eye(3), 1, axis=1))
        assert viterbi(np.log([0.0, 1, 0]), ring, 5)[0].tolist() == [1, 2, 0, 1, 2]


@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_finished_text_is_frozen_and_keeps_its_score(width):
    step, state = counter(9, scale=1.0)
    start = np.array([1, 3, 0])
    ids, log_prob = beam(step, state, start, 7, width, eos=EOS)
    assert (ids == EOS).any()
    for k in range(ids.shape[1]):
        for text in ids[:, k]:
            end = length_of(text, EOS)
            assert (text[end:] == EOS).all()
        np.testing.assert_allclose(log_prob[:, k], score(step, state, start, ids[:, k], EOS)[0].sum(axis=1), atol=EXACT)
    assert (np.diff(log_prob, axis=1) <= EXACT).all()
    for row in ids:
        assert len({tuple(text) for text in row}) == ids.shape[1]  # no text twice


@pytest.mark.parametrize("way", ["greedy", "sample", "beam"])
def test_nothing_is_written_behind_the_end(way):
    step, state = counter(10, scale=1.0)
    start = np.array([0, 1, 3])
    write = {
        "greedy": lambda: greedy(step, state, start, 30, EOS),
        "sample": lambda: sample(step, state, start, 30, np.random.default_rng(0), eos=EOS),
        "beam": lambda: beam(step, state, start, 30, 3, eos=EOS)[0].reshape(-1, 30),
    }
    for text in write[way]():
        assert (text[length_of(text, EOS) :] == EOS).all()


@pytest.mark.parametrize("length_power", [0.0, 0.8])
def test_rows_are_searched_independently(length_power):
    step, state = counter(11)
    start = np.array([2, 0, 1])
    ids, log_prob = beam(step, state, start, T, 3, eos=EOS, length_power=length_power)
    for b in range(B):
        alone = beam(step, pick(state, [b]), start[b : b + 1], T, 3, eos=EOS, length_power=length_power)
        np.testing.assert_array_equal(alone[0][0], ids[b])
        np.testing.assert_allclose(alone[1][0], log_prob[b], atol=EXACT)


def test_score_goes_on_where_it_stopped():
    step, state = counter(12)
    start, ids = np.array([2, 0, 1]), np.random.default_rng(0).integers(0, V, (B, 6))
    whole, _ = score(step, state, start, ids)
    first, middle = score(step, state, start, ids[:, :4])
    second, _ = score(step, middle, ids[:, 3], ids[:, 4:])
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=EXACT)
    after_end = score(step, state, start, np.array([[1, EOS, 0, 3]] * B), EOS)[0]
    assert (after_end[:, 1] != 0).all() and (after_end[:, 2:] == 0).all()


def test_nothing_is_changed():
    step, state = counter(13)
    start, before = np.array([2, 0, 1]), state[0].copy()
    greedy(step, state, start, T)
    beam(step, state, start, T, 3)
    score(step, state, start, start[:, None])
    np.testing.assert_array_equal(start, [2, 0, 1])
    np.testing.assert_array_equal(state[0], before)


# Rungs 5 and 6: models of tensors


@everywhere
def test_the_state_may_be_tensors(place):
    rng = np.random.default_rng(14)
    W, U = rng.standard_normal((V, 6)), rng.standard_normal((6, V))

    def model(place):
        W_there, U_there = put(place, W, U)

        def step(ids, h):
            h = (h + W_there[put(place, ids)]) % 1
            return h @ U_there * 3, h

        return step, put(place, rng.bit_generator.seed_seq.generate_state(B * 6).reshape(B, 6) / 2.0**32)

    start = np.array([1, 0, 3])
    for call in (
        lambda step, state: greedy(step, state, start, T),
        lambda step, state: sample(step, state, start, T, np.random.default_rng(0), nucleus=0.9),
        lambda step, state: beam(step, state, start, T, 4, eos=EOS)[0],
        lambda step, state: score(step, state, start, start[:, None])[0],
    ):
        np.testing.assert_allclose(to_numpy(call(*model(place))), call(*model("numpy")), atol=EXACT)
