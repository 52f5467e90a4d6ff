# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ehlo_global_optspecs
    string join \n f/from= to= cc= bcc= reply-to= s/subject= b/body= html= markdown= a/attach= inline= attach-message= calendar= charset= format-flowed H/header= in-reply-to= references= priority= list-unsubscribe= auto-submitted= no-date no-message-id message= envelope-from= print E/only-if-input r/relay= p/port= pipe= 4/ipv4 6/ipv6 bind= connect-to= dns= helo= pipelining= chunking= timeout= limit-rate= tls= k/insecure ca-file= cert= key= tls-name= pin= tls-min= save-certs= u/user= auth= password-command= password-file= oauth-token-command= allow-cleartext-password q/quiet v/verbose transcript= hex timing summary color= json show-data progress= log= queue queue-only queue-dir= on-uncertain= on-failure= profile= config= notify= ret= envid= orcpt= require-tls= hold-for= hold-until= deliver-by= mt-priority= smtputf8= body-type= announce-size= mail-auth= prdr= quit-after= drop-after= drop-after-send= repeat= wait= raw mail-param= rcpt-param= force= xclient= xforward= proxy-protocol= lmtp h/help V/version
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

complete -c ehlo -n "__fish_ehlo_needs_command" -s f -l from -d 'The author [default: your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l to -d 'Who gets it, named in To' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s s -l subject -d 'The subject, as it is to be read' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s b -l body -d 'The text: as given, from @FILE, or from stdin with `-`' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l html -d 'The text as HTML: as given, from @FILE, or from stdin with `-`' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l markdown -d 'The text in Markdown, sent as it is and as HTML' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s a -l attach -d 'Attach a file, or stdin (`-`)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l inline -d 'A file that the HTML shows as `cid:ID`' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l attach-message -d 'Attach a message as it is' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l calendar -d 'An invitation, beside the text' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l charset -d 'The charset of the text, if it is not UTF-8' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s H -l header -d 'Add a header field, or replace one that ehlo writes' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l in-reply-to -d 'The Message-ID of the message that this one answers' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l references -d 'The Message-IDs of the conversation; repeatable, and each may be a list as it is in a message' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l priority -d 'How urgent it is' -r -f -a "high\t''
normal\t''
low\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l list-unsubscribe -d 'Where one leaves the list: https or mailto' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l auto-submitted -d 'Say that no person wrote it, so that nothing answers by itself' -r -f -a "auto-generated\t''
auto-replied\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l message -d 'Send this ready message, from a file or stdin (`-`)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l envelope-from -d 'The envelope\'s sender; \'\' is the null sender' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pipe -d 'Hand everything to this command, which speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pipelining -d 'Commands in groups where the server offers it' -r -f -a "auto\t''
off\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l chunking -d 'BDAT instead of DATA where the server offers it' -r -f -a "auto\t''
off\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l timeout -d 'One time limit for every step, like 30s' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l limit-rate -d 'Send no faster than this many bytes a second, like 500K or 2M' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l transcript -d 'How the conversation is shown on stdout' -r -f -a "stevens\t''
swaks\t''
json\t''
none\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l color -d 'Colours on stdout; `auto` uses them on a terminal where `NO_COLOR` is not set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l progress -d 'Show how far a large message is, on stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l on-uncertain -d 'What becomes of those who may have got it already' -r -f -a "retry\t''
hold\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l on-failure -d 'A shell command that is told of what was given up' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l notify -d 'When a report is wanted: never, or some of success,failure,delay' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l ret -d 'How much of the message comes back with a report: full or hdrs' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l envid -d 'What a report is to call the envelope' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l orcpt -d 'What a report is to call a recipient, as in `bob@example.org=rfc822;robert@example.org`' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l require-tls -d 'Let the message travel in verified TLS only, all the way (RFC 8689)' -r -f -a "yes\t''
no\t''
?\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l hold-for -d 'Let the server hold the message for this time, like 2h (RFC 4865)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l hold-until -d 'Let the server hold the message until then, like 2030-01-31T08:00:00Z (RFC 4865)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l deliver-by -d 'Let it arrive within this time, like 1h, or come back (RFC 2852)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mt-priority -d 'How urgent it is to servers, from -9 to 9 (RFC 6710)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l smtputf8 -d 'Say SMTPUTF8 always or never, instead of where it is needed and offered' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l body-type -d 'What BODY= says, instead of what the message needs: 7bit, 8bitmime or binarymime' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l announce-size -d 'What SIZE= says, instead of the message\'s size' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mail-auth -d 'Who has handed in the message, for AUTH= on MAIL; <> is nobody known (RFC 4954 §5)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l prdr -d 'A reply for each recipient behind the end of data, where PRDR is offered' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l quit-after -d 'Say QUIT behind this stage: connect, banner, ehlo, starttls, auth, mail, rcpt, data or dot' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l drop-after -d 'Close the connection without a word behind the reply to this stage' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l drop-after-send -d 'Close the connection once this stage was said, with its reply unread' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l repeat -d 'Send the message so many times, each with a connection and a Message-ID of its own' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l wait -d 'Wait between them, like 2s' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l mail-param -d 'Words behind MAIL as they are; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l rcpt-param -d 'Words behind each RCPT as they are; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l force -d 'Use these although the server does not offer them, like auth,starttls,bdat,pipelining' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l xclient -d 'Claim to be another client, as in \'NAME=client.example ADDR=192.0.2.1\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l xforward -d 'Report where the message came from, for the server\'s log, as in \'NAME=client.example\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l proxy-protocol -d 'Begin with a header of the PROXY protocol: v1 or v2, alone or with the two ends' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l format-flowed -d 'Send long paragraphs as lines that flow'
complete -c ehlo -n "__fish_ehlo_needs_command" -l no-date -d 'Leave Date out, to test a server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l no-message-id -d 'Leave Message-ID out, to test a server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l print -d 'Write the message to stdout, and send nothing'
complete -c ehlo -n "__fish_ehlo_needs_command" -s E -l only-if-input -d 'Send nothing if there is no text, and exit with 0'
complete -c ehlo -n "__fish_ehlo_needs_command" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_needs_command" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_needs_command" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_needs_command" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_needs_command" -s q -l quiet -d 'Show only what failed, on stderr'
complete -c ehlo -n "__fish_ehlo_needs_command" -s v -l verbose -d 'Show every host considered and how each part was encoded'
complete -c ehlo -n "__fish_ehlo_needs_command" -l hex -d 'Show every octet that is sent and received, but for secrets, instead of lines'
complete -c ehlo -n "__fish_ehlo_needs_command" -l timing -d 'Show the seconds since the start before each line'
complete -c ehlo -n "__fish_ehlo_needs_command" -l summary -d 'At the end, show how long each step took, in one line for each server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l json -d 'The same as --transcript json'
complete -c ehlo -n "__fish_ehlo_needs_command" -l show-data -d 'Show the message, too, as it goes over the wire'
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue -d 'Keep what cannot be sent now, and try it again'
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue-only -d 'Keep the message, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_needs_command" -l raw -d 'Accept any printable --helo, and recipients and senders without a domain'
complete -c ehlo -n "__fish_ehlo_needs_command" -l lmtp -d 'Speak LMTP, which has a reply for each recipient behind the message (RFC 2033)'
complete -c ehlo -n "__fish_ehlo_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_needs_command" -s V -l version -d 'Print version'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "sink" -d 'Receive mail on loopback, for demos, tests and scripts'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "demo" -d 'Send a message with an attachment to a receiver inside, and show both sides'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "probe" -d 'Say what a server says of itself, without sending mail'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "ask" -d 'Say commands to a server, and show what it answers'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "script" -d 'Hold a conversation that a script says, and check it'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "config" -d 'Create, check and show the configuration'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "queue" -d 'Look at the queue, and deliver what is in it'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "run" -d 'Run a command and mail the result'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "notify" -d 'Send a notification from a script'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "digest" -d 'Mail a summary of the runs recorded with --digest'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "unit" -d 'Mail the status of a systemd unit'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "doctor" -d 'Diagnose how mail from cron would leave this host'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "sendmail" -d 'Do what sendmail does, with its options'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "mailq" -d 'Show the queue, as sendmail does'
complete -c ehlo -n "__fish_ehlo_needs_command" -f -a "help" -d 'Show help for a command, a group of options, an option or a topic'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l listen -d 'Where to listen; may be given more than once' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l name -d 'The name in the greeting, and in a certificate that is made' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l count -d 'End after this many messages' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l time-limit -d 'End after this time, like 30s; with status 1 if fewer messages than --count have come' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l max-size -d 'The largest message that is taken, in bytes' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l max-connections -d 'How many may be connected at once; those beyond hear 421' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l maildir -d 'Put each message into this Maildir, which is made if need be' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l mbox -d 'Append each message to this file (mboxrd), which is made if need be' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l tls -d 'When to encrypt: never, when the client says STARTTLS, or from the first byte on' -r -f -a "off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l save-ca -d 'Write the authority to this file (PEM), for a client to trust' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l cert -d 'Show this certificate (PEM, with its chain) instead of one that is made' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l key -d 'The key of --cert (PEM)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l client-ca -d 'Want a certificate of the client that a CA in this file (PEM) has signed' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l auth -d 'Offer AUTH: to anybody with any password or token, or to the users of a file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l offer -d 'Offer these extensions as well, like DSN,SIZE=1000,\'LIMITS RCPTMAX=5\',X-OTHER' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l no-offer -d 'Do not offer these extensions, and refuse what belongs to them' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l fault -d 'Do something wrong at a stage; may be given more than once' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l delay -d 'Wait for so long before each reply, or before those of one stage; may be given more than once' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l hang-time -d 'For how long to hang, or to flood' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l seed -d 'Let chance be the same in each run' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l allow-remote -d 'Listen on an address that other hosts can reach'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l lmtp -d 'Speak LMTP: LHLO, and a reply for each recipient at the end of the message'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l proxy-protocol -d 'Want a header of the PROXY protocol, version 1 or 2, before everything else'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l print -d 'Write each message to stdout'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l json -d 'Tell on stdout all that happens, one JSON object a line'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l require-tls -d 'Take no mail without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l require-auth -d 'Take no mail from those who are not logged in'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l auth-in-clear -d 'Let people log in without TLS as well'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand demo" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l pipe -d 'Ask this command, which speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l expect -d 'What must be there, like starttls,pipelining,auth=PLAIN,size:10M,cert-days:14' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l timeout -d 'The time limit for every step, like 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l profile -d 'Probe the relay of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l json -d 'One JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s v -l verbose -d 'Show the conversation, too'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l timeout -d 'The time limit for every step, like 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l force -d 'Use these although the server does not offer them, like auth,starttls,bdat,pipelining' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l xclient -d 'Claim to be another client, as in \'NAME=client.example ADDR=192.0.2.1\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l xforward -d 'Report where the message came from, for the server\'s log, as in \'NAME=client.example\'; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l proxy-protocol -d 'Begin with a header of the PROXY protocol: v1 or v2, alone or with the two ends' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l transcript -d 'How the conversation is shown on stdout' -r -f -a "stevens\t''
swaks\t''
json\t''
none\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l color -d 'Colours on stdout; `auto` uses them on a terminal where `NO_COLOR` is not set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l lmtp -d 'Speak LMTP, which has a reply for each recipient behind the message (RFC 2033)'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s q -l quiet -d 'Show only what failed, on stderr'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l hex -d 'Show every octet that is sent and received, but for secrets, instead of lines'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l timing -d 'Show the seconds since the start before each line'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l summary -d 'At the end, show how long each step took, in one line for each server'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -l json -d 'The same as --transcript json'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s v -l verbose -d 'Show every address considered, and certificates'
complete -c ehlo -n "__fish_ehlo_using_subcommand ask" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s r -l server -l relay -d 'The server that `connect` connects to, or a unix socket' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l pipe -d 'A command that is the server, and speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s D -l define -d 'Set a variable; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l helo -l ehlo -d 'Our name, as $helo [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l timeout -d 'The time limit for every step, like 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l show -d 'Print a script that comes with ehlo' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l record -d 'Send a message, and write the session into a script' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l junit -d 'Write the results to this file as XML of `JUnit`\'s kind; `-` is stdout' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s f -l from -d 'The author [default: your login name at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l to -d 'Who gets it, named in To' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s s -l subject -d 'The subject, as it is to be read' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s b -l body -d 'The text: as given, from @FILE, or from stdin with `-`' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l html -d 'The text as HTML: as given, from @FILE, or from stdin with `-`' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l markdown -d 'The text in Markdown, sent as it is and as HTML' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s a -l attach -d 'Attach a file, or stdin (`-`)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l inline -d 'A file that the HTML shows as `cid:ID`' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l attach-message -d 'Attach a message as it is' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l calendar -d 'An invitation, beside the text' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l charset -d 'The charset of the text, if it is not UTF-8' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s H -l header -d 'Add a header field, or replace one that ehlo writes' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l in-reply-to -d 'The Message-ID of the message that this one answers' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l references -d 'The Message-IDs of the conversation; repeatable, and each may be a list as it is in a message' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l priority -d 'How urgent it is' -r -f -a "high\t''
normal\t''
low\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l list-unsubscribe -d 'Where one leaves the list: https or mailto' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l auto-submitted -d 'Say that no person wrote it, so that nothing answers by itself' -r -f -a "auto-generated\t''
auto-replied\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l message -d 'Send this ready message, from a file or stdin (`-`)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l envelope-from -d 'The envelope\'s sender; \'\' is the null sender' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls -d 'Begin TLS with the first byte of `connect`: implicit' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l check -d 'Look for mistakes, and connect to nobody'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l list -d 'Name the scripts that come with ehlo'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s q -l quiet -d 'Show only what failed, on stderr'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s v -l verbose -d 'Show every address considered, and certificates'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tap -d 'Write the results to stdout in TAP, instead of the conversation'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l format-flowed -d 'Send long paragraphs as lines that flow'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l no-date -d 'Leave Date out, to test a server'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l no-message-id -d 'Leave Message-ID out, to test a server'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
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
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "list" -d 'Show all items: size, age, next attempt, the last reply for each recipient'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "show" -d 'Show an item: its envelope, and what happened to it'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "run" -d 'Deliver what is due, or these items'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "hold" -d 'Try these no more until they are released'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "release" -d 'Let the next run try these, held or not'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "remove" -d 'Remove these for good; nobody is told'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "requeue" -d 'Bring these back that were set aside'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "status" -d 'Say in a line how it stands, for monitoring'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "systemd" -d 'Print a service and a timer for systemd'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and not __fish_seen_subcommand_from list show run hold release remove requeue status systemd cron" -f -a "cron" -d 'Print a line for a crontab'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a line'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l message -d 'Write its message and nothing else'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -l json -d 'One JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l to -d 'Only recipients in this domain, due or not; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l now -d 'Also what is not due yet'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l watch -d 'Stay, and deliver what comes in and what becomes due'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Show the conversations'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l json -d 'Show the conversations, one JSON object a line'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -l behind -d 'Leave the terminal, and tell nobody of failures'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from hold" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from hold" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from release" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from release" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from remove" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from remove" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from requeue" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from requeue" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from requeue" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l warn-items -d 'So many items are a warning' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l critical-items -d 'So many items are critical' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l warn-age -d 'An item as old as this is a warning, like 1h' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l critical-age -d 'An item as old as this is critical, like 4h or 2d' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -l json -d 'One JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from systemd" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from cron" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand queue; and __fish_seen_subcommand_from cron" -l config -d 'The file with the rules of the queue, under [queue]' -r -F
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
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l dedupe -d 'Do not mail the same failure again within this time, like 6h or 2d, but count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l every -d 'Of failures in a row, mail the first, and then only each Nth' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l state-dir -d 'What is remembered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root /var/lib/ehlo]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l digest -d 'Record the run in this digest instead of mailing it; `ehlo digest NAME` mails the digest' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l pipe -d 'Hand everything to this command, which speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s s -l subject -d 'Subject, in which {host} {command} {status} {duration} {name} {user} are replaced [default: \'[{host}] {status}: {name} after {duration}\']' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock-quiet -d 'Do not report that the lock is held'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tee -d 'Also print the output'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l mark-stderr -d 'Mark lines from stderr with "! " in the mail'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l html -d 'Keep the colors of the output, in an additional HTML version'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l exit-zero -d 'Exit with status 0 even if the command fails'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l recovered -d 'Mail once when it works again after a failure that was mailed'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s l -l level -d 'Severity, shown at the start of the subject; error and critical are marked urgent' -r -f -a "info\t''
notice\t''
warning\t''
error\t''
critical\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s a -l attach -d 'Attach a file, optionally with `;type=T` and `;name=N`; repeatable' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l name -d 'Key used by --dedupe and --every [default: the subject, ignoring times and the like]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l dedupe -d 'Do not mail the same failure again within this time, like 6h or 2d, but count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l every -d 'Of failures in a row, mail the first, and then only each Nth' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l state-dir -d 'What is remembered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root /var/lib/ehlo]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l log -d 'Append a line for each recipient and attempt to this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l pipe -d 'Hand everything to this command, which speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s E -l only-if-input -d 'Send nothing if the text is empty'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l state-dir -d 'State directory [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, or /var/lib/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l pipe -d 'Hand everything to this command, which speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l always -d 'Send a mail even if there is nothing to report'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l list -d 'List all digests and the number of runs in each'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l lines -d 'Number of journal lines of the last run to include' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l dedupe -d 'Do not mail the same failure again within this time, like 6h or 2d, but count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l every -d 'Of failures in a row, mail the first, and then only each Nth' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l state-dir -d 'What is remembered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root /var/lib/ehlo]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s p -l port -d 'The port, by number or as smtp, submission or submissions [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l pipe -d 'Hand everything to this command, which speaks SMTP on its stdin and stdout' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l connect-to -d 'Connect to this host instead of the server that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls-name -d 'The name that the certificate must have, instead of that of the server' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s u -l user -d 'Log in as this user, at the server that is named' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l auth -d 'Use only these ways to log in, like SCRAM-SHA-256,PLAIN' -r -f -a "EXTERNAL\t''
SCRAM-SHA-256-PLUS\t''
SCRAM-SHA-1-PLUS\t''
SCRAM-SHA-256\t''
SCRAM-SHA-1\t''
CRAM-MD5\t''
PLAIN\t''
LOGIN\t''
OAUTHBEARER\t''
XOAUTH2\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l password-command -d 'The password is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l password-file -d 'The password is the first line of this file' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l oauth-token-command -d 'The OAuth token is the first line that this shell command prints' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l user-unit -d 'A unit of the user manager instead of the system manager'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l recovered -d 'Mail once when it works again after a failure that was mailed'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
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
