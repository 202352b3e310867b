"""Part of a pipeline: what one node needs, and nothing behind it."""

from nemoflow.flow.pipeline import Pipeline


def up_to(pipeline: Pipeline, name: str) -> Pipeline:
    """The named node and all that it is made from, with the cleanup where it cleans up after one of these; ConfigError for no such node."""
    wanted = {pipeline.node(name).name}
    for node in reversed(pipeline.nodes):
        if node.name in wanted:
            wanted |= {edge.node for edge in node.edges.values()}
    kept = tuple(node for node in pipeline.nodes if node.name in wanted)
    cleanup = pipeline.cleanup
    is_needed = cleanup is not None and {edge.node for edge in cleanup.edges.values()} <= wanted
    return Pipeline(pipeline.name, kept, cleanup if is_needed else None)
