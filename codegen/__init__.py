"""From a planned network to C: kernels, schedule, placement, weights, project files."""

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.identifiers import project_identifier
from tinyseg_tvm.codegen.operators import kernel_cost
from tinyseg_tvm.codegen.project import generate, tool_version

__all__ = ["Core", "generate", "kernel_cost", "project_identifier", "tool_version"]
