"""Show something in a notebook, or print its text where there is none."""

import sys


def display(forms, **options):
    """Display one thing in the richest of its ``forms`` that the reader's program can draw.

    Outside of a notebook and of IPython, neither of which has to be installed, its text is printed.

    Parameters
    ----------
    forms : dict
        The thing itself, keyed by MIME type. One without ``"text/plain"`` is kept by the notebook, for nobody to see.
    **options
        Passed to ``IPython.display.display``.
    """
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from IPython.display import display as show

        show(forms, raw=True, **options)
    elif "text/plain" in forms:
        print(forms["text/plain"])
