//! The database that events are shipped to: a `postgres://` URL, read as libpq reads it.
//!
//! Its parts are those of libpq's connection URIs (PostgreSQL documentation, 34.1.1.2): user,
//! password, hosts and ports, database and parameters, percent-encoded. This file reads `sslmode`
//! and `sslrootcert`, the client library everything else. An error contains no part of the URL.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::{Mode, Roots, Tls};
use super::url;

/// The maximum time to connect to one host.
const CONNECT: Duration = Duration::from_secs(10);
/// How long sent data may stay unacknowledged before the link is dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long a link may be silent before TCP probes it, the interval, and the number of probes.
const IDLE: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

pub struct Target {
    config: Config,
    tls: Tls,
    label: String,
}

impl Target {
    /// Reads the contents of a file: one line that is neither empty nor a comment.
    pub fn parse_file(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the file is not text")?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let url = lines.next().ok_or("the file holds no URL")?;
        if lines.next().is_some() {
            return Err("the file holds more than one line".into());
        }
        Self::parse(url)
    }

    pub fn parse(url: &str) -> Result<Self, String> {
        if url.contains('\0') {
            return Err("the URL holds a NUL".into());
        }
        let scheme = ["postgres://", "postgresql://"].into_iter().find(|scheme| url.starts_with(scheme));
        let Some(scheme) = scheme else {
            return Err("it is no postgres:// URL (without quotes, and not in the form key=value)".into());
        };
        let at = scheme.len() + url::check(&url[scheme.len()..])?;
        let (base, query) = match url[at..].find('?') {
            Some(mark) => (&url[..at + mark], &url[at + mark + 1..]),
            None => (url, ""),
        };
        let (mut mode, mut roots, mut system, mut rest) = (None, Roots::System, false, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(Mode::parse(value)?),
                Some(("sslrootcert", "system")) => system = true,
                Some(("sslrootcert", path)) => roots = Roots::File(percent_decoded(path)?),
                Some(("connect_timeout", "0")) => {}
                _ => match url::refusal_of(parameter) {
                    Some(why) => return Err(why),
                    None => rest.push(parameter),
                },
            }
        }
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config: Config = url.parse().map_err(|_| "the URL can't be read: a part is malformed")?;
        url::check_hosts(&config)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("the URL names no host".into());
        }
        // As in libpq, the roots of the system go with full verification.
        if system && mode.is_some_and(|mode| mode != Mode::VerifyFull) {
            return Err("sslrootcert=system goes with sslmode=verify-full alone".into());
        }
        let usual = if system { Mode::VerifyFull } else { Mode::Prefer };
        let mode = mode.unwrap_or(usual).for_hosts(config.get_hosts());
        if mode == Mode::VerifyFull && config.get_hosts().is_empty() {
            return Err("sslmode=verify-full needs a host's name, and hostaddr gives none".into());
        }
        let tls = Tls { mode, roots: roots.clone(), verifies_name: mode == Mode::VerifyFull };
        let label = label(&config);
        set_up(&mut config, mode);
        Ok(Self { config, tls, label })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The hosts, without secrets.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// Sets what keeps a link from hanging, and from a server that accepts no writes.
fn set_up(config: &mut Config, mode: Mode) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_application_name().is_none() {
        config.application_name("lockwatch");
    }
    config
        .tcp_user_timeout(UNACKNOWLEDGED)
        .keepalives(true)
        .keepalives_idle(IDLE)
        .keepalives_interval(PROBE_EVERY)
        .keepalives_retries(PROBES)
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
}

fn label(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
    let name = |(i, host): (usize, &Host)| match host {
        Host::Tcp(host) if host.contains(':') => format!("[{host}]:{}", port(i)),
        Host::Tcp(host) => format!("{host}:{}", port(i)),
        Host::Unix(path) => format!("{}:{}", path.display(), port(i)),
    };
    let hosts: Vec<_> = config.get_hosts().iter().enumerate().map(name).collect();
    format!("postgres://{}", hosts.join(","))
}

fn percent_decoded(part: &str) -> Result<String, &'static str> {
    const BAD: &str = "sslrootcert is not percent-encoded as it should be";
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).ok_or(BAD)?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| BAD)?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(url: &str) -> String {
        match Target::parse(url) {
            Ok(_) => panic!("{url} was taken"),
            Err(why) => why,
        }
    }

    #[test]
    fn a_url_is_read_as_libpq_reads_it() {
        let target = Target::parse(
            "postgresql://me%40here:p%40ss%2Fw%3Frd@one:5433,[2001:db8::1]:5434,three/log%20s?application_name=x&sslmode=verify-full",
        )
        .unwrap();
        let config = target.config();
        assert_eq!(config.get_user(), Some("me@here"));
        assert_eq!(config.get_password(), Some(&b"p@ss/w?rd"[..]));
        assert_eq!(config.get_dbname(), Some("log s"));
        assert_eq!(config.get_ports(), [5433, 5434, 5432]);
        assert_eq!(config.get_application_name(), Some("x"));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!((target.tls().mode, target.tls().verifies_name), (Mode::VerifyFull, true));
        assert_eq!(target.label(), "postgres://one:5433,[2001:db8::1]:5434,three:5432");
    }

    #[test]
    fn a_reserved_character_in_a_password_is_refused_with_the_remedy() {
        for (url, remedy) in [
            ("postgres://me:p@ssw0rd@host/db", "%40"),
            ("postgres://me:p@ss/w0rd@host/db", "%40"),
            ("postgres://me:pass/w0rd@host/db", "%2F"),
            ("postgres://me:pass?w0rd@host/db", "%3F"),
            ("postgres://host/db?password=p@ssw0rd", "%40"),
            ("postgres://host?password=p@ssw0rd", "%40"),
            ("postgres://me@host/db?password=p@ssw0rd", "%40"),
            ("postgres://me:p%ssw0rd@host/db", "%25"),
            ("postgres://me:p@host/db?password=a&w0rd=1", "%26"),
            ("postgres://me:w0rd", "@ between the password and the host is missing"),
        ] {
            let why = refusal(url);
            assert!(why.contains(remedy), "{url}: {why}");
            assert!(!why.contains("w0rd"), "{why}");
        }
        let target = Target::parse("postgres://me:p:a#ss,%40%2F%3F%25@host/db?sslmode=require").unwrap();
        assert_eq!(target.config().get_password(), Some(&b"p:a#ss,@/?%"[..]));
        assert_eq!((target.label(), target.tls().mode), ("postgres://host:5432", Mode::Require));
    }

    #[test]
    fn a_parameter_that_cant_be_used_is_refused_with_the_reason() {
        for (query, reason) in [
            ("sslmod=require", "is it to be sslmode?"),
            ("ssl_mode=require", "is it to be sslmode?"),
            ("sslmode=requires", "sslmode is none of"),
            ("aplication_name=x", "is it to be application_name?"),
            ("sslkey=/x", "sslkey of libpq is not supported"),
            ("connect_timeout=soon", "connect_timeout can't be used"),
            ("port=http", "port can't be used"),
            ("nonsense=1", "unknown"),
            ("sslmode", "name=value"),
        ] {
            let why = refusal(&format!("postgres://h/d?{query}"));
            assert!(why.contains(reason), "{query}: {why}");
        }
    }

    #[test]
    fn modes_mean_what_libpq_s_do() {
        let mode =
            |query: &str| Target::parse(&format!("postgres://h/d{query}")).map(|target| target.tls().mode);
        assert_eq!(mode(""), Ok(Mode::Prefer));
        assert_eq!(mode("?sslmode=disable"), Ok(Mode::Disable));
        assert_eq!(mode("?sslmode=require"), Ok(Mode::Require));
        // As in libpq, `require` with a root certificate verifies like `verify-ca`.
        let target = Target::parse("postgres://h/d?sslmode=require&sslrootcert=%2Fa%20b").unwrap();
        assert_eq!(target.tls().roots, Roots::File("/a b".into()));
        assert!(target.tls().verifies());
        assert!(!Target::parse("postgres://h/d?sslmode=require").unwrap().tls().verifies());
        assert_eq!(mode("?sslrootcert=system"), Ok(Mode::VerifyFull));
        assert_eq!(mode("?sslmode=verify-full&sslrootcert=system"), Ok(Mode::VerifyFull));
        assert!(mode("?sslmode=require&sslrootcert=system").is_err());
        assert!(Target::parse("postgres:///d?hostaddr=10.0.0.1&sslmode=verify-full").is_err());
        assert!(mode("?sslmode=allow").is_err() && mode("?sslmode=full").is_err());
    }

    #[test]
    fn a_socket_needs_no_encryption() {
        let target = Target::parse("postgres://me@%2Fvar%2Frun/db?sslmode=require").unwrap();
        assert_eq!(target.tls().mode, Mode::Disable);
        assert_eq!(target.label(), "postgres:///var/run:5432");
    }

    #[test]
    fn an_error_repeats_nothing_of_the_url() {
        for url in [
            "hunter2",
            "http://me:hunter2@h/d",
            "postgres://me:hunter2@h:hunter2/d",
            "postgres://me:hunter2@h/d?hunter2=hunter2",
            "postgres://me:hunter2@h/d?sslmode=hunter2",
            "postgres://me:hunter2@h/d?sslrootcert=%hunter2",
            "postgres://me:hunter2@/d",
            "postgres://",
            "",
        ] {
            assert!(!refusal(url).contains("hunter2"), "{}", refusal(url));
        }
    }

    proptest! {
        /// The host is made of other characters than the password, so that any part of two
        /// characters or more that shows up comes from the password.
        #[test]
        fn no_part_of_any_password_is_shown(
            password in "[A-Z%@/?#:&=,;\\[\\]. -]{2,24}",
            in_query in any::<bool>(),
        ) {
            let in_query = in_query && !password.contains('&');
            let url = if in_query {
                format!("postgres://me@host.test/db?password={password}")
            } else {
                format!("postgres://me:{password}@host.test/db")
            };
            match Target::parse(&url) {
                Ok(target) => prop_assert_eq!(target.label(), "postgres://host.test:5432"),
                Err(why) => {
                    let capitals = |text: &str| text.split(|c: char| !c.is_ascii_uppercase()).map(str::to_owned).collect::<Vec<_>>();
                    let shown = capitals(&why.replace("URL", "").replace("%2F", "").replace("%3F", ""));
                    prop_assert!(shown.iter().all(String::is_empty), "{}", why);
                }
            }
        }
    }

    #[test]
    fn a_file_holds_one_url() {
        assert!(Target::parse_file(b"# where\n\n postgres://h/d \n").is_ok());
        for bytes in [&b""[..], b"#\n", b"postgres://h/d\npostgres://i/d", b"\xff", b"postgres://h/d\0"] {
            assert!(Target::parse_file(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
