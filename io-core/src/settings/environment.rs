//! Which environment variables give which settings.

use serde_json::Value;

/// Which environment variables give which settings, for [`ManagerUrl::settings`](crate::ManagerUrl::settings): of several
/// variables of one setting, the first that is set wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    table: Vec<(String, Vec<String>)>,
}

impl Environment {
    /// Gives every setting of a JSON schema a variable: `http.read_timeout` is `LARDER_S3_HTTP_READ_TIMEOUT` below the prefix
    /// `LARDER_S3`. A map is one variable with pairs, `team=data,owner=x`.
    pub fn of_schema(prefix: &str, schema: &Value) -> Self {
        let mut names = Vec::new();
        collect(schema, schema, "", &mut names);
        let variable = |name: &str| format!("{prefix}_{}", name.replace('.', "_").to_ascii_uppercase());
        let table = names.into_iter().map(|name| {
            let variables = vec![variable(&name)];
            (name, variables)
        });
        Self { table: table.collect() }
    }

    /// Adds variables to a setting, after those it has.
    #[must_use]
    pub fn also(mut self, name: &str, variables: &[&str]) -> Self {
        let more = variables.iter().map(|variable| (*variable).to_owned());
        match self.table.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.extend(more),
            None => self.table.push((name.to_owned(), more.collect())),
        }
        self
    }

    /// Takes settings out, so that no variable gives them.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.table.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// Settings, each with its variables.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.table
            .iter()
            .map(|(name, variables)| (name.as_str(), variables.as_slice()))
    }
}

impl<const N: usize> From<[(&str, &[&str]); N]> for Environment {
    fn from(table: [(&str, &[&str]); N]) -> Self {
        table
            .into_iter()
            .fold(Self::default(), |all, (name, variables)| all.also(name, variables))
    }
}

/// Dotted names of everything in a schema that is no table of named settings itself.
fn collect(root: &Value, schema: &Value, path: &str, names: &mut Vec<String>) {
    let schema = schema["$ref"]
        .as_str()
        .and_then(|to| root.pointer(to.strip_prefix('#')?))
        .unwrap_or(schema);
    match schema["properties"].as_object() {
        Some(properties) => {
            for (name, below) in properties {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                collect(root, below, &path, names);
            }
        }
        None if path.is_empty() => {}
        None => names.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_a_schema_has_a_variable() {
        let schema = serde_json::json!({
            "properties": {
                "region": { "type": ["string", "null"] },
                "tags": { "type": "object", "additionalProperties": { "type": "string" } },
                "http": { "$ref": "#/$defs/Http" },
            },
            "$defs": { "Http": { "properties": { "read_timeout": {}, "proxy": {} } } },
        });
        let environment = Environment::of_schema("LARDER_X", &schema)
            .also("region", &["X_REGION"])
            .also("extra", &["X_EXTRA"])
            .without(&["http.proxy"]);
        let mut found: Vec<String> = environment
            .iter()
            .map(|(name, variables)| format!("{name}: {}", variables.join(" ")))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "extra: X_EXTRA",
                "http.read_timeout: LARDER_X_HTTP_READ_TIMEOUT",
                "region: LARDER_X_REGION X_REGION",
                "tags: LARDER_X_TAGS",
            ]
        );
        assert_eq!(
            Environment::of_schema("X", &serde_json::json!({})),
            Environment::default()
        );
    }
}
