"""Print docs/reference/command-line.md, made from the tables of the program.

python contrib/docs/command_line.py > docs/reference/command-line.md
"""

from collections.abc import Iterable, Iterator

from tiered.cli.parser import ACTIONS, ActionForm
from tiered.settings.option import Option, Shape
from tiered.settings.options import OPTIONS
from tiered.settings.refused import OF_DUPLICITY_ONLY

HEAD = """\
<!-- Made by contrib/docs/command_line.py; change the tables in the code. -->

# Command line

    tiered ACTION WORDS [OPTIONS]
    tiered DIR URL [OPTIONS]        the same as `backup DIR URL`
    tiered URL DIR [OPTIONS]        the same as `restore URL DIR`

An action stands before its words; options may stand anywhere. A value may follow its
option as the next word or behind `=`; one that begins with `-` needs the `=`.
`tiered --help` shows this in short, `tiered --version` the version. Results go to
stdout, everything else to stderr. Exit statuses: [errors](../errors/README.md).

A URL is `file:///path`, `cold+file:///path`, `swift://container[/prefix]`,
`pca://container[/prefix]`, `s3:///bucket[/prefix]`, `azure://container[/prefix]`, `gs://bucket[/prefix]`,
`b2://[key_id@]bucket[/prefix]`, `sftp://user@host/folder`,
`webdavs://user@host/folder`, `ftps://user@host/folder`, `rsync://user@host::module/folder`,
`rclone://remote:path`, or
`multi:///path/config.json?mode=…&onfail=…` ([multi](multi.md)). Put it in quotes.
A TIME is `now`, an interval before now (`3D`, `12h`, `1M2D`), a date, or a time as in
[the format](../format/duplicity.md#times).
"""

VARIABLES = """\
## Variables

| variable | meaning |
|---|---|
| `PASSPHRASE` | passphrase of the archive; asked for in a terminal if it is not set |
| `NEW_PASSPHRASE` | the new one of `key add` and `key rotate`; asked for likewise |
| `XDG_CACHE_HOME` | where caches lie, in its folder `tiered`; without it `~/.cache` |
| `TMPDIR` | where temporary files lie, unless `--tempdir` is given |

The variables of the stores, such as `SWIFT_AUTHURL` or `AWS_ACCESS_KEY_ID`, are on the
pages of the backends. In a multi config they stand in `env`, and count more than those
of the process.
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD, "## Actions", ""]
    lines += _table(("action", "also", "meaning"), map(_action_row, ACTIONS))
    lines += [
        "",
        "## Options",
        "",
        "*Ours* are those that duplicity does not have.",
        "",
    ]
    lines += _table(("option", "meaning"), map(_option_row, OPTIONS))
    lines += ["", VARIABLES, "## Options of duplicity that are refused", ""]
    lines += ["They are not supported yet, and refused by name:", ""]
    lines += [f"{', '.join(f'`{name}`' for name in sorted(OF_DUPLICITY_ONLY))}."]
    return "\n".join(lines)


def _action_row(action: ActionForm) -> tuple[str, ...]:
    form = f"`{action.usage}`"
    return form, ", ".join(f"`{a}`" for a in action.aliases), action.help


def _option_row(option: Option) -> tuple[str, ...]:
    value = "" if option.shape is Shape.FLAG else f" {option.metavar}"
    names = ", ".join(f"`{name}{value}`" for name in option.names)
    return names, option.help


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    print(page())
