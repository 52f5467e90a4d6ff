#!/usr/bin/env python3
"""Kills `ehlo merge` at random places and continues it, until every row has a result.

    merge_kills.py EHLO [ROWS] [KILLS] [SEED]

The receiver is `ehlo sink --json`. Each row must have arrived once, or be reported as uncertain and have arrived at most
once. A part of the kills hits the check of the rows before the first message, the others the messages.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 4

# Octets of the journal for a row: the end of data and its reply.
RECORDS = 300


def start_sink(ehlo, events):
    sink = subprocess.Popen(
        [ehlo, "sink", "--listen", "127.0.0.1:0", "--json"], stdout=events, stderr=subprocess.PIPE, text=True
    )
    port = re.search(r"127\.0\.0\.1:(\d+)", sink.stderr.readline()).group(1)
    return sink, f"127.0.0.1:{port}"


def length(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def kill_somewhere(run, journal, more, is_early):
    """Kills the run after this number of octets of the journal, or early after a random time."""
    until = length(journal) + more
    deadline = time.monotonic() + (random.uniform(0, 1.5) if is_early else 600)
    while length(journal) < until and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.0005)
    ended = run.poll()
    run.kill()
    run.wait()
    return ended


def main(ehlo, rows=100000, kills=500, seed=1):
    rows, kills = int(rows), int(kills)
    random.seed(int(seed))
    os.chdir(tempfile.mkdtemp())
    with open("list.csv", "w") as out:
        out.write("email,name\n")
        out.writelines(f"user{n}@x{n % 50}.example.org,Name {n}\n" for n in range(rows))
    with open("letter.txt", "w") as out:
        out.write("TO: {{name}} <{{email}}>\nFROM: Alice <a@example.com>\nSUBJECT: Hello {{name}}\n\nHi {{name}}\n")
    journal = "list.csv.merge"
    events = open("events", "w")
    sink, relay = start_sink(ehlo, events)
    command = [ehlo, "merge", "list.csv", "--template", "letter.txt", "-r", relay, "--connections", str(CONNECTIONS)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    began = time.monotonic()
    for kill in range(kills):
        run = subprocess.Popen(command, **quiet)
        is_early = random.random() < 0.3
        ended = kill_somewhere(run, journal, random.randrange(2 * rows * RECORDS // kills), is_early)
        if ended is not None:
            print(f"ended by itself with {ended} before kill {kill + 1}", flush=True)
            break
        if kill % 25 == 24:
            print(f"{kill + 1} kills, journal of {length(journal)} octets, {time.monotonic() - began:.0f} s", flush=True)
    last = subprocess.run(command, capture_output=True, text=True)
    print(last.stdout.strip())
    status = subprocess.run([ehlo, "merge", "status", "--json", journal], capture_output=True, text=True, check=True)
    status = json.loads(status.stdout)
    sink.terminate()
    sink.wait()
    arrived = collections.Counter()
    for line in open("events"):
        event = json.loads(line)
        if event["event"] == "message":
            arrived.update(one["address"] for one in event["recipients"])
    uncertain = {row["id"] for row in status.pop("uncertain_rows")}
    print(status)
    wrong = []
    for n in range(rows):
        row = f"user{n}@x{n % 50}.example.org"
        count = arrived[row]
        if count > 1 or count == 0 and row not in uncertain:
            wrong.append((row, count))
    came = sum(arrived[row] for row in uncertain)
    print(f"{sum(arrived.values())} messages; {len(uncertain)} rows uncertain, {came} of them had arrived")
    print(f"{len(wrong)} rows lost or doubled: {wrong[:10]}")
    return 1 if wrong or last.returncode not in (0, 79) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
