//! The web server of domains with MTA-STS policies, on port 443 of a network of the test's own.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

pub struct PolicyHost {
    /// The requests with their header fields.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl PolicyHost {
    /// Returns what `respond` makes of a request and its number. A response that ends in "flood" is followed by octets until
    /// the client closes.
    pub fn start(
        config: Arc<ServerConfig>,
        respond: impl Fn(&str, usize) -> String + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.2:443").unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for (at, socket) in listener.incoming().enumerate() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, socket.unwrap());
                let mut request = String::new();
                let mut octet = [0];
                while !request.ends_with("\r\n\r\n")
                    && stream.read(&mut octet).is_ok_and(|count| count > 0)
                {
                    request.push(char::from(octet[0]));
                }
                let response = respond(&request, at);
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(response.as_bytes());
                while response.ends_with("flood") && stream.write_all(&[b'#'; 4096]).is_ok() {}
            }
        });
        Self { requests }
    }
}

/// The response with a policy.
pub fn ok(policy: &str) -> String {
    let length = policy.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{policy}"
    )
}
