//! Options of end-to-end signatures and encryption.

use crate::cli::options::parameters::cut;
use crate::cli::options::usage_error::UsageError;
use crate::client::transport::Transport;
use crate::client::wkd::WebKeyDirectory;
use crate::mail::address::Address;
use crate::mail::crypt::{Authorities, CryptOptions, EncryptKey, Method, SignKey};
use clap::ValueEnum;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Standard {
    Pgp,
    Smime,
    Off,
}

impl Standard {
    fn method(self) -> Option<Method> {
        match self {
            Self::Pgp => Some(Method::Pgp),
            Self::Smime => Some(Method::Smime),
            Self::Off => None,
        }
    }
}

/// CAs of certificates for S/MIME.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct SmimeArgs {
    /// CAs that S/MIME certificates must be issued by, in PEM or DER.
    ///
    /// Certificates of intermediate CAs may be in the file of the certificate, or in the signature. By default, a
    /// certificate of --encrypt-key is trusted as it is, and that of a signer must be issued by a CA that openssl
    /// trusts.
    #[arg(long, value_name = "FILE")]
    smime_ca: Option<PathBuf>,

    /// Revocation list of one of the CAs, in PEM or DER; repeatable.
    ///
    /// A revoked certificate is refused, and so is one whose CA has no list here, or one that is out of date.
    #[arg(long, value_name = "FILE")]
    smime_crl: Vec<PathBuf>,
}

impl SmimeArgs {
    fn is_given(&self) -> bool {
        self.smime_ca.is_some() || !self.smime_crl.is_empty()
    }

    /// These options, or those of a profile.
    fn or(self, profile: Self) -> Self {
        Self {
            smime_ca: self.smime_ca.or(profile.smime_ca),
            smime_crl: if self.smime_crl.is_empty() {
                profile.smime_crl
            } else {
                self.smime_crl
            },
        }
    }

    pub fn authorities(self) -> Result<Option<Authorities>, UsageError> {
        let crls = self.smime_crl;
        match self.smime_ca {
            Some(ca) => Ok(Some(Authorities { ca, crls })),
            None if crls.is_empty() => Ok(None),
            None => Err(lacking("--smime-crl", "--smime-ca")),
        }
    }
}

fn lacking(option: &str, other: &str) -> UsageError {
    UsageError::usage(format!("{option} requires {other}")).about(option)
}

/// Options under the heading of the struct that has them.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Sign the content with OpenPGP or S/MIME [default: off].
    ///
    /// `pgp` runs gpg and makes multipart/signed (RFC 3156), `smime` runs openssl (RFC 8551). `off` overrides a
    /// profile. A message that is signed or encrypted already is not signed again.
    #[arg(long, value_name = "STANDARD", value_enum)]
    sign: Option<Standard>,

    /// Key for --sign: a key ID or an address for pgp, a PEM file with key and certificate for smime.
    ///
    /// The default for pgp is the key for the address in From. The file must be readable only by its owner. The first
    /// certificate in it is that of the author; others are sent along.
    #[arg(long, value_name = "KEYID|FILE.pem")]
    sign_key: Option<OsString>,

    /// Encrypt the content with OpenPGP or S/MIME for all recipients [default: off].
    ///
    /// If one recipient has no usable key, nothing is sent and the exit status is 65. `pgp` takes keys from
    /// --encrypt-key, from the keyring if they are trusted, and with --wkd from the recipient's domain. `smime` takes
    /// certificates from --encrypt-key. `off` overrides a profile. Unless --hide-subject is given, the header remains
    /// readable.
    #[arg(long, value_name = "STANDARD", value_enum)]
    encrypt: Option<Standard>,

    /// OpenPGP key or PEM certificate for the recipients whose addresses it contains.
    ///
    /// Repeatable. The first key or certificate in the file is used and needs no further trust. Keys that belong to
    /// none of the recipients are ignored. `;for=ADDR` uses it for this recipient, whatever addresses it has.
    #[arg(long, value_name = "FILE[;for=ADDR]")]
    encrypt_key: Vec<PathBuf>,

    #[command(flatten)]
    smime: SmimeArgs,

    /// Encrypt the subject as well; the header shows [...] instead (RFC 9788).
    #[arg(long)]
    hide_subject: bool,

    /// Look up missing OpenPGP keys in the Web Key Directory of the recipient's domain, by HTTPS.
    #[arg(long)]
    wkd: bool,

    /// Announce the author's OpenPGP key in the header (Autocrypt), so that replies can be encrypted.
    #[arg(long)]
    autocrypt: bool,
}

impl Args {
    /// These options, or those of a profile that are not among them.
    pub fn or(self, profile: Self) -> Self {
        // A key is of one standard.
        let is_other = self.sign.is_some() && self.sign != profile.sign;
        let sign_key = profile.sign_key.filter(|_| !is_other);
        let smime = match self.encrypt {
            Some(Standard::Pgp) => SmimeArgs::default(),
            Some(Standard::Smime | Standard::Off) | None => profile.smime,
        };
        Self {
            sign: self.sign.or(profile.sign),
            sign_key: self.sign_key.or(sign_key),
            encrypt: self.encrypt.or(profile.encrypt),
            encrypt_key: if self.encrypt_key.is_empty() {
                profile.encrypt_key
            } else {
                self.encrypt_key
            },
            smime: self.smime.or(smime),
            hide_subject: self.hide_subject || profile.hide_subject,
            wkd: self.wkd || profile.wkd,
            autocrypt: self.autocrypt || profile.autocrypt,
        }
    }

    /// True if encryption is asked for. `None`: a profile decides.
    pub fn encrypts(&self) -> Option<bool> {
        self.encrypt.map(|standard| standard != Standard::Off)
    }

    /// What is asked for. The Web Key Directory is looked up as the transport looks up hosts.
    pub fn options(self, transport: &Transport) -> Result<CryptOptions, UsageError> {
        self.check()?;
        let keys = self.encrypt_key.into_iter().map(encrypt_key);
        let directory = self
            .wkd
            .then(|| Arc::new(WebKeyDirectory::new(transport)) as _);
        Ok(CryptOptions {
            sign: self.sign.and_then(Standard::method),
            sign_key: self.sign_key.map(SignKey),
            encrypt: self.encrypt.and_then(Standard::method),
            encrypt_keys: keys.collect::<Result<_, _>>()?,
            authorities: self.smime.authorities()?,
            hide_subject: self.hide_subject,
            autocrypt: self.autocrypt,
            directory,
        })
    }

    /// Options without the one that they belong to could be mistaken for it.
    fn check(&self) -> Result<(), UsageError> {
        let of_encryption = [
            ("--encrypt-key", !self.encrypt_key.is_empty()),
            ("--hide-subject", self.hide_subject),
            ("--wkd", self.wkd),
        ];
        if self.encrypt.is_none()
            && let Some((option, _)) = of_encryption.iter().find(|(_, is_given)| *is_given)
        {
            return Err(lacking(option, "--encrypt pgp or --encrypt smime"));
        }
        if self.wkd && self.encrypt == Some(Standard::Smime) {
            return Err(lacking("--wkd", "--encrypt pgp"));
        }
        let is_smime = matches!(self.encrypt, Some(Standard::Smime | Standard::Off));
        if self.smime.is_given() && !is_smime {
            return Err(
                lacking("--smime-ca and --smime-crl", "--encrypt smime").about("--smime-ca")
            );
        }
        if self.sign_key.is_some() && self.sign.is_none() && !self.autocrypt {
            return Err(lacking("--sign-key", "--sign pgp or --sign smime"));
        }
        Ok(())
    }
}

/// `FILE;for=ADDR`.
pub fn encrypt_key(given: PathBuf) -> Result<EncryptKey, UsageError> {
    let (path, parameters) = cut(given, "--encrypt-key", &["for"], None)?;
    let recipient = parameters.first().map(|(_, address)| {
        Address::parse(address).map_err(|error| {
            UsageError::data(format!("--encrypt-key ;for=: {error}")).about("--encrypt-key")
        })
    });
    Ok(EncryptKey {
        path,
        recipient: recipient.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_need_the_one_that_they_belong_to() {
        let key = || vec![PathBuf::from("k")];
        let encrypt = |standard| Args {
            encrypt: Some(standard),
            encrypt_key: key(),
            hide_subject: true,
            wkd: standard != Standard::Smime,
            ..Args::default()
        };
        for standard in [Standard::Pgp, Standard::Smime, Standard::Off] {
            assert!(encrypt(standard).check().is_ok(), "{standard:?}");
        }
        let wrong = [
            Args {
                encrypt_key: key(),
                ..Args::default()
            },
            Args {
                hide_subject: true,
                sign: Some(Standard::Pgp),
                ..Args::default()
            },
            Args {
                wkd: true,
                ..encrypt(Standard::Smime)
            },
            Args {
                sign_key: Some("0xA".into()),
                ..Args::default()
            },
            Args {
                smime: SmimeArgs {
                    smime_ca: Some("ca".into()),
                    ..SmimeArgs::default()
                },
                ..encrypt(Standard::Pgp)
            },
        ];
        for args in wrong {
            assert!(args.check().is_err(), "{args:?}");
        }
    }

    #[test]
    fn key_file_has_a_recipient_or_none() {
        let parsed = |text: &str| encrypt_key(PathBuf::from(text)).map_err(|error| error.text);
        let key = parsed("/k;x.asc;for=bob@hamburger.edu").unwrap();
        assert_eq!(key.path, PathBuf::from("/k;x.asc"));
        assert_eq!(key.recipient.unwrap().to_string(), "bob@hamburger.edu");
        assert_eq!(parsed("k.asc").unwrap().recipient, None);
        for wrong in ["", ";for=bob@hamburger.edu", "k;for=bob", "k;for="] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn signing_key_of_a_profile_is_not_used_with_another_standard() {
        let profile = || Args {
            sign: Some(Standard::Smime),
            sign_key: Some("/k.pem".into()),
            ..Args::default()
        };
        let own = |sign| Args {
            sign,
            ..Args::default()
        };
        assert!(own(None).or(profile()).sign_key.is_some());
        assert!(own(Some(Standard::Smime)).or(profile()).sign_key.is_some());
        assert!(own(Some(Standard::Pgp)).or(profile()).sign_key.is_none());
    }
}
