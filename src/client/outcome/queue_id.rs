//! Extracts the server's queue ID from its last reply, for enquiries with its postmaster.

/// Maximum length of a queue ID.
const LONGEST: usize = 128;

/// Amazon's servers put no words around their queue IDs, which are at least this long.
const LONG: usize = 30;

/// The queue ID in the text of the reply to the end of data; `None` if none is recognized with certainty.
pub fn queue_id(text: &str) -> Option<&str> {
    let readers = [
        postfix, exim, sendmail, qmail, dovecot, exchange, gmail, haraka, amazon,
    ];
    readers.into_iter().find_map(|read| read(text))
}

/// `Ok: queued as 4F2`, the form of Postfix and many others.
fn postfix(text: &str) -> Option<&str> {
    let at = text.to_ascii_lowercase().find("queued as ")?;
    id(first_word(&text[at + "queued as ".len()..]))
}

/// `OK id=1rXyZ0-0000ab-2C`.
fn exim(text: &str) -> Option<&str> {
    text.split(' ')
        .find_map(|word| id(word.strip_prefix("id=")?))
}

/// `44MAxb12005432 Message accepted for delivery`; `OpenSMTPD` as well.
fn sendmail(text: &str) -> Option<&str> {
    id(word_before(text, " Message accepted for delivery")?)
}

/// `ok 1700000000 qp 12345`.
fn qmail(text: &str) -> Option<&str> {
    let words = text.strip_prefix("ok ")?;
    let (time, process) = words.split_once(" qp ")?;
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let process = first_word(process);
    let is_it = is_number(time) && is_number(process);
    is_it.then(|| &words[..time.len() + " qp ".len() + process.len()])
}

/// `<bob@example.org> SGFsbG8hAAB+QwAA Saved`, by LMTP.
fn dovecot(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('<')?;
    let (_, rest) = rest.split_once("> ")?;
    let word = rest.strip_suffix(" Saved")?;
    id(word).filter(|_| word.len() >= 8)
}

/// `<x@y> [InternalId=4711, Hostname=EX1] 2 KB/sec Queued mail for delivery`.
fn exchange(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("[InternalId=")?;
    id(rest.split([',', ']']).next()?)
}

/// `OK  1700000000 d2e1a72fcca58-6c1 - gsmtp`.
fn gmail(text: &str) -> Option<&str> {
    id(word_before(text, " - gsmtp")?)
}

/// `Message Queued (0E3F5F5C-9D5A)`.
fn haraka(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Message Queued (")?;
    id(rest.split(')').next()?)
}

/// `Ok 0100018c5f2e-...-000000`.
fn amazon(text: &str) -> Option<&str> {
    let word = text.strip_prefix("Ok ")?;
    id(word).filter(|word| word.len() >= LONG && word.contains('-'))
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

fn word_before<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    text[..text.find(words)?].rsplit(' ').next()
}

/// A word that can be a queue ID: without blanks and with a digit, which few words have.
fn id(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| "<>()[].,;:\"'".contains(c));
    let is_fit = |b: u8| b.is_ascii_alphanumeric() || b"+-./=@_:".contains(&b);
    let is_id = (2..=LONGEST).contains(&word.len())
        && word.bytes().all(is_fit)
        && word.bytes().any(|b| b.is_ascii_digit());
    is_id.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_the_world_say_it_in_their_own_ways() {
        for (reply, wanted) in [
            ("Ok: queued as 3CF6B2AAE8", "3CF6B2AAE8"),
            ("Ok: queued as 4Sbxyz1QVDz9s4k", "4Sbxyz1QVDz9s4k"),
            (
                "from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 5E1F12",
                "5E1F12",
            ),
            ("OK id=1rXyZ0-0000ab-2C", "1rXyZ0-0000ab-2C"),
            ("OK id=10HmaX-000000005vi-0000", "10HmaX-000000005vi-0000"),
            (
                "ok ; id=20120227140036M0700qer4ne",
                "20120227140036M0700qer4ne",
            ),
            (
                "44MAxb12005432 Message accepted for delivery",
                "44MAxb12005432",
            ),
            ("a1b2c3d4 Message accepted for delivery", "a1b2c3d4"),
            ("ok 1700000000 qp 12345", "1700000000 qp 12345"),
            ("ok 1700000000 qp 12345 by mx", "1700000000 qp 12345"),
            (
                "<bob@x.org> SGFsbG8hAAB+QwAA2v+2XQ Saved",
                "SGFsbG8hAAB+QwAA2v+2XQ",
            ),
            (
                "<a@b.example> [InternalId=66155236065281, Hostname=DB9PR01.prod.outlook.com] 9421 \
                 bytes in 0.141, 65.004 KB/sec Queued mail for delivery",
                "66155236065281",
            ),
            (
                "OK  1699999999 d2e1a72fcca58-6c4eb9d3bd1si123b3a.45 - gsmtp",
                "d2e1a72fcca58-6c4eb9d3bd1si123b3a.45",
            ),
            (
                "Message Queued (0E3F5F5C-9D5A-4A9B.1)",
                "0E3F5F5C-9D5A-4A9B.1",
            ),
            (
                "Ok 0100018c5f2e7a11-5b6d1d0e-9d5a-4a9b-8a2c-1f1f1f1f1f1f-000000",
                "0100018c5f2e7a11-5b6d1d0e-9d5a-4a9b-8a2c-1f1f1f1f1f1f-000000",
            ),
        ] {
            assert_eq!(queue_id(reply), Some(wanted), "{reply}");
        }
    }

    #[test]
    fn what_may_be_no_name_is_none() {
        for reply in [
            "",
            "ok",
            "ok, 243 bytes",
            "Ok 200",
            "Message accepted for delivery",
            "Your Message accepted for delivery",
            "queued as usual",
            "queued as ",
            "ok dirdel",
            "ok 12 qp x",
            "Great success",
            "<bob@x.org> Saved",
            "Accepted - gsmtp",
            "id=\\x1b[2J1",
        ] {
            assert_eq!(queue_id(reply), None, "{reply}");
        }
    }
}
