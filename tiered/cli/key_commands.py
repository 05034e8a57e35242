"""Actions on the keys of an archive: `tiered key ...`.

What they need of age is loaded when one of them runs.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tiered.cli.run import Run
from tiered.engine.inventory import Purpose, take_inventory
from tiered.errors import StoreMissing, TargetError

if TYPE_CHECKING:
    from tiered.archive.collection import Collection
    from tiered.engine.native.keyring import Keyring
    from tiered.engine.native.ways import Way


def init_key(run: Run) -> None:
    """key init."""
    from tiered.engine.native.ways import init_keys

    options, url = run.line.options, run.line.words[0]
    context, keyring = run.assembly.context(url), _keyring(run)
    with context.cache.locked():
        init_keys(
            keyring,
            _inventory(run),
            options.way,
            run.assembly.keys.first_way,
            accept_loss=bool(options.accept_loss),
        )
    public = str(keyring.recipient())
    run.show(
        [f"the archive has its key, with the way in {options.way}", public],
        {"way": options.way, "generation": 1, "recipient": public},
    )


def list_keys(run: Run) -> None:
    """key list."""
    from tiered.engine.native.ways import list_ways

    keyring = _keyring(run)
    ways = list_ways(keyring.objects)
    known = keyring.remembered()
    lines = [_way_line(way) for way in ways] or ["no way in"]
    lines.append(
        f"public key: {known}" if known else "this machine does not know the public key"
    )
    document = {
        "recipient": str(known) if known else None,
        "ways": [
            {
                "way": way.name,
                "generation": way.generation,
                "kind": way.kind,
                "key": way.has_key,
                "copy": way.has_copy,
            }
            for way in ways
        ],
    }
    run.show(lines, document)


def add_key(run: Run) -> None:
    """key add."""
    from tiered.engine.native.ways import add_way

    way = run.line.options.way
    with run.assembly.context(run.line.words[0]).cache.locked():
        add_way(_keyring(run), way, run.assembly.keys.new_way)
    run.show([f"added the way in {way}"], {"way": way, "generation": 1})


def rotate_key(run: Run) -> None:
    """key rotate."""
    from tiered.engine.native.ways import rotate_way

    way = run.line.options.way
    with run.assembly.context(run.line.words[0]).cache.locked():
        generation = rotate_way(_keyring(run), way, run.assembly.keys.new_way)
    run.show(
        [f"the way in {way} is now of generation {generation}"],
        {"way": way, "generation": generation},
    )


def revoke_key(run: Run) -> None:
    """key revoke."""
    from tiered.engine.native.ways import revoke_way

    options = run.line.options
    with run.assembly.context(run.line.words[0]).cache.locked():
        names = revoke_way(
            _keyring(run).objects, options.way, force=bool(options.force)
        )
    run.show(
        [
            f"deleted the way in {options.way}",
            "who has read the private key before can still read the archive",
        ],
        {"way": options.way, "deleted": list(names)},
    )


def export_key(run: Run) -> None:
    """key export."""
    from tiered.codec.age import recovery_sheet

    options, keyring = run.line.options, _keyring(run)
    if options.public:
        public = str(keyring.remembered() or keyring.identity().recipient)
        run.show([public], {"recipient": public})
        return
    context = run.assembly.context(run.line.words[0])
    identity = keyring.identity()
    today = datetime.fromtimestamp(context.clock.time_s(), UTC).date()
    title = options.name or context.store.label
    sheet = recovery_sheet(identity, title, today).reveal()
    if options.output:
        _write_private(Path(options.output), sheet)
        run.show(
            [f"wrote the recovery sheet to {options.output}; print and delete it"],
            {"recipient": str(identity.recipient), "output": options.output},
        )
        return
    document = {"recipient": str(identity.recipient), "sheet": sheet}
    run.show(sheet.rstrip("\n").split("\n"), document)


KEY_COMMANDS: dict[str, Callable[[Run], None]] = {
    "key init": init_key,
    "key list": list_keys,
    "key add": add_key,
    "key rotate": rotate_key,
    "key revoke": revoke_key,
    "key export": export_key,
}


def _keyring(run: Run) -> "Keyring":
    """`--recipient` of these actions is whom to let in, not the archive's."""
    return run.assembly.keyring(run.line.words[0], told=False)


def _inventory(run: Run) -> "Collection":
    """The archive, whose container or folder is made if that can be done."""
    context = run.assembly.context(run.line.words[0])
    loss = bool(run.line.options.accept_loss)
    try:
        return take_inventory(context, Purpose.ADD, accept_loss=loss)
    except StoreMissing:
        create = context.store.extras.create
        if create is None:
            raise
        create.create()
        context.monitor.note(f"created {context.store.label}")
    return take_inventory(context, Purpose.ADD, accept_loss=loss)


def _way_line(way: "Way") -> str:
    parts = [f"{way.name}, generation {way.generation}", way.kind]
    if not way.has_key:
        parts.append("only the copy is there")
    elif not way.has_copy:
        parts.append("no copy")
    return ", ".join(parts)


def _write_private(file: Path, text: str) -> None:
    """A new file that nobody else can read; one that is there is left alone.

    Raises:
        TargetError: It is there, or cannot be written.
    """
    try:
        with open(
            file, "x", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as out:
            out.write(text)
    except OSError as e:
        raise TargetError(
            f"{file} cannot be written: {e.strerror}",
            hint="Name a file that is not there yet.",
        ) from e
