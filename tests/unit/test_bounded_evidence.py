"""Whatever is sealed is exported and verified: evidence and ancestors are bounded where they are kept, not read."""

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZipFile
from zlib import compress

import pytest

from flops_auditor.domain.audit.audit import CUT
from flops_auditor.domain.ledger.bundle import MOST_GROWTH
from flops_auditor.domain.lineage.kept_ancestors import SCHEMA, within_room
from flops_auditor.domain.lineage.lineage import Ancestor, to_json
from flops_auditor.domain.runs import bounded_evidence
from flops_auditor.domain.runs.amendment import Amendment, MalformedAmendment
from flops_auditor.domain.runs.bounded_evidence import LONG_TEXTS, as_digest
from flops_auditor.domain.runs.evidence import TOO_LARGE, Evidence, plain
from flops_auditor.domain.runs.sources import cases
from flops_auditor.domain.runs.sources.cases import case_of, kept_case
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.runs.sources.training_job_answer import as_read, parse_training_job
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.json_size import (
    LARGEST_ANCESTORS,
    LARGEST_EVIDENCE,
    MOST_PARTS,
    has_room,
    parts_of,
)
from flops_auditor.use_cases.auditing import amend_record, find_lineage, keep_record
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.ledger.export_bundle import export_part, export_whole, of_job, shrinks_beyond
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor.use_cases.ports.sources import MetricRequest
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.audit import MemoryIndex, MemoryRecords
from tests.fakes.bundles import Bundle
from tests.fakes.jobs import CREATED, describe
from tests.fakes.lineage import World, channel, continuing
from tests.fakes.live_ledger import LiveLedger
from tests.unit.test_model_packages import NothingPending
from tests.verifier.page_core import CORE, NODE, PageCore, page_said, python_said

CLUSTER = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 256, "VolumeSizeInGB": 500}
"""The largest that SageMaker offers of this type in one job; 28 days is the longest that one may take."""
BUSY = 781.2345678901234
"""Per cent of eight accelerators, in as many digits as a mean has."""
LONGEST_NUMBER = 1.2345678901234567e-105


@dataclass
class FullMetrics:
    """The JobMetrics port: every series that is asked for has a value in every period."""

    asked: list[MetricRequest] = field(default_factory=list)

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        self.asked.append(request)
        start, step = request.spans[0].start, timedelta(seconds=request.period_seconds)
        times = [start + step * number for number in range(-(-(request.spans[-1].end - start) // step))]
        hosts = [f"GPUUtilization algo-{i}{end}" for i in range(1, request.hosts + 1) for end in ("", " Maximum")]
        names = [*hosts, *request.emitted, *request.lowest_too]
        value = BUSY if request.job_name == "honest" else LONGEST_NUMBER
        return [{"Label": name, "Timestamps": times, "Values": [value] * len(times)} for name in names]


def worst(letter: str) -> dict[str, Any]:
    """All that a job's owner may write in a training job, as long as SageMaker lets it be (API Reference,
    CreateTrainingJob), of one letter.
    """

    def text(length: int, number: int = 0) -> str:
        return str(number) + letter * (length - len(str(number)))

    def texts(count: int, key: int, value: int) -> dict[str, str]:
        return {text(key, number): text(value) for number in range(count)}

    rule = {"RuleConfigurationName": text(256), "RuleEvaluatorImage": "x", "RuleParameters": texts(100, 256, 256)}
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://b/{text(1000)}", "AttributeNames": [text(256)] * 16}
    channel = {"DataSource": {"S3DataSource": source}, "ContentType": text(256)}
    collection = {"CollectionName": text(256), "CollectionParameters": texts(20, 256, 512)}
    return describe(
        "worst",
        hours=24 * 28,
        ResourceConfig=CLUSTER,
        HyperParameters=texts(100, 256, 2500),
        Environment=texts(100, 512, 512),
        InputDataConfig=[{"ChannelName": f"channel-{number}", **channel} for number in range(20)],
        AlgorithmSpecification={
            "TrainingImage": "x",
            "ContainerEntrypoint": [text(256)] * 100,
            "ContainerArguments": [text(256)] * 100,
            "MetricDefinitions": [{"Name": text(255, number), "Regex": text(500)} for number in range(40)],
        },
        FinalMetricDataList=[{"MetricName": text(255, number), "Value": 1.0} for number in range(40)],
        DebugHookConfig={
            "S3OutputPath": "s3://b/debug",
            "HookParameters": texts(20, 256, 256),
            "CollectionConfigurations": [collection] * 20,
        },
        DebugRuleConfigurations=[rule] * 20,
        ProfilerRuleConfigurations=[rule] * 20,
    )


TAGS = {f"flops-auditor:{'x' * 100}{number}": "\U00020000" * 256 for number in range(50)}


@pytest.fixture(scope="module")
def page() -> Iterator[PageCore]:
    running = PageCore()
    yield running
    running.end()


def verdicts(path: Path, ledger: LiveLedger, page: PageCore, **demands: Any) -> tuple[str, list[str]]:
    """Verdict and names, on which command and page agree."""
    asked = Demands(ledger.at + timedelta(minutes=1), **demands)
    said = page_said(page.judge(path, asked))
    assert python_said(verify_bundle(path, asked)) == said
    return said


METRICS = FullMetrics()


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    """The worst job that an owner may run, and an honest one, each on the largest cluster for the longest time."""
    made = LiveLedger(metrics=METRICS)
    made.clock.now = CREATED + timedelta(days=29)
    made.add(worst("\x01"), **{f"{'x' * 100}{number}": "\U00020000" * 256 for number in range(50)})
    made.add(describe("honest", hours=24 * 28, ResourceConfig=CLUSTER))
    made.audit()
    made.seal()
    return made


def test_what_an_owner_may_write_and_what_a_cluster_says_is_exported_and_verified(
    ledger: LiveLedger, page: PageCore, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.zip"
    assert export_whole(ledger.archive, ledger.ledger, path, ledger.at).left_out == ()
    assert verdicts(path, ledger, page) == ("valid", [])
    asked = Demands(ledger.at, recompute=Recomputing())
    assert verify_bundle(path, asked).verdict == "valid"


def test_of_too_much_an_owners_texts_are_cut_with_their_digests_and_a_doubt(ledger: LiveLedger) -> None:
    content = ledger.content("worst")
    evidence = json.loads(ledger.archive.get(evidence_key(content["job"]["id"], 0)) or b"")
    description = plain(worst("\x01"))
    assert evidence["description"]["DebugRuleConfigurations"] == as_digest(description["DebugRuleConfigurations"])
    assert evidence["description"]["DebugHookConfig"]["S3OutputPath"] == "s3://b/debug"
    values = evidence["description"]["HyperParameters"].values()
    assert {value[: LONG_TEXTS[-1]] for value in values} == {"0" + "\x01" * 255}
    assert all("cut: 2500 characters, SHA-256" in value for value in values)
    assert evidence["description"]["TrainingJobArn"] == description["TrainingJobArn"]
    assert [each["error"] for each in evidence["unread"]] == [TOO_LARGE]
    assert content["verdict"] == "indeterminate"
    assert CUT.name in [doubt["kind"] for doubt in content["estimate"]["doubts"]]
    assert sum(len(each["Values"]) for each in evidence["metrics"]["results"]) > 80_000


def test_the_largest_cluster_is_above_by_all_its_hosts(ledger: LiveLedger) -> None:
    content = ledger.content("honest")
    assert [(asked.hosts, asked.period_seconds) for asked in METRICS.asked] == [(256, 4 * 3600)] * 2
    assert content["verdict"] == "above"
    assert content["estimate"]["doubts"] == []


def test_what_is_read_of_a_description_stays() -> None:
    description = plain(worst(","))
    assert parse_training_job(as_read(description)) == parse_training_job(description)
    assert as_read(plain(describe("small"))) == plain(describe("small"))


def talkative(**changes: Any) -> dict[str, Any]:
    """A job whose texts are cut, and whose places stand where a cut would take them."""
    texts = {
        "settings": json.dumps({"about": "x" * 1100, "output_dir": "s3://hidden/x"}),
        "export_dir": f"s3://hidden/{'y' * 300}",
        **{f"note-{number}": "\x01" * 2400 for number in range(20)},
    }
    return continuing(
        "talkative",
        HyperParameters=texts,
        OutputDataConfig={"S3OutputPath": f"s3://team/{'z' * 300}"},
        ModelArtifacts={"S3ModelArtifacts": f"s3://team/{'z' * 300}/talkative/output/model.tar.gz"},
        CheckpointConfig={"S3Uri": f"s3://kept/{'k' * 500}"},
        **changes,
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little room that all is cut of who writes much, and nothing of whoever does not."""
    for module in (cases, bounded_evidence):
        monkeypatch.setattr(module, "LARGEST_EVIDENCE", 60_000)


@pytest.mark.usefixtures("small")
def test_where_results_are_left_stays_whatever_is_cut() -> None:
    tags = [{"Key": "export_dir", "Value": "s3://tagged/x"}]
    whole = case_of(Evidence(plain(talkative()), tags))
    assert read_location("s3://tagged/x") in whole.run.results
    kept = kept_case(whole)
    assert kept.evidence.unread != ()
    assert len(whole.run.results) > 5
    for run in (kept.run, whole.run):
        assert (set(run.results), set(run.checkpoints)) == (set(whole.run.results), set(whole.run.checkpoints))
        assert run.artifact == whole.run.artifact
    assert kept_case(kept) is kept
    assert kept_case(case_of(kept.evidence)).evidence == kept.evidence


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "place", ["s3://hidden/x/step-9", f"s3://hidden/{'y' * 300}/step-9", f"s3://kept/{'k' * 500}/step-9"]
)
@pytest.mark.parametrize("order", [("talkative", "reader"), ("reader", "talkative")])
def test_cut_evidence_hides_nothing_from_whoever_reads_its_result(place: str, order: tuple[str, str]) -> None:
    world = World()
    world.add(talkative(hours=1))
    world.add(continuing("reader", day=3, hours=1, InputDataConfig=[channel("model", place)]))
    world.audit(*order)
    assert world.ancestors("reader") == {"talkative"}
    assert world.content("reader")["verdict"] == "indeterminate"
    rebuilt = MemoryIndex()
    rebuild_index(world.recorder.archive, MemoryRecords(), NothingPending(), rebuilt)  # type: ignore[arg-type]
    for at in world.run("talkative").results:
        assert [entry.job_id for entry in rebuilt.exactly("output", at, "", 9)] == [world.job_id("talkative")]


def test_evidence_with_room_stays_as_it_is() -> None:
    case = case_of(Evidence(plain(describe("small"))))
    assert kept_case(case) is case


def test_no_room_is_left_for_metrics_where_people_wrote_too_much() -> None:
    amendments = tuple(Amendment("\x01" * 1000, "\x01" * 1000, CREATED, tokens=number) for number in range(700))
    case = kept_case(case_of(Evidence(plain(describe("small")), metrics=[{"Label": "x"}], amendments=amendments)))
    assert case.evidence.amendments == amendments
    assert [each.source for each in case.evidence.unread] == ["sagemaker:training-job", "cloudwatch:GetMetricData"]
    assert kept_case(case) is case


def test_an_amendment_that_no_verifier_would_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = LiveLedger()
    made.add(describe("one"))
    made.audit()
    amendment = Amendment("who", "why", made.at, tokens=10**9)
    monkeypatch.setattr(amend_record, "LARGEST_EVIDENCE", 100)
    with pytest.raises(MalformedAmendment, match="no room"):
        amend(made.content("one")["job"]["id"], amendment, made.recorder)


def test_evidence_that_shrinks_to_next_to_nothing_is_stored(page: PageCore, tmp_path: Path) -> None:
    """Or a verifier would find that the bundle unpacks to too much for its size."""
    made, path = LiveLedger(), tmp_path / "bundle.zip"
    made.add(describe("one", DebugRuleConfigurations=["x" * (LARGEST_EVIDENCE * 8 // 9)]))
    made.audit()
    made.seal()
    export_whole(made.archive, made.ledger, path, made.at)
    with ZipFile(path) as files:
        assert all(each.file_size <= MOST_GROWTH * each.compress_size for each in files.infolist())
    assert verdicts(path, made, page) == ("valid", [])


@pytest.mark.parametrize("size", [0, 1 << 14, 1 << 18])
@pytest.mark.parametrize("noise", [0, 40, 700, 1 << 17])
def test_whether_a_file_shrinks_beyond_is_known_before_all_of_it_is_compressed(size: int, noise: int) -> None:
    """As compressing all of it says, wherever what does not shrink stands."""
    made = Random(noise).randbytes(noise)
    for content in (made + bytes(size), bytes(size) + made, bytes(size // 2) + made + bytes(size // 2)):
        assert shrinks_beyond(content, 200) == (len(content) > 200 * len(compress(content)))


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> LiveLedger:
    """A ledger in which an earlier release kept whatever there was."""
    monkeypatch.setattr(keep_record, "kept_case", lambda case, services: case)
    made = LiveLedger(code_version="0.0.9")
    made.add(describe("one"))
    made.add(describe("large", FailureReason="x" * (LARGEST_EVIDENCE + 1)))
    made.add(describe("many", DebugRuleConfigurations=[0] * (MOST_PARTS + 1)))
    made.add(describe("two"))
    made.audit()
    made.seal()
    return made


def test_what_an_earlier_release_kept_is_left_out_and_cannot_be_verified(
    older: LiveLedger, page: PageCore, tmp_path: Path
) -> None:
    whole, part, other = tmp_path / "whole.zip", tmp_path / "part.zip", tmp_path / "other.zip"
    keys = [evidence_key(older.content(name)["job"]["id"], 0) for name in ("large", "many")]
    assert sorted(export_whole(older.archive, older.ledger, whole, older.at).left_out) == sorted(keys)
    assert verdicts(whole, older, page) == ("cannot verify", ["TooLarge", "TooLarge"])
    chosen = export_part(older.archive, older.ledger, part, older.at, "large", chosen=of_job("large"))
    assert chosen.left_out == (keys[0],)
    assert verdicts(part, older, page) == ("cannot verify", ["TooLarge"])
    assert export_part(older.archive, older.ledger, other, older.at, "one", chosen=of_job("one")).left_out == ()
    assert verdicts(other, older, page) == ("valid", [])


def test_what_is_too_large_hides_nothing_else(older: LiveLedger, page: PageCore, tmp_path: Path) -> None:
    bundle = Bundle(older, tmp_path)
    pin = bundle.files["checkpoint"]
    name = bundle.names("evidence/")[0]
    lines = bundle.files[name].split(b"\n")
    (last,) = [at for at, line in enumerate(lines) if line and b'"two"' in b64decode(line)]
    lines[last] = b64encode(b"{}")
    bundle.files[name] = b"\n".join(lines)
    bundle.write()
    assert verdicts(bundle.path, older, page)[0] == "tampered"
    older.add(describe("three"))
    older.audit()
    older.seal()
    newer = Bundle(older, tmp_path).files["checkpoint"]
    earlier = Bundle(older, tmp_path)
    assert verdicts(earlier.path, older, page, pin=pin) == ("cannot verify", ["TooLarge", "TooLarge"])
    size = newer.split(b"\n")[1]
    forged = newer.replace(b"\n" + size + b"\n", b"\n900\n")
    verdict, names = verdicts(earlier.path, older, page, pin=forged)
    assert (verdict, "BadCheckpointSignature" in names) == ("tampered", True)


def ancestor(number: int, **changes: Any) -> Ancestor:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/run-{number}"
    return replace(Ancestor(f"{number:064x}", arn, 10**20, 10**21 + number, base_model="org/model"), **changes)


def test_ancestors_of_whatever_names_fit_one_object() -> None:
    names = [(letter * 500, (letter * 120,) * 8) for letter in (",", "[", "\x01", "\U00020000")]
    many = [ancestor(n, base_model=names[n % 4][0], other_names=names[n % 4][1]) for n in range(4000)]
    many[1] = replace(many[1], upper_flop=None)
    kept = within_room(tuple(many), {many[0].job_id})
    body = canonical({"schema": SCHEMA, "ancestors": [to_json(each) for each in kept]})
    assert has_room(body, LARGEST_ANCESTORS)
    assert len(body) > LARGEST_ANCESTORS * 0.88
    assert kept == (*many[:2], *many[-len(kept) + 2 :]), "the parent, an unknown one, and those of the most compute"


def test_ancestors_that_are_left_out_are_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_lineage, "within_room", lambda ancestors, parents: ancestors[:2])
    made = LiveLedger()
    for number in range(5):
        made.add(continuing(f"root-{number}", [], number))
    made.add(continuing("heir", [f"root-{number}" for number in range(5)], 9))
    made.audit()
    content = made.content("heir")
    assert len(content["cumulative"]["ancestors"]) == 2
    doubts = [each["words"] for each in content["lineage"]["doubts"] if each["kind"] == "too-many-ancestors"]
    assert doubts == ["3 more of its earlier runs, those of the least compute, are left out: there is no room"]
    assert content["verdict"] == "indeterminate"


def test_ten_thousand_honest_ancestors_are_kept() -> None:
    many = tuple(ancestor(n, parents=(f"{n - 1:064x}",)) for n in range(10_000))
    assert within_room(many, ()) is many


SPELLINGS = (
    ("[", "]"),
    ('["a,[{\\",,,"', "]"),
    ('{"\\\\":"\\\\\\"[,","b":[', "]}"),
    ('"\U00020000,",', '"never closed,,,[[{{'),
    ('\\"', '"'),
)
"""What stands before and behind many commas."""
COUNT = """
import { hasTooManyParts } from "%s";
const asked = JSON.parse(process.argv[1]);
const body = ([before, behind, count]) => Buffer.from(before + ",".repeat(count) + behind);
console.log(JSON.stringify(asked.map((each) => hasTooManyParts(body(each)))));
"""


def test_parts_are_counted_outside_of_strings_by_both_verifiers() -> None:
    asked = [(*spelling, MOST_PARTS - 5 + number) for spelling in SPELLINGS for number in range(8)]
    script = COUNT % (CORE.parent / "core" / "chunk.js").as_uri()
    command = [str(NODE), "--input-type=module", "-e", script, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    bodies = [before.encode() + b"," * count + behind.encode() for before, behind, count in asked]
    counted = [parts_of(body) > MOST_PARTS for body in bodies]
    assert json.loads(done.stdout) == counted
    assert [sum(counted[at : at + 8]) for at in range(0, 40, 8)] == [3, 3, 5, 3, 0]
    assert [parts_of((before + behind).encode(), 0) for before, behind in SPELLINGS] == [1, 1, 3, 1, 0]
