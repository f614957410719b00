"""The committed page is what its parts make, and its policy lets nothing else in."""

import re
from base64 import b64encode
from hashlib import sha256

from verifier.build import OUTPUT, TABLES, page
from verifier.tables import tables_js

AGAIN = "make verify-page, and commit what it writes"


def test_the_page_is_built_from_its_parts() -> None:
    assert TABLES.read_text(encoding="utf-8") == tables_js(), AGAIN
    assert OUTPUT.read_text(encoding="utf-8") == page(), AGAIN


def test_the_page_allows_its_own_script_and_style_and_no_other() -> None:
    html = OUTPUT.read_text(encoding="utf-8")
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)[0]
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    digests = {
        tag: [
            f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in re.findall(pattern, html, re.S)
        ]
        for tag, pattern in (("script", "<script>(.*?)</script>"), ("style", "<style>(.*?)</style>"))
    }
    assert [directives["script-src"]] == digests["script"]
    assert [directives["style-src"]] == digests["style"]
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'"
    assert not re.findall(r"""\s(?:style|on[a-z]+)=["']|https?://(?!flops-auditor\.dev|in-toto\.io)""", html)
