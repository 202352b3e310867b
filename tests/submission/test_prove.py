"""The proof in vLLM: what its distances mean, and, where a vLLM is (NEMOFLOW_VLLM=FOLDER, its environment), the whole of it.

For adapters on routed experts another way to the same numbers stands in for vLLM: B A added to the base's stacked weights.
"""

import os
import shutil
import warnings
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tests.submission import peft_kinds
from tests.training.families import tiny

from nemoflow.errors import ConfigError
from nemoflow.models.expert_lora import WEIGHTS, adaptable, holds_experts, save_adapter, teach
from nemoflow.submission.doctor import examine
from nemoflow.submission.prove import BY_ADDING, BY_PEFT, Distances, add_products, draw_prompts, judge, measure, prove, say_here
from nemoflow.submission.repair import repair


@pytest.mark.parametrize(
    ("change", "error", "noise", "rule"),
    [
        (0.3, 1e-6, 5e-7, "load-proved"),
        (0.3, 0.2, 5e-7, "load-other"),
        (0.3, float("inf"), 5e-7, "load-other"),
        (0.3, float("nan"), 5e-7, "load-other"),
        (0.0, 0.3, 0.0, "load-same"),
        (1e-6, 0.3, 5e-7, "load-same"),
        (float("nan"), 0.0, 0.0, "load-same"),
        (0.3, 0.02, 0.01, "load-proved"),
    ],
)
def test_distances_are_measured_by_that_of_the_two_engines_on_the_bare_base(change, error, noise, rule):
    finding = judge(Distances(change, error, noise), "float32", "here", "adapter")
    assert (finding.rule, finding.severity) == (rule, "note" if rule == "load-proved" else "refused")


PROMPTS = draw_prompts(90)
HEADS = {"hidden_size": 64, "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 2}
"""Such as vLLM's CPU kernels take."""


@pytest.fixture(scope="module")
def expert_world(tmp_path_factory):
    """(a nemotron_h with routed experts, an adapter on them as `train` writes it)."""
    import torch
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("experts")
    model = tiny("nemotron_h")
    model.save_pretrained(folder / "base")
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", *adaptable(model)], task_type="CAUSAL_LM")
    teach(config, model)
    torch.manual_seed(1)
    with warnings.catch_warnings():  # PEFT asks for activation checkpointing by its old name
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
        model = get_peft_model(model, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.2)
    save_adapter(model, folder / "adapter")
    return folder / "base", folder / "adapter"


def other_engine(base: Path, adapter: Path | None = None):
    """What an engine tells that adds products to weights: each prompt's twenty likeliest tokens."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    with torch.no_grad():
        rows = (add_products(model, adapter, base) if adapter else model)(torch.tensor(PROMPTS)).logits[:, -1].log_softmax(-1)
    return [{str(int(token)): float(row[token]) for token in row.topk(20).indices} for row in rows]


def changed(adapter: Path, folder: Path, change) -> Path:
    """A copy with other tensors."""
    shutil.copytree(adapter, folder)
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def without_experts(tensors):
    return {name: tensor for name, tensor in tensors.items() if ".experts." not in name}


def with_two_experts_swapped(tensors):
    turned = {".experts.0.": ".experts.1.", ".experts.1.": ".experts.0."}
    return {
        next((name.replace(one, other) for one, other in turned.items() if one in name), name): tensor for name, tensor in tensors.items()
    }


def judged(base: Path, adapter: Path, elsewhere: Path | None) -> str:
    """The finding where the other engine has loaded `elsewhere` as the adapter; None: nothing."""
    here = say_here(adapter, base, "float32", PROMPTS)
    assert here.how == BY_PEFT
    return judge(measure(other_engine(base), other_engine(base, elsewhere), here), "float32", "here", "adapter").rule


def test_an_adapter_on_experts_has_the_runtimes_names_and_is_proved_by_its_products(expert_world):
    base, adapter = expert_world
    assert holds_experts(adapter)
    assert not [finding for finding in examine(adapter, base, 32).findings if finding.severity == "refused"]
    assert judged(base, adapter, adapter) == "load-proved"


@pytest.mark.parametrize("change", [without_experts, with_two_experts_swapped])
def test_an_engine_that_takes_the_experts_for_others_or_passes_over_them_is_seen(expert_world, tmp_path, change):
    base, adapter = expert_world
    assert judged(base, adapter, changed(adapter, tmp_path / "other", change)) == "load-other"


def test_an_engine_that_passes_over_the_whole_adapter_is_seen(expert_world):
    assert judged(*expert_world, None) == "load-same"


def test_products_are_added_to_weights_on_a_gpu_too(expert_world, tmp_path):
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    base, adapter = expert_world
    model, adapter = tiny("nemotron_h"), changed(adapter, tmp_path / "attention", without_experts)
    attention = next(module for module in model.modules() if hasattr(module, "q_proj"))
    with FakeTensorMode():  # tensors without numbers, which refuse as on a real GPU what lies on a CPU
        weight = torch.nn.Parameter(torch.empty(attention.q_proj.weight.shape, device="cuda"))
        attention.q_proj.weight = weight
        add_products(model, adapter, base)
    assert (weight.device.type, weight._version) == ("cuda", 1)


@pytest.fixture(scope="module")
def gated_world(tmp_path_factory):
    """(a Qwen3-MoE, experts as PEFT stacks them, the same taken apart by the doctor): PEFT reads the second, not the third."""
    folder = tmp_path_factory.mktemp("gated")
    peft_kinds.make_model("qwen3_moe", **HEADS).save_pretrained(folder / "base")
    experts = {"target_modules": ["q_proj"], "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stacked = peft_kinds.save_adapter(peft_kinds.make_model("qwen3_moe", **HEADS), folder / "stacked", **experts)
    repair(stacked, folder / "base", folder / "apart", 32)
    return folder / "base", stacked, folder / "apart"


def test_experts_that_only_the_runtime_reads_are_compared_by_their_products_and_say_what_peft_says_of_them_stacked(gated_world):
    base, stacked, apart = gated_world
    by_peft, by_products = (say_here(folder, base, "float32", PROMPTS) for folder in (stacked, apart))
    assert (by_peft.how, by_products.how) == (BY_PEFT, BY_ADDING)
    assert (by_peft.adapted - by_peft.bare).abs().max() > 0.01
    assert (by_peft.adapted - by_products.adapted).abs().max() < 1e-3


@pytest.fixture(scope="module")
def python() -> str:
    folder = os.environ.get("NEMOFLOW_VLLM", "")
    program = Path(folder) / "bin" / "python"
    if not folder or not program.exists():
        pytest.skip("NO ADAPTER IS LOADED IN VLLM: NEMOFLOW_VLLM names no environment of it; tests/inference/test_vllm.py makes one")
    return str(program)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A Llama whose heads vLLM's CPU kernels take."""
    sizes = HEADS
    folder = tmp_path_factory.mktemp("prove")
    peft_kinds.make_model("llama", **sizes).save_pretrained(folder / "base")

    def adapter(name: str, **config: object) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peft_kinds.save_adapter(
                peft_kinds.make_model("llama", **sizes), folder / name, target_modules=peft_kinds.LLAMA, **config
            )

    return folder / "base", adapter


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_vllm_says_what_peft_says_with_a_sound_adapter_and_with_a_repaired_one(world, python, tmp_path):
    base, adapter = world
    assert prove(adapter("plain", r=8), base, python, 32).rule == "load-proved"
    repair(adapter("pattern", r=8, rank_pattern={"q_proj": 4}, alpha_pattern={"v_proj": 32}), base, tmp_path / "out", 32)
    assert prove(tmp_path / "out", base, python, 32).rule == "load-proved"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_vllm_passes_over_in_silence_is_seen(world, python):
    base, adapter = world
    folder = adapter("unprefixed", r=8)
    peft_kinds.renamed("model.model.", "model.")(folder)
    assert prove(folder, base, python, 32).rule == "load-same"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("made", ["expert_world", "gated_world"])
def test_vllm_says_what_this_side_says_with_an_adapter_on_experts(python, made, request):
    base, *_, adapter = request.getfixturevalue(made)
    try:
        assert prove(adapter, base, python, 32).rule == "load-proved"
    except ConfigError as error:
        if "does not run the bare base model" not in str(error):
            raise
        pytest.skip(f"NO ADAPTER ON EXPERTS IS LOADED IN VLLM: {error}")
