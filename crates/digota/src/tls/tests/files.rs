//! Files that can't be used, and what the operator is told.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::stage::{a_day_from, folder, valid};
use crate::ca::{Authority, Folder};
use crate::tls::{Credentials, MinVersion};

/// Spoils a good folder and checks that loading fails with a message that has all these parts.
fn check(spoil: impl FnOnce(&Folder), parts: &[&str]) {
    let (_temporary, folder) = folder();
    spoil(&folder);
    let error = Credentials::load(&folder.server_files(), MinVersion::Tls12).expect_err("loaded").to_string();
    for part in parts {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

fn replace(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

#[test]
fn good_files_load_and_name_the_ca() {
    let (_temporary, folder) = folder();
    let credentials = Credentials::load(&folder.server_files(), MinVersion::Tls12).unwrap();
    assert_eq!(credentials.authority, "CN=test CA".parse().unwrap());
}

#[test]
fn a_missing_file_is_named_with_its_setting() {
    for (name, setting) in
        [("server.key", "tls.key ("), ("server.crt", "tls.crt ("), ("ca.crt", "tls.cacrt (")]
    {
        let remove = |folder: &Folder| fs::remove_file(folder.path().join(name)).unwrap();
        check(remove, &[setting, name, "does not exist", "digota ca init"]);
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let loosen =
        |folder: &Folder| fs::set_permissions(folder.key("server"), Permissions::from_mode(0o644)).unwrap();
    check(loosen, &["tls.key (", "0644", "chmod 600"]);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let exchange = |folder: &Folder| {
        fs::copy(folder.key("ca"), folder.key("server")).unwrap();
    };
    check(exchange, &["tls.key (", "tls.crt (", "does not belong to"]);
}

#[test]
fn text_that_is_not_pem_is_refused() {
    check(|folder| replace(&folder.key("server"), "noise"), &["tls.key (", "private key", "PRIVATE KEY"]);
    check(|folder| replace(&folder.certificate("server"), ""), &["tls.crt (", "CERTIFICATE"]);
    let torn = "-----BEGIN CERTIFICATE-----\nMIIB";
    check(|folder| replace(&folder.certificate("ca"), torn), &["tls.cacrt (", "damaged"]);
}

#[test]
fn an_encrypted_key_is_refused_with_the_command_that_decrypts_it() {
    let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    check(|folder| replace(&folder.key("server"), text), &["tls.key (", "openssl pkey"]);
}

#[test]
fn an_expired_server_certificate_is_refused() {
    let expire = |folder: &Folder| {
        let names = ["localhost".to_owned()];
        let issued = folder.open().unwrap().issue_server(&names, a_day_from(-48)).unwrap();
        replace(&folder.certificate("server"), &issued.certificate_pem);
        replace(&folder.key("server"), &issued.key_pem);
    };
    check(expire, &["tls.crt (", "expired on"]);
}

#[test]
fn a_client_s_certificate_in_place_of_the_server_s_is_refused() {
    let exchange = |folder: &Folder| {
        folder.issue("shop", valid()).unwrap();
        fs::copy(folder.certificate("shop"), folder.certificate("server")).unwrap();
        fs::copy(folder.key("shop"), folder.key("server")).unwrap();
    };
    check(exchange, &["tls.crt (", "lacks serverAuth"]);
}

#[test]
fn the_server_s_certificate_may_be_followed_by_who_signed_it_and_by_nobody_else() {
    let follow = |folder: &Folder, authority: &str| {
        let own = fs::read_to_string(folder.certificate("server")).unwrap();
        replace(&folder.certificate("server"), &(own + authority));
    };
    let (_temporary, good) = folder();
    follow(&good, &fs::read_to_string(good.certificate("ca")).unwrap());
    Credentials::load(&good.server_files(), MinVersion::Tls12).unwrap();
    let other = Authority::create("other CA", valid()).unwrap();
    check(|folder| follow(folder, other.certificate_pem()), &["tls.crt (", "the one that signed it"]);
}

#[test]
fn an_expired_ca_is_refused() {
    let expire = |folder: &Folder| {
        let old = Authority::create("test CA", a_day_from(-48)).unwrap();
        replace(&folder.certificate("ca"), old.certificate_pem());
    };
    check(expire, &["tls.cacrt (", "expired on"]);
}

#[test]
fn a_server_certificate_in_place_of_the_ca_is_refused() {
    let exchange = |folder: &Folder| {
        fs::copy(folder.certificate("server"), folder.certificate("ca")).unwrap();
    };
    check(exchange, &["tls.cacrt (", "not a CA's certificate"]);
}

#[test]
fn further_cas_may_follow_and_the_first_gives_its_name() {
    let (_temporary, folder) = folder();
    let other = Authority::create("other CA", valid()).unwrap();
    let both = fs::read_to_string(folder.certificate("ca")).unwrap() + other.certificate_pem();
    replace(&folder.certificate("ca"), &both);
    let credentials = Credentials::load(&folder.server_files(), MinVersion::Tls12).unwrap();
    assert_eq!(credentials.authority, "CN=test CA".parse().unwrap());
}
