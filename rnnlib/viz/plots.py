"""The plots of the course. Every function takes arrays (or tensors on the CPU) and returns the Axes that it drew on."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from rnnlib.arrays import to_numpy
from rnnlib.checks import check_array, check_number
from rnnlib.viz.show import COLOR, subplots, use

MAX_POINTS = 400  # of one curve: more cannot be told apart in a figure and make the page heavy


def _axes(ax, size=None):
    if ax is not None:
        use()
        return ax
    return subplots(size=size)[1]


def _array(name, value, shape, finite=True):
    value = to_numpy(value)
    value = value.astype(np.float64) if value.dtype.kind in "iub" else value
    check_array(name, value, shape, finite=finite)
    return value


def _curves(name, curves, finite=True):
    """A dict of label to 1-D array; a single array gets an empty label."""
    curves = curves if isinstance(curves, dict) else {"": curves}
    if not curves:
        raise ValueError(f"{name}: expected at least one curve, got none")
    return {label: _array(f"{name}[{label!r}]" if label else name, values, "N", finite) for label, values in curves.items()}


def _color(label):
    """The colour that belongs to a symbol such as ``f`` or ``f_t``, or None for the next of the cycle."""
    return COLOR.get(label.split("_")[0])


def _tokens(axis, labels, n, name):
    if labels is None:
        axis.set_major_locator(MaxNLocator(integer=True))
        return
    labels = [{" ": "␣", "\n": "⏎"}.get(label, label) for label in labels]
    if len(labels) != n:
        raise ValueError(f"{name}: expected {n} labels, got {len(labels)}")
    axis.set_ticks(range(n), labels)


def unrolled(
    T: int = 4,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    *,
    cells: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a recurrent network unrolled in time: inputs below, states in a row, outputs above.

    Parameters
    ----------
    T : int
        Number of steps.
    inputs, outputs : list of (str or None), optional
        Label at each step; None leaves the place empty. ``x_1 … x_T`` and ``y_1 … y_T`` by default. TeX between dollar signs.
    cells : list of str, optional
        Labels of the states; ``h_1 … h_T`` by default.
    ax : Axes, optional

    Returns
    -------
    ax : Axes

    Examples
    --------
    >>> ax = unrolled(3, inputs=["I", "like", "it"], outputs=[None, None, "+"])
    """
    check_number("T", T, 1, integer=True)
    rows = {}
    for name, given, letter in (("inputs", inputs, "x"), ("cells", cells, "h"), ("outputs", outputs, "y")):
        rows[name] = [f"${letter}_{{{t}}}$" for t in range(1, T + 1)] if given is None else list(given)
        if len(rows[name]) != T:
            raise ValueError(f"{name}: expected T = {T} labels, got {len(rows[name])}")
    scale = min(1.0, 8.0 / T)  # inches a step
    ax = _axes(ax, (scale * T + 0.2, scale * 2.7 + 0.2))
    for t in range(T):
        _box(ax, t, 1, rows["cells"][t], COLOR["h"])
        if t:
            _arrow(ax, (t - 0.72, 1), (t - 0.28, 1), COLOR["h"])
        if rows["inputs"][t] is not None:
            _box(ax, t, 0, rows["inputs"][t], COLOR["x"])
            _arrow(ax, (t, 0.26), (t, 0.74), COLOR["x"])
        if rows["outputs"][t] is not None:
            _box(ax, t, 2, rows["outputs"][t], COLOR["muted"])
            _arrow(ax, (t, 1.26), (t, 1.74), COLOR["muted"])
    ax.set(xlim=(-0.5, T - 0.5), ylim=(-0.35, 2.35), aspect="equal")
    ax.set_axis_off()
    return ax


def _box(ax, x, y, label, color):
    shape = FancyBboxPatch((x - 0.21, y - 0.19), 0.42, 0.38, boxstyle="round,pad=0.05", facecolor="none", edgecolor=color, linewidth=1.8)
    ax.add_patch(shape)
    ax.text(x, y, label, ha="center", va="center", fontsize=11 if len(label) < 8 or "$" in label else 8)


def _arrow(ax, start, end, color):
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=color, linewidth=1.5, shrinkA=0, shrinkB=0))


def heat_map(
    values: ArrayLike,
    *,
    xlabel: str = "",
    ylabel: str = "",
    xticks: Sequence[str] | None = None,
    yticks: Sequence[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    bar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix as colours, its first row on top.

    Parameters
    ----------
    values : ndarray of shape (N, M)
    xlabel, ylabel : str
    xticks, yticks : list of str, optional
        A label for each column, for each row.
    low, high : float, optional
        Ends of the colour scale.
    bar : bool
        Draw the colour scale beside it.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    values = _array("values", values, "N M")
    N, M = values.shape
    ax = _axes(ax, (min(1.6 + 0.28 * M, 7), min(1.0 + 0.28 * N, 5)))
    image = ax.imshow(values, aspect="auto", vmin=low, vmax=high)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    _tokens(ax.xaxis, xticks, M, "xticks")
    _tokens(ax.yaxis, yticks, N, "yticks")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if bar:
        ax.figure.colorbar(image, ax=ax).outline.set_visible(False)
    return ax


def attention_map(
    attn: ArrayLike, source: Sequence[str] | None = None, target: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw attention weights: a row for each target step, a column for each source step, from 0 to 1.

    Parameters
    ----------
    attn : ndarray of shape (T, S)
    source, target : str or list of str, optional
        Symbols of the source (S) and of the target (T).
    ax : Axes, optional

    Returns
    -------
    ax : Axes

    Notes
    -----
    Lesson: :ref:`dates`. Source: figure 3 of Bahdanau, Cho & Bengio (2015).
    """
    attn = _array("attn", attn, "T S")
    if attn.min() < 0 or attn.max() > 1 + 1e-6:
        raise ValueError(f"attn: expected weights between 0 and 1, got values from {attn.min():.3g} to {attn.max():.3g}")
    return heat_map(attn, xlabel="source", ylabel="target", xticks=source, yticks=target, low=0, high=1, ax=ax)


def gate_maps(gates: Mapping[str, ArrayLike], tokens: Sequence[str] | None = None, *, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Draw each gate over time, a row for each unit: one panel under the other on one colour scale.

    Parameters
    ----------
    gates : dict of str to ndarray of shape (T, H)
    tokens : str or list of str, optional
        Symbols read at the T steps.
    low, high : float
        Ends of the colour scale: 0 and 1 for gates, -1 and 1 for candidates and states.

    Returns
    -------
    axes : ndarray of Axes, one for each gate
    """
    if not isinstance(gates, dict) or not gates:
        raise ValueError("gates: expected a dict of at least one array of shape (T, H)")
    gates = {name: _array(f"gates[{name!r}]", gate, "T H") for name, gate in gates.items()}
    T = len(next(iter(gates.values())))
    fig, axes = subplots(len(gates), 1, size=(min(2 + 0.28 * T, 7.5), 0.5 + 1.2 * len(gates)), sharex=True, squeeze=False)
    axes = axes[:, 0]
    for ax, (name, gate) in zip(axes, gates.items(), strict=True):
        if len(gate) != T:
            raise ValueError(f"gates[{name!r}]: expected T = {T} steps, got {len(gate)}")
        heat_map(gate.T, low=low, high=high, bar=False, ax=ax)
        ax.set_ylabel(f"${name}$" if len(name) == 1 else name, rotation=0, ha="right", va="center", color=_color(name) or COLOR["ink"])
        ax.set_yticks([])
        ax.tick_params(axis="x", length=0)
    _tokens(axes[-1].xaxis, tokens, T, "tokens")
    axes[-1].set_xlabel("step" if tokens is None else "")
    fig.colorbar(axes[0].images[0], ax=axes).outline.set_visible(False)
    return axes


def gradient_flow(
    norms: Mapping[str, ArrayLike] | ArrayLike,
    *,
    xlabel: str = "steps back in time",
    ylabel: str = "gradient norm",
    reference: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the size of a gradient changes on its way back through time, on a logarithmic scale.

    Parameters
    ----------
    norms : dict of str to ndarray of shape (N,), or one array
        Norm after 0, 1, 2, ... steps back. Zeros (underflow) leave a gap.
    xlabel, ylabel : str
    reference : dict of str to float, optional
        Dashed lines with a constant factor a step, such as the spectral radius: ``norms[0] * factor ** k``.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    norms = _curves("norms", norms)
    ax = _axes(ax)
    for label, values in norms.items():
        if values.min() < 0:
            raise ValueError(f"norms[{label!r}]: expected numbers >= 0, got {values.min():.3g}")
        ax.plot(np.where(values > 0, values, np.nan), label=label, color=_color(label))
    first = next(iter(norms.values()))
    for label, factor in (reference or {}).items():
        check_number(f"reference[{label!r}]", factor, 0, open_low=True)
        start = first[0] if first[0] > 0 else 1.0
        ax.plot(10 ** (np.log10(start) + np.log10(factor) * np.arange(len(first))), "--", color=COLOR["muted"], linewidth=1.2, label=label)
    ax.set(yscale="log", xlabel=xlabel, ylabel=ylabel)
    return _legend(ax)


def cell_traces(
    traces: Mapping[str, ArrayLike] | ArrayLike, tokens: Sequence[str] | None = None, *, ylabel: str = "", ax: Axes | None = None
) -> Axes:
    """Draw values of a cell over time, each symbol in its own colour.

    Parameters
    ----------
    traces : dict of str to ndarray of shape (T,)
        A key such as ``"c"``, ``"f"`` or ``"h_3"`` takes the colour of its symbol.
    tokens : str or list of str, optional
        Symbols read at the T steps.
    ylabel : str
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    traces = _curves("traces", traces)
    T = len(next(iter(traces.values())))
    ax = _axes(ax)
    for label, values in traces.items():
        if len(values) != T:
            raise ValueError(f"traces[{label!r}]: expected T = {T} steps, got {len(values)}")
        ax.plot(values, label=label, color=_color(label))
    _tokens(ax.xaxis, tokens, T, "tokens")
    ax.set(xlabel="step" if tokens is None else "", ylabel=ylabel)
    return _legend(ax)


def loss_curve(
    curves: Mapping[str, ArrayLike] | ArrayLike,
    *,
    baseline: float | None = None,
    optimum: float | None = None,
    smooth: int = 1,
    every: int = 1,
    xlabel: str = "update",
    ylabel: str = "loss (nats per token)",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw losses over training beside what they should be read against.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (N,), or one array
    baseline, optimum : float or (str, float), optional
        Horizontal lines, with their name.
    smooth : int
        Average over so many updates.
    every : int
        Updates between two values.
    xlabel, ylabel : str
    log : bool
        Logarithmic vertical axis.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    check_number("smooth", smooth, 1, integer=True)
    ax = _axes(ax)
    for label, values in _curves("curves", curves, finite=False).items():
        width = min(smooth, len(values))
        means = np.convolve(values, np.full(width, 1.0 / width), mode="valid")
        shown = slice(None, None, -(-len(means) // MAX_POINTS))
        ax.plot(((np.arange(len(means)) + width) * every)[shown], means[shown], label=label, color=_color(label))
    for kind, line, value in (("baseline", ":", baseline), ("optimum", "--", optimum)):
        if value is not None:
            name, value = value if isinstance(value, tuple) else (kind, value)
            ax.axhline(value, color=COLOR["muted"], linestyle=line, linewidth=1.4, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    return _legend(ax)


def bars(
    values: Mapping[str, float],
    *,
    errors: Mapping[str, float] | None = None,
    baseline: float | None = None,
    optimum: float | None = None,
    xlabel: str = "",
    digits: int = 3,
    ax: Axes | None = None,
) -> Axes:
    """Draw named numbers as bars with the number at the end, first on top.

    Parameters
    ----------
    values : dict of str to float
    errors : dict of str to float, optional
        Half length of an error bar.
    baseline, optimum : float or (str, float), optional
        Vertical lines.
    xlabel : str
    digits : int
        Decimals of the numbers.
    ax : Axes, optional

    Returns
    -------
    ax : Axes
    """
    if not isinstance(values, dict) or not values:
        raise ValueError("values: expected a dict of at least one number")
    numbers = _array("values", [float(value) for value in values.values()], "N")
    ax = _axes(ax, (6.4, 0.9 + 0.36 * len(values)))
    places = np.arange(len(values))
    xerr = None if errors is None else [float(errors.get(name, 0)) for name in values]
    drawn = ax.barh(places, numbers, height=0.6, color=[_color(name) or COLOR["x"] for name in values], xerr=xerr, ecolor=COLOR["ink"])
    ax.bar_label(drawn, [f"{number:.{digits}f}" for number in numbers], padding=4)
    for kind, line, value in (("baseline", ":", baseline), ("optimum", "--", optimum)):
        if value is not None:
            name, value = value if isinstance(value, tuple) else (kind, value)
            ax.axvline(value, color=COLOR["muted"], linestyle=line, linewidth=1.4, label=name)
    ax.set_yticks(places, list(values))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel(xlabel)
    return _legend(ax)


def _legend(ax):
    if any(not label.startswith("_") for label in ax.get_legend_handles_labels()[1]):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)  # above the axes, where it covers nothing
    return ax


class table:
    """Rows of values as a table of the page: HTML on a site, aligned text in a terminal or a PDF.

    Parameters
    ----------
    rows : list of sequences
    header : sequence of str
    caption : str, optional
    digits : int
        Decimals of floats.

    Examples
    --------
    >>> print(table([("RNN", 0.162), ("LSTM", 0.0017)], ("model", "error"), digits=4))
    model  error
    RNN    0.1620
    LSTM   0.0017
    """

    def __init__(self, rows, header, caption="", digits=3):
        self.header, self.caption = [str(name) for name in header], caption
        self.rows = [[_cell(value, digits) for value in row] for row in rows]
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"rows: expected {len(self.header)} values in each, got {len(row)}: {row}")

    def __str__(self):
        lines = [self.header, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.header))]
        body = "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
        return f"{self.caption}\n{body}" if self.caption else body

    def _repr_mimebundle_(self, include=None, exclude=None):
        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        head = row(self.header, 'th scope="col"').replace('</th scope="col">', "</th>")
        body = "".join(row(cells, "td") for cells in self.rows)
        page = f'<table class="dataframe">{caption}<thead>{head}</thead><tbody>{body}</tbody></table>'
        return {"text/html": page, "text/plain": str(self)}


def _cell(value, digits):
    if isinstance(value, (float, np.floating)):
        return f"{value:.{digits}f}"
    return str(value)


def sampling_table(samples: Mapping[str, str], header: Sequence[str] = ("temperature", "sample"), caption: str = "") -> table:
    """A table of sampled texts, with line ends made visible.

    Parameters
    ----------
    samples : dict of label to str
        For instance temperature to text.
    header : (str, str)
    caption : str

    Returns
    -------
    table : table
    """
    return table([(str(label), text.replace("\n", "⏎")) for label, text in samples.items()], header, caption)
