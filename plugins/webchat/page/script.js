// The page's side of the socket, and the conversation.
'use strict';

import { attach, attached, detach, offer, underway } from './attach.js';
import { bubble, chip, lock, moment, words } from './draw.js';
import { announce, arrived, callMe, named, toast } from './notice.js';

const LIMIT = 16 * 1024;
const part = (id) => document.getElementById(id);
const log = part('log');
const messages = part('messages');
const text = part('text');
const touch = matchMedia('(pointer: coarse)');

const shown = new Map(); // message id -> { message, item }
const unsaid = new Map(); // our id -> { frame, item, done }: said, and not yet taken

let socket = null;
let ready = false;
let you = '';
let title = document.title;
let replyTo = null;
let failures = 0;
let timer = 0;
let unread = 0;
let following = true;
let scrolled = 0;
let skew = 0; // what the gateway's clock is ahead of ours

// ---- the connection

async function connect() {
  clearTimeout(timer);
  timer = 0;
  if (socket) return;
  const mine = (socket = { readyState: 0 });
  try {
    // Renews the cookie, should the gateway not know it any more.
    const answer = await fetch('/chat', { method: 'HEAD', cache: 'no-store', redirect: 'error' });
    if (!answer.ok) throw new Error('not now');
  } catch {
    if (socket === mine) lost('');
    return;
  }
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  socket = new WebSocket(`${scheme}//${location.host}/chat/ws`);
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = (event) => lost(event.code === 1013 ? event.reason : '');
}

function lost(why) {
  socket = null;
  ready = false;
  failures += 1;
  typing(0);
  const wait = why ? 15000 : Math.min(500 * 2 ** failures, 20000) * (0.75 + Math.random() / 2);
  state('away', why ? `Waiting: ${why}` : failures > 1 ? 'Not connected, trying again…' : 'Connecting again…');
  timer = setTimeout(connect, wait);
}

function hurry() {
  if (timer && document.visibilityState === 'visible') connect();
}

function state(name, words) {
  part('state').dataset.state = name;
  part('state').textContent = words;
}

function tell(what, item, done) {
  const frame = JSON.stringify(what);
  unsaid.set(what.id, { frame, item, done });
  if (ready) socket.send(frame);
}

function hear(said) {
  switch (said.type) {
    case 'ready':
      welcome(said);
      break;
    case 'message':
    case 'edit':
      if (said.type === 'message') arrived(said, title);
      show(said);
      if (said.from === 'you') keep(said);
      else {
        typing(0);
        announce(said, title);
      }
      break;
    case 'files':
      offer(said.offered);
      break;
    case 'gone':
      drop(said.id);
      break;
    case 'toast':
      toast(said.text);
      break;
    case 'typing':
      typing(said.seconds);
      break;
    case 'taken':
      settle(said.id, { at: said.at });
      break;
    case 'refused':
      if (unsaid.has(said.id)) settle(said.id, { why: said.why });
      else notice(said.why);
      break;
  }
}

function settle(id, outcome) {
  const waiting = unsaid.get(id);
  unsaid.delete(id);
  if (waiting) waiting.done(outcome);
}

let dots = 0;

function typing(seconds) {
  clearTimeout(dots);
  const atEnd = nearEnd();
  part('typing').hidden = !seconds;
  if (seconds) dots = setTimeout(() => typing(0), seconds * 1000);
  if (atEnd) toEnd();
}

function welcome(said) {
  if (you && you !== said.you) {
    shown.forEach(({ item }) => item.remove());
    shown.clear();
    unsaid.clear();
    reply(null);
  }
  ({ you, title } = said);
  skew = said.now - Date.now();
  ready = true;
  failures = 0;
  state('open', 'Connected');
  offer(said.files);
  (said.gone ?? []).forEach(drop);
  part('title').textContent = title;
  part('you').replaceChildren(chip(you));
  retitle();
  const known = new Set(said.history.map(({ id }) => id));
  const written = own().filter(({ id }) => !shown.has(id) && !known.has(id));
  [...said.history, ...written].forEach(show);
  unsaid.forEach(({ frame, item }) => {
    if (item) place(item, now());
    socket.send(frame);
  });
  empty();
}

function empty() {
  part('empty').hidden = shown.size > 0;
  part('called').hidden = false;
  // Where a new visitor looks; later it is out of the way.
  (shown.size > 0 ? part('sheet') : part('empty')).append(part('called'));
}

// ---- what we wrote: of strangers the gateway does not keep it

const KEPT = 50;

function own() {
  try {
    return JSON.parse(sessionStorage.getItem(`said-${you}`)) ?? [];
  } catch {
    return [];
  }
}

function keep({ id, at, from, answers, body }) {
  const all = own().filter((message) => message.id !== id);
  all.push({ id, at, from, answers, body });
  try {
    sessionStorage.setItem(`said-${you}`, JSON.stringify(all.slice(-KEPT)));
  } catch {
    // Without room a page that is loaded again does not show it.
  }
}

// ---- messages

function show(message) {
  const old = shown.get(message.id);
  const atEnd = nearEnd();
  const item = old ? old.item : part('message-form').content.firstElementChild.cloneNode(true);
  const own = message.from === 'you';
  item.classList.toggle('own', own);
  const held = item.querySelector('.bubble').contains(document.activeElement);
  item.querySelector('.bubble').replaceWith(bubble(message, press(message.id), stay));
  if (held) refocus(item);
  item.querySelector('.author').textContent = own ? 'You wrote:' : `${title} wrote:`;
  moment(message.at, item.querySelector('.below time'));
  shown.set(message.id, { message, item });
  if (!old) {
    place(item, message.at);
    const button = item.querySelector('.reply');
    button.hidden = own;
    button.onclick = () => reply(message.id);
    empty();
    if (!own && document.visibilityState !== 'visible') unread += 1;
    retitle();
  }
  quote(item, message);
  if (atEnd) toEnd();
  else if (!old) part('jump').hidden = false;
  return item;
}

// Who was in a message stays in it.
function refocus(item) {
  const shown = item.querySelector('.bubble');
  const next = shown.querySelector('.buttons button');
  if (!next) shown.tabIndex = -1;
  (next ?? shown).focus({ preventScroll: true });
}

function drop(id) {
  const old = shown.get(id);
  if (!old) return;
  shown.delete(id);
  old.item.remove();
  if (replyTo === id) reply(null);
  shown.forEach(({ message, item }) => quote(item, message));
}

// By the gateway's clock: an answer may come before the word that its question is taken, and in the same millisecond.
function place(item, at) {
  item.at = at;
  const own = item.classList.contains('own');
  const later = (one) => one.at > at || (one.at === at && own && !one.classList.contains('own'));
  let before = messages.lastElementChild;
  while (before && (before === item || later(before))) before = before.previousElementSibling;
  if (before) before.after(item);
  else messages.prepend(item);
}

const now = () => Date.now() + skew;

const nearEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;

function toEnd() {
  log.scrollTop = log.scrollHeight;
}

// Pictures arrive and keyboards open: a reader at the end stays at the end.
function stay() {
  if (following) toEnd();
}

function quote(item, message) {
  const button = item.querySelector('.quote');
  const asked = shown.get(message.answers);
  // An answer right below its question needs no quote.
  button.hidden = !asked || (asked.item === item.previousElementSibling && message.from !== 'you');
  if (!asked) return;
  button.textContent = words(asked.message);
  button.onclick = () => {
    asked.item.scrollIntoView({ block: 'center' });
    asked.item.classList.add('found');
    setTimeout(() => asked.item.classList.remove('found'), 1500);
  };
}

// A button keeps the focus until the card says what became of it.
function press(id) {
  return (element, button, data) => {
    lock(element, true);
    button.ariaBusy = 'true';
    tell({ type: 'press', id: freshId(), on: id, data }, null, ({ why }) => {
      lock(element, false);
      button.ariaBusy = null;
      if (why) notice(why);
    });
  };
}

// ---- writing

const freshId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

function say() {
  const written = text.value;
  const files = attached();
  if (!written.trim() && !files.length) return;
  if (underway()) return notice('A file is still on its way.');
  const size = new TextEncoder().encode(written).length;
  if (size > LIMIT) {
    notice(`This message has ${Math.ceil(size / 1024)} KiB; 16 are the most. Send it in parts.`);
    return;
  }
  notice('');
  send(written, replyTo, files);
  text.value = '';
  detach();
  reply(null);
  fit();
}

function send(text, answers, files) {
  const id = freshId();
  const body = { kind: 'text', spans: [{ plain: text }], ...(files.length && { files }) };
  const brought = files.map(({ id, name }) => ({ id, name }));
  const item = show({ id, at: now(), from: 'you', answers, body });
  toEnd();
  const mood = item.querySelector('.mood');
  const again = item.querySelector('.again');
  item.classList.add('sending');
  mood.textContent = 'Sending…';
  const name = named();
  tell({ type: 'say', id, text, ...(answers && { replyTo: answers }), ...(name && { name }), ...(files.length && { files: brought }) }, item, ({ at, why }) => {
    item.classList.remove('sending');
    item.classList.toggle('failed', Boolean(why));
    mood.textContent = why || '';
    if (at) {
      moment(at, item.querySelector('.below time'));
      place(item, at);
      keep({ id, at, from: 'you', answers: answers ?? undefined, body });
    }
    again.hidden = !why;
    again.onclick = () => {
      item.remove();
      shown.delete(id);
      send(text, answers, files);
    };
  });
}

function reply(id) {
  replyTo = id;
  part('replying').hidden = !id;
  if (!id) return;
  part('quoted').textContent = words(shown.get(id).message);
  text.focus();
}

function notice(why) {
  part('notice').textContent = why;
  part('notice').hidden = !why;
}

function fit() {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight}px`;
  part('send').disabled = !text.value.trim() && !attached().length;
}

function retitle() {
  document.title = unread ? `(${unread}) ${title}` : title;
}

part('composer').onsubmit = (event) => {
  event.preventDefault();
  say();
  text.focus();
};
part('unreply').onclick = () => reply(null);
part('jump').onclick = toEnd;
text.oninput = () => {
  fit();
  notice('');
};
text.onkeydown = (event) => {
  if (event.key === 'Escape') reply(null);
  // Where there is a keyboard, Enter sends; on a phone it breaks the line.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || touch.matches) return;
  event.preventDefault();
  say();
};
log.onscroll = () => {
  // A phone that is turned moves the conversation too: only who scrolls up wants to stay there.
  following = nearEnd() || (following && log.scrollTop >= scrolled);
  scrolled = log.scrollTop;
  if (following) part('jump').hidden = true;
};
document.onclick = (event) => {
  if (!part('about').contains(event.target)) part('about').open = false;
};
document.onvisibilitychange = () => {
  if (document.visibilityState === 'visible') unread = 0;
  retitle();
  hurry();
};
window.ononline = hurry;
new ResizeObserver(stay).observe(log);

attach(notice, fit);
fit();
if (!touch.matches) text.focus();
callMe();
connect();
