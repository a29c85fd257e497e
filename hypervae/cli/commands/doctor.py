"""``hypervae doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import FOLDER, Command
from hypervae.errors import HyperVAEError


@click.command("doctor", cls=Command, example="hypervae doctor --self-test")
@click.option("--self-test", is_flag=True, help="Run every stage on a few jets; takes a minute.")
@click.option("--slurm", is_flag=True, help="Check a Slurm profile against what sinfo says.")
@click.option(
    "--profile",
    type=FOLDER,
    default=Path("profiles/slurm"),
    show_default=True,
    help="Folder of the profile for --slurm.",
)
def command(self_test: bool, slurm: bool, profile: Path) -> None:
    """Show versions, hardware and what ``auto`` chooses on it."""
    if slurm:
        _check_slurm(profile)
        return
    from hypervae.doctor import describe, run_self_test

    for line in describe():
        click.echo(line)
    if self_test:
        for line in run_self_test():
            click.echo(line)
        click.echo("self-test passed")


def _check_slurm(folder: Path) -> None:
    """Say what each partition has, then what of the profile fits none."""
    import hypervae
    from hypervae.workflow.slurm.partitions import ask_sinfo, read_partitions
    from hypervae.workflow.slurm.profile import misfits, needs_of_rules, read_profile

    profile = read_profile(folder)
    partitions = read_partitions(ask_sinfo())
    for each in partitions.values():
        click.echo(str(each))
    rules = Path(hypervae.__path__[0]).parent / "workflow" / "rules"
    found = list(misfits(profile, partitions, needs_of_rules(rules)))
    if found:
        lines = "\n  ".join(found)
        raise HyperVAEError(f"{folder}: does not fit this cluster:\n  {lines}")
    click.echo(f"{folder}: fits this cluster")
