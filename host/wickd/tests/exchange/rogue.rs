//! A server that is no venue: it records what reaches it, and answers by path with what nobody wants.
//!
//! Comes in: connections on this machine. Goes out: bombs, echoes, frames; the heads of all requests and
//! the texts of all sockets for the test. Deliberately absent: keeping a connection for a second request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio_tungstenite::tungstenite::{self, Message};

/// What an answer grows to, in bytes: four times what is read.
const BOMB_BYTES: usize = 64 << 20;
/// Between two frames of a socket.
const BEAT: Duration = Duration::from_millis(20);
/// How long `/slow` takes.
const SLOW: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    texts: Mutex<Vec<String>>,
}

/// The server; its threads end with the test.
pub(crate) struct Rogue {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
}

impl Rogue {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on this machine");
        let addr = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = shared.clone();
                // Whatever happens to a connection is the client's to notice.
                std::thread::spawn(move || drop(serve(stream, &seen)));
            }
        });
        Self { addr, seen }
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The texts that came over sockets so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.seen.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn keep(into: &Mutex<Vec<String>>, text: &str) {
    into.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
}

fn serve(mut stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    let mut bytes = [0; 16 << 10];
    // The daemon writes a head at once.
    let length = stream.peek(&mut bytes)?;
    let head = String::from_utf8_lossy(&bytes[..length]).into_owned();
    keep(&seen.heads, &head);
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    if head.to_lowercase().contains("upgrade: websocket") {
        return socket(stream, &head, &path, seen);
    }
    stream.read_exact(&mut bytes[..length])?;
    let answer = |headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n");
        [head.as_bytes(), body].concat()
    };
    let sized = |body: &[u8]| answer(&format!("Content-Length: {}\r\n", body.len()), body);
    let path = path.split('?').next().unwrap_or_default();
    let text = match path {
        "/v1/echo" => sized(format!("{head} again: {head}").as_bytes()),
        "/huge" => {
            stream.write_all(&answer(&format!("Content-Length: {BOMB_BYTES}\r\n"), b""))?;
            let piece = [b'x'; 64 << 10];
            (0..BOMB_BYTES / piece.len()).try_for_each(|_| stream.write_all(&piece))?;
            return Ok(());
        }
        "/gzip-bomb" => {
            let bomb = bomb();
            let headers = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", bomb.len());
            answer(&headers, bomb)
        }
        "/many-headers" => {
            let headers: String = (0..5_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
            answer(&headers, b"")
        }
        "/cut" => answer("Content-Length: 100\r\n", b"half"),
        "/redirect" => {
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
                .to_vec()
        }
        "/slow" => {
            std::thread::sleep(SLOW);
            sized(b"{}")
        }
        _ => sized(b"{}"),
    };
    stream.write_all(&text)
}

fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let piece = vec![0; 1 << 20];
        for _ in 0..BOMB_BYTES / piece.len() {
            packer.write_all(&piece).expect("memory takes it");
        }
        packer.finish().expect("memory takes it")
    })
}

fn socket(stream: TcpStream, head: &str, path: &str, seen: &Seen) -> std::io::Result<()> {
    let Ok(mut socket) = tungstenite::accept(stream) else { return Ok(()) };
    socket.get_ref().set_read_timeout(Some(BEAT))?;
    if path == "/huge" {
        // Refused while it is written.
        let _ = socket.send(Message::binary(vec![b'x'; 8 << 20]));
    }
    let echoes = path == "/echo";
    let mut send = Some(head.to_owned()).filter(|_| echoes);
    loop {
        if let Some(text) = send.take()
            && socket.send(Message::text(text)).is_err()
        {
            return Ok(());
        }
        match socket.read() {
            Ok(Message::Text(text)) => {
                keep(&seen.texts, &text);
                send = Some(text.to_string()).filter(|_| echoes);
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                send = Some("{}".to_owned());
            }
            Err(_) => return Ok(()),
        }
    }
}
