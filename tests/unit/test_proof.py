"""What a look at a copy proves, whatever the errors say of it."""

import io
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.engine import open_archive
from tiered.archive.kinds import NATIVE_SAMPLES, Kind
from tiered.codec.envelope import PlainEnvelope, Reader
from tiered.engine.copies.proof import Decoding, Verdict
from tiered.errors import (
    ArchiveDamaged,
    PassphraseError,
    TieredError,
    Unavailable,
)

MANIFEST = NATIVE_SAMPLES[Kind.MANIFEST]


class Failing(PlainEnvelope):
    """Raises when keys are asked for, or when an object is opened."""

    def __init__(
        self, of_key: TieredError | None = None, of_object: TieredError | None = None
    ) -> None:
        self._of_key, self._of_object = of_key, of_object

    def unlock(self) -> None:
        if self._of_key:
            raise self._of_key

    def open_stream(self, source: BinaryIO, name: str) -> Reader:
        self.unlock()
        if self._of_object:
            raise self._of_object
        return super().open_stream(source, name)


def verdict(folder: Path, envelope: PlainEnvelope, data: bytes = b"{}") -> Verdict:
    context = replace(open_archive(folder).context, envelope_for=lambda _: envelope)
    return Decoding(context, {})(MANIFEST, io.BytesIO(data))


@pytest.mark.parametrize("said", ["something is wrong", f"{MANIFEST!r} is cut off"])
def test_an_object_that_does_not_open_is_wrong(tmp_path: Path, said: str) -> None:
    found = verdict(tmp_path, Failing(of_object=ArchiveDamaged(said)))
    assert found is Verdict.WRONG


@pytest.mark.parametrize("said", ["something is wrong", f"no key for {MANIFEST!r}"])
@pytest.mark.parametrize("error", [ArchiveDamaged, PassphraseError, Unavailable])
def test_without_a_key_nothing_is_known(
    tmp_path: Path, error: type[TieredError], said: str
) -> None:
    assert verdict(tmp_path, Failing(of_key=error(said))) is Verdict.UNKNOWN


def test_another_key_opens_it_perhaps(tmp_path: Path) -> None:
    found = verdict(tmp_path, Failing(of_object=PassphraseError(f"{MANIFEST!r}")))
    assert found is Verdict.UNKNOWN


def test_what_does_not_parse_is_wrong(tmp_path: Path) -> None:
    assert verdict(tmp_path, PlainEnvelope()) is Verdict.WRONG
