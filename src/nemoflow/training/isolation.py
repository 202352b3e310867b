"""Whether rows that lie side by side stay apart in a model; asked before training with packing, never assumed.

Attention is told by a mask. A state that runs from token to token (mamba, linear attention, short convolutions) is not: it needs
kernels that take the rows' ends (`seq_idx` of mamba_ssm). Without them NemotronH leaks in silence, so models with such layers are refused
by name, from their config alone; of all others the loaded model is asked, with a few rows alone and side by side. So GPT-OSS is refused
too: transformers 5.23 makes its mask without the positions.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from nemoflow.errors import ConfigError
from nemoflow.training.batches import side_by_side

PROBE = ((24, 9, 17), (13, 30))
"""Tokens of the rows in two packs of different lengths."""
MOST = {"float32": 1e-3}
MOST_ROUGH = 0.05
"""How far logits may differ, as a share of their spread: fp32 rounds at 1e-6, bf16 at 1e-2; a leak is a tenth and more."""


def refuse_states(base: Path) -> None:
    """ConfigError where the model of this folder carries a state from token to token; reads its config, no weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
    states = stateful(model)
    if states:
        named = ", ".join(f"{name} x{count}" for name, count in sorted(states.items()))
        raise ConfigError(
            f"train.packing: true is not possible with {model.config.model_type}: {named} would carry the state of one row into the next; "
            "false is right, with train.batch_tokens against padding"
        )


def stateful(model: Any) -> Counter[str]:
    """Classes of modules whose own weights are a convolution over tokens or a recurrence, and how many there are of each."""
    import torch

    def carries(module: Any) -> bool:
        convolves = any(isinstance(child, torch.nn.Conv1d) for child in module.children())
        return convolves or any(name.endswith("A_log") for name, _ in module.named_parameters(recurse=False))

    return Counter(type(module).__name__ for module in model.modules() if carries(module))


def leak(model: Any) -> float:
    """How far logits of rows side by side are from those of the same rows alone: root mean square, as a share of the logits' spread."""
    import torch

    was_training = model.training
    model.eval()
    with torch.no_grad():
        together = _logits(model, [list(lengths) for lengths in PROBE])
        alone = torch.cat([_logits(model, [[length]], start) for start, length in _starts()])
    model.train(was_training)
    spread = (alone - alone.mean(dim=0)).pow(2).mean().sqrt()
    return float((together - alone).pow(2).mean().sqrt() / spread)


def need_isolation(model: Any) -> None:
    """ConfigError where rows side by side change each other's logits in this model."""
    found, most = leak(model), MOST.get(str(model.dtype).removeprefix("torch."), MOST_ROUGH)
    if not found <= most:
        raise ConfigError(
            f"train.packing: true is not possible with {model.config.model_type} ({model.config._attn_implementation} attention): rows "
            f"side by side change each other's logits by {found:.2g} of their spread (at most {most:g}); "
            "false is right, with train.batch_tokens against padding"
        )


def _starts() -> list[tuple[int, int]]:
    """First token's number and length of each row of the probe."""
    lengths = [length for pack in PROBE for length in pack]
    return [(sum(lengths[:index]), length) for index, length in enumerate(lengths)]


def _logits(model: Any, packs: list[list[int]], start: int = 0) -> Any:
    """Logits of all rows' tokens, [tokens, vocabulary] in fp32; tokens are numbered over the packs and differ from row to row."""
    import torch

    vocabulary = model.config.get_text_config().vocab_size
    items = []
    for lengths in packs:
        ids = [(number * number * 31 + 7 * number + 3) % vocabulary for number in range(start, start + sum(lengths))]
        items.append({"input_ids": ids, "labels": ids, "seq_lengths": lengths})
        start += sum(lengths)
    batch = {name: tensor.to(model.device) for name, tensor in side_by_side(items, 0).items() if name != "labels"}
    logits = model(**batch, use_cache=False).logits.float()
    return torch.cat([logits[row, : len(item["input_ids"])] for row, item in enumerate(items)])
