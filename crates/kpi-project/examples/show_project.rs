//! Loads the project of a folder and prints what was found, or what is wrong with it.

use kpi_project::{LoadOptions, Project};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options =
        LoadOptions { project_dir: std::env::args().nth(1).map(Into::into), ..LoadOptions::default() };
    let begin = std::time::Instant::now();
    match Project::load(&options) {
        Ok(project) => {
            for package in &project.packages {
                let entries: usize =
                    package.properties.iter().map(|p| p.models.len() + p.sources.len()).sum();
                println!(
                    "{}: {} files, {entries} models and sources described",
                    package.name,
                    package.files.len()
                );
            }
            for warning in &project.warnings {
                println!("{warning}");
            }
            println!("{:?}, read in {:?}", project.target, begin.elapsed());
            ExitCode::SUCCESS
        }
        Err(errors) => {
            errors.iter().for_each(|error| println!("{error}"));
            ExitCode::from(2)
        }
    }
}
