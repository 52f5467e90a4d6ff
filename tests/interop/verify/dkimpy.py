"""Messages signed by dkimpy in every canonical form, whole and changed, verified by dkimpy and by this program. Prints the
differences.

Arguments: the private key, its record, the resolver, the program.
"""

import subprocess
import sys

import dkim

BODIES = [
    b"", b"\r\n", b"\r\n\r\n", b"a", b"a\r\n", b"a\r\n\r\n\r\n", b" \r\n \t\r\n", b"a  b\t c \r\n\r\n d", b"  lead\r\n",
    b".\r\n..x\r\n", b"x" * 5000 + b"\r\n", b"a\r\n \r\n\r\n",
]
HEADERS = [
    b"From: alice@crepes.fr\r\nTo: bob@hamburger.edu\r\nSubject: hi\r\n",
    b"From:  Alice\r\n <alice@crepes.fr>\r\nsubject:  a\r\n\tb  \r\nX:\r\n",
    b"FROM: alice@crepes.fr\r\nTo: a@b.example\r\nTo: c@d.example\r\n",
]
FORMS = [(header, body) for header in (b"simple", b"relaxed") for body in (b"simple", b"relaxed")]


def main(key, record, resolver, program):
    with open(key, "rb") as file:
        private = file.read()
    compared = 0
    for body in BODIES:
        for header in HEADERS:
            for form in FORMS:
                for length in (False, True):
                    message = header + b"\r\n" + body
                    field = dkim.sign(
                        message, b"s1", b"crepes.fr", private, canonicalize=form, length=length,
                        include_headers=[b"From", b"To", b"Subject", b"From"],
                    )
                    for changed in (
                        message,
                        message + b"more\r\n",
                        header.replace(b"alice", b"alicf", 1) + b"\r\n" + body,
                    ):
                        compared += 1
                        expected = dkim.verify(field + changed, dnsfunc=lambda name, timeout=5: record.encode())
                        ran = subprocess.run(
                            [program, "verify", "--dns", resolver], input=field + changed, capture_output=True
                        )
                        if (b"dkim=pass" in ran.stdout) != expected:
                            print(form, length, body[:20], header[:20], expected, ran.stdout)
    print(f"compared: {compared}")


main(*sys.argv[1:])
