//! Takes apart payloads of DUMP and RESTORE and builds new ones with a correct checksum.
//!
//! A payload is a type byte, the value, two bytes of RDB version and a CRC-64 over all of it. A
//! module's value is the module's id, the saved data (here an opcode and a string), and an end
//! opcode.

/// The opcode of a string that a module saved.
const STRING: u8 = 5;
/// The opcode at the end of a module's value.
const EOF: u8 = 0;
/// The length of the type byte and the module's id, a 64-bit integer after a marker byte.
const HEAD: usize = 1 + 9;
/// The length of RDB version and checksum.
const FOOTER: usize = 2 + 8;

/// The DUMP of a value of this module.
#[derive(Clone)]
pub struct Payload {
    dump: Vec<u8>,
}

impl Payload {
    pub fn new(dump: &[u8]) -> Self {
        Self { dump: dump.to_vec() }
    }

    /// The bytes between the type byte and the footer: module id, opcodes and value.
    pub fn body(&self) -> &[u8] {
        &self.dump[1..self.dump.len() - FOOTER]
    }

    /// The string that the module saved. It must not be compressed (`rdbcompression no`).
    #[track_caller]
    pub fn saved(&self) -> &[u8] {
        let value = &self.dump[HEAD..self.dump.len() - FOOTER];
        assert_eq!(
            (value[0], value.last()),
            (STRING, Some(&EOF)),
            "not one string: {}",
            value.escape_ascii()
        );
        let (len, at) = match value[1] >> 6 {
            0 => (usize::from(value[1]), 2),
            1 => (usize::from(value[1] & 0x3f) << 8 | usize::from(value[2]), 3),
            _ => panic!("compressed, or longer than a test needs: {}", value.escape_ascii()),
        };
        assert_eq!(at + len + 1, value.len(), "its length");
        &value[at..at + len]
    }

    /// Returns the payload with another body.
    pub fn with_body(&self, body: &[u8]) -> Vec<u8> {
        let version = &self.dump[self.dump.len() - FOOTER..][..2];
        let mut dump = [&self.dump[..1], body, version].concat();
        dump.extend_from_slice(&crc64(&dump).to_le_bytes());
        dump
    }

    /// Returns the payload with another saved string.
    pub fn with_saved(&self, saved: &[u8]) -> Vec<u8> {
        let id = &self.dump[1..HEAD];
        self.with_body(&[id, &[STRING], &length(saved.len()), saved, &[EOF]].concat())
    }
}

/// Encodes a length as in RDB files, in the shortest form.
fn length(len: usize) -> Vec<u8> {
    match len {
        0..0x40 => vec![len as u8],
        0x40..0x4000 => (len as u16 | 0x4000).to_be_bytes().to_vec(),
        _ => [&[0x80], &(len as u32).to_be_bytes()[..]].concat(),
    }
}

/// The CRC-64 of Redis: the Jones polynomial, reflected, without inversion.
pub fn crc64(bytes: &[u8]) -> u64 {
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut crc = i as u64;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

#[test]
fn crc64_matches_the_check_value_of_redis() {
    // The check value is from Redis's crc64.c.
    assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
}
