// SPDX-License-Identifier: GPL-2.0

//! The last actions of a worker, for who must see what led to a failure.

use crate::action::Action;
use std::collections::VecDeque;
use std::fmt;

/// How many actions are kept.
const LENGTH: usize = 256;
/// How much of them is printed: a console takes its time.
const MOST_BYTES: usize = 1 << 20;

/// The last actions.
#[derive(Default)]
pub struct Journal(VecDeque<(usize, Action)>);

impl Journal {
    /// Writes down what is about to be done.
    pub fn write(&mut self, socket: usize, action: Action) -> &Action {
        if self.0.len() == LENGTH {
            self.0.pop_front();
        }
        self.0.push_back((socket, action));
        let (_, action) = self.0.back().expect("it was just written");
        action
    }
}

/// One action a line, as a replay reads them; from the oldest for which there is room.
impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|(socket, action)| format!("{socket} {action}"))
            .collect();
        let mut room = MOST_BYTES;
        let shown = lines.iter().rev().take_while(|line| {
            let fits = room.checked_sub(line.len());
            room = fits.unwrap_or(0);
            fits.is_some()
        });
        let first = lines.len() - shown.count();
        lines[first..]
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_actions_are_kept() {
        let mut journal = Journal::default();
        for number in 0..300 {
            journal.write(1, Action::Receive(number));
        }
        let text = journal.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines.len(), lines[0], lines[255]),
            (256, "1 receive 44", "1 receive 299")
        );
    }
}
