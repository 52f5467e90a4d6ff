#!/usr/bin/env python3
"""Measures `ehlo bench`; needs smtp-sink and smtp-source, and for `capture` tcpdump and root.

    load.py rate EHLO [MESSAGES]     messages a second and CPU for each, beside smtp-source in the same run
    load.py memory EHLO              peak memory by connections and by messages
    load.py capture EHLO             percentiles beside those of a packet capture
"""
import json
import math
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time

PORT = 27250
ADDRESS = f"127.0.0.1:{PORT}"


def start(command):
    """A server, as soon as it listens."""
    server = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return server


def smtp_sink():
    return start(["smtp-sink", "-u", "nobody", ADDRESS, "4096"])


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rate(ehlo, messages=10000):
    server = smtp_sink()
    kept = ["-n", str(messages), "-c", "20", "--per-connection", "0", "-q"]
    source = ["-s", "20", "-d", "-l", "1024", "-m", str(messages), "-f", "a@example.com", "-t", "b@example.com"]
    tools = {"smtp-source": ["smtp-source", *source, ADDRESS], "ehlo bench": [ehlo, "bench", ADDRESS, *kept]}
    results = {name: [] for name in tools}
    for _ in range(7):
        for name, command in tools.items():
            used, began = processor_time(), time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            results[name].append((time.monotonic() - began, processor_time() - used))
    server.terminate()
    for name, runs in results.items():
        wall, used = (statistics.median(column) for column in zip(*runs))
        print(f"{name:12} {messages / wall:9.0f}/s {used * 1e6 / messages:7.1f} us of CPU a message")


def memory(ehlo):
    server = smtp_sink()
    for connections, messages in [(20, 20000), (20, 200000), (1000, 20000)]:
        options = ["-n", str(messages), "-c", str(connections), "--per-connection", "0", "-q"]
        child = subprocess.Popen([ehlo, "bench", ADDRESS, *options], stdout=subprocess.DEVNULL)
        _, _, used = os.wait4(child.pid, 0)
        print(f"{connections:5} connections {messages:7} messages {used.ru_maxrss / 1024:6.1f} MiB")
    server.terminate()


def packets(path):
    """Time, source port, destination port and payload of each TCP packet on lo."""
    data = open(path, "rb").read()
    fraction = 1e9 if struct.unpack("<I", data[:4])[0] == 0xA1B23C4D else 1e6
    at = 24
    while at < len(data):
        seconds, part, captured, _ = struct.unpack("<IIII", data[at : at + 16])
        ip = data[at + 16 + 14 : at + 16 + captured]
        at += 16 + captured
        header = (ip[0] & 15) * 4
        tcp = ip[header:]
        source, destination = struct.unpack(">HH", tcp[:4])
        payload = tcp[(tcp[12] >> 4) * 4 : struct.unpack(">H", ip[2:4])[0] - header]
        if payload:
            yield seconds + part / fraction, source, destination, payload


def captured_times(path):
    times = {"mail": [], "dot": [], "message": []}
    flows = {}
    for now, source, destination, payload in packets(path):
        if destination == PORT:
            flow = flows.setdefault(source, {})
            flow["step"] = {b"MAIL": "mail", b"Mess": "dot"}.get(payload[:4])
            flow[flow["step"]] = now
        elif step := flows.get(destination, {}).pop("step", None):
            flow = flows[destination]
            times[step].append(now - flow[step])
            if step == "dot":
                times["message"].append(now - flow["mail"])
    return times


def capture(ehlo):
    server = start([ehlo, "sink", "--listen", ADDRESS, "--delay", "dot=10ms", "--delay", "mail=3ms"])
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/capture"
        tcpdump = start(["tcpdump", "-i", "lo", "-s", "200", "-B", "8192", "-w", path, f"port {PORT}"])
        options = ["-n", "1000", "-c", "4", "--per-connection", "0", "--chunking", "off", "--json"]
        run = subprocess.run([ehlo, "bench", ADDRESS, *options], check=True, stdout=subprocess.PIPE)
        time.sleep(1)
        tcpdump.terminate()
        tcpdump.wait()
        times = captured_times(path)
    server.terminate()
    steps = json.loads(run.stdout.splitlines()[-1])["steps"]
    for step, measured in times.items():
        measured.sort()
        for percentile in (50, 90, 99):
            own = steps[step][f"p{percentile}_ms"]
            other = measured[math.ceil(percentile / 100 * len(measured)) - 1] * 1e3
            print(f"{step:8} p{percentile} capture {other:8.3f} ms, bench {own:8.3f} ms, {(own / other - 1) * 100:+.2f} %")


if __name__ == "__main__":
    what = {"rate": rate, "memory": memory, "capture": capture}.get(sys.argv[1] if len(sys.argv) > 2 else "")
    if not what:
        sys.exit(__doc__)
    what(os.path.abspath(sys.argv[2]), *map(int, sys.argv[3:]))
