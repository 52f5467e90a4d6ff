"""Opens each message with mutt on a terminal of its own, and prints what mutt shows: decrypted, and with what it
finds about the signature.

GNUPGHOME is the keyring; the current directory has the keys for S/MIME."""

import os
import pty
import signal
import sys
import tempfile

CONFIG = """
set charset=utf-8 mbox_type=Maildir header_cache="" wait_key=no quit=yes move=no delete=no
set pager="%s/pager" prompt_after=no crypt_use_gpgme=%s folder=/tmp record="" crypt_verify_sig=yes
set smime_verify_command="openssl cms -verify -inform DER -in %%s -content %%f -CAfile %s/ca.crt -out /dev/null"
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

def read(path):
    sys.stdout.write(f"message\t{path}\n")
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as root:
        for name in ("Maildir/cur", "Maildir/new", "Maildir/tmp"):
            os.makedirs(f"{root}/{name}")
        with open(path, "rb") as file:
            content = file.read()
        is_smime = b"pkcs7" in content
        with open(f"{root}/muttrc", "w", encoding="ascii") as file:
            file.write(CONFIG % (root, "no" if is_smime else "yes", here))
        with open(f"{root}/pager", "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec cat "$1" >{root}/out\n')
        os.chmod(f"{root}/pager", 0o755)
        with open(f"{root}/Maildir/cur/1.test:2,S", "wb") as file:
            file.write(content.replace(b"\r\n", b"\n"))

        screen = mutt(root, f"<display-message><quit>")
        if not os.path.exists(f"{root}/out"):
            sys.exit(f"mutt passed nothing on: {screen[-2000:]!r}")
        with open(f"{root}/out", encoding="utf-8", errors="replace") as file:
            sys.stdout.write(file.read() + "\n")

# A question that mutt asks would never be answered.
signal.alarm(100)
for path in sys.argv[1:]:
    read(path)
