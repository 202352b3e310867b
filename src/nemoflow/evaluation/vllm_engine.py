"""vLLM offline as an engine of evaluations: what the contest's own scoring does, an adapter by `LoRARequest`.

It runs where vLLM is installed, such as in the image `teacher`. Prompts are handed over as tokens of the same template as in
transformers, so no engine adds tokens of its own; responses are decoded the same way. Attempts go out a portion at a time and each
finished portion is kept, so that a kill loses one at most.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import orjson

from nemoflow.answers.boxed import Revision
from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.evaluation.asks import Answered, Ask, Drawing, key_of, trace_of
from nemoflow.evaluation.kept import KeptBatches
from nemoflow.evaluation.rollouts import encode
from nemoflow.prompts.stops import stops_of
from nemoflow.records import Trace

PORTION = 4
"""Portions are so many times as large as what vLLM holds at once, so that its batch stays full for most of the time."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Highest ranks that vLLM can be started with (vllm.config.lora.MaxLoRARanks)."""
METHODS = {"nf4": "bitsandbytes", "fp8": "fp8"}


@dataclass(frozen=True)
class Options:
    """How vLLM is started."""

    dtype: str = "auto"
    quantization: str = "none"
    max_model_len: int = 8192
    max_num_seqs: int = 64
    seed: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further options of `LLM`; they win."""

    def of_llm(self, base: Path, adapter: Path | None) -> dict[str, Any]:
        """All options of `LLM`; its share of a GPU's memory is the contest's."""
        lora = {"enable_lora": True, "max_lora_rank": _rank_for(adapter), "max_loras": 1} if adapter else {}
        bits = {"quantization": METHODS[self.quantization]} if self.quantization != "none" else {}
        sizes = {"max_model_len": self.max_model_len, "max_num_seqs": self.max_num_seqs, "gpu_memory_utilization": 0.85}
        return {"model": str(base), "dtype": self.dtype, "seed": self.seed, **sizes, **bits, **lora, **self.more}


def _rank_for(adapter: Path) -> int:
    rank = orjson.loads((adapter / "adapter_config.json").read_bytes()).get("r")
    fitting = [most for most in RANKS if isinstance(rank, int) and 1 <= rank <= most]
    if not fitting:
        raise InputError(f"{adapter}/adapter_config.json: r: got {rank!r}; vLLM takes ranks from 1 to {RANKS[-1]}")
    return fitting[0]


class Started(Protocol):
    """A model that goes on with tokens."""

    def generate(self, prompts: Sequence[list[int]], settings: Sequence[Mapping[str, Any]]) -> list[list[int]]:
        """What was generated of each prompt, its stop token included; settings are fields of vLLM's `SamplingParams`."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """Version, precision and device."""
        ...


def start(base: Path, adapter: Path | None, options: Options) -> Started:
    """VLLM in this process, with its own processes behind it; ConfigError where it is not installed."""
    try:
        from vllm import LLM
    except ImportError:
        raise ConfigError(
            "engine = vllm: vLLM is not installed here; run this in the image `teacher`, or set engine = transformers or endpoint"
        ) from None
    return _Vllm(LLM(**options.of_llm(base, adapter)), adapter)


class _Vllm:
    def __init__(self, llm: Any, adapter: Path | None) -> None:
        from vllm.lora.request import LoRARequest

        self._llm = llm
        self._lora = LoRARequest("adapter", 1, str(adapter)) if adapter else None

    def generate(self, prompts: Sequence[list[int]], settings: Sequence[Mapping[str, Any]]) -> list[list[int]]:
        from vllm import SamplingParams

        params = [SamplingParams(**fields, detokenize=False) for fields in settings]
        asked = [{"prompt_token_ids": prompt} for prompt in prompts]
        outputs = self._llm.generate(asked, params, use_tqdm=False, lora_request=self._lora)
        return [list(output.outputs[0].token_ids) for output in outputs]

    @property
    def facts(self) -> Mapping[str, str]:
        import vllm

        config = self._llm.llm_engine.vllm_config
        dtype = str(config.model_config.dtype).removeprefix("torch.")
        return {"vllm": str(vllm.__version__), "dtype": dtype, "device": str(config.device_config.device_type)}


@dataclass
class Offline:
    """A model, and an adapter on it, that answer in portions."""

    started: Started
    base: Path
    """Whose tokenizer and template are used."""
    name: str
    max_new_tokens: int
    drawing: Drawing
    revision: Revision = "c"
    max_model_len: int = 8192
    portion: int = 256
    kept: KeptBatches | None = None
    saved: Callable[[], None] = lambda: None
    advanced: Callable[[list[Trace]], None] = lambda traces: None
    stopping: Callable[[], bool] = lambda: False
    seconds: float | None = 0.0

    def __post_init__(self) -> None:
        from transformers import AutoTokenizer, GenerationConfig

        self._tokenizer = AutoTokenizer.from_pretrained(self.base)
        try:
            configured = GenerationConfig.from_pretrained(self.base).eos_token_id
        except OSError:
            configured = None
        self._stops = stops_of(self._tokenizer, configured)

    def answer(self, asks: Sequence[Ask]) -> list[Trace]:
        """Portion after portion; Stopped between two."""
        found: list[Trace] = []
        for start in range(0, len(asks), self.portion):
            found += self._portion(asks[start : start + self.portion])
        return found

    def _portion(self, asks: Sequence[Ask]) -> list[Trace]:
        if self.stopping():
            raise Stopped("evaluate: stopped between two portions; finished ones are kept")
        traces = self.kept.find([self._key(ask) for ask in asks]) if self.kept else None
        if traces is None:
            begun = time.monotonic()
            traces = [
                trace_of(ask, self._key(ask), self.name, said, self.revision) for ask, said in zip(asks, self._say(asks), strict=True)
            ]
            each_s = (time.monotonic() - begun) / len(asks)
            traces = [trace.model_copy(update={"seconds": each_s}) for trace in traces]
            if self.kept:
                self.kept.keep(traces)
                self.saved()
        self.seconds = (self.seconds or 0.0) + sum(trace.seconds for trace in traces)
        whole = [trace.model_copy(update={"seconds": 0.0}) for trace in traces]
        self.advanced(whole)
        return whole

    def _say(self, asks: Sequence[Ask]) -> list[Answered]:
        """A prompt that fills the window has no answer, and counts as cut off."""
        prompts = [encode(self._tokenizer, ask) for ask in asks]
        places = [place for place, prompt in enumerate(prompts) if len(prompt) < self.max_model_len]
        settings = [self._settings(asks[place], len(prompts[place])) for place in places]
        said = dict(zip(places, self.started.generate([prompts[place] for place in places], settings), strict=True))
        return [self._answered(prompt, said.get(place, [])) for place, prompt in enumerate(prompts)]

    def _settings(self, ask: Ask, prompt_tokens: int) -> dict[str, Any]:
        return {
            "temperature": self.drawing.temperature,
            "top_p": self.drawing.top_p,
            "max_tokens": min(self.max_new_tokens, self.max_model_len - prompt_tokens),
            "seed": None if self.drawing.is_greedy else self.drawing.seed_of(ask),
            "stop_token_ids": list(self._stops),
        }

    def _answered(self, prompt: Sequence[int], tokens: list[int]) -> Answered:
        text = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        is_finished = bool(tokens) and tokens[-1] in self._stops
        return Answered(text, "stop" if is_finished else "length", len(prompt), len(tokens))

    def _key(self, ask: Ask) -> str:
        return key_of(ask, self.name, self.max_new_tokens, self.drawing)

    @property
    def facts(self) -> Mapping[str, str]:
        """VLLM's version, and what it computes in."""
        return self.started.facts
