"""Results as text and as JSON documents.  Pure."""

from typing import TYPE_CHECKING

from tiered.archive.style import Style
from tiered.archive.times import format_name_time
from tiered.units import format_bytes, format_count, format_duration

if TYPE_CHECKING:  # what an action does not run, it need not load
    from tiered.engine.backup import BackupReport
    from tiered.engine.restore import AnyPlan
    from tiered.engine.status import SetStatus, Status

Report = tuple[list[str], dict[str, object]]
"""Lines for people, and the same for programs."""


def backup_report(report: "BackupReport", *, dry_run: bool) -> Report:
    tally = report.tally
    verb = "would write" if dry_run else "wrote"
    lines = [
        f"{verb} {report.set_id}",
        f"  {tally.new} new, {tally.changed} changed, {tally.deleted} deleted paths",
        f"  {format_bytes(tally.source_bytes)} read, "
        f"{format_bytes(report.stored_bytes)} stored in "
        f"{format_count(report.volumes, 'volume')}",
    ]
    document: dict[str, object] = {
        "set": str(report.set_id),
        "dry_run": dry_run,
        "new": tally.new,
        "changed": tally.changed,
        "deleted": tally.deleted,
        "skipped": tally.skipped,
        "source_bytes": tally.source_bytes,
        "stored_bytes": report.stored_bytes,
        "volumes": report.volumes,
    }
    return lines, document


def restore_plan(plan: "AnyPlan") -> Report:
    """What a restore reads, and what has to be thawed for it."""
    count = format_count(len(plan.names), "volume")
    newest = format_name_time(plan.chain.end_s)
    lines = [
        f"restoring the state of {newest}: {count}, {format_bytes(plan.size_bytes)}"
    ]
    document: dict[str, object] = {
        "set": str(plan.chain.sets[-1].id),
        "volumes": list(plan.names),
        "size_bytes": plan.size_bytes,
    }
    if thaw := plan.thaw:
        wait = (
            f", ready in about {format_duration(thaw.wait_s)}"
            if thaw.wait_s is not None
            else ""
        )
        lines.append(
            f"thaw plan: {format_count(len(thaw.ask), 'volume')} to thaw, "
            f"{len(thaw.thawing)} "
            f"thawing{wait}, {len(thaw.warm)} readable now"
        )
        document["thaw"] = {
            "ask": list(thaw.ask),
            "thawing": list(thaw.thawing),
            "warm": list(thaw.warm),
            "wait_s": thaw.wait_s,
        }
    return lines, document


def status_report(status: "Status") -> Report:
    lines = []
    for number, chain in enumerate(status.chains, 1):
        total = sum(s.size_bytes for s in chain)
        lines.append(
            f"chain {number}: {format_count(len(chain), 'set')}, {format_bytes(total)}"
        )
        lines += [f"  {_set_line(s)}" for s in chain]
    if not status.chains:
        lines.append("no backup yet")
    for title, sets in (
        ("without their parent", status.orphans),
        ("incomplete", status.incomplete),
    ):
        if sets:
            lines.append(f"{title} ({len(sets)}), see `tiered cleanup`:")
            lines += [f"  {_set_line(s)}" for s in sets]
    lines += _key_lines(status)
    document: dict[str, object] = {
        "chains": [[_set_document(s) for s in c] for c in status.chains],
        "orphans": [_set_document(s) for s in status.orphans],
        "incomplete": [_set_document(s) for s in status.incomplete],
        "keys": [
            {"way": k.way, "generation": k.generation, "copy": k.is_copy}
            for k in status.keys
        ],
    }
    return lines, document


def _set_line(each: "SetStatus") -> str:
    parts = [
        f"{each.id}",
        format_count(each.volumes, "volume"),
        format_bytes(each.size_bytes),
        "encrypted" if each.encrypted else "not encrypted",
    ]
    if each.missing:
        parts.append(f"MISSING volume {', '.join(map(str, each.missing))}")
    if not each.has_signatures:
        parts.append("no signatures")
    if each.id.style is Style.TIERED and not each.has_index:
        parts.append("no index")
    return ", ".join(parts)


def _key_lines(status: "Status") -> list[str]:
    """Each way in, and whether its key lies in both places."""
    places: dict[tuple[str, int], set[bool]] = {}
    for key in status.keys:
        places.setdefault((key.way, key.generation), set()).add(key.is_copy)
    lack = {frozenset({False}): ", no copy", frozenset({True}): ", only the copy"}
    lines = [
        f"key {way}, generation {generation}{lack.get(frozenset(found), '')}"
        for (way, generation), found in sorted(places.items())
    ]
    if status.keyless:
        lines.append("no key is listed: only a recovery sheet opens the archive")
    return lines


def _set_document(each: "SetStatus") -> dict[str, object]:
    return {
        "style": each.id.style.value,
        "type": "full" if each.id.is_full else "inc",
        "start": None if each.id.start_s is None else format_name_time(each.id.start_s),
        "end": format_name_time(each.id.end_s),
        "volumes": each.volumes,
        "size_bytes": each.size_bytes,
        "encrypted": each.encrypted,
        "missing_volumes": list(each.missing),
        "has_signatures": each.has_signatures,
        "has_index": each.has_index,
    }
