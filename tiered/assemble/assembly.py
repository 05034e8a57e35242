"""Put the parts together: the only place that knows every class.

It is also the only one that reads the environment: variables, host name, users,
the terminal for a passphrase, the default folders.
"""

import os
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tiered.archive.filename import Namer, Prefixes
from tiered.archive.kinds import Kind
from tiered.archive.style import Style
from tiered.assemble.archive_id import cache_folder
from tiered.assemble.codecs import Codecs
from tiered.assemble.keys import KeyOptions, Passphrases, envelopes
from tiered.assemble.store_opener import StoreOpener
from tiered.assemble.wanted import Environment
from tiered.catalogue.cache import Cache
from tiered.clock import Clock, PinnedClock, RehearsalClock, SystemClock
from tiered.engine.context import Context
from tiered.errors import ConfigError
from tiered.monitor import Monitor
from tiered.secret import Secret
from tiered.store import Store
from tiered.url import StoreUrl, parse_url
from tiered.wrap.usage import Usage, usage_line

if TYPE_CHECKING:  # they take long to load, and most actions need few of them
    from tiered.assemble.config_check import ConfigCheck
    from tiered.assemble.each import Each
    from tiered.engine.duplicity_set import DuplicitySettings
    from tiered.engine.native.backup import NativeSettings
    from tiered.engine.native.keyring import Keyring
    from tiered.engine.place import PlaceSettings
    from tiered.engine.scan import OwnerNames
    from tiered.settings.multi import MultiConfig

_LEAST_WAITING_BYTES = 8 << 20


def read_environment() -> Environment:
    """All variables, so that none can print itself by accident."""
    return {name: Secret(value) for name, value in os.environ.items()}


def _config_of(url: StoreUrl) -> "MultiConfig | None":
    """What a multi URL names."""
    if url.scheme != "multi":
        return None
    from tiered.settings.multi import load_multi

    return load_multi(url)


class Assembly:
    """Objects for one command line; `with` closes what was opened."""

    def __init__(
        self, options: Namespace, environment: Environment, monitor: Monitor
    ) -> None:
        self._options, self._environment = options, environment
        self._monitor = self.monitor = monitor
        self.clock = self._make_clock()
        self._contexts: dict[str, Context] = {}
        self._opener = StoreOpener(options, environment, self.clock, monitor)
        self._keyrings: dict[str, Keyring] = {}
        self._passphrases = Passphrases(options, environment, monitor)
        self.keys = KeyOptions(options, self._passphrases, monitor)
        self._codecs = Codecs(options, environment, self._passphrases)

    def __enter__(self) -> "Assembly":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, usage in self.usage().items():
            self._monitor.info(usage_line(name, usage))
        for context in self._contexts.values():
            context.store.close()

    def context(self, url: str) -> Context:
        """Everything the engine needs for the archive at `url`; made once.

        Raises:
            ConfigError: The URL, or the config it names, is wrong.
        """
        if url not in self._contexts:
            store, folder = self._open(parse_url(url))
            options = self._options
            self._contexts[url] = Context(
                store=store,
                namer=Namer(self.prefixes()),
                codec_for=self._codecs.codec_for,
                envelope_for=envelopes(lambda: self.keyring(url)),
                cache=Cache(folder),
                scratch=Path(options.tempdir or tempfile.gettempdir()),
                clock=self.clock,
                monitor=self._monitor,
                encrypted=self.keys.is_encrypted(self._environment),
            )
        return self._contexts[url]

    def each(self, url: str) -> "Iterator[Each]":
        """Every store behind `url`, to be looked at alone; the caller closes them.

        Raises:
            ConfigError: The URL, or the config it names, is wrong.
        """
        parsed = parse_url(url)
        return self._opener.each(parsed, _config_of(parsed))

    def _open(self, url: StoreUrl) -> tuple[Store, Path]:
        """The store behind a URL, and the folder of its cache."""
        options, environment = self._options, self._environment
        if (config := _config_of(url)) is None:
            return self._opener.open(url), cache_folder(url, options, environment)
        prefix = self.prefixes().of(Kind.MANIFEST)
        folder = cache_folder(url, options, environment, config.folders(prefix))
        return self._opener.open_router(config, url.label, prefix), folder

    def keyring(self, url: str, *, told: bool = True) -> "Keyring":
        """The keys of the archive at `url`; made once.

        Args:
            url: Of the archive.
            told: As `KeyOptions.keyring`; counts the first time.

        Raises:
            ConfigError: As `context`, or an option about keys is wrong.
        """
        if url not in self._keyrings:
            keyring = self.keys.keyring(self.context(url), told=told)
            self._keyrings.setdefault(url, keyring)  # threads may ask at once
        return self._keyrings[url]

    def unlock_ahead(self, url: str) -> None:
        """Begin to unlock the archive's key, if it is known to have one: that takes
        half a second, which the first listing takes as well.
        """
        if self.context(url).cache.recipient():
            self.keyring(url).prefetch()

    def missed(self) -> Mapping[str, int]:
        """How many copies each store missed in this run."""
        return self._opener.missed()

    def usage(self) -> Mapping[str, Usage]:
        """What each store did until this moment, by its name."""
        return self._opener.usage()

    def hostname(self) -> bytes:
        return os.uname().nodename.encode()

    def owner_names(self) -> "OwnerNames":
        from tiered.assemble.owners import owner_names

        return owner_names()

    def style(self) -> Style | None:
        """What the user wants sets to look like, if they said."""
        return Style(self._options.style) if self._options.style else None

    def new_style(self) -> Style:
        """That of a new archive: who gives options for gpg gets what gpg makes."""
        from tiered.engine.backup import NEW_STYLE

        if not (given := self._codecs.given()):
            return NEW_STYLE
        self._monitor.note(f"a new archive of style duplicity, because of {given}")
        return Style.DUPLICITY

    def duplicity_settings(self) -> "DuplicitySettings":
        """How sets of style duplicity are written; asks for the passphrase."""
        from tiered.engine.duplicity_set import DuplicitySettings
        from tiered.engine.pack import PackSettings

        pack = PackSettings(
            volume_bytes=self._options.volsize_mib << 20,
            max_block_len=self._options.max_block_len,
        )
        return DuplicitySettings(codec=self._codecs.write_codec(), pack=pack)

    def threads(self) -> int:
        """How much may be done at a time."""
        return self._options.concurrency or os.cpu_count() or 1

    def native_settings(self, url: str) -> "NativeSettings":
        """How sets of style tiered are written to the archive at `url`.

        Raises:
            ConfigError: Options for gpg are given, and would mean nothing.
        """
        from tiered.codec.packing import LEAST_EFFORTS, USUAL_EFFORTS
        from tiered.engine.native.backup import NativeSettings
        from tiered.engine.native.volumes import VolumeSettings

        if given := self._codecs.given():
            raise ConfigError(
                f"{given}: style tiered is without GnuPG",
                hint="Leave it out, or begin a chain with `tiered full --style "
                "duplicity`.",
            )
        options = self._options
        share = options.memory_mib << 20 >> 3
        return NativeSettings(
            keyring=None if options.encryption is False else self.keyring(url),
            threads=self.threads(),
            efforts=LEAST_EFFORTS if options.compression is False else USUAL_EFFORTS,
            volumes=VolumeSettings(
                volume_bytes=options.volsize_mib << 20,
                waiting_bytes=max(_LEAST_WAITING_BYTES, share),
            ),
        )

    def place_settings(self) -> "PlaceSettings":
        from tiered.assemble.owners import place_settings

        return place_settings(self._options)

    def _make_clock(self) -> Clock:
        options = self._options
        clock: Clock = SystemClock()
        if options.rehearsal_clock:
            clock = RehearsalClock(
                Path(options.rehearsal_clock), options.rehearsal_speed
            )
        if options.current_time is not None:
            clock = PinnedClock(clock, options.current_time)
        return clock

    def prefixes(self) -> Prefixes:
        """What the names of an archive begin with."""
        options = self._options
        return Prefixes(
            everything=options.prefix,
            archive=options.prefix_archive,
            manifest=options.prefix_manifest,
            signature=options.prefix_signature,
            index=options.prefix_index,
            key=options.prefix_key,
        )

    def config_check(self, config: "MultiConfig") -> "ConfigCheck":
        """Looks at a config; no store is opened for it."""
        return self._opener.config_check(config)

    def real_path(self, text: str) -> bytes:
        """Where a path of the command line leads, links followed."""
        return os.path.realpath(os.fsencode(text))
