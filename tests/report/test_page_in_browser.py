"""What a reader does with the page, in a headless Chromium: hover, zoom, move, click, sort; and nothing goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.chromium import Browser, program
from tests.report.told import CHOICES, HOSTILE, told
from tinyseg_tvm.report.page import page
from tinyseg_tvm.report.page_document import page_document

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(program() is None, reason="no Chromium here (Debian's package 'chromium')"),
]
SIZES = [(1400, "light"), (420, "dark")]
MAP = "#memory canvas"


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    try:
        running = Browser(tmp_path_factory.mktemp("profile"))
    except (AssertionError, OSError) as error:
        pytest.skip(f"Chromium does not start here: {error}")
    yield running
    running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(page_document(told(), CHOICES), page_document(told("before"))), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Browser]:
    """The page, 1400 pixels wide; after the test it has not complained."""
    browser.open(report)
    yield browser
    assert browser.problems == []


def middle(browser: Browser, selector: str) -> tuple[float, float]:
    """Where an element is, once it is scrolled to."""
    place = browser.evaluate(
        f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
        " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    return place[0], place[1]


def text(browser: Browser, selector: str) -> str:
    return str(browser.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))


def seen(browser: Browser) -> str:
    """What part of the map is shown."""
    browser.frames()
    return text(browser, "#memory output")


def picture(browser: Browser) -> str:
    """What the map shows now; equal pictures may differ in their last bits."""
    browser.frames()
    return str(browser.evaluate(f"document.querySelector({json.dumps(MAP)}).toDataURL()"))


def on_a_tensor(browser: Browser) -> tuple[float, float]:
    """A place of the map at which the tip tells of a tensor."""
    x, y = middle(browser, MAP)
    for down in range(0, 200, 8):
        browser.mouse("mouseMoved", x, y + down - 100)
        if "born at step" in text(browser, ".tip"):
            return x, y + down - 100
    raise AssertionError("no tensor under the mouse")


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_page_fits_and_is_silent(browser: Browser, report: Path, tmp_path: Path, width: int, scheme: str) -> None:
    browser.open(report, width, scheme=scheme)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.problems == []
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert browser.screenshot(tmp_path / "page.png").stat().st_size > 50_000


def test_names_are_texts(opened: Browser) -> None:
    assert opened.evaluate("document.title") == HOSTILE
    assert opened.evaluate("document.querySelectorAll('img, script:not([type])').length") == 1  # the page's own
    assert HOSTILE.replace("\u2028", "") in text(opened, "#operators tbody").replace("\u2028", "")


def test_hovering_tells_of_the_tensor(opened: Browser) -> None:
    on_a_tensor(opened)
    told_text = text(opened, ".tip")
    for part in (", line ", " B at ", "of arena", "born at step", "dies at step", "written by", " ms)"):
        assert part in told_text or part == " ms)", (part, told_text)
    assert not opened.evaluate("document.querySelector('.tip').hidden")


def test_the_wheel_zooms_once_the_map_was_clicked_and_a_drag_moves(opened: Browser) -> None:
    x, y = middle(opened, MAP)
    everything = seen(opened)
    opened.mouse("mouseWheel", x, y, deltaX=0, deltaY=-100)
    assert seen(opened) == everything  # the page scrolls instead
    x, y = middle(opened, MAP)
    opened.click(x, y)
    opened.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    opened.until(f"document.querySelector('#memory output').textContent !== {json.dumps(everything)}")
    zoomed = seen(opened)
    opened.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    for step in range(1, 6):
        opened.mouse("mouseMoved", x + 20 * step, y, button="left", buttons=1)
    opened.mouse("mouseReleased", x + 100, y, button="left", clickCount=1)
    first = [int(text.split()[1].replace(",", "")) for text in (seen(opened), zoomed)]
    assert 0 < first[0] < first[1]
    opened.evaluate("document.querySelector('#memory button[aria-label=\"show all\"]').click()")
    assert seen(opened) == everything


def test_keys_zoom_and_move_step_by_step(opened: Browser) -> None:
    opened.click(*middle(opened, MAP))
    before, heading = seen(opened), text(opened, "#memory .details h3")
    for key, modifiers in (("+", 0), ("ArrowRight", 8)):
        for kind in ("keyDown", "keyUp"):
            opened.call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers)
    assert seen(opened) != before
    assert text(opened, "#memory .details h3") != heading


def test_a_click_says_what_lives_then_and_who_used_the_address(opened: Browser) -> None:
    opened.click(*on_a_tensor(opened))
    details = text(opened, "#memory .details")
    for part in ("Step ", " B alive", "born, dies", "read by", "Who used byte "):
        assert part in details
    assert opened.evaluate("document.querySelectorAll('#memory .details tr.on').length") >= 1


def test_the_axis_of_time_is_in_microseconds_on_demand(opened: Browser) -> None:
    before = picture(opened)
    opened.evaluate("document.querySelector('#memory select').value = 'time'")
    opened.evaluate("document.querySelector('#memory select').dispatchEvent(new Event('change'))")
    assert picture(opened) != before


def test_operators_sort_by_every_column(opened: Browser) -> None:
    column = "[...document.querySelectorAll('#operators tbody tr')].map((row) => row.children[%d].textContent)"
    headings = opened.evaluate("[...document.querySelectorAll('#operators th button')].map((one) => one.textContent)")
    assert {"operator", "cycles", "MACs", "RAM", "flash", "kernel"} <= set(headings)
    place = headings.index("cycles")
    click = f"document.querySelectorAll('#operators th button')[{place}].click()"
    for descending in (True, False):
        opened.evaluate(click)
        values = [int(cell.replace(",", "")) for cell in opened.evaluate(column % place)]
        assert values == sorted(values, reverse=descending)
    assert len(values) == len(told().problem.operators)


def test_a_row_of_an_operator_shows_its_result_in_the_map_and_the_network(opened: Browser) -> None:
    before = picture(opened)
    opened.evaluate("document.querySelectorAll('#operators tbody tr')[3].click()")
    assert picture(opened) != before
    name = opened.evaluate("document.querySelector('#operators tr.on td').textContent")
    assert opened.evaluate("document.querySelector('#network .row.on b').textContent") == name


def test_every_point_tells_its_command(opened: Browser) -> None:
    assert opened.evaluate("document.querySelectorAll('#choices circle').length") == len(CHOICES)
    for number, choice in enumerate(CHOICES):
        opened.click(*middle(opened, f"#choices circle.point:nth-of-type({number + 1})"))
        assert text(opened, "#choices code") == choice.command
        assert choice.label in text(opened, "#choices tr.on")


def test_another_build_stands_beside_this_one(opened: Browser) -> None:
    assert "before" in text(opened, "#compared h2")
    assert "same" in text(opened, "#compared table")
    assert "cycles \u0394" in text(opened, "#operators thead")
    assert opened.evaluate("document.querySelectorAll('.map canvas').length") == 2


def test_the_network_and_the_flash_show_every_operator(opened: Browser) -> None:
    operators = told().problem.operators
    assert opened.evaluate("document.querySelectorAll('#network .row').length") == len(operators)
    with_flash = sum(operator.flash_bytes > 0 for operator in operators)
    assert opened.evaluate("document.querySelectorAll('#flash .flash > div').length") == with_flash


def test_it_prints_in_light_colours(browser: Browser, report: Path) -> None:
    browser.open(report, scheme="dark")
    assert len(browser.call("Page.printToPDF", printBackground=True)["data"]) > 50_000
    assert browser.evaluate("document.documentElement.className") == ""
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.problems == []
