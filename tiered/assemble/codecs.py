"""How objects of style duplicity are wrapped: encrypted by gpg, compressed, or not."""

from argparse import Namespace
from typing import TYPE_CHECKING

from tiered.assemble.keys import Passphrases
from tiered.assemble.wanted import Environment
from tiered.codec.codec import Codec
from tiered.errors import ConfigError

if TYPE_CHECKING:  # loaded by whoever reads or writes such objects
    from tiered.codec.gnupg import Gnupg


class Codecs:
    """The codecs of one command line."""

    def __init__(
        self, options: Namespace, environment: Environment, passphrases: Passphrases
    ) -> None:
        self._options, self._environment = options, environment
        self._passphrases = passphrases
        self._gnupg: Gnupg | None = None

    def codec_for(self, suffix: str) -> Codec:
        """That of an object whose name ends so.

        Raises:
            ConfigError: No name of an archive ends so.
        """
        if suffix in (".gpg", ".g"):
            self._gnupg = self._gnupg or self._make_gnupg()
            return self._gnupg
        from tiered.codec.plain import Gzip, Plain

        if suffix in (".gz", ".z"):
            return Gzip()
        if suffix == "":
            return Plain()
        raise ConfigError(f"objects that end in {suffix!r} cannot be read yet")

    def write_codec(self) -> Codec:
        """How new objects are wrapped: encrypted unless told otherwise."""
        if self._options.encryption is not False:
            self._passphrases.current(is_new=True)
            return self.codec_for(".gpg")
        return self.codec_for("" if self._options.compression is False else ".gz")

    def given(self) -> str:
        """Options for gpg on the command line, for messages; "" if there is none."""
        given = {
            "--gpg-binary": self._options.gpg_binary,
            "--gpg-options": self._options.gpg_options,
        }
        return " and ".join(name for name, value in given.items() if value is not None)

    def _make_gnupg(self) -> "Gnupg":
        from tiered.codec.gnupg import VARIABLES, Gnupg, GnupgSettings

        known = self._environment
        gnupg = Gnupg(
            GnupgSettings(
                passphrase=self._passphrases.current(is_new=False),
                program=self._options.gpg_binary or "gpg",
                options=tuple((self._options.gpg_options or "").split()),
                compress=self._options.compression is not False,
                env={k: known[k].reveal() for k in VARIABLES if k in known},
            )
        )
        gnupg.prepare()
        return gnupg
