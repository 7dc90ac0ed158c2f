//! A real browser, used as people use it: by the names that they see and that screen readers say. A name that does
//! not become visible within the deadline fails the test, with a screenshot in `target/screenshots`.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, thread};

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chrome::ChromeCapabilities;
use thirtyfour::common::command::{Command, ExtensionCommand};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use super::chromedriver::ChromeDriver;
use super::poll;

const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// Below the profile.
const DOWNLOADS: &str = "downloads";

/// Whether pages may run their scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaScript {
    On,
    Off,
}

/// A browser with a fresh profile, on one site. Dropping it closes it.
pub struct Browser {
    // Dropped in this order: the session closes the browser, the driver ends, the profile goes.
    pub(super) session: WebDriver,
    _driver: ChromeDriver,
    profile: TempDir,
    origin: String,
    javascript: JavaScript,
}

impl Browser {
    /// Opens a browser for the site with this origin; it shows nothing yet.
    pub async fn open(origin: &str, javascript: JavaScript) -> Browser {
        let driver = ChromeDriver::start();
        let profile = tempfile::tempdir().unwrap();
        let session = WebDriver::new(driver.url(), capabilities(&profile, javascript)).await.unwrap();
        Browser { session, _driver: driver, profile, origin: origin.to_owned(), javascript }
    }

    /// Leaves for the site with this origin.
    pub async fn move_to(&mut self, origin: &str) {
        origin.clone_into(&mut self.origin);
    }

    /// Shows nothing, as at first.
    pub async fn leave(&self) {
        self.session.goto("about:blank").await.unwrap();
        self.console_errors().await;
    }

    /// Nobody is signed in any more.
    pub async fn sign_out(&self) {
        // Cookies are removed of the site that is shown.
        self.go("/sign-in").await;
        self.session.delete_all_cookies().await.unwrap();
    }

    /// Signs in as one of the accounts that the demo offers.
    pub async fn sign_in_as(&self, email: &str) {
        self.sign_out().await;
        self.go("/sign-in").await;
        self.click_button_about(email).await;
        self.see_button("Sign out").await;
    }

    /// Goes to a page of the site.
    pub async fn go(&self, path: &str) {
        self.session.goto(format!("{}{path}", self.origin)).await.unwrap();
    }

    /// Where the browser is on the site.
    pub async fn path(&self) -> String {
        let url = self.session.current_url().await.unwrap();
        url.as_str().trim_start_matches(&self.origin).to_owned()
    }

    /// Waits until the browser is at this path, whatever follows in a query or fragment.
    pub async fn be_at(&self, path: &str) {
        let here = async || (self.path().await.split(['?', '#']).next() == Some(path)).then_some(());
        self.wait_for(&format!("the browser is at {path}"), here).await;
    }

    /// Presses the button with this name.
    pub async fn click_button(&self, name: &str) {
        self.click(Kind::Button, name).await;
    }

    /// Follows the link with this name.
    pub async fn click_link(&self, name: &str) {
        self.click(Kind::Link, name).await;
    }

    /// Presses the one button whose name contains this.
    pub async fn click_button_about(&self, part: &str) {
        let pressed = async || {
            let button = self.only(Kind::Button, |name| name.contains(part)).await.ok()??;
            button.click().await.ok()
        };
        self.wait_for(&format!("one button about “{part}” can be pressed"), pressed).await;
    }

    /// Follows the one link whose name contains this.
    pub async fn click_link_about(&self, part: &str) {
        let followed = async || {
            let link = self.only(Kind::Link, |name| name.contains(part)).await.ok()??;
            link.click().await.ok()
        };
        self.wait_for(&format!("one link about “{part}” can be followed"), followed).await;
    }

    async fn click(&self, kind: Kind, name: &str) {
        // A part that updates itself may replace the element between finding and clicking: both are tried again.
        let clicked = async || self.only(kind, |found| found == name).await.ok()??.click().await.ok();
        self.wait_for(&format!("one {kind:?} named “{name}” can be clicked"), clicked).await;
    }

    /// Waits until a button with this name is there.
    pub async fn see_button(&self, name: &str) {
        self.element(Kind::Button, name).await;
    }

    /// Waits until a file that ends like this was downloaded whole; gives what is in it.
    pub async fn see_download(&self, ending: &str) -> String {
        let folder = self.profile.path().join(DOWNLOADS);
        let whole = async || {
            let mut files = fs::read_dir(&folder).ok()?.map(|file| file.unwrap().path());
            let named = files.find(|file| file.to_string_lossy().ends_with(ending))?;
            fs::read_to_string(named).ok().filter(|content| !content.is_empty())
        };
        self.wait_for(&format!("a file …{ending} is downloaded"), whole).await
    }

    /// Whether a link with this name is there now.
    pub async fn has_link(&self, name: &str) -> bool {
        !self.named(Kind::Link, |found| found == name).await.unwrap_or_default().is_empty()
    }

    /// Waits until the switch with this name is on or off.
    pub async fn see_switch(&self, name: &str, on: bool) {
        let as_expected = async || {
            let switch = self.only(Kind::Switch, |found| found == name).await.ok()??;
            (switch.attr("aria-checked").await.ok()?? == on.to_string()).then_some(())
        };
        self.wait_for(&format!("the switch “{name}” is there with aria-checked={on}"), as_expected).await;
    }

    /// Whether pages may run their scripts, wherever the browser is just now.
    pub fn javascript(&self) -> JavaScript {
        self.javascript
    }

    /// Whether the page's own scripts have run; they mark the page when they do.
    pub async fn has_scripts_running(&self) -> bool {
        !self.session.find_all(By::Css("html[data-script]")).await.unwrap().is_empty()
    }

    /// Types into the field with this label, in place of what it holds.
    pub async fn fill(&self, label: &str, value: &str) {
        let filled = async || {
            let field = self.field(label).await.ok()??;
            field.clear().await.ok()?;
            field.send_keys(value).await.ok()?;
            (field.value().await.ok()?.as_deref() == Some(value)).then_some(())
        };
        self.wait_for(&format!("the field “{label}” takes “{value}”"), filled).await;
    }

    /// Chooses from the select with this label.
    pub async fn choose(&self, label: &str, option: &str) {
        let chosen = async || {
            for candidate in self.field(label).await.ok()??.find_all(By::Tag("option")).await.ok()? {
                if candidate.text().await.ok()?.trim() == option {
                    return candidate.click().await.ok();
                }
            }
            None
        };
        self.wait_for(&format!("“{option}” can be chosen as “{label}”"), chosen).await;
    }

    /// Chooses the radio button whose label, next to it, is this.
    pub async fn choose_radio(&self, name: &str) {
        let chosen = async || {
            for label in self.session.find_all(By::Css("input[type=radio] + label")).await.ok()? {
                if label.text().await.ok()?.trim() == name {
                    return label.click().await.ok();
                }
            }
            None
        };
        self.wait_for(&format!("“{name}” can be chosen"), chosen).await;
    }

    /// What the field with this label holds.
    pub async fn value_of(&self, label: &str) -> String {
        let value = async || self.field(label).await.ok()??.value().await.ok()?;
        self.wait_for(&format!("there is a field “{label}”"), value).await
    }

    /// Waits until the text can be seen.
    pub async fn see_text(&self, text: &str) {
        let seen = async || self.text().await.contains(text).then_some(());
        self.wait_for(&format!("the page shows “{text}”"), seen).await;
    }

    /// Waits until the text can't be seen any more.
    pub async fn see_no(&self, text: &str) {
        let gone = async || (!self.text().await.contains(text)).then_some(());
        self.wait_for(&format!("the page no longer shows “{text}”"), gone).await;
    }

    /// All that can be seen now, each run of blanks as one. Nothing while a page loads.
    pub async fn text(&self) -> String {
        let shown = async || self.session.find(By::Tag("body")).await?.text().await;
        let text = shown().await.unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until what has the focus is called this.
    pub async fn see_focus_on(&self, name: &str) {
        let focused = async || {
            let element = self.session.active_element().await.ok()?;
            (self.accessible_name(&element).await.ok()? == name).then_some(())
        };
        self.wait_for(&format!("“{name}” has the focus"), focused).await;
    }

    /// Waits until the page's live region has told screen readers this.
    pub async fn see_announced(&self, text: &str) {
        let said = async || {
            let said = self.ask("document.getElementById('announcer').textContent").await;
            (said == text).then_some(())
        };
        self.wait_for(&format!("“{text}” is announced"), said).await;
    }

    /// Opens another tab and shows it. Gives the one that was shown.
    pub async fn open_tab(&self) -> WindowHandle {
        let shown = self.session.window().await.unwrap();
        let opened = self.session.new_tab().await.unwrap();
        self.session.switch_to_window(opened).await.unwrap();
        shown
    }

    /// Shows a tab.
    pub async fn show_tab(&self, tab: WindowHandle) {
        self.session.switch_to_window(tab).await.unwrap();
    }

    /// Presses Tab until what is called this has the focus.
    pub async fn tab_to(&self, name: &str) {
        let reached = async || {
            let focused = self.session.active_element().await.ok()?;
            if self.accessible_name(&focused).await.ok()? == name {
                return Some(());
            }
            focused.send_keys(Key::Tab + "").await.ok()?;
            None
        };
        self.wait_for(&format!("Tab reaches “{name}”"), reached).await;
    }

    /// Types at whatever has the focus.
    pub async fn press(&self, keys: impl Into<TypingData>) {
        self.session.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// The page's errors since the last call: uncaught exceptions, refused resources, failed requests.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self.session.browser_log().await.unwrap();
        log.into_iter().filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect()
    }

    /// Makes the window as large as this.
    pub async fn resize(&self, width: u32, height: u32) {
        self.session.set_window_rect(0, 0, width, height).await.unwrap();
    }

    /// Keeps what can be seen as `target/screenshots/{name}.png`.
    pub async fn screenshot(&self, name: &str) {
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
        fs::create_dir_all(&target).unwrap();
        self.session.screenshot(&target.join(format!("{name}.png"))).await.unwrap();
    }

    async fn element(&self, kind: Kind, name: &str) -> WebElement {
        let found = async || self.only(kind, |found| found == name).await.ok()?;
        self.wait_for(&format!("there is one {kind:?} named “{name}”"), found).await
    }

    async fn wait_for<T>(&self, what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
        match poll(probe).await {
            Some(found) => found,
            None => {
                self.screenshot(&failure_name()).await;
                let (path, text, errors) =
                    (self.path().await, self.text().await, self.console_errors().await);
                panic!("this did not happen: {what}\nat {path}\nwith\n{text}\n{}", errors.join("\n"))
            }
        }
    }

    async fn only(&self, kind: Kind, wanted: impl Fn(&str) -> bool) -> WebDriverResult<Option<WebElement>> {
        let found = self.named(kind, wanted).await?;
        let [_] = found.as_slice() else { return Ok(None) };
        Ok(found.into_iter().next())
    }

    async fn named(&self, kind: Kind, wanted: impl Fn(&str) -> bool) -> WebDriverResult<Vec<WebElement>> {
        // Behind an open dialog nothing can be used.
        let dialog = self.session.find_all(By::Css("dialog[open]")).await?.pop();
        let candidates = match dialog {
            Some(dialog) => dialog.find_all(By::Css(kind.selector())).await?,
            None => self.session.find_all(By::Css(kind.selector())).await?,
        };
        let mut found = Vec::new();
        for candidate in candidates {
            if wanted(&self.accessible_name(&candidate).await?) && candidate.is_displayed().await? {
                found.push(candidate);
            }
        }
        Ok(found)
    }

    async fn field(&self, label: &str) -> WebDriverResult<Option<WebElement>> {
        for candidate in self.session.find_all(By::Tag("label")).await? {
            if candidate.text().await?.trim() == label
                && let Some(id) = candidate.attr("for").await?
            {
                return self.session.find(By::Id(id)).await.map(Some);
            }
        }
        Ok(None)
    }

    /// What a screen reader calls the element.
    async fn accessible_name(&self, element: &WebElement) -> WebDriverResult<String> {
        let command = Command::ExtensionCommand(Box::new(ComputedLabel(element.element_id().to_string())));
        self.session.cmd(command).await?.value()
    }
}

/// The test runs in a thread of its name.
fn failure_name() -> String {
    let test = thread::current().name().unwrap_or("test").replace("::", "-");
    format!("failed-{test}")
}

/// What can be used on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Button,
    Link,
    Switch,
}

impl Kind {
    fn selector(self) -> &'static str {
        match self {
            Kind::Button => "button, summary",
            Kind::Link => "a[href]",
            Kind::Switch => "[role=switch]",
        }
    }
}

/// WebDriver's "Get Computed Label", which the client crate does not have.
#[derive(Debug)]
struct ComputedLabel(String);

impl ExtensionCommand for ComputedLabel {
    fn parameters_json(&self) -> Option<Value> {
        None
    }

    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Arc<str> {
        format!("/element/{}/computedlabel", self.0).into()
    }
}

fn capabilities(profile: &TempDir, javascript: JavaScript) -> ChromeCapabilities {
    let mut wanted = DesiredCapabilities::chrome();
    for flag in FLAGS {
        wanted.add_arg(flag).unwrap();
    }
    wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
    if let Ok(program) = env::var("TRAILPOST_CHROMIUM") {
        wanted.set_binary(&program).unwrap();
    }
    let mut preferences = json!({ "download.default_directory": profile.path().join(DOWNLOADS) });
    if javascript == JavaScript::Off {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    wanted.add_experimental_option("prefs", preferences).unwrap();
    wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
    wanted
}
