"""Pictures and films with a known answer: moving shapes, captions, questions, digits."""

import numpy as np

from rnnlib.checks import check_number, check_rng
from rnnlib.data.sets import Archive

SIZE, GRID = 24, 4  # pixels of a scene's side, cells along it
CELL = SIZE // GRID
COLOURS = {"red": (1.0, 0.1, 0.1), "green": (0.1, 0.8, 0.1), "blue": (0.2, 0.3, 1.0), "yellow": (0.9, 0.9, 0.1)}
SHAPES = ("square", "circle", "triangle", "cross")
DIRECTIONS = ("up", "down", "left", "right")


def _stamp(shape):
    """A shape as a CELL x CELL mask."""
    y, x = np.mgrid[:CELL, :CELL] - (CELL - 1) / 2
    half = CELL / 2 - 0.5
    masks = {
        "square": np.maximum(abs(x), abs(y)) <= half,
        "circle": x**2 + y**2 <= half**2 + 0.5,
        "triangle": abs(x) <= (y + half) / 2 + 0.25,
        "cross": np.minimum(abs(x), abs(y)) <= 0.5,
    }
    return masks[shape]


def moving_shapes(B, T, rng, size=16, noise=0.1):
    """Films of a shape that moves one pixel a frame over a field without borders: which way?

    A single frame says nothing (1/4), two say everything: the optimum is 1.

    Parameters
    ----------
    B, T, size : int
        Films, frames (>= 2), pixels of a side (>= 8).
    rng : numpy.random.Generator
    noise : float
        Standard deviation of the noise on every pixel.

    Returns
    -------
    films : ndarray of shape (B, T, size, size), float32
    labels : ndarray of shape (B,), int64
        Index into ``DIRECTIONS``: up, down, left, right.

    Notes
    -----
    Lesson: :ref:`many-to-one`.
    """
    check_number("B", B, 1, integer=True)
    check_number("T", T, 2, integer=True)
    check_number("size", size, 8, integer=True)
    check_number("noise", noise, 0)
    check_rng(rng)
    films = np.zeros((B, T, size, size), np.float32)
    labels = rng.integers(0, 4, B)
    for film, label in zip(films, labels, strict=True):
        film[0, :CELL, :CELL] = _stamp(SHAPES[rng.integers(len(SHAPES))])
        film[0] = np.roll(film[0], rng.integers(0, size, 2), axis=(0, 1))
        axis, way = divmod(int(label), 2)
        for t in range(1, T):
            film[t] = np.roll(film[t - 1], 2 * way - 1, axis=axis)
    return films + np.float32(noise) * rng.standard_normal(films.shape, np.float32), labels


def _scenes(n, n_objects, rng, noise, aligned):
    """Pictures of objects with different shapes and colours: (images, cells, colours, shapes)."""
    check_number("n", n, 1, integer=True)
    check_number("noise", noise, 0)
    check_rng(rng)
    images = np.zeros((n, 3, SIZE, SIZE), np.float32)
    cells = np.empty((n, n_objects, 2), np.int64)  # row, column
    colours = np.array([rng.permutation(len(COLOURS))[:n_objects] for _ in range(n)])
    shapes = np.array([rng.permutation(len(SHAPES))[:n_objects] for _ in range(n)])
    table = list(COLOURS.values())
    for k in range(n):
        if aligned:  # two objects in one row or in one column, the first before the second
            line, places = rng.integers(GRID), np.sort(rng.permutation(GRID)[:2])
            cells[k] = [(line, place) for place in places] if rng.integers(2) else [(place, line) for place in places]
        else:  # every row and every column at most once: left and right are always clear
            cells[k] = np.stack([rng.permutation(GRID)[:n_objects], rng.permutation(GRID)[:n_objects]], axis=1)
        for (row, column), colour, shape in zip(cells[k], colours[k], shapes[k], strict=True):
            corner = images[k, :, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
            corner[:] = np.where(_stamp(SHAPES[shape]), np.array(table[colour])[:, None, None], 0)
    return images + np.float32(noise) * rng.standard_normal(images.shape, np.float32), cells, colours, shapes


def captions(n, rng, noise=0.05):
    """Pictures of two objects, and a sentence that says what and where they are.

    *a red square left of a blue circle*: the left or upper object comes first. The optimum is exact: 1. A model that does not look is
    right in 1 of 288 cases (12 pairs of colours, 12 of shapes, 2 relations).

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
    noise : float
        Standard deviation of the noise on every pixel.

    Returns
    -------
    images : ndarray of shape (n, 3, 24, 24), float32
    sentences : list of str
    cells : ndarray of shape (n, 2), int64
        Where the two objects are on the grid of 4 x 4 cells, counted row by row: what attention should look at.

    Notes
    -----
    Lesson: :ref:`captioning`. Source: the task of Xu et al. (2015), in small.
    """
    images, cells, colours, shapes = _scenes(n, 2, rng, noise, aligned=True)
    sentences, names = [], list(COLOURS)
    for k in range(n):
        first, second = (f"a {names[colours[k, j]]} {SHAPES[shapes[k, j]]}" for j in range(2))
        relation = "left of" if cells[k, 0, 0] == cells[k, 1, 0] else "above"
        sentences.append(f"{first} {relation} {second}")
    return images, sentences, cells[:, :, 0] * GRID + cells[:, :, 1]


ANSWERS = (*COLOURS, *SHAPES, "no", "yes")


def questions(n, rng, noise=0.05):
    """Pictures of three objects, a question about each, and the answer.

    Four kinds of question: *what colour is the circle*, *what shape is red*, *is the circle left of the square*,
    *is there a red circle*. The optimum is 1; with the question alone (1/4 + 1/4 + 1/2 + 1/2) / 4 = 0.375.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
    noise : float
        Standard deviation of the noise on every pixel.

    Returns
    -------
    images : ndarray of shape (n, 3, 24, 24), float32
    asked : list of str
    answers : ndarray of shape (n,), int64
        Index into ``ANSWERS``: four colours, four shapes, no, yes.
    kinds : ndarray of shape (n,), int64
        Kind of question, 0..3.

    Notes
    -----
    Lesson: :ref:`visual-questions`.
    """
    images, cells, colours, shapes = _scenes(n, 3, rng, noise, aligned=False)
    names, asked, kinds = list(COLOURS), [], rng.integers(0, 4, n)
    answers = np.empty(n, np.int64)
    for k, kind in enumerate(kinds):
        one, other = rng.permutation(3)[:2]
        colour, shape = names[colours[k, one]], SHAPES[shapes[k, one]]
        if kind == 0:
            question, answer = f"what colour is the {shape}", colour
        elif kind == 1:
            question, answer = f"what shape is {colour}", shape
        elif kind == 2:
            question = f"is the {shape} left of the {SHAPES[shapes[k, other]]}"
            answer = "yes" if cells[k, one, 1] < cells[k, other, 1] else "no"
        else:  # the colour is there and the shape is there; together or not is a matter of looking
            there = rng.integers(2)
            question = f"is there a {colour} {shape if there else SHAPES[shapes[k, other]]}"
            answer = "yes" if there else "no"
        asked.append(question)
        answers[k] = ANSWERS.index(answer)
    return images, asked, answers, kinds


_DIGITS = """
.###. ..#.. .###. ####. #..#. ##### .###. ##### .###. .###.
#...# .##.. #...# ....# #..#. #.... #.... ....# #...# #...#
#...# ..#.. ...#. .###. ##### ####. ####. ...#. .###. .####
#...# ..#.. ..#.. ....# ...#. ....# #...# ..#.. #...# ....#
.###. .###. ##### ####. ...#. ####. .###. .#... .###. .###.
"""


def digits():
    """Pictures of digits, 8 x 8 pixels from 0 to 16: 1,437 to train, 360 to test.

    The real ones are those of scikit-learn (UCI, optical recognition of handwritten digits), if it is installed. Otherwise drawn
    ones: ten shapes at random places with noise; ``optimum`` is then the accuracy of a classifier that knows shapes, places and noise.

    Returns
    -------
    digits : Archive
        ``x_train`` and ``x_test`` are arrays of shape (N, 8, 8), float32.

    Notes
    -----
    Lesson: :ref:`digits-as-sequences`, :ref:`pixels`. The split is random, so both parts have digits by the same writers.
    """
    order, edge = np.random.default_rng(0).permutation(1797), 1437
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        images, labels, optimum = _drawn_digits(1797, np.random.default_rng(1))
        known = {"origin": "synthetic", "missing": ("scikit-learn",), "optimum": float((optimum == labels)[order[edge:]].mean())}
        known["note"] = (
            "This page ran on synthetic digits: scikit-learn, which has the handwritten ones, is not installed. "
            f"A classifier that knows how they are drawn gets {known['optimum']:.3f} of the test set right."
        )
    else:
        images, labels = load_digits(return_X_y=True)
        images, labels, known = images.reshape(-1, 8, 8), labels, {"origin": "package", "licence": "CC BY 4.0 (UCI, 1998)"}
    images, labels = images[order].astype(np.float32), labels[order].astype(np.int64)
    return Archive(
        x_train=images[:edge],
        y_train=labels[:edge],
        x_test=images[edge:],
        y_test=labels[edge:],
        classes=tuple("0123456789"),
        name="digits",
        **known,
    )


def _drawn_digits(n, rng, noise=6.0):
    """(images, labels, what the Bayes classifier says). Values are not cut off at 0 and 16, or the noise were not Gaussian."""
    rows = np.array([[[mark == "#" for mark in glyph] for glyph in line.split()] for line in _DIGITS.strip().split("\n")])
    glyphs = rows.transpose(1, 0, 2)  # (10, 5, 5)
    templates = np.zeros((10, 4, 4, 8, 8))
    for down in range(4):
        for right in range(4):
            templates[:, down, right, down : down + 5, right : right + 5] = 16.0 * glyphs
    labels = rng.integers(0, 10, n)
    down, right = rng.integers(0, 4, (2, n))
    images = templates[labels, down, right] + noise * rng.standard_normal((n, 8, 8))
    # log likelihood of each place of each digit, summed over the places
    flat = templates.reshape(160, 64)
    scores = (images.reshape(n, 64) @ flat.T - 0.5 * (flat**2).sum(axis=1)) / noise**2
    scores = np.logaddexp.reduce(scores.reshape(n, 10, 16), axis=2)
    return images, labels, scores.argmax(axis=1)
