"""argv: the command line that does a node's work, on a laptop as in a pod."""

from nemoflow.flow.step import Shard


def argv(workflow: str, node: str, run: str, root: str, sets: str = "{}", shard: Shard | None = None) -> list[str]:
    """`nemoflow step WORKFLOW NODE ...`, as a person would type it."""
    command = ["nemoflow", "step", workflow, node, "--run", run, "--root", root]
    if sets != "{}":
        command += ["--set", sets]
    if shard is not None and shard.count > 1:
        command += ["--shard", f"{shard.index}/{shard.count}"]
    return command
