//! The product's route table as requests that can be sent.

use http::Method;
use trailpost::web::route::{self, Face};

use super::EXPECTED;
use super::people::Person;

/// An id of nothing.
const NOBODYS: &str = "0199f3c2-0000-7000-8000-000000000000";

/// One request of the walk.
#[derive(Clone)]
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

/// Every route for one person; leaving the organization and signing out come last.
pub fn attempts(person: &Person) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> =
        route::table().into_iter().map(|route| attempt(person, &route)).collect();
    attempts.sort_by_key(|attempt| (attempt.path == "/sign-out", attempt.path.ends_with("/leave")));
    attempts
}

/// Every path with the methods that the table does not have for it: HEAD is GET without a body, the others are refused.
pub fn other_verbs(person: &Person) -> Vec<Attempt> {
    let table = attempts(person);
    let mut paths: Vec<&str> = table.iter().map(|attempt| attempt.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut others = Vec::new();
    for path in paths {
        let known = |method| table.iter().find(|attempt| attempt.path == path && attempt.method == method);
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if known(method.clone()).is_some() {
                continue;
            }
            let read = known(Method::GET).filter(|_| method == Method::HEAD);
            let expected = read.map_or([405; 7], |read| read.expected);
            let any = table.iter().find(|attempt| attempt.path == path);
            others.extend(any.map(|any| Attempt { method, expected, path: path.to_owned(), ..any.clone() }));
        }
    }
    others
}

fn attempt(person: &Person, route: &route::Route) -> Attempt {
    let name = format!("{} {}", route.method, route.path);
    let expected = EXPECTED.iter().find(|(known, _)| *known == name);
    let (_, expected) = expected.unwrap_or_else(|| panic!("{name} is not in this test's table"));
    let path = route
        .path
        .replace("{organization_id}", &person.organization_id)
        .replace("{check_id}", NOBODYS)
        .replace("{project_id}", NOBODYS)
        .replace("{user_id}", NOBODYS)
        .replace("{api_key_id}", NOBODYS)
        .replace("{service_account_id}", NOBODYS)
        .replace("{secret_id}", NOBODYS)
        .replace("{invitation_id}", NOBODYS)
        .replace("{delivery_id}", NOBODYS)
        .replace("{record_id}", NOBODYS)
        .replace("{sequence}", "999999999999")
        .replace("{batch_id}", NOBODYS)
        .replace("{file}", "trust-policy.json")
        .replace("{token}", &"0".repeat(64));
    assert!(!path.contains('{'), "{name} has a parameter that this test does not fill in");
    Attempt { route: name, method: route.method.clone(), path, face: route.face, expected: *expected }
}
