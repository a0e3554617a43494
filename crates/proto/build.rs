//! Compiles the protos without protoc: descriptors for reflection, messages, servers and clients.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost_build::{Config, Service, ServiceGenerator};
use protox::Compiler;

/// Where the protos are, seen from this crate.
const PROTOS: &str = "protos";

/// Messages with card data or payment tokens: `src/secret.rs` writes their Debug by hand.
const SECRET: [&str; 3] = [".paymentpb.Card", ".paymentpb.ChargeRequest", ".orderpb.PayRequest"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTOS}");
    let mut compiler = Compiler::new([PROTOS])?;
    compiler.include_imports(true).include_source_info(true).open_files(proto_files()?)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    Config::new()
        // Sorted maps make an encoding canonical: equal requests have equal bytes.
        .btree_map(["."])
        .skip_debug(SECRET)
        .service_generator(Box::new(NewIsCreate(
            tonic_prost_build::configure().build_transport(false).service_generator(),
        )))
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The names of the proto files, in a stable order.
fn proto_files() -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(PROTOS)? {
        let name = entry?.file_name().into_string().map_err(|name| format!("not a name: {name:?}"))?;
        if name.ends_with(".proto") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Calls the rpc `New` `create` in Rust, where every client has a constructor `new` already. Its path stays.
struct NewIsCreate(Box<dyn ServiceGenerator>);

impl ServiceGenerator for NewIsCreate {
    fn generate(&mut self, mut service: Service, buf: &mut String) {
        for method in &mut service.methods {
            if method.name == "new" {
                method.name = "create".into();
            }
        }
        self.0.generate(service, buf);
    }

    fn finalize(&mut self, buf: &mut String) {
        self.0.finalize(buf);
    }

    fn finalize_package(&mut self, package: &str, buf: &mut String) {
        self.0.finalize_package(package, buf);
    }
}
