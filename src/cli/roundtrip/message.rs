//! The message of a round trip: it has what servers tend to change.

use crate::mail::address::{ListEntry, Mailbox};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::Dsn;
use crate::mail::message::{
    Attachment, Content, HeaderField, HeldBytes, Input, MessageDraft, MessageOptions,
    TextAlternatives,
};
use crate::mailbox::Token;
use std::time::SystemTime;

/// The name of the attachment.
pub const ATTACHMENT: &str = "octets.bin";

/// Octets of a token before they are written in hexadecimal.
const TOKEN: usize = 16;

/// The text. Lines that begin with From or a dot, blanks at line ends, long lines and letters beyond ASCII are changed
/// by servers that do not treat messages with care.
const TEXT: &str = "\
This message was sent by ehlo roundtrip, which measures how mail arrives. It may be deleted.

From here on, lines follow that must arrive unchanged.
.
..two dots
blanks at the end  \t
Grüße aus Paris, 你好
0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789
-- \nehlo
";

/// A new token of 128 random bits.
pub fn token() -> Token {
    let octets = std::iter::repeat_with(|| fastrand::u8(..)).take(TOKEN);
    let octets: Vec<u8> = octets.collect();
    Token(crate::system::certificate::hex(&octets))
}

/// Every octet, in all pairs with its successor.
pub fn attachment() -> Vec<u8> {
    let all = (0..=255).chain((0..=255).rev());
    all.chain(*b"\r\n.\r\n\r\r\n\nFrom x\n").collect()
}

/// The message to these recipients, with these fields of the command line. `until`: the end of the waiting; `None`: the
/// message is kept.
pub fn message(
    (from, to): (Mailbox, Vec<ListEntry>),
    (token, until): (&Token, Option<SystemTime>),
    headers: Vec<HeaderField>,
    signer: Signer,
) -> MessageOptions {
    let mut all = vec![
        HeaderField::new(Token::FIELD, token.value(until)),
        HeaderField::new("Auto-Submitted", "auto-generated"),
        HeaderField::new("X-Auto-Response-Suppress", "All"),
    ];
    all.extend(headers);
    let octets = HeldBytes::bytes(ATTACHMENT, attachment());
    let draft = MessageDraft {
        from,
        to,
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        subject: Some(format!("ehlo roundtrip {}", &token.0[..8])),
        headers: all,
        text: TextAlternatives {
            body: Some(Input::Text(TEXT.to_owned())),
            ..TextAlternatives::default()
        },
        inline: Vec::new(),
        attachments: vec![Attachment {
            name: Some(ATTACHMENT.to_owned()),
            media_type: Some("application/octet-stream".to_owned()),
            ..Attachment::new(Input::Held(octets))
        }],
        messages: Vec::new(),
        no_date: false,
        no_message_id: false,
    };
    MessageOptions {
        content: Content::Draft(Box::new(draft)),
        envelope_from: None,
        dsn: Dsn::default(),
        signer,
        crypt: CryptOptions::default(),
    }
}
