"""What may stand in a page that staff or another student opens: text and pictures, nothing active."""

import json
import re

KEPT = ("text/plain", "image/png")
MAX_TEXT, MAX_PNG, MAX_OUTPUTS, MAX_CELL, MAX_SUBMISSION = 20_000, 2_000_000, 50, 4_000_000, 10_000_000
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=[#A-Za-z])")
_LINK = re.compile(r"\](?=[(:\[])")
_SCHEME = re.compile(r"(?i)\b(javascript|vbscript|data|file)\s*(?::|&#0*58;?|&#x0*3a;?|&colon;)")


def markdown(text):
    """Markdown without HTML, links and pictures: their signs are shown as they were written.

    An invisible space stands where a link would begin, so that no spelling of its target has to be judged.
    """
    return _SCHEME.sub("blocked:", _LINK.sub("]\u200b", _TAG.sub("&lt;", _ENTITY.sub("&amp;", text))))


class Budget:
    """Outputs of one submission: each cell's as plain text and PNG, of a size that a page can hold, and all together of one that a class
    can hold."""

    def __init__(self, most=MAX_SUBMISSION):
        self.left = most

    def outputs(self, found):
        """What is kept of a cell's outputs."""
        kept, left = [], min(self.left, MAX_CELL)
        self.left -= left
        for out in filter(None, map(_plain, found[:MAX_OUTPUTS])):
            left -= len(json.dumps(out))
            if left < 0:
                kept.append({"output_type": "stream", "name": "stdout", "text": "[shortened]\n"})
                break
            kept.append(out)
        self.left += max(left, 0)
        return kept


def outputs(found):
    """A cell's outputs as plain text and PNG, of a size that a page can hold."""
    return Budget(MAX_CELL).outputs(found)


def _plain(out):
    """One output, or None if there is nothing to show."""
    kind = out.get("output_type") if isinstance(out, dict) else None
    if kind == "stream":
        name = "stderr" if out.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": _cut(out.get("text"), MAX_TEXT)}
    if kind == "error":
        lines = out.get("traceback")
        return {
            "output_type": "error",
            "ename": _cut(out.get("ename"), 200),
            "evalue": _cut(out.get("evalue"), 2000),
            "traceback": [_cut(line, 4000) for line in (lines if isinstance(lines, list) else [])[:100]],
        }
    if kind in ("display_data", "execute_result") and isinstance(out.get("data"), dict):
        data = {k: _cut(v, MAX_PNG if k == "image/png" else MAX_TEXT) for k, v in out["data"].items() if k in KEPT}
        if not re.fullmatch(r"[A-Za-z0-9+/=\s]*", data.get("image/png", "")):
            del data["image/png"]
        if data:
            count = out.get("execution_count")
            count = {"execution_count": count if type(count) is int else None} if kind == "execute_result" else {}
            return {"output_type": kind, "data": data, "metadata": {}, **count}
    return None


def _cut(value, limit):
    text = "".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text.encode("utf-8", "replace").decode()  # half a character cannot be written to a file
    return text if len(text) <= limit else text[:limit] + "\n[shortened]"
