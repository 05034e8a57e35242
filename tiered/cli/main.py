"""Parse, run, print errors, exit: nobody else does.

Each step loads what it needs: nobody waits for what comes after an error, or a
version.
"""

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tiered.cli.output import DEBUG, Terminal, show_lines
from tiered.clock import SystemClock
from tiered.errors import TieredError, UsageError

if TYPE_CHECKING:
    from tiered.cli.parser import CommandLine


_NEW_OBJECTS = 50_000
"""Between two searches for garbage: nearly all that is loaded stays to the end."""


def run() -> None:
    """The console script."""
    gc.set_threshold(_NEW_OBJECTS)
    status = main(sys.argv[1:])
    gc.freeze()  # the system takes everything back at once: nothing to search
    sys.exit(status)


def main(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit status."""
    terminal = Terminal(sys.stderr, SystemClock(), 3, progress=False)
    verbosity = 3
    line: CommandLine | None = None
    try:
        if shown := _show_help(arguments):
            return shown - 1
        from tiered.cli.parser import parse_command_line

        line = parse_command_line(arguments)
        verbosity = line.options.verbosity
        terminal = Terminal(
            sys.stderr, SystemClock(), verbosity, progress=bool(line.options.progress)
        )
        _run(line, terminal)
    except TieredError as e:
        terminal.error(e)
        return e.exit_status
    except KeyboardInterrupt:
        from tiered.cli.interruption import interrupted

        stop = interrupted(line)
        terminal.error(stop)
        return stop.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0  # the reader of stdout has seen enough, as with `head`
    except Exception as e:  # noqa: BLE001 - the last line of defence: a bug, said so
        return _report_bug(terminal, e, verbosity)
    return 0


def _run(line: "CommandLine", terminal: Terminal) -> None:
    from tiered.assemble import Assembly, read_environment

    with Assembly(line.options, read_environment(), terminal) as assembly:
        if line.action == "restore":  # loading takes a while, which this needs anyway
            assembly.unlock_ahead(line.words[0])
        from tiered.cli.commands import COMMANDS
        from tiered.cli.run import Run

        COMMANDS[line.action](Run(line, assembly, terminal.clear))


def _show_help(arguments: Sequence[str]) -> int:
    """1 + exit status if help or version was asked for, else 0."""
    if any(a in ("-h", "--help") for a in arguments):
        from tiered.cli.parser import make_parser

        show_lines([make_parser().format_help().rstrip()])
        return 1
    if "--version" in arguments:
        from importlib.metadata import version  # 30 ms that no action needs

        show_lines([f"tiered {version('tiered')}"])
        return 1
    if not arguments:
        raise UsageError("nothing to do", hint="`tiered --help` lists the actions.")
    return 0


def _report_bug(terminal: Terminal, error: Exception, verbosity: int) -> int:
    bug = TieredError(
        f"a bug in tiered: {type(error).__name__}",
        hint="Run it again with -v9 and report what it prints.",
    )
    terminal.error(bug)
    if verbosity >= DEBUG:
        import traceback

        traceback.print_exception(error)
    return bug.exit_status
