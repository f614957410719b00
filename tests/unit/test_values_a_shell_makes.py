"""What a line makes of its values is followed as a shell does it, or is a doubt where it stands for results or a model:
expansions, what other commands print or hand on, scripts and documents within it, copies, links and mounts.
"""

import re
import time
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.shell_lines import read_line
from tests.fakes.lineage import World, continuing
from tests.unit.test_lines_of_a_shell import (
    AT,
    CHANNEL,
    LEFT,
    ON_A_FILE_SYSTEM,
    READ,
    child_of,
    kinds,
    shell,
    told,
    words,
)

FOLLOWED = {
    "options in a variable": 'ARGS="--LABEL AT"; train $ARGS',
    "options added to a variable": 'A="--LABEL"; A+=" AT"; train $A',
    "a command in a variable": 'RUN="train --LABEL AT"; $RUN',
    "what its end is cut from": "X=AT/; train --LABEL ${X%/}",
    "what must be set": "X=AT; train --LABEL ${X:?m}",
    "what is replaced in it": "X=s3://kept/tmp-7; train --LABEL ${X/tmp/run}",
    "a default that is a variable": "Y=AT; train --LABEL ${X:-${Y}}",
    "in small letters": "X=AT; train --LABEL ${X,,}",
    "what is printed": "train --LABEL $(echo AT)",
    "what is printed in backticks": "train --LABEL `echo AT`",
    "what is printed within that": "X=$(printf '%s' $(echo AT)); train --LABEL \"$X\"",
    "a parameter of a script": "bash -c 'train --LABEL $1' _ AT",
    "all parameters of a script": "bash -c 'train \"$@\"' _ --LABEL AT",
    "handed on": "echo AT | xargs train --LABEL",
    "handed on in its place": "echo AT | xargs -I{} train --LABEL {}",
    "read from a pipe": "echo AT | while read d; do train --LABEL $d; done",
    "read from a text": "read X <<< AT; train --LABEL $X",
    "a loop over one": "for d in AT; do train --LABEL $d; done",
    "a loop over several": "for d in AT s3://y/z; do train --LABEL $d; done",
    "an array of options": 'A=(--x y); A+=(--LABEL AT); train "${A[@]}"',
    "an element of an array": "O=(AT x); train --LABEL ${O[0]}",
    "evaluated": 'eval "train --LABEL AT"',
    "a document of YAML": "cat > c.yaml <<EOF\nLABEL: AT\nEOF\ntrain --config c.yaml",
    "a document with options in a remark": "cat > c.yaml <<'EOF'\n# as --x\na:\n  LABEL:\n    AT\nEOF\ntrain",
    "a document of Python": "python - <<EOF\ntrain(LABEL='AT')\nEOF",
    "code": "python -c \"train(LABEL='AT')\"",
    "a form that printf fills in": "train --LABEL $(printf 's3://%s/%s' kept run-7)",
    "a setting that yq sets": "yq -i '.LABEL = \"AT\"' c.yaml",
    "a script in a variable": 'cmd="train --LABEL AT"; bash -c "$cmd"',
    "a script that a trap runs": "trap 'train --LABEL AT' EXIT; x",
    "a setting that is printed": 'echo "LABEL: AT" > c.yaml; train',
    "behind a pattern of a case": "(case 1 in 1) train --LABEL AT;; esac)",
}
DOUBTED = {
    "a change that is not followed": "X=AT/a/b; train --LABEL ${X%%+(x)}",
    "a part of a variable": "X=xxxxx; Y=AT; train --LABEL ${X:2}$Y; train --LABEL ${!Y}",
    "what a file holds": "echo AT > x; train --LABEL $(cat x)",
    "a parameter of a function": "f() { train --LABEL $1; }; f AT",
    "parameters that are set": "set -- AT; train --LABEL $1",
    "a variable by its name": "Y=AT; X=Y; train --LABEL ${!X}",
    "a variable that printf sets": "printf -v X %s AT; train --LABEL $X",
    "a bucket by a choice": "train --LABEL s3://{kept,}/run-7",
    "a bucket that is printed": "train --LABEL s3://$(cat x)/run-7",
    "what a filter makes": "train --LABEL $(echo AT/x | cut -d/ -f1-4)",
    "read from what is printed": "read -r X < <(echo AT); train --LABEL $X",
    "handed on by nobody": "xargs -I% train --LABEL % <<< AT",
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_a_place_is_followed_through_what_a_shell_makes_of_it(case: str) -> None:
    line = FOLLOWED[case].replace("AT", AT)
    assert child_of(shell(line.replace("LABEL", "output_dir")), READ)[0] == {"parent"}
    assert child_of(LEFT, shell(line.replace("LABEL", "model_name_or_path")))[0] == {"parent"}


@pytest.mark.parametrize("case", DOUBTED)
def test_what_a_shell_makes_in_a_way_that_is_not_followed_is_a_doubt(case: str) -> None:
    line = DOUBTED[case].replace("AT", AT)
    for label, kind in (("output_dir", "open-results"), ("model_name_or_path", "model-not-followed")):
        assert set(kinds(shell(line.replace("LABEL", label)))) == {kind}
        assert kinds(shell(line.replace("LABEL", "log_dir"))) == []


@pytest.mark.parametrize(("label", "kind"), [("output_dir", "open-results"), ("model_path", "model-not-followed")])
def test_the_lineage_tag_settles_what_is_not_followed(label: str, kind: str) -> None:
    world = World()
    line = shell(f"train --{label} $(cat place)")
    world.add(continuing("job", **line))
    world.add(continuing("tagged", **line), lineage="none")
    world.audit("job", "tagged")
    doubts = {name: [each["kind"] for each in world.content(name)["lineage"]["doubts"]] for name in ("job", "tagged")}
    assert doubts == {"job": [kind], "tagged": []}


TEXTS = {
    "a value in the next line": "LABEL:\n  AT\nlr: 1",
    "a value in quotes in the next line": "LABEL:\n  'AT'\n",
    "a value behind a remark": "LABEL: # where\n  AT\nlr: 1",
    "a list of YAML": 'LABELs: ["AT"]\nlr: 1',
    "items of YAML": "LABELs:\n  - AT\n  - x\n",
    "options as a list of Python": "['--LABEL','AT']",
    "a list in one line": "LABEL = ['AT', 'x']",
    "brackets": "LABEL=(AT)",
    "TOML in three quotes": '[a]\nLABEL = """AT"""\n',
    "TOML in three quotes and a line": "[a]\nLABEL = '''\nAT'''\n",
    "an alias": "base: &o AT\nLABEL: *o\n",
    "an alias of the next line": "x: &o\n  AT\nLABEL: *o\n",
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_setting_is_read_wherever_its_value_stands(case: str) -> None:
    text = TEXTS[case].replace("AT", AT)
    assert child_of(told(config=text.replace("LABEL", "output_dir")), READ)[0] == {"parent"}
    assert child_of(LEFT, told(config=text.replace("LABEL", "model_path")))[0] == {"parent"}


def test_more_aliases_than_are_read_are_a_doubt() -> None:
    text = f"base: &o {AT}\n" + "x: *o\n" * 100
    assert kinds(told(config=text)) == ["too-much-to-search"]
    assert kinds(told(config=text[: -len("x: *o\n")])) == []


READ_MODELS: dict[str, dict[str, Any]] = {
    "a bucket and a key in YAML": told(config="model:\n  bucket: kept\n  key: run-7\n"),
    "a list of Hydra": words("train", f"model_paths=[{AT}]"),
    "brackets": told(model_path=f"({AT})"),
    "an object": shell("B=kept; K=run-7/m; aws s3api get-object --bucket $B --key $K m; train --model_path m"),
    "a copy": shell(f"cd /tmp; aws s3 sync {AT} m; train --model_path m"),
    "a mount": shell("mount-s3 kept /mnt/k && train --model_path /mnt/k/run-7"),
    "a mount of a folder": shell("mount-s3 --prefix run-7/ kept /mnt/k && train --model_path /mnt/k"),
    "goofys": shell("goofys kept:run-7 /mnt/k; train --model_path /mnt/k"),
    "s3fs": shell("s3fs kept /mnt/k -o iam_role=auto; train --model_path /mnt/k/run-7"),
    "rclone": shell("rclone mount r:kept/run-7 /mnt/k --daemon; train --model_path /mnt/k"),
    "boto3": shell("python -c \"s3.download_file('kept','run-7/m','/tmp/m')\"; train --model_path /tmp/m"),
    "boto3 by names": shell(
        "python <<E\nx.download_file(Bucket='kept', Key='run-7/m', Filename='m')\nE\ntrain --model_path m"
    ),
}


@pytest.mark.parametrize("case", READ_MODELS)
def test_a_model_is_read_wherever_a_line_has_put_it(case: str) -> None:
    assert child_of(LEFT, READ_MODELS[case]) == ({"parent"}, [])


def test_a_run_leaves_results_where_it_has_mounted_a_bucket() -> None:
    assert child_of(shell("mount-s3 kept /mnt/k && train --output_dir /mnt/k/run-7"), READ) == ({"parent"}, [])
    loads = f"aws s3 sync {AT} /tmp/m; train --output_dir /tmp/m"
    assert child_of(shell(loads), READ)[0] == set(), "what is copied from there is not left there"


@pytest.mark.parametrize(
    "line",
    [
        "mount-s3 $B /mnt/k; train --model_path /mnt/k/m",
        "aws s3api get-object --bucket $B --key $K /tmp/m; train --model_path /tmp/m",
        "mount -t lustre fs-1.fsx@tcp:/x /fsx; train --model_path /fsx/m",
        "aws s3 cp $MODEL_DATA_URL m; train",
    ],
)
def test_a_model_that_nothing_tells_is_a_doubt(line: str) -> None:
    assert kinds(shell(line)) == ["model-not-followed"]


ON_IT = (
    *("cp -r CH /tmp/m; T /tmp/m", "cp -r CH/model /tmp/m && T /tmp/m/x", "cp -r CH/model .; T ./model"),
    *("cp -r CH/model /tmp; T /tmp/model", "cd CH; cp -r model /tmp/m; T /tmp/m", "D=CH; cp -r $D /tmp/m; T /tmp/m"),
    *("tar x -C /tmp/m -f CH/m.tar; T /tmp/m", "cat CH/m.tar | tar x -C /tmp/m; T /tmp/m"),
    *("mkdir /tmp/m; cd /tmp/m; tar xf CH/m.tar; T /tmp/m", "unzip CH/m.zip -d /tmp/m; T /tmp/m"),
    *("ln -s CH /tmp/m; T /tmp/m/model", "ln -sfn CH/model m; T ./m", "cd CH && ln -s $PWD/model /tmp/m; T /tmp/m"),
    *("rsync -a CH/ /tmp/m/; T /tmp/m", "cat CH/m.bin > /tmp/m.bin; T /tmp/m.bin", "mount --bind CH /y; T /y/m"),
    *("cd CH; T $PWD/model", "cd CH; T $(pwd)/model", "cd CH; T `pwd`/model", "cd -P CH; T ./model"),
    *("T ${SM_CHANNEL_TRAIN%/}/model", "X=$SM_CHANNEL_TRAIN; T ${X:?no}/m", "T $(ls -td CH/* | head -1)"),
    *("cd /opt/ml/model; T ../input/data/train/model", "T ../input/data/train/model", "T $(pwd)/../input/data/train/m"),
    *("train --model_paths [CH/a,CH/b]", "train --model_paths x CH/b", "for d in CH/a CH/b; do T $d; done"),
    *("find CH -name m | xargs -I{} cp -r {} /tmp/m; T /tmp/m", "bash -c 'cd CH; T ./model'"),
    *("cp -r CH /tmp/m; T $(ls -d /tmp/m/*)", "cd CH; T $(ls | head -1)", "cd CH; T $(find model -name x)"),
    *("(cd CH; case 1 in 1) T ./model;; esac)", "cd CH; cd /tmp; cd -; T ./model"),
    *("pushd CH; pushd /tmp; popd; T ./model", "cat > c.yaml <<E\nmodel_path: CH/m\nE\ntrain --config c.yaml"),
)
NOT_ON_IT = (
    *("(cd CH && ls); T ./model", "cd CH; cd -; T ./model", "pushd CH; ls; popd; T ./model"),
    *("bash -c 'cd CH; ls'; T ./model", "cd CH; T microsoft/xtremedistil-model-base"),
    *("train --pretraining_dataset CH/x", "train --class_weights CH/w.json", "train --resume_dataloader CH/x"),
    *("train --pretraining_dataset s3://$B/x", "train --model_card s3://$B/x"),
    *("train --model_card CH/x", "aws s3 cp $CONFIG_URI /tmp/c.json; train --c /tmp/c.json"),
    *("cp CH/config.json .; T ./model", "cp -r CH/data /tmp/data; T /tmp/model", "cp CH/c.json /tmp/m; T /tmp/m/x"),
    *("for lr in 1 2; do train --lr $lr --output_dir /opt/ml/model/$lr; done", "ls CH | head; T ./model"),
    *("train --output_dir $(mktemp -d) --data s3://x/y", "train --output_dir $SM_MODEL_DIR/$(date +%s)"),
    *("T $MODEL --output_dir $OUT --data s3://x/y", "for m in gpt2 bert; do T $m --data s3://x/y; done"),
    *("train --data CH --output_dir /tmp/o; aws s3 cp --recursive /tmp/o s3://b/x; python e.py --model_path /tmp/o",),
    *("tar xf CH/d.tar -C /tmp/d; train --data_dir /tmp/d --output_dir /tmp/o; python e.py --model_path /tmp/o",),
    *('ARGS=(\n --lr 1\n --output_dir /opt/ml/model\n)\ntrain "${ARGS[@]}"', "mount -t tmpfs tmpfs /r; T /r/m"),
    *("N=$(nvidia-smi -L | wc -l); torchrun --nproc_per_node $N t.py --output_dir /opt/ml/checkpoints",),
    *("NAME=run.1; train --output_dir /opt/ml/model/${NAME%%.*} --data s3://x/y",),
    *(
        "find CH -name '*.tar' | xargs -n1 tar xf; T ./model",
        "train --resume $([ -d /opt/ml/checkpoints ] && echo yes)",
    ),
    *("bash -c 'set -e; pip install -r r.txt && torchrun t.py \"$@\"' _ --output_dir /opt/ml/model --epochs 3",),
    *("while read f; do cp $f /tmp/data; done < CH/list.txt; T /opt/ml/code/m", "rsync -a CH/ /d/; train --data /d"),
    *("C=$(ls -td /opt/ml/checkpoints/* | head -1); train --resume_from_checkpoint $C --data CH",),
    *("aws s3 sync s3://data/x /d --quiet && T gpt2 && aws s3 sync /opt/ml/model s3://team/out/$TRAINING_JOB_NAME",),
    *("A=$(echo $SM_HOSTS | jq -r '.[0]'); torchrun --master_addr $A t.py --model_id $M --output_dir $SM_DIR \"$@\"",),
    *("cat > c.yaml <<E\nbase_model: x/y\ndatasets:\n  - path: CH/t\noutput_dir: /opt/ml/model\nE\naxolotl c.yaml",),
    *('cat > d.json <<E\n{"zero_optimization": {"stage": 3}}\nE\ndeepspeed t.py --deepspeed d.json --model_path x/y',),
    *(
        "export $(cat /opt/ml/code/.env | xargs) && T $BASE",
        "train --run exp-$(hostname) --steps $((N/8))",
        'exec "$@"',
    ),
    *(
        "ln -s CH /data && train --data /data/x",
        "python prep.py CH /tmp/p; T x/y --data /tmp/p",
        "T /tmp/m --data CH,/x",
    ),
    *("export HF_HOME=/tmp/hf; T meta-llama/X --data_path CH/x.jsonl 2>&1 | tee /opt/ml/output/log",),
)


def on_a_file_system(line: str) -> list[str]:
    """Kinds of remarks about a line of a job whose channel is on a file system; T loads a model."""
    line = re.sub(r"\bT ", "train --model_name_or_path ", re.sub(r"\bCH\b", CHANNEL, line))
    return kinds(shell(line), {"InputDataConfig": ON_A_FILE_SYSTEM})


@pytest.mark.parametrize("line", ON_IT)
def test_a_model_on_a_file_system_is_a_doubt_wherever_a_line_has_put_it(line: str) -> None:
    assert sorted(set(on_a_file_system(line))) == ["data-not-followed", "model-not-followed"]


@pytest.mark.parametrize("line", NOT_ON_IT)
def test_what_an_ordinary_line_makes_is_no_doubt(line: str) -> None:
    assert on_a_file_system(line) == ["data-not-followed"]


@pytest.mark.parametrize(
    "part",
    [
        *("$(", "`", "$(pwd) ", "x=$(echo $x)a; ", ' "$(a)" ', "<<E\n", "x=(a\n", "X+=(a ", "${x:-$y}", "a > /b/c "),
        *("cp /opt/ml/input/data/t/a /b/c; --m /b/c/d ", "echo s3://a/b|xargs ", "bash -c 'x $1 y' z ", "cd x; cd - ;"),
        *("mount-s3 a /b; --m /b/c/d/e ", "--a [s3://a,", "for a in b c; ", "(case a) ", "download_file('a','b',"),
    ],
)
def test_what_a_shell_makes_is_read_in_linear_time(part: str) -> None:
    def seconds(size: int) -> float:
        begun = time.process_time()
        read_line((part * size)[:size] + " /", {"x": "s3://a/b", "y": "a" * 2_000}, any_words=True)
        return time.process_time() - begun

    short = min(seconds(4_000) for _ in range(3))
    assert min(seconds(32_000) for _ in range(2)) < max(20 * short, 0.1)
