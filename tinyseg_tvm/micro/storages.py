"""Which drivers of codegen/port/storage a project needs, and how its port sets them up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinyseg_tvm.boards import Board, Storage
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.library import Library

METADATA_FILE = "metadata.json"


@dataclass(frozen=True)
class StorageUse:
    """What the network uses of a storage: its number and name, bytes from offset 0 on, in blocks of ``block`` bytes."""

    index: int
    name: str
    bytes: int
    block: int


@dataclass(frozen=True)
class PortStorage:
    """A storage as the port's template sees it: driver type, and the arguments of its ``_init``."""

    index: int
    name: str
    kind: str
    driver: str
    arguments: str

    @property
    def files(self) -> tuple[str, ...]:
        """The driver's files in codegen/port/storage."""
        return (f"{self.driver}.c", f"{self.driver}.h", *EXTRA_FILES.get(self.kind, ()))


EXTRA_FILES: Mapping[str, tuple[str, ...]] = {}
HOST_KINDS = ("file", "psram")


def _file(use: StorageUse, storage: Storage) -> str:
    return f'&storage{use.index}, "storage{use.index}.bin", {storage.capacity}u, {storage.block_bytes}u'


def _memory(use: StorageUse, _storage: Storage) -> str:
    return f"&storage{use.index}, storage{use.index}_memory, sizeof storage{use.index}_memory"


DRIVERS: Mapping[str, tuple[str, Callable[[StorageUse, Storage], str]]] = {
    "file": ("file_storage", _file),
    "psram": ("memory_storage", _memory),
}
"""Driver and arguments by the kind of a storage."""


def storage_uses(library: Library, files: Mapping[str, bytes]) -> tuple[StorageUse, ...]:
    """The storages of a library, named by its metadata.json."""
    if not library.storages:
        return ()
    try:
        names = [entry["name"] for entry in json.loads(files[METADATA_FILE])["storages"]]
    except (KeyError, ValueError, TypeError) as error:
        raise TinySegError(f"{METADATA_FILE} does not name the library's storages: {error}") from None
    return tuple(
        StorageUse(index, name, size, block)
        for index, (name, (size, block)) in enumerate(zip(names, library.storages, strict=True))
    )


def board_storages(
    board: Board, uses: Sequence[StorageUse], described: Sequence[Storage] = ()
) -> tuple[PortStorage, ...]:
    """The storages on a board: as ``described``, or the board's own of that name.

    Raises:
        TinySegError: the board has none of that name, or one that is too small, or of other blocks.
    """
    known = {storage.name: storage for storage in (*board.storages, *described)}
    result = []
    for use in uses:
        if use.name not in known:
            names = ", ".join(known) or "none"
            raise TinySegError(f"the network uses the storage '{use.name}'; '{board.name}' has {names}")
        storage = known[use.name]
        if use.bytes > storage.capacity:
            raise TinySegError(
                f"the network uses {use.bytes} bytes of the storage '{use.name}', which has {storage.capacity}"
            )
        if use.block % storage.block_bytes:
            raise TinySegError(
                f"the network was compiled for blocks of {use.block} bytes, the storage '{use.name}' has "
                f"{storage.block_bytes}"
            )
        result.append(port_storage(board, use, storage))
    return tuple(result)


def port_storage(board: Board, use: StorageUse, storage: Storage) -> PortStorage:
    """The driver for one storage."""
    kind = storage.kind
    if kind not in DRIVERS:
        raise TinySegError(f"there is no driver for storages of kind '{kind}' (storage '{use.name}')")
    if board.is_host and kind not in HOST_KINDS:
        kind = "file"
    driver, arguments = DRIVERS[kind]
    return PortStorage(use.index, use.name, kind, driver, arguments(use, storage))


def host_storages(uses: Sequence[StorageUse]) -> tuple[PortStorage, ...]:
    """The same storages as files, for the project's build as a process of this computer."""
    return tuple(
        PortStorage(
            use.index,
            use.name,
            "file",
            "file_storage",
            f'&storage{use.index}, "storage{use.index}.bin", 0x7fffffffu, {use.block}u',
        )
        for use in uses
    )
