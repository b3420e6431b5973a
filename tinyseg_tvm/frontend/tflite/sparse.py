"""Sparse constants of TensorFlow Lite made dense.

The encoding is TACO's: dimensions of the tensor, and of blocks of it, are traversed in an order; each is dense, or has
the segments and indices of compressed rows (schema.fbs: SparsityParameters).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.frontend.tflite.flatbuffer import Flatbuffer, Table

_INDEX_CODES = {1: "i", 2: "H", 3: "B"}  # of the union SparseIndexVector


@dataclass(frozen=True)
class _Dimension:
    """A traversed dimension: dense of ``size``, or compressed by ``segments`` and ``indices``."""

    size: int
    segments: np.ndarray | None
    indices: np.ndarray | None


def densified(file: Flatbuffer, sparsity: Table, values: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    """The dense tensor of the stored values.

    Raises:
        TinySegError: the encoding contradicts itself, the shape or the values.
    """
    order = [int(axis) for axis in sparsity.numbers(0, "i", "traversal_order")]
    blocks = [int(axis) for axis in sparsity.numbers(1, "i", "block_map")]
    dimensions = [_dimension(file, table, where) for table in sparsity.tables(2, "dim_metadata")]
    rank = len(shape)
    total = rank + len(blocks)
    if sorted(order) != list(range(total)) or len(dimensions) != total or len(set(blocks)) != len(blocks):
        raise file.fail(f"{where} has a sparse encoding of {len(dimensions)} dimensions in the order {order}")
    if any(not 0 <= axis < rank for axis in blocks):
        raise file.fail(f"{where} has blocks along {blocks} of {rank} dimensions")
    extents = list(shape) + [0] * len(blocks)
    for level, axis in enumerate(order):
        if axis >= rank:
            size = dimensions[level].size
            blocked = blocks[axis - rank]
            if dimensions[level].segments is not None or size < 1 or shape[blocked] % size:
                raise file.fail(f"{where} has blocks of {size} along a dimension of {shape[blocked]}")
            extents[axis] = size
            extents[blocked] = shape[blocked] // size
    coordinates = _coordinates(file, dimensions, [extents[axis] for axis in order], where)
    if coordinates.shape[1] != values.size:
        raise file.fail(f"{where} has {values.size} values at {coordinates.shape[1]} places")
    by_axis = {axis: coordinates[level] for level, axis in enumerate(order)}
    for index, axis in enumerate(blocks):
        by_axis[axis] = by_axis[axis] * extents[rank + index] + by_axis[rank + index]
    dense = np.zeros(shape, values.dtype)
    if values.size:
        dense[tuple(by_axis[axis] for axis in range(rank))] = values
    return dense


def _dimension(file: Flatbuffer, table: Table, where: str) -> _Dimension:
    if table.integer(0, "b") == 0:
        return _Dimension(table.integer(1, "i"), None, None)
    vectors = []
    for kind_field, what in ((2, "array_segments"), (4, "array_indices")):
        code = _INDEX_CODES.get(table.integer(kind_field, "B"))
        held = table.table(kind_field + 1, what)
        if code is None or held is None:
            raise file.fail(f"{where} has a compressed dimension without {what}")
        vectors.append(held.numbers(0, code, what).astype(np.int64))
    return _Dimension(0, vectors[0], vectors[1])


def _coordinates(file: Flatbuffer, dimensions: list[_Dimension], extents: list[int], where: str) -> np.ndarray:
    """Coordinates (levels, places) of the stored values, level by level."""
    limit = math.prod(extents)
    found = np.zeros((0, 1), np.int64)
    for dimension, extent in zip(dimensions, extents, strict=True):
        places = found.shape[1]
        if dimension.segments is None or dimension.indices is None:
            if dimension.size != extent or places * extent > limit:
                raise file.fail(f"{where} has a dense dimension of {dimension.size} in place of {extent}")
            counts = np.full(places, extent)
            own = np.tile(np.arange(extent), places)
        else:
            segments, indices = dimension.segments, dimension.indices
            counts = np.diff(segments)
            sound = segments.size == places + 1 and segments[0] == 0 and segments[-1] == indices.size
            if not sound or (counts < 0).any() or indices.size > limit:
                raise file.fail(f"{where} has a compressed dimension whose segments do not fit")
            if indices.size and (indices.min() < 0 or indices.max() >= extent):
                raise file.fail(f"{where} has an index outside of a dimension of {extent}")
            own = indices
        found = np.concatenate([np.repeat(found, counts, axis=1), own[np.newaxis]])
    return found
