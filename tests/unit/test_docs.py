"""Docs and code cite each other; nothing that is cited may be missing."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiered.cli.parser import parse_command_line
from tiered.settings.multi import read_multi
from tiered.settings.options import OPTIONS
from tiered.settings.refused import OF_DUPLICITY_ONLY

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "tiered").rglob("*.py"))
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]

PAGE = re.compile(r"\bdocs/[\w./-]+\.md")
DECISION = re.compile(r"\bdocs/decisions/(\d{4})")
SECTION = re.compile(r'(docs/[\w./-]+\.md),\s+"([^"]+)"')
RULES = re.compile(r"docs/format/invariants\.md,\s+I(\d+)(?:\s+to\s+I(\d+))?")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
COMMAND = re.compile(r"^ {4}(tiered (?:.*\\\n)*.+)", re.M)
HEADING = re.compile(r"^#+ (.+)$", re.M)

OURS = {name for option in OPTIONS for name in option.names} | {"--help", "--version"}
FOREIGN = {
    "gpg": (
        *("--batch", "--no-tty", "--no-autostart", "--decrypt", "--symmetric"),
        *("--passphrase-fd", "--pinentry-mode", "--s2k-count", "--status-fd"),
    ),
    "systemctl": ("--now",),
    "rsync": (
        *("--files-from", "--from0", "--ignore-existing", "--ignore-times", "--fsync"),
        *("--delete", "--delete-missing-args", "--remove-source-files"),
        *("--list-only", "--recursive", "--out-format"),
    ),
    "rclone": ("--partial-suffix", "--rc", "--rc-serve", "--stdio"),
}
"""Options of other programs that the docs name."""
PLACEHOLDERS = {"ACTION", "DIR", "URL", "TIME"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


each_text = pytest.mark.parametrize("text", TEXTS, ids=relative)


def headings(page: Path) -> list[str]:
    return HEADING.findall(page.read_text())


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def in_code(pattern: re.Pattern[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    for file in CODE:
        # a citation may go on in the next line of a docstring or comment
        text = re.sub(r"\n\s*#?\s*", " ", file.read_text())
        for match in pattern.finditer(text):
            yield file, match


def test_every_page_that_the_code_cites_is_there() -> None:
    cited = {(relative(file), match[0]) for file, match in in_code(PAGE)}
    assert {(f, page) for f, page in cited if not (ROOT / page).is_file()} == set()
    assert len(cited) > 10


def test_every_decision_that_the_code_cites_is_there() -> None:
    for file, match in in_code(DECISION):
        found = list(ROOT.glob(f"docs/decisions/{match[1]}-*.md"))
        assert len(found) == 1, f"{relative(file)} cites decision {match[1]}"


def test_every_section_that_the_code_cites_is_there() -> None:
    cited = [(relative(f), m[1], " ".join(m[2].split())) for f, m in in_code(SECTION)]
    missing = [
        (file, page, section)
        for file, page, section in cited
        if not (ROOT / page).is_file() or section not in headings(ROOT / page)
    ]
    assert missing == []
    assert len(cited) > 8


def test_every_invariant_that_the_code_cites_is_there() -> None:
    text = (ROOT / "docs/format/invariants.md").read_text()
    numbers = [int(n) for n in re.findall(r"^\*\*I(\d+)\. ", text, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    cited = [int(n) for _, m in in_code(RULES) for n in m.groups() if n]
    assert cited
    assert max(cited) <= len(numbers)


def test_decisions_have_a_number_of_their_own() -> None:
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [int(file.name[:4]) for file in files]
    assert len(set(numbers)) == len(numbers)
    for number, file in zip(numbers, files, strict=True):
        assert headings(file)[0].startswith(f"{number}. ")


def test_decisions_say_what_they_decide() -> None:
    for file in (ROOT / "docs/decisions").glob("*.md"):
        _, _, status, decides, *_ = file.read_text().splitlines()
        assert re.match(r"- Status: \w+, 20\d\d-\d\d-\d\d", status), file
        assert decides.startswith("- Decides: "), file


@each_text
def test_every_relative_link_leads_somewhere(text: Path) -> None:
    for target in LINK.findall(text.read_text()):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        page = (text.parent / path).resolve() if path else text
        assert page.exists(), f"{target} is not there"
        assert page.is_relative_to(ROOT)
        if anchor:
            assert anchor in map(slug, headings(page)), f"{target} has no such heading"


@each_text
def test_every_option_that_is_named_exists(text: Path) -> None:
    foreign = {name for names in FOREIGN.values() for name in names}
    named = set(OPTION.findall(text.read_text())) - {"--file-prefix"}
    assert named - OURS - OF_DUPLICITY_ONLY - foreign == set()


@each_text
def test_every_command_line_can_be_parsed(text: Path) -> None:
    for command in COMMAND.findall(text.read_text()):
        words = _shell_words(command)
        if not PLACEHOLDERS & set(words):
            parse_command_line(words[1:])


@each_text
def test_no_text_names_the_machine_it_was_written_on(text: Path) -> None:
    assert re.findall(r"/work/|/root/|/tmp/\w+|/home/\w+", text.read_text()) == []


@each_text
def test_every_config_that_is_shown_can_be_read(text: Path, tmp_path: Path) -> None:
    for block in re.findall(r"^```json\n(.*?)^```", text.read_text(), re.M | re.S):
        file = tmp_path / "config.json"
        file.write_text(block)
        if isinstance(document := json.loads(block), list) or "stores" in document:
            assert read_multi(file).members


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("README.md", "ovh-pca.json"),
        ("docs/getting-started/ovh-pca.md", "ovh-pca-tiers.json"),
        ("docs/getting-started/ovh-pca.md", "local-hot-cold.json"),
    ],
)
def test_configs_are_shown_as_they_lie_in_config(text: str, config: str) -> None:
    shown = (ROOT / "config" / config).read_text()
    assert f"```json\n{shown}```" in (ROOT / text).read_text()


def test_the_command_line_page_is_what_the_tables_say() -> None:
    script = ROOT / "contrib/docs/command_line.py"
    made = subprocess.run(
        [sys.executable, script], check=True, capture_output=True, text=True
    )
    committed = (ROOT / "docs/reference/command-line.md").read_text()
    assert committed == made.stdout, "run contrib/docs/command_line.py"


def _shell_words(command: str) -> list[str]:
    """Words of a command line; what stands behind four blanks is a remark."""
    joined = re.sub(r"\\\n\s*", "", command)
    return shlex.split(re.split(r"(?<=\S) {4,}(?=[a-z])", joined)[0])
