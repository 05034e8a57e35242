"""An archive of each kind on three folders, to be broken."""

from pathlib import Path

import pytest

from tests.crash.machine import PASSPHRASE, Machine
from tests.mirrors import KINDS, TIERED, Kind, backed_up, mirror


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Machine]:
    """Not to be changed: fork it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSPHRASE", PASSPHRASE)
        return {
            kind: backed_up(mirror(tmp_path_factory.mktemp("made") / "machine", kind))
            for kind in KINDS
        }


@pytest.fixture
def plain(made: dict[Kind, Machine], tmp_path: Path) -> Machine:
    """Of the usual kind: style tiered, encrypted."""
    return made[TIERED].fork(tmp_path / "machine")


@pytest.fixture
def key_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in this process knows the passphrase."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
