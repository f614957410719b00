"""A checkpoint's mail in the forms in which mail programs, AWS SNS and people save it."""

import json
import quopri
from base64 import b64encode, encodebytes
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

from flops_auditor.use_cases.ledger.seal_log import CHECKPOINT_MAIL

FOOTER = "\n--\nIf you wish to stop receiving notifications from this topic, please visit the link below:\nhttps://a.example/u\n"
HEADERS = "From: AWS Notifications <no-reply@a.example>\r\nTo: a@b.example\r\nSubject: FLOPs Auditor checkpoint\r\n"


def mail_of(pin: str) -> str:
    """What SNS mails."""
    return pin + CHECKPOINT_MAIL + FOOTER


def saved(body: str, charset: str = "utf-8", encoding: str = "8bit", kind: str = "text/plain") -> bytes:
    """A mail with headers, as a program keeps it."""
    raw = body.encode(charset, "replace")
    ends = raw if charset.startswith("utf-16") else raw.replace(b"\n", b"\r\n")
    coded = {
        "base64": lambda: encodebytes(ends).replace(b"\n", b"\r\n"),
        "quoted-printable": lambda: quopri.encodestring(raw).replace(b"\n", b"\r\n"),
        "8bit": lambda: ends,
    }[encoding]()
    kept = f"{HEADERS}Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return kept.encode() + coded


def attached(mail: bytes, encoding: str | None = None) -> bytes:
    outer = EmailMessage(policy=policy.SMTP)
    outer["From"], outer["Subject"] = "a@b.example", "Fwd"
    outer.set_content("see the attachment")
    if encoding:
        outer.add_attachment(mail, "application", "octet-stream", cte=encoding, filename="mail.eml")
    else:
        outer.add_attachment(message_from_bytes(mail, policy=policy.SMTP))
    return bytes(outer)


def alternatives(plain: str, html: str, encoding: str) -> bytes:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["Subject"] = "a@b.example", "Fwd"
    mail.set_content(plain, cte=encoding)
    mail.add_alternative(html, "html", cte=encoding)
    mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(200), "image", "png", filename="logo.png")
    return bytes(mail)


def by_word(lines: list[str], blank: str = "<o:p>&nbsp;</o:p>", dash: str = "\u2014") -> str:
    """As Outlook and Word write HTML: a paragraph a line."""
    shown = (escape(line).replace("\u2014", dash) or blank for line in lines)
    return "<html><body>\n" + "\n\n".join(f"<p class=MsoNormal>{each}</p>" for each in shown) + "\n</body></html>\n"


def in_rows(lines: list[str]) -> str:
    return "<table>" + "".join(f"<tr><td>{escape(line)}</td></tr>" for line in lines) + "</table>"


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}\n" for line in text.split("\n"))


def by_sns(text: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": text})


def forms_of(pin: str) -> dict[str, bytes]:
    """Each form by its name: in every one of them a person has the checkpoint."""
    text = mail_of(pin)
    lines, origin, signature = text.split("\n"), pin.split("\n", maxsplit=1)[0], pin.split("\n")[4]
    divs = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in lines)
    breaks = '<div class="gmail_quote">' + "<br>\r\n".join(map(escape, lines)) + "</div>\r\n"
    halves = signature[:60], signature[60:]
    cut = "\n".join(line[at : at + 70] for line in lines for at in range(0, len(line) or 1, 70))
    in_base64 = saved(text, encoding="base64")
    return {
        "8bit": saved(text),
        "base64": saved(text, encoding="base64"),
        "base64 on one line": b"".join(encodebytes(text.encode()).split()),
        "quoted-printable": saved(text, encoding="quoted-printable"),
        "windows-1252, quoted-printable": saved(text, "windows-1252", "quoted-printable"),
        "windows-1252": saved(text, "windows-1252"),
        "windows-1252, base64": saved(text, "windows-1252", "base64"),
        "latin-1, which has no such dash": saved(text, "iso-8859-1", "quoted-printable"),
        "utf-16, base64": saved(text, "utf-16", "base64"),
        "utf-16": text.encode("utf-16"),
        "utf-16 without a mark": text.encode("utf-16-be"),
        "koi8-r": saved(text, "koi8-r", "quoted-printable"),
        "Word": by_word(lines).encode(),
        "Word, quoted-printable": saved(by_word(lines), "windows-1252", "quoted-printable", "text/html"),
        "Word, blank of another kind": by_word(lines, "\u00a0").encode(),
        "Word, references": by_word(lines, "<o:p>&#160;</o:p>", "&#8212;").encode(),
        "Word, windows-1252": by_word(lines).encode("windows-1252"),
        "breaks": breaks.encode(),
        "breaks, base64": saved(breaks, encoding="base64", kind="text/html"),
        "a place to break": breaks.replace(escape(signature), f"{halves[0]}<wbr>{halves[1]}").encode(),
        "a box a line": divs.encode(),
        "a row a line": in_rows(lines).encode(),
        "two kinds, base64": alternatives(text, breaks, "base64"),
        "two kinds, quoted-printable": alternatives(text, divs, "quoted-printable"),
        "attached": attached(saved(text, encoding="base64")),
        "attached twice": attached(attached(saved(text, encoding="base64"))),
        "attached as a file": attached(saved(text, encoding="quoted-printable"), "base64"),
        "attached, quoted-printable": attached(saved(text, encoding="quoted-printable")),
        "quoted": quoted(quoted(text)).encode(),
        "quoted, base64": saved("FYI\n\n" + quoted(text), encoding="base64"),
        "quoted and cut, base64": saved(quoted(cut), encoding="base64"),
        "quoted base64": quoted(saved(text, encoding="base64").decode().replace("\r\n", "\n")).encode(),
        "flowed": quoted(text.replace(signature, f"{halves[0]} \n{halves[1]}")).encode(),
        "SNS": by_sns(text).encode(),
        "SNS in a queue's message": json.dumps({"MessageId": "1", "Body": by_sns(text)}).encode(),
        "SNS, as it was typed": json.dumps({"Message": text}, ensure_ascii=False, indent=1).encode(),
        "base64 in JSON": json.dumps({"body": b64encode(text.encode()).decode()}).encode(),
        "points of a list": quoted(text, "* ").encode(),
        "quoted with colons": quoted(text, ": ").encode(),
        "no width": f"\u200b{text}".encode(),
        "no width within": text.replace("/", "/\u200b").encode(),
        "blanks of another kind": (
            "\u00a0\u00a0" + text.replace("\n", "\n\u00a0\u00a0").replace(" ", "\u00a0")
        ).encode(),
        "line breaks taken out": text.replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n").encode(),
        "a link": text.replace(origin, f"{origin}<https://{origin}>").encode(),
        "lines doubled": doubled(saved(text)),
        "lines doubled, base64": doubled(in_base64),
        "lines doubled, two kinds, base64": doubled(alternatives(text, breaks, "base64")),
        "lines doubled, attached as a file": doubled(attached(saved(text), "base64")),
        "a blank line between, base64": in_base64.replace(b"\r\n", b"\n\n"),
        "a blank line between, quoted base64": quoted(in_base64.decode().replace("\r\n", "\n\n")).encode(),
        "its source in boxes": b"".join(b"<div>%b</div>" % (line or b"<br>") for line in in_base64.split(b"\r\n")),
        "its source with breaks": b"<html><body>" + in_base64.replace(b"\r\n", b"<br>\r\n") + b"</body></html>",
        "its source in rows, quoted-printable": saved(
            in_rows(in_base64.decode().split("\r\n")), "us-ascii", "quoted-printable", "text/html"
        ),
        "HTML as text": escape(f"<p>{breaks}</p>").encode(),
        "references alone": text.replace("+", "&#43;").replace("/", "&#47;").replace("\u2014", "&mdash;").encode(),
        "a header that is not so": saved(text).replace(b"8bit", b"base64"),
        "Apple's file": f"{len(text)}\n".encode() + saved(text, encoding="base64") + b"<?xml version='1.0'?><plist/>",
    }


def doubled(mail: bytes) -> bytes:
    """Written as text by a program that makes CR LF of every LF, of a mail whose lines ended in CR LF already."""
    return mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\r\n")


def mailbox(*mails: bytes) -> bytes:
    return b"".join(
        b"From a@b.example Mon Nov 23 10:00:00 2026\n" + mail.replace(b"\r\n", b"\n") + b"\n" for mail in mails
    )


def in_short_lines(text: str) -> bytes:
    """Base64 in lines as short as words are, under headers that say what it is."""
    letters = b64encode(text.encode()).decode()
    lines = "\n".join(letters[at : at + 16] for at in range(0, len(letters), 16))
    return f"{HEADERS}Content-Transfer-Encoding: base64\n\n{lines}\n".replace("\r\n", "\n").encode()


def not_read(pin: str) -> dict[str, bytes]:
    """What holds a checkpoint that no reading finds, or that is damaged."""
    text, (origin, size, root, _, signed, _) = mail_of(pin), pin.split("\n")
    signature = signed.rsplit(" ", 1)[1]
    return {
        "without its signature": f"{origin}\n{size}\n{root}\n".encode(),
        "a signature that was cut off": text.replace(signature, signature[:70]).encode(),
        "a signature that was cut off, in base64": saved(text.replace(signature, signature[:90]), encoding="base64"),
        "a name that was broken": text.replace(origin, f"{origin[:20]}\n{origin[20:]}").encode(),
        "another name": text.replace(f" {origin} ", " another.example ").encode(),
        "a link of Markdown": text.replace(origin, f"[{origin}](https://{origin})").encode(),
        "quoted with initials": quoted(text, "AB> ").encode(),
        "numbered": "".join(f"{number}. {line}\n" for number, line in enumerate(text.split("\n"))).encode(),
        "a root that was broken": text.replace(root, f"{root[:40]}\n{root[40:]}").encode(),
        "a size as people write it": text.replace(f"\n{size}\n", f"\n{size},000\n").encode(),
        "its signature alone": signed.encode(),
        "cut at forty": "\n".join(
            line[at : at + 40] for line in text.split("\n") for at in range(0, len(line) or 1, 40)
        ).encode(),
        "its line breaks written out": text.replace("\n", "\\n").encode(),
        "utf-7": saved(text, "utf-7"),
        "utf-7, lines doubled": doubled(saved(text, "utf-7").replace(b"; charset", b";\r\n charset")),
        "base64 in short lines": in_short_lines(text),
        "base64 in short lines, in boxes": in_rows(in_short_lines(text).decode().split("\n")).encode(),
        "base64 behind marks": saved(text, encoding="base64")
        .replace(b"\r\n\r\n", b"\r\n\r\n* ")
        .replace(b"\r\n", b"\n"),
        "encrypted": b"-----BEGIN PGP MESSAGE-----\n\n"
        + encodebytes(bytes(range(256)))
        + b"-----END PGP MESSAGE-----\n",
        "uuencode": f"{HEADERS}Content-Transfer-Encoding: x-uuencode\n\nbegin 644 mail.txt\n#0V%T\n\nend\n".encode(),
        "rich text": b"{\\rtf1\\ansi " + text.replace("\n", "\\par\n").encode("cp1252") + b"}",
        "a PDF, lines doubled": doubled(attached(b"%PDF-1.7\n" + bytes(range(256)), "base64")),
        "a PDF": attached(b"%PDF-1.7\n" + bytes(range(256)), "base64"),
        "an archive": attached(b"PK\3\4" + bytes(range(256)), "base64"),
    }


def by_an_owner(pin: str) -> list[str]:
    """What a job's owner may write so that a mail about the job looks as if a checkpoint in it were not read. He knows
    the ledger's name.
    """
    origin = pin.split("\n", maxsplit=1)[0]
    root, signature, mark = f"{'B' * 43}=", f"CCCCDDBEAiA{'C' * 88}=", "-" * 60
    head = f"{origin}\n19\n{root}\n"
    return [
        signature[:35],
        signature,
        f"- {origin} {signature}",
        "charset=utf-7",
        f"Content-Type: text/plain; charset={'utf-7'}",
        "Content-Transfer-Encoding: x-uuencode",
        "-----BEGIN PGP MESSAGE",
        f"a 19 {root}",
        f"{mark} 19 {root}",
        f"{mark} a {mark} 19 {root}",
        f"{origin} {mark} 19 {root}",
        head.replace("\n", "<br>"),
        "<p>" + head.replace("\n", "&lt;br&gt;"),
        f"{mark[:50]} <br {mark[:45]} >19<br {mark} >{root}",
        head.replace("\n", "=0A"),
        "=0Abegin 644 x",
        json.dumps({"Message": f"{head}{'x' * 60}"}),
        b64encode(f"\n{head}\nbegin 644 x\n{mark}".encode()).decode(),
    ]
