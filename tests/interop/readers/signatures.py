"""Verifies the DKIM signatures of messages by dkimpy: for each file the selectors of the signatures that are valid.

The first argument is a file of keys: a name and its TXT record on each line.
"""
import sys

import dkim

keys = {}
for line in open(sys.argv[1], "rb"):
    name, record = line.rstrip(b"\n").split(b" ", 1)
    keys[name + b"."] = record
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        message = file.read()
    verifier = dkim.DKIM(message)
    count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
    valid = []
    for index in range(count):
        one = dkim.DKIM(message)
        try:
            if one.verify(idx=index, dnsfunc=lambda name, timeout=5: keys.get(name)):
                valid.append(one.selector.decode())
        except dkim.DKIMException:
            pass
    print(path, *sorted(valid), sep="\t")
