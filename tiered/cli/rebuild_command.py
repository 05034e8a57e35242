"""`tiered rebuild`: what hot objects are lost, and making them again."""

from typing import TYPE_CHECKING

from tiered.cli.report import Report
from tiered.cli.run import Run
from tiered.errors import SomeSkipped
from tiered.units import format_bytes, format_count, format_duration

if TYPE_CHECKING:
    from tiered.archive.collection import Collection
    from tiered.engine.context import Context
    from tiered.engine.native.rebuild.plan import RebuildPlan
    from tiered.engine.native.rebuild.run import RebuildReport


def rebuild(run: Run) -> None:
    """rebuild."""
    from tiered.engine.native.rebuild.keys import has_no_way_in
    from tiered.engine.native.rebuild.plan import plan_rebuild
    from tiered.engine.native.rebuild.run import run_rebuild

    url = run.line.words[0]
    context = run.assembly.context(url)
    really = not run.line.options.dry_run

    def unlock(collection: "Collection") -> None:
        if really:
            _thaw_keys(context, collection)
        run.assembly.keyring(url).identity()

    with context.cache.locked():
        plan = plan_rebuild(context, unlock)
        keyless = has_no_way_in(run.assembly.keyring(url), plan.collection)
        lines, document = _plan_report(plan, keyless=keyless)
        failed = dict(plan.refused)
        if really and (plan.lost or plan.lost_keys or keyless):
            for line in lines:
                context.monitor.note(line)
            if plan.is_encrypted and not plan.keys:
                unlock(plan.collection)  # before a thaw is paid for
            report = run_rebuild(context, plan)
            failed |= report.failed
            keys = _make_keys(run, plan, report, keyless=keyless)
            made = format_count(len(report.made), "set")
            objects = format_count(len(report.created), "object")
            lines = [f"made {objects} of {made} again"] if plan.lost else []
            lines += [f"made the key object {name} again" for name in keys]
            document |= {
                "made": [str(set_id) for set_id in report.made],
                "created": [*report.created, *keys],
                "deleted": report.deleted,
                "failed": {str(s): why for s, why in report.failed.items()},
            }
    run.show(lines, document)
    if failed:
        set_id, reason = next(iter(failed.items()))
        raise SomeSkipped(
            f"{format_count(len(failed), 'set')} cannot be made again, such as the "
            f"{set_id}: {reason}",
            hint="All others are whole.  Look whether a store is empty, unmounted or "
            "the wrong one; `tiered status` shows what is there.",
        )


def _thaw_keys(context: "Context", collection: "Collection") -> None:
    from tiered.engine.native.rebuild.keys import sealed_keys
    from tiered.engine.native.rebuild.volume import Thawing

    Thawing(context).wait(sealed_keys(context, collection))


def _make_keys(
    run: Run, plan: "RebuildPlan", report: "RebuildReport", *, keyless: bool
) -> list[str]:
    """What was made; a warning if backups still cannot go on."""
    from tiered.engine.native.rebuild.keys import make_keys

    url = run.line.words[0]
    way = run.assembly.keys.unasked_way() if keyless else None
    keys = make_keys(
        run.assembly.keyring(url), plan.collection, {*plan.left, *report.made}, way
    )
    if keyless and not keys:
        run.assembly.context(url).monitor.warn(
            "no key object is left: without the key itself nothing is restored, and "
            "no backup is added",
            "`tiered key init URL --identity FILE` makes one, for the passphrase that "
            "it is given; so does rebuild, if PASSPHRASE is set.",
        )
    return keys


def _plan_report(plan: "RebuildPlan", *, keyless: bool) -> Report:
    """What is lost, and what must be read for it."""
    whole = format_count(len(plan.left), "set")
    lines = [f"to make again: {', '.join(e.lost)} of the {e.id}" for e in plan.lost]
    lines += [f"to make again: the key object {key.way}" for key in plan.lost_keys]
    lines += [f"cannot be made again: the {s}: {w}" for s, w in plan.refused.items()]
    if keyless:
        lines.append("no key object is left, and no copy of one")
    if not lines:
        lines.append(f"nothing is lost: {whole}")
    if plan.lost:
        count = format_count(len(plan.names), "volume")
        lines.append(f"reads {count}, {format_bytes(plan.size_bytes)}; left: {whole}")
    document: dict[str, object] = {
        "lost": [{"set": str(e.id), "objects": list(e.lost)} for e in plan.lost],
        "lost_keys": [key.way for key in plan.lost_keys],
        "keyless": keyless,
        "left": [str(set_id) for set_id in plan.left],
        "refused": {str(s): why for s, why in plan.refused.items()},
        "volumes": list(plan.names),
        "size_bytes": plan.size_bytes,
    }
    if plan.needed and (thaw := plan.thaw):
        wait = f", ready in about {format_duration(thaw.wait_s)}" if thaw.wait_s else ""
        lines.append(
            f"thaw plan: {format_count(len(thaw.ask), 'object')} to thaw, "
            f"{len(thaw.thawing)} thawing{wait}, {len(thaw.warm)} readable now"
        )
        document["thaw"] = {
            "ask": list(thaw.ask),
            "thawing": list(thaw.thawing),
            "warm": list(thaw.warm),
            "wait_s": thaw.wait_s,
        }
    return lines, document
