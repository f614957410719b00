"""A pin as people save and paste it: the command and the page read the same checkpoint in it, or none."""

import json
import quopri
import random
import subprocess
import textwrap
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.ledger.ledger_errors import LedgerError, UnreadablePin
from flops_auditor.domain.ledger.saved_mail import LONGEST_MAIL, checkpoint_in, notes_in
from flops_auditor.domain.messages.record_alert import section
from flops_auditor.domain.values.archive_keys import checkpoint_key
from flops_auditor.domain.values.remarks import as_word
from flops_auditor.use_cases.ledger.seal_log import CHECKPOINT_MAIL
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import MODELS, World
from tests.verifier.page_core import CORE, NODE, PageCore, page_said, python_said
from tests.verifier.saved_mails import by_an_owner, by_sns, forms_of, mail_of, mailbox, not_read, saved

READ = """
import { readFileSync } from "node:fs";
import { checkpointIn } from %s;
const text = (bytes) => new TextDecoder().decode(bytes);
const said = (error) => `${error.name}: ${error.message}`;
const read = (pin) => { try { return text(checkpointIn(pin)); } catch (error) { return said(error); } };
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
        *shown_by_programs(pin),
        pin.replace(root, root[:-3] + "A=="[:3]) + pin,
        pin + "\n" + pin.replace(f"\n{size}\n", "\n1\n"),
        pin.replace(root, "A" * 43 + "=") + pin,
        quopri.encodestring(pin.encode()).decode(),
        "," * LONGEST_MAIL + "\n" + pin,
        "," * (LONGEST_MAIL - 1 - len(pin.encode())) + "\n" + pin,
        pin.replace(f"\n{size}\n", "\n1\n") + "\n" + "".join(f"  {line}\n" for line in pin.splitlines()),
    ]


def shown_by_programs(pin: str) -> list[str]:
    """A checkpoint as programs for mail and notes show it: all of these are read."""
    wrapped = "\n".join(each for line in pin.split("\n") for each in textwrap.wrap(line, 76) or [""])
    cut = "\n".join(line[at : at + 76] for line in pin.split("\n") for at in range(0, len(line) or 1, 76))
    return [
        *("".join(f"{margin}{line}\n" for line in pin.splitlines()) for margin in ("    ", "\t", "| ", "> | ", "  > ")),
        pin.replace("\n", "\n\n"),
        *(pin.replace("\u2014", dash) for dash in ("-", "--", "---", "\u2013", "\u2015")),
        pin.replace(" ", "\u00a0"),
        wrapped,
        cut,
        wrapped + "\nBest regards\nAda\n",
        "".join(f"   {line}\n" for line in cut.replace("\u2014", "--").splitlines()),
    ]


def test_what_programs_do_to_lines_is_undone(tmp_path: Path) -> None:
    pin = Bundle(small_world(), tmp_path).files["checkpoint"].decode()
    assert [checkpoint_in(shown.encode()).decode() for shown in shown_by_programs(pin)] == [pin] * 16


def test_words_below_a_wrapped_signature_are_no_part_of_it(tmp_path: Path) -> None:
    """As long as a quarter of a line of base64, so that they could be read as one; a signature says how long it is."""
    pin = Bundle(small_world(), tmp_path).files["checkpoint"].decode()
    name, signature = pin.rstrip("\n").rsplit(" ", 1)
    for word in ("Best", "Regards", "x" * 40):
        assert checkpoint_in(f"{name}\n{signature}\n{word * 2}\n".encode()).decode() == pin
        with pytest.raises(UnreadablePin, match="the signature cannot be read"):
            checkpoint_in(f"{name}\n{signature[:-10]}\n{word * 2}\n".encode())


def said_of(texts: list[str]) -> tuple[list[str], list[str]]:
    """What the command and what the page reads in each."""
    mail = (CORE.parent / "core" / "mail.js").as_uri()
    command = [str(NODE), "--input-type=module", "-e", READ % json.dumps(mail)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    read = []
    for text in texts:
        try:
            read.append(checkpoint_in(text.encode()).decode())
        except LedgerError as error:
            read.append(f"{error.name}: {error}")
    return read, json.loads(done.stdout)


def test_both_verifiers_read_the_same_pins(tmp_path: Path) -> None:
    pin = Bundle(small_world(), tmp_path).files["checkpoint"].decode()
    mails = [mail.decode(errors="replace") for mail in (*forms_of(pin).values(), *not_read(pin).values())]
    texts = [*spellings(pin), *mails]
    chosen = random.Random(16)
    for _ in range(200):
        mixed = "".join(chosen.sample(mails, 3))
        begin = chosen.randrange(len(mixed))
        texts.append(mixed[begin : begin + chosen.randrange(6000)])
    read, shown = said_of(texts)
    assert shown == read
    assert 50 < sum(each.startswith("UnreadablePin") for each in read) < len(read) - 150


def test_every_form_of_a_mail_is_read_and_counts_beside_a_plain_one(tmp_path: Path) -> None:
    world = small_world()
    older = Bundle(world, tmp_path).files["checkpoint"]
    world.add(1)
    world.seal()
    newer = Bundle(world, tmp_path).files["checkpoint"]
    plain = saved(mail_of(older.decode()))
    for form, mail in forms_of(newer.decode()).items():
        assert checkpoint_in(mail) == newer, form
        assert set(notes_in(checkpoint_in(mailbox(plain, mail)))) == {older, newer}, form
    for form, mail in not_read(newer.decode()).items():
        for kept in (mail, mailbox(plain, mail), mailbox(mail, plain)):
            with pytest.raises(UnreadablePin, match=r"cannot be read|not read"):
                pytest.fail(f"{form}: {checkpoint_in(kept)!r}")


def test_no_word_of_a_jobs_owner_makes_a_mailbox_useless_as_a_pin(tmp_path: Path) -> None:
    pin = Bundle(small_world(), tmp_path).files["checkpoint"].decode()
    texts = []
    for word in by_an_owner(pin):
        names = [f"{'x' * at} {word}" for at in range(0, 70, 6)]
        alerts = [section("THE JOB", [f"Model: {as_word(name)}"]) for name in names]
        coded = ("8bit", "base64", "quoted-printable")
        texts += [f"{alerts[0]}\n\n{pin}", f"THE JOB\n  {word}\n\n{pin}"]
        texts += [mailbox(*(saved(e, encoding=c) for e in alerts), saved(mail_of(pin))).decode() for c in coded]
        texts += [by_sns(f"{each}\n\n{pin}") for each in alerts[:2]]
    prose = saved(CHECKPOINT_MAIL * 5).replace(b"8bit", b"base64")
    texts.append(mailbox(prose, saved(mail_of(pin))).decode())
    texts.append(f"Training {by_an_owner(pin)[0]} (Completed) was audited.\n\n{pin}")
    read, shown = said_of(texts)
    assert shown == read == [pin] * len(texts)


def planted(pin: bytes, size: int) -> bytes:
    """A checkpoint of the ledger that somebody wrote into a mail, signed by a key that nobody knows."""
    origin, _, root, _, signature, _ = pin.decode().split("\n")
    by_nobody = b64encode(b"\1\2\3\4" + b64decode(signature.split(" ")[-1])[4:]).decode()
    return f"{origin}\n{size}\n{root}\n\n\u2014 {origin} {by_nobody}\n".encode()


def damaged(pin: bytes) -> bytes:
    """As a person types it: a character of the signature is another."""
    return pin[:-12] + (b"A" if pin[-12:-11] != b"A" else b"B") + pin[-11:]


class Pinned:
    """A ledger of three seals and a key that is replaced then; and a bundle that was rolled back to the second seal."""

    def __init__(self, folder: Path, model: str | None) -> None:
        world = World()
        for _ in range(2):
            world.add(3)
            world.seal()
        self.bundle = Bundle(world, folder, model)
        self.at = world.at
        world.add(1)
        world.seal()
        self.first, self.second, self.third = (world.archive.get(checkpoint_key(size)) or b"" for size in (4, 8, 10))
        old, world.checkpoint = world.checkpoint, MemorySigner("checkpoint 2")
        world.request_rotation("checkpoint", 0, old, world.checkpoint)
        world.seal()
        self.rotated = world.archive.get(checkpoint_key(12)) or b""
        (folder / "whole").mkdir()
        self.keys = Bundle(world, folder / "whole").files["keys.json"]

    def said(self, page: PageCore, *pins: bytes, **demands: Any) -> tuple[str, list[str], list[int]]:
        """Verdict, names, and which pins were compared, on which command and page agree."""
        saved = checkpoint_in(b"\n\nand\n\n".join(pins))
        asked = Demands(self.at + timedelta(minutes=1), pin=saved, **demands)
        report, shown = verify_bundle(self.bundle.path, asked), page.judge(self.bundle.path, asked)
        assert page_said(shown) == python_said(report)
        assert [int(size) for size in shown["pins"]] == report.pins
        return (*python_said(report), report.pins)


@pytest.fixture(params=[None, MODELS[0]], ids=["whole", "part"])
def pinned(request: pytest.FixtureRequest, tmp_path: Path) -> Pinned:
    return Pinned(tmp_path, request.param)


def test_of_several_checkpoints_each_is_compared(pinned: Pinned, page: PageCore) -> None:
    first, second, third = pinned.first, pinned.second, pinned.third
    assert pinned.said(page, second, first, second) == ("valid", [], [4, 8])
    for pins in ((first, third), (third, first), (first, second, third)):
        verdict, names, sizes = pinned.said(page, *pins)
        assert (verdict, names) == ("tampered", ["RolledBack"])
        assert sizes[-1] == 10


def test_a_checkpoint_that_no_key_signed_neither_accuses_nor_passes(pinned: Pinned, page: PageCore) -> None:
    second = pinned.second
    unknown = "cannot verify", ["PinOfUnknownKey"], [8]
    assert pinned.said(page, second, planted(second, 8)) == ("valid", [], [8]), "it says the same"
    for fake in (planted(second, 4), planted(second, 999), planted(pinned.first, 8)):
        assert pinned.said(page, second, fake) == unknown
        assert pinned.said(page, fake, second) == unknown
    assert pinned.said(page, second, damaged(pinned.third)) == unknown, "a character of its signature is another"
    assert pinned.said(page, second, damaged(second)) == ("valid", [], [8]), "it says the same"
    assert pinned.said(page, second, pinned.rotated) == unknown, "the bundle ends before the rotation"
    assert pinned.said(page, second, pinned.rotated, keys=pinned.keys)[:2] == ("tampered", ["RolledBack"])


@pytest.mark.parametrize("form", [0, 4, 6, 10, 12], ids=["indented", "quoted", "another dash", "wrapped", "cut"])
def test_a_checkpoint_counts_in_whatever_form_beside_plain_ones(pinned: Pinned, page: PageCore, form: int) -> None:
    shown = shown_by_programs(pinned.third.decode())[form].encode()
    for pins in ((pinned.first, shown), (shown, pinned.second)):
        assert pinned.said(page, *pins)[:2] == ("tampered", ["RolledBack"]), "an older one, plain, hides it no more"
    shown = shown_by_programs(pinned.second.decode())[form].encode()
    unknown = "cannot verify", ["PinOfUnknownKey"], [8]
    assert pinned.said(page, planted(pinned.second, 999), shown) == unknown, "the plain one is by nobody"


def test_nothing_of_a_long_mailbox_is_cut(pinned: Pinned, page: PageCore) -> None:
    others = b"an alert of a job, and so on\n" * 40_000
    assert pinned.said(page, pinned.first, others, pinned.third)[:2] == ("tampered", ["RolledBack"])
    with pytest.raises(UnreadablePin, match="save the mails with checkpoints alone"):
        checkpoint_in(pinned.first + others * 4)


def test_alone_it_accuses_since_a_forged_ledger_has_other_keys(pinned: Pinned, page: PageCore) -> None:
    assert pinned.said(page, planted(pinned.first, 8))[0] == "tampered"
    assert pinned.said(page, pinned.second.replace(b"\n8\n", b"\n4\n"))[:2] == ("tampered", ["BadCheckpointSignature"])
