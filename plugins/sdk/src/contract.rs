//! The contract suite: the same clauses for every channel, against a fake platform that speaks the real wire.
