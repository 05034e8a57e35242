"""Hand-made tar archives, to put into them what no writer would."""

import io
from collections.abc import Iterator
from dataclasses import replace

from tiered.archive import tar

Part = tuple[tar.Member, bytes]


def part(name: bytes, data: bytes = b"", **fields: object) -> Part:
    return replace(tar.Member(name=name), size=len(data), **fields), data  # type: ignore[arg-type] # fields of Member


def folder(name: bytes) -> Part:
    return part(name, type=tar.DIRECTORY)


def archive(*parts: Part) -> bytes:
    data = b"".join(
        tar.pack_header(m) + body + tar.padding(len(body)) for m, body in parts
    )
    return data + tar.trailer(len(data))


def stream(*volumes: bytes) -> Iterator[tuple[tar.Member, tar.Body]]:
    """The members of all volumes, one after the other, as the engine reads them."""
    for volume in volumes:
        yield from tar.read_members(io.BytesIO(volume))
