"""Puts the core and the page into one file, verify.html, which needs nothing else: `make verify-page`.

A module becomes a function that is called at once, an import a name from what another one returned. The page's script
and style are allowed by their digests (Content-Security-Policy); the core is text in the page, from which workers are
made.
"""

import re
from base64 import b64encode
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path

from flops_auditor import __version__
from verifier.tables import shown_js, tables_js

HERE = Path(__file__).parent
CORE, PAGE, TABLES, OUTPUT = HERE / "core", HERE / "page", HERE / "core" / "tables.js", HERE / "verify.html"
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; worker-src blob:; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([a-z]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)


def core(modules: dict[str, str]) -> str:
    """All modules by name as one script that answers a worker's messages."""
    needs = {name: [needed for _, needed in _IMPORT.findall(text)] for name, text in modules.items()}
    parts = []
    for name in TopologicalSorter(needs).static_order():
        body = _IMPORT.sub(lambda match: f"const {{ {match[1]} }} = in_{match[2]};\n", modules[name])
        exported = [match[1] for match in _EXPORT.findall(body)]
        body = _EXPORT.sub(r"\1", body)
        parts.append(f"const in_{name} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();\n")
    return '"use strict";\n' + "\n".join(parts) + "\nin_worker.serve(self);\n"


def page() -> str:
    """verify.html."""
    modules = {path.stem: path.read_text(encoding="utf-8") for path in CORE.glob("*.js")} | {"tables": tables_js()}
    script = f'"use strict";\n{shown_js()}{(PAGE / "page.js").read_text(encoding="utf-8")}'
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    parts = {
        "POLICY": POLICY.format(script=_digest(script), style=_digest(style)),
        "STYLE": style,
        "CORE": core(modules),
        "SCRIPT": script,
        "VERSION": __version__,
    }
    for name in ("CORE", "SCRIPT", "STYLE"):
        if re.search(r"<!--|</?(script|style)", parts[name], re.IGNORECASE):
            raise ValueError(f"{name} holds what ends it in HTML")
    html = (PAGE / "page.html").read_text(encoding="utf-8")
    return re.sub("@@([A-Z]+)@@", lambda match: parts[match[1]], html)


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


if __name__ == "__main__":
    TABLES.write_text(tables_js(), encoding="utf-8")
    OUTPUT.write_text(page(), encoding="utf-8")
