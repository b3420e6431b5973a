"""From a planned network to C: kernels, schedule, placement, weights, project files."""

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.library.context import context_bytes
from tinyseg_tvm.codegen.library.fast_memory import FastContents, FastSpace
from tinyseg_tvm.codegen.library.kernel_size import NODE_CODE_BYTES, KernelSize, kernel_size, program_flash
from tinyseg_tvm.codegen.library.model_library_format import export_library_format
from tinyseg_tvm.codegen.library.project import fast_contents, generate, tool_version
from tinyseg_tvm.codegen.memories.storage_layout import storage_regions
from tinyseg_tvm.codegen.operators import kernel_choices, kernel_cost, kernel_costs
from tinyseg_tvm.codegen.text.identifiers import project_identifier

__all__ = [
    "NODE_CODE_BYTES",
    "Core",
    "FastContents",
    "FastSpace",
    "KernelSize",
    "context_bytes",
    "export_library_format",
    "fast_contents",
    "generate",
    "kernel_choices",
    "kernel_cost",
    "kernel_costs",
    "kernel_size",
    "program_flash",
    "project_identifier",
    "storage_regions",
    "tool_version",
]
