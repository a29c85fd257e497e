"""``hypervae doctor``."""

from __future__ import annotations

import click

from hypervae.cli.shape import Command


@click.command("doctor", cls=Command, example="hypervae doctor --self-test")
@click.option("--self-test", is_flag=True, help="Run every stage on a few jets; takes a minute.")
def command(self_test: bool) -> None:
    """Show versions, hardware and what ``auto`` chooses on it."""
    from hypervae.doctor import describe, run_self_test

    for line in describe():
        click.echo(line)
    if self_test:
        for line in run_self_test():
            click.echo(line)
        click.echo("self-test passed")
