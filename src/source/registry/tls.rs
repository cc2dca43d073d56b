//! Whom a TLS connection trusts: the system's certificates, those of `certs.d`, and those of flags.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore,
    SignatureScheme,
};

use super::transport::ConnectError;

/// Whom to trust.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// A file with further CAs, for all hosts.
    pub(super) ca: Option<PathBuf>,
    /// `HOST[:PORT]` whose certificate is not checked.
    pub(super) insecure: Vec<String>,
    /// Directories with a directory for each `HOST:PORT`, the first that has one counts.
    pub(super) certs_d: Vec<PathBuf>,
    pub(super) notes: Mutex<Vec<String>>,
}

impl Trust {
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.lock().map(|notes| notes.clone()).unwrap_or_default()
    }

    fn note(&self, note: String) {
        if let Ok(mut notes) = self.notes.lock()
            && !notes.contains(&note)
        {
            notes.push(note);
        }
    }

    /// TLS settings for `host:port`.
    pub(super) fn config(&self, authority: &str) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let bare = authority.strip_suffix(":443").unwrap_or(authority);
        let files = self.files_of(authority).or_else(|| self.files_of(bare)).unwrap_or_default();
        let verifier: Arc<dyn ServerCertVerifier> =
            if self.insecure.iter().any(|host| host == authority || host == bare) {
                Arc::new(Unchecked(provider))
            } else {
                let mut roots = RootCertStore::empty();
                let system = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(system.certs);
                for file in self.ca.iter().chain(&files.cas) {
                    match CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
                        Ok(found) if !found.is_empty() => {
                            roots.add_parsable_certificates(found);
                        }
                        _ if self.ca.as_ref() == Some(file) => {
                            return Err(format!("{} has no certificate that can be read", file.display()));
                        }
                        Ok(_) => self.note(format!("{} has no certificate", file.display())),
                        Err(error) => self.note(format!("{} cannot be read: {error}", file.display())),
                    }
                }
                if roots.is_empty() {
                    return Err(
                        "there are no CA certificates; install `ca-certificates`, or name one with --ca".to_owned()
                    );
                }
                let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| error.to_string())?;
                Arc::new(Checked(inner))
            };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        Ok(match files.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
                let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate)
                    .and_then(Iterator::collect)
                    .map_err(|error| failed(&certificate, &error))?;
                let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| failed(&key, &error))?;
                builder.with_client_auth_cert(chain, private).map_err(|error| failed(&certificate, &error))?
            }
        })
    }

    /// What `certs.d` has for a host (containers-certs.d(5)).
    fn files_of(&self, authority: &str) -> Option<Files> {
        for base in &self.certs_d {
            let folder = base.join(authority);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(error) => {
                    self.note(format!("{} cannot be read: {error}", folder.display()));
                    continue;
                }
            };
            let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            names.sort();
            let mut files = Files::default();
            for path in names {
                match path.extension().and_then(|end| end.to_str()) {
                    Some("crt") => files.cas.push(path),
                    Some("cert") => {
                        let key = path.with_extension("key");
                        if key.is_file() {
                            files.client = files.client.or(Some((path, key)));
                        } else {
                            self.note(format!("{} is not there, which {} needs", key.display(), path.display()));
                        }
                    }
                    _ => {}
                }
            }
            return Some(files);
        }
        None
    }
}

#[derive(Debug, Default)]
struct Files {
    cas: Vec<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

/// The usual check, and an error that names the issuer.
#[derive(Debug)]
struct Checked(Arc<WebPkiServerVerifier>);

/// A certificate that is not accepted.
#[derive(Debug, thiserror::Error)]
#[error("its certificate, issued by {issuer}, {problem}")]
struct Refused {
    issuer: String,
    problem: String,
    own: bool,
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.0.verify_server_cert(end, between, name, ocsp, now).map_err(|error| {
            let TlsError::InvalidCertificate(why) = &error else { return error };
            let (problem, own) = match why {
                CertificateError::UnknownIssuer => ("is signed by nobody whom this system trusts".to_owned(), true),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    (format!("is not for the name {}", name.to_str()), false)
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    ("has expired".to_owned(), false)
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    ("is not valid yet; see whether the clock is right".to_owned(), false)
                }
                CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                    ("is a CA's and used as the server's own (self-signed)".to_owned(), true)
                }
                other => (format!("is not accepted ({other:?})"), false),
            };
            let issuer = issuer(end).unwrap_or_else(|| "an unknown issuer".to_owned());
            let refused = Refused { issuer: format!("`{}`", crate::bytes::shown_text(&issuer)), problem, own };
            TlsError::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes any certificate, for hosts of `--insecure-tls`.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What a failed handshake means.
pub(super) fn explain(error: &io::Error, host: &str) -> ConnectError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    match inner {
        Some(TlsError::InvalidMessage(_)) => ConnectError::NotTls,
        Some(TlsError::InvalidCertificate(CertificateError::Other(other))) => {
            let hint = other.0.downcast_ref::<Refused>().filter(|refused| refused.own).map(|_| {
                format!(
                    "; put its CA into certs.d (~/.config/containers/certs.d/{host}/ca.crt or \
                     /etc/docker/certs.d/{host}/ca.crt), name it with `--ca FILE` or SSL_CERT_FILE, or do without the \
                     check: `--insecure-tls {host}`"
                )
            });
            ConnectError::Tls(format!("{host}: {}{}", other.0, hint.unwrap_or_default()))
        }
        Some(other) => ConnectError::Tls(format!("{host}: TLS failed ({other})")),
        // A server that closes the connection at the first bytes has not understood them.
        None if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            ConnectError::NotTls
        }
        None => ConnectError::Unreachable(format!("{host}: {error}")),
    }
}

/// The issuer's name in a certificate: its common name, else its organisation (RFC 5280, section 4.1).
fn issuer(certificate: &[u8]) -> Option<String> {
    let (_, whole, _) = der(certificate)?;
    let (_, mut body, _) = der(whole)?;
    if body.first() == Some(&0xa0) {
        body = der(body)?.2;
    }
    // The serial number and the algorithm stand before it.
    let after = der(der(body)?.2)?.2;
    let (_, mut names, _) = der(after)?;
    let mut found: Option<String> = None;
    while !names.is_empty() {
        let (_, set, rest) = der(names)?;
        let (_, pair, _) = der(set)?;
        let (_, kind, value) = der(pair)?;
        let (_, text, _) = der(value)?;
        let text = String::from_utf8_lossy(text).into_owned();
        match kind {
            [0x55, 4, 3] => return Some(text),
            [0x55, 4, 10] => found = Some(text),
            _ => {}
        }
        names = rest;
    }
    found
}

/// Splits a DER value: its tag, its content, and what follows.
fn der(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if first & 0x80 == 0 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}
