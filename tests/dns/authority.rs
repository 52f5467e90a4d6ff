//! An authority for every name there is: hickory's server with one zone, the root, on a port of its
//! own. Some names can be told to fail in the ways that real resolvers fail in.

use hickory_server::Server;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SOA, SRV, TLSA};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, MessageResponseBuilder, ZoneType};
use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};

/// What a question is answered with in place of the zone's records.
#[derive(Clone)]
enum Answer {
    /// This code and no records.
    Code(ResponseCode),
    /// Nothing at all.
    Silence,
    /// These records, whatever names they are for.
    Records(Vec<Record>),
}

/// A zone that a validating resolver would answer from.
#[derive(Default)]
struct Validated {
    /// Names that are signed, with all below them.
    signed: Vec<String>,
    records: Vec<Record>,
}

impl Validated {
    fn is_signed(&self, name: &Name) -> bool {
        let name = without_dot(name).to_ascii_lowercase();
        let is_in = |zone: &String| name == *zone || name.ends_with(&format!(".{zone}"));
        self.signed.iter().any(is_in)
    }

    /// The records with the aliases before them, and true if all are signed.
    fn answer(&self, name: &Name, kind: RecordType) -> (Vec<Record>, bool) {
        let (mut at, mut found, mut all_signed) = (name.clone(), Vec::new(), true);
        for _ in 0..8 {
            all_signed &= self.is_signed(&at);
            let own = || self.records.iter().filter(|record| record.name == at);
            let alias = own().find(|record| record.record_type() == RecordType::CNAME);
            match alias.filter(|_| kind != RecordType::CNAME) {
                None => {
                    found.extend(own().filter(|record| record.record_type() == kind).cloned());
                    break;
                }
                Some(alias) => {
                    found.push(alias.clone());
                    let RData::CNAME(target) = &alias.data else {
                        break;
                    };
                    at = target.0.clone();
                }
            }
        }
        (found, all_signed)
    }
}

type Odd = HashMap<(String, RecordType), Answer>;

/// A running authority; it ends with this value.
pub struct Authority {
    /// Where it listens, over UDP and TCP.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl Authority {
    /// Serves these records, one a line: `name type data`. In place of data, `SERVFAIL`, `REFUSED` and
    /// `SILENCE` are failures. A line `name type := owner type data` puts a record into the answer to
    /// the first question, whoever owns it. A line `SECURE name` sets AD in the answers for this name and all below
    /// it, as a validating resolver does: if the question has the bit, and all of a chain of aliases is secure.
    pub fn serve(lines: &[impl AsRef<str>]) -> Self {
        Self::serve_with(lines, None)
    }

    /// The same, and every query with EDNS (RFC 6891) is answered in this way: `FORMERR`, `NOTIMP`,
    /// `SERVFAIL` or `SILENCE`.
    pub fn without_edns(answer: &str, lines: &[impl AsRef<str>]) -> Self {
        Self::serve_with(lines, Some(odd_answer(answer).expect("an odd answer")))
    }

    fn serve_with(lines: &[impl AsRef<str>], to_edns: Option<Answer>) -> Self {
        let mut zone = InMemoryZoneHandler::<TokioRuntimeProvider>::empty(
            Name::root(),
            ZoneType::Primary,
            AxfrPolicy::Deny,
        );
        let soa = SOA::new(name("ns.test"), name("root.test"), 1, 60, 60, 60, 60);
        let soa = Record::from_rdata(Name::root(), 60, RData::SOA(soa));
        assert!(zone.upsert_mut(soa, 1));
        let mut odd = Odd::new();
        let mut validated = Validated::default();
        for line in lines {
            let line = line.as_ref();
            if let Some(name) = line.strip_prefix("SECURE ") {
                validated.signed.push(name.to_owned());
                continue;
            }
            match line.split_once(" := ") {
                Some((question, answer)) => put_odd(&mut odd, question, answer),
                None if failure(line).is_some() => odd.extend(failure(line)),
                None => {
                    validated.records.push(record(line));
                    assert!(zone.upsert_mut(record(line), 1), "{line}");
                }
            }
        }
        let mut catalog = Catalog::new();
        let root = LowerName::from(Name::root());
        catalog.upsert(root, vec![Arc::new(zone) as Arc<_>]);
        start((catalog, validated), odd, to_edns)
    }

    /// The questions so far: `MX example.test over UDP`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How often this was asked.
    pub fn count(&self, question: &str) -> usize {
        let is = |asked: &&String| asked.starts_with(question);
        self.asked().iter().filter(is).count()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}

fn start(
    (catalog, validated): (Catalog, Validated),
    odd: Odd,
    to_edns: Option<Answer>,
) -> Authority {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let handler = Handler {
        catalog,
        validated,
        odd,
        to_edns,
        asked: Arc::clone(&asked),
    };
    let (ready, started) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (udp, tcp) = sockets().await;
            let address = udp.local_addr().unwrap();
            let mut server = Server::new(handler);
            server.register_socket(udp);
            server.register_listener(tcp, Duration::from_secs(10), 64);
            let token = server.shutdown_token().clone();
            let stop: Box<dyn FnOnce() + Send> = Box::new(move || token.cancel());
            ready.send((address, stop)).unwrap();
            let _ = server.block_until_done().await;
        });
    });
    let (address, stop) = started.recv().unwrap();
    Authority {
        address,
        asked,
        stop: Some(stop),
    }
}

/// UDP and TCP on one port that nobody uses.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..50 {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

/// The catalog behind a clerk who notes every question and answers some himself.
struct Handler {
    catalog: Catalog,
    validated: Validated,
    odd: Odd,
    /// The answer to every query with EDNS; `None`: as to others.
    to_edns: Option<Answer>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Handler {
    async fn answer<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response: R,
    ) -> ResponseInfo {
        let info = request.request_info().expect("one question");
        let question = info.query.original();
        let asked = without_dot(question.name());
        let kind = question.query_type();
        let how = if request.protocol() == Protocol::Udp {
            "UDP"
        } else {
            "TCP"
        };
        let note = format!("{kind} {asked} over {how}");
        self.asked.lock().unwrap().push(note);
        let mut metadata = Metadata::response_from_request(&request.metadata);

        metadata.recursion_available = true;
        let build = MessageResponseBuilder::from_message_request(request);
        let to_edns = self.to_edns.as_ref().filter(|_| request.edns.is_some());
        let odd = || self.odd.get(&(asked.to_ascii_lowercase(), kind));
        let sent = match to_edns.or_else(odd) {
            None if self.validated.is_signed(question.name()) => {
                let (records, is_secure) = self.validated.answer(question.name(), kind);
                metadata.authentic_data = is_secure && request.metadata.authentic_data;
                let message = build.build(metadata, &records, &[], &[], &[]);
                response.send_response(message).await
            }
            None => {
                return self.catalog.handle_request::<R, T>(request, response).await;
            }
            Some(Answer::Silence) => {
                let counts = HeaderCounts::default();
                return hickory_server::proto::op::Header { metadata, counts }.into();
            }
            Some(Answer::Code(code)) => {
                let message = build.error_msg(&request.metadata, *code);
                response.send_response(message).await
            }
            Some(Answer::Records(records)) => {
                let message = build.build(metadata, records, &[], &[], &[]);
                response.send_response(message).await
            }
        };
        sent.expect("the response goes out")
    }
}

// The trait is an async_trait; written out, it needs no dependency.
impl RequestHandler for Handler {
    fn handle_request<'s, 'r, 'f, R, T>(
        &'s self,
        request: &'r Request,
        response: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: 'f + ResponseHandler,
        T: 'f + Time,
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        Box::pin(self.answer::<R, T>(request, response))
    }
}

fn put_odd(odd: &mut Odd, question: &str, answer: &str) {
    let (owner, kind) = question.split_once(' ').expect("name and type");
    let key = (owner.to_ascii_lowercase(), kind.parse().unwrap());
    let entry = odd.entry(key).or_insert(Answer::Records(Vec::new()));
    if let Answer::Records(records) = entry {
        records.push(record(answer));
    }
}

fn failure(line: &str) -> Option<((String, RecordType), Answer)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let answer = odd_answer(words.get(2)?)?;
    let kind = words[1].parse().unwrap();
    Some(((words[0].to_ascii_lowercase(), kind), answer))
}

fn odd_answer(word: &str) -> Option<Answer> {
    Some(match word {
        "FORMERR" => Answer::Code(ResponseCode::FormErr),
        "NOTIMP" => Answer::Code(ResponseCode::NotImp),
        "SERVFAIL" => Answer::Code(ResponseCode::ServFail),
        "REFUSED" => Answer::Code(ResponseCode::Refused),
        "SILENCE" => Answer::Silence,
        _ => return None,
    })
}

/// `name type data`.
fn record(line: &str) -> Record {
    let words: Vec<&str> = line.split_whitespace().collect();
    let data = match words[1..] {
        ["MX", preference, host] => RData::MX(MX::new(preference.parse().unwrap(), name(host))),
        ["A", ip] => RData::A(A(ip.parse().unwrap())),
        ["AAAA", ip] => RData::AAAA(AAAA(ip.parse().unwrap())),
        ["CNAME", target] => RData::CNAME(CNAME(name(target))),
        ["SRV", priority, weight, port, target] => RData::SRV(SRV::new(
            priority.parse().unwrap(),
            weight.parse().unwrap(),
            port.parse().unwrap(),
            name(target),
        )),
        ["TLSA", usage, selector, matching, data] => {
            let number = |word: &str| word.parse::<u8>().unwrap();
            RData::TLSA(TLSA::new(
                number(usage).into(),
                number(selector).into(),
                number(matching).into(),
                octets(data),
            ))
        }
        ["PTR", target] => RData::PTR(PTR(name(target))),
        ["TXT", first, ..] if first.starts_with('"') => {
            RData::TXT(hickory_server::proto::rr::rdata::TXT::from_bytes(
                quoted(line).iter().map(Vec::as_slice).collect(),
            ))
        }
        // Each word is a string of the record.
        ["TXT", ref strings @ ..] => {
            let strings = strings.iter().map(|&text| text.to_owned());
            RData::TXT(hickory_server::proto::rr::rdata::TXT::new(
                strings.collect(),
            ))
        }
        _ => panic!("no record: {line}"),
    };
    Record::from_rdata(name(words[0]), 60, data)
}

/// The strings in quotation marks, in which a backslash precedes a number of an octet.
fn quoted(line: &str) -> Vec<Vec<u8>> {
    let strings = line.split('"').skip(1).step_by(2);
    let octets = |text: &str| {
        let mut parts = text.split('\\');
        let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            octets.push(part[..3].parse().unwrap());
            octets.extend_from_slice(&part.as_bytes()[3..]);
        }
        octets
    };
    strings.map(octets).collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len() / 2).map(|at| &hex[2 * at..2 * at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn name(text: &str) -> Name {
    let text = text.trim_end_matches('.');
    Name::from_ascii(format!("{text}.")).unwrap()
}

fn without_dot(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
