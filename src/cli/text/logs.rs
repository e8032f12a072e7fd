//! What `openclaw logs` and `openclaw service` say where there is no service.

use crate::{Exit, Failure};

pub(crate) fn no_service_log() -> Failure {
    Failure::new(
        Exit::NoMatch,
        "no service of this state folder is installed, so nothing keeps a log",
    )
    .hint(
        "a gateway that was started by hand logs to its terminal (standard error); \
             `openclaw service install` runs it as a service",
    )
}

pub(crate) fn not_installed(name: &str) -> Failure {
    Failure::new(Exit::NoMatch, format!("the service {name} is not installed"))
        .hint("`openclaw service install` installs and starts it")
}

pub(crate) fn no_log_program(program: &str) -> Failure {
    let text =
        format!("there is no program `{program}` on the PATH, and it shows the log of the service");
    Failure::new(Exit::Failed, text)
        .hint("systemd's package has `journalctl`; a gateway in a terminal logs to standard error")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_raw_string_hashes, reason = "`UPDATE_EXPECT=1` writes them so")]

    use expect_test::expect;

    use super::*;

    #[test]
    fn what_is_said_where_there_is_no_log() {
        let said = [no_service_log(), no_log_program("journalctl")];
        let said: String = said.iter().map(|failure| failure.spell(false)).collect();
        expect![[r#"
            error: no service of this state folder is installed, so nothing keeps a log
            hint: a gateway that was started by hand logs to its terminal (standard error); `openclaw service install` runs it as a service
            error: there is no program `journalctl` on the PATH, and it shows the log of the service
            hint: systemd's package has `journalctl`; a gateway in a terminal logs to standard error
        "#]].assert_eq(&said);
    }
}
