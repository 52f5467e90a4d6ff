//! ehlo(1): the sections that clap does not generate.

use crate::page::{as_typed, built, options, owned, render, section, synopsis_lines, table, title};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use ehlo::cli::parse::EXAMPLES;
use ehlo::system::exit::Exit;

const COMMANDS: &[(&str, &str)] = &[
    (
        "sink",
        "Run a test mail server on the loopback interface; see ehlo-sink(1).",
    ),
    (
        "show",
        "Show messages in files, mboxes and Maildirs, and save their attachments; see ehlo-show(1).",
    ),
    (
        "demo",
        "Send a sample message to a built-in server and show both sides.",
    ),
    (
        "probe",
        "Report a server's extensions, TLS, certificate and timing without sending mail, and check them against \
         your expectations; see ehlo-probe(1).",
    ),
    (
        "ask",
        "Send SMTP commands such as VRFY, EXPN, ETRN or NOOP to a server and show its replies; see ehlo-ask(1).",
    ),
    (
        "bench",
        "Put load on a server, at a fixed rate or with a number of connections, and report how long each step takes; see \
         ehlo-bench(1).",
    ),
    (
        "fetch",
        "List, search, print, save and delete messages in a mailbox at an IMAP or POP3 server; see ehlo-fetch(1).",
    ),
    (
        "roundtrip",
        "Send a message, wait until it is in the mailbox at the other end, and report its way and what was changed; see \
         ehlo-roundtrip(1).",
    ),
    (
        "script",
        "Run a scripted SMTP session and check the replies. Bundled scripts check for SMTP smuggling, open relays \
         and similar problems; see ehlo-script(1).",
    ),
    (
        "config",
        "Create, check and show the configuration; config init sets up an account; see ehlo-config(1).",
    ),
    (
        "merge",
        "Send a message to each row of a list, made from a template; see ehlo-merge(1).",
    ),
    (
        "login",
        "Log in to an OAuth provider, such as that of Gmail or Microsoft 365, and keep the tokens; see ehlo-login(1).",
    ),
    (
        "logout",
        "Remove the tokens of an account; see ehlo-login(1).",
    ),
    (
        "token",
        "Print an access token, for other programs; see ehlo-login(1).",
    ),
    (
        "dkim",
        "Make keys for DKIM signatures, and compare those of the configuration with their records in the DNS; see \
         ehlo-dkim(1).",
    ),
    (
        "check",
        "Check the DNS records and the mail servers of a domain: MX, TLS, DANE, MTA-STS, SPF, DKIM, DMARC and more; see \
         ehlo-check(1).",
    ),
    (
        "verify",
        "Verify the DKIM signatures of a message, SPF and DMARC, as a receiver does; see ehlo-verify(1).",
    ),
    (
        "queue",
        "Inspect and run the mail queue; see ehlo-queue(1).",
    ),
    (
        "policy",
        "Show, fetch and remove the MTA-STS policies of recipient domains; see ehlo-policy(1).",
    ),
    (
        "doctor",
        "Diagnose how mail from cron would leave this host, step by step and without sending any, and suggest \
         fixes; see ehlo-doctor(1).",
    ),
    (
        "run",
        "Run a command and mail the result, always or only on failure; see ehlo-run(1).",
    ),
    (
        "notify",
        "Send a notification from a script; see ehlo-notify(1).",
    ),
    (
        "digest",
        "Mail a summary of the runs recorded with ehlo run --digest; see ehlo-digest(1).",
    ),
    (
        "jobs",
        "List recorded jobs, and report those that did not run within --expect-every; see ehlo-jobs(1).",
    ),
    (
        "unit",
        "Mail the status of a systemd unit; see ehlo-unit(1).",
    ),
    (
        "sendmail",
        "Act as sendmail(8), with its options; see ehlo-sendmail(1). If the program is installed under the name \
         sendmail, it does so automatically.",
    ),
    ("mailq", "List the queue, like mailq(1)."),
    (
        "swaks",
        "Test a server with the options of swaks; see ehlo-swaks(1). Under the name swaks, the program does so automatically.",
    ),
    (
        "msmtp",
        "Act as msmtp, with its options and configuration; see ehlo-msmtp(1). If the program is installed under that name, it \
         does so automatically.",
    ),
    (
        "mail, mutt",
        "Send a message with the options of mail, mailx, s-nail or mutt; see ehlo-mail(1). If the program is installed under one \
         of the names mail, mailx, s-nail, nail and mutt, it does so automatically.",
    ),
    (
        "completions",
        "Print the script that completes command lines in bash, zsh, fish or elvish: for bash, put \
         eval \"$(ehlo completions bash)\" into ~/.bashrc; ehlo completions --help has the lines for the others.",
    ),
    (
        "manual",
        "Print a page of this manual as text, or list the pages: for installations with cargo install, which do not include the manual.",
    ),
    (
        "help",
        "Show help for a command and its subcommand, a group of options (message, route, session, tls, auth, output, \
         queue, config, extensions or testing), an option, exit-status or examples. --help=GROUP shows a group, too; a \
         command has the groups that its --help lists.",
    ),
];

/// Other pages, in their order.
const SEE_ALSO: &[&str] = &[
    "ehlo-tutorial(7), ehlo-providers(7), ehlo-migrate(7)",
    "ehlo-ask(1)",
    "ehlo-bench(1)",
    "ehlo-check(1)",
    "ehlo-fetch(1)",
    "ehlo-roundtrip(1)",
    "ehlo-config(1)",
    "ehlo-digest(1)",
    "ehlo-jobs(1)",
    "ehlo-dkim(1)",
    "ehlo-doctor(1)",
    "ehlo-json(5)",
    "ehlo-login(1)",
    "ehlo-mail(1)",
    "ehlo-merge(1)",
    "ehlo-msmtp(1)",
    "ehlo-notify(1)",
    "ehlo-policy(1)",
    "ehlo-probe(1)",
    "ehlo-queue(1)",
    "ehlo-run(1)",
    "ehlo-script(1)",
    "ehlo-sendmail(1)",
    "ehlo-show(1)",
    "ehlo-sink(1)",
    "ehlo-swaks(1)",
    "ehlo-unit(1)",
    "ehlo-verify(1)",
    "resolv.conf(5)",
    "hosts(5)",
    "netrc(5)",
];

const LITERAL_RECIPIENT: &str = "\
Put -- before a recipient that looks like a command.";

const SYNOPSIS: &[(&str, &str)] = &[
    ("ehlo", " [OPTIONS] RECIPIENT..."),
    ("ehlo", " COMMAND [OPTIONS] [ARGUMENT]..."),
    ("ehlo help", " [COMMAND|GROUP|OPTION|TOPIC]"),
];

const TEXT: [&str; 5] = [
    "\
Without --body, the text is read from standard input until end of file. On a terminal you type it and end it with
Ctrl-D at the start of a line; if nothing was typed, nothing is sent. The text is not requested if there is
something else to send, as with --attach, --calendar or --html. --body '' sends a message without text.
--only-if-input sends nothing if the text is empty or only white space. In a loop that reads a list from standard
input, use --body or </dev/null to keep ehlo from reading the list.",
    "\
With --html and without --body, text on standard input becomes the plain text version. It must be intended for ehlo:
a pipe or a socket that receives data within one second, or a file of which nothing has been read, so that the list
of a loop is not consumed. A pipe that stays open without data is not read, and a warning is printed; --body - waits
for it. With --markdown, such text is an error.",
    "\
A value of --body, --html or --markdown that starts with @ names a file, and - is standard input. Double a leading @
to send it as text. Pass text from untrusted sources through a pipe: as an argument it could name any file that you
can read. If a value without @ is the name of an existing file, the @ was probably forgotten: on a terminal this is
an error, and in a script the value is sent as text, with a warning.",
    "\
Text is UTF-8; a byte order mark is removed, and UTF-16 with a byte order mark is accepted. --charset names another
encoding, for text and arguments, in which all of the text must be valid. Without --charset, bytes that are not
valid UTF-8 are read as windows-1252, and a warning gives the position of the first one; names of attached files are
treated alike. Data that contains NUL and is not UTF-8 is not text and is rejected with status 65.",
    "\
--subject is given as the recipient will read it. Addresses and --header are given as in a message: encoded words
(RFC 2047) in them are recognized.",
];

const SEVERAL: [&str; 4] = [
    "\
--message may be repeated, --mbox sends each message of a mailbox file, and --maildir each message of a Maildir. Each message is
sent as with a single --message: to the recipients on the command line, or else to those in its header. All of them are
read and checked before the first one is sent; an error names the message, and then nothing is sent. The mailboxes are not
changed.",
    "\
The messages share their connections: one for each server, with RSET between them if necessary. A new connection is opened
after 100 messages, or if the server closes the connection, answers MAIL with 421, or limits the number of messages
(LIMITS, RFC 9422). A server that cannot be reached is not tried again for five minutes; its recipients are deferred.",
    "\
Each message has its own results, and an error line begins with the number and the place of the message. The exit status is that of all
recipients together, as if it were one message. With --json, each event has the number of its message.",
    "\
In an mbox, a message begins after a line with \"From \", a sender and a date. One > is removed from lines that begin with
>From (mboxrd). If a line begins with \"From \" after an empty line and has no date, nothing is sent, because it is not
clear whether it begins a message. With --queue, each message is queued before it is tried.",
];

const TRANSCRIPT: [&str; 4] = [
    "\
The session is written to standard output as it happens: server lines are shown as received, client lines are
prefixed with \">>> \", remarks with \"*** \". Bytes from the server that are not printable ASCII are shown as
\\xNN. If the server supports PIPELINING, commands are sent in groups, so several commands may appear before the
first reply. From the second message on a connection, the sender and the recipients of the next message are sent with
the end of the one before, and are shown with their own message.",
    "\
--show-data also shows the message, line by line as transmitted. --hex shows a hex dump instead of lines, with
client data prefixed with \">>> \", server data with \"<<< \", and offsets from the start of the session; secrets
are shown as asterisks in the dump, too. --transcript swaks marks lines like swaks(1) and always shows the message;
with --hex it shows a hex dump next to the lines.",
    "\
--summary ends with one line per server tried: the time to connect, to the greeting, for EHLO, for TLS, for AUTH,
and from MAIL until the message was accepted, with a hyphen for steps that did not take place; then the total, and
the deciding reply. If the reply contains the server's queue ID in a known form (\"queued as 4F2\"), --json and
--verbose report it.",
    "\
With --json, each line is an object; the last one contains the exit status and the result for each recipient. See
ehlo-json(5).",
];

const ENCRYPTION: [&str; 4] = [
    "\
To a mail exchanger, mail is encrypted if STARTTLS is offered, with any certificate, and sent in plaintext if it is
not offered or fails, unless a policy of the recipient's domain demands more (see TLS POLICIES); a *** line reports
this. To a relay, STARTTLS is used if it is offered, and the certificate
must then be valid: it must chain to a CA trusted by the system or by --ca-file, match the relay's name or
--tls-name, and be in date; or match --pin. A command (--pipe) is treated like a mail exchanger, or like a relay if
--tls-name, --ca-file or --pin is given. --tls starttls and --tls implicit never send unencrypted, --tls off never
encrypts, and -k accepts any certificate.",
    "\
Without a relay, ehlo obeys the MTA-STS policies of recipient domains (--mta-sts, RFC 8461): if a policy is enforced, only hosts
that match it receive the message, by TLS with a valid certificate; if none does, the message is deferred. The policy is fetched
from https://mta-sts.DOMAIN and kept for its lifetime; the web server of the domain learns of this request. See ehlo-policy(1). A
message with the header field TLS-Required: No (--require-tls=no, RFC 8689) waives the policies of domains.",
    "\
TLS 1.2 and 1.3 are supported, with ECDHE and AES-GCM or ChaCha20-Poly1305. Servers that support only older TLS
versions, CBC ciphers, or RSA or DHE key exchange are not supported; the error message gives the reason.",
    "\
Capabilities announced before TLS are discarded. Plaintext data that follows the reply to STARTTLS ends the session
with status 76.",
];

const END_TO_END: [&str; 10] = [
    "\
--sign and --encrypt protect the content of a message from its author to its readers, whatever servers it passes. pgp runs
gpg(1) and makes messages as in RFC 3156; smime runs openssl-cms(1) and makes messages as in RFC 8551. Both programs read the
content as a stream. A message that is both signed and encrypted is signed first. DKIM signs the result.",
    "\
With --encrypt, a message is encrypted for every recipient or not sent at all. If one of ten recipients has no key, or one
that has expired, is revoked or is not trusted, the exit status is 65 and the error names the recipient. If the key of
--sign cannot be used, the status is 78; if the program is missing, fails, is killed or does nothing for five minutes, or if
a Web Key Directory does not answer, it is 69; if there is no space for the encrypted message, 75. In all of these cases, nothing was sent or queued.",
    "\
For pgp, the key of a recipient is, in this order: one of --encrypt-key; one in the keyring (GNUPGHOME) that gpg trusts, as
after gpg --lsign-key; with --wkd, the one that the Web Key Directory of the recipient's domain publishes, which is asked
by HTTPS with the options --dns, --bind, -4, -6, --proxy (without a login) and --ca-file. The options of gpg.conf apply, such
as encrypt-to for a copy that the sender can read. gpg itself does not look for keys on the Internet.",
    "\
For smime, certificates are in PEM files: --encrypt-key for recipients, and --sign-key for the author, with the key. Dates,
key usage and addresses are checked. A certificate named by --encrypt-key is trusted as it is, unless --smime-ca names CAs: then it
must be issued by one of them, and with --smime-crl, its issuer must have a current revocation list there that does not
contain it. Certificates of intermediate CAs are taken from the file of the certificate; only the certificate itself is looked
for in the lists. Nothing is downloaded. The content is encrypted with AES-256-CBC, which all mail programs can read.",
    "\
A recipient who is not in To or Cc is a hidden recipient, and is never named in a list of keys. For pgp, the message does not
contain the ID of that recipient's key, but the number of hidden recipients. For smime this is impossible, because CMS lists
the certificates of all recipients: the message is encrypted for the recipients in To and Cc, and again for each hidden
recipient alone, and sent as that many messages with the same header, after all of them were made, in one temporary file. That holds for
run, notify, digest, merge and ehlo sendmail as well. --print and merge --preview print one message, and refuse hidden
recipients (status 65).",
    "\
Before it is signed or encrypted, the content is converted to 7 bit, and text with blanks at the end of a line or a line that
begins with \"From \" to quoted-printable. If a part must not be converted, such as a signed one in 8 bit, the message is not
sent (status 65). A message that was encrypted before, such as one of --message, is not encrypted again; one that was
signed is encrypted, but not signed again.",
    "\
The header is not encrypted. --hide-subject encrypts Subject, Keywords and Comments: a mail program that knows RFC 9788 shows
them, others show \"[...]\". --autocrypt adds a field with the author's public key (Autocrypt, level 1). It never encrypts by
itself.",
    "\
Passphrases are handled by gpg-agent, which may ask for one at a terminal. A cron job needs a key without a passphrase, or one whose passphrase gpg-agent has cached. The PEM file of --sign-key cannot be encrypted, and must have mode 0600.",
    "\
No plain text is written to a disk. What must be kept in a temporary file, such as standard input of more than one MiB and the
log of ehlo run, is always encrypted there with a random key that only the process has, and the file has no name.",
    "\
The options may be in a profile, and then also apply to ehlo sendmail, run,
notify, digest and merge. They are applied when the message is made, with the keyring of the user who makes it; the queue
stores the encrypted message. The service of ehlo queue serve applies those of the profile to messages that are
neither signed nor encrypted, with its own keyring. Delivery reports are not encrypted; they enclose what was sent.",
];

const POLICIES: [&str; 7] = [
    "\
A recipient domain can demand more for its mail exchangers than optional encryption. Such a policy applies to direct delivery, and is determined for each domain and host; for a relay, only the options apply. If a host does not meet the
policy, the next one is tried; if none does, the message is deferred (status 75) and never sent in plaintext. A ***
line and the event \"tls\" of --json name the policy that was applied.",
    "\
DANE (RFC 7672): the domain publishes its certificates as TLSA records, signed with DNSSEC, at _25._tcp. before the
name of the MX host, or of the name that the host is an alias of. Usage 3 names the certificate or key of the server,
whose name and dates then do not matter; usage 2 names a CA, which must have issued a certificate that is in date and
has the name of the host or of the domain. The transcript shows the record that matched, as in \"verified by DANE (3 1
1)\". Records of other usages and types are unusable: if there are no others, STARTTLS is required and any certificate
is accepted. If the records cannot be looked up, the host is not used.",
    "\
ehlo does not validate DNSSEC itself: it believes a resolver that sets the AD bit, such as unbound, or systemd-resolved
with DNSSEC=yes, if it is trusted. A resolver on a loopback address is trusted, whether it is named in
/etc/resolv.conf or with --dns (but not 127.0.0.11, the forwarder of Docker). Other resolvers of /etc/resolv.conf are
trusted with \"options trust-ad\" in that file, or trust-ad = true in the table [dns] of the configuration; the network
between them and this host must then be secure. With any other resolver there is no DANE.",
    "\
--dane auto is the default. --dane require sends nothing (status 77) if no usable record authenticates the host, or if the MX records are not signed; --dane off ignores TLSA records. With --tls off, -k, --ca-file, --pin, --tls-name,
--connect-to and --proxy, auto means off. If only the MX records are not signed, auto still verifies the host and reports this, because an attacker may have named another host.",
    "\
--require-tls without --relay sends the message only to a host that offers REQUIRETLS and is verified by a policy; for
DANE, the MX records must be signed, too. The header field TLS-Required: No, which --require-tls=no adds, asks for the
opposite: policies of domains are ignored for this message (RFC 8689), unless --dane require is given.",
    "\
To find out why a host is refused, compare its certificate with the records: ehlo probe HOST --verbose shows the SHA-256
of the certificate (3 0 1) and of its key (3 1 1), and dig _25._tcp.HOST TLSA shows the records.",
    "\
With --tlsrpt-log FILE, or tlsrpt in the table [log], each session adds a line of JSON with the terms of RFC 8460:
policy-type (tlsa, sts or no-policy-found), policy-string, policy-domain (for tlsa, the host), recipient-domains,
receiving-mx-hostname, receiving-ip, sending-mta-ip, success, result-type (such as starttls-not-supported,
certificate-not-trusted or dnssec-invalid; or null) and failure-reason-code. The file is written like the mail log.",
];

const LOGIN: [&str; 5] = [
    "\
--user logs in to the relay with the strongest mechanism both sides support: SCRAM-SHA-256 or SCRAM-SHA-1 (with
channel binding, -PLUS, if possible), CRAM-MD5, PLAIN or LOGIN. With --oauth or --oauth-token-command it is OAUTHBEARER or
XOAUTH2, and with --auth EXTERNAL the client certificate. --auth restricts the choice. If the server rejects the
mechanism rather than the user, the next one is tried; after a -PLUS mechanism was rejected, the plain password is
never sent.",
    "\
A password is never sent over an unencrypted connection, not even to this host (unless --allow-cleartext-password is
given), never to a server with an invalid certificate (unless -k is given), and never to a mail exchanger. A command
(--pipe) has no name and receives a password only with --tls-name. --auth EXTERNAL sends no secret and needs no
encryption.",
    "\
The password is taken from --password-command or --password-file (first line), or else from the variable
EHLO_PASSWORD, systemd's credentials (ehlo.PROFILE.password or ehlo.password), ~/.netrc, or the desktop's keyring as
found by secret-tool (host HOST service smtp user USER); finally, ehlo prompts for it on the terminal. With --oauth, a token is
used instead, which ehlo login has obtained; see ehlo-login(1).",
    "\
A password file must have mode 0600, or 0640 if it belongs to root; use chgrp to give it to the users who may log
in. Secrets of Docker (0444) and Kubernetes (0440) are accepted as mounted, on a read-only tmpfs owned by root. If a
file has another mode that cannot be changed, as with secrets of Docker Compose, use --password-command 'cat FILE',
EHLO_PASSWORD, or LoadCredential=ehlo.password:FILE of systemd.",
    "\
The password cannot be given as an option and never appears in a transcript, even if the server echoes it. While it
is in memory, ehlo does not dump core and cannot be traced by other programs of the same user.",
];

const TESTING: [&str; 8] = [
    "\
--quit-after sends QUIT after the reply to a stage, --drop-after closes the connection there without QUIT, and
--drop-after-send closes it after sending the stage, without reading the reply. --repeat sends the message again over a new
connection, or over the same one with --reuse; the exit status is that of the first repetition that failed. The stages are, in order: connect,
proxy (the header of --proxy-protocol), banner, ehlo, starttls (including the handshake, before any command inside TLS),
xclient (all of them, before EHLO is repeated), auth, mail, rcpt (all recipients of a transaction), data, and dot, the end of
the message. A stage that does not occur is skipped. After connect and proxy, ehlo does not wait for the greeting; after data,
the server takes QUIT as message text. If the session ends before MAIL
and --relay is given, no recipient is needed.",
    "\
Recipients not refused by then count as skipped, not as failed. Once the end of the message has been sent, its reply
decides as usual; with --drop-after-send dot the reply is not read, so the outcome is unknown and the exit status is
79.",
    "\
--force uses extensions that the server does not offer: STARTTLS, AUTH, BDAT, pipelining, or a parameter. It never
sends a password unencrypted. --no-ehlo greets with HELO at once. With --raw, --helo may be any printable text, and
recipients and senders need no domain; otherwise only the recipient postmaster may be without one (with --relay; RFC 5321).
--mail-param and --rcpt-param send parameters that ehlo does not know. --message-raw sends any octets as the message, such as
8-bit text to a server without 8BITMIME, or lines that end in LF alone, which a server must not treat as the end of the message.
For commands of arbitrary bytes, use ehlo-script(1). --tls-max limits the version of TLS, and --sni sends another server name
than the one that is verified, or none.",
    "\
--xclient and --xforward send their attributes verbatim; encode spaces and plus signs in values as xtext (+20, +2B).
If the server does not list all of the attributes in its reply to EHLO, nothing is sent and the exit status is 77,
unless --force xclient or --force xforward is given. EHLO is repeated after each XCLIENT. Postfix accepts XCLIENT
from the clients in smtpd_authorized_xclient_hosts, and then no longer trusts the impersonated client; so put NAME
and ADDR into the last XCLIENT together.",
    "\
--proxy-protocol acts like haproxy and other load balancers: its header is the first data on the connection,
unencrypted, before the handshake of --tls implicit and before the greeting. A server that does not expect it takes
it for a command.",
    "\
--lmtp delivers to a mail store (RFC 2033), over a Unix socket or port 24. The server returns one reply per
recipient after the message, and each recipient has its own result: if the connection is lost between two replies,
recipients with a reply are final, and the outcome for the others is unknown. --prdr requests the same from an SMTP
server.",
    "\
An option under Extensions takes effect if the server supports the extension. If it does not, nothing is sent, the
exit status is 77, and the error names the option and the extension. Append ? to the value (quoted for the shell) to
ignore the option instead; --verbose then reports it. The values of --envid, --orcpt and --mail-auth are given as
plain text and sent as xtext. With --queue they are stored with the message. LIMITS (RFC 9422) is honored
automatically: no more recipients, domains and messages than the server allows.",
    "For example:",
];

const TEST_EXAMPLES: &str = "\
ehlo -r mx.example.org --quit-after rcpt bob@example.org
ehlo -r mx.example.org:587 -u alice --quit-after auth
ehlo -r mx.example.org --drop-after-send data --repeat 20 \\
     --wait 100ms -b hi bob@example.org
ehlo -r mx.example.org --force pipelining,bdat -b hi bob@example.org
ehlo -r mx.example.org --tls starttls --tls-max 1.2 \\
     --sni www.example.org --quit-after ehlo
ehlo -r mx.example.org --helo '_ [' --raw --mail-param X-WHAT=1 \\
     -b hi bob@example.org
ehlo -r mx.example.org -b hi bob@example.org \\
     --xclient 'NAME=client.example.net ADDR=192.0.2.1'
ehlo -r mx.example.org:10025 -b hi bob@example.org \\
     --proxy-protocol 'v2 192.0.2.1:4321 198.51.100.2:25'
ehlo --lmtp -r /run/dovecot/lmtp -b hi \\
     bob@example.org eve@example.org
ehlo -r mx.example.org --notify success --ret hdrs \\
     --envid 'try 1' -b hi bob@example.org
ehlo -r mx.example.org --hold-for '2h?' --mt-priority '3?' \\
     -v -b hi bob@example.org";

const MAIL_LOG: [&str; 5] = [
    "\
With --log FILE, or with a table [log] in the configuration, each delivery is logged in the form that Postfix writes:
when the message is accepted, when an attempt begins, one line for each recipient and attempt, and when the message
is removed. ehlo, ehlo notify and ehlo queue run have the option; the table also applies to ehlo run, ehlo digest, ehlo unit
and sendmail. Its keys are file, an absolute path, and syslog; with syslog = true, the lines are sent to the system
log with the facility mail.",
    "\
A line contains the queue ID of the message, in upper case, the addresses, the server, the times, the enhanced status
code, the status and the reply. It never contains a subject or a secret. The status is sent, deferred or bounced. A message that is not
in the queue gets an ID for the log only, and deferred then means that it was not delivered.",
    "\
The delay has four parts: the time before the attempt, the time spent on other recipients of the message, the time for DNS, connection, TLS and
login, and the time for the transmission.",
    "\
A new file has the mode 0600. It is opened for each line, so that logrotate(8) can rename it at any time, and each line is
appended in one write, so that several processes can use the same file. ehlo queue remove, and items that are set aside, are logged
as well if the table [log] is used. If a line cannot be written, there is one warning, and the delivery
continues. Users who cannot write to the log file of the system can use syslog.",
    "\
pflogsumm(1) reads the log with --syslog-name ehlo, and the service postfix of logwatch(8) with
$postfix_Syslog_Name = ehlo.",
];

const CONFIGURATION: [&str; 6] = [
    "\
The configuration file is TOML. Each table [profile.NAME] is a profile; its keys are the long options of ehlo. The value is a
string or a number, true for an option without a value, or an array for an option that may be repeated. Other keys are inherit
and fallback (see below), read (see ehlo-fetch(1)), and dedupe, every, recovered and recovered-after (see ehlo-run(1)). ehlo config init
creates a profile, and ehlo config check reports all errors. Options on the command line override those of the profile,
including options that contradict them. Only --header fields are added to those of the profile, except fields that may
occur once. If --relay on the command line replaces the relay of a profile, its port and credentials are not used, unless
--profile names the profile.",
    "\
\"inherit\" names one or more profiles whose keys are inherited. The profile's own keys take precedence, then those of the
first one named; false removes an inherited key. \"from\" is an address, a pattern such as *@work.example, or an array of
both. The first profile that matches the sender on the command line is used, and its first address is the default of
--from. If none matches, the profile named by \"default\", outside of all profiles, is used. \"fallback\" names profiles
whose relays are tried in this order if the relay cannot be reached, does not accept this host as a client, or defers the
message.",
    "\
The file must belong to root or to you and must not be writable by others. If it contains password-command,
oauth-token-command or oauth-client-secret-command, which may contain a secret, it must not be readable by others either: mode
0600, or 0640 for a file that belongs to root. This does not apply to /etc/ehlo/config.toml, nor to a file of root that another user reads.
Passwords are not allowed in it. Errors in the file are reported before anything is sent, with status 78; a file that
cannot be read with status 66.",
    "\
Paths may begin with ~/, $HOME/ or ${HOME}/ for the home directory of the user who runs ehlo. Relative paths are relative
to the current directory. Commands are run by /bin/sh, which does its own expansion.",
    "\
The table [queue] contains the settings of the queue (see ehlo-queue(1)); [sendmail] and [rewrite] contain those for mail
that programs pass to sendmail (see ehlo-sendmail(1)); [log] sets the mail log and the log for TLS reports (see THE MAIL LOG and TLS POLICIES); [dns], with
trust-ad = true, trusts the resolvers of /etc/resolv.conf to validate DNSSEC; [dkim] names the keys
that sign messages (see ehlo-dkim(1)); [submit] and [senders] are for hosts with one queue for all users (see
ehlo-queue(1)).",
    "For example:",
];

const PROFILES: &str = "\
default = \"home\"

[profile.home]
relay = \"smtp.home.example:587\"
from = \"Alice <alice@home.example>\"
fallback = \"work\"

[profile.work]
inherit = \"home\"
relay = \"smtp.work.example\"
from = [\"alice@work.example\", \"*@work.example\"]
header = [\"Organization: Work\"]
fallback = false";

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "EHLO_CONFIG",
        "configuration file, unless --config is given",
    ),
    (
        "EHLO_CRYPT_IDLE",
        "seconds after which a program of --sign, --encrypt, show or verify that does nothing is killed [default: 300]",
    ),
    (
        "GNUPGHOME",
        "keyring of --sign pgp and --encrypt pgp, and of ehlo show and verify",
    ),
    (
        "EHLO_PASSWORD",
        "password for --user. Other programs of the same user can read it; prefer a file or a command",
    ),
    (
        "EHLO_STATE_DIR",
        "state directory of run, notify, digest and unit, unless --state-dir is given, and of OAuth tokens; an absolute path",
    ),
    (
        "EHLO_SUBMIT_SOCKET",
        "submission socket of the host, see ehlo-queue(1); none is used if it is set but empty",
    ),
    (
        "EHLO_CACHE_DIR",
        "cache directory for MTA-STS policies, in place of ~/.cache/ehlo and /var/cache/ehlo; an absolute path",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "directory of systemd credentials (LoadCredential=ehlo.password:...)",
    ),
    ("NETRC", "file to read instead of ~/.netrc"),
    (
        "SSLKEYLOGFILE",
        "file to which TLS session keys are written, for wireshark(1). Anyone who has the keys can decrypt the \
         session",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "trusted CAs, instead of those of the system",
    ),
    (
        "MAILTO, MAILFROM",
        "default recipient and sender of ehlo run and ehlo notify",
    ),
    (
        "XDG_STATE_HOME",
        "directory of a user's queue (ehlo/queue) and OAuth tokens (ehlo/oauth), instead of ~/.local/state",
    ),
    (
        "TZ",
        "time zone of the Date field, instead of /etc/localtime",
    ),
    (
        "TMPDIR",
        "directory for temporary files: piped text over 1 MiB, and the logs of ehlo run, both encrypted",
    ),
    ("LOGNAME, USER", "login name, if the password file has none"),
    (
        "NO_COLOR, TERM",
        "with --color auto, colors are not used if NO_COLOR is set and not empty, or if TERM is dumb",
    ),
    (
        "COLUMNS",
        "width of --help, instead of that of the terminal; at most 100",
    ),
];

const FILES: [(&str, &str); 9] = [
    (
        "~/.config/ehlo/config.toml, /etc/ehlo/config.toml",
        "configuration file; only the first one found is read. XDG_CONFIG_HOME replaces ~/.config",
    ),
    (
        "~/.local/state/ehlo/queue, /var/spool/ehlo",
        "queue of a user, and of root",
    ),
    (
        "~/.local/state/ehlo/jobs and digests, /var/lib/ehlo/jobs and digests",
        "state of jobs and recorded runs, of a user and of root",
    ),
    (
        "~/.netrc",
        "passwords, in the format that curl reads: machine HOST login USER password PASSWORD",
    ),
    (
        "/etc/ssl/certs",
        "trusted CAs, read when a certificate is checked",
    ),
    (
        "/etc/resolv.conf",
        "DNS resolvers for mail exchangers and their addresses; without any, the resolver on this host",
    ),
    (
        "/etc/hosts",
        "full name of this host, for EHLO; and the address of a relay",
    ),
    (
        "/etc/mailname",
        "domain of the sender, unless --from is given",
    ),
    ("/etc/localtime", "time zone of the Date field"),
];

const STANDARDS: &str = "\
RFC 5321 (SMTP), 5322 (messages), 6376, 8301 and 8463 (DKIM), 2033 (LMTP), 2045 to 2049, 2183 and 2231 (MIME), 1870 (SIZE), 2034
(ENHANCEDSTATUSCODES), 2852 (DELIVERBY), 2920 (PIPELINING), 3030 (CHUNKING), 3207 (STARTTLS), 3461 (DSN), 4865
(FUTURERELEASE), 4954 (AUTH), 4616 (PLAIN), 5802 and 7677 (SCRAM), 5929 and 9266 (channel bindings), 6152 (8BITMIME), 6531
and 6532 (SMTPUTF8), 6710 (MT-PRIORITY), 7435 (opportunistic security), 7505 (null MX), 7628 (OAUTHBEARER), 8305 (Happy
Eyeballs), 8314 (implicit TLS), 6698, 7671 and 7672 (DANE), 8460 (TLS reporting), 8461 (MTA-STS), 8689 (REQUIRETLS),
9422 (LIMITS), 9525 (names in certificates), 3156 (OpenPGP), 8550 and 8551 (S/MIME), 9788 (header protection).";

/// ehlo(1).
pub fn page() -> String {
    // Long help ends with the examples, which the manual shows in their own section.
    let command = built().after_long_help("").after_help("");
    let man = Man::new(command)
        .title("EHLO")
        .section("1")
        .manual("User Commands");
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut synopsis, SYNOPSIS);
    let mut commands = Roff::new();
    table(&mut commands, "COMMANDS", owned(COMMANDS));
    commands.control("PP", []);
    commands.text([roman(LITERAL_RECIPIENT)]);
    let mut own = Roff::new();
    section(&mut own, "MESSAGE TEXT", &TEXT);
    section(&mut own, "SEVERAL MESSAGES", &SEVERAL);
    section(&mut own, "SESSION TRANSCRIPT", &TRANSCRIPT);
    section(&mut own, "ENCRYPTION", &ENCRYPTION);
    section(&mut own, "TLS POLICIES", &POLICIES);
    section(&mut own, "END-TO-END ENCRYPTION", &END_TO_END);
    section(&mut own, "AUTHENTICATION", &LOGIN);
    section(&mut own, "TESTING A SERVER", &TESTING);
    as_typed(&mut own, TEST_EXAMPLES);
    examples(&mut own);
    section(&mut own, "THE MAIL LOG", &MAIL_LOG);
    section(&mut own, "CONFIGURATION", &CONFIGURATION);
    as_typed(&mut own, PROFILES);
    let status = Exit::ALL.iter().map(|exit| {
        let (code, meaning) = exit.row();
        (code.to_string(), meaning)
    });
    table(&mut own, "EXIT STATUS", status);
    table(&mut own, "FILES", owned(&FILES));
    table(&mut own, "ENVIRONMENT", owned(ENVIRONMENT));
    section(&mut own, "STANDARDS", &[STANDARDS]);
    section(&mut own, "SEE ALSO", &[&SEE_ALSO.join(", ")]);
    [
        title(&man),
        render(|out| man.render_name_section(out)),
        synopsis.to_roff(),
        render(|out| man.render_description_section(out)),
        commands.to_roff(),
        options(&man),
        own.to_roff(),
    ]
    .concat()
}

/// Text lines above, commands as they are typed below.
fn examples(page: &mut Roff) {
    page.control("SH", ["EXAMPLES"]);
    for paragraph in EXAMPLES.split("\n\n") {
        let (intro, commands) = paragraph.split_once('\n').unwrap();
        page.control("PP", []);
        page.text([roman(intro)]);
        as_typed(page, commands.trim_end());
    }
}
