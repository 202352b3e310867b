import ast
from dataclasses import fields

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.submission.figures import figures
from nemoflow.submission.notebook import Made, Recipe, Sets, metadata, score_notebook, to_bytes, train_notebook

NAMES = [each.name for each in fields(Sets)]
SETS = Sets(**{name: name for name in NAMES})
NOTHING = figures({})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=6,
)


def manifest(**fields: object) -> dict:
    made = {"run": "r", "node": "n", "fingerprint": "0123456789abcdef", "metrics": {}, "config": {}, "outputs": {}, "status": "done"}
    return {**made, **fields}


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_any_config_makes_valid_notebooks_whose_cells_are_python_that_gives_it_back(config):
    made = Made("r/n", {"adapter_config.json": "ab"})
    for notebook in (train_notebook(SETS, Recipe(config), NOTHING), score_notebook(SETS, config, NOTHING, {}, made)):
        nbformat.validate(nbformat.reads(to_bytes(notebook).decode(), as_version=4))
        sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
        trees = [ast.parse(source) for source in sources]
        held = next(tree.body[0] for tree, source in zip(trees, sources, strict=True) if source.startswith("CONFIG = "))
        assert ast.literal_eval(held.value) == config


def test_the_same_facts_give_the_same_bytes_and_other_cells_other_ids():
    one, two, other = (train_notebook(SETS, Recipe(config), NOTHING) for config in ({"r": 4}, {"r": 4}, {"r": 8}))
    assert to_bytes(one) == to_bytes(two) != to_bytes(other)
    changed = [a["id"] != b["id"] for a, b in zip(one["cells"], other["cells"], strict=True)]
    assert sum(changed) == 1
    assert len({cell["id"] for cell in one["cells"]}) == len(one["cells"])


@pytest.mark.parametrize("asks_problems", [False, True])
def test_a_reinforced_adapter_has_a_notebook_of_both_stages_whose_last_adapter_is_packaged(asks_problems):
    notebook = train_notebook(SETS, Recipe({"r": 4}, {"steps": 5}, asks_problems), NOTHING)
    nbformat.validate(nbformat.reads(to_bytes(notebook).decode(), as_version=4))
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    ast.parse(code)
    places = [code.index(words) for words in ('"step", "train"', '"step", "reinforce"', '"step", "package"')]
    assert places == sorted(places)
    assert code.index("runs/steps/train/adapter") < code.index("runs/steps/reinforce/adapter") < places[2]
    assert ("ASKED = find('train_problems'" in code, 'f"problems={ASKED}"' in code) == (asks_problems,) * 2
    assert "weights differ from the run's" in "".join(notebook["cells"][0]["source"])


def test_a_notebook_has_the_figures_of_manifests_with_their_source_and_says_what_is_left_out():
    known = figures({"adapter": manifest(metrics={"loss": 0.25, "steps": 1234}, node="train")}, ("adapter", "report"))
    head = "".join(train_notebook(SETS, Recipe({}), known)["cells"][0]["source"])
    assert "| training | steps | 1,234 | `r/train 0123456789ab` |" in head
    assert "| training | loss at the end | 0.2500 |" in head
    assert "Left out, as no manifest has it: evaluation of the adapter: no manifest was at hand." in head
    skipped = figures({"submission": manifest(status="skipped", reason="the gate refused")}, ("submission",))
    assert skipped.left_out == ["submission: the gate refused"]


def test_a_pushed_notebook_is_private_on_the_machine_that_is_named_and_without_a_network():
    told = metadata(SETS, "nemoflow-train", "nemoflow train", ("corpus", "wheels"))
    assert (told["is_private"], told["enable_gpu"], told["enable_internet"]) == (True, True, False)
    assert told["machine_shape"] == SETS.machine
    assert told["dataset_sources"] == ["owner/corpus", "owner/wheels"]
    assert (told["id"], told["code_file"]) == ("owner/nemoflow-train", "nemoflow-train.ipynb")
