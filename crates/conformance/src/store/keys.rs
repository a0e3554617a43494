//! Idempotency keys.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Change, KeyEntry, KeyScope, Kind, Refusal, Write};
use digota_core::stock::Stock;

use super::Bed;
use super::drive::{find, put, refusal, stock, together, winners};
use super::samples::{
    answer, batch, by_hand, claim, claim_with_stock, entry, id, insert, product, scope, shift,
};

/// Whoever loses does nothing else either. Another caller or rpc may use the same key.
pub(super) async fn a_key_is_claimed_once(bed: Bed) {
    let store = bed.open().await;
    for _ in 0..5 {
        let key = scope();
        assert_eq!(store.key(&key).await, Ok(None));
        let rivals: Vec<_> = (0..32).map(|_| (entry(Some(id())), product(true))).collect();
        let batches = rivals.iter().map(|(entry, product)| batch([insert(product), claim(&key, entry)]));
        let outcomes = together(&store, batches).await;
        assert_eq!(winners(&outcomes, |refusal| *refusal == Refusal::KeyTaken), 1);
        for ((entry, product), outcome) in rivals.iter().zip(outcomes) {
            assert_eq!(find(&store, Kind::Product, product.id).await.is_some(), outcome.is_ok());
            if outcome.is_ok() {
                assert_eq!(store.key(&key).await, Ok(Some(entry.clone())));
            }
        }
        let mut others = [key.clone(), key.clone(), key.clone()];
        others[0].principal.push('2');
        others[1].method.push('2');
        others[2].key.push('2');
        for other in others {
            put(&store, [claim(&other, &entry(None))]).await;
        }
    }
}

/// The first answer is final: neither a later one nor a release takes it back.
pub(super) async fn an_answer_is_kept(bed: Bed) {
    let store = bed.open().await;
    let (key, claimed) = (scope(), entry(Some(id())));
    put(&store, [claim(&key, &claimed)]).await;
    put(&store, [answer(&key, r#"{"order":"ü"}"#)]).await;
    for late in [answer(&key, "{}"), Write::Free(key.clone())] {
        put(&store, [late]).await;
        let kept = store.key(&key).await.expect("a key can be read").expect("the key is there");
        assert_eq!(kept.answer.as_deref(), Some(r#"{"order":"ü"}"#));
        assert_eq!(kept.fingerprint, claimed.fingerprint);
    }
    assert_eq!(refusal(&store, [claim(&key, &entry(None))]).await, Refusal::KeyTaken);

    let (at_once, answered) = (scope(), KeyEntry { answer: Some("[1]".into()), ..entry(None) });
    put(&store, [claim(&at_once, &answered)]).await;
    assert_eq!(store.key(&at_once).await, Ok(Some(answered)));

    let nobody = scope();
    put(&store, [answer(&nobody, "{}")]).await;
    assert_eq!(store.key(&nobody).await, Ok(None), "an answer claims no key");
}

/// Of batches at the same time each keeps what it saw itself. A claim without a SKU keeps no stock.
pub(super) async fn an_answer_keeps_its_stock(bed: Bed) {
    let store = bed.open().await;
    let (opened, sku) = (scope(), id());
    put(&store, [claim_with_stock(&opened, &entry(None), sku), Write::OpenStock { sku, on_hand: 5 }]).await;
    put(&store, [shift(sku, Change::Reserve(2), id())]).await;
    let (unmoved, reserved) = (scope(), stock(&store, sku).await);
    put(&store, [claim_with_stock(&unmoved, &entry(None), sku)]).await;

    let keys: Vec<KeyScope> = (0..16).map(|_| scope()).collect();
    let adjusted = |key| [claim_with_stock(key, &entry(None), sku), by_hand(sku, Change::Adjust(1))];
    let outcomes = together(&store, keys.iter().map(|key| batch(adjusted(key)))).await;
    for (key, outcome) in keys.iter().zip(outcomes) {
        let [(_, after)] = outcome.expect("nothing speaks against it").stock[..] else {
            panic!("one SKU moved")
        };
        assert_eq!(kept_stock(&store, key).await, Some(after));
    }
    assert_eq!(kept_stock(&store, &opened).await, Some(Stock { on_hand: 5, reserved: 0, version: 1 }));
    assert_eq!(kept_stock(&store, &unmoved).await, Some(reserved));

    let other = scope();
    put(&store, [claim(&other, &entry(None)), by_hand(sku, Change::Adjust(1))]).await;
    assert_eq!(kept_stock(&store, &other).await, None);
}

async fn kept_stock(store: &Arc<dyn Store>, key: &KeyScope) -> Option<Stock> {
    store.key(key).await.expect("a key can be read").expect("the key is there").stock
}

pub(super) async fn a_released_key_can_be_claimed_again(bed: Bed) {
    let store = bed.open().await;
    let key = scope();
    for _ in 0..2 {
        let claimed = entry(Some(id()));
        put(&store, [claim(&key, &claimed)]).await;
        assert_eq!(store.key(&key).await, Ok(Some(claimed)));
        put(&store, [Write::Free(key.clone())]).await;
        assert_eq!(store.key(&key).await, Ok(None));
    }
    put(&store, [Write::Free(key.clone()), Write::Free(scope())]).await;
}
