//! `ehlo demo`: a built-in receiver, a message to it, and both sides of the session.

mod png;

use crate::cli::terminal::{Stdout, complain};
use crate::client::deliver::{OpenTransport, Outgoing, deliver};
use crate::client::outcome::DeliveryReport;
use crate::client::route;
use crate::client::route::{AddressFamily, Endpoint, Host, Router};
use crate::client::session;
use crate::client::wire::{Tls, TlsSetupError, tls};
use crate::mail::address::{Mailbox, parse_list};
use crate::mail::envelope::Dsn;
use crate::mail::message::{
    Attachment, Content, Input, Message, MessageDraft, MessageOptions, TextAlternatives,
};
use crate::server as sink;
use crate::server::{
    Declined, Incoming, Listen, MessageStore, ReceivedEnvelope, Server, Whereabouts,
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

/// Sends a message with a text and a picture to ourselves.
pub fn run() -> Exit {
    match demonstrate() {
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

fn demonstrate() -> anyhow::Result<Exit> {
    let mut server = sink::ServerOptions::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    server.count = Some(1);
    "hamburger.edu".clone_into(&mut server.name);
    let sink = Server::bind(server).context("cannot start the receiver")?;
    let Some(&Listen::Tcp(address)) = sink.places().next() else {
        bail!("the receiver has no address");
    };
    let desk = Desk::default();
    let message = message().context("cannot build the message")?;
    let report = thread::scope(|scope| {
        let receiver = thread::Builder::new()
            .spawn_scoped(scope, || sink.serve(&desk, &()))
            .context("cannot start the receiver")?;
        let report = send(&message, address)?;
        if report.exit() != Exit::Ok {
            // No message was sent, and the receiver would wait for ever.
            return Ok(report);
        }
        match receiver.join() {
            Ok(served) => served.map(|_| report).context("the receiver failed"),
            Err(_) => bail!("the receiver failed"),
        }
    })?;
    if report.exit() != Exit::Ok {
        bail!("the message was not accepted");
    }
    let received = desk
        .message
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    show(&received)?;
    if received != wire_form(&message)? {
        bail!("what the receiver read is not what was sent");
    }
    say(&format!(
        "*** the receiver read {} octets, exactly those that were sent\n",
        received.len()
    ))?;
    Ok(Exit::Ok)
}

/// A text and a picture that is made on the spot.
fn message() -> anyhow::Result<Message> {
    let mut picture = tempfile::Builder::new()
        .prefix("ketchup")
        .suffix(".png")
        .tempfile()?;
    picture.write_all(&png::gradient(64))?;
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
    let options = MessageOptions {
        content: Content::Draft(Box::new(draft)),
        envelope_from: None,
        dsn: Dsn::default(),
    };
    // The file is open, so its name can be removed.
    Ok(Message::build(options, SystemTime::now())?)
}

fn send(message: &Message, address: SocketAddr) -> Result<DeliveryReport, TlsSetupError> {
    let route = route::RouteOptions {
        relay: Some(Endpoint {
            host: Host::Address(address.ip()),
            port: address.port(),
        }),
        port: address.port(),
        family: AddressFamily::Any,
        bind: None,
        connect_to: None,
        dns: None,
        own_names: Vec::new(),
    };
    let session = session::Options {
        helo: Some("crepes.fr".to_owned()),
        // The classic session, with the message after DATA.
        no_chunking: true,
        ..session::Options::default()
    };
    let transport = OpenTransport {
        router: &Router::new(&route),
        session: &session,
        tls: &Tls::new(&tls::TlsOptions::default())?,
        login: None,
        connections: None,
    };
    let mut report = DeliveryReport::not_attempted(&message.envelope.recipients);
    deliver(
        &Outgoing::of(message),
        &transport,
        &mut report,
        &mut Stevens::new(Stdout, transcript::TranscriptOptions::default()),
    );
    Ok(report)
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
    say("\n*** the message as the receiver read it:\n")?;
    let mut encoded = 0_usize;
    for line in received.split_inclusive(|&byte| byte == b'\n') {
        let line = line.trim_ascii_end();
        let is_encoded = line.len() == 76 && !line.contains(&b' ');
        encoded = if is_encoded { encoded + 1 } else { 0 };
        match encoded {
            0..=SHOWN => say(&format!("{}\n", printable(line)))?,
            _ if encoded == SHOWN + 1 => say("[more of the same]\n")?,
            _ => {}
        }
    }
    say("\n")
}

fn say(text: &str) -> io::Result<()> {
    match Stdout.write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Stores the one message.
#[derive(Default)]
struct Desk {
    message: Mutex<Vec<u8>>,
}

impl MessageStore for Desk {
    fn begin(&self, _: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        Ok(Box::new(Page {
            desk: self,
            bytes: Vec::new(),
        }))
    }
}

struct Page<'d> {
    desk: &'d Desk,
    bytes: Vec<u8>,
}

impl Incoming for Page<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Whereabouts, Declined> {
        let message = self.desk.message.lock();
        *message.unwrap_or_else(std::sync::PoisonError::into_inner) = self.bytes;
        Ok(Whereabouts::Gone)
    }
}
