"""`tiered store check`: the store contract, run on the user's own store."""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from tiered.cli.output import show_lines
from tiered.cli.run import Run
from tiered.errors import RulesBroken, TieredError, UsageError
from tiered.units import format_count

if TYPE_CHECKING:
    from tiered.assemble.each import Each, Opened
    from tiered.cli.store_report import StoreReport
    from tiered.testing.trial import Trial

Tell = Callable[[list[str]], None]
_TOKEN_BYTES = 6


def check_store(run: Run) -> None:
    """store check."""
    from tiered.cli.store_report import store_document

    each = list(run.assembly.each(run.line.words[0]))
    try:
        _ask_consent(run, each)
        reports = [_checked(run, label, opened) for label, opened in each]
    finally:
        for _, opened in each:
            if not isinstance(opened, TieredError):
                opened.store.close()
    document = {
        "passed": not any(r.broken or r.error for r in reports),
        "checked": [store_document(report) for report in reports],
    }
    run.show([], document)
    _complain(reports)


STORE_COMMANDS: dict[str, Callable[[Run], None]] = {"store check": check_store}


def _ask_consent(run: Run, each: "list[Each]") -> None:
    """Nothing is written before the user has said that it may cost something."""
    from tiered.cli.store_report import cost_of

    cold = [label for label, o in each if not isinstance(o, TieredError) and o.seals]
    if not cold:
        return
    cost = cost_of(cold, run.line.options.size_bytes)
    if not run.line.options.yes:
        raise UsageError(cost, hint="Say --yes to check it all the same.")
    run.assembly.monitor.note(cost)


def _checked(run: Run, label: str, opened: "Opened | TieredError") -> "StoreReport":
    """Check one store.  What stops that is in the report: others come behind it."""
    from tiered.cli.store_report import StoreReport

    tell = _silent if run.line.options.json else show_lines
    report = StoreReport(label=label)
    tell([label])
    try:
        if isinstance(opened, TieredError):
            raise opened
        report.seals = opened.seals
        _try(run, opened, report, tell)
    except TieredError as e:
        report.stopped = e
    tell([f"  {report.summary()}"])
    return report


def _silent(lines: list[str]) -> None:
    """JSON is shown when all is known."""


def _try(run: Run, opened: "Opened", report: "StoreReport", tell: Tell) -> None:
    from tiered.cli.store_report import latency_lines, rule_line, transfer_line
    from tiered.testing.trial import Trial

    options = run.line.options
    trial = Trial(
        store=opened.store,
        bare=opened.bare,
        seals=opened.seals,
        clock=run.assembly.clock,
        token=secrets.token_hex(_TOKEN_BYTES),
        may_create=bool(options.create),
    )
    try:
        for check, finding in trial.run():
            report.findings.append((check, finding))
            tell([rule_line(check, finding)])
        report.latency = trial.latency()
        tell(latency_lines(report.latency))
        report.transfer = trial.transfer(options.size_bytes)
        tell([transfer_line(report.transfer)])
    finally:
        _clean_up(run, trial, report)
    _tell_of_others(run, trial, report.label)


def _clean_up(run: Run, trial: "Trial", report: "StoreReport") -> None:
    """Whatever has happened: take away what was put, and say what is left."""
    from tiered.cli.store_report import left_hint

    monitor = run.assembly.monitor
    try:
        report.left = trial.end()
    except KeyboardInterrupt:
        monitor.warn(
            f"{report.label}: what was put below {trial.root}/ may still be there",
            "Delete it with a tool of the store: it is of this check alone.",
        )
        raise
    if report.left.error:
        what, hint = left_hint(report.left, trial.root)
        monitor.warn(f"{report.label}: {what}", hint)


def _tell_of_others(run: Run, trial: "Trial", label: str) -> None:
    if trial.has_made:
        run.assembly.monitor.note(f"{label}: it was made for this check, and stays")
    if others := trial.strangers:
        run.assembly.monitor.warn(
            f"{label}: {format_count(len(others), 'object')} of other checks, such as "
            f"{others[0]}",
            "If no other check is running, delete them: one was ended by force.",
        )


def _complain(reports: "list[StoreReport]") -> None:
    """The exit status: that of the worst that was found."""
    if broken := [report for report in reports if report.broken]:
        count = format_count(sum(report.broken for report in broken), "check")
        raise RulesBroken(
            f"{count} failed: {', '.join(report.label for report in broken)}",
            hint="Do not rely on this store until you know why; "
            "docs/guides/check-a-store.md says what each rule is good for.",
        )
    for report in reports:
        if report.error:
            raise report.error
