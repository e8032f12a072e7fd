//! Two machines on one cable, in namespaces: the gateway's, at home and in a tailnet, and a guest's.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use nix::unistd::Pid;

use super::process::{Gateway, Home, PROGRAM, write};

/// Where the gateway's machine is at home.
pub(crate) const AT_HOME: &str = "192.168.77.10";
/// The same, in IPv6.
pub(crate) const AT_HOME_V6: &str = "fd77::10";
/// Where it is in the tailnet.
pub(crate) const IN_TAILNET: &str = "100.64.7.7";
/// What the tailnet calls it.
pub(crate) const TAILNET_NAME: &str = "studio.tail1.ts.net";
/// Where the guest is at home.
pub(crate) const GUEST: &str = "192.168.77.20";

/// A gateway on a machine of its own.
pub(crate) fn started(home: &Home) -> Gateway {
    let hosts = home.state().join("hosts");
    write(&hosts, &format!("127.0.0.1 localhost\n{IN_TAILNET} {TAILNET_NAME}\n"));
    let script = format!(
        "mount --bind \"$1\" /etc/hosts && ip link set lo up && \
         ip link add docker0 type veth peer name container && \
         ip addr add 172.17.0.1/16 dev docker0 && ip link set docker0 up && \
         ip link add home type veth peer name guest && ip addr add {AT_HOME}/24 dev home && \
         ip -6 addr add {AT_HOME_V6}/64 dev home nodad && \
         ip addr add {IN_TAILNET}/10 dev home && ip link set home up && \
         ip route add default via 192.168.77.1 dev home && \
         exec \"$0\" gateway run --port 0"
    );
    let mut command = Command::new("unshare");
    command.args(["-rnm", "sh", "-c", &script, PROGRAM]).arg(hosts);
    let command = with(command, &home.program(&[]));
    home.started(command, "warn")
}

/// A command of the program on the gateway's machine.
pub(crate) fn beside(home: &Home, gateway: &Gateway, arguments: &[&str]) -> Output {
    within(gateway.pid(), &home.program(arguments)).stdin(Stdio::null()).output().unwrap()
}

/// This command on the machine on which that process runs.
pub(crate) fn within(machine: Pid, what: &Command) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--preserve-credentials", "-U", "-n", "-m", "-t", &machine.to_string()]);
    command.arg(what.get_program()).args(what.get_args());
    if let Some(folder) = what.get_current_dir() {
        command.current_dir(folder);
    }
    with(command, what)
}

/// The environment of that command, and nothing else.
fn with(mut command: Command, what: &Command) -> Command {
    command.env_clear();
    command.envs(what.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// A machine that nothing runs on yet, at the other end of the cable.
pub(crate) struct Guest {
    /// Ends with its standard input, and so with the test.
    holder: Child,
}

impl Guest {
    /// Plugs it in.
    pub(crate) fn come(gateway: &Gateway) -> Self {
        let mut hold = Command::new("unshare");
        hold.args(["-n", "sh", "-c", "ip link set lo up && echo && exec cat"]);
        let mut hold = within(gateway.pid(), hold.env("PATH", std::env::var_os("PATH").unwrap()));
        let mut holder = hold.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "\n", "a machine of its own");
        let guest = Self { holder };
        let cable = format!("ip link set guest netns {}", guest.pid());
        sh(gateway.pid(), &cable);
        sh(
            guest.pid(),
            &format!(
                "ip addr add {GUEST}/24 dev guest && ip addr add 100.64.7.8/10 dev guest && \
                 ip -6 addr add fd77::20/64 dev guest nodad && ip link set guest up"
            ),
        );
        guest
    }

    /// Names its machine.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.holder.id().cast_signed())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn sh(machine: Pid, script: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("PATH", std::env::var_os("PATH").unwrap());
    let done = within(machine, &command).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Puts a `tailscale` into this folder that says this machine's name.
pub(crate) fn fake_tailscale(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder).unwrap();
    let program = folder.join("tailscale");
    write(
        &program,
        &format!(
            "#!/bin/sh\n[ \"$*\" = 'status --json' ] || exit 1\n\
             echo '{{\"Self\":{{\"DNSName\":\"{TAILNET_NAME}.\",\"TailscaleIPs\":[\"{IN_TAILNET}\"]}}}}'\n"
        ),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}
