//! HTTP for the I/O tier, over `wasi:http`.
//!
//! Comes in: a [`Request`]. Goes out: its [`Response`], read whole, or an [`Error`]. What is not
//! granted is an error like any other. Deliberately absent: redirects, which the host does not follow
//! either, and any way that does not wait: a utility has nothing else to do meanwhile. Natively, in a
//! plugin's own tests, there is no network: [`answer_with`] says what comes back.

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Like `POST`.
    pub method: String,
    /// Like `https://hooks.example.org/alert?room=1`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not granted: the daemon's notice names the line to add.
    Denied,
    /// The request is malformed: which part of it.
    Malformed(&'static str),
    /// Anything else, in the words of `wasi:http`.
    Failed(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied => f.write_str("not granted; see the daemon's notice"),
            Self::Malformed(part) => write!(f, "the request's {part} is malformed"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl Request {
    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `POST` of JSON.
    pub fn post_json(url: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self { method: "POST".into(), url: url.into(), headers, body: json.into() }
    }

    /// The same with one more header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn send(&self) -> Result<Response, Error> {
        imp::send(self)
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use imp::{answer_with, sent};

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use std::cell::RefCell;

    use super::{Error, Request, Response};

    type Answer = Box<dyn FnMut(&Request) -> Result<Response, Error>>;

    thread_local! {
        static SENT: RefCell<Vec<Request>> = const { RefCell::new(Vec::new()) };
        static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
    }

    pub(super) fn send(request: &Request) -> Result<Response, Error> {
        SENT.with_borrow_mut(|sent| sent.push(request.clone()));
        ANSWER.with_borrow_mut(|answer| match answer {
            Some(answer) => answer(request),
            None => Err(Error::Denied),
        })
    }

    /// Native tests: what every request of this thread is answered with from now on. Before that
    /// nothing is granted.
    pub fn answer_with(answer: impl FnMut(&Request) -> Result<Response, Error> + 'static) {
        ANSWER.with_borrow_mut(|of| *of = Some(Box::new(answer)));
    }

    /// Native tests: what this thread has sent since the last look.
    pub fn sent() -> Vec<Request> {
        SENT.with_borrow_mut(std::mem::take)
    }
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::{Error, Request, Response};
    use crate::bindings::utility::wasi::http::outgoing_handler::handle;
    use crate::bindings::utility::wasi::http::types::{
        ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme,
    };
    use crate::bindings::utility::wasi::io::streams::StreamError;

    /// Bytes written at once, as `blocking-write-and-flush` takes them.
    const WRITE_BYTES: usize = 4096;
    /// Bytes read at once.
    const READ_BYTES: u64 = 64 << 10;

    pub(super) fn send(request: &Request) -> Result<Response, Error> {
        let (scheme, rest) = request.url.split_once("://").ok_or(Error::Malformed("URL"))?;
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            other => Scheme::Other(other.to_owned()),
        };
        let entries: Vec<_> =
            request.headers.iter().map(|(n, v)| (n.clone(), v.clone().into_bytes())).collect();
        let fields = Fields::from_list(&entries).map_err(|_| Error::Malformed("headers"))?;
        let outgoing = OutgoingRequest::new(fields);
        outgoing.set_method(&method(&request.method)).map_err(|()| Error::Malformed("method"))?;
        outgoing.set_scheme(Some(&scheme)).map_err(|()| Error::Malformed("scheme"))?;
        outgoing.set_authority(Some(authority)).map_err(|()| Error::Malformed("host"))?;
        outgoing.set_path_with_query(Some(path)).map_err(|()| Error::Malformed("path"))?;
        let body = outgoing.body().map_err(|()| Error::Malformed("body"))?;
        let answer = handle(outgoing, None).map_err(failed)?;
        // Where writing fails, the answer says why.
        let written = write(&body, &request.body);
        if written.is_ok() {
            let _ = OutgoingBody::finish(body, None);
        }
        answer.subscribe().block();
        let got = answer.get().ok_or_else(none)?.map_err(|()| none())?.map_err(failed)?;
        let headers = got.headers().entries();
        let incoming = got.consume().map_err(|()| none())?;
        Ok(Response { status: got.status(), headers, body: read(&incoming)? })
    }

    fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), ()> {
        let stream = body.write()?;
        for piece in bytes.chunks(WRITE_BYTES) {
            stream.blocking_write_and_flush(piece).map_err(|_| ())?;
        }
        Ok(())
    }

    fn read(body: &IncomingBody) -> Result<Vec<u8>, Error> {
        let stream = body.stream().map_err(|()| none())?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(READ_BYTES) {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(Error::Failed(error.to_debug_string()));
                }
            }
        }
    }

    fn method(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "PATCH" => Method::Patch,
            other => Method::Other(other.to_owned()),
        }
    }

    fn none() -> Error {
        Error::Failed("there is no answer".to_owned())
    }

    fn failed(code: ErrorCode) -> Error {
        match code {
            ErrorCode::HttpRequestDenied => Error::Denied,
            other => Error::Failed(format!("{other:?}")),
        }
    }
}
