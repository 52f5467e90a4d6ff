"""Puts messages into a Maildir and prints every entity of Dovecot's BODYSTRUCTURE, one line each."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email.header import decode_header, make_header
from urllib.parse import unquote

CONFIG = """
mail_location = maildir:{root}/Maildir
log_path = /dev/stderr
base_dir = {root}/run
state_dir = {root}/state
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
ssl = no
protocols =
"""


def line(*words):
    sys.stdout.buffer.write(("\t".join(words) + "\n").encode())


def doveadm(root, number, *fields):
    command = ["doveadm", "-c", f"{root}/dovecot.conf", "-f", "flow", "fetch", " ".join(fields),
               "mailbox", "INBOX", str(number)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": root, "USER": "nobody"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return done.stdout.split(b"=", 1)[1].removesuffix(b"\n")


def parsed(text):
    """An IMAP list (RFC 9051) as lists of bytes and None."""
    token = re.compile(rb'\s*(?:([()])|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r?\n|([^\s()"]+))', re.S)
    stack, at = [[]], 0
    while at < len(text.rstrip()):
        found = token.match(text, at)
        at = found.end()
        bracket, quoted, literal, atom = found.groups()
        if bracket == b"(":
            stack.append([])
        elif bracket == b")":
            done = stack.pop()
            stack[-1].append(done)
        elif quoted is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted))
        elif literal is not None:
            stack[-1].append(text[at:at + int(literal)])
            at += int(literal)
        else:
            stack[-1].append(None if atom == b"NIL" else atom)
    return stack[0]


def decoded(value):
    return str(make_header(decode_header((value or b"").decode())))


def pairs(flat):
    flat = [word.decode() for word in flat or []]
    return dict(zip(flat[::2], flat[1::2]))


def parameter(found, key):
    """A parameter, by RFC 2231 if need be, of which Dovecot gives the pieces."""
    if key in found:
        return found[key]
    if f"{key}*" in found:
        return unquote(found[f"{key}*"].removeprefix("utf-8''"))
    pieces = []
    while (piece := found.get(f"{key}*{len(pieces)}*")) is not None:
        pieces.append(piece)
    return unquote("".join(pieces).removeprefix("utf-8''"))


def entity(root, number, structure, section, depth):
    if isinstance(structure[0], list):
        children = [part for part in structure if isinstance(part, list)]
        count = next(at for at, part in enumerate(structure) if not isinstance(part, list))
        found = pairs(structure[count + 1])
        kind = "multipart/" + structure[count].decode()
        parameters = f"type={found['type']}" if "type" in found else ""
        line("entity", str(depth), kind, parameters, "", "", "", "", "-", "-")
        for at, part in enumerate(children[:count], 1):
            entity(root, number, part, f"{section}.{at}".lstrip("."), depth + 1)
        return
    main, sub, parameters, content_id, description = structure[:5]
    kind = f"{main.decode()}/{sub.decode()}"
    found = pairs(parameters)
    rest = structure[7:]
    # An envelope, a structure and lines for a message, lines for a text.
    rest = rest[3:] if kind == "message/rfc822" else rest[1:] if main == b"text" else rest
    placed = rest[1] if len(rest) > 1 and rest[1] else None
    disposition = placed[0].decode() if placed else ""
    name = parameter(pairs(placed[1]) if placed else {}, "filename") or parameter(found, "name")
    wanted = ("charset", "format", "method", "type")
    shown = ";".join(f"{key}={found[key]}" for key in wanted if key in found)
    # What is in a message within the message would be decoded too.
    raw = "body" if kind == "message/rfc822" else "binary"
    content = doveadm(root, number, f"{raw}.{section or 1}")
    if kind == "message/rfc822" or (main == b"text" and not name):
        content = content.replace(b"\r\n", b"\n")
        if depth == 0:
            content = content.rstrip(b"\n")
    line("entity", str(depth), kind, shown, name, disposition, decoded(description),
         (content_id or b"").decode().strip("<>"), str(len(content)),
         hashlib.sha256(content).hexdigest())


def read(root, number, path):
    line("message", path)
    envelope = parsed(doveadm(root, number, "imap.envelope"))
    line("subject", decoded(envelope[1]))
    for field, people in (("from", envelope[2]), ("to", envelope[5])):
        for name, _, local, domain in people or []:
            if domain is not None:
                line(field, decoded(name), f"{local.decode()}@{domain.decode()}")
    entity(root, number, parsed(doveadm(root, number, "imap.bodystructure")), "", 0)


with tempfile.TemporaryDirectory() as root:
    os.chmod(root, 0o755)
    with open(f"{root}/dovecot.conf", "w", encoding="ascii") as file:
        file.write(CONFIG.format(root=root))
    for name in ("cur", "new", "tmp"):
        os.makedirs(f"{root}/Maildir/{name}")
    for number, path in enumerate(sys.argv[1:], 1):
        shutil.copyfile(path, f"{root}/Maildir/cur/{number:06}.test:2,S")
    subprocess.run(["chown", "-R", "nobody:nogroup", f"{root}/Maildir"], check=True)
    for number, path in enumerate(sys.argv[1:], 1):
        read(root, number, path)
