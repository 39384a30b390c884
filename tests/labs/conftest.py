"""The labs are not an installed package: they are found from the checkout's root."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
pytest.register_assert_rewrite("lab_laws", "fresh_laws")


@pytest.fixture(autouse=True)
def no_figure_of_another_test():
    """A lab is judged by what it draws itself."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
