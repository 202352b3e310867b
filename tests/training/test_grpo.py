import json
import shutil
import warnings
from itertools import islice

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from tests.training.tiny import BRIEF, four_gpus_in_sight, untaught
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig

from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.steps.reinforce import ReinforceConfig, puzzle_asks
from nemoflow.training.course import Surroundings
from nemoflow.training.grpo import Ask, GrpoRecipe, need_same_prefix, reinforce_adapter
from nemoflow.training.grpo_watch import EVEN_STEPS, EvenGroups

STEPS = BRIEF["steps"]


def surroundings(checkpoints, stopping=lambda: False, heard=None):
    heard = {} if heard is None else heard
    heard.update(rows=[], started=[])
    return Surroundings(
        checkpoints,
        lambda: None,
        lambda *steps: heard["started"].append(steps),
        heard["rows"].append,
        lambda line: None,
        stopping,
    )


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A tiny base and an adapter of random weights."""
    root = tmp_path_factory.mktemp("taught")
    base = untaught(root / "base")
    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["in_proj", "q_proj", "up_proj"], init_lora_weights=False, lora_dropout=0.1)
    with warnings.catch_warnings():  # PEFT asks for activation checkpointing by its old name
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(root / "adapter")
    return base, root / "adapter"


def reinforce(taught, checkpoints, out, stopping=lambda: False, heard=None, **fields):
    config = ReinforceConfig(**{**BRIEF, **fields})
    asks = [Ask(*each) for each in islice(puzzle_asks(config.kinds, config.seed, config.level), config.steps * config.prompts)]
    out.mkdir()
    recipe = GrpoRecipe(**config.model_dump(exclude={"kinds", "level"}))
    return reinforce_adapter(*taught, asks, recipe, surroundings(checkpoints, stopping, heard), out)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(taught, tmp_path_factory):
    """A run that nobody disturbed: (its checkpoints, its adapter's files)."""
    root = tmp_path_factory.mktemp("whole")
    reinforce(taught, root / "checkpoints", root / "out")
    return root / "checkpoints", contents(root / "out")


def test_a_run_that_was_killed_goes_on_with_the_same_samples_and_ends_with_the_same_bytes(tmp_path, taught, whole):
    checkpoints, undisturbed = whole
    shutil.copytree(checkpoints, tmp_path / "checkpoints")
    shutil.rmtree(tmp_path / "checkpoints" / "complete" / f"checkpoint-{STEPS}")
    heard = {}
    reinforce(taught, tmp_path / "checkpoints", tmp_path / "out", heard=heard)
    assert heard["started"] == [(STEPS, STEPS - 1)]
    assert contents(tmp_path / "out") == undisturbed


def test_a_run_that_is_stopped_within_a_step_keeps_what_it_has_and_ends_with_the_same_bytes(tmp_path, taught, whole):
    heard = {}
    with pytest.raises(Stopped, match="after step 2 of 4; the checkpoint is kept"):
        reinforce(taught, tmp_path / "checkpoints", tmp_path / "a", lambda: len(heard["rows"]) == 2, heard, checkpoint_every=100)
    reinforce(taught, tmp_path / "checkpoints", tmp_path / "b", heard=heard)
    assert heard["started"] == [(STEPS, 2)]
    assert contents(tmp_path / "b") == whole[1]


def test_four_gpus_in_sight_of_the_process_change_nothing(tmp_path, taught, whole, monkeypatch):
    four_gpus_in_sight(monkeypatch, GRPOConfig)
    reinforce(taught, tmp_path / "checkpoints", tmp_path / "out")
    assert contents(tmp_path / "out") == whole[1]


def test_an_adapter_keeps_its_shapes_and_names_its_base_and_a_penalty_leaves_no_second_adapter(tmp_path, taught, whole):
    result = reinforce(taught, tmp_path / "checkpoints", tmp_path / "out", beta=0.05, steps=1)
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(whole[1])
    assert "kl" in result.log[0]
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (taught[1], tmp_path / "out"))
    assert {name: weight.shape for name, weight in after.items()} == {name: weight.shape for name, weight in before.items()}
    assert json.loads((tmp_path / "out" / "adapter_config.json").read_text())["base_model_name_or_path"] == "test/tiny"


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_a_step_that_bf16_would_round_away_moves_the_adapter_whether_or_not_its_base_is_in_4_bits(tmp_path, taught, quantization):
    reinforce(taught, tmp_path / "checkpoints", tmp_path / "out", quantization=quantization, learning_rate=1e-7, steps=1)
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (taught[1], tmp_path / "out"))
    moved = {name: (after[name] - weight).abs().max().item() for name, weight in before.items()}
    assert 0 < max(moved.values()) < 1e-6


def test_each_part_of_the_reward_is_logged_and_the_parts_add_up_by_their_weights(tmp_path, taught):
    weights = {"right": 1.0, "format": 0.5, "concise": 0.25, "no_leak": 0.125}
    result = reinforce(taught, tmp_path / "checkpoints", tmp_path / "out", weights=weights, steps=2)
    for row in result.log:
        assert row["reward"] == pytest.approx(sum(weights[part] * row[part] for part in weights), abs=1e-5)


def test_groups_whose_samples_are_all_alike_are_known_as_such_whatever_the_reward_that_they_share(tmp_path, taught):
    weights = {"right": 0.0, "format": 0.0, "concise": 0.0, "no_leak": 0.4}
    result = reinforce(taught, tmp_path / "checkpoints", tmp_path / "out", weights=weights, steps=2, samples=8, micro_batch=16)
    assert [row["even"] for row in result.log] == [1.0, 1.0]


def test_a_part_of_the_reward_that_weighs_half_as_much_pushes_half_as_hard(tmp_path, taught):
    norms = []
    for format_weight in (1.0, 0.5):
        weights = {"right": 1.0, "format": format_weight, "concise": 0.1, "no_leak": 0.2}
        folder = tmp_path / str(format_weight)
        result = reinforce(taught, tmp_path / f"{folder}-c", folder, weights=weights, steps=1, prompts=4, samples=8, micro_batch=32)
        assert result.log[0]["right"] == 0 < result.log[0]["format"]
        norms.append(result.log[0]["grad_norm"])
    assert norms[0] == pytest.approx(2 * norms[1], rel=1e-3)


def test_puzzles_come_in_turns_without_end_and_a_longer_draw_begins_with_a_shorter_one():
    kinds = {"unit": 1, "numeral": 2}
    short, long = (list(islice(puzzle_asks(kinds, 5, "easy"), count)) for count in (9, 60))
    assert long[:9] == short
    assert len({statement for statement, _ in long}) == 60
    assert list(islice(puzzle_asks(kinds, 6, "easy"), 9)) != short


def test_a_template_that_tokenizes_itself_differently_is_refused(taught):
    tokenizer = AutoTokenizer.from_pretrained(taught[0])
    need_same_prefix(tokenizer, "What is 3 + 4?")
    tokenizer.chat_template = tokenizer.chat_template.replace("enable_thinking is not defined or enable_thinking", "tools is not defined")
    with pytest.raises(InputError):
        need_same_prefix(tokenizer, "What is 3 + 4?")


def test_a_run_in_which_nothing_ever_differs_is_stopped_with_what_to_look_at():
    row = {"step": 1, "loss": 0.0, "grad_norm": 0.0, "reward": 0.2, "even": 1, "cut": 1.0}
    watch = EvenGroups()
    for _ in range(EVEN_STEPS - 1):
        watch.check(row)
    with pytest.raises(ConfigError, match="100% of the responses were cut off"):
        watch.check(row)
    with pytest.raises(ConfigError, match="no number"):
        EvenGroups().check({**row, "loss": float("nan")})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"micro_batch": 3}, "a divisor of prompts x samples"),
        ({"kinds": {"sudoku": 1}}, "unknown kind 'sudoku'"),
        ({"weights": {"right": 0, "format": 0, "concise": 0, "no_leak": 0}}, "all 0"),
    ],
)
def test_a_config_that_cannot_be_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        ReinforceConfig(**{**BRIEF, **fields})
