//! The names by which browsers reach the page.
//!
//! A request for another name is refused, because a foreign page could have pointed its own name at
//! this address (DNS rebinding). A form that another origin posts is refused, because a browser
//! would post it with the visitor's cookie.

use std::net::SocketAddr;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::header::{HOST, HeaderMap, ORIGIN};

/// The origin of the page as browsers see it: `https://`, a host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Host and port as in the header Host.
    authority: String,
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let syntax = || "write https://HOST or https://HOST:PORT".to_owned();
        let uri: Uri = text.parse().map_err(|_| syntax())?;
        let authority = uri.authority().ok_or_else(syntax)?.as_str();
        let bare = uri.path() == "/" && uri.query().is_none() && !authority.contains('@');
        if uri.scheme_str() != Some("https") || !bare || uri.host().is_none_or(str::is_empty) {
            return Err(syntax());
        }
        Ok(Self { authority: canonical(authority, 443) })
    }
}

/// `authority` as browsers send it: in lower case and without the port that the scheme implies.
fn canonical(authority: &str, implied: u16) -> String {
    let lower = authority.to_ascii_lowercase();
    lower.strip_suffix(&format!(":{implied}")).map(str::to_owned).unwrap_or(lower)
}

#[derive(Debug)]
pub struct Site {
    https: bool,
    /// What the header Host may be.
    hosts: Vec<String>,
    /// The port that keeps this server's cookie apart from that of another one on the machine.
    port: u16,
    /// Whether a proxy says for whom it asks.
    pub proxied: bool,
}

impl Site {
    /// The page as reached at the address that it listens on.
    pub fn at(bound: SocketAddr, https: bool) -> Self {
        let implied = if https { 443 } else { 80 };
        let mut hosts = vec![canonical(&bound.to_string(), implied)];
        if bound.ip().is_loopback() {
            hosts.push(canonical(&format!("localhost:{}", bound.port()), implied));
        }
        Self { https, hosts, port: bound.port(), proxied: false }
    }

    /// The page as reached by `origin`, at a proxy if `proxied`.
    pub fn of(origin: &Origin, bound: SocketAddr, proxied: bool) -> Self {
        Self { https: true, hosts: vec![origin.authority.clone()], port: bound.port(), proxied }
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme(), self.hosts[0])
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Whether browsers speak HTTPS to the page, so that its cookie never travels otherwise.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether a browser may be told to use HTTPS only. It would do so for every port of the name,
    /// so not for a name that all servers of a machine share.
    pub fn is_strict(&self) -> bool {
        self.https && !self.hosts.iter().any(|host| host.starts_with("localhost"))
    }

    /// The name of the session's cookie. Cookies do not depend on the port.
    pub fn cookie(&self) -> String {
        if self.https { "__Host-lockwatch".into() } else { format!("lockwatch-{}", self.port) }
    }

    /// The name that a request is for, if it is one of the page's and the only one given.
    pub fn host(&self, uri: &Uri, headers: &HeaderMap) -> Option<&str> {
        let host = only(headers, HOST.as_str())?;
        let implied = if self.https { 443 } else { 80 };
        let asked = canonical(host, implied);
        let known = self.hosts.iter().find(|known| **known == asked)?;
        let in_target = uri.authority().map(|authority| canonical(authority.as_str(), implied));
        in_target.is_none_or(|target| target == *known).then_some(known.as_str())
    }

    /// Whether a request that posts comes from the page itself. `host` is the name it is for.
    ///
    /// Under the policy `no-referrer` browsers give `null` as the origin of a form. Such a request
    /// must say in `Sec-Fetch-Site`, which scripts can't set, that it comes from the same origin.
    pub fn is_own_post(&self, host: &str, headers: &HeaderMap) -> bool {
        let fetch_site = || only(headers, "sec-fetch-site");
        match headers.contains_key(ORIGIN).then(|| only(headers, ORIGIN.as_str())) {
            None | Some(Some("null")) => fetch_site() == Some("same-origin"),
            Some(Some(origin)) => {
                origin == format!("{}://{host}", self.scheme())
                    && fetch_site().is_none_or(|site| site == "same-origin")
            }
            Some(None) => false,
        }
    }
}

/// The value of a header that is given once.
pub fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn asked<'a>(site: &'a Site, hosts: &[&str]) -> Option<&'a str> {
        let pairs: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        site.host(&"/".parse().unwrap(), &headers(&pairs))
    }

    #[test]
    fn an_origin_is_https_a_host_and_perhaps_a_port() {
        for (text, authority) in [
            ("https://ops.example.com", "ops.example.com"),
            ("https://Ops.Example.com:443/", "ops.example.com"),
            ("https://[2001:db8::1]:9700", "[2001:db8::1]:9700"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().authority, authority);
        }
        for wrong in ["http://a", "https://", "https://a/b", "https://a?b", "https://u:p@a", "a", ""] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_names_of_the_page_are_answered() {
        let site = Site::at("127.0.0.1:9700".parse().unwrap(), false);
        for own in ["127.0.0.1:9700", "localhost:9700", "LOCALHOST:9700"] {
            assert!(asked(&site, &[own]).is_some(), "{own}");
        }
        for foreign in [
            &["evil.example:9700"][..],
            &["127.0.0.1"],
            &["127.0.0.1:9701"],
            &["localhost"],
            &["127.0.0.1:9700.evil.example"],
            &["[::1]:9700"],
            &["127.0.0.1:9700", "evil.example"],
            &["127.0.0.1:9700", "127.0.0.1:9700"],
            &[""],
            &[],
        ] {
            assert_eq!(asked(&site, foreign), None, "{foreign:?}");
        }
        let target = |uri: &str| site.host(&uri.parse().unwrap(), &headers(&[("host", "localhost:9700")]));
        assert!(target("http://localhost:9700/").is_some());
        assert_eq!(target("http://evil.example/"), None);
        assert!(asked(&Site::at("[::1]:80".parse().unwrap(), false), &["[::1]"]).is_some());
        let proxied =
            Site::of(&"https://ops.example.com".parse().unwrap(), "10.0.0.1:80".parse().unwrap(), true);
        assert!(asked(&proxied, &["ops.example.com:443"]).is_some());
        assert_eq!(asked(&proxied, &["10.0.0.1:80"]), None);
    }

    #[test]
    fn only_the_page_itself_may_post() {
        let site = Site::at("127.0.0.1:9700".parse().unwrap(), false);
        let own = |pairs: &[(&'static str, &str)]| site.is_own_post("127.0.0.1:9700", &headers(pairs));
        let origin = ("origin", "http://127.0.0.1:9700");
        let same = ("sec-fetch-site", "same-origin");
        for pairs in [&[origin][..], &[origin, same], &[same], &[("origin", "null"), same]] {
            assert!(own(pairs), "{pairs:?}");
        }
        for pairs in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:9700")],
            &[("origin", "https://127.0.0.1:9700")],
            &[("origin", "http://127.0.0.1:9701"), same],
            &[origin, ("sec-fetch-site", "cross-site")],
            &[("origin", "null"), ("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[origin, ("origin", "http://evil.example")],
        ] {
            assert!(!own(pairs), "{pairs:?}");
        }
    }
}
