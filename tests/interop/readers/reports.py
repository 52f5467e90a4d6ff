"""Reads delivery reports with Python's email package and prints the fields that programs act on."""

import sys
from email import policy
from email.parser import BytesParser

FIELDS = ("original-recipient", "final-recipient", "action", "status", "diagnostic-code")


def line(*words):
    sys.stdout.buffer.write(("\t".join(words) + "\n").encode())


for path in sys.argv[1:]:
    line("message", path)
    with open(path, "rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    parts = list(message.walk())
    for defect in [defect for part in parts for defect in part.defects]:
        line("defect", repr(defect))
    status = [part for part in parts if part.get_content_type() == "message/delivery-status"]
    for block in status[0].get_payload()[1:]:
        line(*["".join(str(block[name] or "-").splitlines()) for name in FIELDS])
