// The page's side of the socket. What a message brings is shown as text and nothing else.
'use strict';

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
      show(said);
      if (said.from !== 'you') typing(0);
      if (said.from === 'you') keep(said);
      break;
    case 'gone':
      drop(said.id);
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
  (said.gone ?? []).forEach(drop);
  part('title').textContent = title;
  part('you').replaceChildren(chip(you));
  retitle();
  const written = own().filter(({ id }) => !shown.has(id));
  [...said.history, ...written].sort((one, two) => one.at - two.at).forEach(show);
  unsaid.forEach(({ frame, item }) => {
    if (item) place(item, now());
    socket.send(frame);
  });
  part('empty').hidden = shown.size > 0;
}

// ---- what we wrote: the gateway does not keep it

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
  item.querySelector('.bubble').replaceWith(bubble(message));
  time(item, message.at);
  shown.set(message.id, { message, item });
  if (!old) {
    place(item, message.at);
    const button = item.querySelector('.reply');
    button.hidden = own;
    button.onclick = () => reply(message.id);
    part('empty').hidden = true;
    if (!own && document.visibilityState !== 'visible') unread += 1;
    retitle();
  }
  quote(item, message);
  if (atEnd) toEnd();
  else if (!old) part('jump').hidden = false;
  return item;
}

function drop(id) {
  const old = shown.get(id);
  if (!old) return;
  shown.delete(id);
  old.item.remove();
  if (replyTo === id) reply(null);
  shown.forEach(({ message, item }) => quote(item, message));
}

// By the gateway's clock: an answer may come before the word that its question is taken.
function place(item, at) {
  item.at = at;
  let before = messages.lastElementChild;
  while (before && (before === item || before.at > at)) before = before.previousElementSibling;
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

function time(item, at) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  const clock = { hour: '2-digit', minute: '2-digit' };
  const element = item.querySelector('time');
  element.dateTime = when.toISOString();
  element.textContent = today ? when.toLocaleTimeString([], clock) : when.toLocaleString([], { day: 'numeric', month: 'short', ...clock });
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

function words({ body }) {
  const flat = (spans) => spans.map((span) => span.code ?? span.plain).join('');
  if (body.kind === 'card') return body.title;
  return flat(body.kind === 'image' ? body.caption : body.spans).replace(/\s+/g, ' ').trim() || 'Picture';
}

function make(name, kind, ...children) {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

function bubble({ id, body }) {
  const element = make('div', 'bubble');
  element.dir = 'auto';
  if (body.kind === 'text') element.append(...nodes(body.spans));
  if (body.kind === 'image') picture(element, body);
  if (body.kind === 'card') card(element, id, body);
  return element;
}

function picture(element, body) {
  element.classList.add('picture');
  const image = make('img');
  image.src = `data:image/png;base64,${body.png}`;
  image.alt = words({ body });
  image.onload = stay;
  element.append(image);
  if (body.caption.length) element.append(make('div', 'caption', ...nodes(body.caption)));
}

function card(element, id, body) {
  element.classList.add('card');
  element.append(make('h2', '', body.title));
  if (body.fields.length) {
    const pair = ({ label, value }) => [make('dt', '', label), make('dd', '', ...nodes(value, false))];
    element.append(make('dl', '', ...body.fields.flatMap(pair)));
  }
  if (body.footer.length) element.append(make('div', 'foot', ...nodes(body.footer)));
  if (!body.buttons.length) return;
  const button = ({ label, data }) => {
    const button = make('button', '', label);
    button.type = 'button';
    button.onclick = () => press(element, button, id, data);
    return button;
  };
  const row = (presses) => make('div', 'row', ...presses.map(button));
  element.append(make('div', 'buttons', ...body.buttons.map(row)));
}

function press(element, button, on, data) {
  const all = element.querySelectorAll('.buttons button');
  const lock = (locked) => all.forEach((one) => { one.disabled = locked; });
  lock(true);
  button.setAttribute('aria-busy', 'true');
  tell({ type: 'press', id: freshId(), on, data }, null, ({ why }) => {
    lock(false);
    button.removeAttribute('aria-busy');
    if (why) notice(why);
  });
}

// ---- what is copied whole

function nodes(spans, lines = true) {
  const all = [];
  spans.forEach((span, at) => {
    if (span.code !== undefined) {
      all.push(chip(span.code, lines && alone(spans, at), lines && labelled(spans, at)));
      return;
    }
    const node = marked(lines ? trimmed(spans, at) : span.plain, span.marks ?? {});
    if (!frame(span)) all.push(node);
    else if (frame(spans[at - 1]) === frame(span)) all.at(-1).append(node);
    else all.push(make(frame(span), '', node));
  });
  return all;
}

// What runs of an answer stand in together.
function frame(span) {
  if (span?.marks?.block !== undefined) return 'pre';
  return span?.marks?.quote ? 'blockquote' : '';
}

function marked(words, marks) {
  let node = document.createTextNode(words);
  for (const [mark, tag] of [['code', 'code'], ['bold', 'strong'], ['italic', 'em'], ['strike', 's']]) {
    if (marks[mark]) node = make(tag, '', node);
  }
  if (!/^(https?|mailto):/.test(marks.link ?? '')) return node;
  const link = make('a', '', node);
  link.href = marks.link;
  link.rel = 'noopener noreferrer nofollow';
  link.target = '_blank';
  return link;
}

function alone(spans, at) {
  const before = spans[at - 1];
  const after = spans[at + 1];
  return (!before || /\n$/.test(before.plain ?? '')) && (!after || /^\n/.test(after.plain ?? ''));
}

// What a line is about: `Pairing code: AB3D7X9K`.
function labelled(spans, at) {
  return /: $/.test(spans[at - 1]?.plain ?? '') && /^(\n|$)/.test(spans[at + 1]?.plain ?? '');
}

// A chip on a line of its own brings the line break with it, and so does a frame.
function trimmed(spans, at) {
  let { plain } = spans[at];
  const framed = (other) => other && frame(other) !== frame(spans[at]);
  if (framed(spans[at + 1])) plain = plain.replace(/\n+$/, '');
  if (framed(spans[at - 1])) plain = plain.replace(/^\n+/, '');
  if (spans[at + 1]?.code !== undefined && alone(spans, at + 1)) plain = plain.replace(/\n$/, '');
  if (spans[at - 1]?.code !== undefined && alone(spans, at - 1)) plain = plain.replace(/^\n/, '');
  return plain;
}

function chip(code, isAlone = false, isLabelled = false) {
  const button = part('chip-form').content.firstElementChild.cloneNode(true);
  button.querySelector('code').textContent = code;
  button.classList.toggle('alone', isAlone);
  button.classList.toggle('short', (isAlone || isLabelled) && code.length <= 14);
  button.setAttribute('aria-label', `Copy ${code}`);
  button.onclick = () => copy(button, code);
  return button;
}

async function copy(button, code) {
  let done = true;
  try {
    await navigator.clipboard.writeText(code);
  } catch {
    // Without TLS there is no clipboard: select the code, and ask the old way.
    getSelection().selectAllChildren(button.querySelector('code'));
    done = document.execCommand('copy');
  }
  const word = button.querySelector('.word');
  word.textContent = done ? 'Copied' : 'Selected';
  button.classList.toggle('copied', done);
  setTimeout(() => {
    word.textContent = 'Copy';
    button.classList.remove('copied');
  }, 2000);
}

// ---- writing

const freshId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

function say() {
  const words = text.value;
  if (!words.trim()) return;
  const size = new TextEncoder().encode(words).length;
  if (size > LIMIT) {
    notice(`This message has ${Math.ceil(size / 1024)} KiB; 16 are the most. Send it in parts.`);
    return;
  }
  notice('');
  send(words, replyTo);
  text.value = '';
  reply(null);
  fit();
}

function send(words, answers) {
  const id = freshId();
  const body = { kind: 'text', spans: [{ plain: words }] };
  const item = show({ id, at: now(), from: 'you', answers, body });
  toEnd();
  const mood = item.querySelector('.mood');
  const again = item.querySelector('.again');
  item.classList.add('sending');
  mood.textContent = 'Sending…';
  tell({ type: 'say', id, text: words, ...(answers && { replyTo: answers }) }, item, ({ at, why }) => {
    item.at = at ?? item.at;
    item.classList.remove('sending');
    item.classList.toggle('failed', Boolean(why));
    mood.textContent = why || '';
    if (at) {
      time(item, at);
      keep({ id, at, from: 'you', answers: answers ?? undefined, body });
    }
    again.hidden = !why;
    again.onclick = () => {
      item.remove();
      shown.delete(id);
      send(words, answers);
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
  part('send').disabled = !text.value.trim();
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
  following = nearEnd();
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

fit();
if (!touch.matches) text.focus();
connect();
