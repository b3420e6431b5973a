"""Exact packing after MiniMalloc: a yardstick for the planner's packing, on the problems that MiniMalloc is judged by.

The planner does without it. It cannot place contiguous tensors, which most plans with resident inputs or outputs have;
first fit with repair packs most networks into what is alive at their peak, the others within a few per cent. Of 32
builds of real networks, two (MobileNet VWW and a CIFAR-10 classifier, both with line I/O) would be packed tighter by
this search, by 1 % and 4 %.
"""
