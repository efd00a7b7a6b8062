//! # What it finds
//!
//! An entry of `repos` in a K8sAllowedRepos constraint of Gatekeeper that does not end in `/` or
//! `:`.
//!
//! # Why it matters
//!
//! Entries are beginnings of image names: `registry.example.com` also allows
//! `registry.example.com.evil.net/x`, and `docker.io/team` allows `docker.io/teamster/x`.
//!
//! # What the fix changes
//!
//! A `/` is appended. Entries that hold a tag or a digest, or are empty, stay: what they stand for
//! must be said.
//!
//! # What it may break
//!
//! Images that only the longer reading allowed are refused, such as the very image `docker.io/team`
//! when the entry means one image.

use crate::image::Reference;
use crate::{Check, Context, Fix, Object, Remedy, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "gatekeeper-ambiguous-repo",
    title: "Allowed repository matches more than is meant",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0124"],
    references: &[],
    touches: &["spec/parameters/repos/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 3] = ["spec", "parameters", "repos"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("constraints.gatekeeper.sh", "K8sAllowedRepos") {
        return;
    }
    let repos = object.at(&KEYS).filter(|list| list.is_seq());
    for (index, item) in repos.into_iter().flat_map(Node::items).enumerate() {
        let Some(repo) = item.as_str().filter(|repo| !repo.ends_with(['/', ':'])) else { continue };
        let site = Site { path: object.site(&KEYS).path.index(index), span: item.span() };
        let message = format!("\"{repo}\" also allows names that go on after it");
        let remedy = remedy(repo, &site);
        cx.report(site, message, remedy);
    }
}

fn remedy(repo: &str, site: &Site) -> Remedy {
    if !may_be_folder(repo) {
        return "needs the registry or the folder that is meant, with a slash at its end".into();
    }
    Fix::unsafe_because("images outside of this folder are refused, also one of this very name")
        .set(site.path.clone(), Written::rule(format!("{repo}/")))
        .into()
}

/// Whether a slash may follow: not behind a tag or a digest. A number behind the colon of a
/// registry is its port.
fn may_be_folder(repo: &str) -> bool {
    let image = Reference::parse(repo);
    let is_port = |tag: &str| {
        let is_registry = !repo.contains('/') && (repo.contains('.') || image.name == "localhost");
        is_registry && tag.bytes().all(|byte| byte.is_ascii_digit())
    };
    !repo.is_empty() && image.digest.is_none() && image.tag.is_none_or(is_port)
}
