# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ehlo_global_optspecs
    string join \n f/from= to= cc= bcc= reply-to= s/subject= b/body= html= markdown= a/attach= inline= attach-message= calendar= charset= format-flowed H/header= in-reply-to= references= priority= list-unsubscribe= auto-submitted= no-date no-message-id message= envelope-from= print r/relay= p/port= 4/ipv4 6/ipv6 bind= connect-to= dns= helo= pipelining= chunking= timeout= limit-rate= tls= k/insecure ca-file= cert= key= tls-name= pin= tls-min= save-certs= u/user= auth= password-command= password-file= oauth-token-command= allow-cleartext-password q/quiet v/verbose transcript= progress= json queue queue-only queue-dir= on-uncertain= on-failure= profile= config= h/help V/version
end

function __fish_ehlo_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ehlo_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
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
complete -c ehlo -n "__fish_ehlo_needs_command" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s b -l body -d 'The text: as given, from @FILE, or from stdin with `-`' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l html -d 'The text as HTML; with a body, beside it' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l markdown -d 'The text in Markdown, sent as it is and as HTML' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s a -l attach -d 'Attach a file, or stdin (`-`)' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l inline -d 'A file that the HTML shows as `cid:ID`' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l attach-message -d 'Attach a message as it is' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l calendar -d 'An invitation, beside the text' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l charset -d 'The charset of the text, if it is not UTF-8' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s H -l header -d 'Add a header field, or replace one of ours' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l in-reply-to -d 'The Message-ID that this answers' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l references -d 'The Message-IDs of the conversation; repeatable' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l priority -d 'How urgent it is' -r -f -a "high\t''
normal\t''
low\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l list-unsubscribe -d 'Where one leaves the list: https or mailto' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l auto-submitted -d 'Say that no person wrote it, so that nothing answers by itself' -r -f -a "auto-generated\t''
auto-replied\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l message -d 'Send this ready message, from a file or stdin (`-`)' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l envelope-from -d 'The envelope\'s sender; \'\' is the null sender' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
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
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -s u -l user -d 'Log in at the --relay as this user' -r
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
json\t''
none\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l progress -d 'Show how far a large message is, on stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l on-uncertain -d 'What becomes of those who may have got it already' -r -f -a "retry\t''
hold\t''"
complete -c ehlo -n "__fish_ehlo_needs_command" -l on-failure -d 'A shell command that is told of what was given up' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_needs_command" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_needs_command" -l format-flowed -d 'Send long paragraphs as lines that flow'
complete -c ehlo -n "__fish_ehlo_needs_command" -l no-date -d 'Leave Date out, to test a server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l no-message-id -d 'Leave Message-ID out, to test a server'
complete -c ehlo -n "__fish_ehlo_needs_command" -l print -d 'Write the message to stdout, and send nothing'
complete -c ehlo -n "__fish_ehlo_needs_command" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_needs_command" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_needs_command" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_needs_command" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_needs_command" -s q -l quiet -d 'Show only what failed, on stderr'
complete -c ehlo -n "__fish_ehlo_needs_command" -s v -l verbose -d 'Show every host considered and how each part was encoded'
complete -c ehlo -n "__fish_ehlo_needs_command" -l json -d 'The same as --transcript json'
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue -d 'Keep what cannot be sent now, and try it again'
complete -c ehlo -n "__fish_ehlo_needs_command" -l queue-only -d 'Keep the message, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_needs_command" -s V -l version -d 'Print version'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "sink" -d 'Receive mail on loopback, for demos, tests and scripts'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "demo" -d 'Send a message with an attachment to a receiver inside, and show both sides'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "probe" -d 'Say what a server says of itself, without sending mail'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "config" -d 'Look at the configuration'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "queue" -d 'Look at the queue, and deliver what is in it'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "run" -d 'Run a command, and mail what happened'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "notify" -d 'Mail a line or a text from a script'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "digest" -d 'Mail what `ehlo run --digest NAME` gathered'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "unit" -d 'Mail what became of a unit of systemd: its state, and the end of its journal'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "sendmail" -d 'What clap sees of it, for the sake of help and completions'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "mailq" -d 'What clap sees of it, for the sake of help and completions'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l listen -d 'Where to listen; port 0 takes a free one, which is said on stderr' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l maildir -d 'Put each message into this Maildir, which is made if need be' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l count -d 'Leave after this many messages' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l max-size -d 'The largest message that is taken, in bytes' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l name -d 'The name in the greeting' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l print -d 'Write each message to stdout'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -l allow-remote -d 'Listen on an address that other hosts can reach'
complete -c ehlo -n "__fish_ehlo_using_subcommand sink" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand demo" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l expect -d 'What must be there, like starttls,pipelining,auth=PLAIN,size:10M,cert-days:14' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l timeout -d 'The time limit for every step, like 5s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s u -l user -d 'Log in at the --relay as this user' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l profile -d 'Use the options of this profile' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l json -d 'One JSON object'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s v -l verbose -d 'Show the conversation, too'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from check show path" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from check show path" -f -a "check" -d 'Read the file, and try every option of every profile'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from check show path" -f -a "show" -d 'Show a profile with all that it inherits'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and not __fish_seen_subcommand_from check show path" -f -a "path" -d 'Say which file it is'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The file with the profiles' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'The file with the profiles' -r -F
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
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l when -d 'When a mail is sent' -r -f -a "failure\t''
output\t''
always\t''
change\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l name -d 'What the job is called, and remembered by [default: the name of the program]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l timeout -d 'Tell the command to end after this time, like 30m or 1h' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l kill-after -d 'Kill it when it goes on for this long after that [default: 10s]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock -d 'Do not run it while somebody else holds this lock: a name, or a file with a slash in its path' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock-wait -d 'Wait for the lock for so long' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l log -d 'Attach the log: when the text has not all of it, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l log-limit -d 'Keep no more of the compressed log than this; of a longer one, the middle is missing' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l dedupe -d 'Do not mail the same failure again within this time, like 6h or 2d, but count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l every -d 'Of failures in a row, mail the first, and then only each Nth' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l state-dir -d 'What is remembered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root /var/lib/ehlo]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l digest -d 'Put it down in this digest instead of mailing it; `ehlo digest NAME` mails what is in it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s u -l user -d 'Log in at the --relay as this user' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s s -l subject -d 'The subject, with {host} {command} {status} {duration} {name} {user} [default: \'[{host}] {status}: {name} after {duration}\']' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l lock-quiet -d 'Tell nobody when the lock is held'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l tee -d 'Let what it writes be seen here, too'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l html -d 'Show the colours of the output, in HTML beside the text'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l exit-zero -d 'Exit with 0, however the command ends'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l recovered -d 'Mail once when it works again after a failure that was mailed'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s l -l level -d 'How bad it is: it begins the subject, and error and critical are marked as urgent' -r -f -a "info\t''
notice\t''
warning\t''
error\t''
critical\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s a -l attach -d 'Attach a file; repeatable, and `;type=T` and `;name=N` may follow' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l name -d 'Under what --dedupe and --every remember it [default: the subject, without its numbers]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l dedupe -d 'Do not mail the same failure again within this time, like 6h or 2d, but count it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l every -d 'Of failures in a row, mail the first, and then only each Nth' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l state-dir -d 'What is remembered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root /var/lib/ehlo]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s u -l user -d 'Log in at the --relay as this user' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s E -l only-if-input -d 'Send nothing when there is no text'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand notify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l state-dir -d 'What was gathered is here [default: `$EHLO_STATE_DIR`, else ~/.local/state/ehlo, and for root /var/lib/ehlo]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l to -d 'Who gets it [default: MAILTO, else `to` of the profile, else you]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l cc -d 'Who gets it too, named in Cc' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l bcc -d 'Who gets it and is named nowhere' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s f -l from -d 'The author [default: MAILFROM, else `from` of the profile, else you at this host]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l reply-to -d 'Where answers are to go' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s H -l header -d 'Add a header field, or replace one of ours; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l queue-dir -d 'The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root]' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s r -l relay -l server -d 'Hand everything to this server; no MX lookup' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s u -l user -d 'Log in at the --relay as this user' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l always -d 'Mail also that there is nothing to say'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l list -d 'Show which digests there are, and how many runs are in them'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l lines -d 'So many lines of the journal of its last run' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l helo -l ehlo -d 'Our name in EHLO [default: this host\'s full name]' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s u -l user -d 'Log in at the --relay as this user' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l user-unit -d 'A unit of your own manager, and not of the system\'s'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l recovered -d 'Mail once when it works again after a failure that was mailed'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l queue-only -d 'Keep the mail, and let `ehlo queue run` send it'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l no-queue -d 'Keep nothing: send it now or never'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s k -l insecure -d 'Take any certificate'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -l allow-cleartext-password -d 'Let the password go over a connection without TLS'
complete -c ehlo -n "__fish_ehlo_using_subcommand unit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ehlo -n "__fish_ehlo_using_subcommand sendmail" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand mailq" -s h -l help -d 'Print help'
