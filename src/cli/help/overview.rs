//! The texts of `ehlo` without arguments and of `ehlo -h`.

/// `ehlo` without arguments, at a terminal.
pub const OVERVIEW: &str = "\
ehlo sends mail from the command line and shows the SMTP session.

Send: through a relay (-r HOST), or to the recipient's MX hosts without one
  ehlo -s Lunch -b 'See the menu.' -a menu.pdf bob@example.org
  df -h | ehlo -q -r mail.example.org -s 'Disk usage' ops@example.org
Cron: mail the output of a job; see also notify, digest, unit and doctor
  ehlo run --to ops@example.org -- backup
Queue and sendmail: retry until delivered; see also queue, sendmail and mailq
  ehlo --queue -s Report -b @report.txt ops@example.org
Testing: inspect a server; see also ask, script, and the test server sink
  ehlo probe mail.example.org:587
Configuration: servers and logins as profiles; see also config
  ehlo --profile work -s Hello -b 'Hello, Bob.' bob@example.org

  ehlo -h            frequent options, all commands, and the groups of options
  ehlo help TOPIC    a command, a group of options, exit-status or examples
  man ehlo           the manual
";

/// `ehlo -h` and `ehlo help`: at most 40 lines of 80 columns.
pub(crate) const SCREEN: &str = "\
Sends a message and shows the SMTP session.

Usage: ehlo [OPTIONS] RECIPIENT...
       ehlo COMMAND [OPTIONS]

Frequent options:
  -f, --from ADDR           Author and envelope sender
      --cc ADDR             Copy to this recipient; --bcc ADDR hides it
  -s, --subject TEXT        Subject
  -b, --body TEXT|@FILE|-   Text, or a file with it [default: standard input]
  -a, --attach FILE         Attach a file; repeatable
  -r, --relay HOST[:PORT]   Send to this server [default: the recipient's MX]
      --tls MODE            auto, off, starttls or implicit
  -u, --user NAME           Log in as this user (see ehlo help auth)
      --profile NAME        Use the options of this profile
      --queue               Queue the message if it cannot be delivered now
      --print               Write the message to standard output, send nothing
  -q, --quiet               Show failures only
  -v, --verbose             Show the hosts tried and how each part was encoded

Commands:
  run, notify, digest, unit   Mail the results of jobs
  jobs, cron, doctor          Jobs that did not run; a crontab; check this host
  queue, merge                Manage queued messages; send to each row of a list
  sendmail, mailq, msmtp      Accept the options of these programs
  mail, mutt, swaks           The same, to send a message
  probe, ask, script, bench   Test a server; put load on it
  check, verify               Check a domain; verify a message that was received
  sink, show, demo            Receive mail for tests; show mail; a demonstration
  fetch, roundtrip            Read a mailbox; send mail and wait for it there
  login, logout, token        Manage OAuth logins, as for Microsoft 365
  config, dkim, policy        Configuration; keys for signatures; MTA-STS
  completions, manual, help   Shell completions; the manual; help on these

Groups of options, each shown by ehlo help GROUP or --help=GROUP:
  message, route, session, tls, auth, output, queue, config, extensions, testing

  ehlo help exit-status, ehlo help examples, ehlo help --OPTION
  ehlo --help       all options with their descriptions
  man ehlo          the manual (or: ehlo manual)
";
