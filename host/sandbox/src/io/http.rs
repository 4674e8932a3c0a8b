//! `wasi:http`, sent by egress.
//!
//! Comes in: a request as the guest built it. Goes out: an answer that was read whole and bounded, or
//! an error code. Deliberately absent: wasmtime's own sender, which dials whatever a name says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};
use wickd_egress::http::{Excess, HttpError, Response};
use wickd_egress::{Request, RequestError};

use super::outside::{HELD_BYTES_MAX, Outside, RefusedKind};

/// Largest body sent, in bytes; egress takes no larger one either.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest a guest may take to write a body, in milliseconds.
const BODY_MS_MAX: u64 = 10_000;

type Finished = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Where `wasi:http` hands its requests over.
pub(crate) struct Sender(pub(crate) Arc<Outside>);

impl WasiHttpHooks for Sender {
    /// Egress writes it, from the target that was decided on.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Finished,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Finished), Error>> + Send> {
        let outside = self.0.clone();
        Box::new(async move {
            let wait = options.and_then(|options| options.first_byte_timeout);
            let sending = outside.send(request);
            // An answer comes whole, so its first byte is its last.
            let response = match wait {
                Some(wait) => {
                    timeout(wait, sending).await.map_err(|_| Error::HttpResponseTimeout)?
                }
                None => sending.await,
            };
            Ok((response?, Box::new(async { Ok(()) }) as Finished))
        })
    }
}

impl Outside {
    async fn send(
        &self,
        request: http::Request<WasiBody>,
    ) -> Result<http::Response<WasiBody>, Error> {
        let (head, body) = request.into_parts();
        let permit = self
            .permit(&head.uri.to_string(), head.method.as_str())
            .map_err(|_| Error::HttpRequestDenied)?;
        let body = Limited::new(body, BODY_BYTES_MAX).collect();
        let body = timeout(Duration::from_millis(BODY_MS_MAX), body)
            .await
            .map_err(|_| Error::ConnectionWriteTimeout)?
            .map_err(|error| match error.is::<LengthLimitError>() {
                true => self.too_large(),
                false => Error::InternalError(Some("the body was not finished".to_owned())),
            })?;
        let mut headers = Vec::new();
        for (name, value) in head.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
            // What is no text is refused below, with its place.
            let value = value.to_str().unwrap_or("\0");
            headers.push((name.as_str().to_owned(), value.to_owned()));
        }
        let target = permit.target().clone();
        let body = body.to_bytes().to_vec();
        let request = Request::new(target, head.method.as_str(), &headers, body);
        let request = request.map_err(|error| self.malformed(&error))?;
        let ways = self.ways().ok_or(Error::HttpRequestDenied)?;
        match ways.http.send(&permit, request).await {
            Ok(response) => self.held(response),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn malformed(&self, error: &RequestError) -> Error {
        self.tell(
            RefusedKind::Denied,
            &format!("a request is refused: {error}"),
            "mend the plugin",
        );
        match error {
            RequestError::Size { .. } => Error::HttpRequestBodySize(Some(BODY_BYTES_MAX as u64)),
            RequestError::Method => Error::HttpRequestMethodInvalid,
            RequestError::Header { .. } => Error::HttpRequestDenied,
        }
    }

    fn too_large(&self) -> Error {
        let what = format!("a request's body passes {BODY_BYTES_MAX} bytes");
        self.tell(RefusedKind::Limited, &what, "send less at once");
        Error::HttpRequestBodySize(Some(BODY_BYTES_MAX as u64))
    }

    fn failed(&self, error: HttpError) -> Error {
        let limited = |fix: &str| self.tell(RefusedKind::Limited, &error.to_string(), fix);
        match &error {
            HttpError::Denied(denial) => {
                self.denied(denial);
                Error::HttpRequestDenied
            }
            HttpError::Permit { .. } => Error::HttpRequestDenied,
            HttpError::Limit { .. } => {
                limited("wait for answers before asking again");
                Error::ConnectionLimitReached
            }
            HttpError::Unsent { .. } => Error::DestinationUnavailable,
            HttpError::Lost { .. } => {
                limited("the other side broke off, or answered too slowly");
                Error::HttpResponseIncomplete
            }
            HttpError::TooLarge { excess: Excess::Headers, limit, .. } => {
                limited("ask for less");
                Error::HttpResponseHeaderSectionSize(u32::try_from(*limit).ok())
            }
            HttpError::TooLarge { excess: Excess::Body, limit, .. } => {
                limited("ask for less");
                Error::HttpResponseBodySize(Some(*limit as u64))
            }
        }
    }

    /// The answer as the guest gets it. Its bytes are the host's until the guest drops it, so they are
    /// counted.
    fn held(&self, response: Response) -> Result<http::Response<WasiBody>, Error> {
        let bytes = u32::try_from(response.body.len()).unwrap_or(u32::MAX);
        let Ok(held) = self.held.clone().try_acquire_many_owned(bytes) else {
            let what = format!("it holds more than {HELD_BYTES_MAX} bytes of answers");
            self.tell(RefusedKind::Limited, &what, "drop answers that were read");
            return Err(Error::HttpResponseBodySize(Some(HELD_BYTES_MAX as u64)));
        };
        let body = Full::new(Bytes::from(response.body)).map_frame(move |frame| {
            let _counted = &held;
            frame
        });
        let body = body.map_err(|never| match never {}).boxed_unsync();
        let mut made = http::Response::builder().status(response.status);
        for (name, value) in &response.headers {
            made = made.header(name, value.as_slice());
        }
        made.body(body).map_err(|_| Error::HttpProtocolError)
    }
}
