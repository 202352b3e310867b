"""What answers an evaluation: transformers in this process, a server behind the one client, or vLLM in its image; all are asked the same.

with open_engine(config, inputs, context, form) as engine:
traces = engine.answer(plan(problems))
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from pydantic import Field, model_validator

from nemoflow.answers.boxed import Revision
from nemoflow.config import Config, later, tuning
from nemoflow.errors import ConfigError
from nemoflow.evaluation.asks import Ask, Drawing
from nemoflow.evaluation.code_runs import CodeRuns
from nemoflow.evaluation.rollouts import Dtype
from nemoflow.flow.step import Context, Inputs
from nemoflow.models.folder import need_adapter, need_model
from nemoflow.records import Trace

EngineName = Literal["transformers", "endpoint", "vllm"]
Quantization = Literal["none", "nf4", "int8", "fp8"]
QUANTIZATIONS: Mapping[str, tuple[str, ...]] = {
    "transformers": ("none", "nf4", "int8"),
    "endpoint": ("none",),
    "vllm": ("none", "nf4", "fp8"),
}
"""What each engine can do to the weights on loading; a server has its own."""


class EngineConfig(Config):
    """Who answers, and how answers are drawn; the defaults are the contest's."""

    engine: EngineName = later("transformers")
    """`transformers` in this process; `endpoint`: any server that speaks OpenAI's protocol; `vllm`: offline, in its own image."""
    max_new_tokens: int = Field(7680, ge=1, le=2**20)
    """Tokens after which a response is cut off."""
    temperature: float = later(0.0, ge=0, le=2)
    """Sampling temperature; 0 is greedy."""
    top_p: float = later(1.0, gt=0, le=1)
    """Nucleus sampling: 1 keeps all."""
    revision: Revision = "c"
    """Revision of the contest's metric; `c` was live at the end."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Decides which problems a `limit` takes, and what is drawn at a temperature above 0."""
    dtype: Dtype = "auto"
    """`auto`: float32 on a CPU, as stored on a GPU."""
    quantization: Quantization = later("none")
    """How weights are held: `nf4` and `int8` by bitsandbytes, `fp8` by vLLM."""
    max_model_len: int = later(8192, ge=16, le=2**22)
    """Tokens of a prompt and its response together, in vLLM."""
    vllm: dict[str, Any] = later({})
    """Further options of vLLM's `LLM`, such as `{speculative_config = {method = "ngram", num_speculative_tokens = 3}}`."""
    served_model: str = later("")
    """Name of the model (or adapter) at the server; empty is that of the wired endpoint."""
    served_revision: str = later("")
    """What tells this model from an earlier one of the same name; needed where neither an endpoint nor a model is wired."""
    request: dict[str, Any] = later({})
    """Further fields of each request to a server, such as `{chat_template_kwargs = {enable_thinking = true}}`."""
    url: str = tuning("")
    """The server's URL, where no endpoint is wired, such as http://127.0.0.1:8000/v1."""
    api_key_env: str = tuning("")
    """Variable with the server's key."""
    concurrency: int = tuning(64, ge=1)
    """Requests to a server in flight at once, at most."""
    total_timeout_s: float = tuning(3600.0, gt=0)
    """Seconds that one attempt at a request may take."""
    retries: int = tuning(4, ge=0)
    """Further attempts at a request that failed in a way that may pass."""
    max_error_share: float = tuning(0.1, ge=0, le=1)
    """Share of requests that may fail for good: such an attempt is wrong, and the next run asks it again. Beyond it the step fails."""
    batch_size: int = tuning(64, ge=1, le=2**16)
    """Problems generated at once."""
    threads: int = tuning(0, ge=0, le=1024)
    """Threads of torch; 0 leaves its own choice."""

    @model_validator(mode="after")
    def _engine_can(self) -> Self:
        able = QUANTIZATIONS[self.engine]
        if self.quantization not in able:
            raise ValueError(f"quantization = {self.quantization}: engine = {self.engine} can do {', '.join(able)}")
        if self.engine != "endpoint" and (self.url or self.served_model or self.request):
            raise ValueError(f"url, served_model and request are for engine = endpoint, which is {self.engine}")
        if self.engine != "vllm" and self.vllm:
            raise ValueError(f"vllm = {self.vllm}: engine = {self.engine} does not take its options; engine = vllm does")
        return self

    @property
    def needs_image(self) -> str:
        """The image that an engine needs: vLLM has its own, and a server needs no torch here."""
        return {"vllm": "teacher", "endpoint": "data"}.get(self.engine, "")

    @property
    def drawing(self) -> Drawing:
        """How answers are drawn."""
        return Drawing(self.temperature, self.top_p, self.seed)


class Engine(Protocol):
    """Whoever answers; what was answered before is not asked again."""

    @property
    def name(self) -> str:
        """What its traces carry as their model."""
        ...

    def answer(self, asks: Sequence[Ask]) -> list[Trace]:
        """A trace an ask, in their order, without verdicts."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """Versions, precision and device of what answered."""
        ...

    @property
    def seconds(self) -> float | None:
        """What generating took, over all attempts at this evaluation; None where that is not known."""
        ...


@contextmanager
def open_engine(
    config: EngineConfig, inputs: Inputs, context: Context, python: CodeRuns | None = None, per_repeat: int = 0
) -> Iterator[Engine]:
    """The engine of a config over a step's inputs `model`, `adapter` and `endpoint`; `per_repeat` are the samples of one repeat.

    Raises ConfigError or InputError where the inputs are not what the engine needs.
    """
    if config.engine == "endpoint":
        from nemoflow.steps.ask_server import Server

        yield Server(config, inputs, context)
        return
    base, adapter = _weights(config, inputs)
    if config.engine == "vllm":
        from nemoflow.evaluation.kept import KeptBatches
        from nemoflow.evaluation.vllm_engine import PORTION, Offline, Options, start

        options = Options(config.dtype, config.quantization, config.max_model_len, config.batch_size, config.seed, config.vllm)
        yield Offline(
            start(base, adapter, options),
            base,
            name_of(inputs),
            config.max_new_tokens,
            config.drawing,
            config.revision,
            config.max_model_len,
            PORTION * config.batch_size,
            KeptBatches(context.scratch.path()),
            context.scratch.save,
            _shown(context),
            context.stopping,
        )
        return
    from nemoflow.evaluation.local_engine import Local
    from nemoflow.evaluation.rollouts import Limits, Surroundings, load_student

    student = load_student(name_of(inputs), base, adapter, config.dtype, config.threads, config.quantization, _in_4_bits(config))
    limits = Limits(config.max_new_tokens, config.batch_size, config.revision, samples=per_repeat or 2**31, drawing=config.drawing)
    scratch = context.scratch
    yield Local(student, limits, Surroundings(scratch.path(), scratch.save, _shown(context), stopping=context.stopping, python=python))


def _in_4_bits(config: EngineConfig) -> Any:
    """As training holds the base, its routed experts too."""
    if config.quantization != "nf4":
        return None
    from nemoflow.training.quantised import load_quantised

    return load_quantised


def name_of(inputs: Inputs) -> str:
    """A model and its adapter by their identities."""
    parts = [f"{label}@{inputs[name].fingerprint[:12]}" for label, name in (("base", "model"), ("adapter", "adapter")) if name in inputs]
    return "+".join(parts)


def _weights(config: EngineConfig, inputs: Inputs) -> tuple[Path, Path | None]:
    if "model" not in inputs:
        raise ConfigError(f"engine = {config.engine}: needs a model; wire the input `model`, or set engine = endpoint")
    base = inputs["model"].folder()
    need_model(base, inputs["model"].address)
    if "adapter" not in inputs:
        return base, None
    adapter = inputs["adapter"].folder()
    need_adapter(adapter, inputs["adapter"].address)
    return base, adapter


def _shown(context: Context) -> Any:
    def show(batch: Sequence[Trace]) -> None:
        context.progress.advance(len(batch), tokens=sum(trace.usage.completion_tokens for trace in batch))

    return show
