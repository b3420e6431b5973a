"""Gives every Resize constant sizes or scales, and maps whose last two axes it resizes.

Afterwards a Resize has the attribute ``axes``, of the last two axes of a map (1, C, H, W) or of the last one of a
sequence (1, C, L), and is of float32, or a nearest one of any type. Other axes are brought there by transposes
(channels last) or reshapes, one after the other: all modes are separable. Other types are dequantised, or converted.

Where the file's scales do not lead to a whole number (6 -> 10 written as 1.6666666), the size the file
declares for the result, else the nearest whole number, rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import helper

from tinyseg_tvm.frontend.graph import Graph, Node, ValueType, node_error
from tinyseg_tvm.frontend.resampling import COORDINATES, ROUNDINGS, ResizedAxis, Sampling, Taps, taps

# A scale within this distance of a whole number of pixels was meant to be that number.
_PIXEL_TOLERANCE = 1e-2


@dataclass(frozen=True)
class ResizeForm:
    """What a Resize does: its sampling, and what becomes of each axis that it names."""

    sampling: Sampling
    axes: Mapping[int, ResizedAxis]

    def shape(self, before: Sequence[int]) -> tuple[int, ...]:
        """Of the result."""
        return tuple(self.axes[axis].after if axis in self.axes else extent for axis, extent in enumerate(before))

    def taps(self, before: Sequence[int]) -> dict[int, Taps | None]:
        """The tables of axes that change; None where all of the result lies outside. None change if no extent does."""
        if self.shape(before) == tuple(before):
            return {}
        tables = {axis: taps(resized, self.sampling) for axis, resized in self.axes.items()}
        return {axis: t for axis, t in tables.items() if t is None or not t.is_identity(before[axis])}


def read_resize(
    shape: Sequence[int],
    attributes: Mapping[str, Any],
    roi: np.ndarray | None,
    scales: np.ndarray | None,
    sizes: np.ndarray | None,
) -> ResizeForm:
    """The form of a Resize of a tensor of ``shape``; absent operands are None or empty.

    ONNX has scales or sizes. ``spell_resizes`` gives both where sizes were rounded otherwise than by the scales.

    Raises:
        ValueError: with the reason where operands and attributes contradict each other.
    """
    sampling = _sampling(attributes)
    axes = [axis % len(shape) for axis in attributes.get("axes", range(len(shape)))]
    crop = [np.float32(0)] * len(axes) + [np.float32(1)] * len(axes)
    if sampling.extrapolates:
        if roi is None or roi.size != 2 * len(axes):
            raise ValueError("tf_crop_and_resize needs a constant roi with a begin and an end for each axis")
        crop = [np.float32(value) for value in roi.reshape(-1)]
    given = {name: each for name, each in (("scales", scales), ("sizes", sizes)) if each is not None and each.size}
    for name, each in given.items():
        if each.size != len(axes) or not np.isfinite(each).all() or (each <= 0).any():
            raise ValueError(f"{name} {each.tolist()} do not fit the axes {axes} of the shape {list(shape)}")
    extents = [shape[axis] for axis in axes]
    if "sizes" in given:
        policy = str(attributes.get("keep_aspect_ratio_policy", "stretch"))
        factors, results = _factors(extents, given["sizes"].reshape(-1), policy)
    if "scales" in given:
        factors = [np.float32(scale) for scale in given["scales"].reshape(-1)]
    if "sizes" not in given:
        results = [int(np.float32(extent) * factor) for extent, factor in zip(extents, factors, strict=True)]
    if min(results, default=1) < 1 or max(results, default=1) > 1 << 24:
        raise ValueError(f"it gives {results} elements along the axes {axes}")
    resized = (
        ResizedAxis(extent, result, factor, crop[i], crop[len(axes) + i])
        for i, (extent, result, factor) in enumerate(zip(extents, results, factors, strict=True))
    )
    return ResizeForm(sampling, dict(zip(axes, resized, strict=True)))


def _factors(extents: Sequence[int], sizes: np.ndarray, policy: str) -> tuple[list[np.float32], list[int]]:
    """Scales and sizes of axes that a model gives sizes for."""
    factors = [np.float32(size) / np.float32(extent) for extent, size in zip(extents, sizes, strict=True)]
    if policy == "stretch":
        return factors, [int(size) for size in sizes]
    factor = min(factors) if policy == "not_larger" else max(factors)
    return [factor] * len(factors), [math.floor(np.float32(extent) * factor + np.float32(0.5)) for extent in extents]


def _sampling(attributes: Mapping[str, Any]) -> Sampling:
    sampling = Sampling(
        method=str(attributes.get("mode", "nearest")),
        coordinates=str(attributes.get("coordinate_transformation_mode", "half_pixel")),
        rounding=str(attributes.get("nearest_mode", "round_prefer_floor")),
        cubic_a=float(attributes.get("cubic_coeff_a", -0.75)),
        exclude_outside=bool(attributes.get("exclude_outside", 0)),
        antialias=bool(attributes.get("antialias", 0)),
    )
    for value, known in (
        (sampling.method, ("nearest", "linear", "cubic")),
        (sampling.coordinates, COORDINATES),
        (sampling.rounding, ROUNDINGS),
        (str(attributes.get("keep_aspect_ratio_policy", "stretch")), ("stretch", "not_larger", "not_smaller")),
    ):
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")
    return sampling


def resize_sizes(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The shape of the result, where sizes or scales are constant; None where inference decides."""
    form, shape = _form(graph, node), graph.shape(node.inputs[0])
    return None if form is None or shape is None else form.shape(shape)


def _form(graph: Graph, node: Node) -> ResizeForm | None:
    """The node's form; None where its sizes are not constant."""
    shape = graph.shape(node.inputs[0])
    roi, scales, sizes = (graph.constant(node.input(index)) for index in (1, 2, 3))
    if shape is None or not any(found is not None and found.size for found in (scales, sizes)):
        return None
    try:
        form = read_resize(shape, node.attributes, roi, scales, sizes)
        meant = _meant_sizes(graph, node, form)
        return form if meant is None else read_resize(shape, node.attributes, roi, None, meant)
    except ValueError as error:
        raise node_error(node, str(error), "correct the model") from None


def _meant_sizes(graph: Graph, node: Node, form: ResizeForm) -> np.ndarray | None:
    """Sizes of the axes where the scales lead to others than the file declares, or miss a whole number by a hair."""
    scales, declared = graph.constant(node.input(2)), graph.declared.get(node.outputs[0], ())
    if scales is None or scales.size == 0 or node.input(3):
        return None
    meant = []
    for (axis, resized), scale in zip(form.axes.items(), scales.reshape(-1).tolist(), strict=True):
        exact = resized.before * scale
        size = round(exact) if abs(exact - round(exact)) < _PIXEL_TOLERANCE else resized.after
        claim = declared[axis] if axis < len(declared) else None
        # less than what the scale gives is claimed by ONNX's own inference, in float64
        is_meant = claim is not None and abs(exact - claim) < 1 and claim >= resized.after
        meant.append(claim if is_meant else size)
    same = meant == [resized.after for resized in form.axes.values()]
    return None if same else np.array(meant, np.int64)


def convert_resized_types(graph: Graph) -> None:
    """Resizes of other types than float32, which do more than to pick elements, in float32. Types must be inferred.

    int8 and uint8 are dequantised and quantised again; others converted, as ONNX Runtime does.
    """

    def rewrite(node: Node) -> list[Node] | None:
        dtype = graph.dtype(node.input(0))
        attributes = node.attributes
        picks = attributes.get("mode", "nearest") == "nearest"
        crops = attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
        if node.op_type != "Resize" or node.domain or dtype in (None, "float32") or (picks and not crops):
            return None
        shape = graph.types[node.inputs[0]].shape
        before, after, result = graph.fresh(node.inputs[0]), graph.fresh(node.outputs[0]), node.outputs[0]
        graph.types[before] = ValueType("float32", shape)
        graph.types[after] = ValueType("float32", graph.types[result].shape)
        ends = (("dequantize", node.inputs[0], before), ("quantize", after, result))
        if dtype in ("int8", "uint8"):
            operands = _quantization(graph, node, str(dtype), crops)
            made = [
                Node(graph.node_name(f"{node.name}_{verb}"), f"{verb.title()}Linear", [source, *operands], [target])
                for verb, source, target in ends
            ]
        else:
            made = [
                Node(graph.node_name(f"{node.name}_{name}"), "Cast", [source], [target], {"to": to})
                for (_, source, target), name, to in zip(
                    ends, ("widen", "narrow"), (_onnx_type("float32"), _onnx_type(str(dtype))), strict=True
                )
            ]
        node.inputs[0], node.outputs = before, [after]
        return [made[0], node, made[1]]

    graph.expand(rewrite)


def _onnx_type(dtype: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _quantization(graph: Graph, node: Node, dtype: str, crops: bool) -> list[str]:
    """Scale and zero point of a tensor of integers that is resized; any will do, for the weights sum to 1.

    What is put in where a crop leaves the map is an integer.
    """
    quantisers = [graph.producers().get(node.inputs[0]), *graph.consumers().get(node.outputs[0], [])]
    for found in () if crops else quantisers:
        if found is not None and not found.domain and found.op_type in ("QuantizeLinear", "DequantizeLinear"):
            operands = found.inputs[1:3]
            if len(operands) == 2 and all(name in graph.constants for name in operands):
                scale, zero = (graph.constants[name] for name in operands)
                if scale.size == 1 and zero.dtype == np.dtype(dtype):
                    return operands
    one, zero = np.array(1, np.float32), np.array(0, dtype)
    return [graph.add_constant(f"{node.name}.scale", one), graph.add_constant(f"{node.name}.zero_point", zero)]


def spell_resizes(graph: Graph) -> None:
    """Rewrite every Resize to the form above. Types must be inferred."""

    def rewrite(node: Node) -> list[Node] | None:
        if node.op_type != "Resize" or node.domain:
            return None
        form, before = _form(graph, node), graph.shape(node.inputs[0])
        if form is None or before is None:
            graph.refuse(node, "its sizes are not constant", "export the model with fixed sizes")
            return None
        tables = form.taps(before)
        if any(table is None for table in tables.values()):
            graph.refuse(node, "all of its result lies outside of the map", "correct its roi")
            return None
        return _Spelling(graph, node, form).along(sorted(tables))

    graph.expand(rewrite)


@dataclass
class _Spelling:
    """Nodes in the place of a Resize."""

    graph: Graph
    node: Node
    form: ResizeForm

    def along(self, changed: list[int]) -> list[Node]:
        """For the axes that change, of the tensor as it is."""
        graph, node = self.graph, self.node
        shape, source, result = graph.types[node.inputs[0]].shape, node.inputs[0], node.outputs[0]
        last = len(shape) - 1
        if not changed:
            return [Node(node.name, "Identity", [source], [result])]
        if shape[0] == 1 and (len(shape), changed[0] >= 2) in ((3, True), (4, True)):
            return [self._resize(source, result, {axis: self.form.axes[axis] for axis in changed})]
        if len(shape) == 4 and shape[0] == 1 and changed[0] == 1 and changed[-1] <= 2:
            return self._channels_last(source, result, changed)
        made: list[Node] = []
        groups = [changed[:-2], changed[-2:]] if changed[-2:] == [last - 1, last] else [changed]
        steps = [[axis] for axis in groups[0]] + groups[1:]
        for number, axes in enumerate(steps):
            is_last = number == len(steps) - 1
            target = result if is_last else graph.fresh(f"{node.name}.resized")
            made += self._reshaped(source, target, axes, node.name if is_last else f"{node.name}_axis_{axes[0]}")
            source = target
        return made

    def _resize(self, source: str, result: str, axes: Mapping[int, ResizedAxis], name: str = "") -> Node:
        """The node itself, of these axes."""
        graph, node = self.graph, self.node
        before, kind = graph.types[source].shape, graph.types[source].dtype
        after = [axes[axis].after if axis in axes else extent for axis, extent in enumerate(before)]
        graph.types[result] = ValueType(kind, tuple(after))
        attributes = {key: value for key, value in node.attributes.items() if key != "keep_aspect_ratio_policy"}
        inputs = [source, "", "", ""]
        if self.form.sampling.extrapolates:
            roi = [resized.start for resized in axes.values()] + [resized.end for resized in axes.values()]
            inputs[1] = graph.add_constant(f"{node.name}.roi", np.array(roi, np.float32))
        resized = list(axes.values())
        sizes, scales = np.array([r.after for r in resized], np.int64), np.array([r.scale for r in resized], np.float32)
        if any(np.float32(r.after) / np.float32(r.before) != r.scale for r in resized):
            inputs[2] = graph.add_constant(f"{node.name}.scales", scales)
        if not inputs[2] or any(int(np.float32(r.before) * r.scale) != r.after for r in resized):
            inputs[3] = graph.add_constant(f"{node.name}.sizes", sizes)
        return Node(name or node.name, "Resize", inputs, [result], {**attributes, "axes": list(axes)})

    def _moved(self, suffix: str, shape: Sequence[int]) -> str:
        name = self.graph.fresh(f"{self.node.name}.{suffix}")
        self.graph.types[name] = ValueType(self.graph.types[self.node.inputs[0]].dtype, tuple(shape))
        return name

    def _channels_last(self, source: str, result: str, changed: list[int]) -> list[Node]:
        name, (n, h, w, c) = self.node.name, self.graph.types[source].shape
        first = self._moved("nchw", (n, c, h, w))
        resized = self._moved("resized", ())
        node = self._resize(first, resized, {axis + 1: self.form.axes[axis] for axis in changed})
        names = [self.graph.node_name(f"{name}_to_channels_{where}") for where in ("first", "last")]
        return [
            Node(names[0], "Transpose", [source], [first], {"perm": [0, 3, 1, 2]}),
            node,
            Node(names[1], "Transpose", [resized], [result], {"perm": [0, 2, 3, 1]}),
        ]

    def _reshaped(self, source: str, result: str, axes: list[int], name: str) -> list[Node]:
        """One axis, or the last two, as rows and columns of a map."""
        shape = self.graph.types[source].shape
        ahead, behind = math.prod(shape[: axes[0]]), math.prod(shape[axes[-1] + 1 :])
        wide = (1, ahead, *(shape[axis] for axis in axes), *([behind] if len(axes) == 1 else []))
        first, resized = self._moved("map", wide), self._moved("resized", ())
        node = self._resize(first, resized, {2 + i: self.form.axes[axis] for i, axis in enumerate(axes)}, name)
        after = [self.form.axes[axis].after if axis in axes else extent for axis, extent in enumerate(shape)]
        self.graph.types[result] = ValueType(self.graph.types[source].dtype, tuple(after))
        reshapes = []
        for suffix, operand, target, extents in (("map", source, first, wide), ("tensor", resized, result, after)):
            sizes = self.graph.add_constant(f"{name}.shape", np.array(extents, np.int64))
            reshapes.append(Node(self.graph.node_name(f"{name}_to_{suffix}"), "Reshape", [operand, sizes], [target]))
        return [reshapes[0], node, reshapes[1]]
