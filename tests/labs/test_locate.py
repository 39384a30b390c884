"""The sentence that says where a result is wrong is true of the result, and a mistake is named only where it is certain."""

import contextlib
import io

import numpy as np
import pytest

from labs.grading import check
from labs.grading.locate import locate

RIGHT = np.random.default_rng(0).normal(size=(4, 6, 3))
LENGTHS = np.array([6, 3, 4, 6])
PADDING = np.arange(6) >= LENGTHS[:, None]
OTHER = 1 + np.random.default_rng(1).random(RIGHT.shape)


def put(where, value=OTHER):
    """The right numbers with others at some places."""
    out = RIGHT.copy()
    out[where] = np.broadcast_to(value, out.shape)[where]
    return out


CASES = {
    "a row": (put(1), "wrong only in row 1 (counted from 0), where the length is 3, not where it is 4, 6; the rest is right"),
    "short rows": (put([1, 2]), "rows 1 to 2 (counted from 0), where the length is at most 4, not where it is 6 or more"),
    "padding": (put(PADDING, np.nan), "just where there is padding; the rest is right. There: NaN"),
    "one true entry": (put((0, 0, 0)), "row 0, step 0, unit 0 (counted from 0), only where there is no padding"),
    "late steps": (put((slice(None), slice(3, None))), "wrong only in steps 3 and later (counted from 0); the rest is right"),
    "some steps": (put((slice(None), slice(0, None, 2)), 0), "wrong only in steps 0, 2, 4 (counted from 0); the rest is right. There: 0"),
    "twice": (2 * RIGHT, "each is 2 times what it should be"),
    "minus": (-RIGHT, "the sign is wrong"),
    "a thousandth": (RIGHT * 1.001, "nearly right, off by at most 0.001 of the largest entry"),
    "zero": (0 * RIGHT, "every entry is wrong: 0"),
    "one number": (0 * RIGHT + 1, "all of them are 1"),
    "NaN": (np.nan * RIGHT, "every entry is wrong: NaN"),
    "reversed": (RIGHT[:, ::-1], "the steps are in reverse order"),
    "late": (np.concatenate([RIGHT[:, :1], RIGHT[:, :-1]], 1), "each step has the numbers of the step before it"),
    "rows moved": (RIGHT[[1, 0, 3, 2]], "the numbers are right, but in other places"),
    "axes": (RIGHT.swapaxes(0, 1), "the numbers are right, the axes are in another order"),
    "too short": (RIGHT[:, :4], "2 steps missing; what is there is right"),
    "one axis less": (RIGHT[:, :, 0], "the axis of the units is missing"),
}


@pytest.mark.parametrize("case", CASES)
def test_places_and_what_they_have_in_common_are_told(case):
    got, words = CASES[case]
    said = locate(got, RIGHT, check.TOL, ("row", "step", "unit"), {"padding": PADDING, "length": LENGTHS})
    assert words in said, said


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (np.nan, 2.0, "it is NaN, expected 2"),
        (5.0, np.inf, "got 5, expected inf"),
        (-2.0, 2.0, "the sign is wrong"),
        (2.002, 2.0, "nearly right, off by 0.001 of it"),
        (3.0, 2.0, "got 3, expected 2"),
    ],
)
def test_a_number_is_told_as_it_is(got, want, words):
    assert words in locate(np.array(got), np.array(want), check.TOL)


def test_close_with_infinity_and_nan():
    assert check.close(np.inf, np.inf) and check.close([1.0, -np.inf], [1.0, -np.inf])
    assert not check.close(0.5, np.inf) and not check.close(np.inf, -np.inf) and not check.close(np.inf, 0.5)
    assert not check.close(np.nan, np.nan) and not check.close([1.0, np.inf], [2.0, np.inf])


def said(case, answer):
    """What a part of one case prints about an answer."""
    part = check.Part("part", 1)
    part.case(1, "case")(lambda rng: case(rng, lambda *a: part.call(answer, *a)))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        part.mark()
    return out.getvalue()


def compare(rng, call):
    a = rng.normal(size=3)
    check.expect("it", call(a), 2 * a, {"not doubled": a, "squared": a * a})


def test_a_mistake_that_explains_two_draws_is_named():
    assert "it: not doubled" in said(compare, lambda a: a)
    assert "it: squared" in said(compare, lambda a: a**2)


def test_what_no_mistake_explains_is_located():
    assert "it: wrong only in entry 0 (counted from 0)" in said(compare, lambda a: np.append(a[0], 2 * a[1:]))


def test_a_coincidence_is_not_named():
    calls = []

    def answer(a):  # only its first result is that of the mistake
        calls.append(a)
        return a if len(calls) == 1 else 3 * a

    assert "not doubled" not in said(compare, answer)

    def fixed(rng, call):
        check.expect("it", call(np.ones(3)), np.full(3, 2.0), {"not doubled": np.ones(3)})

    assert "not doubled" not in said(fixed, lambda a: a)  # the same numbers twice are one case

    def also(rng, call):
        compare(rng, call)
        check.expect("it", call(np.zeros(3)), np.zeros(3), {"not doubled": np.ones(3)})  # a right result that the mistake would not give

    assert "not doubled" not in said(also, lambda a: a)


def test_two_mistakes_that_explain_the_same_are_not_named():
    def twins(rng, call):
        a = rng.normal(size=3)
        check.expect("it", call(a), 2 * a, {"not doubled": a, "halved": a.copy()})

    text = said(twins, lambda a: a)
    assert "not doubled" not in text and "halved" not in text and "each is 0.5 times what it should be" in text


def test_an_entry_that_was_moved_up_and_down_again_is_unchanged():
    def moved(a):
        a += 0.3
        a -= 0.6
        a += 0.3
        return 2 * a

    assert "[ ok ]" in said(compare, moved)

    def changed(a):
        a *= 2
        return a

    assert "changes argument 1 in place" in said(compare, changed)
