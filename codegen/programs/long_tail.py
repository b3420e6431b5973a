"""C of operators without a kernel of ours, from TVM's C generator.

A PrimFunc is lowered to a plain C function of pointers: TVM ships a packed calling convention only, so its parameters
are bound to raw pointers here, and the buffers it allocates are laid out one after the other in a workspace that the
planner places as scratch. TVM's headers and macros are stripped from the result; what remains needs ``stdint`` and,
where the program does, ``math``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from tinyseg_tvm.codegen.text.runtime_files import include_path
from tinyseg_tvm.errors import TinySegError

PLACEHOLDER = "tinyseg_long_tail"
WORKSPACE_ALIGNMENT = 16


@dataclass(frozen=True)
class LoweredProgram:
    """C of one PrimFunc.

    Attributes:
        source: the definition of ``void tinyseg_long_tail(...)``; the last parameter is ``uint8_t *workspace``
            where there is a workspace.
        workspace_bytes: size of the workspace, 0 for none.
    """

    source: str
    workspace_bytes: int


@cache
def lower_program(prim_func: Any) -> LoweredProgram:
    """C of a ``tvm.tirx.PrimFunc`` whose buffers are placed in the workspace one after the other.

    Raises:
        TinySegError: TVM's C generator cannot express the program.
    """
    from tinyseg_tvm.codegen.programs.wrapping import wrap_arithmetic

    return lower_placed(wrap_arithmetic(prim_func), None)


def lower_placed(prim_func: Any, offsets: Mapping[str, int] | None) -> LoweredProgram:
    """C of a ``tvm.tirx.PrimFunc``.

    Args:
        prim_func: the program.
        offsets: where each of its buffers lies in the workspace, by name (others are not used); None: wherever.

    Raises:
        TinySegError: TVM's C generator cannot express the program.
    """
    import tvm

    _register_missing_lowerings()
    target = tvm.target.Target({"kind": "c"})
    prim_func = _from_their_beginning(prim_func)
    module = tvm.IRModule({PLACEHOLDER: prim_func.with_attr("global_symbol", PLACEHOLDER)})
    try:
        with target:
            module = _lowered(module, target, reuse=offsets is None)
            function = next(iter(module.functions.values()))
            module, workspace = _with_workspace(function, offsets)
            module = tvm.tirx.transform.LowerIntrin()(module)
            text = tvm.get_global_func("target.build.c")(module, target).inspect_source()
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[-1][:300]
        raise TinySegError(f"TVM's C generator cannot express it: {reason}") from None
    return LoweredProgram(_plain(text), workspace)


def _from_their_beginning(prim_func: Any) -> Any:
    """The program on buffers that begin at their pointers; some of TVM's leave open at which element they begin."""
    from tvm import ir, tirx

    anchored = {
        parameter: tirx.decl_buffer(list(parameter.ty.shape), str(parameter.ty.dtype), parameter.name)
        for parameter in prim_func.params
        if tirx.buffer.is_buffer_var(parameter) and isinstance(parameter.ty.elem_offset, ir.Var)
    }
    return prim_func.specialize(anchored) if anchored else prim_func


@lru_cache(maxsize=1)
def _register_missing_lowerings() -> None:
    """TVM 0.27 has no rule for fabs in C."""
    from tvm import tirx
    from tvm.tirx.op import register_intrin_lowering

    register_intrin_lowering(
        "tirx.fabs",
        target="c",
        level=11,
        f=lambda op: tirx.call_pure_extern("float32", "fabsf", op.args[0]),
    )


def _lowered(module: Any, target: Any, *, reuse: bool) -> Any:
    """From a scheduled PrimFunc to loops over flat buffers, some for several uses where that is wanted."""
    import tvm
    from tvm import s_tir, tirx

    before, after = s_tir.transform, tirx.transform
    return tvm.ir.transform.Sequential(
        [
            before.CanonicalizeLoop(),
            before.LowerInitBlock(),
            before.PlanAndUpdateBufferAllocationLocation(),
            before.ConvertBlocksToOpaque(),
            before.CompactBufferAllocation(),
            before.LowerMatchBuffer(),
            before.StmtSimplify(),
            before.LowerOpaqueBlock(),
            after.FlattenBuffer(),
            after.NarrowDataType(32),
            before.LoopPartition(),
            after.VectorizeLoop(False),
            *([after.StorageRewrite()] if reuse else []),
            before.HoistIfThenElse(),
            after.UnrollLoop(),
            before.RenormalizeSplitPattern(),
            after.StmtSimplify(),
            after.RemoveNoOp(),
            before.RewriteUnsafeSelect(),
            after.BindTarget(target.with_host(target)),
        ]
    )(module)


def _with_workspace(function: Any, offsets: Mapping[str, int] | None) -> tuple[Any, int]:
    """The function with raw pointers for parameters and its allocations in a workspace; the workspace's size."""
    import tvm
    import tvm_ffi
    from tvm import ir, tirx

    parameters, declarations = [], []
    for parameter in function.params:
        if tirx.buffer.is_buffer_var(parameter):
            pointer_type = ir.PointerType(ir.PrimType(str(parameter.ty.dtype)), parameter.ty.storage_scope)
            pointer = ir.Var(f"{parameter.name}_pointer", pointer_type)
            declarations.append(tirx.DeclBuffer(parameter, data=pointer))
            parameters.append(pointer)
        else:
            parameters.append(parameter)
    workspace = ir.Var("workspace", ir.PointerType(ir.PrimType("uint8")))
    end = 0

    def place(allocation: Any) -> Any:
        nonlocal end
        buffer = allocation.buffer
        if offsets is not None and buffer.name not in offsets:
            return tirx.Evaluate(0)
        elements = int(np.prod([int(extent) for extent in buffer.shape]))
        offset = -(-end // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT if offsets is None else offsets[buffer.name]
        end = max(end, offset + elements * np.dtype(str(buffer.dtype)).itemsize)
        address = tirx.reinterpret("handle", tirx.handle_add_byte_offset(workspace, offset))
        return tirx.DeclBuffer(buffer, data=address)

    body = tvm_ffi.structural_map(function.body, (tirx.AllocBuffer, place))
    if end:
        parameters.append(workspace)
    body = tirx.SeqStmt([*declarations, body]) if declarations else body
    plain = tirx.PrimFunc(parameters, body, function.ret_type, function.attrs)
    return tvm.IRModule({PLACEHOLDER: plain}), end


_GUARD = re.compile(r"^#ifdef __cplusplus\n.*?^#endif[^\n]*\n", re.MULTILINE | re.DOTALL)
_PROTOTYPE = re.compile(r"^\w+ \w+\([^;{]*\);\n", re.MULTILINE)
_PREPROCESSOR = re.compile(r"^\s*(#include|#define|#undef|// tvm|void\* __tvm_ffi__library_ctx).*\n", re.MULTILINE)


def _plain(text: str) -> str:
    """Generated C without TVM's headers, macros and prototypes."""
    text = _GUARD.sub("", text)
    text = _PREPROCESSOR.sub("", text)
    text = text.replace("TVM_DLL ", "")
    text = _PROTOTYPE.sub("", text)
    text = re.sub(r"\binff?\b", "INFINITY", text)  # as printed by TVM 0.27, no C
    text = re.sub(r"\bnanf?\b(?!\()", "NAN", text)
    text = text.encode("ascii", "replace").decode()
    return text.strip() + "\n"


def long_tail_files(name: str, functions: Sequence[str], headers: Sequence[str] = ()) -> dict[str, str]:
    """``src/<name>_tvm.c`` with the functions, and its header; nothing where there are none.

    Args:
        name: the project's.
        functions: C of each function, after that of those it calls alone.
        headers: of the runtime, that they need.
    """
    if not functions:
        return {}
    prototypes = "\n".join(f"{_prototype(function)};" for function in functions)
    guard = f"{name.upper()}_TVM_H"
    header = (
        f"/* Operators of {name} that TVM's C generator wrote. */\n"
        f"#ifndef {guard}\n#define {guard}\n\n#include <stdbool.h>\n#include <stdint.h>\n\n{prototypes}\n\n#endif\n"
    )
    libm = sorted({word for function in functions for word in re.findall(r"\b([a-z0-9]+f?)\(", function)} & _LIBM)
    uses = f"libm functions used: {', '.join(libm)}" if libm else "no libm functions are used"
    source = (
        f"/* Operators of {name} that TVM's C generator wrote; {uses}. */\n"
        "#if defined(__GNUC__)\n"
        '#pragma GCC diagnostic ignored "-Wconversion"\n'
        '#pragma GCC diagnostic ignored "-Wsign-conversion"\n'
        '#pragma GCC diagnostic ignored "-Wfloat-conversion"\n'
        '#pragma GCC diagnostic ignored "-Wunused-variable"\n'
        '#pragma GCC diagnostic ignored "-Wunused-parameter"\n'
        '#pragma GCC diagnostic ignored "-Wshadow"\n'
        '#pragma GCC diagnostic ignored "-Wsign-compare"\n'
        "#endif\n"
        f'#include "{name}_tvm.h"\n\n' + "".join(f'#include "{include_path(header)}"\n' for header in headers) + "\n"
        "#include <math.h>\n#include <stddef.h>\n#include <string.h>\n\n" + "\n".join(functions)
    )
    return {f"src/{name}_tvm.c": source, f"src/{name}_tvm.h": header}


def function_names(source: str) -> tuple[str, ...]:
    """Names of the functions that a text of ``LoweredProgram.source`` defines."""
    return tuple(re.findall(r"^(?:\w+ )+\**(\w+)\([^;{]*\)\s*\{", source, re.MULTILINE))


_LIBM_STEMS = """acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf exp exp2 exp10 fabs floor
fmod hypot ldexp log log10 log1p log2 nearbyint nextafter pow rint round sin sinh sqrt tan tanh trunc fmax fmin"""
_LIBM = frozenset(f"{stem}{suffix}" for stem in _LIBM_STEMS.split() for suffix in ("", "f"))


def _prototype(function: str) -> str:
    match = re.search(r"^(void \w+\([^)]*\)) \{", function, re.MULTILINE)
    if match is None:
        raise AssertionError("the C generator wrote no function")
    return match[1]
