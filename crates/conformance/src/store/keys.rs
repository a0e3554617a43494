//! Idempotency keys.

use digota_core::port::store::{KeyEntry, Kind, Refusal, Write};

use super::Bed;
use super::drive::{find, put, refusal, together, winners};
use super::samples::{answer, batch, claim, entry, id, insert, product, scope};

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
