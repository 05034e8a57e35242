"""scrub, repair, copy, add-store, drop-store: what is done about copies."""

from collections.abc import Callable, Mapping
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
    from tiered.engine.copies.look import Comparison
    from tiered.engine.copies.plan import Frosts, RepairPlan
    from tiered.engine.copies.repair import RepairReport
    from tiered.store import Group

_REPAIR = "`tiered repair` makes them again; with --dry-run it says how."


def scrub(run: Run) -> None:
    """Compare all copies: by listings, and with --sample by reading some."""
    from tiered.engine.copies.look import compare_copies, group_of

    context = run.assembly.context(run.line.words[0])
    group = group_of(context)
    comparison = compare_copies(group, context.monitor)
    lines, document = comparison_report(comparison)
    damaged = 0
    if share := run.line.options.sample:
        from tiered.engine.copies.sample import plan_sample, readable, run_sample
        from tiered.engine.copies.witness import read_witnesses

        chosen = plan_sample(readable(group, comparison.listings), share, Random())
        names = [copy.entry.name for copy in chosen]
        witnesses = read_witnesses(context, comparison.listings, names)
        report = run_sample(context, group, witnesses, chosen, run.assembly.threads())
        more, facts = sample_report(report)
        lines, document, damaged = lines + more, document | facts, len(report.damaged)
    run.show(lines, document)
    _refuse_silence(comparison)
    wrong = len(comparison.findings) + damaged
    if wrong:
        raise CopiesDiffer(
            f"{format_count(wrong, 'object')} with copies that are missing or wrong",
            hint=_REPAIR,
        )


def repair(run: Run) -> None:
    """Pay debts, and make every copy again that is missing or wrong."""
    _repair(run, run.line.words[0], only=run.line.options.only_store)


def add_store(run: Run) -> None:
    """Bring a store that is new in the config up to date."""
    label, url = run.line.words
    _repair(run, url, only=label, creates=True)


def drop_store(run: Run) -> None:
    """Make a store dispensable: what belongs elsewhere without it is copied there."""
    label, url = run.line.words
    _repair(run, url, without=label)
    if not run.line.options.dry_run:
        run.assembly.context(url).monitor.note(
            f"everything on {label} is elsewhere, too: it can leave the config; "
            "nothing was deleted there"
        )


def copy(run: Run) -> None:
    """Copy an archive to another store, whatever the two are."""
    from tiered.engine.copies.look import compare_copies
    from tiered.engine.copies.pair import TARGET, Pair
    from tiered.engine.copies.plan import plan_repair

    source, target = (run.assembly.context(url) for url in run.line.words)
    if target.store.extras.create and not run.line.options.dry_run:
        target.store.extras.create.create()
    pair = Pair(source.store, target.store)
    comparison = compare_copies(pair, source.monitor)
    _refuse_silence(comparison)
    taken = [f.name for f in comparison.findings if f.different]
    if taken:
        raise CopiesDiffer(
            f"{format_count(len(taken), 'object')} of the same name and with other "
            f"bytes are there already, such as {taken[0]}",
            hint="Nothing was copied.  Choose a store without another archive.",
        )
    frosts = _frosts(pair, comparison)
    plan = plan_repair(comparison.findings, (), frosts, frozenset({TARGET}))
    with source.cache.locked():
        _carry_out(run, source, pair, plan, comparison, frosts)


def _repair(
    run: Run,
    url: str,
    *,
    only: str | None = None,
    without: str | None = None,
    creates: bool = False,
) -> None:
    from tiered.engine.copies.look import compare_copies, group_of
    from tiered.engine.copies.plan import plan_repair

    context = run.assembly.context(url)
    group = group_of(context)
    _check_label(group, only or without)
    with context.cache.locked():
        if creates and only and not run.line.options.dry_run:
            _create(group, only)
        debts = group.debts()
        comparison = compare_copies(group, context.monitor, debts, without=without)
        answered = frozenset(comparison.listings)
        if only in comparison.silent:
            _refuse_silence(comparison)
        for label, error in comparison.silent.items():
            context.monitor.warn(f"{label} is left out: {error}", error.hint)
        frosts = _frosts(group, comparison)
        plan = plan_repair(comparison.findings, debts, frosts, answered, only=only)
        _carry_out(run, context, group, plan, comparison, frosts)
    _refuse_silence(comparison)


def _carry_out(
    run: Run,
    context: "Context",
    group: "Group",
    plan: "RepairPlan",
    comparison: "Comparison",
    frosts: "Frosts",
) -> None:
    """Say the plan, do it unless told otherwise, say what was done."""
    from tiered.engine.copies.repair import run_repair
    from tiered.engine.copies.witness import read_witnesses

    options = run.line.options
    lines, document = plan_report(plan, _waits(plan, frosts))
    if options.dry_run:
        run.show(lines or ["nothing to copy"], document)
        return
    for line in lines:
        context.monitor.note(line)
    transfers = plan.transfers
    if plan.sealed and options.thaw:
        _thaw(context, group, plan.thaws)
        transfers += plan.sealed
    witnesses = read_witnesses(
        context, comparison.listings, [t.name for t in transfers]
    )
    report = run_repair(
        context,
        group,
        plan,
        transfers,
        comparison,
        witnesses,
        run.assembly.threads(),
    )
    done, facts = repair_report(report)
    run.show(done or ["no copy was missing or wrong"], document | facts)
    _judge(plan, report, thawed=bool(options.thaw))


def _judge(plan: "RepairPlan", report: "RepairReport", *, thawed: bool) -> None:
    """Raise what is left to do."""
    for error in report.failed.values():
        raise error
    if plan.lost or report.undecided:
        count = format_count(len(plan.lost) + len(report.undecided), "object")
        raise CopiesDiffer(
            f"{count} could not be repaired: no copy is known to be right",
            hint="Give the key or passphrase of the archive, so that manifests can be "
            "read; `tiered status` shows which sets are whole.",
        )
    if plan.sealed and not thawed:
        count = format_count(len(plan.sealed), "object")
        raise CopiesDiffer(
            f"{count} can be copied from sealed copies only",
            hint="Run it with --thaw; --dry-run says what that asks for.",
        )


def _thaw(
    context: "Context", group: "Group", thaws: Mapping[str, tuple[str, ...]]
) -> None:
    """Return when all can be read; may be stopped and run again."""
    from tiered.cold.run import thaw_and_wait

    for label, names in thaws.items():
        if thaw := group.members[label].extras.thaw:
            thaw_and_wait(thaw, names, context.cache, context.clock, context.monitor)


def _frosts(group: "Group", comparison: "Comparison") -> "Frosts":
    from tiered.engine.copies.look import read_frosts

    return read_frosts(group, comparison.findings)


def _waits(plan: "RepairPlan", frosts: "Frosts") -> Mapping[str, float | None]:
    """How long each store says that its thaws take."""
    return {
        label: max(
            (w for n in names if (w := frosts[label][n].wait_s) is not None),
            default=None,
        )
        for label, names in plan.thaws.items()
    }


def _create(group: "Group", label: str) -> None:
    if create := group.members[label].extras.create:
        create.create()


def _check_label(group: "Group", label: str | None) -> None:
    if label is not None and label not in group.members:
        raise ConfigError(
            f"the config has no store {label!r}",
            hint=f"It has {', '.join(group.members)}.",
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
