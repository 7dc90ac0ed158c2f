//! The paths of a file that lead to our own modules, however they are written: `crate::x`, `super::super::x`,
//! `trailpost::x`, in a `use` tree or in the middle of an expression.

use super::tokens::{Kind, Token};

/// A path that leads into one of our parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub line: usize,
    /// The first name below the crate's root: `domain`. `crate` for the root itself, `*` for all that it has.
    pub part: String,
}

/// What the file of this module imports of ours.
pub fn of(tokens: &[Token], module: &[String]) -> Vec<Import> {
    let mut place = Place { module: module.to_vec(), braces: Vec::new() };
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        place.pass(tokens, at);
        if at == 0 || tokens[at - 1].kind != Kind::PathSeparator {
            let line = tokens[at].line;
            let parts = place.path_from(&tokens[at..]);
            found.extend(parts.into_iter().map(|part| Import { line, part }));
        }
    }
    found
}

/// Where in the file we are: `mod tests { … }` is one module deeper, and so is what `super` means there.
struct Place {
    module: Vec<String>,
    /// For each open brace, whether it is a module's.
    braces: Vec<bool>,
}

impl Place {
    fn pass(&mut self, tokens: &[Token], at: usize) {
        if tokens[at].is_mark('{') {
            let name = opened_module(&tokens[..at]);
            self.braces.push(name.is_some());
            self.module.extend(name);
        } else if tokens[at].is_mark('}') && self.braces.pop() == Some(true) {
            self.module.pop();
        }
    }

    /// The parts that a path leads to, if one to ours starts here.
    fn path_from(&self, tokens: &[Token]) -> Vec<String> {
        let [first, next, rest @ ..] = tokens else { return Vec::new() };
        let Some(base) = self.base(first) else { return Vec::new() };
        if next.kind == Kind::PathSeparator {
            follow(rest, base)
        } else if next.is_word("as") {
            // `use crate as other` would hide every arrow behind another name.
            vec![part_of(&base)]
        } else {
            Vec::new()
        }
    }

    /// The module that a path with this first word starts from.
    fn base(&self, first: &Token) -> Option<Vec<String>> {
        let Kind::Word(word) = &first.kind else { return None };
        match word.as_str() {
            "crate" | "trailpost" => Some(Vec::new()),
            "self" => Some(self.module.clone()),
            "super" => Some(parent(self.module.clone())),
            _ => None,
        }
    }
}

/// The name in `mod name`, if the tokens end with that.
fn opened_module(before: &[Token]) -> Option<String> {
    match before {
        [.., keyword, Token { kind: Kind::Word(name), .. }] if keyword.is_word("mod") => Some(name.clone()),
        _ => None,
    }
}

/// The parts that the rest of a path leads to; the tokens begin behind a `::` or inside a group.
fn follow(tokens: &[Token], base: Vec<String>) -> Vec<String> {
    match tokens {
        [brace, rest @ ..] if brace.is_mark('{') => {
            group(rest).into_iter().flat_map(|entry| follow(entry, base.clone())).collect()
        }
        [word, separator, rest @ ..] if word.is_word("super") && separator.kind == Kind::PathSeparator => {
            follow(rest, parent(base))
        }
        [star, ..] if star.is_mark('*') && base.is_empty() => vec!["*".to_owned()],
        [word, ..] if word.is_word("super") => vec![part_of(&parent(base))],
        [word, ..] if word.is_word("self") => vec![part_of(&base)],
        [Token { kind: Kind::Word(name), .. }, ..] if base.is_empty() => vec![name.clone()],
        [_, ..] => vec![part_of(&base)],
        [] => Vec::new(),
    }
}

/// The entries of a group whose brace is open: each is the tokens from its start on.
fn group(tokens: &[Token]) -> Vec<&[Token]> {
    let mut entries = vec![tokens];
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') if depth == 0 => break,
            Kind::Mark('}') => depth -= 1,
            Kind::Mark(',') if depth == 0 => entries.push(&tokens[at + 1..]),
            _ => {}
        }
    }
    // A comma before the closing brace starts no entry.
    entries.retain(|entry| entry.first().is_some_and(|token| !token.is_mark('}')));
    entries
}

fn parent(mut module: Vec<String>) -> Vec<String> {
    module.pop();
    module
}

fn part_of(module: &[String]) -> String {
    module.first().map_or("crate", String::as_str).to_owned()
}

mod tests {
    use super::super::tokens::tokens;
    use super::*;

    /// The parts that a text imports when it is the file `web::pages::plan`, but for its own.
    fn parts(text: &str) -> Vec<String> {
        let module = ["web", "pages", "plan"].map(str::to_owned);
        let all = of(&tokens(text), &module).into_iter().map(|import| import.part);
        all.filter(|part| part != "web").collect()
    }

    #[test]
    fn a_plain_path_is_found_wherever_it_stands() {
        assert_eq!(parts("use crate::aws;"), ["aws"]);
        assert_eq!(parts("pub use crate::aws::{Aws, s3::Put};"), ["aws"]);
        assert_eq!(
            parts("fn f() -> Option<crate::store::Store> { crate::aws::open::<u8>() }"),
            ["store", "aws"]
        );
        assert_eq!(parts("macro_rules! m { () => { $crate::demo::Demo } }"), ["demo"]);
        assert_eq!(parts("use trailpost::writer::Writer;"), ["writer"]);
    }

    #[test]
    fn every_entry_of_a_group_is_found() {
        assert_eq!(
            parts("use crate::{aws, domain::{id, clock::{Clock, Timestamp}}, store::Store,};"),
            ["aws", "domain", "store"]
        );
        assert_eq!(parts("use {crate::demo::Demo, std::fmt, super::form};"), ["demo"]);
        assert_eq!(parts("use crate::{self, *};"), ["crate", "*"]);
    }

    #[test]
    fn super_leads_out_of_the_part_when_there_are_enough_of_them() {
        assert_eq!(parts("use super::form; use super::super::route; use self::x;"), Vec::<String>::new());
        assert_eq!(parts("use super::super::super::aws::Aws;"), ["aws"]);
        assert_eq!(parts("use super::super::{super::aws, route};"), ["aws"]);
        assert_eq!(parts("use super::super::super::*;"), ["*"]);
    }

    #[test]
    fn super_in_an_inline_module_is_one_less() {
        assert_eq!(parts("mod tests { use super::super::super::x; } use super::super::super::aws;"), ["aws"]);
        assert_eq!(
            parts("mod tests { mod deep { fn f() { super::super::super::super::super::aws::f() } } }"),
            ["aws"]
        );
        assert_eq!(parts("fn f() { { } use super::super::super::aws; }"), ["aws"]);
    }

    #[test]
    fn what_is_no_path_is_left_alone() {
        assert_eq!(
            parts("pub(crate) fn f(&self) { self.crate_name() } pub(super) struct S;"),
            Vec::<String>::new()
        );
        assert_eq!(parts("// use crate::aws;\nlet x = \"crate::aws\";"), Vec::<String>::new());
        assert_eq!(parts("use crate as root;"), ["crate"]);
    }
}
