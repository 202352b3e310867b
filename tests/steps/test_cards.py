import json
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard
from tests.steps.alone import Alone
from tests.submission.lora import save_base, sound

from nemoflow.steps import CARDS, PACKAGE


@pytest.fixture
def packaged(tmp_path):
    made = Alone(PACKAGE, {"adapter": sound(tmp_path / "adapter").save(), "model": save_base(tmp_path / "base")}, tmp_path / "root")
    made.run("r")
    return tmp_path


def cards(outside: Path, run: str = "c", **config: object) -> tuple[Path, dict]:
    step = Alone(CARDS, {"adapter": outside / "adapter", "submission": "run://r/node/submission"}, outside / "root")
    manifest = step.run(run, **config)
    return step.root / manifest.outputs["cards"].address, manifest.metrics


def test_cards_have_the_figures_of_manifests_and_say_which_are_left_out(packaged):
    folder, metrics = cards(packaged, licence="other", licence_name="some-licence", licence_link="https://licences.example/some")
    card = ModelCard.load(folder / "model" / "README.md")
    assert card.data.to_dict() == {
        "license": "other",
        "license_name": "some-licence",
        "license_link": "https://licences.example/some",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "reasoning", "nemoflow"],
    }
    receipt = json.loads(next((packaged / "root").rglob("receipt.json")).read_bytes())
    assert f"| submission | parameters | {receipt['parameters']:,} | `r/node " in card.text
    assert "Licence of the adapter: some-licence, https://licences.example/some." in card.text
    gone = "training: no manifest was at hand; evaluation of the adapter: no manifest was at hand"
    assert f"Figures left out: {gone}" in card.text
    assert (metrics["left_out"], (folder / "writeup.md").read_text().count("no manifest was at hand")) == (5, 5)


def test_a_licence_that_nobody_named_is_not_made_up(packaged):
    folder, _ = cards(packaged, corpus_licence="cc-by-4.0")
    assert "The licence of the adapter is not stated." in (folder / "model" / "README.md").read_text()
    assert ModelCard.load(folder / "model" / "README.md").data.license is None
    assert DatasetCard.load(folder / "dataset" / "README.md").data.license == "cc-by-4.0"


def test_the_same_facts_make_the_same_bytes(packaged):
    one, two = cards(packaged, "one", title="Mine: #1")[0], cards(packaged, "two", title="Mine: #1")[0]
    for name in ("model/README.md", "dataset/README.md", "writeup.md", "cards.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
