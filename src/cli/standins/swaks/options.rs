//! The options of swaks: one table for parsing, prompts and the reconstructed command line.

use std::fmt;

/// How getopt parses the argument of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Flag,
    /// The next word, unless it looks like an option.
    OptionalText,
    /// The next word, if it is a number.
    OptionalNumber,
    /// The next word, whatever it is.
    Text,
}

/// What an option without an argument means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is a flag.
    Flag,
    /// The empty text.
    Empty,
    Error,
    /// The user is asked.
    Prompt(Prompt),
}

/// A question to the user, repeated until the answer has the right form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub text: &'static str,
    pub answer: Answer,
    pub is_secret: bool,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Any,
    NotEmpty,
    /// Letters, digits and underscores.
    Word,
    /// Digits, and a unit of time.
    Time,
    /// 1 or 2.
    ProxyVersion,
}

impl Answer {
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::NotEmpty => !text.is_empty(),
            Self::Word => {
                let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                !text.is_empty() && text.bytes().all(is_word)
            }
            Self::Time => {
                let digits = text.strip_suffix(['h', 'H', 'm', 'M', 's', 'S']);
                let digits = digits.unwrap_or(text);
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::ProxyVersion => text == "1" || text == "2",
        }
    }
}

/// Options whose common order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Attachments,
    Xclient,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub key: Key,
    /// Without hyphens, the canonical name first.
    pub names: &'static [&'static str],
    pub syntax: Syntax,
    pub missing: Missing,
    /// True if `@FILE` and `-` stand for the content of a file and of the standard input.
    pub reads_files: bool,
    /// True if each use adds a value; else the last one counts.
    pub is_list: bool,
    pub group: Option<Group>,
    /// True if the name may not be cut short, because swaks has no such option.
    pub is_whole: bool,
    /// One line for `--help`.
    pub help: &'static str,
}

impl Row {
    const fn new(
        key: Key,
        names: &'static [&'static str],
        kind: (Syntax, Missing),
        help: &'static str,
    ) -> Self {
        Self {
            key,
            names,
            syntax: kind.0,
            missing: kind.1,
            reads_files: false,
            is_list: false,
            group: None,
            is_whole: false,
            help,
        }
    }

    const fn list(mut self) -> Self {
        self.is_list = true;
        self
    }

    const fn files(mut self) -> Self {
        self.reads_files = true;
        self
    }

    const fn whole(mut self) -> Self {
        self.is_whole = true;
        self
    }

    const fn of(mut self, group: Group) -> Self {
        self.group = Some(group);
        self
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.names.iter().enumerate() {
            let is_short = name.len() <= 3 || name.starts_with("tls") || *name == "dabsp";
            let is_alias = place > 0 || self.names.len() == 1 && name.len() == 1;
            let hyphens = if is_short && is_alias { "-" } else { "--" };
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{hyphens}{name}")?;
        }
        match self.syntax {
            Syntax::Flag => Ok(()),
            Syntax::Text => f.write_str(" ARG"),
            Syntax::OptionalText | Syntax::OptionalNumber => f.write_str(" [ARG]"),
        }
    }
}

type Kind = (Syntax, Missing);

const FLAG: Kind = (Syntax::Flag, Missing::Flag);
/// An argument that may be missing.
const MAYBE: Kind = (Syntax::OptionalText, Missing::Empty);
/// An argument that getopt demands.
const TEXT: Kind = (Syntax::Text, Missing::Error);
/// An argument whose absence is an error when it is used.
const NEEDED: Kind = (Syntax::OptionalText, Missing::Error);

const fn ask(text: &'static str, answer: Answer) -> Kind {
    let prompt = Prompt {
        text,
        answer,
        is_secret: false,
    };
    (Syntax::OptionalText, Missing::Prompt(prompt))
}

/// Declares the keys and the table. The place of a row is the number of its key.
macro_rules! options {
    ($($key:ident $names:tt $kind:expr, $help:literal $(, $change:ident($($argument:expr)?))*;)*) => {
        /// The name of an option in this program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Key {
            $($key,)*
        }

        /// All options, in the order of the reconstructed command line.
        pub const TABLE: &[Row] = &[
            $(Row::new(Key::$key, &$names, $kind, $help)$(.$change($($argument)?))*,)*
        ];
    };
}

options! {
    Config ["config"] MAYBE, "read this configuration file; without argument: none";
    From ["from", "f"] ask("From: ", Answer::Any), "envelope sender; <> for the null sender";
    To ["to", "t"] ask("To: ", Answer::NotEmpty), "recipients, separated by commas";
    Cc ["cc"] ask("Cc: ", Answer::NotEmpty), "recipients for the Cc field";
    Bcc ["bcc"] ask("Bcc: ", Answer::NotEmpty), "recipients that no field names";
    Helo ["helo", "ehlo", "lhlo", "h"] ask("Helo: ", Answer::Any), "name in EHLO, HELO and LHLO";
    Server ["server", "s"] ask("Server: ", Answer::Any), "server; default: the MX of the last recipient";
    Ipv4 ["4"] FLAG, "use IPv4 only";
    Ipv6 ["6"] FLAG, "use IPv6 only";
    CopyRouting ["copy-routing"] NEEDED, "use the MX of this domain";
    Port ["port", "p"] ask("Port: ", Answer::Word), "port or service name";
    Protocol ["protocol"] TEXT, "smtp, ssmtp[a], smtps, esmtp[a|s|sa], lmtp[a|s|sa]";
    Data ["data", "d"] ask("Data: ", Answer::Any), "the message, with tokens; text, @FILE or -", files();
    DumpAsBody ["dump-as-body", "dab"] MAYBE, "use the output of --dump as the body";
    DumpShowsPassword ["dump-as-body-shows-password", "dabsp"] FLAG, "--dump-as-body with the password";
    Timeout ["timeout"] ask("Timeout: ", Answer::Time), "time limit of each step: 30s, 5m, 1h; 0: none";
    QuitAfter ["quit-after", "quit", "q"] TEXT, "send QUIT after this stage";
    DropAfter ["drop-after", "drop", "da"] TEXT, "close the connection after this stage";
    DropAfterSend ["drop-after-send", "das"] TEXT, "close the connection before the reply of this stage";
    SuppressData ["suppress-data", "n"] FLAG, "do not show the message";
    Auth ["auth", "a"] MAYBE, "authenticate, with one of these types";
    AuthUser ["auth-user", "au"] MAYBE, "user; <> for an empty one";
    AuthPassword ["auth-password", "ap"] MAYBE, "password; <> for an empty one";
    AuthMap ["auth-map", "am"] TEXT, "names of types: ALIAS=TYPE,...";
    AuthExtra ["auth-extra", "ae"] TEXT, "REALM, DOMAIN, DMD5-SERV-TYPE, DMD5-HOST, DMD5-SERV-NAME";
    AuthHidePassword ["auth-hide-password", "ahp"] MAYBE, "show this text instead of the password";
    AuthPlaintext ["auth-plaintext", "apt"] FLAG, "show AUTH decoded";
    AuthOptional ["auth-optional", "ao"] MAYBE, "go on if authentication fails";
    AuthOptionalStrict ["auth-optional-strict", "aos"] MAYBE, "go on if authentication is not offered";
    Support ["support"] FLAG, "list the capabilities";
    LocalInterface ["local-interface", "li"] ask("Interface: ", Answer::Any), "local address[:port]";
    LocalPort ["local-port", "lport", "lp"] ask("Local Port: ", Answer::Word), "local port";
    Tls ["tls"] FLAG, "require STARTTLS";
    TlsOptional ["tls-optional", "tlso"] FLAG, "use STARTTLS, and go on if it fails";
    TlsOptionalStrict ["tls-optional-strict", "tlsos"] FLAG, "use STARTTLS if it is offered";
    TlsOnConnect ["tls-on-connect", "tlsc"] FLAG, "TLS from the start";
    TlsCert ["tls-cert"] TEXT, "client certificate, PEM";
    TlsKeyFile ["tls-key"] TEXT, "its key, PEM";
    TlsChain ["tls-chain"] TEXT, "more certificates of its chain, PEM";
    TlsProtocol ["tls-protocol", "tlsp"] TEXT, "tlsv1_2, tlsv1_3; or no_tlsv1_2, no_tlsv1_3";
    TlsCipher ["tls-cipher"] TEXT, "cipher suites, as OpenSSL names them, separated by colons";
    TlsGetPeerCert ["tls-get-peer-cert"] MAYBE, "show the server's certificate, or write it to this file";
    TlsGetPeerChain ["tls-get-peer-chain"] MAYBE, "the same for all its certificates";
    TlsSni ["tls-sni"] TEXT, "name in SNI; default: no SNI";
    TlsVerify ["tls-verify"] FLAG, "verify the chain and the name of the certificate";
    TlsVerifyCa ["tls-verify-ca"] FLAG, "verify its chain";
    TlsVerifyHost ["tls-verify-host"] FLAG, "verify its name";
    TlsVerifyTarget ["tls-verify-target"] TEXT, "the name to verify; default: the server";
    TlsCaPath ["tls-ca-path"] TEXT, "trusted CAs: a file or a directory";
    Silent ["silent", "S"] (Syntax::OptionalNumber, Missing::Empty), "1: show nothing before the first error; 2: only errors; 3: nothing";
    NoStripFrom ["no-strip-from", "nsf"] FLAG, "keep a first line that begins with From";
    NoHints ["no-hints", "nth"] FLAG, "no marks in front of lines";
    NoSendHints ["no-send-hints", "nsh"] FLAG, "no marks in front of sent lines";
    NoReceiveHints ["no-receive-hints", "nrh"] FLAG, "no marks in front of received lines";
    NoInfoHints ["no-info-hints", "nih"] FLAG, "no marks in front of other lines";
    HideReceive ["hide-receive", "hr"] FLAG, "do not show received lines";
    HideSend ["hide-send", "hs"] FLAG, "do not show sent lines";
    ProtectPrompt ["protect-prompt", "pp"] FLAG, "do not show a password that is typed";
    HideInformational ["hide-informational", "hi"] FLAG, "do not show other lines, except errors";
    HideAll ["hide-all", "ha"] FLAG, "show nothing";
    ShowTimeLapse ["show-time-lapse", "stl"] MAYBE, "show the time of each reply; i: in whole seconds";
    Version ["version"] FLAG, "show the version";
    Help ["help"] FLAG, "show this help";
    NoDataFixup ["no-data-fixup", "ndf"] FLAG, "send the data as it is";
    ShowRawText ["show-raw-text", "raw"] FLAG, "hexadecimal dump of what is sent and received";
    OutputFile ["output", "output-file"] TEXT, "write the output to this file";
    OutputFileStdout ["output-file-stdout"] TEXT, "write standard output to this file";
    OutputFileStderr ["output-file-stderr"] TEXT, "write standard error to this file";
    Pipe ["pipe"] ask("Pipe: ", Answer::NotEmpty), "talk to this command";
    Socket ["socket"] ask("Socket File: ", Answer::NotEmpty), "talk to this unix socket";
    Body ["body"] ask("Body: ", Answer::NotEmpty), "body of the message; text, @FILE or -", files();
    AttachName ["attach-name"] MAYBE, "file name of the next attachment", list(), of(Group::Attachments);
    AttachType ["attach-type"] NEEDED, "media type of the next attachment", list(), of(Group::Attachments);
    Attach ["attach"] NEEDED, "attachment; text, @FILE or -", files(), list(), of(Group::Attachments);
    AttachBody ["attach-body"] NEEDED, "body part; text, @FILE or -", files(), list(), of(Group::Attachments);
    AddHeader ["add-header", "ah"] NEEDED, "add a header field", list();
    Header ["header"] NEEDED, "replace a header field, or add it; also --h-NAME VALUE", list();
    Dump ["dump"] MAYBE, "show what would be done, all or some of SUPPORT, APP, OUTPUT, TRANSPORT, PROTOCOL, XCLIENT, PROXY, TLS, AUTH and DATA, separated by commas";
    DumpMail ["dump-mail"] FLAG, "show the message";
    Pipeline ["pipeline"] FLAG, "use PIPELINING if it is offered";
    Prdr ["prdr"] FLAG, "require PRDR";
    ForceGetpwuid ["force-getpwuid"] FLAG, "ignore $LOGNAME";
    XclientRaw ["xclient"] ask("XCLIENT string: ", Answer::NotEmpty), "XCLIENT with this text", list(), of(Group::Xclient);
    XclientName ["xclient-name"] ask("XCLIENT name: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientAddr ["xclient-addr"] ask("XCLIENT addr: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientPort ["xclient-port"] ask("XCLIENT port: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientProto ["xclient-proto"] ask("XCLIENT proto: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientDestaddr ["xclient-destaddr"] ask("XCLIENT destaddr: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientDestport ["xclient-destport"] ask("XCLIENT destport: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientHelo ["xclient-helo"] ask("XCLIENT helo: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientLogin ["xclient-login"] ask("XCLIENT login: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientReverseName ["xclient-reverse-name"] ask("XCLIENT reverse_name: ", Answer::NotEmpty), "attribute of XCLIENT", of(Group::Xclient);
    XclientDelim ["xclient-delim"] FLAG, "begin another XCLIENT command", list(), of(Group::Xclient);
    XclientOptional ["xclient-optional"] FLAG, "go on if XCLIENT fails";
    XclientOptionalStrict ["xclient-optional-strict"] FLAG, "go on if XCLIENT is not offered";
    XclientBeforeStarttls ["xclient-before-starttls"] FLAG, "send XCLIENT before STARTTLS";
    XclientNoVerify ["xclient-no-verify"] FLAG, "attributes need not be offered";
    ProxyRaw ["proxy"] ask("PROXY string: ", Answer::NotEmpty), "PROXY header; text, @FILE, - or base64:TEXT", files();
    ProxyVersion ["proxy-version"] ask("PROXY version: ", Answer::ProxyVersion), "1 or 2";
    ProxyFamily ["proxy-family"] ask("PROXY family: ", Answer::NotEmpty), "TCP4, TCP6; AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC";
    ProxyCommand ["proxy-command"] ask("PROXY command: ", Answer::NotEmpty), "LOCAL or PROXY";
    ProxyProtocol ["proxy-protocol"] ask("PROXY protocol: ", Answer::NotEmpty), "UNSPEC, STREAM or DGRAM";
    ProxySource ["proxy-source"] ask("PROXY source: ", Answer::NotEmpty), "source address";
    ProxySourcePort ["proxy-source-port"] ask("PROXY source_port: ", Answer::NotEmpty), "source port";
    ProxyDest ["proxy-dest"] ask("PROXY dest: ", Answer::NotEmpty), "destination address";
    ProxyDestPort ["proxy-dest-port"] ask("PROXY dest_port: ", Answer::NotEmpty), "destination port";
    TriggerDeprecation ["trigger-deprecation"] NEEDED, "print a deprecation warning, for tests";
    SmtpUtf8 ["smtputf8"] FLAG, "MAIL with SMTPUTF8, which the server must offer; not in swaks", whole();
    DsnNotify ["dsn-notify"] NEEDED, "RCPT with NOTIFY: NEVER, or SUCCESS,FAILURE,DELAY; not in swaks", whole();
    DsnRet ["dsn-ret"] NEEDED, "MAIL with RET: FULL or HDRS; not in swaks", whole();
    DsnEnvid ["dsn-envid"] NEEDED, "MAIL with ENVID; not in swaks", whole();
    EhloMail ["ehlo-mail"] NEEDED, "more parameters of MAIL, as they are; not in swaks", whole();
    EhloRcpt ["ehlo-rcpt"] NEEDED, "more parameters of RCPT, as they are; not in swaks", whole();
    EhloProxy ["ehlo-proxy"] NEEDED, "connect through socks5://[USER@]HOST[:PORT] or http://...; not in swaks", whole();
    EhloAllMx ["ehlo-all-mx"] FLAG, "without --server: try all mail exchangers in their order; not in swaks", whole();
}

impl Key {
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The canonical name, without hyphens.
    pub fn name(self) -> &'static str {
        self.row().names[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_key_is_the_place_of_its_row() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.key as usize, place, "{row}");
        }
    }

    #[test]
    fn no_name_belongs_to_two_options() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).copied().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        // swaks has 155.
        let added = TABLE.iter().filter(|row| row.is_whole).count();
        assert_eq!(count - added, 155);
    }
}
