"""``quantize``: from a float network and samples to the best of its int8 networks."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from tinyseg_tvm.accuracy import Preprocessing, Samples, read_samples
from tinyseg_tvm.accuracy.ports import (
    PortScale,
    check_classes,
    check_preprocessing,
    check_same_ranges,
    check_threshold,
    data_ranges,
    folded_normalisation,
    real_values,
)
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.given import shown
from tinyseg_tvm.quantization import preparation
from tinyseg_tvm.quantization.calibration import WHOLE_RANGE, activation_ranges
from tinyseg_tvm.quantization.choice import Candidate, best, compared
from tinyseg_tvm.quantization.engine import port_quantization, quantized, with_quantized_ports
from tinyseg_tvm.quantization.noise import LayerNoise, layer_noise
from tinyseg_tvm.quantization.options import QuantizationOptions
from tinyseg_tvm.quantization.placement import Range, placement_of, shared_ranges

LAYER_SAMPLES = 8  # by which the noise of layers is measured

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Quantized:
    """A quantised network, and how it was found.

    Attributes:
        model: the ONNX network.
        method: of calibration, the best of ``candidates``.
        candidates: all that were compared.
        task: of the labels by which they were; empty: by signal to noise.
        samples: by how many samples.
        float_figure: of the float network by the same labels; None without labels.
        layers: signal to noise of each layer.
        ports: scale and zero point of those that carry integers.
    """

    model: onnx.ModelProto
    method: str
    candidates: tuple[Candidate, ...]
    task: str
    samples: int
    float_figure: float | None
    layers: tuple[LayerNoise, ...]
    ports: Mapping[str, tuple[float, int]]

    @property
    def worst(self) -> LayerNoise | None:
        """The layer that adds most noise."""
        return max(self.layers, key=lambda layer: layer.added, default=None)

    def save(self, path: Path) -> None:
        """Writes the network; a file that was there stays whole until it is replaced."""
        partial = path.with_name(f".{path.name}.partial")
        try:
            partial.write_bytes(self.model.SerializeToString())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def quantize(
    model: str | Path,
    calibration: str | Path,
    *,
    evaluation: str | Path | None = None,
    options: QuantizationOptions | None = None,
    progress: Progress | None = None,
) -> Quantized:
    """Quantises a float network after training.

    Args:
        model: an ONNX file of float32 or float16.
        calibration: a folder of images or a ``.npz`` file, as ``read_samples`` takes it.
        evaluation: likewise, with labels: the calibration method is chosen by them. Default: the calibration samples.
        options: see there.
        progress: told what is being done and how far it is, 0 to 1.

    Raises:
        UsageError: options that contradict the model or the data, or data of different ranges.
        TinySegError: a file that cannot be read, a library that is missing, a network that cannot be quantised.
    """
    options = options or QuantizationOptions()
    told = progress or _silent
    network = preparation.load_float(Path(model))
    calibrating, scoring = _data(network, Path(calibration), None if evaluation is None else Path(evaluation), options)
    prepared, preprocessing, stated = _prepared(network, calibrating, options)
    names = [port.name for port in preparation.network_inputs(prepared)]
    ranges = data_ranges(calibrating, names, preprocessing)
    _check_shapes(prepared, calibrating, preprocessing)
    check_classes(scoring, preparation.shape_of(prepared.graph.output[0]), "float32", options.reading)
    if scoring is not calibrating:
        others = data_ranges(scoring, names, preprocessing)
        check_same_ranges(others, scoring.source, ranges, f"the calibration data {calibrating.source}")
    excluded = _excluded(prepared, options.excluded)
    placement = placement_of(prepared)
    first = real_values(calibrating.read(0), names, preprocessing)

    def of_ranges(found: Mapping[str, Range]) -> onnx.ModelProto:
        return quantized(
            prepared,
            shared_ranges(prepared, found),
            placement,
            sample=first,
            excluded=excluded,
            int16=options.activations == "int16",
            stated=stated,
        )

    def found_by(method: str, within: Mapping[str, Range] | None) -> dict[str, Range]:
        count = _Count(f"calibrating by {method}", len(calibrating), told)
        feeds = (real_values(sample, names, preprocessing) for sample in calibrating)
        return activation_ranges(prepared, method, feeds, count, within)

    whole = found_by(WHOLE_RANGE, None)
    with_float_ports = {
        method: of_ranges(whole if method == WHOLE_RANGE else found_by(method, whole)) for method in options.methods
    }
    results = {
        method: with_quantized_ports(one) if options.ports == "quantized" else one
        for method, one in with_float_ports.items()
    }
    if scoring.task:
        _check_threshold(prepared, results[options.methods[0]], options)
    count = _Count("comparing", len(scoring), told)
    candidates, figure = compared(prepared, results, scoring, preprocessing, options.reading, count)
    chosen = best(candidates).method
    told("measuring layers", 1.0)
    feeds = (real_values(sample, names, preprocessing) for sample in calibrating.spread(LAYER_SAMPLES))
    layers = layer_noise(prepared, with_float_ports[chosen], feeds)
    return Quantized(
        model=_described(results[chosen], options),
        method=chosen,
        candidates=tuple(candidates),
        task="" if figure is None else options.reading.task,
        samples=len(scoring),
        float_figure=figure,
        layers=layers,
        ports=port_quantization(results[chosen]),
    )


def _silent(what: str, done: float) -> None:
    """Progress that nobody asked for."""


class _Count:
    """Tells progress of samples."""

    def __init__(self, what: str, total: int, told: Progress) -> None:
        self._what, self._total, self._told, self._done = what, total, told, 0

    def __call__(self, more: int) -> None:
        self._done += more
        self._told(self._what, self._done / self._total)


def _data(
    network: onnx.ModelProto, calibration: Path, evaluation: Path | None, options: QuantizationOptions
) -> tuple[Samples, Samples]:
    """Calibration samples, and those by which the methods are compared."""
    inputs = preparation.network_inputs(network)
    shape = preparation.shape_of(inputs[0])
    channels: int | None = None
    if len(inputs) == 1 and len(shape) == 4:
        channels = options.preprocessing.image_extents(shape)[2] or 3

    def read(source: Path) -> Samples:
        names = [port.name for port in inputs]
        return read_samples(source, inputs=names, channels=channels, resize=options.preprocessing.resize)

    everything = read(calibration)
    scoring = everything if evaluation is None else read(evaluation)
    if evaluation is not None and not scoring.task:
        raise UsageError(f"{evaluation} has no labels: the methods are compared by the calibration data without it")
    if scoring.task and scoring.task != options.reading.task:
        raise UsageError(f"{scoring.source} has labels of {scoring.task}: state --task {scoring.task}")
    return everything.spread(options.samples), scoring.spread(options.scored if scoring.task else options.samples)


def _prepared(
    network: onnx.ModelProto, samples: Samples, options: QuantizationOptions
) -> tuple[onnx.ModelProto, Preprocessing, dict[str, tuple[float, int]]]:
    """The prepared network, how pictures become its inputs, and what its input's integers mean."""
    inputs = preparation.network_inputs(network)
    preprocessing, first = options.preprocessing, samples.read(0)
    check_preprocessing(samples, preprocessing)
    name, shapes = inputs[0].name, dict(options.shapes)
    stated: dict[str, tuple[float, int]] = {}
    if first.pixels is not None:
        _state_size(inputs[0], first.pixels, preprocessing, shapes, options.batch)
    preparation.fix_shapes(network, shapes, options.batch)
    if first.pixels is not None and options.ports == "quantized":
        folded = folded_normalisation(preprocessing, options.activations)
        kind = np.iinfo(options.activations)
        if not preprocessing.uniform or not kind.min <= folded.zero_point <= kind.max:
            channels = first.pixels.shape[2]
            mean, std = (_each(values, channels) for values in (preprocessing.mean, preprocessing.std))
            channel = 1 if preprocessing.layout == "nchw" else 3
            preparation.prepend_normalisation(network, mean, std, channel)
            preprocessing = replace(preprocessing, mean=(0.0,), std=(1.0,))
            folded = folded_normalisation(preprocessing, options.activations)
        stated[name] = _stated(folded)
    opset = preparation.OPSET_OF_INT16 if options.activations == "int16" else preparation.OPSET
    return preparation.prepared(network, opset), preprocessing, stated


def _stated(port: PortScale) -> tuple[float, int]:
    assert port.scale is not None
    return port.scale, port.zero_point


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(values) not in (1, channels):
        raise UsageError(f"{len(values)} values for {channels} channels: state one, or one per channel")
    return values if len(values) == channels else values * channels


def _state_size(
    port: onnx.ValueInfoProto,
    pixels: np.ndarray,
    preprocessing: Preprocessing,
    shapes: dict[str, Sequence[int] | int],
    batch: int,
) -> None:
    """Gives an input whose file leaves it open the pictures' size."""
    shape = preparation.shape_of(port)
    preprocessing.image_extents(shape)
    named = {dimension.dim_param for dimension in port.type.tensor_type.shape.dim if dimension.dim_param}
    if None not in shape[1:] or port.name in shapes or named.intersection(shapes):
        return
    extents = preprocessing.image(pixels).shape
    shapes[port.name] = [
        shape[0] or batch,
        *(stated or given for stated, given in zip(shape[1:], extents[1:], strict=True)),
    ]


def _check_shapes(model: onnx.ModelProto, samples: Samples, preprocessing: Preprocessing) -> None:
    """Raises UsageError where the first sample is no input of the network."""
    ports = {port.name: preparation.shape_of(port) for port in preparation.network_inputs(model)}
    for name, values in real_values(samples.read(0), ports, preprocessing).items():
        if values.shape != ports[name]:
            height, width = preprocessing.image_extents(ports[name])[:2] if len(ports[name]) == 4 else (None, None)
            remedy = f"state --resize {height}x{width}, or another --layout" if height else "give arrays of that shape"
            raise UsageError(
                f"{samples.source}: a sample has the shape {list(values.shape)}, the input {name!r} takes "
                f"{list(ports[name])}: {remedy}"
            )


def _check_threshold(prepared: onnx.ModelProto, result: onnx.ModelProto, options: QuantizationOptions) -> None:
    """Raises UsageError where the first output says the same class whatever it is."""
    port = prepared.graph.output[0]
    scale = port_quantization(result).get(port.name)
    if scale is not None:
        check_threshold(PortScale(options.activations, *scale), preparation.shape_of(port), options.reading)


def _excluded(model: onnx.ModelProto, patterns: Iterable[str]) -> list[str]:
    """Names of the nodes that patterns name."""
    names = [node.name for node in model.graph.node]
    found: list[str] = []
    for pattern in patterns:
        matching = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
        if not matching:
            close = ", ".join(difflib.get_close_matches(pattern, names, 3, 0.3)) or ", ".join(names[:3])
            raise UsageError(f"exclude: no node is called {shown(pattern)}; there are {close} ({len(names)} in all)")
        found += matching
    return found


def _described(model: onnx.ModelProto, options: QuantizationOptions) -> onnx.ModelProto:
    """The network with its ports' scales and the preprocessing in its metadata."""
    notes: dict[str, str] = {}
    for name, (scale, zero) in port_quantization(model).items():
        notes |= {f"{name}.scale": repr(scale), f"{name}.zero_point": str(zero)}
    preprocessing = options.preprocessing
    notes["preprocessing"] = json.dumps(
        {"mean": preprocessing.mean, "std": preprocessing.std, "layout": preprocessing.layout}
    )
    helper.set_model_props(model, notes)
    model.producer_name = "tinyseg"
    onnx.checker.check_model(model, full_check=True)
    return model
