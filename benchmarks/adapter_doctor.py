"""How long `nemoflow doctor adapter` takes for 913 MB: an adapter at the 30 B model's shapes, half of its routed experts in it."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PATTERN = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
HIDDEN, RANK, EXPERTS = 2688, 32, 64
MODULES = {
    "M": {"in_proj": (10304, HIDDEN), "out_proj": (HIDDEN, 4096)},
    "*": {"q_proj": (4096, HIDDEN), "k_proj": (256, HIDDEN), "v_proj": (256, HIDDEN), "o_proj": (HIDDEN, 4096)},
    "E": {"shared_experts.up_proj": (3712, HIDDEN), "shared_experts.down_proj": (HIDDEN, 3712)}
    | {f"experts.{number}.up_proj": (1856, HIDDEN) for number in range(EXPERTS)}
    | {f"experts.{number}.down_proj": (HIDDEN, 1856) for number in range(EXPERTS)},
}
TARGETS = ["in_proj", "out_proj", "q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]


def save(path: Path, shapes: dict[str, tuple[int, int]], is_filled: bool) -> None:
    """A BF16 file of small random numbers, or of a hole that takes no room."""
    entries, size = {}, 0
    for name, (rows, columns) in shapes.items():
        entries[name] = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [size, size := size + 2 * rows * columns]}
    header = json.dumps(entries).encode()
    random = np.random.default_rng(0)
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for start in range(0, size if is_filled else 0, 1 << 24):
            numbers = random.standard_normal(min(size - start, 1 << 24) // 2, dtype="f4") * 0.01
            stream.write((numbers.view("u4") >> 16).astype("u2").tobytes())
        stream.truncate(8 + len(header) + size)


def make(room: Path) -> tuple[Path, Path]:
    """The adapter and its base."""
    base, adapter = {}, {}
    for layer, kind in enumerate(PATTERN):
        for name, (outputs, inputs) in MODULES[kind].items():
            base[f"backbone.layers.{layer}.mixer.{name}.weight"] = (outputs, inputs)
            adapter[f"base_model.model.model.layers.{layer}.mixer.{name}.lora_A.weight"] = (RANK, inputs)
            adapter[f"base_model.model.model.layers.{layer}.mixer.{name}.lora_B.weight"] = (outputs, RANK)
    for folder, name, tensors in (("adapter", "adapter_model", adapter), ("base", "model", base)):
        (room / folder).mkdir()
        save(room / folder / f"{name}.safetensors", tensors, is_filled=folder == "adapter")
    (room / "base" / "config.json").write_text(json.dumps({"model_type": "nemotron_h"}))
    (room / "adapter" / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": RANK, "lora_alpha": 32, "target_modules": TARGETS})
    )
    return room / "adapter", room / "base"


def main() -> None:
    """Three runs, the first of which may have to fetch the file from the disk."""
    with tempfile.TemporaryDirectory() as room:
        adapter, base = make(Path(room))
        command = [sys.executable, "-m", "nemoflow.cli.main", "doctor", "adapter", str(adapter), "--base", str(base)]
        for _ in range(3):
            began = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True)
            size = (adapter / "adapter_model.safetensors").stat().st_size
            print(f"{size:,} bytes in {time.monotonic() - began:.2f} s, exit {done.returncode}: {done.stdout.strip().splitlines()[0]}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"three runs: user {used.ru_utime:.1f} s, system {used.ru_stime:.1f} s, largest memory {used.ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
