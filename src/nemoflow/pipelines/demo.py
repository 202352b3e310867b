"""The demo: the competition's whole way on one machine, with generated puzzles, a tiny student and the solver teacher."""

from nemoflow.flow.pipeline import From, Pipeline
from nemoflow.flow.workflow import Workflow
from nemoflow.pipelines.core import LEARNED_FROM, SEEN, collect, curate, notebook, release, teach
from nemoflow.pipelines.tuning import refuse_tuning
from nemoflow.steps import MAKE_PROBLEMS, MAKE_STUDENT, WAKE_TEACHER


def demo(workflow: Workflow) -> Pipeline:
    """Problems come from generators, held out by hidden parameters; the student is made on the spot."""
    refuse_tuning(workflow)
    problems, held_out = From("make-problems", "train"), From("make-problems", "eval")
    nodes = [
        workflow.node("make-problems", MAKE_PROBLEMS),
        workflow.node("make-student", MAKE_STUDENT, {"problems": problems}),
        workflow.node("wake-teacher", WAKE_TEACHER),
        *collect(workflow, problems, From("wake-teacher", "endpoint")),
        *curate(workflow, LEARNED_FROM, problems, held_out),
        *teach(workflow, held_out, From("make-student", "model"), SEEN, problems),
        notebook(workflow),
    ]
    return Pipeline("demo", tuple(nodes), cleanup=release(workflow))
