"""Rollouts of the student by transformers, on a CPU or one GPU: one greedy attempt a problem and mode, as the contest decodes, or several.

    student = load_student(base, adapter, threads=1)
    for batch in roll_out(student, problems, limits):
        ...

The prompt is the contest's user message under the model's own chat template; the response begins inside the thinking block
and ends at the end of the turn or at the limit. Special tokens are left out of the text, as vLLM leaves them out. A student that was
taught modes is asked in each of them, in the words of its corpus (prompts/modes.py); with Python its code is run (code_runs.py).
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import xxhash

from nemoflow.answers.boxed import Revision
from nemoflow.errors import InputError, Stopped
from nemoflow.evaluation.asks import CONTEST, Answered, Ask, Drawing, key_of, plan, trace_of
from nemoflow.evaluation.code_runs import CodeRuns, Said, block_within, write_all
from nemoflow.evaluation.drawing import Draws
from nemoflow.evaluation.kept import KeptBatches
from nemoflow.models.noise import hush_libraries
from nemoflow.prompts.form import Form
from nemoflow.prompts.modes import has_python
from nemoflow.prompts.render import render_turns
from nemoflow.prompts.stops import stops_of
from nemoflow.records import Problem, Trace

Dtype = Literal["auto", "float32", "bfloat16"]
Load = Callable[[Path, Any, str], Any]
"""(base, dtype, device) -> the model, held as somebody else would."""


@dataclass(frozen=True)
class Student:
    """A loaded model, its tokenizer, and the name that its traces carry."""

    name: str
    model: Any
    tokenizer: Any
    stops: tuple[int, ...]
    """Tokens that end a response."""


@dataclass(frozen=True)
class Limits:
    """What bounds a rollout."""

    max_new_tokens: int
    batch_size: int
    revision: Revision = "c"
    modes: tuple[str, ...] = ("",)
    """Each problem is asked in each of them; the empty one is the contest's own message."""
    samples: int = 1
    """Attempts at a problem in a mode, in one repeat."""
    repeats: int = 1
    """How often all of it is asked; each repeat after the first is batched in an order of its own."""
    drawing: Drawing = field(default_factory=Drawing)
    form: Form = CONTEST

    def asks(self, problems: Sequence[Problem]) -> list[Ask]:
        """Every attempt at the problems."""
        return plan(problems, self.modes, self.samples * self.repeats, self.form)


@dataclass(frozen=True)
class Surroundings:
    """Where finished batches are kept, who is told of them and who may ask to stop."""

    kept: Path | None = None
    """None keeps nothing."""
    saved: Callable[[], None] = lambda: None
    advanced: Callable[[list[Trace]], None] = lambda batch: None
    """Sees each batch, those that an earlier attempt finished as well."""
    spent: Callable[[float], None] = lambda seconds: None
    """Told how long each batch took to generate, by whichever attempt; traces do not say it, so that they are the same to the byte."""
    stopping: Callable[[], bool] = lambda: False
    python: CodeRuns | None = None
    """Where code runs; needed for modes with Python."""


def load_student(
    name: str,
    base: Path,
    adapter: Path | None = None,
    dtype: Dtype = "auto",
    threads: int = 0,
    quantization: str = "none",
    load: Load | None = None,
) -> Student:
    """The base model, with the adapter on it where there is one; `threads` 0 leaves torch's own choice.

    `auto` computes in float32 on a CPU, where bfloat16 was 40 times slower without units for it, and as stored on a GPU. `quantization`
    is `none` or `int8`, of `nn.Linear` alone; `load` is another way to hold the weights.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    hush_libraries()
    if threads:
        torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = {"auto": torch.float32 if device == "cpu" else "auto", "float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    if load is not None:
        model = load(base, torch.bfloat16 if chosen == "auto" else chosen, device).eval()
    elif quantization == "int8":
        model = AutoModelForCausalLM.from_pretrained(base, dtype=chosen, **_in_8_bits()).eval()
    else:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=chosen).to(device).eval()
    stops = stops_of(tokenizer, model.generation_config.eos_token_id)
    model.generation_config = GenerationConfig(eos_token_id=list(stops), pad_token_id=_padding(tokenizer, stops))
    if adapter is not None:
        model = _with_adapter(model, adapter)
    return Student(name, model, tokenizer, stops)


def _in_8_bits() -> dict[str, Any]:
    """Options of `from_pretrained`. The fused Mamba kernel reads `out_proj.weight` raw, so it keeps its bits."""
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=["lm_head", "out_proj"])
    return {"quantization_config": config, "device_map": {"": 0} if torch.cuda.is_available() else "cpu"}


def encode(tokenizer: Any, ask: Ask) -> list[int]:
    """Tokens of the prompt under the model's own template, up to the first one that is generated."""
    ids: list[int] = tokenizer(render_turns(tokenizer, ask.messages), add_special_tokens=False)["input_ids"]
    return ids


def roll_out(
    student: Student, asks: Sequence[Ask], limits: Limits, around: Surroundings | None = None
) -> Iterator[list[tuple[int, Trace]]]:
    """(index of the attempt, trace) a batch; what of `limits` says which attempts there are is not looked at.

    Batches go from the longest prompts to the shortest, so that little is padded; those with Python come last, by themselves. Raises
    Stopped within a token of the wish to stop; finished batches are kept, and found again by the next attempt.
    """
    around = around or Surroundings()
    kept = KeptBatches(around.kept) if around.kept else None
    prompts = [encode(student.tokenizer, ask) for ask in asks]
    for batch in _batches(asks, prompts, limits):
        traces = kept.find([_identity(student, asks[index], limits, around) for index in batch]) if kept else None
        if traces is None:
            traces = _attempt(student, [asks[index] for index in batch], [prompts[index] for index in batch], limits, around)
            if kept:
                kept.keep(traces)
                around.saved()
        around.spent(sum(trace.seconds for trace in traces))
        whole = [trace.model_copy(update={"seconds": 0.0}) for trace in traces]
        around.advanced(whole)
        yield list(zip(batch, whole, strict=True))


def _batches(asks: Sequence[Ask], prompts: Sequence[list[int]], limits: Limits) -> Iterator[list[int]]:
    """Repeats are apart, and each after the first is put together at random: what a batch holds is what turns greedy answers."""
    size = limits.batch_size
    orders: dict[int, list[int]] = {}
    for index, ask in enumerate(asks):
        orders.setdefault(ask.sample // limits.samples, []).append(index)
    for repeat, order in sorted(orders.items()):
        by = (lambda index: -len(prompts[index])) if repeat == 0 else partial(_place, asks, repeat)
        for python in (False, True):
            alike = [index for index in sorted(order, key=by) if has_python(asks[index].mode) == python]
            yield from (alike[start : start + size] for start in range(0, len(alike), size))


def _place(asks: Sequence[Ask], repeat: int, index: int) -> int:
    ask = asks[index]
    return xxhash.xxh3_64_intdigest(f"{repeat}\0{ask.problem.id}\0{ask.mode}\0{ask.sample}".encode())


def _attempt(student: Student, asks: Sequence[Ask], prompts: Sequence[list[int]], limits: Limits, around: Surroundings) -> list[Trace]:
    begun = time.monotonic()
    seeds = None if limits.drawing.is_greedy else [limits.drawing.seed_of(ask) for ask in asks]
    if not has_python(asks[0].mode):
        turns = _generate(student, prompts, limits, around.stopping, seeds)
        responses = [Said(tokens, len(tokens)) for tokens in turns]
    elif around.python is None:
        raise InputError(f"mode {asks[0].mode!r}: its code needs a sandbox to run in")
    else:

        def go_on(prompts: Sequence[list[int]], most: int, places: Sequence[int]) -> list[list[int]]:
            """Further turns draw further numbers."""
            further = seeds and [(seeds[place] + len(prompt)) % 2**63 for place, prompt in zip(places, prompts, strict=True)]
            return _generate(student, prompts, limits, around.stopping, further, most)

        responses = write_all(student.tokenizer, prompts, limits.max_new_tokens, around.python, go_on)
    each_s = (time.monotonic() - begun) / len(asks)
    traces = [_trace(student, ask, len(prompt), said, limits, around) for ask, prompt, said in zip(asks, prompts, responses, strict=True)]
    return [trace.model_copy(update={"seconds": each_s}) for trace in traces]


def trace_all(student: Student, problems: Sequence[Problem], limits: Limits, around: Surroundings | None = None) -> list[Trace]:
    """All traces of `limits.asks`, in that order."""
    return answer_all(student, limits.asks(problems), limits, around)


def answer_all(student: Student, asks: Sequence[Ask], limits: Limits, around: Surroundings | None = None) -> list[Trace]:
    """All traces, in the order of the attempts."""
    traces: dict[int, Trace] = {}
    for batch in roll_out(student, asks, limits, around):
        traces.update(batch)
    return [traces[index] for index in sorted(traces)]


def choose(problems: Sequence[Problem], limit: int, seed: int) -> list[Problem]:
    """At most `limit` of the problems (0: all) by a hash of seed and id, in their own order, whatever that order is."""
    if not limit or limit >= len(problems):
        return list(problems)
    ranked = sorted(problems, key=lambda problem: xxhash.xxh3_64_intdigest(f"{seed}/{problem.id}".encode()))
    kept = {problem.id for problem in ranked[:limit]}
    return [problem for problem in problems if problem.id in kept]


def engines() -> dict[str, str]:
    """Versions of what generates: other ones may give other texts."""
    import peft
    import torch
    import transformers

    return {"torch": str(torch.__version__), "transformers": str(transformers.__version__), "peft": str(peft.__version__)}


def _with_adapter(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    from nemoflow.models.expert_lora import holds_experts, load_adapter

    load = load_adapter if holds_experts(adapter) else PeftModel.from_pretrained
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        # PEFT 0.21 still asks transformers 5.23 for this by its old name.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        try:
            return load(model, adapter).eval()
        except (RuntimeError, ValueError, UserWarning) as error:
            why = " ".join(str(error).split())[:300]
            raise InputError(f"{adapter}: the adapter does not fit the base model {model.config.name_or_path}: {why}") from None


def _padding(tokenizer: Any, stops: tuple[int, ...]) -> int:
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0])


def _generate(
    student: Student,
    prompts: Sequence[list[int]],
    limits: Limits,
    stopping: Callable[[], bool],
    seeds: Sequence[int] | None,
    pauses_within: int = 0,
) -> list[list[int]]:
    """What the student goes on with; with `pauses_within` tokens up to the end of a block of code at most, and padding behind it."""
    import torch

    def watch(ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Asked after every token; an exception is the way out, as a batch that ends early looks like a finished one."""
        if stopping():
            raise Stopped("evaluate: stopped within a batch; the rollouts of finished batches are kept")
        if not pauses_within:
            return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        paused = [_ends_a_line(student, row) and block_within(student.tokenizer, row) is not None for row in ids[:, width:].tolist()]
        return torch.tensor(paused, device=ids.device)

    width = max(map(len, prompts))
    padding = student.model.generation_config.pad_token_id
    ids = torch.tensor([[padding] * (width - len(prompt)) + prompt for prompt in prompts], device=student.model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=student.model.device)
    drawn = {"logits_processor": [Draws(limits.drawing, seeds)]} if seeds is not None else {}
    with torch.inference_mode():
        output = student.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=pauses_within or limits.max_new_tokens,
            do_sample=False,
            stopping_criteria=[watch],
            **drawn,
        )
    return [_until_stop(row, student.stops) for row in output[:, width:].tolist()]


def _ends_a_line(student: Student, tokens: Sequence[int]) -> bool:
    return "\n" in student.tokenizer.decode(tokens[-1:])


def _until_stop(tokens: list[int], stops: tuple[int, ...]) -> list[int]:
    """A response up to and with its stop token; what follows is padding."""
    end = next((index + 1 for index, token in enumerate(tokens) if token in stops), len(tokens))
    return tokens[:end]


def _identity(student: Student, ask: Ask, limits: Limits, around: Surroundings) -> str:
    python = around.python.limits.model_dump() if around.python and has_python(ask.mode) else None
    return key_of(ask, student.name, limits.max_new_tokens, limits.drawing, python)


def _trace(student: Student, ask: Ask, prompt_tokens: int, said: Said, limits: Limits, around: Surroundings) -> Trace:
    is_finished = bool(said.tokens) and said.tokens[-1] in student.stops
    response = student.tokenizer.decode(said.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    calls = {"calls": said.calls} if has_python(ask.mode) else {}
    answered = Answered(response, "stop" if is_finished else "length", prompt_tokens, said.written, calls)
    return trace_of(ask, _identity(student, ask, limits, around), student.name, answered, limits.revision)
