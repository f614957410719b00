"""What `make dist` built has what it needs and nothing else, and people see the same with it as in the clone."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.transcripts import ROOT, WIDTHS, golden, installed, transcript
from tests.transcripts.deployment import deployment
from tests.transcripts.people import PEOPLE, WITH_A_BILL, WITH_A_DEPLOYMENT, lay_out

BUILT = ROOT / "dist"
UV = ROOT / ".tools" / "bootstrap" / "bin" / "uv"
PINNED = ROOT / "requirements" / "dev.txt"
PACKAGES = {"flops_auditor": ROOT / "layers" / "auditor", "flops_auditor_cli": ROOT / "cli"}
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COLUMNS": "80"}

pytestmark = pytest.mark.skipif(not BUILT.exists(), reason="nothing was built: make dist")


def only(ending: str) -> Path:
    """The one file in dist/ of this kind."""
    (found,) = BUILT.glob(f"*{ending}")
    return found


def sources() -> set[str]:
    """What the packages consist of, as git has it."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = done.stdout.splitlines()
    places = [str((place / name).relative_to(ROOT)) for name, place in PACKAGES.items()]
    code = {
        line.removeprefix("layers/auditor/").removeprefix("cli/")
        for line in listed
        if any(line.startswith(f"{place}/") for place in places)
    }
    pages = {line for line in listed if line.startswith("docs/") and line.endswith(".md")}
    return code | {f"flops_auditor_cli/documents/{page.removeprefix('docs/')}" for page in pages}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it asks for, at the pinned versions, and nothing of AWS."""
    return environment_with(str(only(".whl")), tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
def with_aws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its extra for AWS."""
    return environment_with(f"{only('.whl')}[aws]", tmp_path_factory.mktemp("aws") / "venv")


def environment_with(wheel: str, folder: Path) -> Path:
    """Its programs."""
    python = folder / "bin" / "python"
    for command in (
        [UV, "venv", "--quiet", "--python", ROOT / ".venv" / "bin" / "python", folder],
        [UV, "pip", "install", "--quiet", "--python", python, "--constraint", PINNED, wheel],
    ):
        subprocess.run(command, cwd=folder.parent, check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that people have."""
    made = tmp_path_factory.mktemp("people")
    lay_out(made)
    return made


def test_the_wheel_has_every_file_of_the_packages_and_no_other() -> None:
    with zipfile.ZipFile(only(".whl")) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
        about = {name.partition(".dist-info/")[2] for name in wheel.namelist() if ".dist-info/" in name}
    assert inside == sources()
    assert {"licenses/LICENSE", "licenses/layers/auditor/flops_auditor/data/README.md", "METADATA"} <= about


def test_the_source_archive_builds_the_same_wheel(tmp_path: Path) -> None:
    with tarfile.open(only(".tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    (inside,) = tmp_path.iterdir()
    assert not {"tests", "requirements", "functions"} & {path.name for path in inside.iterdir()}
    built = [ROOT / ".venv" / "bin" / "hatchling", "build", "--target", "wheel", "--directory", tmp_path / "again"]
    subprocess.run(built, cwd=inside, check=True, capture_output=True)
    with zipfile.ZipFile(only(".whl")) as first, zipfile.ZipFile(tmp_path / "again" / only(".whl").name) as again:
        assert sorted(first.namelist()) == sorted(again.namelist())


@pytest.mark.parametrize("person", sorted(PEOPLE.keys() - WITH_A_DEPLOYMENT - WITH_A_BILL))
def test_people_see_the_same_as_in_the_clone(person: str, programs: Path, folder: Path) -> None:
    for width in WIDTHS:
        seen = transcript(PEOPLE[person], width, folder, installed(programs, folder, {}))
        assert seen == golden(person, width).read_text()


@pytest.mark.parametrize("person", WITH_A_BILL)
def test_who_reads_a_bill_sees_the_same_with_the_extra(person: str, folder: Path, tmp_path: Path) -> None:
    programs = environment_with(f"{only('.whl')}[bill]", tmp_path / "venv")
    for width in WIDTHS:
        assert transcript(PEOPLE[person], width, folder, installed(programs, folder, {})) == golden(person, width).read_text()


@pytest.mark.parametrize("person", WITH_A_DEPLOYMENT)
def test_who_asks_a_deployment_sees_the_same_with_the_extra(person: str, with_aws: Path, folder: Path) -> None:
    with deployment() as environment:
        for width in WIDTHS:
            seen = transcript(PEOPLE[person], width, folder, installed(with_aws, folder, environment))
            assert seen == golden(person, width).read_text()


@pytest.mark.parametrize(
    ("arguments", "extra"), [(["records", "list"], "aws"), (["explain-bill", "bill.csv"], "bill")], ids=["aws", "bill"]
)
def test_without_the_extra_a_command_says_what_to_install(
    arguments: list[str], extra: str, programs: Path, tmp_path: Path
) -> None:
    command = [programs / "flops-auditor", *arguments]
    done = subprocess.run(command, env=BARE, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"which is not installed: pip install 'flops-auditor[{extra}]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["you-got-a-mail", "adr/0002-doubts-forbid-below"])
def test_the_documents_are_there(name: str, programs: Path, tmp_path: Path) -> None:
    command = [programs / "flops-auditor", "docs", name]
    done = subprocess.run(command, env=BARE, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def test_the_package_runs_as_a_module_too(programs: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [programs / "python", "-m", "flops_auditor_cli", "--version"],
        env=BARE,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == only(".whl").name.split("-")[1]

