#!/usr/bin/env python3
"""Round trips for a message over a connection with a delay of 50 ms in each direction.

    round_trips.py EHLO [MESSAGES]

The delay is made by a proxy in front of `ehlo sink`. A merge, several messages and a load are sent over one connection.
"""
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

DELAY = 0.05


async def forward(reader, writer):
    """Passes on what arrives, each part after the delay."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def write():
        while True:
            at, data = await queue.get()
            await asyncio.sleep(max(0, at - loop.time()))
            if not data:
                return writer.close()
            writer.write(data)

    writing = asyncio.create_task(write())
    data = b"x"
    while data:
        try:
            data = await reader.read(65536)
        except ConnectionError:
            data = b""
        queue.put_nowait((loop.time() + DELAY, data))
    await writing


async def serve(port, started):
    async def connected(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(forward(reader, back), forward(there, writer), return_exceptions=True)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    started.append(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main(ehlo, messages=100):
    ehlo, messages = os.path.abspath(ehlo), int(messages)
    os.chdir(tempfile.mkdtemp())
    with open("list.csv", "w") as out:
        out.write("email\n" + "".join(f"user{n}@example.com\n" for n in range(messages)))
    with open("letter.txt", "w") as out:
        out.write("TO: {{email}}\nFROM: a@example.com\nSUBJECT: Hello\n\nHi\n")
    with open("box", "w") as out:
        for n in range(messages):
            out.write(f"From a@example.com Tue Dec  1 08:00:00 2026\nFrom: a@example.com\nTo: b{n}@example.com\n\nHi\n\n")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    sink = subprocess.Popen([ehlo, "sink", "--listen", "127.0.0.1:0"], text=True, **quiet)
    port = int(re.search(r"127\.0\.0\.1:(\d+)", sink.stderr.readline()).group(1))
    started = []
    threading.Thread(target=lambda: asyncio.run(serve(port, started)), daemon=True).start()
    while not started:
        time.sleep(0.01)
    relay = f"127.0.0.1:{started[0]}"
    merge = ["merge", "list.csv", "--template", "letter.txt", "-r", relay, "--connections", "1", "--journal"]
    for name, words in [
        ("merge", [*merge, "one"]),
        ("merge, eager", [*merge, "two", "--pipelining", "eager"]),
        ("--mbox", ["--mbox", "box", "-q", "-r", relay]),
        ("--mbox, eager", ["--mbox", "box", "-q", "-r", relay, "--pipelining", "eager"]),
        ("bench", ["bench", relay, "-n", str(messages), "-c", "1", "--per-connection", "0", "-q"]),
    ]:
        began = time.monotonic()
        subprocess.run([ehlo, *words], check=True, stdout=subprocess.DEVNULL)
        trips = (time.monotonic() - began) / (2 * DELAY)
        print(f"{name:14} {trips / messages:5.2f} round trips a message", flush=True)
    sink.terminate()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
