//! Equal requests encode to equal bytes: fingerprints of requests rely on it.

use digota_proto::paymentpb::ChargeRequest;
use prost::Message;

#[test]
fn the_order_in_which_a_map_was_filled_does_not_reach_the_encoding() {
    let filled = |keys: &[&str]| ChargeRequest {
        metadata: keys.iter().map(|key| (key.to_string(), String::new())).collect(),
        ..Default::default()
    };
    let (there, back) = (filled(&["a", "b", "c", "d"]), filled(&["d", "c", "b", "a"]));
    assert_eq!(there.encode_to_vec(), back.encode_to_vec());
}

#[test]
fn a_map_that_arrived_unsorted_is_encoded_sorted() {
    // Two entries of field 7 (metadata), "b" before "a".
    let unsorted = [0x3a, 3, 0x0a, 1, b'b', 0x3a, 3, 0x0a, 1, b'a'];
    let sorted = [0x3a, 3, 0x0a, 1, b'a', 0x3a, 3, 0x0a, 1, b'b'];
    let decoded = ChargeRequest::decode(unsorted.as_slice()).expect("valid bytes");
    assert_eq!(decoded.encode_to_vec(), sorted);
}
