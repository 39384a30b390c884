"""The step of a language model agrees with the forward passes that it was made from."""

import re

import numpy as np
import pytest
from places import back, everywhere, put

from rnnlib.scratch.bptt import run
from rnnlib.scratch.decode import beam, sample, score
from rnnlib.scratch.language import language_step
from rnnlib.scratch.linear import affine, embedding, one_hot

EXACT = 1e-12
B, T, V, E, H = 3, 7, 6, 4, 5
CASES = {
    "rnn": ("rnn", {}, 1),
    "rnn-relu": ("rnn", {"activation": "relu"}, 1),
    "lstm": ("lstm", {}, 4),
    "peephole": ("lstm", {"peepholes": tuple(np.random.default_rng(9).standard_normal((3, H)))}, 4),
    "gru-after": ("gru", {}, 3),
    "gru-before": ("gru", {"reset": "before"}, 3),
}
NAMES = {"lstm": ("W_x", "W_h", "b"), "gru": ("W_x", "W_h", "b_x", "b_h"), "rnn": ("W_xh", "W_hh", "b_h")}


def model(case, place="numpy", embedded=True, seed=0):
    """cell, params, W_hy, b_y, W_e, options of a random model."""
    rng = np.random.default_rng(seed)
    (cell, options, blocks), draw = CASES[case], lambda *shape: put(place, rng.standard_normal(shape))
    D, G = E if embedded else V, blocks * H
    params = {name: draw(*shape) for name, shape in zip(NAMES[cell], ((D, G), (H, G), (G,), (G,)), strict=False)}
    options = {name: tuple(put(place, *value)) if name == "peepholes" else value for name, value in options.items()}
    return cell, params, draw(H, V), draw(V), draw(V, E) if embedded else None, options


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({"cell": "elman"}, ValueError, "cell: expected one of 'rnn', 'lstm', 'gru', got 'elman'"),
        ({"params": {"W_xh": np.ones((E, H))}}, ValueError, "params: expected a dict of W_xh, W_hh, b_h, got W_xh"),
        ({"params": None}, ValueError, "params: expected a dict of W_xh, W_hh, b_h, got NoneType"),
        ({"W_hy": np.ones((H + 1, V))}, ValueError, f"W_hy: expected shape ({H}, V), got ({H + 1}, {V})"),
        ({"b_y": np.ones(V + 1)}, ValueError, f"b_y: expected shape ({V},), got ({V + 1},)"),
        ({"W_e": None}, ValueError, f"W_xh: expected shape ({V}, {H}), got ({E}, {H})"),
        ({"activation": "sigmoid"}, ValueError, "activation: expected one of 'tanh', 'relu', got 'sigmoid'"),
    ],
)
def test_errors_name_the_argument(change, error, text):
    cell, params, W_hy, b_y, W_e, options = model("rnn")
    kw = {"cell": cell, "params": params, "W_hy": W_hy, "b_y": b_y, "W_e": W_e} | options | change
    with pytest.raises(error, match="^" + re.escape(text)):
        language_step(**kw)


@everywhere
@pytest.mark.parametrize("embedded", [True, False], ids=["embedding", "one-hot"])
@pytest.mark.parametrize("case", CASES)
def test_step_by_step_is_the_forward_pass(case, embedded, place):
    cell, params, W_hy, b_y, W_e, options = model(case, place, embedded)
    ids = np.random.default_rng(1).integers(0, V, (B, T))
    ids_there = put(place, ids)
    x = embedding(ids_there, W_e)[0] if embedded else put(place, one_hot(ids, V, np.float64))
    h_seq, end, _ = run(cell, params, x, **options)
    expected = back(affine(h_seq, W_hy, b_y)[0])

    step, state = language_step(cell, params, W_hy, b_y, W_e, **options), None
    for t in range(T):
        logits, state = step(ids[:, t], state)
        np.testing.assert_allclose(back(logits), expected[:, t], rtol=EXACT, atol=EXACT)
    for part, final in zip(state if cell == "lstm" else [state], end if cell == "lstm" else [end], strict=True):
        np.testing.assert_allclose(back(part), back(final), rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_a_step_changes_neither_its_state_nor_the_weights(case):
    cell, params, W_hy, b_y, W_e, options = model(case)
    step = language_step(cell, params, W_hy, b_y, W_e, **options)
    ids = np.array([1, 2, 0])
    state = step(ids, None)[1]
    before = [part.copy() for part in (state if cell == "lstm" else [state])]
    first, second = step(ids, state)[0], step(ids, state)[0]
    np.testing.assert_array_equal(first, second)
    for part, old in zip(state if cell == "lstm" else [state], before, strict=True):
        np.testing.assert_array_equal(part, old)
    for name, W in model(case)[1].items():
        np.testing.assert_array_equal(params[name], W)


@pytest.mark.parametrize("case", CASES)
def test_it_writes_and_is_searched(case):
    cell, params, W_hy, b_y, W_e, options = model(case)
    step = language_step(cell, params, W_hy, b_y, W_e, **options)
    start = np.array([1, 0])
    assert sample(step, None, start, T, np.random.default_rng(0)).shape == (2, T)
    ids, log_prob = beam(step, None, start, 3, V**3)
    np.testing.assert_allclose(np.exp(log_prob).sum(axis=1), 1, rtol=EXACT)
    np.testing.assert_allclose(score(step, None, start, ids[:, 0])[0].sum(axis=1), log_prob[:, 0], rtol=EXACT)


@pytest.mark.parametrize("case", CASES)
def test_float32_stays_float32(case):
    cell, params, W_hy, b_y, W_e, options = model(case)
    single = lambda value: tuple(v.astype(np.float32) for v in value) if isinstance(value, tuple) else value
    params = {name: W.astype(np.float32) for name, W in params.items()}
    options = {name: single(value) for name, value in options.items()}
    step = language_step(cell, params, W_hy.astype(np.float32), b_y.astype(np.float32), W_e.astype(np.float32), **options)
    logits, state = step(np.array([1, 2]), None)
    assert logits.dtype == np.float32 and all(part.dtype == np.float32 for part in (state if cell == "lstm" else [state]))
