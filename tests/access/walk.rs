//! The product's route table as requests that can be sent.

use http::Method;
use trailpost::web::route::{self, Face};

use super::EXPECTED;
use super::people::Person;

/// One request of the walk.
pub struct Attempt {
    /// As the table has it: `GET /organizations/{organization_id}`.
    pub route: String,
    pub method: Method,
    /// With the parameters filled in.
    pub path: String,
    pub face: Face,
    pub expected: [u16; 7],
}

impl Attempt {
    /// Whether a page's form is sent there.
    pub fn is_form(&self) -> bool {
        self.face == Face::Page && self.method != Method::GET
    }

    /// Whether membership is asked for before anything else.
    pub fn is_of_an_organization(&self) -> bool {
        self.route.contains("{organization_id}")
    }
}

/// Every route for one person; signing out comes last.
pub fn attempts(person: &Person) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> =
        route::table().into_iter().map(|route| attempt(person, &route)).collect();
    attempts.sort_by_key(|attempt| attempt.path == "/sign-out");
    attempts
}

fn attempt(person: &Person, route: &route::Route) -> Attempt {
    let name = format!("{} {}", route.method, route.path);
    let expected = EXPECTED.iter().find(|(known, _)| *known == name);
    let (_, expected) = expected.unwrap_or_else(|| panic!("{name} is not in this test's table"));
    let path = route
        .path
        .replace("{organization_id}", &person.organization_id)
        .replace("{check_id}", "0199f3c2-0000-7000-8000-000000000000")
        .replace("{sequence}", "999999999999")
        .replace("{batch_id}", "0199f3c2-0000-7000-8000-000000000000")
        .replace("{file}", "trust-policy.json")
        .replace("{token}", &"0".repeat(64));
    assert!(!path.contains('{'), "{name} has a parameter that this test does not fill in");
    Attempt { route: name, method: route.method.clone(), path, face: route.face, expected: *expected }
}
