"""Ranges of all activations on calibration samples, by ONNX Runtime's calibrators."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tinyseg_tvm.accuracy.session import needed
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.quantization.placement import Range

WHOLE_RANGE = "minmax"
METHODS = (WHOLE_RANGE, "entropy", "percentile")
PERCENTILE = 99.999
AT_ONCE = 8  # samples whose activations are in memory together
_NAMES = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}

Feeds = Mapping[str, np.ndarray]


class Reader:
    """ONNX Runtime's view of samples: the next one, None at the end."""

    def __init__(self, feeds: Iterable[Feeds]) -> None:
        self._feeds: Iterator[Feeds] = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next sample."""
        found = next(self._feeds, None)
        return None if found is None else dict(found)


def activation_ranges(
    model: onnx.ModelProto,
    method: str,
    feeds: Iterable[Feeds],
    told: Callable[[int], None],
    within: Mapping[str, Range] | None = None,
) -> dict[str, Range]:
    """(low, high) of every float activation.

    ONNX Runtime gives a histogram the width of bins that suits the first block of samples, and more bins as larger
    values come: a thousand times more where a tensor is small at first. ``within`` fixes the bins beforehand.

    Args:
        model: a prepared float network.
        method: of METHODS.
        feeds: the calibration samples.
        told: of the number of samples that were just read.
        within: for methods of histograms, the range of each tensor over the same samples.

    Raises:
        TinySegError: a sample that the network does not take, or activations that are not finite.
    """
    calibrate = needed("onnxruntime.quantization.calibrate")
    chosen = getattr(calibrate.CalibrationMethod, _NAMES[method])
    options = {"symmetric": False, **({"percentile": PERCENTILE} if method == "percentile" else {})}
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            source = Path(folder, "float.onnx")
            onnx.save(model, source)
            augmented = str(Path(folder, "augmented.onnx"))
            calibrator = calibrate.create_calibrator(
                source, None, augmented, calibrate_method=chosen, extra_options=options
            )
            if within is not None:
                calibrator.collector = _collector(calibrate, calibrator, within)
            iterator = iter(feeds)
            while block := list(islice(iterator, AT_ONCE)):
                calibrator.collect_data(Reader(block))
                told(len(block))
            found = {name: _range(entry) for name, entry in calibrator.compute_data().items()}
    except TinySegError:
        raise
    except Exception as error:  # whatever ONNX Runtime makes of samples
        text = " ".join(str(error).split())[:400]
        raise TinySegError(f"calibration by {method}: {text}") from None
    for name, bounds in found.items():
        if not np.isfinite(bounds).all():
            raise TinySegError(f"tensor {name!r} takes values that are not finite on the calibration data")
    return found


def _collector(calibrate: Any, calibrator: Any, within: Mapping[str, Range]) -> Any:
    """Empty histograms over stated ranges, in the form that the calibrator keeps them in."""
    collector = calibrate.HistogramCollector(
        method=calibrator.method,
        symmetric=calibrator.symmetric,
        num_bins=calibrator.num_bins,
        num_quantized_bins=calibrator.num_quantized_bins,
        percentile=calibrator.percentile,
        scenario=calibrator.scenario,
    )
    nothing = np.zeros(0, np.float32)
    for name, bounds in within.items():
        low, high = np.float32(bounds[0]), np.float32(bounds[1])
        farthest = max(abs(low), abs(high))
        counts, edges = np.histogram(nothing, calibrator.num_bins, range=(-farthest, farthest))
        collector.histogram_dict[name] = (counts, edges, low, high, farthest)
    return collector


def _range(entry: Any) -> Range:
    low, high = (float(np.ravel(value)[0]) for value in entry.range_value)
    return low, high
