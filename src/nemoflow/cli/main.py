"""`nemoflow`: the entry point. Commands are imported when they are called, so that `--help` stays fast."""

import sys
from collections.abc import Sequence

import click

from nemoflow import __version__
from nemoflow.cli.lazy import LazyGroup
from nemoflow.errors import EXIT_BUG, NemoflowError

COMMANDS = {
    "run": ("nemoflow.cli.run:run", "Run a workflow on this machine."),
    "step": ("nemoflow.cli.step:step", "Run one node of a workflow, or one step on files of your own."),
    "steps": ("nemoflow.cli.steps:steps", "List the steps, or say what one takes, makes and may be told."),
    "search": ("nemoflow.cli.search:search", "Run a workflow with many overrides, to find which serve a metric best."),
    "plan": ("nemoflow.cli.plan:plan", "Say what would run, what is reused, and why."),
    "runs": ("nemoflow.cli.show:runs", "List the runs under a root."),
    "show": ("nemoflow.cli.show:show", "Show a run: steps, status, seconds, rows, what was dropped and why."),
    "lineage": ("nemoflow.cli.lineage:lineage", "Show what an artifact was made from, back to the first input."),
    "render": ("nemoflow.cli.render:render", "Write workflow files as WorkflowTemplates of Argo."),
    "submit": ("nemoflow.cli.submit:submit", "Run a workflow on a cluster, and follow it."),
    "follow": ("nemoflow.cli.submit:follow_run", "Follow a run on a cluster."),
    "logs": ("nemoflow.cli.submit:logs", "Print what a step's pods say."),
    "stop": ("nemoflow.cli.submit:stop_run", "End a run on a cluster, and clean up after it."),
    "queue": ("nemoflow.cli.queue:queue", "Say who holds and who waits for quota on a cluster, and what would let them in."),
    "teacher": ("nemoflow.cli.teacher:teacher", "Show who holds a sleeping teacher, and put right what nobody does."),
    "doctor": ("nemoflow.cli.doctor:doctor", "Say what would go wrong: on this machine, with a workflow, a model or an adapter."),
    "buckets": ("nemoflow.cli.buckets:buckets", "Make the buckets that are not there yet."),
    "filter": ("nemoflow.cli.curate:filter_", "Drop traces of a file that are not worth learning from."),
    "dedup": ("nemoflow.cli.curate:dedup", "Drop duplicates among the traces of a file."),
    "decontaminate": ("nemoflow.cli.curate:decontaminate", "Drop traces of problems that occur in an evaluation set."),
    "mix": ("nemoflow.cli.curate:mix", "Make a corpus of the traces of files."),
    "inspect": ("nemoflow.cli.inspect:inspect", "Look at rows: a sample, counts, two corpora compared, a page with plots."),
    "fetch": ("nemoflow.cli.fetch:fetch", "Fetch a public set of problems from the Hugging Face hub."),
    "receiver": ("nemoflow.cli.receiver:receiver", "Start runs on pushes and on new data."),
    "metrics": ("nemoflow.cli.metrics:metrics", "Runs, rows, tokens, waits and GPUs as metrics of Prometheus."),
    "compare": ("nemoflow.cli.compare:compare", "Compare evaluations of the same problems: accuracy, speed, differences."),
    "score": ("nemoflow.cli.score:score", "Score responses by the contest's metric or by symbolic equality."),
    "verify": ("nemoflow.cli.verify:verify", "Compare answers with gold answers by mathematics: right, wrong or unclear."),
    "submissions": ("nemoflow.cli.submissions:submissions", "Send zips to Kaggle, and compare local scores with the board's."),
    "sandbox": ("nemoflow.cli.sandbox:sandbox", "Run code that a model wrote where it can harm nobody."),
    "merge": ("nemoflow.cli.merge:merge", "Work an adapter into its base model's weights."),
    "puzzles": ("nemoflow.cli.puzzles:puzzles", "Make, solve, explain and serve the contest's kinds of puzzle."),
}


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nemoflow")
def nemoflow() -> None:
    """Distil a reasoning teacher into a LoRA adapter: from problems to a checked submission.zip.

    Exit codes: 0 done, 2 bad config or input, 75 try again (a service away, asked to stop), 1 a bug.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and end with its exit code."""
    try:
        nemoflow.main(args=args, prog_name="nemoflow", standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except NemoflowError as error:
        sys.stderr.write(f"nemoflow: {type(error).__name__}: {error}\n")
        for note in getattr(error, "__notes__", ()):
            sys.stderr.write(f"nemoflow: {note}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_BUG)


if __name__ == "__main__":
    main()
