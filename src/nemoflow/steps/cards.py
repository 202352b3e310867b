"""cards: model card, dataset card and a draft of the write-up, with the figures of manifests and no others."""

import re

from nemoflow.artifacts import Adapter, Cards, Corpus, Report, Submission
from nemoflow.config import Config
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.submission.cards import Words, dataset_card, model_card, write_up
from nemoflow.submission.figures import figures

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class CardsConfig(Config):
    """What no manifest says."""

    title: str = "Reasoning adapter"
    """What the adapter is called."""
    authors: str = ""
    """Who made it; empty names nobody."""
    licence: str = ""
    """Of the adapter, as the hub names licences: apache-2.0, cc-by-4.0 ..., or other. `publish` asks for one."""
    licence_name: str = ""
    """For `other`: its name, such as nvidia-nemotron-open-model-license."""
    licence_link: str = ""
    """For `other`: where it can be read."""
    corpus_licence: str = ""
    """Of the corpus; `publish` asks for one where it publishes that."""


def run(config: CardsConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Write `model/README.md`, `dataset/README.md`, `writeup.md` and, for `publish`, what was named in `cards.json`."""
    manifests = {name: opened.manifest for name, opened in inputs.items()}
    known = figures(manifests)
    names = [manifest["config"].get("base_name", "") for role in ("adapter", "trained") if (manifest := manifests.get(role))]
    named = next(filter(None, map(str, names)), "")
    base = named if HUB_NAME.fullmatch(named) else ""
    words = Words(base=base, **config.model_dump())
    folder = outputs["cards"].folder()
    for name, text in (
        ("model/README.md", model_card(words, known)),
        ("dataset/README.md", dataset_card(words, known)),
        ("writeup.md", write_up(words, known)),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    told = {"v": 1, "base": base, "licence": config.licence, "corpus_licence": config.corpus_licence, "left_out": list(known.left_out)}
    outputs["cards"].write_json("cards.json", told)
    for line in known.left_out:
        context.progress.note(f"left out, {line}")
    return Outcome(metrics={"figures": len(known.found), "left_out": len(known.left_out)})


CARDS = Step(
    name="cards",
    version=2,
    config=CardsConfig,
    run=run,
    inputs={
        "adapter": Adapter,
        "trained": Optional(Adapter),
        "report": Optional(Report),
        "base": Optional(Report),
        "gate": Optional(Report),
        "corpus": Optional(Corpus),
        "submission": Optional(Submission),
    },
    outputs={"cards": Cards},
)
