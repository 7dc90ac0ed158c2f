//! A stdout that takes nothing: a pipe that nobody reads, a full disk.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Stdio};

use super::command::{Ended, program_in};
use super::installation::Installation;
use crate::support::eventually;

/// A pipe whose reader has gone.
fn unread() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

/// What no disk has room for.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

impl Installation {
    fn run_into(&self, stdout: Stdio, arguments: &[&str]) -> Ended {
        let arguments = [arguments, &["--data-dir", "data"]].concat();
        let output = program_in(self.folder(), &arguments).stdout(stdout).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ended { code: output.status.code(), stdout: String::new(), stderr }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let installation = Installation::new();
    installation.create_organization();
    for command in [&["organization", "list"][..], &["status", "--json"], &["check-config"]] {
        let ended = installation.run_into(unread(), command);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command:?}");
    }
    let ended = installation.run_into(full(), &["organization", "list"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("No space left") && !ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_secret_that_can_not_be_told_comes_with_how_to_undo_it() {
    let installation = Installation::new();
    let organization = installation.create_organization();
    let id = organization["organization_id"].as_str().unwrap();
    for (stdout, json) in [(unread(), &["--json"][..]), (full(), &[])] {
        let create = [&["token", "create", "--producer", "app", "--all-organizations"], json].concat();
        let ended = installation.run_into(stdout, &create);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        let (_, token_id) = ended.stderr.trim_end().rsplit_once("trailpost token revoke ").unwrap();
        installation.json(&["token", "revoke", token_id]);
    }
    let email = "second@acme.example";
    let create = ["organization", "create", "--name", "B", "--plan", "starter", "--owner-email", email];
    let invite = ["organization", "invite-owner", id, "--email", email];
    for (command, undo) in [
        (&create[..], "trailpost organization invite-owner "),
        (&invite, &format!("trailpost organization invite-owner {id} --email {email} --revoke")),
    ] {
        let ended = installation.run_into(unread(), command);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        assert!(ended.stderr.contains(undo), "{}", ended.stderr);
    }
}

/// A process that is to go on; dropping it ends it.
struct Going(Child);

impl Drop for Going {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing left to do about it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_goes_on_when_nobody_reads_that_it_is_ready() {
    let installation = Installation::new();
    let demo = ["demo", "--ephemeral", "--no-activity", "--sandbox-listen", "127.0.0.1:0"];
    for (command, stdout, stderr) in [
        (&["serve", "--data-dir", "data"][..], unread(), unread()),
        (&["serve", "--data-dir", "other"], full(), Stdio::null()),
        (&demo, unread(), unread()),
    ] {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let flags = [command, &["--listen", &address]].concat();
        let mut program = program_in(installation.folder(), &flags);
        let mut going = Going(program.stdout(stdout).stderr(stderr).spawn().unwrap());
        let url = format!("http://{address}/readyz");
        let asked = eventually("it is ready", async || reqwest::get(&url).await.ok()).await;
        assert_eq!(asked.status(), 200);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(going.0.try_wait().unwrap(), None, "{command:?} goes on");
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 200);
    }
}
