//! The files that are built on the names of the metrics: the README's table, the alert rules, the dashboard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trailpost::metrics::{ALERT_RULES, DASHBOARD};
use yaml_rust2::{Yaml, YamlLoader};

use super::exposition::Exposed;
use crate::cli::command::run;

const README: &str = include_str!("../../README.md");
/// What Prometheus adds to what it scrapes.
const OF_THE_SCRAPE: [&str; 2] = ["instance", "job"];
const FUNCTIONS: [&str; 17] = [
    "sum",
    "max",
    "min",
    "count",
    "by",
    "rate",
    "increase",
    "histogram_quantile",
    "abs",
    "time",
    "absent",
    "scalar",
    "unless",
    "and",
    "on",
    "or",
    "label_replace",
];

/// Fails unless README, rules and dashboard name what is exposed.
pub fn are_of_what_is_exposed(exposed: &Exposed) {
    the_readme_lists(exposed);
    let labels = exposed.labels();
    let mut used = BTreeSet::new();
    for (place, expression) in rules().into_iter().chain(panels()) {
        let found = wrong_names(&expression, &labels, &mut used);
        assert!(found.is_empty(), "{place}: {found:?} in {expression}");
    }
    assert!(used.len() > 20, "{used:?}");
}

/// Every metric with its type and labels, and no other.
fn the_readme_lists(exposed: &Exposed) {
    let listed: Vec<(String, String, BTreeSet<String>)> = README
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, name, kind, labels, meaning, _] = cells[..] else { return None };
            let name = name.strip_prefix('`')?.strip_suffix('`')?;
            if !name.starts_with("trailpost_") && !name.starts_with("process_") {
                return None;
            }
            assert!(!meaning.is_empty(), "{name} is not explained");
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
            Some((name.to_owned(), kind.to_owned(), labels.filter(|label| !label.is_empty()).collect()))
        })
        .collect();
    let exposed: Vec<_> = exposed
        .0
        .iter()
        .map(|family| {
            let labels = family.labels().into_iter().map(str::to_owned).collect();
            (family.name.clone(), family.kind.clone(), labels)
        })
        .collect();
    for one in &exposed {
        assert!(listed.contains(one), "not in the README, or not so: {one:?}");
    }
    for one in &listed {
        assert!(exposed.contains(one), "in the README, and not exposed so: {one:?}");
    }
}

fn rules() -> Vec<(String, String)> {
    let documents = YamlLoader::load_from_str(ALERT_RULES).unwrap();
    let mut found = Vec::new();
    for group in documents[0]["groups"].as_vec().unwrap() {
        for rule in group["rules"].as_vec().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            let text = |yaml: &Yaml| yaml.as_str().unwrap_or_default().to_owned();
            for part in ["summary", "description", "action"] {
                assert!(text(&rule["annotations"][part]).len() > 20, "{name} has no {part}");
            }
            assert!(["page", "ticket"].contains(&text(&rule["labels"]["severity"]).as_str()), "{name}");
            found.push((name.to_owned(), text(&rule["expr"])));
        }
    }
    let names: BTreeSet<_> = found.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), found.len(), "each has a name of its own");
    // The README's five, and whatever it names besides.
    let named = README
        .split('`')
        .filter(|word| word.starts_with("Trailpost") && word.bytes().all(|byte| byte.is_ascii_alphabetic()));
    for word in named {
        assert!(names.contains(word), "the README names an alert that is not there: {word}");
    }
    found
}

fn panels() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|one| one["type"] == "datasource" && one["name"] == "datasource"));
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{title} has the id of another");
        if panel["type"] == "row" {
            continue;
        }
        assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            found.push((title.to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

/// The names in an expression that are neither metrics, their labels nor words of PromQL. Every label in it has to be
/// one of a metric in it.
fn wrong_names(
    expression: &str,
    labels: &BTreeMap<&str, BTreeSet<&str>>,
    used: &mut BTreeSet<String>,
) -> Vec<String> {
    // What is quoted names nothing, nor do spans such as [5m] and [$__rate_interval].
    let unquoted: String = expression.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let without_spans: String =
        unquoted.split('[').map(|part| part.split_once(']').map_or(part, |(_, after)| after)).collect();
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let words: BTreeSet<&str> = without_spans
        .split(|character| !is_part(character))
        .filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()))
        .collect();
    let metrics: Vec<&str> = words.iter().copied().filter(|word| labels.contains_key(word)).collect();
    used.extend(metrics.iter().map(|name| (*name).to_owned()));
    let theirs: BTreeSet<&str> = metrics.iter().flat_map(|metric| &labels[metric]).copied().collect();
    let known = |word: &&str| {
        labels.contains_key(word)
            || theirs.contains(word)
            || FUNCTIONS.contains(word)
            || OF_THE_SCRAPE.contains(word)
    };
    let mut wrong: Vec<String> =
        words.iter().filter(|word| !known(word)).map(|word| (*word).to_owned()).collect();
    if metrics.is_empty() {
        wrong.push("no metric".to_owned());
    }
    wrong
}

#[test]
fn a_name_that_is_not_exposed_is_found() {
    let labels = BTreeMap::from([("trailpost_a_total", BTreeSet::from(["outcome"]))]);
    let check = |expression: &str| wrong_names(expression, &labels, &mut BTreeSet::new());
    assert_eq!(check("sum by (outcome) (rate(trailpost_a_total{outcome=\"no matter\"}[5m])) > 1"), [""; 0]);
    assert_eq!(check("sum by (cause) (rate(trailpost_a_total[$__rate_interval]))"), ["cause"]);
    assert_eq!(check("max(trailpost_b)"), ["trailpost_b", "no metric"]);
}

#[test]
fn the_command_prints_them() {
    for (file, text) in [("rules", ALERT_RULES), ("dashboard", DASHBOARD)] {
        let ended = run(&["metrics", file]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        // Lines are read one by one there.
        assert_eq!(ended.stdout.replace('\n', ""), text.replace('\n', ""));
        let ended = run(&["metrics", file, "--json"]);
        let json: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(json[file], text);
    }
}
