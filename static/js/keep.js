// Makes one element like another without taking away what somebody is working in: what is typed, chosen, unfolded or
// focused stays, and what has gone from the page while in use is marked instead of removed.

const CONTROLS = "input:not([type=hidden]), select, textarea";
const VALUES = ["value", "checked", "data-typed"];
const HOLD_MS = 10_000;

let answered = null; // the form to which the page that is laid over is the answer
let movedAt = -Infinity;
for (const kind of ["pointermove", "keydown", "focusin"]) {
  document.addEventListener(kind, () => { movedAt = performance.now(); }, { passive: true });
}

/** Whether somebody has changed this control since the page came, or the page brought back what they had typed. */
function isTouched(control) {
  if (control.hasAttribute("data-typed")) return true;
  if (control.type === "file") return false; // it is chosen anew in a moment, and an old choice cannot be sent once the file has changed
  if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
  if (control instanceof HTMLSelectElement) {
    const given = [...control.options].findIndex((option) => option.defaultSelected);
    return control.selectedIndex !== Math.max(given, control.options.length ? 0 : -1);
  }
  return control.value !== control.defaultValue;
}

/** Whether words or choices would be lost with this element. */
export function isInUse(element) {
  if (element.nodeType !== Node.ELEMENT_NODE) return false;
  const controls = [...element.querySelectorAll(CONTROLS)];
  if (element.matches(CONTROLS)) controls.push(element);
  return controls.some((control) => isTouched(control) || control === document.activeElement);
}

/** Whether somebody has typed or chosen something that was not sent. */
export function hasUnsent(element) {
  return [...element.querySelectorAll(CONTROLS)].some((control) => isTouched(control) && !control.closest("form.filters"));
}

/** What was sent is no longer in use: the answer says what becomes of it. */
export function handOver(form) {
  for (const control of form.elements) control.removeAttribute("data-typed");
  for (const element of document.querySelectorAll("[data-sticky]")) element.removeAttribute("data-sticky");
  if (form.contains(document.activeElement)) document.activeElement.blur();
  for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = false;
  form.reset();
}

/** `form`: the one that was sent, where this is its answer; what it says is then taken as it is. */
export function keep(from, to, form = null) {
  const focused = document.activeElement;
  answered = form;
  become(from, to);
  answered = null;
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function become(from, to) {
  if (from.isEqualNode(to) || isOwn(from) || isWhatWasSeen(from) || isRefused(from, to)) return;
  if (from.nodeType !== Node.ELEMENT_NODE) {
    from.data = to.data;
    return;
  }
  const isControl = from.matches(CONTROLS);
  if (isControl && (isTouched(from) || from === document.activeElement)) {
    likeAttributes(from, to, VALUES);
    return;
  }
  likeAttributes(from, to);
  likeChildren(from, to);
  if (isControl) likeDefault(from);
}

/** Somebody who is filling in a form answers to what they saw when they began: its revision stays the one of then, until
    an answer has told them of the new one. */
function isWhatWasSeen(node) {
  const isHidden = node instanceof HTMLInputElement && node.type === "hidden" && node.name !== "csrfmiddlewaretoken";
  return isHidden && node.form && node.form !== answered && isInUse(node.form);
}

/** What is wrong with a field stands there until its form is sent again. */
function isRefused(from, to) {
  if (!(from instanceof Element) || !from.matches(".field.wrong") || to.matches(".wrong")) return false;
  return answered === null || !answered.contains(from);
}

/** Nothing moves under the pointer or the focus, for as long as somebody is at it. */
export function isHeld(list) {
  return list.matches("[data-ordered]:hover, [data-ordered]:focus-within") && performance.now() - movedAt < HOLD_MS;
}

/** Elements that a script of ours writes. */
function isOwn(node) {
  return node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-own");
}

function likeAttributes(from, to, except = []) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) === value || except.includes(name)) continue;
    if (!isUsers(from, name) || to.hasAttribute("data-forced")) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !except.includes(name) && !isUsers(from, name)) from.removeAttribute(name);
  }
}

/** Attributes that the page's reader or our scripts have set. */
function isUsers(element, name) {
  return name === "hx-boost" || (name === "open" && element instanceof HTMLDetailsElement);
}

function likeDefault(control) {
  if (control.type === "checkbox" || control.type === "radio") control.checked = control.defaultChecked;
  else if (!(control instanceof HTMLSelectElement)) control.value = control.defaultValue;
}

function likeChildren(from, to) {
  const known = byKey(from.childNodes);
  const holds = from instanceof Element && isHeld(from);
  let place = from.firstChild;
  let isPutOff = false;
  const stays = new Set();
  for (const wanted of [...to.childNodes]) {
    const mine = (known.get(keyOf(wanted)) ?? []).shift();
    if (!mine) {
      from.insertBefore(bornFrom(wanted, from), holds ? null : place);
      isPutOff ||= holds;
      continue;
    }
    stays.add(mine);
    if (mine === place) place = nextOf(place, stays);
    else if (holds) isPutOff = true;
    else from.insertBefore(mine, place);
    become(mine, wanted);
  }
  for (const left of [...known.values()].flat()) {
    if (holds && left.nodeType === Node.ELEMENT_NODE) hide(left);
    else leave(left);
    isPutOff ||= holds;
  }
  if (isPutOff) from.setAttribute("data-held", ""); // it is done when the list is let go
}

/** Gone, but its place stays: what is below must not slide under the pointer. */
function hide(node) {
  node.setAttribute("data-left", "");
  node.inert = true;
}

function nextOf(place, stays) {
  let next = place.nextSibling;
  while (next && stays.has(next)) next = next.nextSibling;
  return next;
}

function bornFrom(wanted, parent) {
  const born = document.importNode(wanted, true);
  if (parent.hasAttribute?.("data-ordered") && born.classList) born.classList.add("fresh");
  return born;
}

function leave(node) {
  if (node.nodeType === Node.ELEMENT_NODE && (node.hasAttribute("data-sticky") || isOwn(node))) return;
  if (!isInUse(node)) {
    node.remove();
  } else if (!node.hasAttribute("data-gone")) {
    node.setAttribute("data-gone", "");
    const note = document.getElementById("words").content.querySelector(".gone-note").cloneNode(true);
    const room = node.matches("form, li, section, div, details, fieldset") ? node : node.parentElement;
    room.prepend(note);
  }
}

function byKey(nodes) {
  const found = new Map();
  for (const node of nodes) {
    const key = keyOf(node);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(node);
  }
  return found;
}

/** The same thing on both pages; what has no name of its own is the next one of its kind. */
function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return `#${node.nodeType}`;
  if (node.id) return `${node.nodeName}#${node.id}`;
  const name = node.getAttribute("name") ?? node.getAttribute("action") ?? node.getAttribute("for") ?? "";
  const value = node.matches("input[type=radio], input[type=checkbox], button, option") ? node.getAttribute("value") : "";
  return `${node.nodeName} ${name} ${value ?? ""}`;
}
