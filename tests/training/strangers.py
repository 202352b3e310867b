"""Tiny untrained models of families that nothing here was written for, as they lie on disk."""

import torch
import transformers
from tests.training.families import COMMON, EXPERTS
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

PLAIN = {name: value for name, value in COMMON.items() if name != "initializer_range"} | {"vocab_size": 96, "pad_token_id": 0}
NARROW = {name: value for name, value in PLAIN.items() if name != "head_dim"}
ROUTED = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
}
FIRST_DENSE = ROUTED | {"first_k_dense_replace": 1}
LATENT = {"kv_lora_rank": 16, "q_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8, "num_key_value_heads": 4}
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
STATE = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_expand": 2}
LOCAL = {"num_local_experts": 4, "num_experts_per_tok": 2}
SHARED = {"shared_expert_intermediate_size": 32}
SIGHT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
SIGHT_QWEN = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32}
SIGHT_GEMMA4 = {name: SIGHT[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")}
BY_LAYER = {"vocab_size_per_layer_input": 96, "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 0}
GEMMA3N = {"laurel_rank": 8, "activation_sparsity_pattern": [0.0, 0.0]}
OLD = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
ZAMBA = {"layers_block_type": ["mamba", "hybrid", "mamba"], "num_mem_blocks": 1, "use_mem_rope": True, "n_mamba_heads": 4}

CONFIGS = {
    "gemma3_text": ("Gemma3TextConfig", PLAIN),
    "gemma3": ("Gemma3Config", {"text_config": PLAIN, "vision_config": SIGHT | {"vision_use_head": False}, "mm_tokens_per_image": 4}),
    "gemma3n_text": ("Gemma3nTextConfig", PLAIN | BY_LAYER | GEMMA3N),
    "gemma4_text": ("Gemma4TextConfig", PLAIN | BY_LAYER),
    "gemma4": (
        "Gemma4Config",
        {"text_config": PLAIN | BY_LAYER, "vision_config": SIGHT_GEMMA4 | {"num_key_value_heads": 2, "head_dim": 16}, "audio_config": None},
    ),
    "phi3": ("Phi3Config", NARROW),
    "phimoe": ("PhimoeConfig", NARROW | LOCAL),
    "gpt_neox": ("GPTNeoXConfig", OLD),
    "opt": ("OPTConfig", {**OLD, "ffn_dim": 64, "word_embed_proj_dim": 32, "pad_token_id": 0}),
    "glm4_moe": ("Glm4MoeConfig", PLAIN | FIRST_DENSE),
    "deepseek_v3": ("DeepseekV3Config", NARROW | FIRST_DENSE | LATENT),
    "dots1": ("Dots1Config", PLAIN | FIRST_DENSE),
    "olmoe": ("OlmoeConfig", NARROW | EXPERTS),
    "qwen2_moe": ("Qwen2MoeConfig", NARROW | EXPERTS | SHARED),
    "qwen3_5": ("Qwen3_5Config", {"text_config": PLAIN | LINEAR, "vision_config": SIGHT_QWEN}),
    "qwen3_5_moe": ("Qwen3_5MoeConfig", {"text_config": PLAIN | LINEAR | EXPERTS | SHARED, "vision_config": SIGHT_QWEN}),
    "granitemoehybrid": ("GraniteMoeHybridConfig", NARROW | LOCAL | STATE | {"layer_types": ["mamba", "attention"]}),
    "bamba": ("BambaConfig", NARROW | STATE | {"attn_layer_indices": [1]}),
    "zamba2": ("Zamba2Config", OLD | ZAMBA | {"num_hidden_layers": 3, "mamba_d_state": 8, "mamba_ngroups": 1, "hybrid_layer_ids": [1]}),
    "lfm2_moe": ("Lfm2MoeConfig", NARROW | EXPERTS | {"num_dense_layers": 1, "layer_types": ["conv", "full_attention"]}),
    "llama4_text": ("Llama4TextConfig", PLAIN | {"num_local_experts": 4, "intermediate_size_mlp": 64, "interleave_moe_layer_step": 2}),
    "minimax": ("MiniMaxConfig", PLAIN | LOCAL | {"layer_types": ["linear_attention", "full_attention"]}),
    "tied llama": ("LlamaConfig", PLAIN | {"tie_word_embeddings": True}),
}


def save(folder, name):
    """The folder of an untrained model, with all that it sees with."""
    config, fields = CONFIGS[name]
    torch.manual_seed(0)
    config = getattr(transformers, config)(**fields)
    kind = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    kind.from_config(config, dtype=torch.float32).save_pretrained(folder)
    return folder


def load(folder):
    """As training loads it."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
