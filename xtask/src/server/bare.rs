//! The least that a client can do: requests that are made beforehand, and answers that are read
//! and not looked at. The yardstick for ours.

use anyhow::Context as _;
use rustls::crypto::ring;
use serde_json::Value;
use std::fs;
use std::sync::Arc;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const ACCEPT: &str = "application/json";
const APPLY: &str = "application/apply-patch+yaml";
/// What our client asks of an object that it tries.
const QUERY: &str = "fieldManager=k8s-auto-fix&force=false&dryRun=All&fieldValidation=Strict";

/// Where an ephemeral server is, and who may ask it.
pub(super) struct Endpoint {
    url: String,
    token: String,
    authority: Certificate<'static>,
}

/// A request to try one object.
pub(super) struct Question {
    url: String,
    body: Vec<u8>,
}

/// A connection that is kept, once it was used.
pub(super) struct Connection<'e> {
    agent: Agent,
    endpoint: &'e Endpoint,
}

impl Endpoint {
    pub(super) fn of(server: &cluster::Server) -> anyhow::Result<Self> {
        let folder = server.folder().context("the server is not ephemeral")?;
        let config: Value = serde_json::from_slice(&fs::read(folder.join("kubeconfig"))?)?;
        let text = |pointer: &str| {
            let text = config.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned).with_context(|| format!("the kubeconfig has no {pointer}"))
        };
        Ok(Self {
            url: text("/clusters/0/cluster/server")?,
            token: format!("Bearer {}", text("/users/0/user/token")?),
            authority: Certificate::from_pem(&fs::read(folder.join("ca.crt"))?)?,
        })
    }

    pub(super) fn connect(&self) -> Connection<'_> {
        let authorities = RootCerts::new_with_certs(std::slice::from_ref(&self.authority));
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(authorities);
        // A refusal is an answer as good as any.
        let config = Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = config.tls_config(tls.build()).build().new_agent();
        Connection { agent, endpoint: self }
    }
}

impl Connection<'_> {
    /// A document of the server; null when it has none there.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let ask = self.agent.get(format!("{}{path}", self.endpoint.url));
        let mut answer = ask.header("authorization", &self.endpoint.token).call()?;
        let text = answer.body_mut().read_to_vec()?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(Value::Null),
            status if status.is_success() => Ok(serde_json::from_slice(&text)?),
            status => anyhow::bail!("{path}: {status}"),
        }
    }

    /// What our client would send for an object in a collection such as `/api/v1/nodes`.
    pub(super) fn question(&self, collection: &str, name: &str, object: &Value) -> Question {
        let url = format!("{}{collection}/{name}?{QUERY}", self.endpoint.url);
        Question { url, body: object.to_string().into_bytes() }
    }

    /// Asks and reads the whole answer.
    pub(super) fn ask(&self, question: &Question) -> anyhow::Result<StatusCode> {
        let ask = self.agent.patch(&question.url).header("authorization", &self.endpoint.token);
        let ask = ask.header("accept", ACCEPT).header("content-type", APPLY);
        let mut answer = ask.send(&question.body)?;
        answer.body_mut().read_to_vec()?;
        Ok(answer.status())
    }
}
