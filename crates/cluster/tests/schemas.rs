//! The schemas of a server on which nothing changes meanwhile.

#![allow(clippy::unwrap_used)]

mod common;

use cluster::{Choice, Options, Server};
use common::ephemeral;

#[test]
fn schemas_are_kept_and_damaged_ones_fetched_again() {
    let Some(server) = ephemeral(Options::default()) else { return };
    let cache = tempfile::tempdir().unwrap();
    let (_folder, options) = common::options_of(&common::kubeconfig(&server));
    let options = Options { cache: Some(cache.path().to_owned()), ..options };
    let choice = Choice::Kubeconfig { context: None };
    let read = || {
        let server = Server::connect(&choice, options.clone()).unwrap().unwrap();
        let before = server.statistics().requests;
        let schemas = server.open_api().unwrap();
        (schemas, server.statistics().requests - before)
    };
    let (first, fetched) = read();
    assert_eq!(first.minor, server.minor());
    let apps = &first.documents.iter().find(|(path, _)| path == "apis/apps/v1").unwrap().1;
    assert!(apps["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"].is_object());
    assert!(fetched > 20, "{fetched}");
    let (second, fetched) = read();
    assert_eq!(fetched, 1, "only the index is asked for");
    assert!(first == second);
    let folder = std::fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "damaged").unwrap();
    let (third, fetched) = read();
    assert_eq!(fetched, 2, "the index and the damaged one");
    assert!(first == third);
}
