//! ehlo-queue(1): the text besides the options.

use crate::page::{as_typed, owned, rows, section, subcommands, synopsis_lines, table, titled};
use clap_mangen::roff::roman;
use ehlo::system::exit::Health;

const SYNOPSIS: [(&str, &str); 3] = [
    ("ehlo queue", " COMMAND [OPTIONS] [ID]..."),
    ("ehlo", " --queue|--queue-only [OPTIONS] [RECIPIENT]..."),
    ("ehlo mailq", ""),
];

const DESCRIPTION: [&str; 5] = [
    "\
Messages enter the queue through --queue, which tries to deliver at once and keeps what cannot be delivered yet;
through --queue-only, which makes no attempt; or through sendmail (see ehlo-sendmail(1)). A message leaves the queue
once every recipient has a final result.",
    "\
A message is reported as queued only after all of it, including its recipients, has been written to disk. Each
attempt is recorded before the connection is opened, the end of the message before it is sent, and the result before
QUIT. A crash or a power failure therefore loses nothing. If the connection is lost after the end of the message but
before the reply, the outcome is recorded as unknown, and the recipient is marked uncertain. Depending on
--on-uncertain, the message is then sent again with the same Message-ID and an X-Possible-Duplicate header field, or
held.",
    "\
Temporary failures are retried after 15 minutes, 30 minutes, 1 hour, 2 hours, and then every 3 hours, with up to 10 %
random delay to spread the load. A host that was down is not tried again for 5 minutes. After 5 days, delivery to the
remaining recipients is abandoned. Only time in which delivery was attempted counts, so a clock jump or a suspended
host does not expire messages.",
    "\
Recipients that were permanently refused or abandoned are reported to the sender in a delivery report (RFC 3464),
which takes the same route as the message. For a message without a sender, no report is sent, and the message is set
aside. A message that cannot be read, or for which three attempts in a row ended in a crash, is reported and set
aside. ehlo queue list shows the items that were set aside, and ehlo queue requeue puts them back into the queue.",
    "\
The route is determined anew for each attempt, from the current contents of the named profile and the route, session,
TLS and authentication options of the original command line. Passwords are never queued, and a queue run ignores
passwords that are not tied to a user: EHLO_PASSWORD applies only to the message that it is given with. File names
are stored as absolute paths. A shell command that names a file relative to the current directory, such as ./getpw or
cat password.txt, is run in that directory later as well.",
];

const RUNNERS: &str = "\
There is no daemon. Either cron or a timer starts ehlo queue run every few minutes, or ehlo queue run --watch keeps
running, in a container or under systemd. The commands cron and systemd print the necessary entries. On TERM, INT or
HUP, a run stops: sessions that have not sent the whole message are disconnected, which does not count as an attempt;
in all others, ehlo waits for the reply, which can take up to ten minutes. A second signal terminates the run
immediately. Several runs can work on the queue at the same time. Sending a message with --queue also delivers queued
messages that are due for the same host.";

const HOST: [&str; 4] = [
    "\
A user's cron mail must not wait in a queue that nobody runs, and a web server must not be able to read the password of
the relay. For such hosts, ehlo queue serve accepts messages of all users on a unix socket, /run/ehlo/submit.sock, with
the rights of a system user, who owns the queue and the password file. Nothing is set-user-ID. sendmail, run, notify,
digest, unit, --queue and --queue-only pass their messages to the socket if it exists and belongs to root or to the owner
of its directory; exit status 0 then means that the message is on the disk of that queue. A message with a route,
profile, configuration or queue directory of its own on the command line, or of a user with a configuration file in the
home directory, is not passed to the socket; nor is a message of the owner of the queue.",
    "\
The user of a client is known by the credentials of the socket (SO_PEERCRED). Users may send from their login name at a
name of this host or at domain in [sendmail], with or without a detail (bob+lists), and from the null sender. [senders]
allows more. The From field is not checked, because cron writes root for all users; but the service signs (DKIM) only
messages whose authors are in the domain of the envelope sender. A message has a Received field with the user ID. Aliases, [rewrite] and the profile are those of the
service. Each user has limits, in [submit]; root has none. A message beyond a limit is not lost: like one for which the
service does not answer, it is kept in the user's personal queue, whose next run passes it to the socket. If the
connection is lost after the end of the message, the outcome is reported as unknown, and the message is not kept.",
    "\
ehlo queue systemd --submit prints the units: a socket, for which systemd starts one process per connection, so that
nothing runs in between; a service and a timer for the queue; and those that run the personal queues of all users, each
with the rights of its user. In containers and under other init systems, run ehlo queue serve, which listens until it
is stopped, and ehlo queue run --watch as that user; /run/ehlo must belong to the user, with mode 0755. At SIGTERM, SIGINT or
SIGHUP, ehlo queue serve accepts nothing more, waits up to five seconds for messages that have begun, removes the socket and
exits with status 0; a second signal ends it at once. As root, the other commands work on the queue with the rights of its
owner.",
    "\
EHLO_SUBMIT_SOCKET names another socket; if it is set but empty, none is used.",
];

const SHARED: [&str; 8] = [
    "\
Several hosts, such as containers without a disk of their own, share a queue in a PostgreSQL database (version 12 or
later): dir in [queue], or --queue-dir, is then a URL, postgres://USER@HOST:PORT/DATABASE. ehlo must have been built with
the feature postgres, as the Debian packages are. ehlo queue database init creates the tables, and needs the right to create
a schema; all other commands need the rights to read and change the rows of these tables. All commands of ehlo queue,
sendmail and the submission socket work as with a directory. A message is reported as queued when the database has
confirmed the commit, with its log on disk, whatever synchronous_commit is set to. If the connection is lost during the
commit, ehlo connects again to find out if it was successful.",
    "\
Any number of hosts run ehlo queue run --watch. They are notified of new messages; through a pooler that does not pass
notifications on, such as PgBouncer in transaction mode, they find them within five seconds. Each worker reserves up to 100
due messages at a time. per-host limits the connections of all workers to a host, connections those of each worker; a worker
that may not connect leaves its messages to the others. A message belongs to its worker as long as the worker renews its
lease. Before the end of a message is sent, the database must confirm that the lease still exists: a worker that was stopped
or cut off for longer than its lease does not send it, and another worker delivers the message. Times are those of the
database: the clock of a host neither ends a lease nor makes a message due.",
    "\
A process that queues one message logs in to the database for it, which takes longer than the commit. Hosts that queue many
messages do so by the submission socket, whose service keeps its connections and commits messages of several clients together,
or through a pooler. The service keeps the counts for the limits of [submit] and unfinished messages in the queue directory
that its user has without a database, which need not survive a restart of the host. While the database is not available, its
clients keep their messages, and pass them on later.",
    "\
Workers resolve routes on their own host: all of them need the same profiles, files and password sources at the same paths.
The configuration file is that of the worker. --queue does not deliver other messages as well, as it does with a directory.",
    "\
The password comes from password-file or password-command in [queue], else from PGPASSWORD, PGPASSFILE or ~/.pgpass. It must
not be in the URL, where other users can see it. Connections over the network are encrypted, and the certificate of the
server is verified, unless sslmode is require (any certificate) or disable.",
    "\
Parameters of the URL, in addition to those of libpq (host, port, user, dbname, sslmode, sslrootcert, sslcert, sslkey,
passfile, connect_timeout, target_session_attrs, ...): schema is the schema of the tables [ehlo], lease the time for which
a claim lasts without renewal [2m], and connections the number of connections of each process, without that for
notifications [4].",
    "\
With a standby, the URL names all servers, as in postgres://mail@db1,db2/ehlo?target_session_attrs=read-write: senders and
workers use the one that accepts changes, and wait while a standby is promoted. With synchronous replication (the standby is
in synchronous_standby_names), it has all that was confirmed: no message is lost, and one that may have been delivered before
is sent again with X-Possible-Duplicate. Without it, messages of the last moments may be lost, or delivered twice. A server
that was replaced must not accept changes again.",
    "\
Messages are stored unencrypted in the database and in its backups. If all connections of the database are in
use or it restarts, statements are tried again for 15 seconds. A worker then waits until the database is available; other
commands exit with 75, and with 78 if the URL, the login or the version of the tables is wrong.",
];

const SUBMIT: &str = "\
Keys of [submit]. In [senders], each key is a login name, @ and a group, or * for all users, and its value is an address, a
pattern such as *@shop.example.org, or an array of them.";

const SUBMIT_SETTINGS: [(&str, &str); 5] = [
    (
        "socket",
        "path of the socket, for clients and service [/run/ehlo/submit.sock]",
    ),
    ("messages", "messages of one user within an hour [1000]"),
    (
        "bytes",
        "size of all messages of one user within an hour [1G]",
    ),
    ("size", "maximum size of one message [50M]"),
    ("connections", "simultaneous connections of one user [8]"),
];

const OPTIONS: [(&str, &str); 2] = [
    (
        "--queue-dir DIR",
        "Queue directory, or the URL of a PostgreSQL database [default: dir in the [queue] section of the \
         configuration, otherwise ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]. A directory must belong to \
         you and must not be accessible to other users.",
    ),
    (
        "--config FILE",
        "Configuration file to read the [queue] section from. Profiles are read from the file that was in \
         effect when the message was queued.",
    ),
];

const CONFIGURATION: &str = "\
Keys of the [queue] section of the configuration (see ehlo(1)). Times are written as 30s, 15m, 4h or 5d.";

const OF_STATUS: &str =
    "ehlo queue status exits with the codes that Nagios and compatible programs expect:";

const SETTINGS: [(&str, &str); 13] = [
    (
        "dir",
        "queue directory, or the URL of a PostgreSQL database; a leading ~/ stands for the home directory",
    ),
    (
        "password-file",
        "file whose first line is the password of the database",
    ),
    (
        "password-command",
        "shell command that prints the password of the database",
    ),
    (
        "retry",
        "intervals between attempts, as an array; the last one is repeated: [\"15m\", \"1h\", \"4h\"]",
    ),
    (
        "spread",
        "maximum random addition to an interval, in percent [10]",
    ),
    ("give-up", "time after which delivery is abandoned [5d]"),
    (
        "warn-after",
        "time after which the sender is warned of a delay [never]",
    ),
    (
        "host-down",
        "time for which a host that was down is not tried again [5m]",
    ),
    (
        "connections",
        "maximum number of simultaneous connections [16]",
    ),
    (
        "per-host",
        "maximum number of simultaneous connections to one host [4]",
    ),
    (
        "bounce-size",
        "messages up to this size are returned in full, larger ones as headers only [1M]",
    ),
    (
        "on-uncertain",
        "retry or hold, unless --on-uncertain is given [retry]",
    ),
    (
        "on-failure",
        "shell command to run when delivery is abandoned, unless --on-failure is given",
    ),
];

const STATUS: [(&str, &str); 9] = [
    (
        "0",
        "success; failed deliveries are reported to the sender and do not affect the exit status",
    ),
    (
        "64",
        "the command line is wrong, an ID is ambiguous, or the item is held or was set aside",
    ),
    ("65", "the item is damaged"),
    ("66", "there is no such item"),
    (
        "73",
        "the socket of ehlo queue serve cannot be created, or the tables exist already",
    ),
    ("74", "standard output cannot be written"),
    ("75", "the queue cannot be read or written"),
    ("77", "--all-users, and the user is not root"),
    (
        "78",
        "the configuration, or the database of the queue, is wrong",
    ),
];

const EXAMPLES: &str = "\
df -h | ehlo --queue -q -r mail.example.org -s disks ops@example.org
ehlo queue list
ehlo queue run --now --to example.org -v
ehlo queue show 0a1b2 --message
ehlo queue status --warn-items 50 --critical-age 4h
(crontab -l; ehlo queue cron) | crontab -
ehlo queue systemd";

pub fn page() -> String {
    let mut page = titled(
        ("EHLO-QUEUE", "1"),
        "ehlo-queue - inspect and run the mail queue",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    subcommands(&mut page, "queue");
    table(&mut page, "COMMON OPTIONS", owned(&OPTIONS));
    section(&mut page, "RUNNING THE QUEUE", &[RUNNERS]);
    section(&mut page, "ONE QUEUE FOR ALL USERS", &HOST);
    section(&mut page, "A QUEUE THAT HOSTS SHARE", &SHARED);
    section(&mut page, "CONFIGURATION", &[CONFIGURATION]);
    rows(&mut page, owned(&SETTINGS));
    page.control("PP", []);
    page.text([roman(SUBMIT)]);
    rows(&mut page, owned(&SUBMIT_SETTINGS));
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    page.control("PP", []);
    page.text([roman(OF_STATUS)]);
    let health = Health::ALL.iter().map(|health| {
        let (code, meaning) = health.row();
        (code.to_string(), meaning)
    });
    rows(&mut page, health);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-sendmail(1), crontab(5), systemd.timer(5)"],
    );
    page.to_roff()
}
