"""What a check of a store saw: as a table for people, and for programs.  Pure."""

from dataclasses import dataclass, field
from typing import Final

from tiered.errors import StoreError, TieredError
from tiered.testing.contract import Check, Finding, Outcome
from tiered.testing.sandbox import Leftovers
from tiered.testing.speed import ROUNDS, SMALL_BYTES, Latency, Transfer
from tiered.units import format_bytes, format_count

COST: Final = (
    "what is put there is sealed.  The check puts up to 300 small objects and one of "
    "{size}, and deletes them at once.  Providers charge for each request, and some "
    "for 90 to 180 days of storage, however soon an object is deleted.  No thaw is "
    "asked for, and nothing that is sealed is read"
)
_VERBS: Final = ("put", "stat", "get", "list", "delete")
_SEALED: Final = "not tried: what is put here is sealed at once"


@dataclass(kw_only=True)
class StoreReport:
    """What is known of one store until now."""

    label: str
    seals: bool = False
    findings: list[tuple[Check, Finding]] = field(default_factory=list)
    latency: dict[str, Latency] = field(default_factory=dict)
    transfer: Transfer | None = None
    left: Leftovers = field(default_factory=Leftovers)
    stopped: TieredError | None = None
    """Why it could not be checked, or not to the end."""

    @property
    def broken(self) -> int:
        """How many checks failed."""
        return self._count(Outcome.BROKEN)

    @property
    def error(self) -> TieredError | StoreError | None:
        """Why it did not pass, if no rule is broken."""
        return self.stopped or self.left.error

    def _count(self, outcome: Outcome) -> int:
        return sum(finding.outcome is outcome for _, finding in self.findings)

    def summary(self) -> str:
        """How many checks ended in which way."""
        words = {
            Outcome.HOLDS: "ok",
            Outcome.BROKEN: "FAILED",
            Outcome.NOT_OFFERED: "not offered",
            Outcome.NOT_TRIED: "not tried",
        }
        counts = ((self._count(outcome), word) for outcome, word in words.items())
        said = ", ".join(f"{count} {word}" for count, word in counts if count)
        stop = f"stopped: {self.stopped}" if self.stopped else ""
        return "; ".join(part for part in (said, stop) if part)


def rule_line(check: Check, finding: Finding) -> str:
    """One row of the table."""
    outcome = finding.outcome.value
    said = f"{outcome}: {finding.remark}" if finding.remark else outcome
    return f"  {check.rule:8}{check.text:52}{said}"


def latency_lines(latency: dict[str, Latency]) -> list[str]:
    """Median and 95th percentile of each verb."""
    calls = f"{ROUNDS} calls each, {format_bytes(SMALL_BYTES)}"
    lines = [f"  latency of {calls:34}  median       p95"]
    for verb in _VERBS:
        if found := latency.get(verb):
            times = f"{_ms(found.median_s):>10}{_ms(found.p95_s):>10}"
            lines.append(f"    {verb:43}{times}")
        elif verb == "get":
            lines.append(f"    {verb:46}{_SEALED}")
    return lines


def transfer_line(transfer: Transfer) -> str:
    """How fast one larger object went."""
    rate = _rate(transfer.size_bytes, transfer.put_s)
    parts = [f"put {format_bytes(int(rate))}/s"]
    if transfer.get_s is None:
        parts.append(f"get {_SEALED}")
    else:
        rate = _rate(transfer.size_bytes, transfer.get_s)
        parts.append(f"get {format_bytes(int(rate))}/s")
    size = format_bytes(transfer.size_bytes)
    return f"  one object of {size}: {', '.join(parts)}"


def store_document(report: StoreReport) -> dict[str, object]:
    """The same for programs."""
    stopped = report.stopped
    transfer = report.transfer
    return {
        "store": report.label,
        "passed": not (report.broken or report.error),
        "sealed": report.seals,
        "rules": [
            {
                "check": check.__name__,
                "rule": check.rule,
                "text": check.text,
                "outcome": finding.outcome.value,
                "remark": finding.remark,
            }
            for check, finding in report.findings
        ],
        "latency": {
            verb: {"median_s": found.median_s, "p95_s": found.p95_s}
            for verb, found in report.latency.items()
        },
        "throughput": transfer
        and {
            "size_bytes": transfer.size_bytes,
            "put_bytes_per_s": _rate(transfer.size_bytes, transfer.put_s),
            "get_bytes_per_s": transfer.get_s
            and _rate(transfer.size_bytes, transfer.get_s),
        },
        "left": list(report.left.names),
        "error": stopped
        and {"code": stopped.code, "message": str(stopped), "hint": stopped.hint},
    }


def cost_of(labels: list[str], size_bytes: int) -> str:
    """What a check of cold stores may cost, in words."""
    return f"{', '.join(labels)}: {COST.format(size=format_bytes(size_bytes))}"


def left_hint(left: Leftovers, root: str) -> tuple[str, str]:
    """What is left, and what to do about it."""
    count = format_count(len(left.names), "object")
    shown = ", ".join(left.names[:3])
    what = f"{count} of this check, such as {shown}," if shown else "perhaps something"
    return (
        f"{what} cannot be deleted: {left.error}",
        f"Delete whatever lies below {root}/ with a tool of the store: it is of this "
        "check alone.",
    )


def _rate(size_bytes: int, seconds: float) -> float:
    return size_bytes / max(seconds, 1e-9)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
