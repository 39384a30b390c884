"""Names, pairs, opinions, archives, sunspots and digits: the real files, and what the synthetic ones claim of themselves."""

import os
import re
from collections import Counter

import numpy as np
import pytest

from rnnlib import data
from rnnlib.data import draws, synthetic

REAL = os.environ.get("RNNLIB_DATA")
real_files = pytest.mark.skipif(not REAL, reason="RNNLIB_DATA names no folder with the real files")
ENTROPY_TOLERANCE = 0.01  # relative, of a sample of 10,000 names


@pytest.fixture
def no_files(monkeypatch, tmp_path):
    monkeypatch.delenv("RNNLIB_DATA", raising=False)
    monkeypatch.setenv("RNNLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("RNNLIB_OFFLINE", "1")


LOADERS = {
    "names": (data.names, "names.txt"),
    "french": (data.french, "fra.txt"),
    "polarity": (data.polarity, "rt-polarity.neg"),
    "JapaneseVowels": (lambda: data.archive("JapaneseVowels"), "JapaneseVowels_TRAIN.ts"),
    "sunspots": (data.sunspots, "sunspots.csv"),
}


@pytest.mark.parametrize("name", LOADERS)
def test_synthetic_data_say_so_and_repeat(name, no_files):
    load, file = LOADERS[name]
    found = load()
    assert found.name == name and found.synthetic and file in found.missing and found.note.count(file) == 1
    assert repr(found).startswith(f"{name} (synthetic): ") and repr(load()) == repr(found)


@real_files
@pytest.mark.parametrize("name", LOADERS)
def test_real_data_need_no_note(name):
    found = LOADERS[name][0]()
    assert found.origin == "folder" and found.note == "" and found.licence and found.url.startswith("https://")


# --- names


@real_files
def test_real_names():
    names = data.names()
    assert len(names) == 32_033 and names.items[0] == "emma" and len(set("".join(names.items))) == 26
    assert repr(names) == "names (folder): 32,033 items"


def test_synthetic_names_have_the_entropy_they_claim(no_files):
    """A name has one reading: log-probabilities of the readings, per character, are the entropy."""
    names = data.names()
    onset, vowel, ending = (draws.zipf(len(part)) for part in (draws.CONSONANTS, draws.VOWELS, draws.ENDINGS))
    bits = length = 0.0
    for name in names.items[:10_000]:
        syllables, tail = re.fullmatch(f"((?:[{draws.CONSONANTS}][{draws.VOWELS}])+)(.*)", name).groups()
        bits -= np.log2((0.2, 0.5, 0.3)[len(syllables) // 2 - 1] * ending[draws.ENDINGS.index(tail)])
        for a, b in zip(syllables[::2], syllables[1::2], strict=True):
            bits -= np.log2(onset[draws.CONSONANTS.index(a)] * vowel[draws.VOWELS.index(b)])
        length += len(name) + 1
    assert bits / length == pytest.approx(names.entropy_bits, rel=ENTROPY_TOLERANCE)


def test_names_of_18_languages():
    names = data.names18()
    assert len(set(names.items)) == len(names) and len(names.classes) == 18 and set(names.labels) == set(range(18))
    assert 0.4 < np.bincount(names.labels).max() / len(names) < 0.6 < names.optimum < 1
    assert f"{names.optimum:.3f}" in names.note


# --- pairs


@real_files
def test_real_pairs():
    pairs = data.french()
    assert len(pairs) == 18_065 and pairs.items[0] == ("Go.", "Va !") and all(len(pair) == 2 for pair in pairs.items)
    assert pairs.items[-1] == ("They deported Tom.", "Ils ont déporté Tom.")  # the cut line after it is left out
    assert len({english for english, _ in pairs.items}) < len(pairs)


def test_synthetic_pairs(no_files):
    pairs = dict.fromkeys(data.french().items)
    assert len(pairs) == 8_640
    for pair in [
        ("She washes a green car.", "Elle lave une voiture verte."),
        ("We paint the small house.", "Nous peignons la petite maison."),
        ("You look at the dog.", "Vous regardez le chien."),
        ("You look at the dog.", "Tu regardes le chien."),
        ("He carries a black hat.", "Il porte un chapeau noir."),
    ]:
        assert pair in pairs


def test_pairs_are_split_by_their_source():
    pairs = [(str(k // 2), f"{k}") for k in range(40)]
    for rng in (None, np.random.default_rng(0)):
        parts = data.split_pairs(pairs, (0.5, 0.3, 0.2), rng)
        assert [len(part) for part in parts] == [10, 6, 4]
        assert sorted((source, target) for part in parts for source in part for target in part[source]) == sorted(pairs)
    assert list(data.split_pairs(pairs)[0]) == [str(k) for k in range(16)]


# --- opinions


@real_files
def test_real_opinions():
    found = data.polarity()
    assert len(found) == 10_662 and np.bincount(found.labels).tolist() == [5331, 5331]
    assert found.items[0] == "simplistic , silly and tedious ." and found.items[-1].startswith("provides a porthole")


def test_synthetic_opinions_have_the_optimum_they_claim(no_files):
    found = data.polarity()
    score = np.array([sum((word in synthetic._GOOD) - (word in synthetic._BAD) for word in item.split()) for item in found.items])
    right = np.where(score == 0, 0.5, (score > 0) == found.labels).mean()
    assert found.optimum == pytest.approx((0.8 + 0.8 + 0.896) / 3)
    assert right == pytest.approx(found.optimum, abs=0.012)


# --- archives

SIZES = {"JapaneseVowels": (270, 370, 12, 9), "BasicMotions": (40, 40, 6, 4), "PickupGestureWiimoteZ": (50, 50, 1, 10)}


def _check_archive(found, name):
    n_train, n_test, D, n_classes = SIZES[name]
    assert len(found.x_train) == len(found.y_train) == n_train and len(found.x_test) == len(found.y_test) == n_test
    assert all(x.dtype == np.float32 and x.ndim == 2 and x.shape[1] == D and np.isfinite(x).all() for x in found.x_train + found.x_test)
    assert set(found.y_train) == set(range(n_classes)) and len(found.classes) == n_classes
    assert f"{n_train} to train, {n_test} to test, {n_classes} classes" in repr(found)


@real_files
@pytest.mark.parametrize("name", SIZES)
def test_real_archives(name):
    found = data.archive(name)
    _check_archive(found, name)
    if name == "JapaneseVowels":
        assert (min(map(len, found.x_train + found.x_test)), max(map(len, found.x_train + found.x_test))) == (7, 29)
        assert found.x_train[0][0, 0] == np.float32(1.860936) and found.x_train[0][1, 0] == np.float32(1.891651)


@pytest.mark.parametrize("name", SIZES)
def test_synthetic_archives(name, no_files):
    found = data.archive(name)
    _check_archive(found, name)
    assert found.optimum >= 0.95


def test_archive_names():
    with pytest.raises(ValueError, match="name: expected one of 'JapaneseVowels', 'BasicMotions', 'PickupGestureWiimoteZ', got 'Vowels'"):
        data.archive("Vowels")


def test_ts_files_by_hand():
    header = b"# a comment\n@problemName x\n@classLabel true up down\n@data\n"
    series, labels, classes = data.parse_ts(header + b"1,2,3:4,5,6:down\n\n7:8:up\n")
    np.testing.assert_array_equal(series[0], [[1, 4], [2, 5], [3, 6]])
    assert series[1].shape == (1, 2) and labels.tolist() == [1, 0] and classes == ("up", "down")
    with pytest.raises(ValueError, match="content: expected one of the classes up, down in line 5, got 'left'"):
        data.parse_ts(header + b"1,2:left\n")
    with pytest.raises(ValueError, match=r"content: expected channels of one length in line 5, got \[2, 1\]"):
        data.parse_ts(header + b"1,2:3:up\n")


# --- sunspots


@real_files
def test_real_sunspots():
    found = data.sunspots()
    assert found.years[0] == 1700 and found.years[-1] == 2008 and len(found) == 309 and found.values[:3].tolist() == [5, 11, 16]


def test_synthetic_sunspots_have_the_optimum_they_claim(no_files):
    """The source's own forecast of the root misses by its noise."""
    found = data.sunspots()
    root = np.sqrt(found.values) - 8
    forecast = sum(weight * root[9 - lag : len(root) - lag] for lag, weight in synthetic._LAGS.items())
    error = np.sqrt(np.mean((forecast - root[9:]) ** 2))
    assert error == pytest.approx(found.optimum, rel=0.1) and root.min() > -8, 'no root was negative'
    spectrum = abs(np.fft.rfft(root - root.mean())) ** 2
    assert 8 < len(root) / spectrum.argmax() < 14


# --- digits


def test_digits():
    found = data.digits()
    assert found.x_train.shape == (1437, 8, 8) and found.x_test.shape == (360, 8, 8) and found.x_train.dtype == np.float32
    assert min(Counter(found.y_test.tolist()).values()) > 15 and len(found.classes) == 10
    if found.synthetic:
        assert 0.95 < found.optimum < 1 and "scikit-learn" in found.note
