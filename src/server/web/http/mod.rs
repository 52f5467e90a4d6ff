//! HTTP/1.1 on plain threads: requests with bounded header and body, responses with a length or until the connection is
//! closed. `httparse` reads the header.

pub mod guard;
pub mod request;
pub mod response;
