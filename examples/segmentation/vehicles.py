"""Cars, vans, trucks and buses as simple painted shapes, seen from the side or from the front and rear.

Each is drawn standing at (x, ground) with a height of ``size`` pixels; everything else is a proportion of it.
"""

from __future__ import annotations

import numpy as np
from canvas import Canvas, Colour
from numpy.random import Generator

TYRE = np.array([0.07, 0.07, 0.08])
WHITE_LIGHT = np.array([1.0, 0.97, 0.85])
RED_LIGHT = np.array([0.85, 0.08, 0.06])

# Paint of real traffic: mostly greys, then red, blue and a few loud colours.
PAINTS = (
    (0.92, 0.92, 0.92), (0.72, 0.73, 0.75), (0.42, 0.43, 0.45), (0.12, 0.12, 0.14), (0.70, 0.10, 0.10),
    (0.13, 0.24, 0.60), (0.10, 0.45, 0.70), (0.90, 0.72, 0.12), (0.88, 0.42, 0.08), (0.12, 0.42, 0.22),
    (0.45, 0.08, 0.18), (0.78, 0.70, 0.55), (0.35, 0.20, 0.45),
)  # fmt: skip


def paint(random: Generator) -> Colour:
    """A body colour, slightly different every time."""
    chosen = np.array(PAINTS[random.integers(len(PAINTS))])
    return np.clip(chosen * random.uniform(0.8, 1.15) + random.normal(0, 0.03, 3), 0.03, 1.0)


def glass(random: Generator) -> Colour:
    """Window colour: dark, or bluish where it mirrors the sky."""
    return np.array([0.16, 0.19, 0.23]) + random.uniform(0.0, 0.35) * np.array([0.6, 0.8, 1.0])


def shadow(canvas: Canvas, x: float, ground: float, length: float, size: float) -> None:
    """The dark patch below a vehicle; not part of its mask."""
    canvas.ellipse((x, ground + 0.02 * size), (0.53 * length, 0.09 * size), np.zeros(3), alpha=0.55)


def wheel(canvas: Canvas, x: float, ground: float, radius: float, rim: Colour) -> None:
    """A tyre with its rim."""
    canvas.ellipse((x, ground - radius), (radius, radius), TYRE, vehicle=True)
    canvas.ellipse((x, ground - radius), (0.55 * radius, 0.55 * radius), rim, vehicle=True)


def car_side(canvas: Canvas, random: Generator, x: float, ground: float, size: float) -> None:
    """Saloon, hatchback or estate from the side; facing left or right."""
    length, facing = size * random.uniform(2.4, 3.1), random.choice((-1.0, 1.0))
    body, window = paint(random), glass(random)
    bonnet, roof_front = random.uniform(0.16, 0.24), random.uniform(0.30, 0.40)
    roof_rear, tail = random.uniform(0.72, 0.90), random.uniform(0.90, 1.0)

    def at(along: float, up: float) -> tuple[float, float]:
        return x + facing * (0.5 - along) * length, ground - up * size

    shadow(canvas, x, ground, length, size)
    canvas.polygon(
        (at(bonnet, 0.60), at(roof_front, 1.0), at(roof_rear, 1.0), at(tail, 0.62)), body, vehicle=True, shade=0.12
    )
    canvas.polygon(
        (at(bonnet + 0.05, 0.62), at(roof_front + 0.01, 0.93), at(roof_rear - 0.02, 0.93), at(tail - 0.06, 0.63)),
        window, vehicle=True, shade=0.25,
    )  # fmt: skip
    pillar = random.uniform(0.5, 0.58)
    canvas.polygon(
        (at(pillar, 0.6), at(pillar, 0.96), at(pillar + 0.03, 0.96), at(pillar + 0.03, 0.6)), body, vehicle=True
    )
    outline = ((0.0, 0.22), (0.0, 0.48), (0.03, 0.56), (bonnet, 0.64), (tail, 0.64), (1.0, 0.58), (1.0, 0.22))
    canvas.polygon([at(*point) for point in outline], body, vehicle=True, shade=0.22)
    canvas.polygon((at(0.0, 0.16), at(0.0, 0.26), at(1.0, 0.26), at(1.0, 0.16)), body * 0.4, vehicle=True)
    canvas.polygon((at(0.0, 0.42), at(0.0, 0.52), at(0.05, 0.53), at(0.05, 0.42)), WHITE_LIGHT * 0.9, vehicle=True)
    canvas.polygon((at(0.96, 0.44), at(0.96, 0.56), at(1.0, 0.55), at(1.0, 0.44)), RED_LIGHT, vehicle=True)
    rim, radius = np.full(3, random.uniform(0.35, 0.75)), random.uniform(0.19, 0.23) * size
    for along in (0.19, 0.80):
        wheel(canvas, at(along, 0)[0], ground, radius, rim)


def van_side(canvas: Canvas, random: Generator, x: float, ground: float, size: float) -> None:
    """Delivery van or minibus from the side."""
    length, facing = size * random.uniform(1.8, 2.4), random.choice((-1.0, 1.0))
    body, window = paint(random), glass(random)

    def at(along: float, up: float) -> tuple[float, float]:
        return x + facing * (0.5 - along) * length, ground - up * size

    shadow(canvas, x, ground, length, size)
    outline = ((0.0, 0.13), (0.0, 0.42), (0.12, 0.52), (0.24, 0.97), (0.30, 1.0), (1.0, 1.0), (1.0, 0.13))
    canvas.polygon([at(*point) for point in outline], body, vehicle=True, shade=0.18)
    canvas.polygon((at(0.15, 0.54), at(0.25, 0.90), at(0.38, 0.90), at(0.38, 0.54)), window, vehicle=True, shade=0.2)
    if random.random() < 0.5:
        for start in (0.44, 0.63, 0.81):
            canvas.polygon(
                (at(start, 0.56), at(start, 0.88), at(start + 0.15, 0.88), at(start + 0.15, 0.56)), window, vehicle=True
            )
    elif random.random() < 0.6:
        canvas.polygon((at(0.5, 0.4), at(0.5, 0.72), at(0.92, 0.72), at(0.92, 0.4)), paint(random), vehicle=True)
    canvas.polygon((at(0.0, 0.30), at(0.0, 0.42), at(0.05, 0.43), at(0.05, 0.30)), WHITE_LIGHT * 0.9, vehicle=True)
    canvas.polygon((at(0.98, 0.4), at(0.98, 0.6), at(1.0, 0.6), at(1.0, 0.4)), RED_LIGHT, vehicle=True)
    canvas.polygon((at(0.0, 0.12), at(0.0, 0.2), at(1.0, 0.2), at(1.0, 0.12)), body * 0.4, vehicle=True)
    rim, radius = np.full(3, random.uniform(0.3, 0.7)), 0.155 * size
    for along in (0.18, 0.81):
        wheel(canvas, at(along, 0)[0], ground, radius, rim)


def truck_side(canvas: Canvas, random: Generator, x: float, ground: float, size: float) -> None:
    """Lorry from the side: cab, gap, and a closed or tarpaulin-covered load."""
    length, facing = size * random.uniform(2.0, 3.0), random.choice((-1.0, 1.0))
    cab, load, window = paint(random), paint(random), glass(random)
    cab_end = random.uniform(0.22, 0.28)

    def at(along: float, up: float) -> tuple[float, float]:
        return x + facing * (0.5 - along) * length, ground - up * size

    shadow(canvas, x, ground, length, size)
    canvas.polygon((at(0.02, 0.14), at(0.02, 0.22), at(1.0, 0.22), at(1.0, 0.14)), np.full(3, 0.15), vehicle=True)
    box = (at(cab_end + 0.03, 0.22), at(cab_end + 0.03, 1.0), at(1.0, 1.0), at(1.0, 0.22))
    canvas.polygon(box, load, vehicle=True, shade=0.12)
    for rib in np.arange(cab_end + 0.12, 0.97, 0.11):
        canvas.polygon(
            (at(rib, 0.24), at(rib, 0.98), at(rib + 0.012, 0.98), at(rib + 0.012, 0.24)), load * 0.8, vehicle=True
        )
    top = random.uniform(0.72, 0.9)
    cabin = ((0.0, 0.14), (0.0, 0.5), (0.05, top), (cab_end, top), (cab_end, 0.14))
    canvas.polygon([at(*point) for point in cabin], cab, vehicle=True, shade=0.2)
    canvas.polygon(
        (at(0.03, 0.5), at(0.06, top - 0.05), at(cab_end - 0.06, top - 0.05), at(cab_end - 0.06, 0.5)),
        window,
        vehicle=True,
    )
    canvas.polygon((at(0.0, 0.22), at(0.0, 0.3), at(0.04, 0.3), at(0.04, 0.22)), WHITE_LIGHT * 0.9, vehicle=True)
    rim, radius = np.full(3, random.uniform(0.3, 0.7)), 0.13 * size
    for along in (0.13, 0.70, 0.86):
        wheel(canvas, at(along, 0)[0], ground, radius, rim)


def end_on(canvas: Canvas, random: Generator, x: float, ground: float, size: float, *, tall: bool) -> None:
    """A car (or, where ``tall``, a van or lorry) from the front or the rear."""
    width = size * (random.uniform(0.72, 0.9) if tall else random.uniform(1.15, 1.35))
    body, window, rear = paint(random), glass(random), random.random() < 0.5
    light = RED_LIGHT if rear else WHITE_LIGHT
    waist, roof = (0.45, 0.44) if tall else (0.56, 0.36)

    def at(across: float, up: float) -> tuple[float, float]:
        return x + across * width, ground - up * size

    shadow(canvas, x, ground, width, size)
    for side in (-1.0, 1.0):
        canvas.polygon(
            (at(side * 0.46, 0), at(side * 0.46, 0.25), at(side * 0.30, 0.25), at(side * 0.30, 0)), TYRE, vehicle=True
        )
    canvas.polygon((at(-0.48, waist), at(-roof, 1.0), at(roof, 1.0), at(0.48, waist)), body, vehicle=True, shade=0.1)
    canvas.polygon(
        (at(-0.42, waist + 0.03), at(0.06 - roof, 0.93), at(roof - 0.06, 0.93), at(0.42, waist + 0.03)),
        window if not (tall and rear) else body * 0.9, vehicle=True, shade=0.25,
    )  # fmt: skip
    canvas.polygon((at(-0.5, 0.12), at(-0.5, waist), at(0.5, waist), at(0.5, 0.12)), body, vehicle=True, shade=0.2)
    canvas.polygon((at(-0.5, 0.10), at(-0.5, 0.19), at(0.5, 0.19), at(0.5, 0.10)), body * 0.45, vehicle=True)
    for side in (-1.0, 1.0):
        canvas.polygon(
            (at(side * 0.48, 0.33), at(side * 0.48, 0.46), at(side * 0.32, 0.44), at(side * 0.32, 0.33)),
            light,
            vehicle=True,
        )
    canvas.polygon((at(-0.13, 0.2), at(-0.13, 0.28), at(0.13, 0.28), at(0.13, 0.2)), np.full(3, 0.85), vehicle=True)


def vehicle(canvas: Canvas, random: Generator, x: float, ground: float, size: float) -> None:
    """A vehicle of random kind; ``size`` is a car's height in pixels, vans and lorries are taller."""
    kind = random.random()
    if kind < 0.38:
        car_side(canvas, random, x, ground, size)
    elif kind < 0.55:
        van_side(canvas, random, x, ground, size * random.uniform(1.3, 1.6))
    elif kind < 0.68:
        truck_side(canvas, random, x, ground, size * random.uniform(1.7, 2.2))
    elif kind < 0.90:
        end_on(canvas, random, x, ground, size, tall=False)
    else:
        end_on(canvas, random, x, ground, size * random.uniform(1.5, 2.0), tall=True)
