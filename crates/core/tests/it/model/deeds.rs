//! What can be done. Numbers choose among what there was ever made of a kind, gone or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Something that is done.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    NewProduct {
        active: bool,
    },
    SellProduct {
        product: usize,
        active: bool,
        stale: bool,
    },
    DeleteProduct {
        product: usize,
        cascade: bool,
    },
    NewSku {
        product: usize,
        price: i64,
        quantity: i64,
        finite: bool,
    },
    UpdateSku {
        sku: usize,
        change: Change,
        stale: bool,
    },
    Adjust {
        sku: usize,
        delta: i64,
        stale: bool,
    },
    DeleteSku {
        sku: usize,
    },
    NewOrder {
        goods: Vec<(usize, i64)>,
        tax: i64,
        discount: i64,
    },
    Pay {
        order: usize,
        good: bool,
        stale: bool,
    },
    Fulfill {
        order: usize,
        stale: bool,
    },
    Cancel {
        order: usize,
        stale: bool,
    },
    Return {
        order: usize,
        goods: Vec<(usize, i64)>,
        amount: i64,
        restock: bool,
        stale: bool,
    },
    NewCharge {
        amount: i64,
        later: bool,
        good: bool,
    },
    Refund {
        charge: usize,
        amount: i64,
        stale: bool,
    },
    Capture {
        charge: usize,
        amount: i64,
    },
    Void {
        charge: usize,
    },
    /// Lets so many seconds pass.
    Wait(u64),
}

/// What of a SKU is changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) price: Option<i64>,
    pub(super) active: Option<bool>,
    pub(super) finite: Option<bool>,
    pub(super) quantity: Option<i64>,
    pub(super) parent: Option<usize>,
}

/// Any deed; payments and what follows from them most often.
pub(super) fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => goods(),
        8 => orders(),
        3 => charges(),
        1 => (0..3000u64).prop_map(Deed::Wait),
    ]
}

fn rarely() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.08)
}

fn mostly() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.85)
}

fn goods() -> impl Strategy<Value = Deed> {
    let change = (
        option::weighted(0.3, 0..3000i64),
        option::weighted(0.2, mostly()),
        option::weighted(0.4, any_bool()),
        option::weighted(0.4, 0..9i64),
        option::weighted(0.1, 0..4usize),
    )
        .prop_map(|(price, active, finite, quantity, parent)| Change {
            price,
            active,
            finite,
            quantity,
            parent,
        });
    prop_oneof![
        1 => mostly().prop_map(|active| Deed::NewProduct { active }),
        2 => (0..3usize, mostly(), rarely())
            .prop_map(|(product, active, stale)| Deed::SellProduct { product, active, stale }),
        1 => (0..4usize, rarely()).prop_map(|(product, cascade)| Deed::DeleteProduct { product, cascade }),
        3 => (0..4usize, select(vec![0, 1, 250, 999]), 0..6i64, mostly()).prop_map(
            |(product, price, quantity, finite)| Deed::NewSku { product, price, quantity, finite }
        ),
        4 => (0..3usize, change, rarely())
            .prop_map(|(sku, change, stale)| Deed::UpdateSku { sku, change, stale }),
        3 => (0..3usize, -4..6i64, rarely()).prop_map(|(sku, delta, stale)| Deed::Adjust { sku, delta, stale }),
        1 => (0..12usize).prop_map(|sku| Deed::DeleteSku { sku }),
    ]
}

fn orders() -> impl Strategy<Value = Deed> {
    let some = || vec((0..3usize, 0..4i64), 1..3);
    let any = || 0..4usize;
    prop_oneof![
        4 => (some(), select(vec![0, 0, 170]), select(vec![0, -300, -900, -5000]))
            .prop_map(|(goods, tax, discount)| Deed::NewOrder { goods, tax, discount }),
        6 => (any(), mostly(), rarely()).prop_map(|(order, good, stale)| Deed::Pay { order, good, stale }),
        1 => (any(), rarely()).prop_map(|(order, stale)| Deed::Fulfill { order, stale }),
        1 => (any(), rarely()).prop_map(|(order, stale)| Deed::Cancel { order, stale }),
        3 => (any(), vec((0..3usize, 1..3i64), 0..3), select(vec![0, 0, 0, 0, 1, 700, 9000]), any_bool(), rarely())
            .prop_map(|(order, goods, amount, restock, stale)| Deed::Return {
                order, goods, amount, restock, stale
            }),
    ]
}

fn any_bool() -> impl Strategy<Value = bool> {
    any::<bool>()
}

fn charges() -> impl Strategy<Value = Deed> {
    let any = || 0..5usize;
    let amount = || select(vec![0, 0, 1, 400, 1500, 9000]);
    prop_oneof![
        2 => (1..3000i64, any_bool(), mostly())
            .prop_map(|(amount, later, good)| Deed::NewCharge { amount, later, good }),
        3 => (any(), amount(), rarely())
            .prop_map(|(charge, amount, stale)| Deed::Refund { charge, amount, stale }),
        2 => (any(), amount()).prop_map(|(charge, amount)| Deed::Capture { charge, amount }),
        1 => any().prop_map(|charge| Deed::Void { charge }),
    ]
}
