"""Operators that only move elements, as strided copies of runs of bytes.

The pattern of a copy is read off NumPy views: of an array of the operand's (or result's) shape, the operator's own
indexing gives a view whose strides are the copy's steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.operators import Operator, TensorType

RANK = 6  # TINYSEG_COPY_RANK


@dataclass(frozen=True)
class Copy:
    """``counts[0] * counts[1] * ...`` runs of ``run_bytes``; steps in bytes. No counts: a single run."""

    counts: tuple[int, ...]
    from_steps: tuple[int, ...]
    to_steps: tuple[int, ...]
    run_bytes: int


def addresses(tensor: TensorType) -> np.ndarray:
    """An array of the tensor's shape whose strides are the device's byte steps. Its contents are never touched."""
    return np.lib.stride_tricks.as_strided(
        np.empty(1, f"V{np.dtype(tensor.dtype).itemsize}"), tensor.shape, _contiguous_steps(tensor), writeable=False
    )


def _contiguous_steps(tensor: TensorType) -> tuple[int, ...]:
    steps = []
    step = np.dtype(tensor.dtype).itemsize
    for extent in reversed(tensor.shape):
        steps.append(step)
        step *= extent
    return tuple(reversed(steps))


def view_offset(view: np.ndarray, base: np.ndarray) -> int:
    """Bytes from the start of ``base`` to that of ``view``."""
    return int(view.__array_interface__["data"][0] - base.__array_interface__["data"][0])


def collapse(shape: tuple[int, ...], from_steps: tuple[int, ...], to_steps: tuple[int, ...], element: int) -> Copy:
    """The copy of ``shape`` elements of ``element`` bytes in as few and as long runs as possible."""
    axes = [
        (count, source, target) for count, source, target in zip(shape, from_steps, to_steps, strict=True) if count != 1
    ]
    run = element
    while axes and axes[-1][1] == axes[-1][2] == run:
        run *= axes.pop()[0]
    merged: list[tuple[int, int, int]] = []
    for count, source, target in axes:
        if merged and merged[-1][1] == count * source and merged[-1][2] == count * target:
            merged[-1] = (merged[-1][0] * count, source, target)
        else:
            merged.append((count, source, target))
    return Copy(tuple(a[0] for a in merged), tuple(a[1] for a in merged), tuple(a[2] for a in merged), run)


def between_views(source: np.ndarray, target: np.ndarray) -> Copy:
    """The copy from one view to another of the same shape."""
    return collapse(source.shape, source.strides, target.strides, source.dtype.itemsize)


def line_of(view: np.ndarray, axis: int | None, line: int) -> np.ndarray:
    """The part of a view at one index of the line axis."""
    return view if axis is None else view[(slice(None),) * axis + (line,)]


def write_copy(view: NodeView[Operator], out: FunctionWriter, copy: Copy, source: str, target: str) -> None:
    """Write the call that copies from ``source`` to ``target`` (C expressions of uint8_t pointers).

    Raises:
        TinySegError: the copy has too many dimensions.
    """
    out.modules.add("tinyseg_copy")
    if not copy.counts:
        out.write(f"tinyseg_move({target}, {source}, {copy.run_bytes}u);")
        return
    if len(copy.counts) > RANK:
        raise view.error(f"a permutation of {len(copy.counts)} independent axes exceeds the limit of {RANK}")
    padding = RANK - len(copy.counts)
    symbol = f"{out.symbol}_copy{sum('static const tinyseg_copy' in d for d in out.definitions) or ''}"
    fields = {
        "from_step": (0,) * padding + copy.from_steps,
        "to_step": (0,) * padding + copy.to_steps,
        "counts": (1,) * padding + copy.counts,
    }
    lines = [f"    .{name} = {{{', '.join(map(str, values))}}}," for name, values in fields.items()]
    lines.append(f"    .run_bytes = {copy.run_bytes},")
    out.definitions.append(f"static const tinyseg_copy {symbol} = {{\n" + "\n".join(lines) + "\n};")
    out.write(f"tinyseg_copy_runs(&{symbol}, {source}, {target});")


def plus(pointer: str, offset: int) -> str:
    """``pointer + offset`` in C."""
    return pointer if offset == 0 else f"{pointer} + {offset}"


def bytes_line(view: NodeView[Operator], out: FunctionWriter, operand: int, index: str = "step") -> str:
    """A line of an operand as uint8_t pointer; the first where the operator works on whole tensors."""
    return out.line(operand, "0u" if view.access.whole_reads[operand] else index, "uint8_t")


def bytes_output(view: NodeView[Operator], out: FunctionWriter) -> str:
    """The step's line of the result as uint8_t pointer; the first where the operator works on whole tensors."""
    return out.output("0u" if view.access.whole_writes[0] else "step", "uint8_t")
