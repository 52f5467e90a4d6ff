#!/usr/bin/env python3
"""Measures how many messages a second are queued and delivered, by a database and by a spool, with fsync.

    stores.py EHLO [--old EHLO] [--messages N] [--rounds N] [--directory DIR] [--only WHAT]

EHLO is an optimised build with the feature postgres; --old names another one, whose spool is measured in turn with that
of EHLO. DIR must be on a disk, for the database and the spools. WHAT is database, spool or comparison. Needs PostgreSQL
15, smtp-sink and smtp-source.

    1 process, mbox   one ehlo queues all messages of an mbox
    N processes       N ehlo at a time queue one message each
    N workers         N `ehlo queue run` deliver what is queued to smtp-sink
    N clients         N clients of the submission socket queue messages, while a worker delivers them
    comparison        the statements of a queue without mail, by pgbench: an insert, and a claim, two records and a
                      removal; in turn with N clients of the submission socket, and N threads of workers after them
"""
import argparse
import os
import pathlib
import pwd
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

PROGRAMS = "/usr/lib/postgresql/15/bin/"
ADDRESS = "127.0.0.1:27251"
BODY = "x" * 70 + "\n"
MESSAGE = "From: alice@example.org\nTo: bob@example.org\nSubject: rate\n\n" + BODY * 14

PROTOTYPE = """
create schema prototype;
create table item(id text primary key, letter text not null, due timestamptz not null default now(), lease timestamptz,
  epoch int not null default 0);
create index on item(due);
create table body(id text references item on delete cascade, part int, octets bytea not null, primary key(id, part));
create table note(id text references item on delete cascade, seq int generated always as identity, entry text not null,
  primary key(id, seq));
create sequence ids;
"""
IN_PROTOTYPE = {**os.environ, "PGOPTIONS": "-c search_path=prototype"}
ADD = """
with i as (insert into item(id, letter) select nextval('ids')::text, repeat('x', 400) returning id)
insert into body select id, 0, convert_to(repeat('x', 1100), 'UTF8') from i;
"""
DELIVER = """
with c as (select id from item where due <= now() and (lease is null or lease < now()) order by due limit 1
  for update skip locked)
update item i set lease = now() + interval '60 s', epoch = epoch + 1 from c where i.id = c.id
  returning i.id as id, i.epoch as epoch \\gset
insert into note(id, entry) select id, 'attempt' from item where id = :id and epoch = :epoch for update;
insert into note(id, entry) select id, 'dot' from item where id = :id and epoch = :epoch for update;
delete from item where id = :id and epoch = :epoch;
"""


class Database:
    """A PostgreSQL server with its own directory."""

    def __init__(self, directory):
        self.directory = directory
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            os.chown(directory, pwd.getpwnam("postgres").pw_uid, -1)
        self.call("initdb", "--auth=trust", "--username=ehlo", "--encoding=UTF8", "--locale=C", "-D", self.data())
        options = f"-k {directory} -c listen_addresses= -c fsync=on -c max_connections=200"
        self.call("pg_ctl", "-w", "-D", self.data(), "-l", f"{directory}/log", "-o", options, "start")
        self.process = pathlib.Path(f"{self.data()}/postmaster.pid").read_text().split()[0]
        self.url = f"postgres://ehlo@/postgres?host={directory}"

    def data(self):
        return f"{self.directory}/data"

    def call(self, program, *arguments, **options):
        command = [*self.user, PROGRAMS + program, *arguments]
        return subprocess.run(command, check=True, cwd="/", stdout=subprocess.PIPE, text=True, **options).stdout

    def client(self, program, *arguments, **options):
        return self.call(program, *arguments, "-h", self.directory, "-U", "ehlo", "postgres", **options)

    def stop(self):
        self.call("pg_ctl", "-D", self.data(), "-m", "fast", "stop")


class Queue:
    """A queue of one program at one location."""

    def __init__(self, ehlo, location, directory, database=None):
        self.ehlo, self.location, self.database = os.path.abspath(ehlo), location, database
        self.config = f"{directory}/config.toml"
        self.configure("per-host = 16")
        self.socket = f"{directory}/submit.sock"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": directory, "EHLO_CONFIG": self.config}

    def configure(self, keys):
        text = f'default = "out"\n[queue]\n{keys}\n[profile.out]\nrelay = "{ADDRESS}"\ntls = "off"\n'
        if self.database:
            text += '[submit]\nmessages = 1000000\nbytes = "10G"\nconnections = 100\n'
        pathlib.Path(self.config).write_text(text)

    def run(self, *arguments, background=False, **options):
        command = [self.ehlo, *arguments, "--queue-dir", self.location]
        options |= {"env": self.environment, "stdout": subprocess.DEVNULL}
        return subprocess.Popen(command, **options) if background else subprocess.run(command, check=True, **options)

    def send(self, *arguments):
        self.run("--queue-only", "-q", "--relay", ADDRESS, "--tls", "off", *arguments, "bob@example.org")

    def one_process(self, messages):
        with tempfile.NamedTemporaryFile("w") as mbox:
            mbox.write(("From alice@example.org Thu Jan  1 00:00:00 2026\n" + MESSAGE + "\n") * messages)
            mbox.flush()
            self.send("--mbox", mbox.name)

    def processes(self, messages, count):
        with tempfile.NamedTemporaryFile("w") as file, ThreadPoolExecutor(count) as threads:
            file.write(MESSAGE)
            file.flush()
            list(threads.map(lambda _: self.send("--message", file.name), range(messages)))

    def workers(self, count):
        """Only one process runs a spool at a time."""
        if not self.database:
            self.run("queue", "run")
            return
        workers = [self.run("queue", "run", "--watch", background=True) for _ in range(count)]
        self.wait_until_empty()
        for worker in workers:
            worker.terminate()
            assert worker.wait() == 0

    def wait_until_empty(self):
        wait = "do $$ begin while exists(select from ehlo.item) loop perform pg_sleep(0.02); commit; end loop; end $$"
        self.database.client("psql", "-X", "-q", "-c", wait)

    def clients(self, messages, count):
        arguments = ["-n", str(messages), "-c", str(count), "--per-connection", "10", "-f", "alice@example.org", "-q"]
        command = [self.ehlo, "bench", self.socket, *arguments]
        subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL)
        self.wait_until_empty()

    def measure_clients(self, name, messages, counts):
        server = self.run("queue", "serve", "--socket", self.socket, background=True)
        worker = self.run("queue", "run", "--watch", background=True)
        while not os.path.exists(self.socket):
            time.sleep(0.1)
        for count in counts:
            rate(f"{name}: {count} clients", messages, lambda: self.clients(messages, count), with_processor_time=False)
        for process in (server, worker):
            process.terminate()
            process.wait()


def processor_time(database):
    """Of all processes that have ended, and of the server processes that have served them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = used.ru_utime + used.ru_stime
    if database:
        status = pathlib.Path(f"/proc/{database.process}/stat").read_text().rpartition(")")[2].split()
        used += sum(map(int, status[13:15])) / os.sysconf("SC_CLK_TCK")
    return used


def rate(name, messages, work, database=None, with_processor_time=True):
    used, begun = processor_time(database), time.monotonic()
    work()
    wall, used = time.monotonic() - begun, processor_time(database) - used
    line = f"{name:28} {messages / wall:8.0f}/s"
    if with_processor_time:
        line += f" {used / messages * 1e3:8.2f} ms of CPU a message"
    print(line, flush=True)


def measure(name, queue, messages, counts):
    database = queue.database
    if database:
        rate(f"{name}: 1 process, mbox", messages, lambda: queue.one_process(messages), database)
        queue.workers(1)
    for count in counts:
        rate(f"{name}: {count} processes", messages, lambda: queue.processes(messages, count), database)
        rate(f"{name}: {count} workers", messages, lambda: queue.workers(count), database)
    if database:
        queue.measure_clients(name, messages, (1, 4, 16))


def compare(database, queue, messages, rounds):
    """The rates of the prototype and of the queue, in turn."""
    database.client("psql", "-X", "-q", input=PROTOTYPE, env=IN_PROTOTYPE)
    # Without a worker, the service of the socket would start one.
    worker = "insert into ehlo.worker values (1, 'watch', 'bench:1', now(), now() + interval '1 day')"
    database.client("psql", "-X", "-q", input=worker)
    rates = {}
    for _ in range(rounds):
        for count in (1, 4, 16):
            queue.configure(f"per-host = {count}\nconnections = {min(count, 4)}")
            for name, script, work in [
                ("add", ADD, lambda: submit(queue, messages, count)),
                ("deliver", DELIVER, lambda: queue.workers(max(count // 4, 1))),
            ]:
                database.client("psql", "-X", "-q", input="vacuum analyze; checkpoint")
                one = transactions(database, script, messages, count)
                database.client("psql", "-X", "-q", input="vacuum analyze; checkpoint")
                begun = time.monotonic()
                took = work()
                other = messages / (took or time.monotonic() - begun)
                rates.setdefault((name, count), []).append((one, other))
                load = os.getloadavg()[0]
                print(f"{name}, {count} clients: prototype {one:.0f}/s, queue {other:.0f}/s (load {load:.1f})", flush=True)
    for (name, count), pairs in rates.items():
        one, other = (statistics.median(side) for side in zip(*pairs))
        print(f"median of {name}, {count} clients: prototype {one:.0f}/s, queue {other:.0f}/s, {one / other:.2f} times")


def transactions(database, script, number, clients):
    arguments = ["-n", "-M", "extended", "-c", str(clients), "-t", str(number // clients), "-f", "-"]
    shown = database.client("pgbench", *arguments, input=script, env=IN_PROTOTYPE)
    return float(next(line.split()[2] for line in shown.splitlines() if line.startswith("tps")))


def submit(queue, messages, clients):
    """Passes messages to the submission socket. Returns the time."""
    server = queue.run("queue", "serve", "--socket", queue.socket, background=True)
    while not os.path.exists(queue.socket):
        time.sleep(0.1)
    # The time after which a configuration that has changed is read only once.
    time.sleep(2)
    arguments = ["-d", "-s", str(clients), "-m", str(messages), "-l", "1100", "-f", "alice@example.org"]
    begun = time.monotonic()
    subprocess.run(["smtp-source", *arguments, "-t", "bob@example.org", f"unix:{queue.socket}"], check=True)
    took = time.monotonic() - begun
    server.terminate()
    server.wait()
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ehlo")
    parser.add_argument("--old")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", default="/var/tmp")
    parser.add_argument("--only")
    given = parser.parse_args()
    sink = subprocess.Popen(["smtp-sink", "-u", "nobody", ADDRESS, "4096"], cwd="/")
    directory = tempfile.mkdtemp(dir=given.directory)
    os.chmod(directory, 0o755)
    try:
        if given.only != "spool":
            os.mkdir(f"{directory}/database")
            database = Database(f"{directory}/database")
            try:
                queue = Queue(given.ehlo, database.url, directory, database)
                queue.run("queue", "database", "init")
                if given.only != "comparison":
                    measure("database", queue, given.messages, (1, 4, 8))
                if given.only != "database":
                    compare(database, queue, given.messages, given.rounds)
            finally:
                database.stop()
        if given.only in (None, "spool"):
            for round in range(given.rounds):
                for name, ehlo in [("spool", given.ehlo), ("old spool", given.old)]:
                    if ehlo:
                        queue = Queue(ehlo, f"{directory}/{name}", directory)
                        measure(name, queue, given.messages, (1, 4))
    finally:
        sink.terminate()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
