//! TLS on the way out: whom it trusts, and that nothing is said to anybody else.
//!
//! Comes in: a server on loopback with a certificate made for the test. Goes out: that a request
//! reaches it over HTTPS and WSS where its root is known, and not a byte of one where it is not.
//! Deliberately absent: the machine's own roots, which need the internet to be met.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wickd_egress::Request;
use wickd_egress::dial::{Resolve, Resolving};
use wickd_egress::http::{Bounds, Http, HttpError};
use wickd_egress::socket::{Frame, Socket, SocketBounds, SocketError};
use wickd_egress::tls::Tls;
use wickd_policy::net::{Enforcement, Grants, Permit, Target};
use wickd_policy::yaml::{Problems, parse};

/// Every name is this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { io::Result::Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// A listener and its TLS side, with a certificate for `venue.example`; and that certificate.
async fn listener() -> (TcpListener, TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["venue.example".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener, TlsAcceptor::from(Arc::new(config)), certificate.to_vec())
}

fn asked(scheme: &str, host: &str, port: u16) -> (Permit, Request) {
    let mut problems = Problems::default();
    let node = parse(&format!("[{{to: '{scheme}://{host}:{port}', private: true}}]"), 999).unwrap();
    let grants = Grants::read(&node, Enforcement::Enforce, &mut problems);
    let target = Target::parse(&format!("{scheme}://{host}:{port}/ws")).unwrap();
    let permit = grants.decide(&"alerts".parse().unwrap(), &target, "GET").unwrap();
    (permit, Request::new(target, "GET", &[], Vec::new()).unwrap())
}

#[tokio::test]
async fn https_reaches_a_known_root_and_says_nothing_to_another() {
    let (listener, acceptor, root) = listener().await;
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let mut served = 0;
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4];
            if stream.read_exact(&mut head).await.is_ok() {
                served += 1;
                let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                let _ = stream.shutdown().await;
            }
        }
        served
    });
    let send = async |roots: &[Vec<u8>], host: &str| {
        let (permit, request) = asked("https", host, port);
        let tls = Tls::new(roots).unwrap();
        Http::new(Arc::new(Here), tls, Bounds::default()).send(&permit, request).await
    };
    let known = [root];
    assert_eq!(send(&known, "venue.example").await.unwrap().status, 200);
    // No such root, and the right root for another name.
    for (roots, host) in [([].as_slice(), "venue.example"), (&known, "other.example")] {
        let error = send(roots, host).await.unwrap_err();
        assert!(matches!(error, HttpError::Unsent { .. }), "{error}");
    }
    assert_eq!(served.await.unwrap(), 1, "a request reached somebody it should not");
}

#[tokio::test]
async fn wss_reaches_a_known_root_and_does_not_open_to_another() {
    let (listener, acceptor, root) = listener().await;
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let heard = socket.next().await.unwrap().unwrap();
            socket.send(heard).await.unwrap();
        }
    });
    let open = async |roots: &[Vec<u8>]| {
        let (permit, request) = asked("wss", "venue.example", port);
        let tls = Tls::new(roots).unwrap();
        Socket::open(&Here, &tls, &permit, request, SocketBounds::default()).await
    };
    let error = open(&[]).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, SocketError::Open { .. }), "{error}");
    let mut socket = open(&[root]).await.unwrap();
    socket.send_text("hello").await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Frame::Text("hello".to_owned()));
    server.await.unwrap();
}
