//! Passes connections on to the socket of a database, until they are cut.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;

/// A proxy with a socket in a directory of its own, named as that of PostgreSQL.
pub struct Proxy {
    directory: TempDir,
    streams: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    /// Passes connections on to the database whose socket is in this directory.
    pub fn start(target: &Path) -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        let target = target.join(".s.PGSQL.5432");
        let streams = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&streams);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // While the database restarts, the connection just ends.
                if let Ok(server) = UnixStream::connect(&target) {
                    all.lock()
                        .unwrap()
                        .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                    pass(client.try_clone().unwrap(), server.try_clone().unwrap());
                    pass(server, client);
                }
            }
        });
        Self { directory, streams }
    }

    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream) {
    thread::spawn(move || {
        let mut octets = vec![0; 65536];
        while let Ok(count) = from.read(&mut octets)
            && count > 0
            && to.write_all(&octets[..count]).is_ok()
        {}
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
