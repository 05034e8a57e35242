"""Every option of the command line, in one table.

Parser, help text and reference page are made from it.  Names and meanings are
duplicity's where duplicity has the option  [docs/format/duplicity.md, "Command
line"]; ours are marked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tiered.archive.native_names import is_way


class Shape(Enum):
    """How an option takes its value."""

    FLAG = "flag"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option."""

    names: tuple[str, ...]
    help: str
    dest: str
    shape: Shape = Shape.VALUE
    default: object = None
    convert: Callable[[str], object] = str
    metavar: str = ""
    stores: object = True
    """What a flag stores."""


def _flag(*names: str, dest: str, help: str, stores: bool = True) -> Option:
    return Option(
        names=names,
        help=help,
        dest=dest,
        shape=Shape.FLAG,
        default=None,
        stores=stores,
    )


def whole_number(text: str) -> int:
    """A count or size.

    Raises:
        ValueError: It is not a number from 1 up.
    """
    number = int(text)
    if number < 1:
        raise ValueError(f"{text!r} is less than 1")
    return number


def style(text: str) -> str:
    """How sets look in the store.

    Raises:
        ValueError: It is not a style.
    """
    if text not in ("tiered", "duplicity"):
        raise ValueError(f"{text!r} is not tiered or duplicity")
    return text


def seconds(text: str) -> float:
    """A time span in seconds.

    Raises:
        ValueError: It is not a number, or negative.
    """
    value = float(text)
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    return value


def work_factor(text: str) -> int:
    """Base-two logarithm of scrypt's N.

    Raises:
        ValueError: It is not a number from 1 to 20.
    """
    number = whole_number(text)
    if number > 20:
        raise ValueError(f"{text!r} is more than 20")
    return number


def way_name(text: str) -> str:
    """What a way in is called.

    Raises:
        ValueError: It cannot be the name of one.
    """
    if not is_way(text):
        raise ValueError(f"{text!r} is not a-z, 0-9, - and _, up to 32")
    return text


_VERBOSITY = {"e": 0, "w": 2, "n": 3, "i": 5, "d": 9}


def verbosity(text: str) -> int:
    """0 to 9, or a word: error, warning, notice, info, debug.

    Raises:
        ValueError: It is neither.
    """
    if text[:1].lower() in _VERBOSITY:
        return _VERBOSITY[text[:1].lower()]
    level = int(text)
    if not 0 <= level <= 9:
        raise ValueError(f"{text!r} is not between 0 and 9")
    return level


OPTIONS: tuple[Option, ...] = (
    Option(
        names=("--file-prefix",),
        dest="prefix",
        default="",
        metavar="TEXT",
        help="text before the name of every object",
    ),
    Option(
        names=("--file-prefix-manifest",),
        dest="prefix_manifest",
        default="",
        metavar="TEXT",
        help="text before the names of manifests",
    ),
    Option(
        names=("--file-prefix-signature",),
        dest="prefix_signature",
        default="",
        metavar="TEXT",
        help="text before the names of signatures",
    ),
    Option(
        names=("--file-prefix-index",),
        dest="prefix_index",
        metavar="TEXT",
        help="text before the names of indexes (ours; default: as for manifests)",
    ),
    Option(
        names=("--file-prefix-key",),
        dest="prefix_key",
        metavar="TEXT",
        help="text before the names of keys (ours; default: as for manifests)",
    ),
    Option(
        names=("--file-prefix-archive",),
        dest="prefix_archive",
        default="",
        metavar="TEXT",
        help="text before the names of volumes",
    ),
    _flag("--encryption", dest="encryption", help="encrypt (default)"),
    _flag(
        "--no-encryption",
        dest="encryption",
        stores=False,
        help="write and believe sets in the clear",
    ),
    Option(
        names=("--passphrase-file",),
        dest="passphrase_file",
        metavar="FILE",
        help="file with the passphrase in its first line (ours)",
    ),
    Option(
        names=("--passphrase-command",),
        dest="passphrase_command",
        metavar="COMMAND",
        help="program that prints the passphrase; run without a shell (ours)",
    ),
    Option(
        names=("--new-passphrase-file",),
        dest="new_passphrase_file",
        metavar="FILE",
        help="the same for the new passphrase of `key add` and `key rotate` (ours)",
    ),
    Option(
        names=("--identity",),
        dest="identity",
        metavar="FILE",
        help="private key in age's form, instead of the passphrase (ours)",
    ),
    Option(
        names=("--recipient",),
        dest="recipient",
        metavar="PUBLIC_KEY",
        help="age1...: the archive's public key, or whom a key action lets in (ours)",
    ),
    Option(
        names=("--way",),
        dest="way",
        default="main",
        convert=way_name,
        metavar="NAME",
        help="which way in a key action is about (ours, default main)",
    ),
    Option(
        names=("--scrypt-work-factor",),
        dest="work_factor",
        default=17,
        convert=work_factor,
        metavar="N",
        help="how slow a new passphrase is to try: 2^N KiB, 1 to 20 (ours, default 17)",
    ),
    Option(
        names=("--output",),
        dest="output",
        metavar="FILE",
        help="write the recovery sheet there, readable for you alone (ours)",
    ),
    _flag("--public", dest="public", help="export only the public key (ours)"),
    _flag("--compression", dest="compression", help="compress (default)"),
    _flag(
        "--no-compression",
        dest="compression",
        stores=False,
        help="do not compress; in style tiered, as little as can be",
    ),
    Option(
        names=("--volsize",),
        dest="volsize_mib",
        default=200,
        convert=whole_number,
        metavar="MIB",
        help="size of a volume in MiB (default 200)",
    ),
    Option(
        names=("--style",),
        dest="style",
        convert=style,
        metavar="STYLE",
        help="how sets look in the store: tiered or duplicity (default: that of the "
        "newest set, and tiered for a new archive)",
    ),
    Option(
        names=("--concurrency",),
        dest="concurrency",
        convert=whole_number,
        metavar="COUNT",
        help="threads that compress or decompress, and transfers at a time (default: "
        "one for each processor)",
    ),
    Option(
        names=("--memory",),
        dest="memory_mib",
        default=256,
        convert=whole_number,
        metavar="MIB",
        help="memory to aim for in MiB, 64 at least (default 256)",
    ),
    Option(
        names=("--max-blocksize",),
        dest="max_block_len",
        convert=whole_number,
        metavar="BYTES",
        help="largest librsync block of style duplicity (default: grows with the file)",
    ),
    Option(
        names=("--full-if-older-than",),
        dest="full_if_older_than",
        metavar="TIME",
        help="make a full backup if the last one is older, for instance 1M",
    ),
    _flag(
        "--allow-source-mismatch",
        dest="allow_source_mismatch",
        help="back up although host name or directory differ from the last time",
    ),
    Option(
        names=("--restore-time", "--time", "-t"),
        dest="time",
        default="now",
        metavar="TIME",
        help="restore or list the state of this time (default now)",
    ),
    Option(
        names=("--path-to-restore", "-r"),
        dest="path",
        default="",
        metavar="PATH",
        help="restore only this path, given relative to the source",
    ),
    _flag("--numeric-owner", dest="numeric_owner", help="ignore stored owner names"),
    _flag(
        "--restore-ownership",
        dest="ownership",
        help="give files to their owner (default for root)",
    ),
    _flag(
        "--no-restore-ownership",
        dest="ownership",
        stores=False,
        help="do not give files to their owner",
    ),
    _flag(
        "--force",
        dest="force",
        help="really delete; restore over existing files; revoke the last way in",
    ),
    _flag("--dry-run", dest="dry_run", help="say what would be done, and do nothing"),
    _flag(
        "--accept-loss",
        dest="accept_loss",
        help="believe a listing although this machine knows of more (ours)",
    ),
    _flag("--json", dest="json", help="print results as JSON (ours)"),
    _flag("--progress", dest="progress", help="show progress also without a terminal"),
    Option(
        names=("--verbosity", "-v"),
        dest="verbosity",
        default=3,
        convert=verbosity,
        metavar="LEVEL",
        help="0 to 9, or error, warning, notice, info, debug (default notice)",
    ),
    Option(
        names=("--archive-dir",),
        dest="archive_dir",
        metavar="DIR",
        help="folder of the caches (default: the user's cache folder)",
    ),
    Option(
        names=("--name",),
        dest="name",
        metavar="NAME",
        help="name of this archive's cache (default: made from the URL)",
    ),
    Option(
        names=("--tempdir",),
        dest="tempdir",
        metavar="DIR",
        help="folder for temporary files: two volumes must fit",
    ),
    Option(
        names=("--num-retries",),
        dest="num_retries",
        default=5,
        convert=whole_number,
        metavar="N",
        help="attempts at each request to a store (default 5)",
    ),
    Option(
        names=("--backend-retry-delay",),
        dest="retry_delay_s",
        default=30.0,
        convert=seconds,
        metavar="SECONDS",
        help="longest wait between two attempts (default 30)",
    ),
    Option(
        names=("--timeout",),
        dest="timeout_s",
        default=30.0,
        convert=seconds,
        metavar="SECONDS",
        help="longest silence of a store (default 30)",
    ),
    Option(
        names=("--gpg-binary",),
        dest="gpg_binary",
        metavar="PROGRAM",
        help="the gpg program (default gpg); a new archive is then of style duplicity",
    ),
    Option(
        names=("--gpg-options",),
        dest="gpg_options",
        metavar="TEXT",
        help="further options for gpg, separated by blanks; a new archive is then of "
        "style duplicity",
    ),
    Option(
        names=("--swift-storage-policy",),
        dest="swift_policy",
        metavar="NAME",
        help="storage policy of a Swift container that is created",
    ),
    Option(
        names=("--s3-region-name",), dest="s3_region", metavar="NAME", help="S3 region"
    ),
    Option(
        names=("--s3-endpoint-url",),
        dest="s3_endpoint",
        metavar="URL",
        help="S3 service other than Amazon's",
    ),
    _flag("--s3-use-glacier", dest="s3_glacier", help="store volumes in class GLACIER"),
    _flag(
        "--s3-use-deep-archive",
        dest="s3_deep_archive",
        help="store volumes in class DEEP_ARCHIVE",
    ),
    Option(
        names=("--current-time",),
        dest="current_time",
        convert=int,
        metavar="EPOCH",
        help="take this as the present, in seconds since 1970 (for tests)",
    ),
    Option(
        names=("--rehearsal-clock",),
        dest="rehearsal_clock",
        metavar="FILE",
        help="let waiting move the offset in this file instead (ours, for rehearsals)",
    ),
    Option(
        names=("--rehearsal-speed",),
        dest="rehearsal_speed",
        default=3600.0,
        convert=seconds,
        metavar="FACTOR",
        help="how much faster a rehearsal waits (ours, default 3600)",
    ),
)

ACTIONS_OF_DUPLICITY_ONLY = frozenset(
    (
        "verify",
        "vb",
        "remove-all-but-n-full",
        "ra",
        "remove-all-inc-of-but-n-full",
        "ri",
    )
)
"""Actions of duplicity that tiered does not have yet: refused by name."""

OF_DUPLICITY_ONLY = frozenset(
    [
        "--encrypt-key",
        "--hidden-encrypt-key",
        "--sign-key",
        "--encrypt-sign-key",
        "--use-agent",
        "--encrypt-secret-keyring",
        "--use-gpgsm",
        "--asynchronous-upload",
        "--copy-blocksize",
        "--copy-links",
        "--ignore-errors",
        "--full-if-n-inc",
        "--skip-if-no-change",
        "--compare-data",
        "--rename",
        "--files-changed",
        "--no-files-changed",
        "--file-changed",
        "--show-changes-in-set",
        "--jsonstat",
        "--file-prefix-jsonstat",
        "--metadata-sync-mode",
        "--print-statistics",
        "--no-print-statistics",
        "--progress-rate",
        "--log-fd",
        "--log-file",
        "--log-timestamp",
        "--time-separator",
        "--null-separator",
        "--include",
        "--exclude",
        "--include-regexp",
        "--exclude-regexp",
        "--include-filelist",
        "--exclude-filelist",
        "--exclude-other-filesystems",
        "--exclude-older-than",
        "--exclude-if-present",
        "--exclude-device-files",
        "--files-from",
        "--filter-globbing",
        "--filter-literal",
        "--filter-regexp",
        "--filter-ignorecase",
        "--filter-strictcase",
        "--check-remote",
        "--no-check-remote",
        "--config-dir",
        "--par2-redundancy",
        "--mp-segment-size",
    ]
)
"""Options of duplicity that tiered does not have yet: refused by name."""
