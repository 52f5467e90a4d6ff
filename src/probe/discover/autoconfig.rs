//! The autoconfiguration file that mail programs use: `config-v1.1.xml`, as Thunderbird defines it. Only the servers
//! for outgoing mail are read.

use crate::probe::discover::{Candidate, LoginName};

/// The servers in this file, in its order. A server without TLS is left out.
pub(super) fn servers(xml: &str) -> Vec<Candidate> {
    let mut servers = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once("<outgoingServer") {
        let (block, after) = after.split_once("</outgoingServer>").unwrap_or((after, ""));
        servers.extend(server(block));
        rest = after;
    }
    servers
}

fn server(block: &str) -> Option<Candidate> {
    let (attributes, elements) = block.split_once('>')?;
    if attributes.contains("type=") && !attributes.contains("smtp") {
        return None;
    }
    let is_implicit = match text(elements, "socketType")?.to_ascii_uppercase().as_str() {
        "SSL" => true,
        "STARTTLS" => false,
        _ => return None,
    };
    let default = if is_implicit { 465 } else { 587 };
    let port = text(elements, "port").and_then(|port| port.parse().ok());
    let authentications = texts(elements, "authentication");
    let user = match text(elements, "username") {
        _ if authentications.iter().all(|word| word == "none") && !authentications.is_empty() => {
            LoginName::None
        }
        Some(user) => LoginName::Template(user),
        None => LoginName::Template("%EMAILADDRESS%".to_owned()),
    };
    // A server may allow several; OAuth alone excludes a password.
    let is_oauth = |word: &String| word.eq_ignore_ascii_case("OAuth2");
    Some(Candidate {
        host: text(elements, "hostname")?,
        port: port.unwrap_or(default),
        is_implicit,
        user,
        needs_oauth: !authentications.is_empty() && authentications.iter().all(is_oauth),
    })
}

/// The text of the first element of this name.
fn text(elements: &str, name: &str) -> Option<String> {
    texts(elements, name).into_iter().next()
}

/// The texts of all elements of this name. Elements without text are left out.
fn texts(elements: &str, name: &str) -> Vec<String> {
    let (start, end) = (format!("<{name}"), format!("</{name}>"));
    let mut texts = Vec::new();
    let mut rest = elements;
    while let Some((_, after)) = rest.split_once(&start) {
        let Some((inside, after)) = after.split_once(&end) else {
            break;
        };
        // A longer name, or attributes, may follow.
        if let Some((attributes, text)) = inside.split_once('>')
            && (attributes.is_empty() || attributes.starts_with(char::is_whitespace))
            && !text.trim().is_empty()
        {
            texts.push(without_entities(text.trim()));
        }
        rest = after;
    }
    texts
}

fn without_entities(text: &str) -> String {
    let mut text = text.to_owned();
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0"?>
<clientConfig version="1.1">
  <emailProvider id="crepes.fr">
    <incomingServer type="imap"><hostname>imap.crepes.fr</hostname><port>993</port>
      <socketType>SSL</socketType></incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.crepes.fr</hostname> <port>465</port> <socketType>SSL</socketType>
      <username>%EMAILLOCALPART%</username>
      <authentication>OAuth2</authentication><authentication>password-cleartext</authentication>
    </outgoingServer>
    <outgoingServer type="smtp">
      <hostname>submit.crepes.fr</hostname><socketType>STARTTLS</socketType>
      <authentication>OAuth2</authentication>
    </outgoingServer>
    <outgoingServer type="smtp"><hostname>old.crepes.fr</hostname><port>25</port>
      <socketType>plain</socketType></outgoingServer>
    <outgoingServer><hostname>relay.crepes.fr</hostname><port>x</port><socketType>STARTTLS</socketType>
      <authentication>none</authentication></outgoingServer>
  </emailProvider>
</clientConfig>"#;

    #[test]
    fn outgoing_servers_with_tls_are_read() {
        let all = servers(XML);
        let hosts: Vec<(&str, u16, bool)> = all
            .iter()
            .map(|one| (one.host.as_str(), one.port, one.is_implicit))
            .collect();
        assert_eq!(
            hosts,
            [
                ("smtp.crepes.fr", 465, true),
                ("submit.crepes.fr", 587, false),
                ("relay.crepes.fr", 587, false),
            ]
        );
        let template = |text: &str| LoginName::Template(text.to_owned());
        assert_eq!(all[0].user, template("%EMAILLOCALPART%"));
        assert_eq!(all[1].user, template("%EMAILADDRESS%"));
        assert_eq!(all[2].user, LoginName::None);
        assert_eq!(
            all.iter().map(|one| one.needs_oauth).collect::<Vec<_>>(),
            [false, true, false]
        );
    }

    #[test]
    fn broken_files_have_no_servers() {
        for xml in [
            "",
            "<html><body>Not Found</body></html>",
            "<outgoingServer",
            "<outgoingServer type=\"smtp\">",
            "<outgoingServer><hostname>h</hostname>",
            "<outgoingServer><hostname></hostname><socketType>SSL</socketType></outgoingServer>",
        ] {
            assert!(servers(xml).is_empty(), "{xml}");
        }
    }
}
