//! # What it finds
//!
//! A container whose image is called `tiller`; a pod with the labels `app: helm` and `name:
//! tiller`, where no image is called so; and a Service that selects these labels or is called
//! `tiller-deploy`.
//!
//! # Why it matters
//!
//! Tiller does whatever it is asked, for anybody who reaches its port, and mostly with the rights
//! of an administrator. Helm 2 gets no fixes since 2020.
//!
//! # What the fix changes
//!
//! Nothing by itself: releases of Helm 2 have to be moved first.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Checkov has one check each for the pods, for the Service, and for a Tiller that listens beyond
//! localhost.

use crate::image::Reference;
use crate::{Check, Container, Context, Object, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "tiller-deployed",
    title: "Tiller of Helm 2 is deployed",
    severity: Severity::Critical,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "trivy:KSV-0102",
        "checkov:CKV_K8S_34",
        "checkov:CKV_K8S_44",
        "checkov:CKV_K8S_45",
        "kyverno:disallow-helm-tiller",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const ADVICE: &str =
    "needs a move of the releases to Helm 3, which has no server: then remove Tiller";

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if let Some(pod) = &object.pod {
        check_pod(pod, cx);
    } else if object.is("", "Service") {
        let keys = ["spec", "selector"];
        if is_tiller(object.at(&keys)) || object.name == "tiller-deploy" {
            cx.report(object.site(&keys), "service leads to Tiller", ADVICE);
        }
    }
}

fn check_pod(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let mut is_named = false;
    for container in pod.containers.iter().filter(|container| runs_tiller(container)) {
        is_named = true;
        let reach = if listens_locally(container) { "" } else { ", and lets the cluster use it" };
        let message = format!("{} runs Tiller{reach}", container.label());
        cx.report(container.site(pod, &["image"]), message, ADVICE);
    }
    if !is_named && is_tiller(pod.labels()) {
        let mut site = pod.site(&[]);
        site.path = pod.metadata_path(&["labels"]);
        site.span =
            pod.labels().and_then(|labels| labels.get("name")).map_or(site.span, Node::span);
        cx.report(site, "pod has the labels of Tiller", ADVICE);
    }
}

fn runs_tiller(container: &Container<'_>) -> bool {
    let image = container.node.get("image").and_then(Node::as_str).unwrap_or("");
    Reference::parse(image).name.rsplit('/').next() == Some("tiller")
}

fn is_tiller(labels: Option<Node<'_>>) -> bool {
    let is = |key: &str, value: &str| {
        labels.and_then(|labels| labels.get(key)).and_then(Node::as_str) == Some(value)
    };
    is("app", "helm") && is("name", "tiller")
}

fn listens_locally(container: &Container<'_>) -> bool {
    let words = ["command", "args"].into_iter().filter_map(|list| container.node.get(list));
    words.flat_map(Node::items).filter_map(Node::as_str).any(|word| {
        let address = word.trim_start_matches('-').trim_start_matches("listen=");
        address.starts_with("localhost:") || address.starts_with("127.0.0.1:")
    })
}
