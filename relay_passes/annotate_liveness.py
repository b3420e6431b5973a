"""Attaches ``tinyseg.liveness`` to ``main``: what ``network.liveness`` finds, keyed by binding name.

It is the last pass of all, over the module as it is generated: spilled tensors wait in storage, not in memory.

{"steps": int,
 "peak": {"step": int, "bytes": int, "alive": {name: lines}},
 "tensors": {name: {"lines", "line_bytes", "birth", "death", "cold": [{"begin", "end", "lines"}, ...]}}}
"""

from __future__ import annotations

from dataclasses import asdict

from tinyseg_tvm.network import liveness
from tinyseg_tvm.relay_passes.dataflow import with_main_attrs
from tinyseg_tvm.relay_passes.expressions import Module
from tinyseg_tvm.relay_passes.rewriting import module_pass
from tinyseg_tvm.relay_passes.to_network import to_network

LIVENESS = "tinyseg.liveness"


@module_pass("annotate_liveness")
def annotate_liveness(module: Module) -> Module:
    """Annotate a lowered module with the lives of its tensors."""
    found = liveness.analyse(to_network(module))
    tensors = {name: {**asdict(life), "cold": [asdict(c) for c in life.cold]} for name, life in found.lives.items()}
    record = {
        "steps": found.steps,
        "peak": {"step": found.peak_step, "bytes": found.peak_bytes, "alive": found.alive_at_peak},
        "tensors": tensors,
    }
    return with_main_attrs(module, {LIVENESS: record})
