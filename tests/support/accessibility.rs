//! What a page is to those who can't see it: its accessibility tree, which is what screen readers read, and the rules
//! of axe-core.

use std::sync::LazyLock;
use std::{env, fmt, fs};

use serde_json::{Value, json};

use super::browser::Browser;

/// Fetched by `tests/run`.
static AXE: LazyLock<String> = LazyLock::new(|| {
    let file = env::var("TRAILPOST_AXE").expect("TRAILPOST_AXE names axe.min.js; tests/run fetches it");
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}; tests/run fetches it"))
});

const RUN: &str = "
    const done = arguments[1];
    axe.run(document, { resultTypes: ['violations'], ...arguments[0] }).then(
        (found) => done({ violations: found.violations, passes: found.passes.length }),
        (error) => done({ error: String(error) }),
    );";

/// What axe looks for.
#[derive(Clone, Copy, Debug)]
pub enum Rules {
    /// All that it knows: WCAG's rules and its own advice.
    All,
    /// Those that hold or don't with the colours.
    OfColours,
}

impl Rules {
    fn options(self) -> Value {
        match self {
            Rules::All => json!({}),
            Rules::OfColours => json!({ "runOnly": ["color-contrast", "link-in-text-block"] }),
        }
    }
}

/// One thing in the accessibility tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessible {
    /// `button`, `link`, `heading`, `textbox`, …
    pub role: String,
    /// What it is called.
    pub name: String,
    /// What a screen reader says about it beside its name.
    pub state: State,
}

/// Whether a switch is on or a disclosure is open, where it has such a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub checked: Option<bool>,
    pub expanded: Option<bool>,
    pub invalid: bool,
}

impl fmt::Display for Accessible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} “{}”", self.role, self.name)
    }
}

impl Browser {
    /// What there is for a screen reader now, in the page's order. What lies behind an open dialog is not there.
    pub async fn accessible(&self) -> Vec<Accessible> {
        let tools = self.session.cdp();
        let tree = tools.send_raw("Accessibility.getFullAXTree", json!({})).await.unwrap();
        let nodes = tree["nodes"].as_array().unwrap();
        nodes.iter().filter(|node| node["ignored"] == false).map(accessible).collect()
    }

    /// What axe-core finds wrong with the page as it is shown: one line for each element.
    pub async fn violations(&self, rules: Rules) -> Vec<String> {
        if self.ask("typeof window.axe").await == "undefined" {
            self.session.execute(AXE.as_str(), Vec::new()).await.unwrap();
        }
        let answer = self.session.execute_async(RUN, vec![rules.options()]).await.unwrap();
        let found = answer.json();
        assert!(found["passes"].as_u64().is_some_and(|passes| passes > 0), "axe looked at the page: {found}");
        let violations = found["violations"].as_array().unwrap();
        violations
            .iter()
            .flat_map(|rule| rule["nodes"].as_array().unwrap().iter().map(|node| line(rule, node)))
            .collect()
    }
}

fn line(rule: &Value, node: &Value) -> String {
    let text =
        |value: &Value| value.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "{}: {} {} {}",
        text(&rule["id"]),
        node["target"],
        text(&node["html"]),
        text(&node["failureSummary"])
    )
}

fn accessible(node: &Value) -> Accessible {
    let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    let property = |name: &str| {
        let properties = node["properties"].as_array()?;
        let found = properties.iter().find(|property| property["name"] == name)?;
        Some(found["value"]["value"].clone())
    };
    let truth = |name: &str| property(name).map(|value| value == true || value == "true");
    Accessible {
        role: text(&node["role"]),
        name: text(&node["name"]).split_whitespace().collect::<Vec<_>>().join(" "),
        state: State {
            checked: truth("checked"),
            expanded: truth("expanded"),
            invalid: truth("invalid").unwrap_or_default(),
        },
    }
}
