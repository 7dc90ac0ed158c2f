//! The ChromeDriver process that drives one browser.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::DEADLINE;

/// A running ChromeDriver; dropping it ends the process.
pub struct ChromeDriver {
    process: Child,
    port: u16,
}

impl ChromeDriver {
    /// Starts one on a free port.
    pub fn start() -> ChromeDriver {
        let program = env::var("TRAILPOST_CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} can't be started ({error}); tests/run installs it"));
        let output = process.stdout.take().unwrap();
        // Its own owner from here on: a panic below ends the process too.
        let mut driver = ChromeDriver { process, port: 0 };
        driver.port = announced_port(output);
        driver
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        // It may have ended by itself; either way there is nothing left to do about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the port that was chosen, and goes on reading: a full pipe would stop the process.
fn announced_port(output: impl Read + Send + 'static) -> u16 {
    let (announce, announced) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(port) = port_in(&line) {
                // Sent once; nobody listens any more if the start was given up.
                let _ = announce.send(port);
            }
        }
    });
    announced.recv_timeout(DEADLINE).expect("ChromeDriver says its port")
}

/// The port in "ChromeDriver was started successfully on port 41245."
fn port_in(line: &str) -> Option<u16> {
    line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
}

#[test]
fn the_port_is_read_from_the_greeting() {
    assert_eq!(port_in("ChromeDriver was started successfully on port 41245."), Some(41245));
    assert_eq!(port_in("Starting ChromeDriver 156.0.8078.79 on port 0"), None);
}
