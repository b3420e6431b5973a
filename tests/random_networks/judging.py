"""Compiles a case and says whether what comes out is right."""

from __future__ import annotations

import contextlib
import io
import json
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from tests.random_networks.cases import Case
from tinyseg_tvm import micro, relay
from tinyseg_tvm.cli.main import main as command_line
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.network import reference

TOLERANCE = 1e-4  # of the largest magnitude in a float tensor
FINDINGS = ("internal", "refused", "wrong", "differs", "promise", "crash", "time", "invalid")
"""Verdicts that are findings; the others are ``right`` and ``unfit`` (the board is too small)."""
SMALL_BOARDS = ("microbit", "lm3s6965evb")


@dataclass(frozen=True)
class Verdict:
    """What was seen.

    Attributes:
        kind: ``right``, ``unfit`` or one of ``FINDINGS``.
        message: the error, or which output is wrong by how much.
    """

    kind: str
    message: str = ""

    @property
    def signature(self) -> str:
        """What two findings of one cause mostly have in common: the message without names and numbers."""
        plain = re.sub(r"'[^']*'|\"[^\"]*\"|\S*__\d+\S*", "*", self.message.split("\n")[-1])
        return f"{self.kind}: {re.sub(r'[0-9][0-9,.e+-]*', '#', plain)[:160]}"


def judge(case: Case, folder: Path, run: bool, watch: bool = False) -> Verdict:
    """Compiles the case, computes it by the reference executor and, where ``run``, by the program on its board.

    Args:
        case: what to compile.
        folder: where model and project are written to.
        run: the project is built, and runs natively or in QEMU.
        watch: what runs is watched: on the host by address and undefined-behaviour sanitizers, in QEMU every store, and
            the stack that it takes beside the most that its code can.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(case.model, str(folder / "model.onnx"))
    try:
        expected = case.expected()
        allowed = case.noisy() if case.quantisations else []
        given = _as_given(case)
    except Exception as error:  # the binding raises many types without a common base
        return Verdict("invalid", f"ONNX Runtime refuses the model: {_line(error)}")
    problem = "" if given is None else _wrong(case, given, expected, allowed, on_average=False)
    if problem:
        return Verdict("invalid", f"the model as it is written is not its float network: {problem}")
    try:
        return _compiled(case, folder, run, watch, expected, allowed)
    except DoesNotFitError as error:
        return Verdict("unfit" if case.options.build["board"] in SMALL_BOARDS else "refused", str(error))
    except TinySegError as error:
        return Verdict("internal" if "internal:" in str(error) else "refused", str(error))
    except Exception as error:  # what the judge is here for
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.name}"
        return Verdict(
            "internal", f"{traceback.format_exc()[-3000:]}\n{type(error).__name__} in {place}: {_line(error)}"
        )


def _as_given(case: Case) -> list[list[np.ndarray]] | None:
    """What ONNX Runtime makes of the very model; None where it is valid, but has types that it does not implement."""
    try:
        return case.as_given()
    except Exception as error:
        if "NOT_IMPLEMENTED" in str(error):
            return None
        raise


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:600]


def _compiled(
    case: Case,
    folder: Path,
    run: bool,
    watch: bool,
    expected: list[list[np.ndarray]],
    allowed: list[list[list[np.ndarray]]],
) -> Verdict:
    factory = _build(case, folder / "model.onnx", None)
    if case.options.ram_share is not None:
        limit = max(1, int(_main_ram(factory) * case.options.ram_share))
        try:
            factory = _build(case, folder / "model.onnx", limit)
        except DoesNotFitError as error:
            try:
                factory = _build(case, folder / "model.onnx", error.needed_bytes)
            except DoesNotFitError as again:
                return Verdict("promise", f"--ram {limit} names {error.needed_bytes} bytes that do not do: {again}")
    stated = factory.options.ram
    if stated is not None and _main_ram(factory) > stated:
        return Verdict("promise", f"--ram {stated} gives a plan of {factory.memory}")
    results = [reference.run(factory.network, vector) for vector in case.feeds]
    problem = _wrong(case, results, expected, allowed)
    if problem:
        return Verdict("wrong", problem)
    if not run:
        return Verdict("right")
    project = micro.generate_project(
        factory.board, factory, folder / "project", ram_limit=stated, storages=factory.storages
    )
    if watch:
        seen = _watched(project)
        if seen is not None or factory.board.is_host:
            return seen or Verdict("right")
    text, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(errors):
        status = command_line(["run", str(folder / "project"), "--json", "-q", "--timeout", "60"])
    if not text.getvalue():
        return Verdict("differs", f"tinyseg run ends with {status}: {errors.getvalue()[-1500:]}")
    figures = json.loads(text.getvalue())
    if figures["disagreements"] or status:
        return Verdict("differs", f"{figures['disagreements']} values differ from the reference's")
    if not factory.board.is_host and figures["ram"]["total"] > factory.memory.total:
        return Verdict("promise", f"{figures['ram']} measured, promised {factory.memory}")
    return Verdict("right")


def _watched(project: micro.Project) -> Verdict | None:
    """What a watched run did that it must not; None where nothing."""
    host = project.board.is_host
    try:
        result = project.run(sanitize=host, watch_writes=not host, timeout=60)
    except micro.DeviceFaultError as error:
        return Verdict("crash", str(error))
    if result.status or result.mismatches:
        return Verdict("differs", f"watched, it ends with {result.status}, {result.mismatches} values differ")
    if result.stray_writes:
        return Verdict("crash", f"it writes where it must not: {result.stray_writes[0]}")
    for name, most in project.deepest_stacks(result.elf).items():
        if most.unbounded:
            return Verdict("promise", f"nothing bounds the stack of {name}: {', '.join(most.unbounded)}")
        if name == "program" and not result.ram.stack <= most.bytes:
            return Verdict("promise", f"it took {result.ram.stack} bytes of stack, by its code {most.bytes} are most")
    return None


def _main_ram(factory: relay.Factory) -> int:
    """What counts against --ram."""
    return factory.memory.total - factory.memory.slow


def _build(case: Case, model: Path, ram: int | None) -> relay.Factory:
    options = relay.BuildOptions(**case.options.build)
    if ram is not None:
        options = replace(options, ram=ram)
    imported = relay.frontend.from_onnx(model, case.shapes or None)
    try:
        return relay.build(imported, options)
    except TinySegError as error:
        # What "tinyseg ops" calls a step over whole tensors has no columns; the message says so, and what to do.
        if options.stream_axis != "columns" or "stream it by rows" not in str(error):
            raise
        return relay.build(imported, replace(options, stream_axis="rows"))


def _wrong(
    case: Case,
    results: Sequence[Sequence[np.ndarray]],
    expected: Sequence[Sequence[np.ndarray]],
    noisy: Sequence[Sequence[Sequence[np.ndarray]]],
    on_average: bool = True,
) -> str:
    """What is wrong with results per vector; empty where nothing is. ``on_average``: the average is judged, too."""
    for vector, (ours, right) in enumerate(zip(results, expected, strict=True)):
        if len(ours) != len(right):
            return f"{len(ours)} outputs, there are {len(right)}"
        for index, (a, b) in enumerate(zip(ours, right, strict=True)):
            twins = [twin[vector][index] for twin in noisy]
            problem = _unlike(a, b, twins, case.step(index), on_average)
            if problem:
                return f"output {index} of vector {vector}: {problem}"
    return ""


def _unlike(ours: np.ndarray, right: np.ndarray, noisy: Sequence[np.ndarray], step: float, on_average: bool) -> str:
    """How one output differs by more than rounding can explain.

    What rounding can do is seen in the noisy twins, whose every tenth value of each layer was moved to its neighbour;
    without quantisation there are none, and floats lie within ``TOLERANCE`` of the largest magnitude.
    """
    if ours.shape != right.shape:
        return f"its shape is {ours.shape}, not {right.shape}"
    if ours.dtype != right.dtype:
        return f"its type is {ours.dtype}, not {right.dtype}"
    wide = right.astype(np.float64)
    difference = np.abs(ours.astype(np.float64) - wide)
    by_noise = [np.abs(twin.astype(np.float64) - wide) for twin in noisy]
    if right.dtype == np.int64:
        share = max([float((d != 0).mean()) for d in by_noise], default=0.0)
        found = float((difference != 0).mean())
        return f"{found:.1%} of the classes differ, noise explains {share:.1%}" if found > 2 * share + 0.1 else ""
    rounding = max(step, TOLERANCE * float(np.abs(wide).max(initial=0)), 1e-6)
    most = max([float(d.max()) for d in by_noise], default=0.0)
    mean = max([float(d.mean()) for d in by_noise], default=0.0)
    if not difference.max() <= 2 * most + 1.01 * rounding:
        return f"it differs by {difference.max():.4g}, noise explains {most:.4g}, the step is {step:.4g}"
    # Of a few values, all may be next to a tie.
    by_chance = max(0.1, 3 / difference.size) if noisy else 1.0
    if on_average and not difference.mean() <= 2 * mean + by_chance * rounding:
        return f"it differs by {difference.mean():.4g} on average, noise explains {mean:.4g}, the step is {step:.4g}"
    return ""
