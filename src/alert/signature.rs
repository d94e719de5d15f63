//! Standard Webhooks signatures, <https://github.com/standard-webhooks/standard-webhooks>:
//! HMAC-SHA256 over `id.timestamp.body`, in base64.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::secret::Secret;

/// The value of `webhook-signature`: one signature for each secret, separated by spaces. `None`
/// without secrets. `timestamp` is in Unix seconds, as in `webhook-timestamp`. `id` contains no
/// dot.
pub(crate) fn sign(secrets: &[Secret], id: &str, timestamp: u64, body: &str) -> Option<String> {
    let signatures: Vec<String> =
        secrets.iter().map(|secret| sign_one(secret, id, timestamp, body)).collect();
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

fn sign_one(secret: &Secret, id: &str, timestamp: u64, body: &str) -> String {
    let mut context = hmac::Context::with_key(secret.key());
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::hmac::{Hmac, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    fn verifies(secret: &[u8], id: &str, timestamp: u64, body: &str, header: &str) -> bool {
        header.split(' ').filter_map(|part| part.strip_prefix("v1,")).any(|part| {
            let mac = BASE64_STANDARD.decode(part).unwrap();
            let mut check = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            check.update(format!("{id}.{timestamp}.{body}").as_bytes());
            check.verify_slice(&mac).is_ok()
        })
    }

    #[test]
    fn the_specifications_own_example() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let header =
            sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(header.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn without_secrets_nothing_is_signed() {
        assert_eq!(sign(&[], "id", 0, ""), None);
    }

    proptest! {
        #[test]
        fn an_independent_implementation_agrees(
            first in prop::collection::vec(any::<u8>(), 24..=64),
            second in prop::collection::vec(any::<u8>(), 24..=64),
            id in "[0-9a-f-]{1,40}",
            timestamp in 0..10_000_000_000_u64,
            body in ".{0,200}",
        ) {
            let secrets = [&first, &second].map(|bytes| Secret::parse(&BASE64_STANDARD.encode(bytes)).unwrap());
            let header = sign(&secrets, &id, timestamp, &body).unwrap();
            prop_assert_eq!(header.split(' ').count(), 2);
            prop_assert!(verifies(&first, &id, timestamp, &body, &header));
            prop_assert!(verifies(&second, &id, timestamp, &body, &header));
            prop_assert!(!verifies(&first, &id, timestamp + 1, &body, &header));
            let (other_body, other_id) = (format!("{body} "), format!("{id}0"));
            prop_assert!(!verifies(&first, &id, timestamp, &other_body, &header));
            prop_assert!(!verifies(&first, &other_id, timestamp, &body, &header));
        }
    }
}
