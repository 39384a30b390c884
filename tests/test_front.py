"""The repository's front files: what other programs read is well formed, and what people read names files that exist."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import rnnlib

ROOT = Path(__file__).resolve().parent.parent
FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.stem != "config")
KINDS = {"markdown", "input", "textarea", "dropdown", "checkboxes"}
URL = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def form_faults(form):
    """What GitHub would refuse in an issue form."""
    faults = [f"{key} is missing" for key in ("name", "description", "body") if not form.get(key)]
    faults += [f"{key} is unknown" for key in form.keys() - {"name", "description", "body", "labels", "title", "assignees"}]
    parts = form.get("body", [])
    ids = [part.get("id") for part in parts if part.get("type") != "markdown"]
    faults += [f"id {name} occurs twice" for name in set(ids) if ids.count(name) > 1]
    for part in parts:
        if part.get("type") not in KINDS:
            faults.append(f"{part.get('type')} is no kind of part")
        elif not part.get("attributes", {}).get("value" if part["type"] == "markdown" else "label"):
            faults.append(f"a part of kind {part['type']} has no text")
    if not any(part.get("type") != "markdown" for part in parts):
        faults.append("nothing is asked")
    return faults


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_well_formed(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form_faults(form) == []
    assert any(part.get("validations", {}).get("required") for part in form["body"])


def test_checker_finds_a_bad_form():
    part = {"type": "input", "id": "a", "attributes": {"label": "A"}}
    assert form_faults({"name": "x", "description": "y", "body": [part]}) == []
    assert form_faults({"name": "x", "body": [part, part]}) == ["description is missing", "id a occurs twice"]
    assert form_faults({"name": "x", "description": "y", "body": [{"type": "text"}]}) == ["text is no kind of part"]
    assert "nothing is asked" in form_faults({"name": "x", "description": "y", "about": 1, "body": []})


def test_addresses_are_those_of_the_repository():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("CITATION.cff", "pyproject.toml", "rnnlib/README.md")]
    texts += [path.read_text(encoding="utf-8") for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")]
    addresses = re.findall(r"https://github\.com/[\w-]+/[\w-]+", "\n".join(texts))
    assert addresses and set(addresses) == {URL}


def test_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == rnnlib.__version__ and citation["repository-code"] == URL
    assert set(citation["license"]) == {"BSD-3-Clause", "CC-BY-4.0"}


# --- files and verbs that the texts name --------------------------------------------------------------------------------------


def named(text):
    """Files and folders that a text names between backticks; those of the toy in a recipe (`toy`) are not there."""
    names = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", text)
    files = {name for name in names if re.search(r"/|\.(?:py|md|toml|yml|bib|cff)$", name)}
    return {name for name in files if "toy" not in name.lower() and "NN" not in name}


def name_faults(text, root):
    """Named files that do not exist, and verbs of make that there are not."""
    verbs = re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    faults = [f"{name} does not exist" for name in sorted(named(text)) if not (root / name).exists()]
    return faults + [f"make {verb} does not exist" for verb in sorted(set(re.findall(r"`make ([a-z]+)", text)) - set(verbs))]


@pytest.mark.parametrize("name", ["RECIPES.md", "SECURITY.md", "CODE_OF_CONDUCT.md", ".github/pull_request_template.md"])
def test_front_files_name_what_exists(name):
    assert name_faults((ROOT / name).read_text(encoding="utf-8"), ROOT) == []


def test_checker_finds_a_name_that_is_gone():
    text = "Edit `rnnlib/gone.py`, `labs/README.md`, `labs/toy.md` and `nn.LSTM`, then `make nothing` and `make test`."
    assert name_faults(text, ROOT) == ["rnnlib/gone.py does not exist", "make nothing does not exist"]


def test_front_files_are_tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")  # an sdist or a downloaded archive: nobody can ask there what git tracks
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    assert {"CITATION.cff", "SECURITY.md", "RECIPES.md", "rnnlib/py.typed", "MANIFEST.in"} <= set(listed)
