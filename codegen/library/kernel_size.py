"""Flash of a program by the kernels of its nodes, reckoned before any compiler has seen it.

The linker knows the truth. What is reckoned with is more, so that what is chosen by it links.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.library.code_bytes import UNKNOWN, code_bytes, program_bytes
from tinyseg_tvm.codegen.memories.storage_layout import StoredPart
from tinyseg_tvm.codegen.operators import emitter_for
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.network.network import Network, Node

# By networks of 3 to 30 nodes for Cortex-M0, M3 and M4, GCC 12.2 with -O2 (tests/relay/test_flash_of_kernels.py).
_PROGRAM = 6144  # startup, fault handler, test harness, the network's driver, what they need of the C library
NODE_CODE_BYTES = 320  # a node's function, parameters, addresses of its lines
_STORAGE = 4096  # driver


@dataclass(frozen=True)
class KernelSize:
    """What a node takes of flash with one of its kernels.

    Attributes:
        constants: bytes of its constants as the kernel packs them.
        modules: of the runtime, which nodes share.
        program: C functions that were written for it; nodes for which the same are written share them.
        program_bytes: what these are reckoned with.
    """

    constants: int
    modules: frozenset[str]
    program: tuple[str, ...] = ()
    program_bytes: int = 0


def kernel_size(node: Node, network: Network, core: Core, kernel: str) -> KernelSize:
    """The flash that a node takes with the kernel of that name, which computes it."""
    view = NodeView.of(node, network, core)
    variant = next(v for v in emitter_for(node.operator.kind) if v.name == kernel and v.supports(view))
    reads, writes = tuple("read" for _ in view.inputs), tuple("write" for _ in view.outputs)
    pool = ConstantPool(Names())
    out = FunctionWriter(view, "node", reads, writes, "state", "scratch", pool, StoredPart(0, 0, 0))
    variant.emit(view, out)
    estimate = variant.code(view)
    code = program_bytes(estimate, core) if estimate else UNKNOWN[0 if core.has_fpu else 1]
    return KernelSize(pool.size, frozenset(out.modules), tuple(out.sources), code if out.sources else 0)


def program_flash(sizes: Collection[KernelSize], core: Core, storages: int = 0) -> tuple[int, int]:
    """Bytes of code and of constants of a program whose nodes take ``sizes``, with so many storages."""
    modules = {module for size in sizes for module in size.modules}
    programs = {size.program: size.program_bytes for size in sizes}
    code = (
        _PROGRAM
        + NODE_CODE_BYTES * len(sizes)
        + _STORAGE * storages
        + sum(code_bytes(module, core) for module in modules)
    )
    return code + sum(programs.values()), sum(size.constants for size in sizes)
