"""Where the same test runs: NumPy, torch on the CPU, torch on a GPU."""

import pytest
import torch

from rnnlib.arrays import to_numpy

_no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
PLACES = ["numpy", "cpu", pytest.param("cuda", marks=_no_gpu)]
everywhere = pytest.mark.parametrize("place", PLACES)


def put(place, *arrays):
    """The NumPy ``arrays`` at ``place``; None stays None."""
    out = [a if a is None or place == "numpy" else torch.tensor(a, device=place) for a in arrays]
    return out[0] if len(out) == 1 else out


def back(value):
    """``value`` (an array, or a dict of arrays) as NumPy."""
    return {k: to_numpy(v) for k, v in value.items()} if isinstance(value, dict) else to_numpy(value)
