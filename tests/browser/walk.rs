//! Every situation, looked at by somebody who sees, somebody who listens, and somebody with a small screen, a large
//! print or another colour: one browser goes through all of them.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::sleep;

use super::deeds::Stage;
use super::situations::{SITUATIONS, Situation, View};
use crate::support::accessibility::Rules;
use crate::support::browser::{Browser, JavaScript};
use crate::support::screen::Look;

#[tokio::test(flavor = "multi_thread")]
async fn every_situation_has_its_names_and_roles_and_breaks_no_rule_of_accessibility() {
    walk(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_situation_has_its_names_and_roles_without_javascript() {
    walk(JavaScript::Off).await;
}

/// How often the tree is read again before what is not in it counts as missing. There may be many such, and all are
/// told.
const PATIENCE: u32 = 30;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures to look at: `tests/run screenshots_of -- --ignored`"]
async fn screenshots_of_every_situation() {
    let mut browser = None;
    for situation in SITUATIONS {
        let stage = Stage::set(situation.comes_about).await;
        let browser = at(&mut browser, &stage, JavaScript::On).await;
        let mut signed_in = None;
        for view in situation.views {
            come(view, &stage, browser, &mut signed_in).await;
            for look in Look::ALL {
                browser.screenshot_as(&name(situation, view), look).await;
            }
            browser.screenshot_printed(&name(situation, view)).await;
            browser.show_as(Look::WIDE_LIGHT).await;
        }
        stage.product.stop().await;
    }
}

async fn walk(javascript: JavaScript) {
    let mut browser = None;
    let mut wrong = Vec::new();
    for situation in SITUATIONS {
        let stage = Stage::set(situation.comes_about).await;
        let browser = at(&mut browser, &stage, javascript).await;
        let mut signed_in = None;
        for view in situation.views {
            let name = name(situation, view);
            // What a test writes is seen only when it fails: where it was then.
            eprintln!("{name}");
            come(view, &stage, browser, &mut signed_in).await;
            wrong.extend(look_at(view, browser).await.iter().map(|what| format!("{name}: {what}")));
        }
        stage.product.stop().await;
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The one browser, on this product.
async fn at<'a>(browser: &'a mut Option<Browser>, stage: &Stage, javascript: JavaScript) -> &'a Browser {
    match browser {
        Some(browser) => browser.move_to(stage.product.origin()).await,
        None => *browser = Some(stage.product.browser(javascript).await),
    }
    let browser = browser.as_ref().unwrap();
    browser.show_as(Look::WIDE_LIGHT).await;
    browser
}

async fn come(view: &View, stage: &Stage, browser: &Browser, signed_in: &mut Option<&'static str>) {
    if view.is_open() {
        browser.sign_out().await;
        *signed_in = None;
    } else if *signed_in != Some(view.seen_by) {
        browser.sign_in_as(view.seen_by).await;
        *signed_in = Some(view.seen_by);
    }
    view.come(stage, browser).await;
}

fn name(situation: &Situation, view: &View) -> String {
    [situation.name, view.name].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-")
}

/// What is wrong with what is shown.
async fn look_at(view: &View, browser: &Browser) -> Vec<String> {
    let mut wrong = what_is_not_shown(view, browser).await;
    wrong.extend(browser.console_errors().await.into_iter().filter(|error| !is_expected(view.status, error)));
    // axe waits in the page, which has no clock without JavaScript.
    if browser.javascript() == JavaScript::On {
        for (look, rules) in [(Look::WIDE_LIGHT, Rules::All), (Look::WIDE_DARK, Rules::OfColours)] {
            browser.show_as(look).await;
            let found = browser.violations(rules).await;
            wrong.extend(found.iter().map(|violation| format!("{look}: {violation}")));
        }
    }
    for look in [Look::ZOOMED, Look::NARROWEST] {
        browser.show_as(look).await;
        let sideways = browser.sideways().await;
        if sideways != 0 {
            wrong.push(format!("{look}: {sideways} pixels stand outside the screen"));
        }
    }
    browser.show_as(Look::WIDE_LIGHT).await;
    // A page that nobody looks at would go on asking, and log what axe tried against its policy.
    browser.leave().await;
    wrong
}

/// The tree follows the page a moment later.
async fn what_is_not_shown(view: &View, browser: &Browser) -> Vec<String> {
    for _ in 0..PATIENCE {
        if view.missing(&browser.accessible().await, browser.javascript()).is_empty() {
            return Vec::new();
        }
        sleep(Duration::from_millis(100)).await;
    }
    let tree = browser.accessible().await;
    let there = tree.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    view.missing(&tree, browser.javascript())
        .iter()
        .map(|what| format!("not so: {what}, but: {there}"))
        .collect()
}

/// A browser counts an answer like 404 among the errors.
fn is_expected(status: Option<u16>, error: impl Display) -> bool {
    status.is_some_and(|status| error.to_string().contains(&format!("status of {status}")))
}
