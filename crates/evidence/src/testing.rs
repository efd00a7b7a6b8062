//! The registry of the tests: a real one on loopback, with images that tests make.

use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The variable that names the program of the registry.
pub const PROGRAM: &str = "K8S_AUTO_FIX_REGISTRY";

/// A running registry; it ends when this is dropped.
pub struct LocalRegistry {
    process: Child,
    host: String,
}

impl LocalRegistry {
    /// Starts the program that [`PROGRAM`] names; `None` without one.
    ///
    /// # Errors
    /// When it cannot be started or does not say where it listens.
    pub fn start() -> io::Result<Option<Self>> {
        match std::env::var_os(PROGRAM).map(PathBuf::from) {
            Some(program) => Self::run(&program).map(Some),
            None => Ok(None),
        }
    }

    /// Starts this program.
    ///
    /// # Errors
    /// When it cannot be started or does not say where it listens.
    pub fn run(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["-port", "0"]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = command.stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let port = line.trim().rsplit(' ').next().and_then(|port| port.parse::<u16>().ok());
        // It says a line for each request, and would wait for somebody to read it.
        std::thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
        match port {
            Some(port) => Ok(Self { process, host: format!("localhost:{port}") }),
            None => Err(io::Error::other(format!("{} says: {line}", program.display()))),
        }
    }

    /// Host and port, as references and flags name them.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Stops it before its time.
    pub fn stop(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Puts a blob into a repository.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn blob(&self, repository: &str, bytes: &[u8]) -> io::Result<String> {
        let digest = sha256(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        request(&self.host, "POST", &path, "application/octet-stream", bytes)?;
        Ok(digest)
    }

    /// Puts a manifest into a repository, under a tag or its digest.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn manifest(
        &self,
        repository: &str,
        tag: &str,
        kind: &str,
        bytes: &[u8],
    ) -> io::Result<String> {
        let path = format!("/v2/{repository}/manifests/{tag}");
        request(&self.host, "PUT", &path, kind, bytes)?;
        Ok(sha256(bytes))
    }

    /// Makes an image of one platform whose configuration has this `config`, and returns its digest.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn image(
        &self,
        repository: &str,
        tags: &[&str],
        config: &serde_json::Value,
    ) -> io::Result<String> {
        let file = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": config,
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let manifest = self.of_config(repository, file.to_string().as_bytes())?;
        for tag in tags {
            self.manifest(repository, tag, IMAGE, &manifest)?;
        }
        Ok(sha256(&manifest))
    }

    /// A manifest that leads to these bytes as its configuration.
    ///
    /// # Errors
    /// When the registry does not take the configuration.
    pub fn of_config(&self, repository: &str, config: &[u8]) -> io::Result<Vec<u8>> {
        let digest = self.blob(repository, config)?;
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": IMAGE, "layers": [],
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest, "size": config.len(),
            },
        });
        Ok(manifest.to_string().into_bytes())
    }

    /// Makes an image of several platforms, and returns its digest.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn index(
        &self,
        repository: &str,
        tags: &[&str],
        platforms: &[(&str, serde_json::Value)],
    ) -> io::Result<String> {
        let mut entries = Vec::new();
        for (index, (os, config)) in platforms.iter().enumerate() {
            let file = serde_json::json!({ "os": os, "variant": index, "config": config });
            let manifest = self.of_config(repository, file.to_string().as_bytes())?;
            let digest = sha256(&manifest);
            self.manifest(repository, &digest, IMAGE, &manifest)?;
            entries.push(serde_json::json!({
                "mediaType": IMAGE, "digest": digest, "size": manifest.len(),
                "platform": { "os": os, "architecture": format!("a{index}") },
            }));
        }
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": INDEX, "manifests": entries,
        });
        let index = index.to_string().into_bytes();
        for tag in tags {
            self.manifest(repository, tag, INDEX, &index)?;
        }
        Ok(sha256(&index))
    }

    /// The digest that a tag has in the registry, asked for in the plainest way.
    ///
    /// # Errors
    /// When the registry does not answer; a tag that it does not have is `None`.
    pub fn digest(&self, repository: &str, tag: &str) -> io::Result<Option<String>> {
        let path = format!("/v2/{repository}/manifests/{tag}");
        match request(&self.host, "GET", &path, IMAGE, &[]) {
            Ok(bytes) => Ok(Some(sha256(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for LocalRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The type of an image's manifest.
pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of a list of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The digest of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// One request over a connection of its own; the body of the answer.
fn request(host: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: {kind}\r\nAccept: {kind}, \
         {INDEX}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or(io::ErrorKind::UnexpectedEof)? + 4);
    let head = String::from_utf8_lossy(head);
    match head.split(' ').nth(1) {
        Some("200" | "201" | "202") => Ok(body.to_vec()),
        Some("404") => Err(io::ErrorKind::NotFound.into()),
        _ => Err(io::Error::other(format!("{method} {path}: {head}"))),
    }
}
