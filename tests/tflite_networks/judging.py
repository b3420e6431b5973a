"""Judges random TensorFlow Lite networks: by the interpreter for microcontrollers, and by programs on the host."""

from __future__ import annotations

import faulthandler
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tests.codegen.harness import problem_of
from tests.end_to_end.shared_program import Entry, Member, build_program
from tests.tflite_networks.choosing import file_of, random_network
from tests.tflite_networks.growing import LIMITS
from tinyseg_tvm.codegen.library.rules import rule_macros
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.relay_passes import lower

VECTORS = 2
ARENA_BYTES = 1 << 22


@dataclass(frozen=True)
class Case:
    """A network, its file and what the interpreter's inputs are. Equal seeds and numbers give equal cases."""

    seed: int
    number: int

    @cached_property
    def file(self) -> bytes:
        """The model."""
        return file_of(random_network(self.seed, self.number))

    @cached_property
    def network(self) -> Network:
        """As the compiler lowers it."""
        return lower(from_tflite(self.file)[0])

    @cached_property
    def vectors(self) -> list[list[np.ndarray]]:
        """Codes of the whole range."""
        draw = np.random.default_rng([self.seed, self.number, 1])
        made = []
        for _ in range(VECTORS):
            ports = [(port.model_shape, port.model_dtype) for port in self.network.inputs]
            made.append([draw.integers(*LIMITS[t], shape, dtype=t, endpoint=True) for shape, t in ports])
        return made

    @cached_property
    def results(self) -> list[list[np.ndarray]]:
        """The reference executor's, one inference after the other without a reset."""
        states = initial_states(self.network)
        return [reference.run(self.network, vector, states=states) for vector in self.vectors]

    def judged_by(self, runtime: Any) -> str | None:
        """What differs from the interpreter of ``tflite_micro.runtime``; empty: nothing, None: it does not run it.

        The interpreter has a process of its own, which it may end.
        """
        assert self.results
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.write(writing, json.dumps(self._difference(runtime)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        verdict: str | None = json.loads(said) if said else None
        return verdict

    def _difference(self, runtime: Any) -> str | None:
        try:
            interpreter = runtime.Interpreter.from_bytes(self.file, arena_size=ARENA_BYTES)
            for vector, ours in zip(self.vectors, self.results, strict=True):
                for index, array in enumerate(vector):
                    interpreter.set_input(array, index)
                interpreter.invoke()
                for index, result in enumerate(ours):
                    theirs = np.array(interpreter.get_output(index))
                    if (theirs.shape, theirs.dtype) != (result.shape, result.dtype):
                        return f"{self}: output {index} is {theirs.dtype} {theirs.shape}"
                    if (theirs != result).any():
                        return f"{self}: {(theirs != result).sum()} of {result.size} values of output {index} differ"
        except RuntimeError:  # what its binding raises for operators and types that it does not have
            return None
        return ""


def programs(cases: Sequence[Case], directory: Path) -> list[tuple[Case, Member]]:
    """The cases' networks as C for the host, as few programs as the runtime's copies allow."""
    groups: dict[tuple[str, ...], list[tuple[Case, Entry]]] = {}
    for case in cases:
        io: IoMode = "line" if case.number % 2 else "resident"
        problem = problem_of(case.network, io)
        entry = Entry(case.network, problem, optimise(problem, effort=0.01), io)
        groups.setdefault(rule_macros(case.network), []).append((case, entry))
    made = []
    for number, group in enumerate(groups.values()):
        members = build_program([entry for _, entry in group], directory / f"program{number}")
        made += [(case, member) for (case, _), member in zip(group, members, strict=True)]
    return made


def differing(case: Case, member: Member) -> int:
    """Values of the program's outputs that are not the reference executor's, each inference being a first one."""
    network, count = case.network, 0
    for vector in case.vectors:
        wanted = reference.run(network, vector)
        given = [reference.to_device(network, port, array) for port, array in zip(network.inputs, vector, strict=True)]
        outputs, _ = member.run(given)
        for port, output, expected in zip(network.outputs, outputs, wanted, strict=True):
            count += int((reference.from_device(network, port, output) != expected).sum())
    return count
