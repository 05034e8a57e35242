"""Writing a delta from commands that are known, and where its literals will lie.

`tiered.rsync.commands` has the layout.  A literal command holds at most 16 MiB, so
that what it says of the body is fixed without looking at the bytes: layout and
encoding cut alike.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tiered.errors import SourceError
from tiered.rsync.commands import (
    FIRST_COPY,
    FIRST_LONG_LITERAL,
    MAGIC,
    WIDTHS,
    Command,
    Copy,
    Literal,
)

_LITERAL_BYTES: Final = 16 << 20
_READ_BYTES: Final = 1 << 20
_END: Final = b"\x00"


def encode_delta(
    commands: Iterable[Command], read: Callable[[int, int], bytes]
) -> Iterator[bytes]:
    """The delta, as `rdiff patch` takes it, in parts of at most 1 MiB.

    Args:
        commands: In order; `Literal.offset` is an offset in the new file.
        read: `read(offset, length)` gives those bytes of the new file; it is
            asked for at most 1 MiB at once, in order.

    Raises:
        SourceError: `read` gave less: the file has become shorter.

        What `read` raises comes out unchanged.
    """
    yield MAGIC
    for command in _cut(commands):
        yield _head(command)
        if isinstance(command, Literal):
            yield from _body(command, read)
    yield _END


def delta_layout(commands: Iterable[Command]) -> tuple[int, tuple[Command, ...]]:
    """Size of the delta of these commands in bytes, and where its literals lie in it.

    Args:
        commands: In order; `Literal.offset` is an offset in the new file.

    Returns:
        The bytes that `encode_delta` will give, and its commands: those that were
        given, long literals cut, and `Literal.offset` an offset in the delta.
    """
    at = len(MAGIC)
    placed: list[Command] = []
    for command in _cut(commands):
        at += len(_head(command))
        if isinstance(command, Literal):
            placed.append(Literal(at, command.length))
            at += command.length
        else:
            placed.append(command)
    return at + len(_END), tuple(placed)


def _cut(commands: Iterable[Command]) -> Iterator[Command]:
    for command in commands:
        if isinstance(command, Copy) or command.length <= _LITERAL_BYTES:
            yield command
            continue
        end = command.offset + command.length
        for start in range(command.offset, end, _LITERAL_BYTES):
            yield Literal(start, min(_LITERAL_BYTES, end - start))


def _head(command: Command) -> bytes:
    """The command without a literal's body, as short as the layout allows."""
    if isinstance(command, Copy):
        first, second = _width(command.offset), _width(command.length)
        return (
            bytes([FIRST_COPY + 4 * first + second])
            + command.offset.to_bytes(WIDTHS[first])
            + command.length.to_bytes(WIDTHS[second])
        )
    if command.length < FIRST_LONG_LITERAL:
        return bytes([command.length])
    width = _width(command.length)
    return bytes([FIRST_LONG_LITERAL + width]) + command.length.to_bytes(WIDTHS[width])


def _width(value: int) -> int:
    """Which of WIDTHS holds `value`."""
    if value < 1 << 8:
        return 0
    if value < 1 << 16:
        return 1
    return 2 if value < 1 << 32 else 3


def _body(literal: Literal, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
    end = literal.offset + literal.length
    for start in range(literal.offset, end, _READ_BYTES):
        wanted = min(_READ_BYTES, end - start)
        part = read(start, wanted)
        if len(part) != wanted:
            raise SourceError(
                f"a file became shorter while it was read: {len(part)} of"
                f" {wanted} bytes were left at {start}",
                hint="It is being written to. Back up a snapshot of it instead.",
            )
        yield part
