"""Options of a run: what it reads, what it may do, and what it keeps and says."""

from tiered.settings.option import Option, flag, seconds, verbosity

READING = (
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
    flag("--numeric-owner", dest="numeric_owner", help="ignore stored owner names"),
    flag(
        "--restore-ownership",
        dest="ownership",
        help="give files to their owner (default for root)",
    ),
    flag(
        "--no-restore-ownership",
        dest="ownership",
        stores=False,
        help="do not give files to their owner",
    ),
)
"""What is restored or listed, and to whom it belongs."""

RUN = (
    flag(
        "--force",
        dest="force",
        help="really delete; restore over existing files; revoke the last way in",
    ),
    flag("--dry-run", dest="dry_run", help="say what would be done, and do nothing"),
    flag(
        "--accept-loss",
        dest="accept_loss",
        help="believe a listing although this machine knows of more (ours)",
    ),
    flag(
        "--probe", dest="probe", help="in `config check`: list each store once (ours)"
    ),
    flag("--json", dest="json", help="print results as JSON (ours)"),
    flag("--progress", dest="progress", help="show progress also without a terminal"),
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
)
"""Any action."""

REHEARSAL = (
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
"""Time, for tests and rehearsals."""
