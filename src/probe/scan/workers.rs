//! A few threads that open connections, with STARTTLS ahead of use, so that most of a scan needs one or two round
//! trips for each `ClientHello`. Their number is the maximum number of connections at a time.

use crate::client::session::TlsDemand;
use crate::client::wire::{Deadline, Wire};
use crate::probe::scan::answer::{Answer, Extent};
use crate::probe::scan::connection::{OpenError, Target};
use crate::probe::scan::hello::Hello;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Pauses before connecting again to a server that accepts no connection.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A `ClientHello` to send, and where the answer goes.
pub struct Question {
    pub hello: Hello,
    pub extent: Extent,
    reply: Sender<Answer>,
}

/// Sends questions to the workers, up to a point in time.
#[derive(Clone)]
pub struct Questions {
    queue: Sender<Question>,
    deadline: Deadline,
}

impl Questions {
    pub fn new(deadline: Deadline) -> (Self, Receiver<Question>) {
        let (queue, questions) = channel();
        (Self { queue, deadline }, questions)
    }

    /// The answer to a `ClientHello`. It is asked for twice if there is none, because the server may serve only one
    /// connection at a time; or if it ends without an alert, because the connection may have been lost by accident.
    pub fn ask(&self, hello: Hello, extent: Extent) -> Answer {
        let answer = match self.ask_once(hello.clone(), extent) {
            Answer::Refused(None) | Answer::Silent(_) => self.ask_once(hello, extent),
            answer => answer,
        };
        match answer {
            Answer::Silent(why) => Answer::Unknown(why),
            answer => answer,
        }
    }

    fn ask_once(&self, hello: Hello, extent: Extent) -> Answer {
        let Some(left) = self.deadline.left() else {
            let limit = self.deadline.whole().as_secs();
            return Answer::Unknown(format!("the scan took more than {limit} seconds"));
        };
        let (reply, answer) = channel();
        let question = Question {
            hello,
            extent,
            reply,
        };
        let is_sent = self.queue.send(question).is_ok();
        let answer = is_sent.then(|| answer.recv_timeout(left).ok()).flatten();
        answer.unwrap_or_else(|| Answer::Unknown("no answer in time".to_owned()))
    }
}

/// What the workers share.
pub struct Workers<'t> {
    target: Target<'t>,
    questions: Mutex<Receiver<Question>>,
    /// Those that have not ended.
    alive: AtomicUsize,
    connections: AtomicUsize,
}

impl<'t> Workers<'t> {
    pub fn new(target: Target<'t>, questions: Receiver<Question>, count: usize) -> Self {
        Self {
            target,
            questions: Mutex::new(questions),
            alive: AtomicUsize::new(count),
            connections: AtomicUsize::new(0),
        }
    }

    /// The number of connections that were opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Answers questions until there are no more.
    pub fn run(&self) {
        while let Some((question, opened)) = self.next() {
            let answer = match opened {
                Ok(wire) => self.target.ask(wire, &question.hello, question.extent),
                Err(error) => Answer::Unknown(error.why().to_owned()),
            };
            // The server may not serve that many connections at a time.
            let is_silent = matches!(answer, Answer::Silent(_));
            let _ = question.reply.send(answer);
            if is_silent && self.retires() {
                return;
            }
        }
    }

    /// A question and a connection for it. `None`: there are no more, or this worker has ended.
    fn next(&self) -> Option<(Question, Result<Wire, OpenError>)> {
        if self.target.tls == TlsDemand::Implicit {
            // Nothing shows that a server serves an idle connection. Many serve one connection at a time, such as
            // `openssl s_server`; if that were an idle one, the server would not answer on the others.
            let question = self.next_question()?;
            return Some((question, self.open(false)?));
        }
        // The reply to STARTTLS shows that the server serves this connection.
        let opened = self.open(true)?;
        Some((self.next_question()?, opened))
    }

    fn next_question(&self) -> Option<Question> {
        let questions = self.questions.lock();
        let questions = questions.unwrap_or_else(PoisonError::into_inner);
        questions.recv().ok()
    }

    /// A connection. `None`: the server accepts no more, this worker may end, and there is another one.
    fn open(&self, may_end: bool) -> Option<Result<Wire, OpenError>> {
        let mut pauses = PAUSES.into_iter();
        loop {
            self.connections.fetch_add(1, Ordering::Relaxed);
            match self.target.open() {
                Err(OpenError::Busy(_)) if may_end && self.retires() => return None,
                Err(error @ OpenError::Busy(_)) => match pauses.next() {
                    Some(pause) => std::thread::sleep(pause),
                    None => return Some(Err(error)),
                },
                opened => return Some(opened),
            }
        }
    }

    /// Ends this worker unless it is the last one.
    fn retires(&self) -> bool {
        let less = |count| (count > 1).then_some(count - 1);
        self.alive
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}
