"""The labs are not an installed package: they are found from the checkout's root."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
