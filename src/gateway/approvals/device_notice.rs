//! What owners are told of devices beside the cards of every owner: in the chat that made the code a device came
//! with, and in those that asked to be told.

use std::sync::Arc;

use crate::{
    Gateway,
    rules::device::{request::DeviceRequest, setup_code::SetupId},
};

/// A device waits, with the code that it came with.
pub(crate) fn request_opened(
    gateway: &Arc<Gateway>,
    request: &DeviceRequest,
    code: Option<&SetupId>,
) {
    let chats = {
        let mut book = gateway.setup.book.lock();
        match code.and_then(|code| book.chat_of(code)) {
            Some(chat) => vec![chat],
            None => book.listeners(),
        }
    };
    // A code that came with it belongs to the device now.
    gateway.setup.look();
    gateway.cards.show(request, chats);
}
