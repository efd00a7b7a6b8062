//! # What it finds
//!
//! For ingress-nginx:
//!
//! - an annotation `nginx.ingress.kubernetes.io/...-snippet`;
//! - another annotation of that prefix whose value has a line break, a brace or a semicolon, or
//!   names `load_module`, `lua_package`, `_by_lua`, `proxy_pass` or `serviceaccount`;
//! - a path of an Ingress that lies below `/etc`, `/root` or `/var/run/secrets`;
//! - a ConfigMap that allows snippets with `allow-snippet-annotations`.
//!
//! # Why it matters
//!
//! Such text ends up in the configuration of nginx. Who may write an Ingress can so read files of
//! the controller, its token among them, and with it the Secrets of the whole cluster
//! (CVE-2021-25742, CVE-2025-1974).
//!
//! # What the fix changes
//!
//! The annotation goes; `allow-snippet-annotations` becomes `false`. For a path there is no fix.
//!
//! # What it may break
//!
//! Redirects, headers and other things that the text brought about no longer happen. Without
//! snippets, the controller refuses Ingresses that have one.
//!
//! # Other tools
//!
//! Checkov has a check for snippets with Lua, one for all snippets and one for those with `alias`.
//! Kubescape and Trivy also look at the version of the controller.

use crate::common::{ingress_class, ingress_rules, is_ingress, paths};
use crate::{Check, Context, Fix, Object, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "nginx-ingress-snippets",
    title: "Ingress writes into the configuration of nginx",
    severity: Severity::Critical,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0059",
        "trivy:KCV-0093",
        "checkov:CKV_K8S_152",
        "checkov:CKV_K8S_153",
        "checkov:CKV_K8S_154",
        "kyverno:disallow-ingress-nginx-custom-snippets",
        "kyverno:restrict-annotations",
        "kyverno:restrict-ingress-paths",
    ],
    references: &["NSA/CISA"],
    touches: &["metadata/annotations/**", "data/allow-snippet-annotations"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const PREFIX: &str = "nginx.ingress.kubernetes.io/";
const ALLOW: [&str; 2] = ["data", "allow-snippet-annotations"];
/// What no annotation's value needs, and what gets out of the directive that it stands in.
const SIGNS: [char; 4] = ['\n', '{', '}', ';'];
const WORDS: [&str; 5] = ["load_module", "lua_package", "_by_lua", "proxy_pass", "serviceaccount"];
const FOLDERS: [&str; 3] = ["/etc", "/root", "/var/run/secrets"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.is("", "ConfigMap") {
        check_config_map(object, cx);
    } else if is_ingress(object) {
        check_annotations(object, cx);
        check_paths(object, cx);
    }
}

fn check_config_map(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(value) = object.at(&ALLOW).and_then(Node::scalar) else { return };
    if value == "false" {
        return;
    }
    let site = object.site(&ALLOW);
    let fix = Fix::unsafe_because("the controller refuses Ingresses that have snippets")
        .set(site.path.clone(), Written::rule("false"));
    cx.report(site, "configuration allows snippets in annotations", fix);
}

fn check_annotations(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let annotations = object.at(&["metadata", "annotations"]);
    for (key, _, value) in annotations.into_iter().flat_map(Node::entries) {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let what = match value.as_str() {
            _ if name.ends_with("-snippet") => "writes into the configuration of nginx",
            Some(text) if is_suspicious(text) => "may get out of its place in the configuration",
            _ => continue,
        };
        let site = object.site(&["metadata", "annotations", key]);
        let fix = Fix::unsafe_because("redirects, headers or routes that it brings about are lost")
            .remove_and_prune(site.path.clone());
        cx.report(site, format!("annotation {name} {what}"), fix);
    }
}

fn is_suspicious(text: &str) -> bool {
    text.trim_end().contains(SIGNS) || WORDS.iter().any(|word| text.contains(word))
}

fn check_paths(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if ingress_class(object).is_some_and(|class| !class.contains("nginx")) {
        return;
    }
    for (rule_at, rule) in ingress_rules(object) {
        for (path_at, path) in paths(rule) {
            let text = path.get("path").and_then(Node::as_str).unwrap_or("");
            let Some(folder) = FOLDERS.iter().find(|folder| lies_below(text, folder)) else {
                continue;
            };
            let rule = object.site(&["spec", "rules"]).path.index(rule_at);
            let place = rule.key("http").key("paths").index(path_at).key("path");
            let message = format!("path lies below {folder}, a folder of the controller");
            let advice = "needs another path, unless the program behind it really serves this one";
            cx.report(object.place(place), message, advice);
        }
    }
}

fn lies_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
