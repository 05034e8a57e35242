"""What is asked of one store, wherever it was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiered.secret import Secret
from tiered.url import StoreUrl

if TYPE_CHECKING:
    from tiered.router.rules import Tier

Environment = Mapping[str, Secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of one store."""

    url: StoreUrl
    env: Environment
    tier: "Tier | None" = None
    options: Mapping[str, object]
    name: str | None = None
    """In a config."""
    at: str = ""
    """The config and the place in it, for messages."""
