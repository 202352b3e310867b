"""package: check an adapter against the contest's runtime and zip it; skipped, with the reason, where a gate refused it."""

from nemoflow.artifacts import Adapter, Model, Report, Submission
from nemoflow.config import Config
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.leave import refusal
from nemoflow.submission.doctor import examine
from nemoflow.submission.package import pack


class PackageConfig(Config):
    """What the contest takes."""

    max_rank: int = 32
    """Highest LoRA rank; the contest starts vLLM with `max_lora_rank` 32."""
    max_bytes: int = 1_500_000_000
    """Largest zip; a competitor's figure for the upload limit."""
    base_model_name: str = ""
    """Written as `base_model_name_or_path`; empty keeps the adapter's own. It is cosmetic: vLLM does not read it."""


def run(config: PackageConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Examine, then zip; SubmissionError names tensor and rule."""
    if refused := refusal(inputs):
        return Outcome(status="skipped", reason=refused)
    adapter = inputs["adapter"].folder()
    checkup = examine(adapter, inputs["model"].folder(), config.max_rank)
    receipt = pack(adapter, checkup, outputs["submission"].folder(), config.max_bytes, config.base_model_name)
    outputs["submission"].write_json("receipt.json", receipt.to_json())
    for warning in checkup.warnings:
        context.progress.note(warning)
    return Outcome(
        metrics={
            "bytes": receipt.size,
            "tensors": checkup.tensors,
            "parameters": checkup.parameters,
            "rank": checkup.rank,
            "dead_modules": len(checkup.dead),
            "warnings": len(checkup.warnings),
        }
    )


PACKAGE = Step(
    name="package",
    version=2,
    config=PackageConfig,
    run=run,
    inputs={"adapter": Adapter, "model": Model, "gate": Optional(Report)},
    outputs={"submission": Submission},
)
