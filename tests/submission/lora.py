"""A small NemotronH base and a sound adapter for it, written by hand, so that each test breaks exactly one thing."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from tests.models.handmade import Tensor, numbers, write

RANK = 4
PREFIX = "base_model.model."

MODULES = {
    "layers.0.mixer.in_proj": (20, 8),
    "layers.0.mixer.out_proj": (8, 6),
    "layers.1.mixer.shared_experts.up_proj": (10, 8),
    "layers.1.mixer.experts.0.up_proj": (12, 8),
    "layers.1.mixer.experts.0.down_proj": (8, 12),
    "layers.1.mixer.experts.1.up_proj": (12, 8),
    "layers.1.mixer.experts.1.down_proj": (8, 12),
    "layers.2.mixer.q_proj": (16, 8),
    "layers.2.mixer.v_proj": (4, 8),
}
"""(outputs, inputs) of each module of the base."""

CONFIG = {
    "base_model_name_or_path": "nemoflow/tiny-nemotron-h",
    "bias": "none",
    "lora_alpha": 8,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": RANK,
    "rank_pattern": {},
    "target_modules": ["in_proj", "q_proj", "v_proj"],
    "use_dora": False,
    "use_rslora": False,
}


def save_base(folder: Path, model_type: str = "nemotron_h", tied: bool = False) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, "tie_word_embeddings": tied}))
    tensors = {f"backbone.{module}.weight": numbers("F32", shape) for module, shape in MODULES.items()}
    others = {"backbone.layers.0.mixer.conv1d.weight": (20, 1, 4), "backbone.layers.1.mixer.gate.weight": (2, 8)}
    others |= {"backbone.layers.1.mixer.odd.weight": (2, 8), "backbone.embeddings.weight": (30, 8)}
    others |= {} if tied else {"lm_head.weight": (30, 8)}
    write(folder / "model.safetensors", {**tensors, **{name: numbers("F32", shape) for name, shape in others.items()}})
    return folder


@dataclass
class Lora:
    """An adapter to be changed, then saved."""

    folder: Path
    config: dict = field(default_factory=lambda: dict(CONFIG))
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, module: str, shape: tuple[int, int], dtype: str = "F32", rank: int = RANK, value: float = 0.5) -> "Lora":
        self.tensors[f"{PREFIX}{module}.lora_A.weight"] = numbers(dtype, (rank, shape[1]), value)
        self.tensors[f"{PREFIX}{module}.lora_B.weight"] = numbers(dtype, (shape[0], rank), value)
        return self

    def adapt(self, *modules: str, prefix: str = "model.", **options: object) -> "Lora":
        for module in modules:
            self.add(prefix + module, MODULES[module], **options)
        return self

    def save(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "adapter_config.json").write_text(json.dumps(self.config))
        write(self.folder / "adapter_model.safetensors", self.tensors)
        return self.folder


def sound(folder: Path) -> Lora:
    return Lora(folder).adapt("layers.0.mixer.in_proj", "layers.2.mixer.q_proj", "layers.2.mixer.v_proj")
