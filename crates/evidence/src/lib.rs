//! What is found out about what manifests name: container registries.
