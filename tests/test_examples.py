"""Every example in a docstring of the hand-written part is true."""

import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest

import rnnlib.scratch

MODULES = ["rnnlib.gradcheck", *(f"rnnlib.scratch.{module.name}" for module in pkgutil.iter_modules(rnnlib.scratch.__path__))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name), extraglobs={"np": np, "math": math})
    assert result.failed == 0
