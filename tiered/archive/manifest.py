"""The manifest of style duplicity: which volumes a set has, and what is in each.

Facts [docs/format/duplicity.md, "Manifest"; checked against duplicity 3.2.1]:
  * text, LF; a path with white space, a backslash or a quote stands in double
    quotes with these bytes as `\\xHH`; all other bytes are raw
  * the number behind a path is the piece of a file in several pieces; none if
    the file is in one piece, or the piece is its last
  * the same volume may be listed twice after a resume: the last entry counts,
    and volumes above the last listed number are dropped
  * duplicity 3.2.1 crashes without a `Hash SHA1` line
"""

import re
from dataclasses import dataclass

from tiered.archive.paths import PathKey, join_path, split_path
from tiered.errors import ArchiveDamaged

_SPECIAL = re.compile(rb"[ \t\n\r\v\f\\\"']")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
_VOLUME = re.compile(rb"^Volume ([0-9]+):[ \t]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Position:
    """A path, and which piece of it if the file is in several pieces."""

    path: PathKey
    piece: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeInfo:
    """One volume of a set."""

    number: int
    start: Position
    end: Position
    sha1: str | None = None
    """Of the stored bytes, hex; None in manifests that have none."""

    def may_hold(self, path: PathKey) -> bool:
        """Could the volume hold `path`, or something below it?"""
        return self.start.path[: len(path)] <= path <= self.end.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One set."""

    hostname: bytes
    localdir: bytes
    volumes: tuple[VolumeInfo, ...]

    def dump(self) -> bytes:
        lines = [
            b"Hostname " + self.hostname,
            b"Localdir " + _quote(self.localdir),
        ]
        for volume in self.volumes:
            lines += [
                b"Volume %d:" % volume.number,
                b"    StartingPath   " + _dump_position(volume.start),
                b"    EndingPath     " + _dump_position(volume.end),
                b"    Hash SHA1 " + (volume.sha1 or "").encode(),
            ]
        return b"\n".join(lines) + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest, also one of an old or resumed duplicity.

    Raises:
        ArchiveDamaged: It is not a manifest, or a volume lacks its paths.
    """
    head: dict[bytes, bytes] = {}
    volumes: dict[int, VolumeInfo] = {}
    last = 0
    block: dict[bytes, list[bytes]] = {}
    number = None
    for line in [*data.split(b"\n"), b"Volume 0:"]:
        if match := _VOLUME.match(line):
            if number is not None:
                volumes[number] = _volume_info(number, block)
                last = number
            number, block = int(match[1]), {}
            continue
        words = line.split()
        if not words:
            continue
        key = words[0].lower()
        if key in (b"hostname", b"localdir") and number is None:
            head[key] = line.split(None, 1)[1] if len(words) > 1 else b""
        elif number is not None and line[:1].isspace():
            block.setdefault(key, words[1:])
    if not volumes:  # a set has one at least
        raise ArchiveDamaged("a manifest does not parse: it names no volume")
    kept = sorted(n for n in volumes if n <= last)
    return Manifest(
        hostname=head.get(b"hostname", b""),
        localdir=_unquote(head.get(b"localdir", b"")),
        volumes=tuple(volumes[n] for n in kept),
    )


def _volume_info(number: int, block: dict[bytes, list[bytes]]) -> VolumeInfo:
    if not block.get(b"startingpath") or not block.get(b"endingpath"):
        raise ArchiveDamaged(f"a manifest has no paths for volume {number}")
    kind_and_hash = block.get(b"hash", [])
    is_sha1 = len(kind_and_hash) == 2 and kind_and_hash[0].upper() == b"SHA1"
    return VolumeInfo(
        number=number,
        start=_parse_position(block[b"startingpath"]),
        end=_parse_position(block[b"endingpath"]),
        sha1=kind_and_hash[1].decode("ascii", "replace").lower() if is_sha1 else None,
    )


def _dump_position(position: Position) -> bytes:
    path = _quote(join_path(position.path) or b".")
    return path + b" " + (b"%d" % position.piece if position.piece else b" ")


def _parse_position(words: list[bytes]) -> Position:
    piece = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
    return Position(split_path(_unquote(words[0])), piece)


def _quote(text: bytes) -> bytes:
    if not _SPECIAL.search(text):
        return text
    return b'"' + _SPECIAL.sub(lambda m: b"\\x%02x" % m[0][0], text) + b'"'


def _unquote(text: bytes) -> bytes:
    if text[:1] != b'"':
        return text
    inner = text[1:-1] if text[-1:] == b'"' else text[1:]
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), inner)
