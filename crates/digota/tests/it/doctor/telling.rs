//! How the doctor speaks.

use super::stage::Stage;
use crate::harness::run;

#[tokio::test]
async fn a_server_that_lacks_nothing_is_told_so() {
    let stage = Stage::healthy().await;
    stage.assert_content();
    let text = stage.sh("digota doctor");
    for check in ["settings", "tls", "clients", "port", "storage", "lock", "gateways", "clock", "limits"] {
        assert!(text.lines().any(|line| line.starts_with(check) && line.contains(" ok ")), "{check}\n{text}");
    }
    assert!(text.ends_with("\nall is well\n"), "{text}");
    assert!(!stage.path("data/shop.db").exists(), "a look makes nothing");
}

#[tokio::test]
async fn people_read_what_is_wrong_and_why_and_what_to_do() {
    let stage = Stage::healthy().await;
    stage.set_mode("certs/server.key", 0o640);
    let mut command = crate::harness::digota(&["doctor"]);
    command.current_dir(stage.path(""));
    let (good, text) = run(command);
    assert!(!good);
    for part in
        ["tls        WRONG    tls.key", "why: whoever reads the key", "fix: run `chmod 600 certs/server.key`"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.contains("one thing must be mended"), "{text}");
}

#[tokio::test]
async fn what_is_not_looked_at_is_said() {
    let stage = Stage::healthy().await;
    stage.write("digota.toml", "address = \n");
    let mut command = crate::harness::digota(&["doctor"]);
    command.current_dir(stage.path(""));
    let (good, text) = run(command);
    assert!(!good && text.contains("not TOML"), "{text}");
    for check in ["tls", "clients", "port", "storage", "lock", "gateways"] {
        assert!(
            text.lines().any(|line| line.starts_with(check) && line.contains("skipped")),
            "{check}\n{text}"
        );
    }
}
