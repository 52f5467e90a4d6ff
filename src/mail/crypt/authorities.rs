//! The CAs of certificates for S/MIME and their revocation lists, in the form that `openssl` reads.

use crate::mail::crypt::error::CryptError;
use crate::mail::crypt::options::Authorities;
use crate::mail::crypt::program::{Program, failure};
use crate::system::trust::open_file;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::Path;
use std::process::Command;
use tempfile::NamedTempFile;

/// The error of `openssl` for a certificate in a revocation list.
pub const REVOKED: &str = "certificate revoked";

/// Maximum size of a file, in octets. Revocation lists of large CAs have some megabytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Maximum length of a line of PEM, in octets.
const MAX_LINE: u64 = 4096;

/// Octets that become PEM at once: a whole number of lines.
const PIECE: usize = PEM_LINE * 1024;

/// Octets of a line of PEM before they are encoded.
const PEM_LINE: usize = 48;

/// The first octet of a certificate and of a revocation list in DER.
const SEQUENCE: u8 = 0x30;

/// CAs and revocation lists in one PEM file.
#[derive(Debug)]
pub struct AuthorityFile {
    file: NamedTempFile,
    has_crls: bool,
}

impl AuthorityFile {
    /// Reads the files of CAs, which have PEM or DER.
    pub fn of(authorities: &Authorities) -> Result<Self, CryptError> {
        let mut file = NamedTempFile::new().map_err(CryptError::Content)?;
        let mut out = BufWriter::new(file.as_file_mut());
        CA.copy(&authorities.ca, &mut out)?;
        for crl in &authorities.crls {
            CRL.copy(crl, &mut out)?;
        }
        out.flush().map_err(CryptError::Content)?;
        drop(out);
        Ok(Self {
            file,
            has_crls: !authorities.crls.is_empty(),
        })
    }

    /// Adds the arguments that make `openssl` trust these CAs alone. Only the certificate itself is looked for in the
    /// revocation lists, as the lists of all CAs above it are rarely at hand.
    pub fn require(&self, command: &mut Command) {
        command
            .args(["-no-CApath", "-no-CAstore", "-CAfile"])
            .arg(self.file.path());
        if self.has_crls {
            command.arg("-crl_check");
        }
    }

    /// Checks the first certificate in a file, which may have those of intermediate CAs too. The inner error completes
    /// "the certificate".
    pub fn check(&self, path: &Path, option: &str) -> Result<Result<(), String>, CryptError> {
        let mut program = Program::new("openssl", option.to_owned());
        program.command.arg("verify");
        self.require(&mut program.command);
        program.command.arg("-untrusted").args([path, path]);
        let (report, ended) = program.output(&mut |_| Ok(()))?;
        if ended.status.success() && report.ends_with(b": OK\n") {
            return Ok(Ok(()));
        }
        let text = String::from_utf8_lossy(&ended.messages);
        // As in `error 23 at 0 depth lookup: certificate revoked`.
        let mut reasons = text.lines().filter_map(|line| line.split_once(" lookup: "));
        Ok(Err(match reasons.next() {
            Some((_, REVOKED)) => "is revoked".to_owned(),
            Some((_, why)) => format!("is not trusted: {why}"),
            None => format!(
                "cannot be checked by openssl: {}",
                failure(&ended, |_| true)
            ),
        }))
    }
}

/// A kind of objects in PEM, and the option that names files with them.
struct PemKind {
    option: &'static str,
    label: &'static str,
    missing: &'static str,
}

const CA: PemKind = PemKind {
    option: "--smime-ca",
    label: "CERTIFICATE",
    missing: "it contains no certificate",
};

const CRL: PemKind = PemKind {
    option: "--smime-crl",
    label: "X509 CRL",
    missing: "it contains no revocation list",
};

impl PemKind {
    /// Appends the objects in a file as PEM.
    fn copy(&self, path: &Path, out: &mut impl Write) -> Result<(), CryptError> {
        let unreadable = |error| CryptError::Unreadable {
            option: self.option,
            path: path.to_owned(),
            error,
        };
        let file = open_file(path).map_err(|error| unreadable(error.into()))?;
        let mut reader = BufReader::new(file.take(MAX_FILE));
        let is_der = reader.fill_buf().map_err(unreadable)?.first() == Some(&SEQUENCE);
        let count = if is_der {
            self.encoded(&mut reader, out)
        } else {
            self.blocks(&mut reader, out)
        };
        let has_space = reader.into_inner().limit() > 0;
        match count.map_err(unreadable)? {
            0 => Err(self.wrong(path, self.missing)),
            _ if !has_space => Err(self.wrong(path, "it is larger than 64 MiB")),
            _ => Ok(()),
        }
    }

    fn wrong(&self, path: &Path, why: &str) -> CryptError {
        CryptError::KeyFile {
            option: self.option,
            path: path.to_owned(),
            why: why.to_owned(),
        }
    }

    /// Encodes DER, and returns the number of objects.
    fn encoded(&self, reader: &mut impl io::Read, out: &mut impl Write) -> io::Result<usize> {
        let mut piece = Vec::with_capacity(PIECE);
        let mut text = format!("-----BEGIN {}-----\n", self.label);
        while reader.take(PIECE as u64).read_to_end(&mut piece)? > 0 {
            for line in piece.chunks(PEM_LINE) {
                BASE64_STANDARD.encode_string(line, &mut text);
                text.push('\n');
            }
            out.write_all(text.as_bytes())?;
            text.clear();
            piece.clear();
        }
        writeln!(out, "-----END {}-----", self.label)?;
        Ok(1)
    }

    /// Copies the objects of this kind, and nothing else, such as a key; returns their number.
    fn blocks(&self, reader: &mut impl io::BufRead, out: &mut impl Write) -> io::Result<usize> {
        let begin = format!("-----BEGIN {}-----", self.label);
        let end = format!("-----END {}-----", self.label);
        let (mut line, mut count, mut is_inside) = (Vec::new(), 0, false);
        while reader.take(MAX_LINE).read_until(b'\n', &mut line)? > 0 {
            let text = line.trim_ascii_end();
            if text == begin.as_bytes() {
                is_inside = true;
                count += 1;
            }
            if is_inside {
                out.write_all(text)?;
                out.write_all(b"\n")?;
            }
            is_inside &= text != end.as_bytes();
            line.clear();
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorities(ca: &[u8], crl: Option<&[u8]>) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, octets: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, octets).unwrap();
            path
        };
        let all = Authorities {
            ca: write("ca", ca),
            crls: crl.iter().map(|octets| write("crl", octets)).collect(),
        };
        let opened = AuthorityFile::of(&all).map_err(|error| error.to_string())?;
        Ok(std::fs::read_to_string(opened.file.path()).unwrap())
    }

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

    #[test]
    fn only_certificates_and_lists_are_copied() {
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let ca = format!("text\n{PEM}{key}\r\n{}", PEM.replace('\n', "\r\n"));
        assert_eq!(authorities(ca.as_bytes(), None).unwrap(), PEM.repeat(2));
        let crl = PEM.replace("CERTIFICATE", "X509 CRL");
        let both = authorities(PEM.as_bytes(), Some(crl.as_bytes()));
        assert_eq!(both.unwrap(), format!("{PEM}{crl}"));
    }

    #[test]
    fn der_becomes_pem() {
        let der: Vec<u8> = std::iter::once(SEQUENCE)
            .chain((0..PIECE + 100).map(|n| n.to_le_bytes()[0]))
            .collect();
        let text = authorities(&der, Some(&der)).unwrap();
        let ends = text.matches("-----\n-----BEGIN X509 CRL-----\n").count();
        assert_eq!(ends, 1, "{text}");
        let (ca, crl) = text.split_once("-----END CERTIFICATE-----").unwrap();
        for part in [ca, crl] {
            let lines = part.lines().filter(|line| !line.contains("-----"));
            let decoded = BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
            assert_eq!(decoded, der);
        }
    }

    #[test]
    fn files_of_another_kind_are_refused() {
        for (ca, crl, why) in [
            (&b"text"[..], None, "--smime-ca"),
            (b"", None, "it contains no certificate"),
            (PEM.as_bytes(), Some(PEM.as_bytes()), "no revocation list"),
        ] {
            let error = authorities(ca, crl).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
