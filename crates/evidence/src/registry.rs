//! Container registries: what their tags stand for, and what the images say of themselves.

use crate::cache::Cache;
use crate::client::{Answer, Client, Failure, Repository};
use crate::image::{self, Manifest};
use crate::version;
use record::{Evidence, Fact, Subject};
use reqwest::Method;
use rules::image::{Reference, canonical, is_digest};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Largest manifest that is read, in bytes; registries take no larger ones.
const MAX_MANIFEST: usize = 4 << 20;
/// Largest configuration of an image that is read, in bytes.
const MAX_CONFIG: usize = 8 << 20;
/// Largest page of tags that is read, in bytes.
const MAX_TAGS: usize = 4 << 20;
/// Tags that are asked for at once.
const TAGS_IN_A_PAGE: usize = 1_000;
/// Pages of tags that are read of one repository.
const MAX_PAGES: usize = 10;
/// Versions that are compared with the digest of one reference.
const MAX_VERSIONS: usize = 50;

/// How registries are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// Registries to ask in place of others, by the host that references name: `docker.io` to
    /// `mirror.example:5000`. What a mirror says is recorded as its own word.
    pub mirrors: BTreeMap<String, String>,
    /// Hosts that are spoken to without TLS; without its name here not even loopback is.
    pub plain_http: BTreeSet<String>,
    /// Time that one request may take.
    pub timeout: Duration,
    /// Images that are looked at at the same time.
    pub concurrency: usize,
    /// Folder of the Docker configuration with the credentials; without one all is asked without.
    pub docker_config: Option<PathBuf>,
    /// Folder of the cache; without one nothing is kept.
    pub cache: Option<PathBuf>,
}

impl Default for Options {
    /// Ten seconds, eight images, no mirrors, no plain HTTP; the Docker configuration and the cache
    /// where the environment says that they are.
    fn default() -> Self {
        let docker = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let home = || std::env::home_dir().filter(|home| home.is_absolute());
        Self {
            mirrors: BTreeMap::new(),
            plain_http: BTreeSet::new(),
            timeout: Duration::from_secs(10),
            concurrency: 8,
            docker_config: docker.or_else(|| Some(home()?.join(".docker"))),
            cache: system::cache_folder().map(|folder| folder.join("evidence")),
        }
    }
}

/// Why registries cannot be asked in this way.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Something that is no host.
    #[error(
        "`{0}` is no registry: expected a host and perhaps a port, such as mirror.example:5000"
    )]
    Host(String),
    /// The HTTP client.
    #[error("cannot set up HTTPS: {0}; are the certificates of authorities installed?")]
    Http(#[from] reqwest::Error),
    /// The runtime.
    #[error("cannot set up connections: {0}")]
    Runtime(#[from] std::io::Error),
}

/// What was found out, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Sorted; no record twice.
    pub evidence: Vec<Evidence>,
    /// Why something of a reference is not known. By whole reference, or as it was written when it
    /// is none.
    pub unresolved: BTreeMap<String, String>,
}

/// Asks container registries.
pub struct Registry {
    asker: Arc<Asker>,
    runtime: tokio::runtime::Runtime,
}

impl Registry {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// When a host is none, or HTTPS cannot be set up.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        let mirrors = options.mirrors.iter().flat_map(|(from, to)| [from, to]);
        for host in mirrors.chain(&options.plain_http) {
            let reference = canonical(&format!("{host}/a/b"));
            if reference.is_none_or(|reference| reference != format!("{host}/a/b:latest")) {
                return Err(OptionsError::Host(host.clone()));
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asker = Asker {
            cache: Cache::new(options.cache.clone()),
            mirrors: options.mirrors.clone(),
            concurrency: options.concurrency.max(1),
            client: Client::new(options)?,
        };
        Ok(Self { asker: Arc::new(asker), runtime })
    }

    /// Looks at images, each once, by their names as manifests write them. Tags are asked for every
    /// time; what an image says of itself comes from the cache when it is there.
    pub fn gather<'r>(&self, references: impl Iterator<Item = &'r str>) -> Gathered {
        let mut gathered = Gathered::default();
        let mut wanted = BTreeSet::new();
        for reference in references {
            match canonical(reference) {
                Some(whole) => drop(wanted.insert(whole)),
                None => {
                    let reason = "it is no image reference".to_owned();
                    gathered.unresolved.insert(reference.to_owned(), reason);
                }
            }
        }
        let found = self.runtime.block_on(Arc::clone(&self.asker).all(wanted));
        let time = system::now();
        for looked in found {
            gathered.evidence.extend(looked.records(&time));
            if let Some(reason) = looked.reason {
                gathered.unresolved.insert(looked.reference, reason);
            }
        }
        gathered.evidence.sort();
        gathered.evidence.dedup();
        gathered
    }
}

/// What was found out about one image.
struct Looked {
    reference: String,
    source: String,
    digest: Option<String>,
    facts: Vec<Fact>,
    /// Why something is missing.
    reason: Option<String>,
}

impl Looked {
    fn records(&self, time: &str) -> Vec<Evidence> {
        let digest = self.digest.iter().map(|digest| Fact::Digest(digest.clone()));
        let record = |fact: Fact| Evidence {
            subject: Subject::Image { reference: self.reference.clone() },
            fact,
            source: self.source.clone(),
            digest: self.digest.clone(),
            time: time.to_owned(),
        };
        digest.chain(self.facts.iter().cloned()).map(record).collect()
    }
}

struct Asker {
    client: Client,
    cache: Cache,
    mirrors: BTreeMap<String, String>,
    concurrency: usize,
}

impl Asker {
    async fn all(self: Arc<Self>, references: BTreeSet<String>) -> Vec<Looked> {
        let places = Arc::new(Semaphore::new(self.concurrency));
        let mut tasks = JoinSet::new();
        for reference in references {
            let (asker, places) = (Arc::clone(&self), Arc::clone(&places));
            tasks.spawn(async move {
                // Never closed; and without a place the image would only be looked at sooner.
                let _place = places.acquire().await;
                asker.look(reference).await
            });
        }
        tasks.join_all().await
    }

    async fn look(&self, reference: String) -> Looked {
        let parsed = Reference::parse(&reference);
        let (registry, name) = parsed.name.split_once('/').unwrap_or_default();
        let host = self.mirrors.get(registry).map_or(registry, String::as_str).to_owned();
        let repository = Repository { host, name: name.to_owned() };
        let mut looked = Looked {
            source: format!("registry:{}", repository.host),
            reference: reference.clone(),
            digest: None,
            facts: Vec::new(),
            reason: None,
        };
        if let Err(failure) = self.fill(&mut looked, &repository, &parsed).await {
            looked.reason = Some(failure.to_string());
        }
        looked
    }

    /// Finds out one thing after the other; what was found before a failure is kept.
    async fn fill(
        &self,
        looked: &mut Looked,
        repository: &Repository,
        reference: &Reference<'_>,
    ) -> Result<(), Reason> {
        let digest = match (reference.digest, reference.tag) {
            (Some(digest), _) => digest.to_owned(),
            (None, tag) => self.digest(repository, tag.unwrap_or("latest")).await?,
        };
        let facts = match self.cache.get(&digest) {
            Some(facts) => Ok(facts),
            None => {
                // A digest counts once its bytes were seen.
                let manifest = self.manifest(repository, &digest).await?;
                looked.digest = Some(digest.clone());
                self.facts(repository, &manifest)
                    .await
                    .inspect(|facts| self.cache.put(&digest, facts))
            }
        };
        looked.digest = Some(digest.clone());
        if let Some(tag) = reference.tag.filter(|tag| version::parse(tag).is_none()) {
            // Registries need not tell their tags; the image is pinned without a version then.
            let found = self.version(repository, tag, &digest).await;
            looked.facts.extend(found.ok().flatten().map(Fact::VersionTag));
        }
        looked.facts.extend(facts?);
        Ok(())
    }

    /// What a tag stands for, as the registry says.
    async fn digest(&self, repository: &Repository, tag: &str) -> Result<String, Reason> {
        if let Some(digest) = self.named_digest(repository, tag).await? {
            return Ok(digest);
        }
        // Some registries name no digest; the manifest's bytes do.
        let answer = self.get(repository, &format!("manifests/{tag}"), MAX_MANIFEST).await?;
        Ok(sha256(&answer.body))
    }

    /// The digest in the answer to a question without a body.
    async fn named_digest(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Option<String>, Failure> {
        let path = format!("manifests/{tag}");
        let answer =
            self.client.request(Method::HEAD, repository, &path, image::MANIFESTS, 0).await;
        match answer {
            Ok(answer) => {
                let digest = answer.headers.get("docker-content-digest");
                let digest = digest.and_then(|value| value.to_str().ok());
                Ok(digest.filter(|digest| is_digest(digest)).map(str::to_owned))
            }
            Err(Failure::Status { status: 405, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn get(
        &self,
        repository: &Repository,
        path: &str,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.client.request(Method::GET, repository, path, image::MANIFESTS, limit).await
    }

    /// The bytes behind a digest, and no others.
    async fn bytes(
        &self,
        repository: &Repository,
        kind: &str,
        digest: &str,
        limit: usize,
    ) -> Result<Vec<u8>, Reason> {
        let answer = self.get(repository, &format!("{kind}/{digest}"), limit).await?;
        match sha256(&answer.body) == digest {
            true => Ok(answer.body),
            false => Err(Reason::WrongBytes(repository.host.clone(), digest.to_owned())),
        }
    }

    async fn manifest(&self, repository: &Repository, digest: &str) -> Result<Manifest, Reason> {
        let bytes = self.bytes(repository, "manifests", digest, MAX_MANIFEST).await?;
        image::manifest(&bytes).map_err(Reason::Format)
    }

    /// What the configurations of all Linux platforms agree on.
    async fn facts(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<Vec<Fact>, Reason> {
        let platforms = match manifest {
            Manifest::Other => return Ok(Vec::new()),
            Manifest::Config(config) => return self.config(repository, config).await,
            Manifest::Platforms(platforms) => platforms,
        };
        let mut all = Vec::new();
        for digest in platforms {
            all.push(match self.manifest(repository, digest).await? {
                Manifest::Config(config) => self.config(repository, &config).await?,
                // A list in a list, or something that is no image.
                _ => Vec::new(),
            });
        }
        Ok(image::agreed(all))
    }

    async fn config(&self, repository: &Repository, digest: &str) -> Result<Vec<Fact>, Reason> {
        let bytes = self.bytes(repository, "blobs", digest, MAX_CONFIG).await?;
        image::facts(&bytes).map_err(Reason::Format)
    }

    /// The tag of a version with the same digest, the most specific of the newest ones.
    async fn version(
        &self,
        repository: &Repository,
        written: &str,
        digest: &str,
    ) -> Result<Option<String>, Reason> {
        let tags = self.tags(repository).await?;
        for tag in version::candidates(written, &tags, MAX_VERSIONS) {
            if self.named_digest(repository, tag).await?.as_deref() == Some(digest) {
                return Ok(Some(tag.to_owned()));
            }
        }
        Ok(None)
    }

    /// The tags of a repository, as many as fit into the pages that are read.
    async fn tags(&self, repository: &Repository) -> Result<Vec<String>, Reason> {
        #[derive(serde::Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let mut all: Vec<String> = Vec::new();
        let mut path = format!("tags/list?n={TAGS_IN_A_PAGE}");
        for _ in 0..MAX_PAGES {
            let answer = self.get(repository, &path, MAX_TAGS).await?;
            let page: Page = serde_json::from_slice(&answer.body)
                .map_err(|error| Reason::Format(format!("its list of tags is broken: {error}")))?;
            let tags = page.tags.unwrap_or_default();
            // Not every registry that cuts its list says so.
            let more = answer.headers.contains_key("link") || tags.len() >= TAGS_IN_A_PAGE;
            all.extend(tags.into_iter().filter(|tag| rules::image::is_tag(tag)));
            match all.last().filter(|_| more) {
                Some(last) => path = format!("tags/list?n={TAGS_IN_A_PAGE}&last={last}"),
                None => break,
            }
        }
        Ok(all)
    }
}

/// Why something of an image is not known.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error("{0} answers with other bytes than those of {1}")]
    WrongBytes(String, String),
    #[error("{0}")]
    Format(String),
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
