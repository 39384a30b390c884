"""The check that students see says what is wrong with the answer before it, and nothing that is false of it."""

import numpy as np
import pytest

from labs.grading.text import source, visible

PAIR = {"context": [[1.0, 2.0, 3.0]], "attn": [[4.0, 5.0]]}
x = np.ones((2, 3))
tape = {"keys": np.ones(3), "scale": 2.0}
through = lambda: add(x)


def add(a):
    a += 1
    return np.array(1.0)


def put(d):
    d["keys"][1] = 5
    return np.array(1.0)


def unwritten():
    raise NotImplementedError


CASES = {
    "unwritten": (unwritten, {"want": 1.0}, "f: this function is not written yet"),
    "nothing": (lambda: None, {"want": 1.0}, "f: got None. Is the return missing?"),
    "nothing for a shape": (lambda: None, {"shape": (2, 3)}, "f: got None. Is the return missing?"),
    "another shape": (lambda: np.ones((3, 2)), {"shape": (2, 3)}, r"f: expected shape \(2, 3\), got \(3, 2\)\.\nthe hint"),
    "a shape is no value": (lambda: np.ones((3, 2)), {"want": np.ones((2, 3))}, r"f: expected shape \(2, 3\), got \(3, 2\)\.$"),
    "two for one": (lambda: (np.ones(3), np.ones(3)), {"want": np.ones(3)}, r"expected shape \(3,\), got \(2, 3\), from 2 results"),
    "ragged": (lambda: [[1], [1, 2]], {"want": np.ones((2, 2))}, "f: expected an array, got a list with rows of different lengths"),
    "no number": (lambda: np.array(["a", "b"]), {"want": np.ones(2)}, "f: expected numbers, got <U1"),
    "one for two": (lambda: np.ones((1, 3)), {"want": PAIR}, "f: expected 2 results, in this order: context, attn; got one ndarray"),
    "three for two": (lambda: (1, 2, 3), {"want": PAIR}, "f: expected 2 results, in this order: context, attn; got 3"),
    "none for two": (lambda: None, {"want": PAIR}, "in this order: context, attn; got None. Is the return missing?"),
    "half of two": (lambda: (np.ones((1, 3)), None), {"shape": {"context": (1, 3), "attn": (1, 2)}}, "f, attn: got None"),
    "a list for a dict": (lambda: (1.0, [1.0]), {"shape": {"loss": (), "grads": dict}}, "f, grads: expected a dict, got a list"),
    "another order": (lambda: (PAIR["attn"], PAIR["context"]), {"want": PAIR}, "context, attn; got them in another order"),
    "the second is wrong": (lambda: (PAIR["context"], [[4.0, 6.0]]), {"want": PAIR}, r"f, attn: expected .*4.0, 5.0\]\],\ngot \[\[4.0, 6"),
    "a large one": (lambda: np.eye(5), {"want": np.ones((5, 5))}, r"20 of 25 .* first at \[0, 1\]: expected 1, got 0\.\nthe hint"),
    "true and false": (lambda: np.array([True]), {"want": np.array([False])}, r"expected \[False\],\ngot \[True\]"),
    "words": (lambda: ["a", "c"], {"want": ["a", "b"]}, r"expected \['a', 'b'\],\ngot \['a', 'c'\]"),
    "NaN": (lambda: np.nan, {"want": 1.0}, "expected 1.0,\ngot nan"),
    "an array changed": (lambda: add(x), {"want": 2.0}, "f: your function changed x, which it was given. Work on a copy."),
    "changed through a lambda": (lambda: through(), {"want": 1.0}, "your function changed x"),
    "a dict changed": (lambda: put(tape), {"want": 1.0}, "your function changed tape"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_is_true(case):
    compute, kind, words = CASES[case]
    x[:], tape["keys"][:] = 1, 1
    with pytest.raises(AssertionError, match=words):
        visible.check("f", compute, hint="the hint", **kind)


def test_what_is_right_passes(capsys):
    visible.check("f", lambda: x + 1, 2 * np.ones((2, 3)))
    visible.check("f", lambda: [[1, 2, 3]], [[1.0, 2.0, 3.0]])
    visible.check("f", lambda: (PAIR["context"], np.array([[4.0, 5.0]])), PAIR)
    visible.check("f", lambda: np.ones((2, 3)), shape=(2, 3))
    visible.check("f", lambda: (np.ones(3), 1.0), shape={"a": (3,), "b": ()})
    visible.check("f", lambda: (1.0, {"b": np.ones(3)}), shape={"loss": (), "grads": dict})
    visible.check("f", lambda: (1, 2), (1, 2))
    assert capsys.readouterr().out == "f: as expected\n" * 7


def test_a_notebook_gets_all_of_it():
    space = {"np": np}
    exec(source.shown(), space)
    space["check"]("f", lambda: np.ones((2, 3)), np.ones((2, 3)))
