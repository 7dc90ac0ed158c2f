//! An exposition, read as a monitoring system reads it, and held to the rules of a linter
//! (<https://prometheus.io/docs/practices/naming/>, and those of `promtool check metrics`).

use std::collections::{BTreeMap, BTreeSet};

/// One line that has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A metric with all its series.
#[derive(Clone, Debug, Default)]
pub struct Family {
    pub name: String,
    pub help: String,
    pub kind: String,
    pub unit: Option<String>,
    pub samples: Vec<Sample>,
}

/// Everything that was exposed, in its order.
#[derive(Clone, Debug)]
pub struct Exposed(pub Vec<Family>);

impl Exposed {
    /// Reads either format; what is not of it fails.
    pub fn read(text: &str) -> Exposed {
        let mut families: Vec<Family> = Vec::new();
        assert!(text.ends_with('\n'), "the last line ends");
        for line in text.lines() {
            if line == "# EOF" {
                continue;
            }
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                families.push(Family { name: name.to_owned(), help: help.to_owned(), ..Family::default() });
                continue;
            }
            let family = families.last_mut().unwrap_or_else(|| panic!("before any HELP: {line}"));
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!((name, family.kind.as_str()), (family.name.as_str(), ""), "{line}");
                kind.clone_into(&mut family.kind);
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let (name, unit) = rest.split_once(' ').unwrap();
                assert_eq!(name, family.name, "{line}");
                family.unit = Some(unit.to_owned());
            } else {
                assert!(!line.starts_with('#'), "{line}");
                assert!(!family.kind.is_empty(), "no TYPE before {line}");
                family.samples.push(sample(line));
            }
        }
        Exposed(families)
    }

    /// The value of the series with these labels; 0 where there is none yet.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let samples = self.0.iter().flat_map(|family| &family.samples);
        samples
            .filter(|sample| sample.name == name && sample.labels == labels)
            .map(|sample| sample.value)
            .sum()
    }

    /// For each name that has a value, the labels that it has.
    pub fn labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for sample in self.0.iter().flat_map(|family| &family.samples) {
            labels.entry(&sample.name).or_default().extend(sample.labels.keys().map(String::as_str));
        }
        labels
    }
}

impl Family {
    /// Its labels, but for those of the type.
    pub fn labels(&self) -> BTreeSet<&str> {
        let all = self.samples.iter().flat_map(|sample| sample.labels.keys());
        all.map(String::as_str).filter(|label| *label != "le").collect()
    }
}

/// `name{label="value",…} value`
fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let (value, after) = quoted(after);
            let twice = labels.insert(label.trim_start_matches(',').to_owned(), value);
            assert_eq!(twice, None, "{line}");
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.trim().parse().unwrap_or_else(|_| panic!("no one value: {line}"));
    Sample { name: name.to_owned(), labels, value }
}

/// A value up to its closing quote, with what follows. Line breaks, quotes and backslashes are escaped.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                other => panic!("nothing that is escaped so: {other:?} in {text}"),
            },
            other => value.push(other),
        }
    }
    panic!("a value without an end: {text}")
}

/// What a linter says of an exposition in Prometheus's text format.
pub fn lint(exposed: &Exposed) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for family in &exposed.0 {
        if !seen.insert(&family.name) {
            wrong.push(format!("{} is there twice", family.name));
        }
        wrong.extend(of_the_name(family).into_iter().map(|what| format!("{}: {what}", family.name)));
        wrong.extend(of_the_series(family).into_iter().map(|what| format!("{}: {what}", family.name)));
    }
    wrong
}

fn of_the_name(family: &Family) -> Vec<String> {
    let mut wrong = Vec::new();
    let words: Vec<&str> = family.name.split('_').collect();
    let plain = |word: &&str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if !words.iter().all(plain) {
        wrong.push("is not in snake_case".to_owned());
    }
    if !["trailpost", "process"].contains(&words[0]) {
        wrong.push("has not our prefix".to_owned());
    }
    if family.help.trim().len() < 10 {
        wrong.push("has no help".to_owned());
    }
    let is_total = words.last() == Some(&"total");
    if is_total != (family.kind == "counter") {
        wrong.push(format!("is a {}, and _total is for counters alone", family.kind));
    }
    for word in ["counter", "gauge", "histogram", "summary", "count", "sum", "bucket"] {
        if words.contains(&word) {
            wrong.push(format!("names its type: {word}"));
        }
    }
    let base = words.iter().rev().find(|word| **word != "total").copied().unwrap_or_default();
    let other_units = [
        "ms",
        "milliseconds",
        "microseconds",
        "nanoseconds",
        "minutes",
        "hours",
        "days",
        "kilobytes",
        "megabytes",
        "kib",
        "mib",
        "kb",
        "mb",
        "percent",
        "bits",
    ];
    if let Some(unit) = words.iter().find(|word| other_units.contains(word)) {
        wrong.push(format!("{unit} is not a base unit"));
    }
    if words.iter().any(|word| ["duration", "age", "skew", "time", "timestamp"].contains(word))
        && base != "seconds"
    {
        wrong.push("is a time, and does not end in _seconds".to_owned());
    }
    if family.kind == "histogram" && base != "seconds" {
        wrong.push("has no unit".to_owned());
    }
    wrong
}

fn of_the_series(family: &Family) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let suffixes: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    for sample in &family.samples {
        let suffix = sample.name.strip_prefix(&family.name);
        if !suffix.is_some_and(|suffix| suffixes.contains(&suffix)) {
            wrong.push(format!("{} is not of this metric", sample.name));
        }
        if !seen.insert((&sample.name, &sample.labels)) {
            wrong.push(format!("{sample:?} is there twice"));
        }
        if sample.labels.contains_key("le") != sample.name.ends_with("_bucket")
            || sample.labels.contains_key("quantile")
        {
            wrong.push(format!("{sample:?} has a reserved label"));
        }
        if family.kind == "counter" && (sample.value < 0.0 || sample.value.fract() != 0.0) {
            wrong.push(format!("{sample:?} counts by what is no step"));
        }
    }
    if family.kind == "histogram" {
        wrong.extend(of_the_buckets(family));
    }
    wrong
}

fn of_the_buckets(family: &Family) -> Vec<String> {
    let mut buckets: BTreeMap<BTreeMap<&str, &str>, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for sample in &family.samples {
        let others = sample.labels.iter().filter(|(name, _)| *name != "le");
        let others: BTreeMap<&str, &str> =
            others.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some(bound) = sample.labels.get("le") {
            buckets
                .entry(others)
                .or_default()
                .push((bound.replace("+Inf", "inf").parse().unwrap(), sample.value));
        } else if sample.name.ends_with("_count") {
            counts.insert(others, sample.value);
        }
    }
    let rises =
        |pairs: &[(f64, f64)]| pairs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
    let wrong = buckets.iter().filter(|(labels, pairs)| {
        !rises(pairs) || pairs.last() != counts.get(*labels).map(|count| (f64::INFINITY, *count)).as_ref()
    });
    wrong.map(|(labels, pairs)| format!("buckets of {labels:?} are no buckets: {pairs:?}")).collect()
}

#[test]
fn the_linter_finds_what_it_is_for() {
    let clean =
        "# HELP trailpost_a_total Counts something.\n# TYPE trailpost_a_total counter\ntrailpost_a_total 1\n";
    assert_eq!(lint(&Exposed::read(clean)), [""; 0]);
    for (text, word) in [
        ("# HELP trailpost_a Counts something.\n# TYPE trailpost_a counter\ntrailpost_a 1\n", "_total"),
        (
            "# HELP trailpost_a_total Tells something.\n# TYPE trailpost_a_total gauge\ntrailpost_a_total 1\n",
            "_total",
        ),
        (
            "# HELP trailpost_a_ms Tells something.\n# TYPE trailpost_a_ms gauge\ntrailpost_a_ms 1\n",
            "base unit",
        ),
        ("# HELP trailpost_age Tells something.\n# TYPE trailpost_age gauge\ntrailpost_age 1\n", "_seconds"),
        ("# HELP trailpost_a What.\n# TYPE trailpost_a gauge\ntrailpost_a 1\n", "help"),
        ("# HELP a_b Tells something.\n# TYPE a_b gauge\na_b 1\n", "prefix"),
        (
            "# HELP trailpost_a Tells something.\n# TYPE trailpost_a gauge\ntrailpost_b 1\n",
            "not of this metric",
        ),
        (
            "# HELP trailpost_a Tells something.\n# TYPE trailpost_a gauge\ntrailpost_a{x=\"1\"} 1\ntrailpost_a{x=\"1\"} 2\n",
            "twice",
        ),
        (
            "# HELP trailpost_a_seconds Tells something.\n# TYPE trailpost_a_seconds histogram\n\
             trailpost_a_seconds_bucket{le=\"1.0\"} 2\ntrailpost_a_seconds_bucket{le=\"+Inf\"} 1\n\
             trailpost_a_seconds_count 1\n",
            "no buckets",
        ),
    ] {
        let found = lint(&Exposed::read(text));
        assert!(found.iter().any(|what| what.contains(word)), "{word}: {found:?}");
    }
    let escaped = sample("a{b=\"x\\\"y\\\\z\\n\",c=\"}, d=\"} 2");
    assert_eq!((escaped.labels["b"].as_str(), escaped.labels["c"].as_str()), ("x\"y\\z\n", "}, d="));
}
