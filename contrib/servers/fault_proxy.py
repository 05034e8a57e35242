"""A TCP proxy that breaks connections on purpose, for synchronous tests.

    with FaultProxy(port) as proxy:
        client = Client(f"http://127.0.0.1:{proxy.port}")
        proxy.faults = Faults(cut_after_bytes=1000)

The proxy runs on a thread of its own; no test needs to know asyncio.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

CHUNK_BYTES: Final = 65536
QUEUE_CHUNKS: Final = 256
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 seconds: closing sends RST instead of FIN."""

T = TypeVar("T")
Chunks = asyncio.Queue[tuple[float, bytes]]
"""What was received, and when it is due at the other end."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What to do to a connection; nothing by default.

    Offsets count from the start of a connection, headers included, in one
    direction: "down" is from the server to the client.
    """

    latency_s: float = 0.0
    """Delay of each byte, each way."""
    rate_bytes_per_s: float | None = None
    """Each way."""
    cut_after_bytes: int | None = None
    """Down; then the connection is reset."""
    cut_up_after_bytes: int | None = None
    """Up; then the connection is reset."""
    stall_after_bytes: int | None = None
    """Down; then silence."""
    corrupt_at_byte: int | None = None
    """Down; one bit of that byte is flipped."""
    refuse: bool = False
    """Reset at once."""
    blackhole: bool = False
    """Accepted, read, never answered."""
    first_connections: int | None = None
    """Only so many connections suffer, those after them do not."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What to do to one direction of a connection."""

    latency_s: float
    rate_bytes_per_s: float | None
    cut_after_bytes: int | None
    stall_after_bytes: int | None = None
    corrupt_at_byte: int | None = None


class Cut(Exception):
    """The fault that was asked for: time to reset the connection."""


class FaultProxy:
    """Between clients and 127.0.0.1:`target_port`, until it is closed."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._faults = Faults()
        self._seen = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: Final[int] = self._server.sockets[0].getsockname()[1]

    @property
    def faults(self) -> Faults:
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        """Resets what is open, so that no kept-alive connection escapes."""
        self._run(self._change(faults))

    @property
    def seen(self) -> int:
        """Connections since the faults were last set."""
        return self._seen

    def close(self) -> None:
        if not self._loop.is_closed():
            self._run(self._stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _change(self, faults: Faults) -> None:
        self._faults, self._seen = faults, 0
        await self._drop()

    async def _drop(self) -> None:
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop(self) -> None:
        self._server.close()
        await self._drop()
        await self._server.wait_closed()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._seen += 1
        first = self._faults.first_connections
        faults = self._faults if first is None or self._seen <= first else Faults()
        task = self._loop.create_task(self._serve(Stream(reader, writer), faults))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, client: "Stream", faults: Faults) -> None:
        try:
            if faults.blackhole:
                await _swallow(client.reader)
            elif not faults.refuse:
                await self._relay(client, faults)
        finally:
            client.reset()

    async def _relay(self, client: "Stream", faults: Faults) -> None:
        with contextlib.suppress(OSError):  # nobody listens: the client sees a reset
            server = Stream(
                *await asyncio.open_connection("127.0.0.1", self._target_port)
            )
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(client, server, _up(faults)))
                    group.create_task(_pump(server, client, _down(faults)))
                client.writer.close()
                server.writer.close()
            except* (Cut, OSError):
                pass
            finally:
                server.reset()


@dataclass(frozen=True)
class Stream:
    """One of the two connections that the proxy joins."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __post_init__(self) -> None:
        # drain() then returns when all is with the kernel: a reset that follows
        # does not take back what was sent before it.
        self.writer.transport.set_write_buffer_limits(high=0)

    def reset(self) -> None:
        """Does nothing to a stream that was closed in peace."""
        if not self.writer.is_closing():
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.writer.transport.abort()


def _up(faults: Faults) -> Course:
    return Course(
        latency_s=faults.latency_s,
        rate_bytes_per_s=faults.rate_bytes_per_s,
        cut_after_bytes=faults.cut_up_after_bytes,
    )


def _down(faults: Faults) -> Course:
    return Course(
        latency_s=faults.latency_s,
        rate_bytes_per_s=faults.rate_bytes_per_s,
        cut_after_bytes=faults.cut_after_bytes,
        stall_after_bytes=faults.stall_after_bytes,
        corrupt_at_byte=faults.corrupt_at_byte,
    )


async def _swallow(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(CHUNK_BYTES):
            pass


async def _pump(source: Stream, target: Stream, course: Course) -> None:
    """Carry one direction to its end, or raise Cut."""
    queue: Chunks = asyncio.Queue(QUEUE_CHUNKS)
    async with asyncio.TaskGroup() as group:
        group.create_task(_receive(source.reader, queue, course.latency_s))
        group.create_task(_send(target.writer, queue, course))


async def _receive(
    reader: asyncio.StreamReader, queue: Chunks, latency_s: float
) -> None:
    """Apart from sending, so that latency delays a stream without slowing it."""
    data = b"start"
    while data:
        data = await reader.read(CHUNK_BYTES)
        await queue.put((asyncio.get_running_loop().time() + latency_s, data))


async def _send(writer: asyncio.StreamWriter, queue: Chunks, course: Course) -> None:
    sent = 0
    while True:
        due_s, data = await queue.get()
        await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
        if not data:
            break
        if course.rate_bytes_per_s:
            await asyncio.sleep(len(data) / course.rate_bytes_per_s)
        data = _corrupt(data, sent, course.corrupt_at_byte)
        writer.write(_until(data, sent, course))
        await writer.drain()
        sent += len(data)
        await _end_at_limit(sent, course)
    if writer.can_write_eof():
        writer.write_eof()


def _corrupt(data: bytes, sent: int, at_byte: int | None) -> bytes:
    if at_byte is None or not sent <= at_byte < sent + len(data):
        return data
    here = at_byte - sent
    return data[:here] + bytes([data[here] ^ 1]) + data[here + 1 :]


def _until(data: bytes, sent: int, course: Course) -> bytes:
    limits = (course.cut_after_bytes, course.stall_after_bytes)
    limit = min((x for x in limits if x is not None), default=None)
    return data if limit is None else data[: max(0, limit - sent)]


async def _end_at_limit(sent: int, course: Course) -> None:
    stall, cut = course.stall_after_bytes, course.cut_after_bytes
    if stall is not None and sent > stall:
        await asyncio.Event().wait()  # until the connection is dropped
    if cut is not None and sent > cut:
        raise Cut
