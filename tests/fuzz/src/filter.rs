// SPDX-License-Identifier: GPL-2.0

//! Socket filters: programs in classic BPF, and what they may do to a message.

use crate::sys::Instruction;
use crate::wire::data;
use crate::wire::header;
use fastrand::Rng;

const LOAD_WORD: u16 = 0x20;
const LOAD_BYTE: u16 = 0x30;
const LOAD_LEN: u16 = 0x80;
const AND: u16 = 0x54;
const MODULO: u16 = 0x94;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;

const ALL: u32 = u32::MAX;

/// What a filter may do, from the harmless to the less so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Every message arrives as it is.
    #[default]
    Nothing,
    /// A message arrives as it is, or not at all.
    Rejects,
    /// A message may also arrive cut short.
    Cuts,
}

/// What a program may do: it follows from what it returns.
pub fn effect(program: &[Instruction]) -> Effect {
    let worst = |instruction: &Instruction| match (instruction.code, instruction.operand) {
        (RETURN, ALL) => Effect::Nothing,
        (RETURN, 0) => Effect::Rejects,
        (RETURN, _) => Effect::Cuts,
        // A load beyond the end rejects.
        (LOAD_WORD | LOAD_BYTE, _) => Effect::Rejects,
        _ => Effect::Nothing,
    };
    program.iter().map(worst).max().unwrap_or_default()
}

fn plain(code: u16, operand: u32) -> Instruction {
    jump(code, operand, 0, 0)
}

fn jump(code: u16, operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction {
        code,
        if_true,
        if_false,
        operand,
    }
}

/// A program that the kernel takes.
pub fn program(rng: &mut Rng) -> Vec<Instruction> {
    let field = |offset: usize| (header::LEN + offset) as u32;
    // Mostly all or nothing: what is cut short says less.
    let pass = if rng.u8(..) < 48 {
        [1, 16, 24, 40, 56, 60, 100][rng.usize(..7)]
    } else {
        ALL
    };
    let reject = plain(RETURN, 0);
    let pass = plain(RETURN, pass);
    match rng.u8(..8) {
        0 => vec![pass],
        1 => vec![reject],
        // Of the tag, as a client would: words are loaded in network byte order.
        2 | 3 => vec![
            plain(LOAD_BYTE, field(data::TAG_OFFSET) + rng.u32(..4)),
            plain(MODULO, rng.u32(1..4)),
            jump(JUMP_EQUAL, 0, 0, 1),
            pass,
            reject,
        ],
        // Of the number, which depends on everybody.
        4 => vec![
            plain(LOAD_BYTE, field(data::SEQ_OFFSET)),
            plain(AND, 1 << rng.u8(..3)),
            jump(JUMP_EQUAL, 0, 0, 1),
            pass,
            reject,
        ],
        // Of one topic.
        5 => vec![
            plain(LOAD_WORD, field(data::TOPIC_OFFSET)),
            plain(MODULO, 0x0300_0000),
            jump(JUMP_GREATER, 0x0100_0000, 0, 1),
            pass,
            reject,
        ],
        // Of the length.
        6 => vec![
            plain(LOAD_LEN, 0),
            jump(JUMP_GREATER, rng.u32(17..120), 0, 1),
            pass,
            reject,
        ],
        // A load that may lie beyond the end.
        _ => vec![plain(LOAD_BYTE, rng.u32(..200)), pass],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_follow_from_what_is_returned() {
        assert_eq!(effect(&[plain(RETURN, ALL)]), Effect::Nothing);
        assert_eq!(effect(&[plain(RETURN, 0)]), Effect::Rejects);
        assert_eq!(
            effect(&[plain(LOAD_LEN, 0), plain(RETURN, 60)]),
            Effect::Cuts
        );
        assert_eq!(
            effect(&[plain(LOAD_BYTE, 20), plain(RETURN, ALL)]),
            Effect::Rejects
        );
        assert_eq!(effect(&[]), Effect::Nothing);
    }
}
