//! Remedies as lines for a shell.

use super::finding::Remedy;
use crate::connect::options::Options;

/// `text` as one word of a shell. Names come from servers, and must not run anything when copied.
pub fn word(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/@".contains(byte);
    if !text.is_empty() && text.as_bytes().iter().all(is_plain) {
        return text.to_owned();
    }
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let escaped =
        |byte: u8| if is_plain(&byte) { char::from(byte).to_string() } else { format!("\\x{byte:02x}") };
    format!("$'{}'", text.bytes().map(escaped).collect::<String>())
}

/// How to call redis-cli for this deployment. Users and passwords are left to the reader.
pub struct Shell {
    tls: bool,
    ca: Option<String>,
}

impl Shell {
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { tls: false, ca: None }
    }

    pub fn of(options: &Options) -> Self {
        let tls = options.redis.iter().any(|url| url.starts_with("rediss:"));
        let ca = options.tls_ca.as_ref().map(|path| path.display().to_string());
        Self { tls, ca }
    }

    /// The line for a remedy on `node`.
    pub fn line(&self, remedy: &Remedy, node: Option<&str>) -> String {
        match remedy {
            Remedy::Redis(command) => format!("redis-cli{} {command}", self.options(node)),
            Remedy::Cluster(verb) => {
                let address = node.map(|node| format!(" {}", word(node))).unwrap_or_default();
                format!("redis-cli{} --cluster {verb}{address}", self.tls_options(node))
            }
            Remedy::Sql(statement) => format!("psql -c '{}'", statement.replace('\'', "'\\''")),
            Remedy::Shell(line) => line.clone(),
        }
    }

    fn options(&self, node: Option<&str>) -> String {
        let address = match node {
            None => String::new(),
            Some(path) if path.starts_with('/') => format!(" -s {}", word(path)),
            Some(node) => match node.rsplit_once(':') {
                Some((host, port)) => {
                    format!(" -h {} -p {}", word(host.trim_matches(['[', ']'])), word(port))
                }
                None => String::new(),
            },
        };
        format!("{address}{}", self.tls_options(node))
    }

    fn tls_options(&self, node: Option<&str>) -> String {
        let tls = if self.tls && node.is_none_or(|node| !node.starts_with('/')) { " --tls" } else { "" };
        let ca = self.ca.as_ref().filter(|_| !tls.is_empty()).map(|ca| format!(" --cacert {}", word(ca)));
        format!("{tls}{}", ca.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_becomes_a_line_to_copy() {
        let plain = Shell::plain();
        let config = Remedy::Redis("CONFIG SET maxmemory 2gb".into());
        for (node, line) in [
            (Some("10.0.0.1:6379"), "redis-cli -h 10.0.0.1 -p 6379 CONFIG SET maxmemory 2gb"),
            (Some("[2001:db8::1]:7000"), "redis-cli -h 2001:db8::1 -p 7000 CONFIG SET maxmemory 2gb"),
            (Some("/run/redis.sock"), "redis-cli -s /run/redis.sock CONFIG SET maxmemory 2gb"),
            (Some("$(reboot):1"), "redis-cli -h '$(reboot)' -p 1 CONFIG SET maxmemory 2gb"),
            (None, "redis-cli CONFIG SET maxmemory 2gb"),
        ] {
            assert_eq!(plain.line(&config, node), line);
        }
        assert_eq!(word("e\x1b[2J"), "$'e\\x1b\\x5b2J'");
        let tls = Shell { tls: true, ca: Some("/etc/ca.pem".into()) };
        let line = tls.line(&Remedy::Redis("PING".into()), Some("a:1"));
        assert_eq!(line, "redis-cli -h a -p 1 --tls --cacert /etc/ca.pem PING");
        assert_eq!(plain.line(&Remedy::Cluster("check"), Some("a:1")), "redis-cli --cluster check a:1");
        let hostile = plain.line(&Remedy::Cluster("check"), Some("$(id):1"));
        assert_eq!(hostile, "redis-cli --cluster check '$(id):1'");
        assert_eq!(plain.line(&Remedy::Sql("SELECT 'x'".into()), None), "psql -c 'SELECT '\\''x'\\'''");
    }
}
