#!/usr/bin/env python3
"""Measures the time that a sender waits for replies beyond the time that the server needs.

The server writes every line of a reply by itself, with Nagle's algorithm on, and over TLS 1.3 sends two session
tickets first, as Postfix and others do. A client that delays its acknowledgements then waits 40 ms at EHLO and
again at the final dot. Each sender delivers one small message per run, in turn with the others.

    cargo build --release
    tests/bench/reply_latency.py [--runs 30] [--ehlo target/release/ehlo]

Prints, for each sender and mode, the median time of a run, the median times from the last octet of EHLO and of the
final dot to the moment at which the system has sent the last octet of the reply, and the ratio of the run to that of
ehlo. curl and swaks are measured if they are installed. Linux only.
"""

import argparse
import fcntl
import os
import shutil
import socket
import ssl
import statistics
import struct
import subprocess
import tempfile
import threading
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIOCOUTQNSD = 0x894B
MESSAGE = "From: alice@example.org\nTo: bob@example.org\nSubject: latency\n\nOne line.\n"


class Server:
    """Serves one session at a time on a port of its own, and records how long each step took."""

    def __init__(self, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.steps = {}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
                self.session(connection)
            except OSError:
                pass

    def session(self, connection):
        with connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            file = connection.makefile("rb")
            self.reply(connection, ["220 latency.example ESMTP"])
            in_message = False
            for line in iter(file.readline, b""):
                verb = line[:4].upper()
                if in_message and line != b".\r\n":
                    continue
                if in_message:
                    in_message = False
                    self.reply(connection, ["250-2.0.0 kept", "250 2.0.0 as 1"], "dot")
                elif verb == b"EHLO":
                    offers = ["250-latency.example", "250-PIPELINING", "250-8BITMIME", "250 SIZE 1000000"]
                    self.reply(connection, offers, "ehlo")
                elif verb == b"DATA":
                    in_message = True
                    self.reply(connection, ["354 go on"])
                elif verb == b"QUIT":
                    self.reply(connection, ["221 2.0.0 bye"])
                    return
                else:
                    self.reply(connection, ["250 2.0.0 ok"])

    def reply(self, connection, lines, step=None):
        begun = time.perf_counter()
        for line in lines:
            connection.sendall(line.encode() + b"\r\n")
        if step:
            while unsent(connection):
                time.sleep(0.0001)
            self.steps.setdefault(step, []).append(time.perf_counter() - begun)


def unsent(connection):
    """Octets that the system holds back until the client acknowledges earlier ones."""
    (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), SIOCOUTQNSD, b"\0" * 4))
    return count


def certificate(directory):
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, stderr=subprocess.DEVNULL)
    return key, cert


def senders(arguments, message, cert):
    """Command lines by name: a function of the mode and the port."""

    def ehlo(mode, port):
        tls = ["--tls", "implicit", "--ca-file", cert] if mode == "tls" else ["--tls", "off"]
        return [arguments.ehlo, "-q", "--helo", "me.example", "-r", f"localhost:{port}", *tls,
                "--message", message, "bob@example.org"]

    def curl(mode, port):
        scheme = "smtps" if mode == "tls" else "smtp"
        return ["curl", "-s", "--cacert", cert, f"{scheme}://localhost:{port}/me.example", "--mail-from",
                "alice@example.org", "--mail-rcpt", "bob@example.org", "-T", message]

    def swaks(mode, port):
        tls = ["--tls-on-connect", "--tls-ca-path", cert] if mode == "tls" else []
        return ["swaks", "--hide-all", "--helo", "me.example", "-s", f"localhost:{port}", *tls, "-f", "alice@example.org",
                "-t", "bob@example.org", "-d", "@" + message]

    found = {"ehlo": ehlo}
    for name, sender in (("curl", curl), ("swaks", swaks)):
        if shutil.which(name):
            found[name] = sender
        else:
            print(f"{name} is not installed and is left out")
    return found


def measure(arguments):
    with tempfile.TemporaryDirectory() as directory:
        key, cert = certificate(directory)
        message = os.path.join(directory, "message.eml")
        with open(message, "w", encoding="ascii") as file:
            file.write(MESSAGE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.num_tickets = 2
        print(f"{'mode':6} {'sender':6} {'run ms':>8} {'EHLO ms':>8} {'dot ms':>8} {'ratio':>6}")
        for mode in ("clear", "tls"):
            table(arguments, mode, senders(arguments, message, cert), context if mode == "tls" else None)


def table(arguments, mode, commands, context):
    servers = {name: Server(context) for name in commands}
    runs = {name: [] for name in commands}
    for _ in range(arguments.runs):
        for name, command in commands.items():
            line = command(mode, servers[name].port)
            begun = time.perf_counter()
            subprocess.run(line, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            runs[name].append(time.perf_counter() - begun)
    median = {name: statistics.median(times) for name, times in runs.items()}
    for name in commands:
        steps = servers[name].steps
        ehlo, dot = (1000 * statistics.median(steps.get(step, [0])) for step in ("ehlo", "dot"))
        ratio = median[name] / median["ehlo"]
        print(f"{mode:6} {name:6} {1000 * median[name]:8.1f} {ehlo:8.2f} {dot:8.2f} {ratio:6.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--ehlo", default=os.path.join(REPO, "target", "release", "ehlo"))
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
