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

/// The pages that people read, by their paths from the root.
fn pages() -> Vec<String> {
    let all = crate::tool::files(&root().join("docs"));
    let docs =
        all.into_keys().filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    others.into_iter().map(str::to_owned).chain(docs).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The lines of a page that are no code, without what stands between backticks.
fn prose(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut prose = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push(line.split('`').step_by(2).collect::<Vec<_>>().join("`"));
        }
    }
    prose
}

/// Where the links of a page lead, each with its line of prose.
fn links(page: &str) -> Vec<String> {
    // A link may go over the end of a line.
    let text = prose(page).join("\n");
    let mut links = Vec::new();
    for part in text.split("](").skip(1) {
        links.extend(part.split(')').next().map(str::to_owned));
    }
    for part in text.split("href=\"").chain(text.split("src=\"")).skip(1) {
        links.extend(part.split('"').next().filter(|link| !link.contains(' ')).map(str::to_owned));
    }
    links
}

/// The anchors of a page: headings as the forges make them, and ids.
fn anchors(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in page.lines() {
        inside ^= line.starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !inside) {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
            let slug: String = text.chars().filter(|c| kept(*c)).collect();
            let slug = slug.replace(' ', "-");
            let twins = anchors.iter().filter(|a| **a == slug).count();
            anchors.push(if twins == 0 { slug } else { format!("{slug}-{twins}") });
        }
    }
    anchors
}

#[test]
fn links_lead_somewhere() {
    let mut failed = Vec::new();
    let mut count = 0;
    for name in pages() {
        let folder = Path::new(&name).parent().unwrap();
        for link in links(&page(&name)) {
            let is_outside = link.starts_with("http://") || link.starts_with("https://");
            if is_outside || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => root().join(&name),
                file => root().join(folder).join(file),
            };
            if !target.exists() {
                failed.push(format!("{name}: {link}: there is no such file"));
            } else if !anchor.is_empty() {
                let there = anchors(&std::fs::read_to_string(&target).unwrap());
                if !there.iter().any(|known| known == anchor) {
                    failed.push(format!("{name}: {link}: no such heading"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(count > 100, "{count} links");
}

#[test]
fn links_are_found() {
    let page = "see [a](b.md#c) and [two\nlines](d.md) `[no](e.md)`\n```\n[no](f.md)\n```\n";
    assert_eq!(links(page), ["b.md#c", "d.md"]);
    assert_eq!(anchors("# A `b` & c!\n## A\n## A\n"), ["a-b--c", "a", "a-1"]);
}

/// The first fenced block of this language.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let start = format!("```{language}\n");
    page.split(&start).nth(1).unwrap().split("```").next().unwrap()
}

/// Figures that pages repeat are those of what they speak of.
#[test]
fn figures_agree_with_their_artefacts() {
    let folder = Folder::new();
    copy(&root().join("examples"), &folder, "examples");
    let shown = folder.run(&["check", "--diff", "examples/shop/web.yaml"]).ended(1).out;
    assert_eq!(block(&page("README.md"), "diff").trim_end(), shown.trim_end());

    let rules = folder.run(&["rules", "--output-format", "json"]).json();
    let rules = rules.as_array().unwrap().len();
    let doctor = folder.run(&["doctor", "--output-format", "json"]).json();
    let schemas = doctor.as_array().unwrap().iter().find(|f| f["what"] == "schemas").unwrap();
    let versions = schemas["detail"].as_str().unwrap().trim_start_matches("Kubernetes ");
    let versions: Vec<&str> = versions.split(", ").collect();
    let range = format!("{} to {}", versions[0], versions[versions.len() - 1]);
    let recorded = page("docs/recorded-answers.md");
    let mut seen = [0; 3];
    for name in pages() {
        let text = prose(&page(&name)).join(" ").replace("**", "");
        let measured = name.contains("measurements") || name.contains("benchmarks");
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(3) {
            let number: Option<usize> = pair[0].parse().ok();
            match (number, pair) {
                // Smaller numbers are parts of the whole.
                (Some(number @ 150..), [_, noun, ..]) if !measured && noun.starts_with("rules") => {
                    assert_eq!(number, rules, "{name}: {}", pair.join(" "));
                    seen[0] += 1;
                }
                (_, [from, "to", to]) if from.starts_with("1.3") && to.starts_with("1.3") => {
                    let to = to.trim_end_matches(|c: char| !c.is_ascii_digit());
                    assert_eq!(format!("{from} to {to}"), range, "{name}");
                    seen[1] += 1;
                }
                (_, [count, "recorded", "answers"]) if count.contains(',') => {
                    assert!(recorded.contains(*count), "{name}: {count} recorded answers");
                    seen[2] += 1;
                }
                _ => {}
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// The cells of each row of a page's table, without its heading.
fn rows(page: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).filter(|cells| cells[0] != "---" && cells[0] != "there").collect()
}

/// Each test of the table is one, and each of the reference's names has a row.
#[test]
fn every_row_of_coming_from_names_a_test_that_exists() {
    let page = page("docs/coming-from-k8s-auto-fix.md");
    let rows = rows(&page);
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut failed = Vec::new();
    for row in &rows {
        let [there, here, _, tested] = row.as_slice() else { panic!("{row:?}") };
        assert!(!here.is_empty(), "{there}");
        let tests: Vec<&str> = tested.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{there}: no test");
        failed.extend(
            tests.iter().filter(|test| !is_test(test)).map(|test| format!("{there}: {test}")),
        );
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Whether a name such as `e2e/fix.rs::name` is a test, or one such as `cargo xtask parity` a command
/// that CI runs.
fn is_test(name: &str) -> bool {
    let source = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    if let Some(step) = name.strip_prefix("cargo xtask ") {
        let steps = source("xtask/src/test.rs");
        return steps.contains(&format!("\"{step}\"")) || steps.contains(&format!("{step}::tests"));
    }
    let Some((file, test)) = name.split_once("::") else { return false };
    let path = match file.strip_prefix("e2e/") {
        Some(file) => format!("crates/cli/tests/e2e/{file}"),
        None => file.to_owned(),
    };
    source(&path).contains(&format!("#[test]\nfn {test}()"))
        || source(&path).contains(&format!("#[test]\n    fn {test}()"))
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
