//! The endpoints that alerts are sent to, as directives and files list them.
//!
//! A URL may be a secret (Slack's are), so only its scheme, host and port are ever shown.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use crate::text::lines::lines;

use super::address;
use super::line::{self, Extras, ReadFile};

pub(crate) const MAX_ENDPOINTS: usize = 16;

/// In bytes.
pub(crate) const MAX_URL: usize = 2048;

/// In bytes (RFC 1035).
const MAX_HOST: usize = 253;

/// The first eight bytes of the SHA-256 of the URL as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct EndpointId(pub u64);

impl EndpointId {
    fn of(url: &str) -> Self {
        let hash = digest(&SHA256, url.as_bytes());
        Self(hash.as_ref().iter().take(8).fold(0, |id, &byte| id << 8 | u64::from(byte)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The body of the alert, as in Standard Webhooks.
    Standard,
    /// A line of text for Slack's incoming webhooks.
    Slack,
}

#[derive(Clone)]
pub(crate) struct Endpoint {
    pub id: EndpointId,
    /// The part of the URL that may be shown: `https://host`, with the port if it has one.
    pub label: String,
    /// Where it is listed: the directive and the position in its list, or the line of its file.
    /// Tells two endpoints of one host apart.
    pub source: String,
    pub format: Format,
    /// Each secret makes a signature. Without secrets requests carry none.
    pub extras: Extras,
    url: Uri,
}

impl Endpoint {
    /// Reads one URL. The error contains no part of it but scheme, host and port.
    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, format, rest) = split(text)?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(
                "it carries a user name or a password, which belong into neither a URL nor a log".into()
            );
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err("it has no host".into());
        }
        let slash = if tail.starts_with('/') { "" } else { "/" };
        let url: Uri = format!("{scheme}://{authority}{slash}{tail}")
            .parse()
            .map_err(|_| "it is not a valid URL".to_owned())?;
        let label = format!("{scheme}://{}", place(&url)?);
        Ok(Self {
            id: EndpointId::of(text),
            label,
            source: String::new(),
            format,
            extras: Extras::default(),
            url,
        })
    }

    /// Whether the URL itself authorises its user: Slack's do, and a query often holds a token.
    pub(crate) fn is_secret(&self) -> bool {
        self.format == Format::Slack || self.url.query().is_some()
    }

    pub(super) fn uses_tls(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }

    /// Must not be shown.
    pub(super) fn url(&self) -> &Uri {
        &self.url
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.label)
    }
}

/// The scheme to dial with, the format, and what follows `://`.
fn split(text: &str) -> Result<(&'static str, Format, &str), String> {
    if text.len() > MAX_URL {
        return Err(format!("it is longer than {MAX_URL} bytes"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it has a character that is not printable ASCII".into());
    }
    if text.contains('#') {
        return Err("it has a fragment (#...), which is never sent".into());
    }
    let expected = || "it does not begin with https://, http:// or slack+https://".to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
    let (scheme, format) = match scheme.to_ascii_lowercase().as_str() {
        "https" => ("https", Format::Standard),
        "http" => ("http", Format::Standard),
        "slack+https" => ("https", Format::Slack),
        "slack+http" => ("http", Format::Slack),
        _ => return Err(expected()),
    };
    Ok((scheme, format, rest))
}

/// The host, with the port if `url` names one.
fn place(url: &Uri) -> Result<String, String> {
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    check_host(&host)?;
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let Some(port) = authority[host.len()..].strip_prefix(':') else {
        return Ok(host);
    };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(format!("{host}:{number}"))
        }
        _ => Err(format!("{host}: the port is not a number from 1 to 65535")),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    let literal = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => {
            Some(inside.parse::<Ipv6Addr>().map_err(|_| "the address in brackets is not IPv6")?.into())
        }
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    };
    match literal {
        // Private addresses are checked when they are dialled: the directive that allows them may
        // change.
        Some(ip) => address::check(ip, true).map_err(|why| why.to_string()),
        None if is_name(host) => Ok(()),
        None => Err("the host is not a name or an address".into()),
    }
}

fn is_name(host: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_HOST).contains(&host.len())
        && host.bytes().all(in_name)
        && !host.starts_with('.')
        && !host.contains("..")
}

/// Whether a word of the list looks like several URLs with commas or semicolons between them.
fn joins_urls(word: &str) -> bool {
    let mut parts = word.split([',', ';']).skip(1);
    parts.any(|part| part.is_empty() || split(part).is_ok())
}

/// Reads a list of URLs, separated by blanks. An error contains the position in the list.
pub(crate) fn parse_urls(text: &str) -> Result<Vec<Endpoint>, String> {
    let mut list = List::default();
    for (at, url) in text.split_ascii_whitespace().enumerate() {
        let number = at + 1;
        list.source = format!("webhook-urls:{number}");
        if joins_urls(url) {
            return Err(format!(
                "URL {number}: it ends in a comma or contains another URL: separate URLs with spaces"
            ));
        }
        list.add(url, Extras::default()).map_err(|why| format!("URL {number}: {why}"))?;
    }
    Ok(list.endpoints)
}

/// Reads a file with one endpoint per line: the URL, then what [`line`] reads, separated by blanks.
/// Blank lines and lines that begin with `#` are skipped. `read` returns the contents of a file
/// that a line names. An error contains the line number.
pub(crate) fn parse_file(bytes: &[u8], read: ReadFile) -> Result<Vec<Endpoint>, String> {
    let mut list = List::default();
    for (number, line) in lines(bytes)? {
        list.source = format!("webhook-urls-file:{number}");
        list.add_line(line, read).map_err(|why| format!("line {number}: {why}"))?;
    }
    Ok(list.endpoints)
}

/// Refuses duplicates and more than [`MAX_ENDPOINTS`].
#[derive(Default)]
struct List {
    endpoints: Vec<Endpoint>,
    seen: HashSet<EndpointId>,
    /// That of the next endpoint.
    source: String,
}

impl List {
    fn add(&mut self, url: &str, extras: Extras) -> Result<(), String> {
        let endpoint = Endpoint { extras, source: self.source.clone(), ..Endpoint::parse(url)? };
        if endpoint.extras.authorities.is_some() && !endpoint.uses_tls() {
            return Err("ca= goes with https:// alone".into());
        }
        if !self.seen.insert(endpoint.id) {
            return Err("it is there already".into());
        }
        if self.endpoints.len() == MAX_ENDPOINTS {
            return Err(format!("there are more than {MAX_ENDPOINTS}"));
        }
        self.endpoints.push(endpoint);
        Ok(())
    }

    fn add_line(&mut self, line: &str, read: ReadFile) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let url = words.next().unwrap_or_default();
        self.add(url, line::parse(words, read)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(url: &str) -> Endpoint {
        parse_urls(url).unwrap_or_else(|why| panic!("{url}: {why}")).remove(0)
    }

    fn refusal(url: &str) -> String {
        parse_urls(url).expect_err(url)
    }

    fn no_file(_: &[u8]) -> Result<Vec<u8>, String> {
        Err("there is none".into())
    }

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_label_is_scheme_and_host_only() {
        for (url, label) in [
            ("https://Example.com/T0/secret?token=1", "https://example.com"),
            ("HTTP://example.com:8080", "http://example.com:8080"),
            ("slack+https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com"),
            ("http://[2606:4700::1111]:80/x", "http://[2606:4700::1111]:80"),
            ("http://127.0.0.1:9", "http://127.0.0.1:9"),
            ("http://alert_sink:9/", "http://alert_sink:9"),
            ("https://example.com?key=1", "https://example.com"),
        ] {
            let endpoint = one(url);
            assert_eq!(endpoint.label, label);
            assert_eq!(format!("{endpoint:?}"), format!("Endpoint({label})"));
        }
    }

    #[test]
    fn the_scheme_decides_the_format() {
        assert_eq!(one("https://a/").format, Format::Standard);
        let slack = one("Slack+HTTPS://a/b");
        assert_eq!((slack.format, slack.url().to_string()), (Format::Slack, "https://a/b".into()));
        assert_eq!(one("slack+http://a/b").url().scheme_str(), Some("http"));
    }

    #[test]
    fn a_url_keeps_its_name_and_another_has_another() {
        // printf %s https://example.com/ | sha256sum
        assert_eq!(one("https://example.com/").id, EndpointId(0x0f11_5db0_62b7_c0dd));
        assert_ne!(one("https://example.com/a").id, one("https://example.com/b").id);
        assert_ne!(one("https://example.com/a").id, one("slack+https://example.com/a").id);
    }

    #[test]
    fn what_is_not_a_receiver_is_refused_with_the_reason() {
        for (url, reason) in [
            ("ftp://a/", "does not begin with"),
            ("example.com/x", "does not begin with"),
            ("https://", "no host"),
            ("https:///x", "no host"),
            ("https://:80/x", "no host"),
            ("https://a:/x", "port"),
            ("https://a:0/", "port"),
            ("https://a:65536/", "port"),
            ("https://a:+80/", "port"),
            ("https://a:80:80/", "not a valid URL"),
            ("https://user:pw@a/", "user name"),
            ("https://a/#x", "fragment"),
            ("https://a/\u{e9}", "printable"),
            ("https://a/\0", "printable"),
            ("https://a%41/", "not a valid URL"),
            ("https://a!b/", "not a name"),
            ("https://a..b/", "not a name"),
            ("https://[::1%25eth0]/", "IPv6"),
            ("https://[x]/", "IPv6"),
            ("https://169.254.169.254/latest", "never dialled"),
            ("https://[::ffff:169.254.169.254]/", "never dialled"),
            ("https://0.0.0.0/", "never dialled"),
        ] {
            let why = refusal(&format!("https://first/ {url}"));
            assert!(why.starts_with("URL 2: ") && why.contains(reason), "{url:?}: {why}");
        }
        assert!(refusal("https://a/1 https://b https://a/1").starts_with("URL 3: it is there already"));
        assert!(parse_urls(&format!("https://a/{}", "x".repeat(MAX_URL - 10))).is_ok());
        assert!(refusal(&format!("https://a/{}", "x".repeat(MAX_URL - 9))).contains("longer"));
    }

    #[test]
    fn there_may_be_sixteen() {
        let list = |count: usize| (0..count).map(|n| format!("https://a/{n} ")).collect::<String>();
        assert_eq!(parse_urls("").map(|list| list.len()), Ok(0));
        assert_eq!(parse_urls(&list(16)).map(|list| list.len()), Ok(16));
        assert_eq!(refusal(&list(17)), "URL 17: there are more than 16");
    }

    #[test]
    fn urls_that_are_not_separated_by_spaces_are_refused_with_the_remedy() {
        for list in [
            "https://a/,https://b/",
            "https://a/, https://b/",
            "https://a/;http://b/",
            "https://a/,slack+https://b",
        ] {
            let why = refusal(list);
            assert!(why.starts_with("URL 1: ") && why.ends_with("separate URLs with spaces"), "{why}");
        }
        for url in ["https://a/x,y", "https://a/?ids=1,2;3"] {
            assert_eq!(one(url).label, "https://a");
        }
    }

    #[test]
    fn a_file_that_cant_be_read_is_named_by_its_option() {
        let why = parse_file(b"https://a/ ca=/hunter2", no_file).unwrap_err();
        assert_eq!(why, "line 1: ca: there is none");
    }

    #[test]
    fn a_line_of_a_file_has_a_url_and_its_secrets() {
        let file =
            format!("# ours\r\n\r\nhttps://a/x\r\n\thttps://b/y {SECRET}\t{SECRET}\nslack+https://c/z\n");
        let endpoints = parse_file(file.as_bytes(), no_file).unwrap();
        let secrets: Vec<_> = endpoints.iter().map(|endpoint| endpoint.extras.secrets.len()).collect();
        assert_eq!(secrets, [0, 2, 0]);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for line in [
            "https://token@a/",
            "hunter2",
            "https://a/hunter2 short",
            "https://a/hunter2 hunter2!",
            &format!("https://a/hunter2 {SECRET} {SECRET} {SECRET}"),
        ] {
            let why = parse_file(format!("\n# x\n{line}\n").as_bytes(), no_file).expect_err(line);
            assert!(why.starts_with("line 3: "), "{why}");
            assert!(!why.contains("hunter2") && !why.contains("token") && !why.contains("MfKQ"), "{why}");
        }
        assert!(parse_file(b"https://a/\n\xff\n", no_file).is_err_and(|why| why.starts_with("line 2: ")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, bytes: Vec<u8>) {
            let _ = parse_urls(&text);
            let _ = parse_file(&bytes, no_file);
        }

        #[test]
        fn nothing_behind_the_host_is_ever_shown(
            start in "(slack\\+)?https?://[a-z.@:0-9\\[\\]]{0,12}",
            secret in "[A-Z]{8}[!-~]{0,9}",
        ) {
            let url = format!("{start}/{secret}");
            let shown = match parse_urls(&url) {
                Ok(endpoints) => format!("{endpoints:?}"),
                Err(why) => why,
            };
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
    }
}
