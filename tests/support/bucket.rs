//! What an organization has been delivered, as its customer finds it: names that say what is inside, and records
//! that keep the published schema.

use serde_json::Value;

use super::customer::Customer;
use super::{BUCKET, poll};

/// The delivered files of an organization, in the order of their names.
pub async fn delivered_keys(customer: &Customer, organization_id: &str) -> Vec<String> {
    let keys = customer.list(BUCKET).await;
    keys.into_iter().filter(|key| key.starts_with(&format!("{organization_id}/"))).collect()
}

/// The delivered records of an organization in the order of their sequences, once there are that many.
pub async fn delivered_records(customer: &Customer, organization_id: &str, wanted: usize) -> Vec<Value> {
    let enough = async || {
        let records = read_all(customer, organization_id).await;
        (records.len() >= wanted).then_some(records)
    };
    match poll(enough).await {
        Some(records) => records,
        None => {
            panic!("fewer than {wanted} records arrived: {:?}", read_all(customer, organization_id).await)
        }
    }
}

async fn read_all(customer: &Customer, organization_id: &str) -> Vec<Value> {
    let mut records = Vec::new();
    let mut next_sequence = None;
    for key in delivered_keys(customer, organization_id).await {
        let name = Name::read(&key, organization_id);
        let content = String::from_utf8(customer.read(BUCKET, &key).await).unwrap();
        let found: Vec<Value> = serde_json::from_str(&content).unwrap();
        assert_eq!(found.len() as u64, name.last - name.first + 1, "{key} holds what its name says");
        assert_eq!(content.lines().filter(|line| line.starts_with('{')).count(), found.len(), "one a line");
        assert_eq!(next_sequence.unwrap_or(name.first), name.first, "{key} follows the file before it");
        next_sequence = Some(name.last + 1);
        records.extend(found);
    }
    records
}

/// What a file's name says.
struct Name {
    first: u64,
    last: u64,
}

impl Name {
    /// Reads `{organization}/YYYY/MM/DD/YYYYMMDDTHHMMSSZ_{first}-{last}_{batch}.json`.
    fn read(key: &str, organization_id: &str) -> Name {
        let shape = "0000/00/00/00000000T000000Z_000000000000-000000000000_xxxxxxxx.json";
        let rest = key.strip_prefix(&format!("{organization_id}/")).unwrap();
        assert!(rest.len() == shape.len() && rest.chars().zip(shape.chars()).all(fits), "{key}");
        let (date, file) = rest.rsplit_once('/').unwrap();
        assert!(file.starts_with(&date.replace('/', "")), "{key} lies under its date");
        let sequences = file.split('_').nth(1).unwrap();
        let (first, last) = sequences.split_once('-').unwrap();
        Name { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }
}

fn fits((actual, shape): (char, char)) -> bool {
    match shape {
        '0' => actual.is_ascii_digit(),
        'x' => actual.is_ascii_hexdigit() && !actual.is_ascii_uppercase(),
        _ => actual == shape,
    }
}
