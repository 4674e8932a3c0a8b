//! Whom a TLS connection trusts.
//!
//! Comes in: nothing, or a root of the operator's. Goes out: a configuration for HTTP and WebSocket
//! alike. The roots are the machine's own, by rustls-platform-verifier: they are renewed and revoked
//! with the system and not with this program, and reqwest brings the same verifier. TLS 1.2 and up, on
//! ring. Deliberately absent: client certificates, and any way to switch checking off.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

/// Session tickets kept for one plugin and origin.
const TICKETS_MAX: usize = 8;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("no trusted TLS roots; install the system's CA certificates (package `ca-certificates`)")]
pub struct TlsError {
    #[from]
    source: rustls::Error,
}

/// What every connection is checked against.
#[derive(Clone, Debug)]
pub struct Tls(ClientConfig);

impl Tls {
    /// The machine's roots, and `extra` ones in DER: a test venue's.
    ///
    /// # Errors
    /// The machine has none, or an extra one is none.
    pub fn new(extra: &[Vec<u8>]) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let extra: Vec<_> = extra.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let verifier = Verifier::new_with_extra_roots(extra, provider.clone())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self(config))
    }

    /// A configuration whose session tickets nobody else has.
    pub(crate) fn own(&self) -> ClientConfig {
        let mut config = self.0.clone();
        config.resumption = Resumption::in_memory_sessions(TICKETS_MAX);
        config
    }
}
