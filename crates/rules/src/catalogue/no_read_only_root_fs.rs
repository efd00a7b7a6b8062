//! # What it finds
//!
//! A container whose `securityContext.readOnlyRootFilesystem` is not `true`. The field exists on
//! containers only; at pod level it means nothing.
//!
//! # Why it matters
//!
//! An intruder who can write to the image's files can leave tools behind and change what runs next.
//!
//! # What the fix changes
//!
//! `readOnlyRootFilesystem: true` on that container. When `values` lists the paths that the program
//! writes to, each one that is not mounted yet gets an `emptyDir`.
//!
//! # What it may break
//!
//! Every write outside a mounted volume fails: pid files, caches, `/tmp`. Few fixes break more
//! workloads; find out what the program writes first.
//!
//! # Other tools
//!
//! Polaris leaves out ephemeral containers.

use crate::{Check, Container, Context, Fix, Pod, Question, Rule, Scope, Written};
use manifest::Node;
use record::Severity;
use serde_json::{Value, json};

pub(crate) static RULE: Rule = Rule {
    id: "no-read-only-root-fs",
    title: "Root file system is writable",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("read_only_root_fs"),
    aliases: &[
        "kube-linter:no-read-only-root-fs",
        "polaris:notReadOnlyRootFilesystem",
        "kubescape:C-0017",
        "trivy:KSV-0014",
        "checkov:CKV_K8S_22",
        "kube-score:container-security-context-readonlyrootfilesystem",
        "kyverno:require-ro-rootfs",
    ],
    references: &["NSA/CISA"],
    touches: &[
        "{container}/securityContext/readOnlyRootFilesystem",
        "{container}/volumeMounts/**",
        "{pod}/volumes/**",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const KEYS: [&str; 2] = ["securityContext", "readOnlyRootFilesystem"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.security_field(KEYS[1]).and_then(Node::as_bool) == Some(true) {
        return;
    }
    let site = container.site(pod, &KEYS);
    let message = format!("{} can write to its root file system", container.label());
    if pod.is_windows() {
        return cx.report(site, message, "the API server refuses the field on Windows pods");
    }
    let fix = Fix::unsafe_because("writes outside mounted volumes fail (pid files, caches, /tmp)")
        .set(site.path.clone(), Written::rule(true));
    let fix = with_writable_paths(fix, pod, container, cx);
    cx.report(site, message, fix);
}

/// Mounts an empty volume at each path of `values` that nothing is mounted at.
fn with_writable_paths(
    mut fix: Fix,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &Context<'_, '_>,
) -> Fix {
    let Some(paths) = cx.value(Question::WritablePaths, Some(container)) else { return fix };
    let mut taken: Vec<String> = pod
        .volumes()
        .filter_map(|(_, volume)| volume.get("name").and_then(Node::as_str))
        .map(str::to_owned)
        .collect();
    let listed = paths.value.as_array().into_iter().flatten().filter_map(Value::as_str);
    for path in listed.filter(|path| !is_mounted(container, path)) {
        let name = volume_name(pod, container, path, &taken);
        let written =
            |value: Value| Written { value, source: paths.source, detail: paths.detail.clone() };
        let volume = written(json!({ "name": name, "emptyDir": {} }));
        let mount = written(json!({ "name": name, "mountPath": path }));
        fix = fix.append(pod.path(&["volumes"]), volume, &[]).append(
            container.path(pod, &["volumeMounts"]),
            mount,
            &[],
        );
        taken.push(name);
    }
    fix
}

fn is_mounted(container: &Container<'_>, path: &str) -> bool {
    let at =
        |mount: Node<'_>| mount.get("mountPath").and_then(Node::as_str).unwrap_or("").to_owned();
    container
        .volume_mounts()
        .any(|(_, mount)| at(mount).trim_end_matches('/') == path.trim_end_matches('/'))
}

/// A name after the path (`/var/run` becomes `var-run`). Containers of one pod do not share a
/// volume that they did not share before: where there are several, the name tells which.
fn volume_name(pod: &Pod<'_>, container: &Container<'_>, path: &str, taken: &[String]) -> String {
    let whole = match pod.containers.len() {
        1 => path.to_owned(),
        _ => format!("{}/{path}", container.name),
    };
    let words = whole.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut base = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    base.truncate(58);
    let base = base.trim_end_matches('-');
    let base = if base.is_empty() { "writable" } else { base };
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let free = |name: &String| !taken.contains(name);
    std::iter::once(base.to_owned()).chain(numbered).find(free).unwrap_or_default()
}
