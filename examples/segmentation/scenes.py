"""Procedurally drawn street scenes with the truth mask of their vehicles.

``scene(seed)`` always draws the same picture: sky, houses, trees, a road or a car park, vehicles of several kinds
between people, poles, crates and bushes that may hide them, then light, blur and sensor noise. NumPy only.

Run as a program it writes a contact sheet: ``python scenes.py sheet.png``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from canvas import Canvas, Colour
from numpy.random import Generator
from numpy.typing import NDArray
from vehicles import vehicle

HEIGHT = 80
WIDTH = 120
SUPERSAMPLING = 2

# Brick, render, concrete, white and dark plaster.
WALLS = np.array(((0.62, 0.34, 0.26), (0.80, 0.74, 0.62), (0.60, 0.60, 0.62), (0.85, 0.85, 0.83), (0.40, 0.35, 0.32)))

# Seeds of the three sets never overlap.
TRAINING_SEEDS = range(0, 100_000)
CALIBRATION_SEEDS = range(100_000, 100_128)
TEST_SEEDS = range(200_000, 200_500)


@dataclass(frozen=True)
class Scene:
    """``image`` uint8 (80, 120, 3) RGB and ``mask`` bool (80, 120), True on vehicles."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def scene(seed: int) -> Scene:
    """The scene of a seed."""
    random = np.random.default_rng(seed)
    canvas = Canvas(HEIGHT, WIDTH, SUPERSAMPLING)
    horizon = random.uniform(0.12, 0.42) * HEIGHT
    _sky(canvas, random, horizon)
    _skyline(canvas, random, horizon)
    _ground(canvas, random, horizon)
    _objects(canvas, random, horizon)
    picture, mask = canvas.reduced()
    return Scene(_photograph(picture, random), mask)


def quantised(image: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The network's input (1, 3, 80, 120) int8: pixel - 128, which is pixel / 255 at scale 1 / 255, zero point -128."""
    pixels: NDArray[np.int8] = (image.astype(np.int16) - 128).astype(np.int8).transpose(2, 0, 1)[np.newaxis]
    return pixels


def _grey(random: Generator, low: float, high: float, tint: float = 0.03) -> Colour:
    return np.clip(random.uniform(low, high) + random.normal(0, tint, 3), 0.0, 1.0)


def _leaf(random: Generator) -> Colour:
    return np.array([random.uniform(0.08, 0.32), random.uniform(0.22, 0.45), random.uniform(0.05, 0.18)])


def _sky(canvas: Canvas, random: Generator, horizon: float) -> None:
    skies = np.array(((0.45, 0.65, 0.92), (0.75, 0.78, 0.82), (0.90, 0.70, 0.50), (0.30, 0.36, 0.50)))
    colour = skies[random.choice(4, p=(0.45, 0.3, 0.15, 0.1))]
    canvas.rectangle(0, 0, WIDTH, horizon + 2, colour, shade=random.uniform(-0.2, 0.1))
    for _ in range(random.integers(0, 4)):
        centre = (random.uniform(0, WIDTH), random.uniform(0, horizon))
        canvas.ellipse(
            centre, (random.uniform(8, 25), random.uniform(1, 4)), np.ones(3), alpha=random.uniform(0.2, 0.6)
        )


def _skyline(canvas: Canvas, random: Generator, horizon: float) -> None:
    """Houses with windows, and distant trees, along the horizon."""
    x = random.uniform(-15, 0)
    while x < WIDTH:
        width = random.uniform(8, 30)
        if random.random() < 0.6:
            _house(canvas, random, x, x + width, horizon)
        elif random.random() < 0.7:
            for _ in range(4):
                centre = (x + random.uniform(0, width), horizon - random.uniform(-1, 6))
                canvas.ellipse(centre, (random.uniform(4, 10), random.uniform(3, 9)), _leaf(random) * 0.8, shade=0.2)
        x += width * random.uniform(0.7, 1.3)


def _house(canvas: Canvas, random: Generator, left: float, right: float, horizon: float) -> None:
    top, bottom = horizon - random.uniform(6, 34), horizon + random.uniform(0.5, 4)
    walls = np.array(
        ((0.62, 0.34, 0.26), (0.80, 0.74, 0.62), (0.60, 0.60, 0.62), (0.85, 0.85, 0.83), (0.40, 0.35, 0.32))
    )
    wall = np.clip(walls[random.integers(5)] * random.uniform(0.7, 1.1), 0, 1)
    canvas.rectangle(left, top, right, bottom, wall, shade=random.uniform(-0.1, 0.15))
    if random.random() < 0.4:
        middle = (left + right) / 2
        canvas.polygon(((left - 1, top), (middle, top - random.uniform(3, 8)), (right + 1, top)), wall * 0.55)
    pane = wall * 0.35 if random.random() < 0.6 else np.array([0.85, 0.80, 0.55])
    step_x, step_y = random.uniform(3.5, 6), random.uniform(4.5, 7)
    for y in np.arange(top + 2, bottom - 3, step_y):
        for x in np.arange(left + 1.5, right - 2, step_x):
            canvas.rectangle(x, y, x + 0.5 * step_x, y + 0.5 * step_y, pane)


def _ground(canvas: Canvas, random: Generator, horizon: float) -> None:
    """Verges, then asphalt with markings: a road towards the viewer, a road across, or a car park."""
    verges = (_leaf(random) * 1.2, np.array([0.55, 0.47, 0.36]) * random.uniform(0.7, 1.1), _grey(random, 0.45, 0.65))
    canvas.rectangle(0, horizon, WIDTH, HEIGHT, verges[random.integers(3)], shade=random.uniform(-0.15, 0.15))
    asphalt, marking = _grey(random, 0.22, 0.48, 0.015), _grey(random, 0.75, 0.95)
    kind = random.random()
    if kind < 0.45:
        far, near = random.uniform(0.2, 0.8) * WIDTH, random.uniform(0.3, 0.7) * WIDTH
        half_far, half_near = random.uniform(2, 8), random.uniform(45, 90)
        edges = (
            (far - half_far, horizon),
            (far + half_far, horizon),
            (near + half_near, HEIGHT),
            (near - half_near, HEIGHT),
        )
        canvas.polygon(edges, asphalt, shade=random.uniform(-0.1, 0.1))
        for start in np.arange(0.0, 1.0, 0.16):
            low, high = start**2, (start + 0.08) ** 2
            (x0, y0), (x1, y1) = ((far + (near - far) * t, horizon + (HEIGHT - horizon) * t) for t in (low, high))
            w0, w1 = 0.3 + 1.8 * low, 0.3 + 1.8 * high
            canvas.polygon(((x0 - w0, y0), (x0 + w0, y0), (x1 + w1, y1), (x1 - w1, y1)), marking)
    elif kind < 0.75:
        top = horizon + random.uniform(0.05, 0.4) * (HEIGHT - horizon)
        bottom = top + random.uniform(0.4, 0.9) * (HEIGHT - top)
        canvas.rectangle(0, top, WIDTH, bottom, asphalt, shade=random.uniform(-0.1, 0.1))
        canvas.rectangle(0, top - 1.2, WIDTH, top, _grey(random, 0.5, 0.75))
        middle, shift = (top + bottom) / 2, random.uniform(0, 20)
        for x in np.arange(-shift, WIDTH, 16):
            canvas.rectangle(x, middle - 0.6, x + 8, middle + 0.6, marking)
    else:
        canvas.rectangle(0, horizon + random.uniform(1, 8), WIDTH, HEIGHT, asphalt, shade=random.uniform(-0.1, 0.1))
        lean = random.uniform(-0.5, 0.5)
        for x in np.arange(-60, WIDTH + 60, random.uniform(18, 34)):
            y = horizon + 0.35 * (HEIGHT - horizon)
            end = x + lean * (HEIGHT - y)
            canvas.polygon(((x, y), (x + 0.8, y), (end + 1.6, HEIGHT), (end, HEIGHT)), marking)
    for _ in range(random.integers(0, 6)):
        centre = (random.uniform(0, WIDTH), random.uniform(horizon, HEIGHT))
        canvas.ellipse(centre, (random.uniform(4, 18), random.uniform(1, 4)), asphalt * 0.5, alpha=0.35)


def _objects(canvas: Canvas, random: Generator, horizon: float) -> None:
    """Vehicles and clutter, from far to near."""
    depth = HEIGHT - horizon
    crowd = [True] * random.choice((0, 1, 2, 3, 4), p=(0.04, 0.26, 0.32, 0.24, 0.14)) + [False] * random.integers(2, 8)
    grounds = np.sort(random.uniform(0.1, 1.05, len(crowd)) ** 1.2)
    for is_vehicle, near in zip(random.permutation(crowd), grounds, strict=True):
        ground, x = horizon + near * depth, random.uniform(-5, WIDTH + 5)
        size = (0.30 * near + 0.07) * depth * random.uniform(0.85, 1.2)
        if is_vehicle:
            vehicle(canvas, random, x, ground, size)
        else:
            _clutter(canvas, random, x, ground, size)


def _clutter(canvas: Canvas, random: Generator, x: float, ground: float, size: float) -> None:
    """Something that is no vehicle: a tree, bush, pole with a sign, person, crate, bin or wall."""
    kind = random.integers(6)
    canvas.ellipse((x, ground), (0.5 * size, 0.1 * size), np.zeros(3), alpha=0.4)
    if kind == 0:
        canvas.rectangle(x - 0.09 * size, ground - 1.6 * size, x + 0.09 * size, ground, np.array([0.28, 0.19, 0.12]))
        leaf = _leaf(random)
        for _ in range(7):
            centre = (x + random.normal(0, 0.45) * size, ground - random.uniform(1.3, 2.8) * size)
            radius = random.uniform(0.3, 0.6) * size
            canvas.ellipse(centre, (radius, 0.8 * radius), leaf * random.uniform(0.7, 1.3), shade=0.3)
    elif kind == 1:
        leaf = _leaf(random)
        for _ in range(5):
            centre = (x + random.normal(0, 0.5) * size, ground - random.uniform(0.1, 0.5) * size)
            canvas.ellipse(centre, (0.4 * size, 0.3 * size), leaf * random.uniform(0.7, 1.3), shade=0.3)
    elif kind == 2:
        canvas.rectangle(x - 0.04 * size, ground - 2.4 * size, x + 0.04 * size, ground, _grey(random, 0.2, 0.6))
        face = np.array(((0.80, 0.12, 0.10), (0.10, 0.25, 0.65), (0.95, 0.80, 0.15)))[random.integers(3)]
        if random.random() < 0.5:
            canvas.ellipse((x, ground - 2.3 * size), (0.3 * size, 0.3 * size), face)
        else:
            canvas.rectangle(x - 0.5 * size, ground - 2.6 * size, x + 0.5 * size, ground - 2.0 * size, face)
    elif kind == 3:
        coat, legs = random.uniform(0.1, 0.9, 3), random.uniform(0.1, 0.4, 3)
        canvas.rectangle(x - 0.13 * size, ground - 0.6 * size, x + 0.13 * size, ground, legs)
        canvas.ellipse((x, ground - 0.8 * size), (0.22 * size, 0.35 * size), coat, shade=0.15)
        canvas.ellipse((x, ground - 1.22 * size), (0.11 * size, 0.13 * size), np.array([0.75, 0.57, 0.45]))
    elif kind == 4:
        width, height, colour = (
            random.uniform(0.5, 1.6) * size,
            random.uniform(0.4, 1.2) * size,
            random.uniform(0.1, 0.8, 3),
        )
        canvas.rectangle(x - width / 2, ground - height, x + width / 2, ground, colour, shade=0.15)
        canvas.polygon(
            (
                (x - width / 2, ground - height),
                (x - 0.35 * width, ground - 1.2 * height),
                (x + 0.65 * width, ground - 1.2 * height),
                (x + width / 2, ground - height),
            ),
            colour * 1.2,
        )
    else:
        width, height, wall = (
            random.uniform(1.5, 5) * size,
            random.uniform(0.3, 0.9) * size,
            _grey(random, 0.3, 0.8, 0.06),
        )
        canvas.rectangle(x - width / 2, ground - height, x + width / 2, ground, wall, shade=0.1)
        for post in np.arange(x - width / 2, x + width / 2, 0.5 * size):
            canvas.rectangle(post, ground - height, post + 0.08 * size, ground, wall * 0.7)


def _photograph(picture: NDArray[np.float64], random: Generator) -> NDArray[np.uint8]:
    """Surface texture, light from one side, colour cast, blur, contrast and sensor noise; to 8 bits."""
    height, width, _ = picture.shape
    coarse = random.normal(0, 1, (height // 4, width // 4, 1)).repeat(4, 0).repeat(4, 1)
    picture = picture * (1.0 + 0.03 * coarse + 0.04 * random.normal(0, 1, (height, width, 1)))
    across = np.linspace(-1, 1, width)[None, :, None] * random.uniform(-0.15, 0.15)
    down = np.linspace(-1, 1, height)[:, None, None] * random.uniform(-0.1, 0.1)
    picture = picture * (1.0 + across + down) * random.uniform(0.6, 1.2) * (1.0 + random.normal(0, 0.04, 3))
    if random.random() < 0.5:
        edge = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        picture = 0.5 * picture + 0.125 * (edge[:-2, 1:-1] + edge[2:, 1:-1] + edge[1:-1, :-2] + edge[1:-1, 2:])
    haze = random.uniform(0.0, 0.15)
    picture = picture * (1.0 - haze) + haze * random.uniform(0.5, 0.9)
    picture = picture + random.normal(0, random.uniform(0.005, 0.03), picture.shape)
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


def contact_sheet(seeds: range, columns: int = 8) -> NDArray[np.uint8]:
    """Scenes side by side, each above its picture with the vehicles marked in red."""
    rows = []
    for start in range(0, len(seeds), columns):
        drawn = [scene(seed) for seed in seeds[start : start + columns]]
        marked = [
            np.where(one.mask[..., None], one.image // 2 + np.array([127, 0, 0], np.uint8), one.image) for one in drawn
        ]
        rows += [np.concatenate([one.image for one in drawn], axis=1), np.concatenate(marked, axis=1)]
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    from PIL import Image

    Image.fromarray(contact_sheet(TEST_SEEDS[:32])).save(sys.argv[1] if len(sys.argv) > 1 else "scenes.png")
