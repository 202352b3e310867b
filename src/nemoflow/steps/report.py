"""report: one HTML page and a summary of what a run proved, from its artifacts and their manifests.

Only the two evaluations and their problems are required. Every further input adds a part to the page, and the node that
made it to the list of steps; what is not wired is left out of both.
"""

import orjson

from nemoflow.artifacts import Adapter, Corpus, Model, Problems, Report, Submission, Traces
from nemoflow.config import Config
from nemoflow.errors import InputError
from nemoflow.evaluation.charts import accuracy_chart_svg
from nemoflow.evaluation.compare import counts, pair_up
from nemoflow.evaluation.facts import steps_of
from nemoflow.evaluation.page import accuracy_rows, render
from nemoflow.evaluation.page_modes import mode_rows
from nemoflow.evaluation.report import Evidence, lengths_by_kind, one_each, summary
from nemoflow.evaluation.score import Score
from nemoflow.flow.step import Context, InputArtifact, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.records import with_unique_ids


class ReportConfig(Config):
    """The page has no choices."""


def run(config: ReportConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Gather, then write `index.html`, `summary.json`, and charts for use elsewhere: `accuracy.svg`, `modes.svg` where modes were told."""
    evidence = _gather(inputs)
    folder = outputs["page"].folder()
    (folder / "index.html").write_text(render(evidence), encoding="utf-8")
    (folder / "accuracy.svg").write_text(accuracy_chart_svg(accuracy_rows(evidence), standalone=True), encoding="utf-8")
    if modes := mode_rows(evidence):
        (folder / "modes.svg").write_text(accuracy_chart_svg(modes, standalone=True), encoding="utf-8")
    outputs["page"].write_json("summary.json", summary(evidence))
    changes = counts(evidence.pairs)
    return Outcome(
        metrics={
            "base_accuracy": evidence.base.overall.accuracy,
            "adapter_accuracy": evidence.adapter.overall.accuracy,
            "fixed": changes["fixed"],
            "broken": changes["broken"],
        },
        rows_in=len(evidence.pairs),
    )


def _gather(inputs: Inputs) -> Evidence:
    problems = with_unique_ids(inputs["problems"].rows(), inputs["problems"].address)
    settings = inputs["adapter"].json(SCORES)
    if "revision" not in settings:
        raise InputError(
            f"{inputs['adapter'].address}/{SCORES}: revision: missing; that of the metric was expected, as `evaluate` writes it"
        )
    return Evidence(
        settings=settings,
        base=_score(inputs["base"]),
        adapter=_score(inputs["adapter"]),
        pairs=pair_up(problems, inputs["base_rollouts"].rows(), inputs["adapter_rollouts"].rows()),
        steps=steps_of(source.manifest for source in inputs.values()),
        log=_log(inputs["lora"]) if "lora" in inputs else (),
        lengths=lengths_by_kind(inputs["corpus"].rows()) if "corpus" in inputs else {},
        rejects=one_each(row for name in REJECTS if name in inputs for row in inputs[name].rows()),
        receipt=inputs["submission"].json("receipt.json") if "submission" in inputs else None,
    )


def _score(report: InputArtifact) -> Score:
    return Score.from_json(report.json(SCORES), f"{report.address}/{SCORES}")


def _log(adapter: InputArtifact) -> list[dict[str, float]]:
    path = adapter.folder() / "log.jsonl"
    if not path.exists():
        return []
    try:
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
    except orjson.JSONDecodeError as error:
        raise InputError(f"{adapter.address}/log.jsonl: not JSONL: {error}") from None


SCORES = "report.json"
REJECTS = ("rejected", "duplicates", "contaminated")

REPORT = Step(
    name="report",
    version=1,
    config=ReportConfig,
    run=run,
    inputs={
        "problems": Problems,
        "base": Report,
        "base_rollouts": Traces,
        "adapter": Report,
        "adapter_rollouts": Traces,
        "lora": Optional(Adapter),
        "corpus": Optional(Corpus),
        "submission": Optional(Submission),
        "rejected": Optional(Traces),
        "duplicates": Optional(Traces),
        "contaminated": Optional(Traces),
        # Read for their manifests only: they bring their nodes into the list of steps.
        "model": Optional(Model),
        "traces": Optional(Traces),
        "public": Optional(Traces),
        "verified": Optional(Traces),
        "rationalized": Optional(Traces),
    },
    outputs={"page": Report},
)
