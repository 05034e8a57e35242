"""What a restore could not bring back: told at once, and again at its end."""

from tiered.engine.native.pour import check_hope
from tiered.engine.restoration import RestoreReport
from tiered.errors import ArchiveDamaged
from tiered.monitor import Monitor
from tiered.units import format_count


class Losses:
    """The paths that a restore goes on without.

    Args:
        monitor: Is told of each.
        report: Counts them.
        root: Where everything is written.
        above: Path in the archive of what becomes `root`.
    """

    def __init__(
        self, monitor: Monitor, report: RestoreReport, root: bytes, above: bytes
    ) -> None:
        self._monitor, self._report = monitor, report
        self._root, self._above = root, above
        self._damaged: list[tuple[str, Exception]] = []
        self._files: set[bytes] = set()

    def __contains__(self, file: bytes) -> bool:
        return file in self._files

    def refuse(self, file: bytes, error: Exception) -> None:
        """A path cannot be restored: go on, unless no other can be, either.

        Raises:
            TargetError: None can.
        """
        check_hope(file, error)
        self._files.add(file)
        self._report.skipped += 1
        what = f"cannot restore {self._shown(file)}"
        if isinstance(error, OSError):
            self._monitor.warn(f"{what}: {error.strerror}")
            return
        self._damaged.append((self._shown(file), error))
        self._monitor.warn(f"{what}: {error}")

    def refuse_looks(self, folder: bytes, error: OSError) -> None:
        """A directory is there, and not all of its attributes are."""
        self._report.skipped += 1
        self._monitor.warn(
            f"cannot set the attributes of {self._shown(folder)}: {error.strerror}"
        )

    def tell_of_damage(self) -> None:
        """At the end.

        Raises:
            ArchiveDamaged: Some paths are missing because of what is stored.
        """
        if not self._damaged:
            return
        shown, error = self._damaged[0]
        count = format_count(len(self._damaged), "path")
        raise ArchiveDamaged(
            f"{count} could not be restored, such as {shown}: {error}",
            hint="All others were.  The warnings above name each; look for another "
            "copy of the volume.",
        ) from error

    def _shown(self, file: bytes) -> str:
        path = self._above + file[len(self._root) :]
        return path.lstrip(b"/").decode("utf-8", "backslashreplace") or "."
