"""What every action is given, and how it shows its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tiered.archive.times import parse_time
from tiered.assemble import Assembly
from tiered.cli.output import show_json, show_lines
from tiered.cli.parser import CommandLine
from tiered.errors import UsageError
from tiered.wrap.usage import usage_document


@dataclass(frozen=True, slots=True)
class Run:
    """A parsed command line and the parts to run it with."""

    line: CommandLine
    assembly: Assembly
    clear: Callable[[], None] = lambda: None
    """Called before a result is shown: progress may stand where it goes."""

    def time_s(self, text: str) -> int:
        """A time that the user typed."""
        try:
            return parse_time(text, self.assembly.clock.time_s())
        except ValueError as e:
            raise UsageError(
                str(e),
                hint="Write now, 3D, 2026-11-21, 2026-11-21T08:30:00 or "
                "20261121T073000Z.",
            ) from e

    def show(self, lines: list[str], document: Mapping[str, object]) -> None:
        """The result on stdout: as lines, or as JSON if that was asked for.

        The JSON has what each store did until then under `stores`.
        """
        self.clear()
        if self.line.options.json:
            usage = self.assembly.usage().items()
            stores = {name: usage_document(each) for name, each in usage}
            show_json({**document, "stores": stores})
        else:
            show_lines(lines)
