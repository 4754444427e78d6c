// What neither HTML nor htmx can do: leave Airflow's frame the way Airflow itself moves, hand out
// addresses that the frame may not open, and keep "3 min ago" true.
(() => {
  "use strict";
  const framed = window.parent !== window;
  const STEPS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function say(text) {
    const said = document.getElementById("said");
    said.textContent = "";
    said.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { said.textContent = ""; }, 6000);
  }

  // Airflow's router listens to the history of its own window. A link that the frame followed by
  // itself would show Airflow inside of Airflow.
  function goInAirflow(address) {
    try {
      window.parent.history.pushState(null, "", address);
      window.parent.dispatchEvent(new PopStateEvent("popstate", { state: null }));
      return true;
    } catch {
      return false; // framed by somebody else
    }
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = document.createElement("textarea"); // no clipboard without TLS
      field.value = text;
      field.className = "unseen";
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }

  async function handOut(link) {
    const done = await copy(link.href);
    link.focus();
    say(done
      ? `Airflow's frame opens no other site. The address is copied: ${link.href}`
      : `Airflow's frame opens no other site. The address: ${link.href}`);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-to-airflow], a[data-outside]");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!framed || !link || !isPlain) return;
    if ("outside" in link.dataset) {
      event.preventDefault();
      handOut(link);
    } else if (goInAirflow(link.href)) {
      event.preventDefault();
    }
  });

  // What was refused is told until somebody tries something else.
  for (const kind of ["submit", "click"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.closest("[hx-post], [hx-get]")) document.getElementById("told").textContent = "";
    }, true);
  }

  function inSteps(seconds) {
    const [name, size] = STEPS.find((step) => seconds >= step[1] || step[1] === 1);
    return `${Math.floor(seconds / size)} ${name}`;
  }

  function ago(passed) {
    if (Math.abs(passed) < 2) return "just now";
    return passed > 0 ? `${inSteps(passed)} ago` : `in ${inSteps(-passed)}`;
  }

  function refresh() {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[datetime]")) {
      const passed = (now - Date.parse(time.dateTime)) / 1000;
      const words = "lasting" in time.dataset ? inSteps(Math.max(0, passed)) : ago(passed);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  setInterval(refresh, 5000);
})();
