"""Reads messages with Python's email package and prints every entity that it sees, one line each."""

import hashlib
import sys
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import getaddresses


def line(*words):
    sys.stdout.buffer.write(("\t".join(words) + "\n").encode())


def decoded(value):
    return str(make_header(decode_header(" ".join(value.splitlines()))))


def parameters(part):
    wanted = ("charset", "format", "method", "type")
    found = {key.lower(): value for key, value in part.get_params(failobj=[], header="content-type")}
    return ";".join(f"{key}={found[key]}" for key in wanted if key in found)


def entity(part, depth):
    for defect in part.defects:
        line("defect", part.get_content_type(), repr(defect))
    kind = part.get_content_type()
    name = part.get_filename() or ""
    description = decoded(str(part.get("content-description", "")))
    content_id = (part["content-id"] or "").strip("<>")
    facts = [str(depth), kind, parameters(part), name, part.get_content_disposition() or "",
             description, content_id]
    if part.get_content_maintype() == "multipart":
        line("entity", *facts, "-", "-")
        for child in part.iter_parts():
            entity(child, depth + 1)
        return
    if kind == "message/rfc822":
        # Python gives the message back only as it would write it itself.
        line("entity", *facts, "*", "*")
        return
    content = part.get_payload(decode=True)
    if part.get_content_maintype() == "text" and not name:
        content = content.replace(b"\r\n", b"\n")
        if depth == 0:
            content = content.rstrip(b"\n")
    line("entity", *facts, str(len(content)), hashlib.sha256(content).hexdigest())


for path in sys.argv[1:]:
    line("message", path)
    with open(path, "rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    for name, value in message.items():
        for defect in value.defects:
            line("defect", name, repr(defect))
    line("subject", message["subject"] or "")
    for field in ("from", "to"):
        # Python before 3.13 leaves a blank between the encoded words of a folded name (gh-79728), so
        # that the older interface is asked for names.
        raw = [value for name, value in message.raw_items() if name.lower() == field]
        for name, address in getaddresses([" ".join(str(raw[0]).splitlines())]):
            if address:
                line(field, decoded(name), address)
    entity(message, 0)
