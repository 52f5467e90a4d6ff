//! Passes connections on to the socket of a database, until they are cut.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use tempfile::TempDir;

/// A proxy with a socket in a directory of its own, named as that of PostgreSQL.
pub struct Proxy {
    directory: TempDir,
    streams: Arc<Mutex<Vec<UnixStream>>>,
    frozen: Arc<Frozen>,
}

/// True while nothing is passed on.
#[derive(Default)]
struct Frozen(Mutex<bool>, Condvar);

impl Frozen {
    fn set(&self, is_frozen: bool) {
        *self.0.lock().unwrap() = is_frozen;
        self.1.notify_all();
    }

    fn wait(&self) {
        let frozen = self.0.lock().unwrap();
        drop(self.1.wait_while(frozen, |frozen| *frozen).unwrap());
    }
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
        let frozen = Arc::new(Frozen::default());
        let shared = Arc::clone(&frozen);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // While the database restarts, the connection just ends.
                if let Ok(server) = UnixStream::connect(&target) {
                    all.lock()
                        .unwrap()
                        .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                    pass(
                        client.try_clone().unwrap(),
                        server.try_clone().unwrap(),
                        &shared,
                    );
                    pass(server, client, &shared);
                }
            }
        });
        Self {
            directory,
            streams,
            frozen,
        }
    }

    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Passes nothing on until it is asked to go on, as a network that loses all packets.
    pub fn freeze(&self, is_frozen: bool) {
        self.frozen.set(is_frozen);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, frozen: &Arc<Frozen>) {
    let frozen = Arc::clone(frozen);
    thread::spawn(move || {
        let mut octets = vec![0; 65536];
        while let Ok(count) = from.read(&mut octets)
            && count > 0
            && {
                frozen.wait();
                true
            }
            && to.write_all(&octets[..count]).is_ok()
        {}
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
