//! How a browser is called to its owner. What it sends may be anything: only words of ours come out, and from a program
//! its own name in plain letters.

/// In this order: each of them also says what stands below it.
const BROWSERS: [(&str, &str); 6] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// In this order, for the same reason.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

const LONGEST_PRODUCT: usize = 30;

/// `Firefox on macOS`, for what a browser calls itself.
pub(super) fn browser_label(user_agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, word)| *word)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => product(user_agent).unwrap_or_else(|| "Unknown browser".to_owned()),
    }
}

/// The first word of a program that is no browser: `curl` of `curl/8.5.0`.
fn product(user_agent: &str) -> Option<String> {
    let first = user_agent.split(['/', ' ']).next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = !first.is_empty() && first.len() <= LONGEST_PRODUCT && first.bytes().all(is_plain);
    is_name.then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::browser_label;

    #[test]
    fn browsers_are_called_by_name_and_system() {
        for (user_agent, label) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0",
                "Firefox on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "curl"),
            ("", "Unknown browser"),
            ("<script>alert(1)</script>", "Unknown browser"),
            ("\u{202e}evil/1", "Unknown browser"),
        ] {
            assert_eq!(browser_label(user_agent), label, "{user_agent}");
        }
    }
}
