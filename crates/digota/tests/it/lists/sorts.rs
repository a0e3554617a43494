//! The order of a list.

use digota_proto::productpb::list_request::Sort;
use digota_proto::{orderpb, paymentpb};

use super::noun::{Ask, NOUNS};
use crate::harness::{Server, assert_invalid};

#[tokio::test]
async fn every_list_comes_in_the_order_that_is_asked_for() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for noun in NOUNS {
        // Some are there already: orders need SKUs, and SKUs need products.
        let others = noun.walk(&shop, Ask::default()).await;
        let made = noun.make_some(&shop, 4).await;
        for at in [1, 3, 0] {
            noun.change(&shop, &made[at]).await;
        }
        for (sort, expected) in [
            (Sort::Natural, [0, 1, 2, 3]),
            (Sort::CreatedAsc, [0, 1, 2, 3]),
            (Sort::CreatedDesc, [3, 2, 1, 0]),
            (Sort::UpdatedAsc, [2, 1, 3, 0]),
            (Sort::UpdatedDesc, [0, 3, 1, 2]),
        ] {
            let expected = expected.map(|at| made[at].clone());
            for filtered in [false, true] {
                for limit in [0, 3] {
                    let ask = Ask { sort: sort.into(), limit, filtered, ..Ask::default() };
                    let mut ids = noun.walk(&shop, ask).await;
                    ids.retain(|id| !others.contains(id));
                    assert_eq!(ids, expected, "{noun:?} {sort:?}, {limit} per page");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_sort_or_status_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for sort in [-1, 5, 9999] {
        for noun in NOUNS {
            assert_invalid(noun.list(&shop, &Ask { sort, ..Ask::default() }).await, &["sort"]);
        }
        let request = orderpb::ListRequest { sort, status: Some(sort), ..Default::default() };
        assert_invalid(shop.orders().list(request).await, &["sort", "status"]);
        let request = paymentpb::ListRequest { status: sort + 10, ..Default::default() };
        assert_invalid(shop.payments().list(request).await, &["status"]);
    }
}
