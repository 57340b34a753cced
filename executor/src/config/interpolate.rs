//! `${VAR}` and `${VAR:-default}` in strings.

/// What stands in a string after variables are put in.
#[derive(Debug, PartialEq)]
pub(crate) struct Filled {
    pub(crate) text: String,
    /// Whether any of it came from the environment: then no message shows it.
    pub(crate) from_environment: bool,
}

/// Puts variables in, once: what a variable holds is not looked into. `$$` is a dollar sign.
///
/// # Errors
/// A sentence about a variable that is not set and has no default, or about what is no variable.
pub(crate) fn fill(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Filled, String> {
    let mut filled = Filled {
        text: String::with_capacity(text.len()),
        from_environment: false,
    };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            filled.text.push('$');
            rest = after;
            continue;
        }
        let inside = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let Some((inside, after)) = inside else {
            return Err("a `$` begins a variable, as in `${NAME}`; write `$$` for a dollar sign".to_owned());
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            let problem =
                "`${..}` names no variable; write `${NAME}` or `${NAME:-default}`, and `$$` for a dollar sign";
            return Err(problem.to_owned());
        }
        if default.is_some_and(|default| default.contains('$')) {
            return Err(format!("the default of `${{{name}}}` cannot hold another variable"));
        }
        match (variable(name), default) {
            (Some(value), _) => {
                filled.text.push_str(&value);
                filled.from_environment = true;
            }
            (None, Some(default)) => filled.text.push_str(default),
            (None, None) => {
                return Err(format!(
                    "the environment variable {name} is not set; set it, or write `${{{name}:-default}}`"
                ));
            }
        }
        rest = after;
    }
    filled.text.push_str(rest);
    Ok(filled)
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn team(name: &str) -> Option<String> {
        (name == "TEAM").then(|| "da$${X}ta".to_owned())
    }

    #[test]
    fn variables_defaults_and_dollars() {
        for (text, wanted) in [
            ("", ""),
            ("plain", "plain"),
            ("s3://a/${TEAM}/b", "s3://a/da$${X}ta/b"),
            ("${TEAM}${TEAM}", "da$${X}tada$${X}ta"),
            ("${TEAM:-x}", "da$${X}ta"),
            ("${NONE:-x y}", "x y"),
            ("${NONE:-}", ""),
            ("$$5 $${TEAM}", "$5 ${TEAM}"),
        ] {
            assert_eq!(fill(text, team).expect(text).text, wanted);
        }
        assert!(fill("${TEAM}", team).expect("is set").from_environment);
        assert!(!fill("${NONE:-x}", team).expect("has a default").from_environment);
    }

    #[test]
    fn mistakes() {
        for (text, problem) in [
            ("a${NONE}", "the environment variable NONE is not set"),
            ("5$", "write `$$` for a dollar sign"),
            ("$TEAM", "write `$$` for a dollar sign"),
            ("${TEAM", "write `$$` for a dollar sign"),
            ("${}", "names no variable"),
            ("${1A}", "names no variable"),
            ("${TEAM-x}", "names no variable"),
            ("${A:-${TEAM}}", "cannot hold another variable"),
        ] {
            let told = fill(text, team).expect_err(text);
            assert!(told.contains(problem), "{told}");
        }
    }

    proptest! {
        #[test]
        fn a_text_with_doubled_dollars_comes_back(text in any::<String>()) {
            let filled = fill(&text.replace('$', "$$"), |_| None);
            prop_assert_eq!(filled.map(|filled| filled.text), Ok(text));
        }

        #[test]
        fn values_are_put_in_as_they_are(before in "[^$]*", value in any::<String>(), after in "[^$]*") {
            let filled = fill(&format!("{before}${{V}}{after}"), |_| Some(value.clone()));
            prop_assert_eq!(filled.map(|filled| filled.text), Ok(format!("{before}{value}{after}")));
        }

        #[test]
        fn whatever_stands_there_gives_an_answer(text in r"([a-zA-Z0-9_:\-]|\$|\{|\}){0,24}") {
            let _ = fill(&text, team);
        }
    }
}
