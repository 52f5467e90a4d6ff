//! Four hosts: network namespaces, each with a link of its own to this one, which can be cut.

use std::process::Command;

const HOSTS: usize = 4;

/// The namespaces, which are removed on drop together with their links.
pub struct Network {
    /// Makes the names and addresses those of this test.
    number: u32,
}

impl Network {
    /// `None`: this user may not make namespaces.
    pub fn start() -> Option<Self> {
        let network = Self {
            number: fastrand::u32(..250),
        };
        (0..HOSTS).all(|host| network.add(host)).then_some(network)
    }

    fn add(&self, host: usize) -> bool {
        let (name, link) = (self.name(host), self.link(host));
        let (inside, outside) = (self.address(host, 2), self.address(host, 1));
        [
            format!("netns add {name}"),
            format!("link add {link} type veth peer name eth0 netns {name}"),
            format!("addr add {outside}/30 dev {link}"),
            format!("link set {link} up"),
            format!("-n {name} addr add {inside}/30 dev eth0"),
            format!("-n {name} link set eth0 up"),
        ]
        .iter()
        .all(|words| ip(words))
    }

    fn name(&self, host: usize) -> String {
        format!("ehlo{}x{host}", self.number)
    }

    fn link(&self, host: usize) -> String {
        format!("eh{}x{host}", self.number)
    }

    fn address(&self, host: usize, number: usize) -> String {
        format!("10.{}.{}.{number}", self.number + 1, host)
    }

    /// The addresses of this namespace on all links.
    pub fn gateways(&self) -> Vec<String> {
        (0..HOSTS).map(|host| self.address(host, 1)).collect()
    }

    /// The number of the host on which a worker runs.
    pub fn host_of(worker: usize) -> usize {
        worker % HOSTS
    }

    /// The same command on a host.
    pub fn command(&self, host: usize, plain: &Command) -> Command {
        let name = self.name(host);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &name, "unshare", "--uts", "sh", "-c"])
            .args(["hostname \"$0\"; exec \"$@\"", &name])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env_clear();
        for (name, value) in plain.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command
    }

    /// Cuts the link of a host, or mends it.
    pub fn set_link(&self, host: usize, is_up: bool) {
        let state = if is_up { "up" } else { "down" };
        assert!(ip(&format!("link set {} {state}", self.link(host))));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in 0..HOSTS {
            ip(&format!("netns del {}", self.name(host)));
        }
    }
}

fn ip(words: &str) -> bool {
    let done = Command::new("ip").args(words.split(' ')).output();
    done.is_ok_and(|done| done.status.success())
}
