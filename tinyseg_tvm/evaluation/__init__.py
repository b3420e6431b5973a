"""What firmware is worth: its own C on this computer over thousands of samples, against labels and a float network."""

from tinyseg_tvm.accuracy import Preprocessing
from tinyseg_tvm.accuracy.scores import Reading
from tinyseg_tvm.evaluation.documents import make_folder, write_documents
from tinyseg_tvm.evaluation.evaluator import Evaluation, EvaluationOptions, evaluate
from tinyseg_tvm.evaluation.outcomes import Outcome
from tinyseg_tvm.evaluation.source import opened_project

__all__ = [
    "Evaluation",
    "EvaluationOptions",
    "Outcome",
    "Preprocessing",
    "Reading",
    "evaluate",
    "make_folder",
    "opened_project",
    "write_documents",
]
