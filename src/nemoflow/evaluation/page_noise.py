"""The page's part about noise: what turns when a model is asked the same again; and pass@k and maj@k where it was sampled."""

from nemoflow.evaluation.charts import percent
from nemoflow.evaluation.markup import section, table, text
from nemoflow.evaluation.noise import Noise, floor_between, noise
from nemoflow.evaluation.report import MODELS, Evidence, Model

HEADS = ("model", "problems", "attempts of each", "turned", "lowest and highest accuracy", "standard error, points", "floor, points")


def noises(evidence: Evidence) -> dict[Model, Noise]:
    """Of each model; empty where each problem was asked once."""
    found = {model: noise(trace for _, trace in evidence.attempts(model)) for model in MODELS}
    return {model: each for model, each in found.items() if each is not None}


def noise_section(evidence: Evidence) -> str:
    """How much of a difference says nothing."""
    found = noises(evidence)
    lines = [
        (
            text(model),
            f"{each.problems:,}",
            str(each.attempts),
            f"{each.turned:,}",
            f"{percent(min(each.accuracies))} to {percent(max(each.accuracies))}",
            f"{each.one:.2f}",
            f"<b>{each.floor:.2f}</b>",
        )
        for model, each in found.items()
    ]
    between = f"<p>Base and adapter, each over all its attempts: {floor_between(list(found.values())):.2f} points.</p>" if found else ""
    return section(
        "What turns by itself",
        table(HEADS, lines, numbers=range(1, len(HEADS)), label="What turns by itself") if lines else "",
        between,
        lead="The same model, asked the same again. Turned are problems that were right in some attempts and wrong in others. The floor is "
        "the difference that two evaluations of one attempt each reach by noise alone in 95 of 100 cases at most.",
    )
