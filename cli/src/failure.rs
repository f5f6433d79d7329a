// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why a command failed: what to print, and the exit code.

use std::io;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use libkipc::Error;

/// Exit code: anything without a code of its own.
const FAILURE: u8 = 1;
/// Exit code: wrong arguments.
pub(crate) const USAGE: u8 = 2;
/// Exit code: the kernel module is not loaded.
const MODULE_MISSING: u8 = 3;
/// Exit code: the kernel refused the request.
const REFUSED: u8 = 4;
/// Exit code: the time was over before all messages came.
const TIMEOUT: u8 = 5;

/// Why a command ended without having done all that it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The bus failed.
    Bus(Error),
    /// Reading input or writing output failed.
    Stream(&'static str, io::Error),
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// What was to be read is not what it should be.
    Input(String),
    /// Nobody subscribed in time.
    Alone,
    /// `kipc doctor` has said why there is no bus.
    Unusable,
    /// The time was over before `wanted` messages came.
    Timeout { received: u64, wanted: u64 },
}

impl Failure {
    /// Prints a sentence and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (code, text) = match self {
            // Whoever read the output has seen enough.
            Self::Stream(_, error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return ExitCode::SUCCESS;
            }
            Self::Stream(what, error) => (FAILURE, format!("cannot {what}: {error}")),
            Self::File(path, error) => (FAILURE, format!("{}: {error}", path.display())),
            Self::Alone => (TIMEOUT, "time is over: nobody subscribes".into()),
            // What is wrong was printed.
            Self::Unusable => return ExitCode::from(MODULE_MISSING),
            Self::Timeout { received, wanted } => (
                TIMEOUT,
                format!("time is over: {received} of {wanted} messages came"),
            ),
            Self::Input(why) => (FAILURE, why.clone()),
            Self::Bus(Error::TooLarge { length, limit, .. }) => (
                FAILURE,
                format!(
                    "message of {length} bytes is too large for the limit of {limit}: give a \
                     larger --send-buffer"
                ),
            ),
            Self::Bus(error) => (bus_code(error), error.with_sources()),
        };
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "kipc: {text}");
        ExitCode::from(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Bus(error)
    }
}

fn bus_code(error: &Error) -> u8 {
    match error {
        Error::ModuleMissing => MODULE_MISSING,
        Error::Refused(_) => REFUSED,
        _ => FAILURE,
    }
}
