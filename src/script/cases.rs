//! The tests of a script.

use crate::script::statement::{Act, Script, Statement};
use crate::script::text::{Variables, escaped};

/// One test: all that is done on its behalf, from the beginning.
#[derive(Clone, Debug)]
pub struct Case {
    pub file: String,
    /// Its name; that of the script where it has no tests.
    pub name: String,
    /// What is done. What stands before the first test of a script is done at the beginning of each.
    pub statements: Vec<Statement>,
    /// What the loops around it have set.
    pub variables: Variables,
}

impl Case {
    /// All tests of a script, in their order; one, when it has no tests. `given` is what the variables hold
    /// before.
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

/// What is done before a test.
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
    /// Gives what stands there that is no test.
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
    /// What is set before a test may stand in its name.
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
