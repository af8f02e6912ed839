// What the pages do when scripts run: stay current, count down, and send forms without leaving the page. Without this file
// everything still works, by loading pages.

import { handOver, hasUnsent, isHeld, isInUse, keep } from "./keep.js";
import { Live } from "./live.js";

const words = document.getElementById("words");
const page = () => document.getElementById("console");

// -- Time: the server's, whatever this computer's clock says -----------------------------------------------------------

let ahead = Date.parse(words.dataset.now) - Date.now();
const now = () => Date.now() + ahead;

function clockTime(ms, zone) {
  return new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone }).format(ms);
}

function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** As the server says it: 48 s, 4 min, 1 h 05, 2 d 3 h. */
function duration(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  if (whole < 60) return fill(words.dataset.seconds, { s: whole });
  if (whole < 3600) return fill(words.dataset.minutes, { m: Math.floor(whole / 60) });
  return hours(whole);
}

/** As the server says it: 4:12, 1 h 05, 2 d 3 h. */
function countdown(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  return hours(whole);
}

function hours(whole) {
  if (whole < 86_400) {
    const m = String(Math.floor((whole % 3600) / 60)).padStart(2, "0");
    return fill(words.dataset.hours, { h: Math.floor(whole / 3600), m });
  }
  return fill(words.dataset.days, { d: Math.floor(whole / 86_400), h: Math.floor((whole % 86_400) / 3600) });
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const element of document.querySelectorAll("time.left")) {
    const seconds = (Date.parse(element.dateTime) - now()) / 1000;
    const kind = seconds < 0 ? "late" : seconds < 300 ? "soon" : "calm";
    say(element, fill(seconds < 0 ? words.dataset.late : words.dataset.left, { time: countdown(seconds) }));
    if (!element.classList.contains(kind)) element.className = `left ${kind}`;
  }
  for (const element of document.querySelectorAll("time.since")) {
    say(element, duration((now() - Date.parse(element.dateTime)) / 1000));
  }
  for (const list of document.querySelectorAll("[data-held]")) if (!isHeld(list)) refresh();
}

setInterval(tick, 1_000);

// -- Notes about the page itself ---------------------------------------------------------------------------------------

/** Something that must be read and does not go away by itself; one of each kind. */
function note(kind, text = "") {
  dropNote(kind);
  const element = words.content.querySelector(`[data-note="${kind}"]`).cloneNode(true);
  if (text) element.querySelector(".note-text").textContent = text;
  document.getElementById("notes").append(element);
}

function dropNote(kind) {
  document.querySelector(`#notes [data-note="${kind}"]`)?.remove();
}

document.addEventListener("click", (event) => event.target.closest("#notes .dismiss")?.closest("[data-note]").remove());

function dismissMessages() {
  for (const message of document.querySelectorAll(".messages li:not([data-leaves])")) {
    message.dataset.leaves = "";
    setTimeout(() => message.remove(), 8_000);
  }
}

/** The id that a hash names; none where it is no text. */
function named(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

/** Where a link leads to something folded, it is unfolded. */
function unfold() {
  const target = document.getElementById(named(location.hash));
  if (!target) return;
  const folds = [target.closest("details"), target.querySelector(":scope > details")];
  for (const fold of folds) if (fold) fold.open = true;
}

window.addEventListener("hashchange", unfold);
document.addEventListener("click", ({ target }) => target.closest('a[href^="#"]') && setTimeout(unfold));

// -- Staying current ---------------------------------------------------------------------------------------------------

const REFRESH_REST_MS = 500;
const LONGEST_REST_MS = 10_000;
let refreshing = false;
let wanted = false;
let refreshed = true; // whether the last question for the page was answered at all
let failed = false;
let sending = 0; // while a form is on its way, its page must not change: the answer has to find it
let turns = 0; // how often the page has become another one than by a refresh
let turnAsked = 0;

/** Ask for the page as it is now, and become like it; again and again, until it has. */
async function refresh() {
  wanted = true;
  if (refreshing) return;
  refreshing = true;
  let rest = REFRESH_REST_MS;
  while (wanted) {
    if (!sending) {
      wanted = false;
      await getAgain();
      failed = !refreshed;
      wanted ||= failed;
      rest = failed ? Math.min(rest * 2, LONGEST_REST_MS) : REFRESH_REST_MS;
      showState();
    }
    await new Promise((done) => setTimeout(done, rest));
  }
  refreshing = false;
}

async function getAgain() {
  refreshed = false;
  turnAsked = turns;
  try {
    await htmx.ajax("GET", page().dataset.page, { source: document.body });
  } catch {
    // the server does not answer: the badge says so
  }
}

/** Everybody at once would be a herd. */
function soon(act) {
  setTimeout(act, Math.random() * Number(page().dataset.jitter));
}

function concerns(hint) {
  const listens = page().dataset.listens;
  if (!listens) return false;
  return listens.split(" ").some((topic) => topic === hint.topic || topic === hint.ref || (hint.topic === "board" && topic !== "notices"));
}

function heard(kind, data) {
  if (kind === "beat") {
    ahead = Date.parse(data.now) - Date.now();
    if (data.alarm !== document.getElementById("banner")?.dataset.alarm) soon(showBanner);
  }
  if (kind === "signed-out") showBanner();
  if ((kind === "resync" && page().dataset.listens) || (kind === "hint" && concerns(data))) soon(refresh);
  else if (kind !== "signed-out") isCurrent();
}

async function showBanner() {
  const answer = await fetch(words.dataset.banner);
  if (answer.ok) document.getElementById("banner").outerHTML = await answer.text();
}

const badge = document.getElementById("live-badge");
const said = document.getElementById("live-said");

let state = "still";

function isCurrent() {
  if (!badge || failed) return;
  const time = badge.querySelector("time");
  time.dateTime = new Date(now()).toISOString();
  say(time, clockTime(now(), words.dataset.zone));
}

function became(next) {
  state = next;
  showState();
}

/** A page that could not be fetched again is not live, whatever can be heard. */
function showState() {
  const shown = state === "live" && failed ? "delayed" : state;
  if (shown === badge.dataset.state || shown === "still") return;
  badge.dataset.state = shown;
  say(badge.querySelector(".live-word"), words.dataset[shown]);
  badge.title = words.dataset[`${shown}Means`];
  said.textContent = `${words.dataset[shown]}. ${badge.title}`;
}

// -- Forms -------------------------------------------------------------------------------------------------------------

const GUARD_MS = 800;
let nextChangedAt = -Infinity;
let sentForm = null; // the form whose answer is about to be laid over the page

htmx.defineExtension("keep", {
  isInlineSwap: (style) => style === "keep",
  handleSwap(style, target, fragment) {
    if (style !== "keep") return false;
    const wanted = fragment.querySelector("#console");
    const before = nextAction();
    if (wanted) keep(target, wanted, sentForm);
    shownAddress = address(); // at once: Back may be pressed before the page has settled
    if (nextAction() !== before) nextChangedAt = performance.now();
    sentForm = null;
    for (const kind of ["closed-to-you", "moved"]) dropNote(kind);
    settle();
    return [target];
  },
});

const nextAction = () => document.querySelector("#next form")?.getAttribute("action");

// Another step stands where the last one stood: the second half of a double click is not meant for it.
document.addEventListener("click", (event) => {
  if (event.target.closest("#next form") && performance.now() - nextChangedAt < GUARD_MS) event.preventDefault();
}, { capture: true });

/** After the page has changed: new forms are sent in place too, times run. */
function settle() {
  for (const form of document.querySelectorAll("#console form:not([hx-boost])")) {
    form.setAttribute("hx-boost", form.hasAttribute("data-plain") ? "false" : "true");
    htmx.process(form);
  }
  tick();
  dismissMessages();
  matchCriteria();
}

/** What a level means is told as one plan has it; with another chosen it would mislead. */
function matchCriteria() {
  for (const form of document.querySelectorAll("form[data-criteria-of]")) {
    form.classList.toggle("other-plan", form.elements.plan.value !== form.dataset.criteriaOf);
  }
}

document.addEventListener("change", ({ target }) => {
  target.closest("form.filters")?.requestSubmit();
  matchCriteria();
});

// -- Menus, and leaving with something unsent --------------------------------------------------------------------------

const openMenus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", ({ target }) => {
  for (const menu of openMenus()) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

window.addEventListener("beforeunload", (event) => {
  if (hasUnsent(page())) event.preventDefault();
});

const isSent = (detail) => detail.requestConfig.verb !== "get";

// A button may stand outside its form, and may ask for no checking; htmx sees neither.
document.addEventListener("submit", ({ target, submitter }) => {
  if (!submitter?.formNoValidate || target.noValidate) return;
  target.noValidate = true;
  setTimeout(() => { target.noValidate = false; });
}, { capture: true });

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb === "get") return;
  const pressed = detail.triggeringEvent?.submitter; // which may stand outside its form, where htmx does not see it
  if (pressed?.name) detail.parameters[pressed.name] = pressed.value;
  if (pressed?.hasAttribute("formaction")) detail.path = pressed.getAttribute("formaction");
  detail.headers["X-Person"] = words.dataset.person;
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  if (token && detail.parameters.csrfmiddlewaretoken) detail.parameters.csrfmiddlewaretoken = token;
});

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  detail.requestConfig.from = location.pathname;
  if (!isSent(detail)) return;
  sending += 1;
  detail.elt.setAttribute("aria-busy", "true");
  for (const kind of ["unsent", "refused", "signed-out"]) dropNote(kind);
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!isSent(detail)) return;
  sending -= 1;
  detail.elt.removeAttribute("aria-busy");
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  const { status, responseURL } = detail.xhr;
  const isForm = isSent(detail);
  if (isRefresh(detail)) refreshed = status < 500;
  else if (detail.shouldSwap) turns += 1;
  if (isRefresh(detail) && (sending || turns !== turnAsked)) {
    detail.shouldSwap = false; // it is of a page that is no longer this one
    wanted = true;
  } else if (status === 401) {
    detail.shouldSwap = false;
    if (isForm) note("signed-out");
    showBanner();
  } else if (detail.serverResponse.includes("data-error-page") || status >= 500) {
    detail.shouldSwap = false;
    if (isForm) note("refused", errorText(detail.serverResponse));
    else if (status === 403 || status === 404) note("closed-to-you");
  } else if (!isForm && new URL(responseURL).pathname === words.dataset.login) {
    detail.shouldSwap = false;
    showBanner();
  } else if (!isForm && isRefresh(detail) && wentElsewhere(responseURL)) {
    detail.shouldSwap = false;
    if (isInUse(page())) note("moved");
    else location.replace(responseURL);
  } else if (isForm) {
    const form = detail.requestConfig.elt.closest("form");
    if (status < 400 && form) handOver(form);
    sentForm = form;
    detail.requestConfig.isAnswer = true;
  }
});

const isRefresh = (detail) => detail.requestConfig.elt === document.body;

function wentElsewhere(url) {
  return new URL(url).pathname !== new URL(page().dataset.page, location.href).pathname;
}

function errorText(html) {
  const text = new DOMParser().parseFromString(html, "text/html").querySelector("[data-error-page] .detail");
  return text?.textContent.trim() ?? "";
}

document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const path = new URL(detail.history.path ?? location.href, location.href).pathname;
  if (path === location.pathname) detail.history.type = "replace";
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target?.id !== "console") return;
  isCurrent();
  showPlace();
  if (!detail.requestConfig?.isAnswer) return;
  const isElsewhere = new URL(detail.xhr.responseURL).pathname !== detail.requestConfig.from;
  const problems = document.querySelector(".problems");
  if (problems) problems.focus();
  else if (isElsewhere) document.getElementById("main").focus({ preventScroll: true });
  if (isElsewhere && !problems) window.scrollTo(0, 0);
});

/** On a phone there may be more places than fit side by side: the one we are at is in sight. */
function showPlace() {
  const here = document.querySelector(".rail [aria-current]");
  const row = here?.closest("ul");
  if (row) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
}
showPlace();

for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, ({ detail }) => isSent(detail) && note("unsent"));
}

// Back to another place on the same page: the browser scrolls, and what is typed stays. Back to another page loads it.
const address = () => location.pathname + location.search;
let shownAddress = address();
window.addEventListener("popstate", (event) => address() === shownAddress && event.stopImmediatePropagation(), { capture: true });

window.addEventListener("pageshow", ({ persisted }) => persisted && refresh());

document.documentElement.classList.add("scripts");
settle();
unfold();
if (badge) new Live({ stream: words.dataset.stream, pulse: words.dataset.pulse, mark: words.dataset.mark, heard, became });
