//! The served interface as plain lines, one per name: `message productpb.Product: 1 id string`.

use std::collections::BTreeSet;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto,
};

/// Every name, number and type, as a line each.
pub(crate) type Lines = BTreeSet<String>;

/// The lines of a table: a heading at the margin, its entries indented, several enum values on a line.
pub(crate) fn table(text: &str) -> Lines {
    let mut lines = Lines::new();
    let mut heading = "";
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if !line.starts_with(' ') {
            heading = line.trim();
            lines.insert(heading.to_string());
        } else if heading.starts_with("enum ") {
            lines.extend(line.split_whitespace().map(|value| format!("{heading}: {value}")));
        } else {
            lines.insert(format!("{heading}: {}", line.trim()));
        }
    }
    lines
}

/// The lines of our own packages in a descriptor set.
pub(crate) fn served(set: &FileDescriptorSet) -> Lines {
    let mut lines = Lines::new();
    for file in own(set) {
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
        for message in &file.message_type {
            message_lines(file.package(), message, &mut lines);
        }
        for value in &file.enum_type {
            enum_lines(file.package(), value, &mut lines);
        }
        for service in &file.service {
            let heading = format!("service {}.{}", file.package(), service.name());
            lines.extend(service.method.iter().map(|method| format!("{heading}: {}", method_line(method))));
            lines.insert(heading);
        }
    }
    lines
}

/// The files that are ours, without Google's.
pub(crate) fn own(set: &FileDescriptorSet) -> impl Iterator<Item = &FileDescriptorProto> {
    set.file.iter().filter(|file| !file.package().starts_with("google."))
}

/// Whether a message only stands for the entries of a map.
pub(crate) fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|options| options.map_entry())
}

fn message_lines(scope: &str, message: &DescriptorProto, lines: &mut Lines) {
    let name = format!("{scope}.{}", message.name());
    for field in &message.field {
        let line = format!("message {name}: {} {} {}", field.number(), field.name(), type_of(field, message));
        lines.insert(line);
    }
    for nested in message.nested_type.iter().filter(|nested| !is_map_entry(nested)) {
        message_lines(&name, nested, lines);
    }
    for nested in &message.enum_type {
        enum_lines(&name, nested, lines);
    }
    lines.insert(format!("message {name}"));
}

fn enum_lines(scope: &str, value: &EnumDescriptorProto, lines: &mut Lines) {
    let heading = format!("enum {scope}.{}", value.name());
    lines.extend(value.value.iter().map(|value| format!("{heading}: {}={}", value.name(), value.number())));
    lines.insert(heading);
}

fn method_line(method: &MethodDescriptorProto) -> String {
    let stream = |yes| if yes { "stream " } else { "" };
    let side = |yes, name: &str| format!("{}{}", stream(yes), name.trim_start_matches('.'));
    let request = side(method.client_streaming(), method.input_type());
    let reply = side(method.server_streaming(), method.output_type());
    format!("{} {request} -> {reply}", method.name())
}

fn type_of(field: &FieldDescriptorProto, parent: &DescriptorProto) -> String {
    let entry = parent.nested_type.iter().find(|nested| {
        is_map_entry(nested) && field.type_name().ends_with(&format!(".{}.{}", parent.name(), nested.name()))
    });
    if let Some([key, value]) = entry.map(|entry| entry.field.as_slice()) {
        return format!("map<{}, {}>", plain_type(key), plain_type(value));
    }
    let label = match field.label() {
        Label::Repeated => "repeated ",
        _ if field.proto3_optional() => "optional ",
        _ if field.oneof_index.is_some() => "oneof ",
        _ => "",
    };
    format!("{label}{}", plain_type(field))
}

fn plain_type(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_string(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}
