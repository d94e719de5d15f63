//! What is checked of a `postgres://` URL besides what the client library reads: whatever could
//! make a part of the password pass for a host, which INFO shows. No error contains any part of the
//! URL but the name of a known parameter.

use tokio_postgres::Config;

use crate::nearest::nearest;

/// The parameters that can be used.
const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Parameters of libpq that can't be used.
const UNSUPPORTED: &[&str] = &[
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "krbsrvname",
    "passfile",
    "require_auth",
    "requiressl",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslpassword",
];

/// Checks `rest`, which follows `://`. Returns where the user and the password end: at the `@`, if
/// there is one.
pub(super) fn check(rest: &str) -> Result<usize, String> {
    let at = rest.find('@');
    if let Some(at) = at {
        if rest[at + 1..].contains('@') {
            return Err("the URL has more than one @: write each but the one before the host as %40, \
                        such as one in the password"
                .into());
        }
        if let Some(reserved) = rest[..at].find(['/', '?']) {
            let (shown, encoded) =
                if rest[reserved..].starts_with('/') { ('/', "%2F") } else { ('?', "%3F") };
            return Err(format!(
                "the URL has a {shown} before the @: write a {shown} in the user name or the password as \
                 {encoded}, and an @ behind the host as %40"
            ));
        }
    }
    if !is_percent_encoded(rest) {
        return Err(
            "the URL has a % that is not followed by two hexadecimal digits: write a % itself as %25".into(),
        );
    }
    let hosts = &rest[at.map_or(0, |at| at + 1)..];
    let hosts = &hosts[..hosts.find(['/', '?']).unwrap_or(hosts.len())];
    if !hosts.split(',').all(has_sound_port) {
        return Err("a port in the URL is not a number from 1 to 65535; or the @ between the password and the host is missing".into());
    }
    Ok(at.unwrap_or(0))
}

/// Refuses hosts that can't be one: what the label shows must not be anything else by mistake.
pub(super) fn check_hosts(config: &Config) -> Result<(), String> {
    use tokio_postgres::config::Host;
    let is_sound = |host: &Host| match host {
        Host::Tcp(name) => {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:%".contains(&byte))
        }
        Host::Unix(path) => path.to_str().is_some_and(|path| !path.chars().any(char::is_control)),
    };
    if config.get_hosts().iter().all(is_sound) {
        return Ok(());
    }
    Err("a host in the URL is not a name, an address or the path of a socket".into())
}

/// Why the client library can't read `parameter`, of the form `name=value`; `None` if it can.
pub(super) fn refusal_of(parameter: &str) -> Option<String> {
    let Some((name, _)) = parameter.split_once('=') else {
        return Some("a parameter of the URL has no =: parameters are name=value, separated by &".into());
    };
    if UNSUPPORTED.contains(&name) {
        return Some(format!("the URL's parameter {name} of libpq is not supported"));
    }
    if !KNOWN.contains(&name) {
        return Some(match nearest(name, KNOWN) {
            Some(meant) => format!("a parameter of the URL is unknown: is it to be {meant}?"),
            None => "a parameter of the URL is unknown; write a & in a value as %26".into(),
        });
    }
    let can_be_read = format!("postgres://h/d?{parameter}").parse::<Config>().is_ok();
    (!can_be_read).then(|| format!("the value of the URL's parameter {name} can't be used"))
}

fn is_percent_encoded(text: &str) -> bool {
    let mut parts = text.split('%').skip(1).map(str::as_bytes);
    parts.all(|part| part.len() >= 2 && part[..2].iter().all(u8::is_ascii_hexdigit))
}

/// Whether the port of `host`, or of `[address]`, is one. Without a port it is sound.
fn has_sound_port(host: &str) -> bool {
    let behind = match host.strip_prefix('[').map(|inside| inside.split_once(']')) {
        Some(Some((_, behind))) => behind,
        Some(None) => return false,
        None => host.find(':').map_or("", |colon| &host[colon..]),
    };
    behind.is_empty()
        || behind.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
}
