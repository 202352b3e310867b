"""Adapters as people's programs save them: tiny models, PEFT itself, and the ways that other programs write."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 96,
    "max_position_embeddings": 64,
}
NEMOTRON = {
    "hybrid_override_pattern": "M*EM-",
    "mamba_num_heads": 4,
    "mamba_head_dim": 8,
    "n_groups": 2,
    "ssm_state_size": 8,
    "chunk_size": 8,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "moe_shared_expert_intermediate_size": 40,
    "n_group": 1,
    "topk_group": 1,
}
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MIXED = ["q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "up_proj", "down_proj"]


def make_model(kind: str, **sizes: int) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, GptOssConfig, LlamaConfig, NemotronHConfig, Qwen3Config, Qwen3MoeConfig

    torch.manual_seed(0)
    size = {**SIZES, **sizes}
    configs = {
        "llama": lambda: LlamaConfig(num_hidden_layers=2, **size),
        "tied": lambda: LlamaConfig(num_hidden_layers=2, tie_word_embeddings=True, **size),
        "large-llama": lambda: LlamaConfig(num_hidden_layers=2, **{**size, "hidden_size": 64}),
        "qwen3": lambda: Qwen3Config(num_hidden_layers=2, **size),
        "qwen3_moe": lambda: Qwen3MoeConfig(num_hidden_layers=2, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24, **size),
        "nemotron_h": lambda: NemotronHConfig(**size, **NEMOTRON),
        "gpt_oss": lambda: GptOssConfig(num_hidden_layers=2, num_local_experts=4, num_experts_per_tok=2, **size),
    }
    return AutoModelForCausalLM.from_config(configs[kind]())


def save_adapter(model: Any, folder: Path, **config: Any) -> Path:
    """PEFT's own save, with numbers in every factor as after training."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    made = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **{"r": 4, "lora_alpha": 8, **config}))
    for name, weight in made.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.15)
    made.peft_config["default"].base_model_name_or_path = "someone/model"
    made.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Kind:
    """One way to make an adapter, and what the doctor has to say of it."""

    base: str
    config: Mapping[str, Any]
    refused: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    """Risks and notes."""
    change: Callable[[Path], object] = field(default=lambda folder: None)
    """What another program, or a person, did to it."""
    examined_on: str = ""
    """The base model that is handed over, if it is not the adapter's."""


def change_config(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def change_tensors(how: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        path = folder / "adapter_model.safetensors"
        save_file({name: weight.contiguous() for name, weight in how(load_file(path)).items()}, path)

    return change


def renamed(old: str, new: str) -> Callable[[Path], object]:
    return change_tensors(lambda tensors: {name.replace(old, new): weight for name, weight in tensors.items()})


def cast(dtype: str) -> Callable[[Path], object]:
    import torch

    return change_tensors(lambda tensors: {name: weight.to(getattr(torch, dtype)) for name, weight in tensors.items()})


def beside(folder: Path) -> None:
    """What a trainer leaves in a checkpoint."""
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "trainer_state.json", "tokenizer.json", "README.md"):
        (folder / name).write_bytes(b"x")


def grown(folder: Path) -> None:
    """What PEFT saves by itself where the vocabulary was resized."""
    import torch

    change_tensors(lambda tensors: tensors | {"base_model.model.model.embed_tokens.weight": torch.ones(98, 32)})(folder)


def joined(folder: Path) -> None:
    """One pair for q, k and v, as vLLM, LitGPT and others hold them."""
    import torch

    def join(tensors: dict[str, Any]) -> dict[str, Any]:
        paths = sorted({name.partition("q_proj")[0] for name in tensors if "q_proj" in name})
        made = {f"{path}qkv_proj.lora_A.weight": tensors[f"{path}q_proj.lora_A.weight"] for path in paths}
        return made | {
            f"{path}qkv_proj.lora_B.weight": torch.cat([tensors[f"{path}{part}_proj.lora_B.weight"] for part in "qkv"]) for path in paths
        }

    change_tensors(join)(folder)
    change_config(target_modules=["qkv_proj"])(folder)


def without(*parts: str) -> Callable[[Path], object]:
    return change_tensors(lambda tensors: {name: weight for name, weight in tensors.items() if not all(part in name for part in parts)})


def official(folder: Path) -> None:
    """The demo's regex with out_proj, which PEFT does not train on NemotronH itself."""
    import torch

    def add(tensors: dict[str, Any]) -> dict[str, Any]:
        for layer in (0, 3):
            module = f"base_model.model.model.layers.{layer}.mixer.out_proj"
            tensors |= {f"{module}.lora_A.weight": 0.05 * torch.randn(4, 32), f"{module}.lora_B.weight": 0.05 * torch.randn(32, 4)}
        return tensors

    change_tensors(add)(folder)
    change_config(target_modules=r".*\.(in_proj|out_proj|up_proj|down_proj)$", lora_alpha=16, lora_dropout=0.05)(folder)


def some(*names: str) -> frozenset[str]:
    return frozenset(names)


GPT_OSS: Mapping[str, Any] = {"target_modules": ["q_proj"], "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]}

KINDS: dict[str, Kind] = {
    "llama": Kind("llama", {"target_modules": LLAMA}),
    "attention-only": Kind("llama", {"target_modules": ["q_proj", "v_proj"]}),
    "all-linear": Kind("llama", {"target_modules": "all-linear"}),
    "regex": Kind("llama", {"target_modules": r".*\.(q|v)_proj"}, others=some("target-pattern")),
    "layers": Kind("llama", {"target_modules": ["q_proj"], "layers_to_transform": [1]}),
    "excluded": Kind("llama", {"target_modules": LLAMA, "exclude_modules": ["o_proj"]}, others=some("target-idle")),
    "rslora": Kind("llama", {"target_modules": LLAMA, "use_rslora": True}),
    "rank-1": Kind("llama", {"target_modules": LLAMA, "r": 1}),
    "rank-32": Kind("llama", {"target_modules": LLAMA, "r": 32}),
    "rank-64": Kind("llama", {"target_modules": LLAMA, "r": 64}, some("rank", "over-rank")),
    "gaussian": Kind("llama", {"target_modules": LLAMA, "init_lora_weights": "gaussian"}),
    "pissa": Kind("llama", {"target_modules": LLAMA, "init_lora_weights": "pissa"}, some("residual-init")),
    "olora": Kind("llama", {"target_modules": LLAMA, "init_lora_weights": "olora"}, some("residual-init")),
    "dora": Kind("llama", {"target_modules": LLAMA, "use_dora": True}, some("dora", "magnitude")),
    "bias": Kind("qwen3", {"target_modules": LLAMA, "lora_bias": True}, some("lora-bias", "bias-tensor")),
    "rank-pattern": Kind("llama", {"target_modules": LLAMA, "rank_pattern": {"q_proj": 2}}, some("rank-pattern")),
    "alpha-pattern": Kind("llama", {"target_modules": LLAMA, "alpha_pattern": {"q_proj": 16}}, some("alpha-pattern")),
    "saved-head": Kind("llama", {"target_modules": LLAMA, "modules_to_save": ["lm_head"]}, some("modules-to-save", "extra-tensor")),
    "lm-head": Kind("llama", {"target_modules": [*LLAMA, "lm_head"]}, others=some("base-copy")),
    "tied-head": Kind("tied", {"target_modules": [*LLAMA, "lm_head"]}, others=some("base-copy", "tied-head")),
    "embedding": Kind("llama", {"target_modules": [*LLAMA, "embed_tokens"]}, others=some("embedding", "base-copy")),
    "resized-vocabulary": Kind("llama", {"target_modules": LLAMA}, some("extra-tensor"), change=grown),
    "tokens": Kind("llama", {"target_modules": LLAMA, "trainable_token_indices": [1, 2]}, some("trained-tokens", "extra-tensor")),
    "fp16": Kind("llama", {"target_modules": LLAMA}, change=lambda folder: cast("float16")(folder)),
    "bf16": Kind("llama", {"target_modules": LLAMA}, change=lambda folder: cast("bfloat16")(folder)),
    "fp64": Kind("llama", {"target_modules": LLAMA}, others=some("dtype-wide"), change=lambda folder: cast("float64")(folder)),
    "int8": Kind("llama", {"target_modules": LLAMA}, some("dtype"), change=lambda folder: cast("int8")(folder)),
    "qwen3": Kind("qwen3", {"target_modules": LLAMA}),
    "nemotron": Kind("nemotron_h", {"target_modules": MIXED}),
    "nemotron-gate-proj": Kind("nemotron_h", {"target_modules": [*MIXED, "gate_proj"]}, others=some("target-idle")),
    "official-demo": Kind("nemotron_h", {"target_modules": MIXED}, others=some("target-pattern"), change=official),
    "backbone": Kind("nemotron_h", {"target_modules": MIXED}, change=renamed("base_model.model.model.", "base_model.model.backbone.")),
    "stacked-experts": Kind(
        "nemotron_h",
        {"target_modules": ["q_proj"], "target_parameters": ["experts.up_proj", "experts.down_proj"]},
        some("fused-experts"),
    ),
    "stacked-up-only": Kind("nemotron_h", {"target_modules": ["q_proj"], "target_parameters": ["experts.up_proj"]}, some("fused-experts")),
    "stacked-gated": Kind(
        "qwen3_moe",
        {"target_modules": ["q_proj"], "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]},
        some("fused-experts"),
    ),
    "gpt-oss-stacked": Kind("gpt_oss", GPT_OSS, others=some("stacked-experts")),
    "gpt-oss-experts-alone": Kind("gpt_oss", {**GPT_OSS, "target_modules": []}, others=some("stacked-experts")),
    "gpt-oss-one-matrix": Kind(
        "gpt_oss", {**GPT_OSS, "target_parameters": ["experts.down_proj"]}, some("experts-missing"), some("stacked-experts")
    ),
    "gpt-oss-half": Kind("gpt_oss", GPT_OSS, some("half-pair"), some("stacked-experts"), without("layers.0", "experts.lora_B")),
    "gpt-oss-other-rank": Kind("gpt_oss", GPT_OSS, some("tensor-rank"), some("stacked-experts"), change_config(r=8)),
    "gpt-oss-other-layer": Kind(
        "gpt_oss", GPT_OSS, some("module-unknown"), some("stacked-experts"), renamed("layers.1.mlp", "layers.7.mlp")
    ),
    "gpt-oss-matrices-swapped": Kind(
        "gpt_oss",
        GPT_OSS,
        some("shape"),
        some("stacked-experts"),
        lambda folder: [
            renamed(*names)(folder)
            for names in ((".base_layer.lora", ".x.lora"), ("experts.lora", "experts.base_layer.lora"), (".x.", "."))
        ],
    ),
    "gpt-oss-tensor-for-each-matrix": Kind(
        "gpt_oss",
        GPT_OSS,
        some("fused-experts"),
        change=lambda folder: [
            renamed(*names)(folder) for names in ((".experts.lora", ".experts.down_proj.lora"), ("base_layer", "gate_up_proj"))
        ],
    ),
    "joined": Kind("llama", {"target_modules": ["q_proj", "k_proj", "v_proj"]}, some("fused-projections"), change=joined),
    "trl-checkpoint": Kind("llama", {"target_modules": LLAMA}, others=some("extra-files"), change=beside),
    "unsloth-names": Kind(
        "llama", {"target_modules": LLAMA}, some("prefix"), change=renamed("base_model.model.model.", "base_model.model.language_model.")
    ),
    "adapter-name-left": Kind("llama", {"target_modules": LLAMA}, some("key-name"), change=renamed(".weight", ".default.weight")),
    "compiled": Kind(
        "llama", {"target_modules": LLAMA}, some("prefix"), change=renamed("base_model.model.", "base_model.model._orig_mod.")
    ),
    "fsdp": Kind("llama", {"target_modules": LLAMA}, some("prefix"), change=renamed(".self_attn.", "._fsdp_wrapped_module.self_attn.")),
    "bare-names": Kind("llama", {"target_modules": LLAMA}, some("prefix"), change=renamed("base_model.model.", "")),
    "without-model": Kind("llama", {"target_modules": LLAMA}, some("prefix"), change=renamed("model.model.", "model.")),
    "megatron-words": Kind(
        "llama",
        {"target_modules": LLAMA},
        some("key-name"),
        change=lambda folder: (renamed("lora_A", "linear_in")(folder), renamed("lora_B", "linear_out")(folder)),
    ),
    "of-another-size": Kind("large-llama", {"target_modules": LLAMA}, some("wrong-base"), examined_on="llama"),
    "of-another-kind": Kind("llama", {"target_modules": LLAMA}, some("wrong-base"), examined_on="nemotron_h"),
    "another-rank-in-config": Kind("llama", {"target_modules": LLAMA}, some("tensor-rank"), change=change_config(r=8)),
}


__all__ = ["KINDS", "Kind", "make_model", "save_adapter"]
