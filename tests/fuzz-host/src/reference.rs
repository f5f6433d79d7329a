// SPDX-License-Identifier: GPL-2.0

//! Names, patterns and matching once more, from docs/protocol.md and in another way than
//! `src/wire/topic.rs`.

/// Whether the bytes are the name of a topic.
pub fn is_name(bytes: &[u8]) -> bool {
    is_path(bytes) && !bytes.contains(&b'*')
}

/// Whether the bytes are a pattern.
pub fn is_pattern(bytes: &[u8]) -> bool {
    let whole = |segment: &[u8]| !segment.contains(&b'*') || segment == b"*" || segment == b"**";
    is_path(bytes) && bytes.split(|byte| *byte == b'/').all(whole)
}

fn is_path(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    (1..=255).contains(&bytes.len())
        && !text.chars().any(is_control)
        && !text.starts_with('/')
        && !text.ends_with('/')
        && !text.contains("//")
}

/// Unicode's category Cc.
pub fn is_control(c: char) -> bool {
    matches!(u32::from(c), 0..=0x1f | 0x7f..=0x9f)
}

/// Whether a valid pattern matches a valid name: follows all ways to read the pattern at once.
pub fn matches(pattern: &str, name: &str) -> bool {
    let name: Vec<&str> = name.split('/').collect();
    // Which numbers of the name's first segments the pattern's first segments can stand for.
    let mut taken = vec![false; name.len() + 1];
    taken[0] = true;
    for segment in pattern.split('/') {
        let mut next = vec![false; name.len() + 1];
        for at in (0..=name.len()).filter(|at| taken[*at]) {
            match segment {
                "**" => next[at..].fill(true),
                "*" if at < name.len() => next[at + 1] = true,
                literal if name.get(at) == Some(&literal) => next[at + 1] = true,
                _ => {}
            }
        }
        taken = next;
    }
    taken[name.len()]
}
