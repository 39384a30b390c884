"""The labs are not an installed package: they are found from the checkout's root."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
pytest.register_assert_rewrite("lab_laws", "fresh_laws")

from labs.grading.locked.sandbox import Unsafe  # noqa: E402
from labs.grading.locked.session import Session  # noqa: E402
from labs.grading.locked.warm import Zygote  # noqa: E402


@pytest.fixture(autouse=True)
def no_figure_of_another_test():
    """A lab is judged by what it draws itself."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def lockable():
    """A test that locks students' code in asks for this."""
    warm = Zygote().wait()
    try:
        Session(warm.door).close()
    except Unsafe as missing:
        # A kernel without these layers grades nobody: `grade` says so and ends, and there is no locked process to test.
        pytest.skip(f"this machine cannot lock a process in: {missing}")
    finally:
        warm.close()


@pytest.fixture(scope="module")
def zygote(lockable):
    """A warm process, in which the sessions of a test file begin."""
    warm = Zygote().wait()
    yield warm
    warm.close()
