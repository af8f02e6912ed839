// Knows whether the page is current. One tab of the browser holds the stream and passes on what it hears; when nothing is
// heard, every tab asks for itself.

const SILENT_MS = 12_000; // three beats missed
const GRACE_MS = 3_000; // a stream that ends may come back before anybody need know
const ASK_MS = 5_000;
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 15_000;
const LEADER = "contactops-live";

/** `heard(kind, data)`: hint, beat, hello, resync, same, signed-out; `became(state)`: live, delayed, offline, signedOut. */
export class Live {
  #streamUrl;
  #pulseUrl;
  #heard;
  #became;
  #state = "";
  #heardAt = performance.now() - SILENT_MS + 2 * GRACE_MS; // a page that has just come is given a moment
  #openedAt = -Infinity;
  #askedAt = -Infinity;
  #mark = "";
  #missed = true; // something may have been hinted that was not heard
  #source = null;
  #rest = FIRST_REST_MS;
  #channel = new BroadcastChannel(LEADER);

  constructor({ stream, pulse, mark, heard, became }) {
    [this.#streamUrl, this.#pulseUrl, this.#mark] = [stream, pulse, mark];
    [this.#heard, this.#became] = [heard, became];
    this.#channel.onmessage = ({ data }) => this.#hear(data.kind, data.data);
    // The lock is held for as long as the tab lives; then another tab gets it. Browsers have locks on HTTPS and localhost.
    if (navigator.locks) navigator.locks.request(LEADER, () => new Promise(() => this.#open()));
    else this.#open();
    setInterval(() => this.#look(), 1_000);
  }

  #open() {
    const source = new EventSource(this.#streamUrl);
    this.#source = source;
    this.#openedAt = performance.now();
    for (const kind of ["hello", "hint", "beat", "resync"]) {
      source.addEventListener(kind, (event) => {
        this.#rest = FIRST_REST_MS;
        const data = JSON.parse(event.data);
        this.#channel.postMessage({ kind, data });
        this.#hear(kind, data);
      });
    }
    source.addEventListener("error", () => this.#reopen());
  }

  #reopen() {
    if (!this.#source) return;
    this.#source.close();
    this.#source = null;
    this.#channel.postMessage({ kind: "lost" });
    this.#hear("lost");
    setTimeout(() => this.#open(), this.#rest * (0.5 + Math.random()));
    this.#rest = Math.min(this.#rest * 2, LONGEST_REST_MS);
  }

  #hear(kind, data) {
    if (kind === "lost") {
      this.#missed = true;
      this.#heardAt = Math.min(this.#heardAt, performance.now() - SILENT_MS + GRACE_MS);
      return;
    }
    this.#heardAt = performance.now();
    this.#heard(kind, data);
    if (kind !== "beat" && kind !== "hello") return;
    this.#become("live");
    if (this.#missed) this.#ask();
  }

  #look() {
    if (!this.#isSilent()) return;
    if (this.#source && performance.now() - this.#openedAt > SILENT_MS) this.#reopen(); // open and dumb: gone without a word
    if (performance.now() - this.#askedAt > ASK_MS * (0.8 + 0.4 * Math.random())) this.#ask();
  }

  #isSilent() {
    return performance.now() - this.#heardAt > SILENT_MS;
  }

  /** Has anything changed since the mark? */
  async #ask() {
    this.#askedAt = performance.now();
    try {
      const answer = await fetch(this.#pulseUrl, {
        headers: { "If-None-Match": this.#mark },
        cache: "no-store",
        signal: AbortSignal.timeout(ASK_MS),
      });
      if (answer.status === 401) {
        this.#heard("signed-out");
        if (this.#isSilent()) this.#become("signedOut");
        return;
      }
      if (!answer.ok && answer.status !== 304) throw new Error(`status ${answer.status}`);
      if (this.#isSilent()) this.#become("delayed");
      else this.#missed = false;
      this.#mark = answer.headers.get("ETag") ?? this.#mark;
      if (answer.status === 304) {
        this.#heard("same");
      } else {
        const said = await answer.json();
        this.#heard("beat", said);
        this.#heard("resync", said);
      }
    } catch {
      if (this.#isSilent()) this.#become("offline");
    }
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#became(state);
  }
}
