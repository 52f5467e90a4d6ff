"""What a queue is after the loss of power, at every system call of a run.

usage: power.py EHLO DIRECTORY

The calls of a run are taken from strace and repeated in a model of the file system that knows what is on
disk: the octets of a file since its last fsync, the names of a directory since its own. At every call, the
queue is laid out as power loss may leave it (old names or new ones, old octets or new ones), and run again.
Nobody who was said to get a message may miss it, and nobody gets it twice in silence.
"""

import itertools
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading

CALLS = 'openat,mkdirat,write,renameat2,unlinkat,ftruncate,fsync,fdatasync,sendto'
BOB, NOBODY, ALICE = 'bob@hamburger.edu', 'nobody@hamburger.edu', 'alice@crepes.fr'
ESCAPES = {'n': 10, 'r': 13, 't': 9, 'v': 11, 'f': 12, '"': 34, '\\': 92}
RUNS = 6

taken = []


class Receiver(socketserver.StreamRequestHandler):
    """Takes mail for all but one, and remembers for whom."""

    def handle(self):
        self.say('220 hi')
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'EHLO':
                self.say('250-hi\r\n250 PIPELINING')
            elif verb == b'RCPT' and b'nobody@' in line:
                self.say('550 5.1.1 no such user')
            elif verb == b'RCPT':
                recipients.append(re.search(rb'<(.*?)>', line).group(1).decode())
                self.say('250 ok')
            elif verb == b'DATA':
                self.say('354 go')
                while self.rfile.readline() != b'.\r\n':
                    pass
                taken.extend(recipients)
                recipients = []
                self.say('250 taken')
            elif verb == b'QUIT':
                return self.say('221 bye')
            else:
                self.say('250 ok')

    def say(self, reply):
        self.wfile.write(reply.encode() + b'\r\n')


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


class File:
    def __init__(self, octets=b''):
        self.now = self.on_disk = octets

    def sync(self):
        self.on_disk = self.now

    def lay_out(self, path, _, octets):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
            file.write(getattr(self, octets))


class Directory:
    def __init__(self, path=None):
        self.now = {}
        for name in os.listdir(path) if path else []:
            inside = os.path.join(path, name)
            self.now[name] = Directory(inside) if os.path.isdir(inside) else File(read(inside))
        self.sync()

    def sync(self):
        self.on_disk = dict(self.now)

    def lay_out(self, path, names, octets):
        os.mkdir(path, 0o700)
        for name, entry in getattr(self, names).items():
            entry.lay_out(os.path.join(path, name), names, octets)


class Model:
    """The queue, as the calls that were made so far leave it."""

    def __init__(self, queue):
        self.queue = queue
        self.is_on_disk = os.path.isdir(queue)
        self.root = Directory(queue if self.is_on_disk else None)
        self.sent, self.is_safe = set(), False

    def at(self, path):
        entry = self.root
        for name in os.path.relpath(path, self.queue).split('/'):
            entry = entry if name == '.' else entry.now[name]
        return entry

    def is_ours(self, path):
        return path is not None and (path + '/').startswith(self.queue + '/')

    def does(self, call, arguments, result):
        """Repeats a call; whether it changed anything."""
        first = re.match(r'(?:AT_FDCWD|\d+)<(.*?)>', arguments)
        path = first.group(1).replace(' (deleted)', '') if first else None
        names = re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)
        if call in ('openat', 'mkdirat'):
            return self.makes(call, os.path.join(path or '/', names[0]), arguments)
        if call in ('fsync', 'fdatasync') and path == os.path.dirname(self.queue):
            self.is_on_disk = True
            return True
        if call in ('write', 'sendto') and not self.is_ours(path):
            return self.tells(arguments, names[0])
        if not self.is_ours(path):
            return False
        entry = self.at(path)
        if call == 'write':
            entry.now += octets(names[0])[:result]
        elif call == 'ftruncate':
            entry.now = entry.now[:int(arguments.rsplit(',', 1)[1])]
        elif call in ('fsync', 'fdatasync'):
            entry.sync()
        elif call == 'unlinkat':
            entry.now.pop(names[0])
        elif call == 'renameat2':
            other = re.findall(r'\d+<(.*?)>', arguments)[1]
            self.at(other).now[names[1]] = entry.now.pop(names[0])
        return True

    def makes(self, call, path, arguments):
        if path == self.queue or not self.is_ours(path):
            return False
        directory, name = self.at(os.path.dirname(path)), os.path.basename(path)
        if call == 'mkdirat':
            directory.now[name] = Directory()
        elif 'O_CREAT' not in arguments or name in directory.now:
            return False
        else:
            directory.now[name] = File()
        return True

    def tells(self, arguments, text):
        if arguments.startswith('1<') and 'queued as' in text:
            self.is_safe = True
            return True
        if not text.endswith('\\r\\n.\\r\\n'):
            return False
        self.sent.add(ALICE if 'MAILER-DAEMON' in text else BOB)
        return True


class World:
    def __init__(self, ehlo, directory):
        self.ehlo, self.directory = ehlo, directory
        self.config = os.path.join(directory, 'config.toml')
        self.queue = os.path.join(directory, 'queue')
        with open(os.open(self.config, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as file:
            file.write('[queue]\nretry = ["1s"]\nhost-down = "1s"\n')
        server = Server(('127.0.0.1', 0), Receiver)
        self.relay = f'127.0.0.1:{server.server_address[1]}'
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def command(self, *words, queue=None):
        return [self.ehlo, *words, '--queue-dir', queue or self.queue, '--config', self.config]

    def message(self):
        way = ['--relay', self.relay, '--tls', 'off', '--helo', 'crepes.fr', '--from', ALICE]
        return self.command('--queue-only', *way, '-s', 'Ketchup', '-b', 'Do you?', BOB, NOBODY)

    def run(self, words):
        environment = {'HOME': '/nonexistent', 'TZ': 'UTC'}
        return subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def loses_power(self, words, is_safe):
        """At every call of this run. Gives how often."""
        model = Model(self.queue)
        model.is_safe = is_safe
        trace = os.path.join(self.directory, 'trace')
        strace = ['strace', '-f', '-y', '-qq', '-s', '99999', '-e', 'signal=none']
        ran = self.run([*strace, '-e', f'trace={CALLS}', '-o', trace, *words])
        assert ran.returncode == 0, ran
        seen = set()
        for line in read(trace).decode('utf-8', 'replace').splitlines():
            call = re.match(r'\d+ +(\w+)\((.*)\) += (\d+)', line)
            if not call:
                continue
            # Between a dot and the next call, it has arrived.
            if model.does(call.group(1), call.group(2), int(call.group(3))):
                self.check(model, line, seen)
        return len(seen)

    def check(self, model, line, seen):
        for names, octets in itertools.product(('on_disk', 'now'), repeat=2):
            left = os.path.join(self.directory, 'left')
            shutil.rmtree(left, ignore_errors=True)
            if model.is_on_disk or names == 'now':
                model.root.lay_out(left, names, octets)
            state = (model.is_safe, frozenset(model.sent), image(left))
            if state not in seen:
                seen.add(state)
                self.goes_on(left, model, f'{names} names, {octets} octets: {line}')

    def goes_on(self, left, model, where):
        before, said = len(taken), ''
        for _ in range(RUNS):
            ran = self.run(self.command('queue', 'run', '--now', queue=left))
            said += ran.stdout + ran.stderr
            if not os.listdir(os.path.join(left, 'items')):
                break
        for name in ('tmp', 'items', 'dead'):
            assert not os.listdir(os.path.join(left, name)), f'{name}: {where}: {said}'
        for who in (BOB, ALICE):
            count = taken[before:].count(who) + (who in model.sent)
            assert count or not model.is_safe, f'{who} gets nothing: {where}: {said}'
            assert count < 2 or 'may arrive twice' in said, f'{who} gets it twice: {where}: {said}'


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def octets(text):
    """What strace has written, as it was."""
    found = re.findall(r'\\(?:([0-7]{1,3})|(.))|(.)', text, re.S)
    return bytes(int(octal, 8) if octal else ESCAPES[escaped] if escaped else ord(plain)
                 for octal, escaped, plain in found)


def image(path):
    """All that is below a directory."""
    return tuple((root, tuple(sorted(inside)), tuple((file, read(os.path.join(root, file))) for file in sorted(files)))
                 for root, inside, files in sorted(os.walk(path)))


def main():
    world = World(*sys.argv[1:])
    calls = world.loses_power(world.message(), False)
    shutil.rmtree(world.queue)
    assert world.run(world.message()).returncode == 0
    calls += world.loses_power(world.command('queue', 'run', '--now'), True)
    assert calls > 40, calls
    print(f'{calls} states')


main()
