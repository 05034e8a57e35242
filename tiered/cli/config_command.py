"""`tiered config check`: where each type of object would go, and what is doubtful."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tiered.cli.run import Run
from tiered.errors import ConfigDoubtful, UsageError
from tiered.units import format_count

if TYPE_CHECKING:
    from tiered.assemble.config_check import Probe
    from tiered.settings.multi import MultiConfig
    from tiered.settings.placement import Placement

_HEAD = ("objects", "route", "stores", "mode", "copies", "read order", "thaw")


def check_config(run: Run) -> None:
    """config check."""
    config = _config(run.line.words)
    check = run.assembly.config_check(config)
    report = check.report(run.assembly.prefixes())
    probes = check.probe() if run.line.options.probe else ()
    doubts = [*report.doubts, *(_failed(p) for p in probes if p.error)]
    rows = (*report.types, *report.others)
    lines = _table([_HEAD, *map(_cells, rows)])
    read_only = [m.label for m in config.members if m.read_only]
    if read_only:
        lines += [
            "",
            f"read-only, so read and never written to: {', '.join(read_only)}",
        ]
    if probes:
        lines += ["", *map(_probe_line, probes)]
    if doubts:
        lines += ["", *(f"doubt: {doubt}" for doubt in doubts)]
    document = {
        "config": str(config.path),
        "placements": [_document(row) for row in rows],
        "read_only": read_only,
        "probes": [_probe_document(probe) for probe in probes],
        "doubts": doubts,
    }
    run.show(lines, document)
    if doubts:
        raise ConfigDoubtful(
            f"{config.path}: {format_count(len(doubts), 'doubt')}",
            hint="Read what is said above; if it is meant so, it can be used.",
        )


CONFIG_COMMANDS: dict[str, Callable[[Run], None]] = {"config check": check_config}


def _config(words: Sequence[str]) -> "MultiConfig":
    """From a file and parameters, or from the URL that says the same."""
    from tiered.settings.multi import load_multi, read_multi
    from tiered.url import looks_like_url, parse_url

    file, *parameters = words
    hint = "Write: tiered config check FILE mode=mirror, or a multi:// URL."
    if looks_like_url(file):
        url = parse_url(file)
        if url.scheme != "multi" or parameters:
            raise UsageError("config check takes a file or a multi:// URL", hint=hint)
        return load_multi(url)
    query: list[tuple[str, str]] = []
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise UsageError("a parameter of a config has no value", hint=hint)
        query.append((key, value))
    return read_multi(Path(file).absolute(), query)


def _cells(row: "Placement") -> tuple[str, ...]:
    from tiered.settings.placement import mode_text

    route = row.route
    return (
        row.what,
        route.name or "-",
        " ".join(route.labels),
        mode_text(route),
        f"{route.need} of {route.copies}",
        " ".join(row.reading),
        _thaw_text(row),
    )


def _thaw_text(row: "Placement") -> str:
    if not row.thaws:
        return "no"
    return "yes" if len(row.thaws) == len(row.route.labels) else " ".join(row.thaws)


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _document(row: "Placement") -> dict[str, object]:
    route = row.route
    return {
        "objects": row.what,
        "types": [kind.value for kind in row.kinds],
        "route": route.name,
        "stores": list(route.labels),
        "mode": route.mode.value,
        "copies_needed": route.need,
        "copies_wanted": route.copies,
        "read_order": list(row.reading),
        "thaw": list(row.thaws),
    }


def _probe_line(probe: "Probe") -> str:
    said = "there" if probe.error is None else f"NOT usable ({probe.error.code})"
    return f"{probe.label}: {said}, {probe.elapsed_s:.2f} s"


def _failed(probe: "Probe") -> str:
    said = f"{probe.label} cannot be used: {probe.error}"
    return f"{said}. {probe.hint}" if probe.hint else said


def _probe_document(probe: "Probe") -> dict[str, object]:
    error = probe.error
    return {
        "store": probe.label,
        "elapsed_s": round(probe.elapsed_s, 3),
        "error": str(error) if error else None,
        "code": error.code if error else None,
        "hint": probe.hint,
    }
