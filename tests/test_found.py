"""What search engines and feed readers are told about the book."""

from xml.etree import ElementTree

import pytest
from docutils.core import publish_doctree

from tools.rnnbook import found, index

CHANGELOG = """# Changelog

## Unreleased

- book: not yet

## 0.2.0 · 2026-03-04

- book: a < b
- lab: two

## 0.1.0 · 2026-01-02

- book: one
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Title\n=====\n\nFirst.\n\n**Question.** Why is it so?\n\nMore.\n", "Why is it so?"),
        ("Title\n=====\n\n.. note:: Not this.\n\nThis text. And more.\n", "This text. And more."),
        ("Title\n=====\n\nOf :math:`\\alpha_t` alone.\n", "Of alpha_t alone."),
        ("Title\n=====\n", ""),
        (f"Title\n=====\n\nShort. {'word ' * 60}end.\n", "Short."),
    ],
)
def test_a_page_is_described_by_its_question_or_its_first_words(text, expected):
    assert found.description(publish_doctree(text)) == expected


def test_a_long_description_ends_at_a_word():
    text = found.description(publish_doctree("word " * 100))
    assert len(text) <= found.MAX_DESCRIPTION and text.endswith("word…")


def test_feed_has_the_releases_with_their_dates():
    root = ElementTree.fromstring(found.feed(CHANGELOG, "https://a.example/b/", "Book", "Us"))
    assert [entry.findtext("{*}title") for entry in root.findall("{*}entry")] == ["Book 0.2.0", "Book 0.1.0"]
    assert root.findtext("{*}updated") == "2026-03-04T00:00:00Z"
    assert root.find("{*}entry").findtext("{*}content") == "<ul><li>book: a &lt; b</li><li>lab: two</li></ul>"


def test_sitemap_is_xml():
    root = ElementTree.fromstring(found.sitemap(["https://a.example/?a&b"]))
    assert [node.text for node in root.findall("{*}url/{*}loc")] == ["https://a.example/?a&b"]


def test_index_lists_a_word_once_with_its_pages_in_reading_order():
    entries = {
        "two": [("single", "Gate", "a", "", None), ("single", "gate", "b", "", None)],
        "one": [("single", "gate", "c", "", None)],
        index.GLOSSARY: [("single", "gate", "term-gate", "main", None), ("single", "attention", "term-attention", "main", None)],
    }
    words = index.words(entries, ["one", "two"])
    gate = [(index.GLOSSARY, "term-gate"), ("one", "c"), ("two", "a")]
    assert words == [("attention", [(index.GLOSSARY, "term-attention")]), ("gate", gate)]
    assert '<dt>gate</dt><dd><a href="chapters/glossary#term-gate">' in index.as_html(words, str, str)
