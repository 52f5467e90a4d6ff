//! DMARC (RFC 9989): records, and the walk up the DNS tree that finds the one that applies to a domain.
//!
//! - `record.rs`: the text of a record.
//! - `walk.rs`: policy discovery and organizational domains (RFC 9989 §4.10).

mod record;
mod walk;

pub use record::{Disposition, DmarcRecord, ReportUri};
pub use walk::{DmarcWalk, Found, PolicyRole, walk_questions};
