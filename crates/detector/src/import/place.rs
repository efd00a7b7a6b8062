//! Where in an object a tool's finding is.

use crate::{Corpus, Found};
use manifest::{Node, Path, Segment, Source, Span};
use rules::{Object, Site};
use scanners::Foreign;

/// The lists of containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// First and last line, from 1.
type Lines = (usize, usize);

/// Narrows the findings of an object down to those that a tool means: by container, by pointer, by
/// line. What the tool does not tell narrows nothing.
pub(super) fn narrow(
    foreign: &Foreign,
    found: Vec<Found>,
    corpus: &Corpus<'_>,
    position: usize,
) -> Vec<Found> {
    let object = corpus.object(position);
    let Ok(source) = &corpus.input_of(position).source else { return found };
    let named = container_named(foreign, object);
    let found = match &named {
        Some(item) => in_container(found, std::slice::from_ref(item)),
        None => found,
    };
    let pointers = found.iter().filter(|found| {
        let own = found.finding.path.to_pointer();
        foreign.pointers.iter().any(|pointer| is_below(&own, pointer) || is_below(pointer, &own))
    });
    let at_pointers: Vec<Found> = pointers.cloned().collect();
    if !at_pointers.is_empty() {
        return at_pointers;
    }
    // Lines are wider than pointers: those of Checkov are always the whole object's.
    let items = containers_at(foreign, object);
    if !items.is_empty() {
        return in_container(found, &items);
    }
    let Some((first, last)) = foreign.lines else { return found };
    let inside = |found: &&Found| {
        let line = source.position(found.finding.span.start).line;
        (first..=last).contains(&line)
    };
    let at_lines: Vec<Found> = found.iter().filter(inside).cloned().collect();
    // The name of the container says more than lines do: Trivy's are sometimes those of another.
    let items = match named {
        Some(_) => Vec::new(),
        None => containers_around((first, last), object, source),
    };
    match (at_lines.is_empty(), items.is_empty()) {
        (false, _) => at_lines,
        (true, false) => in_container(found, &items),
        (true, true) => found,
    }
}

/// Those in these containers, else those in none.
fn in_container(found: Vec<Found>, items: &[(String, usize)]) -> Vec<Found> {
    let inside: Vec<Found> = found
        .iter()
        .filter(|found| container_of(&found.finding.path).is_some_and(|c| items.contains(&c)))
        .cloned()
        .collect();
    if !inside.is_empty() {
        return inside;
    }
    found.into_iter().filter(|found| container_of(&found.finding.path).is_none()).collect()
}

/// The containers that pointers lead to.
fn containers_at(foreign: &Foreign, object: &Object<'_>) -> Vec<(String, usize)> {
    let pointers = foreign.pointers.iter();
    pointers.filter_map(|pointer| container_of(&resolvable(object.root, pointer))).collect()
}

/// The containers that lines lie in.
fn containers_around(
    (first, last): Lines,
    object: &Object<'_>,
    source: &Source,
) -> Vec<(String, usize)> {
    let containers = object.pod.iter().flat_map(|pod| &pod.containers);
    containers
        .filter(|container| {
            let (start, end) = lines_of(container.node.span(), source);
            start <= first && last <= end
        })
        .map(|container| (container.role.field().to_owned(), container.index))
        .collect()
}

fn container_named(foreign: &Foreign, object: &Object<'_>) -> Option<(String, usize)> {
    let name = foreign.container.as_deref()?;
    let containers = object.pod.iter().flat_map(|pod| &pod.containers);
    containers
        .filter(|container| container.name == name)
        .map(|container| (container.role.field().to_owned(), container.index))
        .next()
}

/// The list and index of the container that a path leads through.
fn container_of(path: &Path) -> Option<(String, usize)> {
    path.segments().windows(2).find_map(|pair| match pair {
        [Segment::Key(list), Segment::Index(index)] if CONTAINERS.contains(&list.as_str()) => {
            Some((list.clone(), *index))
        }
        _ => None,
    })
}

/// Whether a pointer is another one, or leads on from it.
fn is_below(pointer: &str, other: &str) -> bool {
    pointer.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The objects that lines lead to: those that they overlap most.
pub(super) fn by_lines(
    foreign: &Foreign,
    positions: Vec<usize>,
    corpus: &Corpus<'_>,
) -> Vec<usize> {
    let Some((first, last)) = foreign.lines else { return positions };
    let overlap = |position: &usize| -> usize {
        let Ok(source) = &corpus.input_of(*position).source else { return 0 };
        let (start, end) = lines_of(corpus.object(*position).root.span(), source);
        (last.min(end) + 1).saturating_sub(first.max(start))
    };
    let most = positions.iter().map(overlap).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    positions.into_iter().filter(|position| overlap(position) == most).collect()
}

/// The lines of a value. A block ends where the next one starts: its last line is the one with its
/// last character that is no space.
fn lines_of(span: Span, source: &Source) -> Lines {
    let text = source.text().get(span.clone()).unwrap_or_default();
    let end = span.start + text.trim_end().len();
    (source.position(span.start).line, source.position(end.max(span.start)).line)
}

/// The best place that is known: the pointer, else the container, else the object.
pub(super) fn site(foreign: &Foreign, corpus: &Corpus<'_>, position: usize) -> Site {
    let object = corpus.object(position);
    let source = corpus.input_of(position).source.as_ref();
    if let Some(pointer) = foreign.pointers.first() {
        let path = resolvable(object.root, pointer);
        let span = nearest(object, &path);
        return Site { path, span };
    }
    let by_name = container_named(foreign, object);
    let item = by_name.or_else(|| {
        let mut items = containers_around(foreign.lines?, object, source.ok()?);
        if items.len() == 1 { items.pop() } else { None }
    });
    if let (Some((list, index)), Some(pod)) = (item, &object.pod) {
        let site = pod.item_site(&[list.as_str()], index, &[]);
        return Site { span: at_line(foreign, &site.span, source.ok()), ..site };
    }
    let name = object.site(&["metadata", "name"]);
    Site { path: Path::root(), span: at_line(foreign, &name.span, source.ok()) }
}

/// The line that the tool names, when it names one; else the span.
fn at_line(foreign: &Foreign, span: &Span, source: Option<&Source>) -> Span {
    let (Some((first, last)), Some(source)) = (foreign.lines, source) else { return span.clone() };
    if first != last {
        return span.clone();
    }
    let text = source.text();
    let Some((start, line)) = text
        .split_inclusive('\n')
        .scan(0, |offset, line| {
            let start = *offset;
            *offset += line.len();
            Some((start, line))
        })
        .nth(first.saturating_sub(1))
    else {
        return span.clone();
    };
    let indent = line.len() - line.trim_start().len();
    let content = line.trim().len();
    if content == 0 { span.clone() } else { start + indent..start + indent + content }
}

/// As much of a pointer as can be a path in the object.
fn resolvable(root: Node<'_>, pointer: &str) -> Path {
    let mut pointer = pointer;
    loop {
        match Path::from_pointer(root, pointer) {
            Ok(path) => return path,
            Err(_) => pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent),
        }
        if pointer.is_empty() {
            return Path::root();
        }
    }
}

/// The text of the deepest part of a path that exists.
pub(super) fn nearest(object: &Object<'_>, path: &Path) -> Span {
    let mut node = object.root;
    let mut span = object.site(&["metadata", "name"]).span;
    for segment in path.segments() {
        let next = match segment {
            Segment::Key(key) => {
                let Some(entry) = node.entry(key) else { break };
                span = entry.key.span();
                entry.value
            }
            Segment::Index(index) => {
                let Some(item) = node.item(*index) else { break };
                let title = item.get("name").unwrap_or(item);
                if !(title.is_map() || title.is_seq()) {
                    span = title.span();
                }
                item
            }
        };
        node = next;
    }
    if node.is_map() || node.is_seq() { span } else { node.span() }
}
