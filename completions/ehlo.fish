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
complete -c ehlo -n "__fish_ehlo_needs_command" -a "script" -d 'Hold a conversation that a script says, and check it'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "config" -d 'Look at the configuration'
complete -c ehlo -n "__fish_ehlo_needs_command" -a "queue" -d 'Look at the queue, and deliver what is in it'
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
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s r -l server -l relay -d 'The server that `connect` connects to, or a unix socket' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s p -l port -d 'The port [default: 25, and 465 with --tls implicit]' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s s -l subject -d 'The subject' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s b -l body -d 'The text: as given, from @FILE, or from stdin with `-`' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l html -d 'The text as HTML; with a body, beside it' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l markdown -d 'The text in Markdown, sent as it is and as HTML' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s a -l attach -d 'Attach a file, or stdin (`-`)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l inline -d 'A file that the HTML shows as `cid:ID`' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l attach-message -d 'Attach a message as it is' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l calendar -d 'An invitation, beside the text' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l charset -d 'The charset of the text, if it is not UTF-8' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s H -l header -d 'Add a header field, or replace one of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l in-reply-to -d 'The Message-ID that this answers' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l references -d 'The Message-IDs of the conversation; repeatable' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l priority -d 'How urgent it is' -r -f -a "high\t''
normal\t''
low\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l list-unsubscribe -d 'Where one leaves the list: https or mailto' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l auto-submitted -d 'Say that no person wrote it, so that nothing answers by itself' -r -f -a "auto-generated\t''
auto-replied\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l message -d 'Send this ready message, from a file or stdin (`-`)' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l envelope-from -d 'The envelope\'s sender; \'\' is the null sender' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l bind -d 'Connect from this address of ours' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l connect-to -d 'Connect to this host, and go by the name of the one that is meant' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l dns -d 'Ask this resolver instead of those in /etc/resolv.conf' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls -d 'When to encrypt' -r -f -a "auto\t''
off\t''
starttls\t''
implicit\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l ca-file -d 'Trust the CAs in this file (PEM) instead of the system\'s' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l cert -d 'Our own certificate (PEM, with its chain)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l key -d 'The key of our own certificate (PEM, without passphrase)' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls-name -d 'The name that the certificate must have, instead of the relay\'s or the MX\'s' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l pin -d 'The server\'s certificate or key, as sha256:SUM; TLS is required' -r
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l tls-min -d 'The oldest version of TLS that will do; TLS is required' -r -f -a "1.2\t''
1.3\t''"
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -l save-certs -d 'Write the server\'s certificates to this file (PEM), good or not' -r -F
complete -c ehlo -n "__fish_ehlo_using_subcommand script" -s u -l user -d 'Log in at the --relay as this user' -r
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
complete -c ehlo -n "__fish_ehlo_using_subcommand sendmail" -s h -l help -d 'Print help'
complete -c ehlo -n "__fish_ehlo_using_subcommand mailq" -s h -l help -d 'Print help'
