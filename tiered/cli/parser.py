"""The command line -> an action, its words and its options.  No I/O.

As duplicity: an action comes before its words, options stand anywhere; without
an action, `path url` backs up and `url path` restores.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from tiered.errors import UsageError
from tiered.settings.option import Option, Shape
from tiered.settings.options import OPTIONS
from tiered.settings.refused import ACTIONS_OF_DUPLICITY_ONLY, OF_DUPLICITY_ONLY
from tiered.url import looks_like_url


@dataclass(frozen=True, slots=True)
class ActionForm:
    """How an action is written."""

    name: str
    words: tuple[str, ...]
    help: str
    aliases: tuple[str, ...] = ()
    more: str = ""
    """What may follow these words; empty: nothing."""

    @property
    def usage(self) -> str:
        return " ".join([self.name, *self.words, *([self.more] if self.more else [])])


ACTIONS = (
    ActionForm("full", ("DIR", "URL"), "back up everything", ("fb",)),
    ActionForm(
        "incremental",
        ("DIR", "URL"),
        "back up what changed",
        ("incr", "inc", "ib"),
    ),
    ActionForm("backup", ("DIR", "URL"), "incremental, or full if needed", ("bu",)),
    ActionForm("restore", ("URL", "DIR"), "write files back", ("rb",)),
    ActionForm("collection-status", ("URL",), "which sets there are", ("status", "st")),
    ActionForm("list-current-files", ("URL",), "which files there are", ("list", "ls")),
    ActionForm("cleanup", ("URL",), "delete what nothing reads", ("cl",)),
    ActionForm("remove-older-than", ("TIME", "URL"), "delete old chains", ("ro",)),
    ActionForm("rebuild", ("URL",), "make lost hot objects again"),
    ActionForm("scrub", ("URL",), "compare the copies of all stores"),
    ActionForm("repair", ("URL",), "make copies that are missing or wrong"),
    ActionForm("copy", ("URL", "URL"), "copy an archive to another store"),
    ActionForm("add-store", ("NAME", "URL"), "bring a store of the config up to date"),
    ActionForm("drop-store", ("NAME", "URL"), "make a store of the config dispensable"),
    ActionForm("key init", ("URL",), "make the key of a new archive"),
    ActionForm("key list", ("URL",), "who can open the archive"),
    ActionForm("key add", ("URL",), "let someone else open it"),
    ActionForm("key rotate", ("URL",), "change a passphrase or key"),
    ActionForm("key revoke", ("URL",), "take a way in away"),
    ActionForm("key export", ("URL",), "print the recovery sheet"),
    ActionForm("store check", ("URL",), "try a store out: its rules and its speed"),
    ActionForm(
        "config check",
        ("CONFIG",),
        "where each type of object would go, and what is doubtful",
        more="[mode=… onfail=… subpath=…]",
    ),
)
_BY_WORD = {word: a for a in ACTIONS for word in (a.name, *a.aliases)}
_OF_TWO_WORDS = {a.name.partition(" ")[0] for a in ACTIONS if " " in a.name}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the user asked for."""

    action: str
    words: tuple[str, ...]
    options: argparse.Namespace


_VALUE = re.compile("(?s)^(ambiguous option: [^= ]*)=.* could match")
"""A value in argparse's message: perhaps a passphrase, of an option cut short."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing and exiting."""

    def error(self, message: str) -> NoReturn:
        shown = _VALUE.sub(r"\1 could match", message)
        raise UsageError(shown, hint="`tiered --help` lists actions and options.")


def parse_command_line(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments after the program's name.

    Raises:
        UsageError: Unknown option or action, or words that do not fit.
    """
    parser = make_parser()
    options, rest = parser.parse_known_intermixed_args(list(arguments))
    if unknown := next((r for r in rest if r.startswith("-")), None):
        raise _unknown_option(unknown)
    words: list[str] = list(options.words)
    if not words:
        raise UsageError("nothing to do", hint="`tiered --help` lists the actions.")
    if words[0] in _OF_TWO_WORDS:
        words = _joined(words)
    action = _BY_WORD.get(words[0])
    if action:
        words = words[1:]
    else:
        action = _implied(words)
    extra = len(words) - len(action.words)
    if extra < 0 or (extra > 0 and not action.more):
        raise UsageError(
            f"{action.name} takes {' and '.join(action.words)}, not {len(words)} words",
            hint=f"Write: tiered {action.usage}",
        )
    _check_urls(action, words)
    return CommandLine(action.name, tuple(words), options)


def make_parser() -> argparse.ArgumentParser:
    """The argparse parser of all options."""
    lines = [f"  {a.usage}" for a in ACTIONS]
    width = max(map(len, lines)) + 2
    shown = [f"{x:{width}}{a.help}" for x, a in zip(lines, ACTIONS, strict=True)]
    parser = _Parser(
        prog="tiered",
        usage="tiered [ACTION] WORDS [OPTIONS]",
        description="Incremental, encrypted backup over hot and cold stores.",
        epilog="actions:\n" + "\n".join(shown),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="store_true", help="show the version")
    for option in OPTIONS:
        if option.shape is Shape.FLAG:
            parser.add_argument(
                *option.names,
                dest=option.dest,
                action="store_const",
                const=option.stores,
                default=option.default,
                help=option.help,
            )
        else:
            parser.add_argument(
                *option.names,
                dest=option.dest,
                type=_converter(option),
                default=option.default,
                metavar=option.metavar,
                help=option.help,
            )
    return parser


def _converter(option: Option) -> Callable[[str], object]:
    """Makes argparse say which value was wrong, instead of a function's name."""

    def convert(text: str) -> object:
        try:
            return option.convert(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a valid {option.metavar}"
            ) from None

    return convert


def _joined(words: Sequence[str]) -> list[str]:
    """`key` or `store`, and the word behind it, are one action."""
    joined = [" ".join(words[:2]), *words[2:]]
    if joined[0] not in _BY_WORD:
        first = f"{words[0]} "
        actions = [w.removeprefix(first) for w in _BY_WORD if w.startswith(first)]
        one = "one of " if len(actions) > 1 else ""
        raise UsageError(
            f"{words[0]} is followed by {one}{', '.join(actions)}",
            hint=f"A folder of this name is ./{words[0]}.",
        )
    return joined


def _implied(words: Sequence[str]) -> ActionForm:
    """The action that two words mean without saying so."""
    if len(words) == 2:
        first, second = (looks_like_url(w) for w in words)
        if second and not first:
            return _BY_WORD["backup"]
        if first and not second:
            return _BY_WORD["restore"]
    if words[0] in ACTIONS_OF_DUPLICITY_ONLY:
        raise UsageError(
            f"the action {words[0]} of duplicity is not supported yet",
            hint="`tiered --help` lists the actions.",
        )
    near = _near(words[0], _BY_WORD)
    raise UsageError(
        f"{words[0]!r} is not an action",
        hint=f"Did you mean {near[0]!r}?"
        if near
        else "`tiered --help` lists the actions.",
    )


def _check_urls(action: ActionForm, words: Sequence[str]) -> None:
    for form, word in zip(action.words, words, strict=False):
        if form != "CONFIG" and (form == "URL") != looks_like_url(word):
            what = "a URL, such as file:///srv/backup" if form == "URL" else "a path"
            raise UsageError(
                f"{action.name} expects {what} as its {form}",
                hint=f"Write: tiered {action.usage}",
            )


def _near(word: str, known: Iterable[str]) -> list[str]:
    import difflib  # only for who mistypes

    return difflib.get_close_matches(word, list(known), 1)


def _unknown_option(text: str) -> UsageError:
    name = text.partition("=")[0]
    if name in OF_DUPLICITY_ONLY or name.startswith("--s3-"):
        return UsageError(
            f"the option {name} of duplicity is not supported yet",
            hint="Leave it out if the backup is right without it.",
        )
    known = [n for o in OPTIONS for n in o.names]
    near = _near(name, known)
    return UsageError(
        f"unknown option {name}",
        hint=f"Did you mean {near[0]}?"
        if near
        else "`tiered --help` lists all options.",
    )
