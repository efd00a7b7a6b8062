//! The commands that the documentation shows really run.

use crate::tool::{Folder, has_server, root};
use std::path::Path;

/// The lines that run `k8s-auto-fix` or `git` in the `console` blocks of a page.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if let Some(language) = text.strip_prefix("```") {
            inside = !inside && language == "console";
        } else if let Some(command) = text.strip_prefix("$ ").filter(|_| inside) {
            let mut command = command.to_owned();
            while let Some(rest) = command.strip_suffix('\\') {
                command = format!("{rest} {}", lines.next().unwrap_or_default().trim());
            }
            if command.split_whitespace().any(|word| ["k8s-auto-fix", "git"].contains(&word)) {
                commands.push(command);
            }
        }
    }
    commands
}

fn copy(from: &Path, folder: &Folder, name: &str) {
    for (file, bytes) in crate::tool::files(from) {
        folder.write(&format!("{name}/{file}"), bytes);
    }
}

/// Who commits.
const GIT: &str = "GIT_AUTHOR_NAME=reader GIT_AUTHOR_EMAIL=reader@example.org \
                   GIT_COMMITTER_NAME=reader GIT_COMMITTER_EMAIL=reader@example.org";

/// Every page runs in a folder of its own, from top to bottom, as a reader would do it.
#[test]
fn documented_commands_run() {
    let root = root();
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        pages.push(entry.unwrap().path());
    }
    pages.retain(|page| page.extension().is_some_and(|e| e == "md") && page.exists());
    let mut failed = Vec::new();
    // Whoever reads about `--server kubeconfig` has a cluster.
    let cluster = has_server("commands with --server").then(a_cluster);
    for page in pages {
        let folder = Folder::new();
        copy(&root.join("examples"), &folder, "examples");
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            if command.contains("--server") && cluster.is_none() {
                continue;
            }
            let kubeconfig = cluster.as_ref().map_or_else(String::new, kubeconfig);
            let script = format!(
                "export KUBECONFIG='{kubeconfig}' {GIT}; k8s-auto-fix() {{ \"$TOOL\" \"$@\"; }}; {command}"
            );
            let ran = folder.shell(&script);
            if !matches!(ran.code, Some(0 | 1)) {
                failed.push(format!("{}: {command}: {:?}\n{}", page.display(), ran.code, ran.err));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn a_cluster() -> cluster::Server {
    let choice = cluster::Choice::Ephemeral { version: None };
    cluster::Server::connect(&choice, cluster::Options::default()).unwrap().unwrap()
}

fn kubeconfig(server: &cluster::Server) -> String {
    server.folder().unwrap().join("kubeconfig").display().to_string()
}

#[test]
fn commands_are_found() {
    let page = "```console\n$ k8s-auto-fix a \\\n    b\noutput\n$ cat x | k8s-auto-fix c\n```\n\
        ```sh\n$ k8s-auto-fix no\n```\n$ k8s-auto-fix no\n";
    assert_eq!(commands(page), ["k8s-auto-fix a  b", "cat x | k8s-auto-fix c"]);
}

#[test]
fn the_examples_are_worth_a_first_look() {
    let folder = Folder::new();
    copy(&root().join("examples"), &folder, "examples");
    let config = "examples/k8s-auto-fix.yaml";
    folder.run(&["check", "examples"]).ended(1);
    folder.run(&["check", "examples", "--fix", "--unsafe-fixes", "--config", config]).ended(1);
    folder.run(&["run", "examples", "--out", "out", "--config", config]).ended(1);
    assert!(folder.read("out/review.md").contains("accepted"));
}
