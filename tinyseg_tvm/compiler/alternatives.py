"""What else a network could need: the same network planned in other ways, and the memory sizes each way fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tinyseg_tvm.compiler.channel_blocks import divided, worthwhile
from tinyseg_tvm.compiler.fronts import recomputing_points, spilling_points
from tinyseg_tvm.compiler.kernel_points import SpeedPoint, speed_points
from tinyseg_tvm.compiler.memory import promised_memory
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.planning import plan_network
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.storage_use import use_of
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.planner.storage_timing import replay
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.report.points import Point

RECOMPUTE_PERCENT = 35.0  # of the MACs: how far the ladder looks unless more is allowed
MOST_SPILLING = 5  # plans with storage that are shown
KIB = 1024
LEAST = "--objective ram"
MODES: Mapping[IoMode, str] = {"resident": "resident I/O", "line": "I/O by line"}


@dataclass(frozen=True)
class Alternative:
    """One way to run the network.

    Attributes:
        label: what is different, in words.
        arguments: the options of ``tinyseg compile`` that choose it.
        ram: bytes of the whole program.
        recomputed_macs: multiply-accumulates done twice.
        written: bytes written to storage per inference.
        seconds: estimated time of an inference at the board's clock, waiting for transfers included.
        joules: energy of the transfers.
        lifetime_frames: inferences until the storage is worn out; None: it does not wear.
    """

    label: str
    arguments: str
    ram: int
    recomputed_macs: int = 0
    written: int = 0
    seconds: float = 0.0
    joules: float = 0.0
    lifetime_frames: float | None = None


@dataclass(frozen=True)
class Outlook:
    """What else a network could need.

    Attributes:
        alternatives: ways to run it with the kernels of least scratch, those with least restriction and work first.
        speeds: what RAM for faster kernels costs and saves, with the I/O that was asked for.
    """

    alternatives: list[Alternative]
    speeds: list[SpeedPoint]


@dataclass(frozen=True)
class Rung:
    """A memory size and the first alternative (cheapest first) that fits it, None where none does."""

    bytes: int
    fits: Alternative | None


def outlook(
    lowered: LoweredModule,
    situation: Situation,
    progress: Progress | None = None,
    quantized: LoweredModule | None = None,
) -> Outlook:
    """Plans the network in other ways. RAM limits are ignored.

    Args:
        lowered: streaming along rows.
        situation: the build's own; axis, I/O mode, recomputation and storage are varied.
        progress: told of each step.
        quantized: the same network with quantised ports, where those are smaller than the model's.
    """
    options, unlimited = situation.options, situation.unlimited()
    free = replace(unlimited.options, max_recompute=0.0, objective="ram", layerwise=False, storage="", max_written=None)
    percent = max(options.max_recompute, RECOMPUTE_PERCENT)
    found: list[Alternative] = []
    best: dict[IoMode, tuple[int, str]] = {}  # arena and axis of the best plan, by kind of I/O
    asked: list[Planned] = []  # of the I/O that was asked for, by axis
    for label, arguments, chosen in _ways(free):
        different = replace(unlimited, options=chosen)
        try:
            planned = plan_network(lowered, different, progress)
        except TinySegError:  # no columns in this network
            continue
        divides = not chosen.layerwise and worthwhile(lowered.network, planned.arena_bytes, free.effort)
        whole = " --whole-channels" if divides else ""
        found.append(_alternative(label, arguments + whole, planned, different))
        if not chosen.layerwise and (chosen.io not in best or planned.arena_bytes < best[chosen.io][0]):
            best[chosen.io] = planned.arena_bytes, planned.axis
        if not chosen.layerwise and chosen.io == free.io:
            asked.append(planned)
    if asked:
        found += _in_blocks(lowered, asked, replace(unlimited, options=free))
    if quantized is not None:
        found += list(_with_quantized_ports(quantized, unlimited, {io: axis for io, (_, axis) in best.items()}))
    smallest = best.get(free.io)
    axis = smallest[1] if smallest else free.stream_axis
    recomputing = replace(unlimited, options=replace(free, max_recompute=percent, stream_axis=axis))
    for point in recomputing_points(lowered, recomputing, progress):
        if point.recomputed_macs:
            total = sum(operator.macs for operator in point.problem.operators) - point.recomputed_macs
            share = 100 * point.recomputed_macs / total
            arguments = f"{LEAST} --io {free.io} --stream-axis {point.axis} --max-recompute {share + 0.05:.1f}"
            found.append(_alternative(f"recompute {share:.1f} % of the MACs", arguments, point, recomputing))
    name = options.storage or next((storage.name for storage in situation.board.storages), "")
    if name:
        wanted = replace(free, storage=name, stream_axis=axis, max_written=options.max_written)
        spilling = replace(unlimited, options=wanted)
        for point in spilling_points(lowered, spilling, progress, MOST_SPILLING):
            if point.written_bytes and (smallest is None or point.arena_bytes < smallest[0]):
                kib = -(-point.written_bytes // 1024)
                arguments = f"{LEAST} --io {free.io} --stream-axis {point.axis} --storage {name} --max-written {kib}K"
                found.append(_alternative(f"write {kib} KiB to {name}", arguments, point, spilling))
    return Outlook(found, speed_points(asked, replace(unlimited, options=free), free.io))


def ladder(choices: list[Alternative]) -> list[Rung]:
    """The usual SRAM sizes, from one that nothing fits to one that everything does."""
    needs = [choice.ram for choice in choices]
    sizes = _usual_sizes(min(needs), max(needs))
    return [Rung(size, next((choice for choice in choices if choice.ram <= size), None)) for size in sizes]


def _usual_sizes(smallest: int, largest: int) -> list[int]:
    """Powers of two and 1.5 times those: from the last below the smallest need to the first that fits the largest."""
    sizes = sorted(size for power in range(24) for size in (KIB << power, KIB * 3 << power >> 1))
    below = [size for size in sizes if size < smallest]
    above = [size for size in sizes if size >= smallest]
    last = next(number for number, size in enumerate(above) if size >= largest)
    return below[-1:] + above[: last + 1]


def points(choices: Sequence[Alternative], macs: int) -> list[Point]:
    """The alternatives as points of the trade-off picture; ``macs``: those of the network, nothing computed twice."""
    return [Point(choice.label, choice.ram, macs + choice.recomputed_macs, choice.written) for choice in choices]


def _ways(free: BuildOptions) -> Iterator[tuple[str, str, BuildOptions]]:
    axes = ("rows", "columns") if free.stream_axis == "auto" else (free.stream_axis,)
    yield "layer by layer", f"{LEAST} --layerwise", replace(free, layerwise=True, stream_axis=axes[0])
    for io, how in MODES.items():
        for axis in axes:
            arguments = f"{LEAST} --io {io} --stream-axis {axis}"
            yield f"by {axis}, {how}", arguments, replace(free, io=io, stream_axis=axis)


def _in_blocks(lowered: LoweredModule, asked: list[Planned], situation: Situation) -> Iterator[Alternative]:
    """The best of some plans with its channels in blocks, where that takes less; it stands for that plan then."""
    whole = min(asked, key=lambda planned: planned.arena_bytes)
    decisions = worthwhile(lowered.network, whole.arena_bytes, situation.options.effort)
    if not decisions or situation.options.endless is not None or situation.options.whole_channels:
        return
    chosen = replace(situation, options=replace(situation.options, stream_axis=whole.axis))
    with suppress(TinySegError):  # an operator that has no columns
        planned = plan_network(divided(lowered, decisions), chosen)
        if planned.arena_bytes < whole.arena_bytes:
            asked[asked.index(whole)] = planned
            most = max(decision.blocks for decision in decisions)
            label = f"by {whole.axis}, {MODES[chosen.options.io]}, in {most} blocks of channels"
            arguments = f"{LEAST} --io {chosen.options.io} --stream-axis {whole.axis}"
            yield _alternative(label, arguments, planned, chosen)


def _with_quantized_ports(
    quantized: LoweredModule, situation: Situation, axes: Mapping[IoMode, str]
) -> Iterator[Alternative]:
    """One way for each kind of I/O, along its axis."""
    for io, axis in axes.items():
        options = replace(
            situation.options, io=io, stream_axis=axis, io_type="quantized", max_recompute=0.0, objective="ram",
            layerwise=False, storage="", max_written=None,
        )  # fmt: skip
        different = replace(situation, options=options)
        arguments = f"{LEAST} --io-type quantized --io {io} --stream-axis {axis}"
        planned = plan_network(quantized, different)
        yield _alternative(f"by {axis}, {MODES[io]}, quantized ports", arguments, planned, different)


def _alternative(label: str, arguments: str, planned: Planned, situation: Situation) -> Alternative:
    memory = promised_memory(planned, situation)
    timing = replay(planned.problem, planned.plan, planned.spilled, situation.models, situation.board.clock_hz)
    cost = use_of(planned, situation).cost
    return Alternative(
        label,
        arguments,
        memory.total - memory.slow,
        planned.recomputed_macs,
        planned.written_bytes,
        timing.seconds,
        cost.joules,
        cost.lifetime_frames,
    )
