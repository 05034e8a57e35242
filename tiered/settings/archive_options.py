"""Options about what an archive is: names, keys, what is written."""

from tiered.settings.option import (
    Option,
    flag,
    style,
    way_name,
    whole_number,
    work_factor,
)

NAMES = (
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
)
"""Where objects go, told from how they are called."""

KEYS = (
    flag("--encryption", dest="encryption", help="encrypt (default)"),
    flag(
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
    flag("--public", dest="public", help="export only the public key (ours)"),
)
"""Who can read."""

WRITING = (
    flag("--compression", dest="compression", help="compress (default)"),
    flag(
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
        help="threads or processes that compress, and transfers at a time (default: "
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
    flag(
        "--allow-source-mismatch",
        dest="allow_source_mismatch",
        help="back up although host name or directory differ from the last time",
    ),
)
"""Sets that are written."""
