//! The command as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::DEADLINE;

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailpost");

/// A command under way; dropping it ends it.
pub struct Running {
    process: Child,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

/// How a command ended, and what it wrote that nobody has read yet.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Starts `trailpost demo` in a folder, which is also its place for temporary files.
pub fn demo(folder: &Path, flags: &[&str]) -> Running {
    start(program().arg("demo").args(flags).current_dir(folder).env("TMPDIR", folder))
}

/// Starts the command in a folder.
pub fn start_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
    start(program().args(arguments).current_dir(folder).envs(environment.iter().copied()))
}

/// Starts the command in a folder, where nobody says in which region of AWS: its metadata service is asked, in vain.
pub fn start_nowhere(folder: &Path, arguments: &[&str]) -> Running {
    let mut command = program();
    command.args(arguments).current_dir(folder).env("HOME", folder);
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"] {
        command.env_remove(variable);
    }
    start(command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"))
}

/// Starts the command so that a file that may not grow is an error to it, and not its end (`man 2 setrlimit`).
#[cfg(target_os = "linux")]
pub fn start_under_limits(folder: &Path, arguments: &[&str]) -> Running {
    let mut command = shell("trap '' XFSZ; exec \"$@\"");
    start(command.arg(PROGRAM).args(arguments).current_dir(folder))
}

/// Runs the command to its end as a user who owns nothing: whoever runs the tests, or nobody if that is root, whom no
/// permission binds. The program is handed over open: it may lie where nobody may look.
#[cfg(target_os = "linux")]
pub fn run_as_a_stranger(folder: &Path, arguments: &[&str]) -> Ended {
    let as_nobody =
        "if test \"$(id -u)\" = 0; then set -- setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"; fi
                     exec \"$@\" 3< \"$PROGRAM\"";
    let mut command = shell(as_nobody);
    command.arg("/proc/self/fd/3").args(arguments).current_dir(folder).env("PROGRAM", PROGRAM);
    start(&mut command).end()
}

/// A shell that runs this with the arguments that it is given.
#[cfg(target_os = "linux")]
fn shell(script: &str) -> Command {
    let mut command = quiet(Command::new("sh"));
    command.args(["-c", script, "sh"]);
    command
}

/// Runs the command to its end.
pub fn run(arguments: &[&str]) -> Ended {
    start(program().args(arguments)).end()
}

/// The command, to be started in a folder.
pub fn program_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(arguments).current_dir(folder).env("TMPDIR", folder);
    command
}

fn program() -> Command {
    quiet(Command::new(PROGRAM))
}

/// AWS's own metadata service is not asked: there is none here.
fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("RUST_LOG").env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "us-east-1");
    command
}

fn start(command: &mut Command) -> Running {
    let mut process = command.spawn().unwrap();
    let (stdout, mut stderr) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
    let (send, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // A test that has seen enough no longer listens; the pipe must be emptied all the same.
            let _ = send.send(line);
        }
    });
    let stderr = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    Running { process, lines, stderr: Some(stderr) }
}

impl Running {
    /// The next line of output.
    pub fn line(&mut self) -> String {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {DEADLINE:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("it ended: {}", self.end().stderr),
        }
    }

    /// The output up to the first line that contains this.
    pub fn output_until(&mut self, part: &str) -> String {
        let mut output = String::new();
        while !output.contains(part) {
            output += &self.line();
            output.push('\n');
        }
        output
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends SIGTERM, as a service manager does.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it at once, as a crash would: kill -9.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it has ended.
    pub fn end(&mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            match self.process.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > DEADLINE => panic!("it did not end within {DEADLINE:?}"),
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        Ended {
            code: status.code(),
            stdout: self.lines.iter().collect(),
            stderr: self.stderr.take().map(|reader| reader.join().unwrap()).unwrap_or_default(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing left to do about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
