//! Thousands of objects.

mod common;

use cluster::Options;
use common::{accepted, ephemeral, namespace, raw, seed};
use serde_json::Value;
use verifier::ApiServer as _;

#[test]
fn five_thousand_namespaces_with_their_accounts_can_be_seeded() {
    let Some(server) = ephemeral(Options::default()) else { return };
    let namespaces: Vec<Value> = (0..5000).map(|i| namespace(&format!("n-{i}"))).collect();
    seed(&server, &namespaces);
    let accounts = raw(&server).get("/api/v1/serviceaccounts");
    let accounts = accounts["items"].as_array().unwrap();
    let default = accounts.iter().filter(|account| account["metadata"]["name"] == "default");
    // Besides those of every cluster, and of the two namespaces in which pods are tried.
    assert_eq!(default.count(), 5006);
    accepted(server.create_pod(&common::restricted_pod()));
}
