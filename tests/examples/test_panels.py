import numpy as np
import pytest
from panels import intersection_over_union, overlay, segmentation_figure

from tinyseg_tvm.report.drawing import save


def test_overlay_tells_hits_false_alarms_and_misses_apart():
    image = np.full((2, 2, 3), 100, np.uint8)
    mask, truth = np.array([[True, True], [False, False]]), np.array([[True, False], [True, False]])
    mixed = overlay(image, mask, truth)
    assert (mixed[1, 1] == 100).all()
    assert len({tuple(mixed[y, x]) for y in (0, 1) for x in (0, 1)}) == 4
    assert intersection_over_union(mask, truth) == pytest.approx(1 / 3)


def test_iou_of_two_empty_masks_is_one():
    assert intersection_over_union(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 1


def test_a_segmentation_figure_has_four_panels_per_scene(tmp_path):
    image, mask = np.zeros((8, 12, 3), np.uint8), np.zeros((8, 12), bool)
    figure = segmentation_figure([image] * 3, [mask] * 3, [mask] * 3, "three")
    assert len(figure.axes) == 12
    assert save(figure, tmp_path / "panels.png", dpi=40).stat().st_size > 0
