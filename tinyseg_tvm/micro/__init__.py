"""Generates, builds, runs, measures and flashes projects."""

from tinyseg_tvm.micro.faults import DeviceFaultError
from tinyseg_tvm.micro.generate import generate_project
from tinyseg_tvm.micro.library import Library, PortShape, ProjectSource, read_library
from tinyseg_tvm.micro.packages import generate_package
from tinyseg_tvm.micro.project import Project
from tinyseg_tvm.micro.results import Flash, Observation, Ram, RunResult, StorageTraffic, StrayWrite

__all__ = [
    "DeviceFaultError",
    "Flash",
    "Library",
    "Observation",
    "PortShape",
    "Project",
    "ProjectSource",
    "Ram",
    "RunResult",
    "StorageTraffic",
    "StrayWrite",
    "generate_package",
    "generate_project",
    "read_library",
]
