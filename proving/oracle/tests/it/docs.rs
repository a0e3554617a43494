//! The page about the proofs lists the rules as they are.

use digota_oracle::rules;

#[test]
fn the_page_about_the_proofs_lists_every_rule() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/proving.md");
    let page = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| line.starts_with("| ") && line[2..].starts_with(|c: char| c.is_ascii_uppercase());
    let by_id = |line: &&str| row(line) && line[3..].starts_with(|c: char| c.is_ascii_digit());
    let listed: Vec<&str> = page.lines().filter(by_id).collect();
    let all = rules::all();
    let expected: Vec<String> =
        all.iter().map(|rule| format!("| {} | `{}` | {} |", rule.id, rule.name, rule.says)).collect();
    assert_eq!(listed, expected, "the table should read:\n{}", expected.join("\n"));
}

#[test]
fn every_rule_has_an_id_and_a_name_of_its_own() {
    let all = rules::all();
    for rule in &all {
        let same = all.iter().filter(|other| other.id == rule.id || other.name == rule.name);
        assert_eq!(same.count(), 1, "{rule}");
    }
}
