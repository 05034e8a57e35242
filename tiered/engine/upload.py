"""Uploads beside the packing: the only thread of a backup.

One volume is uploaded while the next is packed, so at most two are on disk.
Results keep the order of the volumes.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from tiered.archive.manifest import VolumeInfo
from tiered.engine.pack import Volume
from tiered.monitor import Monitor
from tiered.store import PutMode, Source, Store
from tiered.units import format_bytes


class Uploader:
    """Puts volumes; `finish` waits for all of them."""

    def __init__(self, store: Store, monitor: Monitor) -> None:
        self._store, self._monitor = store, monitor
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._running: Future[None] | None = None
        self._rows: list[VolumeInfo] = []
        self.stored_bytes = 0

    def __enter__(self) -> "Uploader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, name: str, volume: Volume) -> None:
        """Wait for the volume before, then start this one.

        Raises:
            TieredError: The volume before could not be stored.
        """
        try:
            self._wait()
        except BaseException:
            volume.source.close()
            raise
        self._rows.append(
            VolumeInfo(
                number=volume.number,
                start=volume.start,
                end=volume.end,
                sha1=volume.source.sha1,
            )
        )
        self.stored_bytes += volume.source.size
        self._running = self._pool.submit(self._put, name, volume)

    def finish(self) -> tuple[VolumeInfo, ...]:
        """Rows for the manifest, once every volume is stored."""
        self._wait()
        return tuple(self._rows)

    def _wait(self) -> None:
        if self._running:
            self._running.result()

    def _put(self, name: str, volume: Volume) -> None:
        try:
            put_new(self._store, name, volume.source)
        finally:
            volume.source.close()
        size = format_bytes(volume.source.size)
        self._monitor.debug(f"stored volume {volume.number}, {size}")


def put_new(store: Store, name: str, source: Source) -> None:
    """Every object of a set is created; nothing is ever replaced."""
    store.put(name, source, PutMode.CREATE)
