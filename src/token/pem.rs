//! Why a file holds no key that can be used, for the operator who named it. No reason shows a part
//! of a key.

/// Object identifiers in DER: the algorithm of a key, and the curve of an EC key.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_PSS: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const CURVES: &[(&[u8], &str)] = &[
    (b"\x06\x05\x2b\x81\x04\x00\x22", "P-384"),
    (b"\x06\x05\x2b\x81\x04\x00\x23", "P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x21", "P-224"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "secp256k1"),
];
const OTHER_KEYS: &[(&[u8], &str)] = &[
    (b"\x06\x03\x2b\x65\x6e", "an X25519 key, which can't sign"),
    (b"\x06\x03\x2b\x65\x6f", "an X448 key, which can't sign"),
    (b"\x06\x03\x2b\x65\x71", "an Ed448 key"),
    (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", "a DSA key"),
];

/// The kinds of key that can be used.
const USABLE: &str = "RSA of 2048 to 8192 bits, EC on P-256 and Ed25519 can be used";

/// The identifiers are near the start of a key: further on are random bytes.
const HEAD_BYTES: usize = 64;

/// Why a file without any key that this module reads is not what it should be.
pub(super) fn why_no_key(file: &[u8]) -> String {
    let text = String::from_utf8_lossy(file);
    let has = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
    if is_encrypted(file) {
        ENCRYPTED.to_owned()
    } else if has("OPENSSH PRIVATE KEY") {
        "it holds a key in the format of OpenSSH: make one with openssl genpkey".to_owned()
    } else if has("CERTIFICATE") {
        "it holds a certificate and no key: openssl x509 -pubkey -noout -in FILE writes its public key"
            .to_owned()
    } else if has("DSA PRIVATE KEY") {
        format!("it holds a DSA key: {USABLE}")
    } else if text.contains("-----BEGIN ") {
        format!("it is a PEM file, but holds no key: {USABLE}")
    } else if file.first() == Some(&0x30) {
        "it is DER and not PEM: openssl pkey -inform DER -in FILE -out NEWFILE converts it".to_owned()
    } else {
        "it is not a PEM file: no line in it begins with -----BEGIN".to_owned()
    }
}

const ENCRYPTED: &str =
    "it holds an encrypted private key: openssl pkey -in FILE -out NEWFILE writes it without the encryption";

/// Whether the private key in the file is encrypted, in PKCS #8 or in the older form.
pub(super) fn is_encrypted(file: &[u8]) -> bool {
    let text = String::from_utf8_lossy(file);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// Why a key, given as DER in one of the formats that this module reads, can't be used.
pub(super) fn why_unusable(der: &[u8], is_encrypted: bool) -> String {
    if is_encrypted {
        return ENCRYPTED.to_owned();
    }
    let head = &der[..der.len().min(HEAD_BYTES)];
    let has = |id: &[u8]| head.windows(id.len()).any(|window| window == id);
    if let Some((_, what)) = OTHER_KEYS.iter().find(|(id, _)| has(id)) {
        return format!("it holds {what}: {USABLE}");
    }
    // Without PKCS #8 the identifier of an EC key's curve is at its end.
    if let Some((_, curve)) = CURVES.iter().find(|(id, _)| has(id) || der.windows(id.len()).any(|w| w == *id))
    {
        return format!("it holds an EC key on {curve}: of EC keys those on P-256 can be used");
    }
    if has(RSA_PSS) {
        return "it holds an RSA key for PSS alone: make one with openssl genpkey -algorithm RSA".to_owned();
    }
    if has(EC) {
        return "it holds an EC key that is damaged or on a curve other than P-256".to_owned();
    }
    match rsa_bits(der) {
        Some(bits) if !(2048..=8192).contains(&bits) => {
            format!("it holds an RSA key of {bits} bits: 2048 to 8192 bits can be used")
        }
        Some(_) => "it holds an RSA key that is damaged or unsound".to_owned(),
        None => format!("it holds a key that is damaged or of another kind: {USABLE}"),
    }
}

/// The length of the modulus, if `der` is an RSA key: PKCS #8, PKCS #1 or a SubjectPublicKeyInfo.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let is_wrapped = der[..der.len().min(HEAD_BYTES)].windows(RSA.len()).any(|window| window == RSA);
    let key = if is_wrapped { unwrapped(der)? } else { der };
    let (_, numbers, _) = element(key)?;
    let (tag, first, rest) = element(numbers)?;
    if tag != INTEGER {
        return None;
    }
    // A private key has its version before the modulus.
    let modulus = if first.len() > 1 { first } else { element(rest)?.1 };
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let leading = modulus.get(zeros)?.leading_zeros() as usize;
    Some((modulus.len() - zeros) * 8 - leading)
}

/// The key inside PKCS #8 or a SubjectPublicKeyInfo.
fn unwrapped(der: &[u8]) -> Option<&[u8]> {
    let (_, mut rest, _) = element(der)?;
    loop {
        let (tag, inside, after) = element(rest)?;
        match tag {
            OCTETS => return Some(inside),
            // The first byte is the number of unused bits.
            BITS => return inside.get(1..),
            _ => rest = after,
        }
    }
}

const INTEGER: u8 = 2;
const BITS: u8 = 3;
const OCTETS: u8 = 4;

/// The tag and contents of the first element of `der`, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (len, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
    };
    let (inside, after) = rest.split_at_checked(len)?;
    Some((tag, inside, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_have_a_reason(bytes: Vec<u8>) {
            prop_assert!(!why_no_key(&bytes).is_empty());
            prop_assert!(!why_unusable(&bytes, false).is_empty());
        }

        #[test]
        fn bytes_where_an_rsa_key_should_be_have_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let inside = [RSA, &[OCTETS, bytes.len() as u8], &bytes].concat();
            let der = [&[0x30, inside.len() as u8], &inside[..]].concat();
            prop_assert!(!why_unusable(&der, false).is_empty());
        }
    }
}
