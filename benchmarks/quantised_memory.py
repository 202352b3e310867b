"""Claim: a base with routed experts is read into 4 bits without ever standing in full precision.

    python benchmarks/quantised_memory.py                 0.5 GB of experts in bf16, in 8 layers; exit 1 above the bar
    python benchmarks/quantised_memory.py --layers 24     more of them: the peak grows by the 4-bit size only

A NemotronH with random weights is written to a folder, then read by a process of its own that does nothing else, once by nemoflow and
once as plain transformers and bitsandbytes read it. The peak is of the memory that a process has to itself (RssAnon of /proc), asked
every two milliseconds, less what it had before; the pages of the file, which the kernel takes back when it wants, are not in it. On a
GPU it is the allocator's own peak. The bar: never more than what stays in the end and one layer of experts in bf16.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

WAYS = ("nemoflow", "plain")


def config_of(options: argparse.Namespace) -> Any:
    """Widths as of Nemotron-3-Nano's experts, divided; mamba and attention are small, so that experts are what is measured."""
    from transformers import NemotronHConfig

    return NemotronHConfig(
        vocab_size=512,
        hybrid_override_pattern="E" * options.layers + "*",
        hidden_size=options.hidden,
        intermediate_size=options.hidden,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        mamba_num_heads=4,
        mamba_head_dim=32,
        n_groups=1,
        n_routed_experts=options.experts,
        num_experts_per_tok=2,
        moe_intermediate_size=options.inner,
        moe_shared_expert_intermediate_size=64,
    )


def layer_bytes(options: argparse.Namespace) -> int:
    """One layer's experts in bf16."""
    return int(2 * 2 * options.experts * options.hidden * options.inner)


class Peak:
    """The most memory that this process had to itself while it was asked."""

    def __init__(self) -> None:
        self.start = self.most = self.now()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def now(self) -> int:
        """Bytes at this moment."""
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
        return 1024 * int(line.split()[1])

    def _ask(self) -> None:
        while not self.is_over.wait(0.002):
            self.most = max(self.most, self.now())

    def __enter__(self) -> "Peak":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.is_over.set()
        self.thread.join()


def load(way: str, folder: Path) -> dict[str, float]:
    """Read the model in this process; bytes at the end and at the highest, over what there was before."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from nemoflow.training.quantised import load_quantised

    device = "cuda" if torch.cuda.is_available() else "cpu"
    load_quantised(folder / "warm", torch.bfloat16, device)
    plain = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    began = time.perf_counter()
    with Peak() as peak:
        if way == "nemoflow":
            model = load_quantised(folder, torch.bfloat16, device)
        else:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map={"": device}, quantization_config=plain)
    seconds = time.perf_counter() - began
    if device == "cuda":
        return {"end": torch.cuda.memory_allocated(), "peak": torch.cuda.max_memory_allocated(), "seconds": seconds}
    end = peak.now() - peak.start
    assert model.num_parameters() > 0
    return {"end": end, "peak": peak.most - peak.start, "seconds": seconds}


def write(options: argparse.Namespace, folder: Path) -> int:
    """The model, and a tiny one to warm up with; parameters of all experts."""
    import torch
    from transformers import NemotronHForCausalLM

    for place, layers in ((folder, options.layers), (folder / "warm", 1)):
        config = config_of(argparse.Namespace(**{**vars(options), "layers": layers}))
        torch.set_default_dtype(torch.bfloat16)
        NemotronHForCausalLM(config).save_pretrained(place, max_shard_size="200MB")
        torch.set_default_dtype(torch.float32)
    return int(options.layers * layer_bytes(options) // 2)


def main() -> int:
    """Print the figures; 1 where the bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--experts", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--inner", type=int, default=512)
    parser.add_argument("--load", choices=WAYS, help="read the model of --folder and print what it took")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.load, options.folder)))
        return 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        parameters = write(options, folder)
        command = [sys.executable, __file__, "--folder", str(folder), "--load"]
        took = {way: json.loads(subprocess.run([*command, way], check=True, capture_output=True).stdout) for way in WAYS}
    one = layer_bytes(options) / 1e6
    print(f"experts: {parameters / 1e6:.0f} M parameters, {2 * parameters / 1e6:.0f} MB in bf16, one layer {one:.0f} MB")
    for way, figures in took.items():
        print(f"{way:9} ends with {figures['end'] / 1e6:5.0f} MB, at most {figures['peak'] / 1e6:5.0f} MB, {figures['seconds']:.1f} s")
    own = took["nemoflow"]
    over = (own["peak"] - own["end"]) / 1e6
    is_met = over <= one
    print(f"{'met' if is_met else 'NOT MET'}: at most {over:.0f} MB over what stays, bar {one:.0f} MB, a layer in bf16")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
