
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'ehlo' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'ehlo'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'ehlo' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The author [default: your login name at this host]')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The author [default: your login name at this host]')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Who gets it, named in To')
            [CompletionResult]::new('--cc', '--cc', [CompletionResultType]::ParameterName, 'Who gets it too, named in Cc')
            [CompletionResult]::new('--bcc', '--bcc', [CompletionResultType]::ParameterName, 'Who gets it and is named nowhere')
            [CompletionResult]::new('--reply-to', '--reply-to', [CompletionResultType]::ParameterName, 'Where answers are to go')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The subject')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The text: as given, from @FILE, or from stdin with `-`')
            [CompletionResult]::new('--body', '--body', [CompletionResultType]::ParameterName, 'The text: as given, from @FILE, or from stdin with `-`')
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'The text as HTML; with a body, beside it')
            [CompletionResult]::new('--markdown', '--markdown', [CompletionResultType]::ParameterName, 'The text in Markdown, sent as it is and as HTML')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Attach a file, or stdin (`-`)')
            [CompletionResult]::new('--attach', '--attach', [CompletionResultType]::ParameterName, 'Attach a file, or stdin (`-`)')
            [CompletionResult]::new('--inline', '--inline', [CompletionResultType]::ParameterName, 'A file that the HTML shows as `cid:ID`')
            [CompletionResult]::new('--attach-message', '--attach-message', [CompletionResultType]::ParameterName, 'Attach a message as it is')
            [CompletionResult]::new('--calendar', '--calendar', [CompletionResultType]::ParameterName, 'An invitation, beside the text')
            [CompletionResult]::new('--charset', '--charset', [CompletionResultType]::ParameterName, 'The charset of the text, if it is not UTF-8')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header field, or replace one of ours')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header field, or replace one of ours')
            [CompletionResult]::new('--in-reply-to', '--in-reply-to', [CompletionResultType]::ParameterName, 'The Message-ID that this answers')
            [CompletionResult]::new('--references', '--references', [CompletionResultType]::ParameterName, 'The Message-IDs of the conversation; repeatable')
            [CompletionResult]::new('--priority', '--priority', [CompletionResultType]::ParameterName, 'How urgent it is')
            [CompletionResult]::new('--list-unsubscribe', '--list-unsubscribe', [CompletionResultType]::ParameterName, 'Where one leaves the list: https or mailto')
            [CompletionResult]::new('--auto-submitted', '--auto-submitted', [CompletionResultType]::ParameterName, 'Say that no person wrote it, so that nothing answers by itself')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'Send this ready message, from a file or stdin (`-`)')
            [CompletionResult]::new('--envelope-from', '--envelope-from', [CompletionResultType]::ParameterName, 'The envelope''s sender; '''' is the null sender')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Hand everything to this server; no MX lookup')
            [CompletionResult]::new('--relay', '--relay', [CompletionResultType]::ParameterName, 'Hand everything to this server; no MX lookup')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Hand everything to this server; no MX lookup')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The port [default: 25, and 465 with --tls implicit]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port [default: 25, and 465 with --tls implicit]')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Connect from this address of ours')
            [CompletionResult]::new('--connect-to', '--connect-to', [CompletionResultType]::ParameterName, 'Connect to this host, and go by the name of the one that is meant')
            [CompletionResult]::new('--dns', '--dns', [CompletionResultType]::ParameterName, 'Ask this resolver instead of those in /etc/resolv.conf')
            [CompletionResult]::new('--helo', '--helo', [CompletionResultType]::ParameterName, 'Our name in EHLO [default: this host''s full name]')
            [CompletionResult]::new('--ehlo', '--ehlo', [CompletionResultType]::ParameterName, 'Our name in EHLO [default: this host''s full name]')
            [CompletionResult]::new('--pipelining', '--pipelining', [CompletionResultType]::ParameterName, 'Commands in groups where the server offers it')
            [CompletionResult]::new('--chunking', '--chunking', [CompletionResultType]::ParameterName, 'BDAT instead of DATA where the server offers it')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'One time limit for every step, like 30s')
            [CompletionResult]::new('--limit-rate', '--limit-rate', [CompletionResultType]::ParameterName, 'Send no faster than this many bytes a second, like 500K or 2M')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'When to encrypt')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Trust the CAs in this file (PEM) instead of the system''s')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Our own certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The key of our own certificate (PEM, without passphrase)')
            [CompletionResult]::new('--tls-name', '--tls-name', [CompletionResultType]::ParameterName, 'The name that the certificate must have, instead of the relay''s or the MX''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'The server''s certificate or key, as sha256:SUM; TLS is required')
            [CompletionResult]::new('--tls-min', '--tls-min', [CompletionResultType]::ParameterName, 'The oldest version of TLS that will do; TLS is required')
            [CompletionResult]::new('--save-certs', '--save-certs', [CompletionResultType]::ParameterName, 'Write the server''s certificates to this file (PEM), good or not')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Log in at the --relay as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in at the --relay as this user')
            [CompletionResult]::new('--auth', '--auth', [CompletionResultType]::ParameterName, 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'The password is the first line that this shell command prints')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'The password is the first line of this file')
            [CompletionResult]::new('--oauth-token-command', '--oauth-token-command', [CompletionResultType]::ParameterName, 'The OAuth token is the first line that this shell command prints')
            [CompletionResult]::new('--transcript', '--transcript', [CompletionResultType]::ParameterName, 'How the conversation is shown on stdout')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'Show how far a large message is, on stderr')
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--on-uncertain', '--on-uncertain', [CompletionResultType]::ParameterName, 'What becomes of those who may have got it already')
            [CompletionResult]::new('--on-failure', '--on-failure', [CompletionResultType]::ParameterName, 'A shell command that is told of what was given up')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use the options of this profile')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the profiles')
            [CompletionResult]::new('--format-flowed', '--format-flowed', [CompletionResultType]::ParameterName, 'Send long paragraphs as lines that flow')
            [CompletionResult]::new('--no-date', '--no-date', [CompletionResultType]::ParameterName, 'Leave Date out, to test a server')
            [CompletionResult]::new('--no-message-id', '--no-message-id', [CompletionResultType]::ParameterName, 'Leave Message-ID out, to test a server')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Write the message to stdout, and send nothing')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Take any certificate')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Take any certificate')
            [CompletionResult]::new('--allow-cleartext-password', '--allow-cleartext-password', [CompletionResultType]::ParameterName, 'Let the password go over a connection without TLS')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show only what failed, on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show only what failed, on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show every host considered and how each part was encoded')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show every host considered and how each part was encoded')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The same as --transcript json')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Keep what cannot be sent now, and try it again')
            [CompletionResult]::new('--queue-only', '--queue-only', [CompletionResultType]::ParameterName, 'Keep the message, and let `ehlo queue run` send it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('sink', 'sink', [CompletionResultType]::ParameterValue, 'Receive mail on loopback, for demos, tests and scripts')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Send a message with an attachment to a receiver inside, and show both sides')
            [CompletionResult]::new('probe', 'probe', [CompletionResultType]::ParameterValue, 'Say what a server says of itself, without sending mail')
            [CompletionResult]::new('script', 'script', [CompletionResultType]::ParameterValue, 'Hold a conversation that a script says, and check it')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Look at the configuration')
            [CompletionResult]::new('queue', 'queue', [CompletionResultType]::ParameterValue, 'Look at the queue, and deliver what is in it')
            [CompletionResult]::new('sendmail', 'sendmail', [CompletionResultType]::ParameterValue, 'What clap sees of it, for the sake of help and completions')
            [CompletionResult]::new('mailq', 'mailq', [CompletionResultType]::ParameterValue, 'What clap sees of it, for the sake of help and completions')
            break
        }
        'ehlo;sink' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Where to listen; port 0 takes a free one, which is said on stderr')
            [CompletionResult]::new('--maildir', '--maildir', [CompletionResultType]::ParameterName, 'Put each message into this Maildir, which is made if need be')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Leave after this many messages')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message that is taken, in bytes')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The name in the greeting')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Write each message to stdout')
            [CompletionResult]::new('--allow-remote', '--allow-remote', [CompletionResultType]::ParameterName, 'Listen on an address that other hosts can reach')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ehlo;demo' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;probe' {
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'What must be there, like starttls,pipelining,auth=PLAIN,size:10M,cert-days:14')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The port [default: 25, and 465 with --tls implicit]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port [default: 25, and 465 with --tls implicit]')
            [CompletionResult]::new('--helo', '--helo', [CompletionResultType]::ParameterName, 'Our name in EHLO [default: this host''s full name]')
            [CompletionResult]::new('--ehlo', '--ehlo', [CompletionResultType]::ParameterName, 'Our name in EHLO [default: this host''s full name]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit for every step, like 5s')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Connect from this address of ours')
            [CompletionResult]::new('--connect-to', '--connect-to', [CompletionResultType]::ParameterName, 'Connect to this host, and go by the name of the one that is meant')
            [CompletionResult]::new('--dns', '--dns', [CompletionResultType]::ParameterName, 'Ask this resolver instead of those in /etc/resolv.conf')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'When to encrypt')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Trust the CAs in this file (PEM) instead of the system''s')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Our own certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The key of our own certificate (PEM, without passphrase)')
            [CompletionResult]::new('--tls-name', '--tls-name', [CompletionResultType]::ParameterName, 'The name that the certificate must have, instead of the relay''s or the MX''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'The server''s certificate or key, as sha256:SUM; TLS is required')
            [CompletionResult]::new('--tls-min', '--tls-min', [CompletionResultType]::ParameterName, 'The oldest version of TLS that will do; TLS is required')
            [CompletionResult]::new('--save-certs', '--save-certs', [CompletionResultType]::ParameterName, 'Write the server''s certificates to this file (PEM), good or not')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Log in at the --relay as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in at the --relay as this user')
            [CompletionResult]::new('--auth', '--auth', [CompletionResultType]::ParameterName, 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'The password is the first line that this shell command prints')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'The password is the first line of this file')
            [CompletionResult]::new('--oauth-token-command', '--oauth-token-command', [CompletionResultType]::ParameterName, 'The OAuth token is the first line that this shell command prints')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use the options of this profile')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the profiles')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the conversation, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the conversation, too')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Take any certificate')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Take any certificate')
            [CompletionResult]::new('--allow-cleartext-password', '--allow-cleartext-password', [CompletionResultType]::ParameterName, 'Let the password go over a connection without TLS')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ehlo;script' {
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'The server that `connect` connects to, or a unix socket')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server that `connect` connects to, or a unix socket')
            [CompletionResult]::new('--relay', '--relay', [CompletionResultType]::ParameterName, 'The server that `connect` connects to, or a unix socket')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The port [default: 25, and 465 with --tls implicit]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port [default: 25, and 465 with --tls implicit]')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'Set a variable; repeatable')
            [CompletionResult]::new('--define', '--define', [CompletionResultType]::ParameterName, 'Set a variable; repeatable')
            [CompletionResult]::new('--helo', '--helo', [CompletionResultType]::ParameterName, 'Our name, as $helo [default: this host''s full name]')
            [CompletionResult]::new('--ehlo', '--ehlo', [CompletionResultType]::ParameterName, 'Our name, as $helo [default: this host''s full name]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit for every step, like 5s')
            [CompletionResult]::new('--show', '--show', [CompletionResultType]::ParameterName, 'Print a script that comes with ehlo')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Send a message, and write the session into a script')
            [CompletionResult]::new('--junit', '--junit', [CompletionResultType]::ParameterName, 'Write the results to this file as XML of `JUnit`''s kind; `-` is stdout')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The author [default: your login name at this host]')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The author [default: your login name at this host]')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Who gets it, named in To')
            [CompletionResult]::new('--cc', '--cc', [CompletionResultType]::ParameterName, 'Who gets it too, named in Cc')
            [CompletionResult]::new('--bcc', '--bcc', [CompletionResultType]::ParameterName, 'Who gets it and is named nowhere')
            [CompletionResult]::new('--reply-to', '--reply-to', [CompletionResultType]::ParameterName, 'Where answers are to go')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The subject')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The text: as given, from @FILE, or from stdin with `-`')
            [CompletionResult]::new('--body', '--body', [CompletionResultType]::ParameterName, 'The text: as given, from @FILE, or from stdin with `-`')
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'The text as HTML; with a body, beside it')
            [CompletionResult]::new('--markdown', '--markdown', [CompletionResultType]::ParameterName, 'The text in Markdown, sent as it is and as HTML')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Attach a file, or stdin (`-`)')
            [CompletionResult]::new('--attach', '--attach', [CompletionResultType]::ParameterName, 'Attach a file, or stdin (`-`)')
            [CompletionResult]::new('--inline', '--inline', [CompletionResultType]::ParameterName, 'A file that the HTML shows as `cid:ID`')
            [CompletionResult]::new('--attach-message', '--attach-message', [CompletionResultType]::ParameterName, 'Attach a message as it is')
            [CompletionResult]::new('--calendar', '--calendar', [CompletionResultType]::ParameterName, 'An invitation, beside the text')
            [CompletionResult]::new('--charset', '--charset', [CompletionResultType]::ParameterName, 'The charset of the text, if it is not UTF-8')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a header field, or replace one of ours')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a header field, or replace one of ours')
            [CompletionResult]::new('--in-reply-to', '--in-reply-to', [CompletionResultType]::ParameterName, 'The Message-ID that this answers')
            [CompletionResult]::new('--references', '--references', [CompletionResultType]::ParameterName, 'The Message-IDs of the conversation; repeatable')
            [CompletionResult]::new('--priority', '--priority', [CompletionResultType]::ParameterName, 'How urgent it is')
            [CompletionResult]::new('--list-unsubscribe', '--list-unsubscribe', [CompletionResultType]::ParameterName, 'Where one leaves the list: https or mailto')
            [CompletionResult]::new('--auto-submitted', '--auto-submitted', [CompletionResultType]::ParameterName, 'Say that no person wrote it, so that nothing answers by itself')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'Send this ready message, from a file or stdin (`-`)')
            [CompletionResult]::new('--envelope-from', '--envelope-from', [CompletionResultType]::ParameterName, 'The envelope''s sender; '''' is the null sender')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Connect from this address of ours')
            [CompletionResult]::new('--connect-to', '--connect-to', [CompletionResultType]::ParameterName, 'Connect to this host, and go by the name of the one that is meant')
            [CompletionResult]::new('--dns', '--dns', [CompletionResultType]::ParameterName, 'Ask this resolver instead of those in /etc/resolv.conf')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'When to encrypt')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Trust the CAs in this file (PEM) instead of the system''s')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Our own certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The key of our own certificate (PEM, without passphrase)')
            [CompletionResult]::new('--tls-name', '--tls-name', [CompletionResultType]::ParameterName, 'The name that the certificate must have, instead of the relay''s or the MX''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'The server''s certificate or key, as sha256:SUM; TLS is required')
            [CompletionResult]::new('--tls-min', '--tls-min', [CompletionResultType]::ParameterName, 'The oldest version of TLS that will do; TLS is required')
            [CompletionResult]::new('--save-certs', '--save-certs', [CompletionResultType]::ParameterName, 'Write the server''s certificates to this file (PEM), good or not')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Log in at the --relay as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in at the --relay as this user')
            [CompletionResult]::new('--auth', '--auth', [CompletionResultType]::ParameterName, 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'The password is the first line that this shell command prints')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'The password is the first line of this file')
            [CompletionResult]::new('--oauth-token-command', '--oauth-token-command', [CompletionResultType]::ParameterName, 'The OAuth token is the first line that this shell command prints')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Look for mistakes, and connect to nobody')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Name the scripts that come with ehlo')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show only what failed, on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show only what failed, on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show every address considered, and certificates')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show every address considered, and certificates')
            [CompletionResult]::new('--tap', '--tap', [CompletionResultType]::ParameterName, 'Write the results to stdout in TAP, instead of the conversation')
            [CompletionResult]::new('--format-flowed', '--format-flowed', [CompletionResultType]::ParameterName, 'Send long paragraphs as lines that flow')
            [CompletionResult]::new('--no-date', '--no-date', [CompletionResultType]::ParameterName, 'Leave Date out, to test a server')
            [CompletionResult]::new('--no-message-id', '--no-message-id', [CompletionResultType]::ParameterName, 'Leave Message-ID out, to test a server')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Take any certificate')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Take any certificate')
            [CompletionResult]::new('--allow-cleartext-password', '--allow-cleartext-password', [CompletionResultType]::ParameterName, 'Let the password go over a connection without TLS')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ehlo;config' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Read the file, and try every option of every profile')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a profile with all that it inherits')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Say which file it is')
            break
        }
        'ehlo;config;check' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the profiles')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;config;show' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the profiles')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;config;path' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the profiles')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show all items: size, age, next attempt, the last reply for each recipient')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show an item: its envelope, and what happened to it')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Deliver what is due, or these items')
            [CompletionResult]::new('hold', 'hold', [CompletionResultType]::ParameterValue, 'Try these no more until they are released')
            [CompletionResult]::new('release', 'release', [CompletionResultType]::ParameterValue, 'Let the next run try these, held or not')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove these for good; nobody is told')
            [CompletionResult]::new('requeue', 'requeue', [CompletionResultType]::ParameterValue, 'Bring these back that were set aside')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say in a line how it stands, for monitoring')
            [CompletionResult]::new('systemd', 'systemd', [CompletionResultType]::ParameterValue, 'Print a service and a timer for systemd')
            [CompletionResult]::new('cron', 'cron', [CompletionResultType]::ParameterValue, 'Print a line for a crontab')
            break
        }
        'ehlo;queue;list' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue;show' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'Write its message and nothing else')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ehlo;queue;run' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Only recipients in this domain, due or not; repeatable')
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('--now', '--now', [CompletionResultType]::ParameterName, 'Also what is not due yet')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Stay, and deliver what comes in and what becomes due')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the conversations')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the conversations')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Show the conversations, one JSON object a line')
            [CompletionResult]::new('--behind', '--behind', [CompletionResultType]::ParameterName, 'Leave the terminal, and tell nobody of failures')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ehlo;queue;hold' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue;release' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue;remove' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue;requeue' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue;status' {
            [CompletionResult]::new('--warn-items', '--warn-items', [CompletionResultType]::ParameterName, 'So many items are a warning')
            [CompletionResult]::new('--critical-items', '--critical-items', [CompletionResultType]::ParameterName, 'So many items are critical')
            [CompletionResult]::new('--warn-age', '--warn-age', [CompletionResultType]::ParameterName, 'An item as old as this is a warning, like 1h')
            [CompletionResult]::new('--critical-age', '--critical-age', [CompletionResultType]::ParameterName, 'An item as old as this is critical, like 4h or 2d')
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ehlo;queue;systemd' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;queue;cron' {
            [CompletionResult]::new('--queue-dir', '--queue-dir', [CompletionResultType]::ParameterName, 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The file with the rules of the queue, under [queue]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;sendmail' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ehlo;mailq' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
