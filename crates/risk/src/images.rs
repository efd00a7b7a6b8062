//! Which report is about which image.

use crate::ImageReport;
use record::Severity;
use rules::image::{Reference, canonical};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Reports of images, by the names that manifests use.
#[derive(Debug, Clone, Default)]
pub struct Images {
    reports: Vec<ImageReport>,
    by_digest: HashMap<String, Vec<usize>>,
    by_reference: HashMap<String, Vec<usize>>,
}

/// The images of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found<'r> {
    /// Every vulnerability once, however many images and packages have it.
    pub(crate) vulnerabilities: BTreeMap<&'r str, Option<Severity>>,
    /// How many images have a report.
    pub(crate) known: usize,
    /// The images that have none.
    pub(crate) unknown: Vec<String>,
}

impl Images {
    /// Indexes reports.
    pub fn new(reports: Vec<ImageReport>) -> Self {
        let mut images = Self::default();
        for (at, report) in reports.iter().enumerate() {
            for digest in &report.digests {
                images.by_digest.entry(digest.clone()).or_default().push(at);
            }
            for reference in &report.references {
                images.by_reference.entry(reference.clone()).or_default().push(at);
            }
        }
        Self { reports, ..images }
    }

    /// The reports about an image, as a manifest names it. A digest is the image whatever the tag
    /// says; an image without one is found by its whole reference.
    fn at(&self, image: &str) -> &[usize] {
        let found = match Reference::parse(image).digest {
            Some(digest) => self.by_digest.get(digest),
            None => canonical(image).and_then(|whole| self.by_reference.get(&whole)),
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// What is known of some images, each of which counts once.
    pub(crate) fn find(&self, images: &BTreeSet<&str>) -> Found<'_> {
        let mut found = Found { vulnerabilities: BTreeMap::new(), known: 0, unknown: Vec::new() };
        for image in images {
            let at = self.at(image);
            match at.is_empty() {
                true => found.unknown.push((*image).to_owned()),
                false => found.known += 1,
            }
            for (id, severity) in at.iter().flat_map(|at| &self.reports[*at].vulnerabilities) {
                let known = found.vulnerabilities.entry(id).or_default();
                *known = (*known).max(*severity);
            }
        }
        found
    }

    /// The reports that are about none of these images.
    pub fn unused<'i>(&self, images: impl Iterator<Item = &'i str>) -> Vec<&ImageReport> {
        let used: BTreeSet<usize> = images.flat_map(|image| self.at(image)).copied().collect();
        let reports = self.reports.iter().enumerate();
        reports.filter(|(at, _)| !used.contains(at)).map(|(_, report)| report).collect()
    }

    /// References that reports of different digests share: the tag was moved between the scans, and
    /// the vulnerabilities of both count.
    pub fn moved(&self) -> Vec<&str> {
        let differ = |at: &[usize]| {
            let mut digests = at.iter().map(|at| &self.reports[*at].digests);
            let Some(first) = digests.next().filter(|digests| !digests.is_empty()) else {
                return false;
            };
            digests.any(|other| !other.is_empty() && other.is_disjoint(first))
        };
        let shared: BTreeMap<&String, &Vec<usize>> = self.by_reference.iter().collect();
        shared.into_iter().filter(|(_, at)| differ(at)).map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Images;
    use crate::ImageReport;
    use crate::report::tests::{DIGEST, trivy};
    use std::collections::BTreeSet;

    fn report(name: &str, digest: Option<&str>, id: &str) -> ImageReport {
        let report = trivy(name, digest, &[(id, "HIGH")]);
        ImageReport::parse(report.to_string().as_bytes()).unwrap()
    }

    fn ids<'r>(images: &'r Images, names: &[&str]) -> Vec<&'r str> {
        let names: BTreeSet<&str> = names.iter().copied().collect();
        images.find(&names).vulnerabilities.into_keys().collect()
    }

    #[test]
    fn images_are_found_by_digest_then_by_whole_reference() {
        let images = Images::new(vec![
            report("nginx:1.29", Some(DIGEST), "CVE-2024-0001"),
            report("quay.io/team/web", None, "CVE-2024-0002"),
        ]);
        let pinned = format!("registry.example/mirror/nginx:other@{DIGEST}");
        for image in ["nginx:1.29", "docker.io/library/nginx:1.29", &pinned] {
            assert_eq!(ids(&images, &[image]), ["CVE-2024-0001"], "{image}");
        }
        assert_eq!(ids(&images, &["quay.io/team/web:latest"]), ["CVE-2024-0002"]);
        for image in ["nginx", "nginx:1.2", "quay.io/nginx:1.29", "", "{{ image }}"] {
            assert!(ids(&images, &[image]).is_empty(), "{image}");
        }
    }

    #[test]
    fn a_tag_is_no_match_where_the_manifest_pins_another_digest() {
        let images = Images::new(vec![report("nginx:1.29", Some(DIGEST), "CVE-2024-0001")]);
        let other = format!("nginx:1.29@sha256:{}", "a".repeat(64));
        let found = images.find(&BTreeSet::from([other.as_str()]));
        assert_eq!((found.known, found.unknown), (0, vec![other.clone()]));
        let unused = images.unused([other.as_str()].into_iter());
        assert_eq!(unused.len(), 1);
        assert!(images.unused(["nginx:1.29"].into_iter()).is_empty());
    }

    #[test]
    fn a_vulnerability_of_two_images_counts_once() {
        let images = Images::new(vec![
            report("a:1", None, "CVE-2024-0001"),
            report("b:1", None, "CVE-2024-0001"),
        ]);
        assert_eq!(ids(&images, &["a:1", "b:1"]), ["CVE-2024-0001"]);
    }

    #[test]
    fn a_tag_that_moved_between_two_scans_is_named() {
        let old = format!("sha256:{}", "a".repeat(64));
        let images = Images::new(vec![
            report("a:1", Some(&old), "CVE-2024-0001"),
            report("a:1", Some(DIGEST), "CVE-2024-0002"),
            report("b:1", Some(DIGEST), "CVE-2024-0001"),
            report("b:1", Some(DIGEST), "CVE-2024-0001"),
        ]);
        assert_eq!(images.moved(), ["docker.io/library/a:1"]);
    }
}
