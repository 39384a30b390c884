"""The picture of a lesson that the README shows, and what `make picture` says where it cannot draw one."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import picture

ROOT = Path(__file__).resolve().parent.parent


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_the_picture_is_there_wide_and_light():
    size = picture.PICTURE.stat().st_size
    assert 0 < size <= picture.MAX_BYTES
    with Image.open(picture.PICTURE) as image:
        width, height = image.size
    assert width >= picture.WIDTH and 1.5 < width / height < 3, "it is to fit the first screen of the README"


def test_the_picture_is_of_a_lesson_of_the_book():
    assert (ROOT / picture.PAGE).with_suffix(".md").is_file()


def test_small_takes_as_many_colours_as_go_into_the_bytes():
    few = np.repeat(np.arange(4, dtype=np.uint8) * 60, 100).reshape(20, 20, 1).repeat(3, 2)
    assert (np.asarray(Image.open(io.BytesIO(picture.small(png(few)))).convert("RGB")) == few).all()
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"picture: expected at most 80,000 bytes, got [\d,]+ with 32 colours. Show fewer parts"):
        picture.small(png(noise))


def test_a_page_without_a_part_is_an_error(tmp_path):
    if picture.browser() is None:
        pytest.skip("no Chromium or Chrome on this machine")  # only `make picture` needs one, and it says so
    page = tmp_path / "page.html"
    page.write_text("<article><h1>Title</h1></article>", encoding="utf-8")
    with pytest.raises(LookupError, match=r"page.html has no part h1 ~ p. Name another one in tools/picture.py"):
        picture.screenshot(page, picture.browser())


def test_without_a_book_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(picture, "ROOT", tmp_path)
    assert "make book" in picture.main()
