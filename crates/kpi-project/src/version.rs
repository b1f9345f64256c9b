//! Version ranges as `require-dbt-version` writes them: `>=1.0.0`, `<2.0.0`, `1.11.16`.

use std::cmp::Ordering;

/// The version of dbt-core whose behaviour kpi has.
pub const EMULATED_DBT_VERSION: &str = "1.11.16";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matcher {
    Exact,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// One bound on a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    matcher: Matcher,
    numbers: [u64; 3],
    prerelease: Option<String>,
    build: Option<String>,
}

impl Bound {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (matcher, rest) = [
            (">=", Matcher::AtLeast),
            ("<=", Matcher::AtMost),
            (">", Matcher::Above),
            ("<", Matcher::Below),
            ("=", Matcher::Exact),
        ]
        .into_iter()
        .find_map(|(sign, matcher)| Some((matcher, text.strip_prefix(sign)?)))
        .unwrap_or((Matcher::Exact, text));
        let part = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let word = |s: &str| s.split('.').all(part);
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) if word(build) => (rest, Some(build.to_owned())),
            Some(_) => return None,
            None => (rest, None),
        };
        let number = |s: &str| -> Option<u64> {
            (s == "0" || !s.starts_with('0') && s.bytes().all(|b| b.is_ascii_digit()))
                .then(|| s.parse().ok())?
        };
        let (major, rest) = rest.split_once('.')?;
        let (minor, rest) = rest.split_once('.')?;
        let patch_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (patch, rest) = rest.split_at_checked(patch_end)?;
        let prerelease = match rest.strip_prefix('-').unwrap_or(rest) {
            "" if rest.is_empty() => None,
            tag if word(tag) => Some(tag.to_owned()),
            _ => return None,
        };
        Some(Self { matcher, numbers: [number(major)?, number(minor)?, number(patch)?], prerelease, build })
    }

    pub(crate) fn shown(&self) -> String {
        let sign = match self.matcher {
            Matcher::Exact => "=",
            Matcher::Above => ">",
            Matcher::AtLeast => ">=",
            Matcher::Below => "<",
            Matcher::AtMost => "<=",
        };
        let [major, minor, patch] = self.numbers;
        let prerelease = self.prerelease.as_ref().map(|p| format!("-{p}")).unwrap_or_default();
        let build = self.build.as_ref().map(|b| format!("+{b}")).unwrap_or_default();
        format!("{sign}{major}.{minor}.{patch}{prerelease}{build}")
    }

    fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => order_of_tags(a, b),
        })
    }

    /// Whether the version `text` is within the bound.
    pub(crate) fn admits_text(&self, text: &str) -> bool {
        Self::parse(text).is_some_and(|version| self.admits(&version))
    }

    /// Whether the exact version `version` is within the bound.
    fn admits(&self, version: &Self) -> bool {
        let order = version.order(self);
        match self.matcher {
            Matcher::Exact => order == Ordering::Equal,
            Matcher::Above => order == Ordering::Greater,
            Matcher::AtLeast => order != Ordering::Less,
            Matcher::Below => order == Ordering::Less,
            Matcher::AtMost => order != Ordering::Greater,
        }
    }
}

/// `a.2` comes before `a.10`; numbers come before words.
fn order_of_tags(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                let order = match (x.parse::<u64>(), y.parse::<u64>()) {
                    (Ok(x), Ok(y)) => x.cmp(&y),
                    (Ok(_), Err(_)) => Ordering::Less,
                    (Err(_), Ok(_)) => Ordering::Greater,
                    (Err(_), Err(_)) => x.cmp(y),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// Whether any version at all is within all bounds.
pub(crate) fn satisfiable(bounds: &[Bound]) -> bool {
    let lower = |b: &&Bound| matches!(b.matcher, Matcher::Above | Matcher::AtLeast | Matcher::Exact);
    let upper = |b: &&Bound| matches!(b.matcher, Matcher::Below | Matcher::AtMost | Matcher::Exact);
    bounds.iter().filter(lower).all(|low| {
        bounds.iter().filter(upper).all(|high| match low.order(high) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => {
                !matches!(low.matcher, Matcher::Above) && !matches!(high.matcher, Matcher::Below)
            }
        })
    })
}

/// Whether the version whose behaviour kpi has is within all bounds.
pub(crate) fn admits_ours(bounds: &[Bound]) -> bool {
    Bound::parse(EMULATED_DBT_VERSION).is_some_and(|ours| bounds.iter().all(|bound| bound.admits(&ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<Bound> {
        texts.iter().map(|t| Bound::parse(t).unwrap()).collect()
    }

    #[test]
    fn ranges_admit_what_dbt_admits() {
        assert!(admits_ours(&all(&[">=1.0.0", "<2.0.0"])));
        assert!(admits_ours(&all(&["1.11.16"])));
        assert!(!admits_ours(&all(&[">1.11.16"])));
        assert!(!admits_ours(&all(&["<=1.11.9"])));
        assert!(admits_ours(&all(&[">=1.11.16-rc1"])));
    }

    #[test]
    fn contradictions_are_seen() {
        assert!(!satisfiable(&all(&[">2.0.0", "<1.0.0"])));
        assert!(!satisfiable(&all(&[">1.0.0", "<=1.0.0"])));
        assert!(satisfiable(&all(&[">=1.0.0", "<=1.0.0"])));
    }

    #[test]
    fn versions_need_three_numbers() {
        for text in ["1.0", "1.2.3.4", ">=1", "abc", "01.0.0", ">=1.0.0 ", ""] {
            assert!(Bound::parse(text).is_none(), "{text:?}");
        }
        assert_eq!(Bound::parse("1.2.3-rc.1+b7").unwrap().shown(), "=1.2.3-rc.1+b7");
    }
}
