//! ehlo-login(1): the sections besides those of clap.

use crate::page::command_entry;
use crate::page::{as_typed, built, owned, section, synopsis_lines, table, titled};

const SYNOPSIS: [(&str, &str); 6] = [
    (
        "ehlo login",
        " [--profile NAME] [--browser | --device | --paste]",
    ),
    (
        "ehlo login",
        " --provider PROVIDER --user NAME --client-id ID [OPTIONS]",
    ),
    ("ehlo login --status", " [--json]"),
    ("ehlo logout", " [--profile NAME] [--revoke]"),
    ("ehlo token", " [--profile NAME]"),
    ("ehlo token", " [--provider PROVIDER] [--user NAME]"),
];

const DESCRIPTION: [&str; 3] = [
    "\
Some mail providers no longer accept passwords for SMTP; they require OAuth 2.0 tokens (RFC 6749). An access token is valid for about
an hour. ehlo login obtains a refresh token, with which ehlo requests access tokens later, unattended. A profile with the
key oauth sends with these tokens, as does --oauth; no other program is needed.",
    "\
ehlo logout removes the tokens. ehlo token prints an access token, for programs that log in by themselves, such as mutt, msmtp
or git.",
    "\
An application must be registered at the provider once, which gives it a client ID. ehlo has no client ID of its own, and one borrowed
from another program can be withdrawn at any time; mail would then stop. ehlo-providers(7) describes the registration at Google
and Microsoft step by step.",
];

const METHODS: [&str; 4] = [
    "\
--browser prints an address for a browser on the same host, and opens it with xdg-open if there is a display. At the end the
provider sends the browser to a port of the loopback interface, on which ehlo waits for ten minutes (RFC 8252). The exchange is
protected by PKCE (RFC 7636).",
    "\
--paste is the same for a host without a browser, as over ssh: the browser may be anywhere. At the end it shows an error, because
it cannot connect to the host on which ehlo runs. Copy the address from its address bar, and paste it.",
    "\
--device prints a code, which is entered in a browser on any device (RFC 8628). Microsoft permits this for mail; Google does
not.",
    "\
Without one of these options, --browser is used if there is a display (DISPLAY or WAYLAND_DISPLAY is set), else --device for
Microsoft and --paste for others.",
];

const KEYS: [(&str, &str); 8] = [
    (
        "oauth",
        "the provider: \"google\", \"microsoft\", or the URL of another one, whose endpoints are found by OpenID Connect \
         Discovery or RFC 8414; https, or http for a loopback address. The key user is required, too",
    ),
    (
        "oauth-client-id",
        "the client ID of the registered application",
    ),
    (
        "oauth-client-secret-file, oauth-client-secret-command",
        "the client secret: the first line of a file that only you can read, or of the output of a command. Google requires one, \
         although it is not secret for programs of this kind; public clients of Microsoft have none",
    ),
    (
        "oauth-grant",
        "\"user\" (default): a person logs in once. \"client-credentials\": the application has a login of its own. \
         \"service-account\": the application signs its requests with a key (RFC 7523)",
    ),
    (
        "oauth-key-file",
        "the key of a service account, the JSON file of Google",
    ),
    (
        "oauth-tenant",
        "the tenant of Microsoft: its domain or ID, common (default), organizations or consumers",
    ),
    (
        "oauth-scope",
        "the permissions to request. Default: the one for sending mail at Google and Microsoft, \"openid offline_access\" at others",
    ),
    (
        "auth",
        "\"XOAUTH2\" or \"OAUTHBEARER\", if the server offers both and one of them does not work",
    ),
];

const TOKENS: [&str; 6] = [
    "\
The tokens of an account are in a file of mode 0600 below $EHLO_STATE_DIR/oauth, else $XDG_STATE_HOME/ehlo/oauth, else \
~/.local/state/ehlo/oauth, and for root in /var/lib/ehlo/oauth. Profiles with the same provider and user share it. A file that
belongs to another user or is accessible to others is not used. Log in as the user who sends: for mail of cron or of the queue of
root, as root.",
    "\
A new access token is requested if the old one is valid for less than a minute, and once if the mail server refuses it with 535.
One process at a time does so; the others wait, and use its result. If the provider returns another refresh token, it is on
disk before the access token is used. If it returns none, the old one is kept.",
    "\
If the provider does not accept the refresh token any more, a person must log in again. The error names the command, with status
77. A message in the queue waits for the login; it is not returned to its sender, because no server has refused it. ehlo queue list
shows the reason, and the sender is warned of the delay as usual. After the login, ehlo queue run --now sends what has waited.",
    "\
ehlo login --status shows the age of each login. It warns two days before a login ends, if the provider has reported the date (Google
does so for applications in testing, 7 days), and if a login at Microsoft was not used for 80 days, because it ends after 90.
ehlo doctor gives the same warnings; with --offline, it does not contact the provider.",
    "\
Tokens, codes and client secrets appear in no output, log or argument list, except for the access token that ehlo token prints. While
they are in memory, ehlo does not dump core and cannot be traced by other programs of the same user.",
    "\
Requests to the provider use --dns, --bind, -4, -6 and --ca-file of the profile. The certificate of the provider must be valid, even
with -k.",
];

const EXAMPLES: &str = "\
ehlo login --profile work
ehlo login --provider microsoft --user alice@example.org \\
     --client-id 00000000-1111-2222-3333-444444444444 --device
ehlo login --status
ehlo --profile work -s hello -b hello bob@example.net
ehlo logout --profile work --revoke";

const PROGRAMS: &str = "\
# msmtp: ~/.msmtprc
auth xoauth2
passwordeval \"ehlo token --profile work\"

# mutt: ~/.muttrc
set smtp_authenticators = \"xoauth2\"
set smtp_oauth_refresh_command = \"ehlo token --profile work\"

# git send-email: ehlo sends, with the profile of [sendmail]
git config --global sendemail.sendmailCmd \"ehlo sendmail\"";

const CRON: &str = "\
# /etc/ehlo/config.toml: cron jobs, without any person
[profile.cron]
relay = \"smtp.office365.com:587\"
tls = \"starttls\"
user = \"robot@example.org\"
oauth = \"microsoft\"
oauth-grant = \"client-credentials\"
oauth-tenant = \"example.org\"
oauth-client-id = \"00000000-1111-2222-3333-444444444444\"
oauth-client-secret-file = \"/etc/ehlo/m365-secret\"";

const STATUS: [(&str, &str); 7] = [
    ("0", "success"),
    ("64", "the command line is wrong, or several accounts match"),
    ("73", "the tokens cannot be stored"),
    (
        "74",
        "the address was not pasted, or the output cannot be written",
    ),
    (
        "75",
        "the provider cannot be reached or fails, or the login was not completed in time; try again",
    ),
    ("76", "the response of the provider is not valid"),
    (
        "77",
        "there is no login, the provider refuses it, or the file with the tokens is not safe",
    ),
];

/// ehlo-login(1).
pub fn page() -> String {
    let whole = built();
    let mut page = titled(
        ("EHLO-LOGIN", "1"),
        "ehlo-login, ehlo-logout, ehlo-token - log in with OAuth 2.0",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    page.control("SH", ["COMMANDS"]);
    for name in ["login", "logout", "token"] {
        command_entry(&mut page, whole.find_subcommand(name).unwrap());
    }
    section(&mut page, "HOW A PERSON LOGS IN", &METHODS);
    table(&mut page, "KEYS OF A PROFILE", owned(&KEYS));
    crate::page::paragraph(
        &mut page,
        "They are also options of ehlo, as --oauth. A complete profile for jobs without a person:",
    );
    as_typed(&mut page, CRON);
    section(&mut page, "TOKENS", &TOKENS);
    section(
        &mut page,
        "OTHER PROGRAMS",
        &["A program that runs a command to obtain a token can use ehlo token:"],
    );
    as_typed(&mut page, PROGRAMS);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-providers(7), ehlo-doctor(1), ehlo-queue(1)"],
    );
    page.to_roff()
}
