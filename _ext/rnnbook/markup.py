"""Small repairs of the theme's HTML, each found by an accessibility checker."""

import re


def name_regions(html):
    """The book's title in the side bar stands in a region with a name."""
    return re.sub(
        r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand)',
        '<div class="sidebar-primary-item" role="region" aria-label="Book title">',
        html,
    )


def reach_scrollable(html):
    """Code wider than the page can be scrolled with the keyboard."""
    return re.sub(r"<pre>(?=<span></span>)", '<pre tabindex="0">', html)
