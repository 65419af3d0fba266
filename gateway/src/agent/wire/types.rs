//! The SDK's types of the wire, written from those of this crate: `WARMLINE_REWRITE=1 cargo test --workspace --lib wire` makes them anew.

use ts_rs::{Config, TS};

use super::*;
use crate::agent::page::{AudioPath, Device, Loudspeaker, PageReport, Permission};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/sdk/wire.ts");

const HEAD: &str = "\
/**
 * The frames of `warmline.agent.v1`, as the gateway's sources declare them: written by its tests, not by hand.
 * Times are epoch milliseconds of the gateway's clock. Unknown keys are ignored by both sides.
 */

export const SUBPROTOCOL = 'warmline.agent.v1';
";

fn declared<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    format!("\n{docs}export {}\n", T::decl(config))
}

fn types() -> String {
    let config = &Config::new().with_large_int("number");
    let parts = [
        HEAD.to_owned(),
        declared::<Operation>(config),
        declared::<Dial>(config),
        declared::<Order>(config),
        declared::<TransferMode>(config),
        declared::<PageReport>(config),
        declared::<Permission>(config),
        declared::<Device>(config),
        declared::<Loudspeaker>(config),
        declared::<AudioPath>(config),
        declared::<Frame>(config),
        declared::<Problem>(config),
        declared::<Event>(config),
        declared::<StatusChoice>(config),
        declared::<IceServer>(config),
        declared::<Quality>(config),
        declared::<Grade>(config),
        declared::<NoticeKind>(config),
        declared::<ByeCode>(config),
        declared::<AgentView>(config),
        declared::<StatusView>(config),
        declared::<LineState>(config),
        declared::<MediaState>(config),
        declared::<CallId>(config),
        declared::<CallView>(config),
        declared::<Direction>(config),
        declared::<CallState>(config),
        declared::<Progress>(config),
        declared::<Peer>(config),
        declared::<Recording>(config),
        declared::<EndedView>(config),
        declared::<EndedBy>(config),
        declared::<SipStatus>(config),
    ];
    assert!(HEAD.contains(SUBPROTOCOL));
    parts.concat()
}

#[test]
fn the_sdk_has_the_types_of_the_wire() {
    let types = types();
    if std::env::var_os("WARMLINE_REWRITE").is_some() {
        std::fs::write(FILE, &types).expect("the SDK's sources are there");
    }
    let committed = std::fs::read_to_string(FILE).expect("the SDK's sources are there");
    assert!(
        committed == types,
        "gateway/web/sdk/wire.ts is older than the wire: make it anew with WARMLINE_REWRITE=1"
    );
}
