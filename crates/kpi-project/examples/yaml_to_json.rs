//! Prints YAML or TOML files as JSON, one line each, or what is wrong with them.

use kpi_diagnostics::SourceFile;
use kpi_project::yaml;

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let file = SourceFile::new(path.as_str(), String::from_utf8_lossy(&bytes));
        let begin = std::time::Instant::now();
        let parsed =
            if path.ends_with(".toml") { yaml::parse_toml(&file).map(Some) } else { yaml::parse(&file) };
        let spent = begin.elapsed();
        match parsed {
            Ok(root) => println!("{}", root.map_or(serde_json::Value::Null, |node| node.to_json())),
            Err(error) => println!("ERROR {}", error.render().replace('\n', "\\n")),
        }
        if bytes.len() > 1_000_000 {
            eprintln!("{path}: {spent:?}");
        }
    }
}
