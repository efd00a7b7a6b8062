//! `feeds`: what is known of exploited vulnerabilities, fetched and shown.

use crate::End;
use crate::args::{Feeds, FeedsFetch, FeedsShow};
use crate::scoring::{age, folder_or_cache, read};
use feeds::{Downloads, Feed, Kind, Known, Store, StoreError};
use record::Date;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// Runs the command.
pub(crate) fn run(command: &Feeds, quiet: bool) -> anyhow::Result<End> {
    match command {
        Feeds::Fetch(args) => fetch(args, quiet),
        Feeds::Show(args) => show(args),
    }
}

/// Fetches what it can; what it cannot stays as it was.
fn fetch(args: &FeedsFetch, quiet: bool) -> anyhow::Result<End> {
    anyhow::ensure!(args.timeout > 0, "--timeout must be at least 1");
    let store = Store::new(folder_or_cache(args.out.as_deref())?);
    let mut end = End::Clean;
    let mut note = |what: String, kept: anyhow::Result<(Kind, Known)>| -> anyhow::Result<()> {
        match kept {
            Ok((kind, known)) if !quiet => {
                writeln!(std::io::stdout(), "{}: {}", kind.as_str(), describe(&known))?;
            }
            Ok(_) => {}
            Err(error) => {
                end = End::InputError;
                let line = format!("{what}: {error:#}; nothing was changed by it");
                writeln!(std::io::stderr(), "error: {}", review::escape(&line))?;
            }
        }
        Ok(())
    };
    for path in &args.from {
        note(path.display().to_string(), from_file(&store, path))?;
    }
    if args.from.is_empty() {
        let downloads = Downloads::new(Duration::from_secs(args.timeout))?;
        for (kind, url) in [(Kind::Epss, &args.epss_url), (Kind::Kev, &args.kev_url)] {
            let url = url.as_deref().unwrap_or(kind.url());
            let kept = downloads.get(kind, url).map_err(anyhow::Error::from);
            let kept = kept.and_then(|bytes| Ok((kind, store.keep(kind, url, &bytes)?)));
            note(kind.as_str().to_owned(), kept)?;
        }
    }
    Ok(end)
}

fn from_file(store: &Store, path: &Path) -> anyhow::Result<(Kind, Known)> {
    let bytes = read(path)?;
    let kind = Feed::guess(&bytes)?.kind();
    Ok((kind, store.keep(kind, &path.display().to_string(), &bytes)?))
}

fn describe(known: &Known) -> String {
    let Known { rows, bytes, source, .. } = known;
    let version = known.version.as_deref().unwrap_or("no version");
    let date = known.date.as_deref().unwrap_or("an unknown day");
    review::escape(&format!(
        "{rows} vulnerabilities, {version} of {date}, {bytes} bytes from {source}"
    ))
    .into_owned()
}

/// What is said of a feed of the folder, with its age, and what is wrong with it.
pub(crate) fn state(store: &Store, kind: Kind, known: &Known) -> (Option<i64>, Option<String>) {
    let day = |text: &str| text.split('T').next().and_then(|day| day.parse::<Date>().ok());
    let age = age(kind, known.date.as_deref().and_then(day), day(&known.fetched_at));
    (age, store.read(kind).err().map(|error| error.to_string()))
}

fn show(args: &FeedsShow) -> anyhow::Result<End> {
    let store = Store::new(folder_or_cache(args.folder.as_deref())?);
    let known = store.known()?;
    anyhow::ensure!(!known.is_empty(), StoreError::Empty(store.folder().to_owned()));
    let (mut end, mut shown) = (End::Clean, serde_json::Map::new());
    let mut out = std::io::stdout().lock();
    let is_table = args.output_format == "table";
    for (kind, known) in &known {
        let (age, broken) = state(&store, *kind, known);
        if broken.is_some() {
            end = End::InputError;
        }
        if is_table {
            let days =
                age.map_or_else(|| "of unknown age".to_owned(), |days| format!("{days} days old"));
            let broken = broken.map_or_else(String::new, |why| format!("; BROKEN: {why}"));
            let line = format!("{:5} {days}: {}{broken}", kind.as_str(), describe(known));
            writeln!(out, "{}", review::escape(&line))?;
        } else {
            let mut value = serde_json::to_value(known)?;
            value["age_days"] = age.into();
            value["broken"] = broken.into();
            shown.insert(kind.as_str().to_owned(), value);
        }
    }
    if !is_table {
        let all = json!({ "folder": store.folder(), "feeds": Value::Object(shown) });
        record::json::to_writer_pretty(&mut out, &all)?;
    }
    Ok(end)
}
