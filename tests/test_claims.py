"""Every lesson claims something over several seeds, the stored runs say yes, and the page shows them. (The machinery: tools/claims.py.)"""

import errno
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rnnlib import data
from tools import claims, lessons
from tools.rnnbook.claims import MEASURED

ROOT = Path(__file__).resolve().parent.parent
TABLES = claims.read()
LESSONS = {page.stem: page for page in lessons.lessons(ROOT)}
PAGE_CLAIM = re.compile(r"^:::\{claim\} (\S+)$", re.MULTILINE)
ANSWERED = [(name, claim) for name, table in TABLES.items() for claim in table["claims"]]


def test_every_lesson_has_claims():
    assert sorted(TABLES) == sorted(LESSONS), "claims and the lessons of _toc.yml differ"


@pytest.mark.parametrize("name", LESSONS)
def test_page_shows_its_claims_and_has_one_seed(name):
    text, table = LESSONS[name].read_text(encoding="utf-8"), TABLES[name]
    assert ROOT / table["lesson"] == LESSONS[name]
    assert sorted(PAGE_CLAIM.findall(text)) == sorted(table["claims"]), "the page's {claim} directives and claims differ"
    assert len(claims.SEED.findall(text)) == 1, "expected one line `seed = 0`: what the runs with other seeds change"
    assert table["seeds"] >= 3
    assert ("{alice-table}" in text) >= ("alice" in table)


def test_claims_have_one_name_each():
    names = [claim for _, claim in ANSWERED]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("name", "claim"), ANSWERED)
def test_a_claim_says_how_fair_its_contest_was(name, claim):
    assert claims.fault(TABLES[name]["claims"][claim]) is None
    contest = TABLES[name]["claims"][claim]["contest"]
    if isinstance(contest, dict):
        assert TABLES[name]["seeds"] >= 5, "a contest has at least five seeds"
        for pair in claims.differences(contest).values():
            mean, low, high, _ = claims.difference(pair, claims.stored(name)["runs"])
            assert low <= mean <= high


@pytest.mark.parametrize(("name", "claim"), ANSWERED)
def test_stored_runs_say_yes(name, claim):
    stored = claims.stored(name)
    assert stored is not None, f"run `make claims LESSON={name}`"
    assert [run["seed"] for run in stored["runs"]] == list(range(TABLES[name]["seeds"])), f"run `make claims LESSON={name}`"
    assert claims.true(TABLES[name]["claims"][claim], stored["runs"]), claims.held(TABLES[name]["claims"][claim], stored["runs"])


@pytest.mark.parametrize("name", TABLES)
def test_stored_runs_are_of_this_code(name):
    stored = claims.stored(name)
    if stored is not None and stored["code"] != claims.code_hash(ROOT / TABLES[name]["lesson"]):
        # Measuring takes an hour, and an edit must not wait for it; the page says the same below the claim until it is measured again.
        pytest.skip(f"the code has changed since {stored['date']}: `make claims LESSON={name}` would tell whether the claims still hold")


# --- the machinery, on a lesson of its own ------------------------------------------------------------------------------------

LESSON = """---
file_format: mystnb
kernelspec: {display_name: Python 3, name: python3}
---

# Coin

```{code-cell} python
from rnnlib.book import glue, source_of
from rnnlib import viz

seed = 0
```

```{code-cell} python
value = seed / 2
glue("coin-value", value, ".1f")
glue("coin-name", "a coin")
fig, ax = viz.subplots()
viz.show(fig, alt="nothing")
assert seed == 0
```
"""
MORE = 'glue("coin-edge", value / 4)\n'
CLAIM = {"says": "small", "holds": "coin_value < 0.9", "shows": {"value": "coin-value"}}


@pytest.mark.parametrize(
    ("contest", "fault"),
    [
        (dict.fromkeys(claims.CONTEST, "x"), None),
        ("Not searched: one step size for both.", None),
        ("No contest: one model.", None),
        (None, "got None"),
        ("It is fair.", "got 'It is fair.'"),
        ("No contest: ", "got 'No contest: '"),
        ({"rivals": "x", "grid": "y"}, "expected rivals, grid, chosen_on, budget, difference, got rivals, grid"),
    ],
)
def test_a_contest_is_stated_whole_or_refused(contest, fault):
    answer = claims.fault({"contest": contest} if contest is not None else {})
    assert answer is None if fault is None else fault in answer


def test_a_difference_is_taken_run_by_run():
    runs = [{"values": {"a": k + d, "b": k}} for k, d in zip(range(5), (1, 1, 1, 1, -1), strict=True)]  # a varies by 4, a - b by 2
    mean, low, high, same = claims.difference(("a", "b"), runs)
    assert mean == pytest.approx(0.6) and same == 4
    half = 2.7764 * 0.4**0.5 * 2**0.5 / 5**0.5  # t of 4 degrees of freedom; the five deviate by 0.4, 0.4, 0.4, 0.4 and -1.6
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=1e-3)
    many = [{"values": {"a": d, "b": 0.0}} for d in np.random.default_rng(1).normal(3.0, 1.0, 100)]
    mean, low, high, _ = claims.difference(("a", "b"), many)
    assert mean - low == pytest.approx(1.96 / 10, rel=0.25) and high - mean == pytest.approx(1.96 / 10, rel=0.25)


@pytest.fixture(scope="module")
def coin(tmp_path_factory):
    """A book of one lesson whose number is half its seed, measured over three seeds."""
    root = tmp_path_factory.mktemp("coin")
    (root / "chapters").mkdir()
    (root / "claims").mkdir()
    (root / "chapters" / "coin.md").write_text(LESSON, encoding="utf-8")
    (root / "claims/coin.py").write_text(MORE, encoding="utf-8")
    said = []
    with ThreadPoolExecutor(2) as pool:
        table = {"lesson": "chapters/coin.md", "seeds": 3, "claims": {"a": CLAIM, "b": CLAIM | {"over": 2}}}
        failed = claims.measure("coin", table, root, pool, said.append)
    return root, failed, "\n".join(said)


def test_a_lesson_is_run_with_each_seed_and_without_its_asserts(coin):
    root, failed, said = coin
    stored = claims.stored("coin", root)
    assert [run["values"] for run in stored["runs"]] == [
        {"coin-value": k / 2, "coin-name": "a coin", "coin-edge": k / 8} for k in range(3)
    ], "the page's numbers, then those of its contest, which sees what the page computed"
    assert failed == ["a"], "the third seed gives 1.0, which is not below 0.9; two of three hold"
    assert "FAILS (2 of 3): small" in said
    assert claims.spread("coin-value", stored["runs"]) == (0.5, 0.0, 1.0)


def test_a_full_disk_is_met_before_a_lesson_is_measured(tmp_path, monkeypatch):
    (tmp_path / "coin.md").write_text(LESSON, encoding="utf-8")

    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(claims, "write_whole", full)
    monkeypatch.setattr(claims, "run_apart", lambda *arguments: pytest.fail("measured"))
    with pytest.raises(OSError, match="No space left"), ThreadPoolExecutor(1) as pool:
        claims.measure("coin", {"lesson": "coin.md", "seeds": 3, "claims": {}}, tmp_path, pool, print)


def test_claims_are_not_measured_on_synthetic_data(monkeypatch, capsys):
    monkeypatch.setattr(claims, "prefetch", lambda: [("alice.txt", "missing", "no network"), ("fra.txt", "cache", "")])
    monkeypatch.setattr("sys.argv", ["claims", "ngrams"])
    assert claims.main() == 2
    assert "these files are missing: alice.txt. Set RNNLIB_DATA." in capsys.readouterr().err


@pytest.mark.parametrize(("over", "answer"), [("each", False), (2, True), (3, False), ("mean", True)])
def test_a_claim_holds_over_each_seed_some_or_the_mean(coin, over, answer):
    runs = claims.stored("coin", coin[0])["runs"]
    assert claims.true(CLAIM | {"over": over}, runs) is answer


@pytest.mark.parametrize(("holds", "answer"), [("-1 < low({}) < 0", True), ("low({}) > 0.1", False), ("high({}) > 0.6", True)])
def test_a_condition_may_ask_for_the_interval_of_a_difference(coin, holds, answer):
    runs = claims.stored("coin", coin[0])["runs"]  # differences 0, 0.375 and 0.75
    assert claims.held({"holds": holds.format("'coin-value', 'coin-edge'"), "over": "mean"}, runs) == [answer]


def test_a_condition_on_an_unknown_number_names_those_that_are_glued(coin):
    with pytest.raises(ValueError, match=r"'coin_valve' is not defined\. The lesson glues coin_edge, coin_name, coin_value"):
        claims.held({"holds": "coin_valve < 1"}, claims.stored("coin", coin[0])["runs"])


def test_the_hash_follows_the_cells_and_not_the_prose(coin):
    root = coin[0]
    page = root / "chapters" / "coin.md"
    known = claims.stored("coin", root)["code"]
    try:
        page.write_text(LESSON.replace("# Coin", "# Coins"), encoding="utf-8")
        assert claims.code_hash(page, root) == known
        cut = "```\n\n```{code-cell} python\n"
        page.write_text(LESSON.replace('glue("coin-name"', cut + 'glue("coin-name"'), encoding="utf-8")
        assert claims.code_hash(page, root) == known, "two cells compute what one did"
        page.write_text(LESSON.replace("seed / 2", "seed / 3"), encoding="utf-8")
        assert claims.code_hash(page, root) != known
        page.write_text(LESSON, encoding="utf-8")
        (root / "claims/coin.py").write_text(MORE.replace("/ 4", "/ 5"), encoding="utf-8")
        assert claims.code_hash(page, root) != known
    finally:
        page.write_text(LESSON, encoding="utf-8")
        (root / "claims/coin.py").write_text(MORE, encoding="utf-8")


# --- the directives, through a strict Sphinx build ----------------------------------------------------------------------------

PAGE = "# Coin\n\n:::{claim} a\n:::\n\n:::{alice-table}\n:::\n"
CONF = """extensions = ["myst_parser", "claims_only"]
myst_enable_extensions = ["colon_fence"]
html_theme = "basic"
root_doc = "chapters/coin"
"""
TOML = (
    'lesson = "chapters/coin.md"\nseeds = 3\n[claims.a]\nsays = "A coin is small."\nholds = "{holds}"\n'
    '[claims.a.shows]\n"value" = "coin-value"\n'
    '[[alice]]\nmodel = "the coin"\nbits = "coin-value"\nseconds = "coin-value"\nparameters = "coin-value"\n'
)


@pytest.mark.parametrize(
    ("holds", "page", "with_result", "warning"),
    [
        ("coin_value < 2", PAGE, True, None),
        ("coin_value < 0.9", PAGE, True, "claim a is not true: 2 of 3"),
        ("coin_value < 2", PAGE.replace("} a", "} c"), True, "claim c: there is none of this name"),
        ("coin_value < 2", PAGE, False, "run make claims LESSON=coin"),
    ],
    ids=["true", "false", "unknown", "not measured"],
)
def test_the_page_shows_the_spread_or_the_build_stops(coin, tmp_path, monkeypatch, holds, page, with_result, warning):
    words, said = site(coin, tmp_path, monkeypatch, holds, page, with_result)
    if warning:
        assert warning in said
        return
    assert said == ""
    assert "A coin is small. over 3 seeds mean least most value 0.5 0 1 Held by 3 of 3 seeds" in words
    assert "The code has changed since" in words, "the page of this test has other cells than the lesson that was run"
    assert "the coin 0.500 0.000 – 1.000 0.5 0.5" in words
    assert MEASURED not in words


@pytest.mark.parametrize(("missing", "lines"), [(("alice.txt",), 2), ((), 0)], ids=["a stand-in", "always synthetic"])
def test_beside_synthetic_data_a_claim_says_what_was_measured(coin, tmp_path, monkeypatch, missing, lines):
    shown = []
    monkeypatch.setattr("rnnlib.data.corpora.display", shown.append)
    data.Corpus(text="", name="alice", origin="synthetic", missing=missing, note="About the data.").show_note()
    page = PAGE.replace("# Coin\n", f"# Coin\n\n```{{raw}} html\n{shown[0]['text/html']}\n```\n")
    words, said = site(coin, tmp_path, monkeypatch, "coin_value < 2", page)
    assert said == "" and "About the data." in words
    assert words.count(MEASURED) == lines, "one in the claim, one after the table"
    if lines:
        assert re.search(rf"make claims LESSON=coin\)\.[^|]*{re.escape(MEASURED)}.*the coin 0\.500 .* {re.escape(MEASURED)}", words)


TABLE = """[claims.a.contest]
rivals = "two coins"
grid = "weights 1, 2 and 3 for each"
chosen_on = "a validation part"
budget = "one throw"
difference = ["coin-value", "coin-value"]
"""
MANY = TABLE.replace('["coin-value", "coin-value"]', '{{ "of value and edge" = ["coin-value", "coin-edge"] }}')


@pytest.mark.parametrize(
    ("contest", "words"),
    [
        (TABLE, "Rivals: two coins. Tried: weights 1, 2 and 3 for each; chosen on a validation part. Budget: one throw. Difference, run"),
        (MANY, "Difference of value and edge, run by run: 0.375, 95 % interval -0.5566 to 1.307 (t interval, 3 runs)"),
        ('contest = "Not searched: one weight for all."\n', "Not searched: one weight for all. Held by 3 of 3 seeds"),
        ('contest = "No contest: one coin."\n', None),
    ],
    ids=["table", "many", "not searched", "none"],
)
def test_the_page_says_how_fair_a_contest_was(coin, tmp_path, monkeypatch, contest, words):
    toml = TOML.replace("[claims.a.shows]\n", f"{contest}[claims.a.shows]\n")
    shown, said = site(coin, tmp_path, monkeypatch, "coin_value < 2", PAGE, toml=toml)
    assert said == "" and (words in shown if words else "ontest" not in shown)


def site(coin, tmp_path, monkeypatch, holds, page, with_result=True, toml=TOML):
    """The words of a page built by a strict Sphinx, and what Sphinx complained of."""
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.docutils import docutils_namespace

    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "coin.md").write_text(page, encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("root: chapters/coin\n", encoding="utf-8")
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    (tmp_path / "claims_only.py").write_text("from tools.rnnbook.claims import setup\n", encoding="utf-8")
    (tmp_path / "claims/results").mkdir(parents=True)
    (tmp_path / "claims/coin.toml").write_text(toml.format(holds=holds), encoding="utf-8")
    if with_result:
        claims.result_file("coin", tmp_path).write_text(claims.result_file("coin", coin[0]).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    said = io.StringIO()
    with docutils_namespace():  # a second Sphinx in one process
        app = Sphinx(tmp_path, tmp_path, tmp_path / "out", tmp_path / "tree", "html", status=None, warning=said)
        try:
            app.build()
        except SphinxError as error:
            said.write(str(error))
    html = tmp_path / "out/chapters/coin.html"
    words = re.sub(r"<[^>]+>", " ", html.read_text(encoding="utf-8")) if html.is_file() else ""
    return " ".join(words.split()), said.getvalue()
