"""What a build may be told: one frozen record, filled from a target string or the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from tinyseg_tvm.boards.size import parse_size
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.operators.stored_records import CODECS

_CHOICES = {
    "objective": ("balanced", "ram", "speed", "flash", "pareto"),
    "stream_axis": ("auto", "rows", "columns"),
    "io": ("resident", "line"),
    "io_type": ("model", "quantized"),
    "codec": (*CODECS, "auto"),
}


@dataclass(frozen=True)
class BuildOptions:
    """Options of a build.

    Attributes:
        board: board name or path of a board's TOML file.
        mcpu: core name; empty for the board's own core.
        ram: whole-program RAM limit in bytes (also the linker's); None for the board's RAM.
        objective: ``balanced`` little RAM, and more of it for kernels where that saves time worth it
            (``objective.balance``), or the fastest kernels within ``ram`` where that is stated; ``ram`` least RAM, of
            which kernels take what a stated ``ram`` leaves; ``speed`` fastest plan within ``ram`` or the board's;
            ``flash`` the plan of ``balanced``, with smaller kernels for at most a third more of its estimated time;
            ``pareto`` least RAM, and the command line shows what else RAM could be traded for.
        max_recompute: extra multiply-accumulates allowed, percent of the network's.
        max_written: bytes that may be written to storage per inference; None for no limit.
        storage: storage names of the board or paths of storages' TOML files, with commas between; empty for none.
        codec: of lines in storage: ``none``, a codec's name, or ``auto``: where it saves more time than it takes.
        frame_rate: inferences per second, for the lifetime of storages that wear.
        stream_axis: lines are ``rows`` or ``columns`` of the feature maps; ``auto``: rows with I/O by line, else what
            serves the objective better.
        io: model inputs and outputs are resident in the arena, or handed over line by line.
        io_type: port types as in the model, or ``quantized`` (edge quantise/dequantise dropped).
        effort: search effort of the planner, 1 (default) or more.
        layerwise: run layer by layer instead of line by line.
        endless: the input never ends, and an inference takes so many lines of it, a multiple of its strides (0: the
            fewest); None: an inference takes the whole input.
        keep_dead: keep channels that have no part in the results, for comparison.
        whole_channels: never compute channels block by block (heads of attention, ...), for comparison.
        shared_runtime: programs of several networks have one copy of the runtime's kernels, if all were generated so.
        fast: bytes of the board's fast memories for copies of kernels and weights, counted as RAM; None: what the board
            says by itself.
        tuning: file of records of the tuner, for the same core; empty: the kernels' estimates alone.
    """

    board: str = "host"
    mcpu: str = ""
    ram: int | None = None
    objective: str = "balanced"
    max_recompute: float = 0.0
    max_written: int | None = None
    storage: str = ""
    codec: str = "none"
    frame_rate: float = 1.0
    stream_axis: str = "auto"
    io: IoMode = "resident"
    io_type: str = "model"
    effort: int = 1
    layerwise: bool = False
    endless: int | None = None
    keep_dead: bool = False
    whole_channels: bool = False
    shared_runtime: bool = False
    fast: int | None = None
    tuning: str = ""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                option = name.replace("_", "-")
                raise UsageError(f"-{option}={getattr(self, name)}: must be one of {', '.join(choices)}")
        if not (math.isfinite(self.max_recompute) and self.max_recompute >= 0):
            raise UsageError(f"-max-recompute={self.max_recompute}: must be a percentage of 0 or more")
        if not (math.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise UsageError(f"-frame-rate={self.frame_rate}: must be more than 0")
        if self.max_written is not None and self.max_written < 0:
            raise UsageError(f"-max-written={self.max_written}: must be 0 bytes or more")
        if self.max_written and not self.storage:
            raise UsageError("-max-written: needs -storage, which says where to write to")
        if self.effort < 1:
            raise UsageError(f"-effort={self.effort}: must be 1 or more")
        if self.ram is not None and self.ram < 1:
            raise UsageError(f"-ram={self.ram}: must be 1 byte or more")
        if self.endless is not None and self.endless < 0:
            raise UsageError(f"-endless={self.endless}: must be 0 lines or more")
        if self.fast is not None and self.fast < 0:
            raise UsageError(f"-fast={self.fast}: must be 0 bytes or more")

    @property
    def balances(self) -> bool:
        """Whether RAM and time are weighed against each other."""
        return self.objective in ("balanced", "flash") and self.ram is None

    @property
    def saves_flash(self) -> bool:
        """Whether kernels give time for flash."""
        return self.objective == "flash"

    @property
    def kernels_use_up_ram(self) -> bool:
        """Whether kernels may take as much RAM as there is: a stated limit, or the board's where time alone counts."""
        return self.ram is not None or self.objective == "speed"

    @property
    def fills_ram(self) -> bool:
        """Whether a plan that takes more of the RAM that there is is better where it takes less time."""
        return self.objective == "speed" or (self.objective in ("balanced", "flash") and self.ram is not None)


FLAGS = ("layerwise", "keep_dead", "whole_channels", "shared_runtime")
"""Options that take no value."""


def options_from_text(values: Mapping[str, str], base: BuildOptions | None = None) -> BuildOptions:
    """Options from their texts, e.g. ``{"ram": "64K", "max-recompute": "10"}``, over ``base``.

    Raises:
        UsageError: an unknown option or a value it cannot have.
    """
    known = {field.name: field.type for field in fields(BuildOptions)}
    converted: dict[str, object] = {}
    for key, text in values.items():
        name = key.replace("-", "_")
        if name not in known:
            options = ", ".join("-" + option.replace("_", "-") for option in known)
            raise UsageError(f"-{key}: no such option; there are {options}")
        converted[name] = _convert(name, key, text)
    return replace(base or BuildOptions(), **converted)  # type: ignore[arg-type]


def _convert(name: str, key: str, text: str) -> object:
    if name in ("ram", "max_written", "fast"):
        try:
            return parse_size(text)
        except UsageError as error:
            raise UsageError(f"-{key}={text}: {error}") from None
    if name in FLAGS:
        if text not in ("", "1", "true", "0", "false"):
            raise UsageError(f"-{key}={text}: takes no value")
        return text in ("", "1", "true")
    try:
        if name in ("max_recompute", "frame_rate"):
            return float(text)
        if name == "effort":
            return int(text)
        if name == "endless":
            return int(text or 0)
    except ValueError:
        raise UsageError(f"-{key}={text}: must be a number") from None
    if not text:
        raise UsageError(f"-{key}: needs a value, e.g. -{key}=...")
    return text
