"""Notebooks as honest students hand them in, made by builders from a released lab with right answers: each is small, and happened.

A builder takes the notebook as a dict, as JSON has it, and changes it; what it returns, if anything, is handed in instead: bytes, or
another dict. ``HAND_INS`` maps a name to ``(builder, parts that lose their points)``; they are made from lab 2, and those of ``ANY_LAB`` from every lab.
"""

# ruff: noqa: E501  a case reads best on few lines

import base64
import copy
import json
import re

ANSWERS = (
    *("rnn_step", "rnn_forward", "temporal_affine", "masked_cross_entropy"),
    *("embedding_backward", "sample", "bidirectional"),
)
ANY_LAB = (
    *("as_released", "from_colab", "turned_upside_down", "answers_below_the_tests", "all_answers_at_the_end", "all_answers_at_the_end_in_one_cell"),
    *("all_answers_merged", "only_the_answers", "tabs", "explained_in_the_next_cell"),
)
EXPLANATION = "My own words: a mean over B·T shrinks with padding, a sum over time is the chain rule, a carried state remembers."
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(3000)).decode()
HAND_INS = {}
STUBS = {}  # the answers as they were released, by what stands in their place


def hand_in(lost=(), name=None):
    """Put a builder into the collection."""

    def register(builder):
        HAND_INS[name or builder.__name__] = builder, lost
        return builder

    return register


def solved(released, full):
    """The released notebook with the model answers, as JSON has it."""
    nb = copy.deepcopy(released)
    model = {grade_id(c): "".join(c["source"]) for c in full["cells"]}
    for cell in nb["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            answer = re.sub(r"[ \t]*### (BEGIN|END) SOLUTION\n?", "", model[grade_id(cell)]).rstrip("\n")
            answer = EXPLANATION if cell["cell_type"] == "markdown" else answer
            STUBS[answer] = text(cell)
            cell["source"] = answer
    return nb


def grade_id(cell):
    """The name of a cell, or None."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def at(nb, name):
    """Where the (first) cell of that name is."""
    return next(i for i, c in enumerate(nb["cells"]) if grade_id(c) == name)


def get(nb, name):
    """The cell of that name."""
    return nb["cells"][at(nb, name)]


def text(cell):
    """Its source as one text."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def code(source, **metadata):
    """A new cell of code."""
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def words(source, **metadata):
    """A new cell of text."""
    return {"cell_type": "markdown", "source": source, "metadata": metadata}


def without_bodies(source):
    """Functions without their bodies."""
    head = re.findall(r'(?ms)^def .*?:\n    """.*?"""\n', source)
    return "\n\n\n".join(h + "    # YOUR CODE HERE\n    raise NotImplementedError()" for h in head)


def answers(nb):
    """The names of the cells of code that are to be written."""
    return [grade_id(c) for c in nb["cells"] if c["metadata"].get("nbgrader", {}).get("solution") and c["cell_type"] == "code"]


def empty(nb, *names):
    """Put the released text back into solution cells; returns the answers."""
    found = [text(get(nb, name)) for name in names]
    for name, answer in zip(names, found, strict=True):
        get(nb, name)["source"] = STUBS[answer]
    return found


def delete(nb, *names):
    """Remove cells; returns their texts."""
    found = [text(get(nb, name)) for name in names]
    for name in names:
        del nb["cells"][at(nb, name)]
    return found


def split(nb, name, *before, keep=True):
    """Split a cell in front of some lines, each given by how it begins; the parts keep the name or lose it."""
    i = at(nb, name)
    rest, parts = text(nb["cells"][i]), []
    for line in before:
        head, found, tail = rest.partition("\n" + line)
        assert found, line
        parts.append(head)
        rest = line + tail
    cells = [copy.deepcopy(nb["cells"][i]) for _ in range(len(parts) + 1)]
    for k, (cell, part) in enumerate(zip(cells, [*parts, rest], strict=True)):
        cell["source"] = part
        cell["id"] = f"{name}-{k}"
        if k and not keep:
            cell["metadata"] = {}
    nb["cells"][i : i + 1] = cells


def insert(nb, name, *cells, after=1):
    """Put new cells after (or, with ``after=0``, before) a named one."""
    i = at(nb, name) + after
    nb["cells"][i:i] = cells


def nameless(nb):
    """Take away all that names a cell."""
    for cell in nb["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


def on_top(nb, name, lines):
    """Put lines above an answer."""
    get(nb, name)["source"] = f"{lines}\n{text(get(nb, name))}"


# --- as it came


@hand_in()
def as_released(nb):
    pass


@hand_in(lost=ANSWERS)
def nothing_written(nb):
    empty(nb, *answers(nb), "explain")


@hand_in(lost=("rnn_step",))
def one_cell_does_not_parse(nb):
    get(nb, "rnn_step")["source"] += "\nprint('oh'"


@hand_in()
def a_cell_fails_after_its_function(nb):
    get(nb, "rnn_step")["source"] += "\nrnn_step(1, 2, 3)"
    insert(nb, "rnn_step", code("1 / 0"), code("def unfinished(:\n    pass"))


# --- split, copied, merged


@hand_in()
def split_between_two_functions(nb):
    split(nb, "temporal_affine", "def temporal_affine_backward")


@hand_in()
def split_between_two_functions_and_the_second_lost_its_name(nb):
    split(nb, "temporal_affine", "def temporal_affine_backward", keep=False)


@hand_in()
def split_inside_a_function(nb):
    split(nb, "masked_cross_entropy", "    picked = ")


@hand_in()
def split_inside_a_function_and_the_second_lost_its_name(nb):
    split(nb, "masked_cross_entropy", "    picked = ", keep=False)


@hand_in()
def split_with_a_trial_between(nb):
    split(nb, "masked_cross_entropy", "    picked = ")
    nb["cells"].insert(at(nb, "masked_cross_entropy") + 1, code("print(np.log(4.0))"))


@hand_in()
def split_in_three_inside_a_loop(nb):
    split(nb, "rnn_forward", "    h_seq = ", "        h_seq[:, t]")


@hand_in()
def split_inside_a_docstring_and_nameless(nb):
    get(nb, "rnn_step")["source"] = text(get(nb, "rnn_step")).replace('"""The state', '"""\n    The state', 1)
    split(nb, "rnn_step", "    The state")
    nameless(nb)


@hand_in()
def split_explanation(nb):
    get(nb, "explain")["source"] = f"{EXPLANATION}\nAnd a second paragraph of mine."
    split(nb, "explain", "And a second", keep=False)


@hand_in()
def copied_and_answered_in_the_second(nb):
    (answer,) = empty(nb, "rnn_step")
    insert(nb, "rnn_step", {**copy.deepcopy(get(nb, "rnn_step")), "source": answer, "id": "again"})


@hand_in()
def copied_and_answered_in_the_first(nb):
    insert(nb, "rnn_step", {**copy.deepcopy(get(nb, "rnn_step")), "source": STUBS[text(get(nb, "rnn_step"))], "id": "again"})


@hand_in()
def copied_and_begun_again_without_an_end(nb):
    again = {**copy.deepcopy(get(nb, "rnn_step")), "id": "again"}
    again["source"] = again["source"].replace("    return ", "    z = ") + "\n    raise NotImplementedError()"
    insert(nb, "rnn_step", again)


@hand_in()
def answered_above_the_line_that_raises(nb):
    get(nb, "rnn_step")["source"] += "\n    raise NotImplementedError()"


@hand_in()
def everything_twice(nb):
    nb["cells"] += copy.deepcopy(nb["cells"])


@hand_in()
def copied_and_each_copy_answers_one_function(nb):
    whole = text(get(nb, "temporal_affine"))
    first, second = re.split(r"\n+(?=def temporal_affine_backward)", whole)
    a, b = without_bodies(first), without_bodies(second)
    get(nb, "temporal_affine")["source"] = f"{first}\n\n\n{b}"
    insert(nb, "temporal_affine", {**copy.deepcopy(get(nb, "temporal_affine")), "source": f"{a}\n\n\n{second}", "id": "again"})


@hand_in()
def a_draft_above_the_answer_with_its_name(nb):
    draft = {**copy.deepcopy(get(nb, "rnn_step")), "id": "draft"}
    draft["source"] = draft["source"].replace(" + b_h", "  # the bias comes later")
    insert(nb, "rnn_step", draft, after=0)


@hand_in()
def a_draft_that_does_not_parse_above_the_answer(nb):
    draft = {**copy.deepcopy(get(nb, "rnn_step")), "source": "def rnn_step(x_t, h_prev:\n    a first try", "id": "draft"}
    insert(nb, "rnn_step", draft, after=0)


@hand_in()
def copied_and_left_alone(nb):
    insert(nb, "sample", copy.deepcopy(get(nb, "sample")))


@hand_in()
def two_answers_merged(nb):
    (second,) = delete(nb, "temporal_affine")
    get(nb, "rnn_forward")["source"] += "\n\n\n" + second


@hand_in()
def two_answers_merged_into_the_later_cell(nb):
    (first,) = delete(nb, "rnn_step")
    get(nb, "embedding_backward")["source"] = first + "\n\n\n" + text(get(nb, "embedding_backward"))


@hand_in()
def all_answers_merged(nb):
    whole = "\n\n\n".join(delete(nb, *answers(nb)[1:]))
    get(nb, answers(nb)[0])["source"] += "\n\n\n" + whole


@hand_in()
def answer_and_check_merged(nb):
    (check,) = delete(nb, "rnn_step_check")
    get(nb, "rnn_step")["source"] += "\n" + check


@hand_in()
def answer_and_the_question_below_merged(nb):
    i = next(i for i, c in enumerate(nb["cells"]) if text(c).startswith("Check on paper: $\\tanh"))
    get(nb, "rnn_step")["source"] += "\n\n" + text(nb["cells"].pop(i))


@hand_in()
def question_and_answer_merged_into_text(nb):
    i = at(nb, "masked_cross_entropy")
    nb["cells"][i - 1]["source"] = text(nb["cells"][i - 1]) + "\n" + text(nb["cells"].pop(i))


# --- moved, renamed, retyped, deleted


@hand_in()
def turned_upside_down(nb):
    nb["cells"].reverse()


@hand_in()
def explanation_on_top(nb):
    nb["cells"].insert(0, nb["cells"].pop(at(nb, "explain")))


@hand_in()
def answer_moved_to_the_end(nb):
    nb["cells"].append(nb["cells"].pop(at(nb, "rnn_step")))


@hand_in()
def answer_moved_to_the_end_without_its_name(nb):
    nb["cells"].append(code(*delete(nb, "rnn_step")))


@hand_in()
def answers_below_the_tests(nb):
    for name in answers(nb):
        (answer,) = empty(nb, name)
        insert(nb, f"{name}_test", code(answer))


@hand_in()
def all_answers_at_the_end(nb):
    nb["cells"] += [code(answer) for answer in empty(nb, *answers(nb))]


@hand_in()
def all_answers_at_the_end_in_one_cell(nb):
    nb["cells"].append(code("\n\n\n".join(delete(nb, *answers(nb)))))


@hand_in()
def answers_and_helpers_at_the_end(nb):
    (answer,) = empty(nb, "rnn_step")
    nb["cells"] += [
        words("My helpers"),
        code("from math import e as euler\nsquash = np.tanh"),
        code(answer.replace("np.tanh", "squash")),
        code("print(rnn_step(*[np.ones((1, 1))] * 5))"),
    ]


@hand_in()
def renamed_cells(nb):
    for name in ("rnn_step", "sample"):
        get(nb, name)["metadata"]["nbgrader"]["grade_id"] = f"{name}-copy1"


@hand_in()
def answer_became_text(nb):
    cell = get(nb, "rnn_step")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


@hand_in()
def answer_became_raw_and_fenced(nb):
    get(nb, "rnn_step")["cell_type"] = "raw"
    cell = get(nb, "sample")
    cell["cell_type"], cell["source"] = "markdown", f"```python\n{text(cell)}\n```"


@hand_in()
def an_old_version_kept_as_text(nb):
    insert(nb, "rnn_step", words("```python\ndef rnn_step(*args):\n    return 'my first idea'\n```"))
    insert(nb, "rnn_step", words("def rnn_step(*args):\n    return 'my second idea'"))


@hand_in()
def cells_of_a_kind_that_jupyter_does_not_know(nb):
    insert(nb, "rnn_step", {"cell_type": "sql", "source": "select mine from notes", "metadata": {}})


@hand_in()
def deleted_and_written_anew(nb):
    i = at(nb, "masked_cross_entropy")
    nb["cells"][i] = code(text(nb["cells"][i]))


@hand_in()
def deleted_and_written_anew_with_a_trial_below(nb):
    i = at(nb, "rnn_step")
    nb["cells"][i : i + 1] = [code("tanh = np.tanh"), code(text(nb["cells"][i]).replace("np.tanh", "tanh")), code("rnn_step(*[np.ones((1, 1))] * 5)")]


@hand_in()
def answer_in_the_cell_of_the_part_before(nb):
    (answer,) = empty(nb, "rnn_forward")
    get(nb, "rnn_step")["source"] += "\n\n" + answer


@hand_in()
def answers_of_two_parts_swapped(nb):
    a, b = get(nb, "rnn_step"), get(nb, "rnn_forward")
    a["source"], b["source"] = b["source"], a["source"]


@hand_in()
def answer_in_the_check_cell(nb):
    (answer,) = empty(nb, "rnn_step")
    cell = get(nb, "rnn_step_check")
    cell["source"] = answer + "\n\n" + text(cell)


@hand_in()
def answer_in_the_test_cell(nb):
    (answer,) = empty(nb, "sample")
    get(nb, "sample_test")["source"] = text(get(nb, "sample_test")) + "\n" + answer


@hand_in()
def a_wrong_trial_of_the_same_name_at_the_end(nb):
    nb["cells"].append(code("def rnn_forward(*args, **kwargs):\n    return 'what if'"))


@hand_in()
def only_the_answers(nb):
    nb["cells"] = [c for c in nb["cells"] if grade_id(c) in (*answers(nb), "explain")]


# --- the given cells were changed


@hand_in()
def an_import_and_a_helper_in_the_setup(nb):
    cell = get(nb, "setup")
    cell["source"] = text(cell) + "\nimport math\nsquash = np.tanh"
    get(nb, "rnn_step")["source"] = text(get(nb, "rnn_step")).replace("np.tanh", "squash")


@hand_in()
def given_cells_reformatted_or_broken(nb):
    cell = get(nb, "rnn_step_check")
    cell["source"] = "# checks\n" + text(cell).replace(", ", ",  ")
    get(nb, "provided_step")["source"] = "def step(*args):\n    return 0"
    get(nb, "sample_test")["source"] = "print('my own test')"
    get(nb, "figure")["source"] = ""


# --- editors


@hand_in()
def from_colab(nb):
    nameless(nb)
    for i, cell in enumerate(nb["cells"]):
        cell["metadata"] = {"id": f"x{i}AbC", **({"colab": {"base_uri": "https://localhost:8080/"}} if i % 2 else {})}
        cell["source"] = text(cell).splitlines(True)
    nb["metadata"] = {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU"}
    nb["nbformat_minor"] = 0


@hand_in()
def from_colab_with_magics_on_top(nb):
    on_top(nb, "rnn_step", "%%time")
    on_top(nb, "masked_cross_entropy", "!pip install -q tqdm")
    from_colab(nb)
    nb["cells"].insert(0, code("!nvidia-smi\n%tensorflow_version 2.x", id="first"))


@hand_in()
def from_kaggle(nb):
    nameless(nb)
    for cell in nb["cells"]:
        cell["metadata"] = {"_uuid": "d629ff2d2480ee46", "execution": {"iopub.status.busy": "2026-01-01T00:00:00"}, "trusted": True}
    nb["cells"].insert(0, code("# This Python 3 environment comes with many helpful libraries\nimport os\nfor _ in os.walk('/kaggle/input'): pass"))


@hand_in()
def from_vs_code_and_deepnote(nb):
    for i, cell in enumerate(nb["cells"]):
        cell.pop("id", None)
        cell["metadata"] = {"vscode": {"languageId": "python"}} if i % 2 else {"cell_id": f"{i:032x}", "deepnote_cell_type": "code", "tags": []}


@hand_in()
def nameless_and_split(nb):
    split(nb, "rnn_forward", "    for t in")
    nameless(nb)


@hand_in()
def tabs(nb):
    for name in answers(nb):
        get(nb, name)["source"] = re.sub(r"(?m)^(    )+", lambda m: "\t" * (len(m[0]) // 4), text(get(nb, name)))


@hand_in()
def windows_line_ends_and_a_byte_order_mark(nb):
    for cell in nb["cells"]:
        cell["source"] = [line.replace("\n", "\r\n") for line in text(cell).splitlines(True)]
    get(nb, "rnn_step")["source"].insert(0, "\ufeff")
    return b"\xef\xbb\xbf" + json.dumps(nb, ensure_ascii=False).encode()


@hand_in()
def utf_16(nb):
    return json.dumps(nb, ensure_ascii=False).encode("utf-16")


@hand_in()
def latin_1(nb):
    get(nb, "explain")["source"] = "Ich erklär es so: die Summe über die Zeit."
    return json.dumps(nb, ensure_ascii=False).encode("latin-1", "ignore")


@hand_in()
def nbformat_3(nb):
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["language"], cell["prompt_number"] = "python", cell.pop("execution_count")
    head = {"cell_type": "heading", "level": 1, "metadata": {}, "source": "My homework"}
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [head, *nb["cells"][:9]]}, {"cells": nb["cells"][9:]}]}


@hand_in()
def nbformat_4_0_and_double_ids(nb):
    nb["nbformat_minor"] = 0
    for cell in nb["cells"]:
        cell["id"] = "same"
        cell["metadata"] |= {"collapsed": False, "trusted": True}


@hand_in()
def metadata_missing(nb):
    del nb["metadata"], nb["nbformat"]
    nb["cells"].insert(1, {"cell_type": "code", "source": "x = 1"})
    nb["cells"].insert(1, {"cell_type": "markdown", "source": "hello", "metadata": None})
    for cell in nb["cells"]:
        cell.pop("outputs", None)


@hand_in()
def source_in_lines_and_empty_cells(nb):
    for cell in nb["cells"]:
        cell["source"] = text(cell).splitlines(True)
    for _ in range(8):
        nb["cells"].insert(4, code(""))
    nb["cells"].append(code(["\n", "  "]))


@hand_in()
def names_of_other_tools_as_identity(nb):
    for cell in nb["cells"]:
        cell["metadata"] = {}  # the ids, which the release has, are left


# --- what IPython knows and Python does not


@hand_in()
def magics_on_top(nb):
    for name, lines in {
        "rnn_step": "%%time", "rnn_forward": "%%capture out", "temporal_affine": "%matplotlib inline", "sample": "%load_ext autoreload\n%autoreload 2",
        "masked_cross_entropy": "!pip install -q tqdm", "embedding_backward": "np.add.at?\n\n!ls -l \\\n  *.csv", "bidirectional": "%%timeit -n 1 -r 1\n",
    }.items():  # fmt: skip
        on_top(nb, name, lines)


@hand_in()
def shells_and_magics_between(nb):
    insert(nb, "setup", code("!pip install tqdm"), code("%pip install tqdm"), code("%%bash\necho hi"), code("%config InlineBackend.figure_format = 'retina'"))
    insert(nb, "sample", code("files = !ls\nprint(len(files))"), code("%time x = sample\nif True:\n    !ls"), code("%%writefile a.py\nx = 1\n"), code("%lsmagic"))
    nb["cells"].append(code("!nbgrader validate lab02_rnn.ipynb"))


@hand_in()
def prompts_and_an_indented_cell(nb):
    (answer,) = delete(nb, "rnn_step")
    lines = [line for line in answer.split("\n") if line.strip()]
    insert(nb, "setup", code("\n".join([f">>> {lines[0]}", *(f"... {line}" for line in lines[1:])])))
    get(nb, "sample")["source"] = "\n".join(f"    {line}" for line in text(get(nb, "sample")).split("\n"))


@hand_in()
def awaited_at_top_level(nb):
    on_top(nb, "rnn_step", "import asyncio\nasync def wait():\n    await asyncio.sleep(0.01)\n    return np.tanh\nsquash = await wait()")
    get(nb, "rnn_step")["source"] = text(get(nb, "rnn_step")).replace("return np.tanh(", "return squash(")


# --- outputs and pictures


@hand_in()
def large_outputs(nb):
    out = {"output_type": "display_data", "data": {"image/png": "iVBO" * 5_500_000, "text/html": ["<td>\"x\"</td>\n"] * 1000}, "metadata": {}}
    get(nb, "figure")["outputs"] = [out, {"output_type": "stream", "name": "stdout", "text": ["epoch 1\n"] * 100_000}]


@hand_in()
def widgets(nb):
    state = {f"{i:032x}": {"model_name": "FloatProgressModel", "state": {"outputs": [], "value": i}} for i in range(2000)}
    nb["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": state, "version_major": 2, "version_minor": 0}}


@hand_in()
def outputs_that_are_no_json(nb):
    get(nb, "figure")["outputs"] = [{"output_type": "execute_result", "data": {"application/x": float("nan")}, "execution_count": 3, "metadata": {}}]
    return json.dumps(nb).encode()


@hand_in()
def a_photo_attached(nb):
    cell = get(nb, "explain")
    cell["source"] = f"![photo.png](attachment:photo.png)\n\n{EXPLANATION}"
    cell["attachments"] = {"photo.png": {"image/png": PNG * 2000}}


@hand_in()
def a_photo_pasted(nb):
    get(nb, "explain")["source"] = f'Here: ![my sheet](data:image/png;base64,{PNG * 400})\n\n{EXPLANATION}\n<img src="data:image/jpeg;base64,{PNG}" width="3">'


@hand_in()
def raw_cells(nb):
    raw = {"cell_type": "raw", "metadata": {"raw_mimetype": "text/x-rst"}, "source": "Some *raw* remark of mine"}
    insert(nb, "rnn_step", raw)
    nb["cells"].append({**raw, "source": "<b>and another</b>"})


@hand_in()
def a_cell_of_very_many_lines(nb):
    nb["cells"].insert(2, code("table = [\n" + "    [0.25, 0.75],\n" * 20_000 + "]"))
    nb["cells"].append(words("a very long remark " * 20_000))


@hand_in()
def a_very_long_explanation(nb):
    get(nb, "explain")["source"] = EXPLANATION + "\n" + "so it is, because the gradient is a sum. " * 6000


# --- the explanation stands elsewhere


@hand_in()
def explained_in_the_next_cell(nb):
    (mine,) = empty(nb, "explain")
    insert(nb, "explain", words(mine))


@hand_in()
def explained_below_the_question(nb):
    (mine,) = empty(nb, "explain")
    cell = nb["cells"][at(nb, "explain") - 1]
    cell["source"] = text(cell) + "\n\n" + mine


@hand_in()
def explained_in_a_cell_of_code(nb):
    (mine,) = empty(nb, "explain")
    insert(nb, "explain", code("# " + mine.replace(": ", ":\n# ")))


@hand_in()
def explanation_became_code(nb):
    cell = get(nb, "explain")
    cell |= {"cell_type": "code", "outputs": [], "execution_count": None, "source": "# " + text(cell)}


@hand_in()
def explained_somewhere_else_and_nameless(nb):
    (mine,) = empty(nb, "explain")
    insert(nb, "rnn_forward_test", words(mine))
    nameless(nb)


@hand_in()
def comments_that_explain_nothing(nb):
    empty(nb, "explain")
    get(nb, "bidirectional")["source"] += "\n# old:\n# def flip(a):\n#     return a[:, ::-1]\n# for b in range(3):\n#     print(b, 'is not used any more')\n"
    get(nb, "sample")["source"] += "\n# can this be faster?"


@hand_in()
def explained_in_an_answers_comments(nb):
    (mine,) = delete(nb, "explain")
    get(nb, "bidirectional")["source"] += f"\n# {mine}"
