"""The figures that a reader can touch compute what the library computes: their scripts run here, in V8, beside it."""

import gzip
import json

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from rnnlib.scratch.jacobian import product_norms, spectral_radius
from rnnlib.scratch.lstm import lstm_backward, lstm_forward
from rnnlib.scratch.rnn import rnn_forward
from tools import picture
from tools.rnnbook import living

TOLERANCE = 1e-6
LEAK = 1 / (1 + np.exp(10))  # of a closed gate of the register
MAX_BYTES = 12_000  # compressed, a figure with what all figures share


@pytest.fixture(scope="module")
def script():
    """Evaluate an expression with a figure's functions; returns what JSON can carry."""
    with MiniRacer() as engine:

        def run(name, expression):
            text = (living.SCRIPTS / f"{name}.js").read_text(encoding="utf-8")
            plain = "(key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value"
            return json.loads(engine.eval(f"(() => {{ {text}\n return JSON.stringify({expression}, {plain}); }})()"))

        yield run


@pytest.mark.parametrize("H", [2, 8, 32])
@pytest.mark.parametrize(("rho", "tanh", "size"), [(0.9, True, 0.2), (1.1, False, 0.2), (1.1, True, 0.0), (3.0, True, 2.0)])
def test_the_gradient_through_time_is_the_library_s(script, H, rho, tanh, size):
    there = script("gradient", f"gradient({{rho: {rho}, tanh: {str(tanh).lower()}, input: {size}, H: {H}}})")
    W_hh, x = np.reshape(there["W_hh"], (H, H)), np.reshape(there["inputs"], (1, -1, H))
    assert abs(spectral_radius(W_hh) - rho) < TOLERANCE
    h_seq = rnn_forward(x, size * np.eye(H), W_hh, np.zeros(H))[0][0]
    J = (1 - (h_seq[:, :, None] ** 2 if tanh else np.zeros((x.shape[1], H, 1)))) * W_hh.T
    assert np.abs(product_norms(J) - there["norms"]).max() < TOLERANCE
    if tanh:
        assert np.abs(h_seq - np.array(there["states"])).max() < TOLERANCE


def marks(text):
    """``"1.."`` is a mark at the first of three steps."""
    return [mark != "." for mark in text]


@pytest.mark.parametrize(
    ("write", "erase", "show", "forget", "output", "weight", "size"),
    [
        ("1.........", ".......1..", "....1....1", 10, -10, 0, 1),
        ("1..1.1....", "...1......", "1111111111", 1, 0, 2.5, 0.3),
        ("1111111111", "..........", "1111111111", 10, 2, -6, 0.02),
    ],
)
def test_the_register_is_the_library_s(script, write, erase, show, forget, output, weight, size):
    values = {"write": marks(write), "erase": marks(erase), "show": marks(show), "forget": forget, "output": output}
    values |= {"weight": weight, "size": size}
    there = script("register", f"register({json.dumps(values)})")
    x = np.array([size * np.array(script("register", "VALUES")), *(values[name] for name in ("write", "erase", "show"))]).T[None]
    W_x = np.array([[0, 0, 1, 0], [20, 0, 0, 0], [0, -20, 0, 0], [0, 0, 0, 20.0]])  # columns i, f, g, o
    W_h, b = np.array([[0, 0, weight, 0.0]]), np.array([-10.0, forget, 0, output])
    state = (np.zeros((1, 1)), np.zeros((1, 1)))
    for t in range(x.shape[1]):
        (h, c) = state = lstm_forward(x[:, t : t + 1], W_x, W_h, b, state)[1]
        assert abs(c[0, 0] - there["c"][t]) < TOLERANCE and abs(h[0, 0] - there["h"][t]) < TOLERANCE
        if t + 1 < x.shape[1]:
            *_, tape = lstm_forward(x[:, t + 1 :], W_x, W_h, b, state)
            grads = lstm_backward(None, tape, (np.zeros((1, 1)), np.ones((1, 1))))
            o = 1 / (1 + np.exp(-(x[0, t] @ W_x[:, 3] + b[3])))
            total = grads["c_0"] + grads["h_0"] * o * (1 - np.tanh(c) ** 2)  # h_t depends on c_t too
            assert abs(total[0, 0] - there["both"][t]) < TOLERANCE * max(1, abs(total[0, 0]))
    f = 1 / (1 + np.exp(-(x[0] @ W_x[:, 1] + b[1])))
    assert np.allclose(np.append(np.cumprod(f[:0:-1])[::-1], 1), there["alone"], atol=TOLERANCE)


def test_what_the_lesson_says_about_the_figure_is_so(script):
    def end(**values):
        return script("gradient", f"gradient({json.dumps(values)})")["norms"][-1]

    assert (
        end(rho=1.1, tanh=True, input=2, H=8) < -3 < end(rho=1.1, tanh=True, input=0.2, H=8) < 0 < end(rho=1.1, tanh=False, input=0.2, H=8)
    )
    assert end(rho=1.1, tanh=True, input=0, H=8) == end(rho=1.1, tanh=False, input=2, H=8)
    assert end(rho=3, tanh=True, input=0.2, H=32) > 3
    register = {
        "write": marks("1........."),
        "erase": marks("." * 10),
        "show": marks("." * 10),
        "forget": 0,
        "output": -10,
        "weight": 0,
        "size": 1,
    }
    c = script("register", f"register({json.dumps(register)})")["c"]
    assert np.allclose(c[1:], np.array(c[:-1]) / 2, rtol=0, atol=LEAK) and c[-1] < 0.01
    register |= {"write": marks("1" * 10), "show": marks("1" * 10), "forget": 10, "weight": 4, "size": 0.02}
    there = script("register", f"register({json.dumps(register)})")
    assert max(there["alone"]) <= 1 and there["both"][0] > 10
    assert all(end(rho=1.1, tanh=True, input=2, H=H) < -3 for H in (2, 32))


@pytest.mark.parametrize("name", living.NAMES)
def test_a_figure_is_small(name):
    assert sum(len(gzip.compress((living.SCRIPTS / f"{part}.js").read_bytes())) for part in ("kit", name)) < MAX_BYTES


def test_a_page_loads_the_scripts_of_its_figures_alone():
    html = living.load_where_needed('<html data-content_root="../"><head></head><rnn-gradient></rnn-gradient>')
    assert html.index("kit.js") < html.index('src="../_static/figures/gradient.js"')
    assert living.load_where_needed("<head></head>") == "<head></head>"


@pytest.mark.skipif(picture.browser() is None, reason="no Chromium or Chrome on this machine")
@pytest.mark.parametrize("width", [700, 328])
def test_the_keyboard_moves_the_figure_and_a_line_says_what_happened(tmp_path, width):
    from playwright.sync_api import sync_playwright

    page = '<!DOCTYPE html><html data-content_root=""><head></head><body><rnn-gradient>instead</rnn-gradient></body></html>'
    (tmp_path / "page.html").write_text(living.load_where_needed(page), encoding="utf-8")
    living.publish(tmp_path)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=picture.browser(), args=["--headless", "--no-sandbox", "--disable-gpu"])
        tab, wrong = chromium.new_page(viewport={"width": width, "height": 800}), []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.goto((tmp_path / "page.html").as_uri())  # from a file, without a server
        before = tab.inner_text(".rnn-said")
        assert "it vanishes" in before
        tab.focus("[name=tanh]")
        tab.keyboard.press("Space")
        tab.wait_for_function("document.querySelector('.rnn-said').textContent.includes('it explodes')")
        assert tab.get_attribute(".rnn-plot", "aria-label") == tab.inner_text(".rnn-said")
        tab.focus("[name=rho]")
        tab.keyboard.press("ArrowLeft")
        assert tab.get_attribute("[name=rho]", "aria-valuetext") == "1.05"
        assert tab.locator("label:has(input)").count() == tab.locator("input").count() == 4
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        chromium.close()
    assert wrong == []
