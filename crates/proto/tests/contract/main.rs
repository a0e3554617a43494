//! The served descriptors against the interface of digota 0.1 and our additions to it.

mod comments;
mod surface;

use digota_proto::DESCRIPTOR_SET;
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto};
use surface::{Lines, served, table};

/// What the server shows to whoever asks.
fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(DESCRIPTOR_SET).expect("the set we serve is one")
}

fn contract() -> Lines {
    table(include_str!("contract_0_1.txt"))
}

fn additions() -> Lines {
    table(include_str!("additions.txt"))
}

/// What a table promises and the descriptors do not hold.
fn broken(promised: &Lines, set: &FileDescriptorSet) -> Vec<String> {
    promised.difference(&served(set)).cloned().collect()
}

#[test]
fn every_name_and_number_of_0_1_is_served() {
    assert_eq!(broken(&contract(), &descriptors()), Vec::<String>::new());
}

#[test]
fn every_addition_is_served_under_its_number() {
    assert_eq!(broken(&additions(), &descriptors()), Vec::<String>::new());
}

#[test]
fn nothing_is_served_that_no_table_names() {
    let named: Lines = contract().union(&additions()).cloned().collect();
    let unnamed: Vec<_> = served(&descriptors()).difference(&named).cloned().collect();
    assert_eq!(unnamed, Vec::<String>::new());
}

#[test]
fn the_tables_hold_the_whole_of_0_1() {
    let contract = contract();
    let entries =
        |start: &str| contract.iter().filter(|line| line.starts_with(start) && line.contains(": ")).count();
    assert_eq!(entries("service "), 19);
    assert_eq!(entries("message "), 165);
    assert_eq!(entries("enum "), 173);
    assert_eq!(entries("enum paymentpb.Currency: "), 129);
}

#[test]
fn no_addition_repeats_or_contradicts_0_1() {
    let contract = contract();
    let repeated: Vec<_> =
        additions().intersection(&contract).filter(|line| line.contains(": ")).cloned().collect();
    assert_eq!(repeated, Vec::<String>::new());
}

#[test]
fn a_renamed_field_breaks_the_contract() {
    let set = with_message("Order", |order| order.field[6].name = Some("charge_id".into()));
    assert_eq!(broken(&contract(), &set), ["message orderpb.Order: 7 chargeId string"]);
}

#[test]
fn a_renumbered_field_breaks_the_contract() {
    let set = with_message("Card", |card| card.field[6].number = Some(7));
    assert_eq!(broken(&contract(), &set), ["message paymentpb.Card: 8 type paymentpb.CardType"]);
}

#[test]
fn a_field_of_another_type_breaks_the_contract() {
    let sint64 = field_descriptor_proto::Type::Sint64;
    let set = with_message("Inventory", |inventory| inventory.field[0].set_type(sint64));
    assert_eq!(broken(&contract(), &set), ["message skupb.Inventory: 1 quantity int64"]);
}

#[test]
fn a_field_that_became_repeated_or_optional_breaks_the_contract() {
    let repeated = field_descriptor_proto::Label::Repeated;
    let set = with_message("PackageDimensions", |sizes| sizes.field[0].set_label(repeated));
    assert_eq!(broken(&contract(), &set), ["message skupb.PackageDimensions: 1 height double"]);
    let set = with_message("PackageDimensions", |sizes| sizes.field[0].proto3_optional = Some(true));
    assert_eq!(broken(&contract(), &set), ["message skupb.PackageDimensions: 1 height double"]);
}

#[test]
fn a_vanished_message_breaks_the_contract() {
    let mut set = descriptors();
    for file in &mut set.file {
        file.message_type.retain(|message| message.name() != "RefundRequest");
    }
    assert_eq!(broken(&contract(), &set).len(), 4);
}

#[test]
fn a_vanished_enum_value_breaks_the_contract() {
    let mut set = descriptors();
    for value in set.file.iter_mut().flat_map(|file| &mut file.enum_type) {
        value.value.retain(|value| value.name() != "USD");
    }
    assert_eq!(broken(&contract(), &set), ["enum paymentpb.Currency: USD=128"]);
}

#[test]
fn a_method_with_another_reply_or_a_stream_breaks_the_contract() {
    let change = |change: fn(&mut prost_types::MethodDescriptorProto)| {
        let mut set = descriptors();
        let services = set.file.iter_mut().flat_map(|file| &mut file.service);
        let methods = services.filter(|service| service.name() == "OrderService").flat_map(|s| &mut s.method);
        methods.filter(|method| method.name() == "Pay").for_each(change);
        broken(&contract(), &set)
    };
    let promised = ["service orderpb.OrderService: Pay orderpb.PayRequest -> orderpb.Order"];
    assert_eq!(change(|pay| pay.output_type = Some(".paymentpb.Charge".into())), promised);
    assert_eq!(change(|pay| pay.server_streaming = Some(true)), promised);
    assert_eq!(change(|pay| pay.name = Some("pay".into())), promised);
}

/// The descriptors with one top-level message changed.
fn with_message(name: &str, change: impl Fn(&mut DescriptorProto)) -> FileDescriptorSet {
    let mut set = descriptors();
    let messages = set.file.iter_mut().flat_map(|file| &mut file.message_type);
    messages.filter(|message| message.name() == name).for_each(change);
    set
}
