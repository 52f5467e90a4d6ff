//! The interface between a message and the session that sends it.

use std::io;

/// Body type of a message, and the capability of a server. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyType {
    /// Lines of ASCII: every server accepts them.
    SevenBit,
    /// Lines of any octets: 8BITMIME (RFC 6152).
    EightBit,
    /// Any octets: BINARYMIME and CHUNKING (RFC 3030).
    Binary,
}

impl BodyType {
    /// All types, the one with the lowest requirements first.
    pub const ALL: [Self; 3] = [Self::SevenBit, Self::EightBit, Self::Binary];

    /// The value of BODY=.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBit => "8BITMIME",
            Self::Binary => "BINARYMIME",
        }
    }

    /// The type of this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|body| body.name().eq_ignore_ascii_case(name))
    }

    /// A server with this body type that offers SMTPUTF8.
    pub const fn with_utf8(self) -> Accepts {
        Accepts {
            transport: self,
            utf8: true,
        }
    }

    /// A server with this body type that does not offer SMTPUTF8.
    pub const fn without_utf8(self) -> Accepts {
        Accepts {
            transport: self,
            utf8: false,
        }
    }
}

/// Capabilities of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// The body type that it accepts.
    pub transport: BodyType,
    /// True if it accepts raw UTF-8 in the header (SMTPUTF8, RFC 6531).
    pub utf8: bool,
}

/// Properties of a message in the form sent to a particular server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The body type that it needs.
    pub transport: BodyType,
    /// True if its header has raw UTF-8 (RFC 6532).
    pub utf8: bool,
    /// Octets before dot-stuffing (RFC 1870 §3).
    pub size: u64,
}

/// The shape with the highest requirements that a server with these capabilities accepts.
pub fn fitting(shapes: impl Iterator<Item = Shape>, accepts: Accepts) -> Option<Shape> {
    shapes
        .filter(|shape| shape.suits(accepts))
        .max_by_key(|shape| shape.transport)
}

impl Shape {
    /// True if a server with these capabilities can carry it.
    pub fn suits(&self, accepts: Accepts) -> bool {
        self.transport <= accepts.transport && (accepts.utf8 || !self.utf8)
    }
}

/// A message that can be read repeatedly from its beginning, for another host or another transaction.
pub trait Replay {
    /// Properties of the form for a server with these capabilities; `None` if the server cannot carry it.
    fn shape(&self, accepts: Accepts) -> Option<Shape>;

    /// Properties of the form with the lowest requirements among those that exist.
    fn simplest(&self) -> Option<Shape> {
        let ascii = BodyType::ALL.map(BodyType::without_utf8).into_iter();
        let mut accepts = ascii.chain(BodyType::ALL.map(BodyType::with_utf8));
        accepts.find_map(|accepts| self.shape(accepts))
    }

    /// The blocks of the message in that shape, from its beginning.
    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_>;
}

/// A message as it goes over the wire, before dot-stuffing. Except in [`BodyType::Binary`], lines end in CRLF
/// and no bare CR or LF occurs.
pub trait Blocks {
    /// Appends the next block to `out` and returns its kind.
    ///
    /// # Errors
    /// The source changed or cannot be read any more; the message must not be ended as if it were complete.
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block>;
}

/// Kind of the data that [`Blocks::append`] appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Complete or partial lines, any of which may begin with a dot.
    Lines,
    /// Complete lines, none of which begins with a dot (base64).
    DotFree,
    /// The end of the message; nothing was appended.
    End,
}

/// An empty message, for sessions that send none.
#[derive(Debug)]
pub struct Nothing;

impl Replay for Nothing {
    fn shape(&self, _: Accepts) -> Option<Shape> {
        Some(Shape {
            transport: BodyType::SevenBit,
            utf8: false,
            size: 0,
        })
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Self)
    }
}

impl Blocks for Nothing {
    fn append(&mut self, _: &mut Vec<u8>) -> io::Result<Block> {
        Ok(Block::End)
    }
}
