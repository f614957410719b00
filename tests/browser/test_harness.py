"""What the harness must notice, so that its silence about a page says something."""

from pathlib import Path

import pytest

from tests.browser.conftest import OpenOffline

QUIET = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>:root {{ color-scheme: light dark; background: Canvas }} {style}</style></head>
<body><main><h1>A page</h1>{body}</main><script>{script}</script></body></html>"""


def page(folder: Path, body: str = "", script: str = "", style: str = "") -> Path:
    path = folder / "page.html"
    path.write_text(QUIET.format(body=body, script=script, style=style), encoding="utf-8")
    return path


def test_a_quiet_page_has_no_trouble(open_offline: OpenOffline, tmp_path: Path) -> None:
    opened = open_offline(page(tmp_path, '<button>Do</button><p><input aria-label="x"></p>'))
    assert (opened.axe(), opened.out_of_keyboards_reach(), opened.overflows()) == ([], [], 0)
    assert [path.stat().st_size > 1000 for path in opened.screenshots("harness")] == [True] * 4
    assert opened.pdf(tmp_path / "page.pdf").startswith(b"%PDF")


@pytest.mark.parametrize(
    ("body", "script", "told"),
    [
        ('<img alt="x" src="https://example.com/x.png">', "", "example.com"),
        ('<img alt="x" src="other.png">', "", "request: file:"),
        ("", "fetch('https://example.com/')", "example.com"),
        ("", "console.error('broken')", "console: broken"),
        ("", "null.x", "exception: "),
        ("", "eval('1')", "Content Security Policy"),
    ],
)
def test_what_a_page_should_not_do_is_told(
    open_offline: OpenOffline, tmp_path: Path, body: str, script: str, told: str
) -> None:
    opened = open_offline(page(tmp_path, body, script))
    opened.page.wait_for_timeout(50)
    assert told in " ".join(opened.take_trouble())


def test_what_a_person_cannot_use_is_told(open_offline: OpenOffline, tmp_path: Path) -> None:
    body = '<button tabindex="-1">Never</button><button class="dim">Unseen</button><div id="wide">wide</div>'
    style = ".dim { color: #777; background: #888 } .dim:focus { outline: none } #wide { width: 1000px }"
    opened = open_offline(page(tmp_path, body, style=style))
    assert [found.split(":")[0] for found in opened.out_of_keyboards_reach()] == ["not reached", "no visible focus"]
    assert {found.split(" ")[1] for found in opened.axe()} == {"color-contrast"}
    assert opened.overflows() > 600


def test_a_file_is_dropped_as_from_outside(open_offline: OpenOffline, tmp_path: Path) -> None:
    script = """
      addEventListener("dragover", event => event.preventDefault());
      addEventListener("drop", async event => {
        event.preventDefault();
        document.querySelector("#target").textContent = await event.dataTransfer.files[0].text();
      });"""
    dropped = tmp_path / "dropped.txt"
    dropped.write_text("inside", encoding="utf-8")
    opened = open_offline(page(tmp_path, '<p id="target">here</p>', script))
    opened.drop("#target", dropped)
    opened.page.get_by_text("inside").wait_for()
