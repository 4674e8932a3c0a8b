//! A client without manners: one connection per request, signatures of its own.
//!
//! Comes in: what to ask. Goes out: status, headers and bytes as they came. Deliberately absent:
//! retries, pools, decompression, and anything the venue uses itself.

use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wickd_venue::{Config, Venue};

/// Nothing on loopback takes this long; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn mac(secret: &str, message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(message: &str) -> String {
    hex::encode(mac("secretsecret", message))
}

pub(crate) fn base64(message: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(mac("secretsecret", message))
}

/// One request on one connection; `Err` when that ends before a whole answer.
pub(crate) async fn send(
    venue: &Venue,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Reply, hyper::Error> {
    let stream = TcpStream::connect(venue.addr()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target).header("host", "venue");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
    let answered = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, bytes })
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("the venue answers")
}

/// A public read.
pub(crate) async fn get(venue: &Venue, target: &str) -> Value {
    send(venue, "GET", target, &[], "").await.unwrap().json()
}

/// A Binance request, signed.
pub(crate) async fn binance(venue: &Venue, method: &str, path: &str, query: &str) -> Reply {
    try_binance(venue, method, path, query).await.unwrap()
}

pub(crate) async fn try_binance(
    venue: &Venue,
    method: &str,
    path: &str,
    query: &str,
) -> Result<Reply, hyper::Error> {
    let join = if query.is_empty() { "" } else { "&" };
    let query = format!("{query}{join}timestamp={}&recvWindow=5000", venue.now_ms());
    let target = format!("{path}?{query}&signature={}", hex(&query));
    send(venue, method, &target, &[("X-MBX-APIKEY", "key")], "").await
}

/// UTC milliseconds as OKX stamps requests, by counting years and months: another way than the
/// venue's own.
fn stamp(ms: i64) -> String {
    let (days, rest_ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (mut year, mut day) = (1970, days);
    let length = |year: i64| 365 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days_of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days_of_month {
            break;
        }
        day -= days_of_month;
        month += 1;
    }
    let seconds = rest_ms / 1_000;
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        day + 1,
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        rest_ms % 1_000
    )
}

/// An OKX request, signed.
pub(crate) async fn okx(venue: &Venue, method: &str, target: &str, body: &str) -> Reply {
    let stamp = stamp(venue.now_ms());
    let sign = base64(&format!("{stamp}{method}{target}{body}"));
    let headers = [
        ("OK-ACCESS-KEY", "key"),
        ("OK-ACCESS-SIGN", sign.as_str()),
        ("OK-ACCESS-TIMESTAMP", stamp.as_str()),
        ("OK-ACCESS-PASSPHRASE", "password"),
    ];
    send(venue, method, target, &headers, body).await.unwrap()
}

/// A Bybit request, signed.
pub(crate) async fn bybit(venue: &Venue, method: &str, target: &str, body: &str) -> Reply {
    let stamp = venue.now_ms().to_string();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let payload = if method == "GET" { query } else { body };
    let sign = hex(&format!("{stamp}key5000{payload}"));
    let headers = [
        ("X-BAPI-API-KEY", "key"),
        ("X-BAPI-TIMESTAMP", stamp.as_str()),
        ("X-BAPI-RECV-WINDOW", "5000"),
        ("X-BAPI-SIGN", sign.as_str()),
    ];
    send(venue, method, target, &headers, body).await.unwrap()
}

/// A venue whose market stands still until it is told to move.
pub(crate) fn still() -> Venue {
    Venue::start(Config::default()).unwrap()
}

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(venue: &Venue, path: &str) -> Self {
        let url = format!("ws://{}{path}", venue.addr());
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    pub(crate) async fn say(&mut self, text: impl ToString) {
        self.0.send(Message::text(text.to_string())).await.unwrap();
    }

    /// The next message of any kind but pings.
    pub(crate) async fn message(&mut self) -> Result<Message, Error> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a message");
            match next.unwrap_or(Err(Error::ConnectionClosed))? {
                Message::Ping(_) => {}
                message => return Ok(message),
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.message().await.unwrap() {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Reads on until a message fits, and returns it.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let json = self.json().await;
            if fits(&json) {
                return json;
            }
        }
    }
}
