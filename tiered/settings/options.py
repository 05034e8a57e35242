"""Every option of the command line, in one table.

Parser, help text and reference page are made from it.  Names and meanings are
duplicity's where duplicity has the option  [docs/format/duplicity.md, "Command
line"]; ours are marked.
"""

from tiered.settings.archive_options import KEYS, NAMES, WRITING
from tiered.settings.check_options import CHECKING
from tiered.settings.copies_options import COPIES
from tiered.settings.option import Option
from tiered.settings.run_options import READING, REHEARSAL, RUN
from tiered.settings.store_options import STORES

OPTIONS: tuple[Option, ...] = (
    *NAMES,
    *KEYS,
    *WRITING,
    *READING,
    *RUN,
    *STORES,
    *COPIES,
    *CHECKING,
    *REHEARSAL,
)
