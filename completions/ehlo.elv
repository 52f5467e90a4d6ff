
use builtin;
use str;

set edit:completion:arg-completer[ehlo] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'ehlo'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'ehlo'= {
            cand -f 'The author [default: your login name at this host]'
            cand --from 'The author [default: your login name at this host]'
            cand --to 'Who gets it, named in To'
            cand --cc 'Who gets it too, named in Cc'
            cand --bcc 'Who gets it and is named nowhere'
            cand --reply-to 'Where answers are to go'
            cand -s 'The subject'
            cand --subject 'The subject'
            cand -b 'The text: as given, from @FILE, or from stdin with `-`'
            cand --body 'The text: as given, from @FILE, or from stdin with `-`'
            cand --html 'The text as HTML; with a body, beside it'
            cand --markdown 'The text in Markdown, sent as it is and as HTML'
            cand -a 'Attach a file, or stdin (`-`)'
            cand --attach 'Attach a file, or stdin (`-`)'
            cand --inline 'A file that the HTML shows as `cid:ID`'
            cand --attach-message 'Attach a message as it is'
            cand --calendar 'An invitation, beside the text'
            cand --charset 'The charset of the text, if it is not UTF-8'
            cand -H 'Add a header field, or replace one of ours'
            cand --header 'Add a header field, or replace one of ours'
            cand --in-reply-to 'The Message-ID that this answers'
            cand --references 'The Message-IDs of the conversation; repeatable'
            cand --priority 'How urgent it is'
            cand --list-unsubscribe 'Where one leaves the list: https or mailto'
            cand --auto-submitted 'Say that no person wrote it, so that nothing answers by itself'
            cand --message 'Send this ready message, from a file or stdin (`-`)'
            cand --envelope-from 'The envelope''s sender; '''' is the null sender'
            cand -r 'Hand everything to this server; no MX lookup'
            cand --relay 'Hand everything to this server; no MX lookup'
            cand --server 'Hand everything to this server; no MX lookup'
            cand -p 'The port [default: 25, and 465 with --tls implicit]'
            cand --port 'The port [default: 25, and 465 with --tls implicit]'
            cand --pipe 'Hand everything to this command, which speaks SMTP on its stdin and stdout'
            cand --bind 'Connect from this address of ours'
            cand --connect-to 'Connect to this host, and go by the name of the one that is meant'
            cand --dns 'Ask this resolver instead of those in /etc/resolv.conf'
            cand --helo 'Our name in EHLO [default: this host''s full name]'
            cand --ehlo 'Our name in EHLO [default: this host''s full name]'
            cand --pipelining 'Commands in groups where the server offers it'
            cand --chunking 'BDAT instead of DATA where the server offers it'
            cand --timeout 'One time limit for every step, like 30s'
            cand --limit-rate 'Send no faster than this many bytes a second, like 500K or 2M'
            cand --tls 'When to encrypt'
            cand --ca-file 'Trust the CAs in this file (PEM) instead of the system''s'
            cand --cert 'Our own certificate (PEM, with its chain)'
            cand --key 'The key of our own certificate (PEM, without passphrase)'
            cand --tls-name 'The name that the certificate must have, instead of the relay''s or the MX''s'
            cand --pin 'The server''s certificate or key, as sha256:SUM; TLS is required'
            cand --tls-min 'The oldest version of TLS that will do; TLS is required'
            cand --save-certs 'Write the server''s certificates to this file (PEM), good or not'
            cand -u 'Log in at the --relay as this user'
            cand --user 'Log in at the --relay as this user'
            cand --auth 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN'
            cand --password-command 'The password is the first line that this shell command prints'
            cand --password-file 'The password is the first line of this file'
            cand --oauth-token-command 'The OAuth token is the first line that this shell command prints'
            cand --transcript 'How the conversation is shown on stdout'
            cand --color 'Colours on stdout; `auto` uses them on a terminal where `NO_COLOR` is not set'
            cand --progress 'Show how far a large message is, on stderr'
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --on-uncertain 'What becomes of those who may have got it already'
            cand --on-failure 'A shell command that is told of what was given up'
            cand --profile 'Use the options of this profile'
            cand --config 'The file with the profiles'
            cand --format-flowed 'Send long paragraphs as lines that flow'
            cand --no-date 'Leave Date out, to test a server'
            cand --no-message-id 'Leave Message-ID out, to test a server'
            cand --print 'Write the message to stdout, and send nothing'
            cand -4 'Use IPv4 only'
            cand --ipv4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --ipv6 'Use IPv6 only'
            cand -k 'Take any certificate'
            cand --insecure 'Take any certificate'
            cand --allow-cleartext-password 'Let the password go over a connection without TLS'
            cand -q 'Show only what failed, on stderr'
            cand --quiet 'Show only what failed, on stderr'
            cand -v 'Show every host considered and how each part was encoded'
            cand --verbose 'Show every host considered and how each part was encoded'
            cand --show-data 'Show the message, too, as it goes over the wire'
            cand --hex 'Show every octet that is sent and received, but for secrets, instead of lines'
            cand --timing 'Show the seconds since the start before each line'
            cand --summary 'At the end, show how long each step took, in one line for each server'
            cand --json 'The same as --transcript json'
            cand --queue 'Keep what cannot be sent now, and try it again'
            cand --queue-only 'Keep the message, and let `ehlo queue run` send it'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand sink 'Receive mail on loopback, for demos, tests and scripts'
            cand demo 'Send a message with an attachment to a receiver inside, and show both sides'
            cand probe 'Say what a server says of itself, without sending mail'
            cand config 'Look at the configuration'
            cand queue 'Look at the queue, and deliver what is in it'
            cand sendmail 'What clap sees of it, for the sake of help and completions'
            cand mailq 'What clap sees of it, for the sake of help and completions'
        }
        &'ehlo;sink'= {
            cand --listen 'Where to listen; port 0 takes a free one, which is said on stderr'
            cand --maildir 'Put each message into this Maildir, which is made if need be'
            cand --count 'Leave after this many messages'
            cand --max-size 'The largest message that is taken, in bytes'
            cand --name 'The name in the greeting'
            cand --print 'Write each message to stdout'
            cand --allow-remote 'Listen on an address that other hosts can reach'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ehlo;demo'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;probe'= {
            cand --pipe 'Ask this command, which speaks SMTP on its stdin and stdout'
            cand --expect 'What must be there, like starttls,pipelining,auth=PLAIN,size:10M,cert-days:14'
            cand -p 'The port [default: 25, and 465 with --tls implicit]'
            cand --port 'The port [default: 25, and 465 with --tls implicit]'
            cand --helo 'Our name in EHLO [default: this host''s full name]'
            cand --ehlo 'Our name in EHLO [default: this host''s full name]'
            cand --timeout 'The time limit for every step, like 5s'
            cand --bind 'Connect from this address of ours'
            cand --connect-to 'Connect to this host, and go by the name of the one that is meant'
            cand --dns 'Ask this resolver instead of those in /etc/resolv.conf'
            cand --tls 'When to encrypt'
            cand --ca-file 'Trust the CAs in this file (PEM) instead of the system''s'
            cand --cert 'Our own certificate (PEM, with its chain)'
            cand --key 'The key of our own certificate (PEM, without passphrase)'
            cand --tls-name 'The name that the certificate must have, instead of the relay''s or the MX''s'
            cand --pin 'The server''s certificate or key, as sha256:SUM; TLS is required'
            cand --tls-min 'The oldest version of TLS that will do; TLS is required'
            cand --save-certs 'Write the server''s certificates to this file (PEM), good or not'
            cand -u 'Log in at the --relay as this user'
            cand --user 'Log in at the --relay as this user'
            cand --auth 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN'
            cand --password-command 'The password is the first line that this shell command prints'
            cand --password-file 'The password is the first line of this file'
            cand --oauth-token-command 'The OAuth token is the first line that this shell command prints'
            cand --profile 'Use the options of this profile'
            cand --config 'The file with the profiles'
            cand --json 'One JSON object'
            cand -v 'Show the conversation, too'
            cand --verbose 'Show the conversation, too'
            cand -4 'Use IPv4 only'
            cand --ipv4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --ipv6 'Use IPv6 only'
            cand -k 'Take any certificate'
            cand --insecure 'Take any certificate'
            cand --allow-cleartext-password 'Let the password go over a connection without TLS'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ehlo;config'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand check 'Read the file, and try every option of every profile'
            cand show 'Show a profile with all that it inherits'
            cand path 'Say which file it is'
        }
        &'ehlo;config;check'= {
            cand --config 'The file with the profiles'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;config;show'= {
            cand --config 'The file with the profiles'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;config;path'= {
            cand --config 'The file with the profiles'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'Show all items: size, age, next attempt, the last reply for each recipient'
            cand show 'Show an item: its envelope, and what happened to it'
            cand run 'Deliver what is due, or these items'
            cand hold 'Try these no more until they are released'
            cand release 'Let the next run try these, held or not'
            cand remove 'Remove these for good; nobody is told'
            cand requeue 'Bring these back that were set aside'
            cand status 'Say in a line how it stands, for monitoring'
            cand systemd 'Print a service and a timer for systemd'
            cand cron 'Print a line for a crontab'
        }
        &'ehlo;queue;list'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand --json 'One JSON object a line'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue;show'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand --message 'Write its message and nothing else'
            cand --json 'One JSON object'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ehlo;queue;run'= {
            cand --to 'Only recipients in this domain, due or not; repeatable'
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand --now 'Also what is not due yet'
            cand --watch 'Stay, and deliver what comes in and what becomes due'
            cand -v 'Show the conversations'
            cand --verbose 'Show the conversations'
            cand --json 'Show the conversations, one JSON object a line'
            cand --behind 'Leave the terminal, and tell nobody of failures'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ehlo;queue;hold'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue;release'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue;remove'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue;requeue'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue;status'= {
            cand --warn-items 'So many items are a warning'
            cand --critical-items 'So many items are critical'
            cand --warn-age 'An item as old as this is a warning, like 1h'
            cand --critical-age 'An item as old as this is critical, like 4h or 2d'
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand --json 'One JSON object'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ehlo;queue;systemd'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;queue;cron'= {
            cand --queue-dir 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]'
            cand --config 'The file with the rules of the queue, under [queue]'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;sendmail'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'ehlo;mailq'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}
