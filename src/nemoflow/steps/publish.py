"""publish: adapter and corpus, each with its card, to repositories of a hub; private unless said otherwise, skipped where the gate refused.

An effect. A second time it commits nothing, for nothing changed.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from nemoflow.artifacts import Adapter, Cards, Corpus, Receipt, Report
from nemoflow.config import Config, tuning
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.step import Context, InputArtifact, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.leave import refusal
from nemoflow.submission.hub import Pushed, push

REPO = r"^([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)?$"
CARD = "README.md"


class PublishConfig(Config):
    """Where to."""

    model_repo: str = Field("", pattern=REPO)
    """Repository for the adapter, OWNER/NAME; empty publishes none."""
    dataset_repo: str = Field("", pattern=REPO)
    """Repository for the corpus; empty publishes none."""
    private: bool = True
    """Make repositories that only their owner sees; one that is there and public is refused."""
    confirm: bool = False
    """Nothing is published without `confirm = true`."""
    token_env: str = tuning("HF_TOKEN")
    """Variable with a token of the hub that may write."""


def run(config: PublishConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """One commit a repository; `receipt.json` names them."""
    _check(config, inputs)
    if refused := refusal(inputs):
        return Outcome(status="skipped", reason=refused)
    done = []
    for pushed in _push_all(config, inputs):
        context.progress.note(f"{pushed.url}: {pushed.commit[:12] if pushed.changed else 'held all of it already'}")
        done.append(pushed)
    outputs["receipt"].write_json("receipt.json", {"v": 1, "repositories": [asdict(pushed) for pushed in done]})
    return Outcome(metrics={"repositories": len(done), "changed": sum(pushed.changed for pushed in done)})


def _push_all(config: PublishConfig, inputs: Inputs) -> Iterator[Pushed]:
    cards = inputs["cards"].folder()
    if config.model_repo:
        files = {**_files(inputs["adapter"]), CARD: cards / "model" / CARD}
        yield push(config.model_repo, "model", files, private=config.private, token_env=config.token_env, note="Adapter by nemoflow")
    if config.dataset_repo:
        files = {**_files(inputs["corpus"]), CARD: cards / "dataset" / CARD}
        yield push(config.dataset_repo, "dataset", files, private=config.private, token_env=config.token_env, note="Corpus by nemoflow")


def _files(artifact: InputArtifact) -> dict[str, Path]:
    folder = artifact.folder()
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _check(config: PublishConfig, inputs: Inputs) -> None:
    """Whatever is wrong is said before anything is sent."""
    if not config.confirm:
        raise ConfigError("publish.confirm: false; what is published cannot be called back, so it is done only with confirm = true")
    if not (config.model_repo or config.dataset_repo):
        raise ConfigError("publish: neither model_repo nor dataset_repo names a repository; OWNER/NAME is right")
    told = inputs["cards"].json("cards.json")
    for repo, name, field in ((config.model_repo, "adapter", "licence"), (config.dataset_repo, "corpus", "corpus_licence")):
        if repo and name not in inputs:
            raise InputError(f"publish: {repo}: the input {name!r} is not wired; it is what would be published")
        if repo and not told.get(field):
            raise InputError(f"{inputs['cards'].address}: {field}: not stated; nothing is published without one, set cards.{field}")
    if config.model_repo and not told.get("base"):
        raise InputError(f"{inputs['cards'].address}: base: not known; the adapter's training names it as train.base_name, OWNER/MODEL")


PUBLISH = Step(
    name="publish",
    version=1,
    config=PublishConfig,
    run=run,
    inputs={"cards": Cards, "adapter": Optional(Adapter), "corpus": Optional(Corpus), "gate": Optional(Report)},
    outputs={"receipt": Receipt},
    effect=True,
)
