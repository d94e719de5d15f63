//! The names that the module gives to its own alerts and audit events. Callers cannot use them, so
//! a receiver can trust an alert of the type `token.reuse`.

/// Names that are reserved as they are.
const NAMES: &[&str] = &["burst", "gap"];
/// All names with these beginnings are reserved, for later versions of the module as well.
const PREFIXES: &[&str] = &["audit.", "burst.", "guard.", "lockwatch.", "token."];
/// All names with this ending are reserved: those of the alerts that summarise others.
const SUMMARY: &str = ".summary";

/// The type of an alert that summarises alerts of the type `kind`.
pub(crate) fn summary_of(kind: &str) -> String {
    format!("{kind}{SUMMARY}")
}

/// Whether `name`, a type or kind in ASCII, is one of the module's own. Case does not matter,
/// because a reader may take `Token.Reuse` for the module's.
pub(crate) fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str())
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.ends_with(SUMMARY)
}

/// Refuses a caller's `name` if it is reserved.
pub(crate) fn refuse_reserved(name: &str) -> Result<&str, String> {
    if !is_reserved(name) {
        return Ok(name);
    }
    let prefixes = PREFIXES.join(", ");
    Err(format!(
        "is the module's own: it may not be {}, begin with {prefixes} or end with {SUMMARY}",
        NAMES.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_own_names_are_refused_and_similar_ones_are_not() {
        for name in [
            "burst",
            "Burst",
            "gap",
            "audit.lag",
            "guard.ban",
            "token.reuse",
            "TOKEN.x",
            "lockwatch.test",
            "a.summary",
        ] {
            assert!(refuse_reserved(name).is_err(), "{name}");
        }
        for name in
            ["bursts", "gaps", "audit", "audits.lag", "token", "my.token.reuse", "summary", "a.summary.b"]
        {
            assert_eq!(refuse_reserved(name), Ok(name));
        }
        assert!(is_reserved(&summary_of("disk.full")));
    }
}
