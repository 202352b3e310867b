"""Claim: a QLoRA step is twice as fast and takes half the memory of plain TRL + PEFT + bitsandbytes, on a model with routed experts.

    python benchmarks/train_step.py                                           tiny widths on a CPU: what comes out is told, nothing is asked
    python benchmarks/train_step.py --preset nano --bar-speed 2 --bar-memory 0.5        on a GPU: Nemotron-3-Nano's widths; 1 below a bar
    python benchmarks/train_step.py --preset nano --units 6 --lengths even    deeper; all rows of the greatest length
    python benchmarks/train_step.py --preset nano --checkpointing --bar-memory 0.5       least memory: see below

A NemotronH with random weights is written to a folder; each side reads it in a process of its own, runs a short pass to warm up,
then a pass over the same rows, in turns. Both train the same LoRA with the same arithmetic and the same kernels, whichever are
installed. Plain is what the three libraries do as they come: experts in bf16, rows in batches of `--micro-batch` padded to the
longest, activation checkpointing. Ours holds the experts in 4 bits and takes stacks of rows of like length, with as many tokens,
padding included, as so many rows have on average; what this frees pays for keeping activations (`--checkpointing` recomputes them
on our side too).
Activations that are kept (counted on torch's meta device, at the widths of nano and 8,192 tokens): 4 GB a layer of mamba by torch's own
arithmetic, 0.7 a layer of experts. So at nano's depth our side keeps 44 GB without mamba_ssm, more than 4 bits save (23), and its memory
is below plain's with `--checkpointing` alone. With mamba_ssm it should be some 0.7 of plain's without, 0.4 with it; nobody has measured
it. nano writes 25 GB to the folder for temporary files.
Tokens are those of the rows: padding is no work done. Memory is the allocator's peak on a GPU; on a CPU what the process came to have
to itself, libraries aside, which says something only where weights are most of it.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from quantised_memory import Peak

from nemoflow.models.noise import hush_libraries
from nemoflow.training.examples import Row, Rows

WAYS = ("plain", "nemoflow")
UNIT = "MEMEM*E"
"""Repeated: the shares of mamba, experts and attention are those of Nemotron-3-Nano within a layer."""
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "vocab_size": 512,
        "hidden_size": 256,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "mamba_num_heads": 4,
        "mamba_head_dim": 32,
        "n_groups": 1,
        "ssm_state_size": 16,
        "chunk_size": 32,
        "n_routed_experts": 64,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 256,
        "moe_shared_expert_intermediate_size": 256,
    },
    "nano": {
        "vocab_size": 131_072,
        "hidden_size": 2688,
        "num_attention_heads": 32,
        "num_key_value_heads": 2,
        "head_dim": 128,
        "mamba_num_heads": 64,
        "mamba_head_dim": 64,
        "n_groups": 8,
        "ssm_state_size": 128,
        "chunk_size": 128,
        "n_routed_experts": 128,
        "num_experts_per_tok": 6,
        "moe_intermediate_size": 1856,
        "moe_shared_expert_intermediate_size": 3712,
    },
}
DEFAULTS = {"tiny": (1, 256, 24), "nano": (3, 8192, 48)}
"""Units, longest row and rows of each."""
LORA = {"r": 32, "alpha": 64, "dropout": 0.0, "learning_rate": 1e-4}


def arithmetic() -> str:
    """bf16 on a GPU; on a CPU fp32, as bf16 is forty times slower without units for it."""
    import torch

    return "bf16" if torch.cuda.is_available() else "fp32"


def write_base(options: argparse.Namespace, folder: Path) -> int:
    """The model with its tokenizer; its parameters."""
    import torch
    from transformers import NemotronHConfig, NemotronHForCausalLM

    from nemoflow.training.tokenizer import build_tokenizer

    tokenizer = build_tokenizer([" in the numeral system."])
    special = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    widths = PRESETS[options.preset]
    config = NemotronHConfig(hybrid_override_pattern=UNIT * options.units, intermediate_size=widths["hidden_size"], **widths, **special)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = NemotronHForCausalLM(config)
    model.save_pretrained(folder)
    torch.set_default_dtype(torch.float32)
    tokenizer.save_pretrained(folder)
    parameters = int(model.num_parameters())
    del model
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # this process lives on beside those that are measured, which need the GPU for themselves
    return parameters


def draw_rows(options: argparse.Namespace) -> list[Row]:
    """Random tokens; `mixed` lengths are lognormal as traces are (median a quarter of the longest), a sixth of each is its prompt."""
    random = np.random.default_rng(0)
    mixed = np.clip(random.lognormal(np.log(options.longest / 4), 0.8, options.rows), 24, options.longest).astype(int)
    lengths = [options.longest] * options.rows if options.lengths == "even" else mixed.tolist()
    drawn = [random.integers(6, 90, length).tolist() for length in lengths]
    return [Row(tokens[: len(tokens) // 6], tokens[len(tokens) // 6 :]) for tokens in drawn]


def train_nemoflow(options: argparse.Namespace, rows: Sequence[Row]) -> float:
    """Seconds of a pass."""
    from nemoflow.steps.train import NOT_OF_THE_RECIPE, TrainConfig
    from nemoflow.training.course import Surroundings
    from nemoflow.training.sft import SftRecipe, train_adapter

    mean = sum(map(len, rows)) / len(rows)
    config = TrainConfig(
        **LORA,
        epochs=1.0,
        batch_tokens=max(round(options.micro_batch * mean), max(map(len, rows))),
        accumulation=1,
        max_length=options.longest,
        precision=arithmetic(),
        activation_checkpointing=options.checkpointing,
        threads=options.threads,
        checkpoint_every=10_000,
    )
    at: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        around = Surroundings(
            Path(place) / "checkpoints",
            lambda: None,
            lambda steps, finished: at.append(time.perf_counter()),
            lambda row: at.append(time.perf_counter()),
            lambda line: print(line, file=sys.stderr),
            lambda: False,
        )
        recipe = SftRecipe(**config.model_dump(exclude=NOT_OF_THE_RECIPE))
        train_adapter(options.folder, Rows(list(rows)), recipe, around, Path(place))
    return at[-1] - at[0]


def train_plain(options: argparse.Namespace, rows: Sequence[Row]) -> float:
    """Seconds of a pass."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from nemoflow.training.course import with_one_gpu

    dtype = torch.bfloat16 if arithmetic() == "bf16" else torch.float32
    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=["lm_head", "out_proj"],  # the second because mamba's fused kernel reads its weight raw
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=dtype, device_map={"": device}, quantization_config=quantised)
    names = ["in_proj", "q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
    lora = LoraConfig(
        r=LORA["r"], lora_alpha=LORA["alpha"], lora_dropout=LORA["dropout"], target_modules=names, bias="none", task_type="CAUSAL_LM"
    )
    at: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            at.append(time.perf_counter())

        def on_log(self, *args: Any, **kwargs: Any) -> None:
            at.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as place:
        arguments = SFTConfig(
            output_dir=place,
            num_train_epochs=1,
            per_device_train_batch_size=options.micro_batch,
            learning_rate=LORA["learning_rate"],
            bf16=dtype is torch.bfloat16,
            use_cpu=device == "cpu",
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            dataloader_pin_memory=False,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            model=model,
            args=with_one_gpu(arguments),
            train_dataset=Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in rows]),
            processing_class=AutoTokenizer.from_pretrained(options.folder),
            peft_config=lora,
            callbacks=[Clock()],
        )
        trainer.train()
    return at[-1] - at[0]


def one_side(options: argparse.Namespace) -> dict[str, float]:
    """A short pass, then the whole one: tokens a second and the most memory."""
    import bitsandbytes  # noqa: F401  read before anything is measured, as are the others
    import peft  # noqa: F401
    import torch
    import trl  # noqa: F401

    hush_libraries()
    if options.threads:
        torch.set_num_threads(options.threads)
    train = train_nemoflow if options.way == "nemoflow" else train_plain
    rows = draw_rows(options)
    with Peak() as peak:
        train(options, sorted(rows, key=len)[: options.micro_batch])
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        seconds = train(options, rows)
    most = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak.most - peak.start
    return {"tokens_per_s": sum(map(len, rows)) / seconds, "peak": most}


def turn(options: argparse.Namespace, way: str) -> dict[str, float]:
    """One side in a process of its own; what it says goes to this one's standard error."""
    arguments = [
        f"--{name.replace('_', '-')}={getattr(options, name)}"
        for name in ("preset", "longest", "lengths", "rows", "micro_batch", "threads")
    ]
    arguments += ["--checkpointing"] if options.checkpointing else []
    with tempfile.NamedTemporaryFile() as answer:
        subprocess.run(
            [sys.executable, __file__, *arguments, f"--way={way}", f"--folder={options.folder}", f"--answer={answer.name}"],
            check=True,
            stdout=sys.stderr,
        )
        figures: dict[str, float] = json.loads(Path(answer.name).read_bytes())
    print(f"  {way:9} {figures['tokens_per_s']:9.0f} tokens/s, at most {figures['peak'] / 1e9:7.3f} GB", flush=True)
    return figures


def report(options: argparse.Namespace, figures: dict[str, list[dict[str, float]]]) -> int:
    """Print the medians and ratios; 1 where a bar is not met."""
    middle = {way: {name: median(one[name] for one in taken) for name in ("tokens_per_s", "peak")} for way, taken in figures.items()}
    speed = middle["nemoflow"]["tokens_per_s"] / middle["plain"]["tokens_per_s"]
    memory = middle["nemoflow"]["peak"] / middle["plain"]["peak"]
    print(f"nemoflow against plain, median of {options.rounds}: {speed:.2f} times the tokens/s, {memory:.2f} of the memory")
    missed = [f"{speed:.2f} times the speed, bar {options.bar_speed}"] if speed < options.bar_speed else []
    missed += [f"{memory:.2f} of the memory, bar {options.bar_memory}"] if options.bar_memory and memory > options.bar_memory else []
    for line in missed:
        print(f"NOT MET: {line}")
    return 1 if missed else 0


def parse() -> argparse.Namespace:
    """The command line, with what the preset leaves open."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--units", type=int, help=f"times {UNIT}: 3 of nano are 9 layers of experts, 23 GB of them in bf16")
    parser.add_argument("--longest", type=int, help="tokens of the longest row")
    parser.add_argument("--lengths", choices=("mixed", "even"), default="mixed")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--micro-batch", type=int, default=2)
    parser.add_argument("--checkpointing", action="store_true", help="recompute activations on our side too")
    parser.add_argument("--threads", type=int, default=1, help="of torch on a CPU; 0 for its own choice")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bar-speed", type=float, default=0.0)
    parser.add_argument("--bar-memory", type=float, default=0.0)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    units, longest, rows = DEFAULTS[options.preset]
    options.units, options.longest, options.rows = options.units or units, options.longest or longest, options.rows or rows
    return options


def main() -> int:
    """Both sides in turns; 1 where a bar is not met."""
    options = parse()
    if options.way:
        options.answer.write_text(json.dumps(one_side(options)))
        return 0
    hush_libraries()
    with tempfile.TemporaryDirectory() as place:
        options.folder = Path(place)
        parameters = write_base(options, options.folder)
        tokens = sum(map(len, draw_rows(options)))
        print(f"{options.preset}: {UNIT * options.units}, {parameters / 1e6:.1f} M parameters")
        print(f"{options.rows} rows of {options.lengths} lengths, {tokens:,} tokens, the longest of at most {options.longest}")
        figures: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                figures[way].append(turn(options, way))
    return report(options, figures)


if __name__ == "__main__":
    sys.exit(main())
