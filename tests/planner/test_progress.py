"""Progress of parts of the work."""

from tinyseg_tvm.planner.progress import part


def test_parts_of_parts_are_told_as_shares_of_the_whole():
    told = []
    columns = part(lambda what, share: told.append((what, share)), 0.5, 1.0, "columns: ")
    searching = part(columns, 0.0, 0.5)
    searching("spilling", 0.0)
    searching("spilling", 1.0)
    columns("packing", 1.0)
    assert told == [("columns: spilling", 0.5), ("columns: spilling", 0.75), ("columns: packing", 1.0)]
