"""The step `release-teacher`: gives back what `wake-teacher` took; the cleanup of a pipeline."""

from nemoflow.artifacts import Endpoint
from nemoflow.config import Config
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.inference.teachers import read_endpoint, release


class ReleaseTeacherConfig(Config):
    """Nothing to choose: the endpoint says what there is to release."""


def run(config: ReleaseTeacherConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """End the teacher's process, where it has one and still runs; a second time does nothing."""
    opened = inputs["endpoint"]
    endpoint = read_endpoint(opened.json("endpoint.json"), opened.address)
    released = release(endpoint)
    context.progress.note(f"{endpoint.model}: released" if released else f"{endpoint.model}: nothing to release")
    return Outcome(metrics={"released": int(released)})


RELEASE_TEACHER = Step(
    name="release-teacher", version=1, config=ReleaseTeacherConfig, run=run, inputs={"endpoint": Endpoint}, pool="cpu", effect=True
)
