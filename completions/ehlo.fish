# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ehlo_global_optspecs
    string join \n f/from= to= cc= bcc= reply-to= s/subject= b/body= html= markdown= a/attach= inline= attach-message= calendar= charset= format-flowed H/header= in-reply-to= references= priority= list-unsubscribe= auto-submitted= no-date no-message-id message= envelope-from= print E/only-if-input mbox= maildir= r/relay= p/port= pipe= 4/ipv4 6/ipv6 bind= connect-to= dns= helo= pipelining= chunking= timeout= limit-rate= tls= k/insecure ca-file= cert= key= tls-name= pin= tls-min= save-certs= u/user= auth= password-command= password-file= oauth-token-command= allow-cleartext-password q/quiet v/verbose transcript= hex timing summary color= json show-data progress= log= queue queue-only queue-dir= on-uncertain= on-failure= profile= config= notify= ret= envid= orcpt= require-tls= hold-for= hold-until= deliver-by= mt-priority= smtputf8= body-type= announce-size= mail-auth= prdr= quit-after= drop-after= drop-after-send= repeat= reuse wait= raw mail-param= rcpt-param= force= xclient= xforward= proxy-protocol= lmtp h/help V/version
end

function __fish_ehlo_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ehlo_global_optspecs) -- $cmd 2>/dev/null
    or argparse -s (__fish_ehlo_global_optspecs) -- $cmd '' 2>/dev/null
    or return
    if contains -- "$argv[1]" sink demo probe ask script config queue run notify digest unit doctor sendmail mailq help
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ehlo_using_subcommand
    set -l cmd (__fish_ehlo_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ehlo -n "__fish_ehlo_needs_command" -s f -l from -d 'Sender address [default: your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l to -d 'Recipient (To)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l cc -d 'Additional recipient (Cc)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l bcc -d 'Hidden recipient (Bcc)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l reply-to -d 'Address for replies' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s s -l subject -d 'Subject, as the recipient will read it' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s b -l body -d 'Message text: as given, from @FILE, or from standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l html -d 'HTML version of the text: as given, from @FILE, or from standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l markdown -d 'Markdown text, sent both as plain text and as HTML' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s a -l attach -d 'Attach a file, or standard input (`-`)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l inline -d 'Embed a file that the HTML refers to as `cid:ID`' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l attach-message -d 'Attach an email file unchanged, as message/rfc822' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l calendar -d 'Calendar invitation (iCalendar file) to send along with the text' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l charset -d 'Character set of the text, if it is not UTF-8' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s H -l header -d 'Add a header field, or replace one that ehlo sets' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l in-reply-to -d 'Message-ID of the message that this one replies to' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l references -d 'Message-IDs of the thread; repeatable, each may be a list as in the References field' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l priority -d 'Priority shown to the recipient' -r -f -a "high\t''
normal\t''
low\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l list-unsubscribe -d 'URL for unsubscribing (https or mailto)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l auto-submitted -d 'Mark the message as automatic, so that autoresponders do not reply' -r -f -a "auto-generated\t''
auto-replied\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l message -d 'Send this complete message, from a file or standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l envelope-from -d 'Envelope sender (return path); \'\' for the null sender' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mbox -d 'Send each message in this mbox, from a file or standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l maildir -d 'Send each message in this Maildir' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -s r -l relay -l server -d 'Send everything through this server; skip the MX lookup' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pipe -d 'Send everything through this command, which speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pipelining -d 'Send commands in groups if the server supports PIPELINING' -r -f -a "auto\t''
off\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l chunking -d 'Use BDAT instead of DATA if the server supports CHUNKING' -r -f -a "auto\t''
off\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l timeout -d 'Time limit for each step, as in 30s' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l limit-rate -d 'Maximum transfer rate in bytes per second, as in 500K or 2M' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l transcript -d 'Format of the session on standard output' -r -f -a "stevens\t''
swaks\t''
json\t''
none\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l color -d 'Use colors; `auto` uses them on a terminal unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l progress -d 'Show a progress bar for large messages on standard error' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l on-uncertain -d 'How to treat recipients who may already have received the message' -r -f -a "retry\t''
hold\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l on-failure -d 'Shell command to run when delivery is abandoned' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l notify -d 'When to request a delivery report (DSN): never, or any of success,failure,delay' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l ret -d 'How much of the message to return in a report: full or hdrs' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l envid -d 'Envelope ID to quote in delivery reports' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l orcpt -d 'Original recipient address to quote in delivery reports, as in `bob@example.org=rfc822;robert@example.org`' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l require-tls -d 'Require verified TLS on every hop (RFC 8689)' -r -f -a "yes\t''
no\t''
?\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l hold-for -d 'Ask the server to hold the message for this time, as in 2h (RFC 4865)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l hold-until -d 'Ask the server to hold the message until this date, as in 2030-01-31T08:00:00Z (RFC 4865)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l deliver-by -d 'Return the message if it is not delivered within this time, as in 1h (RFC 2852)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mt-priority -d 'Delivery priority, from -9 to 9 (RFC 6710)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l smtputf8 -d 'Request SMTPUTF8 always or never, instead of only if it is needed' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l body-type -d 'Value of BODY=, regardless of the message: 7bit, 8bitmime or binarymime' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l announce-size -d 'Value of SIZE=, instead of the size of the message' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mail-auth -d 'Submitter for the AUTH= parameter of MAIL; <> if unknown (RFC 4954 §5)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l prdr -d 'Request one reply per recipient after the data, if the server supports PRDR' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l quit-after -d 'Send QUIT after this stage: connect, banner, ehlo, starttls, auth, mail, rcpt, data or dot' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l drop-after -d 'Drop the connection after the reply to this stage' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l drop-after-send -d 'Drop the connection after sending this stage, without reading the reply' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l repeat -d 'Send the message N times, each over a new connection and with a new Message-ID' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l wait -d 'Pause between repetitions, as in 2s' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mail-param -d 'Extra parameters for MAIL, sent verbatim; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l rcpt-param -d 'Extra parameters for each RCPT, sent verbatim; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l force -d 'Use these extensions even if the server does not offer them, as in auth,starttls,bdat,pipelining' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l xclient -d 'Impersonate another client (XCLIENT), as in \'NAME=client.example ADDR=192.0.2.1\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l xforward -d 'Pass the original client\'s details for the server\'s log (XFORWARD), as in \'NAME=client.example\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l proxy-protocol -d 'Begin with a PROXY protocol header: v1 or v2, optionally with addresses' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l format-flowed -d 'Send the text as format=flowed'
complete -c ehlo -n "__fish_ehlo_needs_command" -l no-date -d 'Omit the Date field, to test a server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l no-message-id -d 'Omit the Message-ID field, to test a server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l print -d 'Print the message to standard output instead of sending it'
complete -c ehlo -n "__fish_ehlo_needs_command" -s E -l only-if-input -d 'Send nothing if the text is empty, and exit with status 0'
complete -c ehlo -n "__fish_ehlo_needs_command" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_needs_command" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_needs_command" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_needs_command" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_needs_command" -s q -l quiet -d 'Show only failures, on standard error'
complete -c ehlo -n "__fish_ehlo_needs_command" -s v -l verbose -d 'Also show DNS lookups, each host tried, and encoding decisions'
complete -c ehlo -n "__fish_ehlo_needs_command" -l hex -d 'Show a hex dump of all traffic except secrets'
complete -c ehlo -n "__fish_ehlo_needs_command" -l timing -d 'Show the seconds since the start before each line'
complete -c ehlo -n "__fish_ehlo_needs_command" -l summary -d 'End with one line per server that shows the duration of each step'
complete -c ehlo -n "__fish_ehlo_needs_command" -l json -d 'The same as --transcript json'
complete -c ehlo -n "__fish_ehlo_needs_command" -l show-data -d 'Also show the message as it is transmitted'
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue -d 'Queue the message if it cannot be delivered now'
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue-only -d 'Only queue the message; `ehlo queue run` sends it'
complete -c ehlo -n "__fish_ehlo_needs_command" -l reuse -d 'Send the repetitions over the same connection'
complete -c ehlo -n "__fish_ehlo_needs_command" -l raw -d 'Use --helo verbatim, and accept addresses without a domain'
complete -c ehlo -n "__fish_ehlo_needs_command" -l lmtp -d 'Speak LMTP, which returns one reply per recipient after the message (RFC 2033)'
complete -c ehlo -n "__fish_ehlo_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_needs_command" -s V -l version -d 'Print version'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "sink" -d 'Run a test mail server on the loopback interface'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "demo" -d 'Send a sample message to a built-in server and show both sides'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "probe" -d 'Report a server\'s extensions, TLS, certificate and timing without sending mail'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "ask" -d 'Send SMTP commands to a server and show its replies'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "script" -d 'Run a scripted SMTP session and check the replies'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "config" -d 'Create, check and show the configuration'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "queue" -d 'Inspect and run the mail queue'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "run" -d 'Run a command and mail the result'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "notify" -d 'Send a notification from a script'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "digest" -d 'Mail a summary of the runs recorded with --digest'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "unit" -d 'Mail the status of a systemd unit'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "doctor" -d 'Diagnose how mail from cron would leave this host'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "sendmail" -d 'Act as sendmail(8), with its options'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "mailq" -d 'List the queue, like mailq(1)'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "help" -d 'Show help for a command, a group of options, an option or a topic'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l listen -d 'Address to listen on; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l name -d 'Host name in the greeting and in a generated certificate' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l count -d 'Exit after N messages' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l time-limit -d 'Exit after this time, such as 30s; with status 1 if fewer than --count messages were received' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l max-size -d 'Maximum message size in bytes' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l max-connections -d 'Maximum number of simultaneous connections; further ones get 421' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l maildir -d 'Store each message in this Maildir, which is created if necessary' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l mbox -d 'Append each message to this file (mboxrd), which is created if necessary' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l tls -d 'TLS mode: none, after STARTTLS, or from the first byte' -r -f -a "off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l save-ca -d 'Save the generated CA certificate to this file (PEM), for clients to trust' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l cert -d 'Server certificate with its chain (PEM), instead of a generated one' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l key -d 'Private key for --cert (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l client-ca -d 'Require a client certificate signed by a CA in this file (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l auth -d 'Offer AUTH and accept any credentials, or those listed in FILE' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l offer -d 'Offer additional extensions, such as DSN,SIZE=1000,\'LIMITS RCPTMAX=5\',X-OTHER' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l no-offer -d 'Do not offer these extensions, and reject their commands and parameters' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l fault -d 'Inject a fault at a stage; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l delay -d 'Wait before each reply, or before the replies at one stage; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l hang-time -d 'Duration of the faults hang and flood' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l seed -d 'Seed for reproducible randomness' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l allow-remote -d 'Allow listening on addresses that other hosts can reach'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l lmtp -d 'Speak LMTP: LHLO, and one reply per recipient after the message'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l proxy-protocol -d 'Require a PROXY protocol header, version 1 or 2, before everything else'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l print -d 'Print each message on stdout'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l json -d 'Log all events to stdout, one JSON object per line'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l require-tls -d 'Refuse mail without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l require-auth -d 'Refuse mail without authentication'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l auth-in-clear -d 'Allow authentication without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand demo" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l pipe -d 'Inspect this command, which speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l expect -d 'Required properties, as in starttls,pipelining,auth=PLAIN,size:10M,cert-days:14' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l timeout -d 'Time limit for each step, as in 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l profile -d 'Probe the relay of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l json -d 'Print the report as one JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s v -l verbose -d 'Also show the SMTP session'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l timeout -d 'Time limit for each step, as in 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l force -d 'Use these extensions even if the server does not offer them, as in auth,starttls,bdat,pipelining' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l xclient -d 'Impersonate another client (XCLIENT), as in \'NAME=client.example ADDR=192.0.2.1\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l xforward -d 'Pass the original client\'s details for the server\'s log (XFORWARD), as in \'NAME=client.example\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l proxy-protocol -d 'Begin with a PROXY protocol header: v1 or v2, optionally with addresses' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l transcript -d 'Format of the session on standard output' -r -f -a "stevens\t''
swaks\t''
json\t''
none\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l color -d 'Use colors; `auto` uses them on a terminal unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l lmtp -d 'Speak LMTP, which returns one reply per recipient after the message (RFC 2033)'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s q -l quiet -d 'Show only failures, on standard error'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l hex -d 'Show a hex dump of all traffic except secrets'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l timing -d 'Show the seconds since the start before each line'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l summary -d 'End with one line per server that shows the duration of each step'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l json -d 'The same as --transcript json'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s v -l verbose -d 'Also show each address tried, and certificates'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s r -l server -l relay -d 'Server to `connect` to, or the path of a Unix socket' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l pipe -d 'Use this command as the server; it speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s D -l define -d 'Set a variable; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l helo -l ehlo -d 'Client name, as $helo [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l timeout -d 'Time limit for each step, as in 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l show -d 'Print a bundled script' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l record -d 'Send a message, and record the session as a script' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l junit -d 'Write the results to this file in `JUnit` XML format; `-` for standard output' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s f -l from -d 'Sender address [default: your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l to -d 'Recipient (To)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l cc -d 'Additional recipient (Cc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l bcc -d 'Hidden recipient (Bcc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l reply-to -d 'Address for replies' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s s -l subject -d 'Subject, as the recipient will read it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s b -l body -d 'Message text: as given, from @FILE, or from standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l html -d 'HTML version of the text: as given, from @FILE, or from standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l markdown -d 'Markdown text, sent both as plain text and as HTML' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s a -l attach -d 'Attach a file, or standard input (`-`)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l inline -d 'Embed a file that the HTML refers to as `cid:ID`' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l attach-message -d 'Attach an email file unchanged, as message/rfc822' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l calendar -d 'Calendar invitation (iCalendar file) to send along with the text' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l charset -d 'Character set of the text, if it is not UTF-8' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s H -l header -d 'Add a header field, or replace one that ehlo sets' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l in-reply-to -d 'Message-ID of the message that this one replies to' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l references -d 'Message-IDs of the thread; repeatable, each may be a list as in the References field' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l priority -d 'Priority shown to the recipient' -r -f -a "high\t''
normal\t''
low\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l list-unsubscribe -d 'URL for unsubscribing (https or mailto)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l auto-submitted -d 'Mark the message as automatic, so that autoresponders do not reply' -r -f -a "auto-generated\t''
auto-replied\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l message -d 'Send this complete message, from a file or standard input (`-`)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l envelope-from -d 'Envelope sender (return path); \'\' for the null sender' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls -d 'implicit: start TLS at each `connect` to --server' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l check -d 'Check the syntax without connecting'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l list -d 'List the bundled scripts'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s q -l quiet -d 'Show only failures, on standard error'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s v -l verbose -d 'Also show each address tried, and certificates'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tap -d 'Print the results in TAP format instead of the session'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l format-flowed -d 'Send the text as format=flowed'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l no-date -d 'Omit the Date field, to test a server'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l no-message-id -d 'Omit the Message-ID field, to test a server'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from init edit check show path" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from init edit check show path" -f -a "init" -d 'Create a profile for your mail account'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from init edit check show path" -f -a "edit" -d 'Open the file in $VISUAL or $EDITOR, and check it afterwards'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from init edit check show path" -f -a "check" -d 'Check every option of every profile, and open the files that they name'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from init edit check show path" -f -a "show" -d 'Show a profile, including the settings that it inherits'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from init edit check show path" -f -a "path" -d 'Print the path of the file'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l address -d 'Your email address, optionally with a name, as in \'Alice <alice@gmail.com>\'' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l provider -d 'Mail provider, if it cannot be found by the address' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -s r -l relay -d 'Server for outgoing mail [default: that of the provider]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -s u -l user -d 'User name for the login [default: as the provider requires, usually the address]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l password-command -d 'Shell command that prints the password' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l password-file -d 'File that contains the password' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l oauth-token-command -d 'Shell command that prints an OAuth 2.0 access token' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l ca-file -d 'File with the CA certificates (PEM) to trust instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l profile -d 'Name of the profile [default: that of the provider, else the domain of the address]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l dns -d 'DNS resolver for the lookup of the mail exchangers' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l config -d 'Configuration file to create or extend [default: `$EHLO_CONFIG`, else `~/.config/ehlo/config.toml`]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l default -d 'Make this the default profile. The first profile of a file is always the default'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -l online -d 'Log in to the server after writing the file, without sending mail'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -s y -l yes -d 'Ask no questions, even at a terminal'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from edit" -l config -d 'Configuration file [default: the first that exists, see ehlo(1)]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Configuration file [default: the first that exists, see ehlo(1)]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: the first that exists, see ehlo(1)]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Configuration file [default: the first that exists, see ehlo(1)]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "list" -d 'List all items with size, age, next attempt, and the last reply for each recipient'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "show" -d 'Show an item: its envelope and its history'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "run" -d 'Deliver the items that are due, or the given items'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "serve" -d 'Accept messages from all users of this host on a unix socket'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "hold" -d 'Suspend delivery of items until they are released'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "release" -d 'Release items: the next run tries them, held or not'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "remove" -d 'Delete items permanently, without a report to the sender'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "requeue" -d 'Put items that were set aside back into the queue'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "status" -d 'Print a one-line status for monitoring'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "systemd" -d 'Print a service and a timer for systemd'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run serve hold release remove requeue status systemd cron" -f -a "cron" -d 'Print a crontab entry'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l message -d 'Print only the message'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l to -d 'Try only recipients in this domain, due or not; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l as-user -d 'As root, run the queue of the user with this ID' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l now -d 'Also try items that are not due yet'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l watch -d 'Keep running and deliver messages as they arrive or become due'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Show the SMTP sessions'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l json -d 'Show the SMTP sessions as JSON, one object per line'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l all-users -d 'Run the personal queues of all users of this host, each with the rights of its user. Requires root'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l behind -d 'Leave the terminal, and do not report failures'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from serve" -l socket -d 'Path of the socket [default: socket in [submit], else /run/ehlo/submit.sock]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from serve" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from serve" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from serve" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from serve" -l connection -d 'Serve the one client that is connected to the standard input, then deliver what it has submitted'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from hold" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from hold" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from release" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from release" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from remove" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from requeue" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from requeue" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from requeue" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l warn-items -d 'Number of items that causes a warning' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l critical-items -d 'Number of items that is critical' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l warn-age -d 'Age of an item that causes a warning, such as 1h' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l critical-age -d 'Age of an item that is critical, such as 4h or 2d' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -l user -d 'The system user that owns the queue' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -l submit -d 'Print the units for one queue of all users: the submission socket, the service for its connections, and services and timers for the queue of the host and for the personal queues'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from cron" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from cron" -l config -d 'Configuration file to read the [queue] section from' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from cron" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l when -d 'When to send a mail [default: failure, or always with --digest]' -r -f -a "failure\t'The command failed'
output\t'It failed or produced output, as with cron'
always\t'After every run'
change\t'The result or the output differs from the last run that was mailed'"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l name -d 'Job name, also used to remember its state [default: the name of the program or script]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l timeout -d 'Time limit for the command, like 30m or 1h' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l kill-after -d 'Send SIGKILL if it is still running this long after SIGTERM [default: 10s]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock -d 'Do not start the command while this lock is held: a name, or a path with a slash' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock-wait -d 'How long to wait for the lock' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l log -d 'When to attach the log: if the mail does not contain all of it (auto), always, or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l log-limit -d 'Maximum size of the compressed log; the middle of longer logs is dropped' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l ping -d 'Tell a monitoring service like healthchecks.io when the command starts and how it ends' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l dedupe -d 'Do not mail an identical failure again within this time, as in 6h or 2d; only count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l every -d 'Mail only the first and then every Nth consecutive failure' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l state-dir -d 'State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and /var/lib/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l digest -d 'Record the run in this digest instead of mailing it; `ehlo digest NAME` mails the digest' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l to -d 'Recipient [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l cc -d 'Additional recipient (Cc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l bcc -d 'Hidden recipient (Bcc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s f -l from -d 'Sender address [default: MAILFROM, else `from` of the profile, else your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l reply-to -d 'Address for replies' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s H -l header -d 'Add a header field, or replace one that ehlo sets; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s r -l relay -l server -d 'Send everything through this server; skip the MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l pipe -d 'Send everything through this command, which speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s s -l subject -d 'Subject, in which {host} {command} {status} {duration} {name} {user} are replaced [default: \'[{host}] {status}: {name} after {duration}\']' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock-quiet -d 'Do not report that the lock is held'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tee -d 'Also print the output'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l mark-stderr -d 'Mark lines from stderr with "! " in the mail'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l html -d 'Keep the colors of the output, in an additional HTML version'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l exit-zero -d 'Exit with status 0 even if the command fails'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l recovered -d 'Mail once when the job succeeds again after a reported failure'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l queue-only -d 'Only queue the mail; `ehlo queue run` sends it'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l no-queue -d 'Do not queue; make a single delivery attempt'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s l -l level -d 'Severity, shown at the start of the subject; error and critical are marked urgent' -r -f -a "info\t''
notice\t''
warning\t''
error\t''
critical\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s a -l attach -d 'Attach a file, optionally with `;type=T` and `;name=N`; repeatable' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l name -d 'Key used by --dedupe and --every [default: the subject, ignoring times and the like]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l dedupe -d 'Do not mail an identical failure again within this time, as in 6h or 2d; only count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l every -d 'Mail only the first and then every Nth consecutive failure' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l state-dir -d 'State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and /var/lib/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l to -d 'Recipient [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l cc -d 'Additional recipient (Cc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l bcc -d 'Hidden recipient (Bcc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s f -l from -d 'Sender address [default: MAILFROM, else `from` of the profile, else your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l reply-to -d 'Address for replies' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s s -l subject -d 'Subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s H -l header -d 'Add a header field, or replace one that ehlo sets; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s r -l relay -l server -d 'Send everything through this server; skip the MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l pipe -d 'Send everything through this command, which speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s E -l only-if-input -d 'Send nothing if the text is empty'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l queue-only -d 'Only queue the mail; `ehlo queue run` sends it'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l no-queue -d 'Do not queue; make a single delivery attempt'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l state-dir -d 'State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, or /var/lib/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l to -d 'Recipient [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l cc -d 'Additional recipient (Cc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l bcc -d 'Hidden recipient (Bcc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s f -l from -d 'Sender address [default: MAILFROM, else `from` of the profile, else your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l reply-to -d 'Address for replies' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s s -l subject -d 'Subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s H -l header -d 'Add a header field, or replace one that ehlo sets; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s r -l relay -l server -d 'Send everything through this server; skip the MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l pipe -d 'Send everything through this command, which speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l always -d 'Send a mail even if there is nothing to report'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l list -d 'List all digests and the number of runs in each'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l queue-only -d 'Only queue the mail; `ehlo queue run` sends it'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l no-queue -d 'Do not queue; make a single delivery attempt'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l lines -d 'Number of journal lines of the last run to include' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l dedupe -d 'Do not mail an identical failure again within this time, as in 6h or 2d; only count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l every -d 'Mail only the first and then every Nth consecutive failure' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l state-dir -d 'State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and /var/lib/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l to -d 'Recipient [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l cc -d 'Additional recipient (Cc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l bcc -d 'Hidden recipient (Bcc)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s f -l from -d 'Sender address [default: MAILFROM, else `from` of the profile, else your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l reply-to -d 'Address for replies' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s s -l subject -d 'Subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s H -l header -d 'Add a header field, or replace one that ehlo sets; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l queue-dir -d 'Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s r -l relay -l server -d 'Send everything through this server; skip the MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s p -l port -d 'Port: a number, or smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l pipe -d 'Send everything through this command, which speaks SMTP on standard input and output' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l bind -d 'Local address to connect from' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l connect-to -d 'Open the connection to this host instead of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l dns -d 'Use this DNS resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l helo -l ehlo -d 'Client name for EHLO [default: the full name of this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls -d 'When to use TLS' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l ca-file -d 'Trust the CAs in this file (PEM) instead of those of the system' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l cert -d 'Client certificate with its chain (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l key -d 'Private key of the client certificate (PEM, unencrypted)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls-name -d 'Name expected in the certificate, instead of the server name' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l pin -d 'Expected certificate or public key of the server, as sha256:SUM; implies that TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls-min -d 'Minimum TLS version; implies that TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l save-certs -d 'Save the server\'s certificate chain (PEM), whether or not it is valid' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s u -l user -d 'Log in to the server as this user' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l auth -d 'Restrict the authentication mechanisms, as in SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l password-command -d 'Shell command that prints the password on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l password-file -d 'File with the password on its first line' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l oauth-token-command -d 'Shell command that prints an OAuth token on its first line' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l user-unit -d 'A unit of the user manager instead of the system manager'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l recovered -d 'Mail once when the job succeeds again after a reported failure'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l queue-only -d 'Only queue the mail; `ehlo queue run` sends it'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l no-queue -d 'Do not queue; make a single delivery attempt'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s k -l insecure -d 'Accept any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l allow-cleartext-password -d 'Allow the password to be sent without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l mailto -d 'Recipients of the mail [default: MAILTO of your crontab, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l timeout -d 'Time limit for each step, like 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l skip -d 'Skip the steps with these names, like cron,runner' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l send-test -d 'Finally, send a short message to ADDR, or to the recipient of mail from cron' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l by-cron -d 'This process has the environment of cron; these variables were removed' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l profile -d 'Check mail from `ehlo run` and `ehlo notify` with this profile, instead of mail from cron' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l config -d 'Configuration file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l here -d 'Use the current environment instead of that of cron'
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l offline -d 'Do not contact any server, including DNS servers'
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l no-login -d 'Do not log in to the relay'
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -l json -d 'Print the result as a JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -s v -l verbose -d 'Also show the SMTP sessions'
complete -c ehlo -n "__fish_ehlo_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand sendmail" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand mailq" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
