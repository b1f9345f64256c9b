//! Loads the project of a folder and prints what was found, or what is wrong with it:
//! `show_project [--target NAME] [--profile NAME] [FOLDER]`.

use kpi_project::{LoadOptions, Project};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut options = LoadOptions::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--target" => options.target = arguments.next(),
            "--profile" => options.profile = arguments.next(),
            _ => options.project_dir = Some(argument.into()),
        }
    }
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
