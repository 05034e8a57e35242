"""Manifests of any paths survive a round trip."""

from hypothesis import given
from hypothesis import strategies as st

from tiered.archive.manifest import Manifest, Position, VolumeInfo, parse_manifest

names = st.binary(min_size=1, max_size=20).filter(
    lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..")
)
paths = st.lists(names, max_size=4).map(tuple)
positions = st.builds(Position, paths, st.none() | st.integers(1, 10**9))
hashes = st.none() | st.text("0123456789abcdef", min_size=40, max_size=40)
hosts = st.text("abc.-0", min_size=1, max_size=20).map(str.encode)
folders = st.binary(min_size=1, max_size=60).filter(lambda b: b"\0" not in b)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    volumes = tuple(
        VolumeInfo(
            number=number,
            start=draw(positions),
            end=draw(positions),
            sha1=draw(hashes),
        )
        for number in range(1, draw(st.integers(1, 5)) + 1)
    )
    return Manifest(hostname=draw(hosts), localdir=draw(folders), volumes=volumes)


@given(manifests())
def test_round_trip(manifest: Manifest) -> None:
    assert parse_manifest(manifest.dump()) == manifest


@given(manifests(), manifests())
def test_after_a_resume_the_later_entries_count(one: Manifest, two: Manifest) -> None:
    resumed = one.dump() + two.dump().partition(b"\n")[2].partition(b"\n")[2]
    assert parse_manifest(resumed).volumes == two.volumes


@given(manifests(), st.lists(paths, max_size=5))
def test_a_file_list_changes_nothing(manifest: Manifest, files: list[object]) -> None:
    lines = b"".join(b"    new      Volume\n    changed  hash\n" for _ in files)
    filelist = b"Filelist %d\n" % len(files) + lines
    assert parse_manifest(manifest.dump() + filelist) == manifest
