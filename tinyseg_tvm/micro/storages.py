"""Which drivers of tinyseg_tvm/micro/port/storage a project needs, and how its port sets them up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinyseg_tvm.boards import Board, Storage
from tinyseg_tvm.boards.rules import INTERRUPTS
from tinyseg_tvm.boards.static_memory import erase_words, storage_bytes
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.emulator import counting_options, timer_of
from tinyseg_tvm.micro.library import METADATA_FILE, Library, read_metadata
from tinyseg_tvm.micro.port_files import PORT_FOLDER
from tinyseg_tvm.micro.remote_storage import SOCKET


@dataclass(frozen=True)
class StorageUse:
    """What the network uses of a storage: its number and name, bytes from offset 0 on, in blocks of ``block`` bytes."""

    index: int
    name: str
    bytes: int
    block: int


@dataclass(frozen=True)
class PortStorage:
    """A storage as the port's template sees it.

    Attributes:
        driver: its type, and the name of its files.
        arguments: of the driver's ``_init``.
        modules: further files that it needs: its bus.
        interrupts: numbers of the interrupts that it handles.
        definitions: lines of C in front of the driver's variable.
        static_bytes: of the driver and what belongs to it, as reckoned.
        capacity: of the medium, in bytes.
    """

    index: int
    name: str
    kind: str
    driver: str
    arguments: str
    modules: tuple[str, ...] = ()
    interrupts: tuple[int, ...] = ()
    definitions: tuple[str, ...] = ()
    static_bytes: int = 0
    capacity: int = 0

    @property
    def files(self) -> tuple[str, ...]:
        """The driver's files in tinyseg_tvm/micro/port/storage."""
        return tuple(f"{module}.{suffix}" for module in (self.driver, *self.modules) for suffix in ("c", "h"))


@dataclass(frozen=True)
class Emulation:
    """What an emulator needs for a project's storages: options, and images (name to bytes) in the working directory."""

    arguments: tuple[str, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)

    def as_settings(self) -> dict[str, Any]:
        """The entries of a project's settings file."""
        return {"qemu_arguments": self.arguments, "images": self.images}

    @staticmethod
    def of_settings(settings: Mapping[str, Any]) -> Emulation:
        """From what ``as_settings`` gave."""
        return Emulation(tuple(settings.get("qemu_arguments", ())), dict(settings.get("images", {})))


HOST_KINDS = ("file", "psram", "nor")
SD_IMAGE = "sd.img"
EEPROM_IMAGE = "eeprom.img"
SMALLEST_SD_IMAGE = 1 << 26


def _file(use: StorageUse, storage: Storage) -> str:
    return f'&storage{use.index}, "storage{use.index}.bin", {storage.capacity}u, {storage.block_bytes}u'


def _memory(use: StorageUse, _storage: Storage) -> str:
    return f"&storage{use.index}, storage{use.index}_memory, sizeof storage{use.index}_memory"


def _memory_definition(_board: Board, use: StorageUse, _storage: Storage) -> tuple[str, ...]:
    return (f"static uint8_t storage{use.index}_memory[{use.bytes}] PORT_SLOW(16);",)


def _sd(use: StorageUse, storage: Storage) -> str:
    return f"&storage{use.index}, &{storage.bus}, {storage.first_block}u, {storage.capacity}u"


def _timed(use: StorageUse, storage: Storage) -> str:
    return (
        f'&storage{use.index}, &storage{use.index}_model, "storage{use.index}.bin", '
        f"{storage.capacity}u, {storage.block_bytes}u"
    )


def _timed_model(board: Board, use: StorageUse, storage: Storage) -> tuple[str, ...]:
    """The time model in ticks of a timer that runs at the board's clock."""
    latency = round(storage.latency_microseconds * board.clock_hz / 1_000_000)
    read, write = (
        max(1, round(64 * board.clock_hz / pace))
        for pace in (storage.read_bytes_per_second, storage.write_bytes_per_second)
    )
    return (
        f"static const timed_storage_model storage{use.index}_model = {{",
        f"    {storage.address:#x}u, {storage.interrupt}u, {latency}u, {read}u, {write}u",
        "};",
    )


def _nor(use: StorageUse, storage: Storage) -> str:
    flash = (
        f"nor_simulator_init(&simulated_flash{use.index}, simulated_flash{use.index}_memory, "
        f"{storage.capacity}u, {storage.erase_block_bytes}u, {storage.page_bytes}u)"
    )
    return f"&storage{use.index}, {flash}, storage{use.index}_erased"


def _simulated_flash(_board: Board, use: StorageUse, storage: Storage) -> tuple[str, ...]:
    return (
        f"static uint8_t simulated_flash{use.index}_memory[{storage.capacity}] PORT_SLOW(16);",
        f"static nor_simulator simulated_flash{use.index} = {{ .busy_polls = 64 }};",
        f"static uint32_t storage{use.index}_erased[{erase_words(storage, use.bytes)}];",
    )


def _eeprom(use: StorageUse, storage: Storage) -> str:
    return f"&storage{use.index}, &{storage.bus}, {storage.address:#x}u, {storage.page_bytes}u, {storage.capacity}u"


def _uart(use: StorageUse, storage: Storage) -> str:
    return f"&storage{use.index}, {storage.address:#x}u, {storage.interrupt}u, {storage.capacity}u"


def _nothing(_board: Board, _use: StorageUse, _storage: Storage) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Driver:
    """How a kind of storage is set up.

    Attributes:
        name: the driver's type.
        arguments: of its ``_init``.
        definitions: C before it.
        modules: further files.
        interrupts: how many it handles, from the storage's own on.
        bus: type of the bus that it needs; empty for none.
        needs: keys of the description that must be more than 0.
    """

    name: str
    arguments: Callable[[StorageUse, Storage], str]
    definitions: Callable[[Board, StorageUse, Storage], tuple[str, ...]] = _nothing
    modules: tuple[str, ...] = ()
    interrupts: int = 0
    bus: str = ""
    needs: tuple[str, ...] = ()


DRIVERS: Mapping[str, Driver] = {
    "file": Driver("file_storage", _file),
    "psram": Driver("memory_storage", _memory, _memory_definition),
    "sd": Driver("sd_storage", _sd, bus="sd_bus"),
    "eeprom": Driver("eeprom_storage", _eeprom, bus="i2c_lines", needs=("page_bytes",)),
    "uart": Driver("uart_storage", _uart, interrupts=2, needs=("address",)),
    "nor": Driver("nor_storage", _nor, _simulated_flash, ("nor_simulator",), needs=("erase_block_bytes", "page_bytes")),
    "timed": Driver("timed_storage", _timed, _timed_model, interrupts=1, needs=("address",)),
}
"""By the kind of a storage."""


def storage_uses(library: Library, files: Mapping[str, bytes]) -> tuple[StorageUse, ...]:
    """The storages of a library, named by its metadata.json."""
    if not library.storages:
        return ()
    try:
        names = [entry["name"] for entry in read_metadata(files)["storages"]]
    except (KeyError, TypeError) as error:
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
    driver = DRIVERS[kind]
    on_board = not board.is_host
    if on_board or kind == "nor":
        _check_device(use, storage, driver)
    return PortStorage(
        use.index,
        use.name,
        kind,
        driver.name,
        driver.arguments(use, storage),
        (*driver.modules, *((storage.bus,) if storage.bus and on_board else ())),
        tuple(storage.interrupt + i for i in range(driver.interrupts)) if on_board else (),
        driver.definitions(board, use, storage),
        storage_bytes(storage, use.bytes),
        storage.capacity,
    )


def _check_device(use: StorageUse, storage: Storage, driver: Driver) -> None:
    """Raises TinySegError where a description lacks what its driver needs, or names a bus that is not there."""
    where = f"storage '{use.name}' of kind '{storage.kind}'"
    if driver.bus or storage.bus:
        buses = _buses(driver.bus)
        if storage.bus not in buses:
            known = ", ".join(buses) or "none"
            raise TinySegError(f"{where}: bus is '{storage.bus}', must be one of those in port/storage: {known}")
    for key in driver.needs:
        if getattr(storage, key) <= 0:
            raise TinySegError(f"{where}: {key} is {getattr(storage, key)}, its driver needs it: must be 1 or more")
    if driver.interrupts and not 0 <= storage.interrupt <= INTERRUPTS - driver.interrupts:
        raise TinySegError(
            f"{where}: interrupt is {storage.interrupt}, must be 0 to {INTERRUPTS - driver.interrupts} "
            f"({driver.interrupts} of the vector table's {INTERRUPTS} are its driver's)"
        )
    if storage.kind == "nor" and storage.erase_block_bytes % storage.page_bytes:
        raise TinySegError(
            f"{where}: erase_block_bytes is {storage.erase_block_bytes}, must be a multiple of page_bytes, "
            f"{storage.page_bytes}"
        )


def _buses(kind: str) -> list[str]:
    """Names of the buses that there are: files that define one, ``const <kind> <name>``."""
    folder = PORT_FOLDER / "storage"
    return sorted(
        path.stem
        for path in folder.glob("*.h")
        if kind
        and path.with_suffix(".c").is_file()
        and re.search(rf"\b{kind}\s+{path.stem}\b", path.read_text(encoding="utf-8"))
    )


def emulation(board: Board, storages: Sequence[PortStorage]) -> Emulation:
    """What QEMU is told about a project's storages."""
    arguments: list[str] = []
    images: dict[str, int] = {}
    timer = timer_of(board)
    if timer is None:
        return Emulation()
    for storage in storages:
        if storage.kind == "timed":
            # virtual time, in which a run is always the same: without it the timer goes by this computer's clock
            arguments += counting_options(timer)
        if storage.kind == "uart":  # the second serial port: "none" is the first
            arguments += ["-chardev", f"socket,id=storage,path={SOCKET}", "-serial", "chardev:storage"]
        if storage.kind == "eeprom":
            size = next((s.capacity for s in board.storages if s.kind == "eeprom"), storage.capacity)
            images[EEPROM_IMAGE] = size
            arguments += ["-drive", f"if=none,id=eeprom,format=raw,file={EEPROM_IMAGE}"]
            arguments += ["-device", f"at24c-eeprom,address=0x50,rom-size={size},drive=eeprom"]
        if storage.kind == "sd":
            capacity = next((s.capacity for s in board.storages if s.kind == "sd"), storage.capacity)
            images[SD_IMAGE] = max(SMALLEST_SD_IMAGE, 1 << (capacity - 1).bit_length())  # QEMU takes powers of two
            arguments += ["-drive", f"if=sd,format=raw,file={SD_IMAGE}"]
    return Emulation(tuple(arguments), images)


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
