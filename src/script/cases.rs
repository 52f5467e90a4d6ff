//! The tests of a script, and what it requires of the command line.

use crate::script::statement::{Script, ScriptPosition, SendItem, Statement, StatementKind};
use crate::script::text::{Variables, escaped};

/// One test, with all statements that it runs.
#[derive(Clone, Debug)]
pub struct TestCase {
    pub file: String,
    /// The name of the test, or of the script if that has no tests.
    pub name: String,
    /// The statements to run. Statements outside of tests are run at the beginning of each test that
    /// follows them.
    pub statements: Vec<Statement>,
    /// The variables set by the enclosing loops.
    pub variables: Variables,
}

impl TestCase {
    /// All tests of a script, in order. A script without tests becomes one. `given` are the initial
    /// variables.
    pub fn all_of(script: &Script, given: &Variables) -> Vec<Self> {
        let mut plan = TestSplitter {
            script,
            cases: Vec::new(),
        };
        let prefix = TestPrefix {
            statements: Vec::new(),
            variables: given.clone(),
        };
        let rest = plan.add_statements(&script.statements, prefix);
        if plan.cases.is_empty() {
            plan.add(&script.name, rest);
        }
        plan.cases
    }
}

/// The statements and variables before a test.
#[derive(Clone)]
struct TestPrefix {
    statements: Vec<Statement>,
    variables: Variables,
}

struct TestSplitter<'s> {
    script: &'s Script,
    cases: Vec<TestCase>,
}

impl TestSplitter<'_> {
    /// Adds the tests, and returns the statements that are not part of one.
    fn add_statements(&mut self, statements: &[Statement], mut prefix: TestPrefix) -> TestPrefix {
        for statement in statements {
            match &statement.kind {
                StatementKind::Test { name, body } => {
                    let mut own = prefix.clone();
                    own.statements.extend_from_slice(body);
                    let name = name.octets(&own.variables).map_or_else(
                        |error| error.to_string(),
                        |name| escaped(&name).replace("\\\"", "\""),
                    );
                    self.add(&name, own);
                }
                StatementKind::For { name, values, body } if has_tests(body) => {
                    for value in values {
                        let mut own = prefix.clone();
                        if let Ok(value) = value.octets(&own.variables) {
                            own.variables.insert(name.clone(), value);
                        }
                        self.add_statements(body, own);
                    }
                }
                kind => {
                    prefix.set_variable(kind);
                    prefix.statements.push(statement.clone());
                }
            }
        }
        prefix
    }

    fn add(&mut self, name: &str, prefix: TestPrefix) {
        self.cases.push(TestCase {
            file: self.script.name.clone(),
            name: name.to_owned(),
            statements: prefix.statements,
            variables: prefix.variables,
        });
    }
}

impl TestPrefix {
    /// Records a variable that is set before a test, because the name of the test may contain it.
    fn set_variable(&mut self, kind: &StatementKind) {
        if let StatementKind::Set {
            name,
            value,
            default,
        } = kind
            && !(*default && self.variables.contains_key(name))
            && let Ok(value) = value.octets(&self.variables)
        {
            self.variables.insert(name.clone(), value);
        }
    }
}

fn has_tests(body: &[Statement]) -> bool {
    body.iter().any(|statement| match &statement.kind {
        StatementKind::Test { .. } => true,
        StatementKind::For { body, .. } => has_tests(body),
        _ => false,
    })
}

/// The first position of each requirement; `None`: not required.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// A server: `connect` without a target.
    pub server: Option<ScriptPosition>,
    pub message: Option<ScriptPosition>,
    /// A user to log in as.
    pub login: Option<ScriptPosition>,
}

impl Requirements {
    /// The requirements of a script.
    pub fn of(script: &Script) -> Self {
        let mut requirements = Self::default();
        requirements.add_statements(&script.statements);
        requirements
    }

    fn add_statements(&mut self, statements: &[Statement]) {
        for Statement { at, kind } in statements {
            match kind {
                StatementKind::Connect { target: None, .. } => record_first(&mut self.server, at),
                StatementKind::Auth(_) => record_first(&mut self.login, at),
                StatementKind::Send(item) => self.add_item(item, at),
                StatementKind::SendTogether(all) => {
                    for item in all {
                        self.add_item(item, at);
                    }
                }
                StatementKind::For { body, .. }
                | StatementKind::Test { body, .. }
                | StatementKind::Repeat(_, body)
                | StatementKind::Parallel(_, body) => self.add_statements(body),
                _ => {}
            }
        }
    }

    fn add_item(&mut self, item: &SendItem, at: &ScriptPosition) {
        let is_about_message = match item {
            SendItem::Message(_) => true,
            SendItem::Line(text, _) | SendItem::Raw(text) | SendItem::Slowly(text, _) => {
                text.variables().contains(&"message.size")
            }
            SendItem::File(..) => false,
        };
        if is_about_message {
            record_first(&mut self.message, at);
        }
    }
}

fn record_first(first: &mut Option<ScriptPosition>, at: &ScriptPosition) {
    first.get_or_insert_with(|| at.clone());
}
