"""A page in headless Chromium with the network off, which remembers everything that a quiet page does not do.

    def test_my_page(open_offline: OpenOffline) -> None:
        opened = open_offline(path_to_html)          # the network is off
        opened.page.get_by_role("button", name="Sort").click()      # playwright's page: everything that it can
        assert opened.axe() == []                    # axe-core, in light and dark
        assert opened.out_of_keyboards_reach() == [] # whatever can be clicked is reached with Tab alone, and seen
        opened.drop("#target", path_to_zip)          # a file dropped as a person does, from the outside
        opened.screenshots("report")                 # build/screenshots/report-{light,dark,narrow,print}.png

When the test ends there must have been no request, console error or warning, exception, window or violation of the
page's Content-Security-Policy, which the fixture asserts; a test that wants such trouble takes it out itself
(`opened.take_trouble()`). The browser is one for the session, a page is new for each test. Debian's package `chromium`
is needed, and nothing is downloaded: playwright only drives it. Where it is missing the tests are skipped, and say so.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, ViewportSize

CHROMIUM = shutil.which("chromium")
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
WIDE, NARROW, A4 = (ViewportSize(width=w, height=h) for w, h in ((1280, 800), (390, 844), (794, 1123)))
"""Pixels: a laptop, a telephone, A4 at 96 to the inch."""
ARGUMENTS = ["--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--disable-gpu"]
MOST_STOPS = 400
_OURS = ("file:", "blob:", "data:")

_STOPS = """() => {
  const seen = element => {
    if (!element.checkVisibility({visibilityProperty: true})) return false;
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const wanted = "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])";
  return [...document.querySelectorAll(wanted)].filter(each => !each.disabled && seen(each)
    && !(each.type === "radio" && !each.checked && document.querySelector(`input[name="${each.name}"]:checked`)));
}"""
_SHOWN = """element => {
  const style = getComputedStyle(element);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
}"""


@dataclass
class OpenedPage:
    """A page, and what it did that it should not have: requests, console errors, exceptions, violations of its CSP."""

    page: Page
    trouble: list[str] = field(default_factory=list)

    def take_trouble(self) -> list[str]:
        """What there was so far, which is then forgiven."""
        found, self.trouble[:] = list(self.trouble), []
        return found

    def axe(self) -> list[str]:
        """Each violation that axe-core finds, in light and in dark: rule, how grave, where."""
        found: list[str] = []
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for each in Axe().run(self.page).response["violations"]:
                places = "; ".join(str(node["target"]) for node in each["nodes"][:5])
                found.append(f"{scheme}: {each['id']} ({each['impact']}): {each['help']}: {places}")
        self.page.emulate_media(color_scheme="light")
        return found

    def out_of_keyboards_reach(self) -> list[str]:
        """Visible controls that Tab does not come to, and those that do not show that they have the focus."""
        page = self.page
        page.evaluate(f"() => {{ ({_STOPS})().forEach((each, at) => each.dataset.stop = at); }}")
        wanted = dict(
            page.evaluate(f"() => ({_STOPS})().map(each => [each.dataset.stop, each.outerHTML.slice(0, 120)])")
        )
        page.evaluate("() => { document.activeElement?.blur(); window.getSelection()?.removeAllRanges(); }")
        unseen: list[str] = []
        around = 0
        for _ in range(MOST_STOPS):
            page.keyboard.press("Tab")
            stop = page.evaluate("() => document.activeElement?.dataset?.stop ?? null")
            name = wanted.pop(stop, None)
            if name is not None and not page.evaluate(f"() => ({_SHOWN})(document.activeElement)"):
                unseen.append(f"no visible focus: {name}")
            around += stop is None
            if not wanted or around > 2:
                break
        return [f"not reached: {name}" for name in wanted.values()] + unseen

    def drop(self, selector: str, path: Path) -> None:
        """Drop a file from outside of the browser onto an element, through Chromium's own input events."""
        box = self.page.locator(selector).bounding_box()
        assert box is not None, f"{selector} is not to be seen"
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
        session.detach()

    def overflows(self, width: int = NARROW["width"]) -> int:
        """By how many pixels the page is wider than a telephone: it should not scroll sideways."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": NARROW["height"]})
        over: int = self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        self.page.set_viewport_size(before or WIDE)
        return max(0, over)

    def pdf(self, path: Path) -> bytes:
        """As Chromium prints it on A4."""
        return self.page.pdf(path=path, format="A4", print_background=True)

    def screenshots(self, name: str, full_page: bool = True) -> list[Path]:
        """Pictures of the page as it is now, in build/screenshots: light, dark, on a telephone, printed."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        made = []
        views: tuple[tuple[str, ViewportSize, dict[str, Any]], ...] = (
            ("light", WIDE, {"color_scheme": "light", "media": "screen"}),
            ("dark", WIDE, {"color_scheme": "dark", "media": "screen"}),
            ("narrow", NARROW, {"color_scheme": "light", "media": "screen"}),
            ("print", A4, {"color_scheme": "light", "media": "print"}),
        )
        for view, size, media in views:
            self.page.set_viewport_size(size)
            self.page.emulate_media(**media)
            made.append(SCREENSHOTS / f"{name}-{view}.png")
            self.page.screenshot(path=made[-1], full_page=full_page)
        self.page.set_viewport_size(WIDE)
        self.page.emulate_media(color_scheme="light", media="screen")
        return made


def new_context(browser: Browser) -> BrowserContext:
    """A context without a network, in English, in UTC, so that pictures and tests are the same everywhere."""
    return browser.new_context(viewport=WIDE, offline=True, locale="en-GB", timezone_id="UTC", service_workers="block")


def opened(context: BrowserContext, path: Path) -> OpenedPage:
    """Open a file as a person does, with a double click: file:// and nothing else."""
    found = OpenedPage(context.new_page())
    page = found.page

    def refuse(route: Route) -> None:
        if route.request.url.startswith(_OURS):
            route.continue_()
        else:
            route.abort()

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.trouble.append(f"console: {message.text}")

    page.route("**/*", refuse)
    page.on("request", lambda request: _requested(found, request.url, path))
    page.on("console", said)
    page.on("pageerror", lambda error: found.trouble.append(f"exception: {error}"))
    page.on("popup", lambda popup: found.trouble.append(f"a window: {popup.url}"))
    page.goto(path.resolve().as_uri())
    return found


def _requested(found: OpenedPage, url: str, path: Path) -> None:
    """The page itself, and what it made itself, is no request; another file is one."""
    if url.partition("#")[0] != path.resolve().as_uri() and not url.startswith(("blob:", "data:")):
        found.trouble.append(f"request: {url[:200]}")
