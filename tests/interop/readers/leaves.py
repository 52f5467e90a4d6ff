"""Prints the header fields and the leaves of each message: type, name, and SHA-256 of the decoded content."""

import hashlib
import sys
from email import policy
from email.parser import BytesParser


def line(*words):
    sys.stdout.buffer.write(("\t".join(words) + "\n").encode())


def leaves(part):
    if part.get_content_maintype() == "multipart":
        for child in part.iter_parts():
            leaves(child)
        return
    if part.get_content_type() == "message/rfc822":
        leaves(part.get_payload(0))
        return
    content = part.get_payload(decode=True)
    if part.get_content_maintype() == "text":
        content = content.replace(b"\r\n", b"\n").rstrip(b"\n")
    digest = hashlib.sha256(content).hexdigest()
    line("leaf", part.get_content_type(), part.get_filename() or "", digest)


for path in sys.argv[1:]:
    line("message", path)
    with open(path, "rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    for name in ("subject", "hp-outer"):
        for value in message.get_all(name, []):
            line(name, " ".join(str(value).split()))
    line("hp", str(message.get_param("hp", "")))
    leaves(message)
