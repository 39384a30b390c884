"""Figures: what is drawn, the SVG that a page gets, and the text that no figure goes without."""

import re
import subprocess
import sys
import xml.dom.minidom

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnnlib import viz
from rnnlib.viz.show import MAX_SVG, bundle

R = np.random.default_rng(0)
PLOTS = {
    "unrolled": lambda: viz.unrolled(4, inputs=["I", "like", "it", None], outputs=[None, None, None, "+"]),
    "heat_map": lambda: viz.heat_map(R.random((40, 60)), xlabel="a", ylabel="b"),
    "attention_map": lambda: viz.attention_map(R.dirichlet(np.ones(11), 10), "12 May 2019", "2019-05-12"),
    "gate_maps": lambda: viz.gate_maps({name: R.random((30, 12)) for name in "ifo"}, "it was <dark> & stormy & nice!"),
    "gradient_flow": lambda: viz.gradient_flow({"RNN": 0.5 ** np.arange(101.0)}, reference={"ρ": 0.5}),
    "cell_traces": lambda: viz.cell_traces({name: R.random(30) for name in ("c", "f_t", "h_3")}, "abcdefghijklmnopqrstuvwxyzabcd"),
    "loss_curve": lambda: viz.loss_curve(
        {"RNN": 2 + R.random(5000), "LSTM": R.random(5000)}, smooth=20, baseline=("unigram", 3), optimum=0.6
    ),
    "bars": lambda: viz.bars({"bag of words": 0.625, "GRU": 1.0}, errors={"GRU": 0.01}, baseline=("chance", 0.5)),
}


@pytest.fixture(scope="module", params=PLOTS)
def page(request):
    return bundle(PLOTS[request.param](), alt='a "quoted" <alt> & more', caption="A caption & more")


def test_every_plot_is_a_small_svg_that_follows_the_theme(page):
    figure = page["text/html"]
    svg = re.search(r"<svg.*</svg>", figure, re.DOTALL)[0]
    xml.dom.minidom.parseString(svg)
    assert len(figure) < MAX_SVG
    assert 'role="img" aria-label="a &quot;quoted&quot; &lt;alt&gt; &amp; more"' in figure
    assert "<figcaption>A caption &amp; more</figcaption>" in figure
    drawn = svg.split("</style>", 1)[1]
    assert not re.search("|".join(viz.COLOR.values()), drawn)  # all colours of the course became variables
    assert page["text/plain"].startswith("Figure: A caption & more") and page["image/png"].startswith("iVBOR")


def test_ids_of_two_figures_do_not_meet():
    svgs = [bundle(viz.heat_map(R.random((3, 4))), alt="x")["text/html"] for _ in range(2)]
    first, second = (set(re.findall(r' id="([^"]+)"', svg)) for svg in svgs)
    assert first and second and not first & second
    for svg in svgs:
        targets = {a or b for a, b in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)}
        assert targets == set(re.findall(r' id="([^"]+)"', svg))


def test_the_same_figure_gives_the_same_bytes():
    one, two = (bundle(viz.loss_curve([3.0, 2.0, 1.5]), alt="x")["text/html"] for _ in range(2))
    assert one == two


def test_numbers_in_the_figure_keep_their_digits():
    assert ">0.625<" in bundle(viz.bars({"a": 0.625}), alt="x")["text/html"]


def test_symbols_keep_their_colours_in_the_dark():
    ax = viz.cell_traces({name: R.random(5) for name in "xhcifgo"})
    assert [line.get_color() for line in ax.lines] == [viz.COLOR[name] for name in "xhcifgo"]
    svg = bundle(ax, alt="x")["text/html"]
    for name in "xhcifgo":
        assert f"stroke: var(--rnn-{name})" in svg
    dark = re.search(r"html\[data-theme=dark\][^{]*\{([^}]*)\}", svg)[1]
    assert all(f"--rnn-{name}:#" in dark for name in "xhcifg")


def test_text_for_who_cannot_see_is_mandatory():
    ax = viz.loss_curve([3.0, 2.0])
    with pytest.raises(TypeError, match="alt"):
        viz.show(ax)
    with pytest.raises(TypeError, match="alt: expected a text, got NoneType"):
        viz.show(ax, alt=None)
    with pytest.raises(ValueError, match="alt: expected a text that says what the figure shows, got an empty one"):
        viz.show(ax, alt="  ")
    with pytest.raises(TypeError, match="caption: expected a text, got int"):
        viz.show(ax, alt="x", caption=3)
    with pytest.raises(TypeError, match="figure: expected a Figure or Axes, got list"):
        viz.show([1], alt="x")


def test_titles_are_refused():
    fig, ax = viz.subplots()
    ax.set_title("A title")
    with pytest.raises(ValueError, match=r"figure: expected no title inside the axes .*'A title'"):
        bundle(fig, alt="x")


def test_heavy_figures_are_refused_and_dense_ones_are_pictures():
    fig, ax = viz.subplots()
    ax.plot(R.random(5000), R.random(5000))
    with pytest.raises(ValueError, match=r"figure: expected an SVG of at most 60000 bytes, got \d+.*dense=True"):
        bundle(fig, alt="x")
    assert '<img class="rnn-fig" alt="x &amp; y" src="data:image/png;base64,' in bundle(fig, alt="x & y", dense=True)["text/html"]


def test_show_displays_once(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append((sorted(data), raw)))
    assert viz.show(viz.loss_curve([1.0, 2.0]), alt="x") is None
    assert shown == [(["image/png", "text/html", "text/plain"], True)]


def test_show_prints_its_text_outside_of_a_notebook(capsys):
    viz.show(viz.loss_curve([1.0, 2.0]), alt="The loss rises.", caption="A loss")
    assert capsys.readouterr() == ("Figure: A loss (The loss rises.)\n", "")


def test_subplots_and_given_axes():
    fig, axes = viz.subplots(1, 2, size=(5, 2), sharey=True)
    assert isinstance(fig, Figure) and axes.shape == (2,)
    assert viz.loss_curve([1.0, 2.0], ax=axes[0]) is axes[0]
    assert viz.heat_map(np.eye(3), ax=axes[1], bar=False).figure is fig
    bundle(axes, alt="x")


def test_no_window_toolkit_and_no_torch_is_loaded():
    code = "import sys, rnnlib.viz as v; v.loss_curve([1., 2.]); print([m for m in ('torch', 'matplotlib.pyplot') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout.strip() == "[]"


# --- what is drawn


def test_loss_curve_by_hand():
    ax = viz.loss_curve({"a": [4.0, 2.0, 0.0, 2.0]}, smooth=2, every=10, optimum=("entropy", 0.5))
    x, y = ax.lines[0].get_data()
    assert x.tolist() == [20, 30, 40] and y.tolist() == [3, 1, 1]
    assert ax.lines[1].get_ydata()[0] == 0.5 and ax.lines[1].get_label() == "entropy"


def test_loss_curve_draws_through_divergence():
    ax = viz.loss_curve({"a": [1.0, np.inf, np.nan]})
    assert len(ax.lines[0].get_xdata()) == 3


def test_gradient_flow_by_hand():
    ax = viz.gradient_flow({"a": [2.0, 1.0, 0.0]}, reference={"ρ": 0.1})
    assert np.isnan(ax.lines[0].get_ydata()[2]) and ax.get_yscale() == "log"
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [2, 0.2, 0.02])
    with pytest.raises(ValueError, match=r"norms\['a'\]: expected numbers >= 0, got -1"):
        viz.gradient_flow({"a": [-1.0, 1.0]})


def test_attention_map_by_hand():
    attn = np.array([[0.0, 1.0, 0.0], [0.5, 0.25, 0.25]])
    ax = viz.attention_map(attn, "a b", ["1", "2"])
    np.testing.assert_array_equal(ax.images[0].get_array(), attn)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "␣", "b"]
    assert ax.images[0].get_clim() == (0, 1)
    with pytest.raises(ValueError, match="xticks: expected 3 labels, got 2"):
        viz.attention_map(attn, "ab")
    with pytest.raises(ValueError, match="attn: expected weights between 0 and 1, got values from 0 to 2"):
        viz.attention_map(2 * attn)


def test_gate_maps_put_time_from_left_to_right():
    gates = {"i": R.random((7, 3)), "f": R.random((7, 3))}
    axes = viz.gate_maps(gates)
    assert axes.shape == (2,)
    np.testing.assert_array_equal(axes[1].images[0].get_array(), gates["f"].T)
    with pytest.raises(ValueError, match=r"gates\['f'\]: expected T = 7 steps, got 6"):
        viz.gate_maps({"i": R.random((7, 3)), "f": R.random((6, 3))})
    with pytest.raises(ValueError, match="gates: expected a dict"):
        viz.gate_maps({})


def test_unrolled_draws_what_is_there():
    ax = viz.unrolled(3, inputs=["a", None, None], outputs=[None, "b", "c"])
    assert [text.get_text() for text in ax.texts] == ["$h_{1}$", "a", "$h_{2}$", "b", "$h_{3}$", "c"]
    with pytest.raises(ValueError, match="inputs: expected T = 3 labels, got 1"):
        viz.unrolled(3, inputs=["a"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: viz.heat_map(np.ones(3)), r"values: expected shape \(N, M\), got \(3,\)"),
        (lambda: viz.heat_map(np.full((2, 2), np.nan)), "values: expected finite numbers"),
        (lambda: viz.loss_curve({}), "curves: expected at least one curve, got none"),
        (lambda: viz.loss_curve({"a": np.ones((2, 2))}), r"curves\['a'\]: expected shape \(N\,\), got \(2, 2\)"),
        (lambda: viz.loss_curve([1.0], smooth=0), "smooth: expected a number >= 1, got 0"),
        (lambda: viz.cell_traces({"c": [1.0, 2.0], "h": [1.0]}), r"traces\['h'\]: expected T = 2 steps, got 1"),
        (lambda: viz.bars({}), "values: expected a dict"),
        (lambda: viz.table([(1, 2)], ("a",)), r"rows: expected 1 values in each, got 2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_tables():
    table = viz.table([("RNN", 0.1626, 3), ("LSTM <2>", np.float32(0.5), 12)], ("model", "error", "n"), caption="Errors")
    assert str(table) == "Errors\nmodel     error  n\nRNN       0.163  3\nLSTM <2>  0.500  12"
    page = table._repr_mimebundle_()["text/html"]
    xml.dom.minidom.parseString(page)
    assert "<caption>Errors</caption>" in page and '<th scope="col">model</th>' in page and "<td>LSTM &lt;2&gt;</td>" in page
    samples = viz.sampling_table({0.5: "one\ntwo", 1.0: "<b>"})
    assert "0.5          one⏎two" in str(samples) and "&lt;b&gt;" in samples._repr_mimebundle_()["text/html"]
