"""One function for each action: call the use case, show the result.

What only one action needs is imported when it runs: none waits for the others.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

from tiered.archive.paths import split_path
from tiered.cli.config_command import CONFIG_COMMANDS
from tiered.cli.copies_commands import COPIES_COMMANDS
from tiered.cli.key_commands import KEY_COMMANDS
from tiered.cli.output import show_json, show_lines
from tiered.cli.rebuild_command import rebuild
from tiered.cli.report import backup_report, restore_plan, status_report
from tiered.cli.run import Run
from tiered.cli.store_command import STORE_COMMANDS
from tiered.engine.inventory import Purpose, take_inventory
from tiered.errors import ArchiveDamaged, SomeSkipped
from tiered.units import format_count

if TYPE_CHECKING:
    from tiered.archive.collection import Collection
    from tiered.engine.context import Context
    from tiered.engine.listing import ListedPath
    from tiered.engine.native.walk_ahead import WalkAhead
    from tiered.engine.prune import PrunePlan

_LINES = 4096
_NS = 1_000_000_000


def back_up(run: Run) -> None:
    """full, incremental, backup."""
    with ExitStack() as stack:
        many = run.assembly.threads() > 1
        _back_up(run, _start_walk(stack) if many else None)


def _start_walk(stack: ExitStack) -> "WalkAhead | None":
    """A process that walks; it starts while this one loads the rest."""
    from tiered.engine.native.walk_ahead import WalkAhead

    try:
        walk = WalkAhead()
    except OSError:
        return None
    stack.callback(walk.close)
    return walk


def _back_up(run: Run, walk: "WalkAhead | None") -> None:
    from tiered.engine.backup import Action, BackupRequest, run_backup

    options = run.line.options
    source, url = run.line.words
    assembly = run.assembly
    context = assembly.context(url)
    older = options.full_if_older_than
    request = BackupRequest(
        action=Action(run.line.action),
        source=source.encode("utf-8", "surrogateescape"),
        hostname=assembly.hostname(),
        owners=assembly.owner_names(),
        duplicity=assembly.duplicity_settings,
        native=lambda: assembly.native_settings(url),
        style=assembly.style(),
        new_style=assembly.new_style,
        full_if_older_than_s=run.time_s(older) if older else None,
        allow_source_mismatch=bool(options.allow_source_mismatch),
        accept_loss=bool(options.accept_loss),
        dry_run=bool(options.dry_run),
        walk=walk,
    )
    with context.cache.locked():
        report = run_backup(context, request)
    lines, document = backup_report(report, dry_run=request.dry_run)
    missed = assembly.missed()
    run.show(lines, {**document, "missed": dict(missed)})
    for label, count in missed.items():
        context.monitor.warn(
            f"{format_count(count, 'object')} are missing on {label}: this set has "
            "one copy less",
            "Run `tiered repair` when it is back.",
        )
    _complain(report.tally.skipped, "read; the set holds the rest")


def restore(run: Run) -> None:
    from tiered.engine.restore import RestoreRequest, plan_restore, run_restore

    options = run.line.options
    url, target = run.line.words
    context = run.assembly.context(url)
    path = split_path(options.path.encode("utf-8", "surrogateescape"))
    plan = plan_restore(
        context, path, run.time_s(options.time), accept_loss=bool(options.accept_loss)
    )
    lines, document = restore_plan(plan)
    if options.dry_run:
        run.show(lines, document)
        return
    for line in lines:
        context.monitor.note(line)
    request = RestoreRequest(
        target=run.assembly.real_path(target),
        path=path,
        place=run.assembly.place_settings(),
        force=bool(options.force),
    )
    report = run_restore(context, plan, request)
    paths = format_count(report.paths, "path")
    text = f"restored {paths} ({format_count(report.files, 'file')}) to {target}"
    done = {"paths": report.paths, "files": report.files, "skipped": report.skipped}
    run.show([text], {**document, **done})
    _complain(report.skipped, "restored")


def show_status(run: Run) -> None:
    from tiered.engine.status import read_status

    context = run.assembly.context(run.line.words[0])
    status = read_status(context)
    lines, document = status_report(status)
    if status.members:
        from tiered.cli.copies_report import members_report

        more, members = members_report(status.members, context.clock.time_s())
        lines, document = lines + more, document | members
    run.show(lines, document)
    if status.doubt and not run.line.options.accept_loss:
        raise status.doubt
    if any(s.missing for s in status.damaged):
        raise ArchiveDamaged(
            f"{format_count(len(status.damaged), 'set')} cannot be restored in full: "
            "volumes are missing",
            hint="Look whether a store is empty, unmounted or the wrong one; if not, "
            "begin a new chain with `tiered full`.",
        )
    if status.damaged:
        raise ArchiveDamaged(
            f"{format_count(len(status.damaged), 'set')} cannot be used: the index or "
            "the signatures are missing",
            hint="Look whether a store is empty, unmounted or the wrong one; if not, "
            "`tiered rebuild` makes them again from the volumes.",
        )


def show_files(run: Run) -> None:
    from tiered.engine.listing import list_files

    options = run.line.options
    context = run.assembly.context(run.line.words[0])
    files = list_files(
        context, run.time_s(options.time), accept_loss=bool(options.accept_loss)
    )
    if options.json:
        show_json([_file_document(info) for info in files])
        return
    while some := list(islice(files, _LINES)):
        show_lines([f"{time.ctime(f.mtime_ns // _NS)} {_shown(f)}" for f in some])


def clean_up(run: Run) -> None:
    from tiered.engine.prune import plan_cleanup

    context = run.assembly.context(run.line.words[0])
    own, now_s = context.cache.journal(), context.clock.time_s()
    _prune(run, context, lambda found: plan_cleanup(found, own, now_s))


def remove_older_than(run: Run) -> None:
    from tiered.engine.prune import plan_remove_older_than

    when, url = run.line.words
    time_s = run.time_s(when)
    context = run.assembly.context(url)
    _prune(run, context, lambda found: plan_remove_older_than(found, time_s))


COMMANDS: dict[str, Callable[[Run], None]] = {
    **CONFIG_COMMANDS,
    **COPIES_COMMANDS,
    **KEY_COMMANDS,
    **STORE_COMMANDS,
    "full": back_up,
    "incremental": back_up,
    "backup": back_up,
    "restore": restore,
    "collection-status": show_status,
    "list-current-files": show_files,
    "cleanup": clean_up,
    "remove-older-than": remove_older_than,
    "rebuild": rebuild,
}


def _prune(
    run: Run, context: "Context", decide: "Callable[[Collection], PrunePlan]"
) -> None:
    from tiered.engine.prune import run_prune

    options = run.line.options
    really = bool(options.force) and not options.dry_run
    with context.cache.locked():
        found = take_inventory(
            context, Purpose.DELETE, accept_loss=bool(options.accept_loss)
        )
        plan = decide(found)
        if really:
            run_prune(context, plan)
    verb = "deleted" if really else "would delete"
    lines = [
        f"{verb} {s.id}: {format_count(len(s.objects), 'object')}" for s in plan.sets
    ]
    lines += [
        f"kept {s.id}: it may be a backup that another machine is writing"
        for s in plan.kept
    ]
    if not plan.sets:
        lines.append("nothing to delete")
    elif not really:
        lines.append("say --force to really delete")
    document = {
        "deleted": really,
        "sets": [str(s.id) for s in plan.sets],
        "objects": list(plan.names),
        "kept": [str(s.id) for s in plan.kept],
    }
    run.show(lines, document)


def _shown(file: "ListedPath") -> str:
    return file.path.decode("utf-8", "backslashreplace") or "."


def _file_document(file: "ListedPath") -> dict[str, object]:
    document = {
        "path": file.path.decode("utf-8", "surrogateescape") or ".",
        "type": file.type.name.lower(),
        "mode": f"{file.mode:04o}",
        "uid": file.uid,
        "gid": file.gid,
        "mtime_s": file.mtime_ns // _NS,
    }
    if file.size_bytes is not None:
        document["size_bytes"] = file.size_bytes
    return document


def _complain(skipped: int, verb: str) -> None:
    if skipped:
        raise SomeSkipped(
            f"{format_count(skipped, 'path')} could not be {verb}",
            hint="The warnings above name them.",
        )
