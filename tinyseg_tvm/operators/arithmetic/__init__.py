"""How results are made, as values: a module per rule, and in it a class per form (forms.py).

``Conv2d(..., arithmetic=onnx.WeightedSum(...))`` is a convolution of quantised maps, ``float32.WeightedSum`` makes it
one of float32. Adding a rule is a module here, an entry in ``RULES``, a pass that recognises it, and what the code
generator makes of it (codegen/operators/arithmetic.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from tinyseg_tvm.operators.arithmetic import float32, onnx, tflite
from tinyseg_tvm.operators.arithmetic.forms import Arithmetic

RULES = {"float32": float32, "onnx": onnx, "tflite": tflite}
"""Every rule's module by its name."""


def to_attributes(arithmetic: Arithmetic) -> dict[str, Any]:
    """The value's rule, form and fields as plain values; fields that are as they are by default are left out."""
    fields = {
        field.name: getattr(arithmetic, field.name)
        for field in dataclasses.fields(cast(Any, arithmetic))
        if getattr(arithmetic, field.name) != field.default
    }
    return {"rule": arithmetic.rule, "form": arithmetic.form, **fields}


def from_attributes(attributes: Mapping[str, Any]) -> Arithmetic:
    """The value of ``to_attributes``'s dictionary.

    Raises:
        ValueError: no such rule or form, or fields that it does not have.
    """
    fields = dict(attributes)
    rule, form = str(fields.pop("rule", "")), str(fields.pop("form", ""))
    made = getattr(RULES.get(rule), form, None)
    if made is None or getattr(made, "form", None) != form:
        raise ValueError(f"no arithmetic {form!r} of rule {rule!r}; rules are {', '.join(RULES)}")
    try:
        return cast(Arithmetic, made(**fields))
    except TypeError as error:
        raise ValueError(f"arithmetic {form!r} of rule {rule!r}: {error}") from None


__all__ = ["RULES", "Arithmetic", "float32", "from_attributes", "onnx", "tflite", "to_attributes"]
