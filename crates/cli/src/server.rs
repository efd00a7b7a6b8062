//! The API server that judges: connected, seeded, and asked for its schemas, as the arguments say.

use crate::args::{Common, ServerArgs};
use crate::inputs;
use crate::session::Session;
use anyhow::Context as _;
use cluster::{Choice, Options, PodSecurity, Server};
use detector::{Corpus, ObjectContext};
use record::Gate;
use schema::{Schemas, Version};
use serde_json::Value;
use std::io::Write as _;
use std::time::Duration;
use verifier::{ApiServer, GateSet};

/// An API server that is ready to judge.
pub(crate) struct Connected {
    server: Server,
    /// Its schemas, one document for each group version.
    documents: Vec<Value>,
    /// Definitions that were created just now: their schemas come a little later.
    definitions: Vec<Value>,
}

impl ServerArgs {
    /// The gates with which these arguments judge.
    pub(crate) fn gates(&self) -> GateSet {
        match self.server {
            Choice::Off => GateSet::default(),
            _ => GateSet::default().with(Gate::Server),
        }
    }

    /// How many threads wait for the server at the same time; `None` without a server.
    pub(crate) fn threads(&self) -> Option<usize> {
        (self.server != Choice::Off).then_some(self.server_concurrency)
    }
}

impl Connected {
    /// Connects to the server, or starts one, and creates what it needs. `None` for `off`.
    ///
    /// # Errors
    /// When there is no server to be had, or it does not say what it serves.
    pub(crate) fn new(
        args: &ServerArgs,
        session: &Session,
        corpus: &Corpus<'_>,
        common: &Common,
    ) -> anyhow::Result<Option<Self>> {
        anyhow::ensure!(args.server_concurrency > 0, "--server-concurrency must be at least 1");
        anyhow::ensure!(
            args.server != Choice::Off || args.seed.is_empty(),
            "--seed goes with --server"
        );
        let options = Options {
            concurrency: args.server_concurrency,
            timeout: Duration::from_secs(args.server_timeout),
            force_conflicts: args.force_conflicts,
            pod_security: pod_security(session),
            ..Options::default()
        };
        let server = Server::connect(&args.server, options)
            .with_context(|| format!("--server {}", args.server))?;
        let Some(server) = server else { return Ok(None) };
        let mut seeds = seeds(args, session)?;
        if server.is_ephemeral() {
            let given = std::mem::take(&mut seeds);
            seeds = cluster::fixtures(corpus, given);
        }
        let seeded = server.seed(&seeds);
        let mut stderr = std::io::stderr().lock();
        for (object, why) in seeded.failed.iter().filter(|_| !common.quiet) {
            let (object, why) = (review::escape(object), review::escape(why));
            writeln!(stderr, "warning: the server does not take {object} as a seed: {why}")?;
        }
        let documents = server.open_api()?.documents.into_iter().map(|(_, document)| document);
        let is_definition = |seed: &Value| seed["kind"] == "CustomResourceDefinition";
        let definitions = seeds.into_iter().filter(is_definition).collect();
        Ok(Some(Self { documents: documents.collect(), definitions, server }))
    }

    /// The gates of fixes that are written: the server's too, where there is one.
    pub(crate) fn gates(server: Option<&Self>) -> GateSet {
        server.map_or_else(GateSet::default, |_| GateSet::default().with(Gate::Server))
    }

    /// Who judges.
    pub(crate) fn api(&self) -> &dyn ApiServer {
        &self.server
    }

    /// The server in words for people; no credentials.
    pub(crate) fn describe(&self) -> String {
        self.server.describe()
    }

    /// The server's own schemas, and those of other versions.
    pub(crate) fn schemas(&self, versions: &[Version]) -> anyhow::Result<Schemas> {
        let mut schemas = Schemas::with_live(versions, self.server.minor(), &self.documents)
            .context("the API server's schemas cannot be used")?;
        for definition in &self.definitions {
            // What is wrong with one, the server has said when it was created.
            let _ = schemas.add_crd(definition);
        }
        Ok(schemas)
    }
}

/// The level of the profile; without one the strictest, so that no fix may bring in what it denies.
fn pod_security(session: &Session) -> PodSecurity {
    let (level, version) = session.settings.pod_security.labels();
    PodSecurity { level: level.to_owned(), version }
}

/// The objects of `--seed`.
fn seeds(args: &ServerArgs, session: &Session) -> anyhow::Result<Vec<Value>> {
    let inputs = inputs::read(&args.seed, &session.limits);
    if let Some(unreadable) = inputs.unreadable.first() {
        anyhow::bail!("--seed: {}: {}", unreadable.path, unreadable.reason);
    }
    let errors = crate::session::input_errors(&inputs);
    if let Some(error) = errors.first() {
        anyhow::bail!("--seed: {}: {}", error.path, error.message);
    }
    let corpus = Corpus::new(&inputs.files, ObjectContext::All);
    Ok((0..corpus.len()).map(|position| corpus.object(position).root.to_json()).collect())
}
