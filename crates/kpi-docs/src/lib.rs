//! The documentation of a project: one page without anything from elsewhere, which reads `manifest.json` and
//! `catalog.json`, and a small server for it.

mod server;

pub use server::Server;

/// The page. It fetches the two artifacts from beside itself.
pub const PAGE: &str = include_str!("index.html");

const MANIFEST: &str = "\"MANIFEST.JSON INLINE DATA\"";
const CATALOG: &str = "\"CATALOG.JSON INLINE DATA\"";

/// The page with the two artifacts in it, to be opened as a file.
///
/// # Examples
///
/// ```
/// let page = kpi_docs::in_one_file(r#"{"a": "</script>"}"#, "{}");
/// assert!(page.contains(r#"{"a": "<\/script>"}"#));
/// ```
pub fn in_one_file(manifest: &str, catalog: &str) -> String {
    let mut out = String::with_capacity(PAGE.len() + manifest.len() + catalog.len());
    let mut rest = PAGE;
    for (mark, json) in [(MANIFEST, manifest), (CATALOG, catalog)] {
        let Some((before, after)) = rest.split_once(mark) else { continue };
        out.push_str(before);
        // Within a script nothing of the project's may look like the script's end, or like a comment of the page.
        out.push_str(&json.replace("</", "<\\/").replace("<!", "\\u003c!"));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for word in ["<link", "src=\"http", "@import", "url(http"] {
            assert!(!PAGE.contains(word), "{word}");
        }
        assert_eq!((PAGE.matches(MANIFEST).count(), PAGE.matches(CATALOG).count()), (1, 1));
    }

    #[test]
    fn artifacts_stay_data() {
        let page = in_one_file(r#"{"x": "</script><!-- \" CATALOG"}"#, r#"{"MANIFEST": 1}"#);
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(page.contains(r#""<\/script>\u003c!-- \" CATALOG""#) && page.contains(r#"{"MANIFEST": 1}"#));
    }
}
