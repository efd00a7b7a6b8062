//! What an ephemeral server shows to its only client, and signs tokens with.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Certificates and keys, as PEM where not said otherwise.
pub(crate) struct Certificates {
    /// The authority, as DER.
    pub(crate) authority: Vec<u8>,
    pub(crate) authority_pem: String,
    pub(crate) serving: String,
    pub(crate) serving_key: String,
    /// Signs the tokens of service accounts.
    pub(crate) accounts_key: String,
    /// Checks them.
    pub(crate) accounts_public_key: String,
}

/// A new authority, whose key is forgotten at once, and a certificate for 127.0.0.1.
pub(crate) fn make() -> Result<Certificates, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "k8s-auto-fix ephemeral authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let serving_key = KeyPair::generate()?;
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let serving = CertificateParams::new(names)?.signed_by(&serving_key, &issuer)?;
    let accounts_key = KeyPair::generate()?;
    Ok(Certificates {
        authority: certificate.der().to_vec(),
        authority_pem: certificate.pem(),
        serving: serving.pem(),
        serving_key: serving_key.serialize_pem(),
        accounts_key: accounts_key.serialize_pem(),
        accounts_public_key: accounts_key.public_key_pem(),
    })
}
