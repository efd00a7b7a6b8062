//! Risk: its terms, the feeds and reports that it is judged by, and where they come from.

use crate::tool::{BINARY, Folder, Ran, run};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.29
        securityContext: {privileged: true}
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80}]
";

const EPSS: &str = "\
#model_version:v2025.03.14,score_date:2025-11-20T00:00:00+0000
cve,epss,percentile
CVE-2024-0001,0.45,0.98
CVE-2024-0002,0.0004,0.1
";

fn kev() -> String {
    json!({
        "title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "2025.11.19",
        "dateReleased": "2025-11-19T17:50:06.0614Z", "count": 1,
        "vulnerabilities": [{"cveID": "CVE-2024-0002", "vendorProject": "v", "product": "p",
            "dateAdded": "2025-11-01", "dueDate": "2025-11-22",
            "knownRansomwareCampaignUse": "Unknown", "cwes": ["CWE-79"]}],
    })
    .to_string()
}

fn trivy(name: &str) -> String {
    let found = |id: &str, severity: &str, package: &str| json!({"VulnerabilityID": id, "PkgName": package, "InstalledVersion": "1", "Severity": severity});
    json!({
        "SchemaVersion": 2, "ArtifactName": name, "ArtifactType": "container_image",
        "Metadata": {"ImageID": "sha256:11", "RepoTags": [name], "RepoDigests": []},
        "Results": [{"Target": name, "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [
            found("CVE-2024-0001", "CRITICAL", "libssl3"), found("CVE-2024-0001", "CRITICAL", "openssl"),
            found("CVE-2024-0002", "HIGH", "zlib"),
        ]}],
    })
    .to_string()
}

/// Manifests, feeds and a report, and the detections of the manifests.
fn shop() -> Folder {
    let folder = Folder::with(&[
        ("m/web.yaml", WEB),
        ("m/service.yaml", SERVICE),
        ("epss.csv", EPSS),
        ("kev.json", &kev()),
        ("reports/nginx.json", &trivy("docker.io/library/nginx:1.29")),
    ]);
    let rules = ["--select", "privileged-container,run-as-non-root"];
    folder.run(&[&["detect", "--in", "m", "--out", "d.json"], &rules[..]].concat()).ended(1);
    folder
}

const KNOWN: [&str; 6] = ["--epss", "epss.csv", "--kev", "kev.json", "--image-report", "reports"];

fn risk(folder: &Folder, args: &[&str]) -> Ran {
    folder.run(&[&["risk", "--detections", "d.json"], args].concat())
}

fn of<'r>(records: &'r [Value], id: &str) -> &'r Value {
    records.iter().find(|record| record["id"] == id).unwrap()
}

fn term<'r>(record: &'r Value, name: &str) -> &'r Value {
    record["terms"].as_array().unwrap().iter().find(|term| term["name"] == name).unwrap()
}

#[test]
fn every_term_says_where_it_is_from() {
    let folder = shop();
    let all: Vec<Value> = serde_json::from_value(risk(&folder, &KNOWN).ended(0).json()).unwrap();
    let detections = folder.records("d.json");
    let privileged = detections.iter().find(|d| d["rule"] == "privileged-container").unwrap();
    let score = of(&all, privileged["id"].as_str().unwrap());
    assert_eq!(term(score, "base")["value"], 85.0);
    // The Service is in a file that no detection names.
    assert_eq!(term(score, "exposure")["reason"], "nothing of the inputs leads to it");
    assert_eq!(score["kev"], true);
    assert_eq!(score["deadline"], 1_763_855_999.0);
    let reason = term(score, "exploitation")["reason"].as_str().unwrap();
    assert!(
        reason.contains("known exploited: CVE-2024-0002; EPSS: CVE-2024-0001 0.45"),
        "{reason}"
    );
    assert_eq!(term(score, "severities")["value"], 8.0);

    let args = [&KNOWN[..], &["--in", "m", "--out", "risk.json"]].concat();
    risk(&folder, &args).ended(0);
    let open = folder.records("risk.json");
    let open = of(&open, score["id"].as_str().unwrap());
    assert_eq!(term(open, "exposure")["reason"], "Service shop/web is of type LoadBalancer");
    assert!(open["risk"].as_f64() > score["risk"].as_f64(), "{open:#}\n{score:#}");
    assert_eq!(open["decision"], "act");
}

#[test]
fn people_get_a_table_and_an_explanation() {
    let folder = shop();
    let args = [&KNOWN[..], &["--in", "m"]].concat();
    let table = risk(&folder, &[&args[..], &["--output-format", "table"]].concat()).ended(0).out;
    assert!(
        table.lines().nth(1).unwrap().contains("privileged-container Deployment shop/web"),
        "{table}"
    );
    let rows: Vec<f64> = table
        .lines()
        .skip(1)
        .map(|l| l.split_whitespace().nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(rows.len() > 1 && rows.is_sorted_by(|a, b| a >= b), "{table}");
    let id = table.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let one = risk(&folder, &[&args[..], &["--explain", "--id", id]].concat()).ended(0).out;
    for said in [
        "act, known exploited, until 2025-11-22",
        "base          85",
        "exposure     ×2       Service shop/web is of type LoadBalancer",
        "criticality  ×1       normal: nothing is set for namespace shop",
        "known exploited: CVE-2024-0002",
        "impact        ",
    ] {
        assert!(one.contains(said), "no `{said}` in\n{one}");
    }
    assert_eq!(one.matches("  risk ").count(), 1, "{one}");
}

#[test]
fn a_manifest_that_is_gone_is_said_and_the_score_is_the_base() {
    let folder = shop();
    std::fs::remove_dir_all(folder.at("m")).unwrap();
    let all: Vec<Value> = serde_json::from_value(risk(&folder, &KNOWN).ended(0).json()).unwrap();
    for score in &all {
        assert_eq!(score["risk"], term(score, "base")["value"]);
        assert!(score.get("decision").is_none() && score.get("remaining").is_none(), "{score}");
        let reason = term(score, "exposure")["reason"].as_str().unwrap();
        assert!(reason.starts_with("unavailable: "), "{reason}");
    }
}

#[test]
fn a_run_scores_by_the_whole_set_and_records_what_it_was_judged_by() {
    let folder = shop();
    folder.write("k8s-auto-fix.yaml", "risk: {namespaces: [{match: [shop], criticality: high}]}\n");
    let base = ["run", "m", "--out"];
    folder.run(&[&base[..], &["plain"]].concat()).ended(1);
    let judged = [&base[..], &["out"], &KNOWN].concat();
    folder.run(&judged).ended(1);
    let scores = folder.records("out/risk.jsonl");
    let web = scores.iter().find(|score| score["kev"] == true).unwrap();
    assert_eq!(term(web, "exposure")["value"], 2.0);
    assert_eq!(term(web, "criticality")["value"], 2.0);
    assert!(web["remaining"].as_f64().unwrap() > 90.0);
    let schedule = folder.records("out/schedule.jsonl");
    assert!(schedule.iter().any(|entry| entry["kev"] == true), "{schedule:?}");
    let manifest = |name: &str| -> Value { serde_json::from_str(&folder.read(name)).unwrap() };
    let told = &manifest("out/manifest.json")["risk"];
    assert_eq!(told["epss"]["version"], "v2025.03.14");
    assert_eq!((&told["epss"]["rows"], &told["kev"]["rows"]), (&json!(2), &json!(1)));
    let sum = evidence::testing::sha256(EPSS.as_bytes());
    assert_eq!(sum, format!("sha256:{}", told["epss"]["sha256"].as_str().unwrap()));
    assert_eq!(told["image_reports"][0]["image"], "docker.io/library/nginx:1.29");
    assert_eq!(manifest("plain/manifest.json")["risk"], Value::Null);
    let plain = folder.records("plain/risk.jsonl");
    let reason = term(&plain[0], "exploitation")["reason"].as_str().unwrap();
    assert_eq!(reason, "unavailable: no image report was given");
    // The same again, byte for byte.
    let first = folder.read("out/risk.jsonl");
    folder.run(&[&judged[..], &["--jobs", "1"]].concat()).ended(1);
    assert_eq!(folder.read("out/risk.jsonl"), first);
}

#[test]
fn a_report_about_no_image_and_old_feeds_are_warned_about() {
    let folder = shop();
    folder.write("reports/other.json", trivy("quay.io/team/other:2"));
    let args = [&KNOWN[..], &["--out", "r.json"]].concat();
    let ran = risk(&folder, &args).ended(0);
    assert!(
        ran.err.contains("the report of quay.io/team/other:2 is about no image"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("nginx"), "{}", ran.err);
    assert!(ran.err.contains("the feed `epss` is") && ran.err.contains("days old"), "{}", ran.err);
    let quiet = risk(&folder, &[&args[..], &["--quiet"]].concat()).ended(0);
    assert_eq!(quiet.err, "");
    folder.write("k8s-auto-fix.yaml", "risk: {max_feed_age_days: 100000}\n");
    risk(&folder, &args).ended(0).hides("days old");
}

#[test]
fn the_references_policy_metrics_stand_in_place_of_the_priors() {
    let folder = shop();
    let metrics = json!({"no_privileged": {"risk": 85, "probability": 0.42, "expected_time": 3.5,
        "wait": 0.0, "kev": true, "explore": 0.0}});
    folder.write("policy_metrics.json", metrics.to_string());
    let ran = risk(&folder, &["--policy-metrics", "policy_metrics.json"]).ended(0);
    let all: Vec<Value> = serde_json::from_value(ran.json()).unwrap();
    let measured = |score: &&Value| score["probability"] == 0.42 && score["expected_time"] == 3.5;
    assert_eq!(all.iter().filter(measured).count(), 1);
    assert!(all.iter().all(|score| score["kev"] == false), "it says nothing of the catalogue");
}

#[test]
fn bad_files_are_named_with_what_was_expected() {
    let folder = shop();
    folder.write("empty/readme.txt", "");
    let deep = format!("{{\"matches\": {}", "[".repeat(200_000));
    for (flag, content, message) in [
        ("--epss", EPSS.replace("0.45", "-0.45"), "bad:3: the score `-0.45` of CVE-2024-0001"),
        ("--epss", EPSS.replace("0.45", "NaN"), "bad:3: the score `NaN`"),
        ("--epss", EPSS.replace("0.0004,0.1\n", "0.0"), "bad:4: has 2 fields"),
        ("--epss", kev(), "bad:1: this is no header; expected EPSS scores"),
        ("--epss", "<html>".to_owned(), "bad: is a web page or XML; expected EPSS scores"),
        ("--kev", EPSS.to_owned(), "expected the KEV catalogue"),
        ("--kev", kev().replace("\"count\":1", "\"count\":9"), "is the file whole?"),
        ("--kev", "{}".to_owned(), "has no list `vulnerabilities`"),
        ("--image-report", EPSS.to_owned(), "expected the report of one image"),
        ("--image-report", trivy("a").replace("container_image", "repository"), "of a repository"),
        (
            "--image-report",
            "{\"runs\": [], \"version\": \"2.1.0\"}".to_owned(),
            "is no such report",
        ),
        ("--image-report", deep, "expected the report of one image"),
        ("--policy-metrics", "{\"a\": {\"probability\": 2}}".to_owned(), "expected an object of"),
    ] {
        folder.write("bad", content);
        risk(&folder, &[flag, "bad"]).ended(2).says(message);
    }
    for flag in ["--epss", "--kev", "--image-report", "--policy-metrics"] {
        risk(&folder, &[flag, "none"]).ended(2).says("cannot read none");
    }
    risk(&folder, &["--image-report", "empty"]).ended(2).says("holds no .json file");
    risk(&folder, &["--feeds", "empty"]).ended(2).says("feeds fetch");
    risk(&folder, &["--feeds", "empty", "--epss", "epss.csv"]).ended(2);
    folder.write("k8s-auto-fix.yaml", "risk:\n  likely: 3\n");
    risk(&folder, &[]).ended(2).says("k8s-auto-fix.yaml:2: expected a number above 0");
}

#[test]
fn explaining_a_rule_tells_its_base_risk() {
    let folder = Folder::new();
    folder.run(&["explain", "privileged-container"]).ended(0).says("base risk 85 of 100");
}

/// A server on loopback, which ends with the test.
fn serve(
    epss: impl Into<Vec<u8>>,
    kev: impl Into<Vec<u8>>,
) -> (SocketAddr, tokio::runtime::Runtime) {
    let (epss, kev) = (epss.into(), kev.into());
    let router = Router::new()
        .route("/epss", get(move || std::future::ready(epss.clone())))
        .route("/kev", get(move || std::future::ready(kev.clone())));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, router).await });
    (address, runtime)
}

/// Runs with a cache folder of the test's own, and past any proxy.
fn feeds(folder: &Folder, args: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.arg("feeds").args(args).current_dir(folder.path());
    command.env("XDG_CACHE_HOME", folder.at("cache")).env("NO_PROXY", "127.0.0.1");
    run(command, b"")
}

fn fetch(folder: &Folder, address: SocketAddr) -> Ran {
    let (epss, kev) = (format!("http://{address}/epss"), format!("http://{address}/kev"));
    feeds(folder, &["fetch", "--out", "f", "--epss-url", &epss, "--kev-url", &kev])
}

#[test]
fn feeds_are_fetched_kept_and_read_again() {
    let folder = shop();
    let (address, _server) = serve(EPSS, kev());
    fetch(&folder, address).ended(0).says("epss: 2 vulnerabilities, v2025.03.14 of 2025-11-20");
    let index: Value = serde_json::from_str(&folder.read("f/feeds.json")).unwrap();
    assert_eq!(index["kev"]["source"], format!("http://{address}/kev"));
    assert_eq!(index["epss"]["bytes"], EPSS.len());
    assert!(index["kev"]["fetched_at"].as_str().unwrap().ends_with('Z'));
    feeds(&folder, &["show", "f"]).ended(0).says("days old: 2 vulnerabilities");
    let shown = feeds(&folder, &["show", "f", "--output-format", "json"]).ended(0).json();
    assert_eq!(shown["feeds"]["kev"]["age_days"], 0);
    assert_eq!(shown["feeds"]["kev"]["sha256"], index["kev"]["sha256"]);
    // They judge as the files themselves do.
    let by_files = risk(&folder, &KNOWN).ended(0).out;
    let by_folder = risk(&folder, &["--feeds", "f", "--image-report", "reports"]).ended(0).out;
    assert_eq!(by_files, by_folder);
}

#[test]
fn a_feed_that_fails_leaves_the_former_one() {
    let folder = Folder::new();
    let (address, server) = serve(EPSS, kev());
    fetch(&folder, address).ended(0);
    let before = folder.files();
    for (epss, kev_text, said) in [
        ("<html>busy</html>".to_owned(), kev(), "epss: "),
        (EPSS.to_owned(), "{\"count\": 1}".to_owned(), "kev: "),
        (EPSS.replace("2025-11-20", "2025-11-10"), kev(), "older than what is there"),
        (EPSS.replace("0.45", "4.5"), kev(), "the score `4.5`"),
    ] {
        let (address, _server) = serve(epss, kev_text);
        let ran = fetch(&folder, address).ended(2).says(said).says("nothing was changed by it");
        assert_eq!(ran.err.matches("error: ").count(), 1, "{}", ran.err);
        let after = folder.files();
        assert!(after.keys().eq(before.keys()), "{:?}", after.keys());
        for (name, bytes) in before.iter().filter(|(name, _)| !name.ends_with("feeds.json")) {
            assert_eq!(&after[name], bytes, "{name}");
        }
        feeds(&folder, &["show", "f"]).ended(0);
    }
    drop(server);
    fetch(&folder, address).ended(2).says("cannot be reached");
    feeds(&folder, &["show", "f"]).ended(0);
}

#[test]
fn feeds_come_from_files_where_there_is_no_network() {
    let folder = Folder::with(&[("e.csv", EPSS), ("k.json", &kev()), ("bad", "<html>")]);
    feeds(&folder, &["show"]).ended(2).says("feeds fetch");
    feeds(&folder, &["fetch", "--from", "e.csv", "k.json"]).ended(0).says("from k.json");
    assert!(folder.at("cache/k8s-auto-fix/feeds/feeds.json").exists());
    feeds(&folder, &["show"]).ended(0).says("kev   0 days old");
    feeds(&folder, &["fetch", "--from", "bad", "e.csv"]).ended(2).says("bad: is a web page");
    // A file that somebody changed is not read.
    for (name, _) in folder.files().iter().filter(|(name, _)| name.ends_with(".csv")) {
        if name.starts_with("cache") {
            folder.write(name, EPSS.replace("0.45", "0.46"));
        }
    }
    feeds(&folder, &["show"]).ended(2).says("BROKEN").says("SHA-256 differs");
    feeds(&folder, &["fetch", "--timeout", "0"]).ended(2).says("at least 1");
}

#[test]
fn nothing_but_fetching_leaves_the_machine() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let folder = shop();
    let tool = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(args).current_dir(folder.path()).env("XDG_CACHE_HOME", folder.at("cache"));
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"] {
            command.env(name, &proxy);
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        run(command, b"")
    };
    tool(&["feeds", "fetch", "--out", "f", "--from", "epss.csv", "kev.json"]).ended(0);
    tool(&["feeds", "show", "f"]).ended(0);
    tool(&["risk", "--detections", "d.json", "--feeds", "f", "--image-report", "reports"]).ended(0);
    tool(&["run", "m", "--out", "out", "--feeds", "f", "--image-report", "reports"]).ended(1);
    assert!(listener.accept().is_err(), "somebody called");
    // The same listener hears of it when the feeds are fetched, so the silence means something.
    tool(&["feeds", "fetch", "--out", "g", "--timeout", "2"]).ended(2);
    assert!(listener.accept().is_ok());
    assert!(!folder.at("g/feeds.json").exists());
}

#[test]
fn the_documented_example_is_what_the_tool_says() {
    let root = crate::tool::root();
    let folder = Folder::new();
    for (name, bytes) in crate::tool::files(&root.join("examples")) {
        folder.write(&format!("examples/{name}"), bytes);
    }
    let detect =
        ["detect", "--in", "examples", "--select", "privileged-container", "--out", "d.json"];
    folder.run(&detect).ended(1);
    let known = [
        "--epss",
        "examples/risk/epss.csv",
        "--kev",
        "examples/risk/kev.json",
        "--image-report",
        "examples/risk/nginx.json",
    ];
    let said =
        risk(&folder, &[&["--explain", "--in", "examples"], &known[..]].concat()).ended(0).out;
    let page = std::fs::read_to_string(root.join("docs/risk.md")).unwrap();
    assert!(page.contains(&format!("```text\n{}\n```", said.trim_end())), "{said}");
}
