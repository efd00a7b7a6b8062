use crate::api::{Api, ENFORCING, OPEN};
use crate::choice::{Choice, Options};
use crate::client::{Ask, Client, Reply, Silence, Statistics};
use crate::ephemeral::{self, Binaries, Ephemeral};
use crate::error::Error;
use crate::open_api::{self, OpenApi};
use crate::seed::{self, Seeded};
use crate::{kubeconfig, refusal};
use http::StatusCode;
use kube::Config;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use verifier::{Answer, ApiServer, Refusal};

/// Namespaces of an ephemeral server that every cluster has, and the one for pods.
const NAMESPACES: [&str; 5] = ["default", "kube-system", "kube-public", "kube-node-lease", OPEN];

/// An API server that is there and knows us.
///
/// Its methods block, may be called from many threads, and must not be called inside a runtime.
pub struct Server {
    api: Arc<Api>,
    version: Version,
    name: String,
    /// Where its schemas are kept; nowhere when the user has no cache folder.
    cache: Option<PathBuf>,
    options: Options,
    runtime: Runtime,
    /// Last, so that it ends when nobody asks it any more.
    ephemeral: Option<Ephemeral>,
}

/// A version as the server says it, and `N` of `1.N`.
struct Version {
    text: String,
    minor: u16,
}

impl Server {
    /// Connects, or starts an ephemeral server; none for [`Choice::Off`]. Checks at once that the
    /// server answers and knows us.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn connect(choice: &Choice, options: Options) -> Result<Option<Self>, Error> {
        match choice {
            Choice::Off => Ok(None),
            Choice::Ephemeral { version } => ephemeral(version.as_deref(), options).map(Some),
            Choice::Kubeconfig { context } => users(context.as_deref(), options).map(Some),
        }
    }

    /// The server's version, such as `v1.36.3`.
    pub fn version(&self) -> &str {
        &self.version.text
    }

    /// `N` of the server's version `1.N`.
    pub fn minor(&self) -> u16 {
        self.version.minor
    }

    /// Whether it was started for this run.
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral.is_some()
    }

    /// For people; without credentials.
    pub fn describe(&self) -> String {
        if self.is_ephemeral() {
            format!("ephemeral kube-apiserver {}", self.version.text)
        } else {
            format!("{}, {}", self.name, self.version.text)
        }
    }

    /// The folder of an ephemeral server while it runs: its logs, and `kubeconfig` for kubectl.
    pub fn folder(&self) -> Option<&Path> {
        self.ephemeral.as_ref().map(Ephemeral::folder)
    }

    /// Creates objects for real, in an order in which they can be: namespaces, definitions, then
    /// the rest, policies last. The first of several with the same identity wins.
    ///
    /// On an ephemeral server every namespace gets its `default` account, which no controller
    /// makes there.
    pub fn seed(&self, objects: &[Value]) -> Seeded {
        let force = self.options.force_conflicts || self.is_ephemeral();
        self.runtime.block_on(seed::seed(&self.api, objects, force))
    }

    /// The schemas of all kinds that the server serves. Kept on disk, so that only what has
    /// changed is fetched again.
    ///
    /// # Errors
    /// When the server does not answer or may not be asked.
    pub fn open_api(&self) -> Result<OpenApi, Error> {
        let read = open_api::read(&self.api, self.cache.as_deref());
        let documents = self.runtime.block_on(read).map_err(|refusal| Error::Unexpected {
            server: self.describe(),
            reason: format!("schemas: {}", refusal.message),
        })?;
        Ok(OpenApi { minor: self.version.minor, documents })
    }

    /// What was asked so far.
    pub fn statistics(&self) -> Statistics {
        self.api.client.statistics()
    }
}

impl ApiServer for Server {
    fn apply(&self, object: &Value) -> Answer {
        answer(self.runtime.block_on(self.api.try_apply(object)))
    }

    fn create_pod(&self, pod: &Value) -> Answer {
        answer(self.runtime.block_on(self.api.try_pod(pod, ENFORCING)))
    }

    fn complete_pod(&self, pod: &Value) -> Answer {
        answer(self.runtime.block_on(self.api.try_pod(pod, OPEN)))
    }
}

fn answer(outcome: Result<Value, Refusal>) -> Answer {
    match outcome {
        Ok(object) => Answer::Accepted(Box::new(object)),
        Err(refusal) => Answer::Refused(refusal),
    }
}

fn users(context: Option<&str>, options: Options) -> Result<Server, Error> {
    let runtime = runtime()?;
    let found = runtime.block_on(kubeconfig::find(context, &options))?;
    let url = found.config.cluster_url.to_string();
    let namespace = found.config.default_namespace.clone();
    let client = runtime.block_on(client(found.config, &options))?;
    let version = runtime.block_on(version(&client, &url))?;
    runtime.block_on(known(&client, &url))?;
    Ok(Server {
        api: Arc::new(Api::new(client, namespace, options.force_conflicts, false)),
        version,
        name: found.name,
        cache: cache(&options, &url),
        options,
        runtime,
        ephemeral: None,
    })
}

/// The folder of the binaries that an ephemeral server is started from.
///
/// # Errors
/// When there are none, with the places that were looked at.
pub fn binaries() -> Result<PathBuf, Error> {
    Ok(find(None)?.folder)
}

fn find(wanted: Option<&str>) -> Result<Binaries, Error> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty());
    let servers = system::cache_folder().map(|folder| folder.join("servers"));
    Binaries::find(assets.map(PathBuf::from), servers, wanted)
}

fn ephemeral(wanted: Option<&str>, options: Options) -> Result<Server, Error> {
    let binaries = find(wanted)?;
    let runtime = runtime()?;
    let (ephemeral, client, version) =
        ephemeral::retry_ports(|| runtime.block_on(started(&binaries, &options)))?;
    if wanted.is_some_and(|wanted| crate::choice::minor(wanted) != Some(version.minor)) {
        return Err(Error::WrongVersion {
            wanted: wanted.unwrap_or_default().to_owned(),
            found: version.text,
            folder: binaries.folder,
        });
    }
    let identity = format!("{} {}", version.text, binaries.identity());
    let server = Server {
        api: Arc::new(Api::new(client, "default".to_owned(), options.force_conflicts, true)),
        version,
        name: String::new(),
        cache: cache(&options, &identity),
        options,
        runtime,
        ephemeral: Some(ephemeral),
    };
    server.furnish()?;
    Ok(server)
}

impl Server {
    /// Creates what every cluster has and pods need, and the namespace in which they are tried.
    fn furnish(&self) -> Result<(), Error> {
        let security = &self.options.pod_security;
        let trial = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": ENFORCING, "labels": {
                "pod-security.kubernetes.io/enforce": security.level,
                "pod-security.kubernetes.io/enforce-version": security.version,
            } },
        });
        let namespace = |name| {
            json!({ "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name } })
        };
        let objects: Vec<_> = NAMESPACES.into_iter().map(namespace).chain([trial]).collect();
        match self.seed(&objects).failed.first() {
            None => Ok(()),
            Some((what, why)) => {
                Err(Error::Unexpected { server: self.describe(), reason: format!("{what}: {why}") })
            }
        }
    }
}

/// A server that is ready.
async fn started(
    binaries: &Binaries,
    options: &Options,
) -> Result<(Ephemeral, Client, Version), Error> {
    let ephemeral::Started { server, config } =
        ephemeral::start(binaries, &options.apiserver_flags)?;
    let url = config.cluster_url.to_string();
    let start = Instant::now();
    // While it starts nobody listens, so every attempt is one of its own.
    let patience = Options { retries: 0, ..options.clone() };
    loop {
        server.check(start)?;
        let client = client(config.clone(), &patience).await?;
        let reply = client.ask(&Ask::get("/readyz")).await;
        if matches!(&reply, Ok(reply) if reply.status == StatusCode::OK) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let client = client(config, options).await?;
    let version = version(&client, &url).await?;
    Ok((server, client, version))
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Error::Runtime)
}

async fn client(mut config: Config, options: &Options) -> Result<Client, Error> {
    let server = config.cluster_url.to_string();
    // Repeated attempts are ours, because only we know what is worth one.
    config.default_retry = false;
    config.connect_timeout = Some(options.timeout);
    let client = kube::Client::try_from(config)
        .map_err(|error| Error::Configuration { server, reason: error.to_string() })?;
    Ok(Client::new(client, options))
}

async fn version(client: &Client, url: &str) -> Result<Version, Error> {
    let reply = answered(client.ask(&Ask::get("/version")).await, url)?;
    let unexpected = |reason: String| Error::Unexpected {
        server: url.to_owned(),
        reason: format!("/version: {reason}"),
    };
    let version = refusal::object(&reply).map_err(|refusal| unexpected(refusal.message))?;
    let (Some(text), Some(minor)) = (version["gitVersion"].as_str(), version["minor"].as_str())
    else {
        return Err(unexpected(version.to_string()));
    };
    // Some providers write `36+`.
    let minor = minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse();
    let minor = minor.map_err(|_| unexpected(version.to_string()))?;
    Ok(Version { text: text.to_owned(), minor })
}

/// Whether the server knows who asks; versions may be asked for by anyone.
async fn known(client: &Client, url: &str) -> Result<(), Error> {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    });
    let ask = Ask::post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review);
    let reply = answered(client.ask(&ask).await, url)?;
    // Who may not ask for their own name is known all the same, unless they have none.
    if reply.text().contains("system:anonymous") {
        let reason = "the server takes us for system:anonymous".to_owned();
        return Err(Error::Unauthorized { server: url.to_owned(), reason });
    }
    Ok(())
}

/// The answer of a server that is there, trusted, and takes our credentials.
fn answered(outcome: Result<Reply, Silence>, url: &str) -> Result<Reply, Error> {
    let server = url.to_owned();
    match outcome {
        Ok(reply) if reply.status == StatusCode::UNAUTHORIZED => {
            Err(Error::Unauthorized { server, reason: refusal::message(&reply) })
        }
        Ok(reply) => Ok(reply),
        Err(Silence::Untrusted(reason)) => Err(Error::Untrusted { server, reason }),
        Err(Silence::NoCredentials(reason)) => Err(Error::Unauthorized { server, reason }),
        Err(silence) => Err(Error::Unreachable { server, reason: silence.to_string() }),
    }
}

/// Where the schemas of one server are kept: a hash of another server is not to be trusted.
fn cache(options: &Options, identity: &str) -> Option<PathBuf> {
    let folder = options.cache.clone().or_else(|| Some(system::cache_folder()?.join("openapi")));
    folder.map(|folder| folder.join(open_api::digest(identity)))
}
