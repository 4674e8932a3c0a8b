//! HMAC-SHA256 as the three venues use it, and the clock window around it.
//!
//! Comes in: the exact bytes that were sent. Goes out: a signature to compare with. Deliberately
//! absent: which bytes those are; each dialect says so itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

fn mac(secret: &str, message: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length (RFC 2104), so the error cannot happen; no bytes equal no signature.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Lower-case hex, as Binance and Bybit want it.
pub(crate) fn hex(secret: &str, message: &[u8]) -> String {
    hex::encode(mac(secret, message))
}

/// Base64 with padding, as OKX wants it.
pub(crate) fn base64(secret: &str, message: &[u8]) -> String {
    STANDARD.encode(mac(secret, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_of_the_three_venues_hold() {
        let secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
        let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
        let signed = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
        assert_eq!(hex(secret, query.as_bytes()), signed);
        let okx = base64(
            "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO",
            b"2020-12-08T09:08:57.715ZGET/api/v5/account/balance",
        );
        assert_eq!(okx, "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k=");
        let bybit = b"1700000000000test_api_key5000category=linear&symbol=BTCUSDT";
        let signed = "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7";
        assert_eq!(hex("test_secret", bybit), signed);
        let signed = "bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925";
        assert_eq!(hex("test_secret", b"GET/realtime1700000000000"), signed);
    }
}
