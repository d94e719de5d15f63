//! ACL users of a server, and which commands they may call.

use super::asked::Asked;

/// A user as ACL LIST shows it, without its passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub on: bool,
    pub nopass: bool,
    /// Whether it may call every command on every key.
    pub superuser: bool,
    /// Rules that name an internal command of the module.
    pub internal: Vec<String>,
    /// The commands of [`TRIED`] that it may call.
    pub may: Asked<Vec<&'static Tried>>,
}

/// A command that users are tried with.
#[derive(Debug, PartialEq, Eq)]
pub struct Tried {
    pub name: &'static str,
    /// The words of a call, for ACL DRYRUN.
    pub call: &'static [&'static str],
    /// Whether applications call it. Otherwise it is for people.
    pub application: bool,
}

const fn application(name: &'static str, call: &'static [&'static str]) -> Tried {
    Tried { name, call, application: true }
}

const fn person(name: &'static str, call: &'static [&'static str]) -> Tried {
    Tried { name, call, application: false }
}

pub const TRIED: &[Tried] = &[
    application("LW.RATELIMIT", &["LW.RATELIMIT", "k", "1", "1"]),
    application("LW.BURST", &["LW.BURST", "k", "1", "1"]),
    application("LW.ACQUIRE", &["LW.ACQUIRE", "k", "1", "1"]),
    application("LW.ATTEMPT", &["LW.ATTEMPT", "k", "USER", "u"]),
    application("LW.CHECK", &["LW.CHECK", "k", "USER", "u"]),
    application("LW.ISSUE", &["LW.ISSUE", "k", "u"]),
    application("LW.VERIFY", &["LW.VERIFY", "k", "t"]),
    person("LW.BAN", &["LW.BAN", "k", "USER", "u", "FOR", "1"]),
    person("LW.ALLOW", &["LW.ALLOW", "k", "USER", "u", "FOR", "1"]),
    person("LW.LIFT", &["LW.LIFT", "k", "ALL"]),
    person("LW.REVOKEALL", &["LW.REVOKEALL", "k"]),
    person("LW.POLICY SET", &["LW.POLICY", "SET", "p", "1", "1"]),
    person("LW.AUDITLOG QUERY", &["LW.AUDITLOG", "QUERY"]),
    person("LW.AUDITLOG ERASE", &["LW.AUDITLOG", "ERASE", "USER", "u"]),
    person("LW.ALERTS DISCARD", &["LW.ALERTS", "DISCARD", "ALL"]),
    person("LW.RELOAD", &["LW.RELOAD"]),
    person("LW.PURGE", &["LW.PURGE", "AUDIT"]),
    person("CONFIG SET", &["CONFIG", "SET", "maxmemory", "0"]),
];

/// Reads a line of ACL LIST: `user NAME on #HASH ~KEYS &CHANNELS +COMMANDS …`. Hashes of passwords
/// are dropped.
pub fn parse(line: &str) -> Option<User> {
    let mut words = line.split_ascii_whitespace();
    let name = (words.next() == Some("user")).then(|| words.next()).flatten()?;
    let rules: Vec<&str> = words.filter(|word| !word.starts_with('#')).collect();
    let commands: Vec<&str> = rules.iter().copied().filter(|rule| rule.starts_with(['+', '-'])).collect();
    Some(User {
        name: name.to_owned(),
        on: rules.contains(&"on"),
        nopass: rules.contains(&"nopass"),
        superuser: commands == ["+@all"] && rules.contains(&"~*"),
        internal: commands
            .iter()
            .filter(|rule| rule.to_ascii_lowercase().starts_with("+lw._"))
            .map(|rule| (*rule).to_owned())
            .collect(),
        may: Ok(Vec::new()),
    })
}

/// Whether an answer of ACL DRYRUN means that the user may call the command, perhaps with another
/// key.
pub fn may_call(answer: &str) -> bool {
    answer == "OK" || answer.contains("access the") || answer.contains("access at least one of the keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_acl_list_is_read_without_its_passwords() {
        let user = parse("user app on #2d711642b726b044 ~lw:* resetchannels -@all +lw.ratelimit +lw._guard");
        let user = user.unwrap();
        assert_eq!((user.name.as_str(), user.on, user.nopass, user.superuser), ("app", true, false, false));
        assert_eq!(user.internal, ["+lw._guard"]);
        assert!(!format!("{user:?}").contains("2d711642b726b044"));
        let default = parse("user default on nopass sanitize-payload ~* &* +@all").unwrap();
        assert!(default.superuser && default.nopass);
        assert!(!parse("user ops on ~* &* +@all -@dangerous").unwrap().superuser);
        assert!(!parse("user ops off ~lw:* &* +@all").unwrap().superuser);
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn a_user_who_may_call_a_command_with_other_keys_may_call_it() {
        assert!(may_call("OK"));
        assert!(may_call("This user has no permissions to access the 'k' key"));
        assert!(may_call("User app has no permissions to access the 'k' key"));
        assert!(!may_call("This user has no permissions to run the 'config|set' command"));
    }
}
