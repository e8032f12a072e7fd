// What the page says beside the conversation: toasts, notifications, what a screen reader hears, and the visitor's name.
'use strict';

import { words } from './draw.js';

const part = (id) => document.getElementById(id);

// ---- what a press did

let over = 0;

export function toast(said) {
  clearTimeout(over);
  // The card above it has the whole id.
  part('toast').textContent = said.replace(/\b([0-9a-f]{4})[0-9a-f]{20,}([0-9a-f]{4})\b/g, '$1…$2');
  part('toast').classList.add('shown');
  over = setTimeout(() => part('toast').classList.remove('shown'), 6000);
}

// ---- for screen readers: new messages alone, and a growing one when it has stopped

const waiting = new Map();

export function announce(message, title) {
  if (!waiting.has(message.id) && message.body.kind === 'card' && !message.body.buttons.length) return;
  waiting.set(message.id, `${title} wrote: ${words(message)}`);
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => {
    part('spoken').replaceChildren(...[...waiting.values()].map((text) => {
      const line = document.createElement('p');
      line.textContent = text;
      return line;
    }));
    waiting.clear();
  }, 800);
}

// ---- notifications, while the page is open

const can = 'Notification' in window && window.isSecureContext;
const button = part('notify');

function offer() {
  button.hidden = !can || Notification.permission === 'denied';
  if (can) button.textContent = Notification.permission === 'granted' && wanted() ? 'Stop notifications' : 'Notify me of new messages';
}

const wanted = () => localStorage.getItem('notify') === 'yes';

button.onclick = async () => {
  const stop = Notification.permission === 'granted' && wanted();
  const allowed = !stop && (await Notification.requestPermission()) === 'granted';
  localStorage.setItem('notify', allowed ? 'yes' : 'no');
  offer();
};

export function arrived(message, title) {
  if (!can || message.from === 'you' || document.visibilityState === 'visible') return;
  if (Notification.permission !== 'granted' || !wanted()) return;
  try {
    const shown = new Notification(title, { body: words(message).slice(0, 200), icon: '/chat/icon.png', tag: message.id });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Some phones show none without a worker of their own.
  }
}

// ---- how the owner calls the visitor

const name = part('name');

export const named = () => name.value.trim();

export function callMe() {
  name.value = localStorage.getItem('name') ?? '';
  name.onchange = () => localStorage.setItem('name', named());
  offer();
}
