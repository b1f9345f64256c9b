//! Every way to log in, against an account that verifies what it is shown; what is said when one is refused; and that no
//! secret is written anywhere.

use crate::support::Call;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;
use serde_json::{Value as Json, json};
use std::path::Path;

const MODEL: (&str, &str) = ("models/m.sql", "{{ config(materialized='table') }}\nselect 1 as n");
const PASSPHRASE: &str = "an open-sesame of many words";

/// A project whose target has these settings besides; no password unless they hold one.
fn shop(settings: &str) -> Option<Snowflake> {
    let password = if settings.contains("password:") { "" } else { "password: ''\n" };
    Snowflake::with(&[MODEL], &format!("{settings}{password}"))
}

fn text(told: &Json, key: &str) -> String {
    told[key].as_str().unwrap_or_else(|| panic!("no {key} in {told}")).to_owned()
}

fn logins(shop: &Snowflake) -> Vec<Json> {
    shop.log()
        .into_iter()
        .filter(|entry| entry["login"].is_string() || entry["authenticator"].is_string())
        .collect()
}

/// What is said of a run that does not begin.
fn refusal(shop: &Snowflake, call: &Call) -> String {
    let text = shop.plain(&call.text());
    let start = text.find("Encountered an error").unwrap_or(0);
    // Why a name is not known is said in the system's own words.
    let lines: Vec<&str> = text[start..]
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.split(": failed to lookup").next().unwrap_or_default())
        .collect();
    lines.join("\n")
}

/// A program that stands for a browser: it follows the page's address, and notes that it was started.
fn browser(shop: &Snowflake) -> String {
    let script = "#!/bin/sh\necho opened >> opened.txt\n\
                  exec python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1])' \"$1\"\n";
    shop.project.write("browser.sh", script);
    let path = shop.project.path("browser.sh");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }
    path.to_str().expect("text").to_owned()
}

#[test]
fn a_key_pair_logs_in_in_every_form() {
    for (form, encrypted, in_file) in [
        ("plain", false, true),
        ("plain", false, false),
        ("encrypted", true, true),
        ("encrypted", true, false),
        ("base64", false, false),
        ("encrypted_base64", true, false),
        ("des3", true, true),
    ] {
        // The region is part of the host, and not of what is signed.
        let mut settings = "user: key_user\naccount: fakesnow.eu-central-1\n".to_owned();
        settings.push_str(if in_file {
            "private_key_path: keys/kpi.p8\n"
        } else {
            "private_key: \"{{ env_var('SNOWFLAKE_KEY') }}\"\n"
        });
        if encrypted {
            settings.push_str("private_key_passphrase: \"{{ env_var('SNOWFLAKE_PASSPHRASE') }}\"\n");
        }
        let Some(shop) = shop(&settings) else { return };
        // Another test's user of this name has another key: each run has its own.
        let user = format!("key_user_{}", shop.database);
        let profile = shop.project.read("profiles.yml").replace("key_user", &user);
        shop.project.write("profiles.yml", profile);
        let told = shop.register(&json!({"name": user, "key": true, "passphrase": PASSPHRASE}));
        let Some(key) = told[form].as_str() else { continue };
        shop.project.write("keys/kpi.p8", key);
        // A variable holds one line.
        let key = key.trim().replace('\n', "\\n");
        let environment = [("SNOWFLAKE_KEY", key.as_str()), ("SNOWFLAKE_PASSPHRASE", PASSPHRASE)];
        let call = shop.project.kpi_with(&environment, &["run"]);
        assert_eq!(call.code, 0, "{form}: {}", call.text());
        let entry = &logins(&shop)[0];
        assert_eq!(
            (&entry["authenticator"], &entry["known"]),
            (&json!("SNOWFLAKE_JWT"), &json!(true)),
            "{form}"
        );
        assert_eq!(entry["account"], "FAKESNOW");
    }
}

#[test]
fn a_login_is_signed_anew_once_the_first_one_has_run_out() {
    let Some(shop) = shop("user: late_key_user\nprivate_key_path: kpi.p8\n") else { return };
    let told = shop.register(&json!({"name": "late_key_user", "key": true}));
    shop.project.write("kpi.p8", text(&told, "plain"));
    shop.project
        .write("models/m.sql", "{{ config(materialized='table') }}\n/* emulate: expired=2 */ select 1 as n");
    shop.kpi(&["run"]).expect(0);
    assert_eq!(logins(&shop).len(), 3, "{:#?}", logins(&shop));
}

#[test]
fn tokens_log_in() {
    let user = |name: &str| json!({"name": name, "access_token": "an-access-token", "programmatic_token": "a-programmatic-token"});
    for (settings, name) in [
        ("authenticator: oauth\nuser: oauth_user\ntoken: an-access-token\n", "oauth_user"),
        ("authenticator: jwt\nuser: jwt_user\ntoken: an-access-token\n", "jwt_user"),
        (
            "authenticator: programmatic_access_token\nuser: pat_user\ntoken: a-programmatic-token\n",
            "pat_user",
        ),
    ] {
        let Some(shop) = shop(settings) else { return };
        shop.register(&user(name));
        shop.kpi(&["run"]).expect(0);
        assert!(logins(&shop).iter().all(|entry| entry["known"] == true), "{name}");
    }
    // A token says who it is.
    let Some(shop) = shop(
        "authenticator: workload_identity\nworkload_identity_provider: oidc\nuser: ''\ntoken: \"{{ env_var('OIDC') }}\"\n",
    ) else {
        return;
    };
    let told = shop.register(&json!({"name": "workload", "oidc": true}));
    let call = shop.project.kpi_with(&[("OIDC", &text(&told, "token"))], &["run"]);
    assert_eq!(call.code, 0, "{}", call.text());
}

#[test]
fn a_refresh_token_is_changed_once_for_all_sessions() {
    let asked = |shop: &Snowflake, client: &str| {
        let account = shop.account();
        account["asked"].as_array().expect("a list").iter().filter(|entry| entry["client"] == client).count()
    };
    for (name, uses, times) in [("refresh_user", 100, 1), ("short_user", 1, 2)] {
        let settings = format!(
            "authenticator: oauth\nuser: {name}\ntoken: a-refresh-token-of-{name}\noauth_client_id: client-{name}\n\
             oauth_client_secret: a-client-secret\nthreads: 1\n"
        );
        let Some(shop) = shop(&settings) else { return };
        shop.register(&json!({"name": name, "refresh_token": format!("a-refresh-token-of-{name}"),
            "client_id": format!("client-{name}"), "client_secret": "a-client-secret", "uses_of_access_token": uses}));
        shop.kpi(&["run"]).expect(0);
        // One that has run out is fetched again.
        assert_eq!(asked(&shop, &format!("client-{name}")), times, "{name}");
    }
}

#[test]
fn a_passcode_opens_all_sessions_where_the_account_lets_it() {
    let user = |name: &str, caching: bool| json!({"name": name, "password": "pass-of-mfa", "passcodes": ["123456"], "caching": caching});
    let Some(kept) = shop("user: mfa_user\npassword: pass-of-mfa\npasscode: '123456'\n") else { return };
    kept.register(&user("mfa_user", true));
    kept.kpi(&["run"]).expect(0);
    assert!(logins(&kept).len() > 1);
    // A code holds once: without a token in its place the second session stays outside.
    let Some(once) = shop("user: mfa_once\npassword: pass-of-mfa\npasscode: '123456'\n") else { return };
    once.register(&user("mfa_once", false));
    let call = once.kpi(&["run"]);
    assert!(call.code != 0 && !call.text().contains("pass-of-mfa"), "{}", call.text());
    assert!(call.text().contains("ALLOW_CLIENT_MFA_CACHING"), "{}", call.text());
}

#[test]
fn a_person_logs_in_in_the_browser_once() {
    for (name, caching) in [("browser_user", true), ("browser_each", false)] {
        let Some(shop) = shop(&format!("authenticator: externalbrowser\nuser: {name}\n")) else { return };
        shop.register(
            &json!({"name": name, "browser": true, "caching": caching, "databases": [shop.database]}),
        );
        let program = browser(&shop);
        let call = shop.project.kpi_with(&[("BROWSER", &program)], &["run"]);
        assert_eq!(call.code, 0, "{}", call.text());
        let opened = shop.project.read("opened.txt").lines().count();
        assert_eq!(opened, if caching { 1 } else { logins(&shop).len() }, "{name}");
        // Where the browser comes from another machine's screen, the address is there to be copied.
        assert!(call.stderr.contains("/emulator/sso/"), "{}", call.stderr);
    }
}

#[test]
fn what_is_refused_is_told_with_its_setting() {
    let mut all = Vec::new();
    let mut tell = |name: &str, settings: &str, environment: &[(&str, &str)]| {
        let shop = shop(settings)?;
        let call = shop.project.kpi_with(environment, &["run"]);
        assert_ne!(call.code, 0, "{name}: {}", call.text());
        all.push(format!("{name}\n{}", refusal(&shop, &call)));
        Some(())
    };
    let Some(keys) = shop("") else { return };
    let told = keys.register(&json!({"name": "right_key", "key": true, "passphrase": PASSPHRASE}));
    let other = keys.register(&json!({"name": "other_key", "key": true, "passphrase": PASSPHRASE}));
    keys.register(&json!({"name": "refused", "password": "right", "refresh_token": "right-refresh-token",
        "client_id": "right-client", "client_secret": "right-client-secret", "passcodes": ["111111"]}));
    let path = |file: &str, key: &str| {
        keys.project.write(file, key);
        keys.project.path(file).to_str().expect("text").to_owned()
    };
    let wrong = path("wrong.p8", &text(&other, "plain"));
    let encrypted = path("encrypted.p8", &text(&told, "encrypted"));
    let traditional = path("traditional.pem", &text(&told, "traditional"));
    // `openssl genpkey -algorithm ed25519`: it opens nothing.
    let curve = path(
        "curve.p8",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
    );
    let key = |path: &str, more: &str| {
        format!(
            "user: right_key\nprivate_key_path: \"{{{{ env_var('SNOWFLAKE_KEY_PATH') }}}}\"\n{more}#{path}\n"
        )
    };
    let passphrase = "private_key_passphrase: \"{{ env_var('SNOWFLAKE_PASSPHRASE') }}\"\n";
    let with =
        |path: &str| [("SNOWFLAKE_KEY_PATH", path.to_owned()), ("SNOWFLAKE_PASSPHRASE", "wrong".to_owned())];
    fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
    for (name, path, more) in [
        ("the key of another user", wrong.as_str(), ""),
        ("a passphrase that is missing", encrypted.as_str(), ""),
        ("a passphrase that is wrong", encrypted.as_str(), passphrase),
        ("a key in the form of before", traditional.as_str(), ""),
        ("a key that is not RSA", curve.as_str(), ""),
        ("no key there", "nowhere/kpi.p8", ""),
    ] {
        if tell(name, &key("", more), &borrowed(&with(path))).is_none() {
            return;
        }
    }
    let oauth = "authenticator: oauth\nuser: refused\noauth_client_id: right-client\n";
    for (name, settings) in [
        ("an account that is not there", "account: nowhere\npassword: s3cret-word\n".to_owned()),
        (
            "an account that does not answer",
            "account: slow\npassword: s3cret-word\nconnect_timeout: 1\nconnect_retries: 0\n".to_owned(),
        ),
        (
            "a host that is not there",
            "host: no-such-host.invalid\nconnect_retries: 0\npassword: s3cret-word\n".to_owned(),
        ),
        ("the network is down", "port: 9\nconnect_retries: 0\npassword: s3cret-word\n".to_owned()),
        ("a password that is wrong", "user: refused\npassword: not-right\n".to_owned()),
        ("a role that is not granted", "role: forbidden\npassword: s3cret-word\n".to_owned()),
        ("a second factor that is missing", "user: refused\npassword: right\n".to_owned()),
        ("a passcode that is wrong", "user: refused\npassword: right\npasscode: '222222'\n".to_owned()),
        (
            "a client secret that is wrong",
            format!("{oauth}token: right-refresh-token\noauth_client_secret: not-right\n"),
        ),
        (
            "a refresh token that has run out",
            format!("{oauth}token: old-refresh-token\noauth_client_secret: right-client-secret\n"),
        ),
        (
            "an access token that is wrong",
            "authenticator: oauth\nuser: refused\ntoken: not-right\n".to_owned(),
        ),
        (
            "a programmatic token that is wrong",
            "authenticator: programmatic_access_token\nuser: refused\ntoken: not-right\n".to_owned(),
        ),
        (
            "a token of a workload that is wrong",
            "authenticator: workload_identity\nworkload_identity_provider: oidc\nuser: ''\ntoken: a.b.c\n"
                .to_owned(),
        ),
        ("a browser without a person", "authenticator: externalbrowser\nuser: refused\n".to_owned()),
    ] {
        if tell(name, &settings, &[]).is_none() {
            return;
        }
    }
    assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_warehouse_that_does_not_run_is_told() {
    let mut all = Vec::new();
    for warehouse in ["asleep", "hidden"] {
        let Some(shop) = shop(&format!("warehouse: {warehouse}\npassword: s3cret-word\n")) else { return };
        let call = shop.kpi(&["run"]).expect(1);
        all.push(shop.failure(&call, "m"));
    }
    assert_snapshot!(all.join("\n\n"));
}

/// Every file that a run wrote.
fn written(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            written(&path, files);
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            files.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

#[test]
fn no_secret_is_written_anywhere() {
    let ways = [
        ("secret_password", "password: \"{{ env_var('WORD') }}\"\n"),
        ("secret_wrong_password", "password: \"{{ env_var('WORD') }}-which-is-wrong\"\n"),
        ("secret_mfa", "password: \"{{ env_var('WORD') }}\"\npasscode: '87654321'\n"),
        (
            "secret_key",
            "private_key: \"{{ env_var('KEY') }}\"\nprivate_key_passphrase: \"{{ env_var('PASSPHRASE') }}\"\n",
        ),
        (
            "secret_broken_key",
            "private_key: \"{{ env_var('KEY') }}broken\"\nprivate_key_passphrase: \"{{ env_var('PASSPHRASE') }}\"\n",
        ),
        ("secret_oauth", "authenticator: oauth\ntoken: \"{{ env_var('WORD') }}\"\n"),
        (
            "secret_refresh",
            "authenticator: oauth\ntoken: \"{{ env_var('WORD') }}\"\noauth_client_id: client-of-secrets\noauth_client_secret: \"{{ env_var('PASSPHRASE') }}\"\n",
        ),
        (
            "secret_wrong_refresh",
            "authenticator: oauth\ntoken: \"{{ env_var('WORD') }}-old\"\noauth_client_id: client-of-secrets\noauth_client_secret: \"{{ env_var('PASSPHRASE') }}\"\n",
        ),
        ("secret_pat", "authenticator: programmatic_access_token\ntoken: \"{{ env_var('WORD') }}\"\n"),
        ("secret_browser", "authenticator: externalbrowser\n"),
    ];
    for (name, settings) in ways {
        let Some(shop) = shop(&format!("user: {name}\n{settings}")) else { return };
        let word = format!("the-word-of-{name}");
        let told = shop.register(&json!({
            "name": name, "password": word, "key": true, "passphrase": PASSPHRASE, "access_token": word,
            "refresh_token": if name == "secret_refresh" { json!(word) } else { Json::Null },
            "client_id": "client-of-secrets", "client_secret": PASSPHRASE, "programmatic_token": word,
            "passcodes": if name == "secret_mfa" { json!(["87654321"]) } else { json!([]) },
            "caching": true, "browser": true, "databases": [shop.database]
        }));
        let key = text(&told, "encrypted");
        let program = browser(&shop);
        let environment = [
            ("WORD", word.as_str()),
            ("KEY", key.as_str()),
            ("PASSPHRASE", PASSPHRASE),
            ("BROWSER", program.as_str()),
        ];
        shop.project.write(
            "models/n.sql",
            "/* emulate: expired=1 */ select * from {{ target.schema }}.no_such_table",
        );
        let mut said = String::new();
        let works = !(name.contains("wrong") || name.contains("broken"));
        for (arguments, code) in [
            (vec!["--debug", "--log-level-file", "debug", "run"], if works { 1 } else { 2 }),
            // A passcode holds once.
            (vec!["--debug", "debug"], i32::from(!works || name == "secret_mfa")),
        ] {
            let call = shop.project.kpi_with(&environment, &arguments);
            assert_eq!(call.code, code, "{name}: {}", call.text());
            said.push_str(&call.text());
        }
        let mut files = vec![("what is printed".to_owned(), said)];
        for folder in ["logs", "target"] {
            written(&shop.project.path(folder), &mut files);
        }
        assert!(files.len() > 2 || !works, "{name}: {}", files.len());
        let mut secrets = shop.secrets();
        secrets.extend([word, PASSPHRASE.to_owned(), "87654321".to_owned()]);
        // Any line of a key is too much.
        for form in ["plain", "encrypted"] {
            let key = text(&told, form);
            secrets.extend(
                key.lines().filter(|line| !line.starts_with('-') && line.len() > 20).map(str::to_owned),
            );
        }
        assert!(!works || secrets.len() > 40, "{name}: {}", secrets.len());
        for (file, text) in &files {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{name}: {file} holds {secret}");
            }
        }
    }
}
