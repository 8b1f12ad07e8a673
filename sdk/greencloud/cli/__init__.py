"""The command line: one module a verb, loaded when the verb is used, so that ``--help`` stays fast.

Every module ``greencloud.cli.VERB`` has a click command named ``command``. Data goes to standard output, progress and messages
to standard error. Exit codes: 0 done, 1 error, or a check that found a fault, 2 wrong usage, 3 a threshold was exceeded or is not
known to be kept, 4 not authenticated or not allowed, 5 not found, 6 unavailable (server, disk, time), 7 a period that cannot be
closed or a log of roots that does not hold, 130 interrupted.
"""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from typing import Any

import click

from greencloud import __version__
from greencloud.errors import GreencloudError, MissingExtraError, StorageFullError, StoreError, UnauthenticatedError

__all__ = ["main"]

# verb: (one line of help, the extra that it needs)
VERBS = {
    "demo": ("Run the whole job once on this machine, from telemetry to report.", "demo"),
    "init": ("Make a data directory, and say where its ledger lies.", "server"),
    "serve": ("Serve OTLP intake and the API from a data directory.", "server"),
    "page": ("Serve the live page in front of a server, for browsers.", "goal"),
    "agent": ("Report this host's CPU, memory and energy to a server (provider).", "agent"),
    "token": ("Issue a bearer token.", "server"),
    "ingest": ("Take OTLP files and usage tables into a data directory.", "server"),
    "lake": ("Lay telemetry out by site and window, for runs on many machines.", "server"),
    "allocate": ("Allocate energy and emissions, and post balanced batches.", "server"),
    "cluster": ("What the machines of a cluster need: an archive for workers.", "server"),
    "restatements": ("List what was restated: old, new, difference and cause, line by line.", "server"),
    "compare": ("Show who would pay what under each allocation rule.", "server"),
    "ledger": ("Close periods, keep the ledger tidy, hand it to an auditor.", "server"),
    "explain": ("Show how a figure came about, and compute it again.", "server"),
    "report": ("Show the footprint of an account.", "server"),
    "diff": ("Show what changed between two periods, accounts or regions.", "server"),
    "values": ("List the values of a dimension, the largest emitter first.", "server"),
    "availability": ("Show from when to when there are figures, and how fresh they are.", "server"),
    "export": ("Export figures in the tables of AWS, Google, FOCUS, or all of ours.", "server"),
    "statement": ("Write an account's statement of a closed period, with its proof.", "server"),
    "verify": ("Verify a statement against a published root, offline.", "verify"),
    "inventory": ("Book, restate, approve and add up the provider's yearly inventory.", "server"),
    "goal": ("The provider's goals: apply and change them, show where it stands.", "server"),
    "credits": ("Record, retire and use certificates, removals and credits; what neutrality rests on.", "server"),
    "facility": ("Check a facility book before it is put in force.", "server"),
    "config": ("Show and change the profiles that servers are asked by.", "server"),
    "whoami": ("Show who you are to a server, and what you may do.", "server"),
    "call": ("Call a method of the API with a request in JSON.", "server"),
    "completion": ("Print the completion script of a shell.", "server"),
    "help": ("Show the help of a verb or a topic: exit-codes, periods, formats, environment.", "server"),
    "doctor": ("Examine an installation and a data directory, with a remedy for each fault.", "server"),
}


class Verbs(click.Group):
    """Finds verbs by module name and turns our errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        try:
            command: click.Command = import_module(f"greencloud.cli.{cmd_name}").command
        except ModuleNotFoundError as error:
            fail(_missing(error, cmd_name))
        return _without_empty_defaults(command)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Verbs: {', '.join(VERBS)}."
            ctx.fail(f"No such verb {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Verbs with their line of help, without loading one of them."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(verb, help=text) for verb, (text, _) in VERBS.items() if verb.startswith(incomplete)]
        return found or click.Command.shell_complete(self, ctx, incomplete)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_text("0 done, 1 error, 2 usage, 3 threshold, 4 auth, 5 not found, 6 unavailable, 130 interrupted.")
        formatter.write_paragraph()
        formatter.write_text("greencloud help exit-codes, periods, formats and environment tell more.")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (text, _) in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GreencloudError as error:
            fail(error)
        except ModuleNotFoundError as error:  # verbs import heavy libraries when they need them
            fail(_missing(error, ctx.invoked_subcommand or ""))
        except OSError as error:
            if error.errno == errno.EPIPE or error.strerror is None:
                raise
            kind = StorageFullError if error.errno in {errno.ENOSPC, errno.EDQUOT} else StoreError
            where = f"{error.filename}: " if error.filename else ""
            fail(kind(f"{where}{error.strerror}", advice="check the path, its permissions and the room on its disk"))
        except KeyboardInterrupt:
            click.echo("greencloud: interrupted; what was posted or acknowledged is whole", err=True)
            sys.exit(130)


def _without_empty_defaults(command: click.Command) -> click.Command:
    """Help shows each default, but ``[default: ""]`` tells nobody anything."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.default == "":
            parameter.show_default = False
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        _without_empty_defaults(part)
    return command


def _missing(error: ModuleNotFoundError, verb: str) -> MissingExtraError:
    """The extra that brings what a verb lacks; raises the error again when the fault is ours."""
    if verb not in VERBS or error.name is None or error.name.partition(".")[0] == "greencloud":
        raise error
    return MissingExtraError(f"greencloud {verb}", extra=VERBS[verb][1])


def fail(error: GreencloudError) -> Any:
    """Print what was wrong and what to do, and end with the error's exit code."""
    click.echo(f"greencloud: error: {error.message}", err=True)
    if error.advice:
        click.echo(f"  {error.advice}", err=True)
    if isinstance(error, UnauthenticatedError):
        click.echo("  give it by --token-file, GREENCLOUD_TOKEN_FILE or greencloud config set token_file FILE", err=True)
    if request_id := getattr(error, "request_id", ""):
        click.echo(f"  request id: {request_id}", err=True)
    sys.exit(error.exit_code)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, "-V", "--version", message="greencloud %(version)s")
def main() -> None:
    """Apportion a data centre's energy and emissions to tenant workloads, conserved to the microgram."""
