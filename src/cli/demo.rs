//! `ehlo demo`: a built-in receiver, a message to it, and both sides of the session.

use crate::cli::terminal::{Stdout, complain};
use crate::client::deliver::{ConnectionPool, Outgoing, deliver};
use crate::client::outcome::DeliveryReport;
use crate::client::policy::PolicyOptions;
use crate::client::route;
use crate::client::route::{Endpoint, Host};
use crate::client::session;
use crate::client::transport::{Transport, Transports};
use crate::client::wire::tls;
use crate::mail::address::{Mailbox, parse_list};
use crate::mail::message::{
    Attachment, Content, Input, Message, MessageDraft, MessageOptions, TextAlternatives,
};

use crate::server::{
    Incoming, Listen, MessageStore, ReceivedEnvelope, Server, ServerOptions, StoreRefusal, StoredAt,
};
use crate::smtp::blocks::{Block, BodyType, Replay};
use crate::system::exit::Exit;
use crate::system::text::{printable, reason};
use crate::transcript;
use crate::transcript::Stevens;
use anyhow::{Context as _, bail};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::thread;
use std::time::SystemTime;

/// Lines of an attachment that are shown before the rest is a number.
const SHOWN: usize = 3;

/// Sends a message with a text and a picture to a built-in receiver.
pub fn run() -> Exit {
    match demo() {
        Ok(exit) => exit,
        Err(error) => {
            complain(&reason(&format!("{error:#}")));
            if error.chain().any(<dyn std::error::Error>::is::<io::Error>) {
                Exit::Temporary
            } else {
                Exit::Software
            }
        }
    }
}

fn demo() -> anyhow::Result<Exit> {
    let mut options = ServerOptions::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    options.count = Some(1);
    "hamburger.edu".clone_into(&mut options.name);
    let receiver = Server::bind(options).context("cannot start the test server")?;
    let Some(&Listen::Tcp(address)) = receiver.places().next() else {
        bail!("the test server has no address");
    };
    let inbox = Inbox::default();
    let message = message().context("cannot build the message")?;
    let report = thread::scope(|scope| {
        let thread = thread::Builder::new()
            .spawn_scoped(scope, || receiver.serve(&inbox, &()))
            .context("cannot start the test server")?;
        let report = send(&message, address);
        if report.exit() != Exit::Ok {
            // No message was sent, so the receiver would not end.
            return Ok(report);
        }
        match thread.join() {
            Ok(served) => served.map(|_| report).context("the test server failed"),
            Err(_) => bail!("the test server failed"),
        }
    })?;
    if report.exit() != Exit::Ok {
        bail!("the message was not accepted");
    }
    let received = inbox
        .message
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    show(&received)?;
    if received != wire_form(&message)? {
        bail!("the received message differs from the sent one");
    }
    print(&format!(
        "*** the test server received {} octets, identical to those sent\n",
        received.len()
    ))?;
    Ok(Exit::Ok)
}

/// A message with a text and a picture.
fn message() -> anyhow::Result<Message> {
    let mut picture = tempfile::Builder::new()
        .prefix("ketchup")
        .suffix(".png")
        .tempfile()?;
    picture.write_all(&png(64))?;
    let draft = MessageDraft {
        from: Mailbox::parse("Alice <alice@crepes.fr>")?,
        to: parse_list("Bob <bob@hamburger.edu>")?,
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        subject: Some("Do you like ketchup? Grüße aus Paris".to_owned()),
        headers: Vec::new(),
        text: TextAlternatives {
            body: Some(Input::Text(
                "Do you like ketchup?\n.\nHow about pickles?\n".to_owned(),
            )),
            ..TextAlternatives::default()
        },
        inline: Vec::new(),
        attachments: vec![Attachment {
            name: Some("ketchup.png".to_owned()),
            ..Attachment::new(Input::File(picture.path().to_owned()))
        }],
        messages: Vec::new(),
        no_date: false,
        no_message_id: false,
    };
    let options = MessageOptions::of(Content::Draft(Box::new(draft)));
    // The file is open, so its name can be removed.
    Ok(Message::build(options, SystemTime::now())?)
}

fn send(message: &Message, address: SocketAddr) -> DeliveryReport {
    let route = route::RouteOptions {
        relay: Some(Endpoint {
            host: Host::Address(address.ip()),
            port: address.port(),
        }),
        port: address.port(),
        ..route::RouteOptions::direct()
    };
    let session = session::Options {
        helo: Some("crepes.fr".to_owned()),
        // The classic session, with the message after DATA.
        no_chunking: true,
        ..session::Options::default()
    };
    let transport = Transport {
        profile: None,
        route,
        session,
        tls: tls::TlsOptions::default(),
        policy: PolicyOptions::default(),
        credentials: None,
    };
    let transports = Transports::new([&transport]);
    deliver(
        &Outgoing::of(message),
        &ConnectionPool::for_one_message(&transports),
        &mut Stevens::new(Stdout, transcript::TranscriptOptions::default()),
    )
}

/// The message as it went over the wire, before dot-stuffing.
fn wire_form(message: &Message) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    // The receiver offers 8BITMIME and not BINARYMIME.
    let shape = message.shape(BodyType::EightBit.with_utf8());
    let Some(shape) = shape else { return Ok(out) };
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out)? != Block::End {}
    Ok(out)
}

/// Prints the received message, with only the first lines of the picture.
fn show(received: &[u8]) -> io::Result<()> {
    print("\n*** the message as received:\n")?;
    let mut encoded = 0_usize;
    for line in received.split_inclusive(|&byte| byte == b'\n') {
        let line = line.trim_ascii_end();
        let is_encoded = line.len() == 76 && !line.contains(&b' ');
        encoded = if is_encoded { encoded + 1 } else { 0 };
        match encoded {
            0..=SHOWN => print(&format!("{}\n", printable(line)))?,
            _ if encoded == SHOWN + 1 => print("[more lines]\n")?,
            _ => {}
        }
    }
    print("\n")
}

fn print(text: &str) -> io::Result<()> {
    match Stdout.write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Stores the one message.
#[derive(Default)]
struct Inbox {
    message: Mutex<Vec<u8>>,
}

impl MessageStore for Inbox {
    fn begin(&self, _: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        Ok(Box::new(InboxMessage {
            inbox: self,
            bytes: Vec::new(),
        }))
    }
}

struct InboxMessage<'d> {
    inbox: &'d Inbox,
    bytes: Vec<u8>,
}

impl Incoming for InboxMessage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let message = self.inbox.message.lock();
        *message.unwrap_or_else(std::sync::PoisonError::into_inner) = self.bytes;
        Ok(StoredAt::Elsewhere)
    }
}

/// A picture in PNG (ISO/IEC 15948) without compression: a square of this many pixels, at most 127, with a gradient.
fn png(side: u8) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..side {
        rows.push(0);
        for x in 0..side {
            rows.extend_from_slice(&[230_u8.saturating_sub(x), x + y, y / 2]);
        }
    }
    let size = [0, 0, 0, side];
    // Eight bits a sample, RGB, no interlacing.
    let header = [&size[..], &size, &[8, 2, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"IDAT", &stored(&rows));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let body = [kind, data].concat();
    png.extend_from_slice(&length.to_be_bytes());
    png.extend_from_slice(&body);
    png.extend_from_slice(&crc32(&body).to_be_bytes());
}

/// A zlib stream of stored blocks (RFC 1950, RFC 1951 §3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(0xffff);
    let count = blocks.len();
    for (at, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(at + 1 == count));
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream.extend_from_slice(&adler32(data).to_be_bytes());
    stream
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
