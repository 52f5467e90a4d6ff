//! Authentication of a server by TLSA records (DANE; RFC 6698, RFC 7671, RFC 7672 §3).

use crate::client::dns::Tlsa;
use crate::client::wire::tls::failure::{CertificateFault, PresentedChain, words};
use crate::client::wire::tls::trust::Verifier;
use crate::system::certificate::{issuer, public_key, weakness};
use ring::digest::{SHA256, SHA512, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
    TrustAnchor, UnixTime,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::fmt;
use std::sync::Arc;

const SHA256_LENGTH: usize = 32;
const SHA512_LENGTH: usize = 64;

/// The TLSA records that a server must match, and its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dane {
    /// The usable records; at least one.
    pub records: Vec<Tlsa>,
    /// The name whose records they are, without the port. It is sent in SNI (RFC 7672 §8.1).
    pub base: String,
    pub port: u16,
    /// The names of which a certificate must have one if a CA is matched; the base is the first (RFC 7672 §3.2.3).
    /// Usage 3 does not need them.
    pub names: Vec<String>,
    /// True if the way from the recipient domain to the server is secure as well: its MX records are signed, or
    /// it has none.
    pub is_mx_secure: bool,
}

impl Dane {
    /// The name that has the records.
    pub fn owner(&self) -> String {
        format!("_{}._tcp.{}", self.port, self.base)
    }
}

/// True if a record can authenticate a mail server (RFC 7672 §3.1, RFC 7671 §5): usages 0 and 1 need a list of CAs
/// that mail servers do not agree on. A digest must have its length.
pub fn is_usable(record: &Tlsa) -> bool {
    let length = record.data.len();
    let is_valid = match record.matching {
        0 => length > 0,
        1 => length == SHA256_LENGTH,
        2 => length == SHA512_LENGTH,
        _ => false,
    };
    is_valid && record.selector <= 1 && matches!(record.usage, 2 | 3)
}

/// Reason for which a certificate does not match. The text follows "the certificate of HOST".
#[derive(Debug)]
pub struct DaneFailure {
    pub why: String,
    pub fault: CertificateFault,
    /// The certificates that the server presented, in DER.
    pub chain: Vec<Vec<u8>>,
}

impl fmt::Display for DaneFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for DaneFailure {}

/// A chain, while it is compared with the records.
struct Candidate<'d, 's> {
    dane: &'d Dane,
    shown: &'s PresentedChain<'s>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl<'d> Candidate<'d, '_> {
    /// Returns the record that authenticates the server.
    fn matching(&self) -> Result<&'d Tlsa, DaneFailure> {
        let records = &self.dane.records;
        // Usage 3: the server's own certificate, whatever its names and dates (RFC 7672 §3.1.1).
        let by_itself = |record: &&Tlsa| record.usage == 3 && fits(record, self.shown.own);
        if let Some(record) = records.iter().find(by_itself) {
            return Ok(record);
        }
        let mut failure = None;
        for record in records.iter().filter(|record| record.usage == 2) {
            match self.issued_under(record) {
                Ok(true) => return Ok(record),
                Ok(false) => {}
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.map_or_else(|| self.mismatch(), |error| self.failed(&error)))
    }

    /// True if a CA that the record names has issued the certificate; false if the server has not sent that CA.
    fn issued_under(&self, record: &Tlsa) -> Result<bool, webpki::Error> {
        // An anchor issues certificates, and is never the server's own (RFC 7671 §5.2).
        let mut failure = None;
        for ca in self.shown.others.iter().filter(|ca| fits(record, ca)) {
            match self.chains_to_ca(ca) {
                Ok(()) => return Ok(true),
                Err(error) => failure = Some(error),
            }
        }
        match (failure, record.matching, record.selector) {
            (Some(error), ..) => Err(error),
            // The certificate of the CA is in the record, and need not be sent.
            (None, 0, 0) => {
                self.chains_to_ca(&CertificateDer::from(record.data.as_slice()))?;
                Ok(true)
            }
            (None, 0, _) => self.issued_by_key(&record.data),
            _ => Ok(false),
        }
    }

    fn chains_to_ca(&self, ca: &CertificateDer<'_>) -> Result<(), webpki::Error> {
        self.chains_to(&webpki::anchor_from_trusted_cert(ca)?)
    }

    /// The key of the CA is in the record. It may be that of the issuer of any certificate that was sent.
    fn issued_by_key(&self, key: &[u8]) -> Result<bool, webpki::Error> {
        let mut failure = None;
        let all = [self.shown.own].into_iter().chain(self.shown.others);
        for subject in all.filter_map(|certificate| issuer(certificate)) {
            let anchor = TrustAnchor {
                subject: inside(subject).into(),
                subject_public_key_info: inside(key).into(),
                name_constraints: None,
            };
            match self.chains_to(&anchor) {
                Ok(()) => return Ok(true),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(false), Err)
    }

    /// Chain, dates and name (RFC 7672 §3.2.3).
    fn chains_to(&self, anchor: &TrustAnchor<'_>) -> Result<(), webpki::Error> {
        let PresentedChain {
            own, others, now, ..
        } = self.shown;
        let end = webpki::EndEntityCert::try_from(*own)?;
        end.verify_for_usage(
            self.algorithms.all,
            std::slice::from_ref(anchor),
            others,
            *now,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )?;
        let mut failure = webpki::Error::BadDer;
        for name in &self.dane.names {
            let Ok(name) = ServerName::try_from(name.as_str()) else {
                continue;
            };
            match end.verify_is_valid_for_subject_name(&name) {
                Ok(()) => return Ok(()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn mismatch(&self) -> DaneFailure {
        let why = format!(
            "matches none of the TLSA records of {}: {}",
            self.dane.owner(),
            shortened(&self.dane.records)
        );
        self.failure(why, CertificateFault::NotTrusted)
    }

    fn failed(&self, error: &webpki::Error) -> DaneFailure {
        let (error, fault) = as_certificate_error(error);
        let why = weakness(self.shown.own).unwrap_or_else(|| match error {
            Some(error) => words(&error, self.shown),
            None => "has no valid chain".to_owned(),
        });
        let owner = self.dane.owner();
        self.failure(format!("{why} (TLSA records of {owner}, usage 2)"), fault)
    }

    fn failure(&self, why: String, fault: CertificateFault) -> DaneFailure {
        let all = std::iter::once(self.shown.own).chain(self.shown.others);
        DaneFailure {
            why,
            fault,
            chain: all.map(|certificate| certificate.to_vec()).collect(),
        }
    }
}

/// Returns the record, as in `3 1 1`, that authenticates a server with these certificates in DER, its own first.
///
/// # Errors
/// The reason for which there is none. It follows "the certificate of HOST".
pub fn authenticating_record(dane: &Dane, chain: &[Vec<u8>]) -> Result<String, String> {
    let chain: Vec<CertificateDer<'_>> = chain
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let (own, others) = chain.split_first().ok_or("was not sent")?;
    let name = ServerName::try_from(dane.base.as_str()).map_err(|error| error.to_string())?;
    let candidate = Candidate {
        dane,
        shown: &PresentedChain {
            own,
            others,
            name: &name,
            now: UnixTime::now(),
        },
        algorithms: rustls::crypto::ring::default_provider().signature_verification_algorithms,
    };
    let matching = candidate.matching();
    matching
        .map(Tlsa::parameters)
        .map_err(|failure| failure.why)
}

/// A verifier for the connections under one set of records.
#[derive(Debug)]
pub struct DaneVerifier {
    pub dane: Arc<Dane>,
    /// That of the options, which saves certificates.
    pub options: Arc<Verifier>,
}

impl DaneVerifier {
    /// Returns the record that authenticates the server.
    pub fn matching(&self, shown: &PresentedChain<'_>) -> Result<&Tlsa, DaneFailure> {
        let candidate = Candidate {
            dane: &self.dane,
            shown,
            algorithms: self.algorithms(),
        };
        candidate.matching()
    }

    fn algorithms(&self) -> WebPkiSupportedAlgorithms {
        self.options.provider().signature_verification_algorithms
    }
}

impl ServerCertVerifier for DaneVerifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = PresentedChain {
            own,
            others,
            name,
            now,
        };
        self.options.save(&shown);
        match self.matching(&shown) {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(failure) => Err(refused(failure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = self.algorithms();
        let verified = match raw_key(certificate) {
            None => {
                rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
            }
            Some(key) => verify_tls12_with_key(message, &key, signature, &algorithms),
        };
        verified.map_err(|error| unproven(certificate, &error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = self.algorithms();
        let verified = match raw_key(certificate) {
            None => {
                rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
            }
            Some(key) => rustls::crypto::verify_tls13_signature_with_raw_key(
                message,
                &key,
                signature,
                &algorithms,
            ),
        };
        verified.map_err(|error| unproven(certificate, &error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// The key of a certificate that webpki does not read, such as one of X.509 version 1: usage 3 is about the key, and
/// not about the certificate around it.
fn raw_key<'c>(certificate: &'c CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'c>> {
    if webpki::EndEntityCert::try_from(certificate).is_ok() {
        return None;
    }
    public_key(certificate).map(SubjectPublicKeyInfoDer::from)
}

/// As rustls does it for TLS 1.3. With TLS 1.2, a signature scheme does not name the curve, so that several
/// algorithms are tried.
fn verify_tls12_with_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = |_| Error::InvalidCertificate(CertificateError::BadSignature);
    let key = webpki::RawPublicKeyEntity::try_from(key).map_err(bad)?;
    let mut schemes = algorithms.mapping.iter();
    let scheme = schemes.find(|(scheme, _)| *scheme == signature.scheme);
    let tried = scheme.map_or(&[][..], |(_, tried)| tried);
    let is_valid = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        let verified = key.verify_signature(*algorithm, message, signature.signature());
        verified.is_ok()
    };
    if tried.iter().any(is_valid) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

/// The error for a signature of the handshake that cannot be verified.
fn unproven(certificate: &CertificateDer<'_>, error: &Error) -> Error {
    let why = weakness(certificate)
        .unwrap_or_else(|| format!("does not match the signature of the handshake: {error}"));
    refused(DaneFailure {
        why,
        fault: CertificateFault::NotTrusted,
        chain: vec![certificate.to_vec()],
    })
}

fn refused(failure: DaneFailure) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(failure))))
}

/// True if this certificate, or its key, is the one in the record.
fn fits(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let selected = match record.selector {
        0 => Some(certificate.as_ref()),
        _ => public_key(certificate),
    };
    let Some(selected) = selected else {
        return false;
    };
    match record.matching {
        0 => selected == record.data,
        1 => digest(&SHA256, selected).as_ref() == record.data,
        _ => digest(&SHA512, selected).as_ref() == record.data,
    }
}

/// The contents of a DER value, without tag and length.
fn inside(der: &[u8]) -> &[u8] {
    let header = match der.get(1) {
        Some(length) if *length >= 0x80 => 2 + usize::from(length & 0x7f),
        _ => 2,
    };
    der.get(header..).unwrap_or_default()
}

/// The records for an error text: numbers and the beginning of the data.
fn shortened(records: &[Tlsa]) -> String {
    const SHOWN: usize = 4;
    let one = |record: &Tlsa| {
        let mut text = record.to_string();
        if text.len() > 70 {
            text.truncate(70);
            text.push_str("...");
        }
        text
    };
    let first = records
        .iter()
        .take(SHOWN)
        .map(one)
        .collect::<Vec<_>>()
        .join(", ");
    match records.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn as_certificate_error(error: &webpki::Error) -> (Option<CertificateError>, CertificateFault) {
    use CertificateFault as Fault;
    match error {
        webpki::Error::CertExpired { .. } => (Some(CertificateError::Expired), Fault::Expired),
        webpki::Error::CertNotValidYet { .. } => {
            (Some(CertificateError::NotValidYet), Fault::NotTrusted)
        }
        webpki::Error::CertNotValidForName(_) => {
            (Some(CertificateError::NotValidForName), Fault::HostMismatch)
        }
        webpki::Error::UnknownIssuer => (Some(CertificateError::UnknownIssuer), Fault::NotTrusted),
        webpki::Error::RequiredEkuNotFoundContext(_) => {
            (Some(CertificateError::InvalidPurpose), Fault::NotTrusted)
        }
        webpki::Error::InvalidSignatureForPublicKey => {
            (Some(CertificateError::BadSignature), Fault::NotTrusted)
        }
        _ => (None, Fault::NotTrusted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::wire::tls::TlsOptions;
    use crate::system::certificate::sha256;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use std::time::Duration;

    struct Chain {
        own: CertificateDer<'static>,
        ca: CertificateDer<'static>,
    }

    fn chain(name: &str) -> Chain {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let own = params
            .signed_by(&KeyPair::generate().unwrap(), &ca)
            .unwrap();
        Chain {
            own: own.der().clone(),
            ca: ca.der().clone(),
        }
    }

    fn record(usage: u8, selector: u8, matching: u8, certificate: &[u8]) -> Tlsa {
        let selected = match selector {
            0 => certificate,
            _ => public_key(certificate).unwrap(),
        };
        let data = match matching {
            0 => selected.to_vec(),
            1 => sha256(selected).to_vec(),
            _ => digest(&SHA512, selected).as_ref().to_vec(),
        };
        Tlsa {
            usage,
            selector,
            matching,
            data,
        }
    }

    /// The parameters of the record that matches, or the error.
    fn verdict(chain: &Chain, records: Vec<Tlsa>, sent: bool) -> Result<String, String> {
        let dane = Dane {
            records,
            base: "mx.example.org".to_owned(),
            port: 25,
            names: vec!["mx.example.org".to_owned(), "example.org".to_owned()],
            is_mx_secure: true,
        };
        let verifier = DaneVerifier {
            dane: Arc::new(dane),
            options: Arc::new(Verifier::new(&TlsOptions::default()).unwrap()),
        };
        let others = [chain.ca.clone()];
        let shown = PresentedChain {
            own: &chain.own,
            others: if sent { &others } else { &[] },
            name: &ServerName::try_from("mx.example.org").unwrap(),
            now: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)),
        };
        let found = verifier.matching(&shown);
        found.map(Tlsa::parameters).map_err(|failure| failure.why)
    }

    #[test]
    fn every_selector_and_matching_type_is_compared() {
        let chain = chain("mx.example.org");
        for selector in 0..=1 {
            for matching in 0..=2 {
                let own = record(3, selector, matching, &chain.own);
                assert!(is_usable(&own));
                let words = own.parameters();
                assert_eq!(verdict(&chain, vec![own.clone()], true), Ok(words));
                // The CA is not the server.
                let ca = record(3, selector, matching, &chain.ca);
                assert!(verdict(&chain, vec![ca], true).is_err());
                let ca = record(2, selector, matching, &chain.ca);
                let words = ca.parameters();
                assert_eq!(verdict(&chain, vec![ca.clone()], true), Ok(words.clone()));
                // A whole certificate or key in the record need not be sent.
                let unsent = verdict(&chain, vec![ca], false);
                assert_eq!(unsent.is_ok(), matching == 0, "{words}");
                // Usage 2 is not about the server's own certificate.
                let leaf = record(2, selector, matching, &chain.own);
                if matching > 0 {
                    assert!(verdict(&chain, vec![leaf], true).is_err());
                }
            }
        }
    }

    #[test]
    fn names_count_for_usage_2_and_not_for_usage_3() {
        let other = chain("other.example");
        let ee = record(3, 1, 1, &other.own);
        assert!(verdict(&other, vec![ee.clone()], true).is_ok());
        let ta = record(2, 1, 1, &other.ca);
        let error = verdict(&other, vec![ta.clone()], true).unwrap_err();
        assert!(
            error.contains("is for other.example, not for mx.example.org"),
            "{error}"
        );
        assert!(verdict(&other, vec![ta, ee], true).is_ok());
        let domain = chain("example.org");
        let ta = record(2, 0, 1, &domain.ca);
        assert!(verdict(&domain, vec![ta], true).is_ok());
    }

    #[test]
    fn another_certificate_is_refused_with_the_records() {
        let (chain, other) = (chain("mx.example.org"), chain("mx.example.org"));
        let records = vec![record(3, 1, 1, &other.own), record(2, 1, 1, &other.ca)];
        let error = verdict(&chain, records, true).unwrap_err();
        assert!(
            error.contains("matches none of the TLSA records of _25._tcp.mx.example.org: 3 1 1 ")
        );
        // A name and a key of the CA are not enough: it must have signed.
        let records = vec![record(2, 1, 0, &other.ca)];
        assert!(verdict(&chain, records, true).is_err());
    }

    #[test]
    fn records_that_cannot_match_are_unusable() {
        let usable = |usage, selector, matching, length: usize| {
            is_usable(&Tlsa {
                usage,
                selector,
                matching,
                data: vec![0; length],
            })
        };
        assert!(usable(3, 1, 1, 32) && usable(2, 0, 2, 64) && usable(3, 0, 0, 1));
        for (usage, selector, matching, length) in [
            (0, 1, 1, 32),
            (1, 1, 1, 32),
            (4, 1, 1, 32),
            (255, 1, 1, 32),
            (3, 2, 1, 32),
            (3, 1, 3, 32),
            (3, 1, 1, 31),
            (3, 1, 2, 32),
            (3, 1, 0, 0),
        ] {
            assert!(!usable(usage, selector, matching, length));
        }
    }

    #[test]
    fn rubbish_does_not_panic() {
        let chain = chain("mx.example.org");
        for data in [vec![], vec![0x30], vec![0x30, 0x84, 1], vec![0xff; 300]] {
            for selector in 0..=1 {
                let record = Tlsa {
                    usage: 2,
                    selector,
                    matching: 0,
                    data: data.clone(),
                };
                assert!(verdict(&chain, vec![record], true).is_err());
            }
        }
        let broken = Chain {
            own: CertificateDer::from(vec![1, 2, 3]),
            ca: chain.ca.clone(),
        };
        let records = vec![record(2, 1, 1, &chain.ca), record(3, 1, 1, &chain.own)];
        assert!(verdict(&broken, records, true).is_err());
    }
}
