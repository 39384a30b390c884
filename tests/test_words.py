"""The words of docs, help and messages: phrasings that a reader has to decode stay out. The lessons' prose is not judged here."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *("README.md", "CONTRIBUTING.md", "RECIPES.md", "labs/README.md", "benchmarks/README.md", "Makefile", "tools/setup.sh"),
    *("labs/grading/desk/report.html", "labs/grading/desk/similarity.html"),
    *(f"chapters/{name}.md" for name in ("index", "students", "instructors", "selftest")),
]
CODE = [path for folder in ("rnnlib", "labs/grading", "tools") for path in sorted((ROOT / folder).rglob("*.py"))]
PHRASES = {
    r"\broads?\b": "workflow, way, or nothing",
    r"(?<![\w'])[Ww]hoever\b|(?:^|[.:;] )Who (?!\w+[^.]*\?)": "anyone who, students who",
    r"\ba person (?:has to|will|must)\b": "needs manual grading",
    r"\b(?:the )?most (?:one|that one) can reach\b": "maximum",
    r"\bstands? (?:in|on|beside|behind|there|under)\b": "is, appears",
    r"\b(?:what|where|as) it (?:came|stands)\b|\bwhat came\b": "what was given, unchanged",
    r"\bcannot be had\b|\bis to be had\b": "is missing",
    r"\bhas to be said\b|\bit says of\b": "note, message",
    r"\blaws?\b": "property",
    r"\bmust hold\b|\bwhat holds\b|\bholds (?:the house )?rules\b": "check",
    r"\binvented (?:data|text)\b": "synthetic data",
    r"\ballowed are\b": "expected at most",
    r"\b(?:[Ww]here|[Ii]f) no (?:road|way|network)\b": "if … is missing",
    r"\btakes? (?:back|in) (?:the|a) (?:release|submission)": "remove, import",
}


def word_faults(name, text):
    """Lines with a phrase that has to be decoded, each with what to write instead."""
    lines = enumerate(text.splitlines(), 1)
    return [
        f"{name}:{number}: {found[0].strip()!r} (write: {better})"
        for number, line in lines
        for phrase, better in PHRASES.items()
        if (found := re.search(phrase, line))
    ]


def messages(source):
    """What a program can print: the texts in ``raise``, in calls of ``print``, ``say``, ``error`` and in the help of a command line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            parts = [*node.exc.args]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("print", "say", "error"):
            parts = [*node.args]
        elif isinstance(node, ast.Call):
            parts = [keyword.value for keyword in node.keywords if keyword.arg in ("help", "description")]
        else:
            continue
        for part in parts:
            texts = [piece.value for piece in ast.walk(part) if isinstance(piece, ast.Constant) and isinstance(piece.value, str)]
            if texts:
                yield node.lineno, "…".join(texts)


@pytest.mark.parametrize("name", PAGES)
def test_pages_need_no_decoding(name):
    assert word_faults(name, (ROOT / name).read_text(encoding="utf-8")) == []


def test_messages_need_no_decoding():
    faults = []
    for path in CODE:
        for line, text in messages(path.read_text(encoding="utf-8")):
            faults += word_faults(f"{path.relative_to(ROOT)}:{line}", text)
    assert faults == []


@pytest.mark.parametrize(
    "poor",
    [
        "Where no road leads to a file, the lesson runs on an invented text.",
        "Whoever hides a reference gets past.",
        "An optimum. Who knows the source is right.",
        "ada: 45 points   a person has to look",
        "points and the most one can reach",
        "what stands in the padding",
        "the argument, what was expected and what came",
        "12 data files cannot be had",
        "hidden tests change sizes, seeds and laws",
    ],
)
def test_checker_finds_a_poor_phrase(poor):
    assert word_faults("a", poor)


def test_checker_accepts_plain_words_and_reads_messages():
    assert word_faults("a", "Who controls the forget gate? Students who hand in late lose points. lab_laws.py broadcasts.") == []
    source = """def f(x):
        raise ValueError(f"x: {x}, what came")
        print("a", "b")
        p.add_argument("--x", help="the road")
    """
    assert sorted(messages(source)) == [(2, "x: …, what came"), (3, "a"), (3, "b"), (4, "the road")]
