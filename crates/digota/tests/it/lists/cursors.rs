//! Going on where a page ended.

use digota_proto::productpb::{self, list_request::Sort};

use super::noun::{Ask, NOUNS, Noun};
use crate::harness::{Client, Server, assert_invalid};

#[tokio::test]
async fn a_walk_by_cursor_meets_everything_once_even_while_things_are_made_and_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = Noun::Product.make_some(&shop, 25).await;
    assert_eq!(Noun::Product.walk(&shop, Ask { limit: 7, ..Ask::default() }).await, made);
    let mut seen = Vec::new();
    let mut ask = Ask { limit: 7, sort: Sort::CreatedDesc.into(), ..Ask::default() };
    loop {
        let found = Noun::Product.list(&shop, &ask).await.unwrap();
        shop.product().await;
        // The cursor says after whom to go on, and that one need not be there any more.
        let last = found.ids.last().unwrap().clone();
        shop.products().delete(productpb::DeleteRequest { id: last, cascade: false }).await.unwrap();
        seen.extend(found.ids);
        if found.next.is_empty() {
            break;
        }
        ask.cursor = found.next;
    }
    assert_eq!(seen.into_iter().rev().collect::<Vec<_>>(), made);
}

#[tokio::test]
async fn a_cursor_goes_on_only_in_its_own_list_sort_and_filter() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for noun in NOUNS {
        noun.make_some(&shop, 2).await;
    }
    for noun in NOUNS {
        let first = Ask { limit: 1, ..Ask::default() };
        let found = noun.list(&shop, &first).await.unwrap();
        let cursor = found.next;
        let with = Ask { cursor: cursor.clone(), ..first };
        let wrong = [
            Ask { sort: Sort::CreatedDesc.into(), ..with.clone() },
            Ask { filtered: true, ..with.clone() },
            Ask { page: 1, ..with.clone() },
            Ask { cursor: "garbage".into(), ..with.clone() },
            Ask { cursor: format!("{cursor}0"), ..with.clone() },
            Ask { cursor: cursor.replace(|letter: char| letter.is_ascii_hexdigit(), "f"), ..with.clone() },
        ];
        for ask in wrong {
            assert_invalid(noun.list(&shop, &ask).await, &["cursor"]);
        }
        for other in NOUNS.into_iter().filter(|other| *other != noun) {
            assert_invalid(other.list(&shop, &with).await, &["cursor"]);
        }
        let next = noun.list(&shop, &with).await.unwrap();
        assert_eq!(next.ids.len(), 1, "{noun:?}");
        assert_ne!(next.ids, found.ids, "{noun:?}");
    }
}

/// Five megabytes in all. The client reads messages of four, as gRPC does unless told otherwise.
#[tokio::test]
async fn a_page_is_never_larger_than_clients_can_read() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let text = "x".repeat(500);
    let metadata = (0..50).map(|n| (format!("key-{n}"), text.clone())).collect();
    let images = (0..50).map(|n| format!("https://example.com/{n}/{text}")).collect();
    let large = productpb::NewRequest { metadata, images, ..Client::some_product() };
    let mut made = Vec::new();
    for _ in 0..100 {
        made.push(shop.products().create(large.clone()).await.unwrap().into_inner().id);
    }
    let first = Noun::Product.list(&shop, &Ask::default()).await.unwrap();
    assert!(first.ids.len() < made.len() && !first.next.is_empty(), "{}", first.ids.len());
    assert_eq!(first.total, 100);
    assert_eq!(Noun::Product.walk(&shop, Ask::default()).await, made);
}
