"""What a network is planned for: the options of a build, with the board, core and storages that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tinyseg_tvm import codegen
from tinyseg_tvm.boards import Board, Core, Storage, load_board, load_core
from tinyseg_tvm.codegen.tuning_database import load_database, records_for
from tinyseg_tvm.codegen.tuning_records import TuningRecords
from tinyseg_tvm.compiler.fast_memory import fast_spaces
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.storage import SLOW_STORAGES, medium_of, model_of, storages_of
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network.spilling import Medium
from tinyseg_tvm.planner.storage_model import StorageModel

FAST_ALIGNMENT = 16  # of what lies behind copies in a fast memory


@dataclass(frozen=True)
class Situation:
    """Everything but the network that a plan depends on. Made once in a build; alternatives are planned for others.

    Attributes:
        options: what the build was told.
        board: whose memories, clock, static data and stack count.
        core: whose kernels count, with what the tuner measured of them.
        banked: whether lines may lie in the board's further memories, too.
    """

    options: BuildOptions
    board: Board
    core: codegen.Core
    banked: bool = False

    @cached_property
    def storages(self) -> tuple[Storage, ...]:
        """Storages that the options name, in their order."""
        return storages_of(self.options, self.board)

    @cached_property
    def models(self) -> Mapping[str, StorageModel]:
        """How fast the storages are and what they cost, by name."""
        return {storage.name: model_of(storage) for storage in self.storages}

    @cached_property
    def media(self) -> tuple[Medium, ...]:
        """How tensors go to the storages, in the order of the options."""
        return tuple(medium_of(storage, self.options, self.board.clock_hz) for storage in self.storages)

    @cached_property
    def fast_spaces(self) -> tuple[codegen.FastSpace, ...]:
        """The parts of the board's fast memories that may be used."""
        return fast_spaces(self.options, self.board)

    @property
    def fast_reserve(self) -> int:
        """Bytes of a stated RAM limit set aside for fast memory; without a limit it takes nothing from the RAM."""
        return 0 if self.options.ram is None else sum(space.bytes for space in self.fast_spaces)

    @property
    def ram_limit(self) -> int | None:
        """Bytes that the whole program may take: as stated, or all the board has; None: no limit."""
        if self.options.ram is not None or self.board.ram_bytes is None:
            return self.options.ram
        return self.board.ram_bytes + (sum(room for _, room in self.banks) if self.banked else 0)

    @cached_property
    def banks(self) -> tuple[tuple[str, int], ...]:
        """Names of the board's further memories for lines, and the bytes that copies and storages leave of them."""
        taken = {space.memory: -(-space.bytes // FAST_ALIGNMENT) * FAST_ALIGNMENT for space in self.fast_spaces}
        slow = self.board.memory("slow")
        if slow is not None:  # storages in memory lie in the first of its kind
            taken[slow.name] = sum(storage.capacity for storage in self.storages if storage.kind in SLOW_STORAGES)
        return tuple((bank.name, max(bank.length - taken.get(bank.name, 0), 0)) for bank in self.board.banks)

    @property
    def has_banks(self) -> bool:
        """Whether there is RAM beside the main one, within the limit, that is not used yet."""
        main, limit = self.board.ram_bytes, self.options.ram
        beyond = limit is None or (main is not None and limit - self.fast_reserve > main)
        return not self.banked and main is not None and beyond and any(room for _, room in self.banks)

    def with_banks(self) -> Situation:
        """The same where lines may lie in all of the board's memories, which spares computing them twice."""
        return replace(self, options=replace(self.options, max_recompute=0.0), banked=True)

    def unlimited(self) -> Situation:
        """The same without a limit of RAM."""
        memories = tuple(memory for memory in self.board.memories if memory.kind != "ram")
        return replace(self, options=replace(self.options, ram=None), board=replace(self.board, memories=memories))


def situation_of(options: BuildOptions, records: TuningRecords | None = None) -> Situation:
    """The situation of a build.

    Args:
        options: name board, core and storages.
        records: of the tuner, in place of the file that the options name.

    Raises:
        UsageError: a board, core or storage that does not exist, more fast memory than the board has, or records of
            another core.
        TinySegError: records that cannot be read.
    """
    board = load_board(options.board)
    fast_spaces(options, board)  # refuses what the board does not have before anything takes long
    core = generator_core(load_core(options.mcpu) if options.mcpu else board.core)
    if records is None and options.tuning:
        records = records_for(load_database(Path(options.tuning)), board.name, core.name)
    if records is not None:
        core = _with_records(core, records)
    return Situation(options, board, core)


def generator_core(core: Core) -> codegen.Core:
    """The facts about a core that the code generator chooses kernels by."""
    return codegen.Core(
        name=core.name,
        has_fpu=core.fpu != "none",
        has_dsp=core.dsp,
        has_mve=core.mve,
        has_wide_multiply=core.version != 6,
    )


def _with_records(core: codegen.Core, records: TuningRecords) -> codegen.Core:
    if records.core != core.name:
        raise UsageError(
            f"-tuning: the records were measured on {records.core!r}, the build is for {core.name!r}; "
            "tune for this core, or leave the option out"
        )
    return replace(core, records=records)
