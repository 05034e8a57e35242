"""All files below a folder of the server, with their sizes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from asyncssh import (
    SFTPAttrs,
    SFTPClient,
    SFTPDirNotEmpty,
    SFTPFailure,
    SFTPName,
    SFTPNoSuchFile,
)
from asyncssh.constants import (
    FILEXFER_TYPE_DIRECTORY,
    FILEXFER_TYPE_REGULAR,
    FILEXFER_TYPE_SYMLINK,
)

from tiered.names import RESERVED_END
from tiered.store import Entry


class Walk:
    """The entries whose names begin with a prefix, unsorted.

    Args:
        timeout_s: Longest silence of the server; the whole may take longer.
    """

    def __init__(self, root: str, prefix: str, timeout_s: float) -> None:
        self._root, self._prefix, self._timeout_s = root, prefix, timeout_s

    async def run(self, client: SFTPClient) -> list[Entry]:
        """Costs one round trip for about 100 files, and some for each folder.

        Raises:
            TimeoutError: The server fell silent.
            asyncssh.Error: Some folder could not be read; nothing is left out.
        """
        found: list[Entry] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            async for entry in self._entries(client, folder):
                name = folder + str(entry.filename)
                attrs = await self._followed(client, name, entry.attrs)
                if attrs.type == FILEXFER_TYPE_DIRECTORY:
                    if self._may_hold(name + "/"):
                        folders.append(name + "/")
                elif is_file(attrs) and self._is_wanted(name):
                    found.append(Entry(name, attrs.size or 0))
        return found

    async def _entries(
        self, client: SFTPClient, folder: str
    ) -> AsyncIterator[SFTPName]:
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(self._timeout_s) as limit:
            async for entry in client.scandir(f"{self._root}/{folder}".rstrip("/")):
                limit.reschedule(now() + self._timeout_s)
                if entry.filename not in (".", ".."):
                    yield entry

    async def _followed(
        self, client: SFTPClient, name: str, attrs: SFTPAttrs
    ) -> SFTPAttrs:
        if attrs.type != FILEXFER_TYPE_SYMLINK:
            return attrs
        found = await client.stat(f"{self._root}/{name}")
        return found if is_file(found) else attrs  # links to folders are not followed

    def _may_hold(self, folder: str) -> bool:
        return folder.startswith(self._prefix) or self._prefix.startswith(folder)

    def _is_wanted(self, name: str) -> bool:
        return name.startswith(self._prefix) and not name.endswith(RESERVED_END)


async def remove_empty(client: SFTPClient, folder: str, timeout_s: float) -> None:
    """Remove a folder, and those in it, as far as nothing else lies there.

    Raises:
        TimeoutError: The server fell silent.
        asyncssh.Error: It refused.
    """
    async with asyncio.timeout(timeout_s):
        try:
            rows = await client.readdir(folder)
        except SFTPNoSuchFile:
            return
    inside = [r for r in rows if r.filename not in (".", "..")]
    for row in inside:
        if row.attrs.type == FILEXFER_TYPE_DIRECTORY:
            await remove_empty(client, f"{folder}/{row.filename!s}", timeout_s)
    async with asyncio.timeout(timeout_s):
        with suppress(SFTPFailure, SFTPDirNotEmpty):  # version 3 does not say why
            await client.rmdir(folder)


def is_file(attrs: SFTPAttrs) -> bool:
    return attrs.type == FILEXFER_TYPE_REGULAR
