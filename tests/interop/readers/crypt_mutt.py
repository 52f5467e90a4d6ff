"""Opens each message with mutt on a terminal of its own.

show FILE...: prints what mutt shows: decrypted, and with what it finds about the signature.
save FILE: prints the message as mutt saves it, decrypted.

GNUPGHOME is the keyring, of gpg and of gpgsm."""

import glob
import os
import pty
import signal
import sys
import tempfile

CONFIG = """
set charset=utf-8 mbox_type=Maildir header_cache="" wait_key=no quit=yes move=no delete=no confirmcreate=no confirmappend=no
set pager="%s/pager" prompt_after=no crypt_use_gpgme=yes folder=%s record="" crypt_verify_sig=yes
ignore *
unignore subject
"""

def mutt(root, keys):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="vt100", LINES="50", COLUMNS="120", HOME=root)
        os.execvp("mutt", ["mutt", "-n", "-F", f"{root}/muttrc", "-R", "-f", f"{root}/Maildir", "-e", f'push "{keys}"'])
    screen = b""
    while True:
        try:
            block = os.read(terminal, 65536)
        except OSError:
            block = b""
        if not block:
            break
        screen += block
    os.waitpid(pid, 0)
    return screen

def open_with(root, path, keys):
    for name in ("Maildir/cur", "Maildir/new", "Maildir/tmp"):
        os.makedirs(f"{root}/{name}")
    with open(path, "rb") as file:
        content = file.read()
    with open(f"{root}/muttrc", "w", encoding="ascii") as file:
        file.write(CONFIG % (root, root))
    with open(f"{root}/pager", "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\nexec cat "$1" >{root}/out\n')
    os.chmod(f"{root}/pager", 0o755)
    with open(f"{root}/Maildir/cur/1.test:2,S", "wb") as file:
        file.write(content.replace(b"\r\n", b"\n"))
    return mutt(root, keys)

def show(path):
    sys.stdout.write(f"message\t{path}\n")
    with tempfile.TemporaryDirectory() as root:
        screen = open_with(root, path, "<display-message><quit>")
        if not os.path.exists(f"{root}/out"):
            sys.exit(f"mutt passed nothing on: {screen[-2000:]!r}")
        with open(f"{root}/out", encoding="utf-8", errors="replace") as file:
            sys.stdout.write(file.read() + "\n")

def save(path):
    with tempfile.TemporaryDirectory() as root:
        screen = open_with(root, path, "<decrypt-copy>=saved<enter><quit>")
        saved = glob.glob(f"{root}/saved/*/*")
        if len(saved) != 1:
            sys.exit(f"mutt saved {saved}: {screen[-2000:]!r}")
        with open(saved[0], "rb") as file:
            sys.stdout.buffer.write(file.read())

# A question that mutt asks would never be answered.
signal.alarm(100)
action = {"show": show, "save": save}[sys.argv[1]]
for name in sys.argv[2:]:
    action(name)
