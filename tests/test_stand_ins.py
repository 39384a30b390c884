"""A lesson runs without data files: each loader has a stand-in with the format of the real data, and each lesson says so on its page."""

import ast
import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnlib import data
from rnnlib.data import fetch
from tools import lessons

ROOT = Path(__file__).resolve().parent.parent
REAL = os.environ.get("RNNLIB_DATA")
CELLS = {page.stem: lessons.code_cells(page) for page in lessons.lessons(ROOT)}
ARCHIVES = ("JapaneseVowels", "BasicMotions", "PickupGestureWiimoteZ")
# loader -> calls that together ask for all of its files
LOADERS = {
    "alice": [data.alice],
    "shakespeare": [data.shakespeare],
    "names": [data.names],
    "names18": [data.names18],
    "french": [data.french],
    "polarity": [data.polarity],
    "archive": [lambda name=name: data.archive(name) for name in ARCHIVES],
    "sunspots": [data.sunspots],
    "digits": [data.digits],
}
CALLS = [(loader, k) for loader, calls in LOADERS.items() for k in range(len(calls))]


@pytest.fixture
def no_files(monkeypatch, tmp_path):
    monkeypatch.delenv("RNNLIB_DATA", raising=False)
    monkeypatch.setenv("RNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RNNLIB_OFFLINE", "1")


def called(cell):
    """(name of the function or method, the call) for each call in a cell."""
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""), node


def loads(cells):
    """The cells that load data, by loaders that the lesson imports: the name may be another function of the lesson's own."""
    imported = {
        alias.name
        for cell in cells
        for node in ast.walk(ast.parse(cell))
        if isinstance(node, ast.ImportFrom) and node.module == "rnnlib.data"
        for alias in node.names
    }
    return [cell for cell in cells if any(name in LOADERS and name in imported for name, _ in called(cell))]


def note_faults(cells):
    """Of the cells that load data, those that do not call ``note`` exactly once."""
    return [cell for cell in loads(cells) if [name for name, _ in called(cell)].count("note") != 1]


def test_every_lesson_that_loads_data_shows_the_note():
    faults = {name: note_faults(cells) for name, cells in CELLS.items()}
    assert {name: cells for name, cells in faults.items() if cells} == {}, "call note(...) where the data are loaded"
    assert sum(bool(loads(cells)) for cells in CELLS.values()) >= 14


def test_a_lesson_without_the_note_is_found():
    load = "from rnnlib.data import alice\ncorpus = alice()"
    assert note_faults([load]) == [load] and note_faults([f"{load}\nnote(corpus)"]) == []
    assert note_faults(["def alice(): pass", "alice()"]) == [], "a function of the lesson's own"


def test_every_file_has_a_loader(no_files):
    missing = {file for loader, k in CALLS for file in LOADERS[loader][k]().missing}
    assert missing == set(fetch.manifest())


# --- the format of the real data ----------------------------------------------------------------------------------------------


def form(found):
    """What a lesson may rely on: a nested dict of types, dtypes, dimensions and sizes."""
    if isinstance(found, data.Corpus):
        return {"size": len(found), "ascii": found.text.isascii()}
    if isinstance(found, data.Archive):
        parts = {"train": found.x_train, "test": found.x_test}
        forms = {name: (len(part), part[0].dtype.str, part[0].ndim, part[0].shape[-1]) for name, part in parts.items()}
        lengths = {len(x) for part in parts.values() for x in part}
        labels = {"y_train": found.y_train.dtype.str, "seen": len(set(found.y_train.tolist()))}
        return forms | labels | {"classes": len(found.classes), "one length": len(lengths) == 1}
    if isinstance(found, data.Series):
        years = (found.years[0], found.years[-1], found.years.dtype.str)
        return {"years": years, "values": found.values.dtype.str, "positive": found.values.min() >= 0}
    labels = None if found.labels is None else (found.labels.dtype.str, np.bincount(found.labels).tolist())
    return {"item": type(found.items[0]), "labels": labels, "classes": found.classes}


@pytest.mark.skipif(not REAL, reason="RNNLIB_DATA names no folder with the real files")
@pytest.mark.parametrize(("loader", "k"), [call for call in CALLS if call[0] != "names18"])
def test_a_stand_in_has_the_form_of_the_real_data(loader, k, no_files, monkeypatch):
    with monkeypatch.context() as now:
        now.setenv("RNNLIB_DATA", REAL)
        real = LOADERS[loader][k]()
    if loader == "digits":
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    stand_in = LOADERS[loader][k]()
    assert stand_in.synthetic and not real.synthetic
    assert form(stand_in) == form(real)


def test_texts_have_what_the_lessons_ask_for(no_files):
    """Places to look for, prompts to go on with: whatever a lesson that reads Alice names in the text is in the stand-in."""
    text, asked = data.alice().text, set()
    for cells in CELLS.values():
        calls = [found for cell in cells for found in called(cell)]
        if "alice" in [name for name, _ in calls]:
            first = [call.args[0] for name, call in calls if name in ("index", "find", "write") and call.args]
            asked |= {argument.value for argument in first if isinstance(argument, ast.Constant) and isinstance(argument.value, str)}
    assert {"Alice was beginning", " was ", "Alice "} <= asked, "the lessons were read"
    assert {phrase for phrase in asked if phrase not in text} == set()
    # brackets, quotations, names with capitals, chapters, paragraphs
    for mark in ("(", "[", "_", "'", "?", "CHAPTER ", "\n\n", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        assert text.count(mark) >= 2, mark


# --- some of the files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loader", "k"), [call for call in CALLS if call[0] not in ("names18", "digits")])
def test_a_wrong_file_or_an_empty_folder_gives_a_stand_in(loader, k, no_files, monkeypatch, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("RNNLIB_DATA", str(folder))
    found = LOADERS[loader][k]()
    assert found.synthetic and "downloads are switched off" in found.note
    for file in found.missing:
        (folder / file).write_bytes(b"another file")
    again = LOADERS[loader][k]()
    assert again.missing == found.missing and "the one in RNNLIB_DATA is not the right file" in again.note
    assert form(again) == form(found)


def test_one_file_of_two_is_not_enough(no_files, monkeypatch, tmp_path):
    content = b"one sentence\nand another\n"
    here, gone = files = ("rt-polarity.neg", "rt-polarity.pos")
    monkeypatch.setattr(fetch, "manifest", lambda: {file: _entry(content) for file in files})
    monkeypatch.setattr(data.corpora, "manifest", fetch.manifest)
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path))
    (tmp_path / here).write_bytes(content)
    found = data.polarity()
    assert found.synthetic and found.missing == (gone,)
    assert f"synthetic data, because {gone} is missing: " in found.note and here not in found.note
    (tmp_path / gone).write_bytes(content)
    found = data.polarity()
    assert found.origin == "folder" and found.items == ["one sentence", "and another"] * 2


def _entry(content):
    return {"url": "http://127.0.0.1:1/x", "sha256": hashlib.sha256(content).hexdigest(), "licence": "none"}
