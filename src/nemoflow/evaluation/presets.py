"""How known benchmarks are asked, as data: a preset sets fields of `evaluate` that its user did not.

Where a figure comes from stands beside it; what nobody prescribes is marked as this project's choice. Nemotron-Math is NVIDIA's recipe
(NeMo-Skills, docs/releases/nemotron-math-v2): temperature 1.0, top_p 1.0, 120,000 tokens, 8 samples of a problem and setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Preset = Literal["", "contest", "aime", "hmmt", "hle_math", "math_500", "gsm8k"]

_NEMOTRON_MATH: Mapping[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "max_new_tokens": 120_000,
    "max_model_len": 131_072,
    "metric": "symbolic",
}


@dataclass(frozen=True)
class Benchmark:
    """How a benchmark is asked."""

    layout: str
    """`format` of `load-problems` that reads its file; also the problems' `source`."""
    fields: Mapping[str, Any]
    """Of the config of `evaluate`."""
    sources: str
    """Where the figures come from."""


PRESETS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "contest": Benchmark(
            "kaggle",
            {
                "samples": 1,
                "temperature": 0.0,
                "top_p": 1.0,
                "max_new_tokens": 7680,
                "max_model_len": 8192,
                "batch_size": 64,
                "metric": "competition",
                "revision": "c",
            },
            "Evaluation page of the NVIDIA Nemotron Model Reasoning Challenge (Kaggle, 2026) and the third revision of its metric",
        ),
        "aime": Benchmark(
            "aime",
            {**_NEMOTRON_MATH, "samples": 16},
            "Nemotron-Math; 16 samples for maj@16 as the tutorial of NeMo-Skills reports AIME 2025 (docs/tutorials)",
        ),
        "hmmt": Benchmark("hmmt", {**_NEMOTRON_MATH, "samples": 16}, "Nemotron-Math; 16 samples as for AIME (this project's choice)"),
        "hle_math": Benchmark(
            "hle", {**_NEMOTRON_MATH, "samples": 8, "kinds": ("hle_math",)}, "Nemotron-Math; of the set only mathematics"
        ),
        "math_500": Benchmark(
            "math",
            {**_NEMOTRON_MATH, "samples": 4, "max_new_tokens": 32_768, "max_model_len": 40_960},
            "Sampling of Nemotron-Math; 4 samples and 32,768 tokens are this project's choice",
        ),
        "gsm8k": Benchmark(
            "gsm8k",
            {"samples": 1, "temperature": 0.0, "top_p": 1.0, "max_new_tokens": 7680, "max_model_len": 8192, "metric": "symbolic"},
            "Greedy, one sample, as the set's authors score it (Cobbe et al. 2021, arXiv 2110.14168); the limit is the contest's",
        ),
    }
)
"""By name."""
