"""The ladder: which memory sizes fit which alternative."""

from tinyseg_tvm.compiler.alternatives import Alternative, ladder


def test_the_ladder_stands_around_the_needs_and_takes_the_cheapest_that_fits():
    easy, tight = Alternative("easy", "", ram=100_000), Alternative("tight", "", ram=40_000)
    rungs = [(rung.bytes // 1024, rung.fits) for rung in ladder([easy, tight])]
    assert rungs == [(32, None), (48, tight), (64, tight), (96, tight), (128, easy)]


def test_a_size_that_is_just_enough_fits():
    exact = Alternative("exact", "", ram=32 * 1024)
    assert [rung.fits for rung in ladder([exact])] == [None, exact]
