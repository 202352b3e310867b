"""Tiny untrained models of several families, of attention alone and with states."""

import torch
from transformers import (
    AutoModelForCausalLM,
    FalconH1Config,
    GptOssConfig,
    Lfm2Config,
    LlamaConfig,
    Mamba2Config,
    MixtralConfig,
    NemotronHConfig,
    Qwen3Config,
    Qwen3MoeConfig,
    Qwen3NextConfig,
)

COMMON = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.2,
}
"""First weights are ten times those of a real model, so that two layers let tokens act upon each other as a deep model does."""
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
MAMBA = {"mamba_num_heads": 2, "mamba_head_dim": 16, "ssm_state_size": 8, "n_groups": 1, "chunk_size": 8, "expand": 1}
HYBRID = {name: value for name, value in COMMON.items() if name != "num_hidden_layers"} | MAMBA
ROUTED = {"n_routed_experts": 4, "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 32}

APART = {
    "llama": lambda vocabulary: LlamaConfig(vocab_size=vocabulary, **COMMON),
    "qwen3": lambda vocabulary: Qwen3Config(vocab_size=vocabulary, **COMMON),
    "qwen3_moe": lambda vocabulary: Qwen3MoeConfig(vocab_size=vocabulary, **COMMON, **EXPERTS),
    "mixtral": lambda vocabulary: MixtralConfig(vocab_size=vocabulary, **COMMON, num_local_experts=4, num_experts_per_tok=2),
    "nemotron_h of attention and experts": lambda vocabulary: NemotronHConfig(
        vocab_size=vocabulary, hybrid_override_pattern="*E*-", **HYBRID, **ROUTED
    ),
}
UNTOLD = {
    "gpt_oss": lambda vocabulary: GptOssConfig(
        vocab_size=vocabulary, **COMMON, num_local_experts=4, num_experts_per_tok=2, sliding_window=8
    ),
}
"""Of attention alone too, but transformers 5.23 does not hand the positions to the function that makes its mask."""
STATES = {
    "nemotron_h": lambda vocabulary: NemotronHConfig(vocab_size=vocabulary, hybrid_override_pattern="M*ME", **HYBRID, **ROUTED),
    "mamba2": lambda vocabulary: Mamba2Config(
        vocab_size=vocabulary, hidden_size=32, num_heads=4, head_dim=16, state_size=8, n_groups=1, num_hidden_layers=2, chunk_size=8
    ),
    "falcon_h1": lambda vocabulary: FalconH1Config(
        vocab_size=vocabulary, **COMMON, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8, mamba_chunk_size=8
    ),
    "qwen3_next": lambda vocabulary: Qwen3NextConfig(
        vocab_size=vocabulary,
        **COMMON,
        **EXPERTS,
        shared_expert_intermediate_size=32,
        layer_types=["linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
    ),
    "lfm2": lambda vocabulary: Lfm2Config(vocab_size=vocabulary, **COMMON, layer_types=["conv", "full_attention"]),
}


def tiny(family, vocabulary=96):
    """An untrained model in fp32, ready to be asked."""
    torch.manual_seed(0)
    config = (APART | UNTOLD | STATES)[family](vocabulary)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
