"""Every task: shapes, the rule by hand or by a second way of computing it, and the optimum that its docstring states."""

import doctest
import itertools
from collections import Counter, defaultdict
from datetime import date, datetime

import numpy as np
import pytest
from scipy import interpolate

from rnnlib import data
from rnnlib.data import date_formats, grammars, pictures, signals
from rnnlib.data import text as text_module

N = 4000
SAMPLING = 4 / N**0.5  # four standard errors of a mean of N coin-like values


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("module", [date_formats, grammars, text_module])
def test_examples_in_docstrings(module):
    result = doctest.testmod(module, extraglobs={"np": np, "rng": np.random.default_rng(0)})
    assert result.attempted and not result.failed


CALLS = {
    "adding": lambda rng, B=3: data.adding(B, 7, rng),
    "latch": lambda rng, B=3: data.latch(B, 7, rng),
    "echo": lambda rng, B=3: data.echo(B, 7, 2, rng),
    "parity": lambda rng, B=3: data.parity(B, 7, rng),
    "temporal_order": lambda rng, B=3: data.temporal_order(B, 20, rng),
    "copy_memory": lambda rng, B=3: data.copy_memory(B, 5, rng),
    "copying": lambda rng, B=3: data.copying(B, 7, rng),
    "reversal": lambda rng, B=3: data.reversal(B, 7, rng),
    "four_shapes": lambda rng, B=3: data.four_shapes("many-to-one", B, 7, rng),
}


@pytest.mark.parametrize("name", CALLS)
def test_seeds_repeat_and_sizes_are_checked(name):
    first, again, other = (CALLS[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        assert len(a) == 3 and a.dtype in (np.float32, np.int64, bool)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    with pytest.raises(ValueError, match="B: expected a number >= 1, got 0"):
        CALLS[name](np.random.default_rng(1), B=0)
    with pytest.raises(TypeError, match="B: expected an integer, got float"):
        CALLS[name](np.random.default_rng(1), B=2.5)
    with pytest.raises(TypeError, match=r"rng: expected a numpy.random.Generator, got int"):
        CALLS[name](1)


@pytest.mark.parametrize(
    "call",
    [
        lambda rng: data.reber(3, rng),
        lambda rng: data.embedded_reber(3, rng),
        lambda rng: data.negation(3, rng),
        lambda rng: data.dates(3, rng),
        lambda rng: data.markov_chain(3, rng),
        lambda rng: data.sample_chain(np.array([0.5, 0.5]), np.eye(2), 3, 4, rng),
        lambda rng: data.mackey_glass(3, rng=rng),
        lambda rng: data.strokes(3, 4, rng),
        lambda rng: data.moving_shapes(3, 4, rng),
        lambda rng: data.captions(3, rng),
        lambda rng: data.questions(3, rng),
    ],
)
def test_a_seed_is_not_a_generator(call):
    with pytest.raises(TypeError, match=r"rng: expected a numpy.random.Generator, got int"):
        call(0)


def test_adding(rng):
    x, y = data.adding(N, 11, rng)
    assert x.shape == (N, 11, 2) and y.shape == (N, 1) and x.dtype == y.dtype == np.float32
    marks = x[:, :, 1]
    assert set(np.unique(marks)) == {0, 1}
    assert (marks[:, :5].sum(1) == 1).all() and (marks[:, 5:].sum(1) == 1).all()
    np.testing.assert_allclose(y[:, 0], x[:, :, 0][marks == 1].reshape(N, 2).sum(1), rtol=1e-6)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, abs=SAMPLING)
    with pytest.raises(ValueError, match="T: expected a number >= 2, got 1"):
        data.adding(3, 1, rng)


def test_latch(rng):
    x, y = data.latch(N, 6, rng, noise=0.5)
    assert x.shape == (N, 6, 1)
    np.testing.assert_array_equal(x[:, 0, 0] > 0, y == 1)
    assert x[:, 1:].std() == pytest.approx(0.5, rel=0.05) and y.mean() == pytest.approx(0.5, abs=SAMPLING)


def test_echo(rng):
    x, y, mask = data.echo(5, 12, 4, rng)
    np.testing.assert_array_equal(y[:, 4:], x[:, :8, 0])
    np.testing.assert_array_equal(mask, np.arange(12) >= np.full((5, 1), 4))
    with pytest.raises(ValueError, match="lag: expected a number >= 0 and <= 11, got 12"):
        data.echo(5, 12, 12, rng)


def test_echo_bound_without_carried_state(rng):
    """Windows of K = 16, lag 4: the first four answers of each are coin flips, so 1 - 4 / 32 = .875."""
    x, y, mask = data.echo(50, 1600, 4, rng)
    windows, answers = x[:, :, 0].reshape(-1, 16), y.reshape(-1, 16)
    guess = np.zeros_like(answers)
    guess[:, 4:] = windows[:, :-4]
    assert (guess == answers)[mask.reshape(-1, 16)].mean() == pytest.approx(0.875, abs=0.01)


@pytest.mark.parametrize("modulus", [2, 3])
def test_parity(rng, modulus):
    x, y = data.parity(4, 9, rng, modulus)
    for row, answer in zip(x[:, :, 0], y, strict=True):
        count = 0
        for bit, expected in zip(row, answer, strict=True):
            count = (count + int(bit)) % modulus
            assert count == expected


def test_temporal_order(rng):
    ids, y = data.temporal_order(N, 30, rng)
    for row, label in zip(ids[:200], y, strict=False):
        places = np.flatnonzero(row < 2)
        assert len(places) == 2 and 3 <= places[0] < 6 and 15 <= places[1] < 18
        assert label == 2 * row[places[0]] + row[places[1]]
    np.testing.assert_allclose(np.bincount(y) / N, 0.25, atol=SAMPLING)


def test_copy_memory(rng):
    ids, targets = data.copy_memory(3, 5, rng, n=2, V=4)
    assert ids.shape == targets.shape == (3, 9)
    np.testing.assert_array_equal(ids[:, 2:], np.tile([4, 4, 4, 4, 5, 4, 4], (3, 1)).astype(int)[:, :7])
    np.testing.assert_array_equal(targets[:, :7], 4)
    np.testing.assert_array_equal(targets[:, 7:], ids[:, :2])


def test_reversal_and_copying(rng):
    source, target = data.reversal(3, 7, rng)
    np.testing.assert_array_equal(target, np.flip(source, 1))
    source, target = data.copying(3, 7, rng)
    np.testing.assert_array_equal(target, source)
    target[:] = -1
    assert source.min() >= 0


def test_four_shapes_by_hand(rng):
    shapes = {"one-to-one": (1, 1), "one-to-many": (1, 6), "many-to-one": (6, 1), "many-to-many": (6, 6)}
    for shape, (given, wanted) in shapes.items():
        ids, targets = data.four_shapes(shape, 4, 6, rng)
        assert ids.shape == (4, given) and targets.shape == (4, wanted)
        for row, answer in zip(ids.tolist(), targets.tolist(), strict=True):
            if given == 1:
                assert answer == [(row[0] + k) % 5 for k in range(1, wanted + 1)]
            else:
                assert answer == [sum(row[: t + 1]) % 5 for t in range(6)][-wanted:]
    with pytest.raises(ValueError, match="shape: expected one of 'one-to-one'"):
        data.four_shapes("none", 4, 6, rng)


# --- dates


def test_dates_are_read_back_by_the_standard_library(rng):
    formats = ("%B %d, %Y", "%d %B %Y", "%b %d %Y", "%A, %d %B %Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%b-%y")
    seen = Counter()
    for source, target in data.dates(N, rng):
        readings = set()
        for form in formats:
            try:
                day = datetime.strptime(source, form).date()
            except ValueError:
                continue
            if form.endswith("%y") and day.year > 2049:  # %y reads 50..68 as 20xx, the course as 19xx
                day = day.replace(year=day.year - 100)
            readings.add(day)
            seen[form] += 1
        assert readings == {date.fromisoformat(target)}
        assert 1950 <= int(target[:4]) <= 2049
    assert len(seen) == 8 and min(seen.values()) > N / 8 * 0.8


def test_date_spans_point_at_the_fields(rng):
    months = {name.lower()[:3]: i for i, name in enumerate(date_formats._MONTHS, 1)}
    for source, target, spans in data.dates(300, rng, spans=True):
        field = {what: source[start:stop] for what, (start, stop) in spans.items()}
        assert target.endswith(f"-{int(field['day']):02}") and target[:4].endswith(field["year"])
        assert int(target[5:7]) == (int(field["month"]) if field["month"].isdigit() else months[field["month"].lower()[:3]])


# --- grammars


@pytest.mark.parametrize(("make", "bits"), [("reber", data.REBER_BITS), ("embedded_reber", data.EMBEDDED_REBER_BITS)])
def test_reber_entropy(rng, make, bits):
    """The optimum, from the sample: every open choice costs one bit."""
    words = getattr(data, make)(2000, rng)
    total = count = 0
    for word in words:
        whole = word if make == "embedded_reber" else f"BT{word}TE"
        inner = range(1, len(word)) if make == "embedded_reber" else range(3, len(word) + 2)
        total += sum(np.log2(len(data.legal_next(whole[:i]))) for i in inner)
        count += len(inner)
        assert all(whole[i] in data.legal_next(whole[:i]) for i in range(len(whole)))
        assert data.legal_next(whole) == ""
    assert total / count == pytest.approx(bits, rel=0.01)


def test_embedded_reber_remembers_its_frame(rng):
    words = data.embedded_reber(500, rng)
    assert all(word[1] == word[-2] and word[0] == "B" and word[-1] == "E" for word in words)
    assert Counter(word[1] for word in words)["T"] == pytest.approx(250, abs=60)


@pytest.mark.parametrize("prefix", ["X", "BB", "BTX", "BTBTXSEP", "BTBTXSETEB", "BTBTXSETT"])
def test_illegal_reber_words_are_named(prefix):
    with pytest.raises(ValueError, match=f"prefix: expected the beginning of an embedded Reber word, got '{prefix}'"):
        data.legal_next(prefix)


def test_negation(rng):
    sentences, labels = data.negation(N, rng)
    positive = set(grammars._ADJECTIVES[1])
    bags = defaultdict(list)
    for sentence, label in zip(sentences, labels, strict=True):
        first, last = sentence.split(" but ")
        assert label == (bool(positive & set(last.split())) ^ ("not" in last.split()))
        words = sentence.split()
        bags[words.count("not"), sum(word in positive for word in words)].append(label)
        assert "not" not in first or first.split().index("not") == 3
    assert labels.mean() == pytest.approx(0.5, abs=SAMPLING)
    best = sum(max(Counter(bag).values()) for bag in bags.values()) / N
    assert best == pytest.approx(0.625, abs=SAMPLING)


def test_markov_chain(rng):
    start, steps = data.markov_chain(5, rng)
    ids = data.sample_chain(start, steps, 2000, 8, rng)
    assert ids.shape == (2000, 8)
    np.testing.assert_allclose(np.bincount(ids[:, 0], minlength=5) / 2000, start, atol=0.05)
    pairs = np.zeros((5, 5))
    np.add.at(pairs, (ids[:, :-1].ravel(), ids[:, 1:].ravel()), 1)
    np.testing.assert_allclose(pairs / pairs.sum(1, keepdims=True), steps, atol=0.05)


def test_chains_must_be_probabilities(rng):
    with pytest.raises(ValueError, match="steps: expected probabilities that sum to 1"):
        data.sample_chain(np.full(2, 0.5), np.ones((2, 2)), 3, 4, rng)
    with pytest.raises(ValueError, match=r"steps: expected shape \(2, 2\), got \(3, 3\)"):
        data.sample_chain(np.array([0.5, 0.5]), np.eye(3), 3, 4, rng)


# --- signals


def test_mackey_glass_solves_its_equation():
    """Slopes of a spline through the values against the right-hand side."""
    x = data.mackey_glass(400)
    assert x.shape == (400,) and 0.3 < x.min() < x.max() < 1.4
    spline = interpolate.CubicSpline(np.arange(400), x)
    t = np.arange(30, 390) + 0.5
    past = spline(t - 17)
    np.testing.assert_allclose(spline(t, 1), 0.2 * past / (1 + past**10) - 0.1 * spline(t), atol=2e-3)


def test_mackey_glass_histories(rng):
    first, second = data.mackey_glass(50, rng=rng), data.mackey_glass(50, rng=rng)
    assert abs(first - second).max() > 0.01
    np.testing.assert_array_equal(data.mackey_glass(50), data.mackey_glass(50))
    with pytest.raises(ValueError, match=r"step: expected a step that divides 1 and tau = 17, got 0.3"):
        data.mackey_glass(5, step=0.3)


def test_strokes(rng):
    x, texts = data.strokes(30, 100, rng)
    assert x.shape == (30, 100, 3) and x.dtype == np.float32 and set(np.unique(x[:, :, 2])) == {0, 1}
    residuals = []
    for row, text in zip(x, texts, strict=True):
        clean = np.array([step for letter in text for step in signals._movements(letter)])[:100]
        np.testing.assert_array_equal(row[:, 2], clean[:, 2])
        assert sum(len(signals._movements(letter)) for letter in text[:-1]) < 100  # no letter too many
        residuals.append(row[:, :2] - clean[:, :2])
    sigma = np.std(residuals)
    assert sigma == pytest.approx(signals.STROKE_NOISE, rel=0.03)
    density = -np.log(2 * np.pi * sigma**2) - np.mean(np.sum(np.square(residuals), axis=2)) / (2 * sigma**2)
    assert -density == pytest.approx(data.STROKE_FLOOR, abs=0.05)


def test_letters_end_where_the_next_begins():
    for letter in signals._PATHS:
        np.testing.assert_allclose(np.sum(signals._movements(letter), axis=0)[:2], [1.2, 0], atol=1e-12)
        assert signals._movements(letter)[-2][2] == 1


# --- pictures


def test_moving_shapes(rng):
    films, labels = data.moving_shapes(60, 5, rng, noise=0)
    assert films.shape == (60, 5, 16, 16) and films.dtype == np.float32 and set(labels) == {0, 1, 2, 3}
    shifts = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    for film, label in zip(films, labels, strict=True):
        fits = [name for name, by in shifts.items() if all(np.array_equal(np.roll(a, by, (0, 1)), b) for a, b in itertools.pairwise(film))]
        assert fits == [pictures.DIRECTIONS[label]]
    assert data.moving_shapes(60, 5, rng, noise=0.3)[0].std() > 0.3


def _seen(image, cell):
    """(colour, shape) of what stands in a cell of a picture without noise."""
    row, column = divmod(int(cell), pictures.GRID)
    patch = image[:, row * pictures.CELL : (row + 1) * pictures.CELL, column * pictures.CELL : (column + 1) * pictures.CELL]
    mask = patch.sum(0) > 0
    shape = next(name for name in pictures.SHAPES if np.array_equal(pictures._stamp(name), mask))
    colour = next(name for name, value in pictures.COLOURS.items() if np.allclose(patch[:, mask][:, 0], value))
    return colour, shape


def test_captions_say_what_is_seen(rng):
    images, sentences, cells = data.captions(200, rng, noise=0)
    assert images.shape == (200, 3, 24, 24) and images.dtype == np.float32 and cells.shape == (200, 2)
    for image, sentence, (first, second) in zip(images, sentences, cells, strict=True):
        relation = "left of" if first // 4 == second // 4 else "above"
        assert first < second and (relation == "left of" or first % 4 == second % 4)
        assert sentence == "a {} {} {} a {} {}".format(*_seen(image, first), relation, *_seen(image, second))
    assert len(set(sentences)) > 130  # of 288


def test_questions_are_answered_by_the_picture(rng):
    images, asked, answers, kinds = data.questions(300, rng, noise=0)
    for image, question, answer, kind in zip(images, asked, answers, kinds, strict=True):
        objects = {}
        for cell in range(16):
            row, column = divmod(cell, 4)
            if image[:, row * 6 : row * 6 + 6, column * 6 : column * 6 + 6].any():
                colour, shape = _seen(image, cell)
                objects[shape] = (colour, column)
        assert len(objects) == 3
        words = question.split()
        if kind == 0:
            expected = objects[words[-1]][0]
        elif kind == 1:
            expected = next(shape for shape, (colour, _) in objects.items() if colour == words[-1])
        elif kind == 2:
            expected = "yes" if objects[words[2]][1] < objects[words[-1]][1] else "no"
        else:
            expected = "yes" if objects[words[-1]][0] == words[-2] else "no"
        assert data.ANSWERS[answer] == expected


def test_questions_alone_say_little(rng):
    _, asked, answers, _ = data.questions(N, rng)
    by_question = defaultdict(list)
    for question, answer in zip(asked, answers, strict=True):
        by_question[question].append(answer)
    best = sum(max(Counter(given).values()) for given in by_question.values()) / N
    assert best == pytest.approx(0.375, abs=2 * SAMPLING)  # the best guess is chosen on the same sample


@pytest.mark.parametrize("make", ["captions", "questions"])
def test_picture_sizes_are_checked(make, rng):
    with pytest.raises(ValueError, match="n: expected a number >= 1, got 0"):
        getattr(data, make)(0, rng)
    with pytest.raises(ValueError, match="noise: expected a number >= 0, got -1"):
        getattr(data, make)(3, rng, noise=-1)
