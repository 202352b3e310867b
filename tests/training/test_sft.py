import pytest
from tests.training.tiny import QUICK, example, four_gpus_in_sight, puzzles, untaught
from transformers import AutoTokenizer
from trl import SFTConfig

from nemoflow.steps.train import NOT_OF_THE_RECIPE, TrainConfig
from nemoflow.training.course import Surroundings, newest_checkpoint
from nemoflow.training.examples import encode_all
from nemoflow.training.sft import SftRecipe, train_adapter


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("base"))


def fit(base, checkpoints, out, **fields):
    """Train on 16 rows; (result, what the surroundings heard)."""
    heard = {"started": [], "saved": 0, "notes": []}

    def saved():
        heard["saved"] += 1

    config = TrainConfig(**{**QUICK, **fields})
    rows = encode_all(AutoTokenizer.from_pretrained(base), [example(problem) for problem in puzzles(8)], config.max_length)
    around = Surroundings(
        checkpoints, saved, lambda *steps: heard["started"].append(steps), lambda row: None, heard["notes"].append, lambda: False
    )
    out.mkdir()
    return train_adapter(base, rows, SftRecipe(**config.model_dump(exclude=NOT_OF_THE_RECIPE)), around, out), heard


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_that_was_killed_after_its_last_step_writes_the_same_adapter_without_another(tmp_path, base):
    checkpoints = tmp_path / "checkpoints"
    _, first = fit(base, checkpoints, tmp_path / "a")
    _, again = fit(base, checkpoints, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert (first["started"], again["started"]) == ([(16, 0)], [(16, 16)])


def test_a_checkpoint_is_kept_every_so_many_steps_and_only_the_newest_two_stay(tmp_path, base):
    _, heard = fit(base, tmp_path / "checkpoints", tmp_path / "out", checkpoint_every=4)
    assert heard["saved"] == 4
    assert sorted(path.name for path in (tmp_path / "checkpoints" / "complete").iterdir()) == ["checkpoint-12", "checkpoint-16"]
    assert newest_checkpoint(tmp_path / "checkpoints" / "complete").name == "checkpoint-16"
    assert "LoRA on 7 modules" in heard["notes"][0]


def test_a_resumed_run_starts_at_its_newest_checkpoint(tmp_path, base):
    fit(base, tmp_path / "checkpoints", tmp_path / "a", epochs=2)
    _, heard = fit(base, tmp_path / "checkpoints", tmp_path / "b")
    assert heard["started"] == [(16, 8)]


def test_four_gpus_in_sight_of_one_process_change_nothing(tmp_path, base, monkeypatch):
    """transformers would take batches four times as large and split each."""
    fit(base, tmp_path / "checkpoints", tmp_path / "a")
    four_gpus_in_sight(monkeypatch, SFTConfig)
    _, heard = fit(base, tmp_path / "others", tmp_path / "b")
    assert heard["started"] == [(16, 0)]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("micro_batch", [1, 4])
def test_micro_batches_are_added_up_to_the_same_number_of_steps(tmp_path, base, micro_batch):
    result, _ = fit(base, tmp_path / "c", tmp_path / "o", epochs=1, micro_batch=micro_batch, accumulation=4 // micro_batch)
    assert len(result.log) == 4
