"""Extents of a delta are the bytes that patching gives."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tiered.archive.extents import Extent, ExtentList, Slicer
from tiered.rsync import Signature, delta_of, patch_bytes, signature_of
from tiered.rsync.commands import Command, CommandReader, Copy


def edited(old: bytes, data: st.DataObject) -> bytes:
    """`old` with a piece replaced, inserted or cut out."""
    start = data.draw(st.integers(0, len(old)))
    end = data.draw(st.integers(start, min(len(old), start + 2000)))
    return old[:start] + data.draw(st.binary(max_size=2000)) + old[end:]


def commands_of(delta: bytes, cuts: list[int]) -> list[Command]:
    """As a stream would bring it, cut anywhere."""
    reader = CommandReader()
    edges = [0, *sorted(c for c in cuts if c < len(delta)), len(delta)]
    found: list[Command] = []
    for start, end in pairwise(edges):
        found += reader.feed(delta[start:end])
    reader.finish()
    return found


@given(st.binary(min_size=1, max_size=20_000), st.data())
def test_a_chain_of_deltas_is_one_list_of_extents(
    first: bytes, data: st.DataObject
) -> None:
    """Volume n holds the first version, or the n-th delta, at offset 512."""
    volumes = [bytes(512) + first]
    content = first
    extents: tuple[Extent, ...] = (Extent(0, 512, len(first)),)
    for number in range(1, data.draw(st.integers(2, 5))):
        new = edited(content, data)
        with Signature(signature_of(content, 512)) as signature:
            delta = delta_of(signature, new)
        assert patch_bytes(content, delta) == new
        volumes.append(bytes(512) + delta)
        old, built = Slicer(extents), ExtentList()
        cuts = data.draw(st.lists(st.integers(0, 30_000), max_size=5))
        for command in commands_of(delta, cuts):
            if isinstance(command, Copy):
                built.extend(old.cut(command.offset, command.length))
            else:
                built.add(Extent(number, 512 + command.offset, command.length))
        content, extents = new, built.done()
        read = b"".join(volumes[e.volume][e.offset : e.end] for e in extents)
        assert read == content
        assert built.length == len(content)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99), st.integers(0, 9))))
def test_neighbours_become_one(rows: list[tuple[int, int, int]]) -> None:
    built = ExtentList()
    built.extend(Extent(*row) for row in rows)
    found = built.done()
    assert built.length == sum(length for _, _, length in rows)
    for one, two in pairwise(found):
        assert (one.volume, one.end) != (two.volume, two.offset)
