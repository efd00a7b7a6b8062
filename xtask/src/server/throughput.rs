//! Our client beside a bare one and kubectl, on the same server and objects.

use super::bare::{Connection, Endpoint, Question};
use crate::bench::manifests;
use crate::page::Page;
use anyhow::Context as _;
use cluster::{Choice, Options, Server};
use detector::{Input, ObjectContext};
use manifest::Limits;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use ureq::http::StatusCode;
use verifier::{Answer, ApiServer as _};

const THREADS: [usize; 2] = [1, 8];
/// Objects that one client is given before it is the other's turn.
const TURN: usize = 100;
/// Objects for kubectl, which takes a process for each.
const SINGLE: usize = 20;

/// An object, and what a bare client sends for it.
struct Trial {
    object: Value,
    question: Question,
}

/// Times for all objects, by the number of threads.
#[derive(Clone, Copy, Default)]
struct Times {
    ours: [Duration; 2],
    bare: [Duration; 2],
}

/// Measures on one server and writes ratios.
pub(super) fn measure(corpus: &Path, full: bool, page: &mut Page) -> anyhow::Result<()> {
    let files = manifests(corpus)?.into_par_iter();
    let inputs: Vec<Input> = files
        .map(|(path, bytes)| Input::parse(path.clone(), path, bytes, &Limits::default()))
        .collect();
    let corpus = detector::Corpus::new(&inputs, ObjectContext::All);
    let ephemeral = Choice::Ephemeral { version: None };
    let server = Server::connect(&ephemeral, Options::default())?.context("a server was named")?;
    server.seed(&cluster::fixtures(&corpus, Vec::new()));
    let endpoint = Endpoint::of(&server)?;
    let objects = (0..corpus.len()).map(|position| corpus.object(position).root.to_json());
    let trials = accepted(objects, &endpoint.connect(), if full { 2000 } else { 500 })?;
    let times = compare(&server, &endpoint, &trials, if full { 5 } else { 3 })?;
    let kubectl = kubectl(&server, &trials)?;
    report(&server, trials.len(), &times, &kubectl, page);
    Ok(())
}

/// The first objects that are not there and that the server takes as they are.
fn accepted(
    objects: impl Iterator<Item = Value>,
    connection: &Connection<'_>,
    wanted: usize,
) -> anyhow::Result<Vec<Trial>> {
    let mut served: HashMap<String, Value> = HashMap::new();
    let mut trials = Vec::new();
    for object in objects {
        let Some((collection, name)) = place(&object, connection, &mut served)? else { continue };
        let question = connection.question(&collection, &name, &object);
        if connection.ask(&question)? == StatusCode::CREATED {
            trials.push(Trial { object, question });
        }
        if trials.len() == wanted {
            return Ok(trials);
        }
    }
    anyhow::bail!("the server takes only {} objects of the corpus, not {wanted}", trials.len())
}

/// The collection and the name of an object; none when it has no plain name or is not served.
fn place(
    object: &Value,
    connection: &Connection<'_>,
    served: &mut HashMap<String, Value>,
) -> anyhow::Result<Option<(String, String)>> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (Some(version), Some(name)) = (text("/apiVersion"), text("/metadata/name")) else {
        return Ok(None);
    };
    let namespace = text("/metadata/namespace").unwrap_or("default");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
    if ![version, name, namespace].into_iter().all(|text| text.bytes().all(plain)) {
        return Ok(None);
    }
    let root = format!("/{}/{version}", if version.contains('/') { "apis" } else { "api" });
    if !served.contains_key(version) {
        served.insert(version.to_owned(), connection.get(&root)?);
    }
    let resources = served[version]["resources"].as_array().into_iter().flatten();
    let mut resources = resources.filter(|resource| resource["kind"] == object["kind"]);
    let is_whole = |resource: &&Value| !resource["name"].as_str().unwrap_or("/").contains('/');
    let Some(resource) = resources.find(is_whole) else { return Ok(None) };
    let within = match resource["namespaced"].as_bool() {
        Some(true) => format!("/namespaces/{namespace}"),
        _ => String::new(),
    };
    let plural = resource["name"].as_str().unwrap_or_default();
    Ok(Some((format!("{root}{within}/{plural}"), name.to_owned())))
}

/// The best times of a few objects at a time, both clients in turn, so that what else the machine
/// does hits both.
fn compare(
    server: &Server,
    endpoint: &Endpoint,
    trials: &[Trial],
    rounds: usize,
) -> anyhow::Result<Times> {
    let most = THREADS.into_iter().max().unwrap_or(1);
    let connections: Vec<Connection<'_>> = (0..most).map(|_| endpoint.connect()).collect();
    let mut times = Times::default();
    for trials in trials.chunks(TURN) {
        for (index, threads) in THREADS.into_iter().enumerate() {
            let [mut ours, mut bare] = [Duration::MAX; 2];
            for _ in 0..rounds {
                ours = ours.min(timed(trials, &vec![server; threads], ask_ours)?);
                bare = bare.min(timed(trials, &connections[..threads], ask_bare)?);
            }
            times.ours[index] += ours;
            times.bare[index] += bare;
        }
    }
    Ok(times)
}

fn ask_ours(server: &&Server, trial: &Trial) -> anyhow::Result<()> {
    match server.apply(&trial.object) {
        Answer::Accepted(_) => Ok(()),
        Answer::Refused(refusal) => Err(anyhow::anyhow!(refusal.message)),
    }
}

fn ask_bare(connection: &Connection<'_>, trial: &Trial) -> anyhow::Result<()> {
    let status = connection.ask(&trial.question)?;
    anyhow::ensure!(status == StatusCode::CREATED, "the bare client got {status}");
    Ok(())
}

/// How long it takes until all were asked, each client in a thread of its own.
fn timed<C: Sync>(
    trials: &[Trial],
    clients: &[C],
    ask: impl Fn(&C, &Trial) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Duration> {
    let next = AtomicUsize::new(0);
    let work = |client: &C| -> anyhow::Result<()> {
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            ask(client, trial)?;
        }
        Ok(())
    };
    let work = &work;
    let start = Instant::now();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let threads: Vec<_> =
            clients.iter().map(|client| scope.spawn(move || work(client))).collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(())
    })?;
    Ok(start.elapsed())
}

/// The times of one kubectl for each of some objects, the shortest first.
fn kubectl(server: &Server, trials: &[Trial]) -> anyhow::Result<Vec<Duration>> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS")
        .context("set KUBEBUILDER_ASSETS to the folder of kubectl")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("object.json");
    let kubeconfig = server.folder().context("the server is not ephemeral")?.join("kubeconfig");
    let mut times = Vec::new();
    for trial in trials.iter().take(SINGLE) {
        fs::write(&file, trial.object.to_string())?;
        let mut kubectl = Command::new(PathBuf::from(&assets).join("kubectl"));
        kubectl.arg("--kubeconfig").arg(&kubeconfig).arg("--cache-dir").arg(folder.path());
        kubectl.args(["apply", "--server-side", "--dry-run=server", "-f"]).arg(&file);
        let start = Instant::now();
        let status = kubectl.stdout(Stdio::null()).status().context("cannot start kubectl")?;
        times.push(start.elapsed());
        anyhow::ensure!(status.success(), "kubectl: {status}");
    }
    times.sort();
    Ok(times)
}

fn report(server: &Server, objects: usize, times: &Times, kubectl: &[Duration], page: &mut Page) {
    let each = |time: Duration| time.as_secs_f64() * 1e3 / objects as f64;
    page.section("Throughput");
    page.line(&format!(
        "{objects} objects of corpus-dev, by dry-run on an {}, one request each. `bare`\nis an HTTP \
         client with requests that are made beforehand, kept connections, and answers that are \
         read\nand not looked at. Best of several rounds in turn, {TURN} objects each; client and \
         server share two cores,\nso read the ratios.",
        server.describe()
    ));
    let rows = THREADS.into_iter().enumerate().map(|(index, threads)| {
        let (ours, bare) = (each(times.ours[index]), each(times.bare[index]));
        format!("{threads} | {ours:.2} | {bare:.2} | {:.0} %", 100.0 * bare / ours)
    });
    page.table(
        "at the same time | ours, ms an object | bare, ms an object | ours, of bare's throughput",
        "---: | ---: | ---: | ---:",
        rows,
    );
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    let (best, median) = (ms(kubectl.first()), ms(kubectl.get(kubectl.len() / 2)));
    let ours = each(times.ours[0]);
    page.line(&format!(
        "One `kubectl apply --server-side --dry-run=server` an object, {} of them: {median:.0} ms \
         in the middle, {best:.0} ms\nat best. That is {:.0} and {:.0} times as long as ours with \
         one request at a time.",
        kubectl.len(),
        median / ours,
        best / ours,
    ));
}
