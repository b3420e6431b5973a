"""The project that is evaluated: one that is there, or one that is made of a model."""

from __future__ import annotations

from pathlib import Path

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.micro import Project, generate_project
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.relay import build, frontend

HOST = "host"


def opened_project(source: Path, folder: Path, *, board: str = "", progress: Progress | None = None) -> Project:
    """The project in ``source``, or that of the model ``source``, compiled into ``folder``.

    Args:
        source: a folder made by ``tinyseg compile``, or a model's file.
        folder: where a model's project is written.
        board: for which a model is compiled (default: host); of a project, its own.
        progress: told of the planner's progress.

    Raises:
        UsageError: another board than the project's.
        TinySegError: no project, or a model that cannot be compiled.
    """
    if source.is_dir():
        project = Project(source)
        if board and project.board.name != board:
            raise UsageError(f"{source} was compiled for {project.board.name}: compile it for {board}")
        return project
    factory = build(
        frontend.from_file(source), f"c -tinyseg -board={board or HOST}", name=source.stem, progress=progress
    )
    return generate_project(factory.board, factory, folder, storages=factory.storages)
