"""The contest of lab 7 in the locked process: plain models fit through, the kernel keeps the clock, a model is its params alone."""

import copy
import sys

import nbformat
import pytest
from fresh import lab07_applications as fresh

from labs.grading.locked.session import Session
from labs.grading.marks import marker
from labs.grading.marks.attempt import Attempt
from labs.grading.text import source

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")]
LAB = "lab07_applications"
PATIENT = {"seconds": 600.0, "total": 1800.0}  # the processor may be shared with many: only its own time counts here


def attempt(zygote, text):
    """A process that has run one cell."""
    a = Attempt(lambda left: Session(zygote.door, seconds=600.0, total=left), 1800.0)
    a.cell(text, "cell")
    return a


def test_a_renewed_process_has_run_the_cells_and_seen_no_call(zygote):
    a = attempt(zygote, "kept = []\ndef keep():\n    kept.append(1)\n    return len(kept)")
    assert [a.call("keep", (), {})[0] for _ in range(2)] == [1, 2]
    a.renew()
    assert a.call("keep", (), {})[0] == 1 and a.stops == []
    a.close()


def test_the_kernel_counts_the_time_of_a_process_that_stops_its_own_clock(zygote):
    text = """
import os, time
clock = time.thread_time
def burn(seconds):
    time.process_time = lambda: 0.0
    end = clock() + seconds
    while clock() < end:
        pass
def let_burn(seconds):
    if os.fork() == 0:
        burn(clock() + seconds)
        os._exit(0)
    os.wait()
"""
    a = attempt(zygote, text)
    for name in ("burn", "let_burn"):
        a.call(name, (0.3,), {})
        assert 0.25 < a.processor_seconds < 5.0, name
    a.call("burn", (0.0,), {})
    assert a.processor_seconds < 0.2
    a.close()


def contest(zygote, answer):
    """The points and the message for an answer to the contest; the other parts hold the model solution, and what only draws is left out."""
    full = source.notebook(LAB)
    full.cells = [
        c
        for c in full.cells
        if source.meta(c).get("grade_id")
        in ("setup", "prepare", "provided_training", "provided_contest", "train_model", "train_model_test")
    ]
    released = copy.deepcopy(full)
    for cell in released.cells:
        cell.source = source.without_hidden(cell.source)
    cells = [
        ("code", source.meta(c)["grade_id"], answer if source.meta(c)["grade_id"] == "train_model" else c.source) for c in released.cells
    ]
    result = marker.mark_submission(full, released, cells, [], zygote.door, key="k", student="s", **PATIENT)
    said = nbformat.reads(result["notebook"], 4).cells[-1].outputs[0].text
    return result["marks"]["train_model_test"], said


@pytest.mark.parametrize("name", list(fresh.PLAIN))
def test_a_plain_model_in_double_precision_passes(zygote, name):
    answer, least = fresh.PLAIN[name]
    mark, said = contest(zygote, answer.strip())
    assert mark >= least, said
    assert "bits per character on the hidden text: " in said


@pytest.mark.parametrize("name", ["train: the table in a global", "train: the table on the function"])
def test_a_model_outside_of_its_params_gets_nothing(zygote, name):
    mark, said = contest(zygote, fresh.WRONG[name][2].strip())
    assert mark == 0.0, said
