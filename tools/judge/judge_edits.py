"""Independent judge of fixes made in place.

Usage: judge_edits.py BEFORE AFTER [PATCHES]

BEFORE and AFTER are folders with the same files, PATCHES the `patches.jsonl` of the accepted fixes.
Reads with PyYAML, and a second time with ruamel.yaml where that is installed; shares no code with
the tool. Of every file that changed it demands that

- it still parses, to as many documents;
- every comment, on its own line or behind a value, is still there, as often as before;
- a document whose data is the same has the same text;
- line ends, byte-order mark and the end of the file are as they were;
- every line that was changed, taken away or added belongs to a value that differs;
- with PATCHES, every value that differs is one that a patch for this file names.

Prints one line a fault, then counts. Exits with 1 when there is a fault, or when nothing changed.
"""

import collections
import difflib
import json
import os
import re
import sys

import yaml

try:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError as RuamelError
except ImportError:
    YAML = None

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text):
    return list(yaml.compose_all(text, Loader=Loader))


def is_map(node):
    return isinstance(node, yaml.MappingNode)


def is_list(node):
    return isinstance(node, yaml.SequenceNode)


def data(node):
    """The node as something that can be compared."""
    if node is None:
        return None
    if is_map(node):
        return ("map", tuple((data(key), data(value)) for key, value in node.value))
    if is_list(node):
        return ("list", tuple(data(item) for item in node.value))
    return (node.tag, node.value)


def lines_of(node):
    """First and last line of a node, without what only follows it."""
    first, last = node.start_mark.line, node.end_mark.line
    if is_map(node) or is_list(node):
        if not node.flow_style:
            children = [child for pair in node.value for child in (pair if is_map(node) else [pair])]
            last = max([first] + [lines_of(child)[1] for child in children])
    elif node.end_mark.column == 0 and last > first:
        last -= 1
    return first, last


class Differences:
    """Lines and paths of the values that differ between two trees."""

    def __init__(self):
        self.old, self.new, self.paths = set(), set(), set()

    def allow(self, lines, *nodes):
        first = min(lines_of(node)[0] for node in nodes)
        last = max(lines_of(node)[1] for node in nodes)
        lines.update(range(first, last + 1))

    def removed(self, path, parent, *nodes):
        self.paths.add(path)
        self.allow(self.old, *nodes)
        self.around(parent)

    def added(self, path, parent, *nodes):
        self.paths.add(path)
        self.allow(self.new, *nodes)
        self.around(parent)

    def around(self, parents):
        """A flow map or list is written anew from its first line to its last."""
        old, new = parents
        if old.flow_style or new.flow_style:
            self.allow(self.old, old)
            self.allow(self.new, new)

    def replaced(self, path, old, new):
        self.paths.add(path)
        self.allow(self.old, old)
        self.allow(self.new, new)

    def walk(self, path, old, new):
        if data(old) == data(new):
            return
        if is_map(old) and is_map(new):
            self.walk_map(path, old, new)
        elif is_list(old) and is_list(new):
            self.walk_list(path, old, new)
        else:
            self.replaced(path, old, new)

    def walk_map(self, path, old, new):
        before = {data(key): (key, value) for key, value in old.value}
        after = {data(key): (key, value) for key, value in new.value}
        if old.value and new.value and data(old.value[0][0]) != data(new.value[0][0]):
            # The first key stands on the line of the dash, another one below it.
            for lines, node in ((self.old, old), (self.new, new)):
                lines.update(key.start_mark.line for key, _ in node.value[:2])
        for name, (key, value) in before.items():
            below = f"{path}/{escape(key)}"
            if name not in after:
                self.removed(below, (old, new), key, value)
            elif data(value) != data(after[name][1]):
                other_key, other = after[name]
                if not has_text(value) or not has_text(other) or is_flow(value) != is_flow(other):
                    # What had no text, or stood behind its key, now stands below it.
                    self.allow(self.old, key, value)
                    self.allow(self.new, other_key, other)
                self.walk(below, value, other)
        for name, (key, value) in after.items():
            if name not in before:
                self.added(f"{path}/{escape(key)}", (old, new), key, value)

    def walk_list(self, path, old, new):
        below = f"{path}/*"
        before, after = [data(item) for item in old.value], [data(item) for item in new.value]
        if len(before) == len(after):
            for one, other in zip(old.value, new.value):
                self.walk(below, one, other)
            return
        # Items that only changed are still told apart by their names.
        names = lambda items: [name_of(item) for item in items]
        matcher = difflib.SequenceMatcher(None, names(old.value), names(new.value), autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                for one, other in zip(old.value[i1:i2], new.value[j1:j2]):
                    self.walk(below, one, other)
                continue
            for item in old.value[i1:i2]:
                self.removed(below, (old, new), item)
            for item in new.value[j1:j2]:
                self.added(below, (old, new), item)


def name_of(item):
    if is_map(item):
        for wanted in ("name", "containerPort", "mountPath"):
            for key, value in item.value:
                if key.value == wanted:
                    return (wanted, data(value))
    return data(item)


def has_text(node):
    return not isinstance(node, yaml.ScalarNode) or node.start_mark.index != node.end_mark.index


def is_flow(node):
    return bool(getattr(node, "flow_style", False)) and not isinstance(node, yaml.ScalarNode)


def escape(key):
    return str(getattr(key, "value", key)).replace("~", "~0").replace("/", "~1")


COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.M)


def comments(text):
    """Comments are what starts with # between tokens; block scalars may have one behind their bar."""
    found, end = collections.Counter(), 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        start = token.start_mark.index
        if start > end:
            # One character more to the left, so that the space before a comment is seen.
            gap = text[max(end - 1, 0) : start]
            found.update(comment.rstrip() for comment in COMMENT.findall(gap))
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            header = text[start : token.end_mark.index].split("\n", 1)[0]
            found.update(comment.rstrip() for comment in COMMENT.findall(header))
        end = max(end, token.end_mark.index)
    gap = text[max(end - 1, 0) :]
    found.update(comment.rstrip() for comment in COMMENT.findall(gap))
    return found


def line_ends(text):
    crlf = text.count("\r\n")
    return {kind for kind, count in (("\r\n", crlf), ("\n", text.count("\n") - crlf)) if count}


def patched_paths(name):
    """Of every file, the paths that its patches name, with * for every index."""
    paths = collections.defaultdict(set)
    with open(name, encoding="utf-8") as file:
        for line in file:
            patch = json.loads(line)
            for operation in patch["patch"]:
                if operation["op"] != "test":
                    path = re.sub(r"/(\d+|-)(?=/|$)", "/*", operation["path"])
                    paths[patch["manifest_path"]].add(path)
    return paths


def is_named(path, named):
    return any(f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/") for other in named)


def judge(before, after, named):
    """The faults of one changed file, and how many lines it lost and gained."""
    try:
        old = compose(before)
    except yaml.YAMLError as error:
        return [f"was edited although PyYAML cannot read it: {error}"], 0, 0
    try:
        new = compose(after)
    except yaml.YAMLError as error:
        return [f"no longer parses: {error}"], 0, 0
    faults = []
    if len(old) != len(new):
        return [f"{len(old)} documents became {len(new)}"], 0, 0
    if YAML is not None:
        faults += second_opinion(before, after, new)
    lost = comments(before) - comments(after)
    if lost:
        faults.append(f"lost comments: {sorted(lost)}")
    if before.startswith("\ufeff") != after.startswith("\ufeff"):
        faults.append("byte-order mark")
    if not line_ends(after) <= line_ends(before):
        faults.append("line ends")
    if before.endswith("\n") != after.endswith("\n"):
        faults.append("end of the file")
    differences = Differences()
    for index, (one, other) in enumerate(zip(old, new)):
        if one is None or other is None:
            if one is not other:
                faults.append(f"document {index} appeared or vanished")
            continue
        if data(one) == data(other):
            if before[one.start_mark.index : one.end_mark.index] != after[other.start_mark.index : other.end_mark.index]:
                faults.append(f"document {index} has the same data in another text")
            continue
        differences.walk("", one, other)
    # The last line may lack its end, and gets one when it is the last no more.
    old_lines, new_lines = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    gone = came = 0
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        gone, came = gone + i2 - i1, came + j2 - j1
        for lines, first, last, allowed, verb in (
            (old_lines, i1, i2, differences.old, "took away or changed"),
            (new_lines, j1, j2, differences.new, "added or changed"),
        ):
            for line in range(first, last):
                # Where equal lines stand side by side, either may count as the changed one.
                if line not in allowed and not twin(lines, line, allowed):
                    faults.append(f"{verb} line {line + 1}, where no value differs: {lines[line]!r}")
    if named is not None:
        for path in sorted(differences.paths):
            if not is_named(path, named):
                faults.append(f"{path} differs, but no patch names it")
    return faults, gone, came


def twin(lines, line, allowed):
    return any(
        lines[other] == lines[line] for other in range(max(0, line - 12), min(len(lines), line + 13)) if other in allowed
    )


def second_opinion(before, after, new):
    reader = YAML(typ="rt")
    reader.allow_duplicate_keys = True
    reader.version = (1, 1)
    try:
        list(reader.load_all(before))
    except (RuamelError, ValueError, AttributeError):
        return []
    try:
        count = len(list(reader.load_all(after)))
    except (RuamelError, ValueError, AttributeError) as error:
        return [f"ruamel.yaml no longer reads it: {error}"]
    return [] if count == len(new) else [f"ruamel.yaml finds {count} documents, PyYAML {len(new)}"]


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def main():
    before, after = sys.argv[1:3]
    named = patched_paths(sys.argv[3]) if len(sys.argv) > 3 else None
    files = changed = faulty = all_gone = all_came = 0
    for folder, _, names in os.walk(before):
        for name in sorted(names):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, before)
            other = os.path.join(after, relative)
            files += 1
            if not os.path.exists(other):
                print(f"{relative}: is gone")
                faulty += 1
                continue
            old, new = read(path), read(other)
            if old == new:
                continue
            changed += 1
            faults, gone, came = judge(old, new, named and named.get(relative, set()))
            all_gone, all_came = all_gone + gone, all_came + came
            faulty += bool(faults)
            for fault in faults:
                print(f"{relative}: {fault}")
    readers = "PyYAML" if YAML is None else "PyYAML and ruamel.yaml"
    print(f"{files} files, {changed} changed, {all_gone} lines gone or changed, {all_came} new; {faulty} with faults ({readers})")
    sys.exit(bool(faulty or not changed))


if __name__ == "__main__":
    main()
