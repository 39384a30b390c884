"""What all tests share: sizes that differ from each other, devices, and where the data files lie."""

import os
from collections import namedtuple
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
Sizes = namedtuple("Sizes", "B T D H")

# Corpora that stand beside the checkout spare the network.
_beside = ROOT.parent / "shared" / "data"
if "RNNLIB_DATA" not in os.environ and _beside.is_dir():
    os.environ["RNNLIB_DATA"] = str(_beside)


@pytest.fixture
def sizes():
    """Batch, time, input and state: all different, so that a swapped axis is seen."""
    return Sizes(B=3, T=5, D=4, H=6)


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """A torch device; a test with ``cuda`` is skipped where there is none."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    return torch.device(request.param)
