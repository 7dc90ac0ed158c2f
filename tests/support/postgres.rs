use std::io::{BufRead, BufReader, Write};
use std::process::*;
use std::sync::LazyLock;
pub struct Cluster {
    p: Child,
    i: ChildStdin,
    o: BufReader<ChildStdout>,
    url: String,
}
impl Cluster {
    pub fn start() -> Cluster {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut p = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/postgres.sh"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (i, o) = (p.stdin.take().unwrap(), BufReader::new(p.stdout.take().unwrap()));
        let mut c = Cluster { p, i, o, url: String::new() };
        c.url = c.line().trim_start_matches("ready ").to_owned();
        c
    }
    fn line(&mut self) -> String {
        let mut s = String::new();
        self.o.read_line(&mut s).unwrap();
        s.trim().to_owned()
    }
    pub fn url(&self) -> &str {
        &self.url
    }
    pub fn stop(&mut self) {
        writeln!(self.i, "stop").unwrap();
        self.line();
    }
    pub fn start_again(&mut self) {
        writeln!(self.i, "start").unwrap();
        self.line();
    }
}
impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = writeln!(self.i, "quit");
        let _ = self.p.wait();
    }
}
pub fn shared_url() -> &'static str {
    static C: LazyLock<Cluster> = LazyLock::new(Cluster::start);
    C.url()
}
pub fn url_of_database(s: &str, n: &str) -> String {
    format!("{}/{n}", s.rsplit_once('/').unwrap().0)
}
