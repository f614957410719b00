"""verify.html as a regulator uses it: a bundle dropped or chosen, a verdict under its name, the records.

FLOPS_AUDITOR_BROWSER=full judges every attack in Chromium as well, and 400 byte flips; a sample otherwise.
"""

import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import FileChooser, Page, expect

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.records_csv import _cell
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.visible import as_written, visible
from flops_auditor.use_cases.ledger.verify_bundle import Demands, VerificationReport, verify_bundle
from tests.attacks.test_attacks import ATTACKS, PART_ATTACKS
from tests.browser.conftest import OpenOffline
from tests.browser.harness import OpenedPage
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import World
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import ADA, october, signed
from verifier.build import OUTPUT

FULL = os.environ.get("FLOPS_AUDITOR_BROWSER") == "full"
SAMPLE = {"edited_field", "a_middle_record_deleted", "another_readme", "part_edited_proof", "a_key_from_infinity_on"}
WORDS = {
    "Valid": "valid",
    "Valid, but stale": "valid, but stale",
    "Valid, with reservations": "valid, with reservations",
    "Tampered": "tampered",
    "Cannot be verified": "cannot verify",
}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "CHUNK", 6)


@pytest.fixture
def whole(tmp_path: Path) -> Bundle:
    return Bundle(small_world(), tmp_path)


@pytest.fixture
def opened(open_offline: OpenOffline, whole: Bundle) -> Iterator[OpenedPage]:
    """The page on a day on which the bundle is not stale."""
    page = open_offline(OUTPUT)
    page.page.locator("#known summary").click()
    page.page.locator("#received").fill(whole.world.at.date().isoformat())
    yield page


def judged(page: Page) -> tuple[str, set[str]]:
    """The verdict and the names that the page shows."""
    expect(page.locator("#verdict")).not_to_have_text("")
    names = page.locator("#findings tbody tr td:first-child").all_inner_texts()
    return page.locator("#verdict").inner_text(), set(names)


def chosen(page: Page, path: Path) -> tuple[str, set[str]]:
    """What the page says of a file that is chosen, after others were."""
    page.evaluate("() => { document.querySelector('#verdict').textContent = ''; }")
    page.locator("#bundle").set_input_files([])
    page.locator("#bundle").set_input_files(path)
    return judged(page)


def python(report: VerificationReport) -> tuple[str, set[str]]:
    return report.verdict, {each.error for each in (*report.findings, *report.reservations)}


def test_a_dropped_bundle_is_valid_and_its_records_are_shown(opened: OpenedPage, whole: Bundle) -> None:
    assert whole.verify().verdict == "valid"
    page = opened.page
    page.locator("#pin").fill(whole.files["checkpoint"].decode())
    assert opened.axe() == []
    opened.screenshots("verify-before")
    opened.drop("#drop", whole.path)
    assert judged(page) == ("Valid", set())
    expect(page.locator("#which")).to_have_text("1 to 11 of 11")
    expect(page.locator("#notes li").first).to_contain_text("nothing before it was rewritten")
    page.locator("#words").fill("job-000003")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.locator("#only").select_option("above")
    expect(page.locator("#which")).to_have_text("none")
    page.locator("#words").fill("")
    page.locator("#only").select_option("")
    assert (opened.axe(), opened.out_of_keyboards_reach(), opened.overflows()) == ([], [], 0)
    opened.screenshots("verify-valid")
    page.get_by_role("button", name="Show leaf 2", exact=True).click()
    expect(page.locator("#statement")).to_contain_text("training-job/secret-job-000002")
    assert opened.axe() == []
    opened.screenshots("verify-record", full_page=False)
    page.keyboard.press("Escape")
    expect(page.locator("#record")).to_be_hidden()


def test_a_file_that_is_gone_or_another_one_says_so_and_its_records_go_with_it(
    opened: OpenedPage, whole: Bundle, tmp_path: Path
) -> None:
    """A folder, a file that was moved, and one that was changed after its verdict: each is told, and none is judged."""
    page, mine = opened.page, tmp_path / "mine.zip"
    opened.drop("#drop", tmp_path)
    expect(page.locator("#verdict")).to_have_text("That is a folder")
    expect(page.locator("#meaning")).to_contain_text("ask for the zip file as it was sent")
    for change in (mine.unlink, lambda: mine.write_bytes(b"PK")):
        shutil.copy(whole.path, mine)
        assert chosen(page, mine)[0].startswith("Valid")
        expect(page.locator("#records")).to_be_visible()
        change()
        page.get_by_role("button", name="Show leaf 2", exact=True).click()
        expect(page.locator("#verdict")).to_have_text("The file is not there any more as it was checked")
        expect(page.locator("#meaning")).to_contain_text("mine.zip was moved, removed or changed after it was checked")
        expect(page.locator("#records")).to_be_hidden()
        expect(page.locator("#again")).to_be_disabled()


DROPPED = """(files) => {
  const carried = new DataTransfer();
  for (const name of files) carried.items.add(new File(["PK"], name));
  window.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


def test_a_verdict_is_of_one_bundle_and_a_record_of_the_one_before_is_closed(
    opened: OpenedPage, tmp_path: Path
) -> None:
    """What a record says may be long, and a name that every object of JavaScript has."""
    world = World()
    draft = world.draft("L" * 10_000)
    draft.content["code_version"] = "constructor"
    world.commit(draft)
    world.seal()
    page = opened.page
    bundle = Bundle(world, tmp_path)
    assert bundle.verify().verdict == "valid"
    opened.drop("#drop", bundle.path)
    assert judged(page)[0].startswith("Valid")
    expect(page.locator("#facts")).to_contain_text("constructor (1)")
    expect(page.locator("#facts")).to_contain_text("1 record, 2 leaves, 1 checkpointSealed")
    assert len(page.locator("#rows .name").last.inner_text()) == 203
    page.get_by_role("button", name="Show leaf 0", exact=True).click()
    expect(page.locator("#record")).to_be_visible()
    page.evaluate(DROPPED, ["good.zip", "bad.zip"])
    expect(page.locator("#verdict")).to_have_text("One bundle at a time")
    expect(page.locator("#record")).to_be_hidden()
    expect(page.locator("#records")).to_be_hidden()


def test_an_edited_record_is_named_and_no_record_is_shown(opened: OpenedPage, whole: Bundle) -> None:
    for attack in ("edited_field", "a_checkpoint_with_an_edited_root"):
        next(each for each in ATTACKS if each.__name__ == attack)(whole)
        report = whole.verify()
        assert chosen(opened.page, whole.path) == ("Tampered", python(report)[1])
        expect(opened.page.locator("#records")).to_be_hidden()
    assert (opened.axe(), opened.out_of_keyboards_reach(), opened.overflows()) == ([], [], 0)
    opened.screenshots("verify-tampered")


SLOW_TO_READ = """() => {
  const quick = Blob.prototype.arrayBuffer;
  Blob.prototype.arrayBuffer = async function () {
    if (this.name === "keys.json") await new Promise((resolve) => setTimeout(resolve, 300));
    return quick.call(this);
  };
}"""


def test_what_comes_late_of_an_earlier_bundle_is_not_heard(opened: OpenedPage, whole: Bundle, tmp_path: Path) -> None:
    """A second bundle, or Stop, while the keys that were given with the first one are still being read."""
    page = opened.page
    assert whole.verify().verdict == "valid"
    good = whole.path.rename(tmp_path / "good.zip")
    keys = tmp_path / "keys.json"
    keys.write_bytes(whole.files["keys.json"])
    next(each for each in ATTACKS if each.__name__ == "edited_field")(whole)
    assert whole.verify().verdict == "tampered"
    page.locator("#keys").set_input_files(keys)
    page.evaluate(SLOW_TO_READ)
    page.locator("#bundle").set_input_files(good)
    page.locator("#bundle").set_input_files(whole.path)
    page.wait_for_timeout(1_500)
    assert judged(page)[0] == "Tampered"
    expect(page.locator("#records")).to_be_hidden()
    page.locator("#bundle").set_input_files(good)
    page.locator("#stop").click()
    page.wait_for_timeout(1_500)
    assert judged(page)[0] == "Stopped"


def test_a_record_that_was_replaced_is_marked_and_a_verdict_is_that_of_the_newest(opened: OpenedPage) -> None:
    page = opened.page
    row = {"arn": "a", "model": "m", "status": "Completed", "best": "1", "upper": "2", "at": 0}
    rows = [
        {**row, "id": "1", "index": "0", "job": "one", "revision": 0, "verdict": "above"},
        {**row, "id": "1", "index": "1", "job": "one", "revision": 1, "verdict": "below, on the job's word"},
    ]
    page.evaluate("(given) => { rows = given; document.querySelector('#result').hidden = false; showRecords(); }", rows)
    assert page.locator("#rows tr").all_inner_texts()[0].split("\t")[-2] == "0, replaced"
    shown = page.locator("#rows tr:last-child td:nth-child(4)")
    assert shown.inner_text() == "below, on the job's word" and shown.get_attribute("class") == "word"
    page.locator("#only").select_option("above")
    expect(page.locator("#which")).to_have_text("none")
    page.locator("#only").select_option("below, on the job's word")
    expect(page.locator("#which")).to_have_text("1 to 1 of 1")


def test_the_keyboard_alone_is_enough(open_offline: OpenOffline, whole: Bundle) -> None:
    whole.verify()
    opened = open_offline(OUTPUT)
    page = opened.page
    page.keyboard.press("Tab")
    expect(page.locator("#bundle")).to_be_focused()
    choosers: list[FileChooser] = []

    def heard(chooser: FileChooser) -> None:
        choosers.append(chooser)

    page.on("filechooser", heard)
    for _ in range(20):  # Chromium may not listen for choosers yet when the first key comes
        page.keyboard.press("Enter")
        page.wait_for_timeout(250)
        if choosers:
            break
    choosers[0].set_files(whole.path)
    assert judged(page) == ("Valid, but stale", {"StaleLedger"})
    assert page.evaluate("() => document.activeElement.id") == "verdict"
    page.locator("#bundle").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.insert_text(whole.files["checkpoint"].decode())
    page.locator("#again").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notes")).to_contain_text("nothing before it was rewritten")


def test_chunks_of_every_size_are_joined_in_their_order(opened: OpenedPage, tmp_path: Path) -> None:
    """A worker has several at a time, and is ready with a small one before a large one."""
    world = World()
    for count in (200, 6, 6, 6, 6):
        world.add(count)
        world.seal()
    bundle = Bundle(world, tmp_path)
    assert bundle.verify().verdict == "valid"
    assert len(bundle.names("log/")) == 5
    assert chosen(opened.page, bundle.path) == ("Valid", set())
    expect(opened.page.locator("#which")).to_have_text("1 to 50 of 224")
    expect(opened.page.locator("#rows tr:first-child td:first-child")).to_have_text("0")


def test_what_is_known_from_elsewhere_is_used(opened: OpenedPage, whole: Bundle, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    forged = _somebody_elses(tmp_path / "other")
    page, keys = opened.page, tmp_path / "keys.json"
    keys.write_bytes(whole.files["keys.json"])
    pin = whole.files["checkpoint"].decode()
    mailed = f"To: a@example.com\r\n\r\n{pin}\r\n-- \r\nyour ledger".replace("=", "=3D")
    for text, verdict, names in (
        ("", "Valid", set()),
        (pin, "Tampered", {"ForkedHistory"}),
        (mailed, "Tampered", {"ForkedHistory"}),
        ("no note", "UnreadablePin", set()),
    ):
        page.locator("#pin").fill(text)
        assert chosen(page, forged.path) == (verdict, names)
    page.locator("#pin").fill("")
    page.locator("#keys").set_input_files(keys)
    assert chosen(page, forged.path) == ("Tampered", {"UnknownKey"})


def _somebody_elses(folder: Path) -> Bundle:
    """The same ledger by name, under other keys: valid in itself."""
    world = World(record=MemorySigner("x"), checkpoint=MemorySigner("y"), made=50)
    for _ in range(4):
        world.add(5)
        world.seal()
    forged = Bundle(world, folder)
    assert forged.verify().verdict == "valid"
    return forged


def test_names_are_shown_as_the_report_shows_them(open_offline: OpenOffline) -> None:
    """Each third character that this Python knows, beside a Latin letter and alone; a browser may know newer ones. And
    words of letters that are taken for one another.
    """
    known = [chr(code) for code in range(0x20, 0x30000, 3) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    texts = [text for each in known for text in (each, f"a{each} b")]
    alike, drawn = (
        "a\u043e\u03bfo\u0430\u03b1\u043f一ー\u2014ニ二ロ口夕タボ入-\u2013é\u0301eで데 /…\u0627\u0644",
        Random(0),
    )
    texts += ["".join(drawn.choices(alike, k=drawn.randrange(1, 9))) for _ in range(4_000)]
    shown = open_offline(OUTPUT).page.evaluate("texts => texts.map(asWritten)", texts)
    assert shown == [as_written(text) for text in texts]


def test_amounts_are_rounded_as_the_command_rounds_them(open_offline: OpenOffline) -> None:
    """A best estimate with ties to even, an upper bound outward."""
    drawn = Random(0)
    amounts = [str(drawn.randrange(10**length)) for length in range(1, 28) for _ in range(40)]
    amounts += ["1280989440000000000000000", "1285000", "1275000", "1280000", "999000", "999001", "0"]
    page = open_offline(OUTPUT).page
    for bound, is_upper in (("best", "false"), ("upper", "true")):
        shown = page.evaluate(f"amounts => amounts.map((each) => scientific(each, {is_upper}))", amounts)
        assert shown == [scientific(int(amount), bound=bound) for amount in amounts]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("</td></tr></table><script>fetch('//x')</script>", "</td></tr></table><script>fetch('//x')</script>"),
        ("safe\u202etxt.exe", "safe⟨U+202E⟩txt.exe"),
        ("p\u0430yment", "p⟨U+0430⟩yment"),
        ("p\u0436yment", "p\u0436yment ⟨letters: Cyrillic, Latin⟩"),
        ("org/e\u0301", "org/e⟨U+0301⟩"),
        ("a\u200bb", "a⟨U+200B⟩b"),
    ],
)
def test_what_a_jobs_owner_wrote_is_shown_as_what_it_is(
    open_offline: OpenOffline, tmp_path: Path, written: str, shown: str
) -> None:
    world = World()
    made = world.draft()
    made.content["job"]["name"] = made.content["original"]["base_model"] = written
    world.commit(made)
    world.seal()
    bundle = Bundle(world, tmp_path)
    bundle.verify()
    opened = open_offline(OUTPUT)
    assert chosen(opened.page, bundle.path)[0] == "Valid, but stale"
    assert opened.page.locator("#rows td.name").all_inner_texts() == [shown] * 2
    for words, found in ((shown, 1), (written, 1), (_cell(written).strip("'"), 1), (f"{shown}x", 0)):
        opened.page.locator("#words").fill(words)
        expect(opened.page.locator("#rows tr")).to_have_count(found)
    opened.page.locator("#words").fill("")
    opened.page.get_by_role("button", name="Show leaf 0", exact=True).click()
    statement = opened.page.locator("#statement")
    expect(statement).to_contain_text(visible(written))
    assert statement.evaluate("element => element.childElementCount") == 0


def test_every_attack_gets_the_same_verdict_under_the_same_names(opened: OpenedPage, tmp_path: Path) -> None:
    attacks: list[tuple[Callable[[Bundle], None], str | None]] = [
        *((attack, None) for attack in ATTACKS),
        *((attack, "org/model-b") for attack in PART_ATTACKS),
    ]
    for attack, model in attacks:
        if FULL or attack.__name__ in SAMPLE:
            bundle = Bundle(small_world(), tmp_path, model)
            attack(bundle)
            report = bundle.verify()
            assert _as_python(chosen(opened.page, bundle.path)) == python(report), attack.__name__


def test_a_flipped_byte_gets_the_same_verdict_under_the_same_names(opened: OpenedPage, whole: Bundle) -> None:
    whole.verify()
    honest, random = whole.path.read_bytes(), Random(16)
    for _ in range(400 if FULL else 5):
        flipped = bytearray(honest)
        flipped[random.randrange(len(flipped))] ^= random.randrange(1, 256)
        whole.path.write_bytes(flipped)
        report = verify_bundle(whole.path, Demands(as_of=whole.world.at))
        assert _as_python(chosen(opened.page, whole.path)) == python(report)


def _as_python(shown: tuple[str, set[str]]) -> tuple[Any, set[str]]:
    return WORDS[shown[0]], shown[1]


def test_a_day_that_no_calendar_has_is_refused_in_words(open_offline: OpenOffline, whole: Bundle) -> None:
    whole.verify()
    page = open_offline(OUTPUT).page
    page.locator("#known summary").click()
    page.locator("#received").fill("275760-09-13")
    page.locator("#bundle").set_input_files(whole.path)
    expect(page.locator("#meaning")).to_contain_text("is none of the years 1 to 9999")


def test_what_is_said_of_a_bill_is_told_with_who_says_it(open_offline: OpenOffline, tmp_path: Path) -> None:
    """By workers that check chunks: what a name hides is shown by its number, and a part of an hour is rounded down."""
    ledger = LiveLedger()
    for name in ("seen", "other"):
        ledger.add(continuing(name, hours=10))
        ledger.audit(name)
        ledger.seal()
    for hours in ((9, 1), (2, 1)):
        signed(ledger, october(*hours), said_by=replace(ADA, who="ada\u202e"))
        ledger.seal()
    page = open_offline(OUTPUT).page
    page.locator("#known summary").click()
    page.locator("#received").fill(ledger.at.date().isoformat())
    assert chosen(page, ledger.bundle(tmp_path).path) == ("Valid", set())
    expect(page.locator("#facts")).to_contain_text("Bill of 2026-10")
    expect(page.locator("#facts")).to_contain_text(
        "66.66 % of 24.0 accelerator hours explained, and there are hours that no record explains, and there are "
        "charges for training that no record explains; 2026-10-01T00:00:00.000Z to 2026-10-01T02:00:00.000Z, "
        "says ada⟨U+202E⟩"
    )
    expect(page.locator("#facts")).to_contain_text("compared with the log of size ")
    expect(page.locator("#facts")).to_contain_text("in place of 1 earlier, of 80.0 accelerator hours, at 90.00 %")
    expect(page.locator("#rows tr")).to_have_count(2)
