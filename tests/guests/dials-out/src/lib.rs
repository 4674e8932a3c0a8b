//! Opens a TCP connection. Expected: refused at intake, for it imports `wasi:sockets`.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct DialsOut;

impl Rude for DialsOut {
    fn tick(_: Stamp) {
        std::hint::black_box(std::net::TcpStream::connect("203.0.113.7:443").is_ok());
    }
}

wickd_rude::export!(DialsOut);
