//! Options of sockets.

use std::os::fd::AsFd;

/// Requests that received segments are acknowledged at once (Linux: `TCP_QUICKACK`). The kernel leaves this
/// mode by itself, so it must be requested before each wait. Does nothing if the socket is not TCP or the
/// system does not have the option.
pub fn acknowledge_at_once(socket: impl AsFd) {
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
}
