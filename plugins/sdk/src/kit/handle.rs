//! Handles: a telephone number in its one international form, or an e-mail address. Who has neither form is nobody.

use super::ids::without_prefix;

/// What may stand before a handle.
const PREFIXES: [&str; 4] = ["tel:", "mailto:", "sms:", "auto:"];

/// What people write between the digits of a number.
const BETWEEN: &str = " ()-.\u{a0}";

/// The handle that a text is, as it is compared: `+15551234567` or `ann@example.com`. A number without its country, a
/// short code, and the id of a chat are none.
pub fn handle(text: &str) -> Option<String> {
    let text = without_prefix(text, &PREFIXES);
    match text.strip_prefix('+') {
        Some(rest) => number(rest),
        None => address(text),
    }
}

/// The parts of a chat's id on a Mac: the service, `-` for a direct chat or `+` for a group, and which one. Newer systems
/// say `any` for the service.
pub fn chat(guid: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = guid.split_once(';')?;
    let (mark, id) = rest.split_once(';')?;
    let fits = |part: &str| {
        (1..=200).contains(&part.len())
            && part.bytes().all(|c| c.is_ascii_graphic() && c != b';' && c != b'*')
    };
    (fits(service) && fits(id) && matches!(mark, "-" | "+")).then_some((service, mark, id))
}

fn number(rest: &str) -> Option<String> {
    let digits: String = rest.chars().filter(|c| !BETWEEN.contains(*c)).collect();
    let is_number = (7..=15).contains(&digits.len())
        && digits.bytes().all(|c| c.is_ascii_digit())
        && !digits.starts_with('0');
    is_number.then(|| format!("+{digits}"))
}

fn address(text: &str) -> Option<String> {
    let (name, domain) = text.split_once('@')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_address = text.len() <= 254
        && !name.is_empty()
        && name.chars().all(fits)
        && domain.contains('.')
        && domain.split('.').all(label);
    is_address.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(handle(text).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_number_and_an_address_have_one_form_however_they_are_written() {
        for text in [
            "+15551234567",
            " +1 (555) 123-4567 ",
            "+1.555.123.4567",
            "tel:+15551234567",
            "SMS: +1 555\u{a0}1234567",
            "auto:+15551234567",
        ] {
            check(text, Some("+15551234567"));
        }
        for text in ["ann@example.com", "Ann@Example.COM", " mailto:ANN@example.com "] {
            check(text, Some("ann@example.com"));
        }
        check("Ann.Lee+gate_1@Mail-2.example.co.uk", Some("ann.lee+gate_1@mail-2.example.co.uk"));
    }

    #[test]
    fn a_chat_has_a_service_a_kind_and_an_id() {
        assert_eq!(super::chat("any;+;chat831"), Some(("any", "+", "chat831")));
        assert_eq!(super::chat("SMS;-;+15551234567"), Some(("SMS", "-", "+15551234567")));
        for wrong in ["", "any", "any;-;", ";-;x", "any;~;x", "any;+;a;b", "any;+;a b", "any;+;*"] {
            assert_eq!(super::chat(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn case_085_what_is_only_a_part_of_a_handle_is_none() {
        for text in [
            "",
            " ",
            "*",
            "+",
            "+1",
            "+123456",
            "+1234567890123456",
            "+0123456789",
            "15551234567",
            "555 123 4567",
            "12345",
            "+1555123456x",
            "++15551234567",
            "+١٥٥٥١٢٣٤٥٦٧",
            "@",
            "ann@",
            "@example.com",
            "ann@example",
            "ann@example..com",
            "ann@example.com.",
            "ann@@example.com",
            "ann lee@example.com",
            "ann@exämple.com",
            "Ann",
            "tel:tel:+15551234567",
        ] {
            check(text, None);
        }
        check(&format!("{}@example.com", "a".repeat(250)), None);
    }

    #[test]
    fn case_078_a_chat_is_no_handle() {
        for text in [
            "chat_id:7",
            "chat_guid:any;-;+15551234567",
            "chat_guid:any;-;ann@example.com",
            "chat_identifier:ann@example.com",
            "any;-;+15551234567",
            "any;+;chat831551415676550949",
            "chat831551415676550949",
            "urn:biz:5f8e2b3a",
        ] {
            check(text, None);
        }
    }
}
