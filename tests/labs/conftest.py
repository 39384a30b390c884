"""The labs are not an installed package: they are found from the checkout's root."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
pytest.register_assert_rewrite("lab_laws")
