//! Roles, scopes, profiles, and which commands of a node run programs. Scopes are a set; the empty set allows
//! nothing.

/// What a device connects as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Offers its abilities.
    Node,
    /// Uses the gateway, within its scopes.
    Operator,
}

impl Role {
    /// Reads a role as the protocol spells it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "node" => Some(Self::Node),
            "operator" => Some(Self::Operator),
            _ => None,
        }
    }

    /// As the protocol spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Operator => "operator",
        }
    }

    /// What of some scopes is this role's: a node has none.
    pub fn fitting(self, scopes: Scopes) -> Scopes {
        match self {
            Self::Node => Scopes::NONE,
            Self::Operator => scopes,
        }
    }
}

/// One permission of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every other one too.
    Admin,
    /// Answers what a program asks before it acts.
    Approvals,
    /// Decides about devices and senders.
    Pairing,
    /// Answers questions of the assistant.
    Questions,
    /// Looks.
    Read,
    /// Looks at conversations.
    SessionsRead,
    /// Changes conversations.
    SessionsWrite,
    /// Speaks.
    Talk,
    /// Speaks with the keys of the speech service.
    TalkSecrets,
    /// Acts: chats, and calls upon nodes.
    Write,
}

impl Scope {
    /// All of them, by their words.
    pub const ALL: [Self; 10] = [
        Self::Admin,
        Self::Approvals,
        Self::Pairing,
        Self::Questions,
        Self::Read,
        Self::SessionsRead,
        Self::SessionsWrite,
        Self::Talk,
        Self::TalkSecrets,
        Self::Write,
    ];

    /// Reads a scope as the protocol spells it; a word of another version is none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == text)
    }

    /// As the protocol spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "operator.admin",
            Self::Approvals => "operator.approvals",
            Self::Pairing => "operator.pairing",
            Self::Questions => "operator.questions",
            Self::Read => "operator.read",
            Self::SessionsRead => "operator.sessions.read",
            Self::SessionsWrite => "operator.sessions.write",
            Self::Talk => "operator.talk",
            Self::TalkSecrets => "operator.talk.secrets",
            Self::Write => "operator.write",
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }

    /// What holding this one alone is good for.
    fn implied(self) -> Scopes {
        match self {
            Self::Admin => Scopes::of(&Self::ALL),
            Self::Read => Scopes::of(&[Self::Read, Self::SessionsRead]),
            Self::Write => Scopes::of(&[
                Self::Read,
                Self::SessionsRead,
                Self::SessionsWrite,
                Self::Talk,
                Self::Write,
            ]),
            other => Scopes(other.bit()),
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scopes(u16);

impl Scopes {
    /// None: allows nothing.
    pub const NONE: Self = Self(0);

    /// Those named.
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |set, scope| set | scope.bit()))
    }

    /// Those of a client's list; a word that is no scope of ours asks for nothing.
    pub fn parse<T: AsRef<str>>(words: &[T]) -> Self {
        Self(words.iter().filter_map(|word| Scope::parse(word.as_ref())).fold(0, add))
    }

    /// True where there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of their words.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// As the protocol spells them, sorted.
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Scope::word).collect()
    }

    /// True where holding this set is good for `scope`.
    pub fn allow(self, scope: Scope) -> bool {
        self.implied().0 & scope.bit() != 0
    }

    /// True where it names this very scope.
    pub fn name(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Everything this set is good for.
    #[must_use]
    pub fn implied(self) -> Self {
        Self(self.iter().fold(0, |set, scope| set | scope.implied().0))
    }

    /// The first of `asked` that this set is not good for.
    pub fn lacks(self, asked: Self) -> Option<Scope> {
        asked.iter().find(|scope| !self.allow(*scope))
    }

    /// What of `asked` this set is good for: asking narrows, and never widens.
    #[must_use]
    pub fn narrow(self, asked: Self) -> Self {
        Self(asked.0 & self.implied().0)
    }

    /// Both together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.words()).finish()
    }
}

/// What a setup code was minted for. None is good for deciding about devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Also `operator.admin`; minted only by an explicit word.
    Full,
    /// What a phone needs to chat.
    Limited,
    /// A node, and no operator.
    Node,
    /// A node that one speaks with: its operator reads and talks.
    VoiceNode,
}

impl Profile {
    /// The roles that any of them hands out.
    pub const ROLES: [Role; 2] = [Role::Node, Role::Operator];
    const ALL: [Self; 4] = [Self::Full, Self::Limited, Self::Node, Self::VoiceNode];

    /// The roles it hands out.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Full | Self::Limited | Self::VoiceNode => &Self::ROLES,
            Self::Node => &[Role::Node],
        }
    }

    /// The scopes of its operator.
    pub fn scopes(self) -> Scopes {
        let limited = Scopes::of(&[
            Scope::Approvals,
            Scope::Questions,
            Scope::Read,
            Scope::TalkSecrets,
            Scope::Write,
        ]);
        match self {
            Self::Full => limited.union(Scopes::of(&[Scope::Admin])),
            Self::Limited => limited,
            Self::Node => Scopes::NONE,
            Self::VoiceNode => Scopes::of(&[Scope::Read, Scope::Talk]),
        }
    }

    /// What is left of a client's wish. [`Scope::Pairing`] never is, although an admin could do without it.
    pub fn cut(self, asked: Scopes) -> Scopes {
        let named = self.scopes();
        let reach = match self {
            Self::Full | Self::Limited => Self::Limited.scopes().implied().union(named),
            Self::Node | Self::VoiceNode => named.implied(),
        };
        Scopes(asked.0 & reach.0)
    }

    /// The word that the protocol has in `rules`.
    pub fn access(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited | Self::VoiceNode => "limited",
            Self::Node => "node",
        }
    }

    /// The word that it is asked for with, and kept under.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited => "limited",
            Self::Node => "node",
            Self::VoiceNode => "voice-node",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.word() == text)
    }
}

/// The commands that run programs on a node, reach its browser or its files, or change what it may run.
pub(super) const EXEC_CLASS: [&str; 8] = [
    "browser.proxy",
    "browser.proxy.upload.v1",
    "fs.listDir",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "system.run",
    "system.run.prepare",
    "system.which",
];

/// True for a command of `EXEC_CLASS`.
pub fn is_exec_class(command: &str) -> bool {
    EXEC_CLASS.contains(&command)
}

fn add(set: u16, scope: Scope) -> u16 {
    set | scope.bit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        (0u16..1024).prop_map(Scopes)
    }

    #[test]
    fn words_are_read_back_and_sorted() {
        let words = Scope::ALL.map(Scope::word);
        assert!(words.is_sorted());
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.word()), Some(scope));
        }
        for role in Profile::ROLES {
            assert_eq!(Role::parse(role.word()), Some(role));
        }
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.word()), Some(profile));
        }
        for text in ["", "Operator", "operator ", "worker", "admin", "operator.*", "*"] {
            assert_eq!(
                (Role::parse(text), Scope::parse(text), Profile::parse(text)),
                (None, None, None)
            );
        }
    }

    #[test]
    fn a_scope_is_good_for_itself_and_for_what_the_table_says() {
        let table = [
            (Scope::Admin, Scope::ALL.as_slice()),
            (Scope::Approvals, &[]),
            (Scope::Pairing, &[]),
            (Scope::Read, &[Scope::SessionsRead]),
            (Scope::Write, &[Scope::Read, Scope::SessionsRead, Scope::SessionsWrite, Scope::Talk]),
        ];
        for (held, good_for) in table {
            for asked in Scope::ALL {
                let expected = asked == held || good_for.contains(&asked);
                assert_eq!(Scopes::of(&[held]).allow(asked), expected, "{held:?} {asked:?}");
            }
        }
    }

    #[test]
    fn case_029_the_empty_set_covers_nothing() {
        for scope in Scope::ALL {
            let one = Scopes::of(&[scope]);
            assert_eq!((Scopes::NONE.lacks(one), one.lacks(Scopes::NONE)), (Some(scope), None));
            assert_eq!(Scopes::NONE.narrow(one), Scopes::NONE);
        }
    }

    #[test]
    fn a_word_of_another_version_asks_for_nothing() {
        let asked = Scopes::parse(&["operator.read", "operator.teleport", "*", ""]);
        assert_eq!(asked.words(), ["operator.read"]);
    }

    #[test]
    fn a_code_for_a_node_is_good_for_no_operator_and_one_to_speak_with_for_little() {
        let everything = Scopes::of(&Scope::ALL);
        assert_eq!(
            (Profile::Node.roles(), Profile::Node.cut(everything)),
            ([Role::Node].as_slice(), Scopes::NONE)
        );
        assert_eq!(Profile::VoiceNode.scopes().words(), ["operator.read", "operator.talk"]);
        let voice = Profile::VoiceNode.cut(everything);
        assert!(
            !voice.allow(Scope::Write) && !voice.allow(Scope::Admin) && voice.allow(Scope::Talk)
        );
        assert_eq!(Profile::ALL.map(Profile::access), ["full", "limited", "node", "limited"]);
    }

    #[test]
    fn case_054_a_limited_code_holds_no_admin_and_neither_holds_pairing() {
        let everything = Scopes::of(&Scope::ALL);
        let limited = Profile::Limited.cut(everything);
        assert!(!limited.allow(Scope::Admin) && !limited.allow(Scope::Pairing));
        let full = Profile::Full.cut(everything);
        assert!(full.name(Scope::Admin) && !full.name(Scope::Pairing));
        assert_eq!(
            Profile::Limited.scopes().words(),
            [
                "operator.approvals",
                "operator.questions",
                "operator.read",
                "operator.talk.secrets",
                "operator.write"
            ]
        );
    }

    proptest! {
        #[test]
        fn case_058_asking_only_narrows(held in any_scopes(), asked in any_scopes()) {
            let granted = held.narrow(asked);
            prop_assert_eq!(granted.union(asked), asked);
            prop_assert_eq!(held.lacks(granted), None);
            prop_assert_eq!(granted == asked, held.lacks(asked).is_none());
        }

        #[test]
        fn case_024_case_026_a_code_cuts_to_its_profile(asked in any_scopes(), which in 0usize..4) {
            let profile = Profile::ALL[which];
            let left = profile.cut(asked);
            prop_assert_eq!(left.union(asked), asked);
            prop_assert_eq!(profile.scopes().lacks(left), None);
        }

        #[test]
        fn covering_is_transitive(a in any_scopes(), b in any_scopes(), c in any_scopes()) {
            let covers = |held: Scopes, asked| held.lacks(asked).is_none();
            prop_assert!(!(covers(a, b) && covers(b, c)) || covers(a, c));
        }
    }
}
