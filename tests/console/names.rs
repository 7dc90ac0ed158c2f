//! Names that would look like something else, or be something else: markup, control and direction characters, too long.

use super::{Desk, OWNER, newest, records};
use crate::support::product::Product;

const NOT_NAMES: [&str; 17] = [
    "",
    "   ",
    "a\u{0}b",
    "a\r\nSet-Cookie: x=y",
    "a\u{1b}[31mb",
    "invoice\u{202e}fdp.exe",
    "a\u{200f}b",
    "a\u{2067}b",
    "a\u{feff}b",
    "\u{a0}\u{2003}\u{3000}\u{2800}",
    "\u{200b}",
    "\u{3164}",
    "ad\u{ad}min",
    "ad\u{200d}min",
    "a\u{fe0f}",
    "\u{e000}",
    "\u{301}",
];

#[tokio::test(flavor = "multi_thread")]
async fn names_that_hide_something_are_refused_and_leave_nothing() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let project = owner.project("Telescope").await;
    let before = records(&product, OWNER).await.len();
    let long = "x".repeat(10_000);
    let forms = [
        "/projects/new".to_owned(),
        project.clone(),
        format!("{project}/api-keys/new"),
        "/service-accounts/new".to_owned(),
    ];
    for path in &forms {
        for name in NOT_NAMES.into_iter().chain([long.as_str()]) {
            let answer = owner.post(path, &[("name", name), ("role", "member")]).await;
            assert_eq!(answer.status, 422, "{path} {name:?}");
            assert!(answer.body.contains("id=\"name-error\""), "{path} {name:?}");
            assert!(answer.body.contains(&format!("value=\"{name}\"")), "{path} {name:?}: as it was typed");
        }
    }
    assert_eq!(records(&product, OWNER).await.len(), before);
    assert!(owner.get("/projects").await.body.contains("<bdi>Telescope</bdi>"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_look_the_same_are_the_same() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let project = owner.project(" Zoe\u{308}\u{a0}\u{3000}1 ").await;
    assert_eq!(newest(&product, OWNER).await.1["event"]["resource_id"], "Zoë 1");
    for same in ["zoë 1", "ZOE\u{308}  1", "\u{ff3a}oë 1"] {
        let answer = owner.post("/projects/new", &[("name", same)]).await;
        assert_eq!(answer.status, 422, "{same}");
        assert!(answer.body.contains("There is a project with this name already."), "{same}");
    }
    // As another keyboard types it.
    let delete = format!("{project}/delete");
    assert_eq!(owner.post(&delete, &[("confirmation", "Zoë 2")]).await.status, 422);
    assert_eq!(owner.post(&delete, &[("confirmation", "Zoe\u{308} 1")]).await.status, 303);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_and_every_script_are_shown_as_they_were_typed() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    for (number, name) in [
        "<script>alert(1)</script>",
        "\" onmouseover=\"alert(1)",
        "'; DROP TABLE projects; --",
        "=HYPERLINK(\"https://evil.example\")",
        "Проект 计划 مشروع 🚀",
        "{{ shell.csrf }}",
    ]
    .into_iter()
    .enumerate()
    {
        let project = owner.project(name).await;
        assert_eq!(
            newest(&product, OWNER).await.1["event"]["resource_id"],
            name,
            "a record holds it as it is"
        );
        owner.key(&project, name).await;
        assert_eq!(newest(&product, OWNER).await.1["event"]["resource_name"], name);
        let (account, _) = owner.account(name, "member").await;
        let shown = escaped(name);
        for page in ["/projects", &project, "/api-keys", "/service-accounts", &account] {
            let body = owner.get(page).await.body;
            assert!(body.contains(&format!("<bdi>{shown}</bdi>")), "{page} {name}");
            assert!(shown == name || !body.contains(name), "{page} has {name} as markup");
        }
        let asked = owner.get(&format!("{project}/delete")).await.body;
        assert!(asked.contains(&format!("<bdi>{shown}</bdi>")), "{number}");
    }
    product.stop().await;
}

/// As askama writes it.
fn escaped(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
