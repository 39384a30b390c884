"""The rocket of a lesson leads to its notebook on Binder, where ``binder/postBuild`` has written it (`tools.notebooks`)."""

import re


def to_notebook(html):
    """The theme links the source of a page, which JupyterLab shows without what the book resolves."""
    return re.sub(r"(\?urlpath=lab/tree/)chapters/([\w/]+)\.md\b", r"\1notebooks/\2.ipynb", html)
