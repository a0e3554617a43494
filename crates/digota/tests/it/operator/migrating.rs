//! `digota migrate`, and servers that find an older storage.

use rusqlite::Connection;

use crate::harness::Server;

/// Takes the storage back to the first schema.
fn as_it_was(server: &Server) {
    let hand = Connection::open(server.path("digota.db")).unwrap();
    hand.execute_batch(
        "DROP VIEW v_attempts;
         DROP INDEX attempts_concern;
         ALTER TABLE attempts DROP COLUMN concern;
         PRAGMA user_version = 1;",
    )
    .unwrap();
}

#[tokio::test]
async fn a_storage_is_migrated_when_told_so_and_says_from_and_to() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.paid(&shop.sku(5).await, 1).await;
    drop(shop);
    let said = server.command(&["migrate"]).await.unwrap();
    assert!(said.contains("digota.db has schema 2") && said.contains("nothing to do"), "{said}");
    server.stop().await;
    as_it_was(&server);
    let said = server.command(&["verify"]).await.unwrap_err();
    assert!(said.contains("has schema 1") && said.contains("digota migrate"), "{said}");
    for _ in 0..2 {
        let said = server.command(&["migrate", "--dry-run"]).await.unwrap();
        assert!(said.contains("would be migrated from schema 1 to 2"), "{said}");
    }
    let said = server.command(&["migrate"]).await.unwrap();
    assert!(said.contains("was migrated from schema 1 to 2"), "{said}");
    assert!(server.command(&["verify"]).await.unwrap().contains("rules hold"));
    server.start_again().await;
    assert_eq!(server.shop().await.read_order(&order.id).await, order);
}

#[tokio::test]
async fn a_server_migrates_what_it_finds_and_a_node_in_use_is_left_alone() {
    let mut server = Server::start().await;
    server.stop().await;
    as_it_was(&server);
    server.start_again().await;
    let said = server.command(&["migrate"]).await.unwrap();
    assert!(said.contains("nothing to do"), "{said}");
    as_it_was(&server);
    let said = server.command(&["migrate"]).await.unwrap_err();
    assert!(said.contains("nothing was migrated") && said.contains("in use by another digota"), "{said}");
}
