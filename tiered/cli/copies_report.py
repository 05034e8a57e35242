"""What is said of copies, as text and as JSON documents.  Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tiered.archive.times import format_name_time
from tiered.cli.report import Report
from tiered.units import format_bytes, format_count, format_duration

if TYPE_CHECKING:  # what an action does not run, it need not load
    from collections.abc import Sequence

    from tiered.engine.copies.compare import Finding
    from tiered.engine.copies.look import Comparison
    from tiered.engine.copies.plan import RepairPlan
    from tiered.engine.copies.repair import RepairReport
    from tiered.engine.copies.sample import SampleReport
    from tiered.engine.copies.scope import Scope
    from tiered.engine.status import MembersStatus

_SHOWN = 20
"""Objects that are named; JSON has all of them."""


def comparison_report(comparison: "Comparison", scope: "Scope") -> Report:
    """A table of the stores, and each object that is not as it should be."""
    rows = [("store", "objects", "size", "missing", "different")]
    document = {}
    for label, held in comparison.holdings.items():
        lacks = sum(label in f.missing for f in scope.findings)
        differs = sum(label in f.different for f in scope.findings)
        shown = f"{held.objects:,}", format_bytes(held.size_bytes)
        rows.append((label, *shown, f"{lacks:,}", f"{differs:,}"))
        document[label] = {
            "objects": held.objects,
            "size_bytes": held.size_bytes,
            "missing": lacks,
            "different": differs,
        }
    rows += [(label, "does not answer", "", "", "") for label in comparison.silent]
    lines = [*table(rows), *_named([_finding_line(f) for f in scope.findings])]
    lines += [
        f"{label} is read_only: it is compared and read, and gets no copy"
        for label in sorted(comparison.read_only)
    ]
    return lines + held_lines(scope), {
        "members": document,
        "read_only": sorted(comparison.read_only),
        "silent": {label: str(e) for label, e in comparison.silent.items()},
        "findings": [_finding_document(f) for f in scope.findings],
        "held": [str(s) for s in sorted(scope.sets)],
        "alone": [str(s) for s in sorted(scope.alone)],
        "debt_objects": [entry.name for entry in comparison.debt_objects],
    }


def held_lines(scope: "Scope") -> list[str]:
    """Sets that are not looked at."""
    return [
        f"left as it is: {each}, which is being written or deleted, or was interrupted"
        for each in sorted(scope.sets)
    ] + [
        f"left as it is: {each}, which lies on read_only stores alone; "
        "`tiered add-store` copies it"
        for each in sorted(scope.alone)
    ]


def table(rows: "Sequence[tuple[str, ...]]") -> list[str]:
    """Columns side by side, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def plan_report(plan: "RepairPlan", waits: Mapping[str, float | None]) -> Report:
    """What a repair would do.

    Args:
        waits: Label -> seconds that a thaw there takes, if the store says.
    """
    now = sum(t.copies for t in plan.transfers)
    later = sum(t.copies for t in plan.sealed)
    size = format_bytes(plan.size_bytes)
    lines = []
    if now or later:
        lines.append(f"plan: {format_count(now + later, 'copy', 'copies')}, {size}")
    lines += _target_lines(plan)
    for label, names in plan.thaws.items():
        wait_s = waits.get(label)
        wait = f", about {format_duration(wait_s)}" if wait_s is not None else ""
        count = format_count(len(names), "object")
        lines.append(f"  {count} must thaw on {label} first{wait}")
    for label, names in plan.left.items():
        count = format_count(len(names), "object differs", "objects differ")
        lines.append(f"  {count} on {label}, and stay so: it is read_only")
    if plan.paid:
        count = format_count(len(plan.paid), "debt")
        lines.append(f"{count} to forget: nobody owes the copies any more")
    lines += _named([f"every copy of {f.name} is damaged" for f in plan.lost])
    return lines, {
        "copies": now,
        "sealed_copies": later,
        "size_bytes": plan.size_bytes,
        "transfers": [
            {"name": t.name, "from": list(t.sources), "to": list(t.targets)}
            for t in (*plan.transfers, *plan.sealed)
        ],
        "thaws": {label: list(names) for label, names in plan.thaws.items()},
        "paid": len(plan.paid),
        "left": {label: list(names) for label, names in plan.left.items()},
        "lost": [f.name for f in plan.lost],
    }


def _target_lines(plan: "RepairPlan") -> list[str]:
    """What each store gets; of contested copies it may be less."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    contested = 0
    for transfer in (*plan.transfers, *plan.sealed):
        contested += transfer.contested
        for label in () if transfer.contested else transfer.targets:
            counts[label] += 1
            sizes[label] += transfer.size_bytes
    lines = [
        f"  {format_count(count, 'object')} for {label}, {format_bytes(sizes[label])}"
        for label, count in sorted(counts.items())
    ]
    if contested:
        count = format_count(contested, "object")
        lines.append(f"  of {count} all copies are read first, to tell which is right")
    return lines


def repair_report(report: "RepairReport", scope: "Scope") -> Report:
    lines = [
        f"made {format_count(count, 'copy', 'copies')} on {label}"
        for label, count in sorted(report.copies.items())
    ]
    if report.copies:
        lines.append(f"{format_bytes(report.size_bytes)} written")
    lines += _named([f"not copied: {n}: {e}" for n, e in report.failed.items()])
    lines += _named(
        [f"not decided: {name}: its copies differ" for name in report.undecided]
    )
    lines += _named([f"damaged: every copy of {name}" for name in report.damaged])
    lines += _named(
        [f"not copied: {name}: its set is not whole there" for name in report.held_back]
    )
    return lines + held_lines(scope), {
        "made": dict(report.copies),
        "written_bytes": report.size_bytes,
        "failed": {name: str(e) for name, e in report.failed.items()},
        "undecided": report.undecided,
        "damaged": report.damaged,
        "held_back": report.held_back,
        "held": [str(s) for s in sorted(scope.sets)],
        "alone": [str(s) for s in sorted(scope.alone)],
    }


def sample_report(report: "SampleReport") -> Report:
    count = format_count(report.copies, "copy", "copies")
    lines = [f"read {count}, {format_bytes(report.size_bytes)}"]
    lines += _named([f"damaged on {d.label}: {d.name}" for d in report.damaged])
    lines += _named([f"not read: {name}: {e}" for name, e in report.unread.items()])
    return lines, {
        "read_copies": report.copies,
        "read_bytes": report.size_bytes,
        "damaged": [{"name": d.name, "store": d.label} for d in report.damaged],
        "unread": {name: str(e) for name, e in report.unread.items()},
    }


def members_report(members: "MembersStatus", now_s: float) -> Report:
    """What each store has, and owes since when: a part of `status`."""
    rows = [("store", "objects", "size", "owes", "since")]
    document: dict[str, object] = {}
    for label, held in members.holdings.items():
        owed = [debt for debt in members.debts if debt.label == label]
        oldest_s = min((debt.since_s for debt in owed), default=None)
        age = "" if oldest_s is None else format_duration(max(0.0, now_s - oldest_s))
        size = format_bytes(held.size_bytes)
        count = f"{len(owed):,}" if owed else ""
        rows.append((label, f"{held.objects:,}", size, count, age))
        document[label] = {
            "objects": held.objects,
            "size_bytes": held.size_bytes,
            "debts": len(owed),
            "oldest_debt": None if oldest_s is None else format_name_time(oldest_s),
        }
    rows += [(label, "does not answer", "", "", "") for label in members.silent]
    known = {*members.holdings, *members.silent}
    strangers = sorted({d.label for d in members.debts} - known)
    lines = table(rows)
    if strangers:
        names = ", ".join(strangers)
        lines.append(
            f"debts of stores that the config has no more: {names}; `tiered repair` "
            "ends them where all others have the object"
        )
    return lines, {"members": document, "silent": list(members.silent)}


def _named(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], f"and {more:,} more"]


def _finding_line(finding: "Finding") -> str:
    parts = []
    if finding.missing:
        joint = ", " if finding.lacking == len(finding.missing) else " or "
        parts.append(f"missing on {joint.join(finding.missing)}")
    other = [label for label in finding.different if label not in finding.damaged]
    if finding.damaged:
        parts.append(f"damaged on {', '.join(finding.damaged)}")
    if other:
        parts.append(f"different on {', '.join(other)}")
    if finding.unclear:
        parts.append("which is right is not known")
    return f"{finding.name}: {'; '.join(parts)}"


def _finding_document(finding: "Finding") -> dict[str, object]:
    return {
        "name": finding.name,
        "size_bytes": finding.size_bytes,
        "good": list(finding.good),
        "missing": list(finding.missing),
        "different": list(finding.different),
        "damaged": list(finding.damaged),
        "unclear": finding.unclear,
    }
