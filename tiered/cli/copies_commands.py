"""scrub, repair, copy, add-store, drop-store: what is done about copies."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tiered.cli.copies_report import (
    comparison_report,
    plan_report,
    repair_report,
    sample_report,
)
from tiered.cli.run import Run
from tiered.errors import ConfigError, CopiesDiffer
from tiered.units import format_count

if TYPE_CHECKING:
    from tiered.engine.context import Context
    from tiered.engine.copies.job import Job, Prospect
    from tiered.engine.copies.look import Comparison
    from tiered.engine.copies.repair import RepairReport
    from tiered.store import Group

_REPAIR = "`tiered repair` makes them again; with --dry-run it says how."
_LEFT = (
    "They are on a store that is read_only, so `tiered repair` leaves them.  Leave "
    "read_only out of its options to have them made again."
)


def scrub(run: Run) -> None:
    """Compare all copies: by listings, and with --sample by reading some."""
    from tiered.engine.copies.look import compare_copies, group_of
    from tiered.engine.copies.scope import scope_of

    context = run.assembly.context(run.line.words[0])
    group = group_of(context)
    comparison = compare_copies(group, context.monitor)
    scope = scope_of(context, comparison)
    lines, document = comparison_report(comparison, scope)
    read_only = comparison.read_only
    wrong = {f.name for f in scope.findings}
    stays = {f.name for f in scope.findings if f.stays(read_only)}
    if share := run.line.options.sample:
        from tiered.engine.copies.proof import Decoding
        from tiered.engine.copies.sample import plan_sample, readable, run_sample
        from tiered.engine.copies.witness import read_witnesses

        listings = comparison.listings
        chosen = plan_sample(readable(group, listings), share, Random())
        report = run_sample(
            context,
            group,
            read_witnesses(context, listings, [c.entry.name for c in chosen]),
            chosen,
            run.assembly.threads(),
            Decoding(context, listings),
        )
        more, facts = sample_report(report)
        lines, document = lines + more, document | facts
        damaged = {d.name: d.label in read_only for d in report.damaged}
        stays |= {name for name, does in damaged.items() if does} - wrong
        wrong |= damaged.keys()
    run.show(lines, document)
    _refuse_silence(comparison)
    if wrong:
        what = "object has" if len(wrong) == 1 else "objects have"
        raise CopiesDiffer(
            f"{len(wrong):,} {what} copies that are missing or wrong",
            hint=_LEFT if wrong == stays else _REPAIR,
        )
    if comparison.debt_objects:
        raise CopiesDiffer(
            "runs have kept debts that are not paid",
            hint="`tiered status` shows them, `tiered repair` pays them.",
        )


def repair(run: Run) -> None:
    """Pay debts, and make every copy again that is missing or wrong."""
    from tiered.engine.copies.job import Job
    from tiered.engine.copies.look import group_of

    options = run.line.options
    context = run.assembly.context(run.line.words[0])
    group = group_of(context)
    _check_label(group, options.only_store, gets_copies=True)
    job = Job(
        group=group,
        only=options.only_store,
        thaw=bool(options.thaw),
        threads=run.assembly.threads(),
    )
    _carry_out(run, context, job)


def add_store(run: Run) -> None:
    """Bring a store that is new in the config up to date."""
    from tiered.engine.copies.job import Job
    from tiered.engine.copies.look import group_of

    label, url = run.line.words
    context = run.assembly.context(url)
    group = group_of(context)
    _check_label(group, label, gets_copies=True)
    job = Job(
        group=group,
        only=label,
        new=label,
        thaw=bool(run.line.options.thaw),
        threads=run.assembly.threads(),
    )
    _carry_out(run, context, job)


def drop_store(run: Run) -> None:
    """Make a store dispensable: what belongs elsewhere without it is copied there."""
    from tiered.engine.copies.job import Job
    from tiered.engine.copies.leaving import check_leaving
    from tiered.engine.copies.look import group_of

    label, url = run.line.words
    context = run.assembly.context(url)
    group = group_of(context)
    _check_label(group, label)
    check_leaving(group, label)
    job = Job(
        group=group,
        without=label,
        thaw=bool(run.line.options.thaw),
        threads=run.assembly.threads(),
    )
    _carry_out(run, context, job)
    if not run.line.options.dry_run:
        context.monitor.note(
            f"nothing is needed on {label} any more, and nothing was deleted there: "
            "take it out of the config"
        )


def copy(run: Run) -> None:
    """Copy an archive to another store, whatever the two are."""
    from tiered.engine.copies.job import Job
    from tiered.engine.copies.pair import Pair
    from tiered.engine.copies.same import check_same_archive

    source, target = (run.assembly.context(url) for url in run.line.words)
    pair = Pair(source.store, target.store)
    job = Job(
        group=pair,
        only=pair.target,
        new=pair.target,
        thaw=bool(run.line.options.thaw),
        settles=False,
        threads=run.assembly.threads(),
    )

    def check(prospect: "Prospect") -> None:
        check_same_archive(source, pair, prospect.comparison)

    nothing = f"{pair.target} has all of the archive"
    _carry_out(run, source, job, check, nothing)


def _carry_out(
    run: Run,
    context: "Context",
    job: "Job",
    check: "Callable[[Prospect], None]" = lambda _: None,
    nothing: str = "no copy was missing or wrong",
) -> None:
    """Say the plan, do it unless told otherwise, say what was done."""
    from tiered.engine.copies.job import look_at, run_job

    told: list[Prospect] = []

    def tell(prospect: "Prospect") -> None:
        if not told:
            check(prospect)
        for label, error in prospect.comparison.silent.items():
            if not told:
                context.monitor.warn(f"{label} is left out: {error}", error.hint)
        if not run.line.options.dry_run:
            for line in plan_report(prospect.plan, prospect.waits)[0]:
                context.monitor.note(line)
        told.append(prospect)

    if run.line.options.dry_run:
        prospect = look_at(context, job)
        tell(prospect)
        lines, document = plan_report(prospect.plan, prospect.waits)
        run.show(lines or [nothing], document)
    else:
        prospect, report = run_job(context, job, tell)
        _, document = plan_report(told[0].plan, told[0].waits)
        done, facts = repair_report(report, prospect.scope)
        left = "what else is wrong stays as it is" if prospect.plan.left else nothing
        run.show(done or [left], document | facts)
        _judge(prospect, report)
    _refuse_silence(prospect.comparison)


def _judge(prospect: "Prospect", report: "RepairReport") -> None:
    """Raise what is left to do."""
    _refuse_failed(report)
    plan = prospect.plan
    tried = {t.name for t in plan.transfers}
    bad = [*report.damaged, *(f.name for f in plan.lost if f.name not in tried)]
    if bad:
        raise CopiesDiffer(
            f"{format_count(len(bad), 'object')} cannot be repaired: every copy is "
            "damaged",
            hint="Put a good copy on one of the stores, if there is one elsewhere, and "
            "run it again; else begin a new chain with `tiered full`.  What does not "
            "need them can be restored.",
        )
    if report.undecided:
        count = format_count(len(report.undecided), "object")
        raise CopiesDiffer(
            f"{count} cannot be repaired: copies differ, and nothing tells which is "
            "right",
            hint="Give the passphrase or key of the archive, if manifests cannot be "
            "read without.  Else delete the copy that you know to be wrong, and run "
            "it again.",
        )
    if sealed := {t.name for t in plan.sealed} | report.frozen:
        raise CopiesDiffer(
            f"{format_count(len(sealed), 'object')} can be copied from sealed copies "
            "only",
            hint="Run it with --thaw; --dry-run says what that asks for.",
        )


def _refuse_failed(report: "RepairReport") -> None:
    """Raise the first of the errors of stores, with how many there were."""
    failed = [e for name, e in report.failed.items() if name not in report.frozen]
    for error in failed:
        if len(failed) > 1:
            count = format_count(len(failed), "object")
            error.add_note(f"{count} were not copied for this or a like reason")
        raise error


def _check_label(
    group: "Group", label: str | None, *, gets_copies: bool = False
) -> None:
    if label is not None and label not in group.members:
        raise ConfigError(
            f"the config has no store {label!r}",
            hint=f"It has {', '.join(group.members)}.",
        )
    if gets_copies and label in group.read_only:
        raise ConfigError(
            f"{label} is read_only, so it gets no copies",
            hint="Leave read_only out of its options to have them made.",
        )


def _refuse_silence(comparison: "Comparison") -> None:
    for error in comparison.silent.values():
        raise error


COPIES_COMMANDS: dict[str, Callable[[Run], None]] = {
    "scrub": scrub,
    "repair": repair,
    "copy": copy,
    "add-store": add_store,
    "drop-store": drop_store,
}
