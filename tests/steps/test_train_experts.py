"""The step `train` on a model with routed experts: in 4 bits, adapted, stopped half-way, and asked afterwards as the evaluation asks."""

import orjson
import pytest
import torch
from safetensors.torch import load_file
from tests.training.families import tiny
from tests.training.tiny import QUICK, attending, puzzles, train_step

from nemoflow.errors import ConfigError, Stopped
from nemoflow.evaluation.rollouts import Limits, load_student, trace_all

EXPERTS = {**QUICK, "epochs": 2, "quantization": "nf4", "experts": True, "activation_checkpointing": True}
LAYER = "base_model.model.model.layers.1.mixer.experts"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return attending(tmp_path_factory.mktemp("base"), "nemotron_h of attention and experts")


def adapter_of(root, manifest):
    return root / "root" / manifest.outputs["adapter"].address


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_experts_in_4_bits_are_counted_and_told_of(tmp_path, base):
    manifest = train_step(tmp_path, base).run(**{**EXPERTS, "experts": False, "epochs": 1})
    routed = sum(weight.numel() for name, weight in tiny("nemotron_h of attention and experts").named_parameters() if ".experts." in name)
    report = orjson.loads((adapter_of(tmp_path, manifest) / "trainable.json").read_bytes())
    assert (report["routed"], report["routed_quantised"], report["routed_trainable"]) == (routed, routed, 0)
    assert manifest.metrics["routed"] == routed
    assert manifest.metrics["quantised"] > routed


def test_an_adapter_on_experts_that_was_stopped_ends_with_the_same_bytes_and_is_evaluated(tmp_path, base):
    expected = adapter_of(tmp_path / "whole", train_step(tmp_path / "whole", base).run(**EXPERTS))
    asked = iter([False] * 3 + [True] * 100)
    with pytest.raises(Stopped, match=r"stopped after step \d of 8"):
        train_step(tmp_path / "stopped", base, stopping=lambda: next(asked)).run(**EXPERTS)
    again = adapter_of(tmp_path / "stopped", train_step(tmp_path / "stopped", base).run(**EXPERTS))
    assert contents(again) == contents(expected)

    tensors = load_file(again / "adapter_model.safetensors")
    assert tensors[f"{LAYER}.3.up_proj.lora_A.weight"].shape == (4, 32)
    learned = [name for name in tensors if LAYER in name and "lora_B" in name and tensors[name].abs().max() > 0]
    assert len(learned) == 8

    report = orjson.loads((again / "trainable.json").read_bytes())
    assert report["modules"]["experts.up_proj"] == report["modules"]["experts.down_proj"] == 4
    assert report["routed_trainable"] == 4 * 2 * 4 * (32 + 32)
    told = orjson.loads((again / "targets.json").read_bytes())
    assert (told["trained"], told["parameters"]) == (report["trainable"], report["parameters"])
    assert orjson.loads((again / "adapter_config.json").read_bytes())["target_modules"] == report["targets"]

    plain, taught = load_student("base", base, threads=1), load_student("taught", base, again, threads=1)
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        assert not torch.allclose(plain.model(ids).logits, taught.model(ids).logits)
    assert len(trace_all(taught, puzzles(2), Limits(max_new_tokens=4, batch_size=2))) == 4


def test_experts_of_a_model_without_any_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"train.experts: llama has no routed experts"):
        train_step(tmp_path, attending(tmp_path / "base")).run(**{**EXPERTS, "quantization": "none"})
