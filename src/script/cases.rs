//! The tests of a script.

use crate::script::statement::{Act, Script, Statement};
use crate::script::text::{Variables, escaped};

/// One test, with all statements that it runs.
#[derive(Clone, Debug)]
pub struct Case {
    pub file: String,
    /// The name of the test, or of the script if that has no tests.
    pub name: String,
    /// The statements to run. Statements outside of tests are run at the beginning of each test that
    /// follows them.
    pub statements: Vec<Statement>,
    /// The variables set by the enclosing loops.
    pub variables: Variables,
}

impl Case {
    /// All tests of a script, in order. A script without tests becomes one. `given` are the initial
    /// variables.
    #[must_use]
    pub fn all_of(script: &Script, given: &Variables) -> Vec<Self> {
        let mut plan = Planning {
            script,
            cases: Vec::new(),
        };
        let before = Before {
            statements: Vec::new(),
            variables: given.clone(),
        };
        let rest = plan.walk(&script.statements, before);
        if plan.cases.is_empty() {
            plan.add(&script.name, rest);
        }
        plan.cases
    }
}

/// The statements and variables before a test.
#[derive(Clone)]
struct Before {
    statements: Vec<Statement>,
    variables: Variables,
}

struct Planning<'s> {
    script: &'s Script,
    cases: Vec<Case>,
}

impl Planning<'_> {
    /// Adds the tests, and returns the statements that are not part of one.
    fn walk(&mut self, statements: &[Statement], mut before: Before) -> Before {
        for statement in statements {
            match &statement.act {
                Act::Test { name, body } => {
                    let mut own = before.clone();
                    own.statements.extend_from_slice(body);
                    let name = name.octets(&own.variables);
                    let name = name.map_or_else(
                        |error| error.to_string(),
                        |name| escaped(&name).replace("\\\"", "\""),
                    );
                    self.add(&name, own);
                }
                Act::For { name, values, body } if has_tests(body) => {
                    for value in values {
                        let mut own = before.clone();
                        if let Ok(value) = value.octets(&own.variables) {
                            own.variables.insert(name.clone(), value);
                        }
                        self.walk(body, own);
                    }
                }
                act => {
                    before.learn(act);
                    before.statements.push(statement.clone());
                }
            }
        }
        before
    }

    fn add(&mut self, name: &str, before: Before) {
        self.cases.push(Case {
            file: self.script.name.clone(),
            name: name.to_owned(),
            statements: before.statements,
            variables: before.variables,
        });
    }
}

impl Before {
    /// Records a variable that is set before a test, because the name of the test may contain it.
    fn learn(&mut self, act: &Act) {
        if let Act::Set {
            name,
            value,
            default,
        } = act
            && !(*default && self.variables.contains_key(name))
            && let Ok(value) = value.octets(&self.variables)
        {
            self.variables.insert(name.clone(), value);
        }
    }
}

fn has_tests(body: &[Statement]) -> bool {
    body.iter().any(|statement| match &statement.act {
        Act::Test { .. } => true,
        Act::For { body, .. } => has_tests(body),
        _ => false,
    })
}
