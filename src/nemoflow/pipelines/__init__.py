"""The pipelines that ship with nemoflow, by the name that a workflow file uses."""

PIPELINES = {
    "competition": "nemoflow.pipelines.competition:competition",
    "demo": "nemoflow.pipelines.demo:demo",
    "nemotron_demo": "nemoflow.pipelines.nemotron_math:nemotron_demo",
    "nemotron_math": "nemoflow.pipelines.nemotron_math:nemotron_math",
}
