//! The PROXY header of the command line.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::decoded;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::printer::Stop;

/// The beginning of a header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The exit status for wrong options.
const WRONG: u8 = 35;

/// Attributes of the header, in the order in which missing ones are listed.
const ATTRIBUTES: [(Key, &str); 7] = [
    (Key::ProxyFamily, "family"),
    (Key::ProxySource, "source"),
    (Key::ProxySourcePort, "source_port"),
    (Key::ProxyDest, "dest"),
    (Key::ProxyDestPort, "dest_port"),
    (Key::ProxyProtocol, "protocol"),
    (Key::ProxyCommand, "command"),
];

/// A PROXY header.
#[derive(Clone, Debug)]
pub struct ProxyPlan {
    /// 1 or 2.
    pub version: u8,
    pub content: ProxyContent,
}

#[derive(Clone, Debug)]
pub enum ProxyContent {
    /// Without `PROXY ` or the signature.
    Raw(String),
    Attributes(ProxyAttributes),
}

/// The attributes, in upper case.
#[derive(Clone, Debug)]
pub struct ProxyAttributes {
    pub family: String,
    pub source: String,
    pub source_port: String,
    pub dest: String,
    pub dest_port: String,
    pub protocol: String,
    pub command: String,
}

impl ProxyPlan {
    /// `None`: no header was requested.
    pub fn read(given: &mut Given) -> Result<Option<Self>, Stop> {
        let version = given.take_true(Key::ProxyVersion)?;
        let raw = given.take_true(Key::ProxyRaw)?.map(|raw| raw_header(&raw));
        let raw = octets::true_or_none(raw);
        let mut values: [Option<String>; 7] = Default::default();
        for ((key, _), value) in ATTRIBUTES.into_iter().zip(&mut values) {
            *value = given.take_true(key)?;
            if value.is_some() && raw.is_some() {
                let error = "Can't mix --proxy option with other --proxy-* options";
                return Err(given.printer.stop(WRONG, error));
            }
        }
        let version = match version.as_deref() {
            None | Some("1") => 1,
            Some("2") => 2,
            Some(other) => {
                let error =
                    format!("Invalid argument to --proxy: {other} is not a legal proxy version");
                return Err(given.printer.stop(WRONG, &error));
            }
        };
        let content = match raw {
            Some(raw) => ProxyContent::Raw(raw),
            None if values.iter().all(Option::is_none) => return Ok(None),
            None => ProxyContent::Attributes(attributes(values, version, given)?),
        };
        Ok(Some(Self { version, content }))
    }

    /// The octets of the header. A line end follows version 1.
    pub fn header(&self) -> Vec<u8> {
        let text = match &self.content {
            ProxyContent::Raw(raw) if self.version == 2 => {
                return [SIGNATURE.as_slice(), &octets::bytes(raw)].concat();
            }
            ProxyContent::Attributes(attributes) if self.version == 2 => {
                return attributes.binary();
            }
            ProxyContent::Raw(raw) => format!("PROXY {raw}"),
            ProxyContent::Attributes(one) => format!(
                "PROXY {} {} {} {} {}",
                one.family, one.source, one.dest, one.source_port, one.dest_port
            ),
        };
        octets::bytes(&text)
    }
}

/// The header of an argument, which may be in base64 and have its usual beginning.
fn raw_header(argument: &str) -> String {
    let raw = argument.strip_suffix('\n').unwrap_or(argument);
    let raw = if argument.len() == raw.len() {
        raw
    } else {
        raw.strip_suffix('\r').unwrap_or(raw)
    };
    let raw = match raw.strip_prefix("base64:") {
        Some(encoded) => octets::of_bytes(&decoded(encoded)),
        None => raw.to_owned(),
    };
    let raw = raw.strip_prefix("PROXY ").unwrap_or(&raw);
    let raw = raw
        .strip_prefix(&octets::of_bytes(&SIGNATURE))
        .unwrap_or(raw);
    raw.to_owned()
}

fn attributes(
    mut values: [Option<String>; 7],
    version: u8,
    given: &mut Given,
) -> Result<ProxyAttributes, Stop> {
    values[5].get_or_insert_with(|| "STREAM".to_owned());
    values[6].get_or_insert_with(|| "PROXY".to_owned());
    let names = ATTRIBUTES.iter().map(|(_, name)| *name);
    let missing = names
        .zip(&values)
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| name);
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let error = format!(
            "Incomplete set of --proxy-* options (missing {})",
            missing.join(", ")
        );
        return Err(given.printer.stop(WRONG, &error));
    }
    let [
        family,
        source,
        source_port,
        dest,
        dest_port,
        protocol,
        command,
    ] = values.map(|value| value.unwrap_or_default().to_ascii_uppercase());
    let attributes = ProxyAttributes {
        family,
        source,
        source_port,
        dest,
        dest_port,
        protocol,
        command,
    };
    match attributes.error(version) {
        Some(error) => Err(given.printer.stop(WRONG, &error)),
        None => Ok(attributes),
    }
}

impl ProxyAttributes {
    fn error(&self, version: u8) -> Option<String> {
        let (protocol, command, family) = (&self.protocol, &self.command, &self.family);
        if !matches!(protocol.as_str(), "UNSPEC" | "STREAM" | "DGRAM") {
            return Some(format!("unknown --proxy-protocol argument {protocol}"));
        }
        if !matches!(command.as_str(), "LOCAL" | "PROXY") {
            return Some(format!("unknown --proxy-command argument {command}"));
        }
        let is_known = match version {
            2 => family_number(family).is_some(),
            _ => matches!(family.as_str(), "TCP4" | "TCP6"),
        };
        (!is_known)
            .then(|| format!("unknown --proxy-family argument {family} for version {version}"))
    }

    /// Version 2. The octets are those of swaks, whose LOCAL has the number 2 and a length of one octet.
    fn binary(&self) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        if self.command == "LOCAL" {
            header.extend([0x22, 0, 0]);
            return header;
        }
        let protocol = match self.protocol.as_str() {
            "STREAM" => 1,
            "DGRAM" => 2,
            _ => 0,
        };
        let family = family_number(&self.family).unwrap_or_default();
        let mut addresses = [packed(&self.source), packed(&self.dest)].concat();
        for port in [&self.source_port, &self.dest_port] {
            addresses.extend(low_word(leading_number(port)));
        }
        header.extend([0x21, family << 4 | protocol]);
        header.extend(low_word(addresses.len() as u64));
        header.extend(addresses);
        header
    }
}

fn family_number(family: &str) -> Option<u8> {
    let families = ["AF_UNSPEC", "AF_INET", "AF_INET6", "AF_UNIX"];
    let place = families.iter().position(|one| *one == family)?;
    u8::try_from(place).ok()
}

/// The two lower octets, in network byte order.
fn low_word(value: u64) -> [u8; 2] {
    let [.., high, low] = value.to_be_bytes();
    [high, low]
}

/// The digits at the beginning, as Perl reads numbers.
fn leading_number(text: &str) -> u64 {
    let end = text.find(|character: char| !character.is_ascii_digit());
    let digits = &text[..end.unwrap_or(text.len())];
    digits.parse().unwrap_or_default()
}

/// The octets of an address, which is not checked.
fn packed(address: &str) -> Vec<u8> {
    if !address.contains(':') {
        let parts = address.split('.').map(leading_number);
        return parts.map(|part| low_word(part)[1]).collect();
    }
    let mut words = octets::parts(address, ":");
    if words.starts_with(&["", ""]) {
        words.remove(0);
    }
    let count = words.len();
    let word = |word: &str| u64::from_str_radix(word, 16).unwrap_or_default();
    let mut packed = Vec::new();
    for part in words {
        let zeros = if part.is_empty() {
            9_usize.saturating_sub(count)
        } else {
            0
        };
        packed.extend(vec![0; 2 * zeros]);
        if !part.is_empty() {
            packed.extend(low_word(word(part)));
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_packed() {
        assert_eq!(packed("192.0.2.1"), [192, 0, 2, 1]);
        assert_eq!(packed("2001:db8::1").len(), 16);
        assert_eq!(packed("::1")[15], 1);
    }

    #[test]
    fn the_usual_beginning_may_be_missing() {
        assert_eq!(raw_header("PROXY TCP4 1.1.1.1\r\n"), "TCP4 1.1.1.1");
        assert_eq!(raw_header("base64:UFJPWFkgeA"), "x");
    }
}
