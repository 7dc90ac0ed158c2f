//! What a page is shown on: how wide a screen, which colours and how much motion its reader prefers, or paper.

use std::fmt;

use serde_json::{Value, json};

use super::browser::Browser;

/// A screen.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    name: &'static str,
    pub width: u32,
    pub dark: bool,
}

impl Look {
    pub const WIDE_LIGHT: Look = Look { name: "wide-light", width: 1280, dark: false };
    pub const WIDE_DARK: Look = Look { name: "wide-dark", width: 1280, dark: true };
    pub const NARROW_LIGHT: Look = Look { name: "narrow-light", width: 360, dark: false };
    pub const NARROW_DARK: Look = Look { name: "narrow-dark", width: 360, dark: true };
    pub const ALL: [Look; 4] = [Look::WIDE_LIGHT, Look::WIDE_DARK, Look::NARROW_LIGHT, Look::NARROW_DARK];
    /// All of a page at once: whatever moves is seen to.
    pub const TALL: Look = Look { name: "tall", width: 1281, dark: false };
    /// The wide screen at 200 %.
    pub const ZOOMED: Look = Look { name: "zoomed", width: 640, dark: false };
    /// The narrowest that a page has to fit on (WCAG 2.2, 1.4.10).
    pub const NARROWEST: Look = Look { name: "narrowest", width: 320, dark: false };
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const HEIGHT: i64 = 900;
const TALL: i64 = 2400;
/// An A4 page without its margins, at 96 dots an inch.
const PAPER_WIDTH: u32 = 673;

impl Browser {
    /// Shows the page on such a screen, without motion: nothing is caught halfway between two colours.
    pub async fn show_as(&self, look: Look) {
        let height = if look.width == Look::TALL.width { TALL } else { HEIGHT };
        self.show(look, height, "").await;
    }

    /// Shows the page as it is printed.
    pub async fn show_as_printed(&self) {
        let paper = Look { name: "paper", width: PAPER_WIDTH, dark: false };
        self.show(paper, HEIGHT, "print").await;
    }

    /// Keeps the whole page as such a screen shows it, as `target/screenshots/{name}-{look}.png`.
    pub async fn screenshot_as(&self, name: &str, look: Look) {
        self.show_as(look).await;
        self.show(look, self.height().await, "").await;
        self.screenshot(&format!("{name}-{look}")).await;
        self.show_as(look).await;
    }

    /// Keeps the whole page as it is printed.
    pub async fn screenshot_printed(&self, name: &str) {
        self.show_as_printed().await;
        let paper = Look { name: "paper", width: PAPER_WIDTH, dark: false };
        self.show(paper, self.height().await, "print").await;
        self.screenshot(&format!("{name}-printed")).await;
    }

    /// How many pixels of the page stand outside the screen's sides. A scrollbar's gutter is not of the page.
    pub async fn sideways(&self) -> i64 {
        self.ask("document.documentElement.scrollWidth - Math.round(document.documentElement.getBoundingClientRect().width)")
            .await
            .as_i64()
            .unwrap()
    }

    /// How high the whole page is. An open dialog lies over the page: there only the screen counts.
    async fn height(&self) -> i64 {
        let whole = "document.querySelector('dialog[open]') ? 0 : document.documentElement.scrollHeight";
        self.ask(whole).await.as_i64().unwrap().max(HEIGHT)
    }

    /// What an expression of JavaScript gives. Neither the page's policy nor its reader's choice to run no scripts
    /// binds WebDriver.
    pub async fn ask(&self, expression: &str) -> Value {
        let answer = self.session.execute(format!("return {expression}"), Vec::new()).await.unwrap();
        answer.json().clone()
    }

    /// An empty medium is the screen.
    async fn show(&self, look: Look, height: i64, medium: &str) {
        let screen =
            json!({ "width": look.width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({ "media": medium, "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        let tools = self.session.cdp();
        tools.send_raw("Emulation.setDeviceMetricsOverride", screen).await.unwrap();
        tools.send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }
}
