"""Sweeps: many models planned for many boards, RAM limits, storages and objectives, in one table."""

from tinyseg_tvm.sweep.points import HEADERS, Point, Row, planned, points_of
from tinyseg_tvm.sweep.sweep import sweep

__all__ = ["HEADERS", "Point", "Row", "planned", "points_of", "sweep"]
