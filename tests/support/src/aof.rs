//! Reads append-only files.

use std::ops::Range;

/// The commands in an AOF, each with its encoded bytes.
pub type Records = Vec<Vec<u8>>;

/// Splits an AOF, which must end with a whole command.
#[track_caller]
pub fn records(aof: &[u8]) -> Records {
    let line = |from: usize| -> Range<usize> {
        let end = aof[from..].windows(2).position(|pair| pair == b"\r\n").expect("a whole line");
        from..from + end
    };
    let number = |line: Range<usize>| -> usize {
        let digits = std::str::from_utf8(&aof[line.start + 1..line.end]).expect("digits");
        digits.parse().expect("a number")
    };
    let mut records = Records::new();
    let mut at = 0;
    while at < aof.len() {
        let start = at;
        let head = line(at);
        at = head.end + 2;
        for _ in 0..number(head) {
            let length = line(at);
            at = length.end + 2 + number(length.clone()) + 2;
        }
        records.push(aof[start..at].to_vec());
    }
    records
}

/// The name of a command, in capitals.
#[track_caller]
pub fn name_of(record: &[u8]) -> String {
    let text = String::from_utf8_lossy(record);
    text.split("\r\n").nth(2).expect("a command has a name").to_ascii_uppercase()
}

/// The places of a command's words in its bytes.
#[track_caller]
pub fn words(record: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = record.iter().position(|byte| *byte == b'$').unwrap_or(record.len());
    while at < record.len() {
        let end = at + record[at..].iter().position(|byte| *byte == b'\r').expect("a whole line");
        let digits = std::str::from_utf8(&record[at + 1..end]).expect("digits");
        let from = end + 2;
        words.push(from..from + digits.parse::<usize>().expect("a length"));
        at = words[words.len() - 1].end + 2;
    }
    words
}
