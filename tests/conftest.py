"""What all tests share: the devices, and where the data files lie."""

import os
import tempfile
from pathlib import Path

import pytest

# Nobody's settings: a matplotlibrc or an IPython profile in the home folder would change figures and outputs.
_settings = tempfile.TemporaryDirectory(prefix="rnnlib-tests-")
os.environ |= {"MATPLOTLIBRC": os.devnull, "IPYTHONDIR": _settings.name}

# Corpora that stand beside the checkout spare the network.
_beside = Path(__file__).resolve().parents[2] / "shared" / "data"
if "RNNLIB_DATA" not in os.environ and _beside.is_dir():
    os.environ["RNNLIB_DATA"] = str(_beside)
if os.environ.get("RNNLIB_DATA"):  # a test may work in another folder
    os.environ["RNNLIB_DATA"] = os.path.abspath(os.environ["RNNLIB_DATA"])


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """A torch device; a test with ``cuda`` is skipped where there is none."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        # The same test, the same tolerance, on hardware that only some machines have; nothing else is skipped by this fixture.
        pytest.skip("no CUDA device on this machine")
    return torch.device(request.param)
