//! Where a field stands in a text of YAML or JSON, for people who look for it.

/// The line, counted from 1, of the field at `path`: names, and places in lists as numbers. Where not all
/// of it is found, that of the last part which is; nothing where the first is not.
///
/// Looks at names and indentation only, which is enough for files as people write them.
#[must_use]
pub fn line(text: &str, path: &[&str]) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = None;
    for name in path {
        let Some(next) = below(&lines, found, name) else { break };
        found = Some(next);
    }
    found.map(|index| index + 1)
}

/// The line of `name` in what belongs to the line `parent`; in the whole text without one.
fn below(lines: &[&str], parent: Option<usize>, name: &str) -> Option<usize> {
    let place: Option<usize> = name.parse().ok();
    let block = || block(lines, parent);
    if let Some(place) = place {
        let depth = block().filter(|(_, line)| is_item(line)).map(|(_, line)| indentation(line)).min();
        let mut items = block().filter(|(_, line)| is_item(line) && Some(indentation(line)) == depth);
        return items.nth(place).map(|(index, _)| index).or(parent);
    }
    let own = parent.and_then(|index| Some((index, *lines.get(index)?))).filter(|(_, line)| names(line, name));
    let inner = block().filter(|(_, line)| names(line, name)).min_by_key(|(index, line)| (indentation(line), *index));
    // A line that begins with a dash may hold the first field of its item.
    let is_first = own.is_some_and(|(_, line)| is_item(line) || line.contains('{'));
    if is_first { own } else { inner.or(own) }.map(|(index, _)| index)
}

/// The lines that belong to the line `parent`, without it.
fn block<'t>(lines: &'t [&'t str], parent: Option<usize>) -> impl Iterator<Item = (usize, &'t str)> {
    let depth = parent.and_then(|index| lines.get(index)).map(|line| (indentation(line), is_item(line)));
    let inside = move |line: &str| match depth {
        None => true,
        // The items of a list may stand as far left as its name.
        Some((depth, parent_is_item)) => {
            indentation(line) > depth || (indentation(line) == depth && is_item(line) && !parent_is_item)
        }
    };
    let all = lines.iter().copied().enumerate().skip(parent.map_or(0, |index| index + 1));
    all.filter(|(_, line)| !is_blank(line)).take_while(move |(_, line)| inside(line))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line == "-" || line.starts_with("- ")
}

/// Whether a line holds `name` as the name of a field.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (line.get(..at).unwrap_or_default(), line.get(at + name.len()..).unwrap_or_default());
        let before = before.trim_end_matches(['"', '\'']);
        let is_start = before.is_empty() || before.ends_with([' ', '{', ',', '\t']);
        is_start && after.trim_start_matches(['"', '\'']).trim_start().starts_with(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A model.
kind: Model
spec:
  price:
    longContext:
      inputUsdPerMtok: 2
    inputUsdPerMtok: 1
  limits: {inFlight: 0, requestsPerMinute: 3}
  split:
  - name: a
    weight: 1
  - name: b
    weight: 2
  fallback: [x]
";

    fn check(path: &[&str], wanted: Option<usize>) {
        assert_eq!(line(TEXT, path), wanted, "{path:?}");
    }

    #[test]
    fn a_field_is_found_by_its_names() {
        check(&["kind"], Some(2));
        check(&["spec", "price", "inputUsdPerMtok"], Some(7));
        check(&["spec", "price", "longContext", "inputUsdPerMtok"], Some(6));
        check(&["spec", "limits", "requestsPerMinute"], Some(8));
        check(&["spec", "split", "1", "weight"], Some(13));
        check(&["spec", "split", "0", "name"], Some(10));
        check(&["spec", "fallback", "0"], Some(14));
        check(&["spec", "nowhere"], Some(3));
        check(&["nowhere"], None);
    }

    #[test]
    fn json_is_read_too() {
        let json = "{\n  \"kind\": \"Model\",\n  \"spec\": {\n    \"timeoutMs\": 5\n  }\n}";
        assert_eq!(line(json, &["spec", "timeoutMs"]), Some(4));
        assert_eq!(line(r#"{"spec": {"timeoutMs": 5}}"#, &["spec", "timeoutMs"]), Some(1));
    }
}
