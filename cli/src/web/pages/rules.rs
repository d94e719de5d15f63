//! Rules of guards in words.

use super::words::{duration, number, shown};
use crate::facts::rules::{Count, Rule};

/// `more than 10 users in 10 min`: what fires `rule`, in short.
pub fn measure(rule: &Rule) -> String {
    match &rule.count {
        Count::Each => format!("each of the {}", kinds(rule)),
        Count::Most { most, of, window_ms } => {
            let things = of.as_deref().map_or_else(|| kinds(rule), shown);
            format!("more than {} {things} in {}", number(*most), duration(*window_ms))
        }
        Count::Gaps { gaps, over_ms } => {
            format!("{} gaps above {}", number(*gaps), duration(*over_ms))
        }
    }
}

/// What fires `rule`, as a sentence.
pub fn sentence(rule: &Rule) -> String {
    let (kinds, scope) = (kinds(rule), scope(rule));
    let what = match &rule.count {
        Count::Each => format!("each of the {kinds} {scope}"),
        Count::Most { most, of, window_ms } => {
            let window = duration(*window_ms);
            let most = number(*most);
            match of.as_deref() {
                None => format!("more than {most} {kinds} {scope} within {window}"),
                Some("users") => format!("{kinds} {scope} for more than {most} users within {window}"),
                Some("networks") => format!("{kinds} {scope} from more than {most} networks within {window}"),
                Some(other) => {
                    format!(
                        "{kinds} {scope} with more than {most} different {} within {window}",
                        shown(other)
                    )
                }
            }
        }
        Count::Gaps { gaps, over_ms } => format!(
            "{kinds} {scope} that come less often than every {}, by the last {}",
            duration(*over_ms),
            number(*gaps)
        ),
    };
    let mode = if rule.observes { " It only observes." } else { "" };
    format!("The rule {} watches for {what}.{mode}", shown(&rule.name))
}

fn kinds(rule: &Rule) -> String {
    let each = rule.kinds.iter().map(|kind| match kind.as_str() {
        "attempt" => "attempts".to_owned(),
        "failure" => "failures".to_owned(),
        "unknown" => "tries of unknown names".to_owned(),
        "mfa" => "wrong second factors".to_owned(),
        "open" => "attempts without an outcome".to_owned(),
        "password" => "right passwords".to_owned(),
        "success" => "successes".to_owned(),
        other if other.bytes().all(|byte| byte.is_ascii_digit()) => format!("answers {}", shown(other)),
        other => format!("events {}", shown(other)),
    });
    each.collect::<Vec<_>>().join(" or ").replace(" or answers ", " or ")
}

fn scope(rule: &Rule) -> &'static str {
    match rule.scope.as_str() {
        "ip" => "from one address",
        "user" => "of one user",
        "pair" => "of one user at one address",
        _ => "of one key",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_explained() {
        let most =
            |most, of: Option<&str>, window_ms| Count::Most { most, of: of.map(Into::into), window_ms };
        for (scope, kinds, count, short, long) in [
            (
                "ip",
                &["failure"][..],
                most(10, Some("users"), 600_000),
                "more than 10 users in 10 min",
                "The rule r watches for failures from one address for more than 10 users within 10 min.",
            ),
            (
                "user",
                &["mfa"],
                most(5, None, 3_000_000),
                "more than 5 wrong second factors in 50 min",
                "The rule r watches for more than 5 wrong second factors of one user within 50 min.",
            ),
            (
                "ip",
                &["401", "404"],
                most(15, Some("values"), 75_000),
                "more than 15 values in 75 s",
                "The rule r watches for answers 401 or 404 from one address with more than 15 different values \
                 within 75 s.",
            ),
        ] {
            let rule = Rule {
                guard: "g".into(),
                name: "r".into(),
                scope: scope.into(),
                kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
                count,
                observes: false,
            };
            assert_eq!((measure(&rule).as_str(), sentence(&rule).as_str()), (short, long));
        }
    }
}
