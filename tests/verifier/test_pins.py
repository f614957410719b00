"""A pin as people save and paste it: the command and the page read the same checkpoint in it, or none."""

import json
import quopri
import subprocess
from pathlib import Path

from flops_auditor.domain.ledger.ledger_errors import LedgerError
from flops_auditor.domain.ledger.signed_note import checkpoint_in
from tests.fakes.bundles import Bundle, small_world
from tests.verifier.page_core import CORE, NODE

READ = """
import { readFileSync } from "node:fs";
import { checkpointIn } from %s;
const text = (bytes) => new TextDecoder().decode(bytes);
const read = (pin) => { try { return text(checkpointIn(pin)); } catch (error) { return error.name; } };
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
"""


def spellings(pin: str) -> list[str]:
    """A checkpoint with what mail programs, editors and forgers put around and into it."""
    origin, size, root, blank, signature, _ = pin.split("\n")
    before = [
        "\ufeff",
        "\u00a0",
        "Hello\n",
        "Hello\r",
        "Hello\x0b",
        "Hello\x0c",
        "Hello\x85",
        "Hello\u2028",
        "\r\n",
        "> ",
    ]
    within = ["\u00a0", "\u180e", "\u200b", "\ufeff", "\x1c", "\x85", "\t", "\u3000"]
    after = ["\ufeff", "\u00a0", "\x0b\x0c", "\x1c", "\0", "\n-- \nfooter", " \t\r\n", "x"]
    return [
        pin,
        *(f"{each}{pin}" for each in before),
        *(f"{pin}{each}" for each in after),
        *(pin.replace("\u2014 f", f"\u2014 {each}f") for each in within),
        *(pin.replace("\n", end) for end in ("\r\n", "\r", "\x85", "\u2028", " \n")),
        *(pin.replace("\u2014", dash) for dash in "-\u2013"),
        f"{origin}\n{size}\n{root}\n{signature}\n",
        f"{origin}\n{size}\n{root}\n\n{blank}\n{signature}\n",
        f"{origin}\n{size}\n{root}\n \n{signature}\n",
        pin.replace(f"\n{size}\n", f"\n0{size}\n"),
        pin + f"{signature}\n" * 16,
        "".join(f"> > {line}\n" for line in pin.splitlines()),
        f"<html><pre>{pin}</pre></html>".replace("\u2014", "&mdash;"),
        "<div>" + "<br>\n".join(pin.splitlines()).replace("\u2014", "&#8212;") + "</div>",
        "<p>" + "<BR/>".join(pin.splitlines()).replace("+", "&#x2b;") + "</p>",
        pin.replace("flops", "<b>flops</b>"),
        pin.replace(root, root[:-3] + "A=="[:3]) + pin,
        pin + "\n" + pin.replace(f"\n{size}\n", "\n1\n"),
        pin.replace(root, "A" * 43 + "=") + pin,
        quopri.encodestring(pin.encode()).decode(),
        "x" * (1 << 20) + "\n" + pin,
        "x" * ((1 << 20) - 1 - len(pin.encode())) + "\n" + pin,
    ]


def test_both_verifiers_read_the_same_pins(tmp_path: Path) -> None:
    texts = spellings(Bundle(small_world(), tmp_path).files["checkpoint"].decode())
    note = (CORE.parent / "core" / "note.js").as_uri()
    command = [str(NODE), "--input-type=module", "-e", READ % json.dumps(note)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    read = []
    for text in texts:
        try:
            read.append(checkpoint_in(text.encode()).decode())
        except LedgerError as error:
            read.append(error.name)
    assert json.loads(done.stdout) == read
    assert 10 < read.count("UnreadablePin") < len(read) - 10
