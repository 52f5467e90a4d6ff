//! The syntax of injected faults: `STAGE[(ADDRESS)]=WHAT[@N|%P]`.

use crate::smtp::stage::Stage;
use std::fmt;
use std::time::Duration;

/// Default pause between two bytes of a dripping reply.
const DRIP: Duration = Duration::from_millis(500);

pub type Clock = fn(&str) -> Result<Duration, String>;

/// A fault, its stage and its condition.
#[derive(Debug, Clone, PartialEq)]
pub struct InjectedFault {
    pub stage: Stage,
    /// A pattern with `*` for the sender or a recipient; `None`: any address.
    pub address: Option<String>,
    pub what: FaultAction,
    pub when: FaultTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAction {
    /// This reply is sent, and the command is not executed.
    Reply(FaultReply),
    Close,
    Reset,
    /// No more replies are sent.
    Hang,
    /// The reply is sent byte by byte, with this pause between two.
    Drip(Duration),
    Garbage,
    /// A line that does not end.
    FloodLine,
    /// An endless reply.
    FloodReply,
    Double,
    /// The reply is delayed by this time.
    Slow(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultReply {
    pub code: u16,
    /// Whole lines with the code, without the last line end.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultTime {
    Always,
    /// From the first to the second of these occurrences, counted from 1 over the life of the server.
    Times(u64, u64),
    /// With this probability, in percent.
    Chance(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// `None`: all stages.
    pub stage: Option<Stage>,
    pub time: Duration,
}

impl InjectedFault {
    /// Reads `STAGE[(ADDRESS)]=WHAT[@N|%P]`.
    pub fn parse(text: &str, clock: Clock) -> Result<InjectedFault, String> {
        let expected = "expected a stage and a fault, such as rcpt='451 4.3.0 busy'@2 or dot=close";
        let (before, rest) = match text.split_once(")=") {
            Some(parts)
                if parts.0.contains('(')
                    && !parts.0.split('(').next().unwrap_or_default().contains('=') =>
            {
                parts
            }
            _ => text.split_once('=').ok_or(expected)?,
        };
        let (stage, address) = match before.split_once('(') {
            Some((stage, address)) => (fault_stage(stage)?, Some(address.to_owned())),
            None => (fault_stage(before)?, None),
        };
        if address.is_some() && !has_address(stage) {
            return Err(format!(
                "there is no address at {}; faults for an address are possible at mail, rcpt, data, body, bdat and dot",
                stage.name()
            ));
        }
        let (what, when) = split_when(rest)?;
        let what = FaultAction::parse(what, clock)?;
        let needs_reply = matches!(what, FaultAction::Drip(_) | FaultAction::Double);
        if needs_reply && !has_reply(stage) {
            return Err(format!(
                "there is no reply at {} that could be sent twice or byte by byte",
                stage.name()
            ));
        }
        Ok(InjectedFault {
            stage,
            address,
            what,
            when,
        })
    }
}

/// True if an address is known: the sender at mail, the recipient at rcpt, all recipients afterwards.
fn has_address(stage: Stage) -> bool {
    use Stage::{Bdat, Body, Data, Dot, Mail, Rcpt};
    matches!(stage, Mail | Rcpt | Data | Body | Bdat | Dot)
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stage.name())?;
        if let Some(address) = &self.address {
            write!(f, "({address})")?;
        }
        write!(f, "={}", self.what)?;
        match self.when {
            FaultTime::Always => Ok(()),
            FaultTime::Times(first, u64::MAX) => write!(f, "@{first}+"),
            FaultTime::Times(first, last) if first == last => write!(f, "@{first}"),
            FaultTime::Times(first, last) => write!(f, "@{first}-{last}"),
            FaultTime::Chance(percent) => write!(f, "%{percent}"),
        }
    }
}

impl fmt::Display for FaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultAction::Reply(reply) => {
                let lines = reply.text.split("\r\n");
                let texts: Vec<&str> = lines.map(|line| line.get(4..).unwrap_or("")).collect();
                let text = texts.join("\\n");
                f.write_str(format!("{} {text}", reply.code).trim_end())
            }
            FaultAction::Drip(time) => write!(f, "drip:{}ms", time.as_millis()),
            FaultAction::Slow(time) => write!(f, "slow:{}ms", time.as_millis()),
            FaultAction::FloodReply => f.write_str("flood:lines"),
            other => f.write_str(other.name()),
        }
    }
}

/// A stage at which a fault can be injected, named after the last action of the client: `tls` is the first message of
/// the handshake, `auth` the last line of a login, `body` the first part of a message.
fn fault_stage(name: &str) -> Result<Stage, String> {
    let stages = || {
        Stage::all().filter(|stage| {
            use Stage::{Ask, Lhlo, Lookup, Proxy, Script, Xclient, Xforward};
            !matches!(
                stage,
                Ask | Lhlo | Lookup | Proxy | Script | Xclient | Xforward
            )
        })
    };
    let found = stages().find(|stage| stage.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names: Vec<&str> = stages().map(Stage::name).collect();
        let names = names.join(", ");
        format!("unknown stage {name:?}; the stages are {names}")
    })
}

/// True if the server sends a reply at this stage.
fn has_reply(stage: Stage) -> bool {
    !matches!(stage, Stage::Connect | Stage::Tls | Stage::Body)
}

impl FaultAction {
    fn parse(text: &str, clock: Clock) -> Result<FaultAction, String> {
        let (word, time) = match text.split_once(':') {
            Some((word, time)) => (word, Some(time)),
            None => (text, None),
        };
        match (word, time) {
            ("close", None) => Ok(FaultAction::Close),
            ("reset", None) => Ok(FaultAction::Reset),
            ("hang", None) => Ok(FaultAction::Hang),
            ("garbage", None) => Ok(FaultAction::Garbage),
            ("flood", None) => Ok(FaultAction::FloodLine),
            ("flood", Some("lines")) => Ok(FaultAction::FloodReply),
            ("double", None) => Ok(FaultAction::Double),
            ("drip", None) => Ok(FaultAction::Drip(DRIP)),
            ("drip", Some(time)) => clock(time).map(FaultAction::Drip),
            ("slow", Some(time)) => clock(time).map(FaultAction::Slow),
            _ => FaultReply::parse(text).map(FaultAction::Reply),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            FaultAction::Reply(_) => "reply",
            FaultAction::Close => "close",
            FaultAction::Reset => "reset",
            FaultAction::Hang => "hang",
            FaultAction::Drip(_) => "drip",
            FaultAction::Garbage => "garbage",
            FaultAction::FloodLine | FaultAction::FloodReply => "flood",
            FaultAction::Double => "double",
            FaultAction::Slow(_) => "slow",
        }
    }

    /// The reply, if it is a refusal.
    pub(super) fn refusal(&self) -> Option<&FaultReply> {
        match self {
            FaultAction::Reply(reply) if reply.code >= 400 => Some(reply),
            _ => None,
        }
    }
}

impl FaultReply {
    fn parse(text: &str) -> Result<FaultReply, String> {
        let wrong = || {
            format!(
                "{text:?} is neither a reply, which begins with three digits, nor one of close, reset, hang, \
                 drip[:TIME], garbage, flood[:lines], double, slow:TIME"
            )
        };
        let (digits, rest) = text.split_at_checked(3).ok_or_else(wrong)?;
        let is_code = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_code || !(rest.is_empty() || rest.starts_with(' ')) {
            return Err(wrong());
        }
        // RFC 5321 §4.2: all replies of SMTP are in this range.
        let code = digits.parse().map_err(|_| wrong())?;
        if !(200..600).contains(&code) {
            return Err(format!(
                "{digits} is not a reply code, which begins with 2, 3, 4 or 5; to send other data, use garbage"
            ));
        }
        if rest.contains(char::is_control) {
            return Err(
                "a reply must not contain control characters; write \\n for a line break"
                    .to_owned(),
            );
        }
        Ok(FaultReply {
            code,
            text: lines(digits, rest.trim_start()),
        })
    }
}

/// The lines of a reply, separated by `\n` in the option.
fn lines(code: &str, text: &str) -> String {
    let lines: Vec<&str> = text.split("\\n").collect();
    let last = lines.len() - 1;
    let line = |(place, line): (usize, &&str)| match (place == last, line.is_empty()) {
        (true, true) => code.to_owned(),
        (true, false) => format!("{code} {line}"),
        (false, _) => format!("{code}-{line}"),
    };
    let lines: Vec<String> = lines.iter().enumerate().map(line).collect();
    lines.join("\r\n")
}

/// Splits off a condition `@N`, `@N-M`, `@N+` or `%P` at the end. An `@` in the text of a reply is part of
/// it unless a number follows.
fn split_when(text: &str) -> Result<(&str, FaultTime), String> {
    let Some(at) = text.rfind(['@', '%']) else {
        return Ok((text, FaultTime::Always));
    };
    let (what, when) = (text[..at].trim_end(), &text[at + 1..]);
    if !when.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok((text, FaultTime::Always));
    }
    let when = if text[at..].starts_with('%') {
        chance(when)
    } else {
        times(when)
    };
    when.map(|when| (what, when)).ok_or_else(|| {
        format!(
            "{:?} is not valid; expected @N, @N-M, @N+ or %P, with N from 1 and P up to 100",
            &text[at..]
        )
    })
}

fn chance(text: &str) -> Option<FaultTime> {
    let chance = text.parse().ok()?;
    (0.0..=100.0)
        .contains(&chance)
        .then_some(FaultTime::Chance(chance))
}

fn times(text: &str) -> Option<FaultTime> {
    let (first, last) = match (text.strip_suffix('+'), text.split_once('-')) {
        (Some(first), _) => (first.parse().ok()?, u64::MAX),
        (None, Some((first, last))) => (first.parse().ok()?, last.parse().ok()?),
        (None, None) => (text.parse().ok()?, text.parse().ok()?),
    };
    (1 <= first && first <= last).then_some(FaultTime::Times(first, last))
}

impl Delay {
    /// Reads `TIME` or `STAGE=TIME`.
    pub fn parse(text: &str, clock: Clock) -> Result<Delay, String> {
        let (stage, time) = match text.split_once('=') {
            Some((stage, time)) => (Some(fault_stage(stage)?), time),
            None => (None, text),
        };
        let time = clock(time)?;
        Ok(Delay { stage, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(text: &str) -> Result<Duration, String> {
        let number = text.strip_suffix("ms").ok_or("no time")?;
        let number = number.parse().map_err(|_| "no time")?;
        Ok(Duration::from_millis(number))
    }

    fn fault(text: &str) -> InjectedFault {
        InjectedFault::parse(text, clock).unwrap()
    }

    fn reply(text: &str) -> String {
        match fault(text).what {
            FaultAction::Reply(reply) => reply.text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn injected_reply_may_have_several_lines_and_an_at_sign() {
        assert_eq!(reply("rcpt=451 4.3.0 busy"), "451 4.3.0 busy");
        assert_eq!(reply("ehlo=250 a\\nb\\nc"), "250-a\r\n250-b\r\n250 c");
        assert_eq!(reply("rcpt=550 not a@b"), "550 not a@b");
        assert_eq!(reply("rcpt=550 not a@b@2"), "550 not a@b");
        assert_eq!(reply("rcpt=452 disk 99% full"), "452 disk 99% full");
        assert_eq!(reply("dot=250"), "250");
    }

    #[test]
    fn condition_is_a_number_a_range_or_a_probability() {
        assert_eq!(fault("mail=close").when, FaultTime::Always);
        assert_eq!(fault("mail=close@2").when, FaultTime::Times(2, 2));
        assert_eq!(fault("mail=close@2-4").when, FaultTime::Times(2, 4));
        assert_eq!(fault("mail=close@3+").when, FaultTime::Times(3, u64::MAX));
        assert_eq!(fault("mail=close%12.5").when, FaultTime::Chance(12.5));
        assert_eq!(fault("mail=451 busy @2").when, FaultTime::Times(2, 2));
    }

    #[test]
    fn each_kind_of_fault_is_parsed() {
        let ms = Duration::from_millis;
        for (word, what) in [
            ("close", FaultAction::Close),
            ("reset", FaultAction::Reset),
            ("hang", FaultAction::Hang),
            ("garbage", FaultAction::Garbage),
            ("flood", FaultAction::FloodLine),
            ("flood:lines", FaultAction::FloodReply),
            ("double", FaultAction::Double),
            ("drip", FaultAction::Drip(DRIP)),
            ("drip:7ms", FaultAction::Drip(ms(7))),
            ("slow:9ms", FaultAction::Slow(ms(9))),
        ] {
            assert_eq!(fault(&format!("QUIT={word}")).what, what);
        }
    }

    #[test]
    fn malformed_fault_is_refused_with_a_reason() {
        for (text, word) in [
            ("mail", "expected a stage"),
            ("male=close", "unknown stage \"male\""),
            ("mail=clos", "neither a reply"),
            ("mail=45", "neither a reply"),
            ("mail=4510", "neither a reply"),
            ("mail=451-a", "neither a reply"),
            ("rcpt=651 x", "651 is not a reply code"),
            ("rcpt=199", "199 is not a reply code"),
            ("mail=", "neither a reply"),
            ("mail=451 a\nb", "write \\n"),
            ("mail=slow", "neither a reply"),
            ("mail=slow:x", "no time"),
            ("mail=close@0", "expected @N"),
            ("mail=close@3-2", "expected @N"),
            ("mail=close@1x", "expected @N"),
            ("mail=close%101", "expected @N"),
            ("mail=\u{e9}\u{e9}", "neither a reply"),
            ("connect=double", "no reply at connect"),
            ("tls=drip", "no reply at tls"),
        ] {
            let error = InjectedFault::parse(text, clock).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn address_is_part_of_the_stage() {
        let parsed = fault("rcpt(srs0=x@*.example)=550 5.1.1 no (such)=user@2");
        assert_eq!(parsed.address.as_deref(), Some("srs0=x@*.example"));
        assert_eq!(parsed.when, FaultTime::Times(2, 2));
        assert_eq!(fault("mail=451 a (b)=c").address, None);
        let error = InjectedFault::parse("ehlo(a@x)=close", clock).unwrap_err();
        assert!(error.contains("no address at ehlo"), "{error}");
    }

    #[test]
    fn fault_is_shown_as_it_was_parsed() {
        for text in [
            "rcpt(*@x)=550 5.1.1 no@2-3",
            "ehlo=250 a\\nb\\nc",
            "dot=250",
            "dot=close@2+",
            "quit=slow:9ms%12.5",
            "mail=flood:lines@1",
        ] {
            assert_eq!(fault(text).to_string(), text);
        }
    }

    #[test]
    fn delay_applies_to_one_stage_or_to_all() {
        let delay = |text| Delay::parse(text, clock).map(|delay| delay.stage);
        assert_eq!(delay("7ms"), Ok(None));
        assert_eq!(delay("dot=7ms"), Ok(Some(Stage::Dot)));
        assert!(delay("dot").is_err() && delay("dott=7ms").is_err());
    }
}
