// SPDX-License-Identifier: GPL-2.0

//! Other processes: seed clients, and this program in another role.

use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;

/// A process whose lines a scenario reads. Killed when it is dropped.
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a program.
    pub fn start<S: AsRef<str>>(words: &[S]) -> Self {
        let (program, arguments) = words.split_first().expect("a program");
        let arguments = arguments.iter().map(AsRef::as_ref);
        Self::spawn(Command::new(program.as_ref()).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("start {command:?}: {why}"));
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        Self { child, lines }
    }

    /// Starts a seed client.
    pub fn seed(arguments: &[&str]) -> Self {
        Self::start(&[&["seed-client"], arguments].concat())
    }

    /// Starts this program in a role (see `role.rs`).
    pub fn role(arguments: &[&str]) -> Self {
        Self::start(&Self::role_words(arguments))
    }

    /// Starts this program in a role, and hides what it complains of.
    pub fn quiet_role(arguments: &[&str]) -> Self {
        let words = Self::role_words(arguments);
        let (program, arguments) = words.split_first().expect("a program");
        Self::spawn(Command::new(program).args(arguments).stderr(Stdio::null()))
    }

    /// Starts this program in a role, in a network namespace of its own.
    pub fn role_in_new_netns(arguments: &[&str]) -> Self {
        let unshare = ["unshare", "-n"].map(str::to_owned).to_vec();
        Self::start(&[unshare, Self::role_words(arguments)].concat())
    }

    /// Starts this program in a role, as an ordinary user.
    pub fn role_as_user(uid: u32, arguments: &[&str]) -> Self {
        let words = Self::role_words(arguments);
        let (program, arguments) = words.split_first().expect("a program");
        Self::spawn(Command::new(program).args(arguments).uid(uid).gid(uid))
    }

    /// Starts this program in a role, as an ordinary user who is root in a user namespace; `how`
    /// are the options of unshare.
    pub fn role_as_user_unshared(uid: u32, how: &str, arguments: &[&str]) -> Self {
        let words = Self::role_words(arguments);
        let mut command = Command::new("unshare");
        Self::spawn(command.arg(how).args(words).uid(uid).gid(uid))
    }

    /// Starts this program in a role, by a program such as nsenter that starts another one.
    pub fn role_within(how: &[&str], arguments: &[&str]) -> Self {
        let how: Vec<String> = how.iter().map(|word| (*word).to_owned()).collect();
        Self::start(&[how, Self::role_words(arguments)].concat())
    }

    fn role_words(arguments: &[&str]) -> Vec<String> {
        let program = std::env::current_exe().expect("own path");
        let program = program.to_str().expect("a path in UTF-8").to_owned();
        let words = ["--role"]
            .iter()
            .chain(arguments)
            .map(|word| word.to_string());
        std::iter::once(program).chain(words).collect()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line, which must come.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read a line");
        assert!(
            !line.is_empty(),
            "the process ended where a line was expected"
        );
        line.trim_end().to_owned()
    }

    /// Waits for the line that says that the process is set up.
    pub fn ready(mut self) -> Self {
        assert_eq!(self.line(), "ready");
        self
    }

    /// Kills with SIGKILL and waits until the process is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("wait")
    }

    /// Waits for the end, which must be a success.
    pub fn succeed(&mut self) {
        let status = self.wait();
        assert!(status.success(), "process ended with {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
