"""A lesson's pictures leave the page: the same pixels, fetched late, in a place that is kept free."""

import base64
import io
import re

import numpy as np
from PIL import Image

from tools.rnnbook import pictures


def test_a_picture_becomes_a_file_of_the_same_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, format="png")
    tag = f'<img alt="a" src="data:image/png;base64,{base64.b64encode(stored.getvalue()).decode()}">'
    for name in ("one", "two"):
        (tmp_path / f"{name}.html").write_text(f'<html data-content_root="../">{tag}<img src="b.png">', encoding="utf-8")
    pictures.publish(tmp_path)
    html = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert 'width="7" height="5" loading="lazy"' in html and '<img src="b.png">' in html and html.count("alt=") == 1
    (file,) = (tmp_path / pictures.FOLDER).iterdir()
    assert re.search(r'src="\.\./([^"]*)"', html)[1] == f"{pictures.FOLDER}/{file.name}"
    with Image.open(file) as picture:
        assert (np.asarray(picture.convert("RGB")) == pixels).all()
