//! PostgreSQL clusters of the tests' own. `postgres.sh`, beside this file, runs one and ends it with the process
//! that started it, however that ends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/postgres.sh");
/// The script's exit code when somebody else has the port.
const PORT_TAKEN: i32 = 3;
/// Between finding a free port and taking it, somebody else may.
const PORTS_TRIED: usize = 10;

/// A running cluster with its superuser; dropping it ends the server and removes its data. Waiting needs no
/// deadline here: the script keeps one for whatever it does.
pub struct Cluster {
    process: Child,
    /// Closing it is what ends the script.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    url: String,
}

/// The one that is shared by the tests that leave the server alone; each makes a database of its own there.
/// It is never dropped: it ends when this process does.
static SHARED: LazyLock<Cluster> = LazyLock::new(|| Cluster::create(&[]));

/// The URL of the shared cluster's database `postgres`.
pub fn shared_url() -> &'static str {
    SHARED.url()
}

/// The URL of another database of the same server.
pub fn url_of_database(server_url: &str, name: &str) -> String {
    let (base, query) = match server_url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (server_url, String::new()),
    };
    let (scheme, rest) = base.split_once("://").expect("a URL has a scheme");
    let server = rest.split_once('/').map_or(rest, |(server, _)| server);
    format!("{scheme}://{server}/{name}{query}")
}

impl Cluster {
    /// Makes a cluster on a free port and waits until it takes connections. `settings` are the server's, such as
    /// `fsync=on`: by default what is committed outlives the server, but not the machine.
    pub fn create(settings: &[&str]) -> Cluster {
        (0..PORTS_TRIED)
            .find_map(|_| Cluster::on_port(free_port(), settings))
            .unwrap_or_else(|| panic!("{PORTS_TRIED} ports that had been free were taken"))
    }

    /// Gives none if the port is taken.
    fn on_port(port: u16, settings: &[&str]) -> Option<Cluster> {
        let mut process = Command::new(SCRIPT)
            .arg(port.to_string())
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{SCRIPT} can't be started ({error})"));
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        // Its own owner from here on: a panic below ends the process too.
        let mut cluster = Cluster { process, commands, answers, url: String::new() };
        match cluster.answer() {
            Some(answer) => {
                url_in(&answer).expect("the URL of the server").clone_into(&mut cluster.url);
                Some(cluster)
            }
            None => {
                let status = cluster.process.wait().unwrap();
                assert_eq!(status.code(), Some(PORT_TAKEN), "PostgreSQL can't be started; stderr says why");
                None
            }
        }
    }

    /// The URL of its database `postgres`, with the superuser's name and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server at once, as a crash of it would.
    pub fn stop(&mut self) {
        self.command("stop");
        assert_eq!(self.answer().as_deref(), Some("stopped"));
    }

    /// Starts the server again on the same data and port, and waits until it takes connections.
    pub fn start(&mut self) {
        self.command("start");
        let answer = self.answer();
        assert_eq!(answer.as_deref().and_then(url_in), Some(self.url()));
    }

    fn command(&mut self, command: &str) {
        writeln!(self.commands.as_mut().unwrap(), "{command}").expect("postgres.sh takes commands");
    }

    /// The next line; none if the script has ended.
    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.commands.take());
        // Nothing is left to do about it if that fails.
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The URL in "ready postgres://…".
fn url_in(answer: &str) -> Option<&str> {
    answer.strip_prefix("ready ")
}

#[test]
fn a_database_has_the_url_of_its_server() {
    let server = "postgres://postgres:secret@127.0.0.1:41245/postgres";
    assert_eq!(url_of_database(server, "one"), "postgres://postgres:secret@127.0.0.1:41245/one");
    assert_eq!(url_of_database("postgres://db.example", "one"), "postgres://db.example/one");
    assert_eq!(url_of_database("postgres:///x?host=/run/x", "one"), "postgres:///one?host=/run/x");
}
