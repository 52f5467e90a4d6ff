"""Opens messages with mutt on a terminal of its own and prints what its attachment menu gives."""

import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios

CONFIG = """
set charset=utf-8 mbox_type=Maildir header_cache="" wait_key=no quit=yes move=no delete=no
set attach_format="#%n|%m/%M|#" pipe_decode=yes wrap_headers=998 confirmappend=no
set rfc2047_parameters=no folder=/tmp record=""
ignore *
unignore subject
"""


def line(*words):
    sys.stdout.buffer.write(("\t".join(words) + "\n").encode())


def mutt(root, keys):
    """Runs mutt with these keys, and gives what it wrote to its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(f"{root}/out")
        os.environ.update(TERM="vt100", LINES="100", COLUMNS="120", HOME=root)
        os.execvp("mutt", ["mutt", "-n", "-F", f"{root}/muttrc", "-R", "-f", f"{root}/Maildir",
                           "-e", f'push "{keys}"'])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 100, 120, 0, 0))
    screen, left = b"", False
    while True:
        # Mutt paints nothing while keys are waiting, so that the last ones come by hand.
        if not left and b"|#" in screen and not select.select([terminal], [], [], 0.05)[0]:
            left = True
            os.write(terminal, b"qq")
        try:
            block = os.read(terminal, 65536)
        except OSError:
            block = b""
        if not block:
            break
        screen += block
    os.waitpid(pid, 0)
    return screen


def content_of(path):
    with open(path, "rb") as file:
        return file.read()


def read(path):
    line("message", path)
    with tempfile.TemporaryDirectory() as root:
        for name in ("Maildir/cur", "Maildir/new", "Maildir/tmp", "out", "names"):
            os.makedirs(f"{root}/{name}")
        with open(f"{root}/muttrc", "w", encoding="ascii") as file:
            file.write(CONFIG)
        with open(f"{root}/Maildir/cur/1.test:2,S", "wb") as file:
            file.write(content_of(path))
        header = f"<pipe-message>cat >{root}/header<enter>"
        screen = mutt(root, header + "<view-attachments>")
        found = dict(re.findall(rb"#(\d+)\|([a-z]+/[^|]+)\|", re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", screen)))
        kinds = [found[b"%d" % number].decode() for number in range(1, len(found) + 1)]
        keys = "<view-attachments>"
        for number, _ in enumerate(kinds, 1):
            keys += f"<pipe-entry>cat >{root}/{number}<enter><next-entry>"
        mutt(root, keys + "<exit><exit>")
        subject = content_of(f"{root}/header").decode().split("\n")[0]
        line("subject", subject.removeprefix("Subject: "))
        line("*")
        line("leaves")
        messages = b""
        for number, kind in enumerate(kinds, 1):
            content = content_of(f"{root}/{number}")
            if kind == "message/rfc822":
                content = content.replace(b"\r\n", b"\n")
            if kind == "message/rfc822" and content not in messages:
                messages += content
            elif messages or kind.startswith("multipart/"):
                # What is in a message within the message belongs to that message's bytes.
                continue
            size, digest = str(len(content)), hashlib.sha256(content).hexdigest()
            if kind.startswith("text/"):
                # Mutt gives text as it shows it, with line ends of its own.
                size = digest = "*"
            line("entity", "*", kind, "*", "*", "*", "*", "*", size, digest)


# A question that mutt asks would never be answered.
signal.alarm(50)
for path in sys.argv[1:]:
    read(path)
