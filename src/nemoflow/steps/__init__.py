"""The steps, one a file, in the order in which a pipeline uses them."""

from nemoflow.flow.step import Step
from nemoflow.steps.cards import CARDS
from nemoflow.steps.cluster import CLUSTER
from nemoflow.steps.decontaminate import DECONTAMINATE
from nemoflow.steps.dedup import DEDUP
from nemoflow.steps.evaluate import EVALUATE
from nemoflow.steps.filter import FILTER
from nemoflow.steps.gate import GATE
from nemoflow.steps.harvest import HARVEST
from nemoflow.steps.harvest_public import HARVEST_PUBLIC
from nemoflow.steps.judge import JUDGE
from nemoflow.steps.keep import KEEP_ROWS
from nemoflow.steps.load_problems import LOAD_PROBLEMS
from nemoflow.steps.make_problems import MAKE_PROBLEMS
from nemoflow.steps.make_student import MAKE_STUDENT
from nemoflow.steps.mix import MIX
from nemoflow.steps.notebook import NOTEBOOK
from nemoflow.steps.package import PACKAGE
from nemoflow.steps.publish import PUBLISH
from nemoflow.steps.rationalize import RATIONALIZE
from nemoflow.steps.reinforce import REINFORCE
from nemoflow.steps.release_teacher import RELEASE_TEACHER
from nemoflow.steps.repair_gold import REPAIR_GOLD
from nemoflow.steps.report import REPORT
from nemoflow.steps.select import SELECT
from nemoflow.steps.sketch import SKETCH
from nemoflow.steps.submit import SUBMIT
from nemoflow.steps.train import TRAIN
from nemoflow.steps.tune_prompt import TUNE_PROMPT
from nemoflow.steps.verify import VERIFY
from nemoflow.steps.wake_teacher import WAKE_TEACHER

__all__ = [
    "STEPS",
    "CARDS",
    "CLUSTER",
    "DECONTAMINATE",
    "DEDUP",
    "EVALUATE",
    "FILTER",
    "GATE",
    "HARVEST",
    "HARVEST_PUBLIC",
    "JUDGE",
    "KEEP_ROWS",
    "LOAD_PROBLEMS",
    "MAKE_PROBLEMS",
    "MAKE_STUDENT",
    "MIX",
    "NOTEBOOK",
    "PACKAGE",
    "PUBLISH",
    "RATIONALIZE",
    "REINFORCE",
    "RELEASE_TEACHER",
    "REPAIR_GOLD",
    "REPORT",
    "SELECT",
    "SKETCH",
    "SUBMIT",
    "TRAIN",
    "TUNE_PROMPT",
    "VERIFY",
    "WAKE_TEACHER",
]

STEPS: tuple[Step, ...] = (
    MAKE_PROBLEMS,
    LOAD_PROBLEMS,
    MAKE_STUDENT,
    WAKE_TEACHER,
    HARVEST,
    HARVEST_PUBLIC,
    VERIFY,
    JUDGE,
    SELECT,
    REPAIR_GOLD,
    RATIONALIZE,
    FILTER,
    DEDUP,
    SKETCH,
    CLUSTER,
    KEEP_ROWS,
    DECONTAMINATE,
    MIX,
    TRAIN,
    REINFORCE,
    TUNE_PROMPT,
    EVALUATE,
    GATE,
    PACKAGE,
    REPORT,
    NOTEBOOK,
    CARDS,
    PUBLISH,
    SUBMIT,
    RELEASE_TEACHER,
)
