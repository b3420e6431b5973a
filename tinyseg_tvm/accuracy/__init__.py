"""What a network makes of data: samples with labels, their preprocessing, scores, and float networks as reference.

``read_samples`` reads a folder of images or a ``.npz`` file, ``Preprocessing`` makes a network's input of a picture,
``Score`` counts what is right, ``Session`` runs an ONNX file by ONNX Runtime without graph optimisation.
"""

from tinyseg_tvm.accuracy.preprocessing import LAYOUTS, Preprocessing
from tinyseg_tvm.accuracy.samples import Sample, Samples, read_samples
from tinyseg_tvm.accuracy.scores import TASKS, Score
from tinyseg_tvm.accuracy.session import Session

__all__ = ["LAYOUTS", "TASKS", "Preprocessing", "Sample", "Samples", "Score", "Session", "read_samples"]
