//! The venue as a process, and under its own market.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use wickd_venue::{Config, Venue};

use super::client::{PATIENCE, Socket, get};

#[test]
fn the_process_says_where_it_listens_and_ends_at_sigterm() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_wickd-venue"))
        .args(["--port", "0", "--seed", "3", "--rate", "10"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim().strip_prefix("listening ").unwrap();
    let addr: std::net::SocketAddr = addr.parse().unwrap();
    assert!(addr.ip().is_loopback() && addr.port() != 0);
    std::net::TcpStream::connect(addr).unwrap();
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let start = Instant::now();
    while process.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "it does not end");
        std::thread::yield_now();
    }
    assert!(process.wait().unwrap().success());
}

#[tokio::test]
async fn a_running_market_flows_without_gaps_at_its_rate() {
    let venue = Venue::start(Config { events_per_s: 5_000, ..Config::default() }).unwrap();
    let streams = "/stream?streams=btcusdt@trade/btcusdt@depth@100ms/btcusdt@kline_1m";
    let mut socket = Socket::open(&venue, streams).await;
    let (mut trade, mut depth) = (None, None);
    let start = Instant::now();
    let before = venue.truth().trades[0];
    for _ in 0..3_000 {
        let said = socket.json().await;
        let id = |name: &str| said["data"][name].as_u64();
        if let Some(id) = id("t") {
            assert!(trade.is_none_or(|last| id == last + 1));
            trade = Some(id);
        }
        if let (Some(first), Some(last)) = (id("U"), id("u")) {
            assert!(depth.is_none_or(|before| first == before + 1));
            depth = Some(last);
        }
    }
    assert!(trade.is_some() && depth.is_some());
    // About a quarter of the events trade on spot; half of that still proves a rate.
    let made = venue.truth().trades[0] - before;
    let expected = start.elapsed().as_millis() as u64 * 5 / 8;
    assert!(made >= expected, "{made} trades where {expected} were due");
    venue.set_rate(0);
    assert!(get(&venue, "/api/v3/depth?symbol=BTCUSDT").await["lastUpdateId"].is_u64());
}
