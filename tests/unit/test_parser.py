"""Command lines: duplicity's forms, and what is refused with which words."""

import pytest

from tiered.cli.parser import ACTIONS, CommandLine, make_parser, parse_command_line
from tiered.errors import UsageError
from tiered.settings.options import OPTIONS
from tiered.settings.refused import ACTIONS_OF_DUPLICITY_ONLY, OF_DUPLICITY_ONLY

URL = "file:///srv/backup"
MULTI = "multi:///path/to/config.json?mode=mirror&onfail=abort"


def parse(text: str) -> CommandLine:
    return parse_command_line(text.split())


@pytest.mark.parametrize(
    ("text", "action", "words"),
    [
        (f"full /src {URL}", "full", ("/src", URL)),
        (f"fb /src {URL}", "full", ("/src", URL)),
        (f"incremental src {MULTI}", "incremental", ("src", MULTI)),
        (f"incr src {URL}", "incremental", ("src", URL)),
        (f"inc src {URL}", "incremental", ("src", URL)),
        (f"ib src {URL}", "incremental", ("src", URL)),
        (f"backup src {URL}", "backup", ("src", URL)),
        (f"bu src {URL}", "backup", ("src", URL)),
        (f"restore {URL} out", "restore", (URL, "out")),
        (f"rb {URL} out", "restore", (URL, "out")),
        (f"collection-status {URL}", "collection-status", (URL,)),
        (f"status {URL}", "collection-status", (URL,)),
        (f"st {URL}", "collection-status", (URL,)),
        (f"list-current-files {URL}", "list-current-files", (URL,)),
        (f"list {URL}", "list-current-files", (URL,)),
        (f"ls {URL}", "list-current-files", (URL,)),
        (f"cleanup {URL}", "cleanup", (URL,)),
        (f"cl {URL}", "cleanup", (URL,)),
        (f"remove-older-than 3M {URL}", "remove-older-than", ("3M", URL)),
        (f"ro 3M {URL}", "remove-older-than", ("3M", URL)),
        # an action need not be said
        (f"/src {URL}", "backup", ("/src", URL)),
        (f"{URL} /out", "restore", (URL, "/out")),
        (f"{MULTI} out", "restore", (MULTI, "out")),
    ],
)
def test_actions(text: str, action: str, words: tuple[str, ...]) -> None:
    line = parse(text)
    assert (line.action, line.words) == (action, words)


def test_the_lines_of_the_ovh_guide() -> None:
    prefixes = (
        "--file-prefix-manifest hot_ --file-prefix-signature hot_ "
        "--file-prefix-archive cold_"
    )
    line = parse(f"{prefixes} full /what/to/backup {MULTI}")
    assert (line.action, line.words) == ("full", ("/what/to/backup", MULTI))
    options = line.options
    assert (options.prefix_manifest, options.prefix_signature) == ("hot_", "hot_")
    assert (options.prefix_archive, options.prefix) == ("cold_", "")


@pytest.mark.parametrize(
    "text",
    [
        f"full --volsize 25 -v9 --no-encryption src {URL}",
        f"--volsize 25 full -v9 src --no-encryption {URL}",
        f"full src {URL} --volsize=25 -v 9 --no-encryption",
        f"--no-encryption --verbosity=9 full src --volsize 25 {URL}",
    ],
)
def test_options_stand_anywhere(text: str) -> None:
    line = parse(text)
    assert (line.action, line.words) == ("full", ("src", URL))
    options = line.options
    assert (options.volsize_mib, options.verbosity) == (25, 9)
    assert options.encryption is False


@pytest.mark.parametrize(
    ("text", "dest", "value"),
    [
        ("-t 3D", "time", "3D"),
        ("--time=3D", "time", "3D"),
        ("--restore-time 2026-11-21", "time", "2026-11-21"),
        ("-r a/b", "path", "a/b"),
        ("--path-to-restore a/b", "path", "a/b"),
        ("-vinfo", "verbosity", 5),
        ("-v0", "verbosity", 0),
        ("--verbosity warning", "verbosity", 2),
        ("--compression", "compression", True),
        ("--no-compression", "compression", False),
        ("--no-encryption --encryption", "encryption", True),  # the last counts
        ("--current-time 1790000000", "current_time", 1_790_000_000),
        ("--timeout 1.5", "timeout_s", 1.5),
        ("", "volsize_mib", 200),
        ("", "num_retries", 5),
        ("", "encryption", None),
    ],
)
def test_values(text: str, dest: str, value: object) -> None:
    assert getattr(parse(f"restore {URL} out {text}").options, dest) == value


def refused(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.exit_status == 2
    return caught.value


@pytest.mark.parametrize(
    ("option", "near"),
    [
        ("--no-encrypt1on", "--no-encryption"),
        ("--file-prefix-manifst=x", "--file-prefix-manifest"),
        ("--volsiz3", "--volsize"),
        ("--full-if-older", None),
    ],
)
def test_an_unknown_option_is_named_and_another_suggested(
    option: str, near: str | None
) -> None:
    if near is None:
        near = "--full-if-older-than"
    error = refused(f"full src {URL} {option}x 3")
    assert str(error) == f"unknown option {option.partition('=')[0]}x" or "=" in option
    assert near in error.hint


def test_an_option_like_no_other_points_to_the_help() -> None:
    error = refused(f"full src {URL} --zzzzzz")
    assert "--zzzzzz" in str(error)
    assert "--help" in error.hint


@pytest.mark.parametrize("option", sorted(OF_DUPLICITY_ONLY))
@pytest.mark.parametrize("form", ["{} value", "{}=value", "{}"])
def test_an_option_that_only_duplicity_has_is_named(option: str, form: str) -> None:
    error = refused(f"full {form.format(option)} src {URL}")
    assert str(error) == f"the option {option} of duplicity is not supported yet"


def test_the_value_of_an_unknown_option_is_not_repeated() -> None:
    """It may be a secret."""
    error = refused(f"full src {URL} --pasword=hunter2")
    assert "hunter2" not in f"{error} {error.hint}"


@pytest.mark.parametrize("action", sorted(ACTIONS_OF_DUPLICITY_ONLY))
def test_an_action_that_only_duplicity_has_is_named(action: str) -> None:
    assert f"action {action} of duplicity" in str(refused(f"{action} 3 {URL} x y"))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "nothing to do", "--help"),
        ("--volsize 5", "nothing to do", "--help"),
        ("full", "full takes DIR and URL, not 0 words", "tiered full DIR URL"),
        ("full src", "takes DIR and URL, not 1 words", "tiered full DIR URL"),
        (f"full a b {URL}", "not 3 words", "tiered full DIR URL"),
        (f"status {URL} x", "takes URL", "tiered collection-status URL"),
        ("full src /dst", "full expects a URL", "tiered full DIR URL"),
        (f"full {URL} src", "full expects a path as its DIR", "tiered full"),
        (f"restore out {URL}", "restore expects a URL", "tiered restore URL DIR"),
        ("cleanup /dir", "cleanup expects a URL", "cleanup URL"),
        (f"remove-older-than {URL} 3M", "expects a path as its TIME", "TIME URL"),
        (f"ful src {URL}", "'ful' is not an action", "'full'"),
        (f"restroe {URL} out", "'restroe' is not an action", "'restore'"),
        ("a b", "'a' is not an action", "--help"),
        (f"{URL} {URL}", "is not an action", "--help"),
        (f"full src {URL} --volsize 0", "'0' is not a valid MIB", "--help"),
        (f"full src {URL} --volsize x", "'x' is not a valid MIB", "--help"),
        (f"full src {URL} --volsize", "expected one argument", "--help"),
        (f"full src {URL} -v 11", "'11' is not a valid LEVEL", "--help"),
        (f"full src {URL} --timeout -1", "--timeout", "--help"),
        (f"full src {URL} --force=yes", "--force", "--help"),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str) -> None:
    error = refused(text)
    assert message in str(error)
    assert hint in error.hint


def test_every_option_and_action_is_in_the_help() -> None:
    text = make_parser().format_help()
    for name in [*(n for o in OPTIONS for n in o.names), *(a.name for a in ACTIONS)]:
        assert name in text


def test_no_option_is_both_known_and_unsupported() -> None:
    assert not {n for o in OPTIONS for n in o.names} & OF_DUPLICITY_ONLY
    assert len({o.dest for o in OPTIONS if o.default is not None}) > 10


def test_an_option_may_be_abbreviated_as_in_duplicity() -> None:
    options = parse(f"full src {URL} --dry --no-enc --file-prefix-a=cold_").options
    assert (options.dry_run, options.encryption) == (True, False)
    assert options.prefix_archive == "cold_"
    assert "ambiguous" in str(refused(f"full src {URL} --file-prefix-"))
