"""What is said of windows without walking over them is what a walk finds."""

from __future__ import annotations

from itertools import product

from tinyseg_tvm.operators.windows import Window


def test_windows_that_miss_the_axis_are_told_by_the_ends():
    seen = set()
    for extent, kernel, stride, before, after in product(range(1, 5), range(1, 5), range(1, 5), range(4), range(4)):
        window = Window(kernel=kernel, stride=stride, before=before, after=after)
        if extent + before + after < kernel:
            continue
        missed = min(len(taps) for taps in window.taps(extent)) == 0
        assert window.misses(extent) == missed, (window, extent)
        seen.add(missed)
    assert seen == {True, False}
