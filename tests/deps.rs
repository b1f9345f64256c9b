//! `kpi deps`: packages of a hub, of git, of archives and of folders; the lock; what happens when something is wrong.

use crate::support::hub::{Hub, archive};
use crate::support::{Call, Project};
use serde_json::json;
use std::path::Path;
use std::process::Command;

fn hub() -> Hub {
    let mut hub = Hub::start();
    hub.add("acme/base", "1.0.0", json!({}));
    hub.add("acme/base", "1.1.0", json!({}));
    hub.add("acme/base", "1.2.0-rc1", json!({}));
    hub.add("acme/base", "2.0.0", json!({"require_dbt_version": [">=2.0.0", "<3.0.0"]}));
    let needs = json!([{"package": "acme/base", "version": [">=1.0.0", "<1.1.0"]}]);
    hub.add("acme/mid", "0.1.0", json!({"packages": needs}));
    hub
}

trait Deps {
    fn deps(&self, hub: &Hub, arguments: &[&str]) -> Call;
    fn installed(&self) -> Vec<String>;
}

impl Deps for Project {
    fn deps(&self, hub: &Hub, arguments: &[&str]) -> Call {
        let mut command = self.command(&["deps"]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("DBT_PACKAGE_HUB_URL", &hub.address)
            .env("DBT_ENV_SECRET_TOKEN", "hush-hush");
        let call = Project::done(command.output().expect("kpi starts"));
        assert!(!call.text().contains("hush-hush"), "a secret is told: {}", call.text());
        let left: Vec<String> =
            names(self.root()).into_iter().filter(|n| n.starts_with(".dbt_packages")).collect();
        assert!(left.is_empty(), "something is left over: {left:?}");
        call
    }

    fn installed(&self) -> Vec<String> {
        names(&self.path("dbt_packages"))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// What was said, without times and what differs from call to call.
fn told(project: &Project, hub: &Hub, call: &Call) -> String {
    let mut out = String::new();
    for line in call.stderr.lines() {
        let line = match line.split_once("  ") {
            Some((time, rest)) if time.len() == 8 && time.contains(':') => rest,
            _ => line,
        };
        if !line.starts_with("Running with") {
            out.push_str(line);
            out.push('\n');
        }
    }
    let root = project.root().canonicalize().expect("a folder");
    out.replace(&root.display().to_string(), "ROOT")
        .replace(&project.root().display().to_string(), "ROOT")
        .replace(&hub.address, "http://hub/")
}

fn with(packages: &str) -> Project {
    Project::dbt(&[("packages.yml", packages)])
}

const MID: &str = "packages:\n  - package: acme/mid\n    version: 0.1.0\n";
const BASE: &str = "packages:\n  - package: acme/base\n    version: \">=1.0.0\"\n";

#[test]
fn packages_of_the_hub_are_installed_locked_and_used() {
    let hub = hub();
    let project = with(MID);
    let call = project.deps(&hub, &[]).expect(0);
    insta::assert_snapshot!(told(&project, &hub, &call));
    // The hash is dbt's for this packages.yml.
    insta::assert_snapshot!(project.read("package-lock.yml"));
    assert_eq!(project.installed(), ["base", "mid"]);
    project.kpi(&["run"]).expect(0);
    assert_eq!(
        project.query("select version from base_model union select version from mid_model order by 1"),
        ["0.1.0", "1.0.0"]
    );
}

#[test]
fn ranges_leave_out_prereleases_and_versions_for_another_dbt() {
    let hub = hub();
    let project = with(BASE);
    project.deps(&hub, &["--lock"]).expect(0);
    assert!(project.read("package-lock.yml").contains("version: 1.1.0"));
    assert_eq!(project.installed(), [""; 0], "--lock installs nothing");
    project.deps(&hub, &["--upgrade", "--lock", "--no-version-check"]).expect(0);
    assert!(project.read("package-lock.yml").contains("version: 2.0.0"));
    project.write("packages.yml", format!("{BASE}    install_prerelease: true\n"));
    project.deps(&hub, &["--lock"]).expect(0);
    assert!(project.read("package-lock.yml").contains("version: 1.2.0-rc1"));
}

#[test]
fn the_lock_holds_until_packages_change_or_an_upgrade_is_asked_for() {
    let mut hub = hub();
    let project = with(BASE);
    project.deps(&hub, &[]).expect(0);
    hub.add("acme/base", "1.3.0", json!({}));
    let call = project.deps(&hub, &[]).expect(0);
    assert!(
        call.stderr.contains("Installed from version 1.1.0")
            && call.stderr.contains("Updated version available: 1.3.0")
    );
    let call = project.deps(&hub, &["--upgrade"]).expect(0);
    assert!(call.stderr.contains("Installed from version 1.3.0") && call.stderr.contains("Up to date!"));
    // Edited by hand: what it says counts, since it is still the lock of this packages.yml.
    let lock = project.read("package-lock.yml");
    project.write("package-lock.yml", lock.replace("1.3.0", "1.0.0"));
    assert!(project.deps(&hub, &[]).expect(0).stderr.contains("Installed from version 1.0.0"));
    project.write("packages.yml", BASE.replace(">=1.0.0", "<1.3.0"));
    let call = project.deps(&hub, &[]).expect(0);
    assert!(
        call.stderr.contains("Updating lock file") && call.stderr.contains("Installed from version 1.1.0")
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let hub = hub();
    let project = with(MID);
    let call = project.deps(&hub, &["--dry-run"]).expect(0);
    insta::assert_snapshot!(told(&project, &hub, &call));
    assert_eq!(project.installed(), [""; 0]);
    project.deps(&hub, &["--add-package", "acme/base@1.0.0", "--dry-run"]).expect(0);
    assert_eq!(project.read("packages.yml"), MID);
    assert!(!project.path("package-lock.yml").exists());
}

#[test]
fn an_added_package_is_written_installed_and_replaces_its_older_self() {
    let hub = hub();
    let project = with("packages: []\n");
    project.deps(&hub, &["--add-package", "acme/base@1.0.0"]).expect(0);
    project.write("other/dbt_project.yml", "name: other\n");
    project.deps(&hub, &["--add-package", "other", "--source", "local"]).expect(0);
    let call = project.deps(&hub, &["--add-package", "acme/base@>=1.0.0,<1.1.0"]).expect(0);
    assert!(call.stderr.contains("Found duplicate package in packages.yml, removing:"));
    assert_eq!(
        project.read("packages.yml"),
        "packages:\n  - local: other\n  - package: acme/base\n    version:\n      - '>=1.0.0'\n      - <1.1.0\n"
    );
    assert_eq!(project.installed(), ["base", "other"]);
    // The lock is that of the file as it is now.
    assert!(!project.deps(&hub, &[]).expect(0).stderr.contains("Updating lock file"));
}

#[test]
fn a_package_can_be_added_to_dependencies() {
    let hub = hub();
    let project = Project::dbt(&[(
        "dependencies.yml",
        "# theirs\nprojects:\n  - name: upstream\npackages:\n  - package: acme/base\n    version: 1.0.0\n",
    )]);
    project.deps(&hub, &["--add-package", "acme/mid@0.1.0"]).expect(0);
    assert_eq!(
        project.read("dependencies.yml"),
        "# theirs\nprojects:\n  - name: upstream\npackages:\n  - package: acme/base\n    version: 1.0.0\n  - package: \
         acme/mid\n    version: 0.1.0\n"
    );
    assert!(!project.path("packages.yml").exists());
}

/// A repository with two packages in folders, and two tagged commits of a package at its top.
fn repository(project: &Project) -> String {
    let folder = project.path("repo");
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
            .args(words)
            .current_dir(&folder)
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    project.write("repo/dbt_project.yml", "name: top\nversion: 1.0.0\n");
    project.write("repo/models/top_model.sql", "select 1 as a");
    project.write("repo/sub/a/dbt_project.yml", "name: part_a\n");
    project.write("repo/sub/b/dbt_project.yml", "name: part_b\n");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    git(&["tag", "v1"]);
    project.write("repo/dbt_project.yml", "name: top\nversion: 2.0.0\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", folder.join("models/evil.sql")).expect("a link");
    git(&["add", "."]);
    git(&["commit", "-qm", "two"]);
    format!("file://{}", folder.display())
}

#[test]
fn git_packages_are_pinned_to_commits() {
    let hub = hub();
    let project = with("");
    let url = repository(&project);
    project.write(
        "packages.yml",
        format!(
            "packages:\n  - git: {url}\n    revision: v1\n  - git: \"{url}.git\"\n    revision: v1\n  - git: {url}\n    \
             subdirectory: sub/a\n    warn-unpinned: false\n  - git: {url}\n    subdirectory: sub/b\n    revision: main\n"
        ),
    );
    let call = project.deps(&hub, &[]).expect(0);
    assert!(call.stderr.contains("is pinned to the \"main\" branch"), "{}", call.stderr);
    assert_eq!(call.stderr.matches("WARNING").count(), 1, "{}", call.stderr);
    assert_eq!(project.installed(), ["part_a", "part_b", "top"]);
    assert_eq!(names(&project.path("dbt_packages/top")), ["dbt_project.yml", "models", "sub"]);
    assert_eq!(names(&project.path("dbt_packages/part_a")), ["dbt_project.yml"]);
    assert!(project.read("dbt_packages/top/dbt_project.yml").contains("1.0.0"));
    let lock = project.read("package-lock.yml");
    let revisions: Vec<&str> = lock.lines().filter_map(|l| l.trim().strip_prefix("revision: ")).collect();
    assert!(revisions.len() == 3 && revisions.iter().all(|r| r.len() == 40), "{lock}");
    // From the lock, by commit.
    let call = project.deps(&hub, &[]).expect(0);
    assert!(call.stderr.contains(&format!("Installed from revision {}", revisions[0])), "{}", call.stderr);
    assert!(call.stderr.contains("and subdirectory sub/a"));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_a_git_package_is_left_out() {
    let hub = hub();
    let project = with("");
    let url = repository(&project);
    project.write(
        "packages.yml",
        format!("packages:\n  - git: {url}\n    revision: main\n    warn-unpinned: false\n"),
    );
    let call = project.deps(&hub, &[]).expect(0);
    assert!(call.stderr.contains("the link 'models/evil.sql' is left out"), "{}", call.stderr);
    assert_eq!(names(&project.path("dbt_packages/top/models")), ["top_model.sql"]);
}

#[test]
fn a_token_in_an_address_is_neither_told_nor_written_down() {
    let hub = hub();
    let project = with("");
    let url = repository(&project);
    let path = url.trim_start_matches("file://");
    project.write(
        "packages.yml",
        format!("packages:\n  - git: \"file://x:{{{{ env_var('DBT_ENV_SECRET_TOKEN') }}}}@{path}\"\n    revision: v1\n"),
    );
    project.deps(&hub, &["--debug"]).expect(0);
    assert!(project.read("package-lock.yml").contains("file://x:{{ env_var('DBT_ENV_SECRET_TOKEN') }}@"));
    assert!(!project.read("logs/dbt.log").contains("hush-hush"));
    project.deps(&hub, &[]).expect(0);
    // One that stands there in plain text.
    let address = hub.page("t/base.tar.gz", 200, archive("base", &[("dbt_project.yml", "name: base\n")]));
    let address = address.replace("http://", "http://me:s3cret@");
    project.write("packages.yml", format!("packages:\n  - tarball: {address}\n    name: base\n"));
    hub.asked();
    let call = project.deps(&hub, &["--debug"]).expect(0);
    assert!(!call.text().contains("s3cret"), "{}", call.text());
    assert_eq!(hub.asked(), ["/t/base.tar.gz authorized"], "downloaded once, with the password");
    project.write("packages.yml", format!("packages:\n  - tarball: {address}x\n    name: base\n"));
    let call = project.deps(&hub, &[]).expect(2);
    assert!(call.stderr.contains("http://*********@127.0.0.1"), "{}", call.stderr);
    assert!(!call.stderr.contains("s3cret"), "{}", call.stderr);
}

#[test]
fn archives_have_one_folder_and_the_name_that_is_written() {
    let hub = hub();
    let files =
        [("dbt_project.yml", "name: its_own_name\n"), ("macros/m.sql", "{% macro m() %}{% endmacro %}")];
    let address = hub.page("x.tar.gz", 200, archive("x-1", &files));
    let project = with(&format!("packages:\n  - tarball: {address}\n    name: ours\n"));
    let call = project.deps(&hub, &[]).expect(0);
    insta::assert_snapshot!(told(&project, &hub, &call));
    assert_eq!(names(&project.path("dbt_packages/ours")), ["dbt_project.yml", "macros"]);
}

#[test]
fn local_packages_are_linked() {
    let hub = hub();
    let project = Project::dbt(&[
        ("packages.yml", "packages:\n  - local: near\n"),
        ("near/dbt_project.yml", "name: near\n"),
        ("near/packages.yml", "packages:\n  - local: far\n"),
        ("far/dbt_project.yml", "name: far\n"),
    ]);
    let call = project.deps(&hub, &[]).expect(0);
    assert!(call.stderr.contains("Installed from <local @ near>"));
    assert_eq!(project.installed(), ["far", "near"]);
    let place = project.path("dbt_packages/near");
    assert!(std::fs::symlink_metadata(&place).expect("it is there").is_symlink());
    assert_eq!(
        place.canonicalize().expect("a folder"),
        project.path("near").canonicalize().expect("a folder")
    );
    // Only the link goes.
    project.write("packages.yml", "packages:\n  - local: far\n");
    project.deps(&hub, &[]).expect(0);
    assert_eq!(project.installed(), ["far"]);
    assert!(project.path("near/dbt_project.yml").exists());
}

#[test]
fn variables_and_the_environment_are_known_in_packages() {
    let hub = hub();
    let project = with(
        "packages:\n  - package: \"acme/{{ var('which') }}\"\n    version: \"{{ env_var('BASE_VERSION', '1.0.0') }}\"\n",
    );
    project.write(
        "dbt_project.yml",
        "name: shop\nprofile: nowhere\nmodels: {shop: {+schema: \"{{ var('missing') }}\"}}\n",
    );
    project.deps(&hub, &["--vars", "which: base"]).expect(0);
    assert!(project.read("package-lock.yml").contains("package: acme/base\n    version: 1.0.0"));
    insta::assert_snapshot!(told(&project, &hub, &project.deps(&hub, &[]).expect(2)));
}

#[test]
fn an_installation_that_fails_leaves_the_packages_that_were_there() {
    let mut hub = hub();
    let project = with("packages:\n  - package: acme/base\n    version: 1.0.0\n");
    project.deps(&hub, &[]).expect(0);
    let bytes = archive("broken-1", &[("dbt_project.yml", "name: broken\n")]);
    hub.add_archive("acme/broken", "1.0.0", bytes, json!({}));
    hub.page("files/acme/broken/1.0.0.tar.gz", 200, "something else");
    project.write(
        "packages.yml",
        "packages:\n  - package: acme/base\n    version: 1.1.0\n  - package: acme/broken\n    version: 1.0.0\n",
    );
    let call = project.deps(&hub, &[]).expect(2);
    insta::assert_snapshot!(told(&project, &hub, &call));
    assert_eq!(project.installed(), ["base"]);
    assert!(project.read("dbt_packages/base/dbt_project.yml").contains("1.0.0"));
}

#[test]
fn what_is_wrong_with_packages_is_told() {
    let mut hub = hub();
    hub.add("other/base", "3.0.0", json!({}));
    hub.add("acme/shop", "1.0.0", json!({}));
    hub.add_archive(
        "acme/loose",
        "1.0.0",
        archive("", &[("dbt_project.yml", "name: loose\n"), ("x", "")]),
        json!({}),
    );
    hub.add_archive("acme/junk", "1.0.0", b"not an archive".to_vec(), json!({}));
    hub.add_archive(
        "acme/wicked",
        "1.0.0",
        archive("w", &[("dbt_project.yml", "")]),
        json!({"name": "../evil"}),
    );
    hub.page("api/v1/acme/mute.json", 200, "<html>");
    let index = json!([
        "acme/base",
        "acme/mid",
        "acme/shop",
        "acme/loose",
        "acme/junk",
        "acme/wicked",
        "acme/mute",
        "other/base"
    ]);
    hub.page("api/v1/index.json", 200, index.to_string());
    let project = with("");
    let url = repository(&project);
    project.write("nameless/dbt_project.yml", "version: 1.0.0\n");
    let package = |name: &str, version: &str| format!("  - package: {name}\n    version: {version}\n");
    let mut out = String::new();
    for (what, entries) in [
        ("unknown", package("acme/bse", "1.0.0")),
        ("no version", package("acme/base", "\">=7.0.0\"")),
        ("conflict", format!("{}{}", package("acme/mid", "0.1.0"), package("acme/base", "1.1.0"))),
        ("no semantic version", package("acme/base", "1.0")),
        ("same name", format!("{}{}", package("acme/base", "1.0.0"), package("other/base", "3.0.0"))),
        ("name of the root", package("acme/shop", "1.0.0")),
        ("name with a path", package("acme/wicked", "1.0.0")),
        ("no folder in the archive", package("acme/loose", "1.0.0")),
        ("no archive", package("acme/junk", "1.0.0")),
        ("no JSON", package("acme/mute", "1.0.0")),
        ("private", "  - private: org/repo\n".to_owned()),
        ("no such folder", "  - local: ../nowhere\n".to_owned()),
        ("no name", "  - local: nameless\n".to_owned()),
        ("no such archive", format!("  - tarball: {}none.tar.gz\n    name: x\n", hub.address)),
        ("no web address", "  - tarball: /tmp/x.tar.gz\n    name: x\n".to_owned()),
        ("no such revision", format!("  - git: {url}\n    revision: nope\n")),
        (
            "two revisions",
            format!("  - git: {url}\n    revision: v1\n  - git: {url}.git\n    revision: main\n"),
        ),
        ("no such subdirectory", format!("  - git: {url}\n    revision: v1\n    subdirectory: sub/c\n")),
        ("subdirectory outside", format!("  - git: {url}\n    revision: v1\n    subdirectory: ../x\n")),
        ("option as revision", format!("  - git: {url}\n    revision: --upload-pack=x\n")),
        ("two kinds", "  - local: x\n  - git: x\n    revision: v1\n".to_owned()),
    ] {
        project.write("packages.yml", format!("packages:\n{entries}"));
        let call = project.deps(&hub, &[]).expect(2);
        let text = told(&project, &hub, &call);
        out.push_str(&format!("---- {what}\n{}\n", text.trim_start_matches("Encountered an error:\n")));
        assert_eq!(project.installed(), [""; 0], "{what}");
        let _ = std::fs::remove_file(project.path("package-lock.yml"));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn what_is_wrong_with_the_lock_is_told() {
    let hub = hub();
    let project = with(BASE);
    project.deps(&hub, &["--lock"]).expect(0);
    let lock = project.read("package-lock.yml");
    let mut out = String::new();
    for (what, text) in [
        ("no package", lock.replace("package: acme/base", "pakage: acme/base")),
        ("no YAML", "packages: [".to_owned()),
        ("no such version", lock.replace("1.1.0", "1.0.9")),
        ("twice", lock.replace("sha1_hash", "  - package: acme/base\n    version: 1.0.0\nsha1_hash")),
    ] {
        project.write("package-lock.yml", &text);
        let call = project.deps(&hub, &[]).expect(2);
        let text = told(&project, &hub, &call);
        out.push_str(&format!("---- {what}\n{}\n", text.trim_start_matches("Encountered an error:\n")));
        project.deps(&hub, &["--upgrade", "--lock"]).expect(0);
        assert_eq!(project.read("package-lock.yml"), lock);
    }
    insta::assert_snapshot!(out);
}

#[test]
fn a_hub_that_does_not_answer_is_told_of() {
    let hub = hub();
    let project = with(BASE);
    let mut command = project.command(&["deps"]);
    command.env("KPI_PACKAGE_HUB_URL", "http://127.0.0.1:9/").env("NO_PROXY", "127.0.0.1");
    let call = Project::done(command.output().expect("kpi starts")).expect(2);
    assert!(
        call.stderr.contains("http://127.0.0.1:9/api/v1/index.json")
            && call.stderr.contains("DBT_PACKAGE_HUB_URL"),
        "{}",
        call.stderr
    );
    hub.page("api/v1/index.json", 403, "no");
    let call = project.deps(&hub, &[]).expect(2);
    insta::assert_snapshot!(told(&project, &hub, &call));
}

#[test]
fn no_packages_are_no_fault() {
    let hub = hub();
    let project = Project::dbt(&[]);
    let call = project.deps(&hub, &[]).expect(0);
    assert_eq!(told(&project, &hub, &call), "Warning: No packages were found in packages.yml\n");
    assert!(project.path("dbt_packages").is_dir() && !project.path("package-lock.yml").exists());
    assert_eq!(hub.asked(), [""; 0]);
}

#[test]
fn missing_packages_name_the_command_and_clean_needs_none() {
    let project = with(BASE);
    project.write("models/a.sql", "select 1 as a");
    let call = project.kpi(&["run"]).expect(2);
    assert!(
        call.stderr.contains("found 1 package(s) specified in packages.yml, but only 0 package(s) installed")
    );
    assert!(call.stderr.contains("`kpi deps` puts them into dbt_packages"), "{}", call.stderr);
    project.kpi(&["clean"]).expect(0);
}

#[test]
fn packages_can_lie_elsewhere() {
    let hub = hub();
    let project = with(BASE);
    project.write("dbt_project.yml", "name: shop\nprofile: shop\npackages-install-path: lib/packages\n");
    project.write("lib/packages/stale/dbt_project.yml", "name: stale\n");
    project.deps(&hub, &[]).expect(0);
    assert_eq!(names(&project.path("lib/packages")), ["base"]);
    assert_eq!(names(&project.path("lib")), ["packages"]);
    project.kpi(&["run"]).expect(0);
}

#[test]
fn a_package_that_moved_is_a_deprecation() {
    let mut hub = hub();
    hub.add("acme/old", "1.0.0", json!({}));
    let page = json!({"name": "old", "namespace": "acme", "redirectname": "new", "versions": {"1.0.0": {
        "name": "old", "packages": [], "downloads": {"tarball": format!("{}files/acme/old/1.0.0.tar.gz", hub.address)},
    }}});
    hub.page("api/v1/acme/old.json", 200, page.to_string());
    let project = with("packages:\n  - package: acme/old\n    version: 1.0.0\n");
    let call = project.deps(&hub, &[]).expect(0);
    assert!(call.stderr.contains("The package `acme/old` has moved: write `acme/new`"), "{}", call.stderr);
    project.deps(&hub, &["--warn-error"]).expect(2);
}

#[test]
fn a_source_of_a_package_is_overridden_once() {
    let over = "sources:\n  - name: raw\n    overrides: near\n    tables: [{name: orders}]\n";
    let project = Project::dbt(&[
        ("packages.yml", "packages:\n  - local: near\n"),
        ("near/dbt_project.yml", "name: near\n"),
        ("near/models/s.yml", "sources:\n  - name: raw\n    tables: [{name: orders}]\n"),
        ("models/one.yml", over),
        ("models/two.yml", over),
    ]);
    let call = project.kpi(&["parse"]).expect(2);
    insta::assert_snapshot!(call.stderr.split_once("Encountered").map_or("", |(_, rest)| rest));
}
