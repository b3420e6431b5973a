"""From a planned network to C: kernels, schedule, placement, weights, project files."""

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.identifiers import project_identifier
from tinyseg_tvm.codegen.model_library_format import export_library_format
from tinyseg_tvm.codegen.operators import kernel_choices, kernel_cost
from tinyseg_tvm.codegen.project import generate, tool_version
from tinyseg_tvm.codegen.storage_layout import storage_regions

__all__ = [
    "Core",
    "export_library_format",
    "generate",
    "kernel_choices",
    "kernel_cost",
    "project_identifier",
    "storage_regions",
    "tool_version",
]
