//! The arrows between our own modules, and the few crates that have one home. ARCHITECTURE.md says why; this reads
//! every file under `src` and fails on what it does not allow.

mod imports;
pub mod source;
pub mod tokens;

use source::{SourceFile, source_files};

/// What a module may import of ours. The table of ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("metrics", &["domain"]),
    ("store", &["domain", "metrics"]),
    ("aws", &["domain", "metrics"]),
    ("notify", &["domain", "store"]),
    ("writer", &["domain", "metrics", "store", "aws", "notify"]),
    ("web", &["domain", "metrics", "store"]),
    ("sandbox", &["domain"]),
    ("demo", &["domain", "store", "sandbox"]),
    ("config", &["domain", "store", "web"]),
    ("telemetry", &["config"]),
    ("shutdown", &[]),
];

/// These put the others together: they may import all.
const ROOTS: &[&str] = &["app", "cli", "main", "lib"];

/// Crates that only one part may name. A test of the sandbox is a customer of it, with the customer's SDK.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["src/store/"]),
    ("aws_config", &["src/aws/"]),
    ("aws_sdk_", &["src/aws/", "src/sandbox/tests/"]),
    ("s3s", &["src/sandbox/"]),
    ("prometheus_client", &["src/metrics/"]),
];

/// Where the demo is left out of a build. Anywhere else there would be an `if demo` in the product.
const MAY_ASK_FOR_DEMO: &[&str] = &["src/lib.rs", "src/app/", "src/cli/", "src/main.rs"];

#[test]
fn every_import_follows_the_arrows() {
    report(wrong_arrows);
}

#[test]
fn crates_stay_in_their_homes() {
    report(strays);
}

#[test]
fn only_the_composition_asks_for_the_demo() {
    report(questions_about_the_demo);
}

fn report(rule: fn(&SourceFile) -> Vec<String>) {
    let files = source_files();
    assert!(files.len() > 20, "only {} files found under src", files.len());
    let found: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn wrong_arrows(file: &SourceFile) -> Vec<String> {
    let from = file.part();
    if ROOTS.contains(&from) {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(module, _)| *module == from) else {
        return vec![format!("{}: `{from}` is not a module of ARCHITECTURE.md's table", file.path)];
    };
    imports::of(&file.tokens(), &file.module())
        .into_iter()
        .filter(|import| import.part != from && !allowed.contains(&import.part.as_str()))
        .map(|import| format!("{}:{}: `{from}` may not import `{}`", file.path, import.line, import.part))
        .collect()
}

fn strays(file: &SourceFile) -> Vec<String> {
    let tokens = file.tokens();
    let named = |name: &str| tokens.iter().find(|token| token.names_crate(name));
    HOMES
        .iter()
        .filter(|(_, homes)| !homes.iter().any(|home| file.path.starts_with(home)))
        .filter_map(|(name, homes)| {
            let line = named(name)?.line;
            Some(format!("{}:{line}: `{name}` belongs in {} only", file.path, homes.join(", ")))
        })
        .collect()
}

fn questions_about_the_demo(file: &SourceFile) -> Vec<String> {
    if MAY_ASK_FOR_DEMO.iter().any(|place| file.path.starts_with(place)) {
        return Vec::new();
    }
    tokens::feature_questions(&file.tokens(), "demo")
        .into_iter()
        .map(|line| format!("{}:{line}: asks for the feature `demo`", file.path))
        .collect()
}

mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_wrong_arrow_is_named_with_its_file_and_line() {
        let wrong = file("src/web/form.rs", "use crate::domain::id;\n\nuse crate::aws::Aws;\n");
        assert_eq!(wrong_arrows(&wrong), ["src/web/form.rs:3: `web` may not import `aws`"]);
        assert!(wrong_arrows(&file("src/app.rs", &wrong.text)).is_empty(), "app puts them together");
    }

    #[test]
    fn a_module_may_import_itself_and_what_the_table_says() {
        let text = "use crate::store::{Store, StoreError}; use crate::domain::id; use super::error;";
        assert!(wrong_arrows(&file("src/store/records.rs", text)).is_empty());
    }

    #[test]
    fn a_part_that_the_table_does_not_know_is_refused() {
        assert_eq!(wrong_arrows(&file("src/util/text.rs", "")).len(), 1);
        assert_eq!(wrong_arrows(&file("src/util.rs", "")).len(), 1);
    }

    #[test]
    fn the_root_is_no_way_around() {
        assert_eq!(wrong_arrows(&file("src/domain/id.rs", "use crate::*;")).len(), 1);
        assert_eq!(wrong_arrows(&file("src/domain/id.rs", "use crate as root;")).len(), 1);
        assert_eq!(wrong_arrows(&file("src/domain/id.rs", "use crate::Store;")).len(), 1);
        assert_eq!(wrong_arrows(&file("src/domain/id.rs", "use trailpost::store::Store;")).len(), 1);
    }

    #[test]
    fn a_crate_away_from_home_is_named() {
        let text = "fn f() {\n    sqlx::query(\"\");\n}";
        assert_eq!(
            strays(&file("src/web/form.rs", text)),
            ["src/web/form.rs:2: `sqlx` belongs in src/store/ only"]
        );
        assert!(strays(&file("src/store/form.rs", text)).is_empty());
        let sdk = "use aws_sdk_sts::Client;";
        assert_eq!(strays(&file("src/demo/seed.rs", sdk)).len(), 1);
        assert_eq!(strays(&file("src/sandbox/sts.rs", sdk)).len(), 1);
        assert!(strays(&file("src/sandbox/tests/sts.rs", sdk)).is_empty());
        assert!(strays(&file("src/web/form.rs", "let s3s_of_acme = 1; // s3s")).is_empty());
    }

    #[test]
    fn asking_for_the_demo_is_found_in_every_form() {
        for text in [
            "#[cfg(feature = \"demo\")] mod x;",
            "if cfg!(not(feature=\"demo\")) {}",
            "#[cfg_attr(any(test, feature = \"demo\"), derive(Debug))] struct X;",
        ] {
            assert_eq!(questions_about_the_demo(&file("src/web/mod.rs", text)).len(), 1, "{text}");
            assert!(questions_about_the_demo(&file("src/lib.rs", text)).is_empty(), "{text}");
        }
        assert!(questions_about_the_demo(&file("src/web/mod.rs", "// feature = \"demo\"")).is_empty());
    }
}
