//! Multipart/signed (RFC 1847, RFC 3156 §5, RFC 8551 §3.5.3): its frame, and its octets while they are signed.

use crate::mail::crypt::pgp::{PgpSignature, push_armor};
use crate::mail::crypt::{CryptError, Feed, smime};
use crate::mail::message::encode::Encoding;
use crate::mail::message::fields::token;
use crate::mail::message::header_writer::with_parameters;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, ScopedJoinHandle};

/// Blocks of the content that wait for the program that signs.
const WAITING: usize = 4;

/// Everything in multipart/signed but the part that is signed.
pub struct SignedFrame {
    boundary: String,
    protocol: &'static str,
    micalg: &'static str,
    /// The header fields of the signature.
    signature_fields: &'static str,
}

impl SignedFrame {
    pub fn pgp(micalg: &'static str) -> Self {
        Self {
            boundary: token(),
            protocol: "application/pgp-signature",
            micalg,
            signature_fields: "Content-Type: application/pgp-signature; name=signature.asc\r\n\
                Content-Description: OpenPGP digital signature\r\n\
                Content-Disposition: attachment; filename=signature.asc\r\n",
        }
    }

    pub fn smime() -> Self {
        Self {
            boundary: token(),
            protocol: "application/pkcs7-signature",
            micalg: smime::MICALG,
            signature_fields: "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\
                Content-Transfer-Encoding: base64\r\n\
                Content-Disposition: attachment; filename=smime.p7s\r\n",
        }
    }

    /// The header fields of the whole.
    pub fn fields(&self) -> String {
        with_parameters(
            "Content-Type",
            "multipart/signed",
            &[
                ("boundary", &self.boundary),
                ("protocol", self.protocol),
                ("micalg", self.micalg),
            ],
        )
    }

    /// The line before the part that is signed.
    pub fn begin(&self) -> Vec<u8> {
        format!("--{}\r\n", self.boundary).into_bytes()
    }

    /// The closing delimiter and the signature part, with an encoded signature.
    pub fn end(&self, signature: &[u8]) -> Vec<u8> {
        let Self {
            boundary,
            signature_fields,
            ..
        } = self;
        let mut end = format!("\r\n--{boundary}\r\n{signature_fields}\r\n").into_bytes();
        end.extend_from_slice(signature);
        end.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        end
    }
}

/// The lines of a signature, without the last line end.
pub fn pgp_lines(signature: &PgpSignature) -> Vec<u8> {
    let mut lines = Vec::new();
    push_armor(signature.armored.trim_ascii_end(), &mut lines);
    lines
}

/// The lines of a signature in DER, without the last line end.
pub fn smime_lines(signature: &[u8]) -> Vec<u8> {
    let (mut encoder, mut lines) = (Encoding::Base64.encoder(), Vec::new());
    encoder.push(signature, &mut lines);
    encoder.finish(&mut lines);
    lines.truncate(lines.trim_ascii_end().len());
    lines
}

/// Makes a signature in DER of what is fed to it.
pub trait Sign: FnOnce(&mut Feed<'_>) -> Result<Vec<u8>, CryptError> + Send {}

impl<F: FnOnce(&mut Feed<'_>) -> Result<Vec<u8>, CryptError> + Send> Sign for F {}

/// Calls `run` with the octets of multipart/signed for S/MIME, while a thread signs the part in it: the content is read
/// once. An error of `sign` precedes one of `run`.
pub fn while_signed<T>(
    sign: impl Sign,
    content: &mut Feed<'_>,
    run: impl FnOnce(&mut Feed<'_>) -> Result<T, CryptError>,
) -> Result<T, CryptError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        let signing = Builder::new()
            .spawn_scoped(scope, move || {
                sign(&mut |piece| {
                    receive(&receiver, piece);
                    Ok(())
                })
            })
            .map_err(CryptError::Content)?;
        let mut stream = SignedStream {
            frame: SignedFrame::smime(),
            content,
            state: State::Header,
            signer: Some(Signer { sender, signing }),
            failure: None,
        };
        let result = run(&mut |piece| stream.append(piece));
        if let Some(signer) = stream.signer.take() {
            // The content was not read to its end, and `run` has the reason unless it is this one.
            stream.failure = signer.signature().err();
        }
        match stream.failure {
            Some(error) => Err(error),
            None => result,
        }
    })
}

/// Appends the next block, or nothing at the end.
fn receive(blocks: &Receiver<Vec<u8>>, piece: &mut Vec<u8>) {
    if let Ok(mut block) = blocks.recv() {
        piece.append(&mut block);
    }
}

/// The thread that signs.
struct Signer<'scope> {
    sender: SyncSender<Vec<u8>>,
    signing: ScopedJoinHandle<'scope, Result<Vec<u8>, CryptError>>,
}

impl Signer<'_> {
    /// Ends the content.
    fn signature(self) -> Result<Vec<u8>, CryptError> {
        drop(self.sender);
        let ended = || CryptError::Content(io::Error::other("the thread that signs has ended"));
        self.signing.join().unwrap_or_else(|_| Err(ended()))
    }
}

struct SignedStream<'s, 'scope> {
    frame: SignedFrame,
    content: &'s mut Feed<'s>,
    state: State,
    signer: Option<Signer<'scope>>,
    /// The reason for which there is no signature.
    failure: Option<CryptError>,
}

/// The next piece to produce.
#[derive(Clone, Copy)]
enum State {
    Header,
    Content,
    End,
}

impl SignedStream<'_, '_> {
    fn append(&mut self, piece: &mut Vec<u8>) -> io::Result<()> {
        match self.state {
            State::Header => {
                piece.extend_from_slice(self.frame.fields().as_bytes());
                piece.extend_from_slice(b"\r\n");
                piece.append(&mut self.frame.begin());
                self.state = State::Content;
            }
            State::Content => {
                let start = piece.len();
                (self.content)(piece)?;
                if piece.len() > start {
                    return self.pass(&piece[start..]);
                }
                self.state = State::End;
                let signature = self.signature()?;
                piece.append(&mut self.frame.end(&smime_lines(&signature)));
            }
            State::End => {}
        }
        Ok(())
    }

    /// Passes a block of the content to the thread.
    fn pass(&mut self, block: &[u8]) -> io::Result<()> {
        let sent = self
            .signer
            .as_ref()
            .is_some_and(|signer| signer.sender.send(block.to_vec()).is_ok());
        if sent {
            return Ok(());
        }
        self.signature()?;
        Err(io::Error::other("the content was not signed as a whole"))
    }

    fn signature(&mut self) -> io::Result<Vec<u8>> {
        let signature = self.signer.take().map(Signer::signature);
        match signature {
            Some(Ok(signature)) => Ok(signature),
            Some(Err(error)) => {
                self.failure = Some(error);
                Err(io::Error::other("the content is not signed"))
            }
            None => Err(io::Error::other("the content is not signed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets of a content of this many blocks, signed by `sign`.
    fn signed(count: usize, sign: impl Sign) -> Result<String, CryptError> {
        let mut blocks = (0..count).map(|number| format!("block {number}\r\n"));
        let mut content = |piece: &mut Vec<u8>| {
            piece.extend(blocks.next().unwrap_or_default().bytes());
            Ok(())
        };
        while_signed(sign, &mut content, |feed| {
            let mut all = Vec::new();
            loop {
                let before = all.len();
                feed(&mut all).map_err(CryptError::Content)?;
                if all.len() == before {
                    return Ok(String::from_utf8(all).unwrap());
                }
            }
        })
    }

    fn read(feed: &mut Feed<'_>) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let before = all.len();
            feed(&mut all).unwrap();
            if all.len() == before {
                return all;
            }
        }
    }

    #[test]
    fn signed_octets_are_those_of_the_part() {
        for count in [1, 50] {
            let text = signed(count, |feed| Ok(read(feed))).unwrap();
            let (header, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(
                header.starts_with("Content-Type: multipart/signed;"),
                "{text}"
            );
            let delimiter = body.split("\r\n").next().unwrap();
            let parts: Vec<&str> = body.split(delimiter).collect();
            assert_eq!(parts.len(), 4, "{text}");
            assert_eq!(parts[3], "--\r\n");
            let part = parts[1].strip_prefix("\r\n").unwrap().strip_suffix("\r\n");
            let part = part.unwrap();
            let (_, signature) = parts[2].split_once("\r\n\r\n").unwrap();
            let lines = smime_lines(part.as_bytes());
            assert_eq!(signature.trim_end().as_bytes(), lines);
            assert_eq!(part.lines().count(), count);
        }
    }

    #[test]
    fn failed_signature_is_the_error() {
        let failed = || CryptError::Autocrypt("no".to_owned());
        for count in [1, 50] {
            let at_once = signed(count, |_| Err(failed())).unwrap_err();
            assert_eq!(at_once.to_string(), failed().to_string());
            let at_its_end = signed(count, |feed| {
                read(feed);
                Err(failed())
            });
            assert_eq!(at_its_end.unwrap_err().to_string(), failed().to_string());
            // It claims to have signed all.
            let early = signed(50, |feed| {
                feed(&mut Vec::new()).unwrap();
                Ok(vec![0x30])
            });
            assert!(early.is_err());
        }
    }

    #[test]
    fn error_of_the_consumer_is_reported() {
        let mut content = |piece: &mut Vec<u8>| {
            piece.push(b'x');
            Ok(())
        };
        let refused = || CryptError::Autocrypt("full".to_owned());
        let result = while_signed(
            |feed| Ok(read(feed)),
            &mut content,
            |feed| {
                feed(&mut Vec::new()).unwrap();
                feed(&mut Vec::new()).unwrap();
                Err::<(), _>(refused())
            },
        );
        assert_eq!(result.unwrap_err().to_string(), refused().to_string());
    }
}
