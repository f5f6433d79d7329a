// SPDX-License-Identifier: MIT OR Apache-2.0

//! The file of `kipc record`; docs/recording.md describes it.
//!
//! Each record has its length and checksum before it, so a file that was cut anywhere, or whose end
//! was never written, is good up to there.

use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;

/// The first bytes of a file; the last of them is the version of the format.
const MAGIC: &[u8; 8] = b"kipcrec\x01";

/// Longest record: no message is as long.
const MOST: u32 = 1 << 30;

const TOPIC: u8 = 1;
const MESSAGE: u8 = 2;
const LOST: u8 = 3;

/// What a file is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Names the topic of the records that follow with this number.
    Topic {
        number: u32,
        fingerprint: u64,
        name: String,
    },
    Message {
        topic: u32,
        tag: u32,
        seq: u64,
        /// `CLOCK_MONOTONIC` of the machine that recorded it, in nanoseconds.
        time: u64,
        publisher: u32,
        payload: Vec<u8>,
    },
    /// Messages that are missing here.
    Lost { topic: u32, first: u64, count: u64 },
}

/// Writes a file.
pub(crate) struct Writer<W> {
    output: W,
    record: Vec<u8>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(mut output: W) -> io::Result<Self> {
        output.write_all(MAGIC)?;
        Ok(Self {
            output,
            record: Vec::new(),
        })
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        let body = &mut self.record;
        body.clear();
        match record {
            Record::Topic {
                number,
                fingerprint,
                name,
            } => {
                body.push(TOPIC);
                body.extend(number.to_le_bytes());
                body.extend(fingerprint.to_le_bytes());
                body.extend(name.as_bytes());
            }
            Record::Message {
                topic,
                tag,
                seq,
                time,
                publisher,
                payload,
            } => {
                body.push(MESSAGE);
                body.extend(topic.to_le_bytes());
                body.extend(tag.to_le_bytes());
                body.extend(seq.to_le_bytes());
                body.extend(time.to_le_bytes());
                body.extend(publisher.to_le_bytes());
                body.extend(payload);
            }
            Record::Lost {
                topic,
                first,
                count,
            } => {
                body.push(LOST);
                body.extend(topic.to_le_bytes());
                body.extend(first.to_le_bytes());
                body.extend(count.to_le_bytes());
            }
        }
        let len = u32::try_from(body.len())
            .ok()
            .filter(|len| *len <= MOST)
            .ok_or(ErrorKind::FileTooLarge)?;
        self.output.write_all(&len.to_le_bytes())?;
        self.output
            .write_all(&crc32fast::hash(body).to_le_bytes())?;
        self.output.write_all(body)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Record(Record),
    /// All was read.
    End,
    /// The file was cut, or is damaged from here on.
    Cut,
}

/// Reads a file.
pub(crate) struct Reader<R> {
    input: R,
    body: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// An error of kind `InvalidData` if it is no such file.
    pub(crate) fn new(mut input: R) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let no_recording = |why: &str| io::Error::new(ErrorKind::InvalidData, why);
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Ok(()) if magic.starts_with(&MAGIC[..MAGIC.len() - 1]) => {
                return Err(no_recording("a newer kipc made this recording: use that"));
            }
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error),
            _ => return Err(no_recording("this is no recording of kipc")),
        }
        Ok(Self {
            input,
            body: Vec::new(),
        })
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> io::Result<Step> {
        let mut head = [0; 8];
        match fill(&mut self.input, &mut head)? {
            0 => return Ok(Step::End),
            8 => {}
            _ => return Ok(Step::Cut),
        }
        let len = number(&head[..4]) as u32;
        if len > MOST {
            return Ok(Step::Cut);
        }
        // Not as much as a damaged length may claim, but as much as there is.
        self.body.clear();
        let read = (&mut self.input)
            .take(len.into())
            .read_to_end(&mut self.body)?;
        if read != len as usize || u64::from(crc32fast::hash(&self.body)) != number(&head[4..]) {
            return Ok(Step::Cut);
        }
        Ok(parse(&self.body).map_or(Step::Cut, Step::Record))
    }
}

/// Reads until the buffer is full or the input ends; how much.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let fold = |number, byte: &u8| number << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, fold)
}

fn parse(body: &[u8]) -> Option<Record> {
    let (kind, mut rest) = body.split_first()?;
    let mut take = |len| {
        let (field, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(number(field))
    };
    let record = match *kind {
        TOPIC => {
            let (number, fingerprint) = (take(4)? as u32, take(8)?);
            Record::Topic {
                number,
                fingerprint,
                name: String::from_utf8(std::mem::take(&mut rest).to_vec()).ok()?,
            }
        }
        MESSAGE => {
            let (topic, tag) = (take(4)? as u32, take(4)? as u32);
            let (seq, time, publisher) = (take(8)?, take(8)?, take(4)? as u32);
            Record::Message {
                topic,
                tag,
                seq,
                time,
                publisher,
                payload: std::mem::take(&mut rest).to_vec(),
            }
        }
        LOST => Record::Lost {
            topic: take(4)? as u32,
            first: take(8)?,
            count: take(8)?,
        },
        _ => return None,
    };
    rest.is_empty().then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        vec![
            Record::Topic {
                number: 1,
                fingerprint: u64::MAX - 1,
                name: "a/ü".into(),
            },
            Record::Message {
                topic: 1,
                tag: 2,
                seq: 3,
                time: 1 << 60,
                publisher: 5,
                payload: vec![0, 255, 10],
            },
            Record::Lost {
                topic: 1,
                first: 4,
                count: 7,
            },
        ]
    }

    fn file() -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file).unwrap();
        for record in records() {
            writer.write(&record).unwrap();
        }
        file
    }

    fn read(file: &[u8]) -> (Vec<Record>, Step) {
        let mut reader = Reader::new(file).unwrap();
        let mut records = Vec::new();
        loop {
            match reader.next().unwrap() {
                Step::Record(record) => records.push(record),
                end => return (records, end),
            }
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(read(&file()), (records(), Step::End));
    }

    #[test]
    fn a_file_that_was_cut_anywhere_is_good_up_to_there() {
        let file = file();
        let mut most = 0;
        for len in MAGIC.len()..file.len() {
            let (found, end) = read(&file[..len]);
            assert_eq!(found, records()[..found.len()]);
            // Between two records nothing shows that there was more.
            assert!(found.len() >= most && found.len() < 3, "{len}: {end:?}");
            most = found.len();
        }
        assert_eq!(most, 2);
    }

    #[test]
    fn a_damaged_byte_ends_the_file_before_its_record() {
        let good = file();
        for at in MAGIC.len()..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let (found, end) = read(&bad);
            assert!(found.len() < 3, "{at}");
            assert_eq!(found, records()[..found.len()]);
            assert_eq!(end, Step::Cut, "{at}");
        }
    }

    #[test]
    fn other_files_are_no_recordings() {
        for file in [&b""[..], b"kipcrec", b"kipcrec\x02", b"something else"] {
            let error = Reader::new(file).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }
}
