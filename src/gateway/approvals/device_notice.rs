//! What owners are told of devices beside the cards of every owner: in the chat that made the code a device came
//! with, and in those that asked to be told.

use std::sync::Arc;

use crate::{
    gateway::Gateway,
    rules::device::{
        request::{DeviceRequest, DeviceRequestId},
        setup_code::SetupId,
    },
};

/// A device waits, with the code that it came with.
pub(crate) fn request_opened(
    gateway: &Arc<Gateway>,
    request: &DeviceRequest,
    code: Option<&SetupId>,
) {
    let chats = {
        let mut book = gateway.setup.book();
        match code.and_then(|code| book.chat_of(code)) {
            Some(chat) => vec![chat],
            None => book.listeners(),
        }
    };
    gateway.cards.show(request, chats);
}

/// A code belongs to a device now.
pub(crate) fn code_bound(gateway: &Arc<Gateway>, _code: &SetupId) {
    gateway.setup.look();
}

/// A request is over.
pub(crate) fn request_resolved(gateway: &Arc<Gateway>, request: &DeviceRequestId) {
    gateway.shown.lock().forget(request);
    gateway.cards.look();
}
