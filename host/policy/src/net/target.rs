//! Where a request would go, read once and in one form.
//!
//! Comes in: a URL as a guest, an adapter or an operator wrote it. Goes out: a [`Target`] whose host
//! is a name in its ASCII form or an IP address, whatever its spelling; or why it is refused.
//! Deliberately absent: resolving, grants, and repairs: a text that two readers could take for two
//! different places is refused, not mended.

use core::net::IpAddr;
use std::fmt;

use url::{Host as UrlHost, Url};
use wickd_model::printable;

/// Longest URL, in bytes: signed queries have a few hundred.
pub const URL_BYTES_MAX: usize = 8 << 10;
/// Longest path, in bytes: real ones have under 100.
pub const PATH_BYTES_MAX: usize = 1 << 10;
/// Longest host name, in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Longest label of a host name, in bytes (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;
/// Longest piece of a guest's text quoted, in bytes.
const QUOTED_BYTES_MAX: usize = 96;

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` is refused: {reason}; {fix}")]
pub struct TargetError {
    /// What was written, bounded and printable, without its query.
    pub url: String,
    /// What is wrong.
    pub reason: &'static str,
    /// What to write.
    pub fix: &'static str,
}

/// How a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// WebSocket over TLS.
    Wss,
    /// HTTP in the clear.
    Http,
    /// WebSocket in the clear.
    Ws,
    /// Bytes, whatever they mean: for the raw sockets of the I/O tier.
    Tcp,
}

impl Scheme {
    /// Every scheme with its word.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("https", Self::Https),
        ("wss", Self::Wss),
        ("http", Self::Http),
        ("ws", Self::Ws),
        ("tcp", Self::Tcp),
    ];

    /// The word before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Wss => "wss",
            Self::Http => "http",
            Self::Ws => "ws",
            Self::Tcp => "tcp",
        }
    }

    /// Whether TLS is spoken.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    /// Whether it becomes a WebSocket.
    pub fn is_socket(self) -> bool {
        matches!(self, Self::Wss | Self::Ws)
    }

    /// Whether it is spoken as requests and answers.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Https | Self::Http)
    }

    /// The port that need not be written; 0 where it must be.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https | Self::Wss => 443,
            Self::Http | Self::Ws => 80,
            Self::Tcp => 0,
        }
    }
}

/// A host in its one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name: lower-case ASCII, international labels in punycode.
    Name(String),
    /// An address; one mapped into IPv6 stands as IPv4.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

/// Scheme, host and port: what a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// How to speak.
    pub scheme: Scheme,
    /// With whom.
    pub host: Host,
    /// At which port; never 0.
    pub port: u16,
}

impl Origin {
    /// The `Host` header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        match self.port == self.scheme.default_port() {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

/// Where one request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    origin: Origin,
    path: String,
    query: Option<String>,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// Anything that is not plainly one place: see the module.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let refuse = |reason, fix| {
            let shown = text.split(['?', '#']).next().unwrap_or_default();
            // Userinfo may be a password, and a message is no place for one.
            let shown = match shown.rsplit_once('@') {
                Some((before, after)) => {
                    let scheme = before.split("://").next().unwrap_or_default();
                    format!("{scheme}://…@{after}")
                }
                None => shown.to_owned(),
            };
            TargetError { url: printable(shown.as_bytes(), QUOTED_BYTES_MAX), reason, fix }
        };
        parse(text).map_err(|(reason, fix)| refuse(reason, fix))
    }

    /// A path and a query, already percent-encoded, at a known origin.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn at(origin: &Origin, path: &str, query: Option<&str>) -> Result<Self, TargetError> {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let target = Self::parse(&format!("{origin}{path}{query}"))?;
        match target.origin == *origin {
            true => Ok(target),
            false => Err(TargetError {
                url: printable(path.as_bytes(), QUOTED_BYTES_MAX),
                reason: "the path leads to another host",
                fix: "start it with `/`",
            }),
        }
    }

    /// What the connection is made to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, percent-encoded, starting with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query, percent-encoded, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The whole URL, query included. Not for messages: a query may hold a signature.
    pub fn url(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{}{query}", self.origin, self.path)
    }
}

/// Without the query, which may hold a signature.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

type Refused = (&'static str, &'static str);

fn parse(text: &str) -> Result<Target, Refused> {
    if text.len() > URL_BYTES_MAX {
        return Err(("it is too long", "keep it under 8 KiB"));
    }
    // The standard reader drops or repairs all of these; nobody else does it the same way.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(("a space, control character or backslash", "percent-encode it in the query"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(("it has no scheme", "write `https://host/path`"));
    };
    let scheme = scheme.to_ascii_lowercase();
    let Some((_, scheme)) = Scheme::WORDS.into_iter().find(|(word, _)| *word == scheme) else {
        return Err(("another scheme", "write https, wss, http, ws or tcp"));
    };
    if rest.contains('#') {
        return Err(("a fragment", "remove `#` and what follows"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let written = written_host(authority)?;
    // A scheme that the reader does not know would have its host taken as it stands.
    let read = match scheme {
        Scheme::Tcp => Url::parse(&format!("http://{rest}")),
        _ => Url::parse(text),
    };
    let url = read.map_err(|_| ("it is no URL", "write `https://host:port/path`"))?;
    let host = host(&url, written)?;
    if scheme == Scheme::Tcp && (authority.len() == written.len() || !matches!(tail, "" | "/")) {
        return Err(("tcp without a port, or with a path", "write `tcp://host:port`"));
    }
    let port = url.port_or_known_default().filter(|port| *port != 0);
    let port = port.ok_or(("port 0", "write a port from 1 to 65535"))?;
    plain_path(tail.split('?').next().unwrap_or_default())?;
    let path = url.path().to_owned();
    if path.len() > PATH_BYTES_MAX {
        return Err(("the path is too long", "keep it under 1 KiB"));
    }
    let query = url.query().map(str::to_owned);
    Ok(Target { origin: Origin { scheme, host, port }, path, query })
}

/// The host as it was written, with the port cut off.
fn written_host(authority: &str) -> Result<&str, Refused> {
    if authority.contains('@') {
        return Err(("userinfo", "remove what stands before `@`; credentials have slots"));
    }
    if authority.contains('%') {
        return Err(("a percent sign in the host", "write the host plainly"));
    }
    let host = match authority.rfind(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    };
    let port = &authority[host.len()..];
    let digits = port.strip_prefix(':').unwrap_or_default();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !port.is_empty() && !plain || digits.len() > 1 && digits.starts_with('0') {
        return Err(("an odd port", "write `host:443`, or no port at all"));
    }
    match host {
        "" => Err(("no host", "write `https://host/path`")),
        host if host.ends_with('.') => Err(("a trailing dot", "remove the dot after the host")),
        host => Ok(host),
    }
}

/// The host in its one form, which must be what the written one looks like.
fn host(url: &Url, written: &str) -> Result<Host, Refused> {
    let Some(parsed) = url.host() else {
        return Err(("no host", "write `https://host/path`"));
    };
    let name = match parsed {
        UrlHost::Ipv4(v4) if written.is_ascii() => return Ok(Host::Address(IpAddr::V4(v4))),
        UrlHost::Ipv4(_) => {
            return Err(("an address in foreign digits", "write the address in plain digits"));
        }
        UrlHost::Ipv6(v6) => return Ok(Host::Address(IpAddr::V6(v6).to_canonical())),
        UrlHost::Domain(name) => name.to_owned(),
    };
    if name.len() > HOST_BYTES_MAX {
        return Err(("the host is too long", "a name has at most 253 bytes"));
    }
    let odd = ("an odd host", "a name is labels of a-z, 0-9 and `-` between dots");
    let labels: Vec<_> = name.split('.').collect();
    for label in &labels {
        let plain =
            label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let sized = (1..=LABEL_BYTES_MAX).contains(&label.len());
        if !plain || !sized || label.starts_with('-') || label.ends_with('-') {
            return Err(odd);
        }
    }
    // A foreign label stays foreign in ASCII. One that folds to plain letters only looked foreign,
    // and a dot that only looked like one moves the border between labels.
    let written: Vec<_> = written.split('.').collect();
    let folded = written.len() != labels.len()
        || written
            .iter()
            .zip(&labels)
            .any(|(written, label)| !written.is_ascii() && !label.starts_with("xn--"));
    if folded {
        return Err(("look-alike characters in the host", "write it in plain letters or punycode"));
    }
    Ok(Host::Name(name))
}

/// A path that every reader splits in the same way.
fn plain_path(path: &str) -> Result<(), Refused> {
    let segments: Vec<_> = path.split('/').collect();
    let inner = segments.iter().skip(1).rev().skip(1);
    if inner.clone().any(|segment| segment.is_empty()) {
        return Err(("an empty path segment", "write single slashes"));
    }
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(("a dot segment", "write the path it leads to"));
    }
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
        let code = digit(rest.next()).zip(digit(rest.next())).map(|(high, low)| high << 4 | low);
        match code {
            None => return Err(("a broken percent sign in the path", "write two hex digits")),
            Some(0..0x20 | 0x7f | 0x25 | 0x2e | 0x2f | 0x5c) => {
                return Err((
                    "a slash, backslash, dot, percent or control character in disguise",
                    "write the path plainly",
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
