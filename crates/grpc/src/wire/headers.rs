//! What a request's headers must look like before anything else of it is read.

use std::time::Duration;

use digota_core::Error;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use tonic::Status;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};

use super::Refusal;
use crate::{status, terms};

/// Checks method, content type, encoding, binary metadata and deadline. Returns how long the caller waits.
pub(super) fn check(request: &Parts) -> Result<Option<Duration>, Refusal> {
    if request.method != Method::POST {
        return Err(Refusal::Http(
            StatusCode::METHOD_NOT_ALLOWED,
            status::not_grpc("the method must be POST"),
        ));
    }
    if !request.headers.get(CONTENT_TYPE).is_some_and(|given| is_grpc(given.as_bytes())) {
        let rule = "the content-type must be application/grpc or application/grpc+proto";
        return Err(Refusal::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE, status::not_grpc(rule)));
    }
    let encoding = request.headers.get("grpc-encoding");
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(status::encoding_not_supported().into());
    }
    check_binary(&request.headers)?;
    Ok(terms::deadline(&request.headers).map_err(status::of)?)
}

/// `application/grpc`, alone or as `+proto`, with or without parameters: the only format that is spoken here.
fn is_grpc(content_type: &[u8]) -> bool {
    let (kind, rest) = content_type.split_at_checked("application/grpc".len()).unwrap_or_default();
    let rest = rest.strip_prefix(b"+proto").unwrap_or(rest);
    kind.eq_ignore_ascii_case(b"application/grpc") && (rest.is_empty() || rest.starts_with(b";"))
}

/// Metadata whose name ends in `-bin` is base64, several values with commas between them.
fn check_binary(headers: &HeaderMap) -> Result<(), Status> {
    let binary = headers.iter().filter(|(name, _)| name.as_str().ends_with("-bin"));
    for (name, value) in binary {
        let mut values = value.as_bytes().split(|&byte| byte == b',');
        if !values.all(|value| is_base64(value.trim_ascii())) {
            return Err(status::of(Error::invalid(name.as_str(), "must be base64")));
        }
    }
    Ok(())
}

fn is_base64(value: &[u8]) -> bool {
    let mut map = HeaderMap::with_capacity(1);
    let Ok(value) = http::HeaderValue::from_bytes(value) else { return false };
    map.insert("x-bin", value);
    let map = MetadataMap::from_headers(map);
    map.get_bin("x-bin").map(BinaryMetadataValue::to_bytes).is_some_and(|bytes| bytes.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_is_grpc_with_protobuf_inside() {
        let good = ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"];
        let bad =
            ["", "application/json", "application/grpc+json", "application/grpc-web", "application/grp"];
        assert!(good.iter().all(|given| is_grpc(given.as_bytes())));
        assert!(bad.iter().all(|given| !is_grpc(given.as_bytes())));
    }

    #[test]
    fn binary_metadata_is_base_64_with_or_without_padding() {
        let check = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("trace-bin", value.parse().unwrap());
            headers.insert("trace", "???".parse().unwrap());
            check_binary(&headers).is_ok()
        };
        assert!(["", "AAE=", "AAE", "AAE,AAEC", "AAE=, AAEC"].iter().all(|value| check(value)));
        assert!(["?", "AAE=A", "A", "AAE,?"].iter().all(|value| !check(value)));
    }
}
