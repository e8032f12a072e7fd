// Pictures and files that go with the next message: chosen or pasted, and sent on their way at once.
'use strict';

import { make } from './draw.js';

const MOST = 4;
const LIMIT = 10 * 1024 * 1024;
const part = (id) => document.getElementById(id);

let chosen = []; // { name, size, item } and, once the gateway has it, { id, type }
let tell = () => {};
let changed = () => {};

export const attached = () => chosen.map(({ id, name, type }) => ({ id, name, type }));
export const underway = () => chosen.some(({ id }) => !id);

export function offer(files) {
  part('attach').hidden = !files;
  if (!files) detach();
}

export function detach() {
  chosen.forEach(({ item }) => item.remove());
  chosen = [];
  redraw();
}

function redraw() {
  part('attached').hidden = !chosen.length;
  changed();
}

function remove(one) {
  chosen = chosen.filter((other) => other !== one);
  one.item.remove();
  redraw();
}

function add(files) {
  tell('');
  for (const file of files) {
    const size = chosen.reduce((sum, one) => sum + one.size, file.size);
    if (chosen.length >= MOST) return tell('A message has at most four files.');
    if (size > LIMIT) return tell('The files of a message may have 10 MB together.');
    bring(file);
  }
}

async function bring(file) {
  const name = file.name || 'picture';
  const button = make('button', 'plain', '×');
  button.type = 'button';
  button.ariaLabel = `Remove ${name}`;
  const one = { name, size: file.size, item: make('li', 'on-its-way', make('span', '', name), button) };
  button.onclick = () => {
    remove(one);
    part('text').focus();
  };
  chosen.push(one);
  part('attached').append(one.item);
  redraw();
  try {
    const answer = await fetch('/chat/files', { method: 'POST', body: file, redirect: 'error' });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    Object.assign(one, await answer.json());
    one.item.classList.remove('on-its-way');
    changed();
  } catch (error) {
    remove(one);
    tell(error instanceof TypeError ? `${name} was not sent. Try again in a while.` : error.message);
  }
}

export function attach(notice, then) {
  tell = notice;
  changed = then;
  part('attach').onclick = () => part('file').click();
  part('file').onchange = () => {
    add(part('file').files);
    part('file').value = '';
    part('text').focus();
  };
  part('text').onpaste = (event) => {
    if (part('attach').hidden || !event.clipboardData.files.length) return;
    event.preventDefault();
    add(event.clipboardData.files);
  };
}
