"""A page on paper: a browser that is here prints it, without a network."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from flops_auditor.domain.values.errors import AuditorError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
PATIENCE_SECONDS = 120


class NoBrowser(AuditorError):
    """No browser that prints without a window is here."""

    remedy = (
        "Install Chromium, Chrome or Edge (Debian: apt-get install chromium); or open the HTML report and print it."
    )


class NotPrinted(AuditorError):
    """The browser wrote no PDF."""

    remedy = "Open the HTML report in a browser and print it there."


def print_page(page: bytes) -> bytes:
    """The page as a PDF, in the paper size of its style sheet. Raises NoBrowser, NotPrinted."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise NoBrowser(f"none of {', '.join(BROWSERS)} is installed")
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_bytes(page)
        arguments = [
            "--headless",
            "--disable-gpu",
            "--no-sandbox",  # the page is ours, runs one script that is named by its hash, and has no network
            "--proxy-server=127.0.0.1:9",
            "--no-first-run",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={printed}",
            source.as_uri(),
        ]
        try:
            subprocess.run(  # noqa: S603
                [browser, *arguments], capture_output=True, timeout=PATIENCE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NotPrinted(f"{browser} did not end within {PATIENCE_SECONDS} s") from error
        if not printed.exists():
            raise NotPrinted(f"{browser} wrote no file")
        return printed.read_bytes()
