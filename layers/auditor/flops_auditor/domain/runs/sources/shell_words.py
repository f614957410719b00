"""Words of a line as a shell reads them: what quotes and signs make of it, documents within it (`<<EOF`), and what it
has other commands print (`$(...)`).

Facts: Bash Reference Manual, "Quoting", "Here Documents", "Command Substitution", "Definitions" (metacharacters).
"""

import re
import shlex
from collections import deque

ENDS = "();<>|&`\n"
"""Signs that end a command, or hand on what it says."""
PRINTED = re.compile(r"__printed_\d{1,9}")
"""Names of variables that stand for what commands print."""
_SIGN = re.compile(r"[();<>|&`\n'\"\\]")
_BLANKS = re.compile(r"[ \t\r]+")
_WORD = re.compile(r"[();<>|&`\n]+|(?:'[^'\n]*+'|\"[^\"\n]*+\"|\\.|[^\s();<>|&`'\"\\])++")
_BEFORE_A_QUOTE = re.compile(r"\$([A-Za-z_]\w{0,99}+)(?=['\"])")
"""A variable that ends where a quote does: without the quote, what follows would be of its name."""
_QUOTES = re.compile(r"['\"]|\\(?=.)")
_DOCUMENT = re.compile(r"(?<!<)<<-?[ \t]{0,9}\\?(?P<quote>['\"]?)(?P<end>[A-Za-z_]\w{0,63}+)(?P=quote)")
_PRINTS = re.compile(r"\\.|\$\(|[()`]", re.DOTALL)
_DEEPEST = 20
"""Commands within each other whose words are read."""


def shell_words(line: str) -> list[str]:
    """Words as a shell reads them, and what ends a command; where it would read none, as far as quotes have an end."""
    if _SIGN.search(line) is None:
        return [word for word in _BLANKS.split(line) if word]
    line = _BEFORE_A_QUOTE.sub(r"${\1}", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=ENDS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:
        return [_QUOTES.sub("", word) for word in _WORD.findall(line)]


def without_documents(line: str) -> tuple[str, list[str]]:
    """A line without the documents in it, and these."""
    if "<<" not in line:
        return line, []
    kept, documents, inside, ends = [], [], list[str](), deque[str]()
    for each in line.split("\n"):
        if not ends:
            ends.extend(match["end"] for match in _DOCUMENT.finditer(each))
            kept.append(_DOCUMENT.sub(" ", each))
        elif each.strip() == ends[0]:
            documents.append("\n".join(inside))
            inside = []
            ends.popleft()
        else:
            inside.append(each)
    return "\n".join(kept), [each for each in (*documents, "\n".join(inside)) if each]


def with_printed_named(line: str, printed: dict[str, str]) -> str:
    """A line with variables in place of what it has other commands print; adds the lines of these by their names."""
    if "$(" not in line and "`" not in line:
        return line
    parts, opened, done = [list[str]()], list[str](), 0
    for match in _PRINTS.finditer(line):
        parts[-1].append(line[done : match.start()])
        done = match.end()
        sign, last = match[0], opened[-1] if opened else ""
        if sign == ("`" if last == "`" else ")") and last:
            inner = "".join(parts.pop())
            parts[-1].append(f"({inner})" if opened.pop() == "(" else _named(inner, printed))
        elif (sign in ("$(", "`") or (sign == "(" and last)) and len(opened) < _DEEPEST:
            opened.append(sign)
            parts.append([])
        else:
            parts[-1].append(sign)
    unended = [sign + "".join(part) for sign, part in zip(opened, parts[1:], strict=True)]
    return "".join((*parts[0], *unended, line[done:]))


def _named(inner: str, printed: dict[str, str]) -> str:
    name = f"__printed_{len(printed)}"
    printed[name] = inner
    return f"${{{name}}}"
