//! An API server and its etcd for one run, on loopback, gone afterwards whatever happens.

use crate::certificates::{self, Certificates};
use crate::error::Error;
use kube::Config;
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts both servers and waits for the end of its input, which comes when its parent is gone,
/// however that went. Each server has a shell of its own that notes when it has ended.
const SUPERVISOR: &str = r#"
trap '' INT HUP TERM
dir=$1 etcd=$2 apiserver=$3 port=$4
shift 4
cd "$dir" || exit 1
serve() {
    name=$1
    shift
    "$@" </dev/null >"$name.log" 2>&1 &
    echo $! >"$name.pid"
    wait $!
    : >"$name.ended"
}
serve etcd "$etcd" --data-dir "$dir/etcd" --unsafe-no-fsync \
    --listen-client-urls "unix://$dir/etcd.sock" --advertise-client-urls http://127.0.0.1:1 \
    --listen-peer-urls "unix://$dir/peer.sock" &
serve kube-apiserver "$apiserver" --etcd-servers "unix://$dir/etcd.sock" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --endpoint-reconciler-type none \
    --secure-port "$port" --tls-cert-file "$dir/serving.crt" \
    --tls-private-key-file "$dir/serving.key" --token-auth-file "$dir/tokens.csv" \
    --authorization-mode RBAC --allow-privileged=true --service-cluster-ip-range 10.0.0.0/16 \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-signing-key-file "$dir/accounts.key" \
    --service-account-key-file "$dir/accounts.pub" "$@" &
while read -r line; do :; done
for name in etcd kube-apiserver; do
    until [ -s "$name.pid" ]; do sleep 0.01; done
    kill -9 "$(cat "$name.pid")" 2>/dev/null
done
wait
cd /
rm -rf -- "$dir"
"#;

/// How long a server may take until it is ready.
pub(crate) const START: Duration = Duration::from_secs(90);
/// How long it may take until it is gone.
const STOP: Duration = Duration::from_secs(10);
/// How often another port is tried when somebody takes it first.
const PORTS: u32 = 3;
/// The longest folder in which the name of a socket fits its 108 bytes.
const MAX_FOLDER: usize = 60;
/// Bytes of a log that a message shows.
const LOG_END: usize = 2000;

/// The programs of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    pub(crate) folder: PathBuf,
}

impl Binaries {
    /// Finds them: in `assets` and only there when that is set, else the newest in `cache` or the
    /// one that is wanted, as `1.N`.
    pub(crate) fn find(
        assets: Option<PathBuf>,
        cache: Option<PathBuf>,
        wanted: Option<&str>,
    ) -> Result<Self, Error> {
        let looked = match (assets, cache) {
            (Some(assets), _) => vec![assets],
            (None, Some(cache)) => versions(&cache, wanted),
            (None, None) => Vec::new(),
        };
        if let Some(folder) = looked.iter().find(|folder| complete(folder)) {
            return Ok(Self { folder: folder.clone() });
        }
        let wanted = wanted.map(|version| format!(" {version}")).unwrap_or_default();
        Err(Error::NoBinaries { wanted, looked })
    }

    fn etcd(&self) -> PathBuf {
        self.folder.join("etcd")
    }

    fn apiserver(&self) -> PathBuf {
        self.folder.join("kube-apiserver")
    }

    /// What tells this program from others of the same version.
    pub(crate) fn identity(&self) -> String {
        let metadata = fs::metadata(self.apiserver()).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        let size = metadata.map(|metadata| metadata.len());
        format!("{} {size:?} {modified:?}", self.folder.display())
    }
}

fn complete(folder: &Path) -> bool {
    ["etcd", "kube-apiserver"].iter().all(|name| folder.join(name).is_file())
}

/// The folders `1.N` in which the programs may be, newest first.
fn versions(cache: &Path, wanted: Option<&str>) -> Vec<PathBuf> {
    if let Some(wanted) = wanted {
        return vec![cache.join(wanted)];
    }
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let minor = |path: &Path| crate::choice::minor(path.file_name()?.to_str()?);
    let mut folders: Vec<_> =
        entries.filter_map(|entry| Some((minor(&entry.path())?, entry.path()))).collect();
    folders.sort_by(|a, b| b.cmp(a));
    if folders.is_empty() {
        return vec![cache.to_owned()];
    }
    folders.into_iter().map(|(_, folder)| folder).collect()
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Ephemeral {
    folder: PathBuf,
    port: u16,
    supervisor: Child,
}

/// A server and how to reach it.
pub(crate) struct Started {
    pub(crate) server: Ephemeral,
    pub(crate) config: Config,
}

/// Starts a server. It is not ready yet: see [`Ephemeral::check`].
pub(crate) fn start(binaries: &Binaries, flags: &[String]) -> Result<Started, Error> {
    let folder = folder()?;
    let certificates = certificates::make()?;
    let token = token()?;
    write_files(folder.path(), &certificates, &token)?;
    let port = free_port()?;
    write_kubeconfig(folder.path(), &token, port)?;
    let supervisor = supervise(binaries, folder.path(), port, flags)?;
    // From here on the supervisor removes it.
    let server = Ephemeral { folder: folder.keep(), port, supervisor };
    let config = config(&certificates, token, port)?;
    Ok(Started { server, config })
}

/// Only the user may look into it.
fn folder() -> Result<tempfile::TempDir, Error> {
    let mut base = std::env::temp_dir();
    if base.as_os_str().len() > MAX_FOLDER {
        base = PathBuf::from("/tmp");
    }
    let folder = tempfile::Builder::new().prefix("k8s-auto-fix-server-").tempdir_in(&base);
    folder.map_err(Error::prepare(format!("a folder in {}", base.display())))
}

/// A secret that is guessed by nobody.
fn token() -> Result<String, Error> {
    let mut random = [0; 32];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random));
    read.map_err(Error::prepare("random bytes of /dev/urandom"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_files(folder: &Path, certificates: &Certificates, token: &str) -> Result<(), Error> {
    write(folder, "ca.crt", &certificates.authority_pem)?;
    write(folder, "serving.crt", &certificates.serving)?;
    write(folder, "serving.key", &certificates.serving_key)?;
    write(folder, "accounts.key", &certificates.accounts_key)?;
    write(folder, "accounts.pub", &certificates.accounts_public_key)?;
    let user = format!("{token},k8s-auto-fix,k8s-auto-fix,\"system:masters\"\n");
    write(folder, "tokens.csv", &user)
}

/// For kubectl, while the server runs.
fn write_kubeconfig(folder: &Path, token: &str, port: u16) -> Result<(), Error> {
    let server = format!("https://127.0.0.1:{port}");
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "ephemeral",
        "contexts": [{ "name": "ephemeral", "context": { "cluster": "ephemeral", "user": "admin" } }],
        "clusters": [{
            "name": "ephemeral",
            "cluster": { "server": server, "certificate-authority": "ca.crt" },
        }],
        "users": [{ "name": "admin", "user": { "token": token } }],
    });
    write(folder, "kubeconfig", &kubeconfig.to_string())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let path = folder.join(name);
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(Error::prepare(path.display().to_string()))
}

/// A port that nobody listens on now.
fn free_port() -> Result<u16, Error> {
    let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    Ok(address.map_err(Error::prepare("a port of 127.0.0.1"))?.port())
}

fn supervise(
    binaries: &Binaries,
    folder: &Path,
    port: u16,
    flags: &[String],
) -> Result<Child, Error> {
    Command::new("/bin/sh")
        .args(["-c", SUPERVISOR, "k8s-auto-fix-server"])
        .args([folder, &binaries.etcd(), &binaries.apiserver()])
        .arg(port.to_string())
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What a terminal sends to us must not reach the servers before we are done.
        .process_group(0)
        .spawn()
        .map_err(Error::prepare("/bin/sh"))
}

fn config(certificates: &Certificates, token: String, port: u16) -> Result<Config, Error> {
    let server = format!("https://127.0.0.1:{port}");
    let uri = server.parse().map_err(|error: http::uri::InvalidUri| Error::Configuration {
        server,
        reason: error.to_string(),
    })?;
    let mut config = Config::new(uri);
    config.root_cert = Some(vec![certificates.authority.clone()]);
    config.auth_info.token = Some(token.into());
    Ok(config)
}

/// Starts over on another port when somebody else took the first.
pub(crate) fn retry_ports<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 1..PORTS {
        match attempt() {
            Err(Error::DidNotStart { log, .. }) if log.contains("address already in use") => {}
            outcome => return outcome,
        }
    }
    attempt()
}

impl Ephemeral {
    /// The folder of its logs, and of a kubeconfig for it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// An error when a server has died, or the time since `start` is up.
    pub(crate) fn check(&self, start: Instant) -> Result<(), Error> {
        for name in ["etcd", "kube-apiserver"] {
            if self.folder.join(format!("{name}.ended")).exists() {
                return Err(self.failure(name, &format!("{name} has ended")));
            }
        }
        if start.elapsed() > START {
            let reason = format!("not ready after {} s", START.as_secs());
            return Err(self.failure("kube-apiserver", &reason));
        }
        Ok(())
    }

    fn failure(&self, name: &str, reason: &str) -> Error {
        let log = fs::read(self.folder.join(format!("{name}.log"))).unwrap_or_default();
        let end = log.get(log.len().saturating_sub(LOG_END)..).unwrap_or_default();
        let log = String::from_utf8_lossy(end).trim().to_owned();
        let reason = format!("{reason} (port {})", self.port);
        Error::DidNotStart { reason, log }
    }
}

impl Drop for Ephemeral {
    /// Ends the input of the supervisor, which ends the servers, and waits for it.
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let start = Instant::now();
        while start.elapsed() < STOP {
            // An error means that there is no process to wait for.
            if !matches!(self.supervisor.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Binaries, PORTS, retry_ports};
    use crate::error::Error;
    use std::fs;
    use std::path::Path;

    fn install(folder: &Path, names: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        for name in names {
            fs::write(folder.join(name), "").unwrap();
        }
    }

    #[test]
    fn the_newest_complete_version_is_found() {
        let cache = tempfile::tempdir().unwrap();
        let of = |version: &str| cache.path().join(version);
        install(&of("1.9"), &["etcd", "kube-apiserver"]);
        install(&of("1.35"), &["etcd", "kube-apiserver"]);
        install(&of("1.36"), &["etcd"]);
        install(&of("other"), &["etcd", "kube-apiserver"]);
        let find = |wanted| Binaries::find(None, Some(cache.path().to_owned()), wanted);
        assert_eq!(find(None).unwrap().folder, of("1.35"));
        assert_eq!(find(Some("1.9")).unwrap().folder, of("1.9"));
        let error = find(Some("1.36")).unwrap_err().to_string();
        let place = format!("no etcd and kube-apiserver 1.36 in {};", of("1.36").display());
        assert!(error.starts_with(&place), "{error}");
    }

    #[test]
    fn an_explicit_folder_is_the_only_one() {
        let cache = tempfile::tempdir().unwrap();
        install(&cache.path().join("1.36"), &["etcd", "kube-apiserver"]);
        let assets = cache.path().join("assets");
        let found = Binaries::find(Some(assets.clone()), Some(cache.path().to_owned()), None);
        let error = found.unwrap_err().to_string();
        assert!(error.contains(&format!("in {};", assets.display())), "{error}");
    }

    #[test]
    fn another_port_is_tried_when_one_is_taken_and_only_then() {
        let failing = |log: &'static str| {
            let mut attempts = 0;
            let outcome = retry_ports::<()>(|| {
                attempts += 1;
                Err(Error::DidNotStart { reason: String::new(), log: log.to_owned() })
            });
            assert!(outcome.is_err());
            attempts
        };
        assert_eq!(failing("listen tcp 127.0.0.1:1: bind: address already in use"), PORTS);
        assert_eq!(failing("no luck"), 1);
    }
}
