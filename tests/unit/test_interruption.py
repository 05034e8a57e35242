"""What Ctrl-C tells to do fits what was being done."""

import pytest

from tiered.cli.commands import COMMANDS
from tiered.cli.interruption import interrupted
from tiered.cli.parser import parse_command_line

URL = "file:///archive"
LINES = {
    "backup": ["backup", "/source", URL],
    "full": ["full", "/source", URL],
    "restore": ["restore", URL, "/target"],
    "list": ["list", URL],
    "cleanup": ["cleanup", "--force", URL],
    "repair": ["repair", URL],
    "repair --thaw": ["repair", "--thaw", URL],
    "copy --thaw": ["copy", "--thaw", URL, URL],
    "rebuild": ["rebuild", URL],
}
MAY_THAW = {"restore", "repair --thaw", "copy --thaw", "rebuild"}


@pytest.mark.parametrize("what", LINES)
def test_thawing_is_spoken_of_where_something_may_thaw(what: str) -> None:
    line = parse_command_line(LINES[what])
    assert line.action in COMMANDS
    hint = interrupted(line).hint
    assert hint.startswith("Run the same command again")
    assert hint.endswith(".")
    assert ("thawing" in hint) == (what in MAY_THAW)
    assert ("cleanup" in hint) == (what in ("backup", "full"))


def test_before_the_command_line_was_read() -> None:
    assert interrupted(None).hint == "Run the same command again."
