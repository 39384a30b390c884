"""Where corpora come from, checksums, and the way from text to batches."""

import contextlib
import functools
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rnnlib import data
from rnnlib.data import fetch, synthetic

CONTENT = b"CHAPTER I. Down the well.\r\n\r\nTHE END\r\n"
LONG = 300.0  # seconds; on a busy machine every answer takes its time, and no test may hang on that
ENTROPY_TOLERANCE = 0.02  # of a sample's bits per character against the formula, relative
# Taken when pytest collects, before the fixture below hides the variable.
REAL = os.environ.get("RNNLIB_DATA")
real_files = pytest.mark.skipif(not REAL, reason="RNNLIB_DATA names no folder with the real files")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test touches the user's cache or the network."""
    monkeypatch.delenv("RNNLIB_DATA", raising=False)
    monkeypatch.delenv("RNNLIB_OFFLINE", raising=False)
    monkeypatch.setenv("RNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "manifest", lambda: {"alice.txt": _entry("http://127.0.0.1:1/alice.txt")})
    monkeypatch.setattr(data.corpora, "manifest", fetch.manifest)
    return tmp_path / "cache"


def _entry(url, content=CONTENT):
    return {"url": url, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "licence": "none", "note": ""}


def _put(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "alice.txt").write_bytes(content)
    return folder


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine; ``server.hits`` lists what was asked of it."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        hits, answer = [], threading.Event()

        def do_GET(self):
            self.hits.append(self.path)
            self.answer.wait(LONG)
            with contextlib.suppress(ConnectionError):  # whoever asked may have gone
                super().do_GET()

        def log_message(self, *args):
            pass

    root = _put(tmp_path / "www", CONTENT)
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=root))
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(fetch, "manifest", lambda: {"alice.txt": _entry(f"http://127.0.0.1:{running.server_port}/alice.txt")})
    monkeypatch.setattr(data.corpora, "manifest", fetch.manifest)
    monkeypatch.setattr(fetch, "TIME_LIMIT", LONG)
    Handler.root = root
    Handler.answer.set()
    yield Handler
    Handler.answer.set()
    running.shutdown()
    running.server_close()


# --- where a file comes from


def test_the_folder_comes_first(tmp_path, monkeypatch, own_cache):
    _put(own_cache, b"never looked at")
    monkeypatch.setenv("RNNLIB_DATA", str(_put(tmp_path / "mine", CONTENT)))
    corpus = data.alice()
    assert (corpus.origin, corpus.note, corpus.text) == ("folder", "", "CHAPTER I. Down the well.\n\n")


def test_a_folder_without_the_file_leads_to_the_cache(tmp_path, monkeypatch, own_cache):
    (tmp_path / "mine").mkdir()
    _put(own_cache, CONTENT)
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path / "mine"))
    assert data.alice().origin == "cache"


def test_a_download_lands_in_the_cache(server, capfd):
    assert data.alice().origin == "download"
    assert data.alice().origin == "cache"
    assert server.hits == ["/alice.txt"]
    assert capfd.readouterr() == ("", "")  # a lesson fails on stderr


def test_a_synthetic_text_says_so(capfd):
    corpus = data.alice()
    assert corpus.synthetic and corpus.missing == ("alice.txt",) and len(corpus) == 144_334
    assert "synthetic data, because alice.txt is missing: 127.0.0.1 could not be reached" in corpus.note
    assert corpus.note.count("alice.txt") == 1 and f"{corpus.entropy_bits:.3f} bits per character" in corpus.note
    assert corpus.text == data.alice(offline=True).text  # the same on every machine
    assert capfd.readouterr() == ("", "")


def test_missing_folder_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"RNNLIB_DATA: expected a folder, got '.*nowhere'"):
        data.alice()


def test_unknown_names():
    with pytest.raises(ValueError, match="name: expected one of 'alice', 'shakespeare', got 'bible'"):
        data.load_text("bible")
    with pytest.raises(ValueError, match=r"name: expected one of alice.txt, got 'bible.txt'"):
        fetch.find("bible.txt")


# --- files that are not what they should be


WRONG = r"is not the right file \(expected SHA-256 .{12}…, got .{12}…, 5 bytes\)"


def _folder(monkeypatch, tmp_path, content):
    monkeypatch.setenv("RNNLIB_DATA", str(_put(tmp_path / "mine", content)))


def test_a_wrong_file_in_the_folder_is_passed_over(tmp_path, monkeypatch, own_cache):
    _folder(monkeypatch, tmp_path, b"wrong")
    corpus = data.alice()
    assert corpus.synthetic and re.search(f"alice.txt is missing: the one in RNNLIB_DATA {WRONG}; 127.0.0.1", corpus.note)
    _put(own_cache, CONTENT)
    assert data.alice().origin == "cache" and data.alice().note == ""
    (found,) = data.prefetch()
    assert found[:2] == ("alice.txt", "cache") and re.fullmatch(f"the one in RNNLIB_DATA {WRONG}", found[2]), "the build says so"


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path, monkeypatch):
    _folder(monkeypatch, tmp_path, CONTENT)
    monkeypatch.setattr(Path, "read_bytes", lambda path: (_ for _ in ()).throw(PermissionError(13, "no")))
    assert "the one in RNNLIB_DATA cannot be read (PermissionError)" in data.alice().note


def test_a_damaged_cache_is_replaced(server, own_cache):
    _put(own_cache, b"wrong")
    assert data.alice().origin == "download"
    assert (own_cache / "alice.txt").read_bytes() == CONTENT


def test_a_damaged_cache_that_cannot_be_replaced_is_passed_over(own_cache):
    _put(own_cache, b"wrong")
    assert re.search(f"the one in the cache {WRONG}", data.alice().note)


def test_a_wrong_download_is_not_kept(server, own_cache):
    _put(server.root, b"wrong")
    assert re.search(f"the one that 127.0.0.1 sent {WRONG}", data.alice().note)
    assert data.alice().synthetic and server.hits == ["/alice.txt"], "it is not tried again at once"
    assert [file.name for file in own_cache.iterdir()] == [".refused-alice.txt"]


# --- a network that does not answer


def test_a_failure_is_remembered(server, monkeypatch, own_cache):
    asked, receive = [], fetch._receive
    monkeypatch.setattr(fetch, "_receive", lambda *how: asked.append(how) or receive(*how))
    server.answer.clear()  # the server takes the question and says nothing
    monkeypatch.setattr(fetch, "TIME_LIMIT", 0.2)
    assert "could not be reached" in data.alice().note
    assert data.alice().synthetic and len(asked) == 1, "it is not asked again at once"
    monkeypatch.setattr(fetch, "MEMORY", 0.0)  # later
    monkeypatch.setattr(fetch, "TIME_LIMIT", LONG)
    server.answer.set()
    assert data.alice().origin == "download"


def test_a_download_that_is_given_up_leaves_nothing_behind(monkeypatch, own_cache):
    given_up, done = threading.Event(), threading.Event()

    def slow(url, seconds):
        given_up.wait(LONG)
        done.set()
        return CONTENT

    monkeypatch.setattr(fetch, "TIME_LIMIT", 0.05)
    monkeypatch.setattr(fetch, "_receive", slow)
    assert "could not be reached (TimeoutError)" in data.alice().note
    given_up.set()  # only now does the thread get its answer
    assert done.wait(LONG)
    assert [file.name for file in own_cache.iterdir()] == [".unreachable-127.0.0.1"]


def test_what_arrives_after_the_time_is_refused():
    assert fetch._Buffer(time.monotonic() + 60).write(b"abc") == 3
    with pytest.raises(TimeoutError, match="the download took too long"):
        fetch._Buffer(time.monotonic() - 1).write(b"abc")


def test_a_refusal_is_remembered_for_that_file_only(server, own_cache):
    (server.root / "alice.txt").unlink()
    assert "127.0.0.1 answered 404" in data.alice().note
    assert data.alice().synthetic and server.hits == ["/alice.txt"]
    assert [stamp.name for stamp in own_cache.glob(".*")] == [".refused-alice.txt"]


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_offline_asks_nobody(server, monkeypatch, how):
    monkeypatch.setenv("RNNLIB_OFFLINE", "1" if how == "variable" else "0")
    corpus = data.alice(offline=True if how == "argument" else None)
    assert corpus.synthetic and "switched off" in corpus.note and server.hits == []


def test_prefetch_names_every_file(server):
    assert data.prefetch() == [("alice.txt", "download", "")]
    assert data.prefetch() == [("alice.txt", "cache", "")]


def test_a_cache_that_cannot_be_written_still_gives_a_text(tmp_path, monkeypatch, server):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("RNNLIB_CACHE", str(tmp_path / "file" / "cache"))
    assert data.alice().origin == "download"
    (server.root / "alice.txt").unlink()
    assert data.alice().synthetic


# --- what the texts are


@real_files
@pytest.mark.parametrize(("name", "size", "symbols"), [("alice", 144_334, 69), ("shakespeare", 1_115_394, 65)])
def test_real_texts(name, size, symbols, monkeypatch):
    monkeypatch.undo()
    corpus = data.load_text(name)
    assert (len(corpus), len(set(corpus.text)), corpus.origin) == (size, symbols, "folder")
    assert corpus.text.isascii() and "Gutenberg" not in corpus.text
    assert repr(corpus) == f"{name} (folder): {size:,} characters, {symbols} symbols"


def test_the_manifest_is_complete():
    entries = fetch.json.loads(Path(fetch.__file__).with_name("manifest.json").read_text(encoding="utf-8"))
    for entry in entries.values():
        assert entry["url"].startswith("https://") and len(entry["sha256"]) == 64 and entry["licence"]


@pytest.mark.parametrize("grammar", [synthetic.wonderland(), synthetic.stage()])
def test_synthetic_texts_have_the_entropy_they_claim(grammar):
    """Read a sample back: every sentence has one reading, and its log-probability per character is the entropy."""
    rng = np.random.default_rng(1)
    text = grammar.sample(200_000, rng)
    bits, at = 0.0, 0
    while len(text) - at > 1000:
        ((end, log2_p),) = grammar.readings(text, at)  # exactly one
        bits, at = bits - log2_p, end
    assert bits / at == pytest.approx(grammar.entropy_bits, rel=ENTROPY_TOLERANCE)


def test_a_sentence_with_two_readings_is_found():
    grammar = synthetic.Grammar({"{a}{b}.": 1}, {"a": "x xy", "b": "yz z"})
    assert len(list(grammar.readings("xyz."))) == 2 and not list(grammar.readings("xz"))


def test_a_grammar_by_hand():
    grammar = synthetic.Grammar({"{a} {b}.": 1, "no.": 1}, {"a": "x y", "b": {"{a}{a}": 3, "z": 1}})
    word = 2 / 3 * np.log2(3 / 2) + 1 / 3 * np.log2(3)  # x has twice the weight of y
    phrase = 0.75 * np.log2(4 / 3) + 0.25 * 2 + 0.75 * 2 * word
    assert grammar.entropy_bits == pytest.approx((1 + 0.5 * (word + phrase)) / (0.5 * 3 + 0.5 * (3 + 1.75)), rel=1e-12)
    ((end, log2_p),) = grammar.readings("...x yx.no.", 3)
    assert end == 8 and log2_p == pytest.approx(np.log2(0.5 * 2 / 3 * 0.75 * 1 / 3 * 2 / 3), rel=1e-12)
    assert len(grammar.sample(101, np.random.default_rng(0))) == 101


def test_the_note_is_displayed_only_for_synthetic_data(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    data.Corpus(text="a", name="x", origin="folder").show_note()
    assert shown == []
    data.Corpus(text="a", name="x", origin="synthetic", note="1 < 2").show_note()
    assert "1 &lt; 2" in shown[0]["text/html"] and shown[0]["text/plain"] == "Synthetic data. 1 < 2"


def test_importing_data_is_light():
    code = "import sys, rnnlib.data; print([m for m in ('torch', 'matplotlib', 'pooch', 'requests', 'IPython') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout.strip() == "[]"


# --- vocabulary, batches, splits


def test_vocabulary_by_hand():
    vocabulary = data.Vocabulary("banana")
    assert vocabulary.symbols == ["a", "b", "n"] and vocabulary.V == len(vocabulary) == 3
    ids = vocabulary.encode("nab")
    assert ids.tolist() == [2, 0, 1] and ids.dtype == np.int64
    assert vocabulary.decode(ids) == "nab" and vocabulary.decode([]) == "" and "b" in vocabulary


def test_vocabulary_of_words_with_specials():
    vocabulary = data.Vocabulary(["the", "cat", "the", "dog"], specials=("<pad>", "<unknown>"), unknown="<unknown>")
    assert vocabulary.symbols == ["<pad>", "<unknown>", "cat", "dog", "the"]
    assert vocabulary.encode(["the", "cow"]).tolist() == [4, 1]
    assert vocabulary.decode([4, 2, 0, 0]) == "the cat"


def test_vocabulary_errors():
    vocabulary = data.Vocabulary("ab")
    with pytest.raises(ValueError, match="text: expected only the 2 symbols of this vocabulary, got 'c'"):
        vocabulary.encode("abc")
    with pytest.raises(ValueError, match="ids: expected ids between 0 and 1, got values from 0 to 2"):
        vocabulary.decode([0, 2])
    with pytest.raises(TypeError, match="ids: expected an integer dtype"):
        vocabulary.decode([0.5])
    with pytest.raises(ValueError, match="source: expected a text"):
        data.Vocabulary("")
    with pytest.raises(ValueError, match="unknown: expected one of the specials"):
        data.Vocabulary("ab", unknown="?")


def test_streams_go_on_where_they_ended():
    ids = np.arange(100)
    batches = list(data.char_batches(ids, 3, 4))
    assert len(batches) == 8 and all(x.shape == y.shape == (3, 4) for x, y in batches)
    for (inputs, targets), (following, _) in pairwise(batches):
        np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
        np.testing.assert_array_equal(targets[:, -1], following[:, 0])
    assert [row[0] for row in batches[0][0]] == [0, 33, 66]


def test_streams_use_the_last_id():
    (_, targets), *_ = data.char_batches(np.arange(7), 2, 3)
    assert targets.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("ids", "B", "T", "message"),
    [
        (np.arange(6), 2, 3, r"ids: expected at least B \* T \+ 1 = 7 ids, got 6"),
        (np.arange(6).reshape(2, 3), 1, 1, r"ids: expected shape \(N,\), got \(2, 3\)"),
        (np.arange(6), 0, 3, "B: expected a number >= 1, got 0"),
        (np.arange(6), 1, 0, "T: expected a number >= 1, got 0"),
    ],
)
def test_streams_refuse_at_the_call(ids, B, T, message):
    with pytest.raises(ValueError, match=message):
        data.char_batches(ids, B, T)


def test_padding():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 3)).astype(np.float32) for n in (2, 5, 1)]
    batch, lengths = data.pad_batch(parts, value=9)
    assert batch.shape == (3, 5, 3) and batch.dtype == np.float32 and lengths.tolist() == [2, 5, 1]
    assert (batch[0, 2:] == 9).all()
    np.testing.assert_array_equal(batch[1], parts[1])
    with pytest.raises(ValueError, match="sequences: expected at least one sequence, got none"):
        data.pad_batch([])
    with pytest.raises(ValueError, match=r"sequences: expected at least one step of shape \(3,\), got \(2, 4\) at 1"):
        data.pad_batch([parts[0], np.zeros((2, 4))])


def test_splits_are_contiguous_and_complete():
    for thing in ("abcdefghij", list(range(10)), np.arange(10)):
        parts = data.split(thing, (0.5, 0.3, 0.2))
        assert [len(part) for part in parts] == [5, 3, 2] and parts[1][0] == thing[5]
    with pytest.raises(ValueError, match="fractions: expected positive numbers that sum to 1"):
        data.split("abc", (0.5, 0.6))
    with pytest.raises(ValueError, match="data: expected enough items"):
        data.split("ab", (0.8, 0.1, 0.1))
