"""From a matplotlib figure to one inline SVG that follows the page's light or dark theme."""

import base64
import hashlib
import html
import io
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnlib.display import display

# Okabe–Ito: each colour belongs to a symbol of the notation, in every figure.
COLOR = {
    "x": "#0072b2",
    "h": "#009e73",
    "c": "#e69f00",
    "i": "#56b4e9",
    "f": "#d55e00",
    "g": "#cc79a7",
    "n": "#cc79a7",
    "o": "#000000",
    "ink": "#222831",
    "muted": "#48566b",
    "grid": "#d0d4da",
}
_DARK = {"x": "#3f94f5", "h": "#2cc295", "c": "#f2b632", "i": "#9ed8fa", "f": "#ff8a3d", "g": "#e3a0c6"}
# What a theme has a name for is the theme's to colour: the book's first, then JupyterLab's.
_THEME = {
    "o": "var(--pst-color-text-base,var(--jp-content-font-color1,#000000))",
    "ink": "var(--pst-color-text-base,var(--jp-content-font-color1,#222831))",
    "muted": "var(--pst-color-text-muted,var(--jp-content-font-color2,#48566b))",
    "grid": "var(--pst-color-border,var(--jp-border-color2,#d0d4da))",
}
_NAME = {COLOR[name]: name for name in [*_DARK, *_THEME]}
_STYLE = (
    "<style>svg.rnn-fig{max-width:100%;height:auto;fill:var(--rnn-o);"
    + ";".join(f"--rnn-{name}:{value}" for name, value in [*((name, COLOR[name]) for name in _DARK), *_THEME.items()])
    + "}html[data-theme=dark] svg.rnn-fig,[data-jp-theme-light=false] svg.rnn-fig{"
    + ";".join(f"--rnn-{name}:{value}" for name, value in _DARK.items())
    + "}</style>"
)
MAX_SVG = 60_000  # bytes; a page should stay light


def use() -> None:
    """Set the style of the course for all figures drawn from now on (``subplots`` and every plot do it themselves)."""
    style.use(Path(__file__).with_name("style.mplstyle"))


def subplots(rows: int = 1, cols: int = 1, *, size: tuple[float, float] | None = None, **options) -> tuple[Figure, Any]:
    """A new figure in the style of the course.

    Parameters
    ----------
    rows, cols : int
    size : (float, float), optional
        Width and height in inches; 6.4 x 3.2 by default.
    **options
        Passed to ``Figure.subplots``: ``sharex``, ``sharey``, ``width_ratios`` ...

    Returns
    -------
    fig : Figure
    ax : Axes or ndarray of Axes
    """
    use()
    fig = Figure(figsize=size, layout="constrained")
    return fig, fig.subplots(rows, cols, **options)


def show(figure: Figure | Axes | np.ndarray, alt: str, caption: str | None = None, *, dense: bool = False) -> None:
    """Display a figure as one inline SVG whose colours follow the page.

    Parameters
    ----------
    figure : Figure, Axes or ndarray of Axes
    alt : str
        What a reader who cannot see the figure needs to know. There is no figure without it.
    caption : str, optional
        A sentence under the figure.
    dense : bool
        Display a PNG instead: for maps of thousands of cells or points. Its colours stay as they are in the dark.

    Raises
    ------
    TypeError
        ``alt`` is missing or not a text, or ``figure`` is not a figure.
    ValueError
        Empty ``alt``; a title inside the axes (the caption is the title); an SVG of more than 60 kB.

    Examples
    --------
    >>> show(loss_curve({"LSTM": losses}), alt="The loss falls from 4.2 to 1.6 nats in 300 steps.")  # doctest: +SKIP
    """
    display(bundle(figure, alt, caption, dense=dense))
    if "matplotlib.pyplot" in sys.modules:  # a figure made by pyplot would be shown by the notebook a second time
        sys.modules["matplotlib.pyplot"].close(_figure_of(figure))


def bundle(figure: Figure | Axes | np.ndarray, alt: str, caption: str | None = None, *, dense: bool = False) -> dict[str, str]:
    """The figure in the forms of a site (HTML), a PDF (PNG) and a terminal (text): a dict keyed by MIME type."""
    for name, value in (("alt", alt), ("caption", caption)):
        if not isinstance(value, str) and not (name == "caption" and value is None):
            raise TypeError(f"{name}: expected a text, got {type(value).__name__}")
    if not alt.strip():
        raise ValueError("alt: expected a text that says what the figure shows, got an empty one")
    fig = _figure_of(figure)
    for ax in fig.axes:
        if any(ax.get_title(loc) for loc in ("left", "center", "right")):
            raise ValueError(f"figure: expected no title inside the axes (use caption), got {ax.get_title() or ax.get_title('left')!r}")
    png = _png(fig)
    if dense:
        picture = f'<img class="rnn-fig" alt="{html.escape(alt)}" src="data:image/png;base64,{png}">'
    else:
        picture = _svg(fig, alt)
        if len(picture) > MAX_SVG:
            raise ValueError(
                f"figure: expected an SVG of at most {MAX_SVG} bytes, got {len(picture)}: draw less, "
                "give dense artists rasterized=True, or show(..., dense=True)"
            )
    below = f"<figcaption>{html.escape(caption, quote=False)}</figcaption>" if caption else ""
    text = f"Figure: {caption} ({alt})" if caption else f"Figure: {alt}"
    return {
        "text/html": f'<figure class="rnn-figure" style="text-align:center">{picture}{below}</figure>',
        "image/png": png,
        "text/plain": text,
    }


def _figure_of(figure):
    first = figure.flat[0] if hasattr(figure, "flat") else figure
    fig = getattr(first, "figure", first)
    if not isinstance(fig, Figure):
        raise TypeError(f"figure: expected a Figure or Axes, got {type(figure).__name__}")
    return fig


def _png(fig):
    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=150, facecolor="white")
    return base64.b64encode(file.getvalue()).decode()


def _svg(fig, alt):
    file = io.StringIO()
    fig.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    # A hundredth of a point is enough; numbers outside the tags are text.
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(?<=\d\.\d\d)\d+", "", tag[0]), svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    used = {name for pair in used for name in pair}
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    # Two figures of one page must not share ids.
    own = "f" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'(id="|href="#|url\(#)', lambda match: f"{match[1]}{own}-", svg)
    svg = re.sub("|".join(_NAME), lambda match: f"var(--rnn-{_NAME[match[0]]})", svg)
    svg = svg.replace("'DejaVu Sans'", "inherit")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt)}" class="rnn-fig" ', 1).replace(">\n", f">\n{_STYLE}", 1)
