//! Every transcript is a test: the folder is the list.

use std::path::PathBuf;

use super::transcript::play;

macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                play(&folder().join(concat!(stringify!($name), ".txt"))).await;
            }
        )*

        #[test]
        fn every_transcript_is_told() {
            let told = [$(concat!(stringify!($name), ".txt")),*];
            for entry in std::fs::read_dir(folder()).unwrap() {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                assert!(told.contains(&&*name), "tests/e2e/transcripts/{name} is not told in tests/e2e/stories.rs");
            }
        }
    };
}

stories! {
    a_card_decides,
    a_group_is_no_way_in,
    a_phone_joins,
    a_reply_to_the_notice_decides,
    a_stranger_knocks,
    an_owner_claims_ownership,
    bluebubbles_is_the_control_room,
    commands_are_the_owners,
    denied_for_an_hour,
    discord_is_no_way_in,
    discord_is_the_control_room,
    feishu_is_the_control_room,
    for_a_while_or_never,
    from_bluebubbles_for_telegram,
    from_discord_for_the_page,
    from_feishu_for_telegram,
    from_googlechat_for_telegram,
    from_imessage_for_telegram,
    from_msteams_for_telegram,
    from_signal_for_telegram,
    from_slack_for_discord,
    from_telegram_for_bluebubbles,
    from_telegram_for_feishu,
    from_telegram_for_googlechat,
    from_telegram_for_imessage,
    from_telegram_for_msteams,
    from_telegram_for_signal,
    from_telegram_for_whatsapp,
    from_the_page,
    from_whatsapp_for_telegram,
    googlechat_is_the_control_room,
    imessage_is_the_control_room,
    invited_and_blocked_from_a_shell,
    invited_and_joined,
    invited_while_waiting,
    leave_for_a_while_and_no_leave,
    pair_and_turn_away,
    pair_from_outside,
    pair_on_this_machine,
    msteams_is_the_control_room,
    pair_where_nobody_could_come,
    pair_with_a_phone,
    places_run_out,
    signal_is_the_control_room,
    silence_and_no_word_of_approval,
    slack_is_the_control_room,
    the_console_is_the_control_room,
    the_first_message_waits,
    the_oldest_makes_room,
    the_page_is_the_control_room,
    whatsapp_is_the_control_room,
    words_of_the_owners_own,
    words_that_are_no_commands,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/transcripts")
}
