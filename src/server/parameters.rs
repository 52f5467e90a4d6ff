//! The check of the parameters of MAIL and RCPT: each belongs to an offered extension, and has a valid value.

use crate::server::offers::OfferList;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::smtp::extension::Extension;
use crate::smtp::parameter::Parameter;

/// Checks the parameters of MAIL, and returns them as received.
pub fn of_mail(words: &[u8], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    read(words, Extension::mail_parameters, offers)
}

/// Checks the parameters of RCPT, and returns them as received.
pub fn of_rcpt(words: &[u8], offers: &OfferList) -> Result<Vec<String>, Refusal> {
    read(words, Extension::rcpt_parameters, offers)
}

/// The value of the parameter of this name.
pub fn value<'a>(parameters: &'a [String], name: &str) -> Option<&'a str> {
    let mut split = parameters
        .iter()
        .map(|one| one.split_once('=').unwrap_or((one, "")));
    let found = split.find(|(keyword, _)| keyword.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// The parameters that an extension adds to a command.
type ParametersOf = fn(Extension) -> &'static [Parameter];

fn read(
    words: &[u8],
    parameters_of: ParametersOf,
    offers: &OfferList,
) -> Result<Vec<String>, Refusal> {
    let mut parameters: Vec<String> = Vec::new();
    for word in words
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty())
    {
        let parameter = checked(word, parameters_of, offers)?;
        let (name, _) = parameter.split_once('=').unwrap_or((&parameter, ""));
        if value(&parameters, name).is_some() {
            return Err(reply::TWICE);
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn checked(
    word: &[u8],
    parameters_of: ParametersOf,
    offers: &OfferList,
) -> Result<String, Refusal> {
    let (name, value) = match memchr::memchr(b'=', word) {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    // Several extensions may define a parameter: BODY comes with 8BITMIME and with BINARYMIME.
    let known = || {
        Extension::all().flat_map(|extension| {
            let parameters = parameters_of(extension).iter();
            let same = parameters.filter(|one| one.name.as_bytes().eq_ignore_ascii_case(name));
            same.map(move |parameter| (extension, parameter))
        })
    };
    let offered = || known().filter(|&(extension, _)| offers.has(extension));
    let (extension, _) = offered().next().ok_or(reply::UNKNOWN_PARAMETER)?;
    if offered().any(|(_, parameter)| parameter.accepts(value)) {
        // All valid values are printable ASCII, except addresses in ORCPT.
        return String::from_utf8(word.to_vec()).map_err(|_| reply::BAD_PARAMETER);
    }
    let needs_another = known().any(|(_, parameter)| parameter.accepts(value));
    Err(if needs_another || value.is_none() {
        reply::UNKNOWN_PARAMETER
    } else {
        match extension {
            Extension::Size => reply::BAD_SIZE,
            Extension::SmtpUtf8 => reply::UNKNOWN_PARAMETER,
            _ => reply::BAD_PARAMETER,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::offers::Offer;
    use crate::smtp::parameter::MAX_VALUE;

    fn offers(list: &[&str]) -> OfferList {
        let mut offers = OfferList::default();
        for text in list {
            offers.add(Offer::parse(text).unwrap());
        }
        offers
    }

    fn mail(words: &str, list: &[&str]) -> Result<Vec<String>, Refusal> {
        of_mail(words.as_bytes(), &offers(list))
    }

    #[test]
    fn each_parameter_needs_its_offer() {
        let date = "FUTURERELEASE 9 2030-01-01T00:00:00Z";
        for (word, offer) in [
            ("RET=HDRS", "DSN"),
            ("ENVID=a+2Bb", "DSN"),
            ("AUTH=<>", "AUTH PLAIN"),
            ("REQUIRETLS", "REQUIRETLS"),
            ("HOLDFOR=60", date),
            ("HOLDUNTIL=2030-01-01T00:00:00Z", date),
            ("BY=-60;RT", "DELIVERBY"),
            ("MT-PRIORITY=-3", "MT-PRIORITY"),
            ("PRDR", "PRDR"),
            ("BODY=BINARYMIME", "BINARYMIME"),
        ] {
            assert_eq!(mail(word, &[]), Err(reply::UNKNOWN_PARAMETER), "{word}");
            assert_eq!(mail(word, &[offer]), Ok(vec![word.to_owned()]), "{word}");
        }
    }

    #[test]
    fn a_value_that_has_not_its_form_is_refused() {
        let all = [
            "DSN",
            "DELIVERBY",
            "MT-PRIORITY",
            "AUTH PLAIN",
            "FUTURERELEASE 1 2",
        ];
        for word in [
            "RET=ALL",
            "ENVID=a+2b",
            "ENVID=a+",
            "ENVID=",
            "BY=5",
            "BY=5;X",
            "MT-PRIORITY=10",
            "HOLDFOR=-1",
            "HOLDUNTIL=tomorrow",
            "BODY=9BIT",
        ] {
            assert_eq!(mail(word, &all), Err(reply::BAD_PARAMETER), "{word}");
        }
        let long = format!("ENVID={}", "a".repeat(MAX_VALUE + 1));
        assert_eq!(mail(&long, &all), Err(reply::BAD_PARAMETER));
    }

    #[test]
    fn no_parameter_comes_twice() {
        assert_eq!(mail("SIZE=1 size=2", &[]), Err(reply::TWICE));
    }

    #[test]
    fn recipients_have_their_own() {
        let offers = offers(&["DSN"]);
        let rcpt = |words: &str| of_rcpt(words.as_bytes(), &offers);
        assert!(rcpt("NOTIFY=SUCCESS,delay ORCPT=rfc822;bob@x").is_ok());
        assert!(rcpt("ORCPT=utf-8;b\u{e9}b@x").is_ok());
        for word in ["NOTIFY=NEVER,DELAY", "NOTIFY=", "ORCPT=rfc822", "ORCPT=;x"] {
            assert_eq!(rcpt(word), Err(reply::BAD_PARAMETER), "{word}");
        }
        assert_eq!(rcpt("SIZE=1"), Err(reply::UNKNOWN_PARAMETER));
    }
}
