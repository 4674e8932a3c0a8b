//! The way of an order to a socket, with a server that only notes when its bytes arrive.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use wickd_engine::rig::VenueRig;
use wickd_engine::{Credentials, Plugin, Streams, VenuePlan};
use wickd_model::{ClientId, Digest, Instrument, Kind, LossStops, Order, OrderRequest, Side, Tif};
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::venue::Endpoint;
use wickd_policy::venue::catalogue::{Catalogue, Signing};
use wickd_policy::yaml::{Node, NodeKind, Place, Problems, parse};
use wickd_sandbox::Runtime;
use wickd_store::{Folder, Provenance, Record};

use super::{at, us};

const ORDERS: u64 = 90;
/// Apart enough that none waits for another. Their number stays below a hundred, which is what ten
/// seconds have room for, so that no limit is in the way.
const PAUSE: Duration = Duration::from_millis(110);

/// Prints p50 and p99 from the hand-over by the desk to the bytes on the socket, and of the journal.
pub(crate) fn order(runtime: &Runtime, adapter: &Arc<Plugin>, instrument: &Instrument) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrivals) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrived = arrived.clone();
            std::thread::spawn(move || serve(stream, &arrived));
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("credentials.yaml");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).mode(0o600).open(&credentials).unwrap();
    let text = format!(
        "bench:\n  hosts: ['{address}']\n  allow: trade\n  fields: {{key: key, secret: secretsecret}}\n"
    );
    file.write_all(text.as_bytes()).unwrap();
    let plan = plan(&address.to_string());
    let credentials = Credentials::File(credentials);
    let rig =
        VenueRig::start(runtime, plan, adapter.clone(), instrument.clone(), &credentials).unwrap();
    assert!(rig.wait("venue-ready"));
    let journal = Folder::open(&dir.path().join("state")).unwrap();
    let journal = journal.journal().unwrap();
    let (mut disk, mut way) = (Vec::new(), Vec::new());
    for intent in 1..=ORDERS {
        let order = an_order(intent);
        let by = Provenance {
            component: Digest([0; 32]),
            config: Digest([0; 32]),
            live: true,
            epoch: 0,
        };
        let started = Instant::now();
        journal.append(&[Record::Intent { order, by }]).unwrap();
        disk.push(started.elapsed());
        let sent = Instant::now();
        assert!(rig.send(order));
        let at: Instant = arrivals
            .recv_timeout(Duration::from_secs(10))
            .unwrap_or_else(|_| panic!("order {intent} did not come: {:?}", rig.said().first()));
        way.push(at - sent);
        std::thread::sleep(PAUSE);
    }
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        println!(
            "  {name}: {:.0} µs from the desk to the socket; the journal's commit with its fsync \
             before it {:.0} µs",
            us(at(&mut way, share)),
            us(at(&mut disk, share))
        );
    }
}

fn an_order(intent: u64) -> Order {
    Order {
        id: ClientId { slot: 1, intent },
        request: OrderRequest {
            instrument: 0,
            side: Side::Buy,
            kind: Kind::Limit,
            price: 2_500_000,
            size: 100,
            tif: Tif::Gtc,
            post_only: false,
            reduce_only: false,
            tag: 0,
        },
        ts_event: 0,
        seq: 1,
        generation: 1,
    }
}

fn plan(address: &str) -> VenuePlan {
    let endpoint = |name: &str, scheme: &str| {
        let kind = NodeKind::Scalar(format!("{scheme}://{address}"));
        Endpoint::read(name, &Node { place: Place::default(), kind }).unwrap()
    };
    let grants = format!("[{{to: 'http://{address}', private: true}}]");
    let node = parse(&grants, 1 << 10).unwrap();
    let network = Grants::read(&node, Enforcement::Enforce, &mut Problems::default());
    VenuePlan {
        name: "binance".to_owned(),
        plugin: "binance".parse().unwrap(),
        range: "*".parse().unwrap(),
        accept: Default::default(),
        settings: Vec::new(),
        endpoints: vec![endpoint("spot", "http")],
        network,
        credentials: Some("bench".to_owned()),
        signing: Signing { catalogue: Catalogue::named("binance").cloned(), ..Signing::default() },
        trade: true,
        losses: LossStops::default(),
        open_orders_max: 200,
        streams: Streams { quotes: true, depth: false, trades: false },
        stale_after_ms: 60_000,
        recv_window_ms: 5_000,
        read_lag_ms: 20_000,
        instruments: vec![0],
    }
}

/// The least a venue must say: its clock, one market, and yes.
fn serve(mut stream: TcpStream, arrived: &Sender<Instant>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(read @ 1..) = stream.read(&mut buffer) else { return };
        let now = Instant::now();
        let head = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let body = if head.starts_with("POST /api/v3/order") {
            let _ = arrived.send(now);
            let id = head.split("newClientOrderId=").nth(1).unwrap_or_default();
            let id = id.split(['&', ' ', '\r']).next().unwrap_or_default();
            format!(
                "{{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"clientOrderId\":\"{id}\",\"transactTime\":1700000000000,\"price\":\"25000.00\",\"origQty\":\"0.001\",\"executedQty\":\"0\",\"status\":\"CANCELED\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"BUY\",\"fills\":[]}}"
            )
        } else if head.starts_with("GET /api/v3/time") {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            format!("{{\"serverTime\":{}}}", now.as_millis())
        } else {
            MARKETS.to_owned()
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

const MARKETS: &str = r#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","isSpotTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000","stepSize":"0.00001000"},{"filterType":"NOTIONAL","minNotional":"5.00000000"}]}]}"#;
