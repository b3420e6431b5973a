"""Write scenes with their masks as the .npz file that ``tinyseg quantize`` and ``tinyseg evaluate`` read.

python dataset.py calibration.npz --first 100000 --count 128
python dataset.py test.npz --first 200000 --count 500
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scenes import Scene, scene

CHUNK = 16  # scenes that a process draws at a time


def write(path: Path, seeds: range, workers: int) -> None:
    """``images`` (count, 80, 120, 3) uint8 and ``masks`` (count, 80, 120), 1 on vehicles."""
    with ProcessPoolExecutor(workers) as pool:
        drawn: list[Scene] = list(pool.map(scene, seeds, chunksize=CHUNK))
    images, masks = np.stack([one.image for one in drawn]), np.stack([one.mask for one in drawn])
    np.savez(path, images=images, masks=masks.astype(np.uint8))


def main() -> None:
    """Reads the options and writes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("output", type=Path)
    options.add_argument("--first", type=int, default=200_000, help="seed of the first scene (default: the test set's)")
    options.add_argument("--count", type=int, default=500)
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    write(given.output, range(given.first, given.first + given.count), given.workers)


if __name__ == "__main__":
    main()
