"""The pictures of lessons in files of their own, which a browser fetches when a reader comes near, with their place kept free.

An executed notebook carries its pictures as text inside the page: a third larger, and all of them before the first line is read.
"""

import base64
import hashlib
import io
import re
from pathlib import Path

from PIL import Image

FOLDER = "_static/pictures"
_INLINE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=\s]+)"')
_ROOT = re.compile(r'data-content_root="([^"]*)"')


def move_out(html, folder):
    """A page with its PNG pictures as files in ``folder``, the same pixels as lossless WebP.

    Parameters
    ----------
    html : str
    folder : Path
        Named after the pixels, a picture that two pages show is there once.
    """
    root = _ROOT.search(html)

    def file(match):
        data = base64.b64decode(match[1])
        name = f"{hashlib.sha256(data).hexdigest()[:12]}.webp"
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if not (folder / name).is_file():
                folder.mkdir(parents=True, exist_ok=True)
                picture.save(folder / name, lossless=True, quality=100)
        return f'src="{root[1] if root else ""}{FOLDER}/{name}" width="{width}" height="{height}" loading="lazy" decoding="async"'

    return _INLINE.sub(file, html)


def publish(outdir):
    """Move the pictures out of every built page."""
    for page in Path(outdir).rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        if (moved := move_out(html, Path(outdir) / FOLDER)) != html:
            page.write_text(moved, encoding="utf-8")
