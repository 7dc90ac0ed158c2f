//! The judge of a bucket. It knows what README and PRODUCT say of file names and contents, and shares no code with what
//! writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::producers::Sent;

/// Problems beyond these say nothing new.
const MOST_PROBLEMS: usize = 20;

/// What a bucket holds.
#[derive(Default)]
pub struct Verdict {
    pub files: usize,
    pub records: usize,
    pub problems: Vec<String>,
}

/// A file's name: `{organization}/YYYY/MM/DD/YYYYMMDDTHHMMSSZ_{first}-{last}_{batch}.{extension}`.
struct Name<'a> {
    organization_id: &'a str,
    first: u64,
    last: u64,
    extension: &'a str,
}

/// A file's name with the records inside.
struct File<'a> {
    key: &'a str,
    name: Name<'a>,
    records: Vec<Value>,
}

/// Judges the objects of a bucket: every file says what it holds; of each organization the files follow on each other
/// from the record of its enabling on; what was acknowledged is there, and nothing twice.
pub fn judge(objects: &[(String, Vec<u8>)], acknowledged: &[Sent]) -> Verdict {
    let mut verdict = Verdict { files: objects.len(), ..Verdict::default() };
    let mut files = BTreeMap::<&str, Vec<File<'_>>>::new();
    for (key, content) in objects {
        match read(key, content) {
            Ok(file) => files.entry(file.name.organization_id).or_default().push(file),
            Err(problem) => verdict.problems.push(format!("{key}: {problem}")),
        }
    }
    for (organization_id, mut files) in files {
        files.sort_by_key(|file| file.name.first);
        verdict.records += files.iter().map(|file| file.records.len()).sum::<usize>();
        verdict.problems.extend(order(&files));
        let of_it = acknowledged.iter().filter(|sent| sent.organization_id == organization_id);
        verdict.problems.extend(count(&files, of_it.map(|sent| sent.id.as_str()).collect()));
    }
    let known: BTreeSet<_> = objects.iter().filter_map(|(key, _)| key.split('/').next()).collect();
    let unknown = acknowledged.iter().filter(|sent| !known.contains(sent.organization_id.as_str()));
    verdict.problems.extend(unknown.map(|sent| format!("{}: no file at all", sent.organization_id)));
    verdict.problems.truncate(MOST_PROBLEMS);
    verdict
}

fn read<'a>(key: &'a str, content: &[u8]) -> Result<File<'a>, String> {
    let name = Name::read(key).ok_or("this is no file's name")?;
    let records = records(name.extension, content)?;
    if records.len() as u64 != name.last + 1 - name.first {
        return Err(format!("{} records are inside", records.len()));
    }
    if let Some(strange) = records.iter().find(|record| record["organization_id"] != name.organization_id) {
        return Err(format!("the record of another is inside: {strange}"));
    }
    Ok(File { key, name, records })
}

impl<'a> Name<'a> {
    fn read(key: &'a str) -> Option<Name<'a>> {
        let [organization_id, year, month, day, file] = key.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (stem, extension) = file.split_once('.')?;
        let [window, sequences, batch] = stem.split('_').collect::<Vec<_>>()[..] else { return None };
        let (first, last) = sequences.split_once('-')?;
        let date = format!("{year}{month}{day}");
        let well_formed = is_digits(&date, 8)
            && window
                .strip_prefix(&date)?
                .strip_prefix('T')?
                .strip_suffix('Z')
                .is_some_and(|t| is_digits(t, 6))
            && is_digits(first, 12)
            && is_digits(last, 12)
            && batch.len() == 8
            && batch.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (well_formed && first <= last).then_some(Name { organization_id, first, last, extension })
    }
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn records(extension: &str, content: &[u8]) -> Result<Vec<Value>, String> {
    let (format, plain) = match extension.strip_suffix(".gz") {
        Some(format) => {
            let mut plain = Vec::new();
            GzDecoder::new(content).read_to_end(&mut plain).map_err(|error| error.to_string())?;
            (format, plain)
        }
        None => (extension, content.to_vec()),
    };
    match format {
        "json" => serde_json::from_slice(&plain).map_err(|error| error.to_string()),
        "ndjson" => {
            let lines = plain.split_inclusive(|byte| *byte == b'\n');
            lines.map(|line| serde_json::from_slice(line).map_err(|error| error.to_string())).collect()
        }
        other => Err(format!("nobody knows .{other}")),
    }
}

/// Files of one organization, by their first sequences.
fn order(files: &[File<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    let first = &files[0].records[0];
    if first["event"]["resource_type"] != "audit-log-integration" {
        problems
            .push(format!("{}: it begins with {first} and not with the record of enabling", files[0].key));
    }
    for pair in files.windows(2) {
        if pair[1].name.first != pair[0].name.last + 1 {
            problems.push(format!("{} does not follow on {}", pair[1].key, pair[0].key));
        }
    }
    problems
}

/// Records of one organization: each once, and all that were acknowledged.
fn count(files: &[File<'_>], acknowledged: BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeMap::<&str, &str>::new();
    for file in files {
        for record in &file.records {
            let id = record["id"].as_str().unwrap_or_default();
            if let Some(earlier) = seen.insert(id, file.key) {
                problems.push(format!("record {id} is in {earlier} and in {}", file.key));
            }
        }
    }
    let lost = acknowledged.into_iter().filter(|id| !seen.contains_key(id));
    problems.extend(lost.map(|id| format!("record {id} was acknowledged and is not there")));
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Objects of one organization, with a record for each of the ids.
    fn object(sequences: &str, ids: &[&str]) -> (String, Vec<u8>) {
        let records = ids.iter().map(|id| {
            let about = if *id == "0" { "audit-log-integration" } else { "index" };
            json!({ "id": id, "organization_id": "o", "event": { "resource_type": about } })
        });
        let content = Value::from_iter(records).to_string();
        (format!("o/2026/11/23/20261123T093100Z_{sequences}_0123abcd.json"), content.into_bytes())
    }

    fn problems(objects: &[(String, Vec<u8>)], acknowledged: &[&str]) -> String {
        let sent = acknowledged.iter().map(|id| Sent { organization_id: "o".into(), id: (*id).into() });
        judge(objects, &sent.collect::<Vec<_>>()).problems.join("; ")
    }

    #[test]
    fn what_is_right_is_found_right() {
        let two =
            [object("000000000004-000000000005", &["0", "1"]), object("000000000006-000000000006", &["2"])];
        assert_eq!(problems(&two, &["1", "2"]), "");
        assert_eq!(judge(&two, &[]).records, 3);
    }

    #[test]
    fn everything_that_can_be_wrong_is_found() {
        let first = || object("000000000004-000000000005", &["0", "1"]);
        let with = |other| [first(), other];
        for (objects, acknowledged, said) in [
            (with(object("000000000006-000000000006", &["1"])), "1", "record 1 is in"),
            (
                with(object("000000000006-000000000006", &["2"])),
                "3",
                "record 3 was acknowledged and is not there",
            ),
            (with(object("000000000007-000000000007", &["2"])), "1", "does not follow on"),
            (with(object("000000000005-000000000005", &["2"])), "1", "does not follow on"),
            (with(object("000000000006-000000000007", &["2"])), "1", "1 records are inside"),
            (with(object("6-6", &["2"])), "1", "this is no file's name"),
            (with((object("000000000006-000000000006", &[]).0, b"[{".to_vec())), "1", "EOF"),
            (with(object("000000000002-000000000003", &["2", "3"])), "1", "not with the record of enabling"),
        ] {
            let found = problems(&objects, &[acknowledged]);
            assert!(found.contains(said), "{said} is in: {found}");
        }
        assert!(problems(&[], &["1"]).contains("o: no file at all"));
    }
}
