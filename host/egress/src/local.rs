//! A request to the daemon on this machine, over its Unix socket.
//!
//! Comes in: the socket's path, a method, a path, a JSON body. Goes out: status and body, bounded.
//! Deliberately absent: what is asked; and TLS, keys and limits, because nothing leaves the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
pub use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// Longest answer taken: a listing of some ten thousand rows.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How long connecting, asking and reading may take together: longer than the daemon itself waits
/// for its engine, so that its own word on a late answer arrives.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// The daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Nobody listens: no daemon runs on this state folder.
    #[error("no wickd listens at {}", .0.display())]
    NobodyThere(PathBuf),
    /// The socket is another user's.
    #[error("{} is not yours to open", .0.display())]
    Denied(PathBuf),
    /// The daemon accepted and did not answer in time.
    #[error("wickd did not answer within {} s", DEADLINE.as_secs())]
    Late,
    /// The answer is longer than anything the daemon sends.
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// What came is no answer.
    #[error("the connection to wickd broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Asks and waits for the answer.
///
/// # Errors
/// The daemon is not there, does not answer, or answers something that is no HTTP.
pub fn call(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Vec<u8>), LocalError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| LocalError::Broken(error.into()))?;
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, exchange(socket, method, path, body))
            .await
            .unwrap_or(Err(LocalError::Late))
    })
}

async fn exchange(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Vec<u8>), LocalError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => LocalError::Denied(socket.to_owned()),
        _ => LocalError::NobodyThere(socket.to_owned()),
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with the answer, or with the runtime.
    tokio::spawn(connection);
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "wickd")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(broken)?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => LocalError::TooLong,
        None => LocalError::Broken(error),
    })?;
    Ok((status, body.to_bytes().to_vec()))
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> LocalError {
    LocalError::Broken(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_folder_without_a_daemon_is_told_as_such() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("wickd.sock");
        let error = call(&socket, Method::GET, "/v1/slots", Vec::new()).unwrap_err();
        assert!(matches!(error, LocalError::NobodyThere(_)), "{error}");
    }

    #[test]
    fn an_answer_without_end_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("wickd.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
            while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        });
        let error = call(&socket, Method::GET, "/v1/slots", Vec::new()).unwrap_err();
        assert!(matches!(error, LocalError::TooLong), "{error}");
        server.join().unwrap();
    }
}
