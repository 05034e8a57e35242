"""What every use case of the engine works with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tiered.archive.filename import Namer
from tiered.catalogue.cache import Cache
from tiered.clock import Clock
from tiered.codec.codec import Codec
from tiered.codec.envelope import Envelope
from tiered.monitor import Monitor
from tiered.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One archive and the world around it."""

    store: Store
    namer: Namer
    codec_for: Callable[[str], Codec]
    """Suffix of a name -> how its bytes are wrapped."""
    envelope_for: Callable[[str], Envelope]
    """The same for style tiered: how its objects are sealed."""
    cache: Cache
    scratch: Path
    """Folder for spool files; needs room for two volumes."""
    clock: Clock
    monitor: Monitor
    encrypted: bool | None = None
    """What the user says of sets of style tiered, by an option or by giving a key;
    None: nothing."""
