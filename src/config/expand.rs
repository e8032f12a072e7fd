//! `${NAME}` in a text: taken from the environment. `$${` is the two characters themselves.

/// A text with its names filled in.
#[derive(Debug)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Something of it came from the environment, so it is never shown.
    pub(super) from_env: bool,
}

/// Fills the names in; an error says which name, and what is wrong with it.
pub(super) fn expand(
    written: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Expanded, String> {
    if is_unbraced(written) {
        return Err("a name behind `$` alone is not filled in; write `\"${NAME}\"`".to_owned());
    }
    let mut expanded = Expanded { text: String::with_capacity(written.len()), from_env: false };
    let mut rest = written;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        let after = &rest[at + 2..];
        if let Some(literal) = before.strip_suffix('$') {
            expanded.text.push_str(literal);
            expanded.text.push_str("${");
            rest = after;
            continue;
        }
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        if !after.contains('}') || !is_name(name) {
            return Err(
                "`${` starts the name of an environment variable, as in `${NAME}`; write `$${` for the text `${`"
                    .to_owned(),
            );
        }
        let Some(value) = env(name).filter(|value| !value.trim().is_empty()) else {
            return Err(format!("the environment variable `{name}` is not set"));
        };
        expanded.text.push_str(before);
        expanded.text.push_str(&value);
        expanded.from_env = true;
        rest = behind;
    }
    expanded.text.push_str(rest);
    Ok(expanded)
}

/// `$NAME`, as a shell has it. Only capitals: no other text is meant so.
fn is_unbraced(written: &str) -> bool {
    let name = written.trim().strip_prefix('$').unwrap_or_default();
    name.len() > 1 && is_name(name) && !name.contains(|c: char| c.is_ascii_lowercase())
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("123:abc".to_owned()),
            "ODD" => Some("a${TOKEN}b".to_owned()),
            "BLANK" => Some(" ".to_owned()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(written: &str, text: &str, from_env: bool) {
        let expanded = expand(written, &env).unwrap();
        assert_eq!((expanded.text.as_str(), expanded.from_env), (text, from_env), "{written}");
    }

    #[test]
    fn names_are_filled_in_anywhere_in_a_text() {
        check("${TOKEN}", "123:abc", true);
        check("bot ${TOKEN}, ${TOKEN}!", "bot 123:abc, 123:abc!", true);
        check("no name, $TOKEN, {code}, $", "no name, $TOKEN, {code}, $", false);
        check("$${TOKEN}", "${TOKEN}", false);
        check("$$${TOKEN}", "$${TOKEN}", false);
    }

    #[test]
    fn a_value_is_not_filled_in_again() {
        check("${ODD}", "a${TOKEN}b", true);
    }

    #[test]
    fn an_unset_or_blank_name_is_an_error_that_names_it() {
        for name in ["UNSET", "BLANK"] {
            let error = expand(&format!("x${{{name}}}"), &env).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        for odd in ["${", "${}", "${a b}", "${1X}", "${TOKEN"] {
            assert!(expand(odd, &env).unwrap_err().contains("`${NAME}`"), "{odd}");
        }
    }
}
