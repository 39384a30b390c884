"""The helpers that lessons display things with."""

import functools

import numpy as np
import pytest

from rnnlib import book, data


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.display", lambda bundle, **options: calls.append((bundle, options)))
    return calls


def twice(x):
    """Double it.

    More about it.
    """

    def inner(y):
        "Only a docstring."

    # the reason
    return 2 * x


class Cell:
    """A cell."""

    size = 3

    def step(self):
        """One step."""
        return "a # b"


@functools.lru_cache
def cached(x):
    """Cached."""
    return x


def test_source_without_docstrings():
    assert book.source_text(twice) == (
        'def twice(x):\n    def inner(y):\n        "Only a docstring."\n\n    # the reason\n    return 2 * x'
    )
    assert book.source_text(Cell) == 'class Cell:\n    size = 3\n\n    def step(self):\n        return "a # b"'
    assert book.source_text(cached) == "@functools.lru_cache\ndef cached(x):\n    return x"


def test_what_is_displayed_runs_and_does_the_same():
    text = book.source_text(data.char_batches)
    assert text.startswith("# rnnlib/data/text.py\ndef char_batches(ids, B, T):\n") and '"""' not in text
    scope = dict(vars(data.text))
    exec(text, scope)
    ids = np.arange(20)
    for ours, theirs in zip(scope["char_batches"](ids, 2, 3), data.char_batches(ids, 2, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_source_with_docstring_is_the_file_itself():
    assert '"""Double it.' in book.source_text(twice, without_docstring=False)


def test_source_is_displayed_highlighted(shown):
    book.source_of(twice)
    ((bundle, options),) = shown
    assert bundle["text/markdown"].startswith("```python\ndef twice(x):") and bundle["text/markdown"].endswith("\n```")
    assert options == {"raw": True}


def test_source_of_something_else():
    with pytest.raises(TypeError, match="function: expected a function or a class, got int"):
        book.source_of(3)
    with pytest.raises(TypeError, match="function: expected a function or a class, got builtin_function_or_method"):
        book.source_of(len)


@pytest.mark.parametrize(
    ("value", "fmt", "text"),
    [
        (0.12345, ".2f", "'0.12'"),
        (np.float64(0.5), None, "0.5"),
        (np.float32(2.0), ".1f", "'2.0'"),
        (np.array([7]), None, "7"),
        ("words", None, "'words'"),
        (144334, ",", "'144,334'"),
    ],
)
def test_glue_has_the_wire_format_of_myst_nb(shown, value, fmt, text):
    book.glue("name", value, fmt)
    prefix = "application/papermill.record/"
    assert shown == [
        ({prefix + "text/plain": text}, {"raw": True, "metadata": {"scrapbook": {"name": "name", "mime_prefix": prefix}}}),
    ]


def test_glue_takes_numbers_and_texts_only(shown):
    with pytest.raises(TypeError, match="value: expected a number or a text, got list"):
        book.glue("a", [1])
    torch = pytest.importorskip("torch")
    book.glue("a", torch.tensor(1.5))
    assert next(iter(shown[0][0].values())) == "1.5"


def test_note(shown):
    real = data.Corpus(text="a", name="alice", origin="folder")
    synthetic = data.Corpus(text="a", name="alice", origin="synthetic", note="This page ran on synthetic data.")
    book.note(real, synthetic)
    ((bundle, _),) = shown
    assert "This page ran on synthetic data." in bundle["text/html"] and 'class="admonition' in bundle["text/html"]


def test_weights_come_out_as_bytes_that_are_near_the_numbers(shown):
    import base64
    import json
    import re

    rng = np.random.default_rng(0)
    V, H = 3, 4
    arrays = {"W_xh": rng.normal(size=(V, H)), "W_hh": rng.normal(size=(H, H)), "b_h": np.zeros(H), "W_hy": rng.normal(size=(H, V))}
    book.weights("small", "a<b", **arrays, b_y=np.ones(V))
    [(bundle, options)] = shown
    assert options == {"raw": True} and bundle["text/plain"] == "47 numbers for the page"
    body = re.fullmatch(r'<script type="application/json" class="rnn-weights" data-name="small">([^<]*)</script>', bundle["text/html"])[1]
    data = json.loads(body)
    assert data["symbols"] == "a<b"
    for name, array in arrays.items():
        stored = data["weights"][name]
        near = np.frombuffer(base64.b64decode(stored["int8"]), np.int8).reshape(array.shape) * stored["scale"]
        assert abs(near - array).max() <= stored["scale"] / 2 + 1e-12


def test_weights_refuse_another_shape(shown):
    with pytest.raises(ValueError, match=r"W_hy: expected shape \(4, 3\), got \(3, 4\)"):
        book.weights("x", "abc", W_xh=np.ones((3, 4)), W_hh=np.ones((4, 4)), b_h=np.ones(4), W_hy=np.ones((3, 4)), b_y=np.ones(3))


def test_outside_of_a_notebook_the_text_is_printed(capsys):
    book.glue("loss", 1.5)
    assert capsys.readouterr() == ("", "")  # a number for the prose of a page
    book.source_of(cached)
    assert capsys.readouterr().out == "@functools.lru_cache\ndef cached(x):\n    return x\n"
    book.note(data.Corpus(text="a", name="x", origin="embedded", note="1 < 2"))
    assert capsys.readouterr().out == "Synthetic data. 1 < 2\n"
    book.weights("net", "ab", W_xh=np.ones((2, 1)), W_hh=np.ones((1, 1)), b_h=np.ones(1), W_hy=np.ones((1, 2)), b_y=np.ones(2))
    assert capsys.readouterr().out == "8 numbers for the page\n"
