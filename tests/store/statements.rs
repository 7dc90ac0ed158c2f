//! Every statement of the store, prepared on both engines: a text that one of them can't read is found here, and not
//! by the first operator who comes to it.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};
use trailpost::domain::clock::Clock;
use trailpost::store::Opening;

use crate::architecture::source::source_files;
use crate::architecture::tokens::{Kind, Token, tokens};
use crate::support::database::{Engine, TestDatabase};

const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
/// What runs statements; each such call must have been understood.
const CALLS: [&str; 7] =
    ["execute", "fetch_all", "fetch_optional", "fetch_one", "execute_each", "fetch_each", "query_scalar"];

/// A statement and where it stands.
#[derive(Debug)]
struct Statement {
    place: String,
    engine: Option<Engine>,
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_read_by_the_engines_that_it_is_for() {
    let files = source_files();
    // database.rs holds the macros, and what is run at every opening.
    let files: Vec<_> = files
        .iter()
        .filter(|file| file.path.starts_with("src/store/") && !file.path.ends_with("/database.rs"))
        .collect();
    let tokens: Vec<_> = files.iter().map(|file| (file.path.clone(), file.tokens())).collect();
    let heads: BTreeMap<_, _> = tokens.iter().flat_map(|(_, tokens)| heads(tokens)).collect();
    let statements: Vec<_> =
        tokens.iter().flat_map(|(path, tokens)| statements(path, tokens, &heads)).collect();
    let calls: usize = tokens.iter().map(|(_, tokens)| calls(tokens)).sum();
    assert!(calls > 60 && statements.len() >= calls, "{calls} calls, {} statements", statements.len());

    let mut wrong = prepare_on_sqlite(&statements).await;
    wrong.extend(prepare_on_postgres(&statements).await);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

async fn prepare_on_sqlite(statements: &[Statement]) -> Vec<String> {
    let database = TestDatabase::make(Engine::Sqlite).await;
    database.open(Opening::Serve, &Clock::system()).await.unwrap().close().await;
    let mut connection = database.connect_to_sqlite().await;
    let mut wrong = Vec::new();
    for statement in statements.iter().filter(|one| one.engine != Some(Engine::Postgres)) {
        let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
        if let Err(error) = (&mut connection).prepare(text).await {
            wrong.push(format!("{} on SQLite: {error}\n{}", statement.place, statement.text));
        }
    }
    wrong
}

async fn prepare_on_postgres(statements: &[Statement]) -> Vec<String> {
    let database = TestDatabase::make(Engine::Postgres).await;
    database.open(Opening::Serve, &Clock::system()).await.unwrap().close().await;
    let mut connection = database.connect_to_postgres().await;
    let mut wrong = Vec::new();
    for statement in statements.iter().filter(|one| one.engine != Some(Engine::Sqlite)) {
        let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
        if let Err(error) = (&mut connection).prepare(text).await {
            wrong.push(format!("{} on PostgreSQL: {error}\n{}", statement.place, statement.text));
        }
    }
    wrong
}

/// What a macro such as `select_check!` puts before the text that it is given: the first text of its `concat!`.
fn heads(tokens: &[Token]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for at in 0..tokens.len().saturating_sub(2) {
        let (Kind::Word(name), true) = (&tokens[at + 2].kind, tokens[at].is_word("macro_rules")) else {
            continue;
        };
        let text = tokens[at..].iter().skip_while(|token| !token.is_word("concat")).find_map(text);
        found.extend(text.map(|head| (name.clone(), head.to_owned())));
    }
    found
}

fn statements(path: &str, tokens: &[Token], heads: &BTreeMap<String, String>) -> Vec<Statement> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let Some(text) = text(&tokens[at]) else { continue };
        let wrapper = wrapper(&tokens[..at]);
        let before = if wrapper.is_some() { &tokens[..at - 3] } else { &tokens[..at] };
        let engine = engine(before);
        let place = format!("{path}:{}", tokens[at].line);
        let mut add = |engine, text: String| {
            if VERBS.iter().any(|verb| text.trim_start().starts_with(verb)) {
                found.push(Statement { place: place.clone(), engine, text });
            }
        };
        match wrapper {
            Some("holding") => {
                add(Some(Engine::Sqlite), text.to_owned());
                add(Some(Engine::Postgres), format!("{text} FOR NO KEY UPDATE"));
            }
            // The head itself: no statement before it has its rest.
            Some("concat") => {}
            Some(name) if heads.contains_key(name) => add(engine, format!("{}{text}", heads[name])),
            _ => add(engine, text.to_owned()),
        }
    }
    found
}

/// The macro whose only argument begins here: `name ! (`.
fn wrapper(before: &[Token]) -> Option<&str> {
    let [.., name, bang, open] = before else { return None };
    let Kind::Word(name) = &name.kind else { return None };
    (bang.is_mark('!') && open.is_mark('(')).then_some(name)
}

/// The engine whose field of an `Sql` begins here: `sqlite :`.
fn engine(before: &[Token]) -> Option<Engine> {
    let [.., field, colon] = before else { return None };
    match &field.kind {
        Kind::Word(word) if colon.is_mark(':') && word == "sqlite" => Some(Engine::Sqlite),
        Kind::Word(word) if colon.is_mark(':') && word == "postgres" => Some(Engine::Postgres),
        _ => None,
    }
}

fn calls(tokens: &[Token]) -> usize {
    let is_call = |pair: &&[Token]| CALLS.iter().any(|call| pair[0].is_word(call)) && pair[1].is_mark('!');
    tokens.windows(2).filter(is_call).count()
}

fn text(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

#[test]
fn statements_are_found_in_every_form() {
    let source = r#"
        macro_rules! select_check { ($rest:literal) => { concat!("SELECT id FROM checks ", $rest) }; }
        const LOCK: Sql = Sql { sqlite: "SELECT 1", postgres: select_check!("WHERE a = 1 FOR UPDATE") };
        fn f() { execute!(tx, "UPDATE a SET b = 1"); fetch_one!(tx, (i64,), holding!("SELECT 2")); }
        // execute!(tx, "DELETE FROM comments")
        fn g() { parse("SELECTED", "column"); }
    "#;
    let tokens = tokens(source);
    let heads: BTreeMap<_, _> = heads(&tokens).into_iter().collect();
    let found = statements("a.rs", &tokens, &heads);
    let found: Vec<_> = found.iter().map(|one| (one.engine, one.text.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some(Engine::Sqlite), "SELECT 1"),
            (Some(Engine::Postgres), "SELECT id FROM checks WHERE a = 1 FOR UPDATE"),
            (None, "UPDATE a SET b = 1"),
            (Some(Engine::Sqlite), "SELECT 2"),
            (Some(Engine::Postgres), "SELECT 2 FOR NO KEY UPDATE"),
        ]
    );
    assert_eq!(calls(&tokens), 2);
}
