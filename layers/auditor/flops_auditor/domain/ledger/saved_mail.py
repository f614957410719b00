"""The checkpoints in what a person saved of their mail: a text, a mail with its headers, a mailbox, a part of these.

Nobody says how it was saved, and half a mail has no headers to ask. So whatever could be a transfer encoding, HTML or
JSON is undone, and what comes out is looked through like what stood there. All that counts in a checkpoint is ASCII, so
that it is the same in every character set that mails are written in; which dash stands before a signature is not asked.

What may be a newer checkpoint and is not read is refused, but only where lines begin: alerts and digests indent what a
job's owner wrote, so that no name that he chooses makes them useless as pins. The page for verifying does the same
(verifier/core/mail.js).
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from quopri import decodestring

from flops_auditor.domain.ledger.ledger_errors import UnreadablePin
from flops_auditor.domain.ledger.signed_note import UnreadableNote, parse_checkpoint, parse_note

LONGEST_MAIL = 1 << 22
"""Bytes: years of mails with a checkpoint a week."""
_MOST_DECODED = 8 * LONGEST_MAIL


@dataclass(frozen=True, slots=True)
class _Text:
    """A text, or what was made of one; `surely`: nothing within its lines was taken for the beginning of one."""

    octets: bytes
    surely: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """What looks like a checkpoint, and the signed note that it is; None where no signature of its own follows.
    `indented`: alerts may have such lines, too.
    """

    origin: bytes
    size: bytes
    root: bytes
    note: bytes | None
    indented: bool


def checkpoint_in(saved: bytes) -> bytes:
    """The checkpoints in what a person saved, one after another; nearly always it is one.

    Raises UnreadablePin when there is none, for more than LONGEST_MAIL bytes, and where something in it could be a
    newer one that was not read: an older one beside it would be taken for all that the person knows.
    """
    if len(saved) > LONGEST_MAIL:
        raise UnreadablePin(f"it has more than {LONGEST_MAIL} bytes: save the mails with checkpoints alone")
    heads: dict[_Head, bool] = {}
    signatures: dict[bytes, bytes] = {}
    for lines, surely in _texts(saved):
        for head in _heads(lines):
            heads[head] = heads.get(head, False) or (surely and not head.indented)
        if surely:
            signatures |= dict(_signed(lines))
    known = {(head.size, head.root) for head in heads if head.note}
    for head, counts in heads.items():
        if counts and (head.size, head.root) not in known:
            raise UnreadablePin(f"of a checkpoint of {head.size.decode()} leaves in it the signature cannot be read")
    notes = b"\n".join(dict.fromkeys(head.note for head in heads if head.note))
    origins = {head.origin for head in heads if head.note}
    for signature, name in signatures.items():
        of_the_ledger = any(origin in name or origin.endswith(name) for origin in origins)
        if signature not in notes and (of_the_ledger or not origins):
            raise UnreadablePin("of a signature in it the checkpoint cannot be read")
    if not notes:
        raise UnreadablePin("no checkpoint stands in it")
    return notes


def notes_in(text: bytes) -> list[bytes]:
    """The checkpoints that stand in a text, as notes."""
    return [head.note for head in _heads(_lines(text)) if head.note]


def _texts(saved: bytes) -> Iterator[tuple[bytes, bool]]:
    """The text as it stands, and all that is encoded in it, in lines; and whether these surely are lines. Raises
    UnreadablePin for what is not read.
    """
    waiting = [_Text(saved, surely=True)]
    seen, decoded = {saved: True}, 0
    while waiting:
        text = waiting.pop()
        lines = _lines(text.octets)
        yield lines, text.surely
        if text.surely and (unread := _NOT_READ.search(lines)):
            raise _part_not_read(unread[unread.lastindex or 0])
        for inner in _encoded_in(lines, text.surely):
            if inner.octets not in seen or inner.surely > seen[inner.octets]:
                decoded += len(inner.octets)
                if decoded > _MOST_DECODED:
                    raise UnreadablePin("too much is encoded in it: save the mails with checkpoints alone")
                seen[inner.octets] = inner.surely
                waiting.append(inner)


def _part_not_read(what: bytes) -> UnreadablePin:
    return UnreadablePin(f"a part of it is not read ({what.decode().strip()}): save that mail as plain text")


def _encoded_in(lines: bytes, surely: bool) -> Iterator[_Text]:
    """What is quoted-printable or base64 in a text (RFC 2045, section 6), HTML, or a string of JSON (RFC 8259, 7)."""
    if _OCTET.search(lines):
        yield from _made(decodestring(_BREAK_IN_OCTETS.sub(b" ", lines)), decodestring(lines), surely)
    yield from _base64_in(lines, surely)
    if b"<" in lines or _REFERENCE.search(lines):
        text = _without_tags(lines)
        if text != lines:
            yield from _made(_without_tags(_WITHIN_TEXT.sub(_without_boxes, lines)), text, surely)
    in_json = surely and lines.lstrip()[:1] in (b"{", b"[")
    for string in _STRING.finditer(lines):
        if len(string[0]) >= _SHORTEST and b"\\" in string[0]:
            yield _Text(_ESCAPE.sub(_unescaped, string[1]), in_json)


def _made(as_lines: bytes, text: bytes, surely: bool) -> Iterator[_Text]:
    """What was made of a text: where nothing within a line begins a new one, and as it is."""
    if surely:
        yield _Text(as_lines, surely=True)
    yield _Text(text, surely=False)


def _base64_in(lines: bytes, surely: bool) -> Iterator[_Text]:
    """What is base64 in a text."""
    for run in _runs_of_base64(lines):
        inner = _from_base64(run[0])
        kind = _kind_of(lines[max(0, run.start() - _LONGEST_HEADERS) : run.start()])
        if surely and kind and not _MAY_BE_BINARY.match(kind) and _BINARY.search(inner.replace(b"\0", b"")):
            raise _part_not_read(kind)
        if not _PICTURE.match(kind):
            yield _Text(inner, surely and _begins_a_line(lines, run.start()))
    for part in _SAID_TO_BE_BASE64.finditer(lines) if surely else ():
        body = part[1]
        will_be = _TAG.search(body) or (b"=\n" in body and _OCTET.search(lines))
        if not will_be and not _runs_of_base64(body) and _may_be_base64(body):
            raise _part_not_read(b"base64")


def _runs_of_base64(lines: bytes) -> "list[re.Match[bytes]]":
    """Lines right below one another, and such with blank ones between them."""
    runs = (*_BASE64.finditer(lines), *_BASE64_AND_BLANK_LINES.finditer(lines))
    return [run for run in runs if len(run[0]) >= _SHORTEST]


def _begins_a_line(lines: bytes, at: int) -> bool:
    """Whether a line begins here that is not indented, as alerts and digests indent what a job's owner wrote."""
    return (at == 0 or lines[at - 1 : at] == b"\n") and not _INDENTED.match(lines, at)


def _may_be_base64(body: bytes) -> bool:
    """Whether a body of which nothing was decoded is neither a checkpoint as it stands nor prose."""
    letters = len(_NO_DIGIT.sub(b"", body))
    prose = letters < _LONGEST_WORD * len(_BETWEEN_WORDS.findall(body))
    return letters >= 2 * _SHORTEST and not prose and next(_heads(body), None) is None


def _from_base64(run: bytes) -> bytes:
    digits = _NO_DIGIT.sub(b"", run)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def _kind_of(before: bytes) -> bytes:
    """The media type of what follows, where the headers that end here say that it is base64; else nothing."""
    headers: list[bytes] = []
    for line in reversed(before.removesuffix(b"\n").split(b"\n")):
        if not _HEADER.match(line):
            break
        headers.insert(0, line)
    kind = _KIND.search(b"\n".join(headers))
    return kind[1].lower() if kind and _IS_BASE64.search(b"\n".join(headers)) else b""


def _unescaped(match: "re.Match[bytes]") -> bytes:
    if match[1]:
        return chr(int(match[1], 16)).encode(errors="ignore")
    return _ESCAPED.get(match[2], match[2])


def _lines(text: bytes) -> bytes:
    """A text in lines of printable ASCII: blanks of every kind are spaces, and what has no width, and letters of other
    scripts, are nothing. UTF-16 is ASCII with a zero beside each character.
    """
    seen = _DASH.sub(b"-", _NO_WIDTH.sub(b"", text.replace(b"\0", b"")))
    plain = _BLANK.sub(b" ", seen).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _AT_THE_END.sub(b"", _NOT_ASCII.sub(b"", plain)) + b"\n"


def _without_tags(lines: bytes) -> bytes:
    """HTML as text: what is not within a line begins a new one."""
    return _REFERENCE.sub(_referred, _TAG.sub(b"\n", _TAG_WITHIN_A_LINE.sub(b"", lines)))


def _without_boxes(line: "re.Match[bytes]") -> bytes:
    """A line of text, in which tags begin no other one."""
    return _TAG.sub(b" ", _TAG_WITHIN_A_LINE.sub(b"", line[0])).replace(b"<", b" ")


def _referred(match: "re.Match[bytes]") -> bytes:
    """The character that a reference of HTML stands for; a space for one that no checkpoint has."""
    number = int(match[1] or b"0") or int(match[2] or b"0", 16)
    if number:
        if 0x2010 <= number <= 0x2015:
            return b"-"
        return b"" if number in _WIDTHLESS else chr(number).encode() if 32 < number < 127 else b" "
    return _NAMED.get(match[3], b" ")


def _heads(lines: bytes) -> Iterator[_Head]:
    """Whatever looks like a checkpoint in lines of ASCII, with marks of quotation before them or not."""
    for match in _HEAD.finditer(lines):
        origin, size, root = match[1] or match[4] or b"", match[2] or match[5], match[3] or match[6]
        signatures: dict[bytes, None] = {}
        at = match.end()
        while (named := _NAME.match(lines, at)) and named[1] == origin:
            signature = _signature(lines, named.end())
            if signature is None:
                break
            at = signature.end()
            signatures[_NO_BASE64.sub(b"", signature[0])] = None
        signed = b"".join("\u2014 ".encode() + origin + b" " + each + b"\n" for each in signatures)
        note = _checked(b"%b\n%b\n%b\n\n%b" % (origin, size, root, signed))
        yield _Head(origin, size, root, note, indented=bool(_INDENTED.match(lines, match.start())))


def _signed(lines: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What looks like a signature, and the word before it, in lines that alerts do not have."""
    for signature in _LIKE_A_SIGNATURE.finditer(lines):
        before = lines[max(0, signature.start() - 800) : signature.start()].rstrip(b" \n>|")
        begin, name = before.rfind(b"\n") + 1, _LAST_WORD.search(before)
        if name and not _INDENTED.match(before, begin) and before[begin : begin + 1] not in (b"{", b"[", b"<", b'"'):
            yield signature[0], name[0]


def _signature(lines: bytes, at: int) -> "re.Match[bytes] | None":
    """A key ID and a signature by a P-256 key here, in base64, which says how long it is (X.690, section 8.1.3)."""
    begin = _NO_BASE64.sub(b"", lines[at : at + 200])[:8]
    if not _OF_A_SIGNATURE.fullmatch(begin):
        return None
    length = 6 + binascii.a2b_base64(begin)[5]
    digits, padding = -(-length * 4 // 3), -length % 3
    one = rb"[A-Za-z0-9+/](?:[ >|]{0,200}\n[ \n>|]{0,200})?"
    return re.compile(rb"(?:%b){%d}={%d}(?![A-Za-z0-9+/=])" % (one, digits, padding)).match(lines, at)


def _checked(note: bytes) -> bytes | None:
    try:
        parse_checkpoint(parse_note(note).text)
    except UnreadableNote:
        return None
    return note


_BLANK = re.compile(
    rb"[\x01-\x09\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x85\xa0]|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
    rb"|(?<![\x80-\xff])\xa0"
)
_NO_WIDTH = re.compile(rb"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2\xad|\x1b[$(]{1,2}[@-J]")
_DASH = re.compile(rb"\xe2\x80[\x90-\x95]|(?<![\x80-\xff])[\x96\x97]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_AT_THE_END = re.compile(rb"(?<! ) +(?=\n|\Z)")
_OCTET = re.compile(rb"=[0-9A-Fa-f]{2}")
_BREAK_IN_OCTETS = re.compile(rb"=0[AaDd]")
_SHORTEST = 120
"""Characters: no checkpoint with its signature is as short in base64 or JSON."""
_LONGEST_HEADERS = 1 << 14
_BASE64 = re.compile(
    rb"^(?:[ >|]{0,200}[A-Za-z0-9+/]{20,}\n)*[ >|]{0,200}[A-Za-z0-9+/]+={0,2}$|[A-Za-z0-9+/]{%d,}" % _SHORTEST,
    re.MULTILINE,
)
_BASE64_AND_BLANK_LINES = re.compile(
    rb"^(?:[ >|]{0,200}[A-Za-z0-9+/]{20,}\n(?:[ >|]{0,200}\n){0,3})+[ >|]{0,200}[A-Za-z0-9+/]+={0,2}$", re.MULTILINE
)
_NO_DIGIT = re.compile(rb"[^A-Za-z0-9+/]+")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_QUOTATION = rb"(?:[>|] ?){0,50}"
_INDENTED = re.compile(rb"[ >|]{0,200}  ")
_HEADER = re.compile(_QUOTATION + rb"(?:[A-Za-z][A-Za-z0-9-]*:| |\Z)")
_IS_BASE64 = re.compile(rb"^%bcontent-transfer-encoding: *base64" % _QUOTATION, re.IGNORECASE | re.MULTILINE)
_SAID_TO_BE_BASE64 = re.compile(
    rb"^%bcontent-transfer-encoding: *base64[^\n]*\n(?:%b(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*| [^\n]*)?\n)*"
    rb"((?:(?!%b(?:--|From |[A-Za-z][A-Za-z0-9-]*:))[^\n]*\n)*)" % (_QUOTATION, _QUOTATION, _QUOTATION),
    re.IGNORECASE | re.MULTILINE,
)
"""A header that says so, the others, and what follows up to the next part or mail."""
_BETWEEN_WORDS = re.compile(rb"[A-Za-z0-9,.;:] +[A-Za-z0-9]")
_LONGEST_WORD = 20
"""Characters: in prose words are shorter, as a rule."""
_KIND = re.compile(rb"^%bcontent-type:[ \n]*([a-z]+/[a-z0-9.+-]+)" % _QUOTATION, re.IGNORECASE | re.MULTILINE)
_MAY_BE_BINARY = re.compile(
    rb"(?:text|message|multipart|image|audio|video|font)/|application/(?:x-)?(?:pkcs7|pgp)-signature"
)
_PICTURE = re.compile(rb"(?:image|audio|video|font)/")
"""Pictures and the like and detached signatures hold no text; in text, zeros and controls are of a character set."""
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_NOT_READ = re.compile(
    rb"^content-transfer-encoding: *(?!7bit|8bit|binary|base64|quoted-printable)[a-z0-9-]+"
    rb"|^%bcontent-type:(?:[^\n]|\n+ )*?(charset *= *\"?utf-7)|^-----BEGIN PGP MESSAGE|^begin [0-7]{3,4} |^\{\\rtf"
    % _QUOTATION,
    re.IGNORECASE | re.MULTILINE,
)
_STRING = re.compile(rb'(?<!\\)"([^"\\\n]*(?:\\.[^"\\\n]*)*)"')
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|(.))")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b" "}
_TAG_WITHIN_A_LINE = re.compile(
    rb"</?(?:a|abbr|b|big|code|em|font|i|ins|kbd|mark|o:p|s|small|span|strong|sub|sup|tt|u|wbr)(?=[ \n/>])[^<>]*>",
    re.IGNORECASE,
)
_WITHIN_TEXT = re.compile(rb"^(?!%b<)[^\n]*<[^\n]*" % _QUOTATION, re.MULTILINE)
_TAG = re.compile(rb"<[A-Za-z/!?][^<>]*>")
_REFERENCE = re.compile(rb"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z]{2,24}));")
_WIDTHLESS = frozenset({0xAD, 0x2060, 0xFEFF, *range(0x200B, 0x2010)})
_NAMED = {
    **{b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"plus": b"+", b"sol": b"/", b"equals": b"="},
    **dict.fromkeys((b"mdash", b"ndash", b"minus"), b"-"),
    **dict.fromkeys((b"shy", b"zwnj", b"zwj", b"ZeroWidthSpace"), b""),
}
_NAMED_SO = rb"[A-Za-z0-9][!#-;=?-{}~]{0,511}"
_MARKS = rb"(?:[A-Z]{0,4}>|[ |:*+#-]){0,200}"
_END_OF_LINE = rb"[ >|]{0,200}\n(?:[A-Z]{0,4}>|[ \n|:*+#-]){0,200}"
_SIZE, _ROOT = rb"(0|[1-9][0-9]{0,18})", rb"([A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])"
_HEAD = re.compile(
    rb"^(?:%b(?:(%b)%b)?%b%b%b(?=[^A-Za-z0-9]{0,9}$)|[ >|]{0,200}(%b) {1,200}%b {1,200}%b)"
    % (_MARKS, _NAMED_SO, _END_OF_LINE, _SIZE, _END_OF_LINE, _ROOT, _NAMED_SO, _SIZE, _ROOT),
    re.MULTILINE,
)
"""Three lines, or the three in one: so that no name within a line of a mail, nor one that is wrapped, makes one. Two of
them, a size and a root, look like one whose origin was lost.
"""
_NAME = re.compile(rb"[^A-Za-z0-9]{1,200}(%b)[ \n>|]{1,200}" % _NAMED_SO)
_OF_A_SIGNATURE = re.compile(rb"[A-Za-z0-9+/]{5}[DTjz]B[A-Za-z0-9+/]")
"""Four bytes of a key ID, and the head of a sequence of 64 to 127 bytes."""
_LIKE_A_SIGNATURE = re.compile(rb"(?<=[ \n>|])[A-Za-z0-9+/]{5}[DTjz]B[C-H]A[hi][A-Za-z0-9+/]{20}")
"""The same, with the head of an integer of 31 to 33 bytes after it."""
_LAST_WORD = re.compile(rb"[^ \n>|]+\Z")
