"""join: what the pods after the first of a gang do with a node: take part in its work, and wait until the first has published it."""

import time
from contextlib import ExitStack

from nemoflow.errors import ConfigError, RankLost, Stopped
from nemoflow.flow.execute import context_of, open_inputs, scratch_of
from nemoflow.flow.fingerprint import fingerprints
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.step import Shard

LOOK_S = 2.0
PUBLISH_S = 1800.0
"""How long the first pod may take to write its result after the work was done together."""


def join(pipeline: Pipeline, name: str, place: Place, publish_s: float = PUBLISH_S) -> Manifest:
    """Take part in a node's work, and return its manifest when the first pod has written it.

    It holds no claim and writes nothing, so a pod that is lost leaves nothing behind. Raises ConfigError for a step that one pod does
    alone, RankLost where the first does not publish in `publish_s` seconds, Stopped where it is asked to stop, and whatever the step
    raises.
    """
    node = pipeline.node(name)
    if node.step.join is None:
        raise ConfigError(f"{name}: step {node.step.name!r} is done by one pod, and this is pod {place.gang.index} of {place.gang.count}")
    prints = fingerprints(pipeline, place.digest_uri)

    def published() -> Manifest | None:
        found = place.manifest(name)
        return found if found is not None and found.fingerprint == prints[name] and place.objects_exist(found) else None

    with ExitStack() as stack:
        if (done := published()) is not None:
            return done
        scratch = scratch_of(node, prints, place, Shard())
        stack.callback(scratch.close)
        context = context_of(place, scratch, Shard(), lambda: published() is not None)
        node.step.join(node.config, open_inputs(node, prints, place, stack), context)
    deadline = time.monotonic() + publish_s
    while (done := published()) is None:
        if place.stopping():
            raise Stopped(f"{name}: asked to stop before the first pod of {place.gang.count} had written the result")
        if time.monotonic() > deadline:
            raise RankLost(f"{name}: the first pod of {place.gang.count} has written no result {publish_s:.0f} s after the work was done")
        time.sleep(LOOK_S)
    return done
