//! The files under `src`, and which module each one is.

use std::fs;
use std::path::Path;

use super::tokens::{Token, tokens};

/// One file of the product.
pub struct SourceFile {
    /// From the project's root, with slashes: `src/domain/id.rs`.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    pub fn tokens(&self) -> Vec<Token> {
        tokens(&self.text)
    }

    /// The module that the file is, from the crate's root: `["domain", "id"]`.
    pub fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let inner = inner.strip_suffix("/mod").unwrap_or(inner);
        match inner {
            "lib" | "main" => Vec::new(),
            // `#[path = "x_tests.rs"] mod tests;` in x.rs
            _ => inner.replace("_tests", "/tests").split('/').map(str::to_owned).collect(),
        }
    }

    /// The part of the product that the file belongs to: the first of its folders, or its own name.
    pub fn part(&self) -> &str {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inner.split('/').next().unwrap_or(inner)
    }
}

/// Every file under `src`.
pub fn source_files() -> Vec<SourceFile> {
    let mut found = Vec::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")), "src", &mut found);
    found
}

fn collect(root: &Path, folder: &str, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, found);
        } else if path.ends_with(".rs") {
            found.push(SourceFile { text: fs::read_to_string(entry.path()).unwrap(), path });
        }
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_module() {
        let module = |path: &str| SourceFile { path: path.to_owned(), text: String::new() }.module();
        assert!(module("src/lib.rs").is_empty());
        assert_eq!(module("src/app.rs"), ["app"]);
        assert_eq!(module("src/web/mod.rs"), ["web"]);
        assert_eq!(module("src/web/pages/plan.rs"), ["web", "pages", "plan"]);
        assert_eq!(module("src/sandbox/policy_eval_tests.rs"), ["sandbox", "policy_eval", "tests"]);
    }
}
