//! The processes of an installation, which are killed and started again.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::cli::command::Running;
use crate::cli::installation::Installation;

/// The process with the console comes first.
const CONSOLE: usize = 0;

pub struct Processes {
    pub installation: Installation,
    roles: &'static [&'static str],
    running: Vec<Running>,
    /// Where the console listens; it moves with every start.
    console: watch::Sender<String>,
    pub kills: u32,
}

impl Processes {
    /// Starts one for each role.
    pub fn start(installation: Installation, roles: &'static [&'static str]) -> Processes {
        let console = watch::Sender::new(String::new());
        let mut processes = Processes { installation, roles, running: Vec::new(), console, kills: 0 };
        processes.start_all();
        processes
    }

    pub fn start_all(&mut self) {
        self.running = block_in_place(|| (0..self.roles.len()).map(|at| self.serve(at)).collect());
    }

    pub fn count(&self) -> usize {
        self.roles.len()
    }

    pub fn console(&self) -> watch::Receiver<String> {
        self.console.subscribe()
    }

    /// Kills one and starts it again, which is killed before it is ready as many times as there are moments.
    pub fn kill_and_start(&mut self, at: usize, moments_of_starting: &[Duration]) {
        block_in_place(|| {
            kill(&mut self.running[at]);
            for moment in moments_of_starting {
                let mut starting = self.installation.begin_to_serve(&["--role", self.roles[at]]);
                sleep(*moment);
                kill(&mut starting);
            }
            self.running[at] = self.serve(at);
        });
        self.kills += 1 + u32::try_from(moments_of_starting.len()).unwrap();
    }

    pub fn kill_all(&mut self) {
        self.kills += u32::try_from(self.running.len()).unwrap();
        block_in_place(|| self.running.drain(..).for_each(|mut process| kill(&mut process)));
    }

    /// Ends all in good order.
    pub fn end(mut self) {
        for process in &mut self.running {
            process.terminate();
            let ended = block_in_place(|| process.end());
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        }
    }

    fn serve(&self, at: usize) -> Running {
        let (running, ready) = self.installation.serve_with(&["--role", self.roles[at]]);
        if at == CONSOLE {
            self.console.send_replace(origin(&ready));
        }
        running
    }
}

fn kill(process: &mut Running) {
    process.kill();
    let said = process.end().stderr;
    assert!(!said.contains("panicked"), "{said}");
}

fn origin(ready: &Value) -> String {
    format!("http://{}", ready["listen"].as_str().unwrap())
}
