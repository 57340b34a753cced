//! The JSON schema of `larder.toml`, for editors.

use crate::observer::ObserverKind;
use larder_io_core::Backend;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The schema, with the settings of some backends, observers and resources.
pub(crate) fn schema(
    backends: &[Arc<dyn Backend>],
    observers: &[Arc<dyn ObserverKind>],
    resources: &[(&str, &'static [&'static str])],
    engines: &[(String, Value)],
) -> Value {
    let mut definitions = Map::new();
    let mut kinds = Vec::new();
    for backend in backends {
        let name = backend.scheme();
        let manager = manager(backend.as_ref(), &mut definitions);
        definitions.insert(format!("io_manager.{name}"), manager);
        kinds.push(json!({ "$ref": format!("#/$defs/io_manager.{name}") }));
    }
    definitions.insert(
        "io_manager".to_owned(),
        match kinds.is_empty() {
            true => json!({ "type": "object" }),
            false => json!({ "type": "object", "anyOf": kinds }),
        },
    );
    definitions.insert("reference".to_owned(), reference());
    definitions.insert("retry".to_owned(), retry());
    definitions.insert("timeout".to_owned(), timeout());
    definitions.insert("retention".to_owned(), retention());
    let parts = || {
        json!({
            "io_manager": {
                "description": "The default: the key of an I/O manager, or a URL",
                "type": "string",
            },
            "layout": {
                "description": "Where values are kept; default hive",
                "enum": crate::layout::NAMES,
            },
            "io_managers": {
                "description": "I/O managers by key",
                "type": "object",
                "additionalProperties": { "$ref": "#/$defs/io_manager" },
            },
            "resources": super::resources::schema(resources.iter().copied()),
            "bind": {
                "description": "Patterns of assets (`reports/*`, `raw/flights`, `group:raw`), and the key of an I/O manager for each; or a table with the key and with settings for these assets alone",
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        { "type": "string" },
                        {
                            "type": "object",
                            "properties": { "manager": { "description": "The key of an I/O manager", "type": "string" } },
                            "required": ["manager"],
                        },
                    ],
                },
            },
            "retention": {
                "description": "Patterns of assets, and how long their versions are kept for each",
                "type": "object",
                "additionalProperties": { "$ref": "#/$defs/retention" },
            },
            "run": super::run::schema(),
            "observe": observe(observers),
            "engine": { "description": "What runs queries that name no engine; default the one that is compiled in", "type": "string" },
            "engines": engine_tables(engines),
            "parameters": super::sql::schema(),
            "inline_bytes": {
                "description": "Objects and blobs up to this size have a copy in the catalogue, which keeps their old versions. Default 0: none",
                "type": "integer",
                "minimum": 0,
                "maximum": super::INLINE_MOST,
            },
        })
    };
    let mut of_profile = parts();
    of_profile["parent"] = json!({
        "description": "Makes the profile a branch: what it lacks is read from this profile, or from `base`, the file without one",
        "type": "string",
    });
    let profile = json!({ "type": "object", "properties": of_profile, "additionalProperties": false });
    definitions.insert("profile".to_owned(), profile);
    let mut properties = parts();
    properties["profile"] = json!({
        "description": "Profiles by name; what one says goes before the rest of the file",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/profile" },
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "larder.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// Observers by name.
fn observe(kinds: &[Arc<dyn ObserverKind>]) -> Value {
    let mut properties = Map::new();
    for kind in kinds {
        let to = json!({ "description": kind.targets(), "type": "string" });
        let mut own = Map::from_iter([("to".to_owned(), to.clone())]);
        own.extend(kind.settings().iter().map(|name| ((*name).to_owned(), json!({}))));
        let table = json!({ "type": "object", "properties": own, "required": ["to"], "additionalProperties": false });
        properties.insert(kind.name().to_owned(), json!({ "anyOf": [to, table] }));
    }
    json!({
        "description": "Who is told what runs do: names of observers, and where each writes; `off` in a profile for none",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// Engines by name, each with its address and settings.
fn engine_tables(engines: &[(String, Value)]) -> Value {
    let mut tables = Map::new();
    for (name, schema) in engines {
        let settings = schema.get("properties").and_then(Value::as_object).cloned();
        let mut properties = Map::from_iter([(
            "url".to_owned(),
            json!({ "description": "The address; `${VARIABLE}` and `${VARIABLE:-default}` are filled in", "type": "string" }),
        )]);
        let settings = settings.unwrap_or_default().into_iter();
        properties.extend(settings.map(|(setting, schema)| (setting, referable(schema))));
        tables.insert(
            name.clone(),
            json!({ "type": "object", "properties": properties, "additionalProperties": false }),
        );
    }
    json!({
        "description": "What runs queries elsewhere, by name",
        "type": "object",
        "properties": tables,
        "additionalProperties": false,
    })
}

/// A manager's table: the backend's settings, the address and the policies.
fn manager(backend: &dyn Backend, definitions: &mut Map<String, Value>) -> Value {
    let name = backend.scheme();
    let mut schema = backend.schema();
    if let Some(own) = schema.as_object_mut().and_then(|schema| schema.remove("$defs"))
        && let Value::Object(own) = own
    {
        for (definition, mut schema) in own {
            relocate(&mut schema, name);
            definitions.insert(format!("{name}.{definition}"), schema);
        }
    }
    relocate(&mut schema, name);
    if let Value::Object(schema) = &mut schema {
        schema.remove("$schema");
        // The name of a Rust type.
        schema.remove("title");
        // A profile, or a table for a manager of the code, may leave the rest to others.
        schema.remove("required");
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        if let Value::Object(properties) = properties {
            for setting in properties.values_mut() {
                *setting = referable(setting.take());
            }
            let schemes: Vec<String> = backend.schemes().iter().map(|scheme| escaped(scheme)).collect();
            let own = json!({
                "url": {
                    "description": "The address; `${VARIABLE}` and `${VARIABLE:-default}` are filled in",
                    "type": "string",
                    "pattern": format!("^(({}):|\\$)", schemes.join("|")),
                },
                "retention": { "$ref": "#/$defs/retention" },
                "retry": { "$ref": "#/$defs/retry" },
                "timeout": { "$ref": "#/$defs/timeout" },
                "max_concurrent": {
                    "description": "Operations at once. Default 64",
                    "type": "integer",
                    "minimum": 1,
                },
            });
            if let Value::Object(own) = own {
                properties.extend(own);
            }
        }
    }
    schema
}

/// What stands in the place of a value that is kept elsewhere, or that a variable gives.
fn referable(setting: Value) -> Value {
    let description = setting.get("description").cloned();
    let mut either = json!({
        "anyOf": [setting, { "$ref": "#/$defs/reference" }, { "type": "string", "pattern": "\\$\\{" }],
    });
    if let Some(description) = description {
        either["description"] = description;
    }
    either
}

fn reference() -> Value {
    let one = |name: &str, description: &str| {
        json!({
            "type": "object",
            "properties": { name: { "description": description, "type": "string" } },
            "required": [name],
            "additionalProperties": false,
        })
    };
    json!({
        "description": "A value that is kept elsewhere; it is shown nowhere",
        "oneOf": [
            one("env", "The environment variable that holds it"),
            one("file", "The file that holds it; a relative path is below the directory of larder.toml"),
        ],
    })
}

fn duration(description: &str) -> Value {
    json!({ "description": description, "type": "string", "examples": ["100ms", "10s", "5m"] })
}

fn retention() -> Value {
    json!({
        "description": "How long versions are kept once they are replaced; `or` keeps what either keeps",
        "type": "string",
        "examples": ["last 5", "30 days", "last 3 or 30 days", "forever"],
    })
}

fn retry() -> Value {
    json!({
        "description": "When a failed operation is tried again",
        "type": "object",
        "properties": {
            "attempts": { "description": "Attempts in all, the first included. Default 5", "type": "integer", "minimum": 1 },
            "first_delay": duration("The delay after the first attempt; it doubles after each. Default 100ms"),
            "max_delay": duration("The longest delay. Default 10s"),
            "deadline": duration("No attempt begins later than this after the operation began. Default 5m"),
            "jitter": { "description": "Draws each delay between nothing and its full length. Default true", "type": "boolean" },
        },
        "additionalProperties": false,
    })
}

fn timeout() -> Value {
    json!({
        "description": "How long one attempt may take",
        "oneOf": [
            { "const": "off" },
            {
                "type": "object",
                "properties": {
                    "base": duration("The time that every attempt has. Default 60s"),
                    "bytes_per_second": {
                        "description": "The slowest transfer that counts as alive. Default 1048576",
                        "type": "integer",
                        "minimum": 1,
                    },
                },
                "additionalProperties": false,
            },
        ],
    })
}

/// Definitions of several backends stand in one place, each below the name of its backend.
fn relocate(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(members) => {
            for (member, value) in members {
                match value {
                    Value::String(target) if member == "$ref" => {
                        if let Some(definition) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/$defs/{name}.{definition}");
                        }
                    }
                    value => relocate(value, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relocate(item, name)),
        _ => {}
    }
}

/// A scheme's dots and plus signs mean something else in a pattern.
fn escaped(scheme: &str) -> String {
    scheme.replace('+', "\\+").replace('.', "\\.")
}
