"""Nemotron-3-Nano's config and headers over a file of holes: its real names and shapes, no bytes."""

import json
import math
from pathlib import Path

HIDDEN, VOCABULARY, EXPERTS, WIDTH, SHARED = 2688, 131_072, 128, 1856, 3712
PATTERN = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"


def nano(folder: Path, pattern: str = PATTERN) -> Path:
    """The model's folder, without a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {"backbone.embeddings": [VOCABULARY, HIDDEN], "backbone.norm_f": [HIDDEN], "lm_head": [VOCABULARY, HIDDEN]}
    shapes = {f"{name}.weight": shape for name, shape in shapes.items()}
    for number, kind in enumerate(pattern):
        layer = f"backbone.layers.{number}"
        shapes[f"{layer}.norm.weight"] = [HIDDEN]
        shapes |= {f"{layer}.mixer.{name}": shape for name, shape in MIXERS[kind].items()}
    write_holes(folder / "model.safetensors", shapes)
    config = {"model_type": "nemotron_h", "hidden_size": HIDDEN, "num_experts_per_tok": 6, "vocab_size": VOCABULARY}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_holes(path: Path, shapes: dict[str, list[int]], dtype: str = "BF16", bits: int = 16) -> None:
    """A safetensors file with these tensors, whose bytes are a hole."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * bits // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    content = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(content).to_bytes(8, "little") + content)
        stream.truncate(8 + len(content) + end)


MIXERS = {
    "M": {
        "A_log": [64],
        "D": [64],
        "dt_bias": [64],
        "conv1d.weight": [6144, 1, 4],
        "conv1d.bias": [6144],
        "norm.weight": [4096],
        "in_proj.weight": [10_304, HIDDEN],
        "out_proj.weight": [HIDDEN, 4096],
    },
    "*": {
        "q_proj.weight": [4096, HIDDEN],
        "k_proj.weight": [256, HIDDEN],
        "v_proj.weight": [256, HIDDEN],
        "o_proj.weight": [HIDDEN, 4096],
    },
    "E": {
        "gate.weight": [EXPERTS, HIDDEN],
        "gate.e_score_correction_bias": [EXPERTS],
        "shared_experts.up_proj.weight": [SHARED, HIDDEN],
        "shared_experts.down_proj.weight": [HIDDEN, SHARED],
        **{f"experts.{number}.up_proj.weight": [WIDTH, HIDDEN] for number in range(EXPERTS)},
        **{f"experts.{number}.down_proj.weight": [HIDDEN, WIDTH] for number in range(EXPERTS)},
    },
}
