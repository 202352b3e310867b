"""What the steps that ask a teacher have in common: an endpoint that answers, and a harvest with its ledger and its health."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nemoflow.flow.step import Context, Inputs
from nemoflow.harvest.config import AskConfig

if TYPE_CHECKING:
    from nemoflow.harvest.attempts import Asking, Groups
    from nemoflow.harvest.traces import Course, Harvest
    from nemoflow.inference.teachers import Endpoint


def awake(inputs: Inputs, config: AskConfig, context: Context) -> "Endpoint":
    """The endpoint that the step is wired to, once it answers."""
    from nemoflow.inference.teachers import await_return, read_endpoint

    endpoint = read_endpoint(inputs["endpoint"].json("endpoint.json"), inputs["endpoint"].address)
    await_return(endpoint, config.return_s, context.progress.note, context.stopping)
    return endpoint


@contextmanager
def asked(
    step: str, groups: "Groups", asking: "Asking", system: str, config: AskConfig, context: Context, course: "Course | None" = None
) -> "Iterator[Harvest]":
    """The traces of all groups; they are read from the ledger, so only inside the `with`."""
    from nemoflow.harvest.health import Health
    from nemoflow.harvest.traces import harvest
    from nemoflow.inference.keys import group_name
    from nemoflow.inference.ledger import Ledger

    group = group_name(step, asking.model, asking.sampling, config.seed, system)
    health = Health(config.max_error_share, config.max_errors_in_a_row)
    with Ledger(context.scratch.path(), context.shared, group, config.commit_rows, config.commit_s) as ledger:
        yield harvest(groups, asking, ledger, health, course, context.stopping, context.progress.advance)
        for torn in ledger.torn:
            context.progress.note(f"passed over the rest of a torn part: {torn}")
