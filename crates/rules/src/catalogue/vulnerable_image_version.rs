//! # What it finds
//!
//! An image whose name and tag are on a short list: Argo CD before 2.1.9, 2.2.4 or 2.3.0
//! (CVE-2022-24348), Grafana 9.2.0 to 9.2.3 (CVE-2022-39328), Kyverno 1.8.3 and 1.8.4
//! (CVE-2022-47633), and every version of the ingress-nginx controller, which was given up in March
//! 2026. Registry and repository path do not matter. Tags that are no version pass, and so do
//! images with a digest only.
//!
//! # Why it matters
//!
//! The flaws let strangers read files, log in, or start unsigned images. The list is no substitute
//! for a scanner.
//!
//! # What the fix changes
//!
//! The image that `values` gives for this one, if it is not on the list either.
//!
//! # What it may break
//!
//! A jump of versions can need other settings, and data cannot always go back.
//!
//! # Other tools
//!
//! Kyverno's policy accepts ingress-nginx from 1.2.0 on.

use crate::common::{image_of, replacement};
use crate::image::Reference;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "vulnerable-image-version",
    title: "Image version with a known critical flaw",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0081",
        "kubescape:C-0090",
        "kubescape:C-0091",
        "kubescape:C-0292",
        "kyverno:check-ingress-nginx-controller-version-and-annotation-policy",
    ],
    references: &["NSA/CISA"],
    touches: &["{container}/image"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

type Version = (u32, u32, u32);

const INGRESS_NGINX: [&str; 3] = [
    "ingress-nginx/controller",
    "ingress-nginx/controller-chroot",
    "kubernetes-ingress-controller/nginx-ingress-controller",
];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let image = image_of(container);
    let Some(flaw) = flaw(image) else { return };
    let needs = "needs a version without the flaw, tested with the workload's settings and data";
    let remedy = replacement(pod, container, cx, needs, |image| self::flaw(image).is_none());
    let message = format!("{} uses {image}, which {flaw}", container.label());
    cx.report(container.site(pod, &["image"]), message, remedy);
}

/// What is wrong with an image, as the end of a sentence.
fn flaw(image: &str) -> Option<&'static str> {
    let reference = Reference::parse(image);
    let is = |name: &str| {
        let front = reference.name.strip_suffix(name);
        front.is_some_and(|front| front.is_empty() || front.ends_with('/'))
    };
    if INGRESS_NGINX.into_iter().any(is) {
        return Some("is maintained no more");
    }
    let version = version(reference.tag?)?;
    if is("argoproj/argocd") && is_old_argo_cd(version) {
        return Some("has the flaw CVE-2022-24348");
    }
    if is("grafana/grafana") && matches!(version, (9, 2, 0..=3)) {
        return Some("has the flaw CVE-2022-39328");
    }
    (is("kyverno/kyverno") && matches!(version, (1, 8, 3 | 4)))
        .then_some("has the flaw CVE-2022-47633")
}

fn is_old_argo_cd(version: Version) -> bool {
    match version {
        (2, 2, patch) => patch < 4,
        (2, 1, patch) => patch < 9,
        _ => version < (2, 1, 0),
    }
}

/// A version of three numbers, with whatever follows them.
fn version(tag: &str) -> Option<Version> {
    let mut parts = tag.strip_prefix('v').unwrap_or(tag).splitn(3, '.');
    let (major, minor, patch) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = patch.find(|c: char| !c.is_ascii_digit()).unwrap_or(patch.len());
    Some((major.parse().ok()?, minor.parse().ok()?, patch[..digits].parse().ok()?))
}
