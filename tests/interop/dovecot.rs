//! A private Dovecot that knows users and tokens, and does nothing else.

use crate::parts;
use crate::postfix::wait_for;
use rustix::process::Pid;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Users and their passwords.
pub const USERS: [(&str, &str); 8] = [
    ("alice", "wonderland"),
    ("alice liddell", "white rabbit"),
    ("a=b,c", "x,y=z"),
    ("émile", "thérèse"),
    (
        "bob",
        r#"it's "quoted" \ and %s $HOME `id` ~ #no; {PLAIN} <>"#,
    ),
    ("carol", "  blanks around  and  inside  "),
    ("dave", "Grüße 你好 😀"),
    ("long", LONG),
];

/// So long that PLAIN does not fit behind AUTH.
const LONG: &str = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
     0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
     0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
     0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
     0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 the end";

/// The token that is alice's; any other is nobody's.
pub const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg-_~+/==";

/// A running Dovecot; where it is shared, a keeper ends it.
pub struct Dovecot {
    child: Child,
    socket: PathBuf,
}

impl Dovecot {
    /// Starts one in a directory; `None` where that is not possible, with the reason printed.
    pub fn start(directory: &Path) -> Option<Self> {
        if !parts::has("/usr/sbin/dovecot") || !parts::is_root() {
            return None;
        }
        let root = directory.join("dovecot");
        fs::create_dir(&root).unwrap();
        let users: Vec<String> = USERS
            .iter()
            .map(|(user, password)| format!("{user}:{{PLAIN}}{password}\n"))
            .collect();
        fs::write(root.join("users"), users.concat()).unwrap();
        fs::write(root.join("oauth2.conf"), oauth2_conf(introspection())).unwrap();
        fs::write(root.join("dovecot.conf"), dovecot_conf(&root)).unwrap();
        let child = Command::new("/usr/sbin/dovecot")
            .arg("-F")
            .arg("-c")
            .arg(root.join("dovecot.conf"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = root.join("auth");
        wait_for("dovecot", || UnixStream::connect(&socket).ok());
        Some(Self { child, socket })
    }

    /// Where it is asked.
    pub fn socket(&self) -> &str {
        self.socket.to_str().unwrap()
    }

    /// Its first process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

fn dovecot_conf(root: &Path) -> String {
    let root = root.display();
    format!(
        "base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/log
instance_name = {root}
protocols =
listen = 127.0.0.1
ssl = no
auth_verbose = yes
auth_debug = yes
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2
auth_username_chars =
auth_failure_delay = 0
disable_plaintext_auth = no
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {root}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {root}/auth {{
    mode = 0666
  }}
}}
# Wrong passwords make nobody wait.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"
    )
}

fn oauth2_conf(port: u16) -> String {
    format!(
        "introspection_mode = post
introspection_url = http://127.0.0.1:{port}/introspect
active_attribute = active
active_value = true
username_attribute = username
force_introspection = yes
"
    )
}

/// Answers whose a token is (RFC 7662), as long as this process lives.
fn introspection() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || while let Ok(true) = answer(&stream) {});
        }
    });
    port
}

/// Whether another question may come.
fn answer(stream: &TcpStream) -> std::io::Result<bool> {
    let mut input = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    let field = body.split(|&byte| byte == b'&').next().unwrap_or_default();
    let json = if unescaped(field) == format!("token={TOKEN}").as_bytes() {
        r#"{"active":true,"username":"alice"}"#
    } else {
        r#"{"active":false}"#
    };
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )?;
    Ok(true)
}

/// Without the percent signs of a form.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        if let Some(escaped) = escaped.filter(|_| byte == b'%') {
            plain.push(escaped);
            rest = &after[2..];
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    plain
}
