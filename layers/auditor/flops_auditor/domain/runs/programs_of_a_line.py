"""Whether a line for a shell may train more than once: with several programs, or with one over and over."""

import re

_ENDS = re.compile(r"[;&|\n]++")
_CONTINUED = re.compile(r"\\\r?\n")
_REDIRECTED = re.compile(r"[<>]&|&>")
_OPENS = "'\"`({$!"
"""What a command may begin behind."""
_LOOPS = frozenset({"for", "while", "until", "select", "xargs", "parallel", "seq", "repeat", "watch", "function"})
_EXECUTES_EACH = frozenset({"-exec", "-execdir"})
"""Of find."""
_PASSED_OVER = frozenset(
    {"do", "then", "else", "elif", "if", "time", "nohup", "exec", "sudo", "env", "command", "eval", "trap"}
)
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh"})
_ASSIGNED = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_OF_CODE = re.compile(r".*\.(?:py|sh|bash|ipynb|jl|lua)", re.DOTALL)
_STARTS_CODE = re.compile(
    r"python[\d.]*|torchrun|accelerate|deepspeed|mpirun|mpiexec|srun|horovodrun|composer|colossalai"
)
_COMMAND = re.compile(r"[A-Za-z_./~][\w./+~-]*")
_INSTALLS = frozenset({"pip", "ensurepip", "venv"})
"""Modules of Python."""
_OF_ENVIRONMENTS = frozenset({"uv", "conda", "mamba", "micromamba", "poetry", "wandb", "ray"})
_RUN = frozenset({"run", "agent", "launch", "job", "submit", "exec"})
"""What these are told so that they start a program."""
_SERVERS = frozenset({"vllm", "sglang", "lmdeploy", "ollama"})
_SERVES = "vllm-serve"
"""TRL: the server of the model that generates a run's data."""
_MAKES = ("$(", "`", '"$(', '"`')
"""How a command begins whose words another one makes."""
_MADE = "made"
_READ = frozenset({"source", "."})
_TRAINS_NOTHING = frozenset(
    {
        *("pip", "pip3", "apt", "apt-get", "yum", "dnf", "apk", "npm", "git", "ldconfig", "cd", "pushd", "popd"),
        *("export", "declare", "unset", "set", "ulimit", "test", "[", "[[", "echo", "printf", "cat", "tee", "head"),
        *("tail", "grep", "sed", "awk", "cut", "tr", "sort", "uniq", "wc", "jq", "ls", "mkdir", "rmdir", "cp", "mv"),
        *("rm", "ln", "chmod", "chown", "touch", "find", "tar", "unzip", "gzip", "df", "du", "pwd", "which", "date"),
        *("hostname", "whoami", "id", "env", "printenv", "nproc", "free", "ps", "sleep", "wait", "true", "false"),
        *("exit", "return", "kill", "done", "fi", "esac", "fuser", "sysctl", "mount", "umount", "aws", "gsutil"),
        *("s5cmd", "rsync", "curl", "wget", "huggingface-cli", "hf", "nvidia-smi", "dcgmi", "service", "basename"),
        *("dirname", "readlink", "realpath", "xargs"),
    }
)


def trains_more_than_once(line: str, *, surely_a_line: bool = True) -> bool:
    """Whether a line starts more than one program that may train, or has a loop, in which one is started again: what
    is quoted may be a line itself. In a text that is not `surely_a_line` no word counts as a program's name that is
    not known as one.
    """
    line = _REDIRECTED.sub(" > ", _CONTINUED.sub(" ", line))
    programs = done = 0
    apart = True
    for end in (*_ENDS.finditer(line), None):
        piece = line[done : end.start() if end else None]
        pieces = _command(piece)
        if pieces and _repeats(pieces):
            return True
        programs += _may_train(pieces, alone=surely_a_line and (apart or piece[:1].isspace()))
        if end:
            done, apart = end.end(), piece[-1:].isspace() or "\n" in end[0]
    return programs > 1


def _command(piece: str) -> list[str]:
    """The words of a command, first its name: no variables that are set for it, and nothing that a shell is told to
    do with it.
    """
    written = piece.split()
    pieces = [word.strip(_OPENS + ")}") if not word.endswith("()") else word for word in written]
    quoted = ""
    for begin, word in enumerate(pieces):
        if quoted:
            quoted = "" if quoted in written[begin] else quoted
            continue
        name = word.rpartition("/")[2]
        told = name in _SHELLS and any(each.startswith("-") for each in pieces[begin + 1 : begin + 3])
        option = begin > 0 and word.startswith("-")
        if _ASSIGNED.fullmatch(word):
            quoted = _opened(written[begin])
        elif written[begin].startswith(_MAKES):
            return [_MADE]
        elif word and not (name in _PASSED_OVER or told or option):
            return [name, *pieces[begin + 1 :]]
    return []


def _opened(assigned: str) -> str:
    """The quotation mark that begins what a variable is set to and does not end in this word; empty without one."""
    quote = assigned.partition("=")[2][:1]
    return quote if quote in ("'", '"') and assigned.count(quote) % 2 else ""


def _repeats(pieces: list[str]) -> bool:
    of_a_function = pieces[0].endswith("()") or pieces[1:2] == ["()"]
    return pieces[0].partition("(")[0] in _LOOPS or of_a_function or not _EXECUTES_EACH.isdisjoint(pieces)


def _may_train(pieces: list[str], *, alone: bool) -> bool:
    """Whether a command may train; one of an unknown name only where it surely stands alone, since signs of a shell
    stand in texts, too.
    """
    if not pieces or pieces[0].startswith("#") or pieces[0] in _TRAINS_NOTHING:
        return False
    if _STARTS_CODE.fullmatch(pieces[0]):
        module = pieces[2].partition(".")[0] if pieces[1:2] == ["-m"] and pieces[2:] else ""
        return module not in _INSTALLS | _SERVERS
    if pieces[0] in _SERVERS or pieces[1:2] == [_SERVES]:
        return False
    if pieces[0] in _OF_ENVIRONMENTS:
        return not _RUN.isdisjoint(pieces[1:3])
    if pieces[0] in _SHELLS or any(map(_OF_CODE.fullmatch, pieces)):
        return True
    named = pieces[0] not in _READ and pieces[1:2] != ["="] and _COMMAND.fullmatch(pieces[0]) is not None
    return alone and named
