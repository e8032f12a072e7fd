//! The units as they are written, and what keeps one from being written over.

#![expect(
    clippy::needless_raw_string_hashes,
    clippy::too_many_lines,
    reason = "`UPDATE_EXPECT=1` writes them so, and a unit is a list"
)]

use std::fs;

use expect_test::expect;

use super::{
    file::{self, Standing},
    manager::{Action, Shown, commands, logs, show},
    report::Report,
    *,
};

fn service(kind: Kind) -> Service {
    Service {
        kind,
        profile: None,
        program: "/usr/bin/openclaw".into(),
        state: if kind == Kind::System { "/var/lib/openclaw" } else { "/home/ann/.openclaw" }
            .into(),
        config: None,
        starts_programs: false,
    }
}

#[test]
fn the_unit_of_a_user() {
    expect![[r##"
        # Written by `openclaw service install`; changes belong into a drop-in. sha256: 0b55891333a7271056e76e0eb28a9d355aa1f04ffbd20c0b6b6403a92b884dd3
        [Unit]
        Description=OpenClaw gateway
        StartLimitIntervalSec=300
        StartLimitBurst=5

        [Service]
        ExecStart="/usr/bin/openclaw" gateway run
        Environment="OPENCLAW_STATE_DIR=/home/ann/.openclaw"
        EnvironmentFile=-/home/ann/.openclaw/env
        Type=notify
        NotifyAccess=main
        WatchdogSec=60
        TimeoutStartSec=30
        TimeoutStopSec=20
        ExecReload=/bin/sh -c 'kill -HUP ${MAINPID}'
        Restart=on-failure
        RestartSec=2
        RestartPreventExitStatus=78
        UMask=0077
        LimitNOFILE=1048576
        LimitCORE=0
        TasksMax=256
        MemoryMax=512M
        NoNewPrivileges=yes
        ProtectSystem=strict
        PrivateTmp=yes
        LockPersonality=yes
        RestrictRealtime=yes
        RestrictSUIDSGID=yes
        RestrictNamespaces=yes
        RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
        SystemCallArchitectures=native
        SystemCallFilter=@system-service
        SystemCallErrorNumber=EPERM
        ProtectHome=read-only
        ReadWritePaths="/home/ann/.openclaw" -%t
        SystemCallFilter=~@privileged @resources
        MemoryDenyWriteExecute=yes

        [Install]
        WantedBy=default.target
    "##]].assert_eq(&service(Kind::User).text().unwrap());
}

#[test]
fn the_unit_of_the_machine() {
    expect![[r##"
        # Written by `openclaw service install`; changes belong into a drop-in. sha256: 1b911b5a846e04f5d13b4cabaebacf0c66a0836afaf3006ed7a36da1e3d4cec2
        [Unit]
        Description=OpenClaw gateway
        After=network-online.target
        Wants=network-online.target
        StartLimitIntervalSec=300
        StartLimitBurst=5

        [Service]
        User=openclaw
        Group=openclaw
        ExecStart="/usr/bin/openclaw" gateway run
        Environment=OPENCLAW_STATE_DIR=%S/openclaw
        EnvironmentFile=-%S/openclaw/env
        StateDirectory=openclaw
        StateDirectoryMode=0700
        Type=notify
        NotifyAccess=main
        WatchdogSec=60
        TimeoutStartSec=30
        TimeoutStopSec=20
        ExecReload=/bin/sh -c 'kill -HUP ${MAINPID}'
        Restart=on-failure
        RestartSec=2
        RestartPreventExitStatus=78
        UMask=0077
        LimitNOFILE=1048576
        LimitCORE=0
        TasksMax=256
        MemoryMax=512M
        NoNewPrivileges=yes
        ProtectSystem=strict
        PrivateTmp=yes
        LockPersonality=yes
        RestrictRealtime=yes
        RestrictSUIDSGID=yes
        RestrictNamespaces=yes
        RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
        SystemCallArchitectures=native
        SystemCallFilter=@system-service
        SystemCallErrorNumber=EPERM
        CapabilityBoundingSet=
        AmbientCapabilities=
        ProtectHome=yes
        PrivateDevices=yes
        PrivateUsers=yes
        ProtectProc=invisible
        ProcSubset=pid
        ProtectKernelLogs=yes
        ProtectKernelModules=yes
        ProtectKernelTunables=yes
        ProtectControlGroups=yes
        ProtectClock=yes
        ProtectHostname=yes
        RemoveIPC=yes
        KeyringMode=private
        SystemCallFilter=~@privileged @resources
        MemoryDenyWriteExecute=yes

        [Install]
        WantedBy=multi-user.target
    "##]].assert_eq(&service(Kind::System).text().unwrap());
}

#[test]
fn the_agent_of_launchd() {
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <!-- # Written by `openclaw service install`; changes belong into a drop-in. sha256: 3ee76cbf350c21bd8670fa47918950e720fe3577d94bd38b1a912680c668c277 -->
        <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
        <plist version="1.0">
        <dict>
          <key>Label</key>
          <string>openclaw.gateway</string>
          <key>ProgramArguments</key>
          <array>
            <string>/usr/bin/openclaw</string>
            <string>gateway</string>
            <string>run</string>
          </array>
          <key>EnvironmentVariables</key>
          <dict>
            <key>OPENCLAW_STATE_DIR</key>
            <string>/home/ann/.openclaw</string>
          </dict>
          <key>KeepAlive</key>
          <dict>
            <key>SuccessfulExit</key>
            <false/>
          </dict>
          <key>ThrottleInterval</key>
          <integer>5</integer>
          <key>ProcessType</key>
          <string>Background</string>
          <key>Umask</key>
          <integer>63</integer>
          <key>RunAtLoad</key>
          <true/>
          <key>StandardErrorPath</key>
          <string>/home/ann/.openclaw/gateway.log</string>
        </dict>
        </plist>
    "#]].assert_eq(&service(Kind::Launchd).text().unwrap());
}

#[test]
fn a_profile_has_a_unit_of_its_own_and_a_gateway_that_starts_programs_lets_them_be() {
    let profile = Profile::parse("work").unwrap();
    for kind in [Kind::User, Kind::System, Kind::Launchd] {
        let plain = service(kind);
        let other = Service { profile: Some(profile.clone()), ..plain.clone() };
        assert_ne!(plain.unit_path(Path::new("/h")), other.unit_path(Path::new("/h")));
        let programs = Service { starts_programs: true, ..plain };
        let text = programs.text().unwrap();
        assert!(!text.contains("MemoryDenyWriteExecute") && !text.contains("@resources"), "{text}");
    }
    for name in ["gateway", "gateway-work", "", "Work", "a/b", "a b", "-a", "a\n", &"a".repeat(33)]
    {
        assert!(Profile::parse(name).is_err(), "{name:?}");
    }
}

/// No path makes a second line, a second argument, a specifier or a variable.
#[test]
fn hostile_paths_are_escaped_or_refused() {
    let with = |program: &str, state: &str, config: &str| {
        let service = service(Kind::User);
        let config = Some(config.into()).filter(|it: &PathBuf| !it.as_os_str().is_empty());
        Service { program: program.into(), state: state.into(), config, ..service }
    };
    let text = with("/o p/100%h \"x\"/c\\d", "/s t/50%t\"", "/c/$HOME ;%n").text().unwrap();
    for line in [
        r#"ExecStart="/o p/100%%h \"x\"/c\\d" --config "/c/$$HOME ;%%n" gateway run"#,
        r#"Environment="OPENCLAW_STATE_DIR=/s t/50%%t\"""#,
        r#"EnvironmentFile=-/s t/50%%t"/env"#,
        r#"ReadWritePaths="/s t/50%%t\"" -%t"#,
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    for path in ["/a\nExecStartPre=/bin/sh", "/a\rb", "/a\tb", "/a\u{1b}b", "relative", "/a\\"] {
        for kind in [Kind::User, Kind::System, Kind::Launchd] {
            let bad = Service { program: path.into(), ..service(kind) };
            let fits = kind == Kind::Launchd && path == "/a\\";
            assert_eq!(bad.text().is_ok(), fits, "{path:?}");
        }
        assert!(with("/p", path, "").text().is_err(), "{path:?}");
        assert!(with("/p", "/s", path).text().is_err(), "{path:?}");
    }
    assert!(with("/$HOME/p", "/s", "").text().is_err(), "systemd would not replace `$$` there");
    let agent = Service { program: "/a<b>&\"c".into(), ..service(Kind::Launchd) };
    assert!(agent.text().unwrap().contains("<string>/a&lt;b&gt;&amp;\"c</string>"));
}

#[test]
fn a_unit_that_was_edited_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("systemd/user/openclaw.service");
    let wanted = service(Kind::User).text().unwrap();
    let other = Service { program: "/opt/openclaw".into(), ..service(Kind::User) }.text().unwrap();
    assert_eq!(file::standing(&path, &wanted).unwrap(), Standing::Absent);
    assert!(file::put(&path, &wanted, false).unwrap());
    assert!(!file::put(&path, &wanted, false).unwrap(), "the same again changes nothing");
    assert!(file::put(&path, &other, false).unwrap(), "an unchanged one of ours is renewed");
    let edited = other.replace("RestartSec=2", "RestartSec=9");
    #[expect(clippy::disallowed_methods, reason = "as a person edits it")]
    fs::write(&path, &edited).unwrap();
    assert!(matches!(file::put(&path, &wanted, false), Err(ServiceError::Edited(_))));
    assert!(matches!(file::remove(&path, false), Err(ServiceError::Edited(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), edited);
    assert!(file::put(&path, &wanted, true).unwrap());
    let kept = folder.path().join("systemd/user/openclaw.service.orig");
    assert_eq!(fs::read_to_string(&kept).unwrap(), edited);
    assert!(file::remove(&path, false).unwrap());
    assert!(!file::remove(&path, false).unwrap());
    let agent = service(Kind::Launchd).text().unwrap();
    assert!(file::is_ours(&agent) && !file::is_ours(&agent.replace("63", "0")));
}

#[test]
fn what_managers_are_asked() {
    let mut lines = String::new();
    for kind in [Kind::User, Kind::System, Kind::Launchd] {
        let service = service(kind);
        let actions =
            [Action::Enable, Action::Start, Action::Restart, Action::Stop, Action::Disable];
        let mut all: Vec<Vec<String>> =
            actions.into_iter().flat_map(|it| commands(&service, it, "/unit")).collect();
        let all_of_it = Shown { follow: true, lines: None, since: Some("1 hour ago"), json: true };
        let few = Shown { lines: Some(7), ..Shown::default() };
        all.extend([show(&service), logs(&service, all_of_it), logs(&service, few)]);
        all.extend(manager::forget(&service));
        for command in all {
            lines.push_str(&command.join(" "));
            lines.push('\n');
        }
        lines.push('\n');
    }
    let lines = lines.replace(&format!("gui/{}", nix::unistd::getuid()), "gui/UID");
    expect![[r#"
        systemctl --user daemon-reload
        systemctl --user enable openclaw.service
        systemctl --user start --no-block openclaw.service
        systemctl --user restart --no-block openclaw.service
        systemctl --user stop openclaw.service
        systemctl --user disable --now openclaw.service
        systemctl --user show openclaw.service --property=LoadState,UnitFileState,ActiveState,SubState,ActiveEnterTimestamp,MainPID,NRestarts,Result,ExecMainStatus,FragmentPath
        journalctl --user-unit openclaw.service --follow --since 1 hour ago --output=json
        journalctl --user-unit openclaw.service --lines 7
        systemctl --user daemon-reload

        systemctl daemon-reload
        systemctl enable openclaw.service
        systemctl start --no-block openclaw.service
        systemctl restart --no-block openclaw.service
        systemctl stop openclaw.service
        systemctl disable --now openclaw.service
        systemctl show openclaw.service --property=LoadState,UnitFileState,ActiveState,SubState,ActiveEnterTimestamp,MainPID,NRestarts,Result,ExecMainStatus,FragmentPath
        journalctl --unit openclaw.service --follow --since 1 hour ago --output=json
        journalctl --unit openclaw.service --lines 7
        systemctl daemon-reload

        launchctl enable gui/UID/openclaw.gateway
        launchctl bootstrap gui/UID /unit
        launchctl kickstart -k gui/UID/openclaw.gateway
        launchctl bootout gui/UID/openclaw.gateway
        launchctl bootout gui/UID/openclaw.gateway
        launchctl print gui/UID/openclaw.gateway
        tail -n 200 -F /home/ann/.openclaw/gateway.log
        tail -n 7 -q /home/ann/.openclaw/gateway.log

    "#]].assert_eq(&lines);
}

#[test]
fn how_a_service_is_in_words() {
    let failed = "LoadState=loaded\nUnitFileState=enabled\nActiveState=failed\nSubState=failed\n\
                  ActiveEnterTimestamp=\nMainPID=0\nNRestarts=3\nResult=exit-code\n\
                  ExecMainStatus=78\nFragmentPath=/u/openclaw.service\n";
    let running = "LoadState=loaded\nUnitFileState=disabled\nActiveState=active\nMainPID=1\n\
                   ActiveEnterTimestamp=Wed 2026-12-02 10:00:00 UTC\nNRestarts=0\nExecMainStatus=0\n";
    let agent = "gui/501/openclaw.gateway = {\n\tpath = /a.plist\n\tstate = running\n\tpid = 1\n\
                 \tlast exit code = 75\n}\n";
    let mut said = String::new();
    for shown in [failed, running, agent, "LoadState=not-found\n", ""] {
        let mut report = Report::read("openclaw.service", shown);
        (report.replaced, report.lingers) = (shown == running, (shown == running).then_some(false));
        said.push_str(&text::report(&report).join("\n"));
        said.push_str("\n\n");
    }
    for code in [0, 1, 71, 75, 78, 203] {
        said.extend([&*code.to_string(), ": ", text::exit_code(code), "\n"]);
    }
    expect![[r#"
        Service:  openclaw.service, starts by itself
        State:    failed
        Restarts: 3
        Last end: exit code 78: the configuration is wrong: `openclaw config check` says where
        Unit:     /u/openclaw.service

        Service:  openclaw.service, does not start by itself
        State:    active since Wed 2026-12-02 10:00:00 UTC
        Process:  1
        Program:  another than the one that runs; `openclaw service restart` takes it
        Logout:   it ends when you log out; `loginctl enable-linger` keeps it
        Unit:     

        Service:  openclaw.service, starts by itself
        State:    running
        Process:  1
        Last end: exit code 75: another gateway has the state folder, or another program has the port
        Unit:     /a.plist

        Service:  openclaw.service is not installed
        Install:  openclaw service install

        Service:  openclaw.service is not installed
        Install:  openclaw service install

        0: it was asked to stop
        1: it failed: `openclaw service logs` says why
        71: its files cannot be read: `openclaw audit verify` names them
        75: another gateway has the state folder, or another program has the port
        78: the configuration is wrong: `openclaw config check` says where
        203: the service manager could not prepare it, see the log
    "#]].assert_eq(&said);
}

#[test]
fn what_is_said() {
    let (user, path) = (service(Kind::User), Path::new("/u/openclaw.service"));
    let mut named = service(Kind::System);
    named.profile = Some(Profile::parse("work").unwrap());
    let report = Report { state: "activating".to_owned(), ..Report::default() };
    let failed = Report {
        last_exit: Some(78),
        last_exit_means: Some(text::exit_code(78).to_owned()),
        ..Report::default()
    };
    let io = std::io::Error::other("the disk is full");
    let errors = [
        ServiceError::Command { command: "systemctl x".to_owned(), why: "no bus".to_owned() },
        ServiceError::Edited(path.to_owned()),
        ServiceError::io("write", path, io),
        ServiceError::Path("/a\nb".into()),
    ];
    let lines = [
        text::installed(&user, path, true),
        text::installed(&named, path, false),
        text::start_it(&user),
        text::start_it(&named),
        text::runs(&user),
        text::not_ready(&user, &report),
        text::not_ready(&named, &failed),
        text::uninstalled(&user, true),
        text::uninstalled(&user, false),
        text::stopped(&user),
        text::no_linger(),
        text::of_node("openclaw-gateway.service"),
        text::of_node("ai.openclaw.gateway.plist"),
        text::lacking(&["A".to_owned(), "B".to_owned()], Path::new("/s/env")),
        text::open_env("it is open", Path::new("/s/env")),
        text::NO_PROFILE.to_owned(),
        text::NO_USER.to_owned(),
    ];
    let errors = errors.iter().map(ToString::to_string);
    let said: Vec<String> = lines.into_iter().chain(errors).collect();
    expect![[r#"
        /u/openclaw.service was written; openclaw.service starts when you log in.
        /u/openclaw.service is as it was; openclaw-work.service starts with the machine.
        Start it with `openclaw service start`.
        Start it with `openclaw service start --system --name work`.
        openclaw.service runs and is ready.
        openclaw.service is not ready after 10 seconds: it is activating; see `openclaw service logs`
        openclaw-work.service is not ready after 10 seconds: exit code 78: the configuration is wrong: `openclaw config check` says where; see `openclaw service logs --system --name work`
        openclaw.service was stopped and removed; the state folder stays.
        openclaw.service is not installed.
        openclaw.service was stopped.
        the service ends when you log out; `loginctl enable-linger` keeps it running
        openclaw-gateway.service is there too, from OpenClaw's Node version; two gateways take each other's messages: `systemctl --user disable --now openclaw-gateway.service`
        ai.openclaw.gateway.plist is there too, from OpenClaw's Node version; two gateways take each other's messages: `launchctl bootout gui/$(id -u)/ai.openclaw.gateway`
        the service would not have these names of this environment: A, B; write each as NAME=value into /s/env (mode 0600)
        /s/env: it is open
        a name has 1 to 32 of `a-z`, `0-9` and `-`; `gateway` is a name of OpenClaw's Node version
        there is no user `openclaw`, which the system's unit runs as; make it first: useradd --system --home-dir /var/lib/openclaw --shell /usr/sbin/nologin openclaw
        `systemctl x` failed: no bus
        /u/openclaw.service was edited, or another program wrote it; nothing was changed. `--force` keeps it as /u/openclaw.service.orig
        cannot write /u/openclaw.service: the disk is full
        a unit cannot name the path "/a\nb"; use an absolute path without control characters, or `$` in the program"#]].assert_eq(&said.join("\n"));
}

#[test]
fn units_of_the_node_version_are_found() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(of_node(home.path()), [""; 0]);
    let folder = home.path().join(".config/systemd/user");
    fs::create_dir_all(&folder).unwrap();
    for name in ["openclaw.service", "openclaw-gateway-work.service", "clawdbot-gateway.service"] {
        fs::File::create(folder.join(name)).unwrap();
    }
    assert_eq!(of_node(home.path()), ["clawdbot-gateway.service", "openclaw-gateway-work.service"]);
}

#[test]
fn where_there_is_no_session_the_way_out_is_named() {
    let of = |command: &str, why: &str| {
        ServiceError::Command { command: command.to_owned(), why: why.to_owned() }.way_out()
    };
    let no_bus = "Failed to connect to bus: No medium found";
    let way = of("systemctl --user daemon-reload", no_bus);
    assert!(way.is_some_and(|way| way.contains("openclaw gateway run")), "{way:?}");
    assert_eq!(of("systemctl daemon-reload", no_bus), None);
    assert_eq!(of("systemctl --user start x", "Unit x not found."), None);
}
