"""Tables, JSON and pictures of a build: memory over time, operators, comparison with other planners."""

from tinyseg_tvm.report.memory import MemoryMap, memory_map
from tinyseg_tvm.report.points import Point, pareto_front
from tinyseg_tvm.report.write import write_reports

__all__ = ["MemoryMap", "Point", "memory_map", "pareto_front", "write_reports"]
