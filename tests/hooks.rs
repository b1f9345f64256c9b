//! Hooks of runs: whose come first.

use crate::support::Project;

#[test]
fn hooks_of_the_project_run_before_those_of_its_packages() {
    let package = |name: &str| {
        format!("name: {name}\nversion: '1.0'\non-run-start: [\"insert into told values ('{name}')\"]\n")
    };
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: ['create table told (who varchar)']\n\
             on-run-end: [\"insert into told values ('shop, at the end')\"]\n",
        ),
        ("packages.yml", "packages: [{local: zeta}, {local: alpha}]\n"),
        ("alpha/dbt_project.yml", &package("alpha")),
        (
            "zeta/dbt_project.yml",
            &(package("zeta") + "on-run-end: [\"insert into told values ('zeta, at the end')\"]\n"),
        ),
        ("models/a.sql", "select 1 as id"),
    ]);
    project.kpi(&["deps"]).expect(0);
    project.kpi(&["run"]).expect(0);
    let told = project.query("select who from told");
    assert_eq!(told, ["alpha", "zeta", "shop, at the end", "zeta, at the end"]);
}
