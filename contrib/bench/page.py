"""Put the tables of the last run into docs/performance.md.

    python -m contrib.bench.page [FOLDER]

FOLDER has what `make bench` wrote, build/bench/last if it is not given.  The raw
figures go to contrib/bench/last, so that the page can be made again and be held
against them [tests/test_bench.py].
"""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from contrib.bench.install import BUILD, ROOT
from contrib.bench.table import PARTS, REPORT, read_folder, sections

PAGE: Final = ROOT / "docs/performance.md"
LAST: Final = ROOT / "contrib/bench/last"
_PLACE: Final = re.compile(
    r"(<!-- figures: (\w+) -->\n).*?(\n?<!-- end of figures -->)", re.DOTALL
)


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with a table at each place that is marked for one."""

    def put(match: re.Match[str]) -> str:
        table = tables.get(match[2], "Not measured yet.")
        return f"{match[1]}\n{table}\n\n{match[3].lstrip()}"

    return _PLACE.sub(put, page)


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0]) if arguments else BUILD / "bench/last"
    LAST.mkdir(exist_ok=True)
    for name in (REPORT, *(f"{part}.json" for part in PARTS)):
        if (folder / name).exists():
            shutil.copy(folder / name, LAST / name)
    tables = sections(*read_folder(LAST))
    PAGE.write_text(filled(PAGE.read_text(), tables))


if __name__ == "__main__":
    main(sys.argv[1:])
