"""Paths of a container that lie in a channel of a training job, as whoever starts its code writes them.

Facts: Amazon SageMaker Developer Guide, "Amazon SageMaker storage paths" (/opt/ml/input/data/CHANNEL, code in
/opt/ml/code); aws/sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md (SM_CHANNEL_{channel_name}).
"""

import re

_FOLDER = "/opt/ml/input/data/"
CODE = "/opt/ml/code"
"""Where a job's code begins."""
_VARIABLE = re.compile(r"\$(?:SM_CHANNEL_(?P<name>\w+)|\{SM_CHANNEL_(?P<braced>\w+)\})")
_WORDS = re.compile(r"[\s'\"=,;|&<>()]+")
_MORE_THAN_A_PATH = re.compile(r"[\s'\",;:?*\[{$`]")
"""What ends a path: a pattern, an argument of a loader or another word."""
_SEVERAL = "*?[{$`"
"""Of these what stands for several paths, or for one that nothing fills in."""
ANY_CHANNEL = "*"
"""In place of a channel's name: a path may lie in any of them."""
_RESULT = ("output", "model.tar.gz")
"""How SageMaker calls what it wrote for a run (API Reference, ModelArtifacts)."""


def path_in_channel(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The channel and the folders below it of a text that is a path there; a pattern is that of its folder, and where
    that holds all channels, ANY_CHANNEL. None of any other text.
    """
    path = _VARIABLE.sub(lambda match: _FOLDER + (match["name"] or match["braced"]), text.strip(" \t\r\n'\""), count=1)
    path = path.removeprefix("file:")
    end = _MORE_THAN_A_PATH.search(path)
    several = end is not None and end[0] in _SEVERAL
    if end is not None:
        path = path[: end.start()] if not several else path[: end.start()].rpartition("/")[0] or path[:1]
    path = whole_path(f"{CODE}/{path}" if path.startswith("..") else path)
    if several and path.startswith("/") and _FOLDER.startswith(f"{path.rstrip('/')}/"):
        return ANY_CHANNEL, ()
    if not path.startswith(_FOLDER):
        return None
    channel, *below = path.removeprefix(_FOLDER).split("/")
    return channel, tuple(below)


def whole_path(path: str) -> str:
    """A path without "." and ".."."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return "/" * path.startswith("/") + "/".join(parts)


def results_in_channels(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """The same of every word that names what SageMaker wrote for a run, in a channel."""
    if _RESULT[1] not in text:
        return []
    paths = map(path_in_channel, (word for word in _WORDS.split(text) if word.endswith(_RESULT[1])))
    return [each for each in paths if each is not None and (each[0] == ANY_CHANNEL or each[1][-2:] == _RESULT)]
