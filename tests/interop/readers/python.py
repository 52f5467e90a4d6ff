"""Reads messages with Python's email package and prints what it sees, one line a thing."""

import hashlib
import sys
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import getaddresses


def line(*words):
    sys.stdout.buffer.write(("\t".join(words) + "\n").encode())


for path in sys.argv[1:]:
    line("message", path)
    with open(path, "rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    for name, value in message.items():
        for defect in value.defects:
            line("defect", name, repr(defect))
    line("subject", message["subject"])
    for field in ("from", "to"):
        # Python before 3.13 leaves a blank between the encoded words of a folded name (gh-79728), so
        # that the older interface is asked for names.
        raw = [value for name, value in message.raw_items() if name.lower() == field]
        for name, address in getaddresses([" ".join(str(raw[0]).splitlines())]):
            line(field, str(make_header(decode_header(name))), address)
    for part in message.walk():
        for defect in part.defects:
            line("defect", part.get_content_type(), repr(defect))
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        name = part.get_filename() or ""
        if not name:
            content = content.replace(b"\r\n", b"\n").rstrip(b"\n")
        digest = hashlib.sha256(content).hexdigest()
        line("part", part.get_content_type(), name, str(len(content)), digest)
