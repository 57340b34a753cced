//! Passwords within a value whose name does not say that it holds one: `url = "postgres://me:..@host/db"`.

use super::{decode, is_secret};

/// Parts of a text that may be secret: what stands before the host of a URL, and values by names such as `password`, in the query of a URL and in
/// `host=h password=p`. Each as it is written, and percent-decoded. Nothing for most texts.
pub fn secrets_within(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("://") {
        found.extend(before_host(&text[start + 3..]));
    }
    let pairs = text.split(|c: char| c.is_whitespace() || "?&;,".contains(c));
    for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
        if is_secret(name) {
            found.push(value.trim_matches(['\'', '"']).to_owned());
        }
    }
    // A plus is itself before the host, and a space in a query.
    let plain = found.iter().filter_map(|secret| decode(&secret.replace('+', "%2B")));
    let decoded: Vec<String> = plain.chain(found.iter().filter_map(|secret| decode(secret))).collect();
    found.extend(decoded);
    found.retain(|secret| !secret.is_empty());
    found.sort();
    found.dedup();
    found
}

/// What follows the first colon, up to each `@`: nobody can tell which one is before the host. Without one, what is no port.
fn before_host(rest: &str) -> Vec<String> {
    let Some((user, password)) = rest.split_once(':') else {
        return Vec::new();
    };
    if user.starts_with('[') || user.contains(['/', '?']) {
        // A host by number, or a colon somewhere behind one.
        return Vec::new();
    }
    let ends: Vec<usize> = password.match_indices('@').map(|(end, _)| end).collect();
    let port = password.split(['/', '?']).next().unwrap_or_default();
    match ends.is_empty() {
        false => ends.into_iter().map(|end| password[..end].to_owned()).collect(),
        // Hosts with their ports have commas between them.
        true if port.bytes().all(|byte| byte.is_ascii_digit()) || port.contains(',') => Vec::new(),
        true => vec![port.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::secrets_within;

    #[test]
    fn passwords_are_found_in_urls_and_pairs() {
        for (text, secrets) in [
            ("postgres://me:geheim@host/db", &["geheim"][..]),
            ("postgres://me:1234@host:5432/db", &["1234"]),
            ("postgres://me:ge%40heim@host/db", &["ge%40heim", "ge@heim"]),
            ("postgres://me:ge/h?ei@m@host/db", &["ge/h?ei", "ge/h?ei@m"]),
            ("postgres://:geheim@host", &["geheim"]),
            ("postgres://me:geheim/db", &["geheim"]),
            (
                "postgres://me@host/db?password=ge+heim&sslmode=require",
                &["ge heim", "ge+heim"],
            ),
            ("postgres://me@x:geheim@host/db", &["geheim"]),
            // It may be one.
            ("http://host:80/a@b", &["80/a"]),
            ("jdbc:postgresql://host/db?user=me&password=geheim", &["geheim"]),
            ("host=h user=me password='geheim'", &["geheim"]),
            ("Server=h;Password=geheim;Pooling=true", &["geheim"]),
            ("a://h:1, b://me:geheim@h", &["1, b://me:geheim", "geheim"]),
        ] {
            assert_eq!(secrets_within(text), secrets, "{text}");
        }
        for text in [
            "",
            "plain",
            "me:x@y",
            "postgres://me@host:5432/db",
            "http://host:80/a",
            "http://[::1]:80/a@b",
            "http://host/a:b@c",
            "postgres://h1:1,h2:2/db",
            "host=h user=me",
        ] {
            assert_eq!(secrets_within(text), [""; 0], "{text}");
        }
    }
}
