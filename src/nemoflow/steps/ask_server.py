"""A server as an engine of evaluations: any that speaks OpenAI's protocol, through the one client and the ledger of its answers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from nemoflow.answers.competition import boxed_answer
from nemoflow.errors import ConfigError
from nemoflow.evaluation.asks import Ask
from nemoflow.flow.step import Context, Inputs
from nemoflow.harvest.config import AskConfig
from nemoflow.prompts.modes import has_python
from nemoflow.records import Trace
from nemoflow.steps.asked import asked, awake
from nemoflow.steps.engines import EngineConfig, name_of

if TYPE_CHECKING:
    from nemoflow.harvest.attempts import Attempt, Group
    from nemoflow.inference.teachers import Endpoint

GROUP = "evaluate"
"""Under this name answers are kept across runs."""


class Server:
    """A model by its name at a server; an adapter is another name.

    The URL is not part of what a trace is: the same model at another address is found again.
    """

    def __init__(self, config: EngineConfig, inputs: Inputs, context: Context) -> None:
        from nemoflow.harvest.attempts import Asking
        from nemoflow.inference.request import Sampling

        self._config, self._context = config, context
        self._asking_config = AskConfig(
            temperature=config.temperature,
            top_p=config.top_p,
            max_tokens=config.max_new_tokens,
            seed=config.seed,
            concurrency=config.concurrency,
            concurrency_start=min(32, config.concurrency),
            total_timeout_s=config.total_timeout_s,
            idle_timeout_s=config.total_timeout_s,
            retries=config.retries,
            max_error_share=config.max_error_share,
        )
        recipe = orjson.dumps(config.request, option=orjson.OPT_SORT_KEYS).decode() if config.request else ""
        sampling = Sampling(config.temperature, config.top_p, config.max_new_tokens, recipe=recipe)
        self._asking: Asking = Asking(_endpoint(config, inputs, context), sampling, self._asking_config.patience())
        self.name = self._asking.model
        self._seconds: float | None = 0.0
        self._asks: list[Ask] = []

    def answer(self, asks: Sequence[Ask]) -> list[Trace]:
        """What the ledger has, and the rest from the server. The ledger knows one plan: what was asked before stays part of it."""
        self._asks += asks
        groups, keys = self._groups(self._asks)
        begun = time.monotonic()
        with asked(GROUP, groups, self._asking, "", self._asking_config, self._context) as harvest:
            found = {trace.id: self._student(trace) for trace in harvest}
        self._count(time.monotonic() - begun, harvest.figures["asked"] == len(asks))
        return [found[key] for key in keys[-len(asks) :]]

    def _count(self, seconds: float, is_whole: bool) -> None:
        self._seconds = self._seconds + seconds if is_whole and self._seconds is not None else None

    def _groups(self, asks: Sequence[Ask]) -> "tuple[list[Group], list[str]]":
        """All attempts at a problem are one group; and the key of each ask."""
        from nemoflow.harvest.attempts import attempt

        groups: dict[str, list[Attempt]] = {}
        keys = []
        for ask in asks:
            if has_python(ask.mode):
                raise ConfigError(f"modes: {ask.mode!r}: code is run with engine = transformers only")
            asking = replace(self._asking, sampling=replace(self._asking.sampling, mode=ask.mode))
            made = attempt(ask.problem, ask.sample, ask.messages, asking, self._config.seed)
            made = replace(made, extra={**made.extra, **self._config.request})
            keys.append(made.id)
            groups.setdefault(ask.problem.id, []).append(made)
        return [tuple(group) for group in groups.values()], keys

    def _student(self, trace: Trace) -> Trace:
        answer = boxed_answer(trace.response, self._config.revision)
        return trace.model_copy(update={"source": "student", "answer": answer})

    @property
    def facts(self) -> Mapping[str, str]:
        """Which model answered."""
        return {"server": self.name}

    @property
    def seconds(self) -> float | None:
        """From the first request to the last answer; None where some were known before."""
        return self._seconds


def _endpoint(config: EngineConfig, inputs: Inputs, context: Context) -> "Endpoint":
    from nemoflow.inference.readiness import base_url
    from nemoflow.inference.teachers import Endpoint

    revision = config.served_revision or name_of(inputs)
    if "endpoint" in inputs:
        found = awake(inputs, AskConfig(), context)
        if not config.served_model:
            return found
        return found.model_copy(update={"model": config.served_model, "revision": revision or found.revision, "mixed": ()})
    if not (config.url and config.served_model):
        raise ConfigError(
            f"engine = endpoint: url = {config.url!r}, served_model = {config.served_model!r}: wire the input `endpoint`, or set both"
        )
    if not revision:
        raise ConfigError(
            f"served_revision: empty; what tells this {config.served_model!r} from an earlier one of that name is right,"
            " such as the adapter's digest: else its answers would be taken for the earlier one's"
        )
    return Endpoint(url=base_url(config.url), model=config.served_model, revision=revision, api_key_env=config.api_key_env)
