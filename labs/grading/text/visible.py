"""The check that students see. A lab imports it; `source.notebook` puts its text there, because students have no checkout."""

import numpy as np


def check(name, compute, want, hint=""):
    """Compare a result with a value that can be worked out on paper, and say in one sentence what is wrong."""
    try:
        got = compute()
    except NotImplementedError:  # the line that stands where your answer will be
        raise AssertionError(f"{name}: this function is not written yet") from None
    assert got is not None, f"{name}: got None. Is the return missing?"
    try:
        got, want = np.asarray(got), np.asarray(want)
    except ValueError:
        raise AssertionError(f"{name}: expected an array, got a {type(got).__name__} with rows of different lengths.\n{hint}") from None
    assert got.shape == want.shape, f"{name}: expected shape {want.shape}, got {got.shape}.\n{hint}"
    assert np.allclose(got, want, atol=1e-6), f"{name}: expected {want.round(4).tolist()},\ngot {got.round(4).tolist()}.\n{hint}"
    print(f"{name}: as expected")
