"""`nemoflow doctor`: what would go wrong, found before it does. Without a command's name it looks at the machine."""

import click

from nemoflow.cli.lazy import LazyGroup

MACHINE = "machine"
CHECKS = {
    MACHINE: ("nemoflow.cli.doctor_machine:machine", "Is this machine ready; with WORKFLOW, for that workflow. The default."),
    "adapter": ("nemoflow.cli.doctor_adapter:adapter", "Would the contest's runtime load this adapter."),
    "model": ("nemoflow.cli.doctor_model:model", "What an adapter would train on a model, and what that takes of a GPU."),
    "data": ("nemoflow.cli.doctor_data:data", "Whether a corpus teaches what is evaluated: prefix, box, tokens, lengths."),
}


class DoctorGroup(LazyGroup):
    """Checks by name; `doctor`, `doctor WORKFLOW` and `doctor --root DIR` look at the machine."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is neither a check nor a cry for help is the machine check's."""
        named = bool(args) and args[0] in {*self.table, *ctx.help_option_names}
        return super().parse_args(ctx, args if named else [MACHINE, *args])


@click.group(cls=DoctorGroup, table=CHECKS, subcommand_metavar="[CHECK] [WORKFLOW | ARGS]...")
def doctor() -> None:
    """Say what would go wrong before it does: on this machine, with a workflow, a model, a corpus or an adapter.

    `nemoflow doctor [WORKFLOW]` is `nemoflow doctor machine [WORKFLOW]`. Ends with 2 where something would not work.
    """
