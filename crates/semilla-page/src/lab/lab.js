"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const form = document.getElementById("setup");
  const stop = document.getElementById("stop");
  const settings = () => new URLSearchParams(new FormData(form)).toString();

  // Puts parts into the page, and leaves open what is open there.
  const put = (parts) => {
    for (const [id, content] of Object.entries(parts)) {
      const place = document.getElementById(id);
      const open = [...place.querySelectorAll("details")].map((part) => part.open);
      place.innerHTML = content;
      place.querySelectorAll("details").forEach((part, at) => (part.open = open[at] ?? false));
      place.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
    }
  };
  const say = (id) => put({ complaint: document.getElementById(id).innerHTML });

  // What follows the settings. Only the last answer counts.
  let asked = 0;
  const preview = async () => {
    asked += 1;
    const own = asked;
    try {
      const answer = await fetch(`preview?${settings()}`);
      const parts = await answer.json();
      if (own === asked) put({ complaint: "", ...parts });
    } catch {
      if (own === asked) say("lost");
    }
  };

  let source;
  const end = () => {
    source?.close();
    source = undefined;
    stop.disabled = true;
    root.classList.remove("training");
  };
  const train = () => {
    end();
    put({ outcome: "" });
    root.classList.add("training");
    stop.disabled = false;
    source = new EventSource(`train?${settings()}`);
    source.addEventListener("message", (event) => put(JSON.parse(event.data)));
    source.addEventListener("done", end);
    source.addEventListener("elsewhere", () => {
      end();
      say("elsewhere");
    });
    source.addEventListener("error", () => {
      end();
      say("lost");
    });
  };

  const fill = (query) => {
    const values = new URLSearchParams(query);
    for (const field of form.elements) {
      if (!field.name) continue;
      if (field.type === "checkbox") field.checked = values.getAll(field.name).includes(field.value);
      else if (values.has(field.name)) field.value = values.get(field.name);
    }
  };
  const press = (pressed) => {
    for (const button of all("[data-story]")) {
      button.setAttribute("aria-pressed", button === pressed);
      document.getElementById(button.dataset.story).hidden = button !== pressed;
    }
  };
  for (const button of all("[data-story]")) {
    button.addEventListener("click", () => {
      fill(button.dataset.setup);
      press(button);
      preview();
      train();
    });
  }
  let typed;
  form.addEventListener("input", () => {
    press();
    clearTimeout(typed);
    typed = setTimeout(preview, 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    preview();
    train();
  });
  stop.addEventListener("click", end);

  // Options speak the language of the page.
  const speak = () => {
    for (const option of all("option[data-es]")) option.textContent = option.dataset[root.lang];
  };
  new MutationObserver(speak).observe(root, { attributeFilter: ["lang"] });
  speak();
  preview();
})();
