// SPDX-License-Identifier: GPL-2.0

//! Datagrams that reached something new, from which others are made.

use fastrand::Rng;

/// How many are kept.
const MOST: usize = 1024;
/// What is longer is not worth its time.
const LONGEST: usize = 8192;

/// The datagrams that one worker keeps.
#[derive(Default)]
pub struct Corpus(Vec<Vec<u8>>);

impl Corpus {
    /// Keeps a datagram, in the place of another one if there are too many.
    pub fn keep(&mut self, rng: &mut Rng, datagram: &[u8]) {
        if datagram.is_empty() || datagram.len() > LONGEST {
            return;
        }
        if self.0.len() < MOST {
            self.0.push(datagram.to_vec());
        } else {
            self.0[rng.usize(..MOST)] = datagram.to_vec();
        }
    }

    /// Any of them.
    pub fn any(&self, rng: &mut Rng) -> Option<&[u8]> {
        let len = self.0.len();
        (len > 0).then(|| &self.0[rng.usize(..len)][..])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
