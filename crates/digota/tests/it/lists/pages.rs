//! Pages by number, and totals.

use std::collections::BTreeSet;

use digota_proto::productpb;
use tonic_types::StatusExt;

use super::noun::{Ask, NOUNS, Noun};
use crate::harness::{Server, assert_invalid};

#[tokio::test]
async fn pages_and_cursors_agree() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made: BTreeSet<String> = Noun::Product.make_some(&shop, 10).await.into_iter().collect();
    let mut paged = BTreeSet::new();
    for page in 0..4 {
        let found = Noun::Product.list(&shop, &Ask { page, limit: 3, ..Ask::default() }).await.unwrap();
        paged.extend(found.ids);
        assert_eq!(found.next.is_empty(), page == 3, "{page}");
    }
    assert_eq!(paged, made);
    let beyond = Noun::Product.list(&shop, &Ask { page: 100, limit: 3, ..Ask::default() }).await.unwrap();
    assert_eq!((beyond.ids.len(), beyond.total, beyond.capped), (0, 10, false));
}

#[tokio::test]
async fn pages_out_of_range_are_refused_and_the_refusal_names_the_cursor() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for noun in NOUNS {
        for (page, limit, fields) in
            [(-1, 0, &["page"][..]), (0, -1, &["limit"]), (-1, -1, &["limit", "page"])]
        {
            assert_invalid(noun.list(&shop, &Ask { page, limit, ..Ask::default() }).await, fields);
        }
        for (page, limit) in [(101, 1000), (101, 0), (101, i64::MAX), (i64::MAX, 1), (i64::MAX, i64::MAX)] {
            let refused = noun.list(&shop, &Ask { page, limit, ..Ask::default() }).await.unwrap_err();
            let details = refused.get_error_details();
            let violation = &details.bad_request().unwrap().field_violations[0];
            assert_eq!(violation.field, "page");
            assert!(violation.description.contains("cursor"), "{violation:?}");
        }
        let last = noun.list(&shop, &Ask { page: 100, limit: 1000, ..Ask::default() }).await.unwrap();
        assert!(last.ids.is_empty() && last.next.is_empty(), "{noun:?}");
    }
}

#[tokio::test]
async fn totals_follow_what_is_made_moved_and_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = Noun::Product.make_some(&shop, 5).await;
    let total = |active| {
        let request = productpb::ListRequest { active, limit: 1, ..Default::default() };
        let shop = &shop;
        async move { shop.products().list(request).await.unwrap().into_inner().total }
    };
    assert_eq!([total(None).await, total(Some(true)).await, total(Some(false)).await], [5, 5, 0]);
    let off = productpb::UpdateRequest { id: made[0].clone(), name: "Closed".into(), ..Default::default() };
    shop.products().update(off).await.unwrap();
    assert_eq!([total(None).await, total(Some(true)).await, total(Some(false)).await], [5, 4, 1]);
    for id in &made[..2] {
        let delete = productpb::DeleteRequest { id: id.clone(), cascade: false };
        shop.products().delete(delete).await.unwrap();
    }
    assert_eq!([total(None).await, total(Some(true)).await, total(Some(false)).await], [3, 3, 0]);
}
