"""The error text of bad input: which argument, what was expected, what came."""

import numpy as np
import pytest
import torch

from rnnlib.checks import check_array, check_choice, check_ids, check_lengths, check_number


def test_a_letter_is_bound_once_and_compared_afterwards():
    sizes = check_array("x", np.zeros((2, 3, 5)), "B T D")
    assert sizes == {"B": 2, "T": 3, "D": 5}
    check_array("W_x", np.zeros((5, 28)), "D 4H", sizes=sizes)
    assert sizes["H"] == 7
    with pytest.raises(ValueError, match=r"^b: expected shape \(28,\), got \(7,\)$"):
        check_array("b", np.zeros(7), "4H", sizes=sizes)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ([[1.0]], TypeError, r"x: expected an array, got list"),
        (np.zeros((2, 3)), ValueError, r"x: expected shape \(B, T, D\), got \(2, 3\)"),
        (np.zeros((2, 3, 4), int), TypeError, r"x: expected a floating-point dtype, got int64"),
        (np.zeros((2, 0, 4)), ValueError, r"x: expected at least one entry along every axis, got shape \(2, 0, 4\)"),
        (np.full((2, 3, 4), np.nan), ValueError, r"x: expected finite numbers, got NaN or infinity"),
        (torch.full((2, 3, 4), torch.inf), ValueError, r"x: expected finite numbers, got NaN or infinity"),
    ],
)
def test_bad_arrays(value, error, text):
    with pytest.raises(error, match=text):
        check_array("x", value, "B T D")


def test_a_letter_that_stands_twice_is_compared():
    with pytest.raises(ValueError, match=r"^W_hh: expected shape \(H, H\), got \(3, 4\)$"):
        check_array("W_hh", np.zeros((3, 4)), "H H")


def test_a_sum_that_overflows_is_not_mistaken_for_infinity():
    check_array("x", np.full((2, 2), np.finfo(np.float64).max), "B D")


def test_libraries_and_dtypes_are_not_mixed():
    with pytest.raises(TypeError, match="W: expected ndarray, got Tensor"):
        check_array("W", torch.zeros(2, 2), "D H", like=np.zeros(1))
    with pytest.raises(TypeError, match="W: expected dtype float32, got float64"):
        check_array("W", np.zeros((2, 2)), "D H", like=np.zeros(1, np.float32))


def test_a_gate_block_that_does_not_divide():
    with pytest.raises(ValueError, match=r"W: expected shape \(5, 4H\), got \(5, 7\): 7 is not a multiple of 4"):
        check_array("W", np.zeros((5, 7)), "D 4H", sizes={"D": 5})


def test_lengths():
    assert check_lengths(None, 2, 5) is None
    assert check_lengths(torch.tensor([1, 5]), 2, 5).tolist() == [1, 5]
    for bad, text in [
        ([0, 5], r"lengths: expected values between 1 and T = 5, got values from 0 to 5"),
        ([1, 6], r"got values from 1 to 6"),
        ([1, 2, 3], r"lengths: expected shape \(2,\), got \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=text):
            check_lengths(np.array(bad), 2, 5)
    with pytest.raises(TypeError, match="lengths: expected an integer dtype, got float64"):
        check_lengths(np.array([1.0, 2.0]), 2, 5)


def test_ids_choices_and_numbers():
    with pytest.raises(ValueError, match="ids: expected ids between 0 and 4, got values from 0 to 5"):
        check_ids("ids", np.array([[0, 5]]), "B T", 5)
    with pytest.raises(ValueError, match="reset: expected one of 'after', 'before', got 'between'"):
        check_choice("reset", "between", ("after", "before"))
    check_number("p", 0.5, 0, 1)
    with pytest.raises(ValueError, match=r"p: expected a number >= 0 and <= 1, got 1\.5"):
        check_number("p", 1.5, 0, 1)
    with pytest.raises(ValueError, match="lr: expected a number > 0, got 0"):
        check_number("lr", 0, 0, open_low=True)
    with pytest.raises(ValueError, match="p: expected a number >= 0, got nan"):
        check_number("p", float("nan"), 0)
    with pytest.raises(TypeError, match="k: expected an integer, got float"):
        check_number("k", 1.5, integer=True)
