"""A tiny random NemotronH with every kind of layer, its tokenizer, and an adapter on it: what a test needs of a student.

As a program it evaluates one in a folder, until it is killed.
"""

import sys
import warnings
from pathlib import Path

from tests.steps.alone import Alone, write_lines

from nemoflow.records import Problem
from nemoflow.steps.evaluate import EVALUATE

LONG = {"max_new_tokens": 48, "threads": 1, "batch_size": 3}
"""Nine problems are three batches, each long enough to be killed in."""


def save_tiny_base(folder: Path, seed: int = 0) -> Path:
    """A 40 k parameter model as `save_pretrained` writes it: mamba, experts, attention and mlp layers."""
    import torch
    from transformers import NemotronHConfig, NemotronHForCausalLM

    from nemoflow.training.tokenizer import build_tokenizer

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = build_tokenizer([" in the numeral system."])
    config = NemotronHConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        hybrid_override_pattern="ME*-",
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        intermediate_size=48,
        mamba_num_heads=4,
        mamba_head_dim=8,
        n_groups=1,
        ssm_state_size=8,
        chunk_size=8,
        n_routed_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        moe_shared_expert_intermediate_size=24,
        max_position_embeddings=512,
        initializer_range=0.4,
    )
    NemotronHForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_tiny_adapter(base: Path, folder: Path, seed: int = 0, rank: int = 4) -> Path:
    """A LoRA adapter with random, not zero, lora_B: it changes what the base says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "up_proj", "down_proj"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
            LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets),
        )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    return folder


def numerals(count: int) -> list[Problem]:
    """Problems of different lengths."""
    return [
        Problem(
            id=f"n{index:02d}",
            statement=f"{'Look. ' * (index % 4)}Write the number {index} in the numeral system.",
            gold="I" * index,
            category="numeral" if index % 2 else "unit",
            source="test",
        )
        for index in range(1, count + 1)
    ]


def evaluate_step(root: Path, base: Path, **fields: object) -> Alone:
    """An evaluation of nine problems."""
    return Alone(EVALUATE, {"problems": write_lines(root / "eval.jsonl", numerals(9)), "model": base}, root / "root", **fields)


if __name__ == "__main__":
    evaluate_step(Path(sys.argv[1]), Path(sys.argv[2])).run(**LONG)
