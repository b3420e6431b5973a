"""Arithmetic of permutations and reshapes on static shapes. No Relax.

A permutation ``p`` acts as NumPy's transpose: axis ``k`` of the result is axis ``p[k]`` of the operand.
"""

from __future__ import annotations

from itertools import pairwise

Shape = tuple[int, ...]
Permutation = tuple[int, ...]


def identity(rank: int) -> Permutation:
    """The permutation that moves nothing."""
    return tuple(range(rank))


def inverse(permutation: Permutation) -> Permutation:
    """The permutation that undoes ``permutation``."""
    return tuple(permutation.index(axis) for axis in range(len(permutation)))


def compose(first: Permutation, second: Permutation) -> Permutation:
    """``first`` applied, then ``second``."""
    return tuple(first[axis] for axis in second)


def permuted(shape: Shape, permutation: Permutation) -> Shape:
    """Shape of a permuted tensor."""
    return tuple(shape[axis] for axis in permutation)


def keeps_order(shape: Shape, permutation: Permutation) -> bool:
    """True where permuting a tensor of ``shape`` moves axes of one element only, so that no element moves."""
    moving = [axis for axis in permutation if shape[axis] != 1]
    return moving == sorted(moving)


def through_reshape(shape: Shape, permutation: Permutation, target: Shape) -> tuple[Shape, Permutation] | None:
    """Exchange a permutation with the reshape that follows it.

    Finds ``(early, late)`` such that for every x of ``shape``
    ``x.transpose(permutation).reshape(target) == x.reshape(early).transpose(late)``; None where the reshape
    joins axes that the permutation tears apart. ``late`` is ``permutation`` where that is possible.
    """
    logical = permuted(shape, permutation)
    if 0 in logical or 0 in target:
        return None
    old_runs, new_runs = _factors(logical), _factors(target)
    atoms = sorted({bound for run in (*old_runs, *new_runs) for bound in run})
    if any(wide % narrow for narrow, wide in pairwise(atoms)):
        return None
    # An atom is the stretch of the flat index between two neighbouring bounds; it is named by its outer bound.
    order = []
    for axis in inverse(permutation):
        outer, inner = old_runs[axis]
        order += [bound for bound in atoms if outer <= bound < inner]
    position = {bound: place for place, bound in enumerate(order)}
    places = {}
    for axis, (outer, inner) in enumerate(new_runs):
        places[axis] = [position[bound] for bound in atoms if outer <= bound < inner]
        if any(right != left + 1 for left, right in pairwise(places[axis])):
            return None
    stored = _stored_order(places, permutation)
    late = tuple(stored.index(axis) for axis in range(len(target)))
    return permuted(target, tuple(stored)), late


def regrouped(
    shape: Shape, permutation: Permutation, target: Shape, order: Permutation
) -> tuple[Shape, Permutation, Shape] | None:
    """Exchange a reshape with the permutation that follows it, where no axis holds a part of a new one alone.

    Finds ``(early, late, new)`` such that for every x of ``shape`` ``x.transpose(permutation).reshape(target)
    .transpose(order) == x.reshape(early).transpose(late).reshape(new)``; None where axes do not divide.
    """
    logical = permuted(shape, permutation)
    old_runs, new_runs = _factors(logical), _factors(target)
    atoms = sorted({bound for run in (*old_runs, *new_runs) for bound in run})
    if any(wide % narrow for narrow, wide in pairwise(atoms)):
        return None
    stored = [  # atoms, named by their outer bound, in the order of ``shape``
        bound for axis in inverse(permutation) for bound in atoms if old_runs[axis][0] <= bound < old_runs[axis][1]
    ]
    extents = {bound: following // bound for bound, following in pairwise(atoms)}
    moved = [bound for axis in order for bound in atoms if new_runs[axis][0] <= bound < new_runs[axis][1]]
    early = tuple(extents[bound] for bound in stored)
    return early, tuple(stored.index(bound) for bound in moved), permuted(target, order)


def outermost_first(shape: Shape, permutation: Permutation, target: Shape) -> Permutation:
    """The permutation that ``target`` has as ``x.transpose(permutation).reshape(target)`` of x of ``shape``, stored
    with axes in the order of their innermost parts in x, so that most elements that are neighbours stay so.

    The identity where axes do not divide.
    """
    moved = regrouped(shape, permutation, target, identity(len(target)))
    if moved is None:
        return identity(len(target))
    early, late, _ = moved
    places, ends = iter(late), []
    for extent in target:
        held, last = 1, -1
        while held < extent:
            place = next(places)
            held, last = held * early[place], max(last, place)
        ends.append(last)
    stored = sorted(range(len(target)), key=lambda axis: (ends[axis], axis))
    return inverse(tuple(stored))


def _factors(shape: Shape) -> list[tuple[int, int]]:
    """Per axis the products of the extents before it and up to and including it."""
    bounds, outer = [], 1
    for extent in shape:
        bounds.append((outer, outer * extent))
        outer *= extent
    return bounds


def _stored_order(places: dict[int, list[int]], permutation: Permutation) -> list[int]:
    """Logical axes in the order in which they are stored; axes of one element go where it looks best."""
    axes = list(places)
    moving = sorted((axis for axis in axes if places[axis]), key=lambda axis: places[axis][0])
    for candidate in (inverse(permutation), identity(len(axes))):
        if len(candidate) == len(axes) and [axis for axis in candidate if places[axis]] == moving:
            return list(candidate)
    return [axis for axis in axes if not places[axis]] + moving
