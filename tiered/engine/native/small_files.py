"""Who writes small files: other processes, or one thread at a time.

A small file takes a handful of short system calls.  Threads that take turns in
them wait for the interpreter longer than for the disk; so a restore of many small
files has a few processes that do nothing else
[docs/decisions/0017-small-files-by-processes.md].  A process that is lost costs
nothing but time: what it was to write is written here, as is all that follows.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tiered.engine.native.files import FileJob, FileWriter
from tiered.engine.native.whole_files import Dresser
from tiered.engine.native.worker import Worker, WorkerLost
from tiered.engine.native.writer_process import WRONG_HASH
from tiered.errors import ArchiveDamaged

if TYPE_CHECKING:
    from tiered.engine.native.writer_process import Answer, Order

SMALL_BYTES = 64 << 10
"""A file up to this size takes more system calls than time in them."""
_MEMORY_BYTES = 4 << 20
"""What a process is given at once; a frame holds no more."""
_MODULE = "tiered.engine.native.writer_process"

Small = tuple[FileJob, int, int]
"""A file, and where its content begins and ends."""
Failed = tuple[FileJob, OSError | ArchiveDamaged]


class SmallFiles:
    """Writes small files; any number of threads may use it.

    Args:
        writer: Writes what no process does.
        dresser: Told what extended attributes were refused.
    """

    def __init__(self, writer: FileWriter, dresser: Dresser) -> None:
        self._writer, self._dresser = writer, dresser
        self._processes: list[Worker] = []
        self._idle: SimpleQueue[Worker | None] = SimpleQueue()
        """Who can be given work; None is the thread that asks."""
        self._idle.put(None)

    def start(self, processes: int) -> None:
        """Have processes do it, if the system lets us; before the first file."""
        with suppress(OSError):
            for _ in range(processes):
                self._processes.append(Worker(_MODULE, _MEMORY_BYTES))
        for process in self._processes:
            self._idle.put(process)
        if self._processes:
            self._idle.get()

    def close(self) -> None:
        while self._processes:
            self._processes.pop().close()

    def write(self, content: memoryview, files: Sequence[Small]) -> list[Failed]:
        """Write files.

        Args:
            content: Of all of them, and perhaps of others.
            files: By where they begin.

        Returns:
            Those that could not be written, and why; the others are done.
        """
        failed: list[Failed] = []
        for some in _parts(files):
            failed += self._write(content, some)
        return failed

    def _write(self, content: memoryview, files: Sequence[Small]) -> list[Failed]:
        process = self._idle.get()
        try:
            if process and (answer := _ask(process, content, files)):
                return self._understand(content, files, answer)
            process = None  # it is lost
            return self._write_here(content, files)
        finally:
            self._idle.put(process)

    def _write_here(self, content: memoryview, files: Sequence[Small]) -> list[Failed]:
        failed: list[Failed] = []
        for job, first, last in files:
            try:
                self._writer.write_whole(job, content[first:last])
            except (OSError, ArchiveDamaged) as e:
                failed.append((job, e))
        return failed

    def _understand(
        self, content: memoryview, files: Sequence[Small], answer: "Answer"
    ) -> list[Failed]:
        failures, refused = answer
        if refused and not self._dresser.refused:
            self._dresser.refused = OSError(*refused)
        failed: list[Failed] = []
        for row, number, text in failures:
            job = files[row][0]
            if number != WRONG_HASH:
                failed.append((job, OSError(number, text)))
            else:  # to say it as it is said here
                failed += self._write_here(content, [files[row]])
        bad = {id(job) for job, _ in failed}
        for job, _, _ in files:
            if not bad or id(job) not in bad:
                job.done = True
        return failed


def _ask(
    worker: Worker, content: memoryview, files: Sequence[Small]
) -> "Answer | None":
    """Have a process write files; None if it is lost."""
    start = files[0][1]
    end = max(last for _, _, last in files)
    worker.memory[: end - start] = content[start:end]
    order: Order = [
        (
            *(first - start, last - start, job.hash),
            *(job.file, job.owner, job.mode, job.mtime_ns, job.xattrs),
        )
        for job, first, last in files
    ]
    try:
        worker.send(order)
        answer: Answer = worker.receive()
    except WorkerLost:
        return None
    return answer


def _parts(files: Sequence[Small]) -> Iterator[Sequence[Small]]:
    """Files whose content fits into the memory of a process, as a frame does."""
    first = 0
    for row, (_, _, end) in enumerate(files):
        if end - files[first][1] > _MEMORY_BYTES:
            yield files[first:row]
            first = row
    yield files[first:]
