//! Shapes of texts made into one pattern: `AA-9`, `AA-99` and `AA-999` are all `^[A-Z]{2}-[0-9]+$`.

use super::shape::ValueCount;

/// A run of one kind of character.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    /// `A`, `a`, `9`, or the character itself.
    of: char,
    least: usize,
    most: usize,
}

fn runs(shape: &str) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    for c in shape.chars() {
        match out.last_mut() {
            Some(run) if run.of == c => {
                run.least += 1;
                run.most += 1;
            }
            _ => out.push(Run { of: c, least: 1, most: 1 }),
        }
    }
    out
}

/// The pattern that most of the texts fit, and how many do. Shapes that differ in the lengths of their runs alone are
/// one. `None`: no text has a letter or a digit.
pub(super) fn most_common(shapes: &[ValueCount]) -> Option<(String, u64)> {
    let mut found: Vec<(Vec<Run>, u64)> = Vec::new();
    for shape in shapes {
        let new = runs(&shape.value);
        let same =
            |known: &[Run]| known.len() == new.len() && known.iter().zip(&new).all(|(a, b)| a.of == b.of);
        match found.iter_mut().find(|(known, _)| same(known)) {
            Some((known, count)) => {
                for (run, more) in known.iter_mut().zip(&new) {
                    run.least = run.least.min(more.least);
                    run.most = run.most.max(more.most);
                }
                *count += shape.count;
            }
            None => found.push((new, shape.count)),
        }
    }
    let (best, count) = found.into_iter().max_by_key(|(_, count)| *count)?;
    best.iter().any(|run| matches!(run.of, 'A' | 'a' | '9')).then(|| (pattern(&best), count))
}

fn pattern(runs: &[Run]) -> String {
    let mut out = String::from("^");
    for run in runs {
        match run.of {
            'A' => out.push_str("[A-Z]"),
            'a' => out.push_str("[a-z]"),
            '9' => out.push_str("[0-9]"),
            c => {
                if c.is_ascii_punctuation() {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        match (run.least, run.most) {
            (1, 1) => {}
            (least, most) if least == most => out.push_str(&format!("{{{least}}}")),
            _ => out.push('+'),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(of: &[(&str, u64)]) -> Vec<ValueCount> {
        of.iter().map(|(value, count)| ValueCount { value: (*value).into(), count: *count }).collect()
    }

    #[test]
    fn shapes_of_other_lengths_are_one_pattern() {
        let found = most_common(&shapes(&[("AA-999", 90), ("AA-99", 9), ("aaa", 2)]));
        assert_eq!(found, Some((r"^[A-Z]{2}\-[0-9]+$".to_owned(), 99)));
        assert_eq!(most_common(&shapes(&[("--", 3)])), None);
        assert_eq!(most_common(&shapes(&[("(9.9)", 3)])), Some((r"^\([0-9]\.[0-9]\)$".to_owned(), 3)));
        assert_eq!(most_common(&[]), None);
    }
}
