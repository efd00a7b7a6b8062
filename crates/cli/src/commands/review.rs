//! `review`: what an operator looks at before anything is carried on.

pub(crate) mod evidence;
mod packet;
mod schedule;
mod verifier;

use crate::End;
use crate::args::Common;
use crate::args::review::{Diff, Review};
use crate::landing::{Landing, Scene, with_scene};
use review::diff;
use review::packet::FileChange;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Review) -> anyhow::Result<End> {
    match args {
        Review::Packet(args) => packet::run(common, args),
        Review::Diff(args) => diffs(common, args),
        Review::Evidence(args) => evidence::run(args),
        Review::Verifier(args) => verifier::run(args),
        Review::Schedule(args) => schedule::run(common, args),
        Review::Queue(args) => super::queue::report::report(args),
    }
}

fn diffs(common: &Common, args: &Diff) -> anyhow::Result<End> {
    let mut out = Vec::new();
    with_scene(common, &args.batching, |scene| {
        let wanted = |fix: &usize| !args.safe || scene.fixes[*fix].is_safe();
        let fixes: Vec<usize> = (0..scene.fixes.len()).filter(wanted).collect();
        let mut landing = Landing::new(scene);
        for change in changes(scene, &mut landing, &fixes) {
            let options = diff::Options::default();
            diff::write(&mut out, &change.path, &change.before, &change.after, options)?;
        }
        Ok(())
    })?;
    write(args.out.as_deref(), &out)?;
    Ok(End::Clean)
}

/// The files that fixes change, as they will be; by path.
fn changes<'a>(
    scene: &Scene<'a>,
    landing: &mut Landing<'a>,
    fixes: &[usize],
) -> Vec<FileChange<'a>> {
    let step = landing.step(fixes);
    let inputs = scene.corpus.inputs();
    let mut changes = Vec::new();
    for (file, after) in step.texts {
        let Ok(source) = &inputs[file].source else { continue };
        let here = |fix: &&usize| {
            landing.position(**fix).is_ok_and(|position| scene.corpus.file_of(position) == file)
        };
        changes.push(FileChange {
            path: Cow::Borrowed(&inputs[file].path),
            fixes: step.landed.iter().filter(here).collect::<BTreeSet<_>>().len(),
            before: Cow::Borrowed(source.text()),
            after: Cow::Owned(after),
        });
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// Writes to a file or to stdout.
fn write(path: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    match path {
        Some(path) => crate::write::output(path, bytes),
        None => Ok(std::io::stdout().lock().write_all(bytes)?),
    }
}
