//! Tokens.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::Seen;
use super::super::finding::Finding;
use super::super::time::now_ms;
use super::{duration, found, percent, well};

pub const CHECKS: &[Check] = &[
    Check {
        name: "token-keys",
        about: "a server with tokens has keys and a refresh secret",
        look: Look::Module(keys),
    },
    Check {
        name: "forged-tokens",
        about: "nobody has made a token with the refresh secret",
        look: Look::Module(forged),
    },
    Check { name: "stolen-tokens", about: "no refresh token was used twice", look: Look::Module(reused) },
    Check { name: "lost-rotations", about: "no rotation of a token was lost", look: Look::Module(lost) },
    Check {
        name: "refused-tokens",
        about: "most tokens that are presented are good",
        look: Look::Module(refused),
    },
    Check {
        name: "lost-replies",
        about: "few refresh tokens are presented again by clients that lost the reply",
        look: Look::Module(replayed),
    },
    Check {
        name: "tokens-not-before",
        about: "tokens-not-before does not lie in the future",
        look: Look::Module(not_before),
    },
    Check {
        name: "signing",
        about: "no call was refused because too many wait for a signature",
        look: Look::Module(signing),
    },
    Check {
        name: "verify-cache",
        about: "most signatures are found in the cache",
        look: Look::Module(cache),
    },
    Check {
        name: "evicted-sessions",
        about: "few sessions end to make room for a newer one",
        look: Look::Module(evicted),
    },
];

/// Shares of fewer calls say nothing.
const MIN_CALLS: i64 = 1000;

fn keys(node: Seen<'_>) -> Outcome {
    let stores = node.lockwatch("token_stores")?;
    let (keys, secrets) = (node.lockwatch("token_keys")?, node.lockwatch("token_refresh_secrets")?);
    // Generated keys are read from their files when the first token comes.
    let may_generate = node.directive("lockwatch.jwt-keys")?.is_empty()
        && node.directive("lockwatch.jwt-secret-file")?.is_empty()
        && node.primary
        && node.number("cluster_enabled")? == 0;
    if stores == 0 || (keys > 0 && secrets > 0) || may_generate {
        return well();
    }
    found(
        Finding::error(format!("token stores: {stores}, keys: {keys}, refresh secrets: {secrets}"))
            .why("Token commands answer LWNOKEY. Replicas and nodes of a cluster generate no keys.")
            .todo(
                "Set jwt-keys and refresh-secret-file to the files that the other servers have, then \
                 CONFIG REWRITE.",
            )
            .redis("CONFIG SET lockwatch.jwt-keys PATH lockwatch.refresh-secret-file PATH"),
    )
}

fn forged(node: Seen<'_>) -> Outcome {
    let forged = node.lockwatch("token_forged_total")?;
    if forged == 0 {
        return well();
    }
    found(
        Finding::error(format!(
            "{forged} refresh tokens with a right code were presented since the start that were never \
             given out"
        ))
        .why(
            "Somebody knows a refresh secret and can make tokens. If the secret was replaced since, this \
             counter is history: it starts anew with the server, and --skip forged-tokens leaves it out.",
        )
        .todo(
            "Replace the refresh secret at once, without the waiting of an ordinary change: \
             docs/guides/tokens/stolen-token.md.",
        )
        .redis("LW.AUDITLOG QUERY KIND token.forgery COUNT 10"),
    )
}

fn reused(node: Seen<'_>) -> Outcome {
    let reused = node.lockwatch("token_reused_total")?;
    if reused == 0 {
        return well();
    }
    found(
        Finding::note(format!(
            "{reused} refresh tokens were used again since the start, and their sessions have ended"
        ))
        .why("Tokens were stolen, or a client keeps an old one.")
        .todo("See whose they were (docs/guides/tokens/stolen-token.md).")
        .redis("LW.AUDITLOG QUERY KIND token.reuse COUNT 10"),
    )
}

fn lost(node: Seen<'_>) -> Outcome {
    let lost = node.lockwatch("token_rolled_forward_total")?;
    if lost == 0 {
        return well();
    }
    found(
        Finding::note(format!(
            "{lost} refresh tokens were ahead of this store since the start, and were accepted"
        ))
        .why(
            "A crash, failover or restore has lost their rotations. Revocations of the same moment may be \
             lost as well.",
        )
        .todo("If there was none: are two servers in use at once?")
        .redis("LW.AUDITLOG QUERY KIND token.rollback COUNT 10"),
    )
}

fn refused(node: Seen<'_>) -> Outcome {
    let mut findings = Vec::new();
    for (good, bad, what) in [
        ("token_verified_total", "token_verify_refused_total", "access tokens"),
        ("token_rotated_total", "token_rotate_refused_total", "refresh tokens"),
    ] {
        let (good, bad) = (node.lockwatch(good)?, node.lockwatch(bad)?);
        let all = good.saturating_add(bad);
        if all >= MIN_CALLS && percent(bad, all) >= 50 {
            findings.push(
                Finding::note(format!("{bad} of {all} {what} were refused since the start"))
                    .why("A change of keys, issuer or audience went wrong, or somebody guesses.")
                    .todo("Compare kid, iss and aud of a refused token with INFO and the directives."),
            );
        }
    }
    Ok(findings)
}

fn replayed(node: Seen<'_>) -> Outcome {
    let (rotated, replayed) =
        (node.lockwatch("token_rotated_total")?, node.lockwatch("token_replayed_total")?);
    if replayed < 100 || percent(replayed, rotated) < 50 {
        return well();
    }
    found(
        Finding::note(format!(
            "{rotated} refresh tokens were exchanged since the start, and {replayed} were presented again"
        ))
        .why(
            "Clients lose replies, or several tabs rotate at once. What comes after rotate-grace is taken \
             for theft and ends the session.",
        )
        .todo("Look at timeouts between client and application, and let tabs share one rotation."),
    )
}

fn not_before(node: Seen<'_>) -> Outcome {
    let at = node.directive("lockwatch.tokens-not-before")?.parse::<i64>().unwrap_or(0);
    // Below that it is in seconds.
    let at_ms = if at < 100_000_000_000 { at.saturating_mul(1000) } else { at };
    let ahead = at_ms.saturating_sub(now_ms());
    if ahead <= 0 {
        return well();
    }
    found(
        Finding::error(format!("tokens-not-before lies {} in the future", duration(ahead)))
            .why("Until then LW.ISSUE is refused and all sessions are over: nobody can log in.")
            .todo(
                "Set the time of the incident, in Unix milliseconds or seconds; 0 turns it off. Then \
                 CONFIG REWRITE.",
            )
            .redis("CONFIG SET lockwatch.tokens-not-before 0"),
    )
}

fn signing(node: Seen<'_>) -> Outcome {
    let busy = node.lockwatch("token_busy_total")?;
    if busy == 0 {
        return well();
    }
    let threads = node.directive("lockwatch.sign-threads")?;
    found(
        Finding::note(format!(
            "{busy} calls were refused with LWBUSY since the start; sign-threads is {threads}"
        ))
        .why("RSA signatures take a third of a millisecond of CPU each. At the limit logins fail.")
        .todo(
            "Sign with EdDSA or ES256, which takes microseconds, or raise sign-threads to the number of \
             free cores.",
        ),
    )
}

fn cache(node: Seen<'_>) -> Outcome {
    let (verified, hits) =
        (node.lockwatch("token_verified_total")?, node.lockwatch("token_verify_cache_hits_total")?);
    let entries = node.directive("lockwatch.verify-cache-entries")?;
    if verified < MIN_CALLS || percent(hits, verified) >= 50 || entries == "0" {
        return well();
    }
    found(
        Finding::note(format!(
            "{} % of {verified} verified tokens were in the cache; verify-cache-entries is {entries}",
            percent(hits, verified)
        ))
        .why("Each other one costs a signature check.")
        .todo("If CPU is short, hold as many entries as there are live access tokens, at 700 bytes each.")
        .redis("CONFIG SET lockwatch.verify-cache-entries NUMBER"),
    )
}

fn evicted(node: Seen<'_>) -> Outcome {
    let (issued, evicted) = (node.lockwatch("token_issued_total")?, node.lockwatch("token_evicted_total")?);
    if issued < 100 || percent(evicted, issued) < 10 {
        return well();
    }
    found(
        Finding::note(format!(
            "{evicted} of {issued} new sessions since the start have ended an older one of their subject"
        ))
        .why("A client logs in again and again instead of refreshing, or sessions-per-subject is low.")
        .todo("Find the subject by LW.SESSIONS, and correct the client."),
    )
}
