"""What people see, on which stream, and how often."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tiered.cli.main import main
from tiered.cli.output import Terminal, show_json, show_lines
from tiered.errors import Frozen, Locked, TieredError
from tiered.monitor import Progress
from tiered.testing.clocks import JumpingClock
from tiered.units import format_bytes, format_count, format_duration


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(
    stream: io.StringIO, verbosity: int = 3, *, progress: bool = False
) -> tuple[Terminal, JumpingClock]:
    clock = JumpingClock()
    return Terminal(stream, clock, verbosity, progress=progress), clock


@pytest.mark.parametrize(
    ("verbosity", "expected"),
    [
        (0, []),
        (1, []),
        (2, ["tiered: warning: W", "tiered: hint: H"]),
        (3, ["tiered: warning: W", "tiered: hint: H", "tiered: N"]),
        (9, ["tiered: warning: W", "tiered: hint: H", "tiered: N", "tiered: debug: D"]),
    ],
)
def test_verbosity(verbosity: int, expected: list[str]) -> None:
    stream = io.StringIO()
    shown, _ = terminal(stream, verbosity)
    shown.warn("W", "H")
    shown.note("N")
    shown.debug("D")
    assert stream.getvalue().splitlines() == expected
    assert shown.warnings == 1


@pytest.mark.parametrize("verbosity", [0, 3])
def test_an_error_is_always_shown(verbosity: int) -> None:
    stream = io.StringIO()
    error = Frozen("the object is cold", hint="Thaw it.")
    error.add_note("gave up after 3 attempts")
    terminal(stream, verbosity)[0].error(error)
    assert stream.getvalue().splitlines() == [
        "tiered: error: the object is cold",
        "tiered:        gave up after 3 attempts",
        "tiered: hint: Thaw it.",
        "tiered: see docs/errors/object-frozen.md (exit status 24)",
    ]


def test_an_error_without_a_hint() -> None:
    stream = io.StringIO()
    terminal(stream)[0].error(Locked("locked"))
    assert "hint" not in stream.getvalue()


def test_progress_on_a_terminal_is_one_line_that_goes_away() -> None:
    stream = Screen()
    shown, clock = terminal(stream)
    shown.progress(Progress("pack", 1 << 20, None, "bytes"))
    clock.sleep_s(1)
    shown.progress(Progress("pack", 3 << 20, 8 << 20, "bytes"))
    shown.note("done")
    erase = "\r\x1b[K"
    assert stream.getvalue() == (
        f"{erase}tiered: pack: 1.0 MiB{erase}tiered: pack: 3.0 MiB of 8.0 MiB"
        f"{erase}tiered: done\n"
    )


def test_progress_is_taken_away_before_a_result() -> None:
    stream = Screen()
    shown, _ = terminal(stream)
    shown.progress(Progress("pack", 1, 2, "files"))
    for _ in range(2):
        shown.clear()
        assert stream.getvalue().endswith("pack: 1 of 2 files\r\x1b[K")


def test_progress_is_not_shown_at_each_call() -> None:
    stream = Screen()
    shown, clock = terminal(stream)
    for done in range(100):
        shown.progress(Progress("pack", done, None, "files"))
        clock.sleep_s(0.01)
    assert 4 <= stream.getvalue().count("pack") <= 6


def test_progress_in_a_log_is_shown_now_and_then_if_asked_for() -> None:
    for asked in (False, True):
        stream = io.StringIO()
        shown, clock = terminal(stream, progress=asked)
        for done in range(100):
            shown.progress(Progress("thaw", done, 7200, "s"))
            clock.sleep_s(0.2)
        lines = stream.getvalue().splitlines()
        assert (1 < len(lines) < 20) if asked else lines == []
        assert all(re.fullmatch(r"tiered: thaw: [0-9ms ]+ of 2h", x) for x in lines)


def test_no_progress_when_quiet() -> None:
    stream = Screen()
    terminal(stream, 2, progress=True)[0].progress(Progress("pack", 1, None, "bytes"))
    assert stream.getvalue() == ""


def test_stages_do_not_hide_each_other() -> None:
    stream = Screen()
    shown, _ = terminal(stream)
    for stage in ("pack", "restore"):
        shown.progress(Progress(stage, 1, 2, "files"))
    assert "tiered: pack: 1 of 2 files" in stream.getvalue()
    assert "tiered: restore: 1 of 2 files" in stream.getvalue()


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"path": os.fsdecode(b"no\xffutf8"), "é": 1})
    out = capsys.readouterr().out
    assert json.loads(out) == {"path": "no\udcffutf8", "é": 1}
    assert out.isascii()


def test_lines_that_cannot_be_encoded_are_shown_somehow() -> None:
    """A target named by the user may be any bytes."""
    code = (
        "from tiered.cli.output import show_lines;"
        "show_lines(['restored to no\\udcffutf8', 'é'])"
    )
    for encoding in ("utf-8", "ascii"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONIOENCODING": encoding, "PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )
        assert done.stdout.startswith(b"restored to no\\udcffutf8\n")


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show_lines(["a", "b"])
    show_lines([])
    assert capsys.readouterr() == ("a\nb\n", "")


class TestMain:
    """The whole program, in this process."""

    def test_help_and_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--help"]) == main(["--version"]) == main(["full", "-h"]) == 0
        out, err = capsys.readouterr()
        assert "collection-status" in out
        assert err == ""

    def test_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("tiered: error: nothing to do\n")

    def test_results_on_stdout_and_talk_on_stderr(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "source").mkdir()
        (tmp_path / "store").mkdir()
        options = ["--no-encryption", f"--archive-dir={tmp_path}/cache", "--json"]
        url = f"file://{tmp_path}/store"
        assert main(["full", f"{tmp_path}/source", url, *options]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["volumes"] == 1
        assert main(["restore", url, f"{tmp_path}/out", *options]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["paths"] == 1
        assert "restoring the state of" in err

    def test_a_bug_is_one_message_and_no_traceback(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def broken(_: object) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setitem(
            __import__("tiered.cli.commands", fromlist=["COMMANDS"]).COMMANDS,
            "cleanup",
            broken,
        )
        assert main(["cleanup", "file:///x"]) == TieredError.exit_status
        err = capsys.readouterr().err
        assert "a bug in tiered: ZeroDivisionError" in err
        assert "Traceback" not in err
        assert main(["cleanup", "file:///x", "-v9"]) == TieredError.exit_status
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (200 << 20, "200.0 MiB")],
)
def test_bytes(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (12, "12s"),
        (14_280, "3h 58m"),
        (90_061, "1d 1h"),
        (-5, "0s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_counts() -> None:
    assert [format_count(n, "set") for n in (0, 1, 2)] == ["0 sets", "1 set", "2 sets"]
