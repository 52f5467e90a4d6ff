use crate::mail::message::convert::*;
use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

/// A message in one variant, in blocks of a given size.
struct Given {
    octets: Vec<u8>,
    shape: Shape,
    block: usize,
}

struct Pieces<'g>(std::slice::Chunks<'g, u8>);

impl Replay for Given {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        self.shape.suits(accepts).then_some(self.shape)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Pieces(self.octets.chunks(self.block)))
    }
}

impl Blocks for Pieces<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let Some(piece) = self.0.next() else {
            return Ok(Block::End);
        };
        out.extend_from_slice(piece);
        Ok(Block::Lines)
    }
}

fn given(octets: &[u8], block: usize) -> Given {
    let end = memchr::memmem::find(octets, b"\r\n\r\n").unwrap_or(octets.len());
    Given {
        octets: octets.to_vec(),
        shape: Shape {
            transport: BodyType::EightBit,
            utf8: !octets[..end].is_ascii(),
            size: octets.len() as u64,
        },
        block,
    }
}

fn octets(message: &dyn Replay, accepts: Accepts) -> Option<Vec<u8>> {
    let shape = message.shape(accepts)?;
    assert!(shape.suits(accepts));
    let (mut out, mut blocks) = (Vec::new(), message.blocks(shape));
    while blocks.append(&mut out).unwrap() != Block::End {}
    assert_eq!(out.len() as u64, shape.size);
    Some(out)
}

fn converted_by(octets_given: &[u8], accepts: Accepts, signed: Signed) -> Option<Vec<u8>> {
    let whole = given(octets_given, usize::MAX);
    let whole = octets(&Convertible::new(&whole, signed), accepts);
    for block in [1, 7, 64] {
        let cut = given(octets_given, block);
        assert_eq!(
            octets(&Convertible::new(&cut, signed), accepts),
            whole,
            "cut at {block}"
        );
    }
    whole
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// The message for a server that offers nothing.
fn plain(text: &str) -> Option<String> {
    let text = converted_by(
        crlf(text).as_bytes(),
        BodyType::SevenBit.without_utf8(),
        Signed::Kept,
    )?;
    assert!(text.is_ascii());
    String::from_utf8(text).ok()
}

const HEAD: &str = "From: a@x.org\nTo: b@y.org\nMIME-Version: 1.0\n";

#[test]
fn text_becomes_quoted_printable_and_gets_the_fields_for_it() {
    let text = "From: a@x.org\nSubject: x\n\nM\u{e4}rz\n";
    let right = "From: a@x.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                 Content-Transfer-Encoding: quoted-printable\n\nM=C3=A4rz\n";
    assert_eq!(plain(text).unwrap(), crlf(right));
    let eight = given(crlf(text).as_bytes(), 100);
    let eight = octets(
        &Convertible::new(&eight, Signed::Kept),
        BodyType::EightBit.without_utf8(),
    );
    assert_eq!(eight.unwrap(), crlf(text).as_bytes());
}

#[test]
fn a_text_of_another_script_becomes_base64() {
    let text = format!(
        "{HEAD}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n日本語\nテキスト\n"
    );
    let out = plain(&text).unwrap();
    assert!(
        out.contains("\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
        "{out}"
    );
    let parsed = MessageParser::default().parse(&out).unwrap();
    assert_eq!(parsed.body_text(0).unwrap(), "日本語\r\nテキスト\r\n");
}

#[test]
fn each_part_is_encoded_by_itself() {
    let parts = "Content-Type: multipart/mixed; boundary=\"o ut\"\nContent-Transfer-Encoding: 8bit\n\n\
        pre\u{e4}\n--o ut\nContent-Type: multipart/alternative; boundary=in\n\n\
        --in\n\nplain  \n\n--in\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
        <p>M\u{e4}rz</p>\n--in--\n\n--o ut\nContent-Type: application/x; name=\"\u{e4}.bin\"\n\
        Content-Transfer-Encoding: binary\n\n\u{e4}\u{f6}\n--o ut\nContent-Transfer-Encoding: base64\n\n\
        aGk=\n--o ut--\nepilogue\n";
    let out = plain(&format!("{HEAD}{parts}")).unwrap();
    let right = "Content-Type: multipart/mixed; boundary=\"o ut\"\nContent-Transfer-Encoding: 7bit\n\n\
        pre??\n--o ut\nContent-Type: multipart/alternative; boundary=in\n\n\
        --in\n\nplain  \n\n--in\nContent-Type: text/html; charset=utf-8\n\
        Content-Transfer-Encoding: quoted-printable\n\n\
        <p>M=C3=A4rz</p>\n--in--\n\n--o ut\nContent-Type: application/x; name=\"=?utf-8?q?=C3=A4=2Ebin?=\"\n\
        Content-Transfer-Encoding: base64\n\nw6TDtg==\n--o ut\nContent-Transfer-Encoding: base64\n\n\
        aGk=\n--o ut--\nepilogue\n";
    assert_eq!(out, crlf(&format!("{HEAD}{right}")));
}

#[test]
fn an_attached_message_is_not_encoded_but_its_parts_are() {
    let text = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/global\n\
         Content-Transfer-Encoding: 8bit\n\nFrom: J\u{fc}rgen <j\u{fc}rgen@x.org>, c@x.org\nSubject: M\u{e4}rz\n\n\
         Gr\u{fc}n\n--b\nContent-Type: message/rfc822\n\n\u{dc}: no header\n--b--\n"
    );
    let out = plain(&text).unwrap();
    let start = "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n\
                 From: =?utf-8?q?J=C3=BCrgen_j=C3=BCrgen=40x=2Eorg?= :;, c@x.org\n";
    assert!(out.contains(&crlf(start)), "{out}");
    let parsed = MessageParser::default().parse(&out).unwrap();
    let attached = parsed.attachments().next().unwrap().message().unwrap();
    assert_eq!(attached.subject(), Some("M\u{e4}rz"));
    assert_eq!(attached.body_text(0).unwrap().trim_end(), "Gr\u{fc}n");
    let from = attached.from().unwrap();
    assert!(
        format!("{from:?}").contains("J\u{fc}rgen j\u{fc}rgen@x.org"),
        "{from:?}"
    );
}

#[test]
fn the_header_is_encoded_for_a_server_without_smtputf8() {
    let text = format!("{HEAD}Cc: J\u{fc}rgen <c@b\u{fc}cher.example>\nSubject: M\u{e4}rz\n\nhi\n");
    let out = plain(&text).unwrap();
    assert!(
        out.contains("\r\nCc: =?utf-8?q?J=C3=BCrgen?= <c@xn--bcher-kva.example>\r\n"),
        "{out}"
    );
    assert!(
        out.contains("\r\nSubject: =?utf-8?q?M=C3=A4rz?=\r\n"),
        "{out}"
    );
    let with_body = crlf(&text.replace("hi", "\u{fc}"));
    let eight = converted_by(
        with_body.as_bytes(),
        BodyType::EightBit.without_utf8(),
        Signed::Kept,
    );
    let eight = String::from_utf8(eight.unwrap()).unwrap();
    assert!(
        eight.ends_with("\r\n\r\n\u{fc}\r\n") && eight.contains("Subject: =?"),
        "{eight}"
    );
    let address = text.replace("c@b", "\u{e7}@b");
    assert_eq!(plain(&address), None);
}

#[test]
fn signed_and_encrypted_content_stays_unless_it_may_change() {
    for kind in ["signed", "encrypted"] {
        let text = |inside: &str| {
            format!(
                "{HEAD}Content-Type: multipart/{kind}; boundary=b\n\n--b\n\n{inside}\n--b\n\nsignature\n--b--\n"
            )
        };
        assert_eq!(plain(&text("M\u{e4}rz")), None);
        let named = text("hi")
            .replace("To: b", "To: J\u{fc}rgen <b")
            .replace("y.org", "y.org>");
        let out = plain(&named).unwrap();
        assert!(
            out.ends_with(&crlf("\n--b\n\nhi\n--b\n\nsignature\n--b--\n")),
            "{out}"
        );
        let given = crlf(&text("M\u{e4}rz"));
        let accepts = BodyType::SevenBit.without_utf8();
        let out = converted_by(given.as_bytes(), accepts, Signed::Converted).unwrap();
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains("\r\nM=C3=A4rz\r\n--b\r\n")
        );
    }
}

#[test]
fn content_that_is_encoded_already_is_made_valid() {
    let part = |encoding: &str, text: &str| {
        let text = format!("{HEAD}Content-Transfer-Encoding: {encoding}\n\n{text}\n");
        plain(&text).map(|out| out.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    assert_eq!(
        part("quoted-printable", "=C3=A4\u{e4}=\n x").unwrap(),
        "=C3=A4=C3=A4=\r\n x\r\n"
    );
    assert_eq!(part("BASE64 (x)", "aG\u{e4}k=").unwrap(), "aGk=\r\n");
    assert_eq!(part("x-uuencode", "\u{e4}"), None);
    assert_eq!(part("8-bit", "\u{e4}").unwrap(), "=C3=A4\r\n");
}

#[test]
fn a_report_that_is_not_ascii_gets_the_type_that_may_be_encoded() {
    let text = format!(
        "{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\
         Content-Type: message/delivery-status\n\nDiagnostic-Code: smtp; 550 n\u{f6}\n\n--b--\n"
    );
    let out = plain(&text).unwrap();
    assert!(
        out.contains("\r\nContent-Type: message/global-delivery-status\r\n"),
        "{out}"
    );
    assert!(out.contains("550 n=C3=B6\r\n"), "{out}");
}

#[test]
fn depth_and_number_of_nested_parts_are_limited() {
    let mut text = HEAD.to_owned();
    for level in 0..5000 {
        text.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
        ));
    }
    assert_eq!(plain(&format!("{text}\n\u{e4}\n")), None);
    assert!(plain(&format!("{text}\nhi\n").replace("To: b", "To: \u{fc} b")).is_some());
    let messages = "Content-Type: message/rfc822\n\n".repeat(5000);
    assert!(plain(&format!("{HEAD}{messages}\n\u{e4}\n")).is_some());
}

#[test]
fn a_message_that_cannot_be_read_is_not_sent_as_it_is() {
    struct Broken;
    impl Replay for Broken {
        fn shape(&self, accepts: Accepts) -> Option<Shape> {
            given("\u{e4}".as_bytes(), 1).shape(accepts)
        }
        fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
            Box::new(Unreadable(io::ErrorKind::InvalidData, "damaged".to_owned()))
        }
    }
    let message = Convertible::new(&Broken, Signed::Kept);
    let shape = message.shape(BodyType::SevenBit.without_utf8()).unwrap();
    assert!(message.blocks(shape).append(&mut Vec::new()).is_err());
}

fn valid(header: &str, body: &[u8]) -> String {
    let source = Source::memory("test".to_owned(), body.to_vec());
    let valid = made_valid(crlf(header).as_bytes(), &source, 0, Signed::Converted).unwrap();
    let octets = valid.whole(u64::MAX).unwrap();
    assert!(
        octets
            .split(|&byte| byte == b'\n')
            .all(|line| line.len() <= 999)
    );
    assert!(!octets.contains(&0));
    String::from_utf8(octets).unwrap()
}

#[test]
fn long_lines_and_nuls_are_encoded_in_their_part() {
    let long = "x".repeat(1500);
    let head = format!("{HEAD}Content-Type: multipart/mixed; boundary=b\n\n");
    let body = format!(
        "--b\n\n{long}\n--b\nContent-Type: text/plain\n\n\u{e4}\n--b\nContent-Type: application/x\n\na\0b\n--b--\n"
    );
    let out = valid(&head, body.as_bytes());
    assert!(
        out.contains(&crlf("--b\nContent-Type: text/plain\n\n\u{e4}\n--b\n")),
        "{out}"
    );
    assert!(
        out.contains(&crlf("Content-Transfer-Encoding: base64\n\nYQBi\n--b--\n")),
        "{out}"
    );
    let parsed = MessageParser::default().parse(&out).unwrap();
    assert_eq!(parsed.body_text(0).unwrap().trim_end(), long);
    let base64 = valid(
        &format!("{HEAD}Content-Transfer-Encoding: base64\n\n"),
        "eHh4".repeat(500).as_bytes(),
    );
    let parsed = MessageParser::default().parse(&base64).unwrap();
    assert_eq!(parsed.body_text(0).unwrap(), "xxx".repeat(500));
    let quoted = valid(
        &format!(
            "{HEAD}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        ),
        "=C3=A4".repeat(500).as_bytes(),
    );
    let parsed = MessageParser::default().parse(&quoted).unwrap();
    assert_eq!(
        parsed.body_text(0).unwrap().trim_end(),
        "\u{e4}".repeat(500)
    );
}

#[test]
fn a_binary_part_keeps_its_octets() {
    let head = format!("{HEAD}Content-Type: image/png\nContent-Transfer-Encoding: binary\n\n");
    let body: Vec<u8> = (0..=255_u8).chain(*b"\n\r\r\n\0").collect();
    let out = valid(&head, &body);
    let parsed = MessageParser::default().parse(&out).unwrap();
    assert_eq!(parsed.part(0).unwrap().contents(), body);
    assert_eq!(parsed.content_type().unwrap().ctype(), "image");
}

fn pieces() -> impl Strategy<Value = String> {
    let lines = [
        "Content-Type: multipart/mixed; boundary=b\n",
        "Content-Type: multipart/digest; boundary=\"c\"\n",
        "Content-Type: multipart/signed; boundary=d\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: text/plain; charset=\"\u{fc}\"\n",
        "Content-Transfer-Encoding: 8bit\n",
        "Content-Transfer-Encoding: binary\n",
        "Content-Transfer-Encoding: quoted-printable\n",
        "Content-Transfer-Encoding: base64\n",
        "Content-Disposition: attachment; filename=\"\u{fc}; a\"\n",
        "Subject: \u{fc}\n",
        "To: \u{fc} <b@x.org>\n",
        "\n",
        "--b\n",
        "--b--\n",
        "--c\n",
        "--c--  \n",
        "--d\n",
        "--d--\n",
        "\u{fc}\n",
        "text =\n",
        " \n",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(lines.to_vec()).prop_map(str::to_owned),
        1 => "[ -~\u{e0}-\u{ff}]{0,40}\n",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn converted_messages_are_lines_of_ascii(text in pieces()) {
        let text = crlf(&format!("From: a@x.org\n{text}"));
        let accepts = BodyType::SevenBit.without_utf8();
        if let Some(out) = converted_by(text.as_bytes(), accepts, Signed::Kept) {
            prop_assert!(out.is_ascii());
            prop_assert!(out.ends_with(b"\r\n"));
            for line in out.split(|&byte| byte == b'\n') {
                prop_assert!(line.len() <= 999);
            }
        }
        prop_assert!(converted_by(text.as_bytes(), accepts, Signed::Converted).is_some());
    }
}
