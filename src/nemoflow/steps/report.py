"""report: one HTML page and a summary of what a run proved, from its artifacts and their manifests.

Only the two evaluations and their problems are required. Every further input adds a part to the page, and the node that
made it to the list of steps; what is not wired is left out of both.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from nemoflow.artifacts import Adapter, Corpus, Model, Problems, Report, Submission, Traces
from nemoflow.config import Config
from nemoflow.errors import InputError
from nemoflow.evaluation.charts import accuracy_chart_svg, gains_svg
from nemoflow.evaluation.charts_reward import reward_svg
from nemoflow.evaluation.charts_training import curves_svg
from nemoflow.evaluation.compare import counts, pair_up
from nemoflow.evaluation.decision import FILE, Decision
from nemoflow.evaluation.facts import steps_of
from nemoflow.evaluation.page import accuracy_rows, render
from nemoflow.evaluation.page_gain import gain_rows
from nemoflow.evaluation.page_modes import mode_rows
from nemoflow.evaluation.page_targets import NEEDED
from nemoflow.evaluation.picture import png_of
from nemoflow.evaluation.report import Evidence, flips, lengths_by_kind, one_each, summary
from nemoflow.evaluation.sampled import sampled
from nemoflow.evaluation.score import Score
from nemoflow.flow.step import Context, InputArtifact, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.records import Trace, with_unique_ids


class ReportConfig(Config):
    """The page has no choices."""


def run(config: ReportConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Gather, then write `index.html`, `summary.json`, `flips.jsonl`, and its charts as PNG for use elsewhere."""
    evidence = _gather(inputs)
    folder = outputs["page"].folder()
    (folder / "index.html").write_text(render(evidence), encoding="utf-8")
    for name, svg in _charts(evidence):
        (folder / name).write_bytes(png_of(svg))
    (folder / "flips.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in flips(evidence.pairs)))
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


def _charts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Each with its title and key; modes, training and reward only where there is something to draw."""
    yield "accuracy.png", accuracy_chart_svg(accuracy_rows(evidence), standalone=True)
    yield "gain.png", gains_svg(gain_rows(evidence), standalone=True)
    if modes := mode_rows(evidence):
        yield "modes.png", accuracy_chart_svg(modes, standalone=True)
    if evidence.log:
        yield "training.png", curves_svg(evidence.log)
    if evidence.rewards:
        yield "reward.png", reward_svg(evidence.rewards)


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
        log=_rows(inputs, "loss", but="reward"),
        rewards=_rows(inputs, "reward"),
        targets=_targets(inputs),
        lengths=lengths_by_kind(inputs["corpus"].rows()) if "corpus" in inputs else {},
        rejects=one_each(row for name in REJECTS if name in inputs for row in inputs[name].rows()),
        receipt=_receipt(inputs["submission"]) if "submission" in inputs else None,
        decision=_decision(inputs["gate"]) if "gate" in inputs else None,
        seconds_asked=_seconds({name: inputs[name].manifest for name in ("base", "adapter")}),
        tuning=inputs["tuning"].json(SCORES) if "tuning" in inputs else None,
        samples=sampled(_whole(inputs["verified"].rows())) if "verified" in inputs else {},
    )


def _score(report: InputArtifact) -> Score:
    return Score.from_json(report.json(SCORES), f"{report.address}/{SCORES}")


def _receipt(submission: InputArtifact) -> dict[str, Any] | None:
    """None where a gate refused the adapter, so that nothing was packaged."""
    is_skipped = submission.manifest is not None and submission.manifest["status"] == "skipped"
    return None if is_skipped else submission.json("receipt.json")


def _seconds(manifests: Mapping[str, Mapping[str, Any] | None]) -> dict[str, float]:
    return {name: manifest["seconds"] for name, manifest in manifests.items() if manifest and not manifest["reused_from"]}


def _whole(traces: Iterable[Trace]) -> Iterator[Trace]:
    """The first traces, without those of the problem at which it stops: some of its samples would be missing."""
    held: list[Trace] = []
    for row, trace in enumerate(traces, 1):
        if held and held[0].problem_id != trace.problem_id:
            yield from held
            held = []
            if row > SAMPLED:
                return
        held.append(trace)
    yield from held


def _decision(gate: InputArtifact) -> Decision:
    return Decision.from_json(gate.json(FILE), f"{gate.address}/{FILE}")


def _rows(inputs: Inputs, name: str, but: str = "") -> list[dict[str, float]]:
    """Rows with a figure, of the log of whichever adapter has such: `lora`, or `trained`, which a reinforcement went on from."""
    logs = (_log(inputs[role]) for role in ADAPTERS if role in inputs)
    return next((rows for log in logs if (rows := [row for row in log if "step" in row and name in row and but not in row])), [])


def _log(adapter: InputArtifact) -> list[dict[str, float]]:
    path = adapter.folder() / "log.jsonl"
    if not path.exists():
        return []
    try:
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
    except orjson.JSONDecodeError as error:
        raise InputError(f"{adapter.address}/log.jsonl: not JSONL: {error}") from None


def _targets(inputs: Inputs) -> dict[str, Any] | None:
    """What `train` told; None for an adapter that was trained without looking at its targets."""
    told = [inputs[role] for role in ADAPTERS if role in inputs and (inputs[role].folder() / TARGETS).exists()]
    if not told:
        return None
    targets = told[0].json(TARGETS)
    if missing := [name for name in NEEDED if name not in targets]:
        raise InputError(f"{told[0].address}/{TARGETS}: {missing[0]}: missing; what `train` writes was expected")
    return targets


ADAPTERS = ("lora", "trained")
TARGETS = "targets.json"
SCORES = "report.json"
SAMPLED = 4000
"""Verified traces of which the teacher's pass@k and maj@k are taken: enough for one figure, and a harvest of millions is not read again."""
REJECTS = ("rejected", "duplicates", "contaminated")

REPORT = Step(
    name="report",
    version=4,
    config=ReportConfig,
    run=run,
    inputs={
        "problems": Problems,
        "base": Report,
        "base_rollouts": Traces,
        "adapter": Report,
        "adapter_rollouts": Traces,
        "lora": Optional(Adapter),
        "trained": Optional(Adapter),
        "corpus": Optional(Corpus),
        "gate": Optional(Report),
        "tuning": Optional(Report),
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
