"""The attribute ``tinyseg.derived`` of ``main``: the tensors that decisions of the planner added.

    [[name, name of the tensor that it is derived from], ...]

They are in the order of the decisions, in which the planner numbers them: behind all tensors of the lowered model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DERIVED_ATTRIBUTE = "tinyseg.derived"


def derived_tensors(attributes: Mapping[str, object]) -> dict[str, str]:
    """What the attribute among a function's ``attributes`` says: by name of a tensor, what it is derived from."""
    stored = attributes.get(DERIVED_ATTRIBUTE)
    return {str(name): str(origin) for name, origin in stored} if isinstance(stored, Sequence) else {}


def derived_record(derived: Mapping[str, str]) -> list[list[str]]:
    """The value of the attribute."""
    return [[name, origin] for name, origin in derived.items()]
