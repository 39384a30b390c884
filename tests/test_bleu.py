"""BLEU by hand, and the laws of a score of a corpus."""

import math

import pytest

from rnnlib.scratch.bleu import bleu

CAT = ["the", "cat", "is", "on", "the", "mat"]
OTHER = ["there", "is", "a", "cat", "on", "the", "mat"]


def test_the_example_of_the_paper():
    """Seven times "the": two of them are allowed by the first reference, one by the second."""
    assert bleu([["the"] * 7], [[CAT, OTHER]], order=1) == pytest.approx(2 / 7)


def test_by_hand_with_pairs():
    text = ["the", "cat", "on", "the", "mat"]  # 5 of 5 words; pairs: the cat, on the, the mat stand there, cat on only in OTHER
    assert bleu([text], [[CAT]], order=2) == pytest.approx(math.exp(1 - 6 / 5) * math.sqrt(1 * 3 / 4))
    assert bleu([text], [[CAT, OTHER]], order=2) == pytest.approx(math.exp(1 - 6 / 5))


def test_a_reference_itself_is_perfect_and_another_language_is_worth_nothing():
    assert bleu([CAT, OTHER], [[CAT], [CAT, OTHER]]) == 1
    assert bleu([CAT], [[["le", "chat", "est", "sur", "le", "tapis"]]]) == 0


def test_it_is_a_score_of_the_corpus_not_a_mean():
    texts, references = [CAT, ["a", "b"]], [[CAT], [["a", "c"]]]
    assert bleu(texts, references, order=1) == pytest.approx(7 / 8)


def test_short_texts_pay_and_long_ones_lose_precision():
    assert bleu([CAT[:3]], [[CAT]], order=1) == pytest.approx(math.exp(1 - 2))
    assert bleu([[*CAT, "x", "y"]], [[CAT]], order=1) == pytest.approx(6 / 8)


def test_of_two_references_equally_close_the_shorter_counts():
    assert bleu([["a", "b"]], [[["a"], ["a", "b", "c"]]], order=1) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([CAT], []), ValueError, "references: expected as many as texts and at least one, got 0 for 1 texts"),
        (([], []), ValueError, "references: expected as many"),
        ((["the cat"], [[CAT]]), TypeError, "texts: expected lists of words"),
        (([CAT], [CAT]), TypeError, "references: expected lists of words"),
        (([CAT], [[CAT]], 0), ValueError, "order: expected a number >= 1, got 0"),
    ],
)
def test_errors_name_the_argument(arguments, error, text):
    with pytest.raises(error, match=text):
        bleu(*arguments)
