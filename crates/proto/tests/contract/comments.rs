//! Every name of the interface is explained in the protos, and the explanations are served with the descriptors.

use std::collections::BTreeSet;

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::descriptors;
use crate::surface::{is_map_entry, own};

/// An enum whose values speak for themselves.
const SELF_EXPLAINING: &str = "Currency";

#[test]
fn every_name_has_a_comment() {
    let set = descriptors();
    assert_eq!(uncommented(&set), Vec::<String>::new());
}

#[test]
fn a_name_without_a_comment_is_found() {
    let mut set = descriptors();
    for info in set.file.iter_mut().filter_map(|file| file.source_code_info.as_mut()) {
        info.location.retain(|location| location.path != [4, 0, 2, 0]);
    }
    // The first field of the first message of each file, where that message has fields.
    let expected = ["eventpb.WatchRequest.after", "paymentpb.Charge.id", "orderpb.Order.id"];
    let found = uncommented(&set);
    assert!(expected.iter().all(|name| found.contains(&name.to_string())), "{found:?}");
}

/// The names without a comment in front of them.
fn uncommented(set: &FileDescriptorSet) -> Vec<String> {
    own(set).flat_map(|file| Walk::over(file).missing).collect()
}

/// A walk through a file's names, each with its path in `google.protobuf.SourceCodeInfo`.
struct Walk {
    commented: BTreeSet<Vec<i32>>,
    missing: Vec<String>,
}

impl Walk {
    fn over(file: &FileDescriptorProto) -> Walk {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let commented = locations.filter(|location| !location.leading_comments().trim().is_empty());
        let mut walk = Walk {
            commented: commented.map(|location| location.path.clone()).collect(),
            missing: Vec::new(),
        };
        for (i, message) in numbered(&file.message_type) {
            walk.message(file.package(), &[4, i], message);
        }
        for (i, value) in numbered(&file.enum_type) {
            walk.enumeration(file.package(), &[5, i], value);
        }
        for (i, service) in numbered(&file.service) {
            let name = walk.visit(file.package(), service.name(), &[6, i]);
            for (j, method) in numbered(&service.method) {
                walk.visit(&name, method.name(), &[6, i, 2, j]);
            }
        }
        walk
    }

    fn message(&mut self, scope: &str, path: &[i32], message: &DescriptorProto) {
        if is_map_entry(message) {
            return;
        }
        let name = self.visit(scope, message.name(), path);
        for (i, field) in numbered(&message.field) {
            self.visit(&name, field.name(), &[path, &[2, i]].concat());
        }
        for (i, nested) in numbered(&message.nested_type) {
            self.message(&name, &[path, &[3, i]].concat(), nested);
        }
        for (i, nested) in numbered(&message.enum_type) {
            self.enumeration(&name, &[path, &[4, i]].concat(), nested);
        }
    }

    fn enumeration(&mut self, scope: &str, path: &[i32], value: &EnumDescriptorProto) {
        let name = self.visit(scope, value.name(), path);
        if value.name() == SELF_EXPLAINING {
            return;
        }
        for (i, value) in numbered(&value.value) {
            self.visit(&name, value.name(), &[path, &[2, i]].concat());
        }
    }

    /// Notes the name if nothing explains it, and returns it in full.
    fn visit(&mut self, scope: &str, name: &str, path: &[i32]) -> String {
        let name = format!("{scope}.{name}");
        if !self.commented.contains(path) {
            self.missing.push(name.clone());
        }
        name
    }
}

fn numbered<T>(items: &[T]) -> impl Iterator<Item = (i32, &T)> {
    (0..).zip(items)
}
