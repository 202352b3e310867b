import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from tests.training.nano import nano
from transformers import AutoModelForCausalLM, GptOssConfig, LlamaConfig, MixtralConfig, NemotronHConfig

from nemoflow.errors import ConfigError
from nemoflow.models.modules import read_modules
from nemoflow.training.gpus import GPUS, gpu_named, gpu_of
from nemoflow.training.plan import GIB, Plan, Setting, classes_that_fit, need_fit, remedies
from nemoflow.training.resolution import resolve

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
TOKENS = 128
WIDTHS = {"hidden_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 64}
PLAIN = WIDTHS | {"intermediate_size": 384, "num_hidden_layers": 2}
HYBRID = {
    "hybrid_override_pattern": "*E*-",
    "intermediate_size": 384,
    "mamba_num_heads": 4,
    "mamba_head_dim": 32,
    "n_groups": 1,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 88,
    "moe_shared_expert_intermediate_size": 176,
}
MODELS = {
    "llama": lambda: LlamaConfig(**PLAIN),
    "mixtral": lambda: MixtralConfig(**PLAIN, num_local_experts=4, num_experts_per_tok=2),
    "gpt_oss": lambda: GptOssConfig(**PLAIN, num_local_experts=4, num_experts_per_tok=2),
    "nemotron_h": lambda: NemotronHConfig(**WIDTHS, **HYBRID),
}


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    modules = read_modules(nano(tmp_path_factory.mktemp("nano")))
    return lambda wanted="auto", **fields: Plan(resolve(modules, wanted, 32), Setting(**{"length": 8192, **fields}))


def kept_by_torch(model):
    """Bytes that a forward pass keeps for the backward one, without the model's own weights."""
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    tokens = torch.randint(0, 64, (1, TOKENS))
    with torch.autocast("cpu", torch.bfloat16), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.get_base_model().model(tokens)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("family", MODELS)
def test_activations_are_planned_within_a_third_of_what_torch_keeps(tmp_path, family):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MODELS[family](), dtype=torch.bfloat16)
    model.save_pretrained(tmp_path)
    resolution = resolve(read_modules(tmp_path), "auto", 4)
    plan = Plan(resolution, Setting(TOKENS, quantization="none", checkpointing=False))
    model = get_peft_model(model, LoraConfig(r=4, target_modules=list(resolution.suggested), task_type="CAUSAL_LM"))
    model.enable_input_require_grads()
    planned = sum(plan.layer_bytes().values()) * TOKENS
    assert kept_by_torch(model.train()) == pytest.approx(planned, rel=0.33)


def test_the_contests_model_is_planned_in_4_bits_and_in_bf16(contest):
    packed, plain = contest(), contest(quantization="none")
    assert plain.weights == pytest.approx(31_577_937_344 * 2 / GIB)
    assert packed.weights == pytest.approx(
        (packed.resolution.quantisable * 4.127 / 8 + 2 * (31_577_937_344 - packed.resolution.quantisable)) / GIB, rel=1e-3
    )
    assert packed.weights < 17
    assert packed.active == pytest.approx(3.2e9, rel=0.05)
    assert [gpu.name for gpu in classes_that_fit(plain)] == ["a100-80", "h100", "rtx-pro-6000", "h200"]


def test_the_teams_runs_that_the_share_of_the_peak_comes_from_are_met(contest):
    hours = 890e6 / contest().tokens_per_second(gpu_named("rtx-pro-6000")) / 3600
    assert hours == pytest.approx(119, rel=0.15)
    assert 159e6 / 4 / contest().tokens_per_second(gpu_named("a100-80")) / 3600 == pytest.approx(11, rel=0.35)


@given(
    length=st.integers(64, 131_072),
    rows=st.integers(1, 8),
    precision=st.sampled_from(["bf16", "fp32"]),
    quantization=st.sampled_from(["nf4", "none"]),
    checkpointing=st.booleans(),
    gpu=st.sampled_from(list(GPUS.values())),
)
def test_what_does_not_fit_is_refused_and_each_remedy_fits(contest, length, rows, precision, quantization, checkpointing, gpu):
    fields = {"rows": rows, "precision": precision, "quantization": quantization, "checkpointing": checkpointing}
    plan = contest(length=length, **fields)
    found = remedies(plan, gpu)
    assert all(remedy.plan.fits(gpu) and remedy.plan.total < plan.total for remedy in found if not plan.fits(gpu))
    if not plan.fits(gpu) or (precision == "bf16" and not gpu.has_bf16):
        with pytest.raises(ConfigError):
            need_fit(plan, gpu)
    else:
        need_fit(plan, gpu)


@given(length=st.integers(64, 65_536), more=st.integers(1, 65_536), rows=st.integers(1, 4))
def test_more_tokens_never_take_less(contest, length, more, rows):
    assert contest(length=length + more, rows=rows).total > contest(length=length, rows=rows).total
    assert contest(length=length, rows=rows + 1).total > contest(length=length, rows=rows).total
    assert contest(length=length, batch_tokens=length + more).total >= contest(length=length).total


def test_experts_that_stay_in_full_are_not_unpacked(tmp_path):
    AutoModelForCausalLM.from_config(MODELS["gpt_oss"]()).save_pretrained(tmp_path)
    resolution = resolve(read_modules(tmp_path), "auto", 4)
    plan = Plan(resolution, Setting(TOKENS, quantization="nf4"))
    assert plan.unpacked * GIB == 2 * max(linear.parameters for linear in resolution.modules.linears)
    assert plan.total <= Plan(resolution, Setting(TOKENS, quantization="none")).total


@given(
    length=st.integers(8, 131_072),
    processes=st.integers(2, 16),
    precision=st.sampled_from(["bf16", "fp32"]),
    checkpointing=st.booleans(),
)
def test_what_is_meant_to_save_never_takes_more(contest, length, processes, precision, checkpointing):
    fields = {"length": length, "precision": precision, "checkpointing": checkpointing}
    plain = contest(quantization="none", **fields)
    assert contest(quantization="nf4", **fields).total < plain.total
    assert contest(quantization="none", **{**fields, "checkpointing": True}).total <= plain.total
    shared = contest(quantization="none", processes=processes, sharding="base", **fields)
    assert contest(quantization="none", processes=processes + 1, sharding="base", **fields).total < shared.total < plain.total


def test_the_refusal_names_the_parts_and_what_would_fit(contest):
    with pytest.raises(ConfigError) as refused:
        need_fit(contest(quantization="none"), gpu_named("l40s"))
    says = str(refused.value)
    assert "weights 58.8" in says
    assert "train.quantization nf4" in says
    assert "as it is on a100-80, h100, rtx-pro-6000, h200" in says
    with pytest.raises(ConfigError, match="no bf16 arithmetic"):
        need_fit(contest(), gpu_named("t4"))


def test_gpus_are_known_by_what_their_driver_says():
    reported = {
        "NVIDIA H100 80GB HBM3": "h100",
        "NVIDIA A100-SXM4-40GB": "a100-40",
        "NVIDIA A100 80GB PCIe": "a100-80",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition": "rtx-pro-6000",
        "NVIDIA L40S": "l40s",
        "NVIDIA L4": "l4",
        "Tesla T4": "t4",
        "NVIDIA A10G": "a10g",
    }
    found = {name: gpu_of(name, 10.0) for name in reported}
    assert {name: gpu.name for name, gpu in found.items()} == reported
    assert all(gpu.memory_gib == 10.0 for gpu in found.values())
    assert gpu_of("NVIDIA GeForce GTX 1060", 6.0) is None
    with pytest.raises(ConfigError, match="'h1000' is no known class; known are h200"):
        gpu_named("h1000")


@given(st.integers(1, 16), st.sampled_from(["bf16", "fp32"]))
def test_shares_of_a_base_add_up_and_time_is_shared_too(contest, processes, precision):
    whole = contest(quantization="none", precision=precision)
    shared = contest(quantization="none", precision=precision, processes=processes, sharding="base")
    assert shared.weights * processes == pytest.approx(whole.weights)
    assert shared.total - shared.weights - shared.gathered == pytest.approx(whole.total - whole.weights)
    assert shared.step_seconds(gpu_named("h100")) * processes == pytest.approx(whole.step_seconds(gpu_named("h100")))


def test_the_fewest_gpus_that_hold_a_base_in_full_precision_together_are_named(contest):
    gpu = gpu_named("l40s")
    plan = contest(quantization="none", accumulation=8)
    (remedy,) = [remedy for remedy in remedies(plan, gpu) if "such GPUs" in remedy.says]
    assert remedy.says == "2 such GPUs (train.processes 2, train.sharding base)"
    assert remedy.plan.fits(gpu)
    assert not [remedy for remedy in remedies(contest(accumulation=8, length=131_072), gpu) if "such GPUs" in remedy.says]
