//! `kpi init`: the new project works at once.

use crate::support::Project;

#[test]
fn a_new_project_builds_and_passes_its_tests() {
    let folder = Project::bare(&[]);
    let call = folder.kpi(&["init", "sales"]).expect(0);
    assert!(call.text().contains("cd sales"), "{}", call.text());
    let mut command = folder.command(&["build"]);
    let built = Project::done(command.current_dir(folder.path("sales")).output().unwrap()).expect(0);
    assert!(built.text().contains("ERROR=0 SKIP=0"), "{}", built.text());
    assert!(folder.path("sales/sales.duckdb").exists());
    let mut command = folder.command(&["--quiet", "show", "--select", "fct_kpis_daily", "--output", "json"]);
    let shown = Project::done(command.current_dir(folder.path("sales")).output().unwrap()).expect(0);
    let rows: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(rows["node"], "fct_kpis_daily");
    assert!(!rows["show"].as_array().unwrap().is_empty());
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = Project::bare(&[("sales/notes.txt", "mine")]);
    let call = folder.kpi(&["init", "sales"]).expect(2);
    assert!(call.stderr.contains("already exists"), "{}", call.stderr);
    assert_eq!(std::fs::read_dir(folder.path("sales")).unwrap().count(), 1);
    // An empty one is as good as none.
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder.kpi(&["init", "empty"]).expect(0);
    assert!(folder.path("empty/kpi.toml").exists());
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let folder = Project::bare(&[]);
    for name in ["../escape", "a-b", "1st", "dbt"] {
        let call = folder.kpi(&["init", name]).expect(2);
        assert!(call.stderr.contains(&format!("'{name}'")), "{}", call.stderr);
    }
    assert_eq!(
        std::fs::read_dir(folder.root()).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count(),
        0
    );
}
