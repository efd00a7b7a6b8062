//! The API server: a user's by kubeconfig, or an ephemeral one on loopback.
