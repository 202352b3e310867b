"""Training and evaluation on a GPU: what the steps make there is what they make on a CPU, within what its arithmetic leaves."""

import orjson
import pytest
import torch
from tests.evaluation.tiny import numerals, save_tiny_adapter, save_tiny_base
from tests.steps.test_train_together import CALM, run
from tests.training.families import HYBRID
from tests.training.tiny import BRIEF, QUICK, attending, train_step, untaught
from transformers import NemotronHConfig, NemotronHForCausalLM

from nemoflow.errors import Stopped
from nemoflow.evaluation.rollouts import Limits, load_student, trace_all
from nemoflow.steps.reinforce import REINFORCE
from nemoflow.training.quantised import load_quantised

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]
ON_GPU = {**QUICK, "precision": "bf16", "quantization": "nf4", "activation_checkpointing": True, "dropout": 0.0}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("base"))


def losses(root, manifest):
    log = (root / "root" / manifest.outputs["adapter"].address / "log.jsonl").read_bytes()
    return [orjson.loads(line)["loss"] for line in log.splitlines()]


def train(root, base, **fields):
    root.mkdir()
    manifest = train_step(root, base).run(**{**ON_GPU, **fields})
    return losses(root, manifest), manifest


def test_a_base_in_4_bits_learns_and_says_what_it_took(device, tmp_path, base):
    fell, manifest = train(tmp_path / "run", base, learning_rate=1e-2)
    assert sum(fell[-3:]) < 0.95 * sum(fell[:3])
    assert 0 < manifest.metrics["peak_memory_gib"] < 4


def test_routed_experts_in_4_bits_learn_their_own_matrices(device, tmp_path):
    fell, _ = train(tmp_path / "run", save_tiny_base(tmp_path / "base"), learning_rate=1e-2, experts=True)
    assert sum(fell[-3:]) < sum(fell[:3])


def test_full_precision_draws_the_curve_of_a_cpu(device, tmp_path, base, monkeypatch):
    full = {"precision": "fp32", "quantization": "none"}
    there, _ = train(tmp_path / "gpu", base, **full)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    here, _ = train(tmp_path / "cpu", base, **full)
    assert there == pytest.approx(here, rel=1e-3)


def test_rows_side_by_side_learn_what_rows_apart_learn(device, tmp_path):
    model = attending(tmp_path / "base")
    plain = {"precision": "fp32", "quantization": "none", "micro_batch": 16, "accumulation": 1, "epochs": 2}
    apart, _ = train(tmp_path / "apart", model, **plain)
    packed, _ = train(tmp_path / "packed", model, **plain, packing=True, batch_tokens=16 * 512)
    assert packed == pytest.approx(apart, rel=1e-3)


def test_a_run_that_was_stopped_goes_on_with_the_curve_of_one_that_nobody_disturbed(device, tmp_path, base):
    whole, _ = train(tmp_path / "whole", base)
    root = tmp_path / "stopped"
    root.mkdir()
    step, looks = train_step(root, base), []
    step.stopping = lambda: looks.append(1) or len(looks) == 12
    with pytest.raises(Stopped):
        step.run(**ON_GPU)
    assert losses(root, train_step(root, base).run(**ON_GPU)) == pytest.approx(whole, rel=1e-3)


def test_experts_never_stand_on_the_gpu_in_full_precision(device, tmp_path):
    layers, experts, width = 4, 32, 512
    config = NemotronHConfig(
        **{**HYBRID, "hidden_size": width},
        vocab_size=128,
        hybrid_override_pattern="*" + "E" * layers,
        n_routed_experts=experts,
        num_experts_per_tok=2,
        moe_intermediate_size=width,
        moe_shared_expert_intermediate_size=64,
    )
    NemotronHForCausalLM(config).to(torch.bfloat16).save_pretrained(tmp_path / "base")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    model = load_quantised(tmp_path / "base", torch.bfloat16, device)
    layer = experts * 2 * width * width * 2
    assert {weight.device.type for weight in model.parameters()} == {"cuda"}
    assert torch.cuda.memory_allocated() - before < layers * layer * 0.35
    assert torch.cuda.max_memory_allocated() - before < layers * layer * 0.35 + 1.5 * layer


def test_a_student_says_what_it_says_on_a_cpu(device, tmp_path):
    base = save_tiny_base(tmp_path / "base")
    student = load_student("base", base, save_tiny_adapter(base, tmp_path / "adapter"), dtype="float32")
    limits, problems = Limits(max_new_tokens=12, batch_size=3), numerals(12)
    there = [trace.response for trace in trace_all(student, problems, limits)]
    student.model.to("cpu")
    here = [trace.response for trace in trace_all(student, problems, limits)]
    assert sum(one == other for one, other in zip(here, there, strict=True)) >= 11  # a near tie may turn


def test_reinforcement_takes_its_steps(device, tmp_path, base):
    tmp_path.joinpath("train").mkdir()
    trained = train_step(tmp_path / "train", base).run(**ON_GPU)
    step = train_step(tmp_path / "train", base)
    step.step, step.inputs = REINFORCE, {"model": base, "adapter": tmp_path / "train/root" / trained.outputs["adapter"].address}
    manifest = step.run("reinforced", **{**BRIEF, "precision": "bf16", "quantization": "nf4"})
    assert manifest.metrics["steps"] == BRIEF["steps"]


@pytest.mark.parametrize("fields", [{}, {"sharding": "base"}, {"precision": "bf16", "quantization": "nf4"}], ids=str)
def test_two_gpus_draw_the_curve_of_one(device, tmp_path, base, fields):
    if torch.cuda.device_count() < 2:
        pytest.skip("SEVERAL GPUS ARE NOT TESTED: torch sees one")
    alone, _ = run(tmp_path / "alone", base, **{**fields, "sharding": "none"})
    two, _ = run(tmp_path / "two", base, processes=2, **fields)
    near = 2e-2 if fields.get("precision") == "bf16" else 1e-3
    assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in alone], rel=near)
    assert len(two) == CALM["epochs"] * 3
