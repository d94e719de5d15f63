//! Verification of Standard Webhooks signatures, written from the specification, independent of the
//! module.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Request;

/// How far a timestamp may be from now. The specification's libraries allow five minutes.
pub const TOLERANCE_SECONDS: u64 = 300;

/// Verifies that `request` is signed with one of `secrets` and its timestamp is current. The error
/// is the reason.
pub fn verify(request: &Request, secrets: &[&str]) -> Result<(), String> {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970").as_secs();
    verify_at(request, secrets, now)
}

/// Like [`verify`], at the Unix time `now`.
pub fn verify_at(request: &Request, secrets: &[&str], now: u64) -> Result<(), String> {
    let header = |name| request.header_if_any(name).ok_or_else(|| format!("there is no {name}"));
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let seconds: u64 = timestamp.parse().map_err(|_| format!("timestamp {timestamp}"))?;
    if seconds.abs_diff(now) > TOLERANCE_SECONDS {
        return Err(format!("timestamp {timestamp} is not about now, {now}"));
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.body].concat();
    let given = header("webhook-signature")?;
    let matches = |signature: &str| {
        let bytes = signature.strip_prefix("v1,").and_then(|text| BASE64_STANDARD.decode(text).ok());
        bytes.is_some_and(|bytes| secrets.iter().any(|secret| is_mac(secret, &signed, &bytes)))
    };
    given.split(' ').any(matches).then_some(()).ok_or_else(|| format!("no signature of {given} is right"))
}

fn is_mac(secret: &str, signed: &[u8], mac: &[u8]) -> bool {
    let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).expect("a secret is base64");
    let hmac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    hmac.chain_update(signed).verify_slice(mac).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SENT_AT: u64 = 1_614_265_330;

    /// The example of the specification.
    fn example() -> Request {
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        Request {
            arrived: Instant::now(),
            method: "POST".into(),
            path: "/".into(),
            headers: headers.map(|(name, value)| (name.into(), value.into())).to_vec(),
            body: br#"{"test": 2432232314}"#.to_vec(),
        }
    }

    #[test]
    fn the_example_of_the_specification_is_verified() {
        verify_at(&example(), &[SECRET], SENT_AT).unwrap();
        verify_at(&example(), &["whsec_c29tZSBvdGhlciBzZWNyZXQgb2Ygb3Vycw==", SECRET], SENT_AT).unwrap();
        verify_at(&example(), &[SECRET], SENT_AT + TOLERANCE_SECONDS).unwrap();
    }

    #[test]
    fn changed_requests_wrong_secrets_and_stale_timestamps_are_refused() {
        for now in [SENT_AT + TOLERANCE_SECONDS + 1, SENT_AT - TOLERANCE_SECONDS - 1] {
            verify_at(&example(), &[SECRET], now).unwrap_err();
        }
        verify_at(&example(), &["whsec_c29tZSBvdGhlciBzZWNyZXQgb2Ygb3Vycw=="], SENT_AT).unwrap_err();
        let mut changed = example();
        changed.body[3] ^= 1;
        verify_at(&changed, &[SECRET], SENT_AT).unwrap_err();
        for (header, other) in [(0, "msg_p5jXN8AQM9LWM0D4loKWxJel"), (1, "1614265331"), (2, "v1,AAAA")] {
            let mut changed = example();
            changed.headers[header].1 = other.into();
            verify_at(&changed, &[SECRET], SENT_AT).unwrap_err();
        }
    }
}
