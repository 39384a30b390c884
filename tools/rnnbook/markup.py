"""Small repairs of the theme's HTML, each found by an accessibility checker."""

import re


def name_parts(html):
    """What a screen reader announces has a name: the region of the title, the arrows that unfold a chapter."""
    html = re.sub(
        r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand)',
        '<div class="sidebar-primary-item" role="region" aria-label="Book title">',
        html,
    )
    return html.replace('<summary><span class="toctree-toggle"', '<summary aria-label="Pages of this chapter"><span class="toctree-toggle"')


def plain_roles(html):
    """An entry of the bibliography is an item of a list; its own role is one that browsers have given up."""
    return html.replace(' role="doc-biblioentry"', ' role="listitem"')


def reach_scrollable(html):
    """Code wider than the page can be scrolled with the keyboard."""
    return re.sub(r"<pre>(?=<span></span>)", '<pre tabindex="0">', html)
