"""The GitHub Action and the GitLab job of docs/pipelines.md, their steps run here one after the other.

Expressions are looked up, `if` is evaluated, and each step is run by the shell that GitHub runs it with. `gh` and
`glab` are stand-ins that note what they are called with; the environment that the first step makes is that of these
tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
PAGE = (ROOT / "docs" / "pipelines.md").read_text()
GITLAB = next(
    found
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    if "script" in (found := next(iter(yaml.safe_load(text).values())))
)
PROGRAMS = Path(sys.executable).parent
MODEL = "--base-model meta-llama/Llama-3.1-8B"


STAND_IN = """#!/bin/bash
printf "%s\\n" {name} "$@" >> "{folder}/called"
if [ -e "{folder}/refused" ]; then exit 1; fi
if [ "{name} $2" = "gh view" ] && [ -e "{folder}/comments" ]; then jq --raw-output "${{@: -1}}" "{folder}/comments"; fi
"""
"""A program that notes what it is called with. `gh pr view` answers from a file, by the query that it is given."""


@dataclass
class Runner:
    """A folder of a runner: what steps leave there, and what the stand-ins were called with."""

    folder: Path
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tools = self.folder / "tools"
        tools.mkdir()
        for name in ("gh", "glab", "pip"):
            (tools / name).write_text(STAND_IN.format(name=name, folder=self.folder))
            (tools / name).chmod(0o755)
        made = self.folder / "flops-auditor" / "bin"
        made.mkdir(parents=True)
        (made / "flops-auditor").symlink_to(PROGRAMS / "flops-auditor")
        (made / "python").symlink_to(sys.executable)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'tools'}:{PROGRAMS}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
        }

    def called(self) -> list[str]:
        """The words of all calls of the stand-ins."""
        noted = self.folder / "called"
        return noted.read_text().splitlines() if noted.exists() else []

    def bash(self, script: str, more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """A step as GitHub runs it."""
        file = self.folder / "step.sh"
        file.write_text(script)
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)]
        environment = {**self.environment, **more}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def looked_up(text: str, context: Mapping[str, Any]) -> str:
    """A text with the values of its expressions."""

    def value(found: re.Match[str]) -> str:
        for place in found[1].split("||"):
            at: Any = context
            for name in place.strip().split("."):
                at = at[name]
            if at:
                break
        return str(at)

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


def holds(condition: str, context: Mapping[str, Any]) -> bool:
    """Whether all comparisons of an `if` hold."""
    pairs = (part.split("==") for part in condition.split("&&"))
    return all(looked_up("${{" + left + "}}", context) == right.strip().strip("'") for left, right in pairs)


def run_action(runner: Runner, event: str = "pull_request", **inputs: str) -> tuple[int, str]:
    """Run the action's steps but for the first, until one fails: the exit code, and what was printed."""
    pull = {"pull_request": {"html_url": "https://example.com/pull/7"}}
    github = {
        "token": "secret",
        "event_name": event,
        "event": pull,
        "repository": "us/models",
        "workflow": "w",
        "job": "j",
    }
    context: dict[str, Any] = {"github": github, "steps": {}}
    given = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
    context["inputs"] = {name: looked_up(text, context) for name, text in (given | inputs).items()}
    printed = ""
    for step in ACTION["runs"]["steps"][1:]:
        if not holds(step.get("if", "github.event_name == " + event), context):
            continue
        (runner.folder / "output").write_text("")
        done = runner.bash(step["run"], {name: looked_up(text, context) for name, text in step.get("env", {}).items()})
        printed += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, printed
        said = (runner.folder / "output").read_text().splitlines()
        context["steps"][step.get("id", step["name"])] = {"outputs": dict(line.split("=", 1) for line in said)}
    return 0, printed


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner of its own."""
    return Runner(tmp_path)


@pytest.mark.parametrize(
    ("options", "fail_on", "code"),
    [
        (f"--tokens 1e9 {MODEL}", "above indeterminate", 0),
        (f"--tokens 1e13 {MODEL}", "above indeterminate", 1),
        (f"--tokens 1e13 {MODEL}", "never", 0),
        (f"--tokens 1e13 --instance-type ml.g5.xlarge --hours 2 {MODEL}", "above", 0),
        (f"--tokens 1e13 --instance-type ml.g5.xlarge --hours 2 {MODEL}", "above indeterminate", 1),
        ("--tokens many", "never", 2),
        (f"--tokens 1e9\n{MODEL} --earlier-flop\n9e24", "above", 1),
        (f"--tokens 1e13 {MODEL}", "Above", 2),
        (f"--tokens 1e13 {MODEL}", "above,indeterminate", 2),
    ],
)
def test_the_action_gates_by_the_verdict(options: str, fail_on: str, code: int, runner: Runner) -> None:
    found, printed = run_action(runner, options=options, **{"fail-on": fail_on})
    assert found == code, printed
    assert ("::error" in printed) == (code == 1 or fail_on not in ("above", "above indeterminate", "never"))


def test_the_comment_and_the_summary_say_how_near_the_job_comes(runner: Runner) -> None:
    request = json.loads((ROOT / "events" / "jobs" / "sft-gemma-2-27b.json").read_text())
    job = runner.folder / "job's definition.json"
    job.write_text(json.dumps(request))
    assert run_action(runner, job=str(job), options="--tokens 2e9")[0] == 0
    report = runner.folder / "flops-auditor" / "plan.md"
    assert (runner.folder / "summary").read_text() == report.read_text()
    assert re.search(r"best 21\.1 %, 21 % to 21\.3 % of AI Act", report.read_text().splitlines()[0])
    comment = runner.folder / "flops-auditor" / "comment.md"
    assert runner.called()[:4] == ["gh", "pr", "view", "https://example.com/pull/7"]
    assert runner.called()[-6:] == ["gh", "pr", "comment", "https://example.com/pull/7", "--body-file", str(comment)]
    assert re.fullmatch(
        re.escape(report.read_text()) + r"\n<!-- flops-auditor plan [0-9a-f]{16} -->\n", comment.read_text()
    )


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq stands in for the query of gh (Debian: apt-get install jq)")
def test_the_comment_that_is_renewed_is_ones_own_and_of_this_plan(runner: Runner) -> None:
    options = f"--tokens 1e9 {MODEL}"
    run_action(runner, options=options)
    mark = (runner.folder / "flops-auditor" / "comment.md").read_text().splitlines()[-1]
    run_action(runner, options=f"--tokens 2e9 {MODEL}")
    other = (runner.folder / "flops-auditor" / "comment.md").read_text().splitlines()[-1]
    assert mark != other
    comments = [
        (True, f"a plan\n\n{mark}", 11),
        (False, f"somebody who copied it {mark}", 12),
        (True, f"another plan\n\n{other}", 13),
        (True, "something else", 14),
    ]
    rows = [
        {"viewerDidAuthor": own, "body": body, "url": f"https://x/pull/7#issuecomment-{n}"} for own, body, n in comments
    ]
    (runner.folder / "comments").write_text(json.dumps({"comments": rows}))
    (runner.folder / "called").unlink()
    assert run_action(runner, options=options)[0] == 0
    assert "repos/us/models/issues/comments/11" in runner.called()
    assert runner.called()[-1] == f"body=@{runner.folder / 'flops-auditor' / 'comment.md'}"
    assert "comment" not in runner.called()


@pytest.mark.parametrize(("tokens", "code"), [("1e9", 0), ("1e13", 1)])
def test_a_comment_that_cannot_be_written_warns_and_the_gate_decides(tokens: str, code: int, runner: Runner) -> None:
    (runner.folder / "refused").touch()
    found, printed = run_action(runner, options=f"--tokens {tokens} {MODEL}")
    assert found == code
    assert "::warning" in printed


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--tokens 1e9 --base-model 'meta-llama/Llama-3.1-8B'", 0),
        ('--tokens 1e9\n  --base-model "meta-llama/Llama-3.1-8B"\n', 0),
        ("--tokens 1e13 --base-model meta-llama/Llama-3.1-'8B'", 1),
        ("--tokens 1e13 --base-model 'meta-llama/Llama-3.1-8B", 2),
        ("", 2),
        (f"--tokens 1e13 {MODEL} -h", 2),
        (f"--tokens 1e13 --help {MODEL}", 2),
    ],
)
def test_options_are_words_as_a_shell_reads_them(options: str, code: int, runner: Runner) -> None:
    found, printed = run_action(runner, options=options, **{"fail-on": "above"})
    assert found == code, printed
    assert "Traceback" not in printed
    assert not (code == 2 and runner.called())


@pytest.mark.parametrize(("event", "comment"), [("push", "true"), ("pull_request", "false")])
def test_nothing_is_commented_where_nobody_asked(event: str, comment: str, runner: Runner) -> None:
    assert run_action(runner, event, comment=comment, options=f"--tokens 1e9 {MODEL}")[0] == 0
    assert runner.called() == []


@pytest.mark.parametrize("job", ["--version", "--help", "-h"])
def test_a_job_is_a_file_whatever_its_name_begins_with(job: str, runner: Runner) -> None:
    assert run_action(runner, job=job, options=f"--tokens 1e9 {MODEL}")[0] == 2


def test_a_job_alone_is_planned(runner: Runner) -> None:
    job = str(ROOT / "events" / "jobs" / "sft-gemma-2-27b.json")
    code, printed = run_action(runner, job=job, **{"fail-on": "never"})
    assert code == 0, printed


def test_an_input_is_no_command(runner: Runner) -> None:
    """Inputs reach the shell as variables, never as its text."""
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
    code, _ = run_action(runner, options='--tokens 1e9 $(touch hacked) "; touch hacked', job="$(touch hacked)")
    assert code == 2
    assert not (ROOT / "hacked").exists()


@pytest.mark.parametrize(("tokens", "code"), [("2e9", 0), ("1e13", 3)])
def test_the_job_of_gitlab_runs(tokens: str, code: int, runner: Runner) -> None:
    script = "\n".join(GITLAB["script"]).replace("training/job.json --tokens 2e9", f"{MODEL} --tokens {tokens}")
    script = script.replace("plan.md", str(runner.folder / "plan.md"))
    done = runner.bash(script, {"GITLAB_TOKEN": "x", "CI_MERGE_REQUEST_IID": "7", "FLOPS_AUDITOR_WHEEL": "x.whl"})
    assert done.returncode == code, done.stderr
    assert runner.called()[:8] == ["pip", "install", "--quiet", "x.whl", "glab", "mr", "note", "7"]
    assert re.search(r"(%|times) of [AC]", (runner.folder / "plan.md").read_text().splitlines()[0])


@pytest.mark.parametrize("command", re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_run(command: str, runner: Runner) -> None:
    done = runner.bash(command, {})
    assert done.returncode == 0, done.stderr


def test_the_page_names_inputs_that_the_action_has() -> None:
    given = next(yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "uses" in text)
    assert given["jobs"]["plan"]["steps"][1]["with"].keys() <= ACTION["inputs"].keys()
