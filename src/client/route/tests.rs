use crate::client::dns::{Dns, Mx};
use crate::client::dns::{Question, Record};
use crate::client::events::Observer;
use crate::client::events::Silent;
use crate::client::peer::PeerAddress;
use crate::client::route::addresses::{MAX_ADDRESSES, with_loopback};
use crate::client::route::router::MAX_HOSTS;
use crate::client::route::*;
use crate::mail::address::Address;
use std::collections::BTreeSet;
use std::collections::HashMap;

/// A DNS with fixed answers in maps.
#[derive(Default)]
struct Book {
    mx: HashMap<&'static str, Result<Vec<Mx>, DnsError>>,
    addresses: HashMap<&'static str, Result<Vec<IpAddr>, DnsError>>,
}

impl Dns for Book {
    fn ask(&self, questions: &[Question], _: &mut dyn Observer) -> Vec<Result<Answer, DnsError>> {
        questions
            .iter()
            .map(|question| self.answer(question))
            .collect()
    }

    fn is_trusted(&self) -> bool {
        false
    }

    fn servers(&self) -> &'static str {
        "the book"
    }
}

impl Book {
    fn answer(&self, question: &Question) -> Result<Answer, DnsError> {
        let name = question.name.as_str();
        let records: Vec<Record> = if question.kind == RecordType::Mx {
            let known = self.mx.get(name).cloned();
            let all = known.unwrap_or(Err(DnsError::NoSuchName))?;
            all.into_iter().map(Record::Mx).collect()
        } else {
            let known = self.addresses.get(name).cloned();
            let all = known.unwrap_or(Err(DnsError::NoData))?;
            let is_four = question.kind == RecordType::A;
            let fitting = all.into_iter().filter(|ip| ip.is_ipv4() == is_four);
            fitting.map(Record::Address).collect()
        };
        if records.is_empty() {
            return Err(DnsError::NoData);
        }
        Ok(Answer {
            records,
            owner: name.to_owned(),
            secure: false,
            ttl: None,
        })
    }
}

fn options() -> RouteOptions {
    RouteOptions {
        relay: None,
        port: 25,
        family: AddressFamily::Any,
        bind: None,
        connect_to: None,
        dns: None,
        proxy: None,
        own_names: vec!["me.example.org".to_owned()],
    }
}

fn routes(mx: &[(&'static str, &[(u16, &str)])], recipients: &[&str]) -> Routes {
    let records = |list: &[(u16, &str)]| {
        let mx = list.iter().map(|(preference, host)| Mx {
            preference: *preference,
            host: (*host).to_owned(),
        });
        Ok(mx.collect())
    };
    let mut book = Book::default();
    for (domain, list) in mx {
        book.mx.insert(*domain, records(list));
    }
    book.mx.insert("nodata.org", Err(DnsError::NoData));
    book.mx
        .insert("broken.org", Err(DnsError::Failed("SERVFAIL".to_owned())));
    let options = options();
    let router = Router::with_dns(&options, Box::new(book));
    let recipients: Vec<Address> = recipients
        .iter()
        .map(|r| Address::parse(r).unwrap())
        .collect();
    router.routes(&recipients, &mut Silent)
}

fn tcp(address: &str) -> PeerAddress {
    PeerAddress::Tcp(address.parse().unwrap())
}

fn hosts(destination: &Destination) -> Vec<String> {
    destination.hosts.iter().map(ToString::to_string).collect()
}

#[test]
fn the_best_preference_comes_first() {
    let routes = routes(
        &[("x.org", &[(20, "b"), (0, "a"), (30, "c")])],
        &["u@x.org"],
    );
    assert_eq!(hosts(&routes.destinations[0]), ["a", "b", "c"]);
}

#[test]
fn equal_preferences_come_in_any_order() {
    // RFC 5321 §5.1
    let orders: BTreeSet<Vec<String>> = (0..200)
        .map(|_| {
            let routes = routes(
                &[("x.org", &[(5, "a"), (5, "b"), (5, "c"), (9, "d")])],
                &["u@x.org"],
            );
            hosts(&routes.destinations[0])
        })
        .collect();
    assert_eq!(orders.len(), 6);
    assert!(orders.iter().all(|order| order[3] == "d"));
}

#[test]
fn domains_with_the_same_hosts_share_a_destination() {
    let routes = routes(
        &[
            ("x.org", &[(10, "mx1"), (20, "mx2")]),
            ("y.org", &[(5, "MX1"), (7, "mx2")]),
            ("z.org", &[(5, "mx2"), (7, "mx1")]),
        ],
        &["a@x.org", "b@z.org", "c@Y.org", "d@[192.0.2.1]"],
    );
    let recipients: Vec<&[usize]> = routes
        .destinations
        .iter()
        .map(|d| &d.recipients[..])
        .collect();
    assert_eq!(recipients, [&[0, 2][..], &[1], &[3]]);
}

#[test]
fn a_domain_without_mx_is_its_own() {
    let routes = routes(&[], &["u@nodata.org"]);
    assert_eq!(hosts(&routes.destinations[0]), ["nodata.org"]);
}

#[test]
fn a_null_mx_takes_nothing_and_beside_others_it_counts_for_nothing() {
    // RFC 7505 §3
    let routes = routes(
        &[
            ("null.org", &[(0, "")]),
            ("odd.org", &[(0, ""), (10, "mx")]),
        ],
        &["u@null.org", "u@odd.org"],
    );
    assert_eq!(
        routes.unreachable,
        [(0, RouteError::NullMx("null.org".to_owned()))]
    );
    assert_eq!(hosts(&routes.destinations[0]), ["mx"]);
}

#[test]
fn nxdomain_is_for_good_and_servfail_is_not() {
    let routes = routes(&[], &["u@nowhere.org", "u@broken.org"]);
    let may_pass: Vec<bool> = routes
        .unreachable
        .iter()
        .map(|(_, error)| error.may_pass())
        .collect();
    assert_eq!(may_pass, [false, true]);
}

#[test]
fn where_we_are_in_the_list_only_better_hosts_are_tried() {
    // RFC 5321 §5.1
    let routes = routes(
        &[
            (
                "x.org",
                &[(10, "a"), (20, "me.EXAMPLE.org"), (20, "b"), (30, "c")],
            ),
            ("loop.org", &[(10, "me.example.org"), (20, "b")]),
            ("local.org", &[(10, "localhost")]),
        ],
        &["u@x.org", "u@loop.org", "u@local.org"],
    );
    assert_eq!(hosts(&routes.destinations[0]), ["a"]);
    let names: Vec<&RouteError> = routes.unreachable.iter().map(|(_, error)| error).collect();
    let looping = |name: &str| RouteError::Loop(name.to_owned());
    assert_eq!(names, [&looping("loop.org"), &looping("local.org")]);
}

#[test]
fn three_hundred_exchangers_are_capped() {
    let names: Vec<String> = (0..300).map(|n| format!("mx{n}")).collect();
    let list: Vec<(u16, &str)> = names.iter().map(|name| (10, name.as_str())).collect();
    let routes = routes(&[("x.org", &list)], &["u@x.org"]);
    assert_eq!(routes.destinations[0].hosts.len(), MAX_HOSTS);
}

#[test]
fn an_exchanger_that_is_written_as_an_address_is_one() {
    let options = options();
    let router = Router::with_dns(&options, Box::new(Book::default()));
    let host = Host::Exchanger("127.0.0.9".to_owned());
    let found = router.addresses(&host, 25, &mut Silent).unwrap();
    assert_eq!(found, ["127.0.0.9:25"].map(tcp));
}

#[test]
fn only_addresses_of_the_wanted_family_are_tried() {
    let mut book = Book::default();
    let both = vec!["2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap()];
    book.addresses.insert("mx", Ok(both));
    let options = RouteOptions {
        family: AddressFamily::V4,
        ..options()
    };
    let router = Router::with_dns(&options, Box::new(book));
    let found = router
        .addresses(&Host::Exchanger("mx".to_owned()), 25, &mut Silent)
        .unwrap();
    assert_eq!(found, ["192.0.2.1:25"].map(tcp));
}

#[test]
fn a_relay_needs_no_dns() {
    let options = RouteOptions {
        relay: Some(Endpoint {
            host: Host::Address("127.0.0.1".parse().unwrap()),
            port: 2525,
        }),
        ..options()
    };
    let router = Router::new(&options);
    let recipients = [Address::parse("u@x.org").unwrap()];
    let routes = router.routes(&recipients, &mut Silent);
    assert_eq!(routes.destinations[0].port, 2525);
    assert!(router.dns.get().is_none(), "the resolver was started");
}

#[test]
fn the_families_take_turns_before_the_list_is_cut() {
    // RFC 8305 §4
    let six = (1..=20).map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]));
    let four = (1..=2).map(|n| IpAddr::from([203, 0, 113, n]));
    let mut book = Book::default();
    book.addresses.insert("mx", Ok(six.chain(four).collect()));
    let options = options();
    let router = Router::with_dns(&options, Box::new(book));
    let host = Host::Exchanger("mx".to_owned());
    let found = router.addresses(&host, 25, &mut Silent).unwrap();
    let first = [
        "[2001:db8::1]:25",
        "203.0.113.1:25",
        "[2001:db8::2]:25",
        "203.0.113.2:25",
        "[2001:db8::3]:25",
    ];
    assert_eq!(found[..5], first.map(tcp));
    assert_eq!(found.len(), MAX_ADDRESSES);
    assert_eq!(found[15], tcp("[2001:db8::e]:25"));
}

#[test]
fn where_connections_go_elsewhere_hosts_are_not_looked_up() {
    let detour = |host: Host, port| RouteOptions {
        connect_to: Some(ConnectTo { host, port }),
        ..options()
    };
    let socket = Host::Unix(PathBuf::from("/run/x.sock"));
    let loopback = Host::Address("127.0.0.9".parse().unwrap());
    for (options, peer) in [
        (detour(loopback.clone(), None), tcp("127.0.0.9:25")),
        (detour(loopback, Some(26)), tcp("127.0.0.9:26")),
        (
            detour(socket, None),
            PeerAddress::Unix("/run/x.sock".into()),
        ),
    ] {
        let router = Router::with_dns(&options, Box::new(Book::default()));
        let host = Host::Exchanger("mx".to_owned());
        let found = router.addresses(&host, 25, &mut Silent);
        assert_eq!(found, Ok(vec![peer]));
    }
}

#[test]
fn localhost_has_an_address_of_each_family() {
    let four: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap()];
    let six: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    for (name, family, count) in [
        ("localhost", AddressFamily::Any, 1),
        ("localhost", AddressFamily::V4, 1),
        ("LocalHost", AddressFamily::V6, 3),
        ("mx", AddressFamily::V6, 1),
    ] {
        let found = with_loopback(name, family, four.clone());
        assert_eq!(found.len(), count, "{name} {family:?}");
    }
    let found = with_loopback("localhost", AddressFamily::V6, six.clone());
    assert_eq!(found, six);
}

#[test]
fn a_host_without_an_address_of_the_family_of_ours_names_the_option() {
    let mut book = Book::default();
    let four = vec!["192.0.2.1".parse().unwrap()];
    book.addresses.insert("mx", Ok(four));
    let options = RouteOptions {
        family: AddressFamily::V6,
        bind: Some("::1".parse().unwrap()),
        ..options()
    };
    let router = Router::with_dns(&options, Box::new(book));
    let error = router.addresses(&Host::Exchanger("mx".to_owned()), 25, &mut Silent);
    assert_eq!(
        error.unwrap_err().to_string(),
        "cannot find the address of mx: it has no IPv6 address, which --bind ::1 requires"
    );
}
