// How messages look. What a message brings is shown as text and nothing else.
'use strict';

const part = (id) => document.getElementById(id);
const clock = { hour: '2-digit', minute: '2-digit' };

export function make(name, kind, ...children) {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

// In the zone of the reader.
export function moment(at, element = make('time')) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  element.dateTime = when.toISOString();
  element.title = when.toLocaleString();
  element.textContent = today ? when.toLocaleTimeString([], clock) : when.toLocaleString([], { day: 'numeric', month: 'short', ...clock });
  return element;
}

export function words({ body }) {
  const flat = (spans) => spans.map((span) => span.code ?? span.plain).join('');
  if (body.kind === 'card') return body.title;
  const said = flat(body.kind === 'image' ? body.caption : body.spans).replace(/\s+/g, ' ').trim();
  return said || body.files?.map(({ name }) => name).join(', ') || 'Picture';
}

// `press(element, button, data)` says that a button of a card was pressed; `stay` that a picture takes its room.
export function bubble({ body }, press, stay) {
  const element = make('div', 'bubble');
  element.dir = 'auto';
  if (body.kind === 'text') element.append(...nodes(body.spans), ...(body.files ?? []).map((file) => sent(file, stay)));
  if (body.kind === 'image') picture(element, body, stay);
  if (body.kind === 'card') card(element, body, press);
  return element;
}

function picture(element, body, stay) {
  element.classList.add('picture');
  const image = make('img');
  image.src = `data:image/png;base64,${body.png}`;
  image.alt = words({ body });
  image.onload = stay;
  element.append(image);
  if (body.caption.length) element.append(make('div', 'caption', ...nodes(body.caption)));
}

// A file of the conversation, by the id that the gateway gave it.
function sent({ id, name, type }, stay) {
  const address = `/chat/files/${encodeURIComponent(id)}`;
  if (/^image\//.test(type)) {
    const image = make('img', 'sent');
    image.src = address;
    image.alt = name;
    image.onload = stay;
    return image;
  }
  const link = make('a', 'sent', name);
  link.href = address;
  link.download = name;
  return make('div', '', link);
}

// ---- cards

function card(element, body, press) {
  const labels = body.buttons.flat().map(({ label }) => label);
  element.classList.add('card');
  // What is decided asks for nothing any more, though a block can be undone for a while.
  element.classList.toggle('asks', labels.some((label) => label !== 'Undo'));
  element.append(make('h2', '', body.title));
  if (body.fields.length) {
    const pair = ({ label, value }) => {
      const said = make('dd', label === 'Words' ? 'three' : '', ...nodes(value, false));
      return [make('dt', '', label), said];
    };
    element.append(make('dl', '', ...body.fields.flatMap(pair)));
  }
  if (body.footer.length) element.append(make('div', 'foot', ...nodes(body.footer)));
  if (!labels.length) return;
  const one = ({ label, data }) => {
    const button = choice(label, () => {
      if (label === 'Block') sure(element, button, data, press);
      else press(element, button, data);
    });
    return button;
  };
  element.append(make('div', 'buttons', ...body.buttons.map((row) => make('div', 'row', ...row.map(one)))));
}

function choice(label, act) {
  const button = make('button', '', label);
  button.type = 'button';
  button.dataset.choice = label.toLowerCase();
  button.onclick = () => {
    if (button.ariaDisabled !== 'true') act();
  };
  return button;
}

// Asks once more, in the place of the buttons.
function sure(element, asked, data, press) {
  const buttons = element.querySelector('.buttons');
  const again = make('div', 'buttons sure');
  const block = choice('Block', () => press(element, block, data));
  const keep = choice('Cancel', () => {
    again.replaceWith(buttons);
    asked.focus();
  });
  again.append(make('p', '', 'Block? They get no answers and cannot ask again.'), make('div', 'row', block, keep));
  buttons.replaceWith(again);
  keep.focus();
}

// A button that is not to be pressed now keeps the focus.
export function lock(element, locked) {
  element.querySelectorAll('.buttons button').forEach((one) => { one.ariaDisabled = String(locked); });
}

// ---- texts

export function nodes(spans, lines = true) {
  const all = [];
  spans.forEach((span, at) => {
    if (span.code !== undefined) {
      all.push(chip(span.code, lines && alone(spans, at), lines && labelled(spans, at)));
      return;
    }
    const marks = span.marks ?? {};
    const node = marks.time ? moment(marks.time) : marked(lines ? trimmed(spans, at) : span.plain, marks, lines);
    if (!frame(span)) all.push(node);
    else if (frame(spans[at - 1]) === frame(span)) all.at(-1).lastElementChild.append(node);
    else all.push(framed(frame(span), node));
  });
  return all;
}

// What runs of an answer stand in together.
function frame(span) {
  if (span?.marks?.block !== undefined) return 'pre';
  return span?.marks?.quote ? 'blockquote' : '';
}

function framed(kind, node) {
  const inside = make(kind, '', node);
  if (kind !== 'pre') return make('div', 'quotes', inside);
  // What can be scrolled can be reached with the keyboard.
  inside.tabIndex = 0;
  const button = make('button', 'plain copy', 'Copy');
  button.type = 'button';
  button.onclick = () => copy(button, button, inside, inside.textContent);
  return make('div', 'block', button, inside);
}

function marked(words, marks, links) {
  const free = links && !marks.link && !marks.code && marks.block === undefined;
  let node = free ? linked(words) : document.createTextNode(words);
  for (const [mark, tag] of [['code', 'code'], ['bold', 'strong'], ['italic', 'em'], ['strike', 's']]) {
    if (marks[mark]) node = make(tag, '', node);
  }
  return /^(https?|mailto):/.test(marks.link ?? '') ? link(marks.link, node) : node;
}

function link(address, node) {
  const element = make('a', '', node);
  element.href = address;
  element.rel = 'noopener noreferrer nofollow';
  element.target = '_blank';
  return element;
}

// An address in a text leads there.
function linked(words) {
  const all = document.createDocumentFragment();
  words.split(/(https?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]}*_])/).forEach((words, at) => {
    if (words) all.append(at % 2 ? link(words, words) : words);
  });
  return all;
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
  const other = (span) => span && frame(span) !== frame(spans[at]);
  if (other(spans[at + 1])) plain = plain.replace(/\n+$/, '');
  if (other(spans[at - 1])) plain = plain.replace(/^\n+/, '');
  if (spans[at + 1]?.code !== undefined && alone(spans, at + 1)) plain = plain.replace(/\n$/, '');
  if (spans[at - 1]?.code !== undefined && alone(spans, at - 1)) plain = plain.replace(/^\n/, '');
  return plain;
}

// ---- what is copied whole

export function chip(code, isAlone = false, isLabelled = false) {
  const button = part('chip-form').content.firstElementChild.cloneNode(true);
  const shown = button.querySelector('code');
  shown.textContent = code;
  button.classList.toggle('alone', isAlone);
  button.classList.toggle('short', (isAlone || isLabelled) && code.length <= 14);
  button.onclick = () => copy(button, button.querySelector('.word'), shown, code);
  return button;
}

async function copy(button, word, shown, text) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS there is no clipboard: select it, and ask the old way.
    getSelection().selectAllChildren(shown);
    done = document.execCommand('copy');
  }
  word.textContent = done ? 'Copied' : 'Selected';
  button.classList.toggle('copied', done);
  setTimeout(() => {
    word.textContent = 'Copy';
    button.classList.remove('copied');
  }, 2000);
}
