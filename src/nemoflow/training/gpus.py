"""Classes of GPU as data: what a training plan is held against.

Memory is what nvidia-smi reports, a little below the data sheet's round figure. Arithmetic is the data sheet's dense bf16 rate with fp32
sums (fp16 for the T4, which has no bf16): NVIDIA's data sheets of H200, H100 SXM, A100, L40S, L4, A10G (its AWS variant), T4, RTX 4090
(Ada white paper) and RTX PRO 6000 Blackwell (RTX Blackwell PRO white paper).
"""

import os
import re
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from nemoflow.errors import ConfigError


@dataclass(frozen=True)
class Gpu:
    """One class."""

    name: str
    memory_gib: float
    tflops: float
    """Dense, of the arithmetic that training uses."""
    pattern: str
    """What occurs in the name that its driver reports, as a regular expression; classes of one name differ in memory."""
    has_bf16: bool = True


GPUS: Mapping[str, Gpu] = {
    gpu.name: gpu
    for gpu in (
        Gpu("h200", 140.4, 989.4, r"H200"),
        Gpu("rtx-pro-6000", 95.6, 503.8, r"RTX PRO 6000"),
        Gpu("h100", 79.6, 989.4, r"H100"),
        Gpu("a100-80", 79.2, 312.0, r"A100.*80GB"),
        Gpu("l40s", 45.0, 362.0, r"L40S"),
        Gpu("a100-40", 39.4, 312.0, r"A100.*40GB"),
        Gpu("rtx-4090", 24.0, 165.2, r"RTX 4090"),
        Gpu("l4", 22.5, 121.0, r"\bL4\b"),
        Gpu("a10g", 22.5, 70.0, r"A10G"),
        Gpu("t4", 15.0, 65.0, r"\bT4\b", has_bf16=False),
    )
}
"""By name, the largest memory first; `rtx-pro-6000` is the contest's."""


def gpu_named(name: str) -> Gpu:
    """The class of this name; ConfigError names the known ones."""
    if name not in GPUS:
        raise ConfigError(f"gpu: {name!r} is no known class; known are {', '.join(GPUS)}")
    return GPUS[name]


def gpu_of(reported: str, memory_gib: float) -> Gpu | None:
    """The class of a GPU by its driver's name, with the memory that it really has; None for one that is not known here."""
    found = next((gpu for gpu in GPUS.values() if re.search(gpu.pattern, reported)), None)
    return Gpu(found.name, memory_gib, found.tflops, found.pattern, found.has_bf16) if found else None


def need_compiler() -> None:
    """ConfigError where there is a GPU but nothing to make programs with: Triton, which TRL's loss is written in, compiles what starts it.

    It would say so only at the first step, after the base was read.
    """
    import torch

    if not torch.cuda.is_available():
        return
    headers = Path(sysconfig.get_path("include", "posix_prefix")) / "Python.h"  # where Triton looks, on Debian too
    lacking = [] if os.environ.get("CC") or which("gcc") or which("clang") else ["a C compiler (gcc, clang, or what CC names)"]
    lacking += [] if headers.exists() else [f"Python's headers ({headers})"]
    if lacking:
        raise ConfigError(
            f"train: there is a GPU here, and not what Triton compiles with: {' and '.join(lacking)}; an image on a base that has them "
            "(images/README.md) is right"
        )
