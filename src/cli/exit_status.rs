//! The exit status of every error, from the lowest folder to the commands. An error itself is data: it does not know
//! its status.
//!
//! The status of a result is decided where the result is: of a delivery or a session in `client/outcome/mod.rs`, of a
//! scripted test in `script/report.rs`, of a report in the folder of its command.

use crate::cli::ExitStatus;
use crate::cli::queue::FindError;
use crate::cli::show::ShowFailure;
use crate::cli::sink::SinkFailure;
use crate::client::credentials::CredentialsError;
use crate::client::credentials::oauth::OAuthError;
use crate::client::policy::RefreshError;
use crate::client::transport::TransportError;
use crate::client::wire::{TlsError, WireError};
use crate::config::{ConfigError, ImportError};
use crate::mail::crypt::CryptError;
use crate::mail::dkim::{KeyError, SigningError};
use crate::mail::merge::RowError;
use crate::mail::message::{CollectionError, MessageError, SourceError};
use crate::mail::rewrite::RewriteError;
use crate::mailbox::MailboxError;
use crate::probe::load::{ErrorCount, ErrorKind};
use crate::queue::store::QueueError;
use crate::script::ScriptError;
use crate::server::{EncryptionError, ServerError, UsersError};
use crate::smtp::stage::Stage;
use crate::system::certificate::TlsSetupError;
use crate::system::exit::Exit;
use crate::system::subprocess::is_shortage;
use crate::system::trust::DirectoryError;

// system/

impl ExitStatus for TlsSetupError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::NoInput,
            Self::Open(_) => Exit::Policy,
            Self::Unwritable { .. } => Exit::CantCreate,
        }
    }
}

// mail/

impl ExitStatus for SourceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::NoFile { .. } => Exit::NoInput,
            // There may be space again later.
            Self::Spool { .. } => Exit::Temporary,
        }
    }
}

impl ExitStatus for CollectionError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Mbox { .. } => Exit::Data,
            Self::NoMaildir(_) | Self::Empty(_) => Exit::NoInput,
        }
    }
}

impl ExitStatus for MessageError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Rewrite { error, .. } => error.exit(),
            Self::Signing(error) => error.exit(),
            Self::Crypt(error) => error.exit(),
            Self::NoRecipient
            | Self::NoRecipientInHeader
            | Self::NotARecipient(_)
            | Self::NoText
            | Self::TwoTexts => Exit::Usage,
            Self::NothingToSend => Exit::Ok,
            Self::Address { .. }
            | Self::Field { .. }
            | Self::Type { .. }
            | Self::Text { .. }
            | Self::MissingInline(_) => Exit::Data,
        }
    }
}

impl ExitStatus for RewriteError {
    fn exit(&self) -> Exit {
        match self {
            error if error.is_about_setup() => Exit::Config,
            Self::NoSuchLocal { .. } => Exit::NoUser,
            _ => Exit::Data,
        }
    }
}

impl ExitStatus for RowError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::File { .. } | Self::Line { .. } => Exit::Data,
        }
    }
}

impl ExitStatus for KeyError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::NoInput,
            Self::Exposed { .. } | Self::Foreign { .. } | Self::Content { .. } => Exit::Config,
        }
    }
}

impl ExitStatus for SigningError {
    fn exit(&self) -> Exit {
        match self {
            Self::Key(error) => error.exit(),
            Self::NoDomain | Self::NoKey(_) | Self::Binary => Exit::Data,
        }
    }
}

impl ExitStatus for CryptError {
    fn exit(&self) -> Exit {
        match self {
            Self::Recipient { .. } | Self::KeyFile { .. } | Self::Form { .. } => Exit::Data,
            Self::Unreadable { .. } => Exit::NoInput,
            Self::SigningKey { .. } | Self::Autocrypt(_) => Exit::Config,
            Self::Start { .. }
            | Self::Idle { .. }
            | Self::Program { .. }
            | Self::Directory { .. } => Exit::Refused,
            Self::Content(_) => Exit::Temporary,
        }
    }
}

// config/

impl ExitStatus for ConfigError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable {
                named_by: Some(_), ..
            }
            | Self::Nowhere(_) => Exit::NoInput,
            Self::Unreadable { .. } | Self::Unsafe { .. } | Self::Fault { .. } => Exit::Config,
        }
    }
}

impl ExitStatus for ImportError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::NoInput,
            Self::Large(_) | Self::Line(..) => Exit::Config,
        }
    }
}

// client/ and mailbox/

impl ExitStatus for TransportError {
    fn exit(&self) -> Exit {
        match self {
            Self::Tls(error) => error.exit(),
            Self::Credentials(error) => error.exit(),
        }
    }
}

impl ExitStatus for CredentialsError {
    fn exit(&self) -> Exit {
        match self {
            Self::TimedOut { .. } => Exit::Temporary,
            Self::OAuth(error) => error.exit(),
            Self::Read { error, .. }
            | Self::Shell { error, .. }
            | Self::Keyring(error)
            | Self::Terminal { error, .. }
                if is_shortage(error) =>
            {
                Exit::Temporary
            }
            Self::Read { .. } | Self::Directory { .. } => Exit::NoInput,
            _ => Exit::Policy,
        }
    }
}

impl ExitStatus for OAuthError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unavailable { .. } | Self::Busy { .. } | Self::Expired(_) => Exit::Temporary,
            Self::Invalid { .. } => Exit::Protocol,
            Self::Options(_) => Exit::Usage,
            Self::Secret(error) => error.exit(),
            Self::Io { error, .. }
            | Self::Listener(error)
            | Self::Directory(DirectoryError::Io { error, .. })
                if is_shortage(error) =>
            {
                Exit::Temporary
            }
            Self::Io { .. } | Self::Directory(DirectoryError::Io { .. }) => Exit::CantCreate,
            Self::Listener(_) | Self::Input(_) => Exit::Io,
            _ => Exit::Policy,
        }
    }
}

impl ExitStatus for RefreshError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoRecord(_) => Exit::Refused,
            Self::Failed(_) => Exit::Temporary,
        }
    }
}

impl ExitStatus for MailboxError {
    fn exit(&self) -> Exit {
        match self {
            Self::Connect(error) => error.exit(),
            Self::Credentials(error) => error.exit(),
            Self::Wire(_, error) | Self::Tls(TlsError::Wire(error)) => match error {
                WireError::Unwelcome(_) => Exit::Policy,
                WireError::Injected => Exit::Protocol,
                WireError::LongLine if matches!(self, Self::Wire(..)) => Exit::Protocol,
                _ => Exit::Temporary,
            },
            Self::Protocol(_) => Exit::Protocol,
            Self::Bye(_) | Self::Deadline => Exit::Temporary,
            Self::LoginRefused { is_temporary, .. } | Self::Refused { is_temporary, .. }
                if *is_temporary =>
            {
                Exit::Temporary
            }
            Self::Refused { .. } | Self::Unsupported(_) => Exit::Refused,
            Self::TooLarge { .. } => Exit::Data,
            Self::NoMessage(_) => Exit::NoInput,
            Self::Output(_) => Exit::Io,
            // TLS or the login.
            _ => Exit::Policy,
        }
    }
}

// server/, script/, probe/ and queue/

impl ExitStatus for EncryptionError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Make(_) => Exit::Software,
            Self::Pair { .. } | Self::ClientCa { .. } => Exit::NoInput,
        }
    }
}

impl ExitStatus for UsersError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unread { .. } => Exit::NoInput,
            Self::Exposed { .. } => Exit::Policy,
            Self::Line { .. } => Exit::Config,
        }
    }
}

impl ExitStatus for ServerError {
    fn exit(&self) -> Exit {
        match self {
            Self::Remote(_) | Self::Name(_) => Exit::Usage,
            Self::Listen { .. } | Self::Accept(_) => Exit::CantCreate,
        }
    }
}

impl ExitStatus for ScriptError {
    fn exit(&self) -> Exit {
        match self {
            Self::Line { .. } => Exit::Data,
            Self::Unreadable { .. } => Exit::NoInput,
        }
    }
}

/// The status if all messages of `ehlo bench` fail with this error.
impl ExitStatus for ErrorCount {
    fn exit(&self) -> Exit {
        match (self.kind, self.code) {
            (ErrorKind::Reply, Some(500..)) if self.stage == Stage::Auth => Exit::Policy,
            (ErrorKind::Reply, Some(500..)) => Exit::Refused,
            (ErrorKind::Tls | ErrorKind::Unmet, _) => Exit::Policy,
            (ErrorKind::Protocol, _) => Exit::Protocol,
            _ => Exit::Temporary,
        }
    }
}

impl ExitStatus for QueueError {
    fn exit(&self) -> Exit {
        match self {
            // Damage is permanent.
            Self::Damaged { .. } => Exit::Data,
            error if error.is_about_setup() => Exit::Config,
            _ => Exit::Temporary,
        }
    }
}

// cli/

impl ExitStatus for SinkFailure {
    fn exit(&self) -> Exit {
        match self {
            Self::Tls(error) => error.exit(),
            Self::Users(error) => error.exit(),
            Self::Sink(error) => error.exit(),
            Self::File { .. } => Exit::CantCreate,
            Self::Signals(_) => Exit::Temporary,
        }
    }
}

impl ExitStatus for FindError {
    fn exit(&self) -> Exit {
        match self {
            Self::None => Exit::NoInput,
            Self::Ambiguous(_) => Exit::Usage,
        }
    }
}

impl ExitStatus for ShowFailure {
    fn exit(&self) -> Exit {
        match self {
            Self::Collection(error) => error.exit(),
            Self::Source(error) => error.exit(),
            Self::Layers { error, .. } => error.exit(),
            Self::Extract { .. } => Exit::CantCreate,
            Self::Several => Exit::Usage,
            Self::Empty(_)
            | Self::Directory { .. }
            | Self::NoMessage(..)
            | Self::NoPart { .. }
            | Self::Read { .. } => Exit::NoInput,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::address::AddressError;
    use std::io;
    use std::path::PathBuf;

    fn status(error: &impl ExitStatus) -> u8 {
        error.exit().code()
    }

    fn unreadable(kind: io::ErrorKind) -> CredentialsError {
        CredentialsError::Read {
            origin: "--password-file x".to_owned(),
            error: kind.into(),
        }
    }

    #[test]
    fn error_of_a_lower_layer_keeps_its_status() {
        let spool = || SourceError::Spool {
            name: "stdin".to_owned(),
            error: io::ErrorKind::StorageFull.into(),
        };
        assert_eq!(status(&spool()), 75);
        assert_eq!(status(&MessageError::Source(spool())), 75);
        assert_eq!(status(&RowError::Source(spool())), 75);
        let key = || KeyError::Unreadable {
            file: "k".to_owned(),
            why: "gone".to_owned(),
            is_denied: false,
        };
        assert_eq!(status(&MessageError::Signing(SigningError::Key(key()))), 66);
        let denied = || OAuthError::Denied {
            provider: "google".to_owned(),
            why: "no".to_owned(),
        };
        assert_eq!(status(&CredentialsError::OAuth(denied())), 77);
        let tls = TlsSetupError::Open(PathBuf::from("key.pem"));
        assert_eq!(status(&TransportError::Tls(tls)), 77);
    }

    #[test]
    fn wrong_address_is_told_apart_from_a_wrong_setup() {
        let domain = |error| RewriteError::Domain {
            name: "root".to_owned(),
            domain: "my host".to_owned(),
            error,
        };
        let of_domain = AddressError::Domain("my host".to_owned(), "");
        assert_eq!(status(&domain(of_domain)), 78);
        assert_eq!(status(&domain(AddressError::NotOne("a, b".to_owned()))), 65);
        let unknown = RewriteError::NoSuchLocal {
            name: "nosuch".to_owned(),
            aliases: PathBuf::from("/etc/aliases"),
        };
        assert_eq!(status(&unknown), 67);
    }

    #[test]
    fn shortage_of_the_system_is_temporary() {
        assert_eq!(status(&unreadable(io::ErrorKind::NotFound)), 66);
        let shortage = io::Error::from(rustix::io::Errno::NFILE);
        let error = CredentialsError::Keyring(shortage);
        assert_eq!(status(&error), 75);
        assert_eq!(status(&CredentialsError::NoGit), 77);
        let late = CredentialsError::TimedOut {
            option: "--password-command",
            seconds: 10,
        };
        assert_eq!(status(&late), 75);
    }

    #[test]
    fn nothing_to_send_is_not_a_failure() {
        assert_eq!(status(&MessageError::NothingToSend), 0);
        assert_eq!(status(&MessageError::NoText), 64);
        assert_eq!(status(&MessageError::NoRecipient), 64);
    }

    #[test]
    fn configuration_that_was_named_and_is_missing_is_missing_input() {
        let unreadable = |named_by| ConfigError::Unreadable {
            path: PathBuf::from("c.toml"),
            named_by,
            error: io::ErrorKind::NotFound.into(),
        };
        assert_eq!(status(&unreadable(Some("--config"))), 66);
        assert_eq!(status(&unreadable(None)), 78);
    }
}
