//! The credentials of `docker login`.

use docker_credential::{CredentialRetrievalError as Reason, DockerCredential};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// What proves to a registry who asks. It is neither shown nor logged.
#[derive(Clone)]
pub(crate) enum Credential {
    /// A name and a password or token in its place.
    Password(String, String),
    /// A token that the registry's token service takes in exchange for others.
    Identity(String),
}

/// The name under which `docker login` keeps the credentials of Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The credential of one host from the Docker configuration in a folder; a credential helper that it
/// names is run. Nothing when there is none.
///
/// # Errors
/// Why there is a configuration that cannot be used, without anything that it holds.
pub(crate) fn of_host(folder: Option<&Path>, host: &str) -> Result<Option<Credential>, String> {
    let Some(path) = folder.map(|folder| folder.join("config.json")) else { return Ok(None) };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let server = if host == rules::image::DOCKER_HUB { DOCKER_HUB } else { host };
    match docker_credential::get_credential_from_reader(BufReader::new(file), server) {
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            Ok(Some(Credential::Password(name, password)))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::Identity(token))),
        Err(Reason::NoCredentialConfigured) => Ok(None),
        // A helper says so of a host that it knows nothing of.
        Err(Reason::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(None)
        }
        Err(Reason::HelperFailure { helper, .. }) => {
            Err(format!("the credential helper {helper} failed for {host}"))
        }
        Err(_) => Err(format!("the credentials of {host} in {} are broken", path.display())),
    }
}
